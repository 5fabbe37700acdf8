//! Export over OTLP, from real spans to our own strict receiver.

mod faults;
mod peers;
mod reload;
mod secure;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use opentelemetry::{
    KeyValue,
    trace::{TraceFlags, TraceId},
};
use waylight::{
    clock,
    config::model::{Export, ExportProtocol, Forward, Secret, Toggle},
    trace::{
        collector::{Collector, CollectorHandle, CollectorSettings, Outlet},
        counters::Counters,
        encode::Resource,
        export::{ExportStatus, Exporters},
        ids,
        outbox::Outbox,
        recording::Begin,
        scope::Span,
        stage::Stage,
    },
};

use crate::support::{receiver::Receiver, strict};

const PROTOCOLS: [ExportProtocol; 3] = [ExportProtocol::Grpc, ExportProtocol::HttpProtobuf, ExportProtocol::HttpJson];

/// The spans of one recorded request.
const SPANS: usize = 4;

/// A back end, set up for a test: short delays, the receiver's address.
fn export(name: &str, receiver: &Receiver, protocol: ExportProtocol) -> Export {
    Export {
        name: name.to_owned(),
        endpoint: receiver.endpoint("http"),
        protocol,
        headers: Vec::new(),
        gzip: Toggle::Off,
        ca_file: None,
        client_certificate: None,
        timeout: Duration::from_secs(5),
        batch_spans_max: 512,
        batch_delay: Duration::from_millis(10),
        queue_spans_max: 2048,
        queue_bytes_max: 16 << 20,
        retry_max: Duration::from_secs(30),
    }
}

/// A collector with these back ends, and the workers' end of its queue.
struct Pipeline {
    outbox: Outbox,
    collector: CollectorHandle,
    exporters: Arc<Exporters>,
}

impl Pipeline {
    fn start(exports: &[Export]) -> Self {
        let counters = Arc::new(Counters::default());
        let (outbox, inbox) = Outbox::new(4096, Arc::clone(&counters));
        let exporters = Exporters::new(exports).unwrap();
        let extra = BTreeMap::from([("deployment.environment.name".to_owned(), "test".to_owned())]);
        let settings = CollectorSettings {
            pause: Duration::from_millis(1),
            ..CollectorSettings::new(Resource::new("edge-under-test", &extra))
        };
        let outlets = vec![Outlet { sink: exporters.clone(), apps: Forward::Traced }];
        let collector = Collector::start(settings, inbox, outlets, counters);
        Self { outbox, collector, exporters }
    }

    /// Records one request of [`SPANS`] spans.
    fn record(&self) -> TraceId {
        let trace_id = ids::trace_id();
        let flags = TraceFlags::SAMPLED;
        let begin = Begin { trace_id, flags, outbox: self.outbox.clone(), meter: None, spans_max: 100 };
        let mut root = Span::root(begin, Some(ids::span_id()), clock::now());
        root.rename(|| "GET /products/:slug");
        root.set("http.response.status_code", || 502_i64);
        root.set("share", || 0.5);
        root.link(ids::trace_id(), ids::span_id(), "restarted");
        drop(root.scope().span(Stage::Route));
        let mut attempt = root.scope().span(Stage::UpstreamRequest);
        attempt.event("retry", || vec![KeyValue::new("attempt", 2_i64)]);
        drop(attempt.scope().span(Stage::UpstreamConnect));
        attempt.fail("connection_refused", || "nobody listens".to_owned());
        trace_id
    }

    fn status(&self, name: &str) -> ExportStatus {
        self.exporters.status().into_iter().find(|status| status.name == name).unwrap()
    }

    /// Waits until a back end's status is as wished.
    async fn until(&self, name: &str, wished: impl Fn(&ExportStatus) -> bool) -> ExportStatus {
        let looking = async {
            loop {
                let status = self.status(name);
                if wished(&status) {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let looked = tokio::time::timeout(Duration::from_secs(20), looking).await;
        looked.unwrap_or_else(|_| panic!("it stays at {:?}", self.status(name)))
    }
}

#[tokio::test]
async fn every_protocol_carries_every_field() {
    for (protocol, gzip) in PROTOCOLS.into_iter().flat_map(|protocol| [(protocol, Toggle::Off), (protocol, Toggle::On)])
    {
        let mut receiver = Receiver::start(protocol).await;
        let pipeline = Pipeline::start(&[Export { gzip, ..export("only", &receiver, protocol) }]);
        let trace = pipeline.record();
        let received = receiver.next().await;
        let coding = if protocol == ExportProtocol::Grpc { "grpc-encoding" } else { "content-encoding" };
        assert_eq!(received.headers.get(coding).map(|value| value.to_str().unwrap()), gzip.is_on().then_some("gzip"));
        assert!(received.headers["user-agent"].to_str().unwrap().starts_with("waylight/"));
        let [resource_spans] = &received.request.resource_spans[..] else { panic!("one resource") };
        let resource = &resource_spans.resource.as_ref().unwrap().attributes;
        assert_eq!(strict::text(resource, "service.name"), Some("edge-under-test"));
        assert_eq!(strict::text(resource, "deployment.environment.name"), Some("test"));
        let spans = &resource_spans.scope_spans[0].spans;
        assert!(spans.iter().all(|span| span.trace_id == trace.to_bytes()));
        let root = spans.iter().find(|span| span.name == "GET /products/:slug").unwrap();
        assert_eq!((root.kind, root.flags & 0x300, root.parent_span_id.len()), (2, 0x300, 8));
        assert_eq!(strict::text(&root.attributes, "waylight.stage"), Some("request"));
        assert_eq!(root.links.len(), 1);
        let attempt = spans.iter().find(|span| span.name == "Upstream request").unwrap();
        assert_eq!((attempt.kind, &attempt.parent_span_id), (3, &root.span_id));
        assert_eq!(strict::text(&attempt.attributes, "sentry.op"), Some("http.client"));
        assert_eq!(attempt.status.as_ref().unwrap().message, "nobody listens");
        assert_eq!(attempt.events[0].name, "retry");
        let status = pipeline.until("only", |status| status.sent == SPANS as u64).await;
        assert_eq!((status.queue_spans, status.queue_bytes, status.last_error), (0, 0, None));
        pipeline.collector.shutdown(Duration::from_secs(5)).await;
    }
}

#[tokio::test]
async fn no_back_end_sees_the_headers_of_another() {
    let mut receivers = Vec::new();
    let mut exports = Vec::new();
    for (index, protocol) in PROTOCOLS.into_iter().enumerate() {
        let receiver = Receiver::start(protocol).await;
        let header = format!("x-key-{index}").parse().unwrap();
        let headers = vec![(header, Secret::new(format!("secret-{index}")))];
        exports.push(Export { headers, ..export(&format!("own-{index}"), &receiver, protocol) });
        receivers.push(receiver);
    }
    // The variables make one more, whose headers are its own too.
    let from_env = Receiver::start(ExportProtocol::HttpProtobuf).await;
    let endpoint = from_env.endpoint("http").to_string();
    let env = waylight::config::otel_env::OtelEnv::read(|name| match name {
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" => Some(endpoint.clone()),
        "OTEL_EXPORTER_OTLP_HEADERS" => Some("x-key-3=secret-3".to_owned()),
        "OTEL_BSP_SCHEDULE_DELAY" => Some("10".to_owned()),
        _ => None,
    });
    exports.push(env.export.unwrap());
    receivers.push(from_env);
    let pipeline = Pipeline::start(&exports);
    for _ in 0..20 {
        pipeline.record();
    }
    for (index, receiver) in receivers.iter_mut().enumerate() {
        for received in receiver.spans(20 * SPANS).await {
            let keys: Vec<_> = received.headers.iter().filter(|(name, _)| name.as_str().starts_with("x-key")).collect();
            let [(name, value)] = keys[..] else { panic!("{keys:?}") };
            assert_eq!(
                (name.as_str(), value.to_str().unwrap()),
                (&*format!("x-key-{index}"), &*format!("secret-{index}"))
            );
            let known =
                ["host", "content-type", "content-length", "user-agent", "te", "grpc-timeout", "grpc-accept-encoding"];
            let strange = received.headers.keys().find(|other| *other != name && !known.contains(&other.as_str()));
            assert_eq!(strange, None);
        }
    }
    assert!(!format!("{:?} {:?}", pipeline.exporters, pipeline.exporters.status()).contains("secret-"));
    pipeline.collector.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn messages_keep_to_their_size() {
    let mut receiver = Receiver::start(ExportProtocol::HttpProtobuf).await;
    let only = export("only", &receiver, ExportProtocol::HttpProtobuf);
    let pipeline = Pipeline::start(&[Export { batch_spans_max: 3, ..only }]);
    for _ in 0..10 {
        pipeline.record();
    }
    for received in receiver.spans(10 * SPANS).await {
        assert!(waylight::trace::sink::span_count(&received.request) <= 3);
    }
}
