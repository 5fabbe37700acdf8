//! Every way in, and every way that must be closed.

use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::{Hosts, Refused, admit};

#[track_caller]
fn check(method: &Method, fields: &[(&str, &str)], expect: Result<(), Refused>) {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    let hosts = ["edge.example".to_owned()];
    assert_eq!(admit(method, &headers, Hosts::Named(&hosts)), expect, "{method} {fields:?}");
}

#[test]
fn loopback_and_configured_hosts_are_ours() {
    for host in
        ["localhost", "LOCALHOST:9901", "127.0.0.1:9901", "127.9.9.9", "[::1]:9901", "edge.example:443", "Edge.Example"]
    {
        check(&Method::GET, &[("host", host)], Ok(()));
    }
}

#[test]
fn a_rebound_name_is_foreign() {
    for host in [
        "evil.example:9901",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "10.0.0.1",
        "127.1",
        "[::2]",
        "0.0.0.0",
    ] {
        check(&Method::GET, &[("host", host)], Err(Refused::HostForeign));
    }
}

#[test]
fn one_readable_host_is_needed() {
    check(&Method::GET, &[], Err(Refused::HostMissing));
    check(&Method::GET, &[("host", "localhost"), ("host", "localhost")], Err(Refused::HostMissing));
    check(&Method::GET, &[("host", "")], Err(Refused::HostMissing));
    check(&Method::GET, &[("host", "a b")], Err(Refused::HostMissing));
    check(&Method::GET, &[("host", "user@localhost")], Err(Refused::HostMissing));
}

#[test]
fn a_foreign_origin_is_refused() {
    let host = ("host", "localhost:9901");
    check(&Method::GET, &[host, ("origin", "http://localhost:9901")], Ok(()));
    for origin in [
        "null",
        "http://evil.example",
        "http://localhost",
        "https://localhost:9901",
        "http://localhost:9901.evil.example",
    ] {
        check(&Method::GET, &[host, ("origin", origin)], Err(Refused::OriginForeign));
    }
    let twice = [host, ("origin", "http://localhost:9901"), ("origin", "http://localhost:9901")];
    check(&Method::GET, &twice, Err(Refused::OriginForeign));
}

#[test]
fn a_write_needs_the_header() {
    let host = ("host", "localhost");
    check(&Method::POST, &[host], Err(Refused::HeaderMissing));
    check(&Method::POST, &[host, ("waylight-admin", "0")], Err(Refused::HeaderMissing));
    check(&Method::POST, &[host, ("waylight-admin", "1")], Ok(()));
    check(&Method::DELETE, &[host], Err(Refused::HeaderMissing));
}

#[test]
fn a_unix_socket_asks_for_no_host() {
    assert_eq!(admit(&Method::GET, &HeaderMap::new(), Hosts::Any), Ok(()));
    assert_eq!(admit(&Method::POST, &HeaderMap::new(), Hosts::Any), Err(Refused::HeaderMissing));
}
