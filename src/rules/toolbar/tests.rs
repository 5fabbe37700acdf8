use http::HeaderValue;

use super::*;
use crate::rules::{csp::Connect, session::Id};

fn state() -> State<'static> {
    State {
        trace: None,
        session: None,
        cache: None,
        times: None,
        quota: None,
        expiry: 99,
        token: None,
        connect: Connect::Allowed,
        corner: Corner::default(),
        shortcut: None,
        start: Opening::Shown,
        browser: Recording::Off,
    }
}

#[test]
fn the_element_tells_what_is_known_and_nothing_else() {
    assert_eq!(
        element("/_waylight/a.js", None, &state()),
        "<script async fetchpriority=\"low\" src=\"/_waylight/a.js\" data-waylight='{\"until\":99,\"corner\":\"br\"}'></script>"
    );
    let session = Session {
        id: Id::from_bytes([1; 16]),
        identity: Id::from_bytes([2; 16]),
        host: "a".to_owned(),
        expiry: 50,
        spans_max: 7,
        requests_max: 9,
        kind: SessionKind::Session,
    };
    let shortcut = Shortcut::default();
    let full = State {
        trace: Some(TraceId::from(15)),
        session: Some(SessionState { session: &session, requests: 3, spans: 4 }),
        cache: Some("HIT"),
        times: Some((12, 34)),
        quota: Some(("full", 100)),
        token: Some("abc-_"),
        connect: Connect::Refused,
        corner: Corner::TopLeft,
        shortcut: Some(&shortcut),
        start: Opening::Hidden,
        ..state()
    };
    let html = element("/a.js", Some("n+/="), &full);
    assert!(html.contains(" nonce=\"n+/=\" "), "{html}");
    let json = html.split('\'').nth(1).unwrap();
    let read: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(
        read,
        serde_json::json!({
            "trace": "0000000000000000000000000000000f",
            "session": { "id": "01".repeat(16), "kind": "session", "until": 50, "requests": 3, "spans": 4, "max": 7 },
            "cache": "HIT", "times": [12, 34], "quota": "full", "resets": 100, "until": 99, "token": "abc-_",
            "alone": 1, "corner": "tl", "keys": "Alt+Shift+KeyT", "hidden": 1,
        })
    );
}

#[test]
fn a_response_may_do_without() {
    let mut headers = HeaderMap::new();
    assert!(!is_skipped(&headers));
    headers.insert(SKIP, HeaderValue::from_static(" OFF"));
    assert!(is_skipped(&headers));
    headers.insert(SKIP, HeaderValue::from_static("on"));
    assert!(!is_skipped(&headers));
}

#[test]
fn shortcuts_are_places_of_keys() {
    for (text, expect) in [
        ("Alt+Shift+T", Some("Alt+Shift+KeyT")),
        ("shift+alt+t", Some("Alt+Shift+KeyT")),
        ("Control + 7", Some("Control+Digit7")),
        ("Meta+F2", Some("Meta+F2")),
        ("Alt+Alt+KeyB", Some("Alt+KeyB")),
        ("T", None),
        ("Shift+T", None),
        ("Alt+", None),
        ("Alt+<", None),
        ("Hyper+T", None),
        ("", None),
    ] {
        assert_eq!(Shortcut::parse(text).map(|shortcut| shortcut.to_string()).as_deref(), expect, "{text}");
    }
    assert_eq!(Shortcut::parse("Alt+Shift+T"), Some(Shortcut::default()));
}

#[test]
fn the_nearest_cache_is_told() {
    for (value, expect) in [
        ("a; hit", Some("HIT")),
        ("a; fwd=uri-miss; stored, b; hit; ttl=9", Some("HIT")),
        ("a; hit, b; fwd=stale; fwd-status=200", Some("STALE")),
        ("a; fwd=bypass", Some("BYPASS")),
        ("a; fwd=miss", Some("MISS")),
        ("a; detail=x", None),
        ("hit", None),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert("cache-status", HeaderValue::from_static(value));
        assert_eq!(cache_result(&headers), expect, "{value}");
    }
    assert_eq!(cache_result(&HeaderMap::new()), None);
}

#[test]
fn an_origin_is_written_as_browsers_do() {
    for (text, expect) in [
        ("https://api.example.com", Some("https://api.example.com")),
        (" HTTPS://Api.Example.com:443 ", Some("https://api.example.com")),
        ("http://127.0.0.1:8080", Some("http://127.0.0.1:8080")),
        ("http://[::1]:80", Some("http://[::1]")),
        ("https://api.example.com/", None),
        ("https://api.example.com/v1", None),
        ("https://*.example.com", None),
        ("https://me@example.com", None),
        ("https://example.com:", None),
        ("https://example.com:99999", None),
        ("https://", None),
        ("ftp://example.com", None),
        ("example.com", None),
        ("*", None),
    ] {
        assert_eq!(Origin::parse(text).map(|origin| origin.to_string()).as_deref(), expect, "{text}");
    }
}

#[test]
fn the_agent_is_told_what_it_needs_and_no_text_leaves_its_attribute() {
    let origin = Origin::parse("https://api.example.com").unwrap();
    let site = SiteFacts::new(["/products/:slug", "/<'&\"\u{e4}\u{1f600}", "/*", "/*"].into_iter(), &[origin]);
    let page = Browser {
        trace: TraceId::from(15),
        edge: opentelemetry::trace::SpanId::from(2),
        document: Some(opentelemetry::trace::SpanId::from(3)),
        upload: "token",
        route: "/products/:slug",
        site: &site,
    };
    assert_eq!(
        agent("/a.js", Some("n"), &page),
        "<script src=\"/a.js\" nonce=\"n\" data-waylight='{\"trace\":\"0000000000000000000000000000000f\",\
         \"edge\":\"0000000000000002\",\"doc\":\"0000000000000003\",\"upload\":\"token\",\
         \"route\":\"/products/:slug\",\
         \"routes\":[\"/products/:slug\",\"/\\u003c\\u0027\\u0026\\u0022\\u00e4\\ud83d\\ude00\",\"/*\"],\
         \"to\":[\"https://api.example.com\"]}'></script>"
    );
    assert!(!agent("/a.js", None, &Browser { document: None, ..page }).contains("doc"));
    let many: Vec<String> = (0..99).map(|number| format!("/{number}")).collect();
    let site = SiteFacts::new(many.iter().map(String::as_str), &[]);
    let told = agent("/a.js", None, &Browser { site: &site, ..page });
    assert!(told.contains("\"/63\"]") && !told.contains("\"/64\""), "{told}");
    assert_eq!(server_timing(page.trace, page.edge), "edge;desc=\"0000000000000000000000000000000f-0000000000000002\"");
}
