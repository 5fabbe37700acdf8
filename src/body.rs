//! One concrete body for requests and responses, and who watches it end.
//!
//! An untouched body is passed on frame by frame and never copied; only a stage that rewrites boxes one.
//! Whoever must know when a body ends, however it ends, attaches a [`Watch`]: dropping a body half-way is an end too.

mod fed;
mod piped;

use std::{
    fmt,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

pub use self::{
    fed::{Fed, Feeder, More, fed},
    piped::{Gone, Pipe, Piped},
};
use crate::error::BoxError;

/// The body of a request or a response.
#[derive(Default)]
pub struct Body {
    inner: Inner,
    done: bool,
    watch: Option<Rc<dyn Watch>>,
}

/// A boxed body, as rewriting stages make it.
pub type BoxBody = Pin<Box<dyn http_body::Body<Data = Bytes, Error = BoxError>>>;

#[derive(Default)]
enum Inner {
    #[default]
    Empty,
    Full(Bytes),
    /// Over HTTP/1.1.
    Fed(Fed),
    /// Over HTTP/2.
    Incoming(hyper::body::Incoming),
    Boxed(BoxBody),
}

/// Told of a body's data and of its end, exactly once.
pub trait Watch {
    /// So many octets of data passed by.
    fn data(&self, octets: usize);
    /// The body ended.
    fn end(&self, end: End);
}

/// Two that watch one body, in this order. Made for requests only that are traced or edited.
struct Both(Rc<dyn Watch>, Rc<dyn Watch>);

impl Watch for Both {
    fn data(&self, octets: usize) {
        self.0.data(octets);
        self.1.data(octets);
    }

    fn end(&self, end: End) {
        self.0.end(end);
        self.1.end(end);
    }
}

/// How a body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Every frame was taken.
    Complete,
    /// The sender failed.
    Failed,
    /// The taker went away.
    Dropped,
}

impl Body {
    /// No content.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Content that is in memory already.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self::of(if bytes.is_empty() { Inner::Empty } else { Inner::Full(bytes) })
    }

    /// Content as any other body yields it.
    pub fn boxed<B>(body: B) -> Self
    where
        B: http_body::Body<Data = Bytes> + 'static,
        B::Error: Into<BoxError>,
    {
        use http_body_util::BodyExt as _;
        Self::of(Inner::Boxed(Box::pin(body.map_err(Into::into))))
    }

    /// Whether its content may have to be waited for.
    pub const fn is_streamed(&self) -> bool {
        !matches!(self.inner, Inner::Empty | Inner::Full(_))
    }

    /// Tells `watch` of every frame and of the end, after those who watch already.
    #[must_use]
    pub fn watched(mut self, watch: Rc<dyn Watch>) -> Self {
        self.watch = Some(match self.watch.take() {
            None => watch,
            Some(first) => Rc::new(Both(first, watch)),
        });
        self
    }

    /// Puts `edit`'s result in place of the content; the watchers stay with the result.
    #[must_use]
    pub fn map_content(mut self, edit: impl FnOnce(Self) -> Self) -> Self {
        let content = Self::of(std::mem::take(&mut self.inner));
        self.done = true; // what is dropped here is a shell
        let mut edited = edit(content);
        let own = edited.watch.take();
        self.watch.take().into_iter().chain(own).fold(edited, Self::watched)
    }

    /// Takes the content out, to read of it before it is known what becomes of it; [`Self::map_content`] puts it back.
    /// The watchers stay, and take a body that is dropped meanwhile for one that was not read to its end.
    pub fn take_content(&mut self) -> Self {
        // Not empty: that would be a whole body.
        Self::of(std::mem::replace(&mut self.inner, Inner::Full(Bytes::new())))
    }

    /// Takes the content that is in memory already; the watchers hear that it was taken whole.
    pub fn take_ready(&mut self) -> Option<Bytes> {
        let content = match &mut self.inner {
            Inner::Empty => Bytes::new(),
            Inner::Full(bytes) => std::mem::take(bytes),
            Inner::Fed(_) | Inner::Incoming(_) | Inner::Boxed(_) => return None,
        };
        self.inner = Inner::Empty;
        if let Some(watch) = &self.watch {
            watch.data(content.len());
        }
        self.tell(End::Complete);
        Some(content)
    }

    const fn of(inner: Inner) -> Self {
        Self { inner, done: false, watch: None }
    }

    fn tell(&mut self, end: End) {
        if self.done {
            return;
        }
        self.done = true;
        if let Some(watch) = self.watch.take() {
            watch.end(end);
        }
    }
}

impl From<hyper::body::Incoming> for Body {
    fn from(body: hyper::body::Incoming) -> Self {
        use http_body::Body as _;
        // A body known to be empty needs no handle on the connection.
        let inner = if body.is_end_stream() { Inner::Empty } else { Inner::Incoming(body) };
        Self::of(inner)
    }
}

impl From<Fed> for Body {
    fn from(body: Fed) -> Self {
        Self::of(Inner::Fed(body))
    }
}

impl From<Piped> for Body {
    fn from(piped: Piped) -> Self {
        match piped.whole() {
            Ok(whole) => Self::full(whole),
            Err(pieces) => Self::boxed(pieces),
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let polled = match &mut this.inner {
            Inner::Empty => Poll::Ready(None),
            Inner::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                this.inner = Inner::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Inner::Fed(body) => Pin::new(body).poll_frame(cx),
            Inner::Incoming(body) => Pin::new(body).poll_frame(cx).map_err(Into::into),
            Inner::Boxed(body) => body.as_mut().poll_frame(cx),
        };
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let (Some(data), Some(watch)) = (frame.data_ref(), &this.watch) {
                    watch.data(data.len());
                }
                // hyper may not poll again once a body says that it has ended.
                if this.inner_ended() {
                    this.tell(End::Complete);
                }
            }
            Poll::Ready(Some(Err(_))) => this.tell(End::Failed),
            Poll::Ready(None) => this.tell(End::Complete),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner_ended()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Inner::Empty => SizeHint::with_exact(0),
            Inner::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Inner::Fed(body) => body.size_hint(),
            Inner::Incoming(body) => body.size_hint(),
            Inner::Boxed(body) => body.size_hint(),
        }
    }
}

impl Body {
    fn inner_ended(&self) -> bool {
        match &self.inner {
            Inner::Empty => true,
            Inner::Full(_) => false,
            Inner::Fed(body) => http_body::Body::is_end_stream(body),
            Inner::Incoming(body) => http_body::Body::is_end_stream(body),
            Inner::Boxed(body) => http_body::Body::is_end_stream(body),
        }
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        // A body that nobody had to read has been taken whole.
        let end = if self.inner_ended() { End::Complete } else { End::Dropped };
        // What lies further in ends first, so that times nest.
        drop(std::mem::take(&mut self.inner));
        self.tell(end);
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.inner {
            Inner::Empty => "Empty",
            Inner::Full(_) => "Full",
            Inner::Fed(_) => "Fed",
            Inner::Incoming(_) => "Incoming",
            Inner::Boxed(_) => "Boxed",
        };
        f.debug_tuple("Body").field(&kind).finish()
    }
}

#[cfg(test)]
mod tests;
