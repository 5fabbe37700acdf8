//! Header fields as they are stored, one behind another: a number for a usual field, for a usual name, and for a date. An
//! answer writes them out again, all values into one piece of memory of its own.

use std::{
    io::Write as _,
    sync::LazyLock,
    time::{Duration, UNIX_EPOCH},
};

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
/// Fields that many responses have just so: name and value are one number. The order is stored on disk, too.
static FIELDS: LazyLock<Vec<(HeaderName, HeaderValue)>> = LazyLock::new(|| {
    let usual = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_TYPE, "text/html;charset=utf-8"),
        (header::CONTENT_TYPE, "text/html; charset=UTF-8"),
        (header::CONTENT_TYPE, "text/html"),
        (header::CONTENT_TYPE, "text/plain"),
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CONTENT_TYPE, "text/css"),
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CONTENT_TYPE, "text/javascript"),
        (header::CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (header::CONTENT_TYPE, "application/javascript"),
        (header::CONTENT_TYPE, "application/javascript; charset=utf-8"),
        (header::CONTENT_TYPE, "application/json"),
        (header::CONTENT_TYPE, "application/json; charset=utf-8"),
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CONTENT_TYPE, "application/xml"),
        (header::CONTENT_TYPE, "image/png"),
        (header::CONTENT_TYPE, "image/jpeg"),
        (header::CONTENT_TYPE, "image/gif"),
        (header::CONTENT_TYPE, "image/webp"),
        (header::CONTENT_TYPE, "image/avif"),
        (header::CONTENT_TYPE, "image/svg+xml"),
        (header::CONTENT_TYPE, "image/x-icon"),
        (header::CONTENT_TYPE, "font/woff2"),
        (header::ACCEPT_RANGES, "bytes"),
        (header::CONTENT_ENCODING, "gzip"),
        (header::CONTENT_ENCODING, "br"),
        (header::CONTENT_ENCODING, "zstd"),
        (header::VARY, "accept-encoding"),
        (header::VARY, "Accept-Encoding"),
        (header::SERVER, "nginx"),
        (header::SERVER, "Apache"),
        (header::CACHE_CONTROL, "public"),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::CACHE_CONTROL, "public, max-age=31536000"),
        (header::CACHE_CONTROL, "max-age=31536000"),
        (header::CACHE_CONTROL, "public, max-age=3600"),
        (header::CACHE_CONTROL, "max-age=3600"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "SAMEORIGIN"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_XSS_PROTECTION, "1; mode=block"),
        (header::X_XSS_PROTECTION, "0"),
        (header::REFERRER_POLICY, "strict-origin-when-cross-origin"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains"),
        (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
    ];
    usual.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))).collect()
});
static CONTENT_LENGTH: HeaderName = header::CONTENT_LENGTH;
/// Numbers from here on are those of whole fields.
const WHOLE: u8 = 128;
/// Stands before the number of a name whose value is a date, which is kept as seconds.
const DATED: u8 = u8::MAX - 2;
/// Stands for `Content-Length`, where it is that of the body.
const LENGTH: u8 = u8::MAX - 1;
/// Stands before a name that has no number.
const SPELT: u8 = u8::MAX;
/// The octets of a date, as everybody writes it today (RFC 9110 section 5.6.7).
const DATE_BYTES: usize = 29;

/// Appends the fields of a response whose body has so many octets to `octets`.
pub(super) fn write(headers: &HeaderMap, body: u64, octets: &mut Vec<u8>) {
    for (name, value) in headers {
        if let Some(at) = FIELDS.iter().position(|(known, usual)| known == name && usual == value) {
            octets.push(WHOLE.saturating_add(u8::try_from(at).unwrap_or(0)));
            continue;
        }
        if *name == header::CONTENT_LENGTH && value.as_bytes() == body.to_string().as_bytes() {
            octets.push(LENGTH);
            continue;
        }
        let number = NAMES.iter().position(|known| known == name).and_then(|at| u8::try_from(at).ok());
        match (number, seconds(value)) {
            (Some(number), Some(seconds)) => {
                octets.extend([DATED, number]);
                octets.extend_from_slice(&seconds.to_le_bytes());
                continue;
            }
            (Some(number), None) => octets.push(number),
            (None, _) => {
                octets.push(SPELT);
                write_text(name.as_str().as_bytes(), octets);
            }
        }
        write_text(value.as_bytes(), octets);
    }
}

/// A date in seconds, if it is written just as it would be written again.
fn seconds(value: &HeaderValue) -> Option<u32> {
    let text = value.to_str().ok().filter(|text| text.len() == DATE_BYTES)?;
    let date = httpdate::parse_http_date(text).ok()?;
    let seconds = date.duration_since(UNIX_EPOCH).ok()?.as_secs();
    (httpdate::fmt_http_date(date) == text).then(|| u32::try_from(seconds).ok())?
}

/// Text behind its length, of which seven bits stand in each octet.
fn write_text(text: &[u8], octets: &mut Vec<u8>) {
    let mut length = text.len();
    while length > 0x7f {
        octets.push(0x80 | u8::try_from(length & 0x7f).unwrap_or(0));
        length >>= 7;
    }
    octets.push(u8::try_from(length).unwrap_or(0));
    octets.extend_from_slice(text);
}

/// The fields again, of a response whose body has so many octets; `None` where it is not all fields, as a broken disk has
/// it, or one that another version wrote.
pub(super) fn read(octets: &[u8], body: u64) -> Option<HeaderMap> {
    // All values that are not known anyway in one piece of memory, of which each is a slice.
    let mut text = Vec::with_capacity(octets.len() + 2 * DATE_BYTES);
    let mut count = 0;
    for field in Fields(octets) {
        match field?.1 {
            Value::Usual(_) => {}
            Value::Text(value) => text.extend_from_slice(value),
            Value::Date(seconds) => {
                let date = UNIX_EPOCH + Duration::from_secs(u64::from(seconds));
                write!(text, "{}", httpdate::HttpDate::from(date)).ok()?;
            }
            Value::Length => write!(text, "{body}").ok()?,
        }
        count += 1;
    }
    let mut text = Bytes::from(text);
    let digits = usize::try_from(body.checked_ilog10().unwrap_or(0)).unwrap_or(0) + 1;
    let mut headers = HeaderMap::with_capacity(count + 2);
    for field in Fields(octets) {
        let (name, value) = field?;
        let name = match name {
            Name::Known(name) => name.clone(),
            Name::Spelt(name) => HeaderName::from_bytes(name).ok()?,
        };
        let value = match value {
            Value::Usual(value) => value.clone(),
            Value::Text(value) => HeaderValue::from_maybe_shared(text.split_to(value.len())).ok()?,
            Value::Date(_) => HeaderValue::from_maybe_shared(text.split_to(DATE_BYTES)).ok()?,
            Value::Length => HeaderValue::from_maybe_shared(text.split_to(digits)).ok()?,
        };
        headers.append(name, value);
    }
    Some(headers)
}

/// Stored fields one by one; `None` for what is none, and then no more.
struct Fields<'a>(&'a [u8]);

enum Name<'a> {
    Known(&'static HeaderName),
    Spelt(&'a [u8]),
}

enum Value<'a> {
    Usual(&'static HeaderValue),
    Text(&'a [u8]),
    Date(u32),
    Length,
}

impl<'a> Iterator for Fields<'a> {
    type Item = Option<(Name<'a>, Value<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<(Name<'a>, Value<'a>)> {
        let named = |number: u8| NAMES.get(usize::from(number)).map(Name::Known);
        match self.octet()? {
            SPELT => {
                let name = Name::Spelt(self.text()?);
                Some((name, Value::Text(self.text()?)))
            }
            LENGTH => Some((Name::Known(&CONTENT_LENGTH), Value::Length)),
            DATED => {
                let name = named(self.octet()?)?;
                let (seconds, rest) = self.0.split_first_chunk()?;
                self.0 = rest;
                Some((name, Value::Date(u32::from_le_bytes(*seconds))))
            }
            number if number >= WHOLE => {
                let (name, value) = FIELDS.get(usize::from(number - WHOLE))?;
                Some((Name::Known(name), Value::Usual(value)))
            }
            number => Some((named(number)?, Value::Text(self.text()?))),
        }
    }

    fn octet(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let (mut length, mut shift) = (0_usize, 0);
        loop {
            let octet = self.octet()?;
            length |= usize::from(octet & 0x7f).checked_shl(shift)?;
            if octet < 0x80 {
                break;
            }
            shift += 7;
        }
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(text)
    }
}

#[cfg(test)]
mod tests;
