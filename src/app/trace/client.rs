//! The one request: HTTP/1.1, over TLS where the URL says so. The answer's body is read to its end, since the trace ends
//! with it.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use opentelemetry::trace::TraceId;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio::{net::TcpStream, task::JoinSet};
use tokio_rustls::TlsConnector;

use crate::{
    app::{admin::socket::Stream, cli::Trace},
    error::BoxError,
    rules::trace_context::TRACERESPONSE,
};

/// What is sent.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) options: &'a Trace,
    /// The signed header.
    pub(super) force: (HeaderName, String),
}

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: http::StatusCode,
    /// The trace that the edge recorded, if it did.
    pub(super) trace: Option<TraceId>,
}

/// Sends the request, and reads the answer.
pub(super) async fn send(request: &Request<'_>) -> Result<Reply, BoxError> {
    let Request { options, force: (name, value) } = request;
    let uri = &options.url;
    let authority = uri.authority().ok_or("the URL names no host")?;
    let is_tls = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        _ => return Err("the URL must begin with http:// or https://".into()),
    };
    let host = authority.host().trim_matches(['[', ']']);
    let port = authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    let tcp =
        TcpStream::connect((host, port)).await.map_err(|error| format!("{host}:{port} cannot be reached: {error}"))?;
    tcp.set_nodelay(true)?;
    let stream: Box<dyn Stream> = if is_tls {
        let name = ServerName::try_from(host.to_owned())?;
        Box::new(tls(options)?.connect(name, tcp).await.map_err(|error| format!("TLS with {host}: {error}"))?)
    } else {
        Box::new(tcp)
    };
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let mut tasks = JoinSet::new();
    tasks.spawn(connection);
    let target = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let mut message = http::Request::builder()
        .method(&options.method)
        .uri(target)
        .header(header::HOST, authority.as_str())
        .header(header::USER_AGENT, concat!("waylight/", env!("CARGO_PKG_VERSION")))
        .header(name, value.as_str())
        .body(Full::new(Bytes::from(options.data.clone().unwrap_or_default())))?;
    for (name, value) in &options.header {
        message.headers_mut().insert(name, value.clone());
    }
    let answer = sender.send_request(message).await?;
    let reply = Reply { status: answer.status(), trace: traced(answer.headers()) };
    let mut body = answer.into_body();
    while let Some(frame) = body.frame().await {
        frame.map_err(|error| format!("the answer ended early: {error}"))?;
    }
    Ok(reply)
}

/// The trace that an answer names: `00-TRACE-SPAN-FLAGS`, as `traceparent` has it.
pub(in crate::app) fn traced(headers: &HeaderMap) -> Option<TraceId> {
    let value = headers.get(TRACERESPONSE)?;
    TraceId::from_hex(value.to_str().ok()?.split('-').nth(1)?).ok().filter(|id| *id != TraceId::INVALID)
}

fn tls(options: &Trace) -> Result<TlsConnector, BoxError> {
    let mut roots = RootCertStore::empty();
    match &options.ca_file {
        Some(path) => {
            let text = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
            for certificate in CertificateDer::pem_slice_iter(&text) {
                roots.add(certificate?)?;
            }
        }
        None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
