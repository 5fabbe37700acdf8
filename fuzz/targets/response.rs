//! An upstream's response: how the end of its body is found, and the chunked transfer coding, however it is cut.

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use waylight::rules::framing::{
    chunks::{Chunks, Next},
    response::body_end,
};

/// The first line are fields, separated by `|`; the rest is a chunked body.
pub(super) fn run(data: &[u8]) {
    let line = data.iter().position(|octet| *octet == b'\n').unwrap_or(data.len());
    let (fields, body) = (&data[..line], data.get(line + 1..).unwrap_or_default());
    let mut headers = HeaderMap::new();
    for field in fields.split(|octet| *octet == b'|').take(32) {
        let colon = field.iter().position(|octet| *octet == b':').unwrap_or(field.len());
        let value = field.get(colon + 1..).unwrap_or_default().trim_ascii();
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(&field[..colon]), HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    for version in [Version::HTTP_10, Version::HTTP_11] {
        let end = body_end(&Method::GET, StatusCode::OK, version, &headers);
        assert_eq!(end, body_end(&Method::POST, StatusCode::OK, version, &headers));
    }
    assert_eq!(decode(body, body.len().max(1)), decode(body, 1), "however a body is cut, it is the same");
}

/// What a body that comes in pieces holds, and whether it ended well.
fn decode(body: &[u8], size: usize) -> (Vec<u8>, &'static str) {
    let (mut chunks, mut data) = (Chunks::default(), Vec::new());
    for mut piece in body.chunks(size) {
        loop {
            let (used, next) = chunks.next(piece);
            piece = &piece[used..];
            match next {
                Err(fault) => return (data, fault.reason),
                Ok(Next::Last) => return (data, "over"),
                Ok(Next::Data(left)) if !piece.is_empty() => {
                    let taken = usize::try_from(left).map_or(piece.len(), |left| left.min(piece.len()));
                    data.extend_from_slice(&piece[..taken]);
                    chunks.took(taken as u64);
                    piece = &piece[taken..];
                }
                Ok(Next::Data(_) | Next::More) => break,
            }
        }
    }
    (data, "more")
}
