//! How a back end fares: what the admin listener shows of it.

use std::sync::Mutex;

use super::{super::counters::Counter, lock};
use crate::{
    clock::{self, Instant},
    config::model::ExportProtocol,
};

/// An error text longer than this is cut, in octets.
const ERROR_BYTES_MAX: usize = 256;

/// How one back end fares. Every span handed in is in exactly one of `sent`, `rejected`, `dropped_*` and `queue_spans`.
#[derive(Clone, Debug, PartialEq)]
pub struct ExportStatus {
    /// The back end's name.
    pub name: String,
    /// Host and port.
    pub authority: String,
    /// How it is spoken to.
    pub protocol: ExportProtocol,
    /// Spans it took.
    pub sent: u64,
    /// Spans it refused in messages that it took otherwise (OTLP partial success).
    pub rejected: u64,
    /// Spans dropped because the queue was full.
    pub dropped_queue: u64,
    /// Spans dropped because it refused them for good, or for longer than `retry_max`.
    pub dropped_failed: u64,
    /// Spans dropped because Waylight ended, or a reload removed the back end, before they could be sent.
    pub dropped_shutdown: u64,
    /// Attempts made again.
    pub retries: u64,
    /// Spans waiting, those being sent included.
    pub queue_spans: usize,
    /// Their octets, encoded.
    pub queue_bytes: usize,
    /// What went wrong last.
    pub last_error: Option<LastError>,
}

/// What went wrong, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastError {
    /// One line.
    pub message: String,
    /// When.
    pub at: Instant,
}

/// What a back end counts.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) sent: Counter,
    pub(super) rejected: Counter,
    pub(super) dropped_queue: Counter,
    pub(super) dropped_failed: Counter,
    pub(super) dropped_shutdown: Counter,
    pub(super) retries: Counter,
    last_error: Mutex<Option<LastError>>,
}

impl Tally {
    pub(super) fn error(&self, message: &str) {
        let mut cut = message.len().min(ERROR_BYTES_MAX);
        while !message.is_char_boundary(cut) {
            cut -= 1;
        }
        // What a server says is shown to people: it stays one line.
        let message = message[..cut].replace(char::is_control, " ");
        *lock(&self.last_error) = Some(LastError { message, at: clock::now() });
    }

    pub(super) fn last_error(&self) -> Option<LastError> {
        lock(&self.last_error).clone()
    }
}
