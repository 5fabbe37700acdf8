use std::collections::BTreeMap;

use opentelemetry::trace::{TraceFlags, TraceId};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span as OtlpSpan};

use super::*;
use crate::{
    service::BoxFuture,
    trace::{
        ids,
        live::HubLimits,
        outbox::Outbox,
        recording::Begin,
        scope::Span,
        sink::{SinkError, SpanSink, testing::Kept},
        stage::Stage,
    },
};

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

fn outlets(sinks: Vec<Arc<Sink>>) -> Vec<Outlet> {
    sinks.into_iter().map(|sink| Outlet { sink, apps: Forward::Traced }).collect()
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
    let collector = Collector::start(settings(8), inbox, outlets(vec![kept.clone()]), Arc::clone(&counters));
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
    let collector = Collector::start(settings(2), inbox, outlets(sinks), Arc::clone(&counters));
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

#[tokio::test(start_paused = true)]
async fn each_sink_gets_the_spans_of_apps_that_it_is_to_have() {
    clock::follow_tokio();
    let counters = Arc::new(Counters::default());
    let (outbox, inbox) = Outbox::new(64, Arc::clone(&counters));
    let reaches = [Forward::None, Forward::Traced, Forward::All];
    let kept = reaches.map(|_| Arc::new(Kept::default()));
    let outlets = kept.iter().zip(reaches).map(|(sink, apps)| Outlet { sink: Arc::clone(sink) as Arc<Sink>, apps });
    let collector = Collector::start(settings(8), inbox, outlets.collect(), Arc::clone(&counters));
    let trace = record(&outbox, 8);
    collector.intake().offer(app_span(trace), None).unwrap();
    collector.intake().offer(app_span(ids::trace_id()), None).unwrap();
    collector.shutdown(Duration::from_secs(5)).await;
    let spans = kept.each_ref().map(|sink| {
        let of = |source| {
            let batches = sink.batches.lock().unwrap();
            batches.iter().filter(|batch| batch.source() == source).map(Batch::spans).sum::<usize>()
        };
        (of(Source::Edge), of(Source::App))
    });
    assert_eq!(spans, [(2, 0), (2, 1), (2, 2)]);
}

#[tokio::test(start_paused = true)]
async fn whoever_looks_at_a_trace_sees_its_spans_and_how_far_it_is() {
    clock::follow_tokio();
    let counters = Arc::new(Counters::default());
    let (outbox, inbox) = Outbox::new(64, Arc::clone(&counters));
    let hub = Hub::new(HubLimits::default(), Arc::clone(&counters));
    let settings = CollectorSettings { hub: Some(Arc::clone(&hub)), ..settings(8) };
    let collector = Collector::start(settings, inbox, Vec::new(), counters);
    let mut reader = hub.subscribe(None);
    let (trace, other) = (record(&outbox, 8), record(&outbox, 8));
    let _watching = hub.watch(trace).unwrap();
    collector.intake().offer(app_span(trace), None).unwrap();
    collector.intake().offer(app_span(other), None).unwrap();
    // The next look is a second away.
    tokio::time::sleep(Duration::from_secs(2)).await;
    hub.flush();
    let crate::trace::live::Delivery::Batch(batch) = reader.next().await else { panic!("a gap") };
    let mut seen: Vec<_> = batch
        .events
        .iter()
        .map(|(_, event)| match event {
            Event::Spans(of, spans) => (*of, format!("{:?} {}", spans.source(), spans.spans())),
            Event::State(of, state) => (*of, format!("{state:?}")),
            other => panic!("{other:?}"),
        })
        .collect();
    seen.sort_by(|one, two| one.1.cmp(&two.1));
    seen.dedup();
    assert!(seen.iter().all(|(of, _)| *of == trace));
    let words: Vec<_> = seen.iter().map(|(_, word)| &**word).collect();
    assert!(words.contains(&"App 1") && words.contains(&"Edge 2") && words.contains(&"Done"), "{words:?}");
    assert_eq!(hub.state(other), Some(crate::rules::reading::progress::Progress::Done));
    collector.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test(start_paused = true)]
async fn what_apps_add_is_of_the_share_of_traces_that_nobody_asked_for() {
    clock::follow_tokio();
    let counters = Arc::new(Counters::default());
    let (outbox, inbox) = Outbox::new(64, Arc::clone(&counters));
    let quota = Arc::new(Quota::unlimited());
    let settings = CollectorSettings { quota: Arc::clone(&quota), ..settings(8) };
    let collector = Collector::start(settings, inbox, Vec::new(), counters);
    for (trigger, apps) in [("session", 1), ("ratio", 2), ("force", 4), ("tail", 8)] {
        let trace_id = ids::trace_id();
        let begin = Begin { trace_id, flags: TraceFlags::SAMPLED, outbox: outbox.clone(), meter: None, spans_max: 10 };
        let mut root = Span::root(begin, None, clock::now());
        root.tell_request(1, trigger);
        drop(root);
        for _ in 0..apps {
            collector.intake().offer(app_span(trace_id), None).unwrap();
        }
    }
    collector.shutdown(Duration::from_secs(1)).await;
    assert_eq!(quota.unasked(), 10);
}

#[tokio::test(start_paused = true)]
async fn what_comes_of_an_erased_trace_goes_nowhere() {
    clock::follow_tokio();
    let counters = Arc::new(Counters::default());
    let (outbox, inbox) = Outbox::new(64, Arc::clone(&counters));
    let [traced, all] = [Forward::Traced, Forward::All].map(|apps| (Arc::new(Kept::default()), apps));
    let outlets = [&traced, &all].map(|(sink, apps)| Outlet { sink: Arc::clone(sink) as Arc<Sink>, apps: *apps });
    let hub = Hub::new(HubLimits::default(), Arc::clone(&counters));
    let settings = CollectorSettings { hub: Some(Arc::clone(&hub)), ..settings(8) };
    let erased = Arc::clone(&settings.erased);
    let collector = Collector::start(settings, inbox, outlets.into(), Arc::clone(&counters));
    let [theirs, other] = [(); 2].map(|()| record(&outbox, 10));
    let _watching = hub.watch(theirs).unwrap();
    erased.remember([theirs], clock::now());
    for trace in [theirs, other] {
        collector.intake().offer(app_span(trace), None).unwrap();
    }
    collector.shutdown(Duration::from_secs(1)).await;
    assert_eq!([traced.0.spans(), all.0.spans()], [3, 3], "two of the edge, and one of the app");
    assert_eq!(counters.spans_dropped_erased.value(), 3);
}
