//! One start of a process, from spawning it to its end: a task of its own, which stops the whole process group.

use std::{
    io,
    net::TcpListener,
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    net::TcpStream,
    process::{Child, Command},
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    guard::Guard,
    life::{Facts, Life, Refusal, Started, Why},
    output::{self, Stream, Tail},
};
use crate::{
    clock,
    config::model::{StartOtlp, StartPort},
    rules::startup::{Action, Event},
};

/// Readiness is asked for this soon, and then less and less often.
const POLL_FIRST: Duration = Duration::from_millis(2);
/// Readiness is asked for at least this often.
const POLL_MAX: Duration = Duration::from_millis(50);
/// How long the last output of a process that ended is waited for: what it left behind may hold the pipe open.
const TIMEOUT_OUTPUT: Duration = Duration::from_millis(200);
/// What OpenTelemetry SDKs read to find their exporter.
const OTLP_VARIABLES: &str = "OTEL_EXPORTER_OTLP_";

/// Starts the process of `life`, and stays with it until it has ended.
pub(super) async fn run(life: Arc<Life>) {
    life.counters.upstream_starts.one();
    let mut facts = Facts { began: clock::now(), stop: life.last_stop(), ..Facts::default() };
    let mut running = match Running::spawn(&life).await {
        Ok(running) => running,
        Err(error) => {
            tracing::warn!(upstream = &*life.upstream, %error, "the upstream's process could not be started");
            life.counters.upstream_starts_failed.one();
            facts.ended = clock::now();
            life.tell(Event::Ended, || Refusal { why: Why::Failed, facts: Arc::new(facts) });
            return;
        }
    };
    facts.spawned = Some(clock::now());
    facts.pid = running.child.id();
    tracing::info!(upstream = &*life.upstream, pid = facts.pid, port = running.port, "upstream process spawned");
    match running.wait_until_ready(&life).await {
        Waited::Ready => {
            facts.ended = clock::now();
            facts.output = running.tail.lines();
            let millis = u64::try_from(facts.ended.since(facts.began).as_millis()).unwrap_or(u64::MAX);
            tracing::info!(upstream = &*life.upstream, port = running.port, millis, "upstream process ready");
            life.accepting(Started { port: running.port, facts: Arc::new(facts) });
            running.live(&life).await;
        }
        Waited::Ended(status) => {
            running.last_words().await;
            life.note_stop(&format!("by itself before it was ready, {status}"));
            running.refuse(&life, facts, Event::Ended, &format!("it ended, {status}"));
        }
        Waited::TimedOut => {
            running.refuse(&life, facts, Event::TimedOut, "it accepted no connection in time");
            running.stop(&life).await;
        }
        Waited::Unwanted => running.stop(&life).await,
    }
}

/// What waiting for readiness came to.
enum Waited {
    Ready,
    Ended(String),
    TimedOut,
    Unwanted,
}

struct Running {
    child: Child,
    group: Option<Pid>,
    port: u16,
    tail: Tail,
    readers: JoinSet<()>,
    _guard: Option<Guard>,
}

impl Running {
    async fn spawn(life: &Life) -> io::Result<Self> {
        let port = match life.start.port {
            StartPort::Fixed(port) => {
                port_is_free(life, port).await?;
                port
            }
            StartPort::Variable(_) => TcpListener::bind((&*life.host, 0))?.local_addr()?.port(),
        };
        let mut child = command(life, port)?.spawn().map_err(|error| unspawned(life, &error))?;
        let tail = Tail::default();
        let mut readers = JoinSet::new();
        if let Some(stdout) = child.stdout.take() {
            readers.spawn(output::follow(stdout, Stream::Stdout, Arc::clone(&life.upstream), tail.clone()));
        }
        if let Some(stderr) = child.stderr.take() {
            readers.spawn(output::follow(stderr, Stream::Stderr, Arc::clone(&life.upstream), tail.clone()));
        }
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let guard = group.map(|group| Guard::of(group, life.start.timeout_stop));
        Ok(Self { child, group, port, tail, readers, _guard: guard })
    }

    async fn wait_until_ready(&mut self, life: &Life) -> Waited {
        let ready = timeout(life.start.timeout_start, accepts(&life.host, self.port));
        tokio::select! {
            biased;
            () = life.stop.notified() => Waited::Unwanted,
            status = self.child.wait() => Waited::Ended(words(&status)),
            ready = ready => if ready.is_ok() { Waited::Ready } else { Waited::TimedOut },
        }
    }

    /// Stays with a process that is ready until it ends by itself or is told to.
    async fn live(mut self, life: &Life) {
        let status = tokio::select! {
            biased;
            () = life.stop.notified() => None,
            status = self.child.wait() => Some(words(&status)),
        };
        let Some(status) = status else {
            self.stop(life).await;
            return;
        };
        life.note_stop(&format!("by itself, {status}"));
        let action = life.tell(Event::Ended, || Refusal { why: Why::Failed, facts: Arc::default() });
        self.signal(Signal::KILL); // whatever it left behind
        self.last_words().await;
        if action == Action::NoteCrash {
            let output = self.last_lines();
            tracing::warn!(upstream = &*life.upstream, status, output, "upstream process ended by itself");
        }
    }

    fn refuse(&self, life: &Life, mut facts: Facts, event: Event, why: &str) {
        let output = self.last_lines();
        tracing::warn!(upstream = &*life.upstream, why, output, "the upstream's process is not ready");
        life.counters.upstream_starts_failed.one();
        self.signal_leftovers(event);
        facts.ended = clock::now();
        facts.output = self.tail.lines();
        let why = if event == Event::TimedOut { Why::TimedOut } else { Why::Failed };
        life.tell(event, || Refusal { why, facts: Arc::new(facts) });
    }

    /// Stops the whole process group: SIGTERM, and SIGKILL to what is left after a while.
    async fn stop(mut self, life: &Life) {
        self.signal(Signal::TERM);
        if timeout(life.start.timeout_stop, self.child.wait()).await.is_err() {
            tracing::warn!(upstream = &*life.upstream, "upstream process ignored SIGTERM");
        }
        self.signal(Signal::KILL);
        let status = words(&self.child.wait().await);
        self.last_words().await;
        tracing::info!(upstream = &*life.upstream, status, "upstream process stopped");
        life.note_stop(&format!("stopped by Waylight, {status}"));
        life.tell(Event::Ended, || Refusal { why: Why::Stopping, facts: Arc::default() });
    }

    fn signal_leftovers(&self, event: Event) {
        if event == Event::Ended {
            self.signal(Signal::KILL);
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // Fails when nobody is left, which is what is wanted.
            kill_process_group(group, signal).ok();
        }
    }

    /// Waits a moment for output that is still in the pipe.
    async fn last_words(&mut self) {
        let all = async { while self.readers.join_next().await.is_some() {} };
        timeout(TIMEOUT_OUTPUT, all).await.ok();
    }

    fn last_lines(&self) -> String {
        let lines = self.tail.lines();
        let from = lines.len().saturating_sub(5);
        lines[from..].iter().map(|line| &*line.text).collect::<Vec<_>>().join(" | ")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Where the runtime ends at once nobody else stops the group. Whoever was not waited for keeps its number.
        if self.child.id().is_some() {
            self.signal(Signal::KILL);
        }
    }
}

/// Says what was to be started and where: the system names neither, and either may be what is missing.
fn unspawned(life: &Life, error: &io::Error) -> io::Error {
    let (program, directory) = (life.start.command.first().map_or("", String::as_str), &life.start.directory);
    let why = if directory.is_dir() { error.to_string() } else { "there is no such directory".to_owned() };
    io::Error::new(error.kind(), format!("{program:?} in {}: {why}", directory.display()))
}

fn command(life: &Life, port: u16) -> io::Result<Command> {
    let [program, arguments @ ..] = life.start.command.as_slice() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "an empty command"));
    };
    let mut command = Command::new(program);
    command.args(arguments).current_dir(&life.start.directory);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A group of its own: Ctrl-C in Waylight's terminal is Waylight's to handle, and children of children are stopped.
    command.process_group(0).kill_on_drop(true);
    command.env("OTEL_SERVICE_NAME", &*life.upstream);
    let receiver = match life.start.otlp {
        StartOtlp::Http => life.receivers.http.map(|address| (address, "http/protobuf")),
        StartOtlp::Grpc => life.receivers.grpc.map(|address| (address, "grpc")),
        StartOtlp::Off => None,
    };
    if let Some((address, protocol)) = receiver {
        // Waylight's own exporter is none of its business, nor are the keys that go with it.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with(OTLP_VARIABLES)) {
            command.env_remove(name);
        }
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{address}"));
        command.env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol);
        // Some SDKs speak TLS to a gRPC receiver unless they are told not to.
        command.env("OTEL_EXPORTER_OTLP_INSECURE", "true");
        if let Some(token) = &life.receivers.token {
            // Values are percent-encoded there (OpenTelemetry SDK configuration, "Specifying headers via env").
            let token = utf8_percent_encode(token.expose(), NON_ALPHANUMERIC);
            command.env("OTEL_EXPORTER_OTLP_HEADERS", format!("authorization=Bearer%20{token}"));
        }
    }
    for (name, value) in &life.start.env {
        command.env(name, value.expose());
    }
    if let StartPort::Variable(name) = &life.start.port {
        command.env(name, port.to_string());
    }
    Ok(command)
}

/// Waits until nothing listens on `port`: its predecessor may still be on its way out.
async fn port_is_free(life: &Life, port: u16) -> io::Result<()> {
    let free = async {
        while TcpStream::connect((&*life.host, port)).await.is_ok() {
            sleep(POLL_MAX).await;
        }
    };
    let bound = life.start.timeout_stop.min(life.start.timeout_start);
    timeout(bound, free).await.map_err(|_| {
        io::Error::new(io::ErrorKind::AddrInUse, format!("another process listens on port {port} already"))
    })
}

/// Returns when a connection to `port` is accepted.
async fn accepts(host: &str, port: u16) {
    let mut pause = POLL_FIRST;
    while TcpStream::connect((host, port)).await.is_err() {
        sleep(pause).await;
        pause = (pause * 2).min(POLL_MAX);
    }
}

fn words(status: &io::Result<ExitStatus>) -> String {
    match status {
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    }
}
