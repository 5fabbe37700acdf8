//! One section of lines: a request's head, or the trailers of either message, RFC 9112 sections 3 to 5. Each line is
//! looked at once, as soon as it is complete, so octets that drip in cost no more than those that come at once; where
//! its parts stand is remembered, so that nobody looks for them again.

use std::ops::Range;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};

use super::{Bounds, Fault};
use crate::rules::authority;

/// No method is longer.
const METHOD_BYTES_MAX: usize = 32;

/// Stages add so many fields to a head, more or less: room for them is made at once.
const FIELDS_ADDED: usize = 6;

/// Follows a section.
#[derive(Clone, Debug, Default)]
pub(super) struct Section {
    /// Where the first incomplete line begins.
    line: usize,
    /// Up to here there is no end of that line.
    searched: usize,
    /// What the complete lines say.
    pub(super) fields: Fields,
    /// Where they stand.
    places: Places,
}

/// Where the parts of a section stand in it.
#[derive(Clone, Debug, Default)]
struct Places {
    method: Place,
    target: Place,
    /// Names and values.
    fields: Vec<(Place, Place)>,
}

/// A range within a section, which is far shorter than 4 GiB.
type Place = (u32, u32);

impl Section {
    /// Begins again with a section that starts with a request line. The room for places is kept, and so is the host.
    pub(super) fn begin_head(&mut self) {
        let mut places = std::mem::take(&mut self.places);
        places.fields.clear();
        let fields = Fields { host: std::mem::take(&mut self.fields.host), ..Fields::default() };
        *self = Self { places, fields, ..Self::default() };
    }

    /// Begins again with a section of fields only.
    pub(super) fn begin_trailers(&mut self) {
        self.begin_head();
        self.fields.line = Line::Field;
    }

    /// Where the section ends, if `octets`, which begin with it, hold all of it.
    pub(super) fn scan(&mut self, octets: &[u8], bounds: &Bounds) -> Result<Option<usize>, Fault> {
        loop {
            let found = memchr::memchr(b'\n', &octets[self.searched..]);
            let end = found.map_or(octets.len(), |at| self.searched + at + 1);
            if let Some(fault) = self.over(end, bounds) {
                return Err(fault);
            }
            self.searched = end;
            if found.is_none() {
                return Ok(None);
            }
            let line = &octets[self.line..end];
            let at = self.line;
            self.line = end;
            let Some(line) = line.strip_suffix(b"\r\n") else {
                return Err(Fault::bad("a line that ends in a bare LF"));
            };
            if self.fields.line(line, at, &mut self.places, bounds)? == Line::End {
                return Ok(Some(end));
            }
        }
    }

    /// The method of `section`, which was scanned.
    pub(super) fn method(&self, section: &[u8]) -> Result<Method, Fault> {
        Method::from_bytes(&section[range(self.places.method)]).map_err(|_| Fault::bad("a method that is not a token"))
    }

    /// The target of `section`, which was scanned.
    pub(super) fn target(&self, section: &Bytes) -> Result<Uri, Fault> {
        Uri::from_maybe_shared(section.slice(range(self.places.target)))
            .map_err(|_| Fault::bad("a target that is not a URI"))
    }

    /// The fields of `section`, which was scanned; their values share its octets.
    pub(super) fn headers(&self, section: &Bytes) -> Result<HeaderMap, Fault> {
        let too_many = || Fault::of(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "too many header fields");
        let mut headers =
            HeaderMap::try_with_capacity(self.places.fields.len() + FIELDS_ADDED).map_err(|_| too_many())?;
        for &(name, value) in &self.places.fields {
            let name = HeaderName::from_bytes(&section[range(name)])
                .map_err(|_| Fault::bad("a header name that is not a token"))?;
            let value = HeaderValue::from_maybe_shared(section.slice(range(value)))
                .map_err(|_| Fault::bad("a control character in a header"))?;
            headers.try_append(name, value).map_err(|_| too_many())?;
        }
        Ok(headers)
    }

    /// Whether a line that reaches to `end`, complete or not, is over a bound.
    fn over(&self, end: usize, bounds: &Bounds) -> Option<Fault> {
        let request_line = self.fields.line == Line::Request;
        if request_line && end - self.line > bounds.target_bytes_max + METHOD_BYTES_MAX + " HTTP/1.1 \r\n".len() {
            return Some(Fault::of(StatusCode::URI_TOO_LONG, "a request line that is too long"));
        }
        let over = end > bounds.head_bytes_max;
        over.then(|| Fault::of(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "a header section that is too long"))
    }
}

/// The range of a place.
fn range((from, to): Place) -> Range<usize> {
    from as usize..to as usize
}

/// The place of `part`, which is a part of `line`, which stands at `at`.
fn place(part: &[u8], line: &[u8], at: usize) -> Place {
    let from = at + part.as_ptr().addr() - line.as_ptr().addr();
    (from as u32, (from + part.len()) as u32)
}

/// What a section says about its message.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields {
    line: Line,
    version: Version,
    hosts: u8,
    host_differs: bool,
    /// The last host that was found valid: most requests of a connection name the same.
    host: Box<[u8]>,
    length: Option<u64>,
    chunked: bool,
    upgrade: bool,
    closes: bool,
    keeps_alive: bool,
    expects: bool,
    takes_trailers: bool,
    authority: Option<Authority>,
}

/// Which line comes next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Line {
    #[default]
    Request,
    Field,
    End,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Version {
    Http10,
    #[default]
    Http11,
}

/// The authority of a target in absolute form.
type Authority = Box<[u8]>;

impl Fields {
    fn line(&mut self, line: &[u8], at: usize, places: &mut Places, bounds: &Bounds) -> Result<Line, Fault> {
        match self.line {
            // RFC 9112 section 2.2: empty lines before a request line are ignored.
            Line::Request if line.is_empty() => {}
            Line::Request => {
                let (method, target) = self.request(line, bounds)?;
                (places.method, places.target) = (place(method, line, at), place(target, line, at));
                self.line = Line::Field;
            }
            Line::Field | Line::End if line.is_empty() => self.line = Line::End,
            Line::Field | Line::End => {
                if places.fields.len() == bounds.fields_max {
                    return Err(Fault::of(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "too many header fields"));
                }
                let (name, value) = self.field(line)?;
                places.fields.push((place(name, line, at), place(value, line, at)));
            }
        }
        Ok(self.line)
    }

    /// The method and the target of a request line.
    fn request<'a>(&mut self, line: &'a [u8], bounds: &Bounds) -> Result<(&'a [u8], &'a [u8]), Fault> {
        let space = memchr::memchr(b' ', line).ok_or(Fault::bad("a request line without a target"))?;
        let (method, rest) = (&line[..space], &line[space + 1..]);
        if method.is_empty() || method.len() > METHOD_BYTES_MAX || !method.iter().all(|&octet| is_token(octet)) {
            return Err(Fault::bad("a method that is not a token"));
        }
        let space = memchr::memchr(b' ', rest).ok_or(Fault::bad("a request line without a version"))?;
        let (target, version) = (&rest[..space], &rest[space + 1..]);
        self.version = match version {
            b"HTTP/1.1" => Version::Http11,
            b"HTTP/1.0" => Version::Http10,
            [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => {
                return Err(Fault::of(
                    StatusCode::HTTP_VERSION_NOT_SUPPORTED,
                    "a version of HTTP that is not spoken here",
                ));
            }
            _ => return Err(Fault::bad("a request line that does not end in a version")),
        };
        if target.len() > bounds.target_bytes_max {
            return Err(Fault::of(StatusCode::URI_TOO_LONG, "a target that is too long"));
        }
        if method == b"CONNECT" {
            return Err(Fault::of(StatusCode::NOT_IMPLEMENTED, "CONNECT is for forward proxies"));
        }
        self.target(method, target)?;
        Ok((method, target))
    }

    /// RFC 9112 section 3.2.
    fn target(&mut self, method: &[u8], target: &[u8]) -> Result<(), Fault> {
        if target.first() == Some(&b'/') {
            let query = memchr::memchr(b'?', target).unwrap_or(target.len());
            let valid =
                target[..query].iter().all(|&octet| is_path(octet)) && target[query..].iter().all(|&o| is_query(o));
            return if valid { Ok(()) } else { Err(Fault::bad("a target with characters that must be encoded")) };
        }
        if target == b"*" {
            return if method == b"OPTIONS" { Ok(()) } else { Err(Fault::bad("the target * belongs to OPTIONS")) };
        }
        let uri = Uri::try_from(target).map_err(|_| Fault::bad("a target that is not a URI"))?;
        let visible = target.iter().all(|octet| octet.is_ascii_graphic() && *octet != b'#');
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
        let http = matches!(uri.scheme_str(), Some("http" | "https"));
        let (true, true, Some(authority)) = (visible, http, authority) else {
            return Err(Fault::bad("a target that is neither a path nor a URL"));
        };
        authority::without_port(authority.as_str()).map_err(|_| Fault::bad("a target without a valid host"))?;
        self.authority = Some(authority.as_str().as_bytes().into());
        Ok(())
    }

    /// The name and the value of a field.
    fn field<'a>(&mut self, line: &'a [u8]) -> Result<(&'a [u8], &'a [u8]), Fault> {
        if matches!(line[0], b' ' | b'\t') {
            return Err(Fault::bad("a folded header line"));
        }
        let colon = memchr::memchr(b':', line).ok_or(Fault::bad("a header line without a colon"))?;
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        if name.is_empty() || !name.iter().all(|&octet| is_token(octet)) {
            let spaced = name.last().is_some_and(|last| matches!(last, b' ' | b'\t'));
            return Err(Fault::bad(if spaced {
                "whitespace before a colon"
            } else {
                "a header name that is not a token"
            }));
        }
        if has_controls(value) {
            return Err(Fault::bad(if memchr::memchr(b'\r', value).is_some() {
                "a bare CR in a header"
            } else {
                "a control character in a header"
            }));
        }
        let value = value.trim_ascii();
        match name.len() {
            2 if name.eq_ignore_ascii_case(b"te") => self.takes_trailers |= has(value, b"trailers"),
            4 if name.eq_ignore_ascii_case(b"host") => self.host(value)?,
            6 if name.eq_ignore_ascii_case(b"expect") => self.expects |= has(value, b"100-continue"),
            7 if name.eq_ignore_ascii_case(b"upgrade") => self.upgrade = true,
            10 if name.eq_ignore_ascii_case(b"connection") => {
                self.closes |= has(value, b"close");
                self.keeps_alive |= has(value, b"keep-alive");
            }
            14 if name.eq_ignore_ascii_case(b"content-length") => self.content_length(value)?,
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => self.transfer_encoding(value)?,
            _ => {}
        }
        Ok((name, value))
    }

    fn host(&mut self, value: &[u8]) -> Result<(), Fault> {
        self.hosts = self.hosts.saturating_add(1);
        if self.hosts > 1 {
            return Err(Fault::bad("more than one Host"));
        }
        if value.is_empty() || *self.host != *value {
            let host = std::str::from_utf8(value).map_err(|_| Fault::bad("a Host that is not valid"))?;
            authority::without_port(host).map_err(|_| Fault::bad("a Host that is not valid"))?;
            self.host = value.into();
        }
        self.host_differs = self.authority.as_ref().is_some_and(|authority| !authority.eq_ignore_ascii_case(value));
        Ok(())
    }

    fn content_length(&mut self, value: &[u8]) -> Result<(), Fault> {
        if self.length.is_some() {
            return Err(Fault::bad("more than one Content-Length"));
        }
        // Eighteen digits cannot overflow 64 bits; no body is longer.
        if value.is_empty() || value.len() > 18 || !value.iter().all(u8::is_ascii_digit) {
            return Err(Fault::bad("a Content-Length that is not a number"));
        }
        self.length = Some(value.iter().fold(0, |length, digit| length * 10 + u64::from(digit - b'0')));
        Ok(())
    }

    fn transfer_encoding(&mut self, value: &[u8]) -> Result<(), Fault> {
        if self.chunked {
            return Err(Fault::bad("more than one Transfer-Encoding"));
        }
        if !value.eq_ignore_ascii_case(b"chunked") {
            let last = value.rsplit(|&octet| octet == b',').next().unwrap_or_default().trim_ascii();
            return Err(if last.eq_ignore_ascii_case(b"chunked") && last.len() < value.len() {
                Fault::of(StatusCode::NOT_IMPLEMENTED, "a transfer coding beside chunked")
            } else {
                Fault::bad("a Transfer-Encoding other than chunked")
            });
        }
        self.chunked = true;
        Ok(())
    }

    /// How the content that follows this head is framed.
    pub(super) fn framing(&self) -> Result<Framing, Fault> {
        let http11 = self.version == Version::Http11;
        if self.hosts == 0 && http11 {
            return Err(Fault::bad("a request without Host"));
        }
        if self.host_differs {
            return Err(Fault::bad("a Host that differs from the target's"));
        }
        match (self.chunked, self.length) {
            (true, Some(_)) => Err(Fault::bad("Transfer-Encoding with Content-Length")),
            (true, None) if !http11 => Err(Fault::bad("Transfer-Encoding in HTTP/1.0")),
            (true, None) => Ok(Framing::Chunked),
            (false, length) => Ok(Framing::Length(length.unwrap_or(0))),
        }
    }

    /// What it says of the connection it came on.
    pub(super) fn wishes(&self) -> Wishes {
        let http11 = self.version == Version::Http11;
        Wishes {
            persists: !self.closes && (http11 || self.keeps_alive),
            // HTTP/1.0 knows neither a change of protocols nor responses before the final one.
            upgrades: self.upgrade && http11,
            expects: self.expects && http11,
            takes_trailers: self.takes_trailers && http11,
        }
    }

    pub(super) fn version(&self) -> http::Version {
        match self.version {
            Version::Http10 => http::Version::HTTP_10,
            Version::Http11 => http::Version::HTTP_11,
        }
    }

    /// Whether this may trail a body, RFC 9110 section 6.5.1: what frames or routes a message may not.
    pub(super) fn trailing(&self) -> Result<(), Fault> {
        if self.hosts > 0 || self.length.is_some() || self.chunked {
            return Err(Fault::bad("a framing field in a trailer section"));
        }
        Ok(())
    }
}

/// What a request's head says of the connection it came on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// The connection may carry another request.
    pub persists: bool,
    /// The protocol may be changed: what follows the request has a meaning only once it is answered.
    pub upgrades: bool,
    /// The content is sent after `100 Continue` (RFC 9110 section 10.1.1).
    pub expects: bool,
    /// Trailers of the response are read.
    pub takes_trailers: bool,
}

/// How content is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
}

/// Whether a list holds `token`; parameters are not looked at.
fn has(list: &[u8], token: &[u8]) -> bool {
    list.split(|octet| *octet == b',').any(|element| {
        let end = memchr::memchr(b';', element).unwrap_or(element.len());
        element[..end].trim_ascii().eq_ignore_ascii_case(token)
    })
}

macro_rules! table {
    ($octets:pat) => {{
        let mut table = [false; 256];
        let mut octet = 0;
        while octet < 128 {
            table[octet as usize] = matches!(octet, $octets);
            octet += 1u8;
        }
        table
    }};
}

/// RFC 9110 section 5.6.2.
const TOKEN: [bool; 256] = table!(
    b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'0'..=b'9' | b'A'..=b'Z' | b'^'..=b'z' | b'|' | b'~'
);

/// What may stand raw in a path: RFC 3986, and what browsers send nevertheless.
const PATH: [bool; 256] = table!(b'!' | b'"' | b'$'..=b';' | b'=' | b'@'..=b'_' | b'a'..=b'~');

/// Likewise in a query, its question mark included.
const QUERY: [bool; 256] = table!(b'!' | b'$'..=b';' | b'=' | b'?'..=b'~');

fn is_token(octet: u8) -> bool {
    TOKEN[usize::from(octet)]
}

fn is_path(octet: u8) -> bool {
    PATH[usize::from(octet)]
}

fn is_query(octet: u8) -> bool {
    QUERY[usize::from(octet)]
}

/// Without an early exit, so that the compiler may look at many octets at once.
fn has_controls(value: &[u8]) -> bool {
    value.iter().fold(false, |found, &octet| found | ((octet < b' ') & (octet != b'\t')) | (octet == 0x7f))
}
