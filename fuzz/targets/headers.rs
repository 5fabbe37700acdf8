//! Fields that say where a request comes from, what is meant for one hop only, and what is hidden in spans.

use std::net::{IpAddr, Ipv4Addr};

use http::{HeaderMap, HeaderName, HeaderValue};
use waylight::rules::{
    headers::{
        Names, Scheme,
        forwarded::{self, PeerTrust, Told},
        hop,
        redact::Redaction,
        via,
    },
    page,
};

/// Each line is a field: `name: value`.
pub(super) fn run(data: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in data.split(|octet| *octet == b'\n').take(64) {
        let Some(colon) = line.iter().position(|octet| *octet == b':') else { continue };
        let name = HeaderName::from_bytes(line[..colon].trim_ascii());
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    let _ = (page::navigates(&headers), page::plan(&headers), page::may_be_shared(&headers));
    page::make_personal(&mut headers.clone());
    let redaction = Redaction::new(&[], &["secret".to_owned()]);
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = (redaction.query(text), redaction.url(text));
    }
    let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let trusted = ["127.0.0.0/8".parse().expect("a network")];
    let stranger = forwarded::client(&headers, peer, Scheme::Http, &[]);
    assert_eq!(stranger.address, peer, "a stranger is believed");
    let client = forwarded::client(&headers, peer, Scheme::Http, &trusted);
    for peer_trust in [PeerTrust::Trusted, PeerTrust::Unknown] {
        let mut told = headers.clone();
        let peer_value = forwarded::peer_value(peer);
        let tells = Told { peer, peer_value: &peer_value, peer_trust, client: &client, host: None };
        forwarded::write(&mut told, Names::of(&headers), tells);
    }
    let _ = via::passes(&headers, "waylight");
    let names = Names::of(&headers);
    let _ = hop::strip(&mut headers, names);
    for name in ["connection", "keep-alive", "transfer-encoding", "upgrade", "proxy-connection"] {
        assert!(!headers.contains_key(name), "{name} goes on");
    }
}
