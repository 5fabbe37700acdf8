//! What comes before a final response, through the whole stack: 103 (Early Hints, RFC 8297) and 100 (Continue).

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use crate::support::{
    SITE,
    client::{Client, Protocol},
    edge::{HOST, Stage, on_worker},
    plain::connect_to,
};

const HINT: &str = "HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\nconnection: x-hop\r\nx-hop: 1\r\n\r\n";

/// An origin that gives a hint, and a final response once it has the whole request.
async fn origin() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::task::spawn_local(async move {
        while let Ok((mut io, _)) = listener.accept().await {
            tokio::task::spawn_local(async move {
                let mut seen = Vec::new();
                while !seen.windows(4).any(|end| end == b"\r\n\r\n") {
                    io.read_buf(&mut seen).await.unwrap();
                }
                io.write_all(HINT.as_bytes()).await.unwrap();
                while seen.starts_with(b"POST") && !seen.ends_with(b"content") {
                    io.read_buf(&mut seen).await.unwrap();
                }
                io.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfinal").await.unwrap();
                io.read_buf(&mut seen).await.ok();
            });
        }
    });
    address
}

/// What comes back for `asked`, up to the final response's end, `then` being sent as soon as there is anything.
async fn answer(asked: &str, then: &str) -> String {
    let stage = Stage::set(SITE, origin().await);
    let (mut client, _drainer) = connect_to(stage.edge.clone());
    client.write_all(asked.as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    while !seen.ends_with(b"final") {
        let first = seen.is_empty();
        assert!(client.read_buf(&mut seen).await.unwrap() > 0, "{}", String::from_utf8_lossy(&seen));
        if first {
            client.write_all(then.as_bytes()).await.unwrap();
        }
    }
    String::from_utf8(seen).unwrap()
}

#[test]
fn hints_reach_those_who_understand_them() {
    on_worker(async {
        let seen = answer(&format!("GET / HTTP/1.1\r\nhost: {HOST}\r\n\r\n"), "").await;
        let hint = "HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\n";
        assert!(seen.starts_with(hint), "{seen}");
        let seen = answer(&format!("GET / HTTP/1.0\r\nhost: {HOST}\r\n\r\n"), "").await;
        assert!(seen.starts_with("HTTP/1.0 200 OK\r\n") && !seen.contains("103"), "{seen}");
        let stage = Stage::set(SITE, origin().await);
        let mut client = Client::connect(&stage, Protocol::Http2).await;
        assert_eq!(client.ask("/").await, "final");
    });
}

#[test]
fn a_client_that_waits_to_be_told_is_told_to_continue() {
    on_worker(async {
        let asked = format!("POST / HTTP/1.1\r\nhost: {HOST}\r\nexpect: 100-continue\r\ncontent-length: 7\r\n\r\n");
        let seen = answer(&asked, "content").await;
        assert!(seen.starts_with("HTTP/1.1 100 Continue\r\n\r\n"), "{seen}");
        assert_eq!(seen.matches("HTTP/1.1 100").count(), 1);
        assert!(seen.contains("HTTP/1.1 103") && seen.contains("HTTP/1.1 200"), "{seen}");
    });
}
