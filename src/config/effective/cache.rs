//! `[cache]` and `[site.route.cache]`, as they are meant.

use super::Writer;
use crate::{
    config::model::Cache,
    rules::cache::policy::{Obey, Policy, Query, SetCookie},
};

/// What a route says of caching: a line for each setting.
pub fn cache_settings(policy: &Policy) -> String {
    let mut out = Writer(String::new());
    out.settings(policy);
    out.0
}

impl Writer {
    pub(super) fn cache(&mut self, cache: &Cache) {
        self.table("[cache]");
        self.size("memory_max", cache.memory_max);
        if let Some(disk) = &cache.disk {
            self.path("directory", &disk.directory);
            self.size("disk_max", disk.bytes_max);
            self.size("disk_queue_max", disk.queue_bytes_max);
            self.size("disk_object_min", disk.object_bytes_min);
        }
    }

    pub(super) fn policy(&mut self, policy: &Policy) {
        self.table("[site.route.cache]");
        self.settings(policy);
    }

    fn settings(&mut self, policy: &Policy) {
        for (key, span) in [("ttl", policy.ttl), ("ttl_default", policy.ttl_default)] {
            if let Some(span) = span {
                self.duration(key, span);
            }
        }
        self.duration("ttl_negative", policy.ttl_negative);
        self.duration("heuristic_max", policy.heuristic_max);
        self.duration("stale_while_revalidate", policy.stale_while_revalidate);
        self.duration("stale_if_error", policy.stale_if_error);
        self.word(
            "set_cookie",
            match policy.set_cookie {
                SetCookie::Bypass => "bypass",
                SetCookie::Remove => "remove",
                SetCookie::Keep => "keep",
            },
        );
        self.word("request_directives", if policy.request_directives == Obey::Yes { "obey" } else { "ignore" });
        self.names("key_headers", &policy.key_headers);
        self.names("key_cookies", &policy.key_cookies);
        match &policy.query {
            Query::All => {}
            Query::Without(patterns) => self.names("query_ignore", patterns),
            Query::Only(patterns) => self.names("query_only", patterns),
        }
        self.names("ignore_cookies", &policy.ignore_cookies);
        self.names("bypass_headers", &policy.bypass_headers);
        self.names("bypass_cookies", &policy.bypass_cookies);
        self.size("object_bytes_max", policy.object_bytes_max);
        self.duration("collapse_wait", policy.collapse_wait);
    }
}
