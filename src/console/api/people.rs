//! People: links that have a visitor traced, once he agrees; ending other people's sign-ins, and one's own.

use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::json;

use super::{Answered, Call, json as answer, problem::Problem, query::Query};
use crate::{
    clock,
    console::{Door, Invitation, Revoked, form},
    rules::session::{Id, TraceLink},
};

/// What a visitor is asked for, as far as it is not left open.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Invite {
    /// The page he is led to.
    path: String,
    /// How long he is traced.
    seconds: Option<u64>,
    /// The most requests.
    requests_max: Option<u64>,
    /// The site, by its origin; where nothing is said, the one that is asked.
    site: Option<String>,
}

/// Who is revoked: one of the two.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Revoke {
    person: Option<String>,
    identity: Option<String>,
}

/// Who is let in again.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lift {
    person: String,
}

impl Call<'_> {
    /// Trace links that can still be used: one's own, and those of all for who may revoke.
    pub(super) fn trace_links(&self) -> Answered {
        Query::parse(self.request.uri(), &[])?;
        let links = self.console.open_links(self.visit)?;
        let shown = |link: &TraceLink| {
            json!({
                "id": link.nonce.to_string(), "person": link.name, "host": link.host, "path": link.path,
                "expires_at": link.expiry, "seconds": link.seconds, "requests_max": link.requests_max,
                "mine": link.name == self.who.name,
            })
        };
        Ok(answer(&json!({ "items": links.iter().map(shown).collect::<Vec<_>>() })))
    }

    /// Makes one.
    pub(super) fn invite(&self) -> Answered {
        Query::parse(self.request.uri(), &[])?;
        let Invite { path, seconds, requests_max, site } = self.body()?;
        let origin = match site {
            Some(site) => site,
            None if self.visit.door == Door::Site => form::origin(self.request, self.visit),
            None => return Err(Problem::bad("site", "name the site by its address, like https://shop.example")),
        };
        let wished =
            Invitation { path, seconds: seconds.unwrap_or(u64::MAX), requests_max: requests_max.unwrap_or(u64::MAX) };
        let url = self.console.trace_link(self.visit, &origin, &wished)?;
        let mut made = answer(&json!({ "url": url }));
        *made.response.status_mut() = StatusCode::CREATED;
        Ok(made)
    }

    /// Ends one before it is used.
    pub(super) fn end_link(&self) -> Answered {
        Query::parse(self.request.uri(), &[])?;
        let id = self.parameters.first().copied().and_then(Id::parse);
        let id = id.ok_or_else(|| Problem::bad("id", "an id of 32 hexadecimal digits is expected"))?;
        if !self.console.end_link(self.visit, id)? {
            return Err(Problem::missing("trace link; it was used, or its time is over"));
        }
        Ok(answer(&json!({ "revoked": id.to_string() })))
    }

    /// Ends all sign-ins of a person, or one.
    pub(super) fn revoke_person(&self) -> Answered {
        Query::parse(self.request.uri(), &[])?;
        let Revoke { person, identity } = self.body()?;
        let what = match (person, identity) {
            (Some(name), None) if !name.trim().is_empty() => Revoked::Person(name),
            (None, Some(id)) => {
                let id = Id::parse(&id);
                Revoked::Identity(
                    id.ok_or_else(|| Problem::bad("identity", "an id of 32 hexadecimal digits is expected"))?,
                )
            }
            _ => return Err(Problem::bad("body", "either `person` or `identity` is expected")),
        };
        self.console.revoke(self.visit, &what)?;
        let told = match &what {
            Revoked::Session(id) | Revoked::Identity(id) => id.to_string(),
            Revoked::Person(name) => name.clone(),
        };
        Ok(answer(&json!({ "revoked": told })))
    }

    /// Lets a person in again.
    pub(super) fn lift_person(&self) -> Answered {
        Query::parse(self.request.uri(), &[])?;
        let Lift { person } = self.body()?;
        if !self.console.lift(self.visit, &person)? {
            return Err(Problem::missing("person of this name who is kept out"));
        }
        Ok(answer(&json!({ "lifted": person })))
    }

    /// Ends the sign-in of who asks.
    pub(super) fn sign_out(&self) -> Answered {
        Query::parse(self.request.uri(), &[])?;
        let done = self
            .console
            .sign_out(self.visit, self.who, clock::unix_seconds())
            .map_err(|_| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "nobody can sign out now; the log says why"))?;
        let mut told = answer(&json!({ "revoked": self.who.id.to_string() }));
        if let Some(cookie) = done.headers().get(header::SET_COOKIE) {
            told.response.headers_mut().insert(header::SET_COOKIE, cookie.clone());
        }
        Ok(told)
    }
}
