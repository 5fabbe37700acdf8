//! `waylight purge` and `waylight explain`: the cache of a running instance.

use http::Method;
use serde_json::Value;

use super::{
    cli::{Explain, Purge},
    link::LinkError,
    print::clean,
    running::{ask, parameter},
    source::Source,
    terminal,
};

/// Forgets what is stored, or makes it stale, and prints how much that was.
///
/// # Errors
/// No instance runs, or it refuses.
pub fn purge(source: &Source, options: &Purge) -> Result<(), LinkError> {
    let what = match (&options.url, &options.prefix, &options.tag) {
        (Some(url), ..) => parameter("url", url),
        (_, Some(prefix), _) => parameter("prefix", prefix),
        (.., Some(tag)) => parameter("tag", tag),
        _ => "all=1".to_owned(),
    };
    let soft = if options.soft { "&soft=1" } else { "" };
    let answer = ask(source, Method::POST, &format!("/cache/purge?{what}{soft}"))?;
    let purged = answer["purged"].as_u64().unwrap_or_default();
    let done = if options.soft { "made stale" } else { "purged" };
    terminal::say(format_args!(
        "{purged} stored {} {done}",
        if purged == 1 { "response was" } else { "responses were" }
    ));
    Ok(())
}

/// Prints what the cache knows of a URL.
///
/// # Errors
/// No instance runs, or it is no URL.
pub fn explain(source: &Source, options: &Explain) -> Result<(), LinkError> {
    let mut path = format!("/cache/explain?{}", parameter("url", &options.url));
    for (name, value) in &options.header {
        path.push('&');
        path.push_str(&parameter("header", &format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))));
    }
    let answer = ask(source, Method::GET, &path)?;
    terminal::say(if options.json { format!("{answer:#}") } else { told(&answer) });
    Ok(())
}

/// The answer in sentences.
fn told(answer: &Value) -> String {
    let text = |value: &Value| clean(value.as_str().unwrap_or_default());
    let mut lines = vec![text(&answer["url"])];
    lines.extend(routed(&answer["routed"]));
    let stored = answer["stored"].as_array().map(Vec::as_slice).unwrap_or_default();
    if stored.is_empty() {
        lines.push("  nothing is stored".to_owned());
    }
    for one in stored {
        let (age, ttl) = (one["age"].as_u64().unwrap_or_default(), one["ttl"].as_i64().unwrap_or_default());
        let life = if ttl > 0 { format!("fresh for another {ttl} s") } else { format!("stale for {} s", -ttl) };
        let (status, octets, tier) = (&one["status"], &one["bytes"], text(&one["tier"]));
        let place = if tier == "disk" { "on disk" } else { "in memory" };
        lines.push(format!("  stored {place}: status {status}, {octets} octets, {age} s old, {life}"));
        for part in one["variant"].as_array().map(Vec::as_slice).unwrap_or_default() {
            lines.push(format!("    for {}", text(part)));
        }
        let answers = if one["answers"].as_bool().unwrap_or_default() { "would answer" } else { "would not answer" };
        lines.push(format!("    {answers}: {}", text(&one["explanation"])));
        if let Some(trace) = one["filled_by_trace"].as_str() {
            lines.push(format!("    filled by trace {}", clean(trace)));
        }
    }
    let refused = &answer["last_not_stored"];
    if !refused.is_null() {
        let ago = refused["seconds_ago"].as_u64().unwrap_or_default();
        lines.push(format!("  the last answer was not stored, {ago} s ago: {}", text(&refused["explanation"])));
    }
    lines.join("\n")
}

/// Which route answers, whether its cache is asked, and under which key.
fn routed(told: &Value) -> Vec<String> {
    let text = |value: &Value| clean(value.as_str().unwrap_or_default());
    if told.is_null() {
        return Vec::new();
    }
    let why = text(&told["why"]);
    if told["route"].is_null() {
        return vec![format!("  {why}")];
    }
    let route = format!("  route {} of {}", text(&told["route"]), text(&told["site"]));
    let mut lines = match told["cached"].as_bool() {
        Some(true) => vec![format!("{route}: the cache is asked")],
        _ => vec![format!("{route}: the cache is not asked: {why}")],
    };
    if !told["key"].is_null() {
        lines.push(format!("    under the key {}", text(&told["key"])));
        lines.extend(
            told["key_parts"].as_array().into_iter().flatten().map(|part| format!("      with {}", text(part))),
        );
    }
    lines
}

#[cfg(test)]
mod tests;
