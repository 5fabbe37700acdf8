use std::{collections::BTreeMap, io::Write as _};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
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
    let counters = Arc::new(Counters::default());
    let (outbox, inbox) = Outbox::new(4, Arc::clone(&counters));
    let settings = CollectorSettings::new(Resource::new("edge", &BTreeMap::new()));
    let collector = Collector::start(settings, inbox, Vec::new(), Arc::clone(&counters));
    let receiver = Receiver::bind("127.0.0.1:0".parse().unwrap(), limits).await.unwrap();
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

#[tokio::test]
async fn only_loopback_is_listened_on() {
    assert!(Receiver::bind("0.0.0.0:0".parse().unwrap(), ReceiverLimits::default()).await.is_err());
}

proptest! {
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
