//! Changes the path that the upstream sees. The query is kept, unless a template brings its own.

use std::borrow::Cow;

use super::{
    Middleware, Next,
    redirect::{fill, template},
};
use crate::{
    config::model,
    error::{ErrorType, ProxyError},
    proxy::snapshot::BuildError,
    rules::{
        rewrite::{set_path, strip_prefix},
        template::Template,
    },
    service::{Outcome, Request},
};

/// Rewrites paths.
#[derive(Debug)]
pub(super) enum Rewrite {
    StripPrefix(String),
    AddPrefix(String),
    To(Template),
}

impl Rewrite {
    pub(super) fn new(rewrite: &model::Rewrite) -> Result<Self, BuildError> {
        Ok(match rewrite {
            model::Rewrite::StripPrefix(prefix) => Self::StripPrefix(prefix.clone()),
            model::Rewrite::AddPrefix(prefix) => Self::AddPrefix(prefix.clone()),
            model::Rewrite::To(to) => Self::To(template(to)?),
        })
    }
}

impl Middleware for Rewrite {
    fn name(&self) -> &'static str {
        "rewrite"
    }

    async fn handle(&self, mut request: Request, next: Next<'_>) -> Outcome {
        let path = request.uri().path();
        let changed: Option<Cow<'_, str>> = match self {
            // A path that does not lie under the prefix is left as it is.
            Self::StripPrefix(prefix) => strip_prefix(path, prefix),
            Self::AddPrefix(prefix) => path.starts_with('/').then(|| format!("{prefix}{path}").into()),
            Self::To(to) => Some(fill(to, &request, &next).into()),
        };
        if let Some(changed) = changed {
            let changed = changed.into_owned();
            next.set("waylight.rewrite.path", || next.cx().told(&changed));
            set_path(request.uri_mut(), &changed)
                .map_err(|error| ProxyError::proxy(ErrorType::ProxyInternalError).with_source(error))?;
        }
        next.run(request).await
    }
}
