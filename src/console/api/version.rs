//! What a stored trace is known by, as it grows: how many messages it came in, and a digest of them. New messages come behind
//! those that there are, so a version names a beginning of the trace that can be read again; unless retention took the
//! eldest away, which the digest tells.

use std::{
    fmt,
    hash::{BuildHasher as _, Hasher as _},
};

use bytes::Bytes;
use foldhash::fast::FixedState;

use super::problem::Problem;

/// A trace as it once was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version {
    messages: usize,
    digest: u64,
}

impl Version {
    /// Of a trace as it is stored.
    pub(super) fn of(messages: &[Bytes]) -> Self {
        let mut digest = FixedState::default().build_hasher();
        messages.iter().for_each(|message| digest.write(message));
        Self { messages: messages.len(), digest: digest.finish() }
    }

    /// As it was told.
    ///
    /// # Errors
    /// It is none.
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        let numbers = text.split_once('-').and_then(|(messages, digest)| {
            Some(Self { messages: messages.parse().ok()?, digest: digest.parse().ok()? })
        });
        numbers.ok_or_else(|| Problem::bad("after", "the `version` of a trace in columns is expected"))
    }

    /// The messages that it names the beginning of a trace by; `None` if that began otherwise, as one does that was
    /// removed and came in again.
    pub(super) fn within(self, messages: &[Bytes]) -> Option<&[Bytes]> {
        messages.get(..self.messages).filter(|told| !told.is_empty() && Self::of(told) == self)
    }

    /// The tag of an answer: the spans, and how far the trace was.
    pub(super) fn tag(self, state: &str) -> String {
        format!("\"{self}-{state}\"")
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.messages, self.digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_names_a_beginning() {
        let messages = [&b"ab"[..], b"c", b"def"].map(Bytes::from_static);
        let then = Version::of(&messages[..2]);
        assert_eq!(then.tag("open"), format!("\"{then}-open\""));
        assert_eq!(Version::parse(&then.to_string()).ok(), Some(then));
        assert_eq!(then.within(&messages), Some(&messages[..2]));
        assert_eq!(then.within(&messages[..1]), None, "it was longer");
        assert_eq!(then.within(&messages[1..]), None, "the eldest was removed, and another came");
        let others = [&b"ab"[..], b"x", b"def"].map(Bytes::from_static);
        assert_eq!(then.within(&others), None, "it was another, as long");
        assert_eq!(Version::parse("0-0").ok().unwrap().within(&messages), None, "there is no trace without spans");
        for text in ["", "2", "2-", "-3", "2-3-open", "a-b", "99999999999999999999-1"] {
            assert!(Version::parse(text).is_err(), "{text}");
        }
    }
}
