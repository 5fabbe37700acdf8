//! The pages of a trace link: the one its maker is shown, and the one its visitor is.

use bytes::Bytes;
use http::{Response, StatusCode};

use super::{escape, grouped, length, page};
use crate::{
    console::{HOME, endpoints::TRACE},
    rules::session::{Identity, TraceLink},
};

/// What a visitor is asked.
#[derive(Debug)]
pub(in crate::console) struct Consent<'a> {
    pub(in crate::console) link: &'a TraceLink,
    pub(in crate::console) token: &'a str,
    /// Who he is already, if he is somebody.
    pub(in crate::console) signed_in: Option<&'a Identity>,
}

impl Consent<'_> {
    pub(in crate::console) fn render(&self) -> Response<Bytes> {
        let TraceLink { name, host, path, seconds, requests_max, .. } = self.link;
        let signed_in = self.signed_in.map_or_else(String::new, |who| {
            format!("<p>You are signed in as <b>{}</b>; if you agree, you are signed out here.</p>", escape(&who.name))
        });
        let body = format!(
            "<section class=\"card\"><h1>{name} asks to trace your visit</h1>\
             <p>To find out what goes wrong at <b>{host}</b>, {name} would like to see how your browser's requests to this \
             site are answered. They are not traced for this unless you agree.</p>\
             <dl><dt>Recorded</dt><dd>addresses asked for, headers without cookies and passwords, times, your network \
             address as this site keeps it, what the app behind it notes of its own work</dd>\
             <dt>Not recorded</dt><dd>the contents of forms and pages, other sites</dd>\
             <dt>For</dt><dd>{time}, or {requests} requests</dd>\
             <dt>Then opens</dt><dd class=\"mono\">{path}</dd></dl>{signed_in}\
             <div class=\"row\"><form method=\"post\" action=\"{TRACE}?token={token}\">\
             <button class=\"primary\">I agree</button></form><a class=\"button\" href=\"/\">No</a></div></section>\
             <footer><span>This link works once. You can stop at any time, at <b>{HOME}</b> of this site.</span></footer>",
            name = escape(name),
            host = escape(host),
            time = length(*seconds),
            requests = grouped(*requests_max),
            path = escape(path),
            token = escape(self.token),
        );
        page(StatusCode::OK, "May this visit be traced?", host, &body)
    }
}

/// A link that was just made, for whoever made it.
pub(in crate::console) fn link(host: &str, link: &str, ttl_seconds: u64) -> Response<Bytes> {
    let body = format!(
        "<section class=\"card\"><h1>A trace link</h1>\
         <p>Send it to whoever should reproduce the problem. It works once, within {ttl}. Their session then shows on your \
         page.</p><pre class=\"link\">{link}</pre>\
         <div class=\"row\"><a class=\"button\" href=\"{HOME}\">Back</a></div></section>",
        ttl = length(ttl_seconds),
        link = escape(link),
    );
    page(StatusCode::OK, "Trace link", host, &body)
}
