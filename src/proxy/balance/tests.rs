use std::cell::{Cell, RefCell};

use tokio::{sync::oneshot, task::LocalSet};

use super::{health::Health, *};
use crate::{body::Body, config::model::Scheme, error::Retry, proxy::attempt::Carried, proxy::testing};

/// Fails as told, and then answers.
struct Scripted {
    failures: RefCell<Vec<(Retry, Stale)>>,
    asked: RefCell<Vec<Choice>>,
}

impl Attempt for Scripted {
    async fn attempt(&self, request: Request, choice: Choice, _: &mut Span, _: &Rc<Context>) -> Result<Answer, Failed> {
        self.asked.borrow_mut().push(choice);
        match self.failures.borrow_mut().pop() {
            None => Ok(Answer { response: Response::new(Body::empty()), tunnel: None }),
            Some((retry, stale)) => {
                let error = ProxyError::upstream(ErrorType::ConnectionTerminated).with_retry(retry);
                Err(Failed { error, request: Some(request), stale })
            }
        }
    }
}

/// What is asked of three endpoints, relative to the first, and whether there is an answer.
async fn ask(method: Method, failures: &[(Retry, Stale)], attempts_max: u32) -> (Vec<(usize, Reuse)>, bool) {
    let endpoint = Endpoint { scheme: Scheme::Http, host: "127.0.0.1".into(), port: 80 };
    let failures = RefCell::new(failures.iter().rev().copied().collect());
    let inner = Scripted { failures, asked: RefCell::default() };
    let endpoints = [endpoint.clone(), endpoint.clone(), endpoint];
    let balance = Balance::new(&endpoints, Box::default(), attempts_max, inner);
    let mut request = Request::default();
    *request.method_mut() = method;
    let cx = testing::context(&request);
    let answered = balance.handle(request, &cx).await.is_ok();
    let asked = balance.inner.asked.borrow();
    let relative = asked.iter().map(|choice| ((choice.endpoint + 3 - asked[0].endpoint) % 3, choice.reuse));
    assert_eq!(cx.counters.upstream_attempts.value(), asked.len() as u64);
    assert_eq!(cx.counters.upstream_retries.value(), asked.len() as u64 - 1);
    (relative.collect(), answered)
}

#[tokio::test]
async fn an_endpoint_that_refuses_is_followed_by_the_next() {
    let refused = (Retry::Unsent, Stale::No);
    let asked = [(0, Reuse::Pooled), (1, Reuse::Pooled), (2, Reuse::Pooled)];
    assert_eq!(ask(Method::POST, &[refused, refused], 3).await, (asked.to_vec(), true));
    assert_eq!(ask(Method::POST, &[refused, refused, refused], 3).await, (asked.to_vec(), false));
}

#[tokio::test]
async fn a_stale_connection_is_followed_by_a_fresh_one() {
    let stale = (Retry::Idempotent, Stale::Yes);
    let asked = [(0, Reuse::Pooled), (0, Reuse::Fresh)];
    assert_eq!(ask(Method::GET, &[stale], 3).await, (asked.to_vec(), true));
    assert_eq!(ask(Method::POST, &[stale], 3).await, (asked[..1].to_vec(), false));
}

#[tokio::test]
async fn without_endpoints_the_configuration_is_at_fault() {
    let inner = Scripted { failures: RefCell::default(), asked: RefCell::default() };
    let balance = Balance::new(&[], Box::default(), 1, inner);
    let request = Request::default();
    let cx = testing::context(&request);
    assert_eq!(balance.handle(request, &cx).await.unwrap_err().kind, ErrorType::ProxyConfigurationError);
}

#[tokio::test]
async fn how_endpoints_fare_is_counted_over_all_workers_and_told() {
    let health = Health::default();
    let at = |port| Endpoint { scheme: Scheme::Http, host: "127.0.0.1".into(), port };
    let endpoints = [at(81), at(82)];
    let (refused, stale) = ((Retry::Unsent, Stale::No), (Retry::Idempotent, Stale::Yes));
    let worker = |failures: &[_]| {
        let failures = RefCell::new(failures.to_vec());
        let inner = Scripted { failures, asked: RefCell::default() };
        Balance::new(&endpoints, health.of("shop", &endpoints), 2, inner)
    };
    let workers = [worker(&[refused]), worker(&[stale])];
    for balance in &workers {
        let cx = testing::context(&Request::default());
        assert!(balance.handle(Request::default(), &cx).await.is_ok());
    }
    let fared = health.fared();
    let sum = |of: fn(&crate::rules::balance::Fared) -> u64| fared.iter().map(of).sum::<u64>();
    assert_eq!(
        fared.iter().map(|one| &*one.endpoint).collect::<Vec<_>>(),
        ["http://127.0.0.1:81", "http://127.0.0.1:82"]
    );
    // The connection that was stale was nobody's fault.
    assert_eq!((sum(|one| one.attempts), sum(|one| one.failed)), (3, 1));
    let failed = fared.iter().find(|one| one.failed == 1).unwrap();
    assert_eq!(failed.last_failure.map(|(_, kind)| kind), Some(ErrorType::ConnectionTerminated.token()));
    drop(workers);
    assert_eq!(health.fared(), [], "nobody is configured any more");
}

/// Switches protocols; the tunnel ends when it is told to.
struct Switches(Cell<Option<oneshot::Receiver<Carried>>>);

impl Attempt for Switches {
    async fn attempt(&self, _: Request, _: Choice, _: &mut Span, _: &Rc<Context>) -> Result<Answer, Failed> {
        let carried = self.0.take().unwrap();
        Ok(Answer {
            response: Response::default(),
            tunnel: Some(Box::pin(async { carried.await.unwrap_or_default() })),
        })
    }
}

/// An upstream whose tunnel ends when it is told to.
fn switching() -> (Balance<Switches>, oneshot::Sender<Carried>) {
    let (end, ended) = oneshot::channel();
    let endpoint = Endpoint { scheme: Scheme::Http, host: "127.0.0.1".into(), port: 80 };
    (Balance::new(&[endpoint], Box::default(), 1, Switches(Cell::new(Some(ended)))), end)
}

#[tokio::test]
async fn a_tunnel_ends_within_its_request() {
    let (balance, end) = switching();
    let cx = testing::context(&Request::default());
    let mut inbox = testing::trace(&cx);
    let local = LocalSet::new();
    local
        .run_until(async {
            let response = balance.handle(Request::default(), &cx).await.unwrap();
            drop(cx.answered(response));
            assert_eq!(cx.counters.requests_active.value(), 0, "the request itself is over");
            assert!(inbox.try_recv().is_err(), "its root span is not");
            end.send(Carried { sent: 4, ..Carried::default() }).unwrap();
        })
        .await;
    local.await;
    let spans = inbox.try_recv().unwrap();
    assert_eq!(spans.iter().map(|span| span.stage).collect::<Vec<_>>(), [Stage::UpstreamRequest, Stage::Request]);
    let (client, root) = (&spans[0], &spans[1]);
    assert_eq!(client.attributes.shown("waylight.tunnel.sent_bytes").as_deref(), Some("4"));
    assert!(root.start <= client.start && client.end <= root.end);
}

#[tokio::test]
async fn a_tunnel_that_ends_first_leaves_the_request_open() {
    let (balance, end) = switching();
    let cx = testing::context(&Request::default());
    let mut inbox = testing::trace(&cx);
    let local = LocalSet::new();
    let response = local.run_until(balance.handle(Request::default(), &cx)).await.unwrap();
    end.send(Carried::default()).unwrap();
    local.await;
    assert!(cx.is_traced());
    drop(cx.answered(response));
    let spans = inbox.try_recv().unwrap();
    assert_eq!(spans.iter().map(|span| span.stage).collect::<Vec<_>>(), [Stage::UpstreamRequest, Stage::Request]);
}

#[tokio::test]
async fn a_tunnel_whose_client_goes_ends_its_request_once() {
    for ends in [true, false] {
        let (balance, end) = switching();
        let cx = testing::context(&Request::default());
        let mut inbox = testing::trace(&cx);
        let local = LocalSet::new();
        drop(local.run_until(balance.handle(Request::default(), &cx)).await.unwrap());
        cx.abandoned();
        assert!(inbox.try_recv().is_err());
        if ends {
            drop(end);
            local.await;
        } else {
            // Its worker ends first.
            drop((local, cx));
        }
        let spans = inbox.try_recv().unwrap();
        assert_eq!(spans.iter().map(|span| span.stage).collect::<Vec<_>>(), [Stage::UpstreamRequest, Stage::Request]);
        assert_eq!(spans[1].attributes.text("error.type"), Some("client_disconnected"));
        assert!(inbox.try_recv().is_err());
    }
}
