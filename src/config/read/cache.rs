//! `[cache]` and `[site.route.cache]`.

use std::time::Duration;

use http::{HeaderName, header};

use super::super::{
    document::{Table, Value},
    model::{Cache, CacheDisk},
    value::{DAY, GIB, KIB, MIB},
};
use crate::rules::cache::policy::{Obey, Pattern, Policy, Query, SetCookie};

pub(super) const SET_COOKIE: &[(&str, SetCookie)] =
    &[("bypass", SetCookie::Bypass), ("remove", SetCookie::Remove), ("keep", SetCookie::Keep)];
pub(super) const OBEY: &[(&str, Obey)] = &[("obey", Obey::Yes), ("ignore", Obey::No)];

pub(super) fn cache(table: &Table<'_>) -> Cache {
    let memory_max = table.or("memory_max", 256 * MIB, |value| value.size(MIB..=1024 * GIB));
    let directory = table.opt("directory", Value::path);
    let bytes_max = table.or("disk_max", 10 * GIB, |value| value.size(MIB..=1024 * 1024 * GIB));
    let queue_bytes_max = table.or("disk_queue_max", 64 * MIB, |value| value.size(KIB..=16 * GIB));
    let object_bytes_min = table.or("disk_object_min", 4 * MIB, |value| value.size(64 * KIB..=16 * GIB));
    let disk = directory.map(|directory| CacheDisk { directory, bytes_max, queue_bytes_max, object_bytes_min });
    let cache = Cache { memory_max, disk };
    table.check();
    cache
}

pub(super) fn policy(table: Table<'_>) -> Policy {
    let default = Policy::default();
    let life = Duration::ZERO..=365 * DAY;
    let span = |value: &Value<'_>| value.duration(life.clone());
    table.exclusive(&["query_ignore", "query_only"]);
    let without = table.opt("query_ignore", |value| value.list(pattern)).map(Query::Without);
    let only = table.opt("query_only", |value| value.list(pattern)).map(Query::Only);
    let policy = Policy {
        ttl: table.opt("ttl", span),
        ttl_default: table.opt("ttl_default", span),
        ttl_negative: table.or("ttl_negative", default.ttl_negative, span),
        heuristic_max: table.or("heuristic_max", default.heuristic_max, span),
        stale_while_revalidate: table.or("stale_while_revalidate", default.stale_while_revalidate, span),
        stale_if_error: table.or("stale_if_error", default.stale_if_error, span),
        set_cookie: table.or("set_cookie", default.set_cookie, |value| value.choice(SET_COOKIE)),
        request_directives: table.or("request_directives", default.request_directives, |value| value.choice(OBEY)),
        key_headers: table.or("key_headers", Vec::new(), |value| value.list(key_header)),
        key_cookies: table.or("key_cookies", Vec::new(), |value| value.list(Value::word)),
        query: without.or(only).unwrap_or_default(),
        ignore_cookies: table.or("ignore_cookies", Vec::new(), |value| value.list(pattern)),
        bypass_headers: table.or("bypass_headers", Vec::new(), |value| value.list(Value::header_name)),
        bypass_cookies: table.or("bypass_cookies", Vec::new(), |value| value.list(pattern)),
        object_bytes_max: table.or("object_bytes_max", default.object_bytes_max, |value| value.size(KIB..=16 * GIB)),
        collapse_wait: table.or("collapse_wait", default.collapse_wait, |value| {
            value.duration(Duration::ZERO..=Duration::from_secs(3_600))
        }),
    };
    table.done(policy)
}

fn key_header(value: &Value<'_>) -> Option<HeaderName> {
    let name = value.header_name()?;
    if name == header::COOKIE {
        value.fault("all cookies together make no key", "name them in `key_cookies`");
        return None;
    }
    Some(name)
}

fn pattern(value: &Value<'_>) -> Option<Pattern> {
    value.parsed("a name", "a name, or its beginning before `*`: `session`, `utm_*`", Pattern::parse)
}
