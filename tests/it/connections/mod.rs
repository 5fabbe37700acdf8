//! The way in, over real sockets: listening, TLS, limits, reload and drain.

mod tls;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::watch,
    task::LocalSet,
};
use waylight::{
    config::model::{Listener, Toggle},
    proxy::{
        conn::Settings,
        drain::{Drainer, drain},
        entry::{self, Entry, Plan},
        listener::Listeners,
        permits::Permits,
        tls::Tls,
    },
    trace::counters::Counters,
};

use crate::support::{
    held,
    plain::{Plain, on_paused_time, serve_on, settings},
};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

fn plain(port: u16) -> Listener {
    Listener { address: ([127, 0, 0, 1], port).into(), tls: Toggle::Off, http2: Toggle::On }
}

fn addresses(listeners: &Listeners) -> Vec<SocketAddr> {
    listeners.iter().map(|bound| bound.local()).collect()
}

/// Some workers on one thread.
struct Edge {
    plan: watch::Sender<Arc<Plan>>,
    drainer: Drainer,
    counters: Arc<Counters>,
    workers: Vec<tokio::task::JoinHandle<()>>,
}

impl Edge {
    fn start(listeners: &[Listener], tls: Option<Tls>, workers: usize, settings: Settings) -> Self {
        let listeners = Listeners::open(listeners, workers, None).unwrap();
        let (plan, receiver) = watch::channel(Arc::new(Plan { listeners, tls, settings }));
        let (drainer, drain) = drain();
        let (permits, counters) = (Arc::new(Permits::default()), Arc::new(Counters::default()));
        let workers = (0..workers)
            .map(|worker| {
                let entry = Entry {
                    worker,
                    plan: receiver.clone(),
                    permits: Arc::clone(&permits),
                    counters: Arc::clone(&counters),
                    drain: drain.clone(),
                };
                tokio::task::spawn_local(entry::run(entry, Plain))
            })
            .collect();
        Self { plan, drainer, counters, workers }
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        addresses(&self.plan.borrow().listeners)
    }

    fn reload(&self, listeners: &[Listener], tls: Option<Tls>) {
        let previous = Arc::clone(&self.plan.borrow());
        let listeners = Listeners::open(listeners, self.workers.len(), Some(&previous.listeners)).unwrap();
        self.plan.send_replace(Arc::new(Plan { listeners, tls, settings: previous.settings.clone() }));
    }

    /// Goes on with other settings.
    fn bound(&self, change: impl FnOnce(&mut Settings)) {
        let previous = Arc::clone(&self.plan.borrow());
        let listeners = Listeners::open(&[plain(0)], self.workers.len(), Some(&previous.listeners)).unwrap();
        let mut settings = previous.settings.clone();
        change(&mut settings);
        self.plan.send_replace(Arc::new(Plan { listeners, tls: None, settings }));
    }

    async fn stopped(self) {
        for worker in self.workers {
            worker.await.unwrap();
        }
    }
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async { tokio::time::timeout(Duration::from_secs(20), test).await.unwrap() });
}

/// Reads one answer of [`Plain`].
async fn answer(io: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut octets = Vec::new();
    while !octets.ends_with(b"plain") && !octets.ends_with(b"tls") {
        if io.read_buf(&mut octets).await.unwrap() == 0 {
            break;
        }
    }
    String::from_utf8(octets).unwrap()
}

#[test]
fn every_worker_gets_connections_at_one_port() {
    run(async {
        let edge = Edge::start(&[plain(0)], None, 2, settings());
        let address = edge.addresses()[0];
        assert_ne!(address.port(), 0);
        for _ in 0..20 {
            let mut io = TcpStream::connect(address).await.unwrap();
            io.write_all(GET).await.unwrap();
            assert!(answer(&mut io).await.starts_with("HTTP/1.1 200"));
        }
        assert_eq!(edge.counters.connections_accepted.value(), 20);
    });
}

#[test]
fn a_second_instance_is_refused() {
    run(async {
        let first = Listeners::open(&[plain(0)], 3, None).unwrap();
        let address = addresses(&first)[0];
        for workers in [1, 3] {
            let error = Listeners::open(&[plain(address.port())], workers, None).unwrap_err();
            assert_eq!(error.to_string(), format!("cannot listen on {address}: something else listens there already"));
        }
        drop(first);
        Listeners::open(&[plain(address.port())], 3, None).unwrap();
    });
}

#[test]
fn of_two_instances_that_start_at_once_one_is_refused() {
    let port = addresses(&Listeners::open(&[plain(0)], 1, None).unwrap())[0].port();
    for _ in 0..50 {
        let start = std::sync::Barrier::new(2);
        let open = || {
            start.wait();
            let listeners = Listeners::open(&[plain(port)], 4, None);
            start.wait();
            listeners.is_ok()
        };
        let opened: Vec<bool> = std::thread::scope(|scope| {
            let threads = [scope.spawn(open), scope.spawn(open)];
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(!(opened[0] && opened[1]), "both listen");
    }
}

#[test]
fn what_is_over_the_limit_is_closed_and_counted() {
    run(async {
        let mut settings = settings();
        settings.limits.connections_max = 1;
        let edge = Edge::start(&[plain(0)], None, 2, settings);
        let address = edge.addresses()[0];
        let mut first = TcpStream::connect(address).await.unwrap();
        first.write_all(GET).await.unwrap();
        answer(&mut first).await;
        for _ in 0..4 {
            let mut second = TcpStream::connect(address).await.unwrap();
            assert!(second.read(&mut [0; 1]).await.is_ok_and(|octets| octets == 0), "closed at once");
        }
        assert_eq!(edge.counters.connections_refused.value(), 4);
        drop(first);
        loop {
            let mut third = TcpStream::connect(address).await.unwrap();
            if third.write_all(GET).await.is_ok() && third.read_u8().await.is_ok() {
                break; // its place is free again
            }
        }
    });
}

#[test]
fn a_reload_opens_and_shuts_and_keeps_what_stays() {
    run(async {
        let edge = Edge::start(&[plain(0)], None, 2, settings());
        let first = edge.addresses()[0];
        let mut kept = TcpStream::connect(first).await.unwrap();
        kept.write_all(GET).await.unwrap();
        answer(&mut kept).await;

        edge.reload(&[plain(0), Listener { address: ([127, 0, 0, 2], 0).into(), ..plain(0) }], None);
        let both = edge.addresses();
        assert_eq!(both[0], first, "port 0 keeps its port");
        let mut io = TcpStream::connect(both[1]).await.unwrap();
        io.write_all(GET).await.unwrap();
        answer(&mut io).await;

        edge.reload(&[Listener { address: ([127, 0, 0, 2], 0).into(), ..plain(0) }], None);
        while TcpStream::connect(first).await.is_ok() {
            tokio::task::yield_now().await;
        }
        assert_eq!(edge.addresses(), both[1..]);
        kept.write_all(GET).await.unwrap();
        assert!(answer(&mut kept).await.starts_with("HTTP/1.1 200"), "connections outlive their listener");
    });
}

#[test]
fn a_reload_bounds_the_next_request_of_a_connection_that_is_open() {
    run(async {
        let edge = Edge::start(&[plain(0)], None, 1, settings());
        let mut kept = TcpStream::connect(edge.addresses()[0]).await.unwrap();
        let long = format!("GET /?{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(300));
        kept.write_all(long.as_bytes()).await.unwrap();
        assert!(answer(&mut kept).await.starts_with("HTTP/1.1 200"));

        edge.bound(|settings| settings.limits.uri_bytes_max = 200);
        // The worker has taken it over when it has answered somebody who came later.
        let mut later = TcpStream::connect(edge.addresses()[0]).await.unwrap();
        later.write_all(GET).await.unwrap();
        answer(&mut later).await;

        kept.write_all(long.as_bytes()).await.unwrap();
        assert!(answer(&mut kept).await.starts_with("HTTP/1.1 414"));
    });
}

#[test]
fn an_idle_connection_is_small() {
    let octets = on_paused_time(async {
        let mut clients = Vec::with_capacity(200);
        let mut octets = Vec::with_capacity(2);
        for _ in 0..2 {
            let before = held();
            for _ in 0..100 {
                let (mut client, other) = tokio::net::UnixStream::pair().unwrap();
                let drainer = serve_on(other, Plain);
                client.write_all(GET).await.unwrap();
                assert!(answer(&mut client).await.starts_with("HTTP/1.1 200"));
                clients.push((client, drainer));
            }
            // They give their buffers back after a second. Time is paused: nobody waits for it.
            tokio::time::sleep(Duration::from_secs(2)).await;
            octets.push((held() - before) / 100);
        }
        octets[1] // what is made once is not among it
    });
    // The client's own end is among it. Nothing of the stack is: it is there once for a worker.
    assert!(octets <= 4096, "{octets} octets");
}

/// A request in progress, until its one octet of content comes.
const UNFINISHED: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n";

#[test]
fn drain_stops_listening_and_waits_for_what_is_in_progress() {
    run(async {
        let edge = Edge::start(&[plain(0)], None, 2, settings());
        let address = edge.addresses()[0];
        let mut idle = TcpStream::connect(address).await.unwrap();
        idle.write_all(GET).await.unwrap();
        answer(&mut idle).await;
        let mut busy = TcpStream::connect(address).await.unwrap();
        busy.write_all(UNFINISHED).await.unwrap();
        let mut early = TcpStream::connect(address).await.unwrap();
        early.write_all(GET).await.unwrap();
        while edge.counters.connections_open.value() < 3 {
            tokio::task::yield_now().await;
        }

        edge.drainer.start();
        assert_eq!(idle.read(&mut [0; 1]).await.unwrap(), 0, "idle ones are closed");
        assert!(answer(&mut early).await.starts_with("HTTP/1.1 200"));
        busy.write_all(b"x").await.unwrap();
        let last = answer(&mut busy).await;
        assert!(last.contains("connection: close"), "{last}");
        let counters = Arc::clone(&edge.counters);
        edge.stopped().await;
        assert_eq!(counters.connections_open.value(), 0);
        assert!(TcpStream::connect(address).await.is_err(), "nobody listens");
    });
}

#[test]
fn drain_has_a_deadline() {
    run(async {
        let mut settings = settings();
        settings.timeouts.drain = Duration::from_millis(20);
        let edge = Edge::start(&[plain(0)], None, 1, settings);
        let mut busy = TcpStream::connect(edge.addresses()[0]).await.unwrap();
        busy.write_all(UNFINISHED).await.unwrap();
        while edge.counters.connections_open.value() < 1 {
            tokio::task::yield_now().await;
        }
        edge.drainer.start();
        edge.stopped().await; // though the request never ends
    });
}
