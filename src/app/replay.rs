//! The process's own edge, asked from within: for requests that are sent again. Over the loopback or whatever address it
//! listens at, like any client, so that nothing of the way is left out.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, header::HOST};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _},
};
use tokio::{net::TcpStream, task::JoinSet};
use tokio_rustls::TlsConnector;

use super::{admin::socket::Stream, instance::Instance, trace::client::traced};
use crate::{
    config::model::{Certificate, Scheme},
    console::api::replay::{Listener, OwnEdge, Reply},
    error::BoxError,
    service::BoxFuture,
};

/// One request may take so long; a stream that goes on is left then.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A process whose edge listens.
#[derive(Debug)]
pub(super) struct Listening(pub(super) Arc<Instance>);

impl OwnEdge for Listening {
    fn listener(&self, scheme: Scheme) -> Option<Listener> {
        let running = self.0.running.borrow();
        let listeners: Vec<Listener> = running.origins.iter().map(|origin| listener(origin)).collect();
        listeners.iter().find(|listener| listener.scheme == scheme).or_else(|| listeners.first()).cloned()
    }

    fn send(&self, to: Listener, request: Request<()>) -> BoxFuture<'static, Result<Reply, BoxError>> {
        let certificates = self.0.running.borrow().config.certificates.clone();
        Box::pin(async move {
            let sending = send(&to, request, &certificates);
            tokio::time::timeout(TIMEOUT, sending).await.map_err(|_| "there was no answer in time")?
        })
    }
}

fn listener(origin: &str) -> Listener {
    let scheme = if origin.starts_with("https://") { Scheme::Https } else { Scheme::Http };
    Listener { origin: origin.to_owned(), scheme }
}

async fn send(to: &Listener, request: Request<()>, certificates: &[Certificate]) -> Result<Reply, BoxError> {
    let (_, authority) = to.origin.split_once("://").ok_or("the listener has no address")?;
    let tcp = TcpStream::connect(authority).await?;
    tcp.set_nodelay(true)?;
    let stream: Box<dyn Stream> = match to.scheme {
        Scheme::Http => Box::new(tcp),
        Scheme::Https => {
            let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default().to_owned();
            Box::new(tls(certificates)?.connect(ServerName::try_from(host)?, tcp).await?)
        }
    };
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let mut tasks = JoinSet::new();
    tasks.spawn(connection);
    let answer = sender.send_request(request.map(|()| Empty::<Bytes>::new())).await?;
    let reply = Reply { status: answer.status(), trace: traced(answer.headers()) };
    let mut body = answer.into_body();
    while let Some(frame) = body.frame().await {
        frame?;
    }
    Ok(reply)
}

/// TLS with whoever has one of our own certificates: that is us, whatever names it is for and whoever signed it.
fn tls(certificates: &[Certificate]) -> Result<TlsConnector, BoxError> {
    let leaf = |certificate: &Certificate| CertificateDer::from_pem_file(&certificate.cert_file);
    let leaves = certificates.iter().map(leaf).collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = Arc::new(Ourselves { leaves, provider: Arc::clone(&provider) });
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

#[derive(Debug)]
struct Ourselves {
    leaves: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Ourselves {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.leaves.iter().any(|leaf| leaf == end_entity) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(Error::General("this is not our own certificate".to_owned()))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
