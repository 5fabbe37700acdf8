//! Names and TLS on the way to an upstream, and the spans that tell of them.

use std::{
    io,
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    sync::Arc,
};

use opentelemetry::trace::{SpanId, TraceFlags};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    runtime::Handle,
    task::spawn_local,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig, crypto,
        pki_types::{CertificateDer, PrivateKeyDer},
    },
};
use waylight::{
    config::model::{Endpoint, Scheme, Upstream},
    error::ErrorType,
    proxy::{connect::resolver::Resolver, handler::Handler as _},
    rules::trace_context::{Incoming, NewIds, Settings, Trust, propagate},
    trace::{
        ids,
        outbox::{Inbox, Outbox},
        record::SpanRecord,
        recording::Begin,
        scope::Span,
        stage::Stage,
    },
};

use super::{
    harness::{Worker, get, on_worker, services, text, upstream},
    origin::{Origin, Step},
};

/// An authority, and an origin with its certificate for `app.test`.
struct Secure {
    folder: tempfile::TempDir,
    port: u16,
}

impl Secure {
    async fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(["app.test".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        spawn_local(serve(listener, leaf.der().clone(), key));
        Self { folder, port }
    }

    fn upstream(&self) -> Upstream {
        let mut upstream = upstream(&[]);
        upstream.endpoints = vec![Endpoint { scheme: Scheme::Https, host: "app.test".into(), port: self.port }];
        upstream.tls.ca_file = Some(self.ca_file());
        upstream
    }

    fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }
}

async fn serve(listener: TcpListener, leaf: CertificateDer<'static>, key: KeyPair) {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    while let Ok((stream, _)) = listener.accept().await {
        let Ok(mut stream) = acceptor.accept(stream).await else { continue };
        spawn_local(async move {
            let mut buffer = [0; 4096];
            while let Ok(1..) = stream.read(&mut buffer).await {
                if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret").await.is_err() {
                    return;
                }
            }
        });
    }
}

/// A worker for whom every name is this machine, but one.
fn worker(upstream: Upstream) -> Worker {
    let mut services = services();
    services.resolver = Arc::new(Resolver::new(Handle::current(), |name| {
        Box::pin(async move {
            match &*name {
                "unknown.test" => Err(io::ErrorKind::NotFound.into()),
                "slow.test" => std::future::pending().await,
                // Nobody listens at the second address.
                "two.test" => Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv4Addr::new(127, 0, 0, 9).into()]),
                _ => Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]),
            }
        })
    }));
    Worker::sharing(upstream, services)
}

async fn check(worker: &Worker, expect: ErrorType) {
    let error = worker.get().await.unwrap_err();
    assert_eq!(error.kind, expect, "{error}");
}

#[test]
fn tls_is_checked_against_the_authorities_given() {
    on_worker(async || {
        let secure = Secure::new().await;
        let worker = worker(secure.upstream());
        assert_eq!(worker.get().await.unwrap(), "secret");
        assert_eq!(worker.get().await.unwrap(), "secret");
        assert_eq!(worker.counters.upstream_connections_reused.value(), 1);
    });
}

#[test]
fn other_names_and_other_authorities_are_refused() {
    on_worker(async || {
        let secure = Secure::new().await;
        let mut wish = secure.upstream();
        wish.tls.server_name = Some("other.test".into());
        check(&worker(wish), ErrorType::TlsCertificateError).await;
        let mut wish = secure.upstream();
        wish.tls.ca_file = Some(Secure::new().await.ca_file());
        // Its authority's file is gone with it.
        let other = Secure::new().await;
        wish.tls.ca_file = Some(other.ca_file());
        check(&worker(wish), ErrorType::TlsCertificateError).await;
        let mut wish = secure.upstream();
        wish.endpoints[0].host = "127.0.0.1".into();
        wish.tls.server_name = Some("app.test".into());
        assert_eq!(worker(wish).get().await.unwrap(), "secret");
    });
}

#[test]
fn names_that_do_not_exist_have_their_own_error() {
    on_worker(async || {
        let mut wish = upstream(&[Origin::nobody().await]);
        wish.endpoints[0].host = "unknown.test".into();
        check(&worker(wish), ErrorType::DnsError).await;
        let mut wish = upstream(&[Origin::nobody().await]);
        wish.endpoints[0].host = "slow.test".into();
        wish.timeout_connect = std::time::Duration::from_millis(50);
        check(&worker(wish), ErrorType::DnsTimeout).await;
    });
}

#[test]
fn an_address_that_refuses_is_followed_by_the_next() {
    on_worker(async || {
        let serve = || vec![Step::Head, Step::Write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")];
        let origin = Origin::new(vec![serve(), serve()]).await;
        let mut wish = upstream(&[origin.address]);
        wish.endpoints[0].host = "two.test".into();
        wish.attempts_max = 1;
        wish.pool_idle_max = 0;
        let worker = worker(wish);
        assert_eq!(worker.get().await.unwrap(), "ok");
        assert_eq!(worker.get().await.unwrap(), "ok");
    });
}

#[test]
fn what_speaks_no_tls_is_told_from_what_is_not_trusted() {
    on_worker(async || {
        let origin = Origin::new(vec![vec![Step::Octets(5), Step::Write("SSH-2.0-OpenSSH\r\n"), Step::End]]).await;
        let mut wish = upstream(&[origin.address]);
        wish.endpoints[0].scheme = Scheme::Https;
        wish.attempts_max = 1;
        check(&worker(wish), ErrorType::TlsProtocolError).await;
    });
}

/// A traced request's spans.
pub(super) async fn traced(worker: &Worker) -> Vec<SpanRecord> {
    let request = get("/path?token=abc&page=2");
    let cx = worker.context(&request);
    let (outbox, mut inbox): (_, Inbox) = Outbox::new(8, Arc::clone(&worker.counters));
    let new = NewIds { trace_id: ids::trace_id(), sample_rate: 1.0 };
    let outgoing = propagate(&Incoming::read(request.headers()), Trust::Untrusted, &Settings::default(), new);
    let begin = Begin { trace_id: outgoing.trace_id, flags: TraceFlags::SAMPLED, outbox, meter: None, spans_max: 100 };
    let root = Span::root(begin, None, cx.phases.at(waylight::trace::phases::Phase::Received).unwrap());
    cx.redaction.get_or_init(Arc::default);
    cx.trace(root, outgoing, "test");
    let outcome = worker.forward.handle(request, &cx).await;
    if let Ok(response) = outcome {
        text(cx.answered(response)).await.unwrap();
    }
    drop(cx);
    inbox.recv().await.unwrap()
}

pub(super) fn find(spans: &[SpanRecord], stage: Stage) -> &SpanRecord {
    spans.iter().find(|span| span.stage == stage).unwrap_or_else(|| panic!("no {stage:?} in {spans:#?}"))
}

pub(super) fn attribute(span: &SpanRecord, key: &str) -> String {
    span.attributes.shown(key).unwrap_or_default()
}

/// Every span but the root lies within its parent.
pub(super) fn nested(spans: &[SpanRecord]) {
    for span in spans.iter().filter(|span| span.parent != SpanId::INVALID) {
        let parent = spans.iter().find(|other| other.span_id == span.parent).expect("a parent");
        assert!(span.start >= parent.start && span.end <= parent.end, "{:?} in {:?}", span.stage, parent.stage);
    }
}

#[test]
fn a_new_connection_is_told_in_spans_and_an_old_one_is_not() {
    on_worker(async || {
        let secure = Secure::new().await;
        let worker = worker(secure.upstream());
        let spans = traced(&worker).await;
        nested(&spans);
        let client = find(&spans, Stage::UpstreamRequest);
        let wait = find(&spans, Stage::UpstreamWait);
        assert_eq!(wait.parent, client.span_id);
        for stage in [Stage::UpstreamDns, Stage::UpstreamConnect, Stage::UpstreamTls] {
            assert_eq!(find(&spans, stage).parent, wait.span_id);
        }
        assert_eq!(attribute(find(&spans, Stage::UpstreamTls), "tls.protocol.version"), "1.3");
        assert_eq!(attribute(client, "http.request.method"), "GET");
        assert_eq!(attribute(client, "http.response.status_code"), "200");
        assert_eq!(attribute(client, "server.address"), "app.test");
        assert_eq!(attribute(client, "network.peer.address"), "127.0.0.1");
        let url = format!("https://app.test:{}/path?token=REDACTED&page=2", secure.port);
        assert_eq!(attribute(client, "url.full"), url);
        let spans = traced(&worker).await;
        let stages: Vec<_> = spans.iter().map(|span| span.stage).collect();
        assert_eq!(stages, [Stage::UpstreamRequest, Stage::Request]);
    });
}

#[test]
fn each_attempt_is_a_span() {
    on_worker(async || {
        let worker = Worker::new(upstream(&[Origin::nobody().await]));
        let spans = traced(&worker).await;
        nested(&spans);
        let attempts: Vec<_> = spans.iter().filter(|span| span.stage == Stage::UpstreamRequest).collect();
        let counts: Vec<_> = attempts.iter().map(|span| attribute(span, "http.request.resend_count")).collect();
        assert_eq!(counts, ["", "1", "2"]);
        assert!(attempts.iter().all(|span| attribute(span, "error.type") == "connection_refused"));
    });
}
