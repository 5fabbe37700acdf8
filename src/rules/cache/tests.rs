use std::{fs, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use proptest::prelude::*;
use serde::Deserialize;

use self::sections::{Condition, Outdating, Part, Question, Renewal, Variant};
use super::{
    date,
    directives::{ResponseDirectives, delta_seconds},
    key::{self, Asked},
    policy::{Obey, Pattern, Policy, Query, SetCookie},
    range::{self, ContentRange, Wanted},
    stored::{storable, storable_of_post, strip},
    tags, targeted, validate,
    vary::{self, Vary},
    *,
};

/// A round moment: Sun, 06 Nov 1994 08:49:37 GMT.
const NOW: u64 = 784_111_777;

/// One file of cases.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    #[serde(default)]
    case: Vec<Case>,
    #[serde(default)]
    variant: Vec<Variant>,
    #[serde(default)]
    condition: Vec<Condition>,
    #[serde(default)]
    question: Vec<Question>,
    #[serde(default)]
    renewal: Vec<Renewal>,
    #[serde(default)]
    part: Vec<Part>,
    #[serde(default)]
    outdating: Vec<Outdating>,
}

/// A response, whether it is stored, and what it may do later.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    /// The section and its sentence, or the words of it that count.
    rfc: String,
    #[serde(default)]
    request: Vec<String>,
    #[serde(default = "ok")]
    status: u16,
    #[serde(default)]
    response: Vec<String>,
    #[serde(default)]
    policy: Option<Wish>,
    /// `stored`, or the word for why not.
    #[serde(default = "is_stored")]
    store: String,
    ttl: Option<u32>,
    /// How old it was when it came.
    age: Option<u64>,
    /// Fields that are not stored.
    #[serde(default)]
    gone: Vec<String>,
    #[serde(default)]
    then: Vec<Then>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    ttl: Option<u64>,
    ttl_default: Option<u64>,
    ttl_negative: Option<u64>,
    stale_while_revalidate: Option<u64>,
    stale_if_error: Option<u64>,
    heuristic_max: Option<u64>,
    set_cookie: Option<String>,
}

/// A request that comes so many seconds later.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Then {
    after: u64,
    #[serde(default)]
    request: Vec<String>,
    /// The word for what the stored response may do.
    is: Option<String>,
    /// Whether it may stand in for a failed upstream.
    on_error: Option<bool>,
}

fn ok() -> u16 {
    200
}

fn is_stored() -> String {
    "stored".to_owned()
}

fn headers(lines: &[String]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':').unwrap();
        let name: HeaderName = name.parse().unwrap();
        // Moments are written as seconds from now: @-10.
        let value = match value.trim().strip_prefix('@') {
            Some(seconds) => at(seconds.parse().unwrap()),
            None => value.trim().to_owned(),
        };
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

fn at(seconds: i64) -> String {
    httpdate::fmt_http_date(std::time::UNIX_EPOCH + Duration::from_secs(NOW.checked_add_signed(seconds).unwrap()))
}

fn policy(wish: Option<&Wish>) -> Policy {
    let mut policy = Policy::default();
    let Some(wish) = wish else { return policy };
    policy.ttl = wish.ttl.map(Duration::from_secs);
    policy.ttl_default = wish.ttl_default.map(Duration::from_secs);
    policy.ttl_negative = wish.ttl_negative.map_or(policy.ttl_negative, Duration::from_secs);
    policy.stale_while_revalidate = wish.stale_while_revalidate.map_or(Duration::ZERO, Duration::from_secs);
    policy.stale_if_error = wish.stale_if_error.map_or(Duration::ZERO, Duration::from_secs);
    policy.heuristic_max = wish.heuristic_max.map_or(policy.heuristic_max, Duration::from_secs);
    policy.set_cookie = match wish.set_cookie.as_deref() {
        Some("keep") => SetCookie::Keep,
        Some("remove") => SetCookie::Remove,
        _ => SetCookie::Bypass,
    };
    policy
}

fn check(case: &Case) {
    let policy = policy(case.policy.as_ref());
    let (request, mut response) = (headers(&case.request), headers(&case.response));
    let answer = Answer {
        status: StatusCode::from_u16(case.status).unwrap(),
        headers: &response,
        asked: NOW * 1_000,
        answered: NOW * 1_000,
    };
    let stored = match storable(&request, &answer, &policy) {
        Ok(stored) => stored,
        Err(why) => return assert_eq!(why.word(), case.store, "{}", case.name),
    };
    assert_eq!(case.store, "stored", "{}", case.name);
    if let Some(ttl) = case.ttl {
        assert_eq!(stored.terms.ttl, ttl, "{}: its lifetime", case.name);
    }
    if let Some(age) = case.age {
        assert_eq!(stored.terms.age(NOW * 1_000), age, "{}: its age", case.name);
    }
    strip(&mut response, NOW * 1_000, &policy);
    for name in &case.gone {
        assert!(!response.contains_key(name), "{}: {name} is stored", case.name);
    }
    assert!(response.contains_key("date"), "{}: without a date", case.name);
    for then in &case.then {
        let said = RequestDirectives::of(&headers(&then.request));
        let now = (NOW + then.after) * 1_000;
        if let Some(is) = &then.is {
            let (Use::Fresh(why) | Use::Stale(why, _) | Use::Ask(why)) = stored.terms.decide(&said, now);
            assert_eq!(why.word(), is, "{} after {} s: {why}", case.name, then.after);
        }
        if let Some(may) = then.on_error {
            let is = stored.terms.on_error(&said, now).is_some();
            assert_eq!(is, may, "{}: standing in after {} s", case.name, then.after);
        }
    }
}

#[test]
fn every_case_of_the_rfcs_holds() {
    let mut count = 0;
    for entry in fs::read_dir("tests/cases/rfc9111").unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let cases: Cases = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut each = |rfc: &str, check: &dyn Fn()| {
            assert!(rfc.starts_with("RFC ") && rfc.contains(": "), "{rfc} names no sentence");
            check();
            count += 1;
        };
        cases.case.iter().for_each(|case| each(&case.rfc, &|| check(case)));
        cases.variant.iter().for_each(|case| each(&case.rfc, &|| case.check()));
        cases.condition.iter().for_each(|case| each(&case.rfc, &|| case.check()));
        cases.question.iter().for_each(|case| each(&case.rfc, &|| case.check()));
        cases.renewal.iter().for_each(|case| each(&case.rfc, &|| case.check()));
        cases.part.iter().for_each(|case| each(&case.rfc, &|| case.check()));
        cases.outdating.iter().for_each(|case| each(&case.rfc, &|| case.check()));
    }
    assert!(count > 250, "only {count} cases");
}

#[test]
fn dates_are_read_in_every_form_and_no_other() {
    let good = [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "sun, 06 nov 1994 08:49:37 gmt",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Mon, 06 Nov 1994 08:49:37 GMT",
    ];
    for text in good {
        assert_eq!(date::parse(text.as_bytes(), NOW), Some(NOW), "{text}");
    }
    assert_eq!(date::parse(b"Thu, 01 Jan 1970 00:00:00 GMT", NOW), Some(0));
    assert_eq!(date::parse(b"Thu, 18 Aug 2050 02:01:18 GMT", NOW), Some(2_544_400_878));
    assert_eq!(date::parse(b"Tue, 29 Feb 2000 00:00:00 GMT", NOW), Some(951_782_400));
    let bad = [
        "0",
        "",
        "-1",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 AEST",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, 06-Nov-1994 08:49:37 GMT",
        "Sun 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08.49.37 GMT",
        "Sun,  06  Nov 1994 08:49:37 GMT",
        "Sun, 31 Feb 1999 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Tue, 29 Feb 1900 00:00:00 GMT",
    ];
    for text in bad {
        assert_eq!(date::parse(text.as_bytes(), NOW), None, "{text}");
    }
}

#[test]
fn seconds_never_wrap() {
    assert_eq!(delta_seconds(b"007"), Some(7));
    assert_eq!(delta_seconds(b"2147483648"), Some(1 << 31));
    assert_eq!(delta_seconds(b"99999999999999999999999999"), Some(1 << 31));
    for bad in [&b""[..], b"-1", b"1.5", b"+1", b" 1", b"1s"] {
        assert_eq!(delta_seconds(bad), None);
    }
}

fn one(name: &'static str, value: &str) -> HeaderMap {
    HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap())])
}

#[test]
fn more_directives_than_are_read_are_not_stored() {
    let of = |count: usize| one("cache-control", &(vec!["max-age=60"; count].join(",") + ", no-store"));
    for (count, is_more) in [(63, false), (64, true), (1_000, true)] {
        let said = ResponseDirectives::of(&of(count));
        assert_eq!((said.no_store, said.private.is_all()), (!is_more, is_more), "{count}");
        assert!(RequestDirectives::of(&of(count)).no_store, "{count}");
    }
}

#[test]
fn a_targeted_field_is_strict() {
    let of = |value: &str| {
        let mut headers = one("cdn-cache-control", value);
        headers.insert("cache-control", "max-age=1".parse().unwrap());
        targeted::directives(&headers).0
    };
    for (value, max_age) in [
        ("max-age=60", Some(60)),
        ("max-age=60, no-transform;q=1", Some(60)),
        ("max-age=10, max-age=60", Some(60)),
        ("max-age=60.5", None),
        ("max-age=\"60\"", None),
        ("max-age=?1", None),
        ("x=(a b);c, max-age=60", Some(60)),
        ("x=:YQ==:, y=@12, max-age=60", Some(60)),
        ("x=%\"f%c3%bc, r\", max-age=60", Some(60)),
        // Malformed: as if it were not there.
        ("max-age =60", Some(1)),
        ("max-age= 60", Some(1)),
        ("Max-Age=60", Some(1)),
        ("max-age=60,", Some(1)),
        ("max-age=60;;", Some(1)),
        ("\"max-age\"", Some(1)),
        ("max-age=\"60", Some(1)),
        ("x=@1.5, max-age=60", Some(1)),
        ("x=%\"f%C3%BC\", max-age=60", Some(1)),
        ("x=%\"%ff\", max-age=60", Some(1)),
        ("x=%\"a, max-age=60", Some(1)),
        ("", Some(1)),
    ] {
        assert_eq!(of(value).max_age, max_age, "{value}");
    }
    let many = |count: usize| (0..count).map(|number| format!("a{number}, ")).collect::<String>() + "max-age=60";
    assert_eq!((of(&many(1023)).max_age, of(&many(1024)).max_age), (Some(60), Some(1)));
    assert!(of("no-store").no_store);
    assert!(!of("no-store=?0, max-age=1").no_store);
    let mut both = one("cdn-cache-control", "max-age=10");
    both.insert("waylight-cache-control", "max-age=20".parse().unwrap());
    assert_eq!(targeted::directives(&both).0.max_age, Some(20));
}

#[test]
fn what_means_the_same_is_the_same_variant() {
    let same = |name: &'static str, a: &str, b: &str| {
        let vary = Vary::of([&HeaderValue::from_static(name)].into_iter()).unwrap();
        vary::differs(&vary.values(&one(name, a)), &one(name, b)).is_none()
    };
    assert!(same("accept-encoding", "gzip, br", "br,gzip"));
    assert!(same("accept-encoding", "GZIP;q=1.0, br", "br , x-gzip"));
    assert!(same("accept-encoding", "gzip, br;q=0", "gzip"));
    assert!(same("accept-encoding", "gzip;q=0.5, br;q=0.8", "br;q=0.8,gzip;q=0.5"));
    assert!(!same("accept-encoding", "gzip;q=0.5, br", "br;q=0.5, gzip"));
    assert!(!same("accept-encoding", "gzip", "gzip, br"));
    assert!(!same("accept-encoding", "gzip, identity;q=0", "gzip"));
    assert!(same("accept-language", "EN, de;q=0.5", "en,de;q=0.5"));
    assert!(same("accept-language", "de;q=0.5, en", "en, de;q=0.50"));
    assert!(same("accept-language", "en;q=0.9,de;q=0.8", "de;q=0.8 , en;q=0.9"));
    assert!(!same("accept-language", "en, de", "de, en"), "many take the first of equals");
    assert!(!same("accept-language", "en, de;q=0", "en"));
    assert!(!same("accept-language", "en, de", "en, de;q=0.5"));
    let many = |first: &str| format!("{first},{}", (0..40).map(|at| format!("l{at}")).collect::<Vec<_>>().join(","));
    assert!(!same("accept-language", &many("en"), &many("de")));
    assert!(same("foo", "1, 2", "1,2"));
    assert!(!same("foo", "\"1, 2\"", "\"1,2\""));
    assert!(!same("foo", "1", "2"));
    let vary = Vary::of([&HeaderValue::from_static("Foo, Bar")].into_iter()).unwrap();
    let values = vary.values(&one("foo", "1"));
    assert_eq!(vary::differs(&values, &one("foo", "1")), None);
    let mut more = one("foo", "1");
    more.insert("bar", "".parse().unwrap());
    assert_eq!(vary::differs(&values, &more), Some("bar".parse().unwrap()), "an empty field is one");
    let by_tenant = Vary::of([&HeaderValue::from_static("x-tenant")].into_iter()).unwrap();
    let of_twin = by_tenant.values(&one("x_tenant", "2"));
    assert!(
        vary::differs(&of_twin, &HeaderMap::new()).is_some(),
        "many upstreams read it as the field that they vary by"
    );
    assert!(vary::differs(&of_twin, &one("x_tenant", "1")).is_some());
    let mut lines = HeaderMap::new();
    lines.append("foo", "1".parse().unwrap());
    lines.append("foo", "2".parse().unwrap());
    let vary = Vary::of([&HeaderValue::from_static("foo")].into_iter()).unwrap();
    assert_eq!(vary::differs(&vary.values(&lines), &one("foo", "1, 2")), None);
}

#[test]
fn credentials_are_compared_and_not_kept() {
    for name in ["cookie", "authorization", "x-api-key"] {
        let vary = Vary::of([&HeaderValue::from_static(name)].into_iter()).unwrap();
        let values = vary.values(&one(name, "secret=1; theme=dark"));
        assert!(values.starts_with(&format!("{name}:")) && !values.contains("secret"), "{values}");
        assert_eq!(vary::differs(&values, &one(name, "secret=1; theme=dark")), None);
        assert!(vary::differs(&values, &one(name, "secret=2; theme=dark")).is_some());
        assert!(vary::differs(&values, &HeaderMap::new()).is_some());
    }
}

#[test]
fn an_absurd_vary_is_not_stored() {
    let of = |text: &str| Vary::of([&HeaderValue::from_bytes(text.as_bytes()).unwrap()].into_iter());
    for text in ["*", "foo, *", "*, foo", "*, *", "f\"oo"] {
        assert_eq!(of(text), Err(Why::VaryStar), "{text}");
    }
    let many: Vec<String> = (0..40).map(|at| format!("x-{at}")).collect();
    assert_eq!(of(&many.join(",")), Err(Why::VaryTooLong));
    assert!(of(&["foo"; 1000].join(",")).is_ok(), "one field, often");
    assert_eq!(of(" , ,"), Ok(Vary::default()));
}

#[test]
fn a_client_that_holds_it_is_told_so() {
    let stored = headers(&["etag: \"a\"".into(), "last-modified: @-100".into(), "date: @0".into()]);
    let weak = headers(&["etag: W/\"a\"".into(), "date: @-50".into()]);
    let is = |lines: &[&str], stored: &HeaderMap| {
        validate::is_current(&headers(&lines.iter().map(ToString::to_string).collect::<Vec<_>>()), stored, NOW)
    };
    assert!(is(&["if-none-match: \"a\""], &stored));
    assert!(is(&["if-none-match: W/\"a\""], &stored));
    assert!(is(&["if-none-match: \"a\""], &weak));
    assert!(is(&["if-none-match: \"x\", \"a,b\", \"a\""], &stored));
    assert!(is(&["if-none-match: \"x\"", "if-none-match: \"a\""], &stored));
    assert!(is(&["if-none-match: *"], &stored));
    assert!(!is(&["if-none-match: \"b\""], &stored));
    assert!(!is(&["if-none-match: w/\"a\""], &stored), "weakness is written in capitals");
    // If-None-Match counts before If-Modified-Since (RFC 9110 section 13.2.2).
    assert!(!is(&["if-none-match: \"b\"", "if-modified-since: @0"], &stored));
    assert!(is(&["if-modified-since: @-100"], &stored));
    assert!(is(&["if-modified-since: @0"], &stored));
    assert!(!is(&["if-modified-since: @-101"], &stored));
    assert!(!is(&["if-modified-since: yesterday"], &stored));
    assert!(is(&["if-modified-since: @-50"], &weak), "as old as its response");
    assert!(!is(&["if-modified-since: @-51"], &weak));
    assert!(!is(&[], &stored));
    let slash = headers(&["etag: \"a\\\"".into()]);
    assert!(is(&["if-none-match: \"x\", \"a\\\""], &slash), "a backslash escapes nothing in a tag");
}

#[test]
fn a_304_changes_what_it_may() {
    let mut stored =
        headers(&["content-length: 5".into(), "content-encoding: gzip".into(), "a: 1".into(), "b: 1".into()]);
    let told = ["content-length: 0", "content-encoding: br", "a: 2", "a: 3", "age: 7"].map(str::to_owned);
    validate::update(&mut stored, &headers(&told));
    assert_eq!(stored["content-length"], "5");
    assert_eq!(stored["content-encoding"], "gzip");
    assert_eq!(stored.get_all("a").iter().collect::<Vec<_>>(), ["2", "3"]);
    assert_eq!(stored["b"], "1");
    assert!(validate::is_about(&one("etag", "\"a\""), &one("etag", "\"a\"")));
    assert!(!validate::is_about(&one("etag", "\"b\""), &one("etag", "\"a\"")));
    assert!(!validate::is_about(&one("etag", "\"b\""), &HeaderMap::new()));
    assert!(validate::is_about(&HeaderMap::new(), &one("etag", "\"a\"")));
    assert!(validate::is_about(&one("etag", "W/\"a\""), &one("etag", "\"a\"")));
}

#[test]
fn ranges_are_cut_to_what_is_there() {
    let of = |text: &str| match range::wanted(&one("range", text), 100) {
        Wanted::Whole => "whole".to_owned(),
        Wanted::Nothing => "nothing".to_owned(),
        Wanted::Parts(spans) => {
            spans.iter().map(|span| format!("{}-{}", span.first, span.last)).collect::<Vec<_>>().join(",")
        }
    };
    for (text, parts) in [
        ("bytes=0-9", "0-9"),
        ("bytes=90-", "90-99"),
        ("bytes=-10", "90-99"),
        ("bytes=-1000", "0-99"),
        ("bytes=0-1000", "0-99"),
        ("BYTES=0-9", "0-9"),
        ("bytes=0-0,-1", "0-0,99-99"),
        ("bytes=50-59, 0-9", "50-59,0-9"),
        ("bytes=0-9,5-19", "0-19"),
        ("bytes=100-", "nothing"),
        ("bytes=-0", "nothing"),
        ("bytes=5-4", "whole"),
        ("bytes=a-b", "whole"),
        ("bytes=", "whole"),
        ("bytes", "whole"),
        ("lines=0-9", "whole"),
        ("bytes=0-18446744073709551616", "0-99"),
    ] {
        assert_eq!(of(text), parts, "{text}");
    }
    let many: Vec<String> = (0..20).map(|at| format!("{}-{}", at * 2, at * 2)).collect();
    assert_eq!(of(&format!("bytes={}", many.join(","))), "whole");
    assert_eq!(ContentRange::parse(b"bytes 0-9/100").unwrap().to_string(), "bytes 0-9/100");
    for bad in ["bytes 0-9/*", "bytes */100", "bytes 9-0/100", "bytes 0-100/100", "lines 0-9/100"] {
        assert_eq!(ContentRange::parse(bad.as_bytes()), None, "{bad}");
    }
}

#[test]
fn if_range_is_strong() {
    let stored = headers(&["etag: \"a\"".into(), "last-modified: @-100".into(), "date: @0".into()]);
    let holds = |value: &str| validate::range_holds(&headers(&[format!("if-range: {value}")]), &stored);
    assert!(holds("\"a\""));
    assert!(!holds("W/\"a\""));
    assert!(!holds("\"b\""));
    assert!(holds("@-100"));
    assert!(!holds("@-99"));
    let weak = headers(&["etag: W/\"a\"".into(), "last-modified: @0".into(), "date: @0".into()]);
    assert!(!validate::range_holds(&one("if-range", "W/\"a\""), &weak));
    assert!(!validate::range_holds(&headers(&["if-range: @0".into()]), &weak), "changed within the same second");
}

fn asked<'a>(path: &'a str, query: Option<&'a str>, headers: &'a HeaderMap) -> Asked<'a> {
    Asked { scheme: "https", authority: "Shop.example:443", forwarded_host: None, path, query, headers }
}

#[test]
fn the_key_is_what_the_upstream_sees() {
    let headers = headers(&["cookie: currency=eur; session=1".into(), "x-beta: 1".into()]);
    let plain = Policy::default();
    assert_eq!(key::key(&asked("/a", Some("b"), &headers), &plain).unwrap(), "https://shop.example/a?b");
    let other = Asked { authority: "shop.example:8443", ..asked("/a", None, &headers) };
    assert_eq!(key::key(&other, &plain).unwrap(), "https://shop.example:8443/a");
    let policy = Policy { key_headers: vec!["x-beta".parse().unwrap()], key_cookies: vec!["currency".into()], ..plain };
    let key = key::key(&asked("/a", None, &headers), &policy).unwrap();
    assert_eq!(key, "https://shop.example/a\nx-beta:1\ncookie:currency=eur");
    assert_eq!(key::url(&key), "https://shop.example/a");
    let long = "a".repeat(key::KEY_BYTES_MAX);
    assert_eq!(key::key(&asked(&long, None, &headers), &policy), Err(Why::KeyTooLong));
}

#[test]
fn what_is_ignored_cannot_be_smuggled() {
    let patterns = ["utm_*", "gclid"].map(|text| Pattern::parse(text).unwrap()).to_vec();
    let without = Query::Without(patterns.clone());
    assert_eq!(key::query("a=1&b=2", &without), None);
    assert_eq!(key::query("utm_source=x&a=1&gclid=2", &without), Some(vec!["a=1"]));
    assert_eq!(key::query("utm_source=x;callback=evil", &without), None, "some upstreams split at `;`");
    assert_eq!(key::query("a=1&gclid=1", &Query::Only(patterns)), Some(vec!["gclid=1"]));
    let mut headers = one("cookie", "_ga=1; session=2; _gid=3");
    key::ignore_cookies(&mut headers, &[Pattern::parse("_g*").unwrap()]);
    assert_eq!(headers["cookie"], "session=2");
    key::ignore_cookies(&mut headers, &[Pattern::parse("*").unwrap()]);
    assert!(!headers.contains_key("cookie"));
}

#[test]
fn requests_that_cannot_be_keyed_pass_by() {
    let policy = Policy {
        bypass_cookies: vec![Pattern::parse("session").unwrap()],
        bypass_headers: vec!["x-preview".parse().unwrap()],
        key_headers: vec!["x-host".parse().unwrap()],
        ..Policy::default()
    };
    let word = |name: &'static str, value: &str| key::bypass(&one(name, value), &policy).map(|why| why.word());
    assert_eq!(word("x-original-url", "/admin"), Some("unkeyed-header"));
    assert_eq!(word("x-http-method-override", "POST"), Some("unkeyed-header"));
    // One for each known trick.
    for name in [
        "x-rewrite-url",
        "x-original-host",
        "x-forwarded-server",
        "x-forwarded-scheme",
        "x-forwarded-ssl",
        "x-forwarded-path",
        "x-forwarded-prefix",
        "x-forwarded-uri",
        "x-http-host-override",
        "x-http-method",
        "x-method-override",
        "x-url-scheme",
        "x-wap-profile",
        "x-invoke-path",
        "x-invoke-query",
        "x-invoke-status",
        "x-matched-path",
        "x-middleware-prefetch",
        "x-middleware-subrequest",
        "x-now-route-matches",
    ] {
        assert_eq!(word(name, "1"), Some("unkeyed-header"), "{name}");
    }
    assert_eq!(word("x-host", "evil.example"), None, "part of the key");
    assert_eq!(word("if-match", "\"a\""), Some("precondition"));
    assert_eq!(word("x-preview", "1"), Some("bypass-header"));
    assert_eq!(word("x_original_url", "/admin"), Some("unkeyed-header"), "many upstreams read it as the other");
    assert_eq!(word("x_host", "evil.example"), Some("unkeyed-header"), "no part of the key");
    assert_eq!(word("x_preview", "1"), Some("bypass-header"));
    assert_eq!(word("x_api_key", "1"), None);
    assert_eq!(word("cookie", "a=1; session=2"), Some("bypass-cookie"));
    assert_eq!(word("cookie", "a=1"), None);
}

#[test]
fn an_unsafe_method_outdates_its_own_origin_only() {
    let none = HeaderMap::new();
    let asked = Asked { authority: "shop.example", ..asked("/a/b", None, &none) };
    let of = |value: &str| key::invalidates(&one("location", value), &asked);
    assert_eq!(of("/c?d#e"), ["/c?d"]);
    assert_eq!(of("https://shop.example/c"), ["/c"]);
    assert_eq!(of("https://shop.example"), ["/"]);
    assert_eq!(of("https://shop.example?a"), ["/?a"]);
    assert_eq!(of("c"), ["/a/c"]);
    assert_eq!(of("../c"), ["/c"]);
    assert_eq!(of("?x"), ["/a/b?x"]);
    for other in ["https://evil.example/c", "http://shop.example/c", "//evil.example/c", ""] {
        assert!(of(other).is_empty(), "{other}");
    }
}

#[test]
fn the_answer_to_a_post_answers_gets_only_where_that_is_clear() {
    let none = HeaderMap::new();
    let asked = Asked { authority: "shop.example", ..asked("/a/b", Some("c=1"), &none) };
    let (fresh, here) = ("cache-control: max-age=60", "content-location: /a/b?c=1");
    let may = |request: &[&str], status: u16, given: &[&str]| {
        let lines = |lines: &[&str]| headers(&lines.iter().map(ToString::to_string).collect::<Vec<_>>());
        let (request, response) = (lines(request), lines(given));
        let status = StatusCode::from_u16(status).unwrap();
        let answer = Answer { status, headers: &response, asked: NOW * 1_000, answered: NOW * 1_000 };
        storable_of_post(&request, &answer, &asked, &Policy::default()).is_ok()
    };
    for place in
        [here, "content-location: b?c=1", "content-location: https://shop.example/a/b?c=1#d", "content-location: ?c=1"]
    {
        assert!(may(&[], 200, &[fresh, place]), "{place}");
    }
    for place in ["content-location: /a/b", "content-location: //shop.example/a/b?c=1", "location: /a/b?c=1"] {
        assert!(!may(&[], 200, &[fresh, place]), "{place}");
    }
    assert!(!may(&[], 200, &[fresh, here, here]), "said twice");
    assert!(!may(&[], 201, &[fresh, here]));
    assert!(!may(&[], 200, &[here, "last-modified: @-1000"]), "a guess is not explicit");
    assert!(!may(&[], 200, &["cache-control: max-age=0", here, "etag: \"a\""]));
    assert!(!may(&[], 200, &["cache-control: private, max-age=60", here]));
    assert!(!may(&["cache-control: no-store"], 200, &[fresh, here]));
    assert!(!may(&["authorization: Basic YQ=="], 200, &[fresh, here]));
}

#[test]
fn tags_and_groups_are_read() {
    let mut headers = one("cache-tag", "a, b ,c");
    headers.insert("surrogate-key", "d e".parse().unwrap());
    assert_eq!(tags::tags(&headers), ["a", "b", "c", "d", "e"]);
    let groups = |text: &str| tags::groups(&one("cache-groups", text), &tags::CACHE_GROUPS);
    assert_eq!(groups("\"a\", \"b c\";x=1"), ["a", "b c"]);
    assert_eq!(groups("\"a\";x=\"1, \\\"2\", \"b\""), ["a", "b"], "a parameter may have a comma");
    for bad in ["a", "\"a\",", "\"a\" \"b\", c", "\"a"] {
        assert!(groups(bad).is_empty(), "{bad}");
    }
}

#[test]
fn every_reason_has_a_word_of_its_own() {
    let mut words = Why::WORDS.to_vec();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), Why::WORDS.len());
    assert!(words.iter().all(|word| word.bytes().all(|octet| octet.is_ascii_lowercase() || octet == b'-')));
}

#[test]
fn what_clients_say_may_be_ignored() {
    assert_ne!(Obey::Yes, Obey::No);
    assert!(RequestDirectives::of(&one("pragma", "no-cache")).no_cache);
    let mut both = one("pragma", "no-cache");
    both.insert("cache-control", "max-age=1".parse().unwrap());
    assert!(!RequestDirectives::of(&both).no_cache, "Pragma counts only without Cache-Control");
}

proptest! {
    #[test]
    fn nothing_that_is_sent_breaks_a_parser(text in "[ -~\\t]{0,80}", length in 0_u64..2_000) {
        let value = HeaderValue::from_bytes(text.as_bytes()).unwrap();
        let names = ["cache-control", "cdn-cache-control", "vary", "range", "content-range", "etag", "expires", "age",
            "cache-tag", "cache-groups", "if-none-match", "location", "cookie", "accept-encoding"];
        let headers: HeaderMap = names.into_iter().map(|name| (name.parse().unwrap(), value.clone())).collect();
        let answer = Answer { status: StatusCode::OK, headers: &headers, asked: 0, answered: NOW * 1_000 };
        storable(&headers, &answer, &Policy::default()).ok();
        drop(ResponseDirectives::of(&headers));
        validate::is_current(&headers, &headers, NOW);
        drop(tags::groups(&headers, &tags::CACHE_GROUPS));
        drop(key::invalidates(&headers, &asked("/", None, &headers)));
        if let Wanted::Parts(spans) = range::wanted(&headers, length) {
            prop_assert!(spans.iter().all(|span| span.first <= span.last && span.last < length));
        }
        if let Ok(vary) = Vary::of(headers.get_all("vary").iter()) {
            prop_assert_eq!(vary::differs(&vary.values(&headers), &headers), None);
        }
    }

    #[test]
    fn every_date_is_read_back(seconds in 0_u64..4_102_444_800) {
        let text = httpdate::fmt_http_date(std::time::UNIX_EPOCH + Duration::from_secs(seconds));
        prop_assert_eq!(date::parse(text.as_bytes(), NOW), Some(seconds));
    }
}

mod sections;
