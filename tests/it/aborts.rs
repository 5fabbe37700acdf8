//! Requests that end half-way, through the whole stack: whose doing it is said to be.

use http_body_util::BodyExt as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use waylight::trace::{record::SpanRecord, stage::Stage as Span};

use crate::support::{
    SITE,
    client::{Client, Protocol},
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

/// How much of a response has come when its client leaves: nothing, its head, or half of it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Come {
    Nothing,
    Head,
    Half,
}

/// What is recorded of a client that leaves; over HTTP/2 it resets the stream, and its connection stays.
async fn leave(protocol: Protocol, come: Come) -> Vec<SpanRecord> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut stage = Stage::set(SITE, listener.local_addr().unwrap());
    let cookie = stage.session_cookie();
    let mut client = Client::connect(&stage, protocol).await;
    let mut asking = Box::pin(client.open("/a", &cookie));
    let (mut upstream, _) = tokio::select! {
        accepted = listener.accept() => accepted.unwrap(),
        _ = &mut asking => panic!("answered by nobody"),
    };
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n\r\n") {
        assert!(upstream.read_buf(&mut seen).await.unwrap() > 0, "{}", String::from_utf8_lossy(&seen));
    }
    if come == Come::Nothing {
        drop(asking);
    } else {
        upstream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n").await.unwrap();
        let mut response = asking.await;
        if come == Come::Half {
            upstream.write_all(b"half").await.unwrap();
            assert_eq!(response.body_mut().frame().await.unwrap().unwrap().into_data().unwrap(), "half");
        }
        drop(response);
    }
    assert_eq!(upstream.read(&mut [0]).await.unwrap(), 0, "the upstream is told");
    let spans = spans(&mut stage).await;
    assert_eq!(stage.counters.requests_aborted.value(), 1);
    drop(client);
    spans
}

#[test]
fn the_root_span_ends_once_whenever_a_client_leaves() {
    on_worker(async {
        for protocol in [Protocol::Http1, Protocol::Http2] {
            for (come, status, octets) in
                [(Come::Nothing, None, "0"), (Come::Head, Some("200"), "0"), (Come::Half, Some("200"), "4")]
            {
                let spans = leave(protocol, come).await;
                let about = format!("{protocol:?}, {come:?}: {spans:?}");
                let roots = spans.iter().filter(|span| span.stage == Span::Request);
                assert_eq!(roots.count(), 1, "{about}");
                let attempt = spans.iter().find(|span| span.stage == Span::UpstreamRequest).unwrap();
                for span in [&spans[0], attempt] {
                    assert_eq!(attribute(span, "error.type").as_deref(), Some("client_disconnected"), "{about}");
                    assert_eq!(attribute(span, "http.response.status_code").as_deref(), status, "{about}");
                }
                assert_eq!(attribute(&spans[0], "http.response.body.size").as_deref(), Some(octets), "{about}");
                assert!(spans[0].start <= attempt.start && attempt.end <= spans[0].end, "{about}");
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
