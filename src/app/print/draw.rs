//! Draws one trace: a headline, then every span with its length, and a bar that shows when it ran.
//!
//! ```text
//! ● GET /products/:slug 200  412 ms  http://shop.localhost/products/lamp
//!   trace 4bf92f3577b34da6a3ce929d0e0e4736  9 spans, 3 of shop  cold start 371 ms
//!
//!   GET /products/:slug 200                      412 ms  ━━━━━━━━━━━━━━━━━━━━━━━━━━━━
//!   ├─ Route                                      12 µs  ╸
//!   ├─ Upstream start                            371 ms  ━━━━━━━━━━━━━━━━━━━━━━━━━╸
//!   └─ Upstream request 200                     38.2 ms                           ━━━
//!      └─ GET /products/:slug 200 shop          35.1 ms                           ━━━
//! ```

use std::{collections::BTreeMap, fmt::Write as _};

use anstyle::{AnsiColor, Style};
use opentelemetry::trace::TraceId;
use opentelemetry_proto::tonic::trace::v1::{Span, status::StatusCode};

use super::{
    Seen, Supplement,
    bar::bar,
    words::{attribute, clean, cut, event, status_code},
};
use crate::{
    app::terminal::{FAINT, STRONG, Styled},
    rules::{
        length::length,
        tree::{self, Node, Place, Row},
    },
    trace::{kept::span_id, sink::Source, stage::Stage},
};

/// Letters for a span's place and name.
const NAME_WIDTH: usize = 46;
/// Letters for its length.
const LENGTH_WIDTH: usize = 10;
/// Letters for its bar.
const BAR_WIDTH: usize = 36;
/// The most spans drawn of one trace.
const ROWS_MAX: usize = 200;
/// The most events drawn of one span.
const EVENTS_MAX: usize = 4;

const EDGE: Style = AnsiColor::Cyan.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const COLD: Style = AnsiColor::Yellow.on_default().bold();
/// Applications, in the order of their names.
const APPS: [Style; 4] = [
    AnsiColor::Magenta.on_default(),
    AnsiColor::Green.on_default(),
    AnsiColor::Blue.on_default(),
    AnsiColor::Yellow.on_default(),
];

/// Draws a trace; ends with an empty line.
pub(super) fn trace(id: TraceId, spans: &[Seen], supplement: Supplement) -> String {
    let nodes: Vec<Node> = spans.iter().map(node).collect();
    let rows = tree::rows(&nodes);
    let began = nodes.iter().map(|node| node.start).min().unwrap_or_default();
    let ended = nodes.iter().map(|node| node.end).max().unwrap_or_default();
    let mut drawing = Drawing {
        spans,
        began,
        whole: ended.saturating_sub(began),
        colours: colours(spans),
        supplement,
        text: String::new(),
    };
    drawing.head(id, &rows);
    let mut guides = Vec::new();
    for row in rows.iter().take(ROWS_MAX) {
        drawing.row(row, &mut guides);
    }
    if rows.len() > ROWS_MAX {
        drawing.line(format_args!("  {}", Styled(FAINT, format_args!("and {} spans more", rows.len() - ROWS_MAX))));
    }
    drawing.text
}

struct Drawing<'a> {
    spans: &'a [Seen],
    began: u64,
    whole: u64,
    colours: BTreeMap<&'a str, Style>,
    supplement: Supplement,
    text: String,
}

impl Drawing<'_> {
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.text, "{line}").ok();
    }

    fn head(&mut self, id: TraceId, rows: &[Row]) {
        let Some(first) = rows.first().map(|row| &self.spans[row.index]) else { return };
        if self.supplement == Supplement::Later {
            let spans = counted(self.spans.len());
            self.line(format_args!(
                "{} {}",
                Styled(FAINT, "+"),
                Styled(FAINT, format_args!("{spans} more of trace {id}"))
            ));
            return;
        }
        let style = if is_bad(first) { BAD } else { self.style(first) };
        let mut head = format!("{} {}", Styled(style, "●"), Styled(STRONG, cut(&clean(&first.span.name), 60)));
        if let Some(code) = status_code(&first.span) {
            write!(head, " {}", Styled(status_style(code), code)).ok();
        }
        write!(head, "  {}", Styled(STRONG, length(self.whole))).ok();
        if let Some(url) = url(first) {
            write!(head, "  {}", Styled(FAINT, cut(&url, 60))).ok();
        }
        self.line(format_args!("{head}"));
        let mut about = format!("{}", Styled(FAINT, format_args!("trace {id}  {}", counted(self.spans.len()))));
        for (service, style) in &self.colours {
            let count = self.spans.iter().filter(|s| s.source == Source::App && &*s.service == *service).count();
            write!(about, "{} {}", Styled(FAINT, format_args!(", {count} of")), Styled(*style, service)).ok();
        }
        if let Some(cold) = self.spans.iter().find(|seen| is_stage(seen, Stage::UpstreamStart)) {
            let took = length(cold.span.end_time_unix_nano.saturating_sub(cold.span.start_time_unix_nano));
            write!(about, "  {}", Styled(COLD, format_args!("cold start {took}"))).ok();
        }
        self.line(format_args!("  {about}"));
        self.line(format_args!(""));
    }

    fn row(&mut self, row: &Row, guides: &mut Vec<&'static str>) {
        let seen = &self.spans[row.index];
        guides.truncate(row.depth.saturating_sub(1));
        let mut place: String = guides.concat();
        if row.depth > 0 {
            place.push_str(if row.place == Place::Last { "└─ " } else { "├─ " });
            guides.push(if row.place == Place::Last { "   " } else { "│  " });
        }
        let style = self.row_style(seen);
        let (label, label_width) = self.label(seen, NAME_WIDTH.saturating_sub(place.chars().count()));
        let gap = NAME_WIDTH.saturating_sub(place.chars().count() + label_width);
        let span = &seen.span;
        let took = length(span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano));
        let bar = bar(
            span.start_time_unix_nano.saturating_sub(self.began),
            span.end_time_unix_nano.saturating_sub(self.began),
            self.whole,
            BAR_WIDTH,
        );
        let place = if place.is_empty() { place } else { Styled(FAINT, place).to_string() };
        let bar = Styled(style, bar);
        let share = self.share(span);
        self.line(format_args!("  {place}{label}{:gap$}{took:>LENGTH_WIDTH$}{share}  {bar}", ""));
        self.notes(seen, guides, row.depth);
    }

    /// The part of the whole that a span takes, where shares are shown.
    fn share(&self, span: &Span) -> String {
        if self.supplement != Supplement::Whole {
            return String::new();
        }
        let took = u128::from(span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano));
        format!("  {:>3} %", took * 100 / u128::from(self.whole.max(1)))
    }

    /// What happened during a span, and what it failed of.
    fn notes(&mut self, seen: &Seen, guides: &[&'static str], depth: usize) {
        let indent: String = guides[..depth.min(guides.len())].concat();
        let span = &seen.span;
        let failed = span.status.as_ref().filter(|status| status.code() == StatusCode::Error);
        if let Some(status) = failed.filter(|status| !status.message.is_empty()) {
            let message = cut(&clean(&status.message), 80);
            self.line(format_args!("  {}{}", Styled(FAINT, &indent), Styled(BAD, format_args!("✗ {message}"))));
        }
        for happened in span.events.iter().take(EVENTS_MAX) {
            let text = cut(&event(&happened.name, &happened.attributes), 80);
            self.line(format_args!("  {}", Styled(FAINT, format_args!("{indent}· {text}"))));
        }
        if span.events.len() > EVENTS_MAX {
            let more = span.events.len() - EVENTS_MAX;
            self.line(format_args!("  {}", Styled(FAINT, format_args!("{indent}· and {more} more"))));
        }
    }

    /// A span's name with what matters of it, and how many letters that is.
    fn label(&self, seen: &Seen, width: usize) -> (String, usize) {
        let status = status_code(&seen.span).map(|code| (code.to_string(), status_style(code)));
        let error = attribute(&seen.span.attributes, "error.type")
            .filter(|kind| is_bad(seen) && status.as_ref().is_none_or(|(code, _)| code != kind))
            .map(|kind| (kind, BAD));
        let service = (seen.source == Source::App).then(|| (seen.service.to_string(), self.style(seen).dimmed()));
        let cache = attribute(&seen.span.attributes, "cache.reason").map(|reason| (reason, FAINT));
        let words: Vec<(String, Style)> = [status, error, cache, service].into_iter().flatten().collect();
        let words_width: usize = words.iter().map(|(word, _)| word.chars().count() + 1).sum();
        // The name gives way first, but not to nothing.
        let name = cut(&clean(&seen.span.name), width.saturating_sub(words_width).max(12));
        let mut label_width = name.chars().count();
        let name_style = if is_bad(seen) { BAD } else { self.name_style(seen) };
        let mut label = Styled(name_style, name).to_string();
        for (word, style) in words {
            label_width += word.chars().count() + 1;
            write!(label, " {}", Styled(style, word)).ok();
        }
        (label, label_width)
    }

    fn style(&self, seen: &Seen) -> Style {
        match seen.source {
            Source::Edge => EDGE,
            Source::App | Source::Import => self.colours.get(&*seen.service).copied().unwrap_or(EDGE),
        }
    }

    fn row_style(&self, seen: &Seen) -> Style {
        match seen {
            seen if is_bad(seen) => BAD,
            seen if is_start(seen) => COLD,
            seen => self.style(seen),
        }
    }

    fn name_style(&self, seen: &Seen) -> Style {
        match seen.source {
            Source::Edge if is_start(seen) => COLD,
            Source::Edge => Style::new(),
            Source::App | Source::Import => self.style(seen),
        }
    }
}

fn colours(spans: &[Seen]) -> BTreeMap<&str, Style> {
    let apps = spans.iter().filter(|seen| seen.source == Source::App);
    let mut colours: BTreeMap<&str, Style> = apps.map(|seen| (&*seen.service, APPS[0])).collect();
    for (style, app) in colours.values_mut().zip(APPS.iter().cycle()) {
        *style = *app;
    }
    colours
}

fn node(seen: &Seen) -> Node {
    Node {
        id: span_id(&seen.span.span_id),
        parent: span_id(&seen.span.parent_span_id),
        start: seen.span.start_time_unix_nano,
        end: seen.span.end_time_unix_nano,
    }
}

fn is_stage(seen: &Seen, stage: Stage) -> bool {
    seen.source == Source::Edge
        && attribute(&seen.span.attributes, "waylight.stage").is_some_and(|word| word == stage.id())
}

fn is_start(seen: &Seen) -> bool {
    [Stage::UpstreamStart, Stage::UpstreamSpawn, Stage::UpstreamReady].iter().any(|stage| is_stage(seen, *stage))
}

fn is_bad(seen: &Seen) -> bool {
    seen.span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error)
}

fn status_style(code: u16) -> Style {
    match code {
        0..300 => AnsiColor::Green.on_default(),
        300..400 => AnsiColor::Cyan.on_default(),
        400..500 => AnsiColor::Yellow.on_default(),
        _ => BAD,
    }
}

/// The address that was asked for.
fn url(seen: &Seen) -> Option<String> {
    let of = |key| attribute(&seen.span.attributes, key);
    let port = of("server.port").map(|port| format!(":{port}"));
    let query = of("url.query").filter(|query| !query.is_empty()).map(|query| format!("?{query}"));
    let (path, host) = (of("url.path")?, of("server.address")?);
    let scheme = of("url.scheme")?;
    let port = port.filter(|port| !matches!((&*scheme, &**port), ("http", ":80") | ("https", ":443")));
    Some(format!("{scheme}://{host}{}{path}{}", port.unwrap_or_default(), query.unwrap_or_default()))
}

fn counted(spans: usize) -> String {
    if spans == 1 { "1 span".to_owned() } else { format!("{spans} spans") }
}
