//! Connections to back ends, plain and TLS, and the files that TLS needs. The HTTP client above it is hyper's, for
//! gRPC and HTTP alike.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use hyper_util::{
    client::legacy::{
        Client,
        connect::{Connected, Connection, HttpConnector},
    },
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;

use crate::{config::model::Export, error::BoxError, service::BoxFuture};

/// A client of one back end, with connections of its own.
pub(super) type HttpClient = Client<Connector, tonic::body::Body>;

/// Which HTTP a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaks {
    Http1,
    Http2,
}

/// A client for `export`.
pub(super) fn client(export: &Export, files: &Files, speaks: Speaks) -> Result<HttpClient, ExportError> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(export.timeout));
    let tls = if export.endpoint.scheme_str() == Some("https") { Some(tls(export, files, speaks)?) } else { None };
    Ok(Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(60))
        .http2_only(speaks == Speaks::Http2)
        // A connection that died silently is noticed before the next message is lost on it.
        .http2_keep_alive_interval(Duration::from_secs(30))
        .build(Connector { tcp, tls }))
}

/// The headers of every message to this back end, and to no other.
pub(super) fn headers(export: &Export) -> Result<HeaderMap, ExportError> {
    let mut headers = HeaderMap::new();
    headers.insert(header::USER_AGENT, HeaderValue::from_static(concat!("waylight/", env!("CARGO_PKG_VERSION"))));
    let mut named: Vec<&HeaderName> = Vec::new();
    for (name, value) in &export.headers {
        let mut value = HeaderValue::from_str(value.expose())
            .map_err(|_| ExportError::new(export, format!("the value of header {name} cannot be sent")))?;
        value.set_sensitive(true);
        if named.contains(&name) {
            headers.append(name, value);
        } else {
            headers.insert(name, value);
            named.push(name);
        }
    }
    Ok(headers)
}

/// The contents of the files that a back end names, so that a reload notices a renewed certificate.
#[derive(Clone, PartialEq)]
pub(super) struct Files {
    ca: Option<Vec<u8>>,
    client: Option<(Vec<u8>, Vec<u8>)>,
}

impl Files {
    pub(super) fn read(export: &Export) -> Result<Self, ExportError> {
        let read = |path: &PathBuf| std::fs::read(path).map_err(|error| ExportError::file(export, path, &error));
        let client = match &export.client_certificate {
            Some((chain, key)) => Some((read(chain)?, read(key)?)),
            None => None,
        };
        Ok(Self { ca: export.ca_file.as_ref().map(read).transpose()?, client })
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Files(..)") // one of them is a key
    }
}

fn tls(export: &Export, files: &Files, speaks: Speaks) -> Result<TlsConnector, ExportError> {
    let bad = |path: Option<&Path>, error: &dyn fmt::Display| match path {
        Some(path) => ExportError::file(export, path, error),
        None => ExportError::new(export, error.to_string()),
    };
    let mut roots = RootCertStore::empty();
    if let Some(ca) = &files.ca {
        let path = export.ca_file.as_deref();
        for certificate in CertificateDer::pem_slice_iter(ca) {
            let certificate = certificate.map_err(|error| bad(path, &error))?;
            roots.add(certificate).map_err(|error| bad(path, &error))?;
        }
        if roots.is_empty() {
            return Err(bad(path, &"holds no certificate"));
        }
    } else {
        // Those that cannot be parsed are left out, as every program does with the system's store.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| bad(None, &error))?
        .with_root_certificates(roots);
    let mut config =
        if let (Some((chain, key)), Some((chain_path, key_path))) = (&files.client, &export.client_certificate) {
            let chain = CertificateDer::pem_slice_iter(chain)
                .collect::<Result<Vec<_>, _>>()
                .map_err(|error| bad(Some(chain_path), &error))?;
            let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| bad(Some(key_path), &error))?;
            builder.with_client_auth_cert(chain, key).map_err(|error| bad(Some(chain_path), &error))?
        } else {
            builder.with_no_client_auth()
        };
    config.alpn_protocols = match speaks {
        Speaks::Http1 => vec![b"http/1.1".to_vec()],
        Speaks::Http2 => vec![b"h2".to_vec()],
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Opens connections to one back end.
#[derive(Clone)]
pub(super) struct Connector {
    tcp: HttpConnector,
    tls: Option<TlsConnector>,
}

impl tower::Service<Uri> for Connector {
    type Response = TokioIo<Box<dyn Io>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let name = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let connecting = self.tcp.call(uri);
        let tls = self.tls.clone();
        Box::pin(async move {
            let stream = connecting.await?.into_inner();
            let io: Box<dyn Io> = match tls {
                None => Box::new(stream),
                Some(tls) => Box::new(tls.connect(ServerName::try_from(name)?, stream).await?),
            };
            Ok(TokioIo::new(io))
        })
    }
}

/// A connection, whatever it is made of.
pub(super) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

impl Connection for Box<dyn Io> {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

/// A back end that cannot be set up as configured.
#[derive(Debug)]
pub struct ExportError {
    name: String,
    message: String,
    /// The file that cannot be used, if it is one.
    pub path: Option<PathBuf>,
}

impl ExportError {
    pub(super) fn new(export: &Export, message: String) -> Self {
        Self { name: export.name.clone(), message, path: None }
    }

    fn file(export: &Export, path: &Path, error: &dyn fmt::Display) -> Self {
        Self { path: Some(path.to_owned()), ..Self::new(export, format!("{}: {error}", path.display())) }
    }
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "export {}: {}", self.name, self.message)
    }
}

impl std::error::Error for ExportError {}
