//! Purging stored responses. What is purged is written down first, and the cache then looks for it where nobody waits.

use std::sync::Arc;

use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::{Answered, Call, json as answer, problem::Problem, query::Query};
use crate::{
    console::audit::Deed,
    rules::{
        access::Action,
        cache::{
            How,
            purge::{Everything, Named, NotOne},
        },
    },
};

/// What is purged: one of the first four.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    url: Option<String>,
    prefix: Option<String>,
    tag: Option<String>,
    #[serde(default)]
    all: bool,
    /// Whether it may still be validated, and answer where a stale response may.
    #[serde(default)]
    soft: bool,
}

impl Call<'_> {
    pub(super) async fn purge(&self) -> Answered {
        Query::parse(self.request.uri(), &[])?;
        let Wish { url, prefix, tag, all, soft } = self.body()?;
        let named = Named { url, prefix, tag, all: all.then_some(Everything) };
        let what = named.purge().map_err(|why| {
            let field = if why == NotOne::Url { "url" } else { "body" };
            Problem::bad(field, why.to_string())
        })?;
        let how = if soft { How::Soft } else { How::Hard };
        let subject = format!("{what} ({})", how.word());
        self.console.audited(self.visit, Action::Purge, Deed::Purge, &subject)?;
        let cache = Arc::clone(&self.shelf.cache);
        let purged = tokio::task::spawn_blocking(move || cache(&what, how)).await;
        let purged = purged.map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the purge broke off"))?;
        Ok(answer(&json!({ "purged": purged })))
    }
}
