use http::HeaderValue;

use super::*;

fn check(method: &Method, status: u16, version: Version, fields: &[(&str, &str)], expect: Result<BodyEnd, &str>) {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    let status = StatusCode::from_u16(status).unwrap();
    assert_eq!(body_end(method, status, version, &headers), expect, "{method} {status} {fields:?}");
}

#[test]
fn bodies_end_where_section_6_3_says() {
    use BodyEnd::{Chunked, Close, Length, Nothing};
    let (v10, v11) = (Version::HTTP_10, Version::HTTP_11);
    let length = ("content-length", "5");
    check(&Method::GET, 200, v11, &[length], Ok(Length(5)));
    check(&Method::GET, 200, v11, &[], Ok(Close));
    check(&Method::HEAD, 200, v11, &[length], Ok(Nothing));
    check(&Method::GET, 304, v11, &[length], Ok(Nothing));
    check(&Method::GET, 204, v11, &[], Ok(Nothing));
    check(&Method::GET, 101, v11, &[], Ok(Nothing));
    check(&Method::GET, 200, v11, &[("transfer-encoding", "chunked")], Ok(Chunked));
    check(&Method::GET, 200, v11, &[("transfer-encoding", "Chunked"), ("transfer-encoding", "chunked")], Ok(Chunked));
    for coding in ["", "gzip", "gzip, chunked", "chunked, gzip", "identity"] {
        let wrong = Err("a transfer coding other than chunked");
        check(&Method::GET, 200, v11, &[("transfer-encoding", coding)], wrong);
    }
    check(&Method::GET, 200, v11, &[("transfer-encoding", "chunked"), length], Ok(Chunked));
    check(
        &Method::GET,
        200,
        v10,
        &[("transfer-encoding", "chunked")],
        Err("a transfer coding, which HTTP/1.0 does not know"),
    );
    check(&Method::GET, 200, v11, &[length, length], Ok(Length(5)));
    check(&Method::GET, 200, v11, &[("content-length", "5, 5")], Ok(Length(5)));
    check(&Method::GET, 200, v11, &[length, ("content-length", "6")], Err("two lengths that differ"));
    for wrong in ["", "+5", "-1", "0x5", "5 5", "99999999999999999999", "5;a"] {
        check(&Method::GET, 200, v11, &[("content-length", wrong)], Err("a length that is no number"));
    }
}

#[test]
fn a_response_is_framed_as_its_request_can_read_it() {
    use Framing::{Chunked, Close, Length, Nothing};
    let (v10, v11) = (Version::HTTP_10, Version::HTTP_11);
    for (method, version, status, length, expect) in [
        (Method::GET, v11, 200, Some(5), Length(5)),
        (Method::GET, v10, 200, Some(5), Length(5)),
        (Method::GET, v11, 200, None, Chunked),
        (Method::GET, v10, 200, None, Close),
        (Method::GET, v11, 204, Some(0), Nothing(None)),
        (Method::GET, v11, 101, None, Nothing(None)),
        (Method::GET, v11, 304, Some(5), Nothing(Some(5))),
        (Method::HEAD, v11, 200, Some(5), Nothing(Some(5))),
        (Method::HEAD, v11, 200, None, Nothing(None)),
    ] {
        let code = StatusCode::from_u16(status).unwrap();
        assert_eq!(framing(&method, version, code, length), expect, "{method} {version:?} {status} {length:?}");
    }
}
