//! Requests to the provider: one connection each, since there are few; bounded in time and size; redirects are answers,
//! and not followed.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use ::http::{HeaderValue, Request, Response, header::HOST, uri::PathAndQuery};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use openidconnect::AsyncHttpClient;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use crate::{error::BoxError, service::BoxFuture};

/// The longest answer, in octets.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Asks a provider.
#[derive(Debug)]
pub(super) struct Fetch {
    ca_file: Option<PathBuf>,
    timeout: Duration,
}

/// The provider could not be asked.
#[derive(Debug)]
pub(super) struct Unreachable(BoxError);

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Unreachable {}

impl Fetch {
    pub(super) fn new(ca_file: Option<PathBuf>, timeout: Duration) -> Self {
        Self { ca_file, timeout }
    }

    async fn ask(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, BoxError> {
        let uri = request.uri();
        let host = uri.host().ok_or("the provider's address has no host")?.to_owned();
        let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let is_tls = uri.scheme_str() == Some("https");
        // What a discovery document says elsewhere must not take the code and the secret over the network in the clear.
        if !is_tls && !matches!(bare.as_str(), "localhost" | "127.0.0.1" | "::1") {
            return Err(format!("{host} is not asked without TLS").into());
        }
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let stream = TcpStream::connect((bare.as_str(), port)).await?;
        if !is_tls {
            return exchange(stream, request).await;
        }
        let name = ServerName::try_from(bare)?;
        exchange(TlsConnector::from(Arc::new(self.tls().await?)).connect(name, stream).await?, request).await
    }

    async fn tls(&self) -> Result<ClientConfig, BoxError> {
        let mut roots = RootCertStore::empty();
        match &self.ca_file {
            Some(path) => {
                let pem = tokio::fs::read(path).await.map_err(|error| format!("{}: {error}", path.display()))?;
                for certificate in CertificateDer::pem_slice_iter(&pem) {
                    roots.add(certificate?)?;
                }
            }
            None => {
                let system = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs).await?;
                roots.add_parsable_certificates(system.certs);
            }
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        Ok(builder.with_root_certificates(roots).with_no_client_auth())
    }
}

impl<'c> AsyncHttpClient<'c> for Fetch {
    type Error = Unreachable;
    type Future = BoxFuture<'c, Result<Response<Vec<u8>>, Unreachable>>;

    fn call(&'c self, request: Request<Vec<u8>>) -> Self::Future {
        Box::pin(async move {
            match tokio::time::timeout(self.timeout, self.ask(request)).await {
                Ok(answer) => answer.map_err(Unreachable),
                Err(_) => Err(Unreachable(format!("no answer within {:?}", self.timeout).into())),
            }
        })
    }
}

async fn exchange<S>(stream: S, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, BoxError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut head, body) = request.into_parts();
    let authority = head.uri.authority().map_or("", ::http::uri::Authority::as_str);
    head.headers.insert(HOST, HeaderValue::from_str(authority)?);
    head.uri = head.uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/")).into();
    let request = Request::from_parts(head, Full::new(Bytes::from(body)));
    let (mut send, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let answer = async {
        let (head, body) = send.send_request(request).await?.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await?.to_bytes();
        Ok::<_, BoxError>(Response::from_parts(head, body.to_vec()))
    };
    let (mut answer, mut connection) = (std::pin::pin!(answer), std::pin::pin!(connection));
    tokio::select! {
        answer = &mut answer => answer,
        ended = &mut connection => {
            ended?;
            answer.await
        }
    }
}
