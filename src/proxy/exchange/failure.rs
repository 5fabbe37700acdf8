//! What a failed exchange is called: from hyper's errors to the types of RFC 9209.

use std::{error::Error as _, io};

use crate::{
    error::{ErrorType, ProxyError, Retry, Side},
    proxy::wire::Age,
};

/// Why no head of a response came over a connection of this age; `Unsent` if the request never left.
pub(super) fn of_head(error: hyper::Error, age: Age, sent: Sent) -> ProxyError {
    if let Some(client) = of_client(&error) {
        return client;
    }
    let kind = if sent == Sent::Nothing || error.is_closed() || error.is_canceled() || error.is_incomplete_message() {
        ErrorType::ConnectionTerminated
    } else if error.is_parse_too_large() {
        ErrorType::HttpResponseHeaderSectionSize
    } else if error.is_parse() {
        ErrorType::HttpProtocolError
    } else {
        // Reading or writing failed.
        ErrorType::ConnectionTerminated
    };
    let retry = match (kind, sent, age) {
        (_, Sent::Nothing, _) => Retry::Unsent,
        // It may have been closed before the request arrived.
        (ErrorType::ConnectionTerminated, Sent::Something, Age::Reused) => Retry::Idempotent,
        _ => Retry::Never,
    };
    ProxyError::upstream(kind).with_retry(retry).with_detail(sentence(kind)).with_source(error)
}

/// Whether anything of a request was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// Nothing was.
    Nothing,
    /// Something may have been.
    Something,
}

/// Why a response's body ended early.
pub(super) fn of_body(error: hyper::Error) -> ProxyError {
    let malformed = error
        .source()
        .and_then(|source| source.downcast_ref::<io::Error>())
        .is_some_and(|error| matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput));
    let kind = if malformed { ErrorType::HttpResponseTransferCoding } else { ErrorType::HttpResponseIncomplete };
    ProxyError::upstream(kind).with_detail(sentence(kind)).with_source(error)
}

/// The fault of the request's own body, if that is what went wrong.
fn of_client(error: &hyper::Error) -> Option<ProxyError> {
    if !error.is_user() {
        return None;
    }
    let mut cause = error.source();
    while let Some(known) = cause {
        if let Some(told) = told(known) {
            let again = match told.side {
                Side::Client => ProxyError::client(told.kind),
                Side::Proxy => ProxyError::proxy(told.kind),
                Side::Upstream => ProxyError::upstream(told.kind),
            };
            let again = again.with_status(told.status());
            return Some(match told.detail() {
                Some(detail) => again.with_detail(detail),
                None => again,
            });
        }
        cause = known.source();
    }
    let detail = "the client's request ended early";
    Some(ProxyError::client(ErrorType::HttpRequestError).with_detail(detail))
}

/// Whether a request failed since its client went away while it sent the body, and not since the body was refused.
pub(super) fn client_left(error: &hyper::Error) -> bool {
    if !error.is_user() {
        return false;
    }
    let mut cause = error.source();
    while let Some(known) = cause.filter(|known| told(*known).is_none()) {
        if is_departure(known) {
            return true;
        }
        cause = known.source();
    }
    false
}

fn is_departure(known: &(dyn std::error::Error + 'static)) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, TimedOut, UnexpectedEof};
    if let Some(error) = known.downcast_ref::<hyper::Error>() {
        return error.is_incomplete_message() || error.is_closed() || error.is_canceled();
    }
    known.downcast_ref::<io::Error>().is_some_and(|error| {
        matches!(
            error.kind(),
            BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected | TimedOut | UnexpectedEof
        )
    })
}

/// The error of ours that `known` is, or, since the framing guard stands beneath hyper, that an IO error holds.
fn told<'a>(known: &'a (dyn std::error::Error + 'static)) -> Option<&'a ProxyError> {
    let held = || known.downcast_ref::<io::Error>().and_then(io::Error::get_ref).and_then(|held| held.downcast_ref());
    known.downcast_ref().or_else(held)
}

fn sentence(kind: ErrorType) -> &'static str {
    match kind {
        ErrorType::HttpProtocolError => "the upstream spoke no valid HTTP",
        ErrorType::HttpResponseHeaderSectionSize => "the upstream's response has too large a head",
        ErrorType::HttpResponseTransferCoding => "the upstream's response is not framed as it says",
        ErrorType::HttpResponseIncomplete => "the upstream's response ended early",
        _ => "the upstream closed the connection before it answered",
    }
}
