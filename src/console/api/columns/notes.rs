//! What stands beside a span's name in a list: a note that tells it from others of its name, and a tag with its outcome.
//! Both are read from attributes, and are short: the whole stands with the span.

/// A client that is waited for so much longer than its upstream is slow, in microseconds.
const SLOW_CLIENT_US: u64 = 500_000;
/// Letters of a note, at most.
const NOTE_LETTERS_MAX: usize = 120;

/// What tells a span of this stage and name from others; may be empty.
pub(super) fn note(stage: &str, name: &str, of: &dyn Fn(&str) -> Option<String>) -> String {
    let first = |keys: &[&str]| keys.iter().find_map(|key| of(key)).filter(|text| !text.is_empty());
    let note = match stage {
        "request" => of("url.path"),
        "route" => of("waylight.route.name"),
        "middleware" => first(&["waylight.redirect.to", "waylight.rewrite.path", "waylight.compress.coding"])
            .or_else(|| of("waylight.middleware.name").filter(|configured| configured != name)),
        "inject" => of("waylight.inject.result").map(|result| result.replace('_', " ")),
        "upstream.request" => upstream(of),
        "upstream.start" | "upstream.spawn" | "upstream.ready" => of("process.command"),
        "upstream.dns" => first(&["dns.question.name", "server.address"]),
        "upstream.connect" => first(&["network.peer.address", "server.address"]),
        stage if stage.starts_with("cache.") => first(&["cache.explanation", "cache.collapsed", "cache.key"]),
        _ => first(&["db.query.summary", "db.operation.name", "url.full", "url.path", "http.url", "http.target"])
            .or_else(|| first(&["db.system.name", "db.system", "messaging.destination.name", "rpc.method"]))
            .or_else(|| first(&["code.function.name", "code.function"])),
    };
    let is_told = |note: &str| name.contains(note) || (name.starts_with('/') && note.ends_with(name));
    let note = note.filter(|note| !is_told(note)).unwrap_or_default();
    match note.char_indices().nth(NOTE_LETTERS_MAX) {
        Some((at, _)) => format!("{}\u{2026}", &note[..at]),
        None => note,
    }
}

/// `app \u{2192} 127.0.0.1:3000`.
fn upstream(of: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let address = of("server.address").map(|host| match of("server.port") {
        Some(port) => format!("{host}:{port}"),
        None => host,
    });
    match (of("waylight.upstream"), address) {
        (Some(name), Some(address)) => Some(format!("{name} \u{2192} {address}")),
        (name, address) => name.or(address),
    }
}

/// The outcome, in a word: of a cache, of a start, of a file that the page waited for, of a response; may be empty.
pub(super) fn tag(status: Option<u16>, of: &dyn Fn(&str) -> Option<String>) -> String {
    if let Some(hit) = of("cache.hit") {
        let is_stale = of("cache.reason").is_some_and(|reason| reason.contains("stale"));
        let word = match hit.as_str() {
            "true" if is_stale => "STALE",
            "true" => "HIT",
            _ => "MISS",
        };
        return word.to_owned();
    }
    if of("waylight.upstream.cold").is_some_and(|cold| cold == "true") {
        return "COLD".to_owned();
    }
    let is_awaited = of("resource.render_blocking_status").is_some_and(|status| status == "blocking");
    if is_awaited && status.is_none_or(|status| status < 400) {
        return "BLOCKING".to_owned();
    }
    let number = |key: &str| of(key).and_then(|count| count.parse::<u64>().ok()).filter(|count| *count > 0);
    let is_slow = number("waylight.body.client_us")
        .is_some_and(|client| client > SLOW_CLIENT_US + number("waylight.body.upstream_us").unwrap_or_default());
    let parts = [
        status.map(|status| status.to_string()),
        number("http.request.resend_count").map(|count| format!("retry {count}")),
        is_slow.then(|| "slow client".to_owned()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" \u{b7} ")
}

#[cfg(test)]
mod tests;
