//! Settings that count from the next start only. docs/operations.md lists them, each with its reason.

use crate::config::model::{Config, ConsoleLimits, Store};

/// Puts what runs in place of what a reload cannot change, and names what would have changed.
pub(super) fn keep(running: &Config, wished: &mut Config) -> Vec<&'static str> {
    let mut kept = Vec::new();
    keep_one("workers", &running.workers, &mut wished.workers, &mut kept);
    keep_one("state_dir", &running.state_dir, &mut wished.state_dir, &mut kept);
    keep_one("trace.queue_max", &running.trace.queue_max, &mut wished.trace.queue_max, &mut kept);
    keep_one("receive", &running.receive, &mut wished.receive, &mut kept);
    keep_one("requests.recent_max", &running.requests.recent_max, &mut wished.requests.recent_max, &mut kept);
    // The quota may change while it runs; the rest of the store may not.
    let Store { spans_per_month_max, unasked_share, .. } = wished.store;
    let store = Store { spans_per_month_max, unasked_share, ..running.store.clone() };
    keep_one("store", &store, &mut wished.store, &mut kept);
    // What is made once: places for live views, their hub, and what writes their bodies.
    let console = ConsoleLimits {
        import_bytes_max: wished.console.import_bytes_max,
        import_spans_max: wished.console.import_spans_max,
        sign_in_failures_max: wished.console.sign_in_failures_max,
        upload_bytes_max: wished.console.upload_bytes_max,
        uploads_per_minute_max: wished.console.uploads_per_minute_max,
        replays_per_minute_max: wished.console.replays_per_minute_max,
        ..running.console.clone()
    };
    keep_one("console", &console, &mut wished.console, &mut kept);
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
