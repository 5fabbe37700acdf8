//! Trace context: what is valid, and each row of the edge's table.

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::trace::{SpanId, TraceFlags, TraceId};
use proptest::prelude::*;

use super::{
    dsc::{Head, sample_rand},
    sentry_trace::{Sampled, SentryTrace},
    traceparent::{RECORDED, Traceparent},
    *,
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const OTHER: &str = "00000000000000000000000000000001";
const SPAN: &str = "00f067aa0ba902b7";

fn headers(fields: &[(&str, &str)]) -> HeaderMap {
    let field = |&(name, value): &(&str, &str)| {
        (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
    };
    fields.iter().map(field).collect()
}

fn project() -> Settings {
    Settings {
        public_key: Some("abc".into()),
        org_id: Some("1".into()),
        environment: Some("dev, eu".into()),
        release: None,
    }
}

fn ids() -> NewIds {
    NewIds { trace_id: TraceId::from_bytes([0x80; 16]), sample_rate: 1.0 }
}

fn own_span() -> SpanId {
    SpanId::from_bytes([7; 8])
}

/// Makes `map` what the upstream is sent.
fn apply(outgoing: &Outgoing, map: &mut HeaderMap) {
    outgoing.apply(map);
    outgoing.tell(own_span(), |name, value| {
        assert!(map.insert(name, HeaderValue::from_bytes(value).unwrap()).is_none(), "what came in is gone");
    });
}

/// The four headers after the edge, sorted by name.
fn edge(fields: &[(&str, &str)], trust: Trust, settings: &Settings) -> (Outgoing, Vec<(String, String)>) {
    let mut map = headers(fields);
    let outgoing = propagate(&Incoming::read(&map), trust, settings, ids());
    apply(&outgoing, &mut map);
    let mut after: Vec<_> =
        map.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    after.sort();
    (outgoing, after)
}

fn value<'a>(after: &'a [(String, String)], name: &str) -> Option<&'a str> {
    after.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

#[test]
fn traceparent_is_read_as_the_specification_says() {
    let check = |text: &str, expect: Option<u8>| {
        let read = Traceparent::parse(text.as_bytes()).map(|parent| parent.flags.to_u8());
        assert_eq!(read, expect, "{text}");
    };
    check(&format!("00-{TRACE}-{SPAN}-01"), Some(1));
    check(&format!("00-{TRACE}-{SPAN}-03"), Some(3));
    check(&format!("00-{TRACE}-{SPAN}-ff"), Some(3));
    check(&format!("00-{TRACE}-{SPAN}-01-"), None);
    check(&format!("01-{TRACE}-{SPAN}-01-more"), Some(1));
    check(&format!("01-{TRACE}-{SPAN}-01"), Some(1));
    check(&format!("01-{TRACE}-{SPAN}-01more"), None);
    check(&format!("ff-{TRACE}-{SPAN}-01"), None);
    check(&format!("00-{}-{SPAN}-01", TRACE.to_uppercase()), None);
    check(&format!("00-{}-{SPAN}-01", "0".repeat(32)), None);
    check(&format!("00-{TRACE}-{}-01", "0".repeat(16)), None);
    check(&format!("00-{TRACE}-{SPAN}-0"), None);
    check(&format!("00_{TRACE}-{SPAN}-01"), None);
    check("", None);
}

#[test]
fn sentry_trace_is_read_as_the_sdk_reads_it() {
    let check = |text: &str, expect: Option<Sampled>| {
        assert_eq!(SentryTrace::parse(text.as_bytes()).map(|read| read.sampled), expect, "{text}");
    };
    check(&format!("{TRACE}-{SPAN}-1"), Some(Sampled::Yes));
    check(&format!(" \t{TRACE}-{SPAN}-0 "), Some(Sampled::No));
    check(&format!("{TRACE}-{SPAN}"), Some(Sampled::Deferred));
    check(&format!("{TRACE}-{SPAN}-"), None);
    check(&format!("{TRACE}-{SPAN}-2"), None);
    check(&format!("{TRACE}-{SPAN}-1, {TRACE}-{SPAN}-1"), None);
    check(&format!("{}-{SPAN}-1", TRACE.to_uppercase()), None);
    check("1", None);
    check("", None);
}

#[test]
fn tracestate_keeps_to_its_limits() {
    let check = |values: &[&str], expect: Option<&str>| {
        let combined = tracestate::combine(values.iter().map(|value| value.as_bytes()));
        assert_eq!(combined.as_deref(), expect.map(str::as_bytes), "{values:?}");
    };
    check(&["a=1, b=2"], Some("a=1,b=2"));
    check(&["a=1,,", "t@v=x y"], Some("a=1,t@v=x y"));
    check(&["A=1"], None);
    check(&["a=1,b"], None);
    check(&["a="], None);
    check(&["a=b=c"], None);
    check(&[""], None);
    check(&[], None);
    let of = |count: usize| (0..count).map(|n| format!("k{n}=1")).collect::<Vec<_>>().join(",");
    check(&[&of(32)], Some(&of(32)));
    check(&[&of(33)], None);
    let large = format!("large={}", "x".repeat(200));
    let small = (0..16).map(|n| format!("k{n}={}", "y".repeat(20))).collect::<Vec<_>>().join(",");
    check(&[&format!("{large},{small}")], Some(&small));
    check(&[&format!("first=1,{large},{large}")], Some(&format!("first=1,{large},{large}")));
}

#[test]
fn a_trusted_context_keeps_all_but_the_span() {
    let state = "vendor=1,other=2";
    let baggage = "sentry-trace_id=x;p=1 ,  foo=%20bar,broken";
    let fields = [
        ("traceparent", format!("00-{TRACE}-{SPAN}-03")),
        ("tracestate", state.into()),
        ("sentry-trace", format!("{TRACE}-{SPAN}-0")),
        ("baggage", baggage.into()),
    ];
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let (outgoing, after) = edge(&fields, Trust::Trusted, &project());
    assert_eq!(outgoing.trace_id, TraceId::from_hex(TRACE).unwrap());
    assert_eq!(outgoing.parent, Some(SpanId::from_hex(SPAN).unwrap()));
    assert_eq!(outgoing.link, None);
    assert_eq!(value(&after, "traceparent"), Some(format!("00-{TRACE}-0707070707070707-03").as_str()));
    assert_eq!(value(&after, "sentry-trace"), Some(format!("{TRACE}-0707070707070707-0").as_str()));
    assert_eq!(value(&after, "tracestate"), Some(state));
    assert_eq!(value(&after, "baggage"), Some(baggage));
    let meta = outgoing.meta(own_span());
    assert_eq!(meta.baggage.as_deref(), Some("sentry-trace_id=x"), "only Sentry's, and without properties");
}

#[test]
fn decisions_are_mapped_between_the_two_headers() {
    let w3c = |flags: &str| ("traceparent", format!("00-{TRACE}-{SPAN}-{flags}"));
    let sentry = |flag: &str| ("sentry-trace", format!("{TRACE}-{SPAN}{flag}"));
    let check = |fields: &[(&'static str, String)], trust: Trust, flags: &str, sampled: &str| {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let (_, after) = edge(&fields, trust, &Settings::default());
        assert_eq!(&value(&after, "traceparent").unwrap()[53..], flags, "{fields:?}");
        assert_eq!(&value(&after, "sentry-trace").unwrap()[49..], sampled, "{fields:?}");
    };
    check(&[sentry("-1")], Trust::Trusted, "01", "-1");
    check(&[sentry("-0")], Trust::Trusted, "00", "-0");
    check(&[sentry("")], Trust::Trusted, "00", "");
    check(&[w3c("01")], Trust::Trusted, "01", "-1");
    check(&[w3c("00")], Trust::Trusted, "00", "");
    check(&[w3c("00"), sentry("-1")], Trust::Trusted, "00", "-1");
    check(&[w3c("01"), sentry("-0")], Trust::Trusted, "01", "-0");
    // A session's apps record; Sentry's decision stays what it was.
    check(&[sentry("-0")], Trust::Session, "01", "-0");
    check(&[w3c("00"), sentry("-0")], Trust::Session, "01", "-0");
}

#[test]
fn a_trace_without_context_begins_here() {
    let (outgoing, after) = edge(&[("baggage", "foo=bar,sentry-release=1")], Trust::Untrusted, &project());
    assert_eq!((outgoing.parent, outgoing.link), (None, None));
    assert_eq!(outgoing.flags, RECORDED);
    assert_eq!(value(&after, "traceparent").unwrap(), format!("00-{}-0707070707070707-03", "80".repeat(16)));
    let baggage = value(&after, "baggage").unwrap();
    let expect = format!(
        "sentry-environment=dev%2C%20eu,sentry-public_key=abc,sentry-trace_id={},sentry-org_id=1,\
         sentry-sample_rand=0.501960,sentry-sampled=true,sentry-sample_rate=1",
        "80".repeat(16)
    );
    assert_eq!(baggage, format!("{expect},foo=bar"));
    assert_eq!(outgoing.meta(own_span()).baggage, Some(expect));
    let (outgoing, after) = edge(&[], Trust::Trusted, &Settings::default());
    assert_eq!(value(&after, "baggage"), None, "no project, no context");
    assert_eq!(outgoing.meta(own_span()).baggage, None);
}

#[test]
fn an_untrusted_context_is_restarted_with_a_link() {
    let fields = [
        ("traceparent", format!("00-{TRACE}-{SPAN}-01")),
        ("tracestate", "a=1".into()),
        ("sentry-trace", format!("{TRACE}-{SPAN}-0")),
        ("baggage", "sentry%2Dsampled=false, foo=bar;x=1,sentry-release=evil".into()),
    ];
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let (outgoing, after) = edge(&fields, Trust::Untrusted, &Settings::default());
    assert_eq!(outgoing.trace_id, ids().trace_id);
    assert_eq!(outgoing.link, Some((TraceId::from_hex(TRACE).unwrap(), SpanId::from_hex(SPAN).unwrap())));
    assert_eq!(value(&after, "tracestate"), None);
    assert_eq!(value(&after, "baggage"), Some("foo=bar;x=1"));
    assert!(value(&after, "sentry-trace").unwrap().ends_with("-1"));
    let (outgoing, after) = edge(&fields, Trust::Reject, &Settings::default());
    assert_eq!((outgoing.link, value(&after, "baggage")), (None, None));
}

#[test]
fn a_context_of_another_organisation_is_never_continued() {
    let sentry = format!("{TRACE}-{SPAN}-1");
    let check = |baggage: &str, continued: bool| {
        let (outgoing, _) = edge(&[("sentry-trace", &sentry), ("baggage", baggage)], Trust::Session, &project());
        assert_eq!(outgoing.parent.is_some(), continued, "{baggage}");
        assert_eq!(outgoing.link.is_none(), continued, "{baggage}");
    };
    check("sentry-org_id=1", true);
    check("sentry-org_id=2", false);
    check("sentry-release=1", true);
}

#[test]
fn an_empty_context_stays_empty() {
    let sentry = format!("{TRACE}-{SPAN}-1");
    let (mut outgoing, after) = edge(&[("sentry-trace", &sentry)], Trust::Trusted, &project());
    outgoing.name_transaction("/products/:slug");
    assert_eq!(value(&after, "baggage"), None);
    assert_eq!(outgoing.meta(own_span()).baggage, None);
}

#[test]
fn doubled_headers_are_none() {
    let parent = format!("00-{TRACE}-{SPAN}-01");
    let sentry = format!("{TRACE}-{SPAN}-1");
    let twice = [("traceparent", parent.as_str()), ("traceparent", &parent), ("tracestate", "a=1")];
    assert_eq!(Incoming::read(&headers(&twice)).context(), None);
    let (_, after) = edge(&[&twice[..], &[("sentry-trace", &sentry)]].concat(), Trust::Trusted, &Settings::default());
    assert_eq!(value(&after, "tracestate"), None);
    assert!(value(&after, "traceparent").unwrap().contains(TRACE), "sentry-trace alone is continued");
    assert_eq!(Incoming::read(&headers(&[("sentry-trace", &sentry), ("sentry-trace", &sentry)])).context(), None);
}

#[test]
fn headers_that_disagree_are_told_apart() {
    let parent = format!("00-{TRACE}-{SPAN}-01");
    let sentry = format!("{OTHER}-{SPAN}-0");
    let fields = [("traceparent", parent.as_str()), ("sentry-trace", &sentry), ("baggage", "sentry-a=1,foo=bar")];
    let (outgoing, after) = edge(&fields, Trust::Trusted, &Settings::default());
    assert_eq!(outgoing.link.unwrap().0, TraceId::from_hex(OTHER).unwrap());
    assert_eq!(value(&after, "sentry-trace"), Some(format!("{TRACE}-0707070707070707-1").as_str()));
    assert_eq!(value(&after, "baggage"), Some("foo=bar"));
}

#[test]
fn the_route_names_the_transaction_of_a_trace_that_begins_here() {
    let mut outgoing = propagate(&Incoming::default(), Trust::Untrusted, &project(), ids());
    outgoing.name_transaction("/products/:slug");
    assert!(outgoing.meta(own_span()).baggage.unwrap().starts_with("sentry-transaction=/products/:slug,"));
    let mut map = HeaderMap::new();
    apply(&outgoing, &mut map);
    assert!(map["baggage"].to_str().unwrap().starts_with("sentry-transaction=/products/:slug,sentry-environment="));
}

#[test]
fn a_deferred_page_decides_nothing() {
    let outgoing = Outgoing::deferred(&Incoming::default(), Policy::Restart, &project(), ids());
    let meta = outgoing.meta(own_span());
    assert_eq!(meta.sentry_trace, format!("{}-0707070707070707", "80".repeat(16)));
    assert!(meta.traceparent.ends_with("-02"));
    let baggage = meta.baggage.unwrap();
    assert!(baggage.contains("sentry-trace_id=") && baggage.contains("sentry-sample_rand="), "{baggage}");
    for absent in ["sentry-sampled", "sentry-sample_rate=", "sentry-transaction"] {
        assert!(!baggage.contains(absent), "{baggage}");
    }
}

#[test]
fn an_untraced_request_is_left_alone_or_stripped() {
    let fields = [("traceparent", "junk"), ("tracestate", "JUNK"), ("sentry-trace", "x"), ("baggage", "y"), ("a", "b")];
    for policy in [Policy::Accept, Policy::Restart] {
        let mut map = headers(&fields);
        pass_untraced(&mut map, policy);
        assert_eq!(map, headers(&fields));
    }
    let mut map = headers(&fields);
    pass_untraced(&mut map, Policy::Reject);
    assert_eq!(map, headers(&[("a", "b")]));
}

#[test]
fn trust_follows_policy_and_presenter() {
    use {Policy::*, Presenter::*};
    for (policy, presenter, trust) in [
        (Accept, Anyone, Trust::Trusted),
        (Accept, Session, Trust::Session),
        (Accept, OtherSession, Trust::Untrusted),
        (Restart, Anyone, Trust::Untrusted),
        (Restart, Session, Trust::Session),
        (Restart, OtherSession, Trust::Untrusted),
        (Reject, Anyone, Trust::Reject),
        (Reject, Session, Trust::Reject),
        (Reject, OtherSession, Trust::Reject),
    ] {
        assert_eq!(policy.trust(presenter), trust, "{policy:?} {presenter:?}");
    }
}

#[test]
fn long_baggage_loses_whole_members_only() {
    let members: Vec<_> = (0..100).map(|n| format!("key{n}={}", "v".repeat(150))).collect();
    let list = members.join(",");
    let (_, after) = edge(&[("baggage", &list)], Trust::Untrusted, &project());
    let baggage = value(&after, "baggage").unwrap();
    assert!(baggage.len() <= baggage::BYTES_MAX && baggage.starts_with("sentry-environment"));
    let others: Vec<_> = baggage.split(',').filter(|member| member.starts_with("key")).collect();
    assert!(!others.is_empty() && others.iter().all(|member| members.iter().any(|known| known == member)));
    let short = (0..70).map(|n| format!("k{n}=v")).collect::<Vec<_>>().join(",");
    let (_, after) = edge(&[("baggage", &short)], Trust::Untrusted, &project());
    assert_eq!(value(&after, "baggage").unwrap().split(',').count(), baggage::MEMBERS_MAX);
}

proptest! {
    #[test]
    fn parsers_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        Traceparent::parse(&bytes);
        SentryTrace::parse(&bytes);
        tracestate::combine([&bytes[..]]);
        for member in baggage::parse(&bytes) {
            member.sentry_key();
            member.value();
        }
    }

    #[test]
    fn what_is_written_can_be_read(trace in 1_u128.., span in 1_u64.., flags in 0_u8..4, sampled in 0..3_usize) {
        let (trace_id, span_id) = (TraceId::from_bytes(trace.to_be_bytes()), SpanId::from_bytes(span.to_be_bytes()));
        let parent = Traceparent { trace_id, span_id, flags: TraceFlags::new(flags) };
        prop_assert_eq!(Traceparent::parse(parent.text().as_bytes()), Some(parent));
        let sampled = [Sampled::Yes, Sampled::No, Sampled::Deferred][sampled];
        let sentry = SentryTrace { trace_id, span_id, sampled };
        prop_assert_eq!(SentryTrace::parse(sentry.text().as_bytes()), Some(sentry));
    }

    #[test]
    fn baggage_values_survive(value in "\\PC{0,40}") {
        let mut list = String::new();
        baggage::push(&mut list, "a", "b");
        baggage::push(&mut list, "sentry-release", &value);
        let members: Vec<_> = baggage::parse(list.as_bytes()).collect();
        prop_assert_eq!(members.len(), 2);
        prop_assert_eq!(members[1].value(), value);
    }

    #[test]
    fn sample_rand_is_below_the_rate_exactly_if_sampled(trace in 1_u128.., rate in 0.000_01..1.0_f64, sampled: bool) {
        let trace_id = TraceId::from_bytes(trace.to_be_bytes());
        let decided = if sampled { Sampled::Yes } else { Sampled::No };
        prop_assume!(sampled || rate <= 0.999_999);
        let text = sample_rand(Head { trace_id, sampled: decided, rate });
        prop_assert_eq!(text.len(), 8);
        let rand: f64 = text.parse().unwrap();
        prop_assert!((0.0..1.0).contains(&rand));
        prop_assert_eq!(rand < rate, sampled, "{} {}", rand, rate);
    }

    #[test]
    fn an_edge_never_panics(fields in proptest::collection::vec((0..4_usize, "[ -~]{0,80}"), 0..8), trust in 0..4_usize) {
        const NAMES: [&str; 4] = ["traceparent", "tracestate", "sentry-trace", "baggage"];
        let fields: Vec<_> = fields.iter().map(|(name, value)| (NAMES[*name], value.as_str())).collect();
        let trust = [Trust::Session, Trust::Trusted, Trust::Untrusted, Trust::Reject][trust];
        let (_, after) = edge(&fields, trust, &project());
        prop_assert!(Traceparent::parse(value(&after, "traceparent").unwrap().as_bytes()).is_some());
        prop_assert!(SentryTrace::parse(value(&after, "sentry-trace").unwrap().as_bytes()).is_some());
    }
}
