//! Answers every request with a redirect; what lies further in is never asked.

use http::{HeaderValue, StatusCode, header::LOCATION};

use super::{Middleware, Next};
use crate::{
    config::model,
    error::{ErrorType, ProxyError},
    proxy::snapshot::BuildError,
    rules::template::{Template, Values},
    service::{Outcome, Request, Response},
};

/// Redirects.
#[derive(Debug)]
pub(super) struct Redirect {
    to: Template,
    status: StatusCode,
}

impl Redirect {
    pub(super) fn new(redirect: &model::Redirect) -> Result<Self, BuildError> {
        Ok(Self { to: template(&redirect.to)?, status: redirect.status })
    }
}

impl Middleware for Redirect {
    fn name(&self) -> &'static str {
        "redirect"
    }

    async fn handle(&self, request: Request, next: Next<'_>) -> Outcome {
        let target = fill(&self.to, &request, &next);
        next.set("waylight.redirect.to", || next.cx().told(&target));
        let location = HeaderValue::try_from(target)
            .map_err(|error| ProxyError::proxy(ErrorType::ProxyInternalError).with_source(error))?;
        let mut response = Response::default();
        *response.status_mut() = self.status;
        response.headers_mut().insert(LOCATION, location);
        Ok(response)
    }
}

pub(super) fn template(text: &str) -> Result<Template, BuildError> {
    Template::parse(text).map_err(|_| BuildError::Unknown { kind: "template", name: text.to_owned() })
}

pub(super) fn fill(template: &Template, request: &Request, next: &Next<'_>) -> String {
    let uri = request.uri();
    template.fill(&Values {
        params: &next.cx().params.borrow(),
        path: uri.path(),
        query: uri.query(),
        host: next.cx().host.get().map_or("", |host| host),
    })
}
