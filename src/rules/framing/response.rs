//! How the end of a response's body is found, RFC 9112 section 6.3, and which responses could be understood in two ways;
//! and how a response is framed so that its end is found.

use http::{
    HeaderMap, Method, StatusCode, Version,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
};

use crate::rules::headers::list;

/// How the end of a response's body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyEnd {
    /// It has none.
    Nothing,
    /// After so many octets.
    Length(u64),
    /// By the chunked transfer coding.
    Chunked,
    /// When the sender closes the connection.
    Close,
}

/// How the body ends of a response to a request of `method`.
///
/// # Errors
/// What is wrong, in words: lengths that differ or are no numbers, a transfer coding in HTTP/1.0, or one other than
/// `chunked`: no other was asked for, and whoever got the content would not know of it.
pub fn body_end(
    method: &Method,
    status: StatusCode,
    version: Version,
    headers: &HeaderMap,
) -> Result<BodyEnd, &'static str> {
    if *method == Method::HEAD
        || status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
    {
        return Ok(BodyEnd::Nothing);
    }
    if headers.contains_key(TRANSFER_ENCODING) {
        if version != Version::HTTP_11 {
            return Err("a transfer coding, which HTTP/1.0 does not know");
        }
        let mut codings = list(headers.get_all(TRANSFER_ENCODING).iter());
        let is_chunked = |coding: &[u8]| coding.eq_ignore_ascii_case(b"chunked");
        let is_known = codings.next().is_some_and(is_chunked) && codings.all(is_chunked);
        return if is_known { Ok(BodyEnd::Chunked) } else { Err("a transfer coding other than chunked") };
    }
    let mut length = None;
    for value in list(headers.get_all(CONTENT_LENGTH).iter()) {
        let digits = Some(value).filter(|value| !value.is_empty() && value.iter().all(u8::is_ascii_digit));
        let said: u64 = digits
            .and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok())
            .ok_or("a length that is no number")?;
        if length.is_some_and(|before| before != said) {
            return Err("two lengths that differ");
        }
        length = Some(said);
    }
    match length {
        Some(length) => Ok(BodyEnd::Length(length)),
        None if headers.contains_key(CONTENT_LENGTH) => Err("a length that is no number"),
        None => Ok(BodyEnd::Close),
    }
}

/// How the content of a response to a client is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is none; `Content-Length` may say how long it would have been.
    Nothing(Option<u64>),
    /// So many octets follow.
    Length(u64),
    /// Chunks follow.
    Chunked,
    /// It goes on until the connection is closed.
    Close,
}

/// How the content of a response with `status` is framed, which answers a request of `method` that came in `version`:
/// it is `length` octets long, if that is known. RFC 9112 section 6.3, RFC 9110 section 8.6.
pub fn framing(method: &Method, version: Version, status: StatusCode, length: Option<u64>) -> Framing {
    if status.is_informational() || status == StatusCode::NO_CONTENT {
        return Framing::Nothing(None);
    }
    if *method == Method::HEAD || status == StatusCode::NOT_MODIFIED {
        return Framing::Nothing(length);
    }
    match length {
        Some(length) => Framing::Length(length),
        None if version == Version::HTTP_11 => Framing::Chunked,
        None => Framing::Close,
    }
}

#[cfg(test)]
mod tests;
