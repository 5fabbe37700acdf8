//! The house: who asks, what the month has left, how Waylight works, who did what, and erasing.

use serde::Deserialize;
use serde_json::json;

use super::{Answered, Call, content, json as answer, problem::Problem, query::Query};
use crate::{
    clock,
    rules::{
        access::{Action, Scope, may},
        session::Id,
    },
    trace::{quota::QuotaState, store::query::Whom},
};

/// The description of this API.
const OPEN_API: &str = include_str!("../../../docs/openapi.json");
/// Entries of the audit log, unless another number is asked for.
const AUDIT: usize = 100;
/// The most entries of the audit log.
const AUDIT_MAX: usize = 1_000;

/// Whose data are erased: one of the two.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Erase {
    session: Option<String>,
    person: Option<String>,
}

impl Call<'_> {
    pub(super) fn me(&self) -> Answered {
        Query::parse(self.request.uri(), &[])?;
        let scope = self.console.scope(self.visit);
        let elsewhere = (scope == Scope::Session).then(|| self.shelf.whole.borrow().clone());
        let actions: Vec<String> = Action::ALL
            .into_iter()
            .filter(|action| may(self.who.role, *action) && scope.admits(*action))
            .map(|action| format!("{action:?}").to_lowercase())
            .collect();
        let session = self.visit.credentials.session.as_ref();
        Ok(answer(&json!({
            "name": self.who.name, "role": self.who.role.word(), "way": self.who.way.word(),
            "identity": self.who.id.to_string(), "expires_at": self.who.expiry, "may": actions,
            "scope": scope.word(), "elsewhere": elsewhere.as_deref(),
            "session": session.map(|session| json!({
                "id": session.id.to_string(), "expires_at": session.expiry, "spans_max": session.spans_max,
                "spans_used": self.console.sessions.spans_used(session.id),
            })),
            "version": env!("CARGO_PKG_VERSION"),
        })))
    }

    pub(super) fn quota(&self) -> Answered {
        Query::parse(self.request.uri(), &[])?;
        Ok(answer(&quota(&self.shelf.quota.state(clock::unix_seconds()))))
    }

    pub(super) async fn settings(&self) -> Answered {
        Query::parse(self.request.uri(), &[])?;
        let config = std::sync::Arc::clone(&self.shelf.effective.borrow());
        let store = match self.shelf.requests.store() {
            Some(store) => {
                let usage = store.usage(0).await?;
                json!({
                    "kind": store.capabilities().kind, "requests": usage.requests, "spans": usage.spans,
                    "bytes": usage.bytes, "oldest_us": usage.oldest.map(super::columns::micros),
                })
            }
            None => serde_json::Value::Null,
        };
        let exports: Vec<_> = self
            .shelf
            .exporters
            .status()
            .iter()
            .map(|one| {
                json!({
                    "name": one.name, "authority": one.authority, "sent": one.sent, "rejected": one.rejected,
                    "retries": one.retries, "queue_spans": one.queue_spans, "queue_bytes": one.queue_bytes,
                    "dropped_queue": one.dropped_queue, "dropped_failed": one.dropped_failed,
                    "dropped_shutdown": one.dropped_shutdown,
                    "last_error": one.last_error.as_ref().map(|error| json!({
                        "message": error.message, "at_us": super::columns::micros(error.at.unix_nanos()),
                    })),
                })
            })
            .collect();
        let processes: Vec<_> = (self.shelf.processes)()
            .into_iter()
            .map(|one| {
                json!({
                    "upstream": one.upstream, "state": one.state.word(), "starts": one.starts, "failed": one.failed,
                    "pid": one.pid, "port": one.port, "since": one.since,
                })
            })
            .collect();
        let endpoints: Vec<_> = (self.shelf.endpoints)()
            .into_iter()
            .map(|one| {
                json!({
                    "upstream": one.upstream, "endpoint": one.endpoint, "attempts": one.attempts, "failed": one.failed,
                    "failed_in_a_row": one.failed_in_a_row,
                    "last_failure": one.last_failure.map(|(at, error)| json!({ "at": at, "error": error })),
                })
            })
            .collect();
        Ok(answer(&json!({
            "config": &*config, "processes": processes, "endpoints": endpoints, "store": store, "receiver": self.shelf.receiver.as_deref(), "exports": exports,
        })))
    }

    pub(super) fn audit(&self) -> Answered {
        let query = Query::parse(self.request.uri(), &["limit", "before"])?;
        let limit = query.number("limit", 1..=AUDIT_MAX)?.unwrap_or(AUDIT);
        let before = query
            .text("before")
            .map(|text| text.parse().map_err(|()| Problem::bad("before", "the cursor is not one of a list's `next`")));
        let page = self.console.audit_page(self.visit, before.transpose()?, limit)?;
        Ok(answer(&json!({ "items": page.entries, "next": page.next.map(|place| place.to_string()) })))
    }

    pub(super) async fn erase(&self) -> Answered {
        Query::parse(self.request.uri(), &[])?;
        let wish: Erase = self.body()?;
        let whom = match (wish.session, wish.person) {
            (Some(id), None) => {
                let id = Id::parse(&id);
                Whom::Session(id.ok_or_else(|| Problem::bad("session", "an id of 32 hexadecimal digits is expected"))?)
            }
            (None, Some(name)) if !name.is_empty() => Whom::Person(name),
            _ => return Err(Problem::bad("body", "either `session` or `person` is expected")),
        };
        let (recent, erased) = self.console.erase(self.visit, whom).await?;
        Ok(answer(&json!({
            "recent_requests": recent, "requests": erased.requests, "traces": erased.traces, "spans": erased.spans,
        })))
    }

    pub(super) fn open_api(&self) -> Answered {
        Query::parse(self.request.uri(), &[])?;
        Ok(content("application/json", OPEN_API))
    }
}

/// How far the month's quota is spent.
pub(super) fn quota(state: &QuotaState) -> serde_json::Value {
    json!({
        "used": state.used, "limit": state.limit, "state": state.level.word(), "resets_at": state.resets_at,
    })
}
