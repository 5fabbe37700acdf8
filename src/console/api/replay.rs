//! A recorded request, sent again through the edge itself and traced. Safe methods only (RFC 9110 section 9.2.1); without
//! the cookies, and without anything else, of whoever sent it first: with its method, its address, and a session of the
//! person who asks.

use std::time::Duration;

use http::{HeaderValue, Method, Request, StatusCode, header};
use opentelemetry::trace::TraceId;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answered, Call, json as answer, problem::Problem, query::Query, sessions::runs_of};
use crate::{
    clock,
    console::{
        actions::{Cache, new_id},
        audit::Deed,
    },
    error::BoxError,
    rules::{
        access::Action,
        headers::{Scheme, redact::REDACTED},
        reserved::is_reserved,
        session::{self, Force, Id, Identity, Session, SessionKind, force::FORCE},
    },
    service::BoxFuture,
    trace::requests::row::{RequestRow, TEXT_BYTES_MAX},
};

/// All runs together may take so long; what is left then is not begun.
const TIMEOUT: Duration = Duration::from_secs(90);
/// Tokens of a run live so long, in seconds.
const TTL_SECONDS: u64 = 120;

/// The edge, as somebody on this machine reaches it.
pub trait OwnEdge: Send + Sync {
    /// A listener of the process: of this scheme, if there is one.
    fn listener(&self, scheme: Scheme) -> Option<Listener>;

    /// Sends a request without a body, and reads the answer to its end.
    fn send(&self, to: Listener, request: Request<()>) -> BoxFuture<'static, Result<Reply, BoxError>>;
}

/// Where the edge listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Its origin: `http://127.0.0.1:8080`.
    pub origin: String,
    /// What it speaks.
    pub scheme: Scheme,
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status of the answer.
    pub status: StatusCode,
    /// The trace that the edge recorded, if it did.
    pub trace: Option<TraceId>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    request_id: String,
    runs: Option<u64>,
    #[serde(default)]
    cache: Cache,
}

impl Call<'_> {
    pub(super) async fn replay(&self) -> Answered {
        Query::parse(self.request.uri(), &[])?;
        let Wish { request_id, runs, cache } = self.body()?;
        let runs = runs_of(runs)?;
        let id = Id::parse(&request_id)
            .ok_or_else(|| Problem::bad("request_id", "an id of 32 hexadecimal digits is expected"))?;
        let row = self.shelf.requests.request(u128::from_be_bytes(id.to_bytes())).await?;
        let row = row.ok_or_else(|| Problem::missing("request"))?;
        let again = Again::of(&row, cache)?;
        let edge = self.shelf.edge.get().and_then(|edge| Some((edge, edge.listener(again.scheme)?)));
        let (edge, listener) = edge.ok_or_else(|| {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no listener of this process can be reached")
        })?;
        let max = self.shelf.limits.borrow().replays_per_minute_max;
        let now = clock::unix_seconds();
        self.console.replays.take(self.who.name.clone(), (runs, max), now).map_err(|seconds| {
            let problem =
                Problem::new(StatusCode::TOO_MANY_REQUESTS, "too many requests were sent again in this minute");
            problem.with(header::RETRY_AFTER, HeaderValue::from(seconds))
        })?;
        self.console.audited(self.visit, Action::Replay, Deed::Replay, &format!("request {id}, {runs} times"))?;
        let session = self.session_of(&again, now)?;
        let deadline = clock::now().plus(TIMEOUT);
        let mut done: Vec<Value> = Vec::new();
        for _ in 0..runs {
            let left = deadline.since(clock::now());
            let request = self.sent_again(&again, listener.scheme, &session)?;
            self.console.counters.requests_replayed.one();
            let reply = tokio::time::timeout(left, edge.send(listener.clone(), request)).await;
            match reply {
                Ok(Ok(reply)) => done.push(json!({
                    "trace_id": reply.trace.map(|trace| trace.to_string()), "status": reply.status.as_u16(),
                })),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "a request could not be sent again");
                    return Err(Problem::new(StatusCode::BAD_GATEWAY, "the edge did not answer; the log says why"));
                }
                Err(_) => break,
            }
        }
        Ok(answer(&json!({ "session_id": session.id.to_string(), "runs": done, "wished": runs })))
    }

    /// A session of the person who asks, for what is sent again.
    fn session_of(&self, again: &Again, now: u64) -> Result<Session, Problem> {
        let unavailable = || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no session can begin now");
        let kind = if again.cache == Cache::Bypass { SessionKind::Fresh } else { SessionKind::Page };
        Ok(Session {
            id: new_id().map_err(|_| unavailable())?,
            identity: self.who.id,
            host: again.host.clone(),
            expiry: now.saturating_add(TTL_SECONDS),
            spans_max: self.console.access.session_spans_max,
            requests_max: u64::MAX,
            kind,
        })
    }

    fn sent_again(&self, again: &Again, scheme: Scheme, session: &Session) -> Result<Request<()>, Problem> {
        let unavailable = || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the request could not be signed");
        let now = clock::unix_seconds();
        let nonce = new_id().map_err(|_| unavailable())?;
        let host = again.host.clone();
        let identity =
            Identity { host: host.clone(), issued: now, expiry: now.saturating_add(TTL_SECONDS), ..self.who.clone() };
        let keys = &self.console.keys;
        let cookie = session::cookie(scheme, keys, &identity, Some(session), now);
        let pair = cookie.to_str().ok().and_then(|cookie| cookie.split(';').next()).unwrap_or_default().to_owned();
        let (path, method) = (again.path.clone(), again.method.clone());
        // Tells the trace, which the session has already.
        let force = Force { nonce, expiry: now.saturating_add(TTL_SECONDS), host: host.clone(), method, path };
        let force = force.seal(keys).map_err(|_| unavailable())?;
        Request::builder()
            .method(&again.method)
            .uri(&again.target)
            .header(header::HOST, host)
            .header(header::ACCEPT, "*/*")
            .header(header::COOKIE, pair)
            .header(header::USER_AGENT, concat!("waylight/", env!("CARGO_PKG_VERSION")))
            .header(FORCE, force)
            .body(())
            .map_err(|_| unavailable())
    }
}

/// What is sent again.
struct Again {
    method: Method,
    scheme: Scheme,
    host: String,
    path: String,
    target: String,
    cache: Cache,
}

impl Again {
    fn of(row: &RequestRow, cache: Cache) -> Result<Self, Problem> {
        let unfit = |what: &str| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, what);
        let method = match &*row.method {
            "GET" => Method::GET,
            "HEAD" => Method::HEAD,
            _ => return Err(unfit("only GET and HEAD are sent again: other methods may change something")),
        };
        if is_reserved(&row.path) {
            return Err(unfit("a page of Waylight's own is not sent again"));
        }
        if row.query.contains(REDACTED) {
            return Err(unfit("a part of its query was hidden when it was recorded"));
        }
        // What is as long as a record's text can be, or ends within a character less, most likely went on.
        if [&row.path, &row.query].iter().any(|text| text.len() + 3 >= TEXT_BYTES_MAX) {
            return Err(unfit("its address was cut when it was recorded"));
        }
        let target = if row.query.is_empty() { row.path.to_string() } else { format!("{}?{}", row.path, row.query) };
        target.parse::<http::uri::PathAndQuery>().map_err(|_| unfit("its address is none that can be sent"))?;
        let scheme = if row.scheme == "https" { Scheme::Https } else { Scheme::Http };
        Ok(Self { method, scheme, host: row.host.to_string(), path: row.path.to_string(), target, cache })
    }
}
