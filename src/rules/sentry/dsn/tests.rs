use super::*;

fn dsn(text: &str) -> Dsn {
    Dsn::parse(text).unwrap()
}

#[test]
fn the_tunnel_stands_where_the_sdk_expects_it() {
    // The first is the SDK's own vector; the others are what @sentry/core 11.12.0 says.
    for (text, path) in [
        ("https://public@o1.ingest.sentry.io/1", "/xzi4j0"),
        ("https://public@o1.ingest.sentry.io/2", "/ytgxlx"),
        ("http://e2e@127.0.0.1:9000/42", "/qxm2s"),
    ] {
        assert_eq!(dsn(text).tunnel_path(), path, "{text}");
    }
}

#[test]
fn its_parts_are_known() {
    let all = dsn("https://abc:secret@o42.ingest.de.sentry.io:9000/sub/path/7");
    assert_eq!(all.as_str(), "https://abc@o42.ingest.de.sentry.io:9000/sub/path/7");
    assert_eq!((all.public_key(), all.host(), all.port()), ("abc", "o42.ingest.de.sentry.io", 9000));
    assert_eq!(all.org_id(), Some("42"));
    assert_eq!(all.target(), "/sub/path/api/7/envelope/?sentry_version=7&sentry_key=abc");
    let plain = dsn("http://k@[::1]/1");
    assert_eq!((plain.host(), plain.port(), plain.org_id()), ("::1", 80, None));
    assert_eq!(plain.as_str(), "http://k@[::1]/1");
    assert_eq!(plain.target(), "/api/1/envelope/?sentry_version=7&sentry_key=k");
    assert_eq!(dsn("https://k@glitchtip.example/3").port(), 443);
    assert!(!format!("{all:?}").contains("abc"));
}

#[test]
fn other_texts_are_none() {
    for text in [
        "",
        "o1.ingest.sentry.io/1",
        "https://o1.ingest.sentry.io/1",
        "ftp://k@host/1",
        "https://@host/1",
        "https://:k@host/1",
        "https://k@host",
        "https://k@host/",
        "https://k@host/shop",
        "https://k@host/1/",
        "https://k@host/1?x=1",
        "https://k-1@host/1",
        "https://k@host:0/1",
        "https://k@host:x/1",
        "https://k@host:/1",
        "https://k@host:+80/1",
        "https://k@host:70000/1",
        "https://k@/1",
        "https://k@host /1",
        "https://k@host/1\n",
        "https://k@host@evil/1",
    ] {
        assert_eq!(Dsn::parse(text), None, "{text}");
    }
}
