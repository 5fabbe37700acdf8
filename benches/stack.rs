//! The whole stack, from the octets of a request to those of its response: routed and answered by itself, forwarded to
//! an origin, and forwarded while it is traced. Client, edge and origin share one thread, so only differences count.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a bench fails by panicking")]

#[path = "../tests/it/support/client.rs"]
mod client;
#[path = "../tests/it/support/edge.rs"]
#[expect(dead_code, reason = "the tests need more of it")]
mod edge;
mod support {
    pub(crate) use super::edge;
}

use std::{
    cell::Cell,
    rc::Rc,
    time::{Duration, Instant},
};

use criterion::{Criterion, criterion_group, criterion_main};

use self::{
    client::{Client, Protocol},
    edge::{Origin, Stage, on_worker},
};

const SITE: &str = r#"
[[site]]
hosts = ["*"]
[[site.route]]
path = "/fixed"
respond = { status = 200, body = "hello" }
[[site.route]]
path = "/products/:slug"
upstream = "app"
[[site.route]]
path = "/traced/:slug"
upstream = "app"
trace = { ratio = 1.0, spans_per_minute_max = 1_000_000_000 }
[upstream.app]
endpoints = ["http://@ORIGIN@"]
"#;

fn stack(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("stack");
    for (protocol, version) in [(Protocol::Http1, "http/1.1"), (Protocol::Http2, "http/2")] {
        for path in ["/fixed", "/products/lamp", "/traced/lamp"] {
            group.bench_function(format!("{version} {path}"), |bencher| {
                bencher.iter_custom(|requests| time(protocol, path, requests));
            });
        }
    }
    group.finish();
}

#[expect(clippy::disallowed_methods, reason = "a bench measures with the clock of its harness")]
fn time(protocol: Protocol, path: &'static str, requests: u64) -> Duration {
    let taken = Rc::new(Cell::new(Duration::ZERO));
    let told = Rc::clone(&taken);
    on_worker(async move {
        let origin = Origin::start(|_| http::Response::new(String::from("hello"))).await;
        let mut stage = Stage::set(SITE, origin.address);
        let mut client = Client::connect(&stage, protocol).await;
        client.ask(path).await;
        let start = Instant::now();
        for _ in 0..requests {
            client.ask(path).await;
            origin.asked.borrow_mut().clear();
            drop(stage.spans());
        }
        told.set(start.elapsed());
    });
    taken.get()
}

criterion_group!(benches, stack);
criterion_main!(benches);
