//! A browser without a script: it keeps cookies and sends forms. And an origin that tells what it was asked.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
};

use crate::support::instance::{Answer, read};

/// One request and its answer.
pub(super) fn send(address: &str, method: &str, path: &str, fields: &[(&str, &str)], body: &str) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
    if !fields.iter().any(|(name, _)| *name == "host") {
        head += &format!("host: {address}\r\n");
    }
    for (name, value) in fields {
        head += &format!("{name}: {value}\r\n");
    }
    if method == "POST" {
        head += &format!("content-length: {}\r\n", body.len());
        if !fields.iter().any(|(name, _)| *name == "content-type") {
            head += "content-type: application/x-www-form-urlencoded\r\n";
        }
    }
    write!(stream, "{head}\r\n{body}").unwrap();
    read(&mut stream)
}

/// A browser at one address.
pub(super) struct Browser {
    pub(super) address: String,
    pub(super) cookies: BTreeMap<String, String>,
}

impl Browser {
    pub(super) fn at(address: &impl ToString) -> Self {
        Self { address: address.to_string(), cookies: BTreeMap::new() }
    }

    pub(super) fn ask(&mut self, method: &str, path: &str, body: &str) -> Answer {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        let fields: &[_] = if cookies.is_empty() { &[] } else { &[("cookie", cookies.as_str())] };
        let answer = send(&self.address, method, path, fields, body);
        for line in answer.head.lines() {
            let Some((name, value)) = line.split_once(": ") else { continue };
            if !name.eq_ignore_ascii_case("set-cookie") {
                continue;
            }
            let (name, value) = value.split(';').next().unwrap().split_once('=').unwrap();
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    pub(super) fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, "")
    }

    /// Sends a form with the hidden token of the plain page.
    pub(super) fn press(&mut self, path: &str, form: &str) -> Answer {
        let page = self.get("/_waylight/plain").body;
        let csrf = page.split("name=\"csrf\" value=\"").nth(1).expect(&page).split('"').next().unwrap().to_owned();
        self.ask("POST", path, &format!("csrf={csrf}&{form}"))
    }

    /// Opens a link and presses its button.
    pub(super) fn follow(&mut self, link: &str) -> Answer {
        let path = link.trim().splitn(4, '/').nth(3).unwrap();
        self.ask("POST", &format!("/{path}"), "")
    }
}

/// An origin whose answer tells the request line, every header of people, and the body.
pub(crate) fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || tell(stream));
        }
    });
    address
}

fn tell(mut stream: TcpStream) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut told = String::new();
        if reader.read_line(&mut told).unwrap_or(0) == 0 {
            return;
        }
        let mut length = 0;
        loop {
            let mut field = String::new();
            reader.read_line(&mut field).unwrap();
            let Some((name, value)) = field.split_once(':') else { break };
            let name = name.to_ascii_lowercase();
            if name == "content-length" {
                length = value.trim().parse().unwrap();
            }
            if matches!(name.as_str(), "cookie" | "authorization" | "x-user" | "x-role" | "waylight-trace" | "origin") {
                told += &field;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        told += &String::from_utf8_lossy(&body);
        let head = format!("content-type: text/plain\r\ncontent-length: {}", told.len());
        if write!(stream, "HTTP/1.1 200 OK\r\n{head}\r\n\r\n{told}").is_err() {
            return;
        }
    }
}
