//! Settings that count from the next start only. docs/operations.md lists them, each with its reason.

use crate::config::model::{Config, Store};

/// Puts what runs in place of what a reload cannot change, and names what would have changed.
pub(super) fn keep(running: &Config, wished: &mut Config) -> Vec<&'static str> {
    let mut kept = Vec::new();
    keep_one("workers", &running.workers, &mut wished.workers, &mut kept);
    keep_one("state_dir", &running.state_dir, &mut wished.state_dir, &mut kept);
    keep_one("trace.queue_max", &running.trace.queue_max, &mut wished.trace.queue_max, &mut kept);
    keep_one("receive", &running.receive, &mut wished.receive, &mut kept);
    keep_one("requests.recent_max", &running.requests.recent_max, &mut wished.requests.recent_max, &mut kept);
    // The quota may change while it runs; the rest of the store may not.
    let store = Store { spans_per_month_max: wished.store.spans_per_month_max, ..running.store.clone() };
    keep_one("store", &store, &mut wished.store, &mut kept);
    keep_one("cache.directory", &running.cache.disk, &mut wished.cache.disk, &mut kept);
    keep_one("limits.sessions_max", &running.limits.sessions_max, &mut wished.limits.sessions_max, &mut kept);
    let (running, wished) = (&running.access, &mut wished.access);
    keep_one("access.audit_bytes_max", &running.audit_bytes_max, &mut wished.audit_bytes_max, &mut kept);
    keep_one("access.audit_files_max", &running.audit_files_max, &mut wished.audit_files_max, &mut kept);
    kept
}

fn keep_one<T: Clone + PartialEq>(name: &'static str, running: &T, wished: &mut T, kept: &mut Vec<&'static str>) {
    if running != wished {
        kept.push(name);
        wished.clone_from(running);
    }
}
