//! A switch of protocols, with a real connection on both sides.

use std::rc::Rc;

use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, duplex},
    task::spawn_local,
};
use waylight::{body::Body, proxy::handler::Handler as _};

use super::{
    harness::{Worker, on_worker, upstream},
    origin::{Origin, Step},
};

const ASK: &str = "GET /chat HTTP/1.1\r\nhost: shop.example\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n";

/// Hands what comes over `io` to the worker, as the connection stage does.
fn serve(worker: Rc<Worker>, io: tokio::io::DuplexStream) {
    let service = service_fn(move |request: http::Request<Incoming>| {
        let worker = Rc::clone(&worker);
        async move {
            let request = Box::new(request.map(Body::from));
            let cx = worker.context(&request);
            worker.forward.handle(request, &cx).await
        }
    });
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(io), service);
    spawn_local(connection.with_upgrades());
}

#[test]
fn both_sides_speak_freely_after_a_switch() {
    on_worker(async || {
        let switch = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\nhello";
        let script = vec![Step::Head, Step::Write(switch), Step::Octets(4), Step::Write("pong"), Step::End];
        let origin = Origin::new(vec![script]).await;
        let worker = Rc::new(Worker::new(upstream(&[origin.address])));
        let (mut client, server) = duplex(4096);
        serve(Rc::clone(&worker), server);
        client.write_all(ASK.as_bytes()).await.unwrap();
        let mut seen = String::new();
        while !seen.ends_with("hello") {
            seen.push(char::from(client.read_u8().await.unwrap()));
        }
        assert!(seen.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{seen}");
        assert!(seen.contains("upgrade: websocket\r\n") && seen.contains("connection: upgrade\r\n"), "{seen}");
        client.write_all(b"ping").await.unwrap();
        let mut pong = [0; 4];
        client.read_exact(&mut pong).await.unwrap();
        assert_eq!(&pong, b"pong");
        client.shutdown().await.unwrap();
        assert_eq!(client.read(&mut pong).await.unwrap(), 0, "the end is passed on");
        let seen = origin.seen().remove(0);
        assert!(seen.contains("connection: upgrade\r\n") && seen.ends_with("ping"), "{seen}");
    });
}

#[test]
fn an_upgrade_that_is_declined_is_an_ordinary_answer() {
    on_worker(async || {
        let decline = "HTTP/1.1 426 Upgrade Required\r\ncontent-length: 2\r\n\r\nno";
        let origin = Origin::new(vec![vec![Step::Head, Step::Write(decline), Step::End]]).await;
        let worker = Rc::new(Worker::new(upstream(&[origin.address])));
        let (mut client, server) = duplex(4096);
        serve(Rc::clone(&worker), server);
        client.write_all(ASK.as_bytes()).await.unwrap();
        let mut seen = String::new();
        while !seen.ends_with("no") {
            seen.push(char::from(client.read_u8().await.unwrap()));
        }
        assert!(seen.starts_with("HTTP/1.1 426"), "{seen}");
        assert_eq!(worker.counters.upstream_connections_idle.value(), 1);
    });
}
