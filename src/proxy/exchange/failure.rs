//! What a failed exchange is called: from what a connection says to the types of RFC 9209.

use std::io;

use crate::{
    error::{BoxError, ErrorType, ProxyError, Retry, Side},
    proxy::wire::{Age, Sent, WireError},
};

/// Why no head of a response came over a connection of this age.
pub(super) fn of_head(error: WireError, age: Age, sent: Sent) -> ProxyError {
    let kind = match error {
        WireError::Body(error) => return of_request(&error),
        _ if sent == Sent::Nothing => ErrorType::ConnectionTerminated,
        WireError::Closed | WireError::Io(_) => ErrorType::ConnectionTerminated,
        WireError::TooLarge => ErrorType::HttpResponseHeaderSectionSize,
        WireError::Malformed(_) | WireError::Framing(_) => ErrorType::HttpProtocolError,
    };
    let retry = match (kind, sent, age) {
        (_, Sent::Nothing, _) => Retry::Unsent,
        // It may have been closed before the request arrived.
        (ErrorType::ConnectionTerminated, Sent::Something, Age::Reused) => Retry::Idempotent,
        _ => Retry::Never,
    };
    ProxyError::upstream(kind).with_retry(retry).with_detail(sentence(kind)).with_source(error)
}

/// Why a response's body ended early.
pub(super) fn of_body(error: WireError) -> ProxyError {
    let kind = match error {
        WireError::Body(error) => return of_request(&error),
        WireError::Framing(_) => ErrorType::HttpResponseTransferCoding,
        _ => ErrorType::HttpResponseIncomplete,
    };
    ProxyError::upstream(kind).with_detail(sentence(kind)).with_source(error)
}

/// The fault of the request's own body.
fn of_request(error: &BoxError) -> ProxyError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&**error);
    while let Some(known) = cause {
        if let Some(told) = told(known) {
            let again = match told.side {
                Side::Client => ProxyError::client(told.kind),
                Side::Proxy => ProxyError::proxy(told.kind),
                Side::Upstream => ProxyError::upstream(told.kind),
            };
            let again = again.with_status(told.status());
            return match told.detail() {
                Some(detail) => again.with_detail(detail),
                None => again,
            };
        }
        cause = known.source();
    }
    ProxyError::client(ErrorType::HttpRequestError).with_detail("the client's request ended early")
}

/// Whether a request failed since its client went away while it sent the body, and not since the body was refused.
pub(super) fn client_left(error: &WireError) -> bool {
    let WireError::Body(error) = error else { return false };
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&**error);
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
    // Over HTTP/2.
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

/// The error of ours that `known` is.
fn told<'a>(known: &'a (dyn std::error::Error + 'static)) -> Option<&'a ProxyError> {
    known.downcast_ref()
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
