//! Changes to a request's path: a prefix taken off or put in front, another path in its place; the query is kept.
//! Not here: what a template becomes (`template`).

use std::borrow::Cow;

use http::{Uri, uri::PathAndQuery};
use percent_encoding::percent_decode_str;

/// `path` without `prefix`, if it lies under it: `/api` is a prefix of `/api` and `/api/a`, not of `/apis`. Segments are
/// compared decoded, as routes compare them.
pub fn strip_prefix<'p>(path: &'p str, prefix: &str) -> Option<Cow<'p, str>> {
    let mut rest = path;
    for wanted in prefix.split('/').filter(|segment| !segment.is_empty()) {
        rest = rest.trim_start_matches('/');
        let (first, after) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if percent_decode_str(first).ne(percent_decode_str(wanted)) {
            return None;
        }
        rest = after;
    }
    // `/api//evil.com` must not become a path that some reader takes for a host.
    let trimmed = rest.trim_start_matches('/');
    Some(if rest.len() - trimmed.len() == 1 { rest.into() } else { format!("/{trimmed}").into() })
}

/// Puts `path` in place of the target's path. The query stays, unless `path` brings one.
///
/// # Errors
/// If the result is no target.
pub fn set_path(uri: &mut Uri, path: &str) -> Result<(), http::Error> {
    let target = match uri.query().filter(|_| !path.contains('?')) {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let mut parts = std::mem::take(uri).into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(target)?);
    *uri = Uri::from_parts(parts)?;
    Ok(())
}

#[cfg(test)]
mod tests;
