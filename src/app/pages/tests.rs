//! The door: who is claimed, and that answers come back.

use bytes::Bytes;
use http::{Request, StatusCode};
use tokio::sync::oneshot;

use super::*;
use crate::{
    config::model::{Access, Scheme, SignIn},
    rules::{session::Credentials, token::Keys},
    trace::sessions::{Ephemeral, Sessions},
};

fn console(sign_in: SignIn) -> Arc<Console> {
    let access = Access {
        secrets: Vec::new(),
        trusted_proxies: Vec::new(),
        sign_in,
        link_ttl: std::time::Duration::from_secs(600),
        identity_ttl: std::time::Duration::from_secs(3600),
        session_ttl: std::time::Duration::from_secs(1800),
        session_spans_max: 1000,
        force_ttl: std::time::Duration::from_secs(60),
    };
    let keys = Arc::new(Keys::new(&["a secret of some length"]).unwrap());
    let sessions = Arc::new(Sessions::new(10, Box::new(Ephemeral), []));
    Arc::new(Console::new(keys, sessions, access, Arc::default()))
}

fn facts() -> Facts {
    Facts {
        host: "app.example".into(),
        scheme: Scheme::Https,
        client: [192, 0, 2, 1].into(),
        credentials: Credentials::default(),
    }
}

#[tokio::test]
async fn a_call_is_answered_until_the_last_door_is_gone() {
    let (door, answering) = open(console(SignIn::Public));
    let request = Request::get("/_waylight/").body(Bytes::new()).unwrap();
    let (head, body) = request.into_parts();
    assert!(door.pages.claims(&head.uri, &facts()));
    let (reply, answer) = oneshot::channel();
    let call = Call { request: Request::from_parts(head, body), facts: facts(), reply };
    door.calls.send(call).await.unwrap();
    drop(door);
    answering.await;
    assert_eq!(answer.await.unwrap().status(), StatusCode::OK);
}

#[test]
fn a_stranger_is_not_claimed() {
    let (door, _answering) = open(console(SignIn::Admin));
    let (head, ()) = Request::get("/_waylight/").body(()).unwrap().into_parts();
    assert!(!door.pages.claims(&head.uri, &facts()));
}
