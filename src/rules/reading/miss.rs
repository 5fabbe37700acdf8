//! Why a cache had no answer, in one sentence: from Waylight's own decision, or from the `Cache-Status` field that
//! caches behind it send (RFC 9211).

/// What is known of caching of one request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cached<'a> {
    /// The decision of Waylight's cache: `hit`, `miss`, ...; empty where none was asked.
    pub status: &'a str,
    /// Its reason, in one sentence; may be empty.
    pub reason: &'a str,
    /// The upstream's `Cache-Status`.
    pub upstream: Option<&'a str>,
}

/// Says what the cache did, and why.
pub fn explain(cached: Cached<'_>) -> String {
    let reason = if cached.reason.is_empty() { String::new() } else { format!(": {}", cached.reason) };
    let own = match cached.status {
        "" => None,
        "hit" => Some(format!("Answered from the cache{reason}")),
        "stale" => Some(format!("Answered from the cache, although stale{reason}")),
        "revalidated" => Some(format!("Answered from the cache, after the upstream confirmed it{reason}")),
        "bypass" => Some(format!("The cache was passed by{reason}")),
        "miss" => Some(format!("The cache had no answer{reason}")),
        other => Some(format!("The cache said {other}{reason}")),
    };
    let last = cached.upstream.and_then(|field| members(field).pop());
    let behind = last.and_then(|member| of_upstream(&member));
    match (own, behind) {
        (Some(own), Some(behind)) => format!("{}. {behind}.", own.trim_end_matches('.')),
        (Some(one), None) => format!("{}.", one.trim_end_matches('.')),
        (None, Some(behind)) => format!("No cache of Waylight's was asked. {behind}."),
        (None, None) => "No cache was asked.".to_owned(),
    }
}

/// What the cache nearest to us says: the last member of the list.
fn of_upstream(member: &str) -> Option<String> {
    let mut parts = split(member, ';').into_iter();
    let name = text(&parts.next()?).to_owned();
    let parameters: Vec<String> = parts.collect();
    let parameter = |wanted: &str| {
        parameters.iter().find_map(|parameter| {
            let (key, value) = parameter.split_once('=').unwrap_or((parameter, "?1"));
            (key.trim() == wanted).then(|| text(value).to_owned())
        })
    };
    if name.is_empty() {
        return None;
    }
    let detail = parameter("detail").map(|detail| format!(" ({detail})")).unwrap_or_default();
    if parameter("hit").is_some_and(|hit| hit == "?1") {
        let left = parameter("ttl").map(|ttl| format!(", fresh for another {ttl} s")).unwrap_or_default();
        return Some(format!("{name}, a cache behind the edge, had the answer{left}{detail}"));
    }
    let why = match &*parameter("fwd")? {
        "bypass" => "was set up to pass this request by",
        "method" => "passed the request on because of its method",
        "uri-miss" => "had nothing stored for this address",
        "vary-miss" => "had the address stored, but not for headers like these",
        "miss" => "had no answer that fits",
        "request" => "was told by the request's own headers not to answer",
        "stale" => "had an answer, but it was stale",
        "partial" => "had a part of the answer only",
        _ => "passed the request on",
    };
    let stored = if parameter("stored").is_some_and(|stored| stored == "?1") { ", and stored the new one" } else { "" };
    Some(format!("{name}, a cache behind the edge, {why}{stored}{detail}"))
}

/// The members of a list (RFC 9651 section 3.1).
fn members(field: &str) -> Vec<String> {
    split(field, ',').into_iter().filter(|member| !member.is_empty()).collect()
}

/// Cuts at `separator`, outside of quoted strings.
fn split(text: &str, separator: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for letter in text.chars() {
        if letter == separator && !quoted {
            parts.push(String::new());
            continue;
        }
        quoted ^= letter == '"' && !escaped;
        escaped = letter == '\\' && quoted && !escaped;
        if let Some(part) = parts.last_mut() {
            part.push(letter);
        }
    }
    parts.iter().map(|part| part.trim().to_owned()).collect()
}

fn text(value: &str) -> &str {
    let value = value.trim();
    value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value)
}
