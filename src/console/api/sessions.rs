//! Tracing sessions: this browser's own, which is started and stopped here, and those of all, which are listed and may be
//! ended. What the pages' forms do is done by the same functions; only the answer is another one.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Answered, Call, columns::micros, json as answer, problem::Problem, query::Query};
use crate::{
    clock,
    console::{
        actions::{Cache, PageRun, own_path},
        people::Revoked,
        scope::Reach,
    },
    rules::session::{Id, Session, Upload},
    trace::ids,
};

/// The most runs of a page, or of a request.
const RUNS_MAX: u64 = 20;
/// Stored sessions that are listed.
const LIST_MAX: usize = 200;

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Act {
    Start,
    Stop,
    Restart,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    action: Act,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PageWish {
    /// The page that is loaded next; not needed where the browser stays on its page.
    path: Option<String>,
    /// How often it is loaded.
    runs: Option<u64>,
    #[serde(default)]
    cache: Cache,
    #[serde(default)]
    arm: Arm,
}

/// What begins the trace.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Arm {
    /// Loading a page.
    #[default]
    Load,
    /// The next thing that the visitor does on the page he has.
    Interaction,
}

impl Call<'_> {
    /// Sessions that live, and those of which something is kept.
    pub(super) async fn sessions(&self) -> Answered {
        Query::parse(self.request.uri(), &[])?;
        let reach = self.reach();
        let live: Vec<Value> = self
            .console
            .live_sessions(self.visit)?
            .iter()
            .map(|live| {
                json!({
                    "id": live.id.to_string(), "person": live.person, "host": live.host, "kind": live.kind.word(),
                    "since": live.since, "expires_at": live.expiry, "spans_used": live.spans_used,
                    "spans_max": live.spans_max, "mine": live.identity == self.who.id,
                })
            })
            .collect();
        let kept = match self.shelf.requests.store() {
            Some(store) => store.sessions(LIST_MAX, (reach != Reach::All).then_some(self.who.id)).await?,
            None => Vec::new(),
        };
        let kept: Vec<Value> = kept
            .iter()
            .filter(|kept| reach.holds(Some(self.who.id), Some(kept.id)))
            .map(|kept| {
                json!({
                    "id": kept.id.to_string(), "person": kept.person, "host": kept.host, "first_us": micros(kept.first),
                    "last_us": micros(kept.last), "requests": kept.requests, "pages": kept.pages, "traces": kept.traces,
                    "spans": kept.spans, "failed": kept.failed,
                })
            })
            .collect();
        Ok(answer(&json!({ "live": live, "kept": kept })))
    }

    /// Starts a session of this browser.
    pub(super) fn start(&self) -> Answered {
        Query::parse(self.request.uri(), &[])?;
        self.act(Act::Start)
    }

    /// Stops or restarts this browser's session, named in the path.
    pub(super) fn change(&self) -> Answered {
        Query::parse(self.request.uri(), &[])?;
        let Wish { action } = self.body()?;
        let id = self.session_id()?;
        if self.visit.credentials.session.as_ref().is_none_or(|session| session.id != id) {
            return Err(Problem::missing("session of this browser"));
        }
        if action == Act::Start {
            return Err(Problem::bad("action", "a session that is there is stopped or restarted"));
        }
        self.act(action)
    }

    /// Ends a session, whoever's it is.
    pub(super) fn revoke(&self) -> Answered {
        Query::parse(self.request.uri(), &[])?;
        let id = self.session_id()?;
        self.console.revoke(self.visit, &Revoked::Session(id))?;
        Ok(answer(&json!({ "revoked": id.to_string() })))
    }

    /// Starts, stops or restarts this browser's session, whichever it has.
    pub(super) fn session(&self) -> Answered {
        Query::parse(self.request.uri(), &[])?;
        let Wish { action } = self.body()?;
        self.act(action)
    }

    /// Has one page traced, which the browser loads next.
    pub(super) fn page_trace(&self) -> Answered {
        Query::parse(self.request.uri(), &[])?;
        let PageWish { path, runs, cache, arm } = self.body()?;
        let path = match (path, arm) {
            (None, Arm::Interaction) => None,
            (path, _) => Some(
                path.and_then(|path| own_path(path.trim()))
                    .ok_or_else(|| Problem::bad("path", "a path of this site is expected, as in /products?page=2"))?,
            ),
        };
        let runs = runs_of(runs)?;
        let run = PageRun { path: path.as_deref().unwrap_or("/"), runs, cache };
        let done = self.console.trace_page(&run, self.visit, self.who, clock::unix_seconds());
        let mut told = self.told(done)?;
        told.0["path"] = json!(path);
        told.0["runs"] = json!(runs);
        if arm == Arm::Interaction {
            told.0["browser"] = self.armed(told.1.as_ref());
        }
        Ok(with_cookie(told))
    }

    /// What a page that is there already needs to record what is done on it: a trace, which belongs to the session from
    /// now on, and what lets it send spans.
    fn armed(&self, cookie: Option<&HeaderValue>) -> Value {
        let session = cookie.and_then(|cookie| self.session_in(cookie));
        let Some(session) = session.or_else(|| self.visit.credentials.session.clone()) else { return Value::Null };
        let trace = ids::trace_id();
        self.console.sessions.owns(session.id, trace);
        let upload = Upload { session: session.id, trace: trace.to_bytes(), expiry: session.expiry };
        json!({ "trace": trace.to_string(), "upload": upload.seal(&self.console.keys) })
    }

    fn act(&self, action: Act) -> Answered {
        let (console, now) = (self.console, clock::unix_seconds());
        let done = match action {
            Act::Start => console.start(self.visit, self.who, now),
            Act::Stop => console.stop_session(self.visit, self.who, now),
            Act::Restart => console.restart(self.visit, self.who, now),
        };
        Ok(with_cookie(self.told(done)?))
    }

    /// What a form's answer says: the cookie that it sets, and the session in it.
    fn told(
        &self,
        done: Result<Response<Bytes>, Box<Response<Bytes>>>,
    ) -> Result<(Value, Option<HeaderValue>), Problem> {
        let done = done.map_err(|_| {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no session can begin or end now; the log says why")
        })?;
        let cookie = done.headers().get(header::SET_COOKIE).cloned();
        let session = cookie.as_ref().and_then(|cookie| self.session_in(cookie));
        let session = session.map(|session| {
            json!({ "id": session.id.to_string(), "kind": session.kind.word(), "expires_at": session.expiry,
                "spans_max": session.spans_max })
        });
        Ok((json!({ "session": session }), cookie))
    }

    /// The session that a cookie carries, which was just made.
    fn session_in(&self, cookie: &HeaderValue) -> Option<Session> {
        let (_, value) = cookie.to_str().ok()?.split(';').next()?.split_once('=')?;
        Session::open(value.split_once('.')?.1, &self.console.keys, clock::unix_seconds()).ok()
    }

    fn session_id(&self) -> Result<Id, Problem> {
        let id = self.parameters.first().copied().and_then(Id::parse);
        id.ok_or_else(|| Problem::bad("id", "an id of 32 hexadecimal digits is expected"))
    }
}

/// How often something is run.
pub(super) fn runs_of(wished: Option<u64>) -> Result<u64, Problem> {
    let runs = wished.unwrap_or(1);
    let fits = (1..=RUNS_MAX).contains(&runs);
    fits.then_some(runs).ok_or_else(|| Problem::bad("runs", format!("1 to {RUNS_MAX} runs are possible")))
}

fn with_cookie((told, cookie): (Value, Option<HeaderValue>)) -> Answer {
    let mut answer = answer(&told);
    if let Some(cookie) = cookie {
        answer.response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    answer
}
