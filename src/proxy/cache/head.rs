//! Header fields as they are stored: a number for each usual name, lengths, and values, one behind another. Values are
//! given out again as slices of the stored octets, so an answer copies none of them.

use std::sync::LazyLock;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};

/// What names are numbered by. The order is stored on disk: new names go to the end.
static NAMES: LazyLock<Vec<HeaderName>> = LazyLock::new(|| {
    let own = [
        "cdn-cache-control",
        "waylight-cache-control",
        "cache-status",
        "cache-tag",
        "surrogate-key",
        "cache-groups",
        "x-powered-by",
        "x-request-id",
        "cross-origin-opener-policy",
        "cross-origin-resource-policy",
        "cross-origin-embedder-policy",
        "permissions-policy",
        "server-timing",
        "timing-allow-origin",
        "content-digest",
        "repr-digest",
        "x-robots-tag",
        "nel",
        "report-to",
        "reporting-endpoints",
    ];
    let standard = [
        header::DATE,
        header::CONTENT_TYPE,
        header::CONTENT_LENGTH,
        header::CACHE_CONTROL,
        header::ETAG,
        header::LAST_MODIFIED,
        header::EXPIRES,
        header::VARY,
        header::CONTENT_ENCODING,
        header::SERVER,
        header::ACCEPT_RANGES,
        header::CONTENT_LANGUAGE,
        header::CONTENT_DISPOSITION,
        header::CONTENT_LOCATION,
        header::CONTENT_RANGE,
        header::CONTENT_SECURITY_POLICY,
        header::CONTENT_SECURITY_POLICY_REPORT_ONLY,
        header::STRICT_TRANSPORT_SECURITY,
        header::X_CONTENT_TYPE_OPTIONS,
        header::X_FRAME_OPTIONS,
        header::X_XSS_PROTECTION,
        header::REFERRER_POLICY,
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        header::ACCESS_CONTROL_ALLOW_METHODS,
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        header::ACCESS_CONTROL_MAX_AGE,
        header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
        header::LINK,
        header::LOCATION,
        header::SET_COOKIE,
        header::VIA,
        header::ALT_SVC,
        header::RETRY_AFTER,
        header::ALLOW,
        header::PRAGMA,
    ];
    standard.into_iter().chain(own.into_iter().map(HeaderName::from_static)).collect()
});
/// Stands before a name that has no number.
const SPELT: u8 = u8::MAX;

/// Appends fields to `octets`.
pub(super) fn write(headers: &HeaderMap, octets: &mut Vec<u8>) {
    for (name, value) in headers {
        let Ok(length) = u16::try_from(value.len()) else { continue };
        match NAMES.iter().position(|known| known == name).and_then(|at| u8::try_from(at).ok()) {
            Some(number) => octets.push(number),
            None => {
                let Ok(named) = u8::try_from(name.as_str().len()) else { continue };
                octets.extend([SPELT, named]);
                octets.extend_from_slice(name.as_str().as_bytes());
            }
        }
        octets.extend_from_slice(&length.to_le_bytes());
        octets.extend_from_slice(value.as_bytes());
    }
}

/// The fields again, of what was written here.
pub(super) fn read(octets: &Bytes) -> HeaderMap {
    read_until(octets).0
}

/// The fields again, of what comes from elsewhere; `None` where it is not all fields, as a broken disk has it, or one that
/// another version wrote.
pub(super) fn read_all(octets: &Bytes) -> Option<HeaderMap> {
    let (headers, end) = read_until(octets);
    (end == octets.len()).then_some(headers)
}

fn read_until(octets: &Bytes) -> (HeaderMap, usize) {
    let mut headers = HeaderMap::with_capacity(16);
    let (mut at, mut end) = (0, 0);
    while let Some((name, value)) = field(octets, &mut at) {
        headers.append(name, value);
        end = at;
    }
    (headers, end)
}

fn field(octets: &Bytes, at: &mut usize) -> Option<(HeaderName, HeaderValue)> {
    let number = *octets.get(*at)?;
    *at += 1;
    let name = if number == SPELT {
        let length = usize::from(*octets.get(*at)?);
        let name = octets.get(*at + 1..*at + 1 + length)?;
        *at += 1 + length;
        HeaderName::from_bytes(name).ok()?
    } else {
        NAMES.get(usize::from(number))?.clone()
    };
    let length = usize::from(u16::from_le_bytes([*octets.get(*at)?, *octets.get(*at + 1)?]));
    *at += 2;
    if octets.len() < *at + length {
        return None;
    }
    let value = HeaderValue::from_maybe_shared(octets.slice(*at..*at + length)).ok()?;
    *at += length;
    Some((name, value))
}
