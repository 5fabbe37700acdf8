//! Messages taken apart, beside what decoding says of them.

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::InstrumentationScope,
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use proptest::prelude::*;
use prost::Message as _;

use super::*;

fn span(trace: u8, id: u8) -> Span {
    Span { trace_id: vec![trace; 16], span_id: vec![id; 8], name: "x".repeat(usize::from(id)), ..Span::default() }
}

/// A message: resources of scopes of spans, each with its trace.
fn message(resources: &[Vec<Vec<u8>>]) -> ExportTraceServiceRequest {
    let mut id = 0;
    let mut spans = |traces: &[u8]| {
        traces
            .iter()
            .map(|trace| {
                id += 1;
                span(*trace, id)
            })
            .collect()
    };
    let mut scope = |index: usize, traces: &[u8]| ScopeSpans {
        scope: Some(InstrumentationScope { name: format!("scope {index}"), ..InstrumentationScope::default() }),
        spans: spans(traces),
        schema_url: "of the scope".into(),
    };
    let resource_spans = resources.iter().enumerate().map(|(index, scopes)| ResourceSpans {
        resource: Some(Resource { dropped_attributes_count: index as u32, ..Resource::default() }),
        scope_spans: scopes.iter().enumerate().map(|(index, traces)| scope(index, traces)).collect(),
        schema_url: "of the resource".into(),
    });
    ExportTraceServiceRequest { resource_spans: resource_spans.collect() }
}

/// What is expected: the message without the spans of others, and without what is empty then.
fn only(message: &ExportTraceServiceRequest, trace: u8) -> ExportTraceServiceRequest {
    let mut message = message.clone();
    for resource in &mut message.resource_spans {
        for scope in &mut resource.scope_spans {
            scope.spans.retain(|span| span.trace_id[0] == trace);
        }
        resource.scope_spans.retain(|scope| !scope.spans.is_empty());
    }
    message.resource_spans.retain(|resource| !resource.scope_spans.is_empty());
    message
}

fn check(resources: &[Vec<Vec<u8>>]) {
    let message = message(resources);
    let mut traces = 0;
    let mut spans = 0;
    Splitter::default()
        .split(&message.encode_to_vec(), |trace, count, part| {
            traces += 1;
            spans += count;
            let part = ExportTraceServiceRequest::decode(part).unwrap();
            assert_eq!(crate::trace::sink::span_count(&part), count);
            // A message of one trace is passed on as it is, empty scopes included.
            assert_eq!(only(&part, trace.to_bytes()[0]), only(&message, trace.to_bytes()[0]));
        })
        .unwrap();
    let mut expected: Vec<u8> = resources.iter().flatten().flatten().copied().collect();
    assert_eq!(spans, expected.len());
    expected.sort_unstable();
    expected.dedup();
    assert_eq!(traces, expected.len());
}

#[test]
fn each_trace_gets_a_message() {
    check(&[]);
    check(&[vec![vec![]]]);
    check(&[vec![vec![1, 1, 1]]]);
    check(&[vec![vec![1, 2, 1], vec![2]], vec![vec![3, 1]]]);
}

#[test]
fn what_is_no_message_is_refused() {
    let mut splitter = Splitter::default();
    let mut bad_id = message(&[vec![vec![1, 2]]]);
    bad_id.resource_spans[0].scope_spans[0].spans[1].trace_id = vec![1; 15];
    let mut zero = message(&[vec![vec![1]]]);
    zero.resource_spans[0].scope_spans[0].spans[0].trace_id = vec![0; 16];
    let whole = message(&[vec![vec![1, 2]]]).encode_to_vec();
    let cut = &whole[..whole.len() - 1];
    for octets in [&bad_id.encode_to_vec()[..], &zero.encode_to_vec(), cut, b"\xff\xff", b"\x0a\xff\xff\xff\xff\x0f"] {
        assert_eq!(splitter.split(octets, |_, _, _| panic!("called")), Err(Malformed), "{octets:?}");
    }
}

proptest! {
    #[test]
    fn any_message_is_taken_apart(resources in prop::collection::vec(prop::collection::vec(prop::collection::vec(1_u8..5, 0..6), 0..4), 0..4)) {
        check(&resources);
    }

    #[test]
    fn any_octets_are_refused_or_taken_apart(octets in prop::collection::vec(any::<u8>(), 0..128)) {
        Splitter::default().split(&octets, |_, _, part| drop(ExportTraceServiceRequest::decode(part))).ok();
    }
}
