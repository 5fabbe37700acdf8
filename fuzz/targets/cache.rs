//! The cache's rules: whatever two heads say, they are read, every lifetime has a bound, ranges lie within what is there,
//! and a request varies by nothing from itself.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use waylight::rules::cache::{
    Answer, Policy, RequestDirectives, date,
    directives::SECONDS_MAX,
    key, range,
    range::Wanted,
    stored::{storable, strip},
    tags, validate, vary,
};

/// A moment in 1994, in seconds since the Unix epoch.
const NOW: u64 = 784_111_777;

/// Field lines of a request, an empty line, and those of its response.
pub(super) fn run(data: &[u8]) {
    let mut heads = data.split(|&octet| octet == b'\n').map(<[u8]>::trim_ascii);
    let request = head(heads.by_ref().take_while(|line| !line.is_empty()));
    let mut response = head(heads);
    let status = StatusCode::from_u16(200 + u16::from(data.first().copied().unwrap_or(0))).unwrap_or_default();
    let policy = Policy::default();
    let answer = Answer { status, headers: &response, asked: NOW * 1_000, answered: NOW * 1_000 };
    if let Ok(stored) = storable(&request, &answer, &policy) {
        let terms = stored.terms;
        assert!(terms.ttl <= SECONDS_MAX && terms.born <= NOW * 1_000);
        let values = stored.vary.values(&request);
        assert_eq!(vary::differs(&values, &request), None);
        let _decided = terms.decide(&RequestDirectives::of(&request), NOW * 1_000 + 5_000);
    }
    for length in [0, 1, 1_000] {
        if let Wanted::Parts(spans) = range::wanted(&request, length) {
            assert!(spans.iter().all(|span| span.first <= span.last && span.last < length));
        }
    }
    validate::is_current(&request, &response, NOW);
    tags::tags(&response);
    tags::groups(&response, &tags::CACHE_GROUPS);
    let asked = key::Asked {
        scheme: "https",
        authority: "shop.example",
        forwarded_host: None,
        path: "/a/b",
        query: None,
        headers: &request,
    };
    assert!(key::invalidates(&response, &asked).iter().all(|target| target.starts_with('/')));
    if let Ok(key) = key::key(&asked, &policy) {
        assert_eq!(key::url(&key), "https://shop.example/a/b");
    }
    if let Some(moment) = date::parse(data, NOW) {
        assert!(moment < 1 << 40);
    }
    strip(&mut response, NOW * 1_000, &policy);
    assert!(response.contains_key("date"));
}

fn head<'a>(lines: impl Iterator<Item = &'a [u8]>) -> HeaderMap {
    let field = |line: &'a [u8]| {
        let colon = line.iter().position(|&octet| octet == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        Some((name, HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?))
    };
    let mut headers = HeaderMap::new();
    for (name, value) in lines.take(64).filter_map(field) {
        headers.append(name, value);
    }
    headers
}
