//! Completing a part: where the beginning of a representation is stored and all of it is asked for, the upstream is asked
//! for the rest, on the condition that it is of the same (RFC 9110 section 13.1.5), and both are put together (RFC 9111
//! section 3.4).

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_RANGE, IF_RANGE, RANGE},
};
use http_body::{Frame, SizeHint};

use super::object::Object;
use crate::{
    body::Body,
    error::BoxError,
    rules::cache::{range::ContentRange, validate},
    service::Response,
};

/// Whether a part is the beginning, and can be told from one of something else.
pub(super) fn is_beginning(part: &Object) -> bool {
    part.part().is_some_and(|range| range.span.first == 0) && validate::strong_tag(&part.headers()).is_some()
}

/// Asks for the rest of a part in place of whatever else was asked for.
pub(super) fn ask(request: &mut HeaderMap, part: &Object) {
    validate::forget_conditions(request);
    let first = part.part().map_or(0, |range| range.span.last + 1);
    let tag = validate::strong_tag(&part.headers()).and_then(|tag| HeaderValue::from_bytes(tag).ok());
    if let (Some(tag), Ok(range)) = (tag, HeaderValue::try_from(format!("bytes={first}-"))) {
        request.insert(RANGE, range);
        request.insert(IF_RANGE, tag);
    }
}

/// Whether the answer is neither the rest nor something whole.
pub(super) fn is_missed(answer: &Response, part: &Object) -> bool {
    match answer.status() {
        StatusCode::PARTIAL_CONTENT => !is_rest(answer.headers(), part),
        StatusCode::RANGE_NOT_SATISFIABLE | StatusCode::NOT_MODIFIED => true,
        _ => false,
    }
}

fn is_rest(answer: &HeaderMap, part: &Object) -> bool {
    let range = answer.get(CONTENT_RANGE).and_then(|value| ContentRange::parse(value.as_bytes()));
    let (Some(range), Some(known)) = (range, part.part()) else { return false };
    range.length == known.length
        && range.span.first == known.span.last + 1
        && range.span.last + 1 == range.length
        && validate::strong_tag(answer) == validate::strong_tag(&part.headers())
}

/// What the upstream answered to be asked for the rest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answered(pub(super) StatusCode);

/// The whole: of header fields those of the new response count, beside what else was stored.
pub(super) fn whole(answer: Response, part: &Arc<Object>) -> Response {
    let (mut head, body) = answer.into_parts();
    let mut headers = part.headers();
    validate::update(&mut headers, &head.headers);
    headers.remove(CONTENT_RANGE);
    if let Some(range) = part.part() {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(range.length));
    }
    head.headers = headers;
    head.extensions.insert(Answered(head.status));
    head.status = StatusCode::OK;
    let beginning = part.body().all().iter().cloned().collect();
    Response::from_parts(head, Body::boxed(Joined { beginning, rest: body }))
}

/// What is there, and then what comes.
struct Joined {
    beginning: VecDeque<Bytes>,
    rest: Body,
}

impl http_body::Body for Joined {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.beginning.pop_front() {
            Some(chunk) => Poll::Ready(Some(Ok(Frame::data(chunk)))),
            None => Pin::new(&mut self.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.beginning.is_empty() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let there = self.beginning.iter().map(|chunk| chunk.len() as u64).sum::<u64>();
        self.rest.size_hint().exact().map_or_else(SizeHint::default, |rest| SizeHint::with_exact(there + rest))
    }
}
