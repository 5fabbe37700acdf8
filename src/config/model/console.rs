//! Bounds of the console, its API and its live views: `[console]`.

/// Bounds of the console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsoleLimits {
    /// The most live streams at once.
    pub streams_max: usize,
    /// Events of one batch of the live stream; four batches make a second.
    pub batch_events_max: usize,
    /// Batches that are remembered for readers who come back.
    pub replay_batches_max: usize,
    /// Traces that are followed at once.
    pub traces_followed_max: usize,
    /// Batches handed to readers in a second, over all of them.
    pub deliveries_per_second_max: u64,
    /// Events handed to readers in a second, over all of them.
    pub delivered_events_per_second_max: u64,
    /// The most answers that are written at once: long traces, and streams.
    pub bodies_max: usize,
    /// The largest file that is imported, in octets.
    pub import_bytes_max: usize,
    /// The most spans of one.
    pub import_spans_max: usize,
    /// Sign-ins of one address that may fail in a minute.
    pub sign_in_failures_max: u32,
    /// The largest message of spans that a browser sends, in octets.
    pub upload_bytes_max: usize,
    /// The most such messages of one session in a minute.
    pub uploads_per_minute_max: u64,
    /// Requests that one person may have sent again in a minute.
    pub replays_per_minute_max: u64,
}
