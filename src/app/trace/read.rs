//! Reading of the running instance: its API, at its admin listener, signed in with the keys of the state directory for
//! as long as this takes.

use std::time::Duration;

use http::StatusCode;
use opentelemetry::trace::TraceId;
use serde_json::Value;

use crate::{
    app::{
        admin::ask::{self, Answered, Asking},
        state,
        trace::admin,
    },
    clock,
    config::model::Config,
    console::api::BASE,
    error::BoxError,
    rules::{session, token::Keys},
    trace::{
        kept::Kept,
        receive::{Encoding, decode},
    },
};

/// How often it is asked whether a trace is complete.
pub(super) const ASK_EVERY: Duration = Duration::from_millis(200);
/// A sign-in lives so long, in seconds: longer than anything here takes.
const TTL_SECONDS: u64 = 900;

/// A reader who is signed in.
#[derive(Debug)]
pub(in crate::app) struct Reader {
    admin: String,
    cookie: String,
}

/// Whether a trace is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Complete {
    /// It is.
    Yes,
    /// Spans from behind these upstreams did not come in time.
    Without(Vec<String>),
}

impl Reader {
    /// A reader of the instance that runs with this configuration.
    ///
    /// # Errors
    /// None runs, or the operating system gave no random octets.
    pub(in crate::app) fn of(config: &Config, keys: &Keys) -> Result<Self, BoxError> {
        let admin = admin(&config.state_dir)?;
        let identity = state::operator(&ask::host(&admin), TTL_SECONDS)?;
        let cookie = format!("{}={}", session::COOKIE_HTTP, identity.seal(keys));
        Ok(Self { admin, cookie })
    }

    /// Waits until a trace is complete; at most so long.
    pub(super) async fn wait(&self, id: TraceId, timeout: Duration) -> Result<Complete, BoxError> {
        let until = clock::now().plus(timeout);
        loop {
            let status = self.ask(&format!("/traces/{id}/status")).await?;
            let told: Value = if status.status == StatusCode::NOT_FOUND { Value::Null } else { status.json()? };
            if told["state"] == "done" && told["requests"].as_u64().is_some_and(|count| count > 0) {
                return Ok(Complete::Yes);
            }
            if clock::now() >= until {
                let names = told["waiting_for"].as_array().map(Vec::as_slice).unwrap_or_default();
                let names = names.iter().filter_map(Value::as_str).map(str::to_owned);
                return match told["state"].as_str() {
                    Some("partial") => Ok(Complete::Without(names.collect())),
                    _ => Err(format!("trace {id} was not complete within {timeout:?}").into()),
                };
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    }

    /// The spans of a trace.
    pub(super) async fn trace(&self, id: TraceId) -> Result<Kept, BoxError> {
        let answer = self.ask(&format!("/traces/{id}?format=otlp")).await?.good()?;
        let message = decode(Encoding::Json, answer.body).ok_or("the answer is no OTLP")?;
        Ok(Kept::of(message))
    }

    /// The requests of a trace, as the API lists them, the eldest first.
    pub(super) async fn requests(&self, id: TraceId) -> Result<Vec<Value>, BoxError> {
        let mut listed = self.list(&format!("trace={id}")).await?;
        let Some(items) = listed["items"].as_array_mut() else { return Ok(Vec::new()) };
        items.reverse();
        Ok(std::mem::take(items))
    }

    /// A page of requests that this query chooses.
    pub(in crate::app) async fn list(&self, query: &str) -> Result<Value, BoxError> {
        self.ask(&format!("/requests?{query}")).await?.good()?.json()
    }

    async fn ask(&self, path: &str) -> Result<Answered, BoxError> {
        let asking = Asking {
            method: http::Method::GET,
            path: &format!("{BASE}{path}"),
            cookie: Some(&self.cookie),
            answer_bytes_max: BYTES_MAX,
        };
        asking.at(&self.admin).await.map_err(|error| format!("{} does not answer: {error}", self.admin).into())
    }
}

/// The largest answer, in octets.
const BYTES_MAX: usize = 256 << 20;

impl Answered {
    /// The answer, if it is a good one; else what the problem says.
    fn good(self) -> Result<Self, BoxError> {
        if self.status.is_success() {
            return Ok(self);
        }
        let detail = self.json().ok().and_then(|problem| problem["detail"].as_str().map(str::to_owned));
        Err(format!("the running instance answers {}: {}", self.status, detail.unwrap_or_default()).into())
    }

    fn json(&self) -> Result<Value, BoxError> {
        Ok(serde_json::from_slice::<Value>(&self.body)?)
    }
}
