//! What the cache knows of a URL: what is stored, what it would do for a request now, and why the last answer was not
//! stored. Nothing is asked for, and nothing changes.

use std::sync::Arc;

use http::HeaderMap;
use opentelemetry::trace::TraceId;

use super::{
    object::Object,
    store::{CacheStore, now},
};
use crate::rules::cache::{RequestDirectives, Use, Why, key};

/// What is known of a URL.
#[derive(Clone, Debug)]
pub struct Explained {
    /// The URL, as keys have it.
    pub url: String,
    /// What is stored, the newest first.
    pub stored: Vec<Known>,
    /// Why the last answer was not stored, and how many seconds ago that was.
    pub refused: Option<(Why, u64)>,
}

/// One stored response.
#[derive(Clone, Debug)]
pub struct Known {
    /// Its status.
    pub status: u16,
    /// The octets of its body.
    pub octets: u64,
    /// Its age, in seconds.
    pub age: u64,
    /// What remains of its life, in seconds; below zero when it is stale.
    pub left: i64,
    /// The parts of its key beside the URL, and what it was answered to of the headers that it varies by: a line each.
    pub variant: Vec<String>,
    /// Where it is.
    pub tier: &'static str,
    /// The trace that filled it.
    pub filled_by: Option<TraceId>,
    /// What it would do for the request.
    pub verdict: Why,
    /// Whether it would answer.
    pub answers: Answers,
}

/// Whether a stored response would answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    /// It would.
    Yes,
    /// It would not, or only after the upstream was asked.
    No,
}

impl CacheStore {
    /// Explains what would become of a GET under this key, with or without the mark of a route, that has these header
    /// fields. Reads the disk.
    pub fn explain(&self, key: &str, request: &HeaderMap) -> Explained {
        let url = key::url(key);
        let mut stored: Vec<_> =
            self.memory.known(url).into_iter().map(|object| (Arc::clone(&object), object.tier())).collect();
        for object in self.on_disk(url) {
            let same = |known: &Object| known.key() == object.key() && known.vary() == object.vary();
            if !stored.iter().any(|(known, _)| same(known)) {
                stored.push((Arc::new(object), "disk"));
            }
        }
        stored.sort_by_key(|(object, _)| std::cmp::Reverse(object.answered));
        let said = RequestDirectives::of(request);
        Explained {
            url: url.to_owned(),
            stored: stored.iter().map(|(object, tier)| known(object, tier, (key, request, &said))).collect(),
            refused: self.refusal(url).map(|refusal| (refusal.why, now().saturating_sub(refusal.at) / 1_000)),
        }
    }
}

fn known(object: &Object, tier: &'static str, (key, request, said): (&str, &HeaderMap, &RequestDirectives)) -> Known {
    let (terms, now) = (object.terms(), now());
    let part = key::differs(key, object.key());
    let (verdict, answers) = match object.differs(request) {
        _ if part.is_some() => (Why::KeyDiffers { part: part.unwrap_or_default() }, Answers::No),
        Some(field) => (Why::VariantDiffers { field }, Answers::No),
        None if object.part().is_some() => (Why::PartStored, Answers::No),
        None => match terms.decide(said, now) {
            Use::Fresh(why) | Use::Stale(why, _) => (why, Answers::Yes),
            Use::Ask(_) if object.is_purged() => (Why::Purged, Answers::No),
            Use::Ask(why) => (why, Answers::No),
        },
    };
    let parts = key::parts(object.key());
    let varies = object.vary().lines().map(|line| line.trim_end_matches('\0'));
    Known {
        status: object.status.as_u16(),
        octets: object.octets(),
        age: terms.age(now),
        left: terms.left(now),
        variant: parts.chain(varies).map(str::to_owned).collect(),
        tier,
        filled_by: object.filled_by().map(|(trace, _)| trace),
        verdict,
        answers,
    }
}
