//! The real binary as a child process, and a plain HTTP client for it. Everything waits for events: a log line, an
//! answer, an exit.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// Whatever takes longer than this is not coming.
const PATIENCE: Duration = Duration::from_secs(30);

/// The binary under test.
pub(crate) fn waylight() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_waylight"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("OTEL_")) {
        command.env_remove(name);
    }
    command
}

/// What the binary says and exits with, given these arguments.
pub(crate) fn output(directory: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = waylight().current_dir(directory).args(arguments).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// The head of every test's configuration: free ports, JSON logs.
pub(crate) const HEAD: &str = r#"
workers = 2
[log]
format = "json"
access = false
[[listener]]
address = "127.0.0.1:0"
[receive]
http = "127.0.0.1:0"
grpc = "off"
[admin]
address = "127.0.0.1:0"
"#;

/// A site that answers everything with `body`.
pub(crate) fn answering(body: &str) -> String {
    format!(
        "[[site]]\nhosts = [\"*\"]\n[[site.route]]\npath = \"/*\"\nrespond = {{ status = 200, body = \"{body}\" }}\n"
    )
}

/// A running Waylight.
pub(crate) struct Instance {
    pub(crate) directory: TempDir,
    pub(crate) address: SocketAddr,
    pub(crate) admin: String,
    child: Child,
    lines: Receiver<Value>,
}

impl Instance {
    /// Runs `proxy.toml` with this text, and waits until it is ready.
    pub(crate) fn start(config: &str) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), config)
    }

    pub(crate) fn start_in(directory: TempDir, config: &str) -> Self {
        Self::start_by(waylight(), directory, config)
    }

    /// Runs it by this command.
    pub(crate) fn start_by(mut command: Command, directory: TempDir, config: &str) -> Self {
        fs::write(directory.path().join("proxy.toml"), config).unwrap();
        let mut child = command.current_dir(directory.path()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line).unwrap_or(Value::String(line));
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let mut instance = Self { directory, address: ([127, 0, 0, 1], 0).into(), admin: String::new(), child, lines };
        instance.admin = instance.line("admin listener ready")["address"].as_str().unwrap().replace("http://", "");
        instance.address = instance.listening();
        instance.line("ready");
        instance
    }

    /// The next address it listens at.
    pub(crate) fn listening(&self) -> SocketAddr {
        let line = self.line("listening");
        line["address"].as_str().unwrap().split("://").nth(1).unwrap().parse().unwrap()
    }

    /// The next log line with this message.
    pub(crate) fn line(&self, message: &str) -> Value {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no log line {message:?}"));
            if line["message"].as_str().is_some_and(|text| text.starts_with(message)) {
                return line;
            }
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Saves `proxy.toml` as editors do: a new file, renamed into place.
    pub(crate) fn save(&self, config: &str) {
        fs::write(self.path("proxy.toml.new"), config).unwrap();
        fs::rename(self.path("proxy.toml.new"), self.path("proxy.toml")).unwrap();
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// The answer to `GET path` at the first listener.
    pub(crate) fn get(&self, path: &str) -> Answer {
        ask(&self.address.to_string(), "GET", path, &[])
    }

    /// The answer of the admin listener.
    pub(crate) fn admin(&self, method: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        ask(&self.admin, method, path, fields)
    }

    /// Its directory, for the next one.
    pub(crate) fn take_directory(&mut self) -> TempDir {
        std::mem::replace(&mut self.directory, tempfile::tempdir().unwrap())
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn stop(mut self) -> Option<i32> {
        self.signal(Signal::TERM);
        self.wait().code()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // Harmless where it has ended.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// An HTTP/1.1 answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// The value of a field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Asks once, on a connection of its own. `fields` may set `host`.
pub(crate) fn ask(address: &str, method: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "{method} {path} HTTP/1.1\r\nconnection: close\r\n").unwrap();
    if !fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        write!(stream, "host: {address}\r\n").unwrap();
    }
    for (name, value) in fields {
        write!(stream, "{name}: {value}\r\n").unwrap();
    }
    write!(stream, "\r\n").unwrap();
    read(&mut stream)
}

/// Reads an answer up to the end of the connection.
pub(crate) fn read(stream: &mut (impl std::io::Read + ?Sized)) -> Answer {
    let mut text = Vec::new();
    stream.read_to_end(&mut text).unwrap();
    let text = String::from_utf8_lossy(&text);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

/// One request and its answer on a connection that stays open; the answer has a `content-length`.
pub(crate) fn exchange(stream: &mut BufReader<TcpStream>, path: &str) -> (String, String) {
    write!(stream.get_mut(), "GET {path} HTTP/1.1\r\nhost: test\r\n\r\n").unwrap();
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(stream.read_line(&mut head).unwrap(), 0, "the connection ended: {head}");
    }
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).unwrap();
    (head, String::from_utf8(body).unwrap())
}
