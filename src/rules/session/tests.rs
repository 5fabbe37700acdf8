//! Identities, sessions, links and force headers, and the cookie on its way in and out.

use http::{HeaderMap, HeaderValue, Method, header::COOKIE};
use proptest::prelude::*;

use super::*;
use crate::rules::{
    access::{Role, Way},
    headers::Scheme,
};

const NOW: u64 = 1_800_000_000;

fn keys() -> Keys {
    Keys::new(&["a secret of some length"]).unwrap()
}

fn identity() -> Identity {
    Identity {
        id: Id::from_bytes([1; 16]),
        name: "Ada".into(),
        role: Role::Tracer,
        way: Way::Link,
        host: "app.example".into(),
        issued: NOW,
        expiry: NOW + 3600,
    }
}

fn session() -> Session {
    Session {
        id: Id::from_bytes([2; 16]),
        identity: identity().id,
        host: "app.example".into(),
        expiry: NOW + 600,
        spans_max: 1000,
        requests_max: 100,
        kind: SessionKind::Page,
    }
}

/// The `Cookie` that a browser sends after this `Set-Cookie`.
fn sent_back(set_cookie: &HeaderValue) -> String {
    set_cookie.to_str().unwrap().split(';').next().unwrap().to_owned()
}

fn cookies(values: &[&str]) -> HeaderMap {
    values.iter().map(|value| (COOKIE, HeaderValue::from_str(value).unwrap())).collect()
}

#[test]
fn the_cookie_carries_identity_and_session() {
    let set = cookie(Scheme::Https, &keys(), &identity(), Some(&session()), NOW);
    let text = set.to_str().unwrap();
    assert!(text.starts_with("__Host-waylight="), "{text}");
    for attribute in ["; HttpOnly", "; SameSite=Lax", "; Secure", "; Path=/", "; Max-Age=3600"] {
        assert!(text.contains(attribute), "{text}");
    }
    assert!(!text.contains("Domain"));
    let credentials = read(&cookies(&[&sent_back(&set)]), Scheme::Https, &keys(), "app.example", NOW);
    assert_eq!(credentials, Credentials { identity: Some(identity()), session: Some(session()), refused: None });
}

#[test]
fn on_https_only_the_bound_name_counts() {
    for (written, asked, counts) in [
        (Scheme::Https, Scheme::Https, true),
        (Scheme::Http, Scheme::Http, true),
        (Scheme::Http, Scheme::Https, false),
        (Scheme::Https, Scheme::Http, false),
    ] {
        let set = cookie(written, &keys(), &identity(), None, NOW);
        assert_eq!(set.to_str().unwrap().contains("Secure"), written == Scheme::Https);
        let credentials = read(&cookies(&[&sent_back(&set)]), asked, &keys(), "app.example", NOW);
        assert_eq!(credentials.identity.is_some(), counts, "{written:?} {asked:?}");
    }
}

#[test]
fn a_session_counts_for_its_identity_host_and_time_only() {
    let check = |session: &Session, host: &str, now: u64, refused: Option<TokenError>| {
        let set = cookie(Scheme::Http, &keys(), &identity(), Some(session), NOW);
        let credentials = read(&cookies(&[&sent_back(&set)]), Scheme::Http, &keys(), host, now);
        assert_eq!(credentials.refused, refused);
        assert_eq!(credentials.session.is_some(), refused.is_none());
        assert_eq!(credentials.identity.is_some(), now < identity().expiry && host == identity().host);
    };
    check(&session(), "app.example", NOW, None);
    check(&session(), "other.example", NOW, Some(TokenError::Elsewhere));
    check(&session(), "app.example", NOW + 600, Some(TokenError::Expired));
    check(&session(), "app.example", NOW + 3600, Some(TokenError::Expired));
    check(&Session { identity: Id::from_bytes([9; 16]), ..session() }, "app.example", NOW, Some(TokenError::Elsewhere));
}

#[test]
fn two_cookies_are_none() {
    let one = sent_back(&cookie(Scheme::Http, &keys(), &identity(), None, NOW));
    for headers in [cookies(&[&format!("{one}; {one}")]), cookies(&[&one, &one]), cookies(&[&one, "waylight=x"])] {
        let credentials = read(&headers, Scheme::Http, &keys(), "app.example", NOW);
        assert_eq!((credentials.identity, credentials.refused), (None, Some(TokenError::Malformed)));
    }
}

#[test]
fn identity_and_session_cannot_change_places() {
    let (who, what) = (identity().seal(&keys()), session().seal(&keys()));
    for value in [format!("waylight={what}.{who}"), format!("waylight={what}"), "waylight=".into()] {
        let credentials = read(&cookies(&[&value]), Scheme::Http, &keys(), "app.example", NOW);
        assert_eq!((credentials.identity, credentials.session), (None, None), "{value}");
    }
    let credentials = read(&cookies(&[&format!("waylight={who}.{who}")]), Scheme::Http, &keys(), "app.example", NOW);
    assert!(credentials.identity.is_some() && credentials.session.is_none());
}

#[test]
fn stripping_leaves_every_other_octet() {
    let check = |before: &[&str], after: &[&str]| {
        let mut headers = cookies(before);
        strip(&mut headers);
        assert_eq!(headers, cookies(after), "{before:?}");
    };
    check(&["a=1; waylight=x; b=2"], &["a=1; b=2"]);
    check(&["waylight=x;  a=1;b=\"2 3\""], &["a=1;b=\"2 3\""]);
    check(&["a=1; __Host-waylight=x"], &["a=1"]);
    check(&["__Host-waylight=x; waylight=y"], &[]);
    check(&["waylight=x", "a=1; a=2", "waylight=z"], &["a=1; a=2"]);
    check(&[" a=1 ;;b; waylight2=x;xwaylight=1; Waylight=2"], &[" a=1 ;;b; waylight2=x;xwaylight=1; Waylight=2"]);
    check(&["a=waylight; waylight"], &["a=waylight; waylight"]);
    check(&[" waylight = x ;a=1"], &["a=1"]);
    check(&[], &[]);
}

#[test]
fn links_live_ten_minutes_at_most() {
    let link = SignInLink::new(Id::from_bytes([3; 16]), ("Ada", Role::Viewer), NOW, 86_400);
    assert_eq!(link.expiry, NOW + 600);
    let token = link.seal(&keys());
    assert_eq!(SignInLink::open(&token, &keys(), NOW + 599), Ok(link.clone()));
    assert_eq!(SignInLink::open(&token, &keys(), NOW + 600), Err(TokenError::Expired));
    let longer = SignInLink { expiry: NOW + 601, ..link }.seal(&keys());
    assert_eq!(SignInLink::open(&longer, &keys(), NOW), Err(TokenError::Expired), "however it was made");
}

#[test]
fn a_pages_token_is_of_one_identity_and_host_and_of_an_hour() {
    let of =
        |expiry| Navigation { nonce: Id::from_bytes([3; 16]), identity: identity().id, expiry, host: "app.example" };
    let token = of(NOW + 600).seal(&keys());
    let open = |id: Id, host: &'static str, now: u64| Navigation::open(&token, &keys(), id, host, now).map(|_| ());
    assert_eq!(open(identity().id, "app.example", NOW), Ok(()));
    assert_eq!(open(Id::from_bytes([9; 16]), "app.example", NOW), Err(TokenError::Elsewhere));
    assert_eq!(open(identity().id, "other.example", NOW), Err(TokenError::Elsewhere));
    assert_eq!(open(identity().id, "app.example", NOW + 600), Err(TokenError::Expired));
    let longer = of(NOW + NAVIGATION_TTL_SECONDS + 1).seal(&keys());
    assert_eq!(
        Navigation::open(&longer, &keys(), identity().id, "app.example", NOW),
        Err(TokenError::Expired),
        "however it was made"
    );
}

fn trace_link() -> TraceLink {
    TraceLink {
        nonce: Id::from_bytes([5; 16]),
        issued: NOW,
        expiry: NOW + 600,
        name: "Ada".into(),
        host: "app.example".into(),
        path: "/cart?step=2".into(),
        seconds: 300,
        requests_max: 50,
    }
}

#[test]
fn a_trace_link_counts_for_its_host_and_time_only() {
    let token = trace_link().seal(&keys()).unwrap();
    let open = |host: &str, now: u64| TraceLink::open(&token, &keys(), host, now);
    assert_eq!(open("app.example", NOW), Ok(trace_link()));
    assert_eq!(open("other.example", NOW), Err(TokenError::Elsewhere));
    assert_eq!(open("app.example", NOW + 600), Err(TokenError::Expired));
    let longer = TraceLink { expiry: NOW + 601, ..trace_link() }.seal(&keys()).unwrap();
    assert_eq!(TraceLink::open(&longer, &keys(), "app.example", NOW), Err(TokenError::Expired), "however it was made");
    assert!(TraceLink { path: "/x".repeat(600), ..trace_link() }.seal(&keys()).is_err());
}

#[test]
fn a_flow_counts_in_the_browser_that_began_it() {
    let flow = flow::Flow {
        state: Id::from_bytes([6; 16]),
        nonce: Id::from_bytes([7; 16]),
        verifier: "v".repeat(43),
        expiry: NOW + 600,
        host: "app.example".into(),
        redirect: "https://app.example/back".into(),
    };
    for scheme in [Scheme::Http, Scheme::Https] {
        let set = flow.cookie(scheme, &keys());
        let text = set.to_str().unwrap();
        assert!(
            text.contains("; HttpOnly") && text.contains("; SameSite=Lax") && text.contains("; Max-Age=600"),
            "{text}"
        );
        assert_eq!(text.starts_with("__Host-"), scheme == Scheme::Https);
        let sent = sent_back(&set);
        let read = |headers: &HeaderMap, host: &str, now: u64| flow::Flow::read(headers, scheme, &keys(), host, now);
        assert_eq!(read(&cookies(&[&sent]), "app.example", NOW), Ok(flow.clone()));
        assert_eq!(read(&cookies(&[&sent]), "b.example", NOW), Err(TokenError::Elsewhere));
        assert_eq!(read(&cookies(&[&sent]), "app.example", NOW + 600), Err(TokenError::Expired));
        assert_eq!(read(&cookies(&[&sent, &sent]), "app.example", NOW), Err(TokenError::Malformed));
        assert_eq!(read(&cookies(&[]), "app.example", NOW), Err(TokenError::Malformed));
        let mut headers = cookies(&[&sent]);
        strip(&mut headers);
        assert_eq!(headers, cookies(&[]), "no upstream sees it");
    }
}

#[test]
fn a_form_is_taken_from_whom_it_was_shown_to() {
    let id = identity().id;
    let token = Csrf { identity: id, expiry: NOW + 60 }.seal(&keys());
    assert_eq!(Csrf::verify(&token, &keys(), id, NOW), Ok(()));
    assert_eq!(Csrf::verify(&token, &keys(), id, NOW + 60), Err(TokenError::Expired));
    assert_eq!(Csrf::verify(&token, &keys(), Id::from_bytes([9; 16]), NOW), Err(TokenError::Elsewhere));
}

#[test]
fn a_force_header_is_bound_to_its_request() {
    let forced = Force {
        nonce: Id::from_bytes([4; 16]),
        expiry: NOW + 60,
        host: "app.example".into(),
        method: Method::GET,
        path: "/a".into(),
    };
    let value = HeaderValue::from_str(&forced.seal(&keys()).unwrap()).unwrap();
    let mut headers = HeaderMap::from_iter([(force::FORCE, value.clone())]);
    let read = |headers: &HeaderMap, host: &str, method: &Method, path: &str, now: u64| {
        force::read(headers, &keys(), force::Target { host, method, path }, now)
    };
    assert_eq!(read(&headers, "app.example", &Method::GET, "/a", NOW), Some(Ok(forced.clone())));
    for (host, method, path) in
        [("b.example", Method::GET, "/a"), ("app.example", Method::POST, "/a"), ("app.example", Method::GET, "/b")]
    {
        assert_eq!(read(&headers, host, &method, path, NOW), Some(Err(TokenError::Elsewhere)));
    }
    assert_eq!(read(&headers, "app.example", &Method::GET, "/a", NOW + 60), Some(Err(TokenError::Expired)));
    headers.append(force::FORCE, value);
    assert_eq!(read(&headers, "app.example", &Method::GET, "/a", NOW), Some(Err(TokenError::Malformed)));
    force::strip(&mut headers);
    assert_eq!(read(&headers, "app.example", &Method::GET, "/a", NOW), None);
    assert!(Force { path: "/x".repeat(600), ..forced }.seal(&keys()).is_err());
}

#[test]
fn names_are_cut_between_characters() {
    let long = Identity { name: "é".repeat(40), ..identity() };
    let read = Identity::open(&long.seal(&keys()), &keys(), NOW).unwrap();
    assert_eq!(read.name, "é".repeat(32));
}

proptest! {
    #[test]
    fn payloads_survive(id: [u8; 16], expiry in NOW + 1.., spans_max: u64, name in "\\PC{0,16}", page: bool) {
        let id = Id::from_bytes(id);
        prop_assert_eq!(Id::parse(&id.to_string()), Some(id));
        let person = Identity { id, name, expiry, ..identity() };
        prop_assert_eq!(Identity::open(&person.seal(&keys()), &keys(), NOW), Ok(person));
        let kind = if page { SessionKind::Page } else { SessionKind::Session };
        let traced = Session { id, expiry, spans_max, kind, ..session() };
        prop_assert_eq!(Session::open(&traced.seal(&keys()), &keys(), NOW), Ok(traced));
    }

    #[test]
    fn cookies_never_panic(value in "[ -~]{0,120}") {
        let mut headers = cookies(&[&value, &format!("waylight={value}")]);
        read(&headers, Scheme::Http, &keys(), "app.example", NOW);
        strip(&mut headers);
        prop_assert!(!headers.get_all(COOKIE).iter().any(|left| left.to_str().unwrap().starts_with("waylight=")));
    }

    #[test]
    fn signed_nonsense_never_panics(payload in proptest::collection::vec(any::<u8>(), 0..100)) {
        let refused = [
            Identity::open(&keys().seal(Purpose::Identity, &payload), &keys(), u64::MAX).is_err(),
            Session::open(&keys().seal(Purpose::Session, &payload), &keys(), u64::MAX).is_err(),
            SignInLink::open(&keys().seal(Purpose::SignIn, &payload), &keys(), u64::MAX).is_err(),
            Force::open(&keys().seal(Purpose::Force, &payload), &keys(), u64::MAX).is_err(),
            TraceLink::open(&keys().seal(Purpose::TraceLink, &payload), &keys(), "", u64::MAX).is_err(),
        ];
        prop_assert_eq!(refused, [true; 5]);
    }
}
