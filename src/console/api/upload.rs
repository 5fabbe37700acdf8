//! Spans of browsers, from pages of traced sessions, under a token for a page's trace; it counts with the cookie of its
//! session only. What a page says of who made a span is not believed (`trace::receive::browser`), and a trace is added to
//! by its own session only (`trace::receive::claims`).

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use opentelemetry::trace::TraceId;
use serde_json::json;

use super::{Answered, json as answer, problem::Problem, query::Query};
use crate::{
    clock,
    console::{Console, Visit, form},
    rules::session::{Session, Upload, upload},
    trace::{
        receive::{Encoding, browser::Cleaned, claims::Claims, decode},
        requests::hints::Hints,
    },
};

/// What is said of spans that were not taken.
const REJECTED: &str = "these spans are not a browser's, or their traces not this session's";

impl Console {
    /// What lets a page send spans: its token, and its session's cookie.
    fn upload_of<'v>(&self, headers: &HeaderMap, visit: &'v Visit) -> Option<(Upload, &'v Session)> {
        let session = visit.credentials.session.as_ref()?;
        let upload = upload::read(headers, &self.keys, session.id, clock::unix_seconds()).ok()?;
        Some((upload, session))
    }

    /// Whether a request may send spans.
    pub(in crate::console) fn may_upload(&self, headers: &HeaderMap, visit: &Visit) -> bool {
        self.upload_of(headers, visit).is_some()
    }

    /// Takes spans of a browser.
    pub(super) async fn upload(&self, request: &Request<Bytes>, visit: &Visit) -> Answered {
        Query::parse(request.uri(), &[])?;
        let Some((upload, session)) = self.upload_of(request.headers(), visit) else {
            self.counters.tokens_refused.one();
            return Err(Problem::forbidden("the page's token does not count: load the page again"));
        };
        if !form::is_same_origin(request, visit) {
            return Err(Problem::forbidden("writes of other origins are refused"));
        }
        let refused = |problem: Problem| {
            self.counters.browser_spans_refused.one();
            problem
        };
        let message = self.message(request).map_err(refused)?;
        let now = clock::unix_seconds();
        let max = self.shelf.limits.borrow().uploads_per_minute_max;
        self.uploads.take(session.id, (1, max), now).map_err(|seconds| {
            let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "this session sends spans too often");
            refused(problem.with(header::RETRY_AFTER, HeaderValue::from(seconds)))
        })?;
        let claims = Claims { sessions: &self.sessions, requests: &self.shelf.requests };
        self.show(request.headers(), session, claims).await?;
        let who = visit.credentials.identity.as_ref().ok_or_else(|| refused(spent()))?;
        let cleaned = claims.own(message, (session, who), Some(TraceId::from_bytes(upload.trace))).await?;
        self.counters.browser_spans_refused.add(cleaned.rejected as u64);
        let rejected = cleaned.rejected;
        if cleaned.spans() > 0 {
            claims.spend(session, who, cleaned.spans()).map_err(|_| refused(spent()))?;
            let intake = self.shelf.intake.as_ref().ok_or_else(busy)?;
            intake.offer_of_browser(cleaned).map_err(|_| refused(busy()))?;
        }
        // As OTLP says it over HTTP; protobuf's JSON writes 64 bits as a text.
        Ok(answer(&if rejected == 0 {
            json!({})
        } else {
            json!({ "partialSuccess": { "rejectedSpans": rejected.to_string(), "errorMessage": REJECTED } })
        }))
    }

    /// From now on what refers to the page's address belongs to the trace that it names, if that is its session's.
    async fn show(&self, headers: &HeaderMap, session: &Session, claims: Claims<'_>) -> Result<(), Problem> {
        let Some(trace) = upload::page(headers) else { return Ok(()) };
        let Hints { referer, .. } = Hints::read(headers);
        if referer != 0 && claims.may_claim(session, trace).await? {
            self.sessions.shows(session.id, referer, trace);
        }
        Ok(())
    }

    fn message(&self, request: &Request<Bytes>) -> Result<Cleaned, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let is_json = kind.split(';').next().is_some_and(|kind| kind.trim() == "application/json");
        if !is_json || request.headers().contains_key(header::CONTENT_ENCODING) {
            let what = "the content type must be application/json, without an encoding";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, what));
        }
        if request.body().len() > self.shelf.limits.borrow().upload_bytes_max {
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "the message is too large: send it in parts"));
        }
        let message = decode(Encoding::Json, request.body().clone());
        message.map(Cleaned::of).ok_or_else(|| Problem::bad("body", "the body is no OTLP trace in JSON"))
    }
}

fn spent() -> Problem {
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "the session's spans are used up")
}

fn busy() -> Problem {
    let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "spans cannot be taken now");
    problem.with(header::RETRY_AFTER, HeaderValue::from_static("1"))
}
