//! What every message passes, whichever protocol brings it: who may send, how much memory it may take, and how many
//! spans a second.

use std::{
    io::Read as _,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::{Bytes, BytesMut};
use flate2::read::MultiGzDecoder;
use http::{HeaderMap, HeaderName, StatusCode, header, request::Parts, uri::Authority};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use subtle::ConstantTimeEq as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    ReceiverTerms,
    http::{Encoding, decode},
    weight,
};
use crate::{
    clock::{self, Instant},
    trace::{collector::Intake, sink::span_count},
};

/// Where a token may be, beside `Authorization`.
const TOKEN: HeaderName = HeaderName::from_static("waylight-token");

/// What every message passes.
pub(super) struct Gate {
    intake: Intake,
    terms: ReceiverTerms,
    /// Lent in KiB, since a semaphore counts in 32 bits on small machines.
    memory: Arc<Semaphore>,
    rate: Mutex<Rate>,
}

/// A message that is not taken, and the sentence that says why.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal(pub(super) StatusCode, pub(super) &'static str);

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Identity,
    Gzip,
}

/// Memory that a message holds.
pub(super) struct Lent(OwnedSemaphorePermit);

/// Whom a receiver answers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Programs of this machine.
    Loopback,
    /// Whoever has the token.
    Outside,
}

impl Gate {
    pub(super) fn new(intake: Intake, terms: ReceiverTerms) -> Self {
        let memory = Arc::new(Semaphore::new(terms.limits.bytes_max.div_ceil(1024)));
        Self { intake, terms, memory, rate: Mutex::default() }
    }

    pub(super) fn timeout(&self) -> std::time::Duration {
        self.terms.limits.timeout_request
    }

    /// Whether its sender may send at all. First of all: a browser that was talked into this learns nothing.
    pub(super) fn admit(&self, head: &Parts, reach: Reach) -> Result<(), Refusal> {
        if head.headers.contains_key(header::ORIGIN) {
            return Err(Refusal(StatusCode::FORBIDDEN, "spans are not taken from web pages"));
        }
        if reach == Reach::Loopback && !is_loopback(head) {
            return Err(Refusal(StatusCode::FORBIDDEN, "the host is not loopback"));
        }
        match &self.terms.token {
            Some(token) if !presents(&head.headers, token.expose()) => {
                Err(Refusal(StatusCode::UNAUTHORIZED, "the token is missing or wrong"))
            }
            _ => Ok(()),
        }
    }

    /// Reads a body, borrowing memory as it grows.
    pub(super) async fn read(&self, mut body: Incoming) -> Result<(Bytes, Lent), Refusal> {
        let mut lent = Lent(self.lend(0)?);
        let mut read = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Refusal(StatusCode::BAD_REQUEST, "the message ended early"))?;
            let Some(data) = frame.data_ref() else { continue };
            self.grow(&mut lent, read.len() + data.len())?;
            read.extend_from_slice(data);
        }
        Ok((read.freeze(), lent))
    }

    /// The message as it was before it was compressed.
    pub(super) fn unpack(&self, coding: Coding, sent: Bytes, lent: &mut Lent) -> Result<Bytes, Refusal> {
        if coding == Coding::Identity {
            return Ok(sent);
        }
        let mut gzip = MultiGzDecoder::new(&*sent);
        let mut plain = Vec::new();
        let mut piece = vec![0; 64 * 1024];
        loop {
            let octets = gzip.read(&mut piece).map_err(|_| Refusal(StatusCode::BAD_REQUEST, "this is not gzip"))?;
            if octets == 0 {
                return Ok(plain.into());
            }
            self.grow(lent, plain.len() + octets)?;
            plain.extend_from_slice(&piece[..octets]);
        }
    }

    /// Decodes a message, borrowing what that takes before it does.
    pub(super) fn decode(
        &self,
        encoding: Encoding,
        message: Bytes,
        lent: &mut Lent,
    ) -> Result<ExportTraceServiceRequest, Refusal> {
        let malformed = Refusal(StatusCode::BAD_REQUEST, "the message is no ExportTraceServiceRequest");
        let Some(decoded) = weight::octets(encoding, &message) else { return Err(malformed) };
        if message.len() + decoded > self.terms.limits.bytes_max {
            return Err(Refusal(StatusCode::PAYLOAD_TOO_LARGE, "the message is too large once it is decoded"));
        }
        self.hold(lent, message.len() + decoded)?;
        decode(encoding, message).ok_or(malformed)
    }

    /// Hands a message in; gives back how many of its spans are rejected, since their ids name nothing.
    pub(super) fn offer(&self, mut request: ExportTraceServiceRequest, lent: Lent) -> Result<usize, Refusal> {
        let spans = span_count(&request);
        let per_second = self.terms.limits.spans_per_second_max;
        // Poisoned by a panic elsewhere, it is still two numbers.
        let mut rate = self.rate.lock().unwrap_or_else(PoisonError::into_inner);
        if !rate.admits(spans as u64, per_second, clock::now()) {
            drop(rate);
            self.intake.refused(spans);
            return Err(Refusal(StatusCode::TOO_MANY_REQUESTS, "too many spans in a second"));
        }
        drop(rate);
        if weight::copied(&request) > self.terms.limits.bytes_max {
            self.intake.refused(spans);
            let what = "the spans are of too many traces for so large a resource: send them in parts";
            return Err(Refusal(StatusCode::PAYLOAD_TOO_LARGE, what));
        }
        for scope in request.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans) {
            scope.spans.retain(|span| names(&span.trace_id, 16) && names(&span.span_id, 8));
        }
        let rejected = spans - span_count(&request);
        self.intake.rejected(rejected);
        self.intake
            .offer(request, Some(lent.0))
            .map_err(|_| Refusal(StatusCode::SERVICE_UNAVAILABLE, "too many messages wait"))?;
        Ok(rejected)
    }

    fn grow(&self, lent: &mut Lent, octets: usize) -> Result<(), Refusal> {
        if octets > self.terms.limits.request_bytes_max {
            return Err(Refusal(StatusCode::PAYLOAD_TOO_LARGE, "the message is too large"));
        }
        self.hold(lent, octets)
    }

    /// Borrows more, until it is so many octets.
    fn hold(&self, lent: &mut Lent, octets: usize) -> Result<(), Refusal> {
        let more = octets.div_ceil(1024).saturating_sub(lent.0.num_permits());
        if more > 0 {
            lent.0.merge(self.lend(more)?);
        }
        Ok(())
    }

    fn lend(&self, kibibytes: usize) -> Result<OwnedSemaphorePermit, Refusal> {
        let kibibytes = u32::try_from(kibibytes).unwrap_or(u32::MAX);
        Arc::clone(&self.memory)
            .try_acquire_many_owned(kibibytes)
            .map_err(|_| Refusal(StatusCode::SERVICE_UNAVAILABLE, "too many messages at once"))
    }
}

/// Whether an id has this length and is not all zero (W3C Trace Context, section 3.2.2).
fn names(id: &[u8], length: usize) -> bool {
    id.len() == length && id.iter().any(|octet| *octet != 0)
}

/// Whether the one `Host` or `:authority` names this machine itself, whatever its port. A foreign name that was made to
/// point here (DNS rebinding) does not.
fn is_loopback(head: &Parts) -> bool {
    let mut hosts = head.headers.get_all(header::HOST).iter();
    let authority = match (head.uri.authority(), hosts.next(), hosts.next()) {
        (Some(authority), None, None) => Some(authority.clone()),
        (None, Some(host), None) => host.to_str().ok().and_then(|host| host.parse::<Authority>().ok()),
        _ => None,
    };
    let Some(authority) = authority else { return false };
    let host = authority.host().trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether the headers hold the token. It is compared in constant time.
fn presents(headers: &HeaderMap, token: &str) -> bool {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = bearer.and_then(|value| value.split_once(' '));
    let bearer = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
    let plain = headers.get(TOKEN).and_then(|value| value.to_str().ok());
    bearer.or(plain).is_some_and(|presented| bool::from(presented.as_bytes().ct_eq(token.as_bytes())))
}

/// Spans that may still come: at most those of two seconds at once.
#[derive(Debug, Default)]
struct Rate {
    since: Option<Instant>,
    left: u64,
}

impl Rate {
    fn admits(&mut self, spans: u64, per_second: u64, now: Instant) -> bool {
        let most = per_second.saturating_mul(2);
        self.left = match self.since {
            None => most,
            Some(since) => {
                let millis = u64::try_from(now.since(since).as_millis()).unwrap_or(u64::MAX);
                self.left.saturating_add(per_second.saturating_mul(millis) / 1000).min(most)
            }
        };
        self.since = Some(now);
        // A message of more than two seconds' spans is taken when nothing else was.
        let taken = spans <= self.left || self.left == most;
        if taken {
            self.left = self.left.saturating_sub(spans);
        }
        taken
    }
}
