//! The admin listener: what it tells, whom it refuses, and how it follows a drain.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::net::UnixStream,
};

use rustix::process::Signal;

use crate::support::instance::{HEAD, Instance, answering, read};

fn instance() -> Instance {
    Instance::start(&format!("{HEAD}hosts = [\"edge.internal\"]\n{}", answering("one")))
}

#[test]
fn it_tells_how_the_process_is() {
    let instance = instance();
    for (path, body) in [("/health", "ok\n"), ("/ready", "ready\n")] {
        let answer = instance.admin("GET", path, &[]);
        assert_eq!((answer.status, &*answer.body), (200, body));
        assert_eq!(answer.field("cache-control"), Some("no-store"));
    }
    let version = instance.admin("GET", "/version", &[]).json();
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(version["generation"], 1);
    assert_eq!(instance.admin("GET", "/exports", &[]).json()["exports"], serde_json::json!([]));
    assert_eq!(instance.admin("HEAD", "/health", &[]).body, "");
    assert_eq!(instance.admin("GET", "/nowhere", &[]).status, 404);
    let refused = instance.admin("POST", "/health", &[("waylight-admin", "1")]);
    assert_eq!((refused.status, refused.field("allow")), (405, Some("GET, HEAD")));
}

#[test]
fn counters_are_openmetrics_and_add_up_over_workers() {
    let instance = instance();
    for _ in 0..8 {
        instance.get("/");
    }
    let answer = instance.admin("GET", "/metrics", &[]);
    assert_eq!(answer.field("content-type"), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    assert!(answer.body.ends_with("# EOF\n"));
    assert!(answer.body.contains("\nwaylight_requests_total 8\n"), "{}", answer.body);
    assert!(answer.body.contains("\n# TYPE waylight_connections_open gauge\n"));
}

#[test]
fn the_configuration_is_shown_without_its_secrets() {
    let secret = "a-secret-that-is-long-enough-to-be-taken";
    let config = format!("{HEAD}{}\n[access]\nsecrets = [\"{secret}\"]\n", answering("one"));
    let instance = Instance::start(&config);
    let answer = instance.admin("GET", "/config", &[]);
    assert_eq!(answer.status, 200);
    assert!(answer.body.contains("drain = \"30s\""), "defaults are filled in: {}", answer.body);
    assert!(!answer.body.contains(secret), "{}", answer.body);
}

#[test]
fn it_answers_nobody_whom_a_web_page_sent() {
    let instance = instance();
    let own = format!("http://{}", instance.admin);
    let ask = |fields: &[(&str, &str)]| instance.admin("GET", "/version", fields).status;
    assert_eq!(ask(&[("host", "localhost")]), 200);
    assert_eq!(ask(&[("host", "edge.internal:9180")]), 200);
    assert_eq!(ask(&[("origin", &own)]), 200);
    assert_eq!(ask(&[("host", "evil.example")]), 421);
    assert_eq!(ask(&[("origin", "http://evil.example")]), 403);
    assert_eq!(ask(&[("origin", "null")]), 403);
    let reload = |fields: &[(&str, &str)]| instance.admin("POST", "/reload", fields).status;
    assert_eq!(reload(&[]), 403);
    assert_eq!(reload(&[("waylight-admin", "1"), ("origin", "http://evil.example")]), 403);
    assert_eq!(reload(&[("waylight-admin", "1"), ("host", "evil.example")]), 421);
    assert_eq!(instance.admin("GET", "/version", &[]).json()["generation"], 1, "nothing was reloaded");
}

#[test]
fn it_hands_out_sign_in_links() {
    let instance = instance();
    assert_eq!(instance.admin("POST", "/link", &[]).status, 403);
    assert_eq!(instance.admin("GET", "/link", &[]).status, 405);
    let link = instance.admin("POST", "/link?name=Ada%20L", &[("waylight-admin", "1")]);
    assert_eq!(link.status, 200);
    let path = link.body.trim().strip_prefix(&format!("http://{}", instance.address)).unwrap();
    let page = instance.get(path);
    assert_eq!(page.status, 200);
    assert!(page.body.contains("Ada L"), "{}", page.body);
    let other = "/link?site=https%3A%2F%2Fshop.example";
    let link = instance.admin("POST", other, &[("waylight-admin", "1")]);
    assert!(link.body.starts_with("https://shop.example/_waylight/sign-in?token="), "{}", link.body);
}

#[test]
fn a_unix_socket_is_possible_and_is_removed() {
    let config = format!("{HEAD}{}", answering("one"));
    let at = config.rfind("127.0.0.1:0").unwrap();
    let config = format!("{}unix:admin.sock{}", &config[..at], &config[at + "127.0.0.1:0".len()..]);
    let instance = Instance::start(&config);
    let path = instance.path("admin.sock");
    let mut stream = UnixStream::connect(&path).unwrap();
    write!(stream, "GET /health HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    assert_eq!(read(&mut stream).body, "ok\n");
    let directory = instance.directory.path().to_owned();
    assert_eq!(crate::support::instance::output(&directory, &["health"]).0, Some(0));
    let mut instance = instance;
    instance.signal(Signal::TERM);
    assert_eq!(instance.wait().code(), Some(0));
    assert!(!path.exists());
    assert!(!instance.path(".waylight/instance.json").exists());
}

#[test]
fn a_drain_finishes_what_was_begun() {
    let origin = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = format!(
        "{HEAD}[[site]]\nhosts = [\"*\"]\n[[site.route]]\npath = \"/*\"\nupstream = \"app\"\n\
         [upstream.app]\nendpoints = [\"http://{}\"]\n[timeouts]\ndrain_delay = \"300ms\"\n",
        origin.local_addr().unwrap()
    );
    let mut instance = Instance::start(&config);
    let mut client = TcpStream::connect(instance.address).unwrap();
    write!(client, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut upstream = BufReader::new(origin.accept().unwrap().0);
    let mut line = String::new();
    while !line.ends_with("\r\n\r\n") {
        upstream.read_line(&mut line).unwrap();
    }
    instance.signal(Signal::TERM);
    instance.line("not ready any more");
    assert_eq!(instance.admin("GET", "/ready", &[]).status, 503);
    assert_eq!(instance.admin("GET", "/health", &[]).status, 200);
    // New connections are taken during the delay, and refused after it.
    drop(TcpStream::connect(instance.address).unwrap());
    while TcpStream::connect(instance.address).is_ok() {
        std::thread::yield_now();
    }
    write!(upstream.get_mut(), "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone").unwrap();
    let answer = read(&mut client);
    assert_eq!((answer.status, &*answer.body), (200, "done"));
    assert_eq!(answer.field("connection"), Some("close"));
    assert_eq!(instance.wait().code(), Some(0));
}

#[test]
fn a_second_signal_stops_at_once() {
    let config = format!("{HEAD}{}\n[timeouts]\ndrain_delay = \"1h\"\n", answering("one"));
    let mut instance = Instance::start(&config);
    instance.signal(Signal::INT);
    instance.line("not ready any more");
    instance.signal(Signal::INT);
    assert_eq!(instance.wait().code(), Some(0));
}
