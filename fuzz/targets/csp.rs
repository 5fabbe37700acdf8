//! Content Security Policies: fitting a script into a page is done at once or not at all, and only once.

use http::{HeaderMap, HeaderValue, header::CONTENT_SECURITY_POLICY};
use waylight::rules::csp::{Address, Mode, Needs, fit};

/// The first octet chooses what may be done; each line of the rest is a policy.
pub(super) fn run(data: &[u8]) {
    let Some((&choice, text)) = data.split_first() else { return };
    let (_, mode) = Mode::ALL[usize::from(choice) % Mode::ALL.len()];
    let lines = text.split(|octet| *octet == b'\n').filter_map(|line| HeaderValue::from_bytes(line).ok());
    let mut headers: HeaderMap = lines.map(|line| (CONTENT_SECURITY_POLICY, line)).collect();
    let before = headers.clone();
    let at = |path| Address { scheme: "https", host: "shop.example", port: 443, path };
    let needs = Needs { script: at("/_waylight/assets/ab/toolbar/"), connect: at("/_waylight/api/v1/") };
    let Ok(first) = fit(&mut headers, needs, mode, || Some("new".to_owned())) else {
        assert_eq!(headers, before, "a page without toolbar was changed");
        return;
    };
    assert_eq!(first.changes.is_empty(), headers == before, "{:?}", first.changes);
    if mode == Mode::Extend {
        let after = headers.clone();
        let again = fit(&mut headers, needs, mode, || Some("other".to_owned()));
        assert!(again.is_ok_and(|again| again.changes.is_empty()), "extended twice: {before:?}, {after:?}");
    }
}
