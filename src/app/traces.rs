//! `waylight traces`: lists and searches the traced requests of a running instance.

use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::{
    cli::Traces,
    link::LinkError,
    print::clean,
    source::{Loaded, Source},
    state,
    terminal::{self, FAINT, Styled},
    trace::read::Reader,
};
use crate::{clock, rules::length::length};

/// Prints a line for each, newest first; or the API's own answer.
///
/// # Errors
/// No instance runs, or it refuses the search.
pub fn traces(source: &Source, options: &Traces) -> Result<(), LinkError> {
    let Loaded { config, .. } = source.load().map_err(LinkError::Faulty)?;
    let keys = state::keys(&config.state_dir, &config.access.secrets)?;
    let reader = Reader::of(&config, &keys)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listed = runtime.block_on(reader.list(&query(options)))?;
    if options.json {
        terminal::say(&listed["items"]);
        return Ok(());
    }
    let items = listed["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    for item in items {
        terminal::say(line(item));
    }
    if items.is_empty() {
        terminal::mutter(nothing(&listed["excluded_by"]));
    }
    Ok(())
}

fn query(options: &Traces) -> String {
    let mut query = format!("traced=1&limit={}", options.limit);
    if let Some(find) = &options.q {
        query.push_str(&format!("&q={}", utf8_percent_encode(find, NON_ALPHANUMERIC)));
    }
    if let Some(since) = options.since {
        let from = Duration::from_nanos(clock::now().unix_nanos()).saturating_sub(since);
        query.push_str(&format!("&from={}", from.as_micros()));
    }
    query
}

fn line(item: &Value) -> String {
    let text = |key: &str| clean(item[key].as_str().unwrap_or_default());
    let status = item["status"].as_u64().unwrap_or_default();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a length, shown with three digits")]
    let took = length((item["dur_us"].as_f64().unwrap_or_default() * 1e3) as u64);
    let failed = text("error");
    let failed = if failed.is_empty() { failed } else { format!("  {failed}") };
    format!(
        "{}  {status}  {took:>9}  {} {}{}{failed}",
        Styled(FAINT, text("trace_id")),
        text("method"),
        text("host"),
        text("path")
    )
}

/// Why nothing was found.
fn nothing(excluded: &Value) -> String {
    let guilty = excluded.as_object().and_then(|excluded| excluded.iter().max_by_key(|(_, count)| count.as_u64()));
    match guilty {
        Some((name, count)) => format!("nothing found; {count} requests are kept out by {name} alone"),
        None => "nothing found".to_owned(),
    }
}
