//! The console: who is answered, what each form does, and what every answer carries.

use http::header::{CACHE_CONTROL, COOKIE, SET_COOKIE};

use super::{
    endpoints::{PAGE, RESTART, SIGN_OUT, START, STOP},
    *,
};
use crate::{
    clock,
    config::model::Config,
    rules::{
        access::Role,
        session::{Csrf, Id, Identity, Session, SessionKind, SignInLink},
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
        let parts = Parts { keys, sessions, audit, counters: Arc::default() };
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
        let response = futures(self.console.answer(request, &visit));
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
        let page = text(&self.get(HOME));
        let csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        self.post(path, &format!("csrf={csrf}&{form}"))
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
    assert!(text(&browser.get(HOME)).contains("Not tracing"));
    assert_eq!(leads_to(&browser.press(START, "")), HOME);
    let first = browser.credentials().session.unwrap();
    assert_eq!((first.kind, first.host.as_str()), (SessionKind::Session, "app.example"));
    let whose = browser.credentials().identity.unwrap();
    let meter = browser.console.sessions.meter(&first, &whose, 0).unwrap();
    meter.fetch_add(2345, std::sync::atomic::Ordering::Relaxed);
    let page = text(&browser.get(HOME));
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
    assert_eq!(leads_to(&browser.press(STOP, "")), HOME);
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
        ("origin", "null", StatusCode::SEE_OTHER),
        ("sec-fetch-site", "same-origin", StatusCode::SEE_OTHER),
    ] {
        let request = Request::post(START).header("host", "app.example:8080").header(name, value);
        let response = browser.send(&request.body(Bytes::from(format!("csrf={good}"))).unwrap());
        assert_eq!(response.status(), expect, "{name}: {value}");
    }
    let link = browser.link(7, "Eve");
    let foreign = Request::post(&link).header("origin", "http://evil.example").body(Bytes::new()).unwrap();
    assert_eq!(browser.send(&foreign).status(), StatusCode::FORBIDDEN, "nobody is signed in by another site");
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
    for path in [HOME, &link, SIGN_IN, "/_waylight", "/_waylight/nothing", START] {
        let response = browser.get(path);
        let headers = response.headers();
        assert_eq!(headers[CACHE_CONTROL], "no-store", "{path}");
        assert_eq!(headers["referrer-policy"], "no-referrer", "{path}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        let policy = headers["content-security-policy"].to_str().unwrap();
        for part in ["default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "style-src 'sha256-"] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        let page = text(&response);
        assert!(!page.contains("<script") && !page.contains("style=\"") && !page.contains(" onclick"), "{path}");
    }
    assert_eq!(browser.get("/_waylight").status(), StatusCode::PERMANENT_REDIRECT);
    assert_eq!(browser.get("/_waylight/nothing").status(), StatusCode::NOT_FOUND);
    let refused = browser.get(START);
    assert_eq!(
        (refused.status(), &refused.headers()[ALLOW]),
        (StatusCode::METHOD_NOT_ALLOWED, &HeaderValue::from_static("POST"))
    );
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
