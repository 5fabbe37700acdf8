use opentelemetry::trace::TraceId;

use super::*;

fn headers(text: &str) -> HeaderMap {
    let field = |line: &str| line.split_once(": ").map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
    let mut headers = HeaderMap::new();
    for (name, value) in text.lines().filter_map(field) {
        headers.append::<HeaderName>(name, value);
    }
    headers
}

#[test]
fn only_navigations_are_given_tags() {
    for (request, expect) in [
        ("sec-fetch-dest: document", true),
        ("sec-fetch-dest: iframe", true),
        ("sec-fetch-dest: empty\naccept: text/html", false),
        ("sec-fetch-dest: image", false),
        ("accept: text/html,application/xhtml+xml", true),
        ("accept: */*", false),
        ("", true),
        ("sec-fetch-dest: document\nuser-agent: Mozilla/5.0 (compatible; Googlebot/2.1)", false),
        ("sec-fetch-dest: document\nuser-agent: Mozilla/5.0 Firefox/140", true),
    ] {
        assert_eq!(navigates(&headers(request)), expect, "{request}");
    }
}

#[test]
fn plans() {
    let rewrite = |coding, charset| Plan::Rewrite { coding, charset };
    for (response, expect) in [
        ("content-type: text/html", rewrite(None, Charset::Unknown)),
        ("content-type: TEXT/HTML; Charset=\"UTF-8\"", rewrite(None, Charset::Declared)),
        ("content-type: text/html; charset=", rewrite(None, Charset::Unknown)),
        ("content-type: text/html;charset=utf-16le", Plan::Announce("charset")),
        ("content-type: text/html\ncontent-encoding: GZIP", rewrite(Some(Coding::Gzip), Charset::Unknown)),
        ("content-type: text/html\ncontent-encoding: br", rewrite(Some(Coding::Brotli), Charset::Unknown)),
        ("content-type: text/html\ncontent-encoding: zstd", rewrite(Some(Coding::Zstd), Charset::Unknown)),
        ("content-type: text/html\ncontent-encoding: identity", rewrite(None, Charset::Unknown)),
        ("content-type: text/html\ncontent-encoding: deflate", Plan::Announce("unknown_coding")),
        ("content-type: text/html\ncontent-encoding: gzip, br", Plan::Announce("unknown_coding")),
        ("content-type: text/html\ncontent-encoding: gzip\ncontent-encoding: br", Plan::Announce("unknown_coding")),
        ("content-type: text/html\ncache-control: max-age=1, No-Transform", Plan::Announce("no_transform")),
        ("content-type: text/html\ncontent-disposition: Attachment; filename=a", Plan::Leave),
        ("content-type: text/html\ncontent-disposition: inline", rewrite(None, Charset::Unknown)),
        ("content-type: application/xhtml+xml", Plan::Leave),
        ("content-type: text/htmlx", Plan::Leave),
        ("", Plan::Leave),
    ] {
        assert_eq!(plan(&headers(response)), expect, "{response}");
    }
}

#[test]
fn a_personal_page_is_never_stored_for_others() {
    let mut response = headers(
        "cache-control: public, max-age=60\netag: \"a\"\nlast-modified: x\nexpires: x\ncdn-cache-control: max-age=9\nvary: a",
    );
    make_personal(&mut response);
    assert_eq!(response, headers("cache-control: private, no-cache\nvary: a"));
    let mut response = headers("cache-control: no-store\ncache-control: no-transform");
    make_personal(&mut response);
    assert_eq!(response, headers("cache-control: private, no-cache, no-store, no-transform"));
}

#[test]
fn a_file_for_one_visitor_is_kept_apart_and_stays_as_fresh_as_it_was() {
    for (response, expect) in [
        ("etag: \"a\"", "etag: \"a\"\ncache-control: private"),
        (
            "cache-control: public, max-age=60\ncdn-cache-control: max-age=9\nexpires: x",
            "cache-control: public, max-age=60\nexpires: x\ncache-control: private",
        ),
        ("cache-control: private, max-age=9", "cache-control: private, max-age=9"),
        ("cache-control: no-store", "cache-control: no-store"),
        (
            "cache-control: private=\"set-cookie\", max-age=9",
            "cache-control: private=\"set-cookie\", max-age=9\ncache-control: private",
        ),
    ] {
        let mut response = headers(response);
        keep_apart(&mut response);
        assert_eq!(response, headers(expect));
    }
}

#[test]
fn a_response_without_directives_may_be_shared() {
    for (response, expect) in [
        ("", true),
        ("cache-control: no-cache", true),
        ("cache-control: private", false),
        ("cache-control: max-age=0, no-store", false),
        ("cache-control: no-store, must-understand, max-age=9", true),
        ("cache-control: private=\"set-cookie, x-a\"", true),
        ("cache-control: private=\"set-cookie\"\ncache-control: private", false),
        ("cache-control: private\nsurrogate-control: max-age=9", true),
    ] {
        assert_eq!(may_be_shared(&headers(response)), expect, "{response}");
    }
}

#[test]
fn tags_fit_into_server_timing() {
    let mut tags = MetaTags {
        trace_id: TraceId::INVALID,
        sentry_trace: "a-b-1".to_owned(),
        baggage: Some("sentry-a=\"".to_owned()),
        traceparent: String::new(),
    };
    assert_eq!(server_timing(&tags).unwrap(), r#"sentry-trace;desc="a-b-1", baggage;desc="sentry-a=\"""#);
    tags.baggage = None;
    assert_eq!(server_timing(&tags).unwrap(), r#"sentry-trace;desc="a-b-1""#);
}
