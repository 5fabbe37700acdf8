//! An untraced request allocates nothing for tracing: counted for the same request with tracing left out of the
//! configuration, and with everything of it configured but nothing selecting this request.

use std::rc::Rc;

use crate::support::{
    Allocations, allocations,
    client::{Client, Protocol},
    edge::{Origin, Stage, on_worker},
};

const WITHOUT: &str = r#"
[[site]]
hosts = ["shop.test"]
toolbar = false
inject = "off"
[[site.route]]
path = "/fixed"
respond = { status = 200, body = "hello" }
[[site.route]]
path = "/products/:slug"
upstream = "app"
[upstream.app]
endpoints = ["http://@ORIGIN@"]
"#;

const WITH: &str = crate::support::shop!(
    r#"
[[site.route]]
path = "/fixed"
respond = { status = 200, body = "hello" }
[[site.route]]
path = "/checked"
upstream = "app"
trace = { ratio = 1.0 }
[trace]
ratio = 0.0
redact_query = ["secret"]
[[export]]
name = "collector"
endpoint = "http://127.0.0.1:4318/v1/traces"
"#
);

#[test]
fn an_untraced_request_allocates_nothing_for_tracing() {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        for path in ["/fixed", "/products/lamp"] {
            let without = cost(WITHOUT, protocol, path);
            let with = cost(WITH, protocol, path);
            assert!(without.count > 0, "something is counted");
            assert_eq!(without, with, "{path}");
        }
    }
}

/// What five requests allocate, once everything that is kept has been made.
fn cost(toml: &str, protocol: Protocol, path: &str) -> Allocations {
    let cost = Rc::new(std::cell::Cell::new(Allocations::default()));
    let told = Rc::clone(&cost);
    let (toml, path) = (toml.to_owned(), path.to_owned());
    on_worker(async move {
        let origin = Origin::start(|_| http::Response::new(String::from("hello"))).await;
        let stage = Stage::set(&toml, origin.address);
        let mut client = Client::connect(&stage, protocol).await;
        for _ in 0..20 {
            assert_eq!(client.ask(&path).await, "hello");
        }
        // The origin remembers what it was asked; that must not grow while something is counted.
        origin.asked.borrow_mut().reserve(200);
        // The least of several rounds: where a packet is late, waiting for it allocates a timer.
        let mut least: Option<Allocations> = None;
        for _ in 0..16 {
            let before = allocations();
            for _ in 0..5 {
                assert_eq!(client.ask(&path).await, "hello");
            }
            let cost = allocations().since(before);
            least = Some(least.filter(|least| least.count <= cost.count).unwrap_or(cost));
        }
        told.set(least.unwrap_or_default());
    });
    cost.get()
}

/// A hundred streams in progress must not push one another out of the processor's cache.
#[test]
fn a_request_in_progress_is_small() {
    on_worker(async {
        let origin = Origin::start(|_| http::Response::new(String::from("hello"))).await;
        let stage = Stage::set(WITH, origin.address);
        let request = Box::new(http::Request::get("/fixed").body(waylight::body::Body::empty()).unwrap());
        let answer = stage.edge.answer(&stage.conn(), request);
        assert!(size_of_val(&*answer) <= 4096, "what is rare is boxed: {} octets", size_of_val(&*answer));
    });
}
