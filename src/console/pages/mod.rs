//! The pages, as HTML without script. Everything that comes from outside is escaped.

mod home;
mod people;
mod visit;

use bytes::Bytes;
use http::{Response, StatusCode};

pub(super) use self::{
    home::Home,
    people::People,
    visit::{Consent, link},
};
use super::{SIGN_IN, endpoints::SIGN_IN_OIDC, style};

/// The page of a sign-in link. It consumes nothing: what opens links by itself opens this one too.
pub(super) fn sign_in(host: &str, name: &str, token: &str) -> Response<Bytes> {
    let body = format!(
        "<section class=\"card\"><h1>Sign in as {name}</h1>\
         <p>You can then use Waylight at <b>{host}</b>. This link works once.</p>\
         <form method=\"post\" action=\"{SIGN_IN}?token={token}\"><button class=\"primary\">Sign in</button></form></section>",
        name = escape(name),
        host = escape(host),
        token = escape(token),
    );
    page(StatusCode::OK, "Sign in", host, &body)
}

/// The sign-in page of those who came without a link, or with one that does not count.
pub(super) fn code(status: StatusCode, host: &str, fault: Option<&str>, provider: Provider) -> Response<Bytes> {
    let provider = match provider {
        Provider::There => format!(
            "<p>At the provider of this site's accounts.</p>\
             <div class=\"row\"><a class=\"button primary\" href=\"{SIGN_IN_OIDC}\">Sign in with your account</a></div><hr>"
        ),
        Provider::None => String::new(),
    };
    let body = format!(
        "{fault}<section class=\"card\"><h1>Sign in</h1>{provider}\
         <p>With a one-time link or a token. Who runs this site gets a link with</p>\
         <pre>waylight link</pre>\
         <form method=\"post\" action=\"{SIGN_IN}\" class=\"row\"><label for=\"token\">Link or token</label>\
         <input id=\"token\" name=\"token\" type=\"password\" required autocomplete=\"off\" spellcheck=\"false\">\
         <button class=\"primary\">Sign in</button></form></section>",
        fault = alert(fault),
    );
    page(status, "Sign in", host, &body)
}

/// Whether people can sign in at an OpenID provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Provider {
    /// They can.
    There,
    /// There is none.
    None,
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
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{title} · Waylight</title>\
         <style>{style}</style></head>\
         <body><header><span class=\"mark\" aria-hidden=\"true\"></span><b>Waylight</b><span class=\"host\">{host}</span></header>\
         <main>{body}</main></body></html>\n",
        title = escape(title),
        style = style::CSS,
        host = escape(host),
    );
    let mut response = Response::new(Bytes::from(html));
    *response.status_mut() = status;
    response
}

fn alert(fault: Option<&str>) -> String {
    fault.map(|fault| format!("<p class=\"alert\" role=\"alert\">{}</p>", escape(fault))).unwrap_or_default()
}

fn hidden(csrf: &str) -> String {
    format!("<input type=\"hidden\" name=\"csrf\" value=\"{}\">", escape(csrf))
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
    length(expiry.saturating_sub(now))
}

/// A length of time, rounded up, in the largest fitting unit.
fn length(seconds: u64) -> String {
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
