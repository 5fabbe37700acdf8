//! Nobody without authority changes or reveals anything: every endpoint, and every kind of token in every place, is
//! answered as by a site that has no console at all.

use std::net::SocketAddr;

use http::Method;
use waylight::{
    clock,
    console::{
        SIGN_IN,
        api::{BASE, SPANS, routes::ROUTES},
        endpoints::{ENDPOINTS, TRACE},
    },
    rules::{
        access::{Role, Way},
        headers::Scheme,
        session::{
            Csrf, Force, Id, Identity, Navigation, Session, SessionKind, Share, SignInLink, TraceLink, Upload,
            flow::Flow,
        },
        token::{Keys, Purpose},
    },
};

use super::browser::{Browser, echo, send};
use crate::support::instance::{Answer, HEAD, Instance};

const SECRET: &str = "a-secret-that-is-long-enough-to-be-taken";
const HOST: &str = "shop.test";

fn keys() -> Keys {
    Keys::new(&[SECRET]).unwrap()
}

/// A site in front of `origin`, with a console or without one.
fn site(origin: SocketAddr, toolbar: bool) -> Instance {
    Instance::start(&format!(
        "{HEAD}[[site]]\nhosts = [\"*\"]\ntoolbar = {toolbar}\n[[site.route]]\npath = \"/*\"\nupstream = \"app\"\n\
         [upstream.app]\nendpoints = [\"http://{origin}\"]\n[access]\nsecrets = [\"{SECRET}\"]\n\
         trusted_proxies = [\"192.0.2.1\"]\n[access.forward_auth]\nuser_header = \"x-user\"\nrole_header = \"x-role\"\n\
         [[access.token]]\nname = \"ci\"\nrole = \"admin\"\ntoken = \"{SECRET}-of-ci\"\nhosts = [\"{HOST}\"]\n\
         [access.oidc]\nissuer = \"http://127.0.0.1:1\"\nclient_id = \"a\"\nrole = \"admin\"\n"
    ))
}

/// An answer without what differs from one request to the next.
fn plain(answer: &Answer) -> (u16, Vec<String>, String) {
    let varies = |line: &&str| {
        let line = line.to_ascii_lowercase();
        line.starts_with("date:") || line.starts_with("x-request-id:") || line.starts_with("via:")
    };
    let mut lines: Vec<_> = answer.head.lines().filter(|line| !varies(line)).map(str::to_owned).collect();
    lines.sort();
    (answer.status, lines, answer.body.clone())
}

const fn id(number: u8) -> Id {
    Id::from_bytes([number; 16])
}

fn identity(role: Role) -> Identity {
    let now = clock::unix_seconds();
    Identity { id: id(1), name: "Ada".into(), role, way: Way::Link, host: HOST.into(), issued: now, expiry: now + 600 }
}

fn session() -> Session {
    Session {
        id: id(2),
        identity: id(1),
        host: HOST.into(),
        expiry: clock::unix_seconds() + 600,
        spans_max: 100,
        requests_max: 100,
        kind: SessionKind::Session,
    }
}

/// One token of every kind, each valid now and for this host.
fn tokens() -> Vec<(Purpose, String)> {
    let (keys, now) = (keys(), clock::unix_seconds());
    let link = TraceLink {
        nonce: id(3),
        issued: now,
        expiry: now + 600,
        name: "Ada".into(),
        host: HOST.into(),
        path: "/".into(),
        seconds: 60,
        requests_max: 5,
    };
    let (host, path) = (HOST.to_owned(), "/_waylight/".to_owned());
    let force = Force { nonce: id(4), expiry: now + 60, host, method: Method::GET, path };
    let flow = Flow {
        state: id(5),
        nonce: id(6),
        verifier: "v".repeat(43),
        expiry: now + 60,
        host: HOST.into(),
        redirect: String::new(),
    };
    let flow = flow.cookie(Scheme::Http, &keys);
    let flow = flow.to_str().unwrap().split_once('=').unwrap().1.split(';').next().unwrap().to_owned();
    let share = Share { trace: [1; 16], sharer: id(1), name: "Ada".into(), issued: now, expiry: now + 60, hide: 0 };
    Purpose::ALL
        .into_iter()
        .map(|purpose| {
            let token = match purpose {
                Purpose::SignIn => SignInLink::new(id(7), ("Ada", Role::Admin), now, 600).seal(&keys),
                Purpose::Identity => identity(Role::Admin).seal(&keys),
                Purpose::Session => session().seal(&keys),
                Purpose::TraceLink => link.seal(&keys).unwrap(),
                Purpose::Force => force.seal(&keys).unwrap(),
                Purpose::Csrf => Csrf { identity: id(1), expiry: now + 600 }.seal(&keys),
                Purpose::Flow => flow.clone(),
                Purpose::Share => share.seal(&keys),
                Purpose::Navigation => {
                    Navigation { nonce: id(8), identity: id(1), expiry: now + 60, host: HOST }.seal(&keys)
                }
                Purpose::Upload => Upload { session: id(2), trace: [1; 16], expiry: now + 60 }.seal(&keys),
            };
            (purpose, token)
        })
        .collect()
}

/// The places where a token can be shown by whoever is nobody yet, and the only kind that counts there. Named tokens are none
/// of ours.
fn places() -> Vec<(&'static str, Option<Purpose>)> {
    vec![
        ("cookie", Some(Purpose::Identity)),
        ("flow", Some(Purpose::Flow)),
        ("sign-in", Some(Purpose::SignIn)),
        ("sign-in post", Some(Purpose::SignIn)),
        ("trace", Some(Purpose::TraceLink)),
        ("trace post", Some(Purpose::TraceLink)),
        ("shared", Some(Purpose::Share)),
        ("upload", Some(Purpose::Upload)),
        ("bearer", None),
    ]
}

fn show(address: &str, place: &str, token: &str) -> Answer {
    let guest = format!("waylight={}.{}", identity(Role::Guest).seal(&keys()), session().seal(&keys()));
    let (method, path, fields) = match place {
        "cookie" => ("GET", "/_waylight/".to_owned(), vec![("cookie", format!("waylight={token}"))]),
        "flow" => {
            let path = "/_waylight/sign-in/oidc/callback?state=x&code=y".to_owned();
            ("GET", path, vec![("cookie", format!("waylight-sign-in={token}"))])
        }
        "sign-in" => ("GET", format!("{SIGN_IN}?token={token}"), vec![]),
        "sign-in post" => ("POST", format!("{SIGN_IN}?token={token}"), vec![]),
        "shared" => ("GET", format!("{BASE}/shared/{token}"), vec![]),
        "bearer" => ("GET", format!("{BASE}/me"), vec![("authorization", format!("Bearer {token}"))]),
        "trace post" => ("POST", format!("{TRACE}?token={token}"), vec![]),
        "upload" => ("POST", SPANS.to_owned(), vec![("cookie", guest), ("waylight-upload", token.to_owned())]),
        _ => ("GET", format!("{TRACE}?token={token}"), vec![]),
    };
    let mut fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    fields.push(("host", HOST));
    send(address, method, &path, &fields, "")
}

#[test]
fn every_kind_of_token_counts_in_its_own_place_only() {
    let origin = echo();
    let (with, without) = (site(origin, true), site(origin, false));
    for (place, fits) in places() {
        for (purpose, token) in tokens() {
            let answer = show(&with.address.to_string(), place, &token);
            if Some(purpose) == fits {
                assert!(answer.field("content-security-policy").is_some(), "{purpose:?} as {place}: {}", answer.head);
            } else {
                let expected = show(&without.address.to_string(), place, &token);
                assert_eq!(plain(&answer), plain(&expected), "{purpose:?} as {place}");
                assert!(answer.body.starts_with("GET ") || answer.body.starts_with("POST "), "the origin answers");
            }
        }
    }
}

#[test]
fn no_other_token_does_a_command() {
    let instance = site(echo(), true);
    let cookie = format!("waylight={}", identity(Role::Tracer).seal(&keys()));
    for (purpose, token) in tokens() {
        let path = format!("/_waylight/command?do=start&to=/&token={token}");
        let answer = send(&instance.address.to_string(), "GET", &path, &[("host", HOST), ("cookie", &cookie)], "");
        assert_eq!(answer.status, if purpose == Purpose::Navigation { 303 } else { 403 }, "{purpose:?}");
    }
}

#[test]
fn no_other_token_stands_for_a_form_a_session_or_a_forced_trace() {
    let instance = site(echo(), true);
    let address = instance.address.to_string();
    let who = identity(Role::Tracer).seal(&keys());
    for (purpose, token) in tokens() {
        let with_session = format!("waylight={who}.{token}");
        let page = send(&address, "GET", "/_waylight/plain", &[("host", HOST), ("cookie", &with_session)], "");
        assert_eq!(page.body.contains(">Restart<"), purpose == Purpose::Session, "{purpose:?}: {}", page.body);
        let form = format!("csrf={token}");
        let alone = format!("waylight={who}");
        let started = send(&address, "POST", "/_waylight/start", &[("host", HOST), ("cookie", &alone)], &form);
        assert_eq!(started.status, if purpose == Purpose::Csrf { 303 } else { 403 }, "{purpose:?}");
        let forced = send(&address, "GET", "/_waylight/", &[("host", HOST), ("waylight-trace", &token)], "");
        assert_eq!(forced.field("traceresponse").is_some(), purpose == Purpose::Force, "{purpose:?}: {}", forced.head);
    }
}

#[test]
fn nobody_without_authority_sees_or_changes_anything() {
    let origin = echo();
    let (with, without) = (site(origin, true), site(origin, false));
    let now = clock::unix_seconds();
    let somebody = identity(Role::Admin);
    let cookie = |identity: &Identity, keys: &Keys| format!("waylight={}", identity.seal(keys));
    let good = cookie(&somebody, &keys());
    let mut changed = good.clone();
    let last = changed.pop().unwrap();
    changed.push(if last == 'A' { 'B' } else { 'A' });
    let other = Keys::new(&["another-secret-that-is-long-enough-too"]).unwrap();
    let ways: Vec<Vec<(&str, String)>> = vec![
        vec![],
        vec![("cookie", changed)],
        vec![("cookie", cookie(&somebody, &other))],
        vec![("cookie", cookie(&Identity { expiry: now, ..somebody.clone() }, &keys()))],
        vec![("cookie", cookie(&Identity { host: "b.test".into(), ..somebody.clone() }, &keys()))],
        vec![("cookie", format!("{good}; {good}"))],
        vec![("cookie", format!("__Host-{good}"))],
        vec![("authorization", "Bearer of nothing".into())],
        vec![("authorization", format!("Basic {SECRET}-of-ci"))],
        vec![("x-user", "ada".into()), ("x-role", "admin".into())],
        vec![("x-user", "ada".into()), ("x-role", "admin".into()), ("x-forwarded-for", "192.0.2.1".into())],
        vec![("origin", "http://shop.test".into())],
    ];
    // Braces are for parameters.
    let api = ROUTES.iter().map(|route| format!("{BASE}{}", route.path.replace(['{', '}'], "")));
    let pages = ENDPOINTS.iter().map(|endpoint| endpoint.path.to_owned());
    for path in pages.chain(api).chain(["/_waylight/nothing".to_owned(), format!("{SIGN_IN}?token=x")]) {
        for way in &ways {
            let mut fields: Vec<_> = way.iter().map(|(name, value)| (*name, value.as_str())).collect();
            fields.push(("host", HOST));
            for (method, body) in [("GET", ""), ("POST", "csrf=x&path=/&person=Ada")] {
                let ask = |instance: &Instance| send(&instance.address.to_string(), method, &path, &fields, body);
                let (answer, expected) = (ask(&with), ask(&without));
                assert_eq!(plain(&answer), plain(&expected), "{method} {path} with {way:?}");
                assert!(!answer.body.contains("x-role") && !answer.body.contains("waylight="), "{}", answer.body);
            }
        }
    }
    let audit = std::fs::read_to_string(with.path(".waylight/audit.jsonl")).unwrap();
    assert_eq!(audit, "", "and nothing was done");
}

#[test]
fn forms_of_other_sites_do_nothing() {
    let instance = site(echo(), true);
    let mut browser = Browser::at(&instance.address);
    let link = instance.admin("POST", "/link?role=admin&name=Ada", &[("waylight-admin", "1")]).body;
    let path = format!("/{}", link.trim().splitn(4, '/').nth(3).unwrap());
    let address = instance.address.to_string();
    for field in [("origin", "http://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")] {
        assert_eq!(send(&address, "POST", &path, &[field], "").status, 403, "{field:?}");
    }
    assert_eq!(browser.follow(&link).status, 303, "nothing was used up");
    let page = browser.get("/_waylight/plain").body;
    let csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let cookie = format!("waylight={}", browser.cookies["waylight"]);
    for endpoint in ENDPOINTS.iter().filter(|endpoint| endpoint.methods == "POST") {
        for field in [("origin", "http://evil.example"), ("origin", "null"), ("sec-fetch-site", "same-site")] {
            let body = format!("csrf={csrf}&path=/&person=Ada&minutes=1&requests=1");
            let answer = send(&address, "POST", endpoint.path, &[("cookie", &cookie), field], &body);
            assert_eq!(answer.status, 403, "{} {field:?}", endpoint.path);
        }
    }
    let audit = std::fs::read_to_string(instance.path(".waylight/audit.jsonl")).unwrap();
    assert_eq!(audit.lines().count(), 2, "a link was made and used: {audit}");
}
