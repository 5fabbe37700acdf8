//! Where somebody asks: what a cookie reaches on a site's own origin, and what it reaches where nobody's script but ours
//! runs.

use super::*;
use crate::{
    console::{scope::Reach, ways::request_id},
    rules::session::{Session, SessionKind},
};

/// Another trace than that of the first row, and a request of it.
const OTHER: &str = "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b";

const PLACES: [(Door, Scope); 4] = [
    (Door::Site, Scope::Session),
    (Door::Site, Scope::All),
    (Door::Console, Scope::Session),
    (Door::Admin, Scope::Session),
];

/// Somebody of this role, at a place.
fn at(door: Door, role: Option<Role>) -> Visit {
    Visit { door, ..Desk::visit(role) }
}

impl Desk {
    /// Asks as a tracer with a cookie, on a site's own origin.
    async fn ask(&self, path: &str) -> (u16, Value) {
        let request = Request::get(format!("{BASE}{path}")).body(Bytes::new()).unwrap();
        let answer = reading::read(self.console.answer(&request, &at(Door::Site, Some(Role::Tracer)))).await;
        (answer.status().as_u16(), parsed(&answer))
    }

    /// Keeps requests.
    async fn keep(&self, rows: Vec<RequestRow>) {
        self.console.shelf.store().ok().unwrap().write_requests(rows).await.unwrap();
    }
}

/// A request of this browser's session, in the trace [`TRACE`].
fn mine(id: u128) -> RequestRow {
    RequestRow { id, identity: Some(Id::from_bytes([9; 16])), session: Some(Id::from_bytes([3; 16])), ..row() }
}

#[tokio::test]
async fn every_address_knows_where_it_is_asked() {
    for (door, on_site) in PLACES {
        for route in ROUTES {
            for role in [Role::Guest, Role::Viewer, Role::Tracer, Role::Admin] {
                let desk = Desk::on_site(on_site).await;
                let visit = at(door, Some(role));
                let scope = desk.console.scope(&visit);
                assert_eq!(scope == Scope::Session, (door, on_site) == (Door::Site, Scope::Session));
                let request = write(route.method.clone(), &filled(&desk, route.path), &json!({}));
                let status = desk.console.answer(&request, &visit).await.response.status().as_u16();
                let case = format!("{} {} as {role:?} at {door:?}, {on_site:?}: {status}", route.method, route.path);
                let Some(action) = route.action else {
                    assert_eq!(status, if route.path == "/spans" { 403 } else { 200 }, "{case}");
                    continue;
                };
                // The request and the trace are somebody else's; a session of that id is nobody's.
                let others = route.path.contains("{trace}") || route.path.starts_with("/requests/{id}");
                let foreign = others || route.path == "/sessions/{id}" && route.method == Method::DELETE;
                if !may(role, action) || scope == Scope::Session && (!scope.admits(action) || foreign) {
                    assert_eq!(status, 403, "{case}");
                } else if role == Role::Admin || route.path != "/sessions/{id}" {
                    assert!(![401, 403, 405].contains(&status), "{case}");
                }
            }
        }
    }
}

#[tokio::test]
async fn whoever_is_refused_for_the_place_is_told_the_right_one() {
    let desk = Desk::on_site(Scope::Session).await;
    let settings = Request::get(format!("{BASE}/settings")).body(Bytes::new()).unwrap();
    let refused = reading::read(desk.console.answer(&settings, &at(Door::Site, Some(Role::Admin)))).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    assert_eq!(parsed(&refused)["detail"], "the whole console is at console.example");
    let me = desk.ask("/me").await.1;
    assert_eq!((&me["scope"], &me["may"]), (&json!("session"), &json!(["stop", "read", "export", "trace"])));
    assert_eq!(me["elsewhere"], "the whole console is at console.example");
    let me = parsed(&desk.get("/me").await);
    assert_eq!((&me["scope"], &me["elsewhere"]), (&json!("all"), &Value::Null));
}

#[tokio::test]
async fn a_site_shows_a_browser_its_own_and_no_more() {
    let desk = Desk::on_site(Scope::Session).await;
    let (status, listed) = desk.ask("/requests").await;
    assert_eq!((status, &listed["items"], &listed["excluded_by"]), (200, &json!([]), &json!({})), "nothing is counted");
    assert_eq!(desk.ask("/sessions").await.1["kept"], json!([]));
    // The only request of the trace is replaced by one of this browser.
    desk.keep(vec![mine(0xab)]).await;
    let listed = desk.ask("/requests").await.1;
    assert_eq!(listed["items"][0]["id"], ROW);
    assert_eq!(desk.ask("/sessions").await.1["kept"][0]["id"], "03030303030303030303030303030303");
    let own = [
        format!("/requests/{ROW}"),
        format!("/traces/{TRACE}"),
        format!("/traces/{TRACE}/status"),
        format!("/traces/{TRACE}/runs"),
        format!("/traces/{TRACE}/expect?e=status=200"),
    ];
    let more = [format!("/traces/{TRACE}/spans/0000000000000002"), format!("/traces/{TRACE}?format=otlp")];
    for path in own.iter().chain(&more) {
        assert_eq!(desk.ask(path).await.0, 200, "{path}");
    }
    // Whoever names another's trace in a request of his own does not get to see it.
    desk.keep(vec![RequestRow { id: 0xac, ..row() }]).await;
    for path in own[1..].iter().chain(&more) {
        assert_eq!(desk.ask(path).await.0, 403, "{path}");
    }
    assert_eq!(desk.ask(&format!("/stream?topics=trace:{TRACE}")).await.0, 403);
    assert_eq!(desk.ask(&format!("/traces/{OTHER}/status")).await.0, 404, "nobody's, so far");
}

#[tokio::test]
async fn a_trace_that_is_still_recorded_is_its_sessions() {
    let desk = Desk::on_site(Scope::Session).await;
    let (trace, now) = (TraceId::from_hex(OTHER).unwrap(), clock::unix_seconds());
    let session = |id: u8, identity: u8| Session {
        id: Id::from_bytes([id; 16]),
        identity: Id::from_bytes([identity; 16]),
        host: "app.example".into(),
        expiry: now + 600,
        spans_max: 10,
        requests_max: 10,
        kind: SessionKind::Session,
    };
    let who = Desk::visit(Some(Role::Tracer)).credentials.identity.unwrap();
    desk.console.sessions.meter(&session(3, 9), &who, now).unwrap();
    desk.console.sessions.meter(&session(4, 8), &Identity { id: Id::from_bytes([8; 16]), ..who }, now).unwrap();
    let visit = at(Door::Site, Some(Role::Tracer));
    let reach = desk.console.reach(&visit);
    assert!(!desk.console.records(reach, trace));
    desk.console.sessions.owns(Id::from_bytes([3; 16]), trace);
    assert!(desk.console.records(reach, trace));
    let (status, told) = desk.ask(&format!("/traces/{OTHER}/status")).await;
    assert_eq!((status, &told["state"], &told["requests"]), (200, &json!("open"), &json!(0)), "nothing of it is over");
    let others = TraceId::from_hex("0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c").unwrap();
    desk.console.sessions.owns(Id::from_bytes([4; 16]), others);
    assert!(!desk.console.records(reach, others));
    let listed = desk.ask("/sessions").await.1;
    assert_eq!(listed["live"].as_array().unwrap().len(), 1, "{listed}");
}

#[tokio::test]
async fn whom_a_proxy_names_reaches_the_session_of_this_browser_only() {
    let desk = Desk::on_site(Scope::Session).await;
    let mut visit = at(Door::Site, Some(Role::Admin));
    let who = visit.credentials.identity.as_mut().unwrap();
    (who.way, who.id) = (Way::Proxy, request_id(Way::Proxy, "Ada"));
    assert_eq!(desk.console.reach(&visit), Reach::Nothing);
    let who = visit.credentials.identity.clone().unwrap();
    let session = desk.console.new_session(&visit, &who, SessionKind::Session, clock::unix_seconds()).ok();
    visit.credentials.session = session.clone();
    assert_eq!(desk.console.reach(&visit), Reach::Session(session.unwrap().id));
    // A bearer token comes of no page by itself.
    let who = visit.credentials.identity.as_mut().unwrap();
    (who.way, who.id) = (Way::Token, request_id(Way::Token, "Ada"));
    visit.credentials.session = None;
    assert_eq!(desk.console.reach(&visit), Reach::All);
}
