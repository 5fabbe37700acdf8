//! The admin listener: health, readiness, version, effective configuration, counters, reload.
//! It runs in the background, on a socket of its own, and answers nobody whom a web page sent ([`guard`]).

pub mod ask;
mod cache;
mod console;
pub mod guard;
pub mod metrics;
mod routed;
pub mod socket;

use std::{convert::Infallible, sync::Arc, time::Duration};

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};
use tracing::warn;

use self::{
    guard::Hosts,
    socket::{Peer, Socket, Stream},
};
use super::{
    instance::{Instance, Phase, Reason, Reloaded},
    link::{self, NoLink},
    pages::{Rest, until_stopped},
    receivers::ReceiverStatus,
};
use crate::{
    body::Piped,
    clock,
    config::{effective, model::Role},
    console::audit::{AuditEntry, Deed},
    rules::reserved::is_reserved,
    trace::export::ExportStatus,
};

/// The most clients at once.
const CLIENTS_MAX: usize = 64;
/// From accept to the end of a request's head.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Requests in progress may take so long once the listener is to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);

/// What the listener answers with.
type Answer = Response<Piped>;

/// The admin listener.
#[derive(Debug)]
pub struct Admin {
    /// What it tells of.
    pub instance: Arc<Instance>,
}

impl Admin {
    /// Answers at `socket` until `stop` turns true.
    pub async fn serve(self: Arc<Self>, socket: Socket, mut stop: watch::Receiver<bool>) {
        let mut clients = JoinSet::new();
        loop {
            tokio::select! {
                accepted = socket.accept(), if clients.len() < CLIENTS_MAX => match accepted {
                    Ok((stream, peer)) => {
                        clients.spawn(Arc::clone(&self).client(stream, peer, stop.clone()));
                    }
                    Err(error) => {
                        warn!(%error, "the admin listener could not accept");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
                Some(_) = clients.join_next() => {}
                () = stopped(&mut stop) => break,
            }
        }
        drop(socket);
        tokio::time::timeout(STOP_TIMEOUT, async { while clients.join_next().await.is_some() {} }).await.ok();
    }

    async fn client(self: Arc<Self>, stream: Box<dyn Stream>, peer: Peer, stop: watch::Receiver<bool>) {
        // What is left to write of a body is written beside the connection.
        let (rest, mut left) = mpsc::channel(1);
        let service = service_fn(move |request| {
            let (admin, rest) = (Arc::clone(&self), rest.clone());
            async move { Ok::<_, Infallible>(admin.answer(request, peer, &rest).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            // One answer a connection: whoever asks, asks seldom, and nothing idle is left behind when we stop.
            .keep_alive(false)
            .serve_connection(TokioIo::new(stream), service);
        let writing = async {
            if let Some(rest) = left.recv().await {
                until_stopped(rest, stop).await;
            }
        };
        // A client that leaves or sends nonsense harms only itself.
        tokio::join!(connection, writing).0.ok();
    }

    async fn answer(&self, request: Request<Incoming>, peer: Peer, rest: &mpsc::Sender<Rest>) -> Answer {
        let config = Arc::clone(&self.instance.running.borrow().config);
        let configured = config.admin.as_ref().map_or(&[] as &[String], |admin| &admin.hosts);
        let hosts = if peer == Peer::Unix { Hosts::Any } else { Hosts::Named(configured) };
        if is_reserved(request.uri().path()) {
            return match guard::admit_page(request.headers(), hosts) {
                Ok(()) => self.console(request, peer, rest).await,
                Err(refused) => text(refused.status(), refused.reason()),
            };
        }
        if let Err(refused) = guard::admit(request.method(), request.headers(), hosts) {
            warn!(reason = refused.reason(), "the admin listener refused a request");
            return text(refused.status(), refused.reason());
        }
        let mut answer = self.route(&request).await;
        let headers = answer.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        answer
    }

    async fn route(&self, request: &Request<Incoming>) -> Answer {
        let method = request.method();
        let reads = matches!(*method, Method::GET | Method::HEAD);
        let query = request.uri().query().unwrap_or_default();
        match request.uri().path() {
            "/reload" if *method == Method::POST => reloaded(&self.instance.reload(Reason::Admin).await),
            "/reload" if reads => match &*self.instance.last_reload.borrow() {
                Some(last) => reloaded(last),
                None => text(StatusCode::OK, "nothing was reloaded yet"),
            },
            "/reload" => not_allowed("GET, HEAD, POST"),
            "/link" if *method == Method::POST => self.link(query),
            "/link" => not_allowed("POST"),
            "/people/lift" if *method == Method::POST => self.lift(query),
            "/people/lift" => not_allowed("POST"),
            "/cache/purge" if *method == Method::POST => cache::purge(&self.instance, query).await,
            "/cache/purge" => not_allowed("POST"),
            "/cache/explain" if reads => cache::explain(&self.instance, query).await,
            path => match self.page(path) {
                Some(_) if !reads => not_allowed("GET, HEAD"),
                Some(answer) => answer,
                None => text(StatusCode::NOT_FOUND, "no such page; see /"),
            },
        }
    }

    fn page(&self, path: &str) -> Option<Answer> {
        Some(match path {
            "/" => text(StatusCode::OK, INDEX),
            "/health" => text(StatusCode::OK, "ok"),
            "/ready" => {
                let phase = *self.instance.phase.borrow();
                let status = if phase == Phase::Ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
                text(status, &phase.to_string())
            }
            "/version" => self.version(),
            "/config" => {
                let config = Arc::clone(&self.instance.running.borrow().config);
                typed(StatusCode::OK, "application/toml; charset=utf-8", effective(&config))
            }
            "/exports" => self.exports(),
            "/receivers" => self.receivers(),
            "/metrics" => typed(StatusCode::OK, metrics::CONTENT_TYPE, metrics::render(&self.instance)),
            _ => return None,
        })
    }

    fn version(&self) -> Answer {
        let facts = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "pid": std::process::id(),
            "uptime_seconds": clock::now().since(self.instance.started).as_secs(),
            "generation": self.instance.running.borrow().generation,
        });
        object(StatusCode::OK, &facts)
    }

    fn link(&self, query: &str) -> Answer {
        let value = |name: &str| parameter(query, name);
        let running = self.instance.running.borrow().clone();
        let role = value("role");
        let Some(role) = role.as_deref().map_or(Some(Role::Tracer), Role::parse) else {
            return text(StatusCode::BAD_REQUEST, "the role is one of viewer, tracer, admin");
        };
        let name = value("name");
        let name = name.as_deref().unwrap_or("operator");
        let link = match link::for_site(&running, value("site").as_deref(), (name, role)) {
            Ok(link) => link,
            Err(refused @ NoLink::Revoked(_)) => return text(StatusCode::CONFLICT, &refused.to_string()),
            Err(refused) => return text(StatusCode::BAD_REQUEST, &refused.to_string()),
        };
        // Nobody has it before it is written down.
        let subject = format!("{name} ({role})");
        if let Err(error) = self.instance.audit.write(&AuditEntry::of_operator(Deed::LinkMade, subject)) {
            return text(StatusCode::SERVICE_UNAVAILABLE, &format!("the audit log could not be written: {error}"));
        }
        text(StatusCode::OK, &link)
    }

    fn lift(&self, query: &str) -> Answer {
        let Some(name) = parameter(query, "name") else {
            return text(StatusCode::BAD_REQUEST, "name a person: ?name=");
        };
        let console = Arc::clone(&self.instance.running.borrow().console);
        match console.lift_by_operator(&name) {
            Ok(true) => object(StatusCode::OK, &json!({ "lifted": name })),
            Ok(false) => text(StatusCode::NOT_FOUND, "nobody of this name is kept out"),
            Err(error) => text(StatusCode::SERVICE_UNAVAILABLE, &format!("it could not be written down: {error}")),
        }
    }

    fn exports(&self) -> Answer {
        let status = self.instance.exporters.status();
        let list: Vec<_> = status.iter().map(back_end).collect();
        object(StatusCode::OK, &json!({ "exports": list }))
    }

    fn receivers(&self) -> Answer {
        let receiver = |status: &ReceiverStatus| {
            json!({
                "protocol": status.protocol,
                "address": status.address.to_string(),
                "listening": status.fault.is_none(),
                "fault": status.fault,
            })
        };
        let list: Vec<_> = self.instance.receivers.iter().map(receiver).collect();
        object(StatusCode::OK, &json!({ "receivers": list }))
    }
}

fn parameter(query: &str, name: &str) -> Option<String> {
    let raw = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    Some(percent_encoding::percent_decode_str(raw).decode_utf8().ok()?.into_owned())
}

fn back_end(status: &ExportStatus) -> serde_json::Value {
    let last_error = status.last_error.as_ref().map(|error| {
        let seconds = Duration::from_secs(error.at.unix_nanos() / 1_000_000_000);
        json!({ "message": error.message, "at": httpdate::fmt_http_date(std::time::UNIX_EPOCH + seconds) })
    });
    json!({
        "name": status.name,
        "authority": status.authority,
        "sent": status.sent,
        "rejected": status.rejected,
        "dropped_queue": status.dropped_queue,
        "dropped_failed": status.dropped_failed,
        "dropped_shutdown": status.dropped_shutdown,
        "retries": status.retries,
        "queue_spans": status.queue_spans,
        "queue_bytes": status.queue_bytes,
        "last_error": last_error,
    })
}

/// Waits for the wish to stop, or for nobody being left to wish it.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    stop.wait_for(|stop| *stop).await.ok();
}

const INDEX: &str = "\
Waylight's admin listener

GET  /health    whether the process lives
GET  /ready     whether it takes requests
GET  /version   version, process, generation of the configuration
GET  /config    the effective configuration, secrets hidden
GET  /metrics   counters, as OpenMetrics
GET  /exports   how each OTLP back end fares
GET  /receivers where spans of apps come in
GET  /reload    how the last reload went
POST /reload    reload now
POST /link      a one-time sign-in link; ?site=HOST&name=NAME&role=ROLE
GET  /cache/explain  what the cache knows of a URL; ?url=URL&header=NAME: VALUE
POST /people/lift    let a person in again whose name was revoked; ?name=NAME
POST /cache/purge    forget stored responses; ?url=, ?prefix=, ?tag= or ?all=1, &soft=1

/_waylight/     sign in, sessions, people

A POST needs the header Waylight-Admin: 1";

fn reloaded(reloaded: &Reloaded) -> Answer {
    match reloaded {
        Ok(applied) => {
            object(StatusCode::OK, &json!({ "generation": applied.generation, "needs_restart": applied.restart }))
        }
        Err(why) => object(StatusCode::UNPROCESSABLE_ENTITY, &json!({ "error": **why })),
    }
}

fn not_allowed(allow: &'static str) -> Answer {
    let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "this page takes other methods");
    answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    answer
}

fn text(status: StatusCode, line: &str) -> Answer {
    typed(status, "text/plain; charset=utf-8", format!("{line}\n"))
}

fn object(status: StatusCode, value: &serde_json::Value) -> Answer {
    typed(status, "application/json", format!("{value:#}\n"))
}

fn typed(status: StatusCode, kind: &'static str, content: String) -> Answer {
    let mut answer = Response::new(Piped::from(content));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}
