//! The first piece of a compressed page, read before the response's head goes out: as long as nothing was said of the
//! body, one that is not encoded as its headers say can still pass as it came.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::Frame;
use http_body_util::BodyExt as _;

use crate::{body::Body, error::BoxError, proxy::decode::Decoder};

/// So many encoded octets may come before the first decoded one.
const ENCODED_BYTES_MAX: usize = 64 * 1024;

/// How a compressed body begins.
pub(super) enum First {
    /// With this piece; the decoder has the rest of what was read.
    Piece(Bytes, Body),
    /// With nothing that can be decoded: the body as it came.
    AsItCame(Body),
}

/// Reads `content` up to its first decoded piece.
pub(super) async fn first(mut content: Body, decoder: &mut Decoder) -> First {
    let mut frames = VecDeque::new();
    let mut encoded = 0;
    while encoded < ENCODED_BYTES_MAX {
        let Some(frame) = content.frame().await else {
            content = Body::empty();
            break;
        };
        let data = frame.as_ref().ok().and_then(Frame::data_ref).cloned();
        let is_failed = frame.is_err();
        frames.push_back(frame);
        if is_failed {
            content = Body::empty();
        }
        // Trailers, and failures, are the end.
        let Some(data) = data else { break };
        encoded += data.len();
        decoder.put(data);
        match decoder.take() {
            Ok(Some(piece)) if !decoder.is_faulty() => return First::Piece(piece, content),
            Ok(None) => {}
            Ok(Some(_)) | Err(_) => break,
        }
    }
    First::AsItCame(Body::boxed(Replay { frames, content }))
}

/// Frames that were read already, and the rest.
struct Replay {
    frames: VecDeque<Result<Frame<Bytes>, BoxError>>,
    content: Body,
}

impl http_body::Body for Replay {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.frames.pop_front() {
            Some(frame) => Poll::Ready(Some(frame)),
            None => Pin::new(&mut self.content).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty() && self.content.is_end_stream()
    }
}
