//! TLS towards upstreams: whom to trust, which name to expect, and what went wrong.

use std::{fmt, fs, io, path::PathBuf, sync::Arc};

use rustls::{
    CertificateError, ClientConfig, ClientConnection, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{
    config::model::{Endpoint, Scheme, UpstreamTls},
    error::ErrorType,
    trace::scope::Span,
};

/// The system's root certificates, loaded when first needed and then shared.
#[derive(Clone, Debug, Default)]
pub struct Roots(Arc<std::sync::OnceLock<Arc<RootCertStore>>>);

impl Roots {
    fn system(&self) -> Arc<RootCertStore> {
        Arc::clone(self.0.get_or_init(|| {
            let loaded = rustls_native_certs::load_native_certs();
            for error in &loaded.errors {
                tracing::warn!(%error, "a system root certificate could not be read");
            }
            let mut store = RootCertStore::empty();
            store.add_parsable_certificates(loaded.certs);
            Arc::new(store)
        }))
    }
}

/// Why an upstream's TLS cannot be set up.
#[derive(Debug)]
pub enum TlsError {
    /// The file with authorities cannot be read.
    CaFile(PathBuf, io::Error),
    /// The file with authorities holds none that can be used.
    NoCertificates(PathBuf),
    /// This is no name that a certificate could have.
    ServerName(String),
    /// rustls refuses the settings.
    Settings(rustls::Error),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CaFile(path, error) => write!(f, "ca_file {} cannot be read: {error}", path.display()),
            Self::NoCertificates(path) => write!(f, "ca_file {} holds no certificate", path.display()),
            Self::ServerName(name) => write!(f, "{name:?} is no server name"),
            Self::Settings(error) => write!(f, "TLS settings: {error}"),
        }
    }
}

impl std::error::Error for TlsError {}

/// Makes the TLS clients of one upstream; they share authorities and sessions.
pub(super) struct Clients<'a> {
    settings: &'a UpstreamTls,
    roots: &'a Roots,
    config: Option<Arc<ClientConfig>>,
}

impl<'a> Clients<'a> {
    pub(super) fn new(settings: &'a UpstreamTls, roots: &'a Roots) -> Self {
        Self { settings, roots, config: None }
    }

    /// The client for `endpoint`; `None` if it speaks no TLS.
    pub(super) fn client(&mut self, endpoint: &Endpoint) -> Result<Option<Client>, TlsError> {
        if endpoint.scheme == Scheme::Http {
            return Ok(None);
        }
        let config = match &self.config {
            Some(config) => Arc::clone(config),
            None => Arc::clone(self.config.insert(self.config()?)),
        };
        let name = self.settings.server_name.as_deref().unwrap_or(&endpoint.host);
        let server_name = ServerName::try_from(name.to_owned()).map_err(|_| TlsError::ServerName(name.to_owned()))?;
        Ok(Some(Client { connector: TlsConnector::from(config), server_name }))
    }

    fn config(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let roots = match &self.settings.ca_file {
            None => self.roots.system(),
            Some(path) => Arc::new(authorities(path)?),
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Settings)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

fn authorities(path: &PathBuf) -> Result<RootCertStore, TlsError> {
    let pem = fs::read(path).map_err(|error| TlsError::CaFile(path.clone(), error))?;
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(CertificateDer::pem_slice_iter(&pem).flatten());
    if store.is_empty() { Err(TlsError::NoCertificates(path.clone())) } else { Ok(store) }
}

/// A TLS client for one endpoint.
#[derive(Clone)]
pub(super) struct Client {
    connector: TlsConnector,
    server_name: ServerName<'static>,
}

impl Client {
    /// The name asked for and expected.
    pub(super) fn server_name(&self) -> String {
        self.server_name.to_str().into_owned()
    }

    /// Shakes hands over `stream`.
    pub(super) async fn connect(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.connector.connect(self.server_name.clone(), stream).await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("server_name", &self.server_name).finish_non_exhaustive()
    }
}

/// The word for a handshake that failed.
pub(super) fn kind(error: &io::Error) -> ErrorType {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(
            rustls::Error::InvalidCertificate(CertificateError::Other(_)) | rustls::Error::NoCertificatesPresented,
        ) => ErrorType::TlsCertificateError,
        Some(rustls::Error::InvalidCertificate(_)) => ErrorType::TlsCertificateError,
        Some(rustls::Error::AlertReceived(_)) => ErrorType::TlsAlertReceived,
        Some(_) => ErrorType::TlsProtocolError,
        // The socket itself failed.
        None => ErrorType::ConnectionTerminated,
    }
}

/// Records what the handshake agreed on.
pub(super) fn describe(span: &mut Span, connection: &ClientConnection) {
    let version = match connection.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => "1.3",
        Some(rustls::ProtocolVersion::TLSv1_2) => "1.2",
        _ => "unknown",
    };
    span.set("tls.protocol.version", || version);
    if let Some(suite) = connection.negotiated_cipher_suite() {
        span.set("tls.cipher", || suite.suite().as_str().unwrap_or("unknown"));
    }
    let resumed = connection.handshake_kind() == Some(rustls::HandshakeKind::Resumed);
    span.set("tls.resumed", || resumed);
}
