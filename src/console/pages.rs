//! The pages, as HTML without script. Everything that comes from outside is escaped.

use bytes::Bytes;
use http::{Response, StatusCode};

use super::{PAGE, RESTART, SIGN_IN, SIGN_OUT, START, STOP, assets};
use crate::rules::session::{Identity, Session, SessionKind};

/// The plain page of somebody signed in.
#[derive(Debug)]
pub(super) struct Home<'a> {
    pub(super) host: &'a str,
    pub(super) identity: &'a Identity,
    pub(super) session: Option<&'a Session>,
    pub(super) spans_used: u64,
    pub(super) csrf: String,
    pub(super) now: u64,
    pub(super) fault: Option<&'a str>,
}

impl Home<'_> {
    pub(super) fn render(&self, status: StatusCode) -> Response<Bytes> {
        let session = self.session.map_or_else(|| self.idle(), |session| self.active(session));
        let body = format!(
            "{fault}<section class=\"card\">{session}</section>\
             <section class=\"card\"><h2>Trace one page</h2>\
             <p>Opens a page of this site and records it with everything it loads.</p>\
             <form method=\"post\" action=\"{PAGE}\" class=\"row\">{csrf}\
             <label for=\"path\">Path</label>\
             <input id=\"path\" name=\"path\" value=\"/\" required autocomplete=\"off\" spellcheck=\"false\">\
             <button>Run page trace</button></form></section>\
             <footer><span>Signed in as <b>{name}</b>, for another {left}</span>\
             <form method=\"post\" action=\"{SIGN_OUT}\">{csrf}<button class=\"quiet\">Sign out</button></form></footer>",
            fault = alert(self.fault),
            csrf = self.hidden(),
            name = escape(&self.identity.name),
            left = time_left(self.identity.expiry, self.now),
        );
        page(status, "Session tracing", self.host, &body)
    }

    fn idle(&self) -> String {
        format!(
            "<p class=\"state\">Not tracing</p><h1>This browser is not traced</h1>\
             <p>Start a session, then use the site: each request of this browser, and of no other, is recorded from the \
             edge to the app.</p>\
             <div class=\"row\"><form method=\"post\" action=\"{START}\">{csrf}<button class=\"primary\">Start</button></form></div>",
            csrf = self.hidden(),
        )
    }

    fn active(&self, session: &Session) -> String {
        let (used, max) = (self.spans_used.min(session.spans_max), session.spans_max);
        let (title, note) = match session.kind {
            SessionKind::Session if used >= max => ("The session's spans are used up", "Restart it to go on."),
            SessionKind::Session => ("This browser is traced", "Use the site: its requests are recorded."),
            SessionKind::Page => ("One page is traced", "What it loads in its first minute is recorded."),
        };
        format!(
            "<p class=\"state on\">Tracing</p><h1>{title}</h1><p>{note}</p>\
             <dl><dt>Spans used</dt><dd>{used_text}</dd><dt>Spans left</dt><dd>{left}</dd><dt>Ends in</dt><dd>{ends}</dd>\
             <dt>Session</dt><dd class=\"mono\">{id}</dd></dl>\
             <meter min=\"0\" max=\"{max}\" value=\"{used}\" aria-label=\"Spans used\"></meter>\
             <div class=\"row\"><form method=\"post\" action=\"{STOP}\">{csrf}<button class=\"primary\">Stop</button></form>\
             <form method=\"post\" action=\"{RESTART}\">{csrf}<button>Restart</button></form></div>",
            left = grouped(max - used),
            used_text = grouped(used),
            ends = time_left(session.expiry, self.now),
            id = session.id,
            csrf = self.hidden(),
        )
    }

    fn hidden(&self) -> String {
        format!("<input type=\"hidden\" name=\"csrf\" value=\"{}\">", escape(&self.csrf))
    }
}

/// The page of a sign-in link. It consumes nothing: what opens links by itself opens this one too.
pub(super) fn sign_in(host: &str, name: &str, token: &str) -> Response<Bytes> {
    let body = format!(
        "<section class=\"card\"><h1>Sign in as {name}</h1>\
         <p>You can then have your own browser's requests to <b>{host}</b> traced. This link works once.</p>\
         <form method=\"post\" action=\"{SIGN_IN}?token={token}\"><button class=\"primary\">Sign in</button></form></section>",
        name = escape(name),
        host = escape(host),
        token = escape(token),
    );
    document(StatusCode::OK, "Sign in", host, &body, Some(token))
}

/// The sign-in page of those who came without a link, or with one that does not count.
pub(super) fn code(status: StatusCode, host: &str, fault: Option<&str>) -> Response<Bytes> {
    let body = format!(
        "{fault}<section class=\"card\"><h1>Sign in</h1>\
         <p>Sign-in works with a one-time link. Who runs this site gets one with</p>\
         <pre>waylight link</pre>\
         <form method=\"post\" action=\"{SIGN_IN}\" class=\"row\"><label for=\"token\">Link</label>\
         <input id=\"token\" name=\"token\" required autocomplete=\"off\" spellcheck=\"false\">\
         <button class=\"primary\">Sign in</button></form></section>",
        fault = alert(fault),
    );
    page(status, "Sign in", host, &body)
}

/// A page that says one thing, and leads on.
pub(super) fn message(status: StatusCode, title: &str, text: &str, links: &[(&str, &str)]) -> Response<Bytes> {
    let links: String = links
        .iter()
        .map(|(name, to)| format!("<a class=\"button\" href=\"{}\">{}</a>", escape(to), escape(name)))
        .collect();
    let body = format!(
        "<section class=\"card\"><h1>{}</h1><p>{}</p><div class=\"row\">{links}</div></section>",
        escape(title),
        escape(text)
    );
    page(status, title, "", &body)
}

fn page(status: StatusCode, title: &str, host: &str, body: &str) -> Response<Bytes> {
    document(status, title, host, body, None)
}

fn document(status: StatusCode, title: &str, host: &str, body: &str, token: Option<&str>) -> Response<Bytes> {
    let query = token.map(|token| format!("?token={}", escape(token))).unwrap_or_default();
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{title} · Waylight</title>\
         <link rel=\"stylesheet\" href=\"{style}{query}\"></head>\
         <body><header><span class=\"mark\" aria-hidden=\"true\"></span><b>Waylight</b><span class=\"host\">{host}</span></header>\
         <main>{body}</main></body></html>\n",
        title = escape(title),
        style = assets::STYLE.path,
        host = escape(host),
    );
    let mut response = Response::new(Bytes::from(html));
    *response.status_mut() = status;
    response
}

fn alert(fault: Option<&str>) -> String {
    fault.map(|fault| format!("<p class=\"alert\" role=\"alert\">{}</p>", escape(fault))).unwrap_or_default()
}

/// Text as HTML, in content and in quoted attributes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// The time until `expiry`, rounded up, in the largest fitting unit.
fn time_left(expiry: u64, now: u64) -> String {
    let seconds = expiry.saturating_sub(now);
    let (count, unit) = match seconds {
        0..=90 => (seconds, "second"),
        91..=5400 => (seconds.div_ceil(60), "minute"),
        5401..=172_800 => (seconds.div_ceil(3600), "hour"),
        _ => (seconds.div_ceil(86_400), "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// `12,345`
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group)).collect();
    groups.join(",")
}
