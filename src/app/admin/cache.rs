//! The cache on the admin listener: purging, and explaining a URL.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::{
    Answer, object,
    routed::{Routed, routed},
    text,
};
use crate::{
    app::instance::Instance,
    console::audit::{AuditEntry, Deed},
    proxy::cache::{Answers, Explained, Known},
    rules::cache::{
        How, Purge,
        purge::{Everything, Named, NotOne, canonical},
    },
};

/// The most header fields of a request that is explained.
const FIELDS_MAX: usize = 64;

/// `POST /cache/purge`: what is named is gone, or stale from now on.
pub(super) async fn purge(instance: &Instance, query: &str) -> Answer {
    let (what, how) = match wanted(query) {
        Ok(wanted) => wanted,
        Err(why) => return text(StatusCode::BAD_REQUEST, &why.to_string()),
    };
    let subject = format!("{what} ({})", how.word());
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
    let (cache, config) = {
        let running = instance.running.borrow();
        (Arc::clone(&running.cache), Arc::clone(&running.config))
    };
    let Routed { told, key, headers } = routed(&config, &url, request);
    // The disk may be read.
    match tokio::task::spawn_blocking(move || cache.explain(&key, &headers)).await {
        Ok(explained) => object(StatusCode::OK, &written(&url, &told, &explained)),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

fn wanted(query: &str) -> Result<(Purge, How), NotOne> {
    let how = match value(query, "soft").as_deref() {
        None | Some("0" | "false") => How::Hard,
        Some(_) => How::Soft,
    };
    let named = Named {
        url: value(query, "url"),
        prefix: value(query, "prefix"),
        tag: value(query, "tag"),
        all: value(query, "all").map(|_| Everything),
    };
    Ok((named.purge()?, how))
}

fn written(url: &str, routed: &Value, explained: &Explained) -> Value {
    let stored: Vec<_> = explained.stored.iter().map(one).collect();
    let refused = explained
        .refused
        .as_ref()
        .map(|(why, ago)| json!({ "reason": why.word(), "explanation": why.to_string(), "seconds_ago": ago }));
    json!({ "url": url, "routed": routed, "stored": stored, "last_not_stored": refused })
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
