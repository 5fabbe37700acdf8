//! Sets, adds and removes headers. Framing headers and `Host` cannot be configured here (`config::read`).

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Middleware, Next};
use crate::{
    config::model::HeadersMiddleware,
    rules::headers::twins::drop_twins,
    service::{Outcome, Request},
};

/// Changes headers, in the order remove, set, add.
#[derive(Debug)]
pub(super) struct Headers(pub(super) HeadersMiddleware);

impl Middleware for Headers {
    fn name(&self) -> &'static str {
        "headers"
    }

    async fn handle(&self, mut request: Request, next: Next<'_>) -> Outcome {
        let Self(change) = self;
        tell(next, "waylight.headers.request", (&change.request_remove, &change.request_set, &change.request_add));
        tell(next, "waylight.headers.response", (&change.response_remove, &change.response_set, &change.response_add));
        apply(request.headers_mut(), &change.request_remove, &change.request_set, &change.request_add);
        if !change.request_remove.is_empty() {
            drop_twins(request.headers_mut(), &change.request_remove);
        }
        let mut response = next.run(request).await?;
        apply(response.headers_mut(), &change.response_remove, &change.response_set, &change.response_add);
        Ok(response)
    }
}

type Pairs = [(HeaderName, HeaderValue)];

/// Tells by their names which fields are changed, and how; their values may let somebody in.
fn tell(next: Next<'_>, key: &'static str, (remove, set, add): (&[HeaderName], &Pairs, &Pairs)) {
    if remove.is_empty() && set.is_empty() && add.is_empty() {
        return;
    }
    next.set(key, || {
        let named = |pairs: &Pairs| pairs.iter().map(|(name, _)| name.as_str().to_owned()).collect::<Vec<_>>();
        let removed = remove.iter().map(|name| name.as_str().to_owned()).collect();
        let parts = [("removed", removed), ("set", named(set)), ("added", named(add))];
        let parts = parts.into_iter().filter(|(_, names): &(_, Vec<String>)| !names.is_empty());
        parts.map(|(how, names)| format!("{how} {}", names.join(", "))).collect::<Vec<_>>().join("; ")
    });
}

fn apply(headers: &mut HeaderMap, remove: &[HeaderName], set: &Pairs, add: &Pairs) {
    for name in remove.iter().chain(set.iter().map(|(name, _)| name)) {
        headers.remove(name);
    }
    // Several values of one name are several fields, so setting is removing once and adding each.
    for (name, value) in set.iter().chain(add) {
        headers.append(name, value.clone());
    }
}
