//! Requests that end half-way, through the whole stack: whose doing it is said to be.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use waylight::trace::{record::SpanRecord, stage::Stage as Span};

use crate::support::{
    SITE,
    edge::{HOST, Stage, attribute, on_worker},
    plain::connect_to,
};

/// Spans of one request, the root first.
async fn spans(stage: &mut Stage) -> Vec<SpanRecord> {
    let mut spans = stage.inbox.recv().await.unwrap();
    spans.extend(stage.spans());
    spans.sort_by_key(|span| span.stage != Span::Request);
    spans
}

#[test]
fn a_response_that_the_upstream_cuts_off_is_an_error_whatever_its_status() {
    on_worker(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut stage = Stage::set(SITE, listener.local_addr().unwrap());
        tokio::task::spawn_local(async move {
            let (mut upstream, _) = listener.accept().await.unwrap();
            let _ = upstream.read(&mut [0; 4096]).await.unwrap();
            upstream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf").await.unwrap();
        });
        let (mut client, _drainer) = connect_to(stage.edge.clone());
        let asked = format!("GET /a HTTP/1.1\r\nhost: {HOST}\r\ncookie: {}\r\n\r\n", stage.session_cookie());
        client.write_all(asked.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
        let spans = spans(&mut stage).await;
        for span in spans.iter().filter(|span| matches!(span.stage, Span::Request | Span::UpstreamRequest)) {
            assert!(span.error.is_some(), "{:?}", span.stage);
        }
        assert_eq!(attribute(&spans[0], "error.type").as_deref(), Some("http_response_incomplete"));
        assert_eq!(attribute(&spans[0], "http.response.status_code").as_deref(), Some("200"));
    });
}

/// What is recorded of a client that sends `body` and goes away, to an upstream that waits for the rest.
async fn leave_within(body: &str) -> (Vec<SpanRecord>, [u64; 2]) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut stage = Stage::set(SITE, listener.local_addr().unwrap());
    let (mut client, _drainer) = connect_to(stage.edge.clone());
    let cookie = stage.session_cookie();
    let asked = format!("POST /a HTTP/1.1\r\nhost: {HOST}\r\ncookie: {cookie}\r\n{body}");
    client.write_all(asked.as_bytes()).await.unwrap();
    let (mut upstream, _) = listener.accept().await.unwrap();
    let mut seen = Vec::new();
    while !seen.ends_with(b"half") && !seen.ends_with(b"half\r\n") {
        assert!(upstream.read_buf(&mut seen).await.unwrap() > 0, "{}", String::from_utf8_lossy(&seen));
    }
    drop(client);
    let spans = spans(&mut stage).await;
    (spans, [stage.counters.requests_aborted.value(), stage.counters.responses_4xx.value()])
}

#[test]
fn a_client_that_leaves_while_it_sends_has_no_answer() {
    on_worker(async {
        for body in ["content-length: 9\r\n\r\nhalf", "transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n"] {
            let (spans, counted) = leave_within(body).await;
            assert_eq!(counted, [1, 0], "{body}");
            for span in spans.iter().filter(|span| matches!(span.stage, Span::Request | Span::UpstreamRequest)) {
                let error = attribute(span, "error.type");
                assert_eq!(error.as_deref(), Some("client_disconnected"), "{body}: {:?}", span.stage);
                assert_eq!(attribute(span, "http.response.status_code"), None, "{body}");
            }
        }
    });
}

#[test]
fn a_request_whose_body_is_malformed_is_answered() {
    on_worker(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut stage = Stage::set(SITE, listener.local_addr().unwrap());
        let (mut client, _drainer) = connect_to(stage.edge.clone());
        let cookie = stage.session_cookie();
        let asked =
            format!("POST /a HTTP/1.1\r\nhost: {HOST}\r\ncookie: {cookie}\r\ntransfer-encoding: chunked\r\n\r\n1\r\na");
        client.write_all(asked.as_bytes()).await.unwrap();
        let (_upstream, _) = listener.accept().await.unwrap();
        client.write_all(b"nonsense\r\n").await.unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 400"), "{}", String::from_utf8_lossy(&answer));
        let spans = spans(&mut stage).await;
        assert_eq!(attribute(&spans[0], "error.type").as_deref(), Some("http_request_error"));
        assert_eq!(stage.counters.requests_aborted.value(), 0);
    });
}
