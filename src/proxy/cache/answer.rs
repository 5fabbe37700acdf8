//! Answers from stored responses: whole, 304 to a client that holds it already, or the parts that it asks for (RFC 9110
//! sections 13 and 14). Bodies are shared, never copied.

use std::{fmt::Write as _, sync::Arc};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{AGE, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE},
};

use super::{
    object::Object,
    pieces::{Piece, pieces},
};
use crate::{
    body::Body,
    rules::cache::{
        range::{self, ContentRange, Span, Wanted},
        validate,
    },
    service::Response,
};

/// Of a request what an answer depends on.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
}

/// Whether `object` has all octets that are asked for.
pub(super) fn has_all(object: &Object, method: &Method, request: &HeaderMap) -> bool {
    let Some(part) = object.part() else { return true };
    // An answer to HEAD has no octets, but a whole one's fields.
    if *method == Method::HEAD || !request.contains_key(RANGE) || !validate::range_holds(request, &object.headers()) {
        return false;
    }
    match range::wanted(request, part.length) {
        Wanted::Whole => false,
        Wanted::Nothing => true,
        Wanted::Parts(spans) => spans.iter().all(|span| part.span.first <= span.first && span.last <= part.span.last),
    }
}

/// The answer that `object` gives to a request at `now`, in milliseconds since the Unix epoch.
pub(super) fn from(object: &Arc<Object>, method: &Method, request: &HeaderMap, now: u64) -> Response {
    let mut headers = object.headers();
    headers.insert(AGE, HeaderValue::from(object.terms.age(now)));
    let has_parts = object.status == StatusCode::OK || object.part().is_some();
    // A part is judged by the validators of its whole, too (RFC 9111 section 4.3.2).
    if has_parts && validate::is_current(request, &headers, object.answered / 1_000) {
        return without_content(validate::not_modified(&mut headers), headers);
    }
    if *method == Method::HEAD {
        headers.entry(CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(object.octets()));
        return with(object.status, headers, Body::empty());
    }
    if has_parts && request.contains_key(RANGE) && validate::range_holds(request, &headers) {
        let length = object.part().map_or_else(|| object.octets(), |part| part.length);
        match range::wanted(request, length) {
            Wanted::Whole => {}
            Wanted::Nothing => return nothing(headers, length),
            Wanted::Parts(spans) => return parts(object, headers, length, &spans),
        }
    }
    let body = match (object.whole(), object.octets().checked_sub(1)) {
        (Some(whole), _) => Body::full(whole),
        (None, Some(last)) => pieces(object, part_of(object, Span { first: 0, last })),
        (None, None) => Body::empty(),
    };
    with(object.status, headers, body)
}

/// An answer without content, whose length is not said.
pub(super) fn without_content(status: StatusCode, headers: HeaderMap) -> Response {
    with(status, headers, Body::empty())
}

pub(super) fn with(status: StatusCode, headers: HeaderMap, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// None of what is asked for is there, RFC 9110 section 15.5.17.
fn nothing(mut headers: HeaderMap, length: u64) -> Response {
    validate::not_modified(&mut headers);
    set(&mut headers, CONTENT_RANGE, &format!("bytes */{length}"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(0));
    with(StatusCode::RANGE_NOT_SATISFIABLE, headers, Body::empty())
}

/// Parts, RFC 9110 section 15.3.7.
fn parts(object: &Arc<Object>, mut headers: HeaderMap, length: u64, spans: &[Span]) -> Response {
    let first = object.part().map_or(0, |part| part.span.first);
    let of = |span: &Span| part_of(object, Span { first: span.first - first, last: span.last - first });
    let all = match spans {
        [span] => {
            set(&mut headers, CONTENT_RANGE, &ContentRange { span: *span, length }.to_string());
            of(span)
        }
        spans => {
            let boundary = format!("{:032x}", fastrand::u128(..));
            let kind = headers.insert(CONTENT_TYPE, HeaderValue::from_static("multipart/byteranges"));
            set(&mut headers, CONTENT_TYPE, &format!("multipart/byteranges; boundary={boundary}"));
            headers.remove(CONTENT_RANGE);
            let mut all = Vec::new();
            for span in spans {
                all.push(Piece::There(part_head(&boundary, kind.as_ref(), ContentRange { span: *span, length })));
                all.extend(of(span));
            }
            all.push(Piece::There(Bytes::from(format!("\r\n--{boundary}--\r\n"))));
            all
        }
    };
    let octets: u64 = all.iter().map(Piece::octets).sum();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(octets));
    with(StatusCode::PARTIAL_CONTENT, headers, pieces(object, all))
}

/// What is stored of a response, from the first octet to the last.
fn part_of(object: &Arc<Object>, span: Span) -> Vec<Piece> {
    if object.large().is_some() {
        return vec![Piece::OnDisk(span)];
    }
    object.body().part(span).into_iter().map(Piece::There).collect()
}

fn part_head(boundary: &str, kind: Option<&HeaderValue>, range: ContentRange) -> Bytes {
    let mut head = format!("\r\n--{boundary}\r\n");
    if let Some(kind) = kind.and_then(|kind| kind.to_str().ok()) {
        // Into a string, which never fails.
        let _infallible = write!(head, "content-type: {kind}\r\n");
    }
    let _infallible = write!(head, "content-range: {range}\r\n\r\n");
    Bytes::from(head)
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
