use super::*;

fn again(fields: &[(&str, &str)], body: u64) -> (HeaderMap, HeaderMap, usize) {
    let headers: HeaderMap =
        fields.iter().map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())).collect();
    let mut octets = Vec::new();
    write(&headers, body, &mut octets);
    (read(&octets, body).unwrap(), headers, octets.len())
}

#[test]
fn fields_are_small_and_come_back_as_they_were() {
    let long = "x".repeat(70_000);
    let fields = [
        ("date", "Thu, 26 Nov 2026 02:00:00 GMT"),
        ("last-modified", "thu, 26 Nov 2026 02:00:00 GMT"),
        ("expires", "Thursday, 26-Nov-26 02:00:00 GMT"),
        ("retry-after", "0"),
        ("content-type", "text/html; charset=utf-8"),
        ("content-length", "1024"),
        ("cache-control", "public, max-age=86400"),
        ("x-own", ""),
        ("x-own-and-long", &long),
    ];
    let (read, written, _) = again(&fields, 1_024);
    assert_eq!(read, written);
    let (read, written, _) = again(&[("content-length", "01024"), ("content-length", "7")], 1_024);
    assert_eq!(read, written);
    let (read, written, _) = again(&[("content-length", "0")], 0);
    assert_eq!(read, written);
    let usual = [fields[0], fields[4], fields[5], ("server", "nginx"), ("etag", "\"5f3c-1a2b3c4d\"")];
    assert_eq!(again(&usual, 1_024).2, 6 + 1 + 1 + 1 + 2 + 15);
}

#[test]
fn what_are_no_fields_is_refused() {
    for octets in [&[SPELT][..], &[SPELT, 200], &[DATED, 0, 1], &[DATED, 127, 1, 1, 1, 1], &[0, 5, b'a'], &[120, 0]] {
        assert_eq!(read(octets, 0), None, "{octets:?}");
    }
    assert_eq!(read(&[0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1], 0), None);
    assert_eq!(read(&[], 0), Some(HeaderMap::new()));
}
