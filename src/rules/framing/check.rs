//! What a request is refused for once its head is read: heads of HTTP/2 are not read by
//! [`Requests`](super::request::Requests), and some of what is well framed is refused in every version.

use http::{
    Method, Request, StatusCode,
    header::{CONTENT_LENGTH, EXPECT},
};

use super::Fault;
use crate::rules::headers::{Field, Names};

/// Whether a request may be handled at all.
///
/// # Errors
/// With 400, several lengths or one that is not written in the only way, and the target `*` without `OPTIONS`; with
/// 405, `TRACE`, which would send back what scripts must not read, and `CONNECT`; with 417, whatever is expected but
/// `100-continue` (RFC 9110 section 10.1.1).
pub fn check<B>(request: &Request<B>) -> Result<(), Fault> {
    match *request.method() {
        Method::CONNECT => return Err(Fault::of(StatusCode::METHOD_NOT_ALLOWED, "CONNECT is for forward proxies")),
        Method::TRACE => return Err(Fault::of(StatusCode::METHOD_NOT_ALLOWED, "TRACE would show cookies to scripts")),
        Method::OPTIONS => {}
        _ if request.uri().path() == "*" => return Err(Fault::bad("the target * belongs to OPTIONS")),
        _ => {}
    }
    let names = Names::of(request.headers());
    if !names.any(Field::CONTENT_LENGTH) && !names.any(Field::EXPECT) {
        return Ok(());
    }
    let mut lengths = request.headers().get_all(CONTENT_LENGTH).iter();
    if lengths.next().is_some_and(|length| !is_canonical(length.as_bytes())) {
        return Err(Fault::bad("a Content-Length that is not a number"));
    }
    if lengths.next().is_some() {
        return Err(Fault::bad("more than one Content-Length"));
    }
    let mut expected =
        request.headers().get_all(EXPECT).iter().flat_map(|value| value.as_bytes().split(|&o| o == b','));
    let known = |member: &[u8]| member.is_empty() || member.eq_ignore_ascii_case(b"100-continue");
    if !expected.all(|member| known(member.trim_ascii())) {
        return Err(Fault::of(StatusCode::EXPECTATION_FAILED, "an expectation other than 100-continue"));
    }
    Ok(())
}

/// Whether a number has digits only, and no zero that could be left out.
fn is_canonical(length: &[u8]) -> bool {
    match length {
        [] | [b'0', _, ..] => false,
        digits => digits.iter().all(u8::is_ascii_digit),
    }
}
