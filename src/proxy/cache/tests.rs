use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    io,
    pin::Pin,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use http_body::Frame;
use http_body_util::BodyExt as _;
use tokio::{
    sync::Notify,
    task::{LocalSet, spawn_local},
    time::{advance, sleep},
};
use tower::Layer as _;

use super::*;
use crate::{
    body::Body,
    clock,
    config::model,
    error::{ErrorType, ProxyError},
    proxy::testing,
    rules::cache::{
        How, Purge,
        policy::{Obey, Pattern, Query, SetCookie},
    },
    service::Response,
    trace::{counters::Counters, outbox::Outbox, quota::Quota},
};

/// What the origin does with a request.
type Play = Box<dyn Fn(&Request) -> Answer>;

/// An answer, and how long it takes.
struct Answer {
    after: Duration,
    outcome: Outcome,
}

/// An origin that does what it was told, and remembers what it was asked.
#[derive(Clone)]
struct Origin(Rc<Inner>);

struct Inner {
    play: RefCell<Play>,
    asked: RefCell<Vec<(Method, String, HeaderMap)>>,
}

impl Handler for Origin {
    async fn handle(&self, request: Request, _: &Rc<Context>) -> Outcome {
        let head = (request.method().clone(), request.uri().to_string(), request.headers().clone());
        self.0.asked.borrow_mut().push(head);
        let Answer { after, outcome } = (self.0.play.borrow())(&request);
        if !after.is_zero() {
            sleep(after).await;
        }
        outcome
    }
}

struct House {
    cache: Rc<Cache<Origin>>,
    origin: Origin,
}

impl House {
    fn new(policy: Policy, play: impl Fn(&Request) -> Answer + 'static) -> Self {
        clock::follow_tokio();
        Self::with(policy, &model::Cache { memory_max: 1 << 26, disk: None }, play)
    }

    fn with(policy: Policy, wish: &model::Cache, play: impl Fn(&Request) -> Answer + 'static) -> Self {
        let counters = Arc::new(Counters::default());
        let (outbox, _) = Outbox::new(8, Arc::clone(&counters));
        let tracer = Tracer {
            outbox,
            redaction: Arc::default(),
            sentry: Arc::default(),
            spans_max: 100,
            quota: Arc::new(Quota::unlimited()),
        };
        let route = RouteCache {
            policy,
            mark: String::new(),
            store: Arc::new(CacheStore::new(wish, &counters).unwrap()),
            tracer: Rc::new(tracer),
        };
        let inner = Inner { play: RefCell::new(Box::new(play)), asked: RefCell::default() };
        let origin = Origin(Rc::new(inner));
        let layer = CacheLayer { route: Some(Rc::new(route)) };
        Self { cache: Rc::new(layer.layer(origin.clone())), origin }
    }

    fn plays(&self, play: impl Fn(&Request) -> Answer + 'static) {
        *self.origin.0.play.borrow_mut() = Box::new(play);
    }

    fn asked(&self) -> usize {
        self.origin.0.asked.borrow().len()
    }

    fn last(&self) -> HeaderMap {
        self.origin.0.asked.borrow().last().unwrap().2.clone()
    }

    async fn send(&self, request: Request) -> Result<Got, ProxyError> {
        let cx = testing::context(&request);
        let response = self.cache.handle(request, &cx).await?;
        Ok(Got::of(response).await)
    }

    async fn get(&self, path: &str, fields: &[(&str, &str)]) -> Got {
        self.send(request(Method::GET, path, fields)).await.unwrap()
    }
}

/// An answer that was read whole.
#[derive(Debug)]
struct Got {
    status: u16,
    headers: HeaderMap,
    body: Result<String, ()>,
}

impl Got {
    async fn of(response: Response) -> Self {
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(drop);
        let body = body.map(|body| String::from_utf8(body.to_bytes().to_vec()).unwrap());
        Self { status: head.status.as_u16(), headers: head.headers, body }
    }

    fn cache(&self) -> &str {
        self.headers.get("cache-status").map_or("", |value| value.to_str().unwrap())
    }

    fn text(&self) -> &str {
        self.body.as_deref().unwrap()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

fn request(method: Method, path: &str, fields: &[(&str, &str)]) -> Request {
    let mut builder = http::Request::builder().method(method).uri(path).header("host", "shop.example");
    for (name, value) in fields {
        builder = builder.header(*name, *value);
    }
    Box::new(builder.body(Body::empty()).unwrap())
}

fn response(status: u16, fields: &[(&str, &str)], body: Body) -> Answer {
    let date = std::time::UNIX_EPOCH + Duration::from_millis(store::now());
    let mut builder = http::Response::builder().status(status).header("date", httpdate::fmt_http_date(date));
    for (name, value) in fields {
        builder = builder.header(*name, *value);
    }
    Answer { after: Duration::ZERO, outcome: Ok(builder.body(body).unwrap().into()) }
}

fn text(fields: &[(&str, &str)], body: &'static str) -> Answer {
    response(200, fields, Body::full(body))
}

fn failure() -> Answer {
    Answer { after: Duration::ZERO, outcome: Err(ProxyError::upstream(ErrorType::ConnectionRefused)) }
}

impl Answer {
    fn after(mut self, millis: u64) -> Self {
        self.after = Duration::from_millis(millis);
        self
    }
}

/// A body whose pieces come as they are let go of.
struct Slow {
    pieces: VecDeque<Result<Bytes, io::Error>>,
    gate: Rc<Notify>,
    waiting: Option<Pin<Box<dyn Future<Output = ()>>>>,
}

impl Slow {
    fn body(pieces: impl IntoIterator<Item = Result<Bytes, io::Error>>, gate: &Rc<Notify>) -> Body {
        Body::boxed(Self { pieces: pieces.into_iter().collect(), gate: Rc::clone(gate), waiting: None })
    }
}

impl http_body::Body for Slow {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = self.get_mut();
        let gate = Rc::clone(&this.gate);
        let waiting = this.waiting.get_or_insert_with(|| Box::pin(async move { gate.notified().await }));
        std::task::ready!(waiting.as_mut().poll(cx));
        this.waiting = None;
        Poll::Ready(this.pieces.pop_front().map(|piece| piece.map(Frame::data)))
    }
}

/// A body in pieces that are all there.
fn pieces(pieces: impl IntoIterator<Item = &'static str>) -> Body {
    let pieces: Vec<_> = pieces.into_iter().map(|piece| Ok(Bytes::from_static(piece.as_bytes()))).collect();
    Body::boxed(Ready(pieces.into()))
}

struct Ready(VecDeque<Result<Bytes, io::Error>>);

impl http_body::Body for Ready {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Poll::Ready(self.0.pop_front().map(|piece| piece.map(Frame::data)))
    }
}

/// Runs a test as a worker runs its tasks, on time that stands still.
fn on_worker(test: impl AsyncFnOnce()) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(LocalSet::new().run_until(test()));
}

async fn seconds(count: u64) {
    advance(Duration::from_secs(count)).await;
}

const FRESH: (&str, &str) = ("cache-control", "max-age=60");
const TAG: (&str, &str) = ("etag", "\"a\"");

#[test]
fn a_stored_response_answers_until_it_is_stale() {
    on_worker(async || {
        let house = House::new(Policy::default(), |_| text(&[FRESH, TAG], "one"));
        let miss = house.get("/a", &[]).await;
        assert_eq!(miss.cache(), "waylight; fwd=uri-miss; fwd-status=200; ttl=60; stored; detail=nothing-stored");
        seconds(10).await;
        let hit = house.get("/a", &[]).await;
        assert_eq!((hit.cache(), hit.text(), hit.header("age")), ("waylight; hit; ttl=50", "one", "10"));
        assert_eq!(hit.header("etag"), "\"a\"");
        assert_eq!(house.asked(), 1);
        house.get("/a?b", &[]).await;
        assert_eq!(house.asked(), 2, "another query is another resource");
        let head = house.send(request(Method::HEAD, "/a", &[])).await.unwrap();
        assert_eq!((head.text(), head.header("content-length"), house.asked()), ("", "3", 2));
    });
}

#[test]
fn what_is_stale_is_validated() {
    on_worker(async || {
        let house = House::new(Policy::default(), |request| match request.headers().get("if-none-match") {
            Some(tag) if tag == "\"a\"" => response(304, &[FRESH, TAG, ("x-count", "2")], Body::empty()),
            _ => text(&[FRESH, TAG, ("x-count", "1")], "one"),
        });
        house.get("/a", &[]).await;
        seconds(61).await;
        let got = house.get("/a", &[]).await;
        assert_eq!(got.cache(), "waylight; fwd=stale; fwd-status=304; ttl=60; stored; detail=not-modified");
        assert_eq!((got.status, got.text(), got.header("x-count")), (200, "one", "2"));
        seconds(59).await;
        assert_eq!(house.get("/a", &[]).await.cache(), "waylight; hit; ttl=1");
        seconds(10).await;
        // The client's own condition is judged here, whatever we asked.
        let same = house.get("/a", &[("if-none-match", "\"a\"")]).await;
        assert_eq!((same.status, same.text()), (304, ""));
        assert_eq!(house.last()["if-none-match"], "\"a\"");
        house.plays(|_| text(&[FRESH, ("etag", "\"b\"")], "two"));
        seconds(61).await;
        let new = house.get("/a", &[("if-none-match", "\"a\"")]).await;
        assert_eq!((new.status, new.text()), (200, "two"));
        assert_eq!(house.get("/a", &[]).await.text(), "two");
    });
}

#[test]
fn a_304_about_something_else_is_not_believed() {
    on_worker(async || {
        let house = House::new(Policy::default(), |_| text(&[FRESH, TAG], "one"));
        house.get("/a", &[]).await;
        seconds(61).await;
        house.plays(|request| match request.headers().contains_key("if-none-match") {
            true => response(304, &[FRESH, ("etag", "\"other\"")], Body::empty()),
            false => text(&[FRESH, ("etag", "\"other\"")], "two"),
        });
        let got = house.get("/a", &[]).await;
        assert_eq!((got.text(), house.asked()), ("two", 3));
    });
}

#[test]
fn stale_responses_answer_with_permission_only() {
    on_worker(async || {
        let own = ("cache-control", "max-age=60, stale-while-revalidate=30, stale-if-error=300");
        let house = House::new(Policy::default(), move |_| text(&[own, TAG], "one"));
        house.get("/a", &[]).await;
        house.plays(move |_| text(&[own], "two").after(500));
        seconds(70).await;
        let stale = house.get("/a", &[]).await;
        assert_eq!(stale.cache(), "waylight; hit; ttl=-10; detail=stale-while-revalidate");
        assert_eq!(stale.text(), "one");
        // Only one is fetched in the background, however many ask.
        house.get("/a", &[]).await;
        sleep(Duration::from_secs(1)).await;
        assert_eq!(house.asked(), 2);
        assert_eq!(house.get("/a", &[]).await.text(), "two");
        seconds(100).await;
        house.plays(|_| failure());
        let stale = house.get("/a", &[]).await;
        assert_eq!((stale.cache(), stale.text()), ("waylight; fwd=stale; detail=stale-if-error", "two"));
        house.plays(|_| response(503, &[], Body::empty()));
        let stale = house.get("/a", &[]).await;
        assert_eq!(stale.cache(), "waylight; fwd=stale; fwd-status=503; detail=stale-if-error");
        assert_eq!(stale.text(), "two");
        seconds(1_000).await;
        assert_eq!(house.get("/a", &[]).await.status, 503);
        house.plays(|_| failure());
        assert!(house.send(request(Method::GET, "/a", &[])).await.is_err());
    });
}

#[test]
fn many_requests_are_one() {
    on_worker(async || {
        let house = Rc::new(House::new(Policy::default(), |_| text(&[FRESH], "one").after(100)));
        let tasks: Vec<_> = (0..1_000)
            .map(|_| {
                let house = Rc::clone(&house);
                spawn_local(async move { house.get("/a", &[]).await })
            })
            .collect();
        let mut collapsed = 0;
        for task in tasks {
            let got = task.await.unwrap();
            assert_eq!(got.text(), "one");
            collapsed += usize::from(got.cache().contains("; collapsed"));
        }
        assert_eq!((house.asked(), collapsed), (1, 999));
    });
}

#[test]
fn whoever_waited_for_another_variant_asks_alone() {
    on_worker(async || {
        let house = Rc::new(House::new(Policy::default(), |request| {
            let gzip = request.headers().get("accept-encoding").is_some_and(|value| value == "gzip");
            text(&[FRESH, ("vary", "accept-encoding")], if gzip { "gzip" } else { "plain" }).after(100)
        }));
        let ask = |path: &'static str, coding: &'static str| {
            let house = Rc::clone(&house);
            spawn_local(async move { house.get(path, &[("accept-encoding", coding)]).await })
        };
        let all = ["gzip", "identity", "gzip", "identity"];
        for (path, asked) in [("/a", 3), ("/b", 6)] {
            let tasks: Vec<_> = all.iter().map(|coding| ask(path, coding)).collect();
            for (coding, task) in all.iter().zip(tasks) {
                assert_eq!(task.await.unwrap().text(), if *coding == "gzip" { "gzip" } else { "plain" });
            }
            assert_eq!(house.asked(), asked, "one for those who fit, and each of the others");
        }
        // What Vary names is known by now: who differs in it does not wait for another variant.
        seconds(100).await;
        let before = tokio::time::Instant::now();
        let tasks: Vec<_> = ["gzip", "br", "gzip"].iter().map(|coding| ask("/a", coding)).collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!((house.asked(), before.elapsed().as_millis()), (8, 100));
    });
}

#[test]
fn what_is_not_for_others_is_asked_for_by_each() {
    on_worker(async || {
        let house = Rc::new(House::new(Policy::default(), |_| text(&[("cache-control", "private")], "one").after(100)));
        let ask = || {
            let house = Rc::clone(&house);
            spawn_local(async move { house.get("/a", &[]).await.cache().to_owned() })
        };
        let tasks: Vec<_> = (0..5).map(|_| ask()).collect();
        let before = tokio::time::Instant::now();
        for task in tasks {
            assert_eq!(task.await.unwrap(), "waylight; fwd=uri-miss; fwd-status=200; detail=nothing-stored");
        }
        assert_eq!(house.asked(), 5);
        assert_eq!(before.elapsed().as_millis(), 200, "one after the first, all at once");
        // From then on nobody waits for nothing.
        let before = tokio::time::Instant::now();
        let tasks: Vec<_> = (0..5).map(|_| ask()).collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(before.elapsed().as_millis(), 100);
    });
}

#[test]
fn whoever_waits_hears_when_the_first_one_leaves_or_fails() {
    on_worker(async || {
        let house = Rc::new(House::new(Policy::default(), |_| text(&[FRESH], "one").after(100)));
        let ask = || {
            let house = Rc::clone(&house);
            spawn_local(async move { house.send(request(Method::GET, "/a", &[])).await })
        };
        let first = ask();
        sleep(Duration::from_millis(10)).await;
        let others: Vec<_> = (0..3).map(|_| ask()).collect();
        sleep(Duration::from_millis(10)).await;
        first.abort();
        for other in others {
            assert_eq!(other.await.unwrap().unwrap().text(), "one");
        }
        assert_eq!(house.asked(), 2, "the second one asked for the others");
        let count = Rc::new(Cell::new(0));
        house.plays(move |_| {
            count.set(count.get() + 1);
            if count.get() == 1 { failure().after(100) } else { text(&[FRESH], "two").after(100) }
        });
        seconds(100).await;
        let (first, second) = (ask(), ask());
        assert!(first.await.unwrap().is_err());
        assert_eq!(second.await.unwrap().unwrap().text(), "two");
    });
}

/// Many frameworks give every page an entity tag, and say nothing of caching.
#[test]
fn what_needs_the_upstreams_word_is_for_one_request() {
    on_worker(async || {
        for (said, age) in [("no-cache", "0"), ("max-age=0", "0"), ("x", "0"), ("max-age=60", "75")] {
            let house = Rc::new(House::new(Policy::default(), move |request| {
                let own = if request.headers()["cookie"] == "a" { ("\"a\"", "of a") } else { ("\"b\"", "of b") };
                let fields = [("cache-control", said), ("age", age), ("etag", own.0)];
                match request.headers().get("if-none-match") {
                    Some(tag) if tag == own.0 => response(304, &fields, Body::empty()).after(100),
                    _ => text(&fields, own.1).after(100),
                }
            }));
            let ask = |cookie: &'static str| {
                let house = Rc::clone(&house);
                spawn_local(async move { house.get("/a", &[("cookie", cookie)]).await })
            };
            for waited in [200, 100] {
                let before = tokio::time::Instant::now();
                let tasks: Vec<_> = ["a", "b", "a", "b"].into_iter().map(|cookie| (cookie, ask(cookie))).collect();
                for (cookie, task) in tasks {
                    assert_eq!(task.await.unwrap().text(), format!("of {cookie}"), "{said}");
                }
                // Once it is known what is answered, nobody waits for it.
                assert_eq!(before.elapsed().as_millis(), waited, "{said}");
            }
        }
    });
}

#[test]
fn whoever_waits_for_a_failed_upstream_is_answered_with_what_is_stale() {
    on_worker(async || {
        let own = ("cache-control", "max-age=60, stale-if-error=300");
        let house = Rc::new(House::new(Policy::default(), move |_| text(&[own, TAG], "one")));
        house.get("/a", &[]).await;
        seconds(70).await;
        house.plays(|_| response(503, &[], Body::empty()).after(5_000));
        let ask = || {
            let house = Rc::clone(&house);
            spawn_local(async move { house.get("/a", &[]).await })
        };
        let before = tokio::time::Instant::now();
        let tasks: Vec<_> = (0..100).map(|_| ask()).collect();
        for task in tasks {
            assert_eq!(task.await.unwrap().text(), "one");
        }
        assert_eq!((house.asked(), before.elapsed().as_millis()), (2, 5_000), "the upstream is not asked by each");
    });
}

#[test]
fn nobody_waits_for_ever() {
    on_worker(async || {
        let policy = Policy { collapse_wait: Duration::from_secs(1), ..Policy::default() };
        let count = Cell::new(0);
        let house = Rc::new(House::new(policy, move |_| {
            count.set(count.get() + 1);
            text(&[FRESH], "one").after(if count.get() == 1 { 60_000 } else { 10 })
        }));
        let slow = Rc::clone(&house);
        let first = spawn_local(async move { slow.get("/a", &[]).await });
        sleep(Duration::from_millis(10)).await;
        let before = tokio::time::Instant::now();
        house.get("/a", &[]).await;
        assert_eq!(before.elapsed().as_millis(), 1_010);
        assert_eq!(first.await.unwrap().text(), "one");
    });
}

#[test]
fn variants_live_side_by_side() {
    on_worker(async || {
        let house = House::new(Policy::default(), |request| {
            let gzip =
                request.headers().get("accept-encoding").is_some_and(|value| value.to_str().unwrap().contains("gzip"));
            text(&[FRESH, ("vary", "Accept-Encoding")], if gzip { "gzip" } else { "plain" })
        });
        assert_eq!(house.get("/a", &[("accept-encoding", "gzip, br")]).await.text(), "gzip");
        let other = house.get("/a", &[]).await;
        assert_eq!(other.text(), "plain");
        assert!(other.cache().starts_with("waylight; fwd=vary-miss; "), "{}", other.cache());
        assert_eq!(house.get("/a", &[("accept-encoding", "br,gzip")]).await.text(), "gzip");
        assert_eq!(house.get("/a", &[]).await.text(), "plain");
        assert_eq!(house.asked(), 2);
    });
}

#[test]
fn a_body_is_read_by_many_while_it_comes() {
    on_worker(async || {
        let gate = Rc::new(Notify::new());
        let door = Rc::clone(&gate);
        let house = Rc::new(House::new(Policy::default(), move |_| {
            let piece = |text: &'static str| Ok(Bytes::from_static(text.as_bytes()));
            response(200, &[FRESH], Slow::body([piece("on"), piece("e")], &door))
        }));
        let read = || {
            let house = Rc::clone(&house);
            spawn_local(async move { house.get("/a", &[]).await })
        };
        let first = read();
        gate.notify_one();
        tokio::task::yield_now().await;
        let second = read();
        for _ in 0..2 {
            sleep(Duration::from_millis(1)).await;
            gate.notify_one();
        }
        assert_eq!(first.await.unwrap().text(), "one");
        assert_eq!(second.await.unwrap().text(), "one");
        assert_eq!(house.get("/a", &[]).await.cache(), "waylight; hit; ttl=60");
        assert_eq!(house.asked(), 1);
    });
}

#[test]
fn what_ended_early_or_lied_is_not_stored() {
    on_worker(async || {
        let house = House::new(Policy::default(), |_| {
            let broken = [Ok(Bytes::from_static(b"on")), Err(io::Error::other("gone"))];
            response(200, &[FRESH], Body::boxed(Ready(broken.into())))
        });
        assert!(house.get("/a", &[]).await.body.is_err());
        house.plays(|_| response(200, &[FRESH, ("content-length", "5")], pieces(["on", "e"])));
        house.get("/a", &[]).await;
        house.plays(|_| text(&[FRESH, ("content-length", "5")], "one"));
        house.get("/a", &[]).await;
        house.get("/a", &[]).await;
        assert_eq!(house.asked(), 4);
    });
}

#[test]
fn what_is_too_large_passes_and_is_not_held() {
    on_worker(async || {
        let policy = Policy { object_bytes_max: 10, ..Policy::default() };
        let house = House::new(policy, |_| response(200, &[FRESH], pieces(["12345"; 40])));
        assert_eq!(house.get("/a", &[]).await.text().len(), 200);
        assert_eq!(house.get("/a", &[]).await.text().len(), 200);
        assert_eq!(house.asked(), 2);
        house.plays(|_| response(200, &[FRESH, ("content-length", "200")], pieces(["12345"; 40])));
        assert_eq!(house.get("/b", &[]).await.text().len(), 200);
        assert_eq!(house.cache.route.as_ref().unwrap().store.size().0, 0);
    });
}

#[test]
fn a_client_that_leaves_does_not_end_what_others_may_want() {
    on_worker(async || {
        let gate = Rc::new(Notify::new());
        let door = Rc::clone(&gate);
        let house = House::new(Policy::default(), move |_| {
            response(200, &[FRESH], Slow::body([Ok(Bytes::from_static(b"one"))], &door))
        });
        let request = request(Method::GET, "/a", &[]);
        let cx = testing::context(&request);
        drop(house.cache.handle(request, &cx).await.unwrap());
        for _ in 0..2 {
            gate.notify_one();
            sleep(Duration::from_millis(1)).await;
        }
        let hit = house.get("/a", &[]).await;
        assert_eq!((hit.cache(), hit.text()), ("waylight; hit; ttl=60", "one"));
    });
}

#[test]
fn ranges_come_from_what_is_stored() {
    on_worker(async || {
        let house =
            House::new(Policy::default(), |_| text(&[FRESH, TAG, ("content-type", "text/plain")], "0123456789"));
        house.get("/a", &[]).await;
        let one = house.get("/a", &[("range", "bytes=2-4")]).await;
        assert_eq!((one.status, one.text(), one.header("content-range")), (206, "234", "bytes 2-4/10"));
        let last = house.get("/a", &[("range", "bytes=-2"), ("if-range", "\"a\"")]).await;
        assert_eq!((last.status, last.text()), (206, "89"));
        let other = house.get("/a", &[("range", "bytes=-2"), ("if-range", "\"b\"")]).await;
        assert_eq!((other.status, other.text()), (200, "0123456789"));
        let none = house.get("/a", &[("range", "bytes=10-")]).await;
        assert_eq!((none.status, none.header("content-range")), (416, "bytes */10"));
        let many = house.get("/a", &[("range", "bytes=0-0,9-9")]).await;
        let boundary = many.header("content-type").strip_prefix("multipart/byteranges; boundary=").unwrap();
        let part = |range: &str, text: &str| {
            format!("\r\n--{boundary}\r\ncontent-type: text/plain\r\ncontent-range: bytes {range}/10\r\n\r\n{text}")
        };
        assert_eq!(many.text(), format!("{}{}\r\n--{boundary}--\r\n", part("0-0", "0"), part("9-9", "9")));
        assert_eq!(many.header("content-length"), many.text().len().to_string());
        assert_eq!(house.asked(), 1);
    });
}

#[test]
fn parts_are_put_together() {
    on_worker(async || {
        let whole = "0123456789";
        let house = House::new(Policy::default(), move |request| {
            match request.headers().get("range").map(|range| range.to_str().unwrap()) {
                Some("bytes=0-4") => {
                    response(206, &[FRESH, TAG, ("content-range", "bytes 0-4/10")], Body::full("01234"))
                }
                Some("bytes=5-9") => {
                    response(206, &[FRESH, TAG, ("content-range", "bytes 5-9/10")], Body::full("56789"))
                }
                _ => text(&[FRESH, TAG], whole),
            }
        });
        assert_eq!(house.get("/a", &[("range", "bytes=0-4")]).await.text(), "01234");
        let part = house.get("/a", &[("range", "bytes=1-2")]).await;
        assert_eq!((part.status, part.text(), part.header("content-range")), (206, "12", "bytes 1-2/10"));
        assert_eq!(house.asked(), 1);
        let second = house.get("/a", &[("range", "bytes=5-9")]).await;
        assert!(second.cache().starts_with("waylight; fwd=partial; "), "{}", second.cache());
        let all = house.get("/a", &[]).await;
        assert_eq!((all.status, all.text(), all.cache()), (200, whole, "waylight; hit; ttl=60"));
        assert_eq!(house.asked(), 2);
    });
}

#[test]
fn unsafe_methods_outdate_what_is_stored() {
    on_worker(async || {
        let house = House::new(Policy::default(), |request| match *request.method() {
            Method::POST => {
                response(201, &[("location", "/b"), ("content-location", "https://other.example/c")], Body::empty())
            }
            Method::PUT => response(500, &[], Body::empty()),
            _ => text(&[FRESH], "one"),
        });
        for path in ["/a", "/b", "/c"] {
            house.get(path, &[]).await;
        }
        house.send(request(Method::PUT, "/a", &[])).await.unwrap();
        assert!(house.get("/a", &[]).await.cache().starts_with("waylight; hit"), "an error changes nothing");
        let post = house.send(request(Method::POST, "/a", &[])).await.unwrap();
        assert_eq!(post.cache(), "waylight; fwd=method; fwd-status=201; detail=method");
        assert!(house.get("/c", &[]).await.cache().starts_with("waylight; hit"));
        for path in ["/a", "/b"] {
            assert!(house.get(path, &[]).await.cache().starts_with("waylight; fwd=uri-miss"), "{path}");
        }
        // Of a method that nobody knows nobody knows that it is safe.
        house.send(request(Method::from_bytes(b"M-SEARCH").unwrap(), "/c", &[])).await.unwrap();
        assert!(house.get("/c", &[]).await.cache().starts_with("waylight; fwd=uri-miss"));
        house.send(request(Method::OPTIONS, "/c", &[])).await.unwrap();
        assert!(house.get("/c", &[]).await.cache().starts_with("waylight; hit"));
    });
}

#[test]
fn groups_are_outdated_together() {
    on_worker(async || {
        let house = House::new(Policy::default(), |request| match *request.method() {
            Method::POST => response(200, &[("cache-group-invalidation", "\"carts\"")], Body::empty()),
            _ if request.uri().path() == "/b" => text(&[FRESH], "one"),
            _ => text(&[FRESH, ("cache-groups", "\"carts\", \"all\"")], "one"),
        });
        house.get("/a", &[]).await;
        house.get("/b", &[]).await;
        house.send(request(Method::POST, "/c", &[])).await.unwrap();
        assert!(house.get("/b", &[]).await.cache().starts_with("waylight; hit"));
        assert!(house.get("/a", &[]).await.cache().starts_with("waylight; fwd=uri-miss"));
        // RFC 9875 section 3: it means nothing where the method is safe.
        house.plays(|_| text(&[FRESH, ("cache-group-invalidation", "\"carts\"")], "one"));
        house.get("/d", &[]).await;
        house.send(request(Method::OPTIONS, "/d", &[])).await.unwrap();
        assert!(house.get("/a", &[]).await.cache().starts_with("waylight; hit"));
    });
}

#[test]
fn a_head_renews_or_ends_what_is_stored() {
    on_worker(async || {
        let house = House::new(Policy::default(), |_| text(&[FRESH, TAG, ("x", "1")], "one"));
        house.get("/a", &[]).await;
        seconds(61).await;
        house.plays(|_| response(200, &[FRESH, TAG, ("x", "2"), ("content-length", "3")], Body::empty()));
        house.send(request(Method::HEAD, "/a", &[])).await.unwrap();
        let hit = house.get("/a", &[]).await;
        assert_eq!((hit.cache(), hit.text(), hit.header("x")), ("waylight; hit; ttl=60", "one", "2"));
        seconds(61).await;
        // What is answered to the request alone says nothing of what is stored.
        for status in [304, 405, 429] {
            house.plays(move |_| response(status, &[], Body::empty()));
            house.send(request(Method::HEAD, "/a", &[("if-none-match", "\"b\"")])).await.unwrap();
        }
        house.plays(|_| response(304, &[FRESH, TAG], Body::empty()));
        assert_eq!(house.get("/a", &[]).await.text(), "one");
        seconds(61).await;
        house.plays(|_| response(410, &[], Body::empty()));
        house.send(request(Method::HEAD, "/a", &[])).await.unwrap();
        house.plays(|_| text(&[FRESH], "two"));
        assert!(house.get("/a", &[]).await.cache().starts_with("waylight; fwd=uri-miss"));
    });
}

#[test]
fn clients_may_demand_more_unless_the_route_ignores_them() {
    on_worker(async || {
        let house = House::new(Policy::default(), |_| text(&[FRESH, TAG], "one"));
        let error = house.send(request(Method::GET, "/a", &[("cache-control", "only-if-cached")])).await.unwrap_err();
        assert_eq!(error.status(), StatusCode::GATEWAY_TIMEOUT);
        house.get("/a", &[("cache-control", "no-store")]).await;
        assert_eq!(house.get("/a", &[]).await.cache().split(';').nth(1), Some(" fwd=uri-miss"));
        let reload = house.get("/a", &[("cache-control", "no-cache")]).await;
        assert!(reload.cache().starts_with("waylight; fwd=request; "), "{}", reload.cache());
        assert_eq!(house.asked(), 3);
        let policy = Policy { request_directives: Obey::No, ..Policy::default() };
        let house = House::new(policy, |_| text(&[FRESH], "one"));
        house.get("/a", &[]).await;
        house.get("/a", &[("cache-control", "no-cache")]).await;
        assert_eq!(house.asked(), 1);
    });
}

#[test]
fn nothing_that_is_in_no_key_can_poison() {
    on_worker(async || {
        // An origin that tells what it was told: whatever an attacker writes would be served to others.
        let house = House::new(Policy::default(), |request| {
            let told: Vec<_> =
                ["x-original-url", "x-rewrite-url", "x-host", "x-forwarded-scheme", "x-http-method-override"]
                    .iter()
                    .filter_map(|name| request.headers().get(*name)?.to_str().ok())
                    .collect();
            let body = format!("{} {}", request.uri(), told.join(","));
            response(200, &[FRESH], Body::full(body))
        });
        for (name, value) in [
            ("x-original-url", "/admin"),
            ("x-rewrite-url", "/admin"),
            ("x-host", "evil.example"),
            ("x-forwarded-scheme", "nothttps"),
            ("x-http-method-override", "DELETE"),
        ] {
            let attack = house.get("/a", &[(name, value)]).await;
            assert!(attack.cache().starts_with("waylight; fwd=bypass; "), "{name}: {}", attack.cache());
            assert_eq!(house.get("/a", &[]).await.text(), "/a ", "{name}");
        }
        // Content in a GET.
        let mut fat = request(Method::GET, "/b", &[]);
        *fat.body_mut() = Body::full("callback=evil");
        assert!(house.send(fat).await.unwrap().cache().ends_with("detail=has-content"));
        assert!(house.get("/b", &[]).await.cache().starts_with("waylight; fwd=uri-miss"));
        // A port that redirects would repeat.
        let mut port = request(Method::GET, "/c", &[]);
        port.headers_mut().insert("host", "shop.example:1337".parse().unwrap());
        house.send(port).await.unwrap();
        assert!(house.get("/c", &[]).await.cache().starts_with("waylight; fwd=uri-miss"));
    });
}

#[test]
fn what_a_route_ignores_does_not_reach_the_upstream() {
    on_worker(async || {
        let policy = Policy {
            query: Query::Without(vec![Pattern::parse("utm_*").unwrap()]),
            ignore_cookies: vec![Pattern::parse("_ga*").unwrap()],
            ..Policy::default()
        };
        let house = House::new(policy, |request| {
            let cookie = request.headers().get("cookie").map_or("", |cookie| cookie.to_str().unwrap());
            response(200, &[FRESH, ("vary", "cookie")], Body::full(format!("{} {cookie}", request.uri())))
        });
        let first = house.get("/a?utm_source=%3Cscript%3E&b=1", &[("cookie", "_ga=1; theme=dark")]).await;
        assert_eq!(first.text(), "/a?b=1 theme=dark");
        let second = house.get("/a?b=1&utm_medium=mail", &[("cookie", "theme=dark; _gaid=2")]).await;
        assert_eq!((second.text(), second.cache()), (first.text(), "waylight; hit; ttl=60"));
        // A parameter that some upstreams split at `;` is never ignored.
        assert_eq!(house.get("/a?utm_source=x;b=2", &[]).await.text(), "/a?utm_source=x;b=2 ");
    });
}

#[test]
fn cookies_are_stored_as_the_route_says() {
    on_worker(async || {
        let set = ("set-cookie", "id=1");
        let house = House::new(Policy::default(), move |_| text(&[FRESH, set], "one"));
        assert!(house.get("/a", &[]).await.cache().contains("fwd=uri-miss"));
        assert!(house.get("/a", &[]).await.cache().contains("fwd=uri-miss"));
        let policy = Policy { set_cookie: SetCookie::Remove, ..Policy::default() };
        let house = House::new(policy, move |_| text(&[FRESH, set], "one"));
        assert_eq!(house.get("/a", &[]).await.header("set-cookie"), "id=1");
        let hit = house.get("/a", &[]).await;
        assert_eq!((hit.header("set-cookie"), hit.cache()), ("", "waylight; hit; ttl=60"));
    });
}

#[test]
fn what_was_asked_for_before_a_change_is_not_stored_after_it() {
    on_worker(async || {
        let house = Rc::new(House::new(Policy::default(), |request| match *request.method() {
            Method::POST => response(204, &[], Body::empty()),
            _ => text(&[FRESH], "old").after(100),
        }));
        let early = Rc::clone(&house);
        let early = spawn_local(async move { early.get("/a", &[]).await });
        sleep(Duration::from_millis(10)).await;
        house.send(request(Method::POST, "/a", &[])).await.unwrap();
        assert_eq!(early.await.unwrap().text(), "old");
        assert!(house.get("/a", &[]).await.cache().starts_with("waylight; fwd=uri-miss"));
        assert!(house.get("/a", &[]).await.cache().starts_with("waylight; hit"));
    });
}

#[test]
fn what_a_304_sets_is_for_one_client() {
    on_worker(async || {
        let house = House::new(Policy::default(), |request| match request.headers().contains_key("if-none-match") {
            true => response(304, &[FRESH, ("set-cookie", "id=1")], Body::empty()),
            false => text(&[FRESH, TAG], "one"),
        });
        house.get("/a", &[]).await;
        seconds(61).await;
        assert_eq!(house.get("/a", &[]).await.header("set-cookie"), "id=1");
        let hit = house.get("/a", &[]).await;
        assert_eq!((hit.header("set-cookie"), hit.cache()), ("", "waylight; hit; ttl=60"));
        // Unless the route stores cookies as they are.
        let policy = Policy { set_cookie: SetCookie::Keep, ..Policy::default() };
        let house = House::new(policy, |request| match request.headers().contains_key("if-none-match") {
            true => response(304, &[FRESH, ("set-cookie", "id=2")], Body::empty()),
            false => text(&[FRESH, TAG, ("set-cookie", "id=1")], "one"),
        });
        assert_eq!(house.get("/a", &[]).await.header("set-cookie"), "id=1");
        seconds(61).await;
        for _ in 0..2 {
            let got = house.get("/a", &[]).await;
            assert_eq!(got.headers.get_all("set-cookie").iter().collect::<Vec<_>>(), ["id=2"]);
        }
    });
}

#[test]
fn purges_are_hard_or_soft() {
    on_worker(async || {
        let house = House::new(Policy::default(), |request| match request.headers().contains_key("if-none-match") {
            true => response(304, &[FRESH], Body::empty()),
            false => text(&[FRESH, TAG, ("cache-tag", "shop, shoes")], "one"),
        });
        let store = Arc::clone(&house.cache.route.as_ref().unwrap().store);
        for path in ["/a", "/a/b", "/c"] {
            house.get(path, &[]).await;
        }
        let is_hit = async |path: &str| house.get(path, &[]).await.cache().starts_with("waylight; hit");
        assert_eq!(store.purge(&Purge::Url("http://shop.example/a".into()), How::Hard), 1);
        assert!(!is_hit("/a").await && is_hit("/a/b").await);
        assert_eq!(store.purge(&Purge::Prefix("http://shop.example/a".into()), How::Hard), 2);
        assert!(!is_hit("/a/b").await && is_hit("/c").await);
        assert_eq!(store.purge(&Purge::Tag("shoes".into()), How::Soft), 2);
        let soft = house.get("/c", &[]).await;
        assert!(soft.cache().starts_with("waylight; fwd=stale; fwd-status=304"), "{}", soft.cache());
        assert!(is_hit("/c").await);
        assert_eq!(store.purge(&Purge::All, How::Hard), 2);
        assert_eq!(store.size().0, 0);
        assert_eq!(store.flights(), 0);
    });
}

#[test]
fn a_part_is_completed_by_its_rest() {
    on_worker(async || {
        let house = House::new(Policy::default(), |request| {
            let field = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
            match (field("range").as_deref(), field("if-range").as_deref()) {
                (Some("bytes=0-4"), None) => {
                    let part = [FRESH, TAG, ("content-range", "bytes 0-4/10"), ("x", "1"), ("y", "1")];
                    response(206, &part, Body::full("01234"))
                }
                (Some("bytes=5-"), Some("\"a\"")) => {
                    let part = [FRESH, TAG, ("content-range", "bytes 5-9/10"), ("x", "2"), ("content-length", "5")];
                    response(206, &part, pieces(["56", "789"]))
                }
                _ => response(500, &[], Body::empty()),
            }
        });
        house.get("/a", &[("range", "bytes=0-4")]).await;
        let all = house.get("/a", &[("if-none-match", "\"other\"")]).await;
        assert_eq!(all.cache(), "waylight; fwd=partial; fwd-status=206; ttl=60; stored; detail=part-stored");
        assert_eq!((all.status, all.text(), all.header("content-length")), (200, "0123456789", "10"));
        assert_eq!((all.header("x"), all.header("y"), all.header("content-range")), ("2", "1", ""));
        let hit = house.get("/a", &[]).await;
        assert_eq!((hit.cache(), hit.text(), house.asked()), ("waylight; hit; ttl=60", "0123456789", 2));
        assert_eq!(house.get("/a", &[("if-none-match", "\"a\"")]).await.status, 304);
    });
}

#[test]
fn a_part_of_something_else_is_not_completed() {
    on_worker(async || {
        let part =
            |tag, range, body| response(206, &[FRESH, ("etag", tag), ("content-range", range)], Body::full(body));
        // The upstream minds no condition, and what it has is another one by now.
        let house = House::new(Policy::default(), move |request| {
            match request.headers().get("range").map(|range| range.to_str().unwrap()) {
                Some("bytes=0-4") => part("\"a\"", "bytes 0-4/10", "01234"),
                Some(_) => part("\"b\"", "bytes 5-9/10", "vwxyz"),
                None => text(&[FRESH, ("etag", "\"b\"")], "qrstuvwxyz"),
            }
        });
        house.get("/a", &[("range", "bytes=0-4")]).await;
        assert_eq!(house.get("/a", &[]).await.text(), "qrstuvwxyz");
        assert_eq!(house.asked(), 3, "all of it was asked for again");
        // What changed is answered whole at once.
        house.plays(move |request| match request.headers().contains_key("if-range") {
            false => part("\"a\"", "bytes 0-4/10", "01234"),
            true => text(&[FRESH, ("etag", "\"b\"")], "qrstuvwxyz"),
        });
        house.get("/b", &[("range", "bytes=0-4")]).await;
        assert_eq!((house.get("/b", &[]).await.text(), house.asked()), ("qrstuvwxyz", 5));
        // A rest that ends early is not stored as a whole.
        house.plays(move |request| match request.headers().contains_key("if-range") {
            false => part("\"a\"", "bytes 0-4/10", "01234"),
            true => response(206, &[FRESH, TAG, ("content-range", "bytes 5-9/10")], pieces(["56"])),
        });
        house.get("/c", &[("range", "bytes=0-4")]).await;
        house.get("/c", &[]).await;
        assert!(house.get("/c", &[]).await.cache().contains("fwd=partial"), "the part is there still");
    });
}

#[test]
fn a_part_without_a_strong_validator_answers_by_itself_only() {
    on_worker(async || {
        let house = House::new(Policy::default(), |request| {
            match request.headers().get("range").map(|range| range.to_str().unwrap()) {
                Some("bytes=0-4") => response(206, &[FRESH, ("content-range", "bytes 0-4/10")], Body::full("01234")),
                Some("bytes=5-9") => response(206, &[FRESH, ("content-range", "bytes 5-9/10")], Body::full("56789")),
                _ => text(&[FRESH], "0123456789"),
            }
        });
        house.get("/a", &[("range", "bytes=0-4")]).await;
        let part = house.get("/a", &[("range", "bytes=1-2")]).await;
        assert_eq!((part.status, part.text(), house.asked()), (206, "12", 1));
        house.get("/a", &[("range", "bytes=5-9")]).await;
        let first = house.get("/a", &[("range", "bytes=0-4")]).await;
        assert_eq!((first.text(), house.asked()), ("01234", 3), "nothing tells that both are of the same");
        let all = house.get("/a", &[]).await;
        assert_eq!((all.status, all.text()), (200, "0123456789"));
        assert!(!house.last().contains_key("range"));
    });
}

#[test]
fn a_condition_on_something_unknown_is_judged_here() {
    on_worker(async || {
        let house = House::new(Policy::default(), |request| match request.uri().path() {
            "/own" => text(&[("cache-control", "private"), TAG], "one"),
            "/slow" => response(200, &[FRESH, TAG], pieces(["on", "e"])),
            _ => text(&[FRESH, TAG], "one"),
        });
        for path in ["/a", "/slow"] {
            let same = house.get(path, &[("if-none-match", "\"a\"")]).await;
            assert_eq!((same.status, same.text()), (304, ""), "{path}");
            assert_eq!(same.cache(), "waylight; fwd=uri-miss; fwd-status=200; ttl=60; stored; detail=nothing-stored");
            assert!(!house.last().contains_key("if-none-match"), "others want all of it");
            tokio::task::yield_now().await;
            let hit = house.get(path, &[]).await;
            assert_eq!((hit.cache(), hit.text()), ("waylight; hit; ttl=60", "one"));
        }
        let other = house.get("/b", &[("if-none-match", "\"b\""), ("if-modified-since", "x")]).await;
        assert_eq!((other.status, other.text()), (200, "one"));
        // For what is not for others nobody else's condition is left out, from the second time on.
        house.get("/own", &[("if-none-match", "\"a\"")]).await;
        house.get("/own", &[("if-none-match", "\"a\"")]).await;
        assert_eq!(house.last()["if-none-match"], "\"a\"");
        house.get("/c", &[("if-none-match", "\"a\""), ("cache-control", "no-store")]).await;
        assert_eq!(house.last()["if-none-match"], "\"a\"");
    });
}

#[test]
fn the_answer_to_a_post_may_answer_gets() {
    on_worker(async || {
        let house = House::new(Policy::default(), |request| match *request.method() {
            Method::POST if request.uri().path() == "/b" => text(&[FRESH], "posted"),
            Method::POST => text(&[FRESH, ("content-location", "/a?b=1")], "posted"),
            _ => text(&[FRESH], "got"),
        });
        house.get("/a?b=1", &[]).await;
        let post = |path: &'static str| house.send(request(Method::POST, path, &[]));
        let posted = post("/a?b=1").await.unwrap();
        assert_eq!(posted.cache(), "waylight; fwd=method; fwd-status=200; ttl=60; stored; detail=method");
        let hit = house.get("/a?b=1", &[]).await;
        assert_eq!((hit.text(), hit.cache()), ("posted", "waylight; hit; ttl=60"));
        let again = post("/a?b=1").await.unwrap();
        assert!(again.cache().starts_with("waylight; fwd=method"), "no stored response answers a POST");
        post("/b").await.unwrap();
        assert_eq!(house.get("/b", &[]).await.text(), "got");
        post("/a?b=2").await.unwrap();
        assert_eq!(house.get("/a?b=2", &[]).await.text(), "got", "it is of something else");
    });
}

#[test]
fn trailers_go_to_whoever_reads_them_as_they_come() {
    on_worker(async || {
        let house = House::new(Policy::default(), |_| {
            let trailers = HeaderMap::from_iter([("x-sum".parse().unwrap(), "7".parse().unwrap())]);
            let frames = VecDeque::from([Frame::data(Bytes::from_static(b"one")), Frame::trailers(trailers)]);
            response(200, &[FRESH, ("trailer", "x-sum")], Body::boxed(Frames(frames)))
        });
        let ask = request(Method::GET, "/a", &[]);
        let cx = testing::context(&ask);
        let first = house.cache.handle(ask, &cx).await.unwrap().into_body().collect().await.unwrap();
        assert_eq!(first.trailers().unwrap()["x-sum"], "7");
        let hit = house.get("/a", &[]).await;
        assert_eq!((hit.cache(), hit.text(), hit.header("trailer")), ("waylight; hit; ttl=60", "one", ""));
    });
}

#[test]
fn heads_wait_for_nobody() {
    on_worker(async || {
        let house = Rc::new(House::new(Policy::default(), |_| response(200, &[FRESH], Body::empty()).after(100)));
        let ask = || {
            let house = Rc::clone(&house);
            spawn_local(async move { drop(house.send(request(Method::HEAD, "/a", &[])).await.unwrap()) })
        };
        let before = tokio::time::Instant::now();
        let tasks: Vec<_> = (0..3).map(|_| ask()).collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!((house.asked(), before.elapsed().as_millis()), (3, 100));
    });
}

/// RFC 9110 section 13.2.1: conditions are for what would be answered with 200.
#[test]
fn an_error_is_no_304() {
    on_worker(async || {
        let house = House::new(Policy::default(), |request| match request.uri().path() {
            "/slow" => response(404, &[FRESH, TAG], pieces(["no", "ne"])),
            _ => response(404, &[FRESH, TAG], Body::full("none")),
        });
        for path in ["/a", "/slow", "/a", "/slow"] {
            assert_eq!(house.get(path, &[("if-none-match", "\"a\"")]).await.status, 404, "{path}");
            tokio::task::yield_now().await;
        }
    });
}

#[test]
fn ranges_of_one_client_do_not_end_the_waiting_of_others() {
    on_worker(async || {
        let house = Rc::new(House::new(Policy::default(), |request| match request.headers().contains_key("range") {
            true => response(206, &[FRESH, ("content-type", "multipart/byteranges; boundary=x")], Body::full("x")),
            false => text(&[FRESH], "one").after(100),
        }));
        assert_eq!(house.get("/a", &[("range", "bytes=0-0,2-2")]).await.status, 206);
        let ask = || {
            let house = Rc::clone(&house);
            spawn_local(async move { house.get("/a", &[]).await.text().to_owned() })
        };
        let tasks: Vec<_> = (0..5).map(|_| ask()).collect();
        for task in tasks {
            assert_eq!(task.await.unwrap(), "one");
        }
        assert_eq!(house.asked(), 2);
    });
}

#[test]
fn the_part_of_the_key_that_differs_is_told() {
    on_worker(async || {
        let policy = Policy { key_cookies: vec!["currency".to_owned()], ..Policy::default() };
        let house = House::new(policy, |_| text(&[FRESH], "one"));
        house.get("/a", &[("cookie", "currency=eur")]).await;
        let other = house.get("/a", &[("cookie", "currency=usd")]).await;
        assert_eq!(other.cache(), "waylight; fwd=miss; fwd-status=200; ttl=60; stored; detail=key-differs");
    });
}

/// A body of these frames.
struct Frames(VecDeque<Frame<Bytes>>);

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Poll::Ready(self.0.pop_front().map(Ok))
    }
}

#[test]
fn a_slow_disk_is_waited_for_half_a_second() {
    let directory = tempfile::tempdir().unwrap();
    let wish = || {
        let (bytes_max, queue_bytes_max) = (1 << 20, 1 << 20);
        let directory = directory.path().to_owned();
        let disk = model::CacheDisk { directory, bytes_max, queue_bytes_max, object_bytes_min: 4 << 20 };
        model::Cache { memory_max: 1 << 26, disk: Some(disk) }
    };
    // On real time: the disk knows no other.
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let run = |test: &dyn Fn() -> Pin<Box<dyn Future<Output = ()>>>| {
        let runtime = runtime();
        runtime.block_on(LocalSet::new().run_until(test()));
        runtime.shutdown_background();
    };
    let house = || Rc::new(House::with(Policy::default(), &wish(), |_| text(&[FRESH, TAG], "one")));
    run(&|| {
        let house = house();
        Box::pin(async move {
            house.get("/a", &[]).await;
            house.get("/b", &[]).await;
        })
    });
    // A pipe that nobody writes to: whoever opens it waits.
    let folders = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path());
    let files = folders.filter(|path| path.is_dir()).flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let files: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 2);
    run(&|| {
        let (house, files) = (house(), files.clone());
        Box::pin(async move {
            let store = &house.cache.route.as_ref().unwrap().store;
            // What there is was looked at before.
            while store.disk_size().unwrap().0 < files.len() {
                tokio::task::yield_now().await;
            }
            for file in &files {
                std::fs::remove_file(file).unwrap();
                rustix::fs::mkfifoat(rustix::fs::CWD, file, rustix::fs::Mode::RWXU).unwrap();
            }
            let began = clock::now();
            let got = house.get("/a", &[]).await;
            assert_eq!((got.text(), got.cache().contains("fwd=uri-miss")), ("one", true));
            let waited = clock::now().since(began);
            assert!((500..5_000).contains(&waited.as_millis()), "{waited:?}");
            assert!(house.get("/a", &[]).await.cache().starts_with("waylight; hit"));
            assert!(!store.promote("http://shop.example/b", 0).await, "nobody waits for the next one");
            // Whoever waits still is let go. Nobody reads the other one, so opening it must not wait.
            for file in &files {
                drop(std::fs::OpenOptions::new().read(true).write(true).open(file));
            }
        })
    });
}

#[test]
fn an_answer_to_one_request_takes_nothing_from_others() {
    on_worker(async || {
        let house = House::new(Policy::default(), |_| text(&[FRESH, TAG], "one"));
        house.get("/a", &[]).await;
        // Credentials of nobody, a header that is too long, too many requests: whoever wants can provoke these.
        for status in [401, 400, 431, 429] {
            house.plays(move |_| response(status, &[], Body::empty()));
            let own = [("cache-control", "no-cache"), ("authorization", "x")];
            assert_eq!(house.get("/a", &own).await.status, status);
            assert!(house.get("/a", &[]).await.cache().starts_with("waylight; hit"), "{status}");
        }
        house.plays(|_| text(&[FRESH, ("etag", "\"own\"")], "own"));
        assert_eq!(house.get("/a", &[("cache-control", "no-cache"), ("authorization", "x")]).await.text(), "own");
        assert_eq!(house.get("/a", &[]).await.text(), "one");
        // Nor do others ask one by one because of it.
        house.get("/b", &[("authorization", "x")]).await;
        let store = &house.cache.route.as_ref().unwrap().store;
        assert!(!store.is_refused("http://shop.example/b"));
        house.plays(|_| response(404, &[("cache-control", "no-store")], Body::empty()));
        house.get("/a", &[("cache-control", "no-cache")]).await;
        assert!(house.get("/a", &[]).await.cache().starts_with("waylight; fwd=uri-miss"), "it is not there any more");
    });
}

#[test]
fn a_condition_is_judged_by_a_part_too() {
    on_worker(async || {
        let house = House::new(Policy::default(), |_| {
            response(206, &[FRESH, TAG, ("content-range", "bytes 0-4/10")], Body::full("01234"))
        });
        house.get("/a", &[("range", "bytes=0-4")]).await;
        let same = house.get("/a", &[("range", "bytes=0-1"), ("if-none-match", "\"a\"")]).await;
        assert_eq!((same.status, same.text(), same.header("content-range"), house.asked()), (304, "", "", 1));
    });
}

mod crowded;
mod large;
