//! Tokens, cookies and the force header: nothing that was not sealed here opens, and nothing of ours goes further.

use http::{HeaderMap, HeaderValue, Method, header::COOKIE};
use waylight::rules::{
    headers::Scheme,
    session::{self, Csrf, Force, Id, Identity, Session, Share, SignInLink, TraceLink, Upload, flow::Flow, force},
    token::{Keys, PAYLOAD_BYTES_MAX, Purpose},
};

/// The data is a token, a cookie and a force header at once.
pub(super) fn run(data: &[u8]) {
    let keys = Keys::new(&[[7_u8; 32]]).expect("a secret of 32 octets");
    if let Ok(text) = std::str::from_utf8(data) {
        for purpose in Purpose::ALL {
            assert!(keys.open(purpose, text).is_err(), "a forged token");
        }
    }
    sealed(&keys, data);
    every_kind(&keys, data);
    let mut headers = HeaderMap::new();
    for part in data.split(|octet| *octet == b'\n').take(8) {
        let Ok(value) = HeaderValue::from_bytes(part) else { continue };
        headers.append(COOKIE, value.clone());
        headers.append(force::FORCE, value);
    }
    for scheme in [Scheme::Http, Scheme::Https] {
        let credentials = session::read(&headers, scheme, &keys, "a.example", 1);
        assert!(credentials.identity.is_none() && credentials.session.is_none());
    }
    let target = force::Target { host: "a.example", method: &Method::GET, path: "/" };
    assert!(!matches!(force::read(&headers, &keys, target, 1), Some(Ok(_))));
    force::strip(&mut headers);
    session::strip(&mut headers);
    assert!(!headers.contains_key(force::FORCE));
    for value in headers.get_all(COOKIE) {
        for pair in value.as_bytes().split(|octet| *octet == b';') {
            // What has no `=` is a value without a name.
            let Some(equals) = pair.iter().position(|octet| *octet == b'=') else { continue };
            let name = pair[..equals].trim_ascii();
            assert!(name != b"waylight" && name != b"__Host-waylight", "our cookie goes on: {value:?}");
        }
    }
}

/// What was sealed opens for its purpose, and for no other.
fn sealed(keys: &Keys, payload: &[u8]) {
    let payload = &payload[..payload.len().min(64)];
    let token = keys.seal(Purpose::Force, payload);
    for purpose in Purpose::ALL {
        let opened = keys.open(purpose, &token).ok();
        assert_eq!(opened.as_deref(), (purpose == Purpose::Force).then_some(payload));
    }
}

/// A payload that was sealed for a purpose, and says anything: it is read as what it is, or refused.
fn every_kind(keys: &Keys, payload: &[u8]) {
    let payload = &payload[..payload.len().min(PAYLOAD_BYTES_MAX)];
    let token = |purpose| keys.seal(purpose, payload);
    SignInLink::open(&token(Purpose::SignIn), keys, 1).ok();
    Identity::open(&token(Purpose::Identity), keys, 1).ok();
    Session::open(&token(Purpose::Session), keys, 1).ok();
    TraceLink::open(&token(Purpose::TraceLink), keys, "a.example", 1).ok();
    Share::open(&token(Purpose::Share), keys, 1).ok();
    Force::open(&token(Purpose::Force), keys, 1).ok();
    Csrf::verify(&token(Purpose::Csrf), keys, Id::from_bytes([0; 16]), 1).ok();
    if let Ok(upload) = Upload::open(&token(Purpose::Upload), keys, 1) {
        assert_eq!(upload.seal(keys), token(Purpose::Upload), "one way to write it");
    }
    let mut headers = HeaderMap::new();
    let flow = format!("waylight-sign-in={}", token(Purpose::Flow));
    headers.insert(COOKIE, HeaderValue::try_from(flow).expect("base64url"));
    Flow::read(&headers, Scheme::Http, keys, "a.example", 1).ok();
}
