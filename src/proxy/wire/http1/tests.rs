use bytes::BytesMut;
use http::{Method, StatusCode};

use super::{super::WireError, inbound::Inbound};

/// Reads a response that arrives in pieces of `size` octets: its status, its body, its trailers.
fn read(octets: &[u8], size: usize, method: &Method) -> Result<(StatusCode, Vec<u8>, Vec<String>), WireError> {
    let (mut inbound, mut input) = (Inbound::default(), BytesMut::new());
    inbound.begin();
    let mut pieces = octets.chunks(size);
    let head = loop {
        if let Some(head) = inbound.poll_head(&mut input, method, |_| ())? {
            break head;
        }
        input.extend_from_slice(pieces.next().ok_or(WireError::Closed)?);
    };
    let (mut body, mut trailers) = (Vec::new(), Vec::new());
    while !inbound.is_over() {
        match inbound.frame(&mut input)? {
            Some(frame) if frame.is_data() => body.extend_from_slice(&frame.into_data().unwrap()),
            Some(frame) => {
                let fields = frame.into_trailers().unwrap();
                trailers.extend(fields.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())));
            }
            None if inbound.is_over() => {}
            None => match pieces.next() {
                Some(piece) => input.extend_from_slice(piece),
                None => inbound.close()?,
            },
        }
    }
    Ok((head.status(), body, trailers))
}

/// However it is cut, a response is the same.
fn check(octets: &str, body: &str, trailers: &[&str]) {
    for size in 1..=octets.len() {
        let (status, read_body, read_trailers) = read(octets.as_bytes(), size, &Method::GET).unwrap();
        assert_eq!(status, StatusCode::OK);
        assert_eq!(String::from_utf8(read_body).unwrap(), body, "{octets:?} in pieces of {size}");
        assert_eq!(read_trailers, trailers, "{octets:?} in pieces of {size}");
    }
}

#[test]
fn responses_are_read_however_they_are_cut() {
    check("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", "hello", &[]);
    check("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", "", &[]);
    check("HTTP/1.1 200\r\n\r\nuntil the end", "until the end", &[]);
    check("HTTP/1.0 200 OK\r\n\r\nold", "old", &[]);
    check(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nlink: a\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx",
        "x",
        &[],
    );
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    check(&format!("{head}5\r\nhello\r\n6;a=b\r\n world\r\n0\r\n\r\n"), "hello world", &[]);
    check(&format!("{head}0\r\n\r\n"), "", &[]);
    check(&format!("{head}1\r\nx\r\n0\r\nx-sum: 1\r\nx-more: 2\r\n\r\n"), "x", &["x-sum: 1", "x-more: 2"]);
}

#[test]
fn what_cannot_be_read_has_its_name() {
    let fault = |octets: &str| {
        let by_all = read(octets.as_bytes(), octets.len(), &Method::GET).unwrap_err().to_string();
        assert_eq!(by_all, read(octets.as_bytes(), 1, &Method::GET).unwrap_err().to_string());
        by_all
    };
    let cut_off = "the connection was closed in the middle of a message";
    assert_eq!(fault("HTTP/1.1 200 OK\r\nconte"), cut_off);
    assert_eq!(fault("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell"), cut_off);
    assert_eq!(fault("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"), cut_off);
    assert_eq!(fault("SSH-2.0-OpenSSH\r\n\r\n"), "the response has a head that is no HTTP");
    assert_eq!(
        fault("HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n"),
        "the response has two lengths that differ"
    );
    assert!(fault("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n").contains("hexadecimal"));
    let many = "HTTP/1.1 100 Continue\r\n\r\n".repeat(17);
    assert_eq!(fault(&many), "the response has too many informational responses before it");
}

#[test]
fn heads_are_bounded() {
    let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(70_000));
    let fields = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(129));
    for octets in [long, fields] {
        let error = read(octets.as_bytes(), 4096, &Method::GET).unwrap_err();
        assert!(matches!(error, WireError::TooLarge), "{error}");
    }
}

#[test]
fn a_response_to_head_has_no_body() {
    let octets = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n";
    let (status, body, _) = read(octets, octets.len(), &Method::HEAD).unwrap();
    assert_eq!((status, body), (StatusCode::OK, Vec::new()));
}
