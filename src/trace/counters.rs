//! What is counted, process-wide and for each worker. One place names every counter; `app::admin` writes them out in
//! the OpenMetrics text form.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn one(&self) {
        self.add(1);
    }

    /// So many more.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// How many there were.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that rises and falls.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// One more.
    pub fn up(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// One less.
    pub fn down(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many there are.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! counters {
    (
        counters { $($(#[doc = $doc:literal])+ $name:ident,)* }
        gauges { $($(#[doc = $gauge_doc:literal])+ $gauge:ident,)* }
    ) => {
        /// Everything that is counted. Each worker has a set of its own, so that no two cores share a cache line;
        /// readers add them up.
        #[derive(Debug, Default)]
        #[repr(align(128))]
        pub struct Counters {
            $($(#[doc = $doc])+ pub $name: Counter,)*
            $($(#[doc = $gauge_doc])+ pub $gauge: Gauge,)*
        }

        impl Counters {
            /// Name, help and value of every counter.
            pub fn counters(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
                [$((stringify!($name), concat!($($doc),+), self.$name.value()),)*].into_iter()
            }

            /// Name, help and value of every gauge.
            pub fn gauges(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
                [$((stringify!($gauge), concat!($($gauge_doc),+), self.$gauge.value()),)*].into_iter()
            }
        }
    };
}

counters! {
    counters {
        /// Connections accepted.
        connections_accepted,
        /// Connections refused because a limit was reached.
        connections_refused,
        /// TLS handshakes that failed.
        tls_handshakes_failed,
        /// TLS handshakes completed.
        tls_handshakes,
        /// Requests received.
        requests,
        /// Requests that could be understood in two ways, and were refused.
        requests_ambiguous,
        /// Requests refused because a limit was reached.
        requests_refused,
        /// Requests that a timeout of the client's side ended.
        requests_timed_out,
        /// Requests whose client went away before the end.
        requests_aborted,
        /// Requests that panicked, and were answered with 500.
        requests_panicked,
        /// Responses of class 1xx.
        responses_1xx,
        /// Responses of class 2xx.
        responses_2xx,
        /// Responses of class 3xx.
        responses_3xx,
        /// Responses of class 4xx.
        responses_4xx,
        /// Responses of class 5xx.
        responses_5xx,
        /// Octets of response bodies sent.
        response_body_bytes,
        /// Requests traced.
        requests_traced,
        /// Pages that were given meta tags.
        pages_injected,
        /// Pages that could not be given meta tags.
        pages_not_injected,
        /// Requests answered from the cache while it was fresh.
        cache_hits,
        /// Requests answered from the cache though it was stale.
        cache_stale,
        /// Requests answered from the cache after the upstream said that it is current.
        cache_revalidated,
        /// Requests that the cache had no answer for.
        cache_misses,
        /// Requests that took the answer of another one.
        cache_collapsed,
        /// Requests that passed the cache by.
        cache_bypassed,
        /// Responses stored in the cache.
        cache_stored,
        /// Responses not stored in the cache.
        cache_not_stored,
        /// Stored responses that a request of an unsafe method made outdated.
        cache_invalidated,
        /// Responses written to the cache's disk.
        cache_disk_written,
        /// Responses not written to the cache's disk: too many waited, or it rests after a failure.
        cache_disk_dropped,
        /// Large responses that the cache's disk could not take as they came.
        cache_disk_given_up,
        /// Files of the cache's disk that could not be written or read.
        cache_disk_failed,
        /// Files of the cache's disk that were broken, and were removed.
        cache_disk_broken,
        /// Files of the cache's disk that were removed to make room.
        cache_disk_removed,
        /// Attempts at an upstream.
        upstream_attempts,
        /// Attempts that failed.
        upstream_attempts_failed,
        /// Attempts made again.
        upstream_retries,
        /// Connections opened to upstreams.
        upstream_connections_opened,
        /// Requests that reused a pooled connection.
        upstream_connections_reused,
        /// Pooled connections closed by the upstream, or for bytes nobody asked for.
        upstream_connections_lost,
        /// Upstream processes started.
        upstream_starts,
        /// Upstream processes that did not become ready.
        upstream_starts_failed,
        /// Spans recorded.
        spans_recorded,
        /// Spans dropped because the queue to the collector was full.
        spans_dropped_queue,
        /// Spans dropped because one request had too many.
        spans_dropped_limit,
        /// Spans dropped because a sink's queue was full.
        spans_dropped_sink,
        /// Spans stored.
        spans_stored,
        /// Spans dropped because the store could not write them.
        spans_dropped_store,
        /// Spans dropped because their trace had too many.
        spans_dropped_trace,
        /// Spans of applications dropped because they began a trace when the month's quota was spent.
        spans_dropped_quota,
        /// Spans dropped because their trace was erased of late.
        spans_dropped_erased,
        /// Requests stored.
        requests_stored,
        /// Requests not listed because the store could not write them.
        requests_dropped_store,
        /// Transactions that the store could not write.
        store_writes_failed,
        /// Erasures after which the store's log could not be emptied at once, since somebody read of it.
        store_log_in_use,
        /// Broken files that the store set aside.
        store_files_set_aside,
        /// Stored spans removed: too old, too many, or erased.
        stored_spans_removed,
        /// Stored requests removed: too old, too many, or erased.
        stored_requests_removed,
        /// Spans received from applications.
        app_spans_received,
        /// Spans of applications refused: too many in a second.
        app_spans_refused,
        /// Spans of applications rejected: their ids name nothing.
        app_spans_rejected,
        /// Spans of applications dropped: their trace is not recorded here, or too many waited.
        app_spans_dropped,
        /// Requests kept as traces by a rule, when they ended.
        requests_kept,
        /// Requests of routes in tail mode that no rule kept.
        requests_not_kept,
        /// Spans not recorded because a budget was spent.
        traces_refused_budget,
        /// Ended requests that are not listed because the background did not keep up.
        requests_unlogged,
        /// Requests that are listed, but were not stored: too many a second, or the store did not keep up.
        requests_unstored,
        /// Events that live views were not sent because there were too many; they were told of the gap.
        live_events_skipped,
        /// Traces not begun because the month's quota of spans was spent.
        traces_refused_quota,
        /// Sign-ins that succeeded.
        sign_ins,
        /// Sign-ins not looked at: too many of that address failed.
        sign_ins_refused,
        /// Live views refused because too many were open, or too many traces followed.
        streams_refused,
        /// Answers of the console cut off because too many were being written.
        bodies_cut,
        /// Imported files refused because they were too large.
        imports_refused,
        /// Spans received from browsers.
        browser_spans_received,
        /// Spans of browsers refused: too many messages of a session, no spans left, or none that may be sent.
        browser_spans_refused,
        /// Envelopes of Sentry's SDKs that were handed on.
        sentry_envelopes,
        /// Envelopes refused: malformed, for a foreign DSN, or too many.
        sentry_envelopes_refused,
        /// Envelopes that could not be handed on: Sentry was not reached, or did not answer in time.
        sentry_envelopes_failed,
        /// Envelopes of traced sessions that were handed on, but whose spans were not read: too large, malformed, or too many
        /// waited.
        sentry_envelopes_unread,
        /// Requests sent again by people.
        requests_replayed,
        /// Tokens that were refused: forged, expired, used before, or of another kind.
        tokens_refused,
        /// Entries of the audit log that could not be written.
        audit_failed,
    }
    gauges {
        /// Connections open now.
        connections_open,
        /// Requests in progress now.
        requests_active,
        /// Upstream connections idle in a pool now.
        upstream_connections_idle,
    }
}
