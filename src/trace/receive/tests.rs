use std::{collections::BTreeMap, io::Write as _};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::KeyValue,
    resource::v1::Resource as OtlpResource,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use proptest::prelude::*;
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::trace::{
    collector::{Collector, CollectorHandle, CollectorSettings},
    counters::Counters,
    encode::Resource,
    ids,
    outbox::Outbox,
};

struct Running {
    address: SocketAddr,
    counters: Arc<Counters>,
    receiver: ReceiverHandle,
    collector: CollectorHandle,
    _outbox: Outbox,
}

async fn start(limits: ReceiverLimits) -> Running {
    start_with("127.0.0.1:0", Protocol::Http, ReceiverTerms { limits, token: None }).await
}

async fn start_with(address: &str, protocol: Protocol, terms: ReceiverTerms) -> Running {
    let counters = Arc::new(Counters::default());
    let (outbox, inbox) = Outbox::new(4, Arc::clone(&counters));
    let settings = CollectorSettings::new(Resource::new("edge", &BTreeMap::new()));
    let collector = Collector::start(settings, inbox, Vec::new(), Arc::clone(&counters));
    let receiver = Receiver::bind(address.parse().unwrap(), protocol, terms).await.unwrap();
    let address = receiver.address().unwrap();
    let receiver = receiver.serve(collector.intake());
    Running { address, counters, receiver, collector, _outbox: outbox }
}

fn message(spans: usize) -> ExportTraceServiceRequest {
    let spans = (0..spans)
        .map(|_| Span {
            trace_id: ids::trace_id().to_bytes().into(),
            span_id: ids::span_id().to_bytes().into(),
            ..Span::default()
        })
        .collect();
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }] }
}

/// Sends one request as written, and gives back the whole answer.
async fn ask(address: SocketAddr, line: &str, headers: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("{line} HTTP/1.1\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
    // A receiver that refuses early may close before all was sent.
    drop(stream.write_all(body).await);
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer).await);
    String::from_utf8_lossy(&answer).to_ascii_lowercase()
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(plain).unwrap();
    gzip.finish().unwrap()
}

#[tokio::test]
async fn messages_are_taken_in_both_encodings() {
    let running = start(ReceiverLimits::default()).await;
    let protobuf = message(3).encode_to_vec();
    let json = serde_json::to_vec(&message(2)).unwrap();
    for (content_type, coding, body) in [
        ("application/x-protobuf", "", protobuf.clone()),
        ("application/x-protobuf", "content-encoding: gzip\r\n", gzip(&protobuf)),
        ("application/json", "", json.clone()),
        ("application/json; charset=utf-8", "content-encoding: gzip\r\n", gzip(&json)),
    ] {
        let headers = format!("host: {}\r\ncontent-type: {content_type}\r\n{coding}", running.address);
        let answer = ask(running.address, "POST /v1/traces", &headers, &body).await;
        assert!(answer.starts_with("http/1.1 200"), "{answer}");
        let essence = content_type.split(';').next().unwrap();
        assert!(answer.contains(&format!("content-type: {essence}\r\n")), "{answer}");
        assert!(answer.ends_with(if essence.ends_with("json") { "{}" } else { "\r\n\r\n" }), "{answer}");
    }
    assert_eq!(running.counters.app_spans_received.value(), 10);
    running.receiver.shutdown(Duration::from_secs(5)).await;
    running.collector.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn everything_else_is_refused_with_the_right_status() {
    let running = start(ReceiverLimits { request_bytes_max: 4096, ..ReceiverLimits::default() }).await;
    let host = "host: localhost:4318\r\n";
    let protobuf = "content-type: application/x-protobuf\r\n";
    let body = message(1).encode_to_vec();
    let bomb = gzip(&[0; 100_000]);
    for (status, line, headers, body) in [
        (403, "POST /v1/traces", format!("{host}{protobuf}origin: http://localhost:4318\r\n"), &body[..]),
        (403, "POST /v1/traces", format!("host: evil.example\r\n{protobuf}"), &body),
        (403, "POST /v1/traces", format!("host: localhost.evil.example\r\n{protobuf}"), &body),
        (403, "POST /v1/traces", format!("{host}{host}{protobuf}"), &body),
        (404, "POST /v1/metrics", format!("{host}{protobuf}"), &body),
        (405, "PUT /v1/traces", format!("{host}{protobuf}"), &body),
        (415, "POST /v1/traces", host.to_owned(), &body),
        (415, "POST /v1/traces", format!("{host}content-type: text/plain\r\n"), &body),
        (415, "POST /v1/traces", format!("{host}content-type: application/jsonx\r\n"), &body),
        (415, "POST /v1/traces", format!("{host}{protobuf}content-encoding: br\r\n"), &body),
        (400, "POST /v1/traces", format!("{host}{protobuf}"), b"\xff\xff"),
        (400, "POST /v1/traces", format!("{host}content-type: application/json\r\n"), b"{"),
        (400, "POST /v1/traces", format!("{host}{protobuf}content-encoding: gzip\r\n"), &body),
        (413, "POST /v1/traces", format!("{host}{protobuf}"), &[0; 5000]),
        (413, "POST /v1/traces", format!("{host}{protobuf}content-encoding: gzip\r\n"), &bomb),
        (200, "POST /v1/traces", format!("host: [::1]:4318\r\n{protobuf}"), &body),
    ] {
        let answer = ask(running.address, line, &headers, body).await;
        assert!(answer.starts_with(&format!("http/1.1 {status}")), "{status} {line} {headers}: {answer}");
    }
    assert_eq!(running.counters.app_spans_received.value(), 1);
}

#[tokio::test]
async fn memory_is_bounded() {
    let running = start(ReceiverLimits { bytes_max: 2048, ..ReceiverLimits::default() }).await;
    let headers = format!("host: {}\r\ncontent-type: application/x-protobuf\r\n", running.address);
    let answer = ask(running.address, "POST /v1/traces", &headers, &[0; 5000]).await;
    assert!(answer.starts_with("http/1.1 503"), "{answer}");
    assert!(answer.contains("retry-after: 1\r\n"), "{answer}");
    let answer = ask(running.address, "POST /v1/traces", &headers, &message(3).encode_to_vec()).await;
    assert!(answer.starts_with("http/1.1 200"), "{answer}");
}

/// Two octets a span as sent, and some hundreds in memory.
#[tokio::test]
async fn what_grows_in_memory_is_bounded_before_it_grows() {
    let running = start(ReceiverLimits { bytes_max: 1 << 20, ..ReceiverLimits::default() }).await;
    let scope_spans = vec![ScopeSpans { spans: vec![Span::default(); 100_000], ..ScopeSpans::default() }];
    let spans = ResourceSpans { scope_spans, ..ResourceSpans::default() };
    let bomb = ExportTraceServiceRequest { resource_spans: vec![spans] };
    // Each of the traces would have the resource anew.
    let mut copies = message(1_000);
    let name = KeyValue { key: "k".repeat(10_000), ..KeyValue::default() };
    copies.resource_spans[0].resource = Some(OtlpResource { attributes: vec![name], ..OtlpResource::default() });
    for (content_type, body) in [
        ("application/x-protobuf", gzip(&bomb.encode_to_vec())),
        ("application/json", gzip(format!("{{\"resourceSpans\":[{}]}}", "{},".repeat(100_000)).as_bytes())),
        ("application/x-protobuf", gzip(&copies.encode_to_vec())),
    ] {
        let address = running.address;
        let headers = format!("host: {address}\r\ncontent-type: {content_type}\r\ncontent-encoding: gzip\r\n");
        let answer = ask(address, "POST /v1/traces", &headers, &body).await;
        assert!(answer.starts_with("http/1.1 413"), "{answer}");
    }
    assert_eq!((running.counters.app_spans_received.value(), running.counters.app_spans_refused.value()), (0, 1_000));
}

#[tokio::test]
async fn off_loopback_a_token_is_demanded() {
    let outside = "0.0.0.0:0".parse().unwrap();
    assert!(Receiver::bind(outside, Protocol::Http, ReceiverTerms::default()).await.is_err());
    let token = Some(Secret::new("a-secret-token"));
    let running = start_with("0.0.0.0:0", Protocol::Http, ReceiverTerms { token, ..ReceiverTerms::default() }).await;
    let address = SocketAddr::from(([127, 0, 0, 1], running.address.port()));
    let body = message(1).encode_to_vec();
    for (status, fields) in [
        (401, ""),
        (401, "authorization: Bearer a-secret-toke\r\n"),
        (401, "authorization: Bearer another-token\r\n"),
        (401, "authorization: Basic a-secret-token\r\n"),
        (200, "authorization: Bearer a-secret-token\r\n"),
        (200, "authorization: bearer a-secret-token\r\n"),
        (200, "waylight-token: a-secret-token\r\n"),
        (403, "authorization: Bearer a-secret-token\r\norigin: https://evil.example\r\n"),
    ] {
        let headers = format!("host: edge.example\r\ncontent-type: application/x-protobuf\r\n{fields}");
        let answer = ask(address, "POST /v1/traces", &headers, &body).await;
        assert!(answer.starts_with(&format!("http/1.1 {status}")), "{status} {fields}: {answer}");
        assert!(!answer.contains("a-secret"));
    }
}

#[tokio::test]
async fn spans_that_name_nothing_are_rejected_and_the_others_taken() {
    let running = start(ReceiverLimits::default()).await;
    let mut partial = message(4);
    let spans = &mut partial.resource_spans[0].scope_spans[0].spans;
    spans[0].trace_id = vec![0; 16];
    spans[1].trace_id.pop();
    spans[2].span_id = Vec::new();
    let host = format!("host: {}\r\n", running.address);
    let headers = format!("{host}content-type: application/json\r\n");
    let json = serde_json::to_vec(&partial).unwrap();
    let answer = ask(running.address, "POST /v1/traces", &headers, &json).await;
    assert!(answer.starts_with("http/1.1 200") && answer.contains("\"rejectedspans\":\"3\""), "{answer}");
    let headers = format!("{host}content-type: application/x-protobuf\r\n");
    let answer = ask(running.address, "POST /v1/traces", &headers, &partial.encode_to_vec()).await;
    assert!(answer.starts_with("http/1.1 200") && answer.contains("spans need a trace id"), "{answer}");
    assert_eq!((running.counters.app_spans_received.value(), running.counters.app_spans_rejected.value()), (2, 6));
}

#[tokio::test]
async fn too_many_spans_in_a_second_are_refused() {
    let running = start(ReceiverLimits { spans_per_second_max: 5, ..ReceiverLimits::default() }).await;
    let headers = format!("host: {}\r\ncontent-type: application/x-protobuf\r\n", running.address);
    let answer = ask(running.address, "POST /v1/traces", &headers, &message(10).encode_to_vec()).await;
    assert!(answer.starts_with("http/1.1 200"), "{answer}");
    let answer = ask(running.address, "POST /v1/traces", &headers, &message(100).encode_to_vec()).await;
    assert!(answer.starts_with("http/1.1 429") && answer.contains("retry-after: 1\r\n"), "{answer}");
    assert_eq!(running.counters.app_spans_refused.value(), 100);
}

mod grpc {
    use http_body_util::{BodyExt as _, Full};
    use hyper_util::rt::{TokioExecutor, TokioIo};

    use super::*;

    struct Call<'a> {
        authority: &'a str,
        path: &'a str,
        content_type: &'a str,
        fields: &'a [(&'a str, &'a str)],
        body: Vec<u8>,
    }

    const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

    fn call(body: Vec<u8>) -> Call<'static> {
        Call { authority: "localhost:4317", path: EXPORT, content_type: "application/grpc", fields: &[], body }
    }

    fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        [&[flag], &length[..], message].concat()
    }

    /// The HTTP status, the gRPC status, its details, and the message.
    async fn ask(address: SocketAddr, call: Call<'_>) -> (u16, String, String, Bytes) {
        let stream = TcpStream::connect(address).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { drop(connection.await) });
        let uri = format!("http://{}{}", call.authority, call.path);
        let mut request = ::http::Request::post(uri).header("content-type", call.content_type).header("te", "trailers");
        for (name, value) in call.fields {
            request = request.header(*name, *value);
        }
        let response = sender.send_request(request.body(Full::new(Bytes::from(call.body))).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap();
        let trailers = body.trailers().cloned().unwrap_or_default();
        let field = |name: &str| {
            let value = head.headers.get(name).or_else(|| trailers.get(name));
            value.map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
        };
        (head.status.as_u16(), field("grpc-status"), field("grpc-status-details-bin"), body.to_bytes())
    }

    async fn start(limits: ReceiverLimits) -> Running {
        start_with("127.0.0.1:0", Protocol::Grpc, ReceiverTerms { limits, token: None }).await
    }

    #[tokio::test]
    async fn messages_are_taken_plain_and_compressed() {
        let running = start(ReceiverLimits::default()).await;
        let message = message(3).encode_to_vec();
        for call in [
            call(framed(0, &message)),
            Call { content_type: "application/grpc+proto", ..call(framed(0, &message)) },
            Call { fields: &[("grpc-encoding", "gzip")], ..call(framed(1, &gzip(&message))) },
            Call { fields: &[("grpc-encoding", "gzip")], ..call(framed(0, &message)) },
            Call { authority: "[::1]:4317", ..call(framed(0, &message)) },
        ] {
            let (status, code, _, body) = ask(running.address, call).await;
            assert_eq!((status, &*code, &*body), (200, "0", &[0; 5][..]));
        }
        assert_eq!(running.counters.app_spans_received.value(), 15);
        running.receiver.shutdown(Duration::from_secs(5)).await;
    }

    #[tokio::test]
    async fn everything_else_is_refused_with_the_right_code() {
        let limits = ReceiverLimits { request_bytes_max: 4096, ..ReceiverLimits::default() };
        let running = start(limits).await;
        let one = framed(0, &message(1).encode_to_vec());
        let bomb = framed(1, &gzip(&[0; 100_000]));
        let encoded: &[(&str, &str)] = &[("grpc-encoding", "gzip")];
        for (code, call) in [
            ("7", Call { authority: "evil.example:4317", ..call(one.clone()) }),
            ("7", Call { fields: &[("origin", "http://localhost")], ..call(one.clone()) }),
            ("12", Call { path: "/other.Service/Export", ..call(one.clone()) }),
            ("12", Call { fields: &[("grpc-encoding", "zstd")], ..call(one.clone()) }),
            ("3", call(Vec::new())),
            ("3", call(one[..7].to_vec())),
            ("3", call([one.clone(), one.clone()].concat())),
            ("3", call(framed(2, &[]))),
            ("3", call(framed(0, b"\xff\xff"))),
            ("3", call(framed(1, &gzip(&[])))),
            ("3", Call { fields: encoded, ..call(framed(1, b"no gzip")) }),
            ("8", call(vec![0; 5000])),
            ("8", Call { fields: encoded, ..call(bomb) }),
        ] {
            let (path, length) = (call.path, call.body.len());
            let (status, found, ..) = ask(running.address, call).await;
            assert_eq!((status, &*found), (200, code), "{path} {length}");
        }
        let html = Call { content_type: "text/html", ..call(one.clone()) };
        assert_eq!(ask(running.address, html).await.0, 415);
        assert_eq!(running.counters.app_spans_received.value(), 0);
    }

    #[tokio::test]
    async fn a_sender_is_told_when_to_come_back() {
        let running = start(ReceiverLimits { bytes_max: 2048, ..ReceiverLimits::default() }).await;
        let (status, code, details, _) = ask(running.address, call(framed(0, &[0; 5000]))).await;
        assert_eq!((status, &*code), (200, "14"));
        let details = base64::Engine::decode(&base64::engine::general_purpose::STANDARD_NO_PAD, details).unwrap();
        assert!(String::from_utf8_lossy(&details).contains("google.rpc.RetryInfo"));
    }

    #[tokio::test]
    async fn rejected_spans_are_told() {
        let running = start(ReceiverLimits::default()).await;
        let mut partial = message(2);
        partial.resource_spans[0].scope_spans[0].spans[0].span_id = vec![0; 8];
        let (_, code, _, body) = ask(running.address, call(framed(0, &partial.encode_to_vec()))).await;
        let (_, answer) = super::super::grpc::message(&body).unwrap();
        let answer =
            opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse::decode(answer).unwrap();
        assert_eq!((&*code, answer.partial_success.unwrap().rejected_spans), ("0", 1));
    }
}

proptest! {
    #[test]
    fn no_frame_makes_the_reader_panic(octets in prop::collection::vec(any::<u8>(), 0..64)) {
        super::grpc::message(&Bytes::from(octets));
    }

    #[test]
    fn no_message_makes_the_decoders_panic(octets in prop::collection::vec(any::<u8>(), 0..512), text in "\\PC{0,256}") {
        decode(Encoding::Protobuf, Bytes::from(octets.clone()));
        decode(Encoding::Json, Bytes::from(octets));
        decode(Encoding::Json, Bytes::from(text));
    }

    #[test]
    fn no_damage_makes_the_decoders_panic(at in any::<prop::sample::Index>(), octet in any::<u8>()) {
        let mut protobuf = message(2).encode_to_vec();
        *at.get_mut(&mut protobuf) = octet;
        if let Some(damaged) = decode(Encoding::Protobuf, Bytes::from(protobuf)) {
            let mut room = room::Room::new(room::RoomLimits::default());
            room.offered(damaged, crate::clock::Instant::from_nanos(0));
        }
        let mut json = serde_json::to_vec(&message(2)).unwrap();
        *at.get_mut(&mut json) = octet;
        decode(Encoding::Json, Bytes::from(json));
    }
}
