//! With programs of others: our exporter and our receiver of application spans speak with each other and with Rotel, an
//! OpenTelemetry collector from PyPI.

use std::{
    ffi::OsString,
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use opentelemetry::trace::SpanId;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue as OtlpKeyValue, any_value::Value},
    resource::v1::Resource as OtlpResource,
    trace::v1::{ResourceSpans, ScopeSpans, Span as OtlpSpan},
};
use waylight::trace::{
    receive::{Protocol, Receiver as AppReceiver, ReceiverTerms},
    sink::{Batch, Source, SpanSink as _},
};

use super::*;

/// What an application would send that was called within `trace`.
fn app_batch(trace: TraceId, parent: SpanId) -> Batch {
    let attribute = |key: &str, value: &str| OtlpKeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(Value::StringValue(value.to_owned())) }),
        ..OtlpKeyValue::default()
    };
    let now = clock::now().unix_nanos();
    let span = OtlpSpan {
        trace_id: trace.to_bytes().into(),
        span_id: ids::span_id().to_bytes().into(),
        parent_span_id: parent.to_bytes().into(),
        name: "render".to_owned(),
        kind: 2,
        flags: 0x301,
        start_time_unix_nano: now,
        end_time_unix_nano: now,
        ..OtlpSpan::default()
    };
    let scope =
        opentelemetry_proto::tonic::common::v1::InstrumentationScope { name: "app".to_owned(), ..Default::default() };
    let sdk = ["service.name", "telemetry.sdk.name", "telemetry.sdk.language", "telemetry.sdk.version"];
    let resource =
        OtlpResource { attributes: sdk.iter().map(|key| attribute(key, "app")).collect(), ..OtlpResource::default() };
    let scope_spans = vec![ScopeSpans { scope: Some(scope), spans: vec![span], ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() }];
    Batch::of(Source::App, &ExportTraceServiceRequest { resource_spans })
}

#[tokio::test]
async fn spans_of_applications_join_those_of_the_edge() {
    for (protocol, gzip) in [(ExportProtocol::HttpProtobuf, Toggle::On), (ExportProtocol::HttpJson, Toggle::Off)] {
        let mut back_end = Receiver::start(ExportProtocol::Grpc).await;
        let pipeline = Pipeline::start(&[export("only", &back_end, ExportProtocol::Grpc)]);
        let receiver =
            AppReceiver::bind("127.0.0.1:0".parse().unwrap(), Protocol::Http, ReceiverTerms::default()).await.unwrap();
        let address = receiver.address().unwrap();
        let receiving = receiver.serve(pipeline.collector.intake());
        // Our own exporter plays the application's.
        let endpoint = format!("http://{address}/v1/traces").parse().unwrap();
        let app = Exporters::new(&[Export { endpoint, gzip, ..export("app", &back_end, protocol) }]).unwrap();
        let trace = pipeline.record();
        app.write(app_batch(trace, ids::span_id())).await.unwrap();
        app.write(app_batch(ids::trace_id(), ids::span_id())).await.unwrap();
        let received = back_end.spans(SPANS + 1).await;
        let spans = received.iter().flat_map(|received| &received.request.resource_spans);
        let spans: Vec<_> = spans.flat_map(|resource| &resource.scope_spans).flat_map(|scope| &scope.spans).collect();
        assert!(spans.iter().all(|span| span.trace_id == trace.to_bytes()));
        assert_eq!(spans.iter().filter(|span| span.name == "render").count(), 1);
        app.flush(clock::now().plus(Duration::from_secs(5))).await.unwrap();
        assert_eq!((app.status()[0].sent, app.status()[0].rejected), (2, 0));
        receiving.shutdown(Duration::from_secs(5)).await;
        pipeline.collector.shutdown(Duration::from_secs(5)).await;
    }
}

/// Rotel, passing on to an OTLP/HTTP receiver what it gets. It ends with the test.
struct Rotel(Child);

impl Rotel {
    fn start(agent: OsString, grpc: SocketAddr, http: SocketAddr, target: &Receiver) -> Self {
        let target = format!("http://{}", target.address);
        let child = Command::new(agent)
            .args(["start", "--exporter", "otlp", "--otlp-exporter-protocol", "http", "--disable-batching"])
            .args(["--otlp-grpc-endpoint", &grpc.to_string(), "--otlp-http-endpoint", &http.to_string()])
            .args(["--otlp-exporter-endpoint", &target])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }
}

impl Drop for Rotel {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A port that was free a moment ago.
async fn free_address() -> SocketAddr {
    tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn rotel_understands_all_protocols() {
    let Some(agent) = std::env::var_os("WAYLIGHT_TEST_ROTEL").filter(|agent| !agent.is_empty()) else {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "WAYLIGHT_TEST_ROTEL must name Rotel's agent");
        eprintln!("SKIPPED: WAYLIGHT_TEST_ROTEL does not name Rotel's agent; `make test` sets it");
        return;
    };
    let mut target = Receiver::start(ExportProtocol::HttpProtobuf).await;
    let (grpc, http) = (free_address().await, free_address().await);
    let rotel = Rotel::start(agent, grpc, http, &target);
    for (protocol, gzip) in PROTOCOLS.into_iter().flat_map(|protocol| [(protocol, Toggle::Off), (protocol, Toggle::On)])
    {
        let endpoint = match protocol {
            ExportProtocol::Grpc => format!("http://{grpc}"),
            _ => format!("http://{http}/v1/traces"),
        };
        let through = Export { endpoint: endpoint.parse().unwrap(), gzip, ..export("rotel", &target, protocol) };
        // Until it listens, spans are tried again.
        let pipeline = Pipeline::start(&[through]);
        let trace = pipeline.record();
        let received = target.spans(SPANS).await;
        let spans = received.iter().flat_map(|received| &received.request.resource_spans);
        for span in spans.flat_map(|resource| &resource.scope_spans).flat_map(|scope| &scope.spans) {
            assert_eq!(span.trace_id, trace.to_bytes());
        }
        let status = pipeline.until("rotel", |status| status.sent == SPANS as u64).await;
        assert_eq!(status.rejected, 0);
        pipeline.collector.shutdown(Duration::from_secs(5)).await;
    }
    drop(rotel);
}
