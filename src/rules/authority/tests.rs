use http::{HeaderValue, Version};

use super::*;

fn check(version: Version, uri: &str, hosts: &[&str], expect: Result<&str, AuthorityError>) {
    let mut headers = HeaderMap::new();
    for host in hosts {
        headers.append(HOST, HeaderValue::from_str(host).unwrap());
    }
    let uri: Uri = uri.parse().unwrap();
    assert_eq!(asked(&uri, &headers, version).and_then(without_port), expect, "{uri} {hosts:?}");
}

#[test]
fn the_host_field_names_the_host() {
    check(Version::HTTP_11, "/", &["Example.com"], Ok("Example.com"));
    check(Version::HTTP_11, "/", &["example.com:8080"], Ok("example.com"));
    check(Version::HTTP_11, "/", &["example.com:65535"], Ok("example.com"));
    check(Version::HTTP_11, "/", &["example.com:"], Ok("example.com"));
    check(Version::HTTP_11, "/", &["example.com."], Ok("example.com"));
    check(Version::HTTP_11, "/", &["[::1]:8080"], Ok("[::1]"));
}

#[test]
fn the_target_goes_before_the_field() {
    check(Version::HTTP_11, "http://a.dev/", &["b.dev"], Ok("a.dev"));
    check(Version::HTTP_2, "http://a.dev/", &[], Ok("a.dev"));
    check(Version::HTTP_2, "http://a.dev/", &["A.dev"], Ok("a.dev"));
    check(Version::HTTP_2, "http://a.dev/", &["b.dev"], Err(AuthorityError::Ambiguous));
}

#[test]
fn what_is_no_host_is_refused() {
    check(Version::HTTP_11, "/", &[], Err(AuthorityError::Missing));
    check(Version::HTTP_11, "/", &["a.dev", "a.dev"], Err(AuthorityError::Ambiguous));
    let malformed = ["", "a b", "a/b", "a@b", "[::1", "[x]", "[::1]x", "a:b", "a:+80", "a:123456", "a.dev:80:80"];
    for host in malformed.into_iter().chain([".", "..", "-", "-.-", "_", "a:65536", "[::1]:65536"]) {
        check(Version::HTTP_11, "/", &[host], Err(AuthorityError::Invalid));
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_a_host_or_an_error(text in "\\PC{0,40}") {
        if let Ok(host) = without_port(&text) {
            proptest::prop_assert!(text.starts_with(host));
        }
    }
}

#[test]
fn a_port_is_a_number_or_is_not_there() {
    let of = |text: &str| port(&text.parse().unwrap());
    for (text, expected) in [
        ("http://a", Ok(None)),
        ("http://a:80", Ok(Some(80))),
        ("http://key@a:65535/1", Ok(Some(65_535))),
        ("http://[::1]:8080", Ok(Some(8_080))),
        ("http://[::1]", Ok(None)),
        ("/path", Ok(None)),
        ("http://a:x", Err(AuthorityError::Invalid)),
        ("http://a:", Err(AuthorityError::Invalid)),
        ("http://a:0", Err(AuthorityError::Invalid)),
        ("http://a:65536", Err(AuthorityError::Invalid)),
    ] {
        assert_eq!(of(text), expected, "{text}");
    }
}
