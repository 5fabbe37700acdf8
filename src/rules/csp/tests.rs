use http::{HeaderName, HeaderValue};

use super::*;

const NEEDS: Needs<'static> = Needs {
    script: Address { scheme: "https", host: "shop.example", port: 443, path: "/_waylight/assets/ab/toolbar/" },
    connect: Address { scheme: "https", host: "shop.example", port: 443, path: "/_waylight/api/v1/" },
};
const SCRIPT_SOURCE: &str = "https://shop.example/_waylight/assets/ab/toolbar/";
const CONNECT_SOURCE: &str = "https://shop.example/_waylight/api/v1/";

/// Headers of one line each, `R ` in front of report-only ones.
fn headers(lines: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        let (disposition, text) = match line.strip_prefix("R ") {
            Some(text) => (Disposition::Report, text),
            None => (Disposition::Enforce, *line),
        };
        headers.append(disposition.field(), HeaderValue::from_str(text).unwrap());
    }
    headers
}

fn lines(headers: &HeaderMap) -> Vec<String> {
    let of = |disposition: Disposition, prefix: &str| {
        let lines = headers.get_all(disposition.field()).iter();
        lines.map(|value| format!("{prefix}{}", value.to_str().unwrap())).collect::<Vec<_>>()
    };
    [of(Disposition::Enforce, ""), of(Disposition::Report, "R ")].concat()
}

/// In what is expected, `S` is the script's source and `C` the API's.
#[track_caller]
fn check(mode: Mode, policies: &[&str], expect: Result<(&[&str], Option<&str>, Connect), Misfit>) {
    let mut changed = headers(policies);
    let fit = fit(&mut changed, NEEDS, mode, || Some("new".to_owned()));
    let filled = |text: &&str| text.replace("{S}", SCRIPT_SOURCE).replace("{C}", CONNECT_SOURCE);
    match (fit, expect) {
        (Ok(fit), Ok((expect, nonce, connect))) => {
            assert_eq!(lines(&changed), expect.iter().map(filled).collect::<Vec<_>>(), "{policies:?}");
            assert_eq!((fit.nonce.as_deref(), fit.connect), (nonce, connect), "{policies:?}");
            assert_eq!(fit.changes.is_empty(), changed == headers(policies), "{policies:?}: {:?}", fit.changes);
        }
        (Err(misfit), Err(expect)) => {
            assert_eq!(misfit, expect, "{policies:?}");
            assert_eq!(changed, headers(policies), "{policies:?}");
        }
        (fit, expect) => panic!("{policies:?}: {fit:?} instead of {expect:?}"),
    }
}

#[track_caller]
fn extends(policies: &[&str], expect: &[&str], nonce: Option<&str>) {
    check(Mode::Extend, policies, Ok((expect, nonce, Connect::Allowed)));
}

#[track_caller]
fn stays(policies: &[&str], nonce: Option<&str>) {
    extends(policies, policies, nonce);
    check(Mode::ReuseOnly, policies, Ok((policies, nonce, Connect::Allowed)));
}

#[test]
fn what_says_nothing_of_us_stays() {
    stays(&[], None);
    stays(&["img-src 'none'; frame-ancestors 'none'"], None);
    stays(&["upgrade-insecure-requests", "R style-src 'none'"], None);
    stays(&["require-trusted-types-for 'script'; trusted-types 'none'"], None);
}

#[test]
fn a_source_that_matches_is_enough() {
    for list in [
        "'self'",
        "'SELF'",
        "*",
        "https:",
        "http:",
        "shop.example",
        "https://shop.example",
        "http://shop.example",
        "*.example",
        "shop.example:443",
        "shop.example:*",
        "http://shop.example:80",
        "https://shop.example/_waylight/",
        "https://cdn.example 'self' 'unsafe-inline'",
        "*:443",
        "https://*.example:443/",
    ] {
        stays(&[&format!("script-src {list}; connect-src 'self'")], None);
        stays(&[&format!("R script-src {list}; connect-src 'self'")], None);
    }
    stays(&["script-src-elem 'self'; script-src 'none'"], None);
    stays(&["default-src 'self'"], None);
    stays(&["script-src 'self'; script-src 'none'"], None);
    stays(&["script-src 'self' 'nonce-abc'"], None);
}

#[test]
fn addresses_that_do_not_match_are_joined_by_ours() {
    for list in [
        "https://cdn.example",
        "*.shop.example",
        "shop.example:8443",
        "https://shop.example/assets/",
        "data:",
        "ws:",
        "'sha256-abc='",
        "'report-sample'",
        "'unsafe-eval'",
        "example",
        "https://shop.example/_waylight",
    ] {
        extends(
            &[&format!("script-src {list}; connect-src 'self'")],
            &[&format!("script-src {list} {{S}}; connect-src 'self'")],
            None,
        );
    }
    extends(
        &["script-src-elem https://a.b; script-src 'self'"],
        &["script-src-elem https://a.b {S}; script-src 'self'"],
        None,
    );
}

#[test]
fn strict_dynamic_wants_a_nonce() {
    stays(&["script-src 'strict-dynamic' 'nonce-abc'"], Some("abc"));
    stays(&["script-src 'strict-dynamic' 'nonce-abc' 'unsafe-inline' https:"], Some("abc"));
    stays(&["default-src 'strict-dynamic' 'nonce-abc'; connect-src *"], Some("abc"));
    extends(
        &["script-src 'strict-dynamic' 'sha256-x='"],
        &["script-src 'strict-dynamic' 'sha256-x=' 'nonce-new'"],
        Some("new"),
    );
    extends(&["script-src 'self' 'strict-dynamic'"], &["script-src 'self' 'strict-dynamic' 'nonce-new'"], Some("new"));
}

#[test]
fn unsafe_inline_is_never_joined_by_a_nonce() {
    extends(
        &["script-src 'unsafe-inline' https://a.b; connect-src 'self'"],
        &["script-src 'unsafe-inline' https://a.b {S}; connect-src 'self'"],
        None,
    );
    extends(&["script-src 'unsafe-inline'"], &["script-src 'unsafe-inline' {S}"], None);
    extends(
        &["default-src 'unsafe-inline' data:"],
        &[
            "default-src 'unsafe-inline' data:; connect-src 'unsafe-inline' data: {C}; script-src-elem 'unsafe-inline' data: {S}",
        ],
        None,
    );
    // Another policy's nonce may stand on our element; this one is still given an address only.
    extends(
        &["script-src 'unsafe-inline'", "script-src 'nonce-abc'"],
        &["script-src 'unsafe-inline' {S}", "script-src 'nonce-abc'"],
        Some("abc"),
    );
}

#[test]
fn a_nonce_is_reused() {
    stays(&["script-src 'nonce-abc'"], Some("abc"));
    stays(&["script-src 'NONCE-abc+/=' 'unsafe-inline'"], Some("abc+/="));
    stays(&["script-src-elem 'nonce-abc' https://a.b"], Some("abc"));
    extends(&["script-src 'nonce-a<b'"], &["script-src 'nonce-a<b' {S}"], None);
}

#[test]
fn policies_are_looked_at_one_by_one() {
    extends(
        &["script-src 'nonce-a'", "script-src 'nonce-b'"],
        &["script-src 'nonce-a'", "script-src 'nonce-b' {S}"],
        Some("a"),
    );
    extends(
        &["script-src 'nonce-a', script-src 'strict-dynamic' 'nonce-b'"],
        &["script-src 'nonce-a' {S}, script-src 'strict-dynamic' 'nonce-b'"],
        Some("b"),
    );
    extends(
        &["script-src 'strict-dynamic' 'nonce-a'", "R script-src 'strict-dynamic' 'nonce-b'"],
        &["script-src 'strict-dynamic' 'nonce-a'", "R script-src 'strict-dynamic' 'nonce-b' 'nonce-a'"],
        Some("a"),
    );
    extends(
        &["script-src 'self'", "R default-src 'none'"],
        &["script-src 'self'", "R default-src 'none'; connect-src {C}; script-src-elem {S}"],
        None,
    );
}

#[test]
fn none_is_replaced() {
    extends(&["script-src 'none'; connect-src 'none'"], &["script-src {S}; connect-src {C}"], None);
    extends(&["script-src"], &["script-src {S}"], None);
    extends(
        &["default-src 'none'; style-src 'self'"],
        &["default-src 'none'; connect-src {C}; script-src-elem {S}; style-src 'self'"],
        None,
    );
    extends(
        &["default-src 'NONE'; script-src 'self'"],
        &["default-src 'NONE'; connect-src {C}; script-src 'self'"],
        None,
    );
}

#[test]
fn connecting_is_allowed_where_it_is_not() {
    stays(&["connect-src 'self'"], None);
    stays(&["connect-src https://shop.example/_waylight/"], None);
    stays(&["default-src 'none'; connect-src *; script-src 'self'"], None);
    extends(&["connect-src https://api.example"], &["connect-src https://api.example {C}"], None);
    extends(&["R connect-src 'none'"], &["R connect-src {C}"], None);
    check(Mode::ReuseOnly, &["connect-src 'none'"], Ok((&["connect-src 'none'"], None, Connect::Refused)));
    let policies = ["default-src 'none'; script-src 'nonce-a'"];
    check(Mode::ReuseOnly, &policies, Ok((&policies, Some("a"), Connect::Refused)));
}

#[test]
fn what_may_not_be_changed_keeps_us_out() {
    for policies in [
        &["script-src 'none'"][..],
        &["script-src https://a.b"],
        &["script-src 'unsafe-inline'"],
        &["script-src 'strict-dynamic' 'sha256-x='"],
        &["script-src 'self'", "R script-src 'none'"],
    ] {
        check(Mode::ReuseOnly, policies, Err(Misfit::Forbidden));
    }
    check(Mode::Off, &["script-src 'self'"], Err(Misfit::Forbidden));
    check(Mode::Off, &["default-src *"], Err(Misfit::Forbidden));
    check(Mode::Off, &["R script-src 'self'"], Err(Misfit::Forbidden));
    check(Mode::Off, &["img-src 'self'"], Ok((&["img-src 'self'"], None, Connect::Allowed)));
    check(Mode::Off, &["connect-src 'none'"], Ok((&["connect-src 'none'"], None, Connect::Refused)));
}

#[test]
fn a_sandbox_keeps_us_out() {
    check(Mode::Extend, &["sandbox"], Err(Misfit::Sandboxed));
    check(Mode::Extend, &["sandbox allow-scripts"], Err(Misfit::Sandboxed));
    check(Mode::Extend, &["sandbox allow-same-origin; script-src 'self'"], Err(Misfit::Sandboxed));
    stays(&["sandbox allow-scripts allow-same-origin"], None);
    stays(&["R sandbox"], None);
}

#[test]
fn scripts_that_must_prove_themselves_keep_us_out() {
    let mut headers = HeaderMap::new();
    headers
        .insert(HeaderName::from_static("integrity-policy"), HeaderValue::from_static("blocked-destinations=(script)"));
    assert_eq!(fit(&mut headers, NEEDS, Mode::Extend, || None), Err(Misfit::Integrity));
    let mut headers = HeaderMap::new();
    headers.insert(Disposition::Enforce.field(), HeaderValue::from_bytes(b"script-src \xff").unwrap());
    assert_eq!(fit(&mut headers, NEEDS, Mode::Extend, || None), Err(Misfit::Unreadable));
}

#[test]
fn without_a_nonce_where_one_is_needed_there_is_no_script() {
    let mut headers = headers(&["script-src 'strict-dynamic' 'sha256-abc='"]);
    assert_eq!(fit(&mut headers, NEEDS, Mode::Extend, || None), Err(Misfit::Forbidden));
    assert_eq!(lines(&headers), ["script-src 'strict-dynamic' 'sha256-abc='"]);
}

#[test]
fn everything_else_keeps_its_octets() {
    let odd = "  Default-Src  'none' ;IMG-SRC *;; script-src\t'none'; report-uri /r ,  script-src 'self' ";
    extends(
        &[odd],
        &["  Default-Src  'none' ; connect-src {C};IMG-SRC *;; script-src {S}; report-uri /r ,  script-src 'self' "],
        None,
    );
}

#[test]
fn a_port_and_an_ipv6_address_are_named() {
    let at = |host, port| Address { scheme: "http", host, port, path: "/x" };
    assert_eq!(at("localhost", 8080).source(), "http://localhost:8080/x");
    assert_eq!(at("localhost", 80).source(), "http://localhost/x");
    assert_eq!(at("[::1]", 8080).source(), "'self'");
    assert!(allows(["localhost:8080"].into_iter(), &at("localhost", 8080)));
    assert!(!allows(["localhost", "https://localhost:8080"].into_iter(), &at("localhost", 8080)));
}

#[test]
fn changes_are_told_without_nonces() {
    let mut headers = headers(&["script-src 'strict-dynamic'; connect-src 'none'"]);
    let fit = fit(&mut headers, NEEDS, Mode::Extend, || Some("secret".to_owned())).unwrap();
    let told: Vec<String> = fit.changes.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "content-security-policy: script-src + a nonce".to_owned(),
            format!("content-security-policy: connect-src + {CONNECT_SOURCE}"),
        ]
    );
}
