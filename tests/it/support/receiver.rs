//! Our own strict OTLP receiver: gRPC, HTTP with protobuf, HTTP with JSON, plain or TLS. It checks every field of what it
//! gets, tells the test, and fails on purpose where the test says so.

use std::{
    collections::VecDeque,
    convert::Infallible,
    io::Read as _,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
    trace_service_server::{TraceService, TraceServiceServer},
};
use prost::Message as _;
use tokio::{net::TcpListener, sync::mpsc, task::JoinSet};
use tokio_rustls::TlsAcceptor;
use tonic::{codec::CompressionEncoding, codegen::Service as _};
use waylight::{config::model::ExportProtocol, trace::sink::span_count};

use super::strict;

/// A receiver for one protocol.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    received: mpsc::UnboundedReceiver<Result<Received, String>>,
    _tasks: JoinSet<()>,
}

/// One message that came, checked.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) headers: HeaderMap,
    pub(crate) request: ExportTraceServiceRequest,
}

/// What goes wrong on purpose.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// The connection is closed without an answer.
    Close,
    /// No answer ever comes.
    Hang,
    /// The answer is good, but late.
    Slow(Duration),
    /// This HTTP status; over gRPC too.
    Status(u16, Option<&'static str>),
    /// This gRPC status, with a `RetryInfo`.
    Code(tonic::Code, Option<Duration>),
    /// So many spans are rejected.
    Partial(i64, &'static str),
}

struct Shared {
    protocol: ExportProtocol,
    /// Consumed one a message; the last one stays if `forever`.
    faults: Mutex<VecDeque<Fault>>,
    forever: Mutex<Option<Fault>>,
    attempts: AtomicUsize,
    connections: AtomicUsize,
    spans: AtomicUsize,
    found: mpsc::UnboundedSender<Result<Received, String>>,
}

impl Receiver {
    pub(crate) async fn start(protocol: ExportProtocol) -> Self {
        Self::start_with(protocol, None).await
    }

    pub(crate) async fn start_with(protocol: ExportProtocol, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        #[expect(clippy::disallowed_methods, reason = "a test ends before memory does")]
        let (found, received) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            protocol,
            faults: Mutex::default(),
            forever: Mutex::default(),
            attempts: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            spans: AtomicUsize::new(0),
            found,
        });
        let mut tasks = JoinSet::new();
        let serving = Arc::clone(&shared);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                serving.connections.fetch_add(1, Ordering::Relaxed);
                let shared = Arc::clone(&serving);
                match tls.clone() {
                    None => drop(connections.spawn(serve(shared, TokioIo::new(stream)))),
                    Some(tls) => drop(connections.spawn(async move {
                        if let Ok(stream) = tls.accept(stream).await {
                            serve(shared, TokioIo::new(stream)).await;
                        }
                    })),
                }
            }
        });
        Self { address, shared, received, _tasks: tasks }
    }

    /// The endpoint to configure.
    pub(crate) fn endpoint(&self, scheme: &str) -> http::Uri {
        let path = if self.shared.protocol == ExportProtocol::Grpc { "" } else { "/v1/traces" };
        format!("{scheme}://localhost:{}{path}", self.address.port()).parse().unwrap()
    }

    /// The next message goes wrong so, after those told before.
    pub(crate) fn fail(&self, fault: Fault) {
        self.shared.faults.lock().unwrap().push_back(fault);
    }

    /// Every message goes wrong so.
    pub(crate) fn fail_always(&self, fault: Option<Fault>) {
        *self.shared.forever.lock().unwrap() = fault;
    }

    /// The next message that was taken; fails if it was not as it must be, or if none comes.
    pub(crate) async fn next(&mut self) -> Received {
        let next = tokio::time::timeout(Duration::from_secs(20), self.received.recv()).await;
        next.expect("no message came").unwrap().unwrap_or_else(|fault| panic!("the receiver found: {fault}"))
    }

    /// All messages until there are so many spans.
    pub(crate) async fn spans(&mut self, count: usize) -> Vec<Received> {
        let mut all = Vec::new();
        let mut spans = 0;
        while spans < count {
            let next = self.next().await;
            spans += span_count(&next.request);
            all.push(next);
        }
        assert_eq!(spans, count);
        all
    }

    /// Messages that came, those that went wrong included.
    pub(crate) fn attempts(&self) -> usize {
        self.shared.attempts.load(Ordering::Relaxed)
    }

    /// Connections accepted.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Spans taken.
    pub(crate) fn span_count(&self) -> usize {
        self.shared.spans.load(Ordering::Relaxed)
    }
}

async fn serve<I>(shared: Arc<Shared>, io: I)
where
    I: hyper::rt::Read + hyper::rt::Write + Send + Unpin + 'static,
{
    let grpc = shared.protocol == ExportProtocol::Grpc;
    if grpc {
        let service = service_fn(move |request| answer_grpc(Arc::clone(&shared), request));
        drop(http2::Builder::new(TokioExecutor::new()).serve_connection(io, service).await);
    } else {
        let service = service_fn(move |request| answer_http(Arc::clone(&shared), request));
        drop(http1::Builder::new().serve_connection(io, service).await);
    }
}

impl Shared {
    fn fault(&self) -> Option<Fault> {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        self.faults.lock().unwrap().pop_front().or_else(|| self.forever.lock().unwrap().clone())
    }

    /// Checks a message and tells the test of it.
    fn found(&self, received: Result<Received, String>) {
        let received = received.and_then(|received| {
            strict::request(&received.request)?;
            self.spans.fetch_add(span_count(&received.request), Ordering::Relaxed);
            Ok(received)
        });
        drop(self.found.send(received));
    }
}

/// What a fault does before an answer.
async fn before(fault: Option<&Fault>) -> Result<(), std::io::Error> {
    match fault {
        Some(Fault::Close) => Err(std::io::Error::other("closed on purpose")),
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Slow(late)) => {
            tokio::time::sleep(*late).await;
            Ok(())
        }
        _ => Ok(()),
    }
}

fn response(fault: Option<&Fault>) -> ExportTraceServiceResponse {
    let partial_success = match fault {
        Some(Fault::Partial(rejected_spans, message)) => {
            Some(ExportTracePartialSuccess { rejected_spans: *rejected_spans, error_message: (*message).to_owned() })
        }
        _ => None,
    };
    ExportTraceServiceResponse { partial_success }
}

async fn answer_http(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
    let fault = shared.fault();
    before(fault.as_ref()).await?;
    let content_type =
        if shared.protocol == ExportProtocol::HttpJson { "application/json" } else { "application/x-protobuf" };
    if let Some(Fault::Status(status, retry_after)) = fault {
        let mut response = Response::new(Full::new(Bytes::from_static(b"{\"message\":\"not now\"}")));
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        if let Some(retry_after) = retry_after {
            response.headers_mut().insert("retry-after", retry_after.parse().unwrap());
        }
        return Ok(response);
    }
    let read = || {
        let expect = |name: &str, value: &str| match head.headers.get(name) {
            Some(found) if found == value => Ok(()),
            found => Err(format!("{name} is {found:?}, not {value}")),
        };
        if (head.method.as_str(), head.uri.path()) != ("POST", "/v1/traces") {
            return Err(format!("{} {}", head.method, head.uri));
        }
        expect("content-type", content_type)?;
        let plain = if head.headers.contains_key("content-encoding") {
            expect("content-encoding", "gzip")?;
            let mut plain = Vec::new();
            flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut plain).map_err(|error| error.to_string())?;
            plain.into()
        } else {
            body
        };
        if shared.protocol == ExportProtocol::HttpJson {
            strict::json(&plain)
        } else {
            ExportTraceServiceRequest::decode(plain).map_err(|error| error.to_string())
        }
    };
    let request = read();
    shared.found(request.map(|request| Received { headers: head.headers, request }));
    let response = response(fault.as_ref());
    let body = match shared.protocol {
        ExportProtocol::HttpJson => serde_json::to_vec(&response).unwrap(),
        _ => response.encode_to_vec(),
    };
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    answer.headers_mut().insert("content-type", content_type.parse().unwrap());
    Ok(answer)
}

async fn answer_grpc(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<tonic::body::Body>, std::io::Error> {
    let fault = shared.fault();
    if matches!(fault, Some(Fault::Close)) {
        before(fault.as_ref()).await?;
    }
    if let Some(Fault::Status(status, _)) = fault {
        return Ok(Response::builder().status(status).body(tonic::body::Body::empty()).unwrap());
    }
    for (name, value) in [("content-type", "application/grpc"), ("te", "trailers")] {
        if request.headers().get(name).is_none_or(|found| found != value) {
            shared.found(Err(format!("{name} is {:?}, not {value}", request.headers().get(name))));
        }
    }
    if !request.headers().contains_key("grpc-timeout") {
        shared.found(Err("no grpc-timeout".to_owned()));
    }
    let service = Grpc { shared, fault, headers: request.headers().clone() };
    let mut server = TraceServiceServer::new(service).accept_compressed(CompressionEncoding::Gzip);
    let answered: Result<_, Infallible> = server.call(request).await;
    Ok(answered.unwrap_or_else(|never| match never {}))
}

struct Grpc {
    shared: Arc<Shared>,
    fault: Option<Fault>,
    headers: HeaderMap,
}

#[tonic::async_trait]
impl TraceService for Grpc {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
        drop(before(self.fault.as_ref()).await);
        if let Some(Fault::Code(code, retry)) = &self.fault {
            return Err(tonic::Status::with_details(*code, "not now", details(*retry)));
        }
        let request = request.into_inner();
        self.shared.found(Ok(Received { headers: self.headers.clone(), request }));
        Ok(tonic::Response::new(response(self.fault.as_ref())))
    }
}

/// A `google.rpc.Status` with one `google.rpc.RetryInfo`, written by hand: field numbers and lengths.
fn details(retry: Option<Duration>) -> Bytes {
    let Some(retry) = retry else { return Bytes::new() };
    let field = |number: u8, content: &[u8]| {
        let mut field = vec![number << 3 | 2, u8::try_from(content.len()).unwrap()];
        field.extend_from_slice(content);
        field
    };
    let mut duration = vec![1 << 3];
    prost::encoding::encode_varint(retry.as_secs(), &mut duration);
    duration.push(2 << 3);
    prost::encoding::encode_varint(u64::from(retry.subsec_nanos()), &mut duration);
    let info = field(1, &duration);
    let any = [field(1, b"type.googleapis.com/google.rpc.RetryInfo"), field(2, &info)].concat();
    field(3, &any).into()
}
