//! The one error of the request path: what went wrong, on whose side, and whether another attempt may help.
//!
//! The kinds are the proxy error types of RFC 9209 section 2.3; each carries the status that section recommends.
//! Not here: how an error is shown to a client (`proxy::rescue`).

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// Any error that may cross threads.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A request that could not be answered as wished.
#[derive(Debug)]
pub struct ProxyError {
    /// What went wrong, in the words of RFC 9209.
    pub kind: ErrorType,
    /// Where the fault lies.
    pub side: Side,
    /// Whether another attempt may be made.
    pub retry: Retry,
    status: Option<StatusCode>,
    detail: Option<Box<str>>,
    headers: Option<Box<HeaderMap>>,
    source: Option<BoxError>,
}

impl ProxyError {
    /// An error of the client's making.
    pub fn client(kind: ErrorType) -> Self {
        Self::new(kind, Side::Client)
    }

    /// An error of our own making.
    pub fn proxy(kind: ErrorType) -> Self {
        Self::new(kind, Side::Proxy)
    }

    /// An error of the upstream's making.
    pub fn upstream(kind: ErrorType) -> Self {
        Self::new(kind, Side::Upstream)
    }

    fn new(kind: ErrorType, side: Side) -> Self {
        Self { kind, side, retry: Retry::Never, status: None, detail: None, headers: None, source: None }
    }

    /// Answers with this status instead of the one RFC 9209 recommends.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = Some(status);
        self
    }

    /// Adds one sentence for logs, spans and the `details` parameter; it must hold no secret.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Box<str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds a field to the answer, such as `Allow` or `Retry-After`.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.get_or_insert_default().append(name, value);
        self
    }

    /// Writes the fields given by [`Self::with_header`].
    pub fn add_headers(&self, headers: &mut HeaderMap) {
        for (name, value) in self.headers.iter().flat_map(|own| own.iter()) {
            headers.append(name, value.clone());
        }
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Says whether another attempt may be made.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        self.status.unwrap_or_else(|| self.kind.status())
    }

    /// The sentence given by [`Self::with_detail`].
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.token())?;
        if let Some(detail) = &self.detail {
            write!(f, ": {detail}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ProxyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// Where a fault lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The request itself, or the client's connection.
    Client,
    /// Waylight, or its configuration.
    Proxy,
    /// The upstream, or the way to it.
    Upstream,
}

/// Whether another attempt may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The request may have had an effect, or the next attempt would fail alike.
    Never,
    /// Nothing of the request reached the upstream: any method may be sent again.
    Unsent,
    /// The upstream closed a pooled connection before it answered: idempotent methods may be sent again
    /// (RFC 9110 section 9.2.2).
    Idempotent,
}

macro_rules! error_types {
    ($($(#[$doc:meta])* $name:ident $token:literal $status:literal,)*) => {
        /// Proxy error types, RFC 9209 section 2.3.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorType { $($(#[$doc])* $name,)* }

        impl ErrorType {
            /// Every type, in the order of the RFC.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The token as written in a `Proxy-Status` field and in `error.type`.
            pub const fn token(self) -> &'static str {
                match self { $(Self::$name => $token,)* }
            }

            /// The status that RFC 9209 recommends.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => status($status),)* }
            }
        }
    };
}

const fn status(code: u16) -> StatusCode {
    match StatusCode::from_u16(code) {
        Ok(status) => status,
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

error_types! {
    /// No answer to a DNS query in time.
    DnsTimeout "dns_timeout" 504,
    /// A DNS query failed.
    DnsError "dns_error" 502,
    /// No route, or no upstream, for this request.
    DestinationNotFound "destination_not_found" 500,
    /// The upstream cannot take the request now.
    DestinationUnavailable "destination_unavailable" 503,
    /// The upstream's address may not be used.
    DestinationIpProhibited "destination_ip_prohibited" 502,
    /// The upstream's address cannot be reached.
    DestinationIpUnroutable "destination_ip_unroutable" 502,
    /// The upstream refused the connection.
    ConnectionRefused "connection_refused" 502,
    /// The upstream closed the connection before a complete response.
    ConnectionTerminated "connection_terminated" 502,
    /// Connecting took too long.
    ConnectionTimeout "connection_timeout" 504,
    /// Reading from the connection took too long.
    ConnectionReadTimeout "connection_read_timeout" 504,
    /// Writing to the connection took too long.
    ConnectionWriteTimeout "connection_write_timeout" 504,
    /// Our own limit of connections or waiting requests is reached.
    ConnectionLimitReached "connection_limit_reached" 503,
    /// The TLS handshake failed.
    TlsProtocolError "tls_protocol_error" 502,
    /// The upstream's certificate was not accepted.
    TlsCertificateError "tls_certificate_error" 502,
    /// The upstream sent a TLS alert.
    TlsAlertReceived "tls_alert_received" 502,
    /// The request is malformed or over a limit.
    HttpRequestError "http_request_error" 400,
    /// The request is well formed but not allowed.
    HttpRequestDenied "http_request_denied" 403,
    /// The response ended early.
    HttpResponseIncomplete "http_response_incomplete" 502,
    /// The response's header section is too large.
    HttpResponseHeaderSectionSize "http_response_header_section_size" 502,
    /// A response header is too large.
    HttpResponseHeaderSize "http_response_header_size" 502,
    /// The response's body is too large.
    HttpResponseBodySize "http_response_body_size" 502,
    /// The response's trailer section is too large.
    HttpResponseTrailerSectionSize "http_response_trailer_section_size" 502,
    /// A response trailer is too large.
    HttpResponseTrailerSize "http_response_trailer_size" 502,
    /// The response's transfer coding could not be decoded.
    HttpResponseTransferCoding "http_response_transfer_coding" 502,
    /// The response's content coding could not be decoded.
    HttpResponseContentCoding "http_response_content_coding" 502,
    /// No complete response in time.
    HttpResponseTimeout "http_response_timeout" 504,
    /// The upgrade could not be made.
    HttpUpgradeFailed "http_upgrade_failed" 502,
    /// The upstream spoke no valid HTTP.
    HttpProtocolError "http_protocol_error" 502,
    /// Waylight answered by itself, as configured.
    ProxyInternalResponse "proxy_internal_response" 500,
    /// Waylight failed.
    ProxyInternalError "proxy_internal_error" 500,
    /// Waylight's configuration does not allow an answer.
    ProxyConfigurationError "proxy_configuration_error" 500,
    /// The request passed here before.
    ProxyLoopDetected "proxy_loop_detected" 502,
}
