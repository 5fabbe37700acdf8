//! Hop-by-hop fields, where requests came from, `Via`, and what is hidden.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue, Version, header};
use ipnet::IpNet;
use proptest::prelude::*;

use super::{
    forwarded::{Client, PeerTrust, Told, client, elements, peer_value, write},
    hop::{Hop, Trailers, strip},
    redact::{KeyPattern, Redaction, Shown},
    *,
};

fn headers(fields: &[(&str, &str)]) -> HeaderMap {
    let field = |&(name, value): &(&str, &str)| {
        (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
    };
    fields.iter().map(field).collect()
}

fn strip_named(map: &mut HeaderMap) -> Hop {
    let names = Names::of(map);
    strip(map, names)
}

fn write_named(map: &mut HeaderMap, told: Told<'_>) {
    let names = Names::of(map);
    write(map, names, told);
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn trusted() -> Vec<IpNet> {
    vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()]
}

#[test]
fn hop_by_hop_fields_go_no_further() {
    let check = |before: &[(&str, &str)], after: &[(&str, &str)]| {
        let mut map = headers(before);
        let hop = strip_named(&mut map);
        assert_eq!(map, headers(after), "{before:?}");
        hop
    };
    check(&[("a", "1")], &[("a", "1")]);
    check(&[("connection", "close, X-Mine"), ("x-mine", "1"), ("a", "1")], &[("a", "1")]);
    check(&[("connection", "x-a"), ("connection", "x-b,x-a"), ("x-a", "1"), ("x-b", "1")], &[]);
    check(&[("connection", "host, content-length, close"), ("host", "h")], &[("host", "h")]);
    for name in ["cookie", "Authorization", "forwarded", "x-forwarded-for", "via", "traceparent", "content-type"] {
        check(&[("connection", name), (name, "1")], &[(name, "1")]);
    }
    check(&[("proxy", "http://6.6.6.6"), ("a", "1")], &[("a", "1")]);
    check(&[("connection", "keep-alive"), ("keep-alive", "timeout=5"), ("proxy-connection", "x")], &[]);
    check(&[("proxy-authorization", "x"), ("transfer-encoding", "chunked"), ("trailer", "a")], &[("trailer", "a")]);
    let hop = check(&[("te", "gzip;q=1, Trailers"), ("connection", "TE")], &[]);
    assert_eq!(hop, Hop { upgrade: None, trailers: Trailers::Taken });
    let hop = check(&[("connection", "keep-alive, Upgrade"), ("upgrade", "websocket")], &[]);
    assert_eq!(hop.upgrade, Some(HeaderValue::from_static("websocket")));
    let mut out = HeaderMap::new();
    hop.write_http1(&mut out);
    assert_eq!(out, headers(&[("connection", "upgrade"), ("upgrade", "websocket")]));
    let hop = check(&[("connection", "Upgrade, HTTP2-Settings"), ("upgrade", "h2c"), ("http2-settings", "x")], &[]);
    assert_eq!(hop, Hop::default());
    assert_eq!(check(&[("upgrade", "websocket")], &[]), Hop::default(), "Connection must name it");
}

#[test]
fn the_client_is_seen_through_trusted_proxies_only() {
    let check = |peer: &str, fields: &[(&str, &str)], address: &str, scheme: Scheme, host: Option<&str>| {
        let seen = client(&headers(fields), ip(peer), Scheme::Http, &trusted());
        assert_eq!(seen, Client { address: ip(address), scheme, host: host.map(Into::into) }, "{peer} {fields:?}");
    };
    let (http, https) = (Scheme::Http, Scheme::Https);
    check("1.1.1.1", &[("x-forwarded-for", "2.2.2.2"), ("x-forwarded-proto", "https")], "1.1.1.1", http, None);
    check("::ffff:10.0.0.1", &[("x-forwarded-for", "2.2.2.2")], "2.2.2.2", http, None);
    check("10.0.0.1", &[], "10.0.0.1", http, None);
    check("10.0.0.1", &[("x-forwarded-proto", "https"), ("x-forwarded-host", "a.b")], "10.0.0.1", https, Some("a.b"));
    check(
        "10.0.0.1",
        &[("x-forwarded-for", "6.6.6.6, 2.2.2.2:443"), ("x-forwarded-for", "10.0.0.2"), ("x-forwarded-proto", "https")],
        "2.2.2.2",
        https,
        None,
    );
    check(
        "10.0.0.1",
        &[("x-forwarded-for", "2.2.2.2, 10.0.0.2"), ("x-forwarded-proto", "https, http")],
        "2.2.2.2",
        https,
        None,
    );
    check("10.0.0.1", &[("x-forwarded-for", "2.2.2.2, nonsense")], "10.0.0.1", http, None);
    check("10.0.0.1", &[("x-forwarded-for", "[2001:db8::1]:443")], "2001:db8::1", http, None);
    check("10.0.0.1", &[("x-forwarded-host", "a b")], "10.0.0.1", http, None);
    check("10.0.0.1", &[("forwarded", "for=2.2.2.2;proto=https;host=\"a.b:1\"")], "2.2.2.2", https, Some("a.b:1"));
    check("fd00::1", &[("forwarded", "For=\"[2001:db8::1]:4711\"")], "2001:db8::1", http, None);
    check("10.0.0.1", &[("forwarded", "for=6.6.6.6, for=2.2.2.2;proto=https, for=10.0.0.2")], "2.2.2.2", https, None);
    check("10.0.0.1", &[("forwarded", "for=2.2.2.2, for=unknown;proto=https")], "10.0.0.1", https, None);
    check("10.0.0.1", &[("forwarded", "for=2.2.2.2;;proto=https")], "2.2.2.2", https, None);
    check("10.0.0.1", &[("forwarded", "for=nonsense")], "10.0.0.1", http, None);
    check("10.0.0.1", &[("forwarded", "for=\"2.2.2.2")], "10.0.0.1", http, None);
    let forged = ("forwarded", "for=6.6.6.6");
    check("10.0.0.1", &[forged, ("x-forwarded-for", "2.2.2.2")], "10.0.0.1", http, None);
    check("10.0.0.1", &[("forwarded", "for=2.2.2.2"), ("x-forwarded-for", "2.2.2.2")], "2.2.2.2", http, None);
}

#[test]
fn the_upstream_is_told_what_is_known() {
    let check = |peer: &str, before: &[(&str, &str)], after: &[(&str, &str)]| {
        let mut map = headers(before);
        let seen = client(&map, ip(peer), Scheme::Http, &trusted());
        let peer_trust =
            if forwarded::is_trusted(ip(peer), &trusted()) { PeerTrust::Trusted } else { PeerTrust::Unknown };
        let host = HeaderValue::from_static("site");
        write_named(
            &mut map,
            Told { peer: ip(peer), peer_value: &peer_value(ip(peer)), peer_trust, client: &seen, host: Some(&host) },
        );
        assert_eq!(map, headers(after), "{before:?}");
    };
    check(
        "1.1.1.1",
        &[("forwarded", "for=6.6.6.6"), ("x-forwarded-for", "6.6.6.6"), ("x-real-ip", "6.6.6.6")],
        &[("x-forwarded-for", "1.1.1.1"), ("x-forwarded-proto", "http"), ("x-forwarded-host", "site")],
    );
    check(
        "10.0.0.1",
        &[("x-forwarded-for", "2.2.2.2"), ("x-forwarded-proto", "https"), ("x-forwarded-host", "outer")],
        &[("x-forwarded-for", "2.2.2.2, 10.0.0.1"), ("x-forwarded-proto", "https"), ("x-forwarded-host", "outer")],
    );
    check(
        "fd00::1",
        &[("forwarded", "for=2.2.2.2;proto=https")],
        &[
            ("forwarded", "for=2.2.2.2;proto=https"),
            ("forwarded", "for=\"[fd00::1]\";proto=https"),
            ("x-forwarded-for", "fd00::1"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "site"),
        ],
    );
}

#[test]
fn via_tells_the_way_and_finds_loops() {
    let mut map = headers(&[("via", "1.0 fred, 1.1 p.example.net (Apache/1.1)"), ("via", "HTTP/2.0  Me-1 (x)")]);
    assert_eq!(via::passes(&map, "me-1"), 1);
    assert_eq!(via::passes(&map, "me"), 0);
    via::append(&mut map, &via::value(Version::HTTP_2, "me-1").unwrap());
    assert_eq!(map.get_all(header::VIA).iter().next_back().unwrap(), "2.0 me-1");
    assert_eq!(via::passes(&map, "me-1"), 2);
}

#[test]
fn secrets_are_hidden() {
    let redaction = Redaction::new(&[HeaderName::from_static("x-mine")], &["Mine".into()]);
    let check = |before: &str, after: &str| assert_eq!(redaction.url(before), after);
    check("/a?b=1&c=2", "/a?b=1&c=2");
    check("/a?X-Amz-Signature=1&b=2", "/a?X-Amz-Signature=REDACTED&b=2");
    check(
        "/a?%74oken=1&mine=2&sig=3&AWSAccessKeyId=4",
        "/a?%74oken=REDACTED&mine=REDACTED&sig=REDACTED&AWSAccessKeyId=REDACTED",
    );
    check("/a?X-Goog-Signature=1&X-Amz-Security-Token=2", "/a?X-Goog-Signature=REDACTED&X-Amz-Security-Token=REDACTED");
    check("/a?token&token=", "/a?token&token=");
    check("https://user:pw@host/a?b=1#f", "https://REDACTED@host/a?b=1");
    check("https://host/@a//b@c", "https://host/@a//b@c");
    check("//u:p@host/x", "//REDACTED@host/x");
    check("/a//b@c", "/a//b@c");
    let value = HeaderValue::from_static("secret");
    for (name, shown) in
        [("authorization", "REDACTED"), ("set-cookie", "REDACTED"), ("x-mine", "REDACTED"), ("a", "secret")]
    {
        assert_eq!(redaction.header(&HeaderName::from_static(name), &value), shown);
    }
}

use crate::rules::privacy::ClientAddress;

#[test]
fn attributes_are_hidden_by_their_keys() {
    let patterns = ["user.email", "db.*", "*.password", "*card*"].map(|text| KeyPattern::parse(text).unwrap());
    for (pattern, text) in patterns.iter().zip(["user.email", "db.*", "*.password", "*card*"]) {
        assert_eq!(pattern.to_string(), text);
    }
    for text in ["", "*", "**", "a*b", "a b"] {
        assert_eq!(KeyPattern::parse(text), None, "{text}");
    }
    let redaction = Redaction::new(&[], &[]).with_attributes(&patterns);
    for (key, hidden) in [
        ("user.email", true),
        ("User.Email", true),
        ("user.email2", false),
        ("db.query.text", true),
        ("mydb.x", false),
        ("a.password", true),
        ("a.password.b", false),
        ("app.CARD.number", true),
        ("car", false),
    ] {
        assert_eq!(redaction.hides_attribute(key), hidden, "{key}");
    }
    assert!(!Redaction::default().hides_attributes());
}

#[test]
fn attributes_of_applications_hide_what_they_hold() {
    let full = Redaction::default();
    let cut = Redaction::default().with_client_address(ClientAddress::Truncated);
    let off = Redaction::default().with_client_address(ClientAddress::Off);
    let instead = |text: &'static str| Shown::Instead(text.into());
    assert_eq!(full.attribute("url.full", "http://a/b?token=x"), instead("http://a/b?token=REDACTED"));
    assert_eq!(full.attribute("http.target", "/b?c=d"), Shown::Same);
    assert_eq!(full.attribute("url.query", "?sig=1"), instead("sig=REDACTED"));
    assert_eq!(full.attribute("http.request.header.set_cookie", "a"), instead("REDACTED"));
    assert_eq!(full.attribute("http.request.header.x-forwarded-for", "192.0.2.1"), Shown::Same);
    assert_eq!(cut.attribute("http.request.header.x_forwarded_for", "192.0.2.1"), instead("REDACTED"));
    assert_eq!(full.attribute("client.address", "192.0.2.1"), Shown::Same);
    assert_eq!(cut.attribute("client.address", "192.0.2.1"), instead("192.0.2.0"));
    assert_eq!(off.attribute("client.address", "192.0.2.1"), Shown::Nothing);
    assert_eq!(off.attribute("server.address", "192.0.2.1"), Shown::Same);
}

proptest! {
    #[test]
    fn nothing_panics(name in 0..8_usize, first in "[ -~]{0,60}", second in "[ -~]{0,60}") {
        const NAMES: [&str; 8] = ["forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "connection", "te", "via", "upgrade"];
        let mut map = headers(&[(NAMES[name], &first), (NAMES[name], &second)]);
        let seen = client(&map, ip("10.0.0.1"), Scheme::Http, &trusted());
        via::passes(&map, "me");
        write_named(&mut map, Told { peer: ip("10.0.0.1"), peer_value: &peer_value(ip("10.0.0.1")), peer_trust: PeerTrust::Trusted, client: &seen, host: None });
        strip_named(&mut map);
        Redaction::default().url(&first);
    }

    #[test]
    fn forwarded_addresses_survive(address: IpAddr, port: Option<u16>, host in "[a-z0-9.-]{1,30}") {
        let node = match (address, port) {
            (IpAddr::V4(v4), None) => v4.to_string(),
            (IpAddr::V4(v4), Some(port)) => format!("\"{v4}:{port}\""),
            (IpAddr::V6(v6), None) => format!("\"[{v6}]\""),
            (IpAddr::V6(v6), Some(port)) => format!("\"[{v6}]:{port}\""),
        };
        let map = headers(&[("forwarded", &format!("by=_x;for={node};host={host};proto=HTTPS"))]);
        let read = elements(&map).unwrap();
        prop_assert_eq!(read.len(), 1);
        prop_assert_eq!(read[0].address, Some(address));
        prop_assert_eq!(read[0].scheme, Some(Scheme::Https));
        prop_assert_eq!(read[0].host.as_deref(), Some(host.as_str()));
    }
}

#[test]
fn no_field_passes_for_another_where_both_are_read_alike() {
    let guarded = [HeaderName::from_static("remote-user")];
    let mut headers = HeaderMap::new();
    for name in [
        "x-forwarded-for",
        "x_forwarded_for",
        "x_forwarded-proto",
        "x_real_ip",
        "content_length",
        "transfer_encoding",
        "remote_user",
        "waylight_trace",
        "x-tenant",
        "x_tenant",
        "x_api_key",
        "x_other-key",
    ] {
        headers.append(name, HeaderValue::from_static("1"));
    }
    twins::drop_twins(&mut headers, &guarded);
    let mut left: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
    left.sort_unstable();
    assert_eq!(left, ["x-forwarded-for", "x-tenant", "x_api_key", "x_other-key"]);
}
