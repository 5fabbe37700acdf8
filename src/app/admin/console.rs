//! The console at the admin listener: the same pages, for whoever signs in here.

use std::net::{IpAddr, Ipv4Addr};

use http::{Request, StatusCode, header::HOST};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use tokio::sync::mpsc;

use super::{Admin, Answer, socket::Peer, text};
use crate::{
    app::pages::Rest,
    config::model::Scheme,
    console::{Door, Visit},
    rules::{headers::forwarded::PeerTrust, session::Credentials},
};

impl Admin {
    /// Answers a request to the console's pages, whose host was looked at.
    pub(super) async fn console(&self, request: Request<Incoming>, peer: Peer, rest: &mpsc::Sender<Rest>) -> Answer {
        let console = std::sync::Arc::clone(&self.instance.running.borrow().console);
        let (head, body) = request.into_parts();
        let asked = head.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let host = asked.parse::<http::uri::Authority>().map_or_else(|_| String::new(), |host| host.host().to_owned());
        let client = match peer {
            Peer::Tcp(client) => client,
            Peer::Unix => IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        let mut visit = Visit {
            host: host.to_ascii_lowercase(),
            scheme: Scheme::Http,
            client,
            peer_trust: PeerTrust::Unknown,
            door: Door::Admin,
            credentials: Credentials::default(),
        };
        console.recognise(&head.headers, &mut visit);
        if !console.claims(&head.uri, &head.headers, &mut visit) {
            return text(StatusCode::NOT_FOUND, "no such page; sign in at /_waylight/");
        }
        let Ok(body) = Limited::new(body, console.body_bytes_max(head.uri.path(), &visit)).collect().await else {
            return text(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large");
        };
        let answered = console.answer(&Request::from_parts(head, body.to_bytes()), &visit).await;
        if let Some(left) = answered.rest {
            // There is one answer a connection, and room for one.
            rest.try_send(left).ok();
        }
        answered.response
    }
}
