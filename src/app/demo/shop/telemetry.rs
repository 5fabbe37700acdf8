//! How the shop is instrumented: the OpenTelemetry SDK, its OTLP exporter, and the W3C propagator.

use std::time::Duration;

use http::HeaderMap;
use opentelemetry::{
    Context, KeyValue,
    propagation::{Extractor, TextMapPropagator as _},
    trace::{Status, TraceContextExt as _, TracerProvider as _},
};
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    runtime::Tokio,
    trace::{
        BatchConfigBuilder, Sampler, SdkTracer, SdkTracerProvider,
        span_processor_with_async_runtime::BatchSpanProcessor,
    },
};

/// Whoever looks at the terminal does not want to wait.
const BATCH_DELAY: Duration = Duration::from_millis(400);

/// The shop's spans.
pub(super) struct Spans(SdkTracerProvider);

impl Spans {
    /// Sets the SDK up; its exporter reads `OTEL_EXPORTER_OTLP_ENDPOINT` by itself.
    pub(super) fn new() -> Result<Self, opentelemetry_otlp::ExporterBuildError> {
        // Only what a caller asks for is recorded.
        let sampler = Sampler::ParentBased(Box::new(Sampler::AlwaysOff));
        let mut provider = SdkTracerProvider::builder().with_sampler(sampler).with_resource(resource());
        if std::env::var_os("OTEL_EXPORTER_OTLP_ENDPOINT").is_some() {
            let exporter = opentelemetry_otlp::SpanExporter::builder().with_http().build()?;
            let batches = BatchConfigBuilder::default().with_scheduled_delay(BATCH_DELAY).build();
            let processor = BatchSpanProcessor::builder(exporter, Tokio).with_batch_config(batches).build();
            provider = provider.with_span_processor(processor);
        }
        Ok(Self(provider.build()))
    }

    pub(super) fn tracer(&self) -> SdkTracer {
        self.0.tracer("lantern-shop")
    }

    /// Sends what is left. Blocks.
    pub(super) fn flush(&self) {
        self.0.shutdown_with_timeout(Duration::from_secs(2)).ok();
    }
}

fn resource() -> Resource {
    // The detectors read OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES.
    let resource = Resource::builder().with_attribute(KeyValue::new("process.pid", i64::from(std::process::id())));
    match std::env::var_os("OTEL_SERVICE_NAME") {
        Some(_) => resource.build(),
        None => resource.with_service_name("lantern-shop").build(),
    }
}

/// The caller's place in a trace, as its headers say.
pub(super) fn caller(headers: &HeaderMap) -> Context {
    struct Headers<'a>(&'a HeaderMap);
    impl Extractor for Headers<'_> {
        fn get(&self, key: &str) -> Option<&str> {
            self.0.get(key).and_then(|value| value.to_str().ok())
        }

        fn keys(&self) -> Vec<&str> {
            self.0.keys().map(http::HeaderName::as_str).collect()
        }
    }
    TraceContextPropagator::new().extract_with_context(&Context::new(), &Headers(headers))
}

/// Marks the span of `cx` as failed, with the exception event of the semantic conventions.
pub(super) fn fail(cx: &Context, kind: &'static str, message: &'static str) {
    let span = cx.span();
    span.set_status(Status::error(message));
    span.set_attribute(KeyValue::new("error.type", kind));
    span.add_event(
        "exception",
        vec![KeyValue::new("exception.type", kind), KeyValue::new("exception.message", message)],
    );
}
