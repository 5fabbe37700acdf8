//! The plain page: this browser's session, one page's trace, and a link for somebody else.

use bytes::Bytes;
use http::{Response, StatusCode};

use super::{alert, escape, grouped, hidden, page, time_left};
use crate::{
    console::{
        Door,
        endpoints::{INVITE, PAGE, PEOPLE, RESTART, REVOKE, SIGN_OUT, START, STOP},
    },
    rules::{
        access::{Action, Role, Scope, may},
        session::{Identity, Session, SessionKind},
    },
    trace::sessions::LiveSession,
};

/// The plain page of somebody signed in.
#[derive(Debug)]
pub(in crate::console) struct Home<'a> {
    pub(in crate::console) host: &'a str,
    pub(in crate::console) identity: &'a Identity,
    pub(in crate::console) session: Option<&'a Session>,
    pub(in crate::console) door: Door,
    pub(in crate::console) scope: Scope,
    /// Where the whole console is.
    pub(in crate::console) whole: &'a str,
    pub(in crate::console) spans_used: u64,
    pub(in crate::console) requests_used: u64,
    /// Visitors whom he invited.
    pub(in crate::console) guests: &'a [LiveSession],
    /// The most seconds and requests of a visitor.
    pub(in crate::console) guest_limits: (u64, u64),
    pub(in crate::console) csrf: String,
    pub(in crate::console) now: u64,
    pub(in crate::console) fault: Option<&'a str>,
}

impl Home<'_> {
    pub(in crate::console) fn render(&self, status: StatusCode) -> Response<Bytes> {
        if self.identity.role == Role::Guest {
            return page(status, "Tracing", self.host, &format!("{}{}", alert(self.fault), self.guest()));
        }
        let may_trace = may(self.identity.role, Action::Trace) && self.door == Door::Site;
        let does = |action| may(self.identity.role, action) && self.scope.admits(action);
        let session = match self.session {
            Some(session) => self.active(session),
            None if may_trace => self.idle(),
            None => self.reader(),
        };
        let one_page = if may_trace { self.one_page() } else { String::new() };
        let invitation = if does(Action::Invite) { self.invitation() } else { String::new() };
        let whole = match self.scope {
            Scope::Session => format!("<p class=\"note\">{}.</p>", escape(&sentence(self.whole))),
            Scope::All => String::new(),
        };
        let people = match does(Action::Revoke) {
            true => format!("<a class=\"button quiet\" href=\"{PEOPLE}\">People</a>"),
            false => String::new(),
        };
        let body = format!(
            "{fault}<section class=\"card\">{session}</section>{one_page}{invitation}{whole}\
             <footer><span>Signed in as <b>{name}</b> ({role}), for another {left}</span><span class=\"row\">{people}\
             <form method=\"post\" action=\"{SIGN_OUT}\">{csrf}<button class=\"quiet\">Sign out</button></form></span></footer>",
            fault = alert(self.fault),
            csrf = hidden(&self.csrf),
            name = escape(&self.identity.name),
            role = self.identity.role,
            left = time_left(self.identity.expiry, self.now),
        );
        page(status, "Session tracing", self.host, &body)
    }

    fn one_page(&self) -> String {
        format!(
            "<section class=\"card\"><h2>Trace one page</h2>\
             <p>Opens a page of this site and records it with everything it loads.</p>\
             <form method=\"post\" action=\"{PAGE}\" class=\"row\">{csrf}\
             <label for=\"path\">Path</label>\
             <input id=\"path\" name=\"path\" value=\"/\" required autocomplete=\"off\" spellcheck=\"false\">\
             <button>Run page trace</button></form></section>",
            csrf = hidden(&self.csrf),
        )
    }

    fn invitation(&self) -> String {
        let (seconds, requests) = self.guest_limits;
        let minutes = (seconds / 60).max(1);
        // Where nobody is traced, a link is for a site that is named.
        let site = match self.door {
            Door::Site => "",
            Door::Console | Door::Admin => {
                "<label for=\"site\">Site</label>\
                 <input id=\"site\" name=\"site\" type=\"url\" placeholder=\"https://shop.example\" required autocomplete=\"off\">"
            }
        };
        let guests: String = self.guests.iter().map(|guest| self.visitor(guest)).collect();
        format!(
            "<section class=\"card\"><h2>Trace somebody else</h2>\
             <p>Makes a link that works once. Who opens it is asked first, then traced for so long, and sees that.</p>\
             <form method=\"post\" action=\"{INVITE}\" class=\"fields\">{csrf}{site}\
             <label for=\"to\">Page</label>\
             <input id=\"to\" name=\"path\" value=\"/\" required autocomplete=\"off\" spellcheck=\"false\">\
             <label for=\"minutes\">Minutes</label>\
             <input id=\"minutes\" name=\"minutes\" type=\"number\" min=\"1\" max=\"{minutes}\" value=\"{minutes}\" required>\
             <label for=\"requests\">Requests</label>\
             <input id=\"requests\" name=\"requests\" type=\"number\" min=\"1\" max=\"{requests}\" value=\"{requests}\" required>\
             <span></span><span><button>Make a trace link</button></span></form>{guests}</section>",
            csrf = hidden(&self.csrf),
        )
    }

    fn visitor(&self, guest: &LiveSession) -> String {
        format!(
            "<div class=\"item\"><span>A visitor of <b>{host}</b> is traced: {used} of {max} requests, for another {left}</span>\
             <form method=\"post\" action=\"{REVOKE}\">{csrf}<input type=\"hidden\" name=\"session\" value=\"{id}\">\
             <button class=\"quiet\">Stop</button></form></div>",
            host = escape(&guest.host),
            used = grouped(guest.requests_used),
            max = grouped(guest.requests_max),
            left = time_left(guest.expiry, self.now),
            csrf = hidden(&self.csrf),
            id = guest.id,
        )
    }

    fn reader(&self) -> String {
        if self.door != Door::Site {
            return "<p class=\"state\">Signed in</p><h1>This is the whole console</h1>\
                    <p>To have requests traced, sign in at the site itself.</p>"
                .to_owned();
        }
        "<p class=\"state\">Signed in</p><h1>You can read what is kept</h1>\
         <p>To have your own requests traced, you need the role of a tracer.</p>"
            .to_owned()
    }

    fn idle(&self) -> String {
        format!(
            "<p class=\"state\">Not tracing</p><h1>This browser is not traced</h1>\
             <p>Start a session, then use the site: each request of this browser, and of no other, is recorded from the \
             edge to the app.</p>\
             <div class=\"row\"><form method=\"post\" action=\"{START}\">{csrf}<button class=\"primary\">Start</button></form></div>",
            csrf = hidden(&self.csrf),
        )
    }

    fn active(&self, session: &Session) -> String {
        let (used, max) = (self.spans_used.min(session.spans_max), session.spans_max);
        let (title, note) = match session.kind {
            SessionKind::Page | SessionKind::Fresh => {
                ("One page is traced", "What it loads in its first minute is recorded.")
            }
            _ if used >= max => ("The session's spans are used up", "Restart it to go on."),
            _ => ("This browser is traced", "Use the site: its requests are recorded."),
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
            csrf = hidden(&self.csrf),
        )
    }

    /// What a visitor sees who agreed to be traced: that he is, and how to end it.
    fn guest(&self) -> String {
        let max = self.session.map_or(0, |session| session.requests_max);
        let used = self.requests_used.min(max);
        let (class, state, title) = match used < max {
            true => ("state on", "Tracing", "Your requests are traced"),
            false => ("state", "Not tracing", "Your requests are no longer traced"),
        };
        format!(
            "<section class=\"card\"><p class=\"{class}\">{state}</p><h1>{title}</h1>\
             <p><b>{name}</b> asked for this and sees what your browser asks this site for, and how it was answered. Stop \
             whenever you like.</p>\
             <dl><dt>Requests</dt><dd>{used_text} of {max_text}</dd><dt>Ends in</dt><dd>{ends}</dd></dl>\
             <meter min=\"0\" max=\"{max}\" value=\"{used}\" aria-label=\"Requests traced\"></meter>\
             <div class=\"row\"><form method=\"post\" action=\"{STOP}\">{csrf}<button class=\"primary\">Stop</button></form>\
             <a class=\"button\" href=\"/\">Back to the site</a></div></section>",
            name = escape(&self.identity.name),
            used_text = grouped(used),
            max_text = grouped(max),
            ends = time_left(self.identity.expiry, self.now),
            csrf = hidden(&self.csrf),
        )
    }
}

/// With a capital letter.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
