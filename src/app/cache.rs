//! `waylight purge` and `waylight explain`: the cache of a running instance.

use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::{
    admin::ask::{Answered, Asking},
    cli::{Explain, Purge},
    link::LinkError,
    print::clean,
    source::{Loaded, Source},
    terminal,
    whereabouts::Whereabouts,
};

/// The largest answer, in octets.
const ANSWER_BYTES_MAX: usize = 4 << 20;

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

fn ask(source: &Source, method: Method, path: &str) -> Result<Value, LinkError> {
    let Loaded { config, .. } = source.load().map_err(LinkError::Faulty)?;
    let found = Whereabouts::read(&config.state_dir)
        .map_err(|error| format!("no running instance was found in {}: {error}", config.state_dir.display()))?;
    let admin = found.admin.ok_or("the admin listener is switched off: nobody can be asked")?;
    let asking = Asking { method, path, cookie: None, answer_bytes_max: ANSWER_BYTES_MAX };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let Answered { status, body } =
        runtime.block_on(asking.at(&admin)).map_err(|error| format!("{admin} does not answer: {error}"))?;
    if !status.is_success() {
        return Err(String::from_utf8_lossy(&body).trim().to_owned().into());
    }
    Ok(serde_json::from_slice(&body)?)
}

fn parameter(name: &str, value: &str) -> String {
    format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC))
}

/// The answer in sentences.
fn told(answer: &Value) -> String {
    let text = |value: &Value| clean(value.as_str().unwrap_or_default());
    let mut lines = vec![text(&answer["url"])];
    let stored = answer["stored"].as_array().map(Vec::as_slice).unwrap_or_default();
    if stored.is_empty() {
        lines.push("  nothing is stored".to_owned());
    }
    for one in stored {
        let (age, ttl) = (one["age"].as_u64().unwrap_or_default(), one["ttl"].as_i64().unwrap_or_default());
        let life = if ttl > 0 { format!("fresh for another {ttl} s") } else { format!("stale for {} s", -ttl) };
        let (status, octets, tier) = (&one["status"], &one["bytes"], text(&one["tier"]));
        lines.push(format!("  stored in {tier}: status {status}, {octets} octets, {age} s old, {life}"));
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

#[cfg(test)]
mod tests;
