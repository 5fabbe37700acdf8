//! The way to upstreams, over real sockets: an origin that does as it is told stands at the other end.

mod harness;
mod origin;
mod process;
mod secure;
mod tunnel;

use std::{rc::Rc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use http_body_util::BodyExt as _;
use tokio::sync::Notify;
use waylight::{
    body::Body,
    config::model::UpstreamHost,
    error::{ErrorType, Retry, Side},
};

use harness::{Parts, Then, Worker, get, on_worker, post, text, upstream};
use origin::{Origin, Step};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Upstreams fail in many ways, and each has its name: what an origin does with the only connection it gets.
async fn check(script: Vec<Step>, expect: ErrorType) {
    let origin = Origin::new(vec![script]).await;
    let mut wish = upstream(&[origin.address]);
    wish.timeout_first_byte = Duration::from_millis(50);
    wish.timeout_idle = Duration::from_millis(50);
    let worker = Worker::new(wish);
    let error = worker.get().await.unwrap_err();
    assert_eq!((error.kind, error.side), (expect, Side::Upstream), "{error}");
    assert!(error.status().is_server_error());
    assert_eq!(worker.counters.upstream_connections_idle.value(), 0, "a connection after {expect:?} was kept");
}

#[test]
fn a_request_arrives_as_one_of_our_own() {
    on_worker(async || {
        let origin = Origin::new(vec![vec![Step::Head, Step::Write(OK)]]).await;
        let worker = Worker::new(upstream(&[origin.address]));
        let mut request = get("/a%20path?q=1");
        let hop = [("connection", "x-hop, close"), ("x-hop", "1"), ("keep-alive", "timeout=5"), ("x-end", "2")];
        for (name, value) in hop {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        assert_eq!(text(worker.send(request).await.unwrap()).await.unwrap(), "ok");
        let seen = &origin.seen()[0];
        let mut lines: Vec<_> = seen.trim_end().split("\r\n").collect();
        assert_eq!(lines.remove(0), "GET /a%20path?q=1 HTTP/1.1");
        lines.sort_unstable();
        assert!(lines.pop_if(|line| line.starts_with("x-forwarded-proto: https")).is_some());
        let via = lines.remove(1);
        assert!(via.starts_with("via: 1.1 waylight-"), "{via}");
        assert_eq!(
            lines,
            ["host: shop.example", "x-end: 2", "x-forwarded-for: 192.0.2.1", "x-forwarded-host: shop.example"]
        );
    });
}

#[test]
fn the_host_is_the_one_wished_for() {
    on_worker(async || {
        let origin = Origin::new(vec![vec![Step::Head, Step::Write(OK)], vec![Step::Head, Step::Write(OK)]]).await;
        let mut wish = upstream(&[origin.address]);
        wish.host = UpstreamHost::Endpoint;
        Worker::new(wish.clone()).get().await.unwrap();
        wish.host = UpstreamHost::Fixed("fixed.example".parse().unwrap());
        Worker::new(wish).get().await.unwrap();
        let seen = origin.seen();
        assert!(seen[0].contains(&format!("host: {}\r\n", origin.address)), "{seen:?}");
        assert!(seen[1].contains("host: fixed.example\r\n"), "{seen:?}");
    });
}

#[test]
fn the_authority_of_http2_becomes_the_host() {
    on_worker(async || {
        let origin = Origin::new(vec![vec![Step::Head, Step::Write(OK)]]).await;
        let worker = Worker::new(upstream(&[origin.address]));
        let mut request = Box::new(http::Request::get("https://shop.example/path").body(Body::empty()).unwrap());
        *request.version_mut() = http::Version::HTTP_2;
        worker.send(request).await.unwrap();
        let seen = &origin.seen()[0];
        assert!(seen.starts_with("GET /path HTTP/1.1\r\n") && seen.contains("host: shop.example\r\n"), "{seen}");
        assert!(seen.contains("via: 2.0 waylight-"), "{seen}");
    });
}

#[test]
fn the_cookies_of_http2_become_one_field() {
    on_worker(async || {
        let origin = Origin::new(vec![vec![Step::Head, Step::Write(OK)]]).await;
        let worker = Worker::new(upstream(&[origin.address]));
        let mut request = get("/");
        *request.version_mut() = http::Version::HTTP_2;
        for cookie in ["a=1", "b=2; c=3", "d=4"] {
            request.headers_mut().append("cookie", cookie.parse().unwrap());
        }
        worker.send(request).await.unwrap();
        let seen = &origin.seen()[0];
        assert!(seen.contains("\r\ncookie: a=1; b=2; c=3; d=4\r\n"), "{seen}");
        assert_eq!(seen.matches("cookie:").count(), 1, "{seen}");
    });
}

#[test]
fn a_connection_is_not_used_again_after_two_lengths() {
    on_worker(async || {
        let both = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 7\r\n\r\n2\r\nok\r\n0\r\n\r\n";
        let serve = || vec![Step::Head, Step::Write(both), Step::Head, Step::Write(OK)];
        let origin = Origin::new(vec![serve(), serve()]).await;
        let worker = Worker::new(upstream(&[origin.address]));
        assert_eq!(worker.get().await.unwrap(), "ok");
        assert_eq!(worker.counters.upstream_connections_idle.value(), 0);
        assert_eq!(worker.get().await.unwrap(), "ok");
        assert_eq!(worker.counters.upstream_connections_opened.value(), 2);
    });
}

#[test]
fn connections_are_used_again_and_survive_a_reload() {
    on_worker(async || {
        let serve = || [Step::Head, Step::Write(OK)];
        let origin = Origin::new(vec![serve().into_iter().chain(serve()).chain(serve()).collect()]).await;
        let worker = Worker::new(upstream(&[origin.address]));
        worker.get().await.unwrap();
        worker.get().await.unwrap();
        assert_eq!(worker.counters.upstream_connections_opened.value(), 1);
        assert_eq!(worker.counters.upstream_connections_reused.value(), 1);
        let worker = worker.reloaded(upstream(&[origin.address]));
        worker.get().await.unwrap();
        assert_eq!(worker.counters.upstream_connections_reused.value(), 2);
        assert_eq!(origin.seen().len(), 1);
    });
}

#[test]
fn whatever_the_upstream_does_wrong_has_its_name() {
    on_worker(async || {
        check(vec![Step::Head], ErrorType::ConnectionTerminated).await;
        check(vec![Step::Head, Step::Write("HTTP/1.1 200 OK\r\ncont")], ErrorType::ConnectionTerminated).await;
        check(vec![Step::Head, Step::Write("SSH-2.0-OpenSSH\r\n\r\n")], ErrorType::HttpProtocolError).await;
        check(vec![Step::Head, Step::End], ErrorType::HttpResponseTimeout).await;
        let part = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npart";
        check(vec![Step::Head, Step::Write(part)], ErrorType::HttpResponseIncomplete).await;
        check(vec![Step::Head, Step::Write(part), Step::End], ErrorType::ConnectionReadTimeout).await;
        let chunk = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\npart\r\n";
        check(vec![Step::Head, Step::Write(chunk)], ErrorType::HttpResponseIncomplete).await;
        let malformed = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n";
        check(vec![Step::Head, Step::Write(malformed), Step::End], ErrorType::HttpResponseTransferCoding).await;
        let coded = "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n";
        check(vec![Step::Head, Step::Write(coded), Step::End], ErrorType::HttpProtocolError).await;
        let switch = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: any\r\n\r\n";
        check(vec![Step::Head, Step::Write(switch), Step::End], ErrorType::HttpUpgradeFailed).await;
    });
}

#[test]
fn a_stale_connection_is_tried_again_where_that_is_safe() {
    on_worker(async || {
        // The second request arrives on the connection before its end is noticed.
        let stale = || vec![Step::Head, Step::Write(OK), Step::Head];
        let fresh = || vec![Step::Head, Step::Write("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfresh")];
        for method in [Method::GET, Method::POST] {
            let origin = Origin::new(vec![stale(), fresh()]).await;
            let worker = Worker::new(upstream(&[origin.address]));
            worker.get().await.unwrap();
            let mut request = get("/");
            *request.method_mut() = method.clone();
            let outcome = worker.send(request).await;
            if method == Method::GET {
                assert_eq!(text(outcome.unwrap()).await.unwrap(), "fresh");
                assert_eq!(worker.counters.upstream_retries.value(), 1);
            } else {
                let error = outcome.unwrap_err();
                assert_eq!((error.kind, error.retry), (ErrorType::ConnectionTerminated, Retry::Idempotent));
                assert_eq!(origin.seen().len(), 1);
            }
        }
    });
}

#[test]
fn a_connection_that_was_closed_is_not_used_for_what_cannot_be_sent_twice() {
    on_worker(async || {
        let serve = || vec![Step::Head, Step::Write(OK)];
        let origin = Origin::new(vec![serve(), serve(), serve(), serve()]).await;
        let worker = Worker::new(upstream(&[origin.address]));
        for _ in 0..4 {
            let response = worker.send(post(Body::full("hello"))).await.unwrap();
            assert_eq!(text(response).await.unwrap(), "ok");
        }
        assert_eq!(origin.seen().len(), 4);
    });
}

#[test]
fn a_client_that_goes_away_ends_the_upstreams_work() {
    on_worker(async || {
        let part = "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\npart";
        for answer in ["", part] {
            let (asked, gone) = (Rc::new(Notify::new()), Rc::new(Notify::new()));
            let script = vec![
                Step::Head,
                Step::Write(answer),
                Step::Tell(Rc::clone(&asked)),
                Step::End,
                Step::Tell(Rc::clone(&gone)),
            ];
            let origin = Origin::new(vec![script]).await;
            let worker = Worker::new(upstream(&[origin.address]));
            tokio::select! {
                _ = worker.get() => unreachable!("the response never ends"),
                () = asked.notified() => {}
            }
            gone.notified().await;
            assert_eq!(worker.counters.upstream_connections_idle.value(), 0);
        }
    });
}

#[test]
fn an_endpoint_that_refuses_is_passed_over() {
    on_worker(async || {
        let serve = || vec![Step::Head, Step::Write(OK)];
        let origin = Origin::new(vec![serve(), serve(), serve(), serve()]).await;
        let mut wish = upstream(&[Origin::nobody().await, origin.address]);
        wish.pool_idle_max = 0;
        let worker = Worker::new(wish);
        for _ in 0..4 {
            let request = post(Body::full("hello"));
            assert_eq!(worker.send(request).await.unwrap().status(), StatusCode::OK);
        }
        assert_eq!(worker.counters.upstream_retries.value(), 2, "both endpoints take turns");
        let worker = Worker::new(upstream(&[Origin::nobody().await]));
        let error = worker.get().await.unwrap_err();
        assert_eq!((error.kind, error.status()), (ErrorType::ConnectionRefused, StatusCode::BAD_GATEWAY));
        assert_eq!(worker.counters.upstream_attempts.value(), 3);
    });
}

#[test]
fn bytes_that_nobody_asked_for_end_the_connection() {
    on_worker(async || {
        let unasked = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil";
        let (now, gone) = (Rc::new(Notify::new()), Rc::new(Notify::new()));
        let first = vec![
            Step::Head,
            Step::Write(OK),
            Step::Wait(Rc::clone(&now)),
            Step::Write(unasked),
            Step::End,
            Step::Tell(Rc::clone(&gone)),
        ];
        let origin = Origin::new(vec![first, vec![Step::Head, Step::Write(OK)]]).await;
        let worker = Worker::new(upstream(&[origin.address]));
        worker.get().await.unwrap();
        assert_eq!(worker.counters.upstream_connections_idle.value(), 1);
        now.notify_one();
        gone.notified().await;
        assert_eq!(worker.get().await.unwrap(), "ok");
        assert_eq!(worker.counters.upstream_connections_lost.value(), 1);
        assert_eq!(origin.seen().len(), 2);
    });
}

#[test]
fn bytes_glued_to_a_response_answer_nobody() {
    on_worker(async || {
        let two = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil";
        let origin =
            Origin::new(vec![vec![Step::Head, Step::Write(two), Step::End], vec![Step::Head, Step::Write(OK)]]).await;
        let worker = Worker::new(upstream(&[origin.address]));
        assert_eq!(worker.get().await.unwrap(), "ok");
        assert_eq!(worker.get().await.unwrap(), "ok");
        assert_eq!(origin.seen().len(), 2);
    });
}

#[test]
fn bodies_stream_both_ways_with_their_trailers() {
    on_worker(async || {
        let echo = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n\
                    5\r\nhello\r\n0\r\nx-sum: 5\r\n\r\n";
        let origin = Origin::new(vec![vec![Step::Head, Step::Octets(20), Step::Write(echo), Step::End]]).await;
        let worker = Worker::new(upstream(&[origin.address]));
        let body = Parts::of(["hel", "lo"]).then(Then::End);
        let response = worker.send(post(Body::boxed(body))).await.unwrap();
        assert_eq!(response.headers().get("transfer-encoding"), None);
        let body = response.into_body().collect().await.unwrap();
        let mut sum = HeaderMap::new();
        sum.insert("x-sum", "5".parse().unwrap());
        assert_eq!(body.trailers(), Some(&sum));
        assert_eq!(body.to_bytes(), "hello");
        let seen = &origin.seen()[0];
        assert!(seen.ends_with("3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"), "{seen}");
        assert_eq!(worker.counters.upstream_connections_idle.value(), 1);
    });
}

#[test]
fn an_early_answer_is_passed_on_and_its_connection_is_not_used_again() {
    on_worker(async || {
        let early = "HTTP/1.1 413 Content Too Large\r\ncontent-length: 3\r\n\r\nbig";
        let origin =
            Origin::new(vec![vec![Step::Head, Step::Write(early), Step::End], vec![Step::Head, Step::Write(OK)]]).await;
        let worker = Worker::new(upstream(&[origin.address]));
        let endless = Parts::of(["part"]).then(Then::Silence);
        let response = worker.send(post(Body::boxed(endless))).await.unwrap();
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(text(response).await.unwrap(), "big");
        assert_eq!(worker.counters.upstream_connections_idle.value(), 0);
        assert_eq!(worker.get().await.unwrap(), "ok");
    });
}

#[test]
fn an_upstream_that_takes_no_body_times_out() {
    on_worker(async || {
        let silent = Rc::new(Notify::new());
        let origin = Origin::new(vec![vec![Step::Head, Step::Wait(silent)]]).await;
        let mut wish = upstream(&[origin.address]);
        wish.timeout_idle = Duration::from_millis(50);
        let worker = Worker::new(wish);
        let much = Bytes::from(vec![b'x'; 1 << 20]);
        let body = Parts::of((0..64).map(|_| much.clone())).then(Then::End);
        let error = worker.send(post(Body::boxed(body))).await.unwrap_err();
        assert_eq!((error.kind, error.status()), (ErrorType::ConnectionWriteTimeout, StatusCode::GATEWAY_TIMEOUT));
    });
}

#[test]
fn a_client_that_fails_within_its_body_is_not_the_upstreams_fault() {
    on_worker(async || {
        let origin = Origin::new(vec![vec![Step::Head, Step::End]]).await;
        let worker = Worker::new(upstream(&[origin.address]));
        let body = Parts::of(["part"]).then(Then::Failure);
        let error = worker.send(post(Body::boxed(body))).await.unwrap_err();
        assert_eq!((error.kind, error.side), (ErrorType::HttpRequestError, Side::Client));
    });
}

#[test]
fn responses_without_a_body_keep_their_length() {
    on_worker(async || {
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n";
        let unchanged = "HTTP/1.1 304 Not Modified\r\netag: \"a\"\r\n\r\n";
        let early = "HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n";
        let script = [head, unchanged, early].map(|answer| [Step::Head, Step::Write(answer)]).into_iter().flatten();
        let origin = Origin::new(vec![script.collect()]).await;
        let worker = Worker::new(upstream(&[origin.address]));
        let mut request = get("/");
        *request.method_mut() = Method::HEAD;
        let response = worker.send(request).await.unwrap();
        assert_eq!(response.headers()["content-length"], "1000");
        assert_eq!(text(response).await.unwrap(), "");
        for expected in [StatusCode::NOT_MODIFIED, StatusCode::NO_CONTENT] {
            let response = worker.send(get("/")).await.unwrap();
            assert_eq!(response.status(), expected);
            assert_eq!(text(response).await.unwrap(), "");
        }
    });
}

#[test]
fn a_request_without_content_says_so_where_content_is_usual() {
    on_worker(async || {
        let serve = || vec![Step::Head, Step::Write(OK)];
        let origin = Origin::new(vec![serve(), serve(), serve()]).await;
        let mut wish = upstream(&[origin.address]);
        wish.pool_idle_max = 0;
        let worker = Worker::new(wish);
        worker.send(post(Body::empty())).await.unwrap();
        worker.get().await.unwrap();
        worker.send(post(Body::full("four"))).await.unwrap();
        let seen = origin.seen();
        assert!(seen[0].contains("content-length: 0\r\n"), "{seen:?}");
        assert!(!seen[1].contains("content-length"), "{seen:?}");
        assert!(seen[2].contains("content-length: 4\r\n"), "{seen:?}");
    });
}

#[test]
fn a_length_without_content_is_not_sent() {
    on_worker(async || {
        let serve = || vec![Step::Head, Step::Write(OK)];
        let origin = Origin::new(vec![serve(), serve()]).await;
        let worker = Worker::new(upstream(&[origin.address]));
        let mut request = post(Body::empty());
        request.headers_mut().insert("content-length", "5".parse().unwrap());
        let error = worker.send(request).await.unwrap_err();
        assert_eq!((error.side, error.status()), (Side::Client, StatusCode::BAD_REQUEST));
        assert_eq!(worker.get().await.unwrap(), "ok");
        assert!(origin.seen().iter().all(|seen| !seen.contains("POST")), "{:?}", origin.seen());
    });
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    on_worker(async || {
        let origin = Origin::new(vec![vec![Step::Head, Step::Write("HTTP/1.1 200 OK\r\n"), Step::Flood, Step::End]]);
        let worker = Worker::new(upstream(&[origin.await.address]));
        assert_eq!(worker.get().await.unwrap_err().kind, ErrorType::HttpResponseHeaderSectionSize);
    });
}

#[test]
fn loops_are_refused() {
    on_worker(async || {
        let origin = Origin::new(vec![vec![Step::Head, Step::Write(OK)]]).await;
        let worker = Worker::new(upstream(&[origin.address]));
        worker.get().await.unwrap();
        let seen = origin.seen().remove(0);
        let via = seen.split("via: ").nth(1).unwrap().lines().next().unwrap();
        let mut request = get("/");
        request.headers_mut().insert("via", via.parse().unwrap());
        assert_eq!(worker.send(request).await.unwrap_err().kind, ErrorType::ProxyLoopDetected);
    });
}
