//! Processes that are started on demand. The process is this test binary itself, told by a variable what to be.

use std::{
    collections::BTreeMap,
    env,
    io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    rc::Rc,
    time::Duration,
};

use http::StatusCode;
use rustix::process::Signal;
use waylight::{
    config::model::{Secret, Start, StartOtlp, StartPort, Upstream},
    error::ErrorType,
    rules::startup::State,
    trace::{receive::SpansTo, stage::Stage},
};

use super::{
    harness::{Worker, get, on_worker, services, text, upstream},
    secure::{attribute, find, nested, traced},
};
use crate::support::instance::{HEAD, Instance};

/// What the process is to be.
const ROLE: &str = "WAYLIGHT_TEST_ROLE";

/// Not a test of its own: what the started process runs.
#[test]
fn started_process() {
    match env::var(ROLE).as_deref() {
        Ok("serve") => serve(),
        Ok("end") => panic!("there is no database"),
        Ok("sleep") => loop {
            std::thread::park();
        },
        _ => {}
    }
}

/// Answers with its process id; ends by itself when it is asked for `/crash`.
fn serve() {
    let port: u16 = env::var("PORT").unwrap().parse().unwrap();
    std::io::stderr().write_all(b"about to listen\n").unwrap();
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    loop {
        let (mut stream, _) = listener.accept().unwrap();
        let mut line = String::new();
        let mut lines = BufReader::new(stream.try_clone().unwrap());
        lines.read_line(&mut line).unwrap();
        if line.contains("/crash") {
            // Nobody may get into the queue of a listener that is about to go, once the answer's absence is known.
            drop((listener, lines, stream));
            panic!("crash as told");
        }
        let asked = line.split(' ').nth(1).unwrap_or_default().trim_start_matches('/');
        let answer =
            if asked.is_empty() { std::process::id().to_string() } else { env::var(asked).unwrap_or_default() };
        let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", answer.len());
        stream.write_all(format!("{head}{answer}").as_bytes()).unwrap_or_default();
    }
}

fn process(role: &str) -> Upstream {
    let me = env::current_exe().unwrap().to_str().unwrap().to_owned();
    let arguments = ["--exact", "upstream::process::started_process", "--nocapture"];
    let mut upstream = upstream(&[]);
    upstream.start = Some(Start {
        command: std::iter::once(me).chain(arguments.map(str::to_owned)).collect(),
        directory: PathBuf::from("."),
        env: BTreeMap::from([(ROLE.to_owned(), Secret::new(role))]),
        port: StartPort::Variable("PORT".into()),
        otlp: StartOtlp::Http,
        timeout_start: Duration::from_secs(20),
        timeout_stop: Duration::from_secs(5),
    });
    upstream
}

/// Whether a process with this id runs.
fn runs(pid: &str) -> bool {
    let pid = rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap();
    rustix::process::test_kill_process(pid).is_ok()
}

#[test]
fn it_does_not_outlive_a_waylight_that_is_killed() {
    let me = env::current_exe().unwrap();
    let config = format!(
        "{HEAD}[[site]]\nhosts = [\"*\"]\n[[site.route]]\npath = \"/*\"\nupstream = \"app\"\n[upstream.app.start]\n\
         command = [{me:?}, \"--exact\", \"upstream::process::started_process\", \"--nocapture\"]\n\
         env = {{ {ROLE} = \"serve\" }}\n"
    );
    let mut instance = Instance::start(&config);
    let port: u16 = instance.get("/PORT").body.parse().unwrap();
    // It takes a connection, and waits for a request: its end is the connection's.
    let mut held = TcpStream::connect(("127.0.0.1", port)).unwrap();
    held.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    instance.signal(Signal::KILL);
    instance.wait();
    let end = held.read(&mut [0]).map_err(|error| error.kind());
    assert!(matches!(end, Ok(0) | Err(ErrorKind::ConnectionReset)), "it runs on: {end:?}");
}

#[test]
fn one_start_serves_all_who_wait() {
    on_worker(async || {
        let services = services();
        let one = Worker::sharing(process("serve"), services.clone());
        let two = Worker::sharing(process("serve"), services.clone());
        let shown = || services.supervisor.processes().remove(0);
        assert_eq!((shown().state, shown().starts, shown().pid), (State::Idle, 0, None));
        let (first, second, third) = tokio::join!(one.get(), two.get(), one.get());
        let pid = first.unwrap();
        assert_eq!((second.unwrap(), third.unwrap()), (pid.clone(), pid.clone()));
        assert!(runs(&pid));
        let ready = shown();
        assert_eq!((&*ready.upstream, ready.state, ready.starts, ready.failed), ("app", State::Ready, 1, false));
        assert_eq!(ready.pid.map(|pid| pid.to_string()), Some(pid.clone()));
        assert!(ready.port.is_some() && ready.since.is_some());
        services.supervisor.shutdown().await;
        assert!(!runs(&pid), "it was not stopped");
        assert_eq!((shown().state, shown().pid, shown().port), (State::Idle, None, None));
        let error = one.get().await.unwrap_err();
        assert_eq!((error.kind, error.status()), (ErrorType::DestinationUnavailable, StatusCode::SERVICE_UNAVAILABLE));
    });
}

#[test]
fn a_process_is_told_where_its_spans_go() {
    on_worker(async || {
        let services = services();
        let at = |port: u16| Some(([127, 0, 0, 1], port).into());
        services.supervisor.receive_spans_at(SpansTo { http: at(4318), grpc: at(4317), token: None });
        for (otlp, port, protocol) in [(StartOtlp::Http, 4318, "http/protobuf"), (StartOtlp::Grpc, 4317, "grpc")] {
            let mut upstream = process("serve");
            upstream.start.as_mut().unwrap().otlp = otlp;
            let worker = Worker::sharing(upstream, services.clone());
            let told = [
                ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://127.0.0.1:{port}")),
                ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol.to_owned()),
                ("OTEL_SERVICE_NAME", "app".to_owned()),
            ];
            for (name, expect) in told {
                let response = worker.send(get(&format!("/{name}"))).await.unwrap();
                assert_eq!(text(response).await.unwrap(), expect);
            }
        }
        services.supervisor.shutdown().await;
    });
}

#[test]
fn a_process_that_crashed_is_started_again() {
    on_worker(async || {
        let services = services();
        let worker = Worker::sharing(process("serve"), services.clone());
        let first = worker.get().await.unwrap();
        let error = worker.send(get("/crash")).await.unwrap_err();
        assert_eq!(error.kind, ErrorType::ConnectionTerminated);
        let second = worker.get().await.unwrap();
        assert_ne!(first, second);
        assert!(!runs(&first) && runs(&second));
        services.supervisor.shutdown().await;
    });
}

#[test]
fn a_process_survives_a_reload_that_does_not_concern_it() {
    on_worker(async || {
        let worker = Worker::new(process("serve"));
        let first = worker.get().await.unwrap();
        let mut wish = process("serve");
        wish.timeout_idle = Duration::from_secs(1);
        let reloaded = worker.reloaded(wish.clone());
        let services = worker.services.clone();
        drop(worker);
        assert_eq!(reloaded.get().await.unwrap(), first);
        if let Some(start) = &mut wish.start {
            start.env.insert("CHANGED".into(), Secret::new("yes"));
        }
        let changed = reloaded.reloaded(wish);
        drop(reloaded);
        let second = changed.get().await.unwrap();
        assert_ne!(second, first);
        services.supervisor.shutdown().await;
        assert!(!runs(&first) && !runs(&second));
    });
}

#[test]
fn a_process_that_does_not_start_is_unavailable() {
    on_worker(async || {
        let worker = Worker::new(process("end"));
        let error = worker.get().await.unwrap_err();
        assert_eq!((error.kind, error.status()), (ErrorType::DestinationUnavailable, StatusCode::SERVICE_UNAVAILABLE));
        let shown = worker.services.supervisor.processes().remove(0);
        assert_eq!((shown.state, shown.failed, shown.pid), (State::Idle, true, None));
        assert!(!error.to_string().contains("database"), "its output is not for clients: {error}");
        let mut wish = process("end");
        if let Some(start) = &mut wish.start {
            start.command = vec!["no-such-program-anywhere".into()];
        }
        let error = Worker::new(wish).get().await.unwrap_err();
        assert_eq!(error.kind, ErrorType::DestinationUnavailable);
    });
}

#[test]
fn a_process_that_is_not_ready_in_time_is_stopped() {
    on_worker(async || {
        let mut wish = process("sleep");
        if let Some(start) = &mut wish.start {
            start.timeout_start = Duration::from_millis(100);
        }
        let worker = Rc::new(Worker::new(wish));
        let error = worker.get().await.unwrap_err();
        assert_eq!((error.kind, error.status()), (ErrorType::ConnectionTimeout, StatusCode::GATEWAY_TIMEOUT));
        worker.services.supervisor.shutdown().await;
    });
}

#[test]
fn a_port_that_somebody_else_has_is_not_taken_for_ours() {
    on_worker(async || {
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut wish = process("serve");
        if let Some(start) = &mut wish.start {
            start.port = StartPort::Fixed(other.local_addr().unwrap().port());
            start.timeout_start = Duration::from_millis(200);
        }
        let error = Worker::new(wish).get().await.unwrap_err();
        assert_eq!(error.kind, ErrorType::DestinationUnavailable);
    });
}

#[test]
fn the_request_that_waited_tells_of_the_start() {
    on_worker(async || {
        let worker = Worker::new(process("serve"));
        let spans = traced(&worker).await;
        nested(&spans);
        let client = find(&spans, Stage::UpstreamRequest);
        let start = find(&spans, Stage::UpstreamStart);
        assert_eq!(start.parent, client.span_id);
        assert_eq!(find(&spans, Stage::UpstreamSpawn).parent, start.span_id);
        assert_eq!(find(&spans, Stage::UpstreamReady).parent, start.span_id);
        assert_eq!(attribute(start, "waylight.upstream.cold"), "true");
        assert!(attribute(start, "process.command").contains("started_process"));
        let said = |line: &str| start.events.iter().any(|event| format!("{:?}", event.attributes).contains(line));
        assert!(said("about to listen"), "{start:#?}");
        assert_eq!(attribute(start, "waylight.upstream.last_stop"), "", "there was none before");
        let spans = traced(&worker).await;
        assert!(spans.iter().all(|span| span.stage != Stage::UpstreamStart));
        worker.send(get("/crash")).await.unwrap_err();
        let spans = traced(&worker).await;
        let stop = attribute(find(&spans, Stage::UpstreamStart), "waylight.upstream.last_stop");
        assert!(stop.contains(" before, by itself, exit status: 101"), "{stop}");
        worker.services.supervisor.shutdown().await;
    });
}
