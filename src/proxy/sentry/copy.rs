//! An envelope on its way to Sentry, and the copy that is made of it while it goes, where it comes from a traced session.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll, ready},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::opening::{Opening, Plain};
use crate::{
    body::Body,
    error::BoxError,
    rules::session::{Identity, Session},
    trace::{
        counters::Counters,
        receive::sentry::{Copied, Copies},
    },
};

/// Whose copy is made, and where it goes.
pub(super) struct Wanted {
    pub(super) session: Session,
    pub(super) identity: Identity,
    pub(super) bytes_max: usize,
    pub(super) copies: Copies,
    pub(super) counters: Arc<Counters>,
}

/// The octets of an envelope as they came; copied on the way, if that is wanted.
pub(super) fn body(opening: Opening, wanted: Option<Wanted>) -> Body {
    let Opening { decoded, plain, read, rest, .. } = opening;
    let mut passing =
        Passing { read, rest, copy: wanted.map(|wanted| Box::new(Copy { plain, octets: decoded, wanted })) };
    passing.copy_on(Copy::catch_up);
    Body::boxed(passing)
}

struct Copy {
    plain: Plain,
    octets: Vec<u8>,
    wanted: Wanted,
}

impl Copy {
    fn add(&mut self, data: Bytes) -> Result<(), Unread> {
        self.plain.put(data);
        self.catch_up()
    }

    /// Takes what was put in.
    fn catch_up(&mut self) -> Result<(), Unread> {
        let room = |octets: usize| if octets > self.wanted.bytes_max { Err(Unread) } else { Ok(()) };
        room(self.octets.len())?;
        while let Some(piece) = self.plain.take().map_err(|_| Unread)? {
            room(self.octets.len() + piece.len())?;
            self.octets.extend_from_slice(&piece);
        }
        Ok(())
    }

    fn finish(self) -> Result<(), Unread> {
        let Self { octets, wanted: Wanted { session, identity, copies, .. }, .. } = self;
        copies.offer(Copied { envelope: octets, session, identity }).map_err(|_| Unread)
    }
}

/// An envelope goes on, but its spans are not read.
struct Unread;

struct Passing {
    read: VecDeque<Bytes>,
    rest: Body,
    copy: Option<Box<Copy>>,
}

impl Passing {
    /// Goes on with the copy, or gives it up.
    fn copy_on(&mut self, on: impl FnOnce(&mut Copy) -> Result<(), Unread>) {
        let Some(copy) = &mut self.copy else { return };
        if on(copy).is_err() {
            copy.wanted.counters.sentry_envelopes_unread.one();
            self.copy = None;
        }
    }

    /// Everything has been taken.
    fn finish(&mut self) {
        if let Some(copy) = self.copy.take() {
            let counters = Arc::clone(&copy.wanted.counters);
            if copy.finish().is_err() {
                counters.sentry_envelopes_unread.one();
            }
        }
    }
}

impl http_body::Body for Passing {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let frame = match this.read.pop_front() {
            Some(data) => Some(Ok(Frame::data(data))),
            None => {
                // Trailers are no part of an envelope.
                let frame = ready!(Pin::new(&mut this.rest).poll_frame(cx));
                let frame = frame.filter(|frame| !frame.as_ref().is_ok_and(Frame::is_trailers));
                if let Some(data) = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()) {
                    this.copy_on(|copy| copy.add(data.clone()));
                }
                frame
            }
        };
        // Whoever counts the octets does not ask again.
        let is_last = this.read.is_empty() && (this.rest.is_end_stream() || this.rest.size_hint().exact() == Some(0));
        match &frame {
            Some(Err(_)) => this.copy = None,
            None => this.finish(),
            Some(Ok(_)) if is_last => this.finish(),
            Some(Ok(_)) => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.read.is_empty() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let read = self.read.iter().map(|data| data.len() as u64).sum::<u64>();
        let rest = self.rest.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(read));
        if let Some(upper) = rest.upper().and_then(|upper| upper.checked_add(read)) {
            hint.set_upper(upper);
        }
        hint
    }
}
