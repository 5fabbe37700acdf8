//! The demo, as a person runs it: the link signs in, Start traces, and the terminal shows the app's spans joined.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpStream,
    process::{Child, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

use serde_json::Value;

use crate::support::instance::{Answer, output, read, waylight};

struct Demo {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
    authority: String,
    cookie: String,
}

impl Demo {
    fn line(&mut self, part: &str) -> String {
        let mut lines = self.lines.by_ref().map(Result::unwrap);
        lines.find(|line| line.contains(part)).unwrap_or_else(|| panic!("the demo ended without {part:?}"))
    }

    fn ask(&mut self, method: &str, path: &str, body: &str) -> Answer {
        self.ask_with(method, path, "content-type: application/x-www-form-urlencoded\r\n", body)
    }

    fn ask_with(&mut self, method: &str, path: &str, fields: &str, body: &str) -> Answer {
        let answer = read(&mut self.send(method, path, fields, body));
        if let Some(cookie) = answer.field("set-cookie") {
            self.cookie = cookie.split(';').next().unwrap().to_owned();
        }
        answer
    }

    fn send(&self, method: &str, path: &str, fields: &str, body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.authority).unwrap();
        let Self { authority, cookie, .. } = self;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {authority}\r\norigin: http://{authority}\r\nconnection: close\r\n\
             cookie: {cookie}\r\n{fields}content-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        stream
    }

    /// Signs in by the link that it prints.
    fn signed_in() -> Self {
        let mut child = waylight().args(["demo"]).env("NO_COLOR", "1").stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut demo = Self { child, lines, authority: String::new(), cookie: String::new() };
        let line = demo.line("/_waylight/sign-in?token=");
        let link = line.split_once("http://").unwrap().1.trim();
        let (authority, path) = link.split_once('/').unwrap();
        demo.authority = authority.to_owned();
        assert_eq!(demo.ask("POST", &format!("/{path}"), "").status, 303);
        demo
    }

    /// Starts a session.
    fn start(&mut self) {
        let page = self.ask("GET", "/_waylight/plain", "");
        let csrf = page.body.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        let started = self.ask("POST", "/_waylight/start", &format!("csrf={csrf}"));
        assert_eq!(started.status, 303, "{}", started.body);
    }

    /// Ends as by Ctrl-C, and its shop with it.
    fn ends(mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }

    fn api(&mut self, path: &str) -> Value {
        let answer = self.ask("GET", &format!("/_waylight/api/v1{path}"), "");
        serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{path}: {error}: {}", answer.body))
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn the_link_signs_in_and_the_terminal_shows_whole_traces() {
    let mut demo = Demo::signed_in();
    let line = demo.line("waylight link --config ");
    let arguments: Vec<&str> = line.split_once("waylight ").unwrap().1.split_whitespace().collect();
    let (code, another, _) = output(&std::env::temp_dir(), &arguments);
    assert_eq!(code, Some(0), "{another}");
    let another = another.trim().split_once(&demo.authority).unwrap().1.to_owned();
    assert_eq!(demo.ask("POST", &another, "").status, 303, "another link works as well");
    demo.start();

    let page = demo.ask("GET", "/products/paper-moon", "");
    assert_eq!(page.status, 200);
    demo.line("GET /products/:slug 200");
    demo.line("Upstream start");
    demo.line("GET /products/{slug}");
    demo.line("SELECT products");
    demo.line("render page");
    assert_eq!(demo.ask("GET", "/failing", "").status, 500);
    demo.line("the match went out before the lantern was lit");

    // The cache, explained in headers and in the terminal.
    let told = |answer: &Answer| answer.field("cache-status").unwrap_or_default().to_owned();
    assert!(told(&demo.ask("GET", "/offers", "")).contains("fwd=uri-miss"));
    demo.line("Cache lookup nothing-stored");
    assert!(told(&demo.ask("GET", "/offers", "")).contains("; hit; ttl="));
    demo.line("Cache lookup fresh");
    let changed = demo.ask("POST", "/offers", "");
    assert!(told(&changed).contains("fwd=method"), "{}", told(&changed));
    assert!(told(&demo.ask("GET", "/offers", "")).contains("fwd=uri-miss"), "the change was noticed");

    demo.ends();
}

#[test]
fn each_word_of_the_cache_is_told_in_headers_and_in_spans() {
    let mut demo = Demo::signed_in();
    demo.start();
    let told = |answer: &Answer| answer.field("cache-status").unwrap_or_default().to_owned();
    let offers = |demo: &mut Demo, fields: &str| told(&demo.ask_with("GET", "/offers", fields, ""));
    let mut words = Vec::new();
    let mut expect = |word: &'static str, reason: &'static str, header: String, parts: &[&str]| {
        assert!(parts.iter().all(|part| header.contains(part)), "{word}: {header}");
        words.push((word, reason));
    };
    let miss = offers(&mut demo, "");
    expect("miss", "nothing is stored under this key", miss, &["fwd=uri-miss", "; stored", "detail=nothing-stored"]);
    let hit = offers(&mut demo, "");
    expect("hit", "the stored response is ", hit, &["waylight; hit; ttl="]);
    let revalidated = offers(&mut demo, "cache-control: no-cache\r\n");
    let parts = ["fwd=request", "fwd-status=304", "; stored", "detail=not-modified"];
    expect("revalidated", "the upstream said that the stored response is current", revalidated, &parts);
    let fields = "content-type: application/json\r\nwaylight-request: 1\r\n";
    let wish = format!("{{\"url\":\"http://{}/offers\",\"soft\":true}}", demo.authority);
    let purged = demo.ask_with("POST", "/_waylight/api/v1/cache/purge", fields, &wish);
    assert_eq!((purged.status, &*purged.body), (200, "{\"purged\":1}"));
    let stale = offers(&mut demo, "");
    expect("stale", "it has been stale for ", stale, &["waylight; hit; ttl=", "detail=stale-while-revalidate"]);
    let changed = told(&demo.ask("POST", "/offers", ""));
    expect("bypass", "the cache answers GET and HEAD only", changed, &["fwd=method", "detail=method"]);
    // The page takes its time, so the second one waits for the first.
    let mut first = demo.send("GET", "/offers", "", "");
    let collapsed = loop {
        let second = offers(&mut demo, "");
        if second.contains("; collapsed") {
            break second;
        }
        // It came before the first one, or both were too late.
        demo.ask("POST", "/offers", "");
        read(&mut first);
        first = demo.send("GET", "/offers", "", "");
    };
    read(&mut first);
    expect("collapsed", "another request was asking for the same", collapsed, &["fwd=uri-miss", "detail=collapsed"]);

    for (word, reason) in words {
        let explained = |demo: &mut Demo| {
            let listed = demo.api(&format!("/requests?q=cache:{word}+path:/offers"));
            let traces = listed["items"].as_array().unwrap().iter().filter_map(|row| row["trace_id"].as_str());
            let traces: Vec<_> = traces.map(str::to_owned).collect();
            traces.into_iter().any(|trace| {
                let exported = demo.ask("GET", &format!("/_waylight/api/v1/traces/{trace}?format=otlp"), "").body;
                let has = |key: &str, value: &str| {
                    exported.contains(&format!("{{\"key\":\"{key}\",\"value\":{{\"stringValue\":\"{value}"))
                };
                has("cache.status", word) && has("cache.explanation", reason)
            })
        };
        // Listed and stored in the background.
        while !explained(&mut demo) {
            std::thread::yield_now();
        }
    }
    demo.ends();
}
