//! What went wrong, as `application/problem+json` (RFC 9457). A problem says what to change, and nothing of the inside.

use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use crate::body::Piped;

/// A problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem(Box<Told>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Told {
    /// Which kind: the title says all there is to say.
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    /// The parameter that is at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<String>,
    /// Where in the parameter, in letters from its beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<usize>,
    #[serde(skip)]
    header: Option<(header::HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem of this status.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self(Box::new(Told {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into(),
            parameter: None,
            at: None,
            header: None,
        }))
    }

    /// A request that cannot be understood.
    pub fn bad(parameter: &str, detail: impl Into<String>) -> Self {
        let mut problem = Self::new(StatusCode::BAD_REQUEST, detail);
        problem.0.parameter = Some(parameter.chars().take(64).collect());
        problem
    }

    /// The place of the fault in its parameter.
    #[must_use]
    pub fn at(mut self, at: usize) -> Self {
        self.0.at = Some(at);
        self
    }

    /// Something that is not there.
    pub fn missing(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("there is no such {what}"))
    }

    /// Somebody who may not do this.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    /// With a header that belongs to it.
    #[must_use]
    pub fn with(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.0.header = Some((name, value));
        self
    }

    /// The answer.
    pub fn response(self) -> Response<Piped> {
        let content = serde_json::to_vec(&self.0).unwrap_or_default();
        let mut response = Response::new(Piped::from(content));
        *response.status_mut() = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some((name, value)) = self.0.header {
            headers.insert(name, value);
        }
        response
    }
}
