//! What the configuration puts between a route and what answers it: a chain of middleware, each run in its own span.
//!
//! A [`Middleware`] sees a request, may answer it or hand it on through [`Next`], and may change the response. The
//! chain opens and ends the span; spans of what lies further in hang under it. Any unmodified `tower::Layer` can be one
//! ([`FromLayer`]), and a chain is a `tower::Layer` itself ([`ChainLayer`]). Each configured middleware is one boxed
//! seam; a route without any has none.

mod chain;
mod compress;
mod cors;
mod headers;
mod layer;
mod redirect;
mod rewrite;

use std::{collections::BTreeMap, future::Future};

pub use chain::{Chain, ChainLayer, Next};
pub use layer::FromLayer;

use super::snapshot::BuildError;
use crate::{
    config::model,
    service::{Outcome, Request},
};

/// Something between a route and what answers it.
///
/// ```
/// use waylight::{
///     proxy::middleware::{Middleware, Next},
///     service::{Outcome, Request},
/// };
///
/// struct Teapot;
///
/// impl Middleware for Teapot {
///     fn name(&self) -> &'static str {
///         "teapot"
///     }
///
///     async fn handle(&self, request: Request, next: Next<'_>) -> Outcome {
///         let mut response = next.run(request).await?;
///         *response.status_mut() = http::StatusCode::IM_A_TEAPOT;
///         Ok(response)
///     }
/// }
/// ```
pub trait Middleware: 'static {
    /// What its span is called: the word that `type` has in the configuration.
    fn name(&self) -> &'static str;

    /// Answers `request`, or hands it on through `next`.
    fn handle(&self, request: Request, next: Next<'_>) -> impl Future<Output = Outcome>;
}

/// Which part of a chain is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What must see the finished page: compression.
    OutsideInject,
    /// Everything else.
    InsideInject,
}

/// Builds the middleware of one route: those of `names` that belong to `part`, in their order.
///
/// # Errors
/// If a name leads nowhere.
pub fn chain<'n>(
    all: &BTreeMap<String, model::Middleware>,
    names: impl IntoIterator<Item = &'n String>,
    part: Part,
) -> Result<ChainLayer, BuildError> {
    let mut layer = ChainLayer::default();
    for name in names {
        let middleware = all.get(name).ok_or_else(|| BuildError::Unknown { kind: "middleware", name: name.clone() })?;
        let outside = matches!(middleware, model::Middleware::Compress(_));
        if outside != (part == Part::OutsideInject) {
            continue;
        }
        match middleware {
            model::Middleware::Headers(headers) => layer.push(name, headers::Headers(headers.clone())),
            model::Middleware::Redirect(redirect) => layer.push(name, redirect::Redirect::new(redirect)?),
            model::Middleware::Rewrite(rewrite) => layer.push(name, rewrite::Rewrite::new(rewrite)?),
            model::Middleware::Compress(compress) => layer.push(name, compress::Compress::new(compress)),
            model::Middleware::Cors(cors) => layer.push(name, FromLayer::new("cors", &cors::layer(cors)?)),
        }
    }
    Ok(layer)
}

/// Puts a route's own redirect at the end of its chain: nothing further in is asked.
///
/// # Errors
/// If its target is no template.
pub fn redirecting(mut layer: ChainLayer, redirect: &model::Redirect) -> Result<ChainLayer, BuildError> {
    layer.push("redirect", redirect::Redirect::new(redirect)?);
    Ok(layer)
}

#[cfg(test)]
mod tests;
