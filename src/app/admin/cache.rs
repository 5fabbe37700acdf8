//! The cache on the admin listener: purging, and explaining a URL.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::{Answer, object, text};
use crate::{
    app::instance::Instance,
    console::audit::{AuditEntry, Deed},
    proxy::cache::{Answers, Explained, How, Known, Purge, canonical},
};

/// The most header fields of a request that is explained.
const FIELDS_MAX: usize = 64;

/// `POST /cache/purge`: what is named is gone, or stale from now on.
pub(super) async fn purge(instance: &Instance, query: &str) -> Answer {
    let (what, how) = match wanted(query) {
        Ok(wanted) => wanted,
        Err(why) => return text(StatusCode::BAD_REQUEST, &why),
    };
    let subject = format!("{} ({})", describe(&what), if how == How::Soft { "soft" } else { "hard" });
    if let Err(error) = instance.audit.write(&AuditEntry::of_operator(Deed::Purge, subject)) {
        return text(StatusCode::SERVICE_UNAVAILABLE, &format!("the audit log could not be written: {error}"));
    }
    let cache = Arc::clone(&instance.running.borrow().cache);
    // All of it may have to be looked at.
    match tokio::task::spawn_blocking(move || cache.purge(&what, how)).await {
        Ok(purged) => object(StatusCode::OK, &json!({ "purged": purged })),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

/// `GET /cache/explain`: what the cache knows of a URL.
pub(super) async fn explain(instance: &Instance, query: &str) -> Answer {
    let Some(url) = value(query, "url") else { return text(StatusCode::BAD_REQUEST, "name a URL: ?url=") };
    let url = match canonical(&url) {
        Ok(url) => url,
        Err(error) => return text(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let mut request = HeaderMap::new();
    for line in values(query, "header").take(FIELDS_MAX) {
        let field = line.split_once(':').and_then(|(name, value)| {
            Some((name.trim().parse::<HeaderName>().ok()?, value.trim().parse::<HeaderValue>().ok()?))
        });
        let Some((name, value)) = field else {
            return text(StatusCode::BAD_REQUEST, "a header is written `name: value`");
        };
        request.append(name, value);
    }
    let cache = Arc::clone(&instance.running.borrow().cache);
    // The disk may be read.
    match tokio::task::spawn_blocking(move || cache.explain(&url, &request)).await {
        Ok(explained) => object(StatusCode::OK, &written(&explained)),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

fn wanted(query: &str) -> Result<(Purge, How), String> {
    let how = match value(query, "soft").as_deref() {
        None | Some("0" | "false") => How::Hard,
        Some(_) => How::Soft,
    };
    let url = |name: &str| value(query, name).map(|url| canonical(&url).map_err(|error| error.to_string()));
    let named = [
        url("url").transpose()?.map(Purge::Url),
        url("prefix").transpose()?.map(Purge::Prefix),
        value(query, "tag").map(Purge::Tag),
        value(query, "all").map(|_| Purge::All),
    ];
    let mut named = named.into_iter().flatten();
    match (named.next(), named.next()) {
        (Some(what), None) => Ok((what, how)),
        _ => Err("say what is purged: one of ?url=, ?prefix=, ?tag= or ?all=1".to_owned()),
    }
}

fn describe(what: &Purge) -> String {
    match what {
        Purge::All => "everything".to_owned(),
        Purge::Url(url) => url.clone(),
        Purge::Prefix(prefix) => format!("{prefix}*"),
        Purge::Tag(tag) => format!("tag {tag}"),
        Purge::Groups(origin, groups) => format!("groups {} of {origin}", groups.join(", ")),
    }
}

fn written(explained: &Explained) -> Value {
    let stored: Vec<_> = explained.stored.iter().map(one).collect();
    let refused = explained
        .refused
        .as_ref()
        .map(|(why, ago)| json!({ "reason": why.word(), "explanation": why.to_string(), "seconds_ago": ago }));
    json!({ "url": explained.url, "stored": stored, "last_not_stored": refused })
}

fn one(known: &Known) -> Value {
    json!({
        "status": known.status,
        "bytes": known.octets,
        "age": known.age,
        "ttl": known.left,
        "variant": known.variant,
        "tier": known.tier,
        "filled_by_trace": known.filled_by.map(|trace| trace.to_string()),
        "answers": known.answers == Answers::Yes,
        "reason": known.verdict.word(),
        "explanation": known.verdict.to_string(),
    })
}

fn value(query: &str, name: &str) -> Option<String> {
    values(query, name).next()
}

fn values<'q>(query: &'q str, name: &'q str) -> impl Iterator<Item = String> + 'q {
    query.split('&').filter_map(move |pair| {
        let raw = pair.strip_prefix(name)?.strip_prefix('=')?;
        Some(percent_encoding::percent_decode_str(raw).decode_utf8().ok()?.into_owned())
    })
}
