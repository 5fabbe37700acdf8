//! What a process writes: line by line into Waylight's log, and the last lines kept for spans.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncRead, BufReader};

use crate::clock::{self, Instant};

/// Longer lines are cut, in octets.
const LINE_BYTES_MAX: usize = 8 * 1024;
/// Lines kept; what a start writes fits one span.
const LINES_MAX: usize = 64;
/// A kept line is cut shorter, in characters: spans carry it.
const KEPT_CHARS_MAX: usize = 512;

/// Which of its streams a process wrote to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    Stdout,
    Stderr,
}

impl Stream {
    /// Its usual name.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// A line that a process wrote.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) at: Instant,
    pub(super) stream: Stream,
    pub(super) text: Arc<str>,
}

/// The last lines of one process.
#[derive(Clone, Debug, Default)]
pub(super) struct Tail(Arc<Mutex<VecDeque<Line>>>);

impl Tail {
    /// The lines kept, oldest first.
    pub(super) fn lines(&self) -> Vec<Line> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    fn push(&self, line: Line) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES_MAX {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}

/// Reads `source` to its end, for the log and for `tail`.
pub(super) async fn follow(source: impl AsyncRead + Unpin, stream: Stream, upstream: Arc<str>, tail: Tail) {
    let mut source = BufReader::with_capacity(LINE_BYTES_MAX, source);
    let mut line = Vec::new();
    while let Ok(More::Line) = read_line(&mut source, &mut line).await {
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches(['\r', '\n']);
        // The process's own output is data: its control characters must not reach a terminal.
        let shown: String = text.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect();
        tracing::info!(target: "waylight::upstream::output", upstream = &*upstream, stream = stream.as_str(), "{shown}");
        let kept: String = shown.chars().take(KEPT_CHARS_MAX).collect();
        tail.push(Line { at: clock::now(), stream, text: kept.into() });
    }
}

#[derive(Debug, PartialEq, Eq)]
enum More {
    Line,
    End,
}

/// Reads one line, of which at most [`LINE_BYTES_MAX`] octets are kept.
async fn read_line(source: &mut (impl AsyncBufRead + Unpin), line: &mut Vec<u8>) -> std::io::Result<More> {
    line.clear();
    let mut any = More::End;
    loop {
        let part = source.fill_buf().await?;
        if part.is_empty() {
            return Ok(any);
        }
        any = More::Line;
        let end = memchr::memchr(b'\n', part);
        let taken = end.map_or(part.len(), |end| end + 1);
        let room = LINE_BYTES_MAX - line.len();
        line.extend_from_slice(&part[..taken.min(room)]);
        source.consume(taken);
        if end.is_some() {
            return Ok(any);
        }
    }
}

#[cfg(test)]
mod tests;
