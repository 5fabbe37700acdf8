//! The door: who is claimed, and that answers come back.

use bytes::Bytes;
use http::{Request, StatusCode};
use tokio::sync::oneshot;

use super::*;
use crate::{
    config::model::{Access, Config, Scheme, SignIn, Toggle},
    console::{
        Parts,
        api::Shelf,
        audit::{self, Audit},
    },
    rules::{headers::forwarded::PeerTrust, session::Credentials, token::Keys},
    trace::sessions::{Ephemeral, Sessions},
};

fn console(sign_in: SignIn) -> Arc<Console> {
    let (upstream, listen) = ("http://127.0.0.1:1".parse().unwrap(), ([127, 0, 0, 1], 0).into());
    let config = Config::minimal(&upstream, listen).unwrap();
    let access = Access { sign_in, ..config.access };
    let keys = Arc::new(Keys::new(&["a secret of some length"]).unwrap());
    let sessions = Arc::new(Sessions::new(10, Box::new(Ephemeral), []));
    let audit = Arc::new(Audit::new(Box::new(audit::Ephemeral::default()), Arc::default()));
    let parts = Parts { keys, sessions, audit, counters: Arc::default(), shelf: Shelf::bare() };
    Arc::new(Console::new(parts, access, config.privacy))
}

fn facts() -> Facts {
    Facts {
        host: "app.example".into(),
        scheme: Scheme::Https,
        client: [192, 0, 2, 1].into(),
        peer_trust: PeerTrust::Unknown,
        console: Toggle::Off,
        credentials: Credentials::default(),
    }
}

#[tokio::test]
async fn a_call_is_answered_until_the_last_door_is_gone() {
    let (door, answering) = open(console(SignIn::Public), watch::Sender::new(false).subscribe(), Arc::default());
    let request = Request::get("/_waylight/").body(Bytes::new()).unwrap();
    let (head, body) = request.into_parts();
    assert!(door.pages.claims(&head.uri, &head.headers, &mut facts()));
    let (reply, answer) = oneshot::channel();
    let call = Call { request: Request::from_parts(head, body), facts: facts(), reply };
    door.calls.send(call).await.unwrap();
    drop(door);
    answering.await;
    assert_eq!(answer.await.unwrap().status(), StatusCode::OK);
}

#[test]
fn a_stranger_is_not_claimed() {
    let (door, _answering) = open(console(SignIn::Admin), watch::Sender::new(false).subscribe(), Arc::default());
    let (head, ()) = Request::get("/_waylight/").body(()).unwrap().into_parts();
    assert!(!door.pages.claims(&head.uri, &head.headers, &mut facts()));
}
