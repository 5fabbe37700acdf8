//! The console: who is answered, what each form does, and what every answer carries.

use http::header::{CACHE_CONTROL, COOKIE, SET_COOKIE};

use super::{
    audit::{AuditLog, Deed},
    endpoints::{COMMAND, ERASE, INVITE, PAGE, RESTART, REVOKE, SIGN_OUT, START, STOP},
    *,
};
use crate::{
    clock,
    config::model::{Config, Mapping, NamedToken, Proof},
    rules::{
        access::{Role, Way},
        session::{self, Csrf, Id, Identity, Navigation, Session, SessionKind, SignInLink},
        token::Purpose,
    },
    trace::sessions::Ephemeral,
};

/// A console and one browser.
struct Browser {
    console: Console,
    cookie: Option<HeaderValue>,
}

impl Browser {
    fn new(sign_in: SignIn) -> Self {
        let keys = Arc::new(Keys::new(&["a secret of some length"]).unwrap());
        let sessions = Arc::new(Sessions::new(100, Box::new(Ephemeral), []));
        let (upstream, listen) = ("http://127.0.0.1:1".parse().unwrap(), ([127, 0, 0, 1], 0).into());
        let Config { access, privacy, .. } = Config::minimal(&upstream, listen).unwrap();
        let session_ttl = std::time::Duration::from_secs(1800);
        let access = Access { sign_in, session_ttl, session_spans_max: 12_345, ..access };
        let audit = Arc::new(Audit::new(Box::new(audit::Ephemeral::default()), Arc::default()));
        let parts = Parts { keys, sessions, audit, counters: Arc::default(), shelf: Shelf::bare() };
        Self { console: Console::new(parts, access, privacy), cookie: None }
    }

    fn signed_in() -> Self {
        let mut browser = Self::new(SignIn::Admin);
        let link = browser.link(1, "Ada");
        assert_eq!(browser.post(&link, "").status(), StatusCode::SEE_OTHER);
        browser
    }

    fn link(&self, nonce: u8, name: &str) -> String {
        let link = SignInLink::new(Id::from_bytes([nonce; 16]), (name, Role::Tracer), clock::unix_seconds(), 600);
        format!("{SIGN_IN}?token={}", link.seal(&self.console.keys))
    }

    fn visit(&self) -> Visit {
        let mut visit = Visit {
            host: "app.example".into(),
            scheme: Scheme::Http,
            client: [192, 0, 2, 1].into(),
            peer_trust: PeerTrust::Unknown,
            door: Door::Site,
            credentials: Credentials::default(),
        };
        let headers = self.cookie.iter().map(|cookie| (COOKIE, cookie.clone())).collect();
        self.console.recognise(&headers, &mut visit);
        visit
    }

    fn credentials(&self) -> Credentials {
        self.visit().credentials
    }

    fn send(&mut self, request: &Request<Bytes>) -> Response<Bytes> {
        let visit = self.visit();
        let response = futures(api::testing::read(self.console.answer(request, &visit)));
        if let Some(set) = response.headers().get(SET_COOKIE) {
            let pair = set.to_str().unwrap().split(';').next().unwrap().to_owned();
            self.cookie = (!pair.ends_with('=')).then(|| HeaderValue::try_from(pair).unwrap());
        }
        response
    }

    fn get(&mut self, path: &str) -> Response<Bytes> {
        self.send(&Request::get(path).body(Bytes::new()).unwrap())
    }

    fn post(&mut self, path: &str, form: &str) -> Response<Bytes> {
        self.send(&Request::post(path).header("host", "app.example:8080").body(Bytes::from(form.to_owned())).unwrap())
    }

    /// Sends a form with the hidden token of the plain page.
    fn press(&mut self, path: &str, form: &str) -> Response<Bytes> {
        let page = text(&self.get(PLAIN));
        let csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        self.post(path, &format!("csrf={csrf}&{form}"))
    }

    /// Is given a cookie.
    fn keep(&mut self, who: &Identity, session: Option<&Session>) {
        let cookie = session::cookie(Scheme::Http, &self.console.keys, who, session, clock::unix_seconds());
        self.cookie = Some(HeaderValue::try_from(cookie.to_str().unwrap().split(';').next().unwrap()).unwrap());
    }

    fn claims(&self, path: &str) -> bool {
        self.console.claims(&path.parse().unwrap(), &HeaderMap::new(), &mut self.visit())
    }
}

fn futures<T>(answer: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(answer)
}

fn text(response: &Response<Bytes>) -> String {
    String::from_utf8(response.body().to_vec()).unwrap()
}

fn leads_to(response: &Response<Bytes>) -> &str {
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    response.headers()[LOCATION].to_str().unwrap()
}

#[test]
fn no_other_token_opens_the_entrance() {
    let browser = Browser::new(SignIn::Admin);
    for purpose in Purpose::ALL {
        let payload = Purpose::ALL.iter().position(|other| *other == purpose).unwrap();
        let token = browser.console.keys.seal(purpose, &[u8::try_from(payload).unwrap(); 26]);
        assert!(!browser.claims(&format!("{SIGN_IN}?token={token}")), "{purpose:?}");
    }
    let now = clock::unix_seconds();
    let expired =
        SignInLink::new(Id::from_bytes([1; 16]), ("Ada", Role::Admin), now - 601, 600).seal(&browser.console.keys);
    assert!(!browser.claims(&format!("{SIGN_IN}?token={expired}")));
}

#[test]
fn showing_a_link_consumes_nothing_and_using_it_does() {
    let mut browser = Browser::new(SignIn::Admin);
    let link = browser.link(1, "Ada <script>");
    for _ in 0..2 {
        let page = browser.get(&link);
        assert_eq!((page.status(), page.headers().get(SET_COOKIE)), (StatusCode::OK, None));
        assert!(text(&page).contains("Sign in as Ada &lt;script&gt;"));
        assert!(!text(&page).contains("<script"));
    }
    assert_eq!(leads_to(&browser.post(&link, "")), HOME);
    assert_eq!(browser.credentials().identity.unwrap().name, "Ada <script>");
    assert_eq!(browser.console.counters.sign_ins.value(), 1);
    assert_eq!(browser.post(&link, "").status(), StatusCode::GONE, "once");
    let page = browser.get(&link);
    assert_eq!(page.status(), StatusCode::GONE);
    assert!(text(&page).contains("used before") && !text(&page).contains("Sign in as"));
}

#[test]
fn a_pasted_link_signs_in_too() {
    let mut browser = Browser::new(SignIn::Public);
    let link = browser.link(1, "Ada");
    let pasted = format!("token=http%3A%2F%2Fapp.example{}", link.replace('?', "%3F").replace("token=", "token%3D"));
    assert_eq!(leads_to(&browser.post(SIGN_IN, &pasted)), HOME);
}

#[test]
fn a_session_starts_restarts_and_stops() {
    let mut browser = Browser::signed_in();
    assert!(text(&browser.get(PLAIN)).contains("Not tracing"));
    assert_eq!(leads_to(&browser.press(START, "")), PLAIN);
    let first = browser.credentials().session.unwrap();
    assert_eq!((first.kind, first.host.as_str()), (SessionKind::Session, "app.example"));
    let whose = browser.credentials().identity.unwrap();
    let meter = browser.console.sessions.meter(&first, &whose, 0).unwrap();
    meter.fetch_add(2345, std::sync::atomic::Ordering::Relaxed);
    let page = text(&browser.get(PLAIN));
    assert!(
        page.contains("<dd>2,345</dd>") && page.contains("<dd>10,000</dd>") && page.contains("30 minutes"),
        "{page}"
    );
    assert!(page.contains("max=\"12345\" value=\"2345\""), "{page}");
    browser.press(START, "");
    assert_eq!(browser.credentials().session.unwrap().id, first.id, "it goes on");
    browser.press(RESTART, "");
    let second = browser.credentials().session.unwrap();
    assert_ne!(second.id, first.id);
    assert!(browser.console.sessions.is_revoked(first.id));
    let kept = browser.cookie.clone();
    assert_eq!(leads_to(&browser.press(STOP, "")), PLAIN);
    assert_eq!(browser.credentials().session, None);
    browser.cookie = kept;
    assert_eq!(browser.credentials().session, None, "an old cookie does not bring it back");
}

#[test]
fn signing_out_is_for_good() {
    let mut browser = Browser::signed_in();
    browser.press(START, "");
    let kept = browser.cookie.clone();
    assert_eq!(leads_to(&browser.press(SIGN_OUT, "")), "/");
    assert_eq!(browser.cookie, None);
    browser.cookie = kept;
    assert_eq!(browser.credentials(), Credentials::default());
}

#[test]
fn one_page_is_traced() {
    let mut browser = Browser::signed_in();
    let response = browser.press(PAGE, "path=%2Fproducts%3Fpage%3D2%20%C3%A4");
    assert_eq!(leads_to(&response), "/products?page=2%20%C3%A4");
    let session = browser.credentials().session.unwrap();
    assert_eq!(session.kind, SessionKind::Page);
    assert!(session.expiry <= clock::unix_seconds() + 60);
    for path in
        ["", "products", "//evil.example", "/\\evil.example", "/a%0d%0ab", "https://evil.example", "/_waylight/"]
    {
        let response = browser.press(PAGE, &format!("path={path}"));
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY, "{path}");
    }
    browser.press(START, "");
    let running = browser.credentials().session.unwrap();
    assert_eq!(running.kind, SessionKind::Session, "a page's session makes room");
    assert_eq!(leads_to(&browser.press(PAGE, "path=/a")), "/a");
    assert_eq!(browser.credentials().session.unwrap().id, running.id, "everything is traced already");
}

#[test]
fn forms_of_others_do_nothing() {
    let mut browser = Browser::signed_in();
    let id = browser.credentials().identity.unwrap().id;
    let now = clock::unix_seconds();
    let csrf = |identity: Id, expiry: u64| Csrf { identity, expiry };
    let keys = Arc::clone(&browser.console.keys);
    let good = csrf(id, now + 60).seal(&keys);
    for token in [
        String::new(),
        csrf(Id::from_bytes([9; 16]), now + 60).seal(&keys),
        csrf(id, now - 1).seal(&keys),
        Identity { expiry: now + 60, ..browser.credentials().identity.unwrap() }.seal(&keys),
    ] {
        assert_eq!(browser.post(START, &format!("csrf={token}")).status(), StatusCode::FORBIDDEN);
    }
    for (name, value, expect) in [
        ("sec-fetch-site", "cross-site", StatusCode::FORBIDDEN),
        ("sec-fetch-site", "same-site", StatusCode::FORBIDDEN),
        ("origin", "http://evil.example", StatusCode::FORBIDDEN),
        ("origin", "https://app.example:8080", StatusCode::FORBIDDEN),
        ("origin", "http://app.example:9090", StatusCode::FORBIDDEN),
        ("origin", "http://app.example:8080", StatusCode::SEE_OTHER),
        ("origin", "null", StatusCode::FORBIDDEN),
        ("sec-fetch-site", "same-origin", StatusCode::SEE_OTHER),
    ] {
        let request = Request::post(START).header("host", "app.example:8080").header(name, value);
        let response = browser.send(&request.body(Bytes::from(format!("csrf={good}"))).unwrap());
        assert_eq!(response.status(), expect, "{name}: {value}");
    }
    let link = browser.link(7, "Eve");
    for origin in ["http://evil.example", "null"] {
        let foreign = Request::post(&link).header("origin", origin).body(Bytes::new()).unwrap();
        assert_eq!(browser.send(&foreign).status(), StatusCode::FORBIDDEN, "nobody is signed in by another site");
    }
}

#[test]
fn guessers_must_wait() {
    let mut browser = Browser::new(SignIn::Public);
    let statuses: Vec<_> = (0..30).map(|_| browser.post(SIGN_IN, "token=guess").status()).collect();
    assert_eq!(statuses[0], StatusCode::FORBIDDEN);
    // The minute may turn once in between.
    assert!(statuses.contains(&StatusCode::TOO_MANY_REQUESTS));
    assert!(browser.console.counters.tokens_refused.value() >= 10);
}

#[test]
fn every_page_is_closed_to_scripts_frames_and_caches() {
    let mut browser = Browser::signed_in();
    let link = browser.link(8, "Ada");
    for path in [PLAIN, &link, SIGN_IN, "/_waylight", "/_waylight/nothing", START] {
        let response = browser.get(path);
        let headers = response.headers();
        assert_eq!(headers[CACHE_CONTROL], "no-store", "{path}");
        assert_eq!(headers["referrer-policy"], "strict-origin", "{path}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        let policy = headers["content-security-policy"].to_str().unwrap();
        for part in ["default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "style-src 'sha256-"] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        let page = text(&response);
        assert!(!page.contains("<script") && !page.contains("style=\"") && !page.contains(" onclick"), "{path}");
    }
    let secure = Visit { scheme: Scheme::Https, ..browser.visit() };
    let asked = Request::get(&link).body(Bytes::new()).unwrap();
    let answer = futures(api::testing::read(browser.console.answer(&asked, &secure)));
    assert_eq!(
        answer.headers()["referrer-policy"],
        "no-referrer",
        "where browsers say by themselves where a form is from"
    );
    assert_eq!(browser.get("/_waylight").status(), StatusCode::PERMANENT_REDIRECT);
    assert_eq!(browser.get("/_waylight/nothing").status(), StatusCode::NOT_FOUND);
    let refused = browser.get(START);
    assert_eq!(
        (refused.status(), &refused.headers()[ALLOW]),
        (StatusCode::METHOD_NOT_ALLOWED, &HeaderValue::from_static("POST"))
    );
}

#[test]
fn the_console_is_one_page_under_a_strict_policy() {
    let mut browser = Browser::signed_in();
    let home = browser.get(HOME);
    for path in [HOME, "/_waylight/logs", "/_waylight/logs/0123", "/_waylight/t/0123", "/_waylight/settings/audit"] {
        let page = browser.get(path);
        assert_eq!((page.status(), page.body()), (StatusCode::OK, home.body()), "{path}");
        let headers = page.headers();
        assert_eq!(headers[CACHE_CONTROL], "no-store", "{path}");
        let policy = headers["content-security-policy"].to_str().unwrap();
        for part in [
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; \
             require-trusted-types-for 'script'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(part), "{policy}");
        }
    }
    let page = text(&home);
    let script = page.split("type=\"module\" src=\"").nth(1).unwrap().split('"').next().unwrap();
    let asset = browser.get(script);
    assert_eq!(
        (asset.status(), &asset.headers()["x-content-type-options"]),
        (StatusCode::OK, &HeaderValue::from_static("nosniff"))
    );
    assert!(asset.headers()[CACHE_CONTROL].to_str().unwrap().contains("private"), "the cookie decides who gets it");
}

#[test]
fn a_full_house_says_so() {
    let mut browser = Browser::signed_in();
    for number in 0..100_u8 {
        let session = Session {
            id: Id::from_bytes([number; 16]),
            identity: Id::from_bytes([0; 16]),
            host: String::new(),
            expiry: u64::MAX,
            spans_max: 1,
            requests_max: 1,
            kind: SessionKind::Session,
        };
        let whose = browser.credentials().identity.unwrap();
        browser.console.sessions.meter(&session, &whose, 0).unwrap();
    }
    assert_eq!(browser.press(START, "").status(), StatusCode::SERVICE_UNAVAILABLE);
}

/// Somebody with this role, by a cookie.
fn somebody(role: Role) -> Browser {
    let mut browser = Browser::new(SignIn::Admin);
    browser.become_one(role);
    browser
}

impl Browser {
    fn become_one(&mut self, role: Role) {
        let now = clock::unix_seconds();
        let id = Id::from_bytes([role as u8 + 100; 16]);
        let (name, host) = (String::from("Bob"), String::from("app.example"));
        let who = Identity { id, name, role, way: Way::Link, host, issued: now, expiry: now + 600 };
        let cookie = session::cookie(Scheme::Http, &self.console.keys, &who, None, now);
        self.cookie = Some(HeaderValue::try_from(cookie.to_str().unwrap().split(';').next().unwrap()).unwrap());
    }

    /// A form with its hidden token, whether or not the page shows one.
    fn force(&mut self, path: &str, form: &str) -> Response<Bytes> {
        let who = self.credentials().identity.unwrap();
        let csrf = Csrf { identity: who.id, expiry: who.expiry }.seal(&self.console.keys);
        self.post(path, &format!("csrf={csrf}&{form}"))
    }

    fn audit(&self) -> Vec<(Deed, String, String)> {
        let entries = self.console.audit.recent(100).unwrap();
        entries.into_iter().map(|entry| (entry.deed, entry.person, entry.subject)).collect()
    }

    fn claims_with(&self, path: &str, headers: &[(&'static str, &str)], trust: PeerTrust) -> Option<Identity> {
        let mut visit = Visit { peer_trust: trust, ..self.visit() };
        let headers = headers
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::try_from(*value).unwrap()));
        let claims = self.console.claims(&path.parse().unwrap(), &headers.collect(), &mut visit);
        visit.credentials.identity.filter(|_| claims)
    }
}

#[test]
fn every_endpoint_against_every_role() {
    let stranger = Browser::new(SignIn::Admin);
    let public = Browser::new(SignIn::Public);
    for endpoint in endpoints::ENDPOINTS {
        let path = &*endpoint.path.replace("/_waylight/assets/*", &assets::path("main.js", None));
        assert!(!stranger.claims(path), "a stranger: {path}");
        let open = matches!(endpoint.who, Who::Entrance | Who::SignedIn | Who::Screen);
        assert_eq!(public.claims(path), open, "a stranger, where sign-in is public: {path}");
        for role in Role::ALL {
            let mut browser = somebody(role);
            let admitted = endpoint.who.admits(role);
            // A guest is a stranger to all that he may not use; others know that the pages exist.
            assert_eq!(browser.claims(path), admitted || role > Role::Guest, "{role}: {path}");
            if !browser.claims(path) {
                continue;
            }
            let method = endpoint.methods.rsplit(", ").next().unwrap();
            let before = browser.audit();
            let response = match method {
                "POST" => browser.force(path, "path=/&minutes=1&requests=1&person=Eve"),
                _ => browser.get(path),
            };
            let done = response.status().is_success() || response.status().is_redirection();
            if !admitted {
                assert_eq!(response.status(), StatusCode::FORBIDDEN, "{role}: {path}");
                assert_eq!(browser.audit(), before, "{role} changed something: {path}");
            } else if path == REVOKE && role == Role::Tracer {
                assert_eq!(response.status(), StatusCode::FORBIDDEN, "a tracer ends what is his own, and no person");
                assert_eq!(browser.audit(), before);
            } else if !matches!(endpoint.who, Who::Entrance) && path != COMMAND {
                assert!(done, "{role}: {path}: {}", response.status());
            }
        }
    }
    for path in ["/_waylight/unknown", "/_waylight/assets/x.css", "/_waylight/api/v1/me"] {
        assert!(!stranger.claims(path) && !public.claims(path) && !somebody(Role::Guest).claims(path), "{path}");
        assert!(somebody(Role::Viewer).claims(path), "{path}");
    }
}

#[test]
fn a_visitor_is_told_agrees_and_is_traced_so_long() {
    let mut maker = somebody(Role::Tracer);
    let page = text(&maker.press(INVITE, "path=%2Fcart%3Fa%3D1&minutes=5&requests=2"));
    let link = page.split("<pre class=\"link\">").nth(1).unwrap().split("</pre>").next().unwrap();
    let target = link.strip_prefix("http://app.example:8080").unwrap().to_owned();
    let mut visitor = Browser { console: maker.console, cookie: None };
    assert!(visitor.claims(&target));
    for _ in 0..2 {
        let page = text(&visitor.get(&target));
        for told in ["Bob", "5 minutes", "2 requests", "/cart?a=1", "I agree"] {
            assert!(page.contains(told), "{told}: {page}");
        }
    }
    let request = Request::post(&target).header("sec-fetch-site", "cross-site").body(Bytes::new()).unwrap();
    assert_eq!(visitor.send(&request).status(), StatusCode::FORBIDDEN, "nobody agrees for him");
    assert_eq!(visitor.credentials().session, None, "nothing happened so far");
    assert_eq!(leads_to(&visitor.post(&target, "")), "/cart?a=1");
    let Credentials { identity: Some(guest), session: Some(session), .. } = visitor.credentials() else {
        panic!("he is traced")
    };
    assert_eq!((guest.role, session.kind, session.requests_max), (Role::Guest, SessionKind::Guest, 2));
    assert!(session.expiry <= clock::unix_seconds() + 300 && guest.expiry == session.expiry);
    assert!(visitor.console.sessions.take_request(session.id) && visitor.console.sessions.take_request(session.id));
    assert!(!visitor.console.sessions.take_request(session.id), "so many");
    let page = text(&visitor.get(HOME));
    assert!(
        page.contains("no longer traced") && page.contains("2 of 2") && !page.contains("Make a trace link"),
        "{page}"
    );
    let kept = visitor.cookie.clone();
    let again = visitor.post(&target, "");
    assert_eq!((again.status(), visitor.get(&target).status()), (StatusCode::GONE, StatusCode::GONE), "once");
    // Whoever asked sees it.
    visitor.become_one(Role::Tracer);
    assert!(text(&visitor.get(PLAIN)).contains("A visitor of <b>app.example</b>"));
    visitor.cookie.clone_from(&kept);
    assert_eq!(leads_to(&visitor.press(STOP, "")), "/");
    assert_eq!(visitor.cookie, None);
    visitor.cookie = kept;
    assert_eq!(visitor.credentials(), Credentials::default(), "for good");
    let deeds: Vec<_> = visitor.audit().into_iter().map(|(deed, ..)| deed).collect();
    assert_eq!(deeds, [Deed::SessionStop, Deed::TraceLinkUsed, Deed::TraceLinkMade]);
}

#[test]
fn invitations_are_bounded() {
    let maker = somebody(Role::Tracer);
    let wished = |path: &str| Invitation { path: path.into(), seconds: u64::MAX, requests_max: u64::MAX };
    let link = maker.console.trace_link(&maker.visit(), "http://app.example", &wished("/a")).unwrap();
    let token = link.split_once("token=").unwrap().1;
    let made = maker.console.visit_link(token, "app.example").unwrap();
    let access = &maker.console.access;
    assert_eq!((made.seconds, made.requests_max), (access.guest_ttl.as_secs(), access.guest_requests_max));
    for path in ["//evil.example", "a", "/_waylight/", &"/x".repeat(700)] {
        let denied = maker.console.trace_link(&maker.visit(), "", &wished(path));
        assert!(matches!(denied, Err(Denied::Unfit(_))), "{path}");
    }
    maker.console.sessions.revoke_person("Bob", clock::unix_seconds()).unwrap();
    assert_eq!(maker.console.visit_link(token, "app.example"), None, "with whoever made it");
}

#[test]
fn people_and_sessions_are_revoked() {
    let mut tracer = somebody(Role::Tracer);
    tracer.press(START, "");
    let session = tracer.credentials().session.unwrap();
    let mut admin = Browser { console: tracer.console, cookie: None };
    admin.become_one(Role::Admin);
    let page = text(&admin.get(PEOPLE));
    assert!(page.contains(&session.id.to_string()), "{page}");
    assert_eq!(leads_to(&admin.force(REVOKE, &format!("session={}", session.id))), PEOPLE);
    assert!(admin.console.sessions.is_revoked(session.id));
    for form in ["", "session=x", "session=&person=", &format!("session={}&person=Bob", session.id)] {
        assert_eq!(admin.force(REVOKE, form).status(), StatusCode::UNPROCESSABLE_ENTITY, "{form}");
    }
    for form in ["", "session=x", &format!("session={}&person=Bob", session.id)] {
        assert_eq!(admin.force(ERASE, form).status(), StatusCode::UNPROCESSABLE_ENTITY, "{form}");
    }
    assert!(text(&admin.force(ERASE, "person=Bob")).contains("0 stored requests"));
    assert_eq!(admin.audit()[0], (Deed::Erase, "Bob".into(), "person Bob".into()));
    assert_eq!(leads_to(&admin.force(REVOKE, "person=Bob")), PEOPLE);
    assert_eq!(admin.credentials(), Credentials::default(), "he himself, too: his name is Bob");
    assert_eq!(admin.audit()[0], (Deed::Revoke, "Bob".into(), "person Bob".into()));
}

#[test]
fn what_cannot_be_written_down_is_not_done() {
    struct Full;
    impl AuditLog for Full {
        fn append(&self, _: &str) -> Result<(), crate::error::BoxError> {
            Err("disk full".into())
        }
        fn recent(&self, _: usize) -> Result<Vec<String>, crate::error::BoxError> {
            Ok(Vec::new())
        }
    }
    let mut browser = somebody(Role::Admin);
    browser.press(START, "");
    let session = browser.credentials().session.unwrap();
    browser.console.audit = Arc::new(Audit::new(Box::new(Full), Arc::clone(&browser.console.counters)));
    let failed = StatusCode::SERVICE_UNAVAILABLE;
    assert_eq!(browser.force(INVITE, "path=/&minutes=1&requests=1").status(), failed);
    assert_eq!(browser.force(STOP, "").status(), StatusCode::SEE_OTHER, "what takes away is done");
    assert!(browser.console.sessions.is_revoked(session.id));
    assert_eq!(browser.force(START, "").status(), failed);
    assert_eq!(browser.credentials().session, None);
    let link = browser.link(50, "Ada");
    browser.cookie = None;
    assert_eq!(browser.post(&link, "").status(), failed);
    assert_eq!(browser.cookie, None, "nobody signed in");
    assert_eq!(browser.console.counters.audit_failed.value(), 4);
}

const TOKEN: &str = "a named token of thirty-two characters, at least";

fn named() -> Browser {
    let mut browser = Browser::new(SignIn::Public);
    let token = NamedToken {
        name: "ci".into(),
        role: Role::Viewer,
        token: crate::config::model::Secret::new(TOKEN),
        hosts: vec![crate::rules::route::HostPattern::parse("app.example").unwrap()],
    };
    browser.console.tokens = Tokens::new(&[token]);
    browser
}

#[test]
fn a_named_token_counts_at_the_api_and_on_the_sign_in_page() {
    let mut browser = named();
    let api = "/_waylight/api/v1/me";
    let bearer = format!("Bearer {TOKEN}");
    let come = |browser: &Browser, path: &str, value: &str| {
        browser.claims_with(path, &[("authorization", value)], PeerTrust::Unknown).map(|who| (who.name, who.role))
    };
    assert_eq!(come(&browser, api, &bearer), Some(("ci".into(), Role::Viewer)));
    assert_eq!(come(&browser, PEOPLE, &bearer), None, "not on the pages");
    assert_eq!(come(&browser, "/", &bearer), None, "not at the app");
    assert_eq!(come(&browser, api, "Bearer nothing"), None);
    assert_eq!(come(&browser, api, &format!("Basic {TOKEN}")), None);
    let response = browser.post(SIGN_IN, &format!("token={}", TOKEN.replace(' ', "+")));
    assert_eq!(leads_to(&response), HOME);
    let who = browser.credentials().identity.unwrap();
    assert_eq!((who.name.as_str(), who.role, who.way), ("ci", Role::Viewer, Way::Token));
    assert!(browser.claims(START) && browser.press(SIGN_OUT, "").status() == StatusCode::SEE_OTHER);
    browser.post(SIGN_IN, &format!("token={}", TOKEN.replace(' ', "+")));
    browser.console.tokens = Tokens::new(&[]);
    assert!(!browser.claims(START), "taken out of the file, it ends");
}

#[test]
fn what_a_bearer_token_began_goes_on_with_its_session_only() {
    let mut browser = named();
    let (api, bearer) = ("/_waylight/api/v1/me", &*format!("Bearer {TOKEN}"));
    let come = |browser: &Browser, headers: &[(&'static str, &str)]| {
        browser.claims_with(api, headers, PeerTrust::Unknown).map(|who| who.name)
    };
    let who = browser.claims_with(api, &[("authorization", bearer)], PeerTrust::Unknown).unwrap();
    let now = clock::unix_seconds();
    let session = browser.console.new_session(&browser.visit(), &who, SessionKind::Session, now).ok().unwrap();
    browser.keep(&who, Some(&session));
    assert_eq!(come(&browser, &[]), Some("ci".into()));
    browser.console.sessions.revoke(session.id, session.expiry, now).unwrap();
    assert_eq!(come(&browser, &[]), None, "the cookie of a page is no bearer token");
    assert_eq!(come(&browser, &[("authorization", bearer)]), Some("ci".into()));
    browser.keep(&who, None);
    assert_eq!(come(&browser, &[]), None);
}

#[test]
fn bearer_tokens_cannot_be_guessed_for_long() {
    let browser = named();
    let come = |value: &str| {
        browser.claims_with("/_waylight/api/x", &[("authorization", value)], PeerTrust::Unknown).is_some()
    };
    let bearer = format!("Bearer {TOKEN}");
    assert!(come(&bearer));
    // The minute may turn once in between.
    assert!((0..30).any(|number| !come(&format!("Bearer guess {number}")) && !come(&bearer)));
}

#[test]
fn a_proxy_is_believed_if_it_is_trusted() {
    let mut browser = Browser::new(SignIn::Admin);
    let name = http::HeaderName::from_static;
    browser.console.access.forward_auth =
        Some(Proof { user: name("x-user"), role: Some(name("x-role")), groups: None, mapping: Mapping::default() });
    let ada = [("x-user", "ada"), ("x-role", "tracer")];
    let come = |browser: &Browser, headers: &[(&'static str, &str)], trust: PeerTrust| {
        browser.claims_with(HOME, headers, trust).map(|who| (who.name, who.role, who.way))
    };
    assert_eq!(come(&browser, &ada, PeerTrust::Trusted), Some(("ada".into(), Role::Tracer, Way::Proxy)));
    assert_eq!(come(&browser, &ada, PeerTrust::Unknown), None, "anybody can send a header");
    assert_eq!(come(&browser, &[("x-user", "ada")], PeerTrust::Trusted), None, "no role");
    assert_eq!(come(&browser, &[], PeerTrust::Trusted), None);
    // The cookie of a session he started says who it is, but the proxy has to say it, too.
    let who = browser.claims_with(HOME, &ada, PeerTrust::Trusted).unwrap();
    browser.keep(&who, None);
    assert_eq!(come(&browser, &[], PeerTrust::Trusted), None, "signed out there");
    let other = [("x-user", "bob"), ("x-role", "viewer")];
    assert_eq!(come(&browser, &other, PeerTrust::Trusted).unwrap().0, "bob", "the proxy is right");
    browser.console.sessions.revoke_id(who.id, clock::unix_seconds()).unwrap();
    assert_eq!(come(&browser, &ada, PeerTrust::Trusted), None, "revoked by himself, he stays out");
    let (sessions, now) = (&browser.console.sessions, clock::unix_seconds());
    sessions.revoke_person("bob", now).unwrap();
    assert_eq!(come(&browser, &other, PeerTrust::Trusted), None, "his name was revoked");
    assert!(sessions.lift_person("bob", now).unwrap());
    assert_eq!(come(&browser, &other, PeerTrust::Trusted).unwrap().0, "bob");
}

#[test]
fn the_admin_listener_shows_its_sign_in_page_and_nothing_more() {
    let browser = Browser::new(SignIn::Admin);
    for endpoint in endpoints::ENDPOINTS {
        let mut visit = Visit { door: Door::Admin, ..browser.visit() };
        let claims = browser.console.claims(&endpoint.path.parse().unwrap(), &HeaderMap::new(), &mut visit);
        assert_eq!(claims, matches!(endpoint.who, Who::Entrance | Who::SignedIn | Who::Screen), "{}", endpoint.path);
    }
}

#[test]
fn a_tracer_stops_his_own_guest() {
    let mut tracer = somebody(Role::Tracer);
    let wished = Invitation { path: "/".into(), seconds: 60, requests_max: 5 };
    let link = tracer.console.trace_link(&tracer.visit(), "http://app.example", &wished).unwrap();
    let own = tracer.cookie.take();
    let target = link.strip_prefix("http://app.example").unwrap().to_owned();
    assert_eq!(leads_to(&tracer.post(&target, "")), "/");
    let guest = tracer.credentials().session.unwrap();
    tracer.cookie = own;
    assert_eq!(leads_to(&tracer.press(REVOKE, &format!("session={}", guest.id))), PLAIN);
    assert!(tracer.console.sessions.is_revoked(guest.id));
    assert_eq!(tracer.press(REVOKE, "person=Bob").status(), StatusCode::FORBIDDEN, "no more than that");
}

#[test]
fn on_a_site_a_person_has_his_own_session_and_no_more() {
    let mut admin = somebody(Role::Admin);
    admin.console.access.on_site = crate::config::model::Scope::Session;
    let page = text(&admin.get(PLAIN));
    assert!(page.contains("The whole console is at console.example."), "{page}");
    assert!(!page.contains(INVITE) && !page.contains(PEOPLE), "{page}");
    assert_eq!(leads_to(&admin.press(START, "")), PLAIN);
    assert_eq!(leads_to(&admin.press(STOP, "")), PLAIN);
    for (path, form) in [(INVITE, "path=/&minutes=1&requests=1"), (REVOKE, "person=Bob"), (ERASE, "person=Bob")] {
        let refused = admin.press(path, form);
        assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{path}");
        assert!(text(&refused).contains("the whole console is at console.example"), "{path}");
    }
    assert_eq!(admin.get(PEOPLE).status(), StatusCode::FORBIDDEN);
}

#[test]
fn elsewhere_a_trace_link_is_for_a_site_that_is_named() {
    let admin = somebody(Role::Admin);
    let visit = Visit { door: Door::Console, ..admin.visit() };
    let csrf = Csrf { identity: visit.credentials.identity.as_ref().unwrap().id, expiry: clock::unix_seconds() + 60 };
    let csrf = csrf.seal(&admin.console.keys);
    let ask = |site: &str| {
        let form = format!("csrf={csrf}&path=/cart&minutes=1&requests=1&site={site}");
        let request = Request::post(INVITE).header("host", "app.example").body(Bytes::from(form)).unwrap();
        let answer = futures(api::testing::read(admin.console.answer(&request, &visit)));
        (answer.status(), text(&answer))
    };
    let (status, page) = ask("https://shop.example:8443/");
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("https://shop.example:8443/_waylight/trace?token="), "{page}");
    for site in ["", "shop.example", "ftp://shop.example", "https://shop.example/a", "https://a@shop.example"] {
        assert_eq!(ask(site).0, StatusCode::UNPROCESSABLE_ENTITY, "{site}");
    }
}

#[test]
fn a_pages_token_does_one_command_and_leads_back() {
    let mut browser = Browser::signed_in();
    let now = clock::unix_seconds();
    let command = |browser: &Browser, nonce: u8, act: &str, to: &str| {
        let identity = browser.credentials().identity.unwrap().id;
        let nonce = Id::from_bytes([100 + nonce; 16]);
        let token = Navigation { nonce, identity, expiry: now + 600, host: "app.example" }.seal(&browser.console.keys);
        format!("{COMMAND}?do={act}&to={to}&token={token}")
    };
    let start = command(&browser, 1, "start", "/a%3Fb=c");
    assert_eq!(leads_to(&browser.get(&start)), "/a?b=c");
    let first = browser.credentials().session.unwrap();
    assert_eq!(first.kind, SessionKind::Session);
    assert_eq!(browser.get(&start).status(), StatusCode::FORBIDDEN, "once");
    let restart = command(&browser, 2, "restart", "/");
    assert_eq!(leads_to(&browser.get(&restart)), "/");
    assert_ne!(browser.credentials().session.unwrap().id, first.id);
    let stop = command(&browser, 3, "stop", "/");
    let foreign = Request::get(&stop).header("sec-fetch-site", "cross-site").body(Bytes::new()).unwrap();
    assert_eq!(browser.send(&foreign).status(), StatusCode::FORBIDDEN);
    assert_eq!(leads_to(&browser.get(&stop)), "/");
    assert_eq!(browser.credentials().session, None);
    let page = command(&browser, 4, "page", "/p");
    assert_eq!(leads_to(&browser.get(&page)), "/p");
    assert_eq!(browser.credentials().session.unwrap().kind, SessionKind::Page);
    for (act, to) in [("start", "//other.example"), ("start", "/_waylight/"), ("start", ""), ("sign-out", "/")] {
        let path = command(&browser, 5, act, to);
        assert_eq!(browser.get(&path).status(), StatusCode::UNPROCESSABLE_ENTITY, "{act} {to}");
    }
    // Somebody else's, in the same browser.
    let path = command(&browser, 6, "start", "/");
    let link = browser.link(9, "Bob");
    browser.post(&link, "");
    assert_eq!(browser.get(&path).status(), StatusCode::FORBIDDEN);
}
