//! The page of admins: which sessions live, whom to revoke, and who did what.

use bytes::Bytes;
use http::{Response, StatusCode};

use super::{escape, grouped, hidden, page, time_left};
use crate::{
    console::{
        HOME,
        audit::AuditEntry,
        endpoints::{ERASE, REVOKE},
    },
    rules::session::SessionKind,
    trace::sessions::LiveSession,
};

/// Sessions, people, and what they did.
#[derive(Debug)]
pub(in crate::console) struct People<'a> {
    pub(in crate::console) host: &'a str,
    pub(in crate::console) sessions: &'a [LiveSession],
    pub(in crate::console) entries: &'a [AuditEntry],
    pub(in crate::console) csrf: &'a str,
    pub(in crate::console) now: u64,
}

impl People<'_> {
    pub(in crate::console) fn render(&self) -> Response<Bytes> {
        let csrf = hidden(self.csrf);
        let sessions: String = self.sessions.iter().map(|live| self.session(live)).collect();
        let sessions = if sessions.is_empty() { "<p>No session lives.</p>".to_owned() } else { sessions };
        let entries: String = self.entries.iter().map(entry).collect();
        let body = format!(
            "<section class=\"card\"><h1>Sessions</h1>{sessions}</section>\
             <section class=\"card\"><h2>Revoke a person</h2>\
             <p>Ends all sign-ins, sessions, links and visitors of this name, at once. Tokens of the configuration and users \
             of a proxy come back until they are taken out there.</p>\
             <form method=\"post\" action=\"{REVOKE}\" class=\"row\">{csrf}<label for=\"person\">Name</label>\
             <input id=\"person\" name=\"person\" required autocomplete=\"off\" spellcheck=\"false\">\
             <button>Revoke</button></form></section>\
             <section class=\"card\"><h2>Erase</h2>\
             <p>Removes every request and trace that is kept of a person, or of one session, from memory and from the store. \
             What went to other back ends is not reached.</p>\
             <form method=\"post\" action=\"{ERASE}\" class=\"row\">{csrf}<label for=\"whose\">Name</label>\
             <input id=\"whose\" name=\"person\" required autocomplete=\"off\" spellcheck=\"false\">\
             <button>Erase</button></form>\
             <form method=\"post\" action=\"{ERASE}\" class=\"row\">{csrf}<label for=\"which\">Session</label>\
             <input id=\"which\" name=\"session\" required pattern=\"[0-9a-f]{{32}}\" autocomplete=\"off\" spellcheck=\"false\">\
             <button>Erase</button></form></section>\
             <section class=\"card\"><h2>Who did what</h2>{entries}</section>\
             <footer><a class=\"button quiet\" href=\"{HOME}\">Back</a></footer>"
        );
        page(StatusCode::OK, "People", self.host, &body)
    }

    fn session(&self, live: &LiveSession) -> String {
        format!(
            "<div class=\"item\"><span><b>{person}</b>, {kind} at {host}: {requests} requests, {spans} spans, ends in {ends}</span>\
             <form method=\"post\" action=\"{REVOKE}\">{csrf}<input type=\"hidden\" name=\"session\" value=\"{id}\">\
             <button class=\"quiet\">Stop</button></form></div>",
            person = escape(&live.person),
            kind = match live.kind {
                SessionKind::Guest => "a visitor",
                SessionKind::Page | SessionKind::Fresh => "one page",
                SessionKind::Session => "a session",
            },
            host = escape(&live.host),
            requests = grouped(live.requests_used),
            spans = grouped(live.spans_used),
            ends = time_left(live.expiry, self.now),
            csrf = hidden(self.csrf),
            id = live.id,
        )
    }
}

fn entry(entry: &AuditEntry) -> String {
    let when = httpdate::fmt_http_date(std::time::UNIX_EPOCH + std::time::Duration::from_secs(entry.at));
    let client = entry.client.map(|client| format!(" from {client}")).unwrap_or_default();
    format!(
        "<div class=\"item\"><span><b>{person}</b> {deed} {subject}<br>{when}, by {way}{client}</span></div>",
        person = escape(if entry.person.is_empty() { "operator" } else { &entry.person }),
        deed = entry.deed.words(),
        subject = escape(&entry.subject),
        way = escape(&entry.way),
    )
}
