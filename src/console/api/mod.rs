//! The API of the console: JSON, under `/_waylight/api/v1`. [`routes`] lists it, and `docs/openapi.json` describes it.
//!
//! Trace ids are no secrets: every address looks at who asks. A write needs the header [`WRITE_HEADER`], which no form of
//! another site can send, and must not come from another origin. What cannot be understood is refused, and not guessed.

pub mod columns;
mod house;
mod judge;
mod people;
pub mod problem;
mod purge;
pub mod query;
pub mod replay;
mod requests;
pub mod routes;
mod sessions;
mod share;
#[cfg(test)]
pub(crate) mod testing;
mod stream;
mod traces;
mod upload;
mod version;

pub use self::routes::{BASE, IMPORT, SPANS};

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use opentelemetry::trace::TraceId;
use serde_json::Value;
use tokio::sync::{Semaphore, watch};
use tracing::{error, warn};

use self::{
    problem::Problem,
    replay::OwnEdge,
    routes::{Endpoint, Route},
};
use super::{Console, Visit, form, people::Denied, scope::Reach};
use crate::{
    body::Piped,
    config::model::ConsoleLimits,
    rules::{
        balance::Fared,
        cache::{How, Purge},
        privacy,
        session::Identity,
        startup::Process,
    },
    service::BoxFuture,
    trace::{
        collector::Intake,
        export::Exporters,
        live::Hub,
        quota::Quota,
        requests::{keep::Keeper, recent::Requests},
        store::{StoreError, TraceStore},
    },
};

/// The header that a write must carry, with the value `1`.
pub const WRITE_HEADER: HeaderName = HeaderName::from_static("waylight-request");
/// The header that every answer carries, with the value `1`: what is not the API answers here too, where nobody is signed in.
pub const ANSWER_HEADER: &str = "waylight-response";
/// The largest body of a write, in octets; an import may be larger.
pub const BODY_BYTES_MAX: usize = 16 * 1024;

/// What purges stored responses.
pub type Purging = dyn Fn(&Purge, How) -> usize + Send + Sync;

/// What the API reads from and writes to.
#[derive(Clone)]
pub struct Shelf {
    /// Requests, recent and stored, and the store behind them.
    pub requests: Requests,
    /// What makes traces of requests that nobody traced.
    pub keeper: Keeper,
    /// What happens now.
    pub hub: Arc<Hub>,
    /// Places for streams.
    pub streams: Arc<Semaphore>,
    /// The bounds that a reload may change.
    pub limits: watch::Sender<ConsoleLimits>,
    /// What a month may store.
    pub quota: Arc<Quota>,
    /// The back ends that spans go to.
    pub exporters: Arc<Exporters>,
    /// Where spans of browsers are handed in.
    pub intake: Option<Intake>,
    /// Purges stored responses, and tells how many were meant; it may take its time.
    pub cache: Arc<Purging>,
    /// How the processes of upstreams are.
    pub processes: Arc<dyn Fn() -> Vec<Process> + Send + Sync>,
    /// How the endpoints of upstreams fare.
    pub endpoints: Arc<dyn Fn() -> Vec<Fared> + Send + Sync>,
    /// Where applications send their spans, as `127.0.0.1:4318`.
    pub receiver: Option<Arc<str>>,
    /// The edge of this process, once it listens.
    pub edge: Arc<OnceLock<Arc<dyn OwnEdge>>>,
    /// Where the whole console is, in a sentence.
    pub whole: watch::Sender<Arc<str>>,
    /// The configuration that runs, secrets hidden.
    pub effective: watch::Sender<Arc<str>>,
}

impl Shelf {
    /// The store.
    ///
    /// # Errors
    /// There is none.
    fn store(&self) -> Result<&dyn TraceStore, Problem> {
        let none = || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "nothing is kept here: there is no store");
        self.requests.store().map(|store| &**store).ok_or_else(none)
    }
}

impl std::fmt::Debug for Shelf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shelf").finish_non_exhaustive()
    }
}

/// An answer, and what is still to be done once it is under way: writing the rest of a body.
pub struct Answer {
    /// The answer.
    pub response: Response<Piped>,
    /// To be polled until it is done, or until nobody reads any more.
    pub rest: Option<BoxFuture<'static, ()>>,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").field("status", &self.response.status()).finish_non_exhaustive()
    }
}

impl From<Response<Piped>> for Answer {
    fn from(response: Response<Piped>) -> Self {
        Self { response, rest: None }
    }
}

/// An answer, or why there is none.
type Answered = Result<Answer, Problem>;

/// One request, understood as far as its address.
struct Call<'a> {
    console: &'a Console,
    shelf: &'a Shelf,
    request: &'a Request<Bytes>,
    visit: &'a Visit,
    who: &'a Identity,
    /// The values of the path's parameters.
    parameters: Vec<&'a str>,
}

impl Console {
    /// Answers a request below [`routes::BASE`].
    pub async fn api(&self, request: &Request<Bytes>, visit: &Visit) -> Answer {
        self.arrived(visit);
        let answered = self.answered(request, visit).await;
        let mut answer = answered.unwrap_or_else(|problem| problem.response().into());
        let headers = answer.response.headers_mut();
        for (name, value) in [
            (ANSWER_HEADER, "1"),
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
            ("x-frame-options", "DENY"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        // What is exported opens as a file, and never as a page of this origin.
        headers
            .entry("content-security-policy")
            .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; sandbox"));
        answer
    }

    async fn answered(&self, request: &Request<Bytes>, visit: &Visit) -> Answered {
        let Some((routes, parameters)) = routes::find(request.uri().path()) else {
            return Err(Problem::missing("address; see /_waylight/api/v1/openapi.json"));
        };
        let method = if *request.method() == Method::HEAD { &Method::GET } else { request.method() };
        let Some(route) = routes.iter().find(|route| route.method == method) else {
            return Err(not_allowed(&routes));
        };
        let Some(action) = route.action else {
            return match route.endpoint {
                Endpoint::Upload => self.upload(request, visit).await,
                _ => self.shared(request, &parameters).await,
            };
        };
        let who = self.authorise(visit, action)?;
        if *method != Method::GET {
            self.admit_write(request, visit)?;
        }
        let call = Call { console: self, shelf: &self.shelf, request, visit, who, parameters };
        match route.endpoint {
            Endpoint::Me => call.me(),
            Endpoint::Quota => call.quota(),
            Endpoint::Requests => call.requests().await,
            Endpoint::Histogram => call.histogram().await,
            Endpoint::Request => call.request_of().await,
            Endpoint::Trace => call.trace().await,
            Endpoint::Spans => call.find_spans().await,
            Endpoint::Span => call.span().await,
            Endpoint::Status => call.status().await,
            Endpoint::Expect => call.expect().await,
            Endpoint::Runs => call.runs().await,
            Endpoint::Share => call.share().await,
            Endpoint::Import => call.import().await,
            Endpoint::Sessions => call.sessions().await,
            Endpoint::Start => call.start(),
            Endpoint::Change => call.change(),
            Endpoint::Revoke => call.revoke(),
            Endpoint::Session => call.session(),
            Endpoint::PageTrace => call.page_trace(),
            Endpoint::Replay => call.replay().await,
            Endpoint::Erase => call.erase().await,
            Endpoint::Purge => call.purge().await,
            Endpoint::Keep => call.keep().await,
            Endpoint::TraceLinks => call.trace_links(),
            Endpoint::Invite => call.invite(),
            Endpoint::EndLink => call.end_link(),
            Endpoint::RevokePerson => call.revoke_person(),
            Endpoint::LiftPerson => call.lift_person(),
            Endpoint::SignOut => call.sign_out(),
            Endpoint::Audit => call.audit(),
            Endpoint::Settings => call.settings().await,
            Endpoint::Stream => call.stream().await,
            Endpoint::OpenApi => call.open_api(),
            Endpoint::Shared | Endpoint::Upload => Err(Problem::missing("address")),
        }
    }

    /// Whether a write comes from whom it seems to come.
    fn admit_write(&self, request: &Request<Bytes>, visit: &Visit) -> Result<(), Problem> {
        if !form::is_same_origin(request, visit) {
            let client = privacy::client_address(visit.client, self.privacy.client_address_log);
            warn!(
                client = client.map(tracing::field::display),
                host = visit.host,
                "a write from another origin was refused"
            );
            return Err(Problem::forbidden("writes of other origins are refused"));
        }
        let mut values = request.headers().get_all(WRITE_HEADER).iter();
        match (values.next(), values.next()) {
            (Some(value), None) if value == "1" => Ok(()),
            _ => Err(Problem::forbidden("a write needs the header Waylight-Request: 1")),
        }
    }
}

impl Call<'_> {
    /// Whose requests, traces and sessions are answered for.
    fn reach(&self) -> Reach {
        self.console.reach(self.visit)
    }

    /// Lets in whoever may read a trace: all of its requests are within his reach. One of them that is not may mean that
    /// somebody named another's trace as his own.
    async fn admit_trace(&self, id: TraceId) -> Result<(), Problem> {
        let reach = self.reach();
        if reach == Reach::All {
            return Ok(());
        }
        let requests = self.shelf.requests.of_trace(id).await?;
        if !requests.iter().all(|row| reach.holds_row(row)) {
            return Err(self.console.beyond().into());
        }
        if requests.is_empty() && !self.console.records(reach, id) {
            return Err(Problem::missing("trace"));
        }
        Ok(())
    }

    /// The body, which must be a JSON object of a known form.
    fn body<T: serde::de::DeserializeOwned>(&self) -> Result<T, Problem> {
        let is_json = self.request.headers().get(header::CONTENT_TYPE).is_some_and(|kind| {
            kind.to_str().is_ok_and(|kind| kind.split(';').next().is_some_and(|kind| kind.trim() == "application/json"))
        });
        if !is_json {
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the content type must be application/json"));
        }
        if self.request.body().len() > BODY_BYTES_MAX {
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"));
        }
        serde_json::from_slice(self.request.body()).map_err(|error| Problem::bad("body", error.to_string()))
    }
}

fn not_allowed(routes: &[&Route]) -> Problem {
    let methods: Vec<&str> = routes.iter().map(|route| route.method.as_str()).collect();
    let allow = HeaderValue::from_str(&methods.join(", ")).unwrap_or(HeaderValue::from_static("GET"));
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this address takes other methods").with(header::ALLOW, allow)
}

/// A JSON answer.
fn json(value: &Value) -> Answer {
    content("application/json", value.to_string())
}

fn content(kind: &'static str, content: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(Piped::from(content.into()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response.into()
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Unknown => Self::new(StatusCode::UNAUTHORIZED, "sign in first"),
            Denied::Role => Self::forbidden("your role does not allow this"),
            Denied::Scope(text) => Self::forbidden(&*text),
            Denied::Unfit(why) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, why),
            Denied::Unavailable(cause) => {
                error!(error = %cause, "the API could not do what it was asked");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "this could not be written down, and was not done")
            }
        }
    }
}

impl From<StoreError> for Problem {
    fn from(cause: StoreError) -> Self {
        error!(error = %cause, "the store could not answer");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "the store cannot answer now; the log says why")
    }
}

#[cfg(test)]
mod tests;
