//! The demo, as a person runs it: the link signs in, Start traces, and the terminal shows the app's spans joined.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpStream,
    process::{Child, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

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
        let mut stream = TcpStream::connect(&self.authority).unwrap();
        let Self { authority, cookie, .. } = self;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {authority}\r\norigin: http://{authority}\r\nconnection: close\r\n\
             cookie: {cookie}\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let answer = read(&mut stream);
        if let Some(cookie) = answer.field("set-cookie") {
            self.cookie = cookie.split(';').next().unwrap().to_owned();
        }
        answer
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
    let mut child = waylight().args(["demo"]).env("NO_COLOR", "1").stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut demo = Demo { child, lines, authority: String::new(), cookie: String::new() };
    let line = demo.line("/_waylight/sign-in?token=");
    let link = line.split_once("http://").unwrap().1.trim();
    let (authority, path) = link.split_once('/').unwrap();
    demo.authority = authority.to_owned();
    let line = demo.line("waylight link --config ");
    let arguments: Vec<&str> = line.split_once("waylight ").unwrap().1.split_whitespace().collect();
    let (code, another, _) = output(&std::env::temp_dir(), &arguments);
    assert_eq!(code, Some(0), "{another}");
    let another = another.trim().split_once(authority).unwrap().1;

    assert_eq!(demo.ask("POST", another, "").status, 303, "another link works as well");
    assert_eq!(demo.ask("POST", &format!("/{path}"), "").status, 303);
    let page = demo.ask("GET", "/_waylight/plain", "");
    let csrf = page.body.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let started = demo.ask("POST", "/_waylight/start", &format!("csrf={csrf}"));
    assert_eq!(started.status, 303, "{}", started.body);

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

    kill_process(Pid::from_child(&demo.child), Signal::TERM).unwrap();
    assert_eq!(demo.child.wait().unwrap().code(), Some(0));
}
