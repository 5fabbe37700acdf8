use std::{collections::BTreeMap, sync::Mutex};

use opentelemetry::trace::{TraceFlags, TraceId};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span as OtlpSpan};

use super::*;
use crate::{
    service::BoxFuture,
    trace::{
        ids,
        outbox::Outbox,
        recording::Begin,
        scope::Span,
        sink::{SinkError, SpanSink},
        stage::Stage,
    },
};

#[derive(Debug, Default)]
struct Kept {
    batches: Mutex<Vec<Batch>>,
    flushed: OnceLock<()>,
}

impl SpanSink for Kept {
    fn name(&self) -> &'static str {
        "kept"
    }

    fn write(&self, batch: Batch) -> BoxFuture<'_, Result<(), SinkError>> {
        self.batches.lock().unwrap().push(batch);
        Box::pin(async { Ok(()) })
    }

    fn flush(&self, _: Instant) -> BoxFuture<'_, Result<(), SinkError>> {
        self.flushed.set(()).unwrap();
        Box::pin(async { Ok(()) })
    }
}

struct Hanging;

impl SpanSink for Hanging {
    fn name(&self) -> &'static str {
        "hanging"
    }

    fn write(&self, _: Batch) -> BoxFuture<'_, Result<(), SinkError>> {
        Box::pin(std::future::pending())
    }

    fn flush(&self, _: Instant) -> BoxFuture<'_, Result<(), SinkError>> {
        Box::pin(std::future::pending())
    }
}

fn settings(sink_queue_max: usize) -> CollectorSettings {
    CollectorSettings {
        batch_spans_max: 4,
        sink_queue_max,
        ..CollectorSettings::new(Resource::new("edge", &BTreeMap::new()))
    }
}

fn record(outbox: &Outbox, spans_max: u32) -> TraceId {
    let trace_id = ids::trace_id();
    let begin = Begin { trace_id, flags: TraceFlags::SAMPLED, outbox: outbox.clone(), meter: None, spans_max };
    let root = Span::root(begin, None, clock::now());
    drop(root.scope().span(Stage::Route));
    trace_id
}

fn app_span(trace: TraceId) -> ExportTraceServiceRequest {
    let span = OtlpSpan {
        trace_id: trace.to_bytes().into(),
        span_id: ids::span_id().to_bytes().into(),
        ..OtlpSpan::default()
    };
    let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
    ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }] }
}

#[tokio::test(start_paused = true)]
async fn shutdown_hands_over_and_flushes_everything() {
    clock::follow_tokio();
    let counters = Arc::new(Counters::default());
    let (outbox, inbox) = Outbox::new(64, Arc::clone(&counters));
    let kept = Arc::new(Kept::default());
    let collector = Collector::start(settings(8), inbox, vec![kept.clone()], Arc::clone(&counters));
    let traces: Vec<_> = (0..3).map(|_| record(&outbox, 10)).collect();
    collector.intake().offer(app_span(traces[2]), None).unwrap();
    collector.intake().offer(app_span(ids::trace_id()), None).unwrap();
    collector.shutdown(Duration::from_secs(1)).await;
    assert!(kept.flushed.get().is_some());
    let batches = kept.batches.lock().unwrap();
    let spans = |source| batches.iter().filter(|b| b.source() == source).map(Batch::spans).sum::<usize>();
    assert_eq!((spans(Source::Edge), spans(Source::App)), (6, 1));
    assert!(batches.iter().all(|batch| batch.spans() <= 4));
    assert_eq!(batches.iter().map(|b| span_count(&b.decode().unwrap())).sum::<usize>(), 7);
    assert_eq!(counters.app_spans_received.value(), 2);
    record(&outbox, 10);
    assert_eq!(counters.spans_dropped_queue.value(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_hangs_delays_nobody() {
    clock::follow_tokio();
    let counters = Arc::new(Counters::default());
    let (outbox, inbox) = Outbox::new(64, Arc::clone(&counters));
    let kept = Arc::new(Kept::default());
    let sinks: Vec<Arc<Sink>> = vec![Arc::new(Hanging), kept.clone()];
    let collector = Collector::start(settings(2), inbox, sinks, Arc::clone(&counters));
    for _ in 0..10 {
        record(&outbox, 10);
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    assert_eq!(kept.batches.lock().unwrap().len(), 10);
    // One is being written, two wait.
    assert_eq!(counters.spans_dropped_sink.value(), 7 * 2);
    let begun = clock::now();
    collector.shutdown(Duration::from_secs(3)).await;
    assert!(clock::now().since(begun) < Duration::from_secs(4));
    assert!(kept.flushed.get().is_some());
}
