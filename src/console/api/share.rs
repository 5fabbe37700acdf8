//! A trace shown to people without a sign-in: first what it holds, so that who gives it away knows; then a signed link
//! that expires, or the file. What was chosen is hidden in both; the choice stands in the token, where nobody changes it.

use bytes::Bytes;
use http::Request;
use opentelemetry::trace::TraceId;
use serde::Deserialize;
use serde_json::json;

use super::{
    Answered, Call, json as answer,
    problem::Problem,
    query::Query,
    routes::BASE,
    traces::{file, load},
};
use crate::{
    clock,
    console::{
        Console,
        audit::Deed,
        export::{
            Export, Format,
            redact::{Hide, Kind, contents, row, spans},
        },
    },
    rules::{access::Action, session::Share},
};

/// A link lives so long, unless another time is asked for, in seconds.
const TTL_SECONDS: u64 = 86_400;
/// The longest life of a link.
const TTL_SECONDS_MAX: u64 = 30 * 86_400;

/// What is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    /// Kinds that are hidden.
    #[serde(default)]
    redact: Vec<String>,
    /// Seconds that the link lives.
    ttl: Option<u64>,
    /// What comes of it.
    #[serde(default)]
    give: Give,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Give {
    /// Nothing leaves: what it would hold is counted.
    #[default]
    Preview,
    /// A link.
    Link,
    /// The HTML file.
    File,
}

impl Call<'_> {
    pub(super) async fn share(&self) -> Answered {
        Query::parse(self.request.uri(), &[])?;
        let id = self.trace_id()?;
        let wish: Wish = self.body()?;
        let ttl = wish.ttl.unwrap_or(TTL_SECONDS);
        if !(60..=TTL_SECONDS_MAX).contains(&ttl) {
            return Err(Problem::bad("ttl", format!("60 to {TTL_SECONDS_MAX} seconds are possible")));
        }
        let hide = hide(&wish.redact)?;
        self.admit_trace(id).await?;
        let kept = load(self.shelf, id).await?;
        let requests = self.shelf.requests.of_trace(id).await?;
        match wish.give {
            Give::Preview => {
                let shown: Vec<_> = requests.iter().map(|request| row(request, hide)).collect();
                Ok(answer(&json!({
                    "trace_id": id.to_string(), "spans": kept.trace.spans.len(), "requests": requests.len(),
                    "holds": contents(&kept, &requests), "shows": contents(&spans(&kept, hide), &shown),
                })))
            }
            Give::Link => {
                self.console.audited(self.visit, Action::Export, Deed::Share, &format!("trace {id}"))?;
                let issued = clock::unix_seconds();
                let (expiry, name) = (issued.saturating_add(ttl), self.who.name.clone());
                let (trace, sharer) = (id.to_bytes(), self.who.id);
                let token = Share { trace, sharer, name, issued, expiry, hide: hide.bits() };
                let path = format!("{BASE}/shared/{}", token.seal(&self.console.keys));
                Ok(answer(&json!({ "path": path, "expires_at": expiry })))
            }
            Give::File => {
                self.console.audited(self.visit, Action::Export, Deed::Share, &format!("trace {id}"))?;
                let export = Export { kept: &kept, requests: &requests };
                Ok(file(id, Format::Html, export.write(Format::Html, hide)))
            }
        }
    }
}

impl Console {
    /// Whether a path is that of a shared trace whose link counts.
    pub(in crate::console) fn is_shared(&self, path: &str) -> bool {
        let token = path.strip_prefix(BASE).and_then(|path| path.strip_prefix("/shared/"));
        token.is_some_and(|token| self.shared_token(token).is_some())
    }

    /// The token of a shared trace that counts: it is signed, it has not expired, and who made it still counts.
    fn shared_token(&self, token: &str) -> Option<Share> {
        let share = Share::open(token, &self.keys, clock::unix_seconds()).ok()?;
        let gone = self.sessions.is_revoked(share.sharer) || self.sessions.is_person_revoked(&share.name, share.issued);
        (!gone).then_some(share)
    }

    /// A shared trace, for whoever has its link.
    pub(super) async fn shared(&self, request: &Request<Bytes>, parameters: &[&str]) -> Answered {
        let query = Query::parse(request.uri(), &["format"])?;
        let format = query.word("format", &Format::WORDS)?.unwrap_or(Format::Html);
        let token = parameters.first().copied().unwrap_or_default();
        let share = self.shared_token(token).ok_or_else(|| Problem::missing("link; it may have expired"))?;
        let id = TraceId::from_bytes(share.trace);
        let shelf = &*self.shelf;
        let (kept, requests) = (load(shelf, id).await?, shelf.requests.of_trace(id).await?);
        let export = Export { kept: &kept, requests: &requests };
        Ok(file(id, format, export.write(format, Hide::from_bits(share.hide))))
    }
}

/// What is hidden, by its words.
pub(super) fn hide<T: AsRef<str>>(words: &[T]) -> Result<Hide, Problem> {
    let kinds = words.iter().map(|word| {
        let known = Kind::WORDS.iter().find(|(known, _)| *known == word.as_ref()).map(|(_, kind)| *kind);
        let list = || Kind::WORDS.map(|(word, _)| word).join(", ");
        known.ok_or_else(|| Problem::bad("redact", format!("one of {} is expected", list())))
    });
    Ok(Hide::of(kinds.collect::<Result<Vec<_>, _>>()?))
}
