//! TLS towards clients: rustls on aws-lc-rs, 1.2 and 1.3. Certificates are chosen by the name asked for; sessions are
//! resumed, across reloads too; 0-RTT is off, since what it carries can be replayed.

mod certificates;

use std::{fmt, io, path::PathBuf, sync::Arc};

use rustls::{
    HandshakeKind, ProtocolVersion, ServerConfig,
    crypto::aws_lc_rs,
    server::{ProducesTickets, ServerSessionMemoryCache, StoresServerSessions},
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use self::certificates::Certificates;
use crate::{
    clock,
    config::model::{Certificate, Toggle},
    proxy::context::Handshake,
};

/// Sessions of TLS 1.2 without tickets that are remembered.
const SESSIONS_MAX: usize = 4096;

/// What TLS listeners speak with.
#[derive(Clone)]
pub struct Tls {
    http1: Arc<ServerConfig>,
    http2: Arc<ServerConfig>,
    resumption: Resumption,
}

/// What lets sessions be resumed; it outlives reloads.
#[derive(Clone)]
struct Resumption {
    /// Its keys change every six hours by themselves.
    tickets: Arc<dyn ProducesTickets>,
    sessions: Arc<dyn StoresServerSessions>,
}

/// A stream on which TLS is spoken.
pub struct Agreed<I> {
    /// What is inside.
    pub stream: TlsStream<I>,
    /// What was agreed on.
    pub handshake: Handshake,
    /// The protocol agreed on by ALPN (RFC 7301), if any was.
    pub protocol: Option<Alpn>,
}

/// A protocol agreed on by ALPN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alpn {
    /// `http/1.1`
    Http1,
    /// `h2`
    Http2,
}

impl Tls {
    /// Reads `certificates`; the first one is presented where no name fits. Sessions of `previous` can be resumed.
    ///
    /// # Errors
    ///
    /// A file cannot be read, is no certificate or key, or the two do not belong together.
    pub fn load(certificates: &[Certificate], previous: Option<&Self>) -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let resolver = Arc::new(Certificates::load(certificates, &provider)?);
        let resumption = match previous {
            Some(previous) => previous.resumption.clone(),
            None => Resumption {
                tickets: aws_lc_rs::Ticketer::new().map_err(TlsError::Setup)?,
                sessions: ServerSessionMemoryCache::new(SESSIONS_MAX),
            },
        };
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Setup)?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.ticketer = Arc::clone(&resumption.tickets);
        config.session_storage = Arc::clone(&resumption.sessions);
        config.max_early_data_size = 0;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let http1 = Arc::new(config.clone());
        config.alpn_protocols.insert(0, b"h2".to_vec());
        Ok(Self { http1, http2: Arc::new(config), resumption })
    }

    /// Shakes hands. `http2`: whether HTTP/2 is offered.
    ///
    /// # Errors
    ///
    /// The client speaks no TLS, none that we speak, or went away.
    pub async fn accept<I>(&self, io: I, http2: Toggle) -> io::Result<Agreed<I>>
    where
        I: AsyncRead + AsyncWrite + Unpin,
    {
        let start = clock::now();
        let config = if http2.is_on() { &self.http2 } else { &self.http1 };
        let stream = TlsAcceptor::from(Arc::clone(config)).accept(io).await?;
        let (_, session) = stream.get_ref();
        let handshake = Handshake {
            start,
            end: clock::now(),
            version: if session.protocol_version() == Some(ProtocolVersion::TLSv1_2) { "1.2" } else { "1.3" },
            cipher: session.negotiated_cipher_suite().map_or("", |suite| cipher(suite.suite())),
            server_name: session.server_name().map(Into::into),
            resumed: session.handshake_kind() == Some(HandshakeKind::Resumed),
        };
        let protocol = match session.alpn_protocol() {
            Some(b"h2") => Some(Alpn::Http2),
            Some(_) => Some(Alpn::Http1),
            None => None,
        };
        Ok(Agreed { stream, handshake, protocol })
    }
}

/// A cipher suite as IANA writes it; rustls marks those of TLS 1.3.
fn cipher(suite: rustls::CipherSuite) -> &'static str {
    match suite {
        rustls::CipherSuite::TLS13_AES_128_GCM_SHA256 => "TLS_AES_128_GCM_SHA256",
        rustls::CipherSuite::TLS13_AES_256_GCM_SHA384 => "TLS_AES_256_GCM_SHA384",
        rustls::CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => "TLS_CHACHA20_POLY1305_SHA256",
        other => other.as_str().unwrap_or(""),
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl<I> fmt::Debug for Agreed<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agreed").field("handshake", &self.handshake).finish_non_exhaustive()
    }
}

/// TLS cannot be spoken as configured.
#[derive(Debug)]
pub enum TlsError {
    /// A TLS listener needs a certificate.
    NoCertificate,
    /// A file cannot be used.
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The library refused.
    Setup(rustls::Error),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCertificate => f.write_str("no certificate is configured"),
            Self::File { path, reason } => write!(f, "{}: {reason}", path.display()),
            Self::Setup(error) => write!(f, "TLS cannot be set up: {error}"),
        }
    }
}

impl std::error::Error for TlsError {}
