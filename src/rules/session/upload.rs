//! `Waylight-Upload`: the header under which a page sends the spans of its browser. It is bound to the session, to the page's
//! trace and to a time, and counts with the session's own cookie only.

use http::{HeaderMap, HeaderName};
use opentelemetry::trace::TraceId;

use super::{
    Id,
    payload::{Reader, Writer},
};
use crate::rules::token::{Keys, Purpose, TokenError};

/// The header's name.
pub const UPLOAD: HeaderName = HeaderName::from_static("waylight-upload");

/// The header by which a page says, under the other, which trace its address stands for from now on: what it loads after a
/// navigation within it names that address only.
pub const PAGE: HeaderName = HeaderName::from_static("waylight-page");

/// What the header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upload {
    /// The session.
    pub session: Id,
    /// The page's trace.
    pub trace: [u8; 16],
    /// Until when it counts.
    pub expiry: u64,
}

impl Upload {
    /// The header's value.
    pub fn seal(&self, keys: &Keys) -> String {
        let mut payload = Writer::default();
        payload.id(self.session).id(Id::from_bytes(self.trace)).number(self.expiry);
        keys.seal(Purpose::Upload, payload.bytes())
    }

    /// From the header's value; whose cookie came with it is for others to compare ([`read`]).
    ///
    /// # Errors
    /// The value is no such header of these keys, or its time is over.
    pub fn open(token: &str, keys: &Keys, now: u64) -> Result<Self, TokenError> {
        let upload = Reader::whole(&keys.open(Purpose::Upload, token)?, |payload| {
            Some(Self { session: payload.id()?, trace: payload.id()?.to_bytes(), expiry: payload.number()? })
        })?;
        if upload.expiry > now { Ok(upload) } else { Err(TokenError::Expired) }
    }
}

/// The trace that [`PAGE`] names.
pub fn page(headers: &HeaderMap) -> Option<TraceId> {
    let trace = TraceId::from_hex(headers.get(PAGE)?.to_str().ok()?).ok()?;
    (trace != TraceId::INVALID).then_some(trace)
}

/// Reads the header of a request that belongs to `session`.
///
/// # Errors
/// There is none, or several; it is none; its time is over; or it is another session's.
pub fn read(headers: &HeaderMap, keys: &Keys, session: Id, now: u64) -> Result<Upload, TokenError> {
    let mut values = headers.get_all(UPLOAD).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err(TokenError::Malformed) };
    let upload = Upload::open(value.to_str().map_err(|_| TokenError::Malformed)?, keys, now)?;
    if upload.session == session { Ok(upload) } else { Err(TokenError::Elsewhere) }
}
