//! From an envelope to spans of a session.

use super::*;
use crate::{
    clock,
    config::model::Forward,
    rules::{
        access::{Role, Way},
        session::{Id, SessionKind},
    },
    trace::{
        collector::{Collector, CollectorHandle, CollectorSettings, Outlet},
        encode::Resource,
        kept,
        outbox::Outbox,
        requests::ring::Ring,
        sessions::Ephemeral,
        sink::testing::Kept,
    },
};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const OTHERS: &str = "0bf7651916cd43dd8448eb211c80319c";

struct House {
    copies: Copies,
    reader: Reader,
    collector: CollectorHandle,
    kept: Arc<Kept>,
    counters: Arc<Counters>,
    sessions: Arc<Sessions>,
}

impl House {
    fn new() -> Self {
        let kept = Arc::new(Kept::default());
        let outlets = vec![Outlet { sink: Arc::clone(&kept) as _, apps: Forward::Traced }];
        let (_, inbox) = Outbox::new(1, Arc::default());
        let settings = CollectorSettings::new(Resource::new("edge", &std::collections::BTreeMap::new()));
        let collector = Collector::start(settings, inbox, outlets, Arc::default());
        let counters = Arc::new(Counters::default());
        let sessions = Arc::new(Sessions::new(10, Box::new(Ephemeral), []));
        let parts = ReaderParts {
            sessions: Arc::clone(&sessions),
            requests: Requests::new(Arc::new(Ring::new(10)), None),
            intake: collector.intake(),
            counters: Arc::clone(&counters),
        };
        let (copies, inbox) = Copies::new();
        Self { copies, reader: Reader::start(parts, inbox), collector, kept, counters, sessions }
    }

    fn send(&self, envelope: &str) {
        self.offer(envelope).unwrap();
    }

    fn offer(&self, envelope: &str) -> Result<(), IntakeFull> {
        let (now, host) = (clock::unix_seconds(), String::from("app.example"));
        let (id, name) = (Id::from_bytes([9; 16]), String::from("ada"));
        let identity = Identity {
            id,
            name,
            role: Role::Tracer,
            way: Way::Link,
            host: host.clone(),
            issued: now,
            expiry: now + 60,
        };
        let (id, kind) = (Id::from_bytes([3; 16]), SessionKind::Session);
        let session =
            Session { id, identity: identity.id, host, expiry: now + 60, spans_max: 3, requests_max: 10, kind };
        self.copies.offer(Copied { envelope: envelope.as_bytes().to_vec(), session, identity })
    }

    /// What was handed on, once everything has ended, with what was refused and what was not read.
    async fn end(self) -> (usize, u64, u64) {
        self.reader.shutdown(Duration::from_secs(5)).await;
        self.collector.shutdown(Duration::from_secs(5)).await;
        let spans = self.kept.spans();
        (spans, self.counters.browser_spans_refused.value(), self.counters.sentry_envelopes_unread.value())
    }
}

fn envelope(trace: &str, spans: &[(&str, &str)]) -> String {
    let span = |(id, op): &(&str, &str)| {
        format!(
            r#"{{"trace_id":"{trace}","span_id":"{id}","name":"x","status":"error","start_timestamp":1.5,"end_timestamp":2,"attributes":{{"sentry.op":{{"type":"string","value":"{op}"}},"waylight.stage":{{"type":"string","value":"request"}}}}}}"#
        )
    };
    let spans: Vec<_> = spans.iter().map(span).collect();
    format!(
        "{{\"sdk\":{{\"name\":\"sentry.javascript.browser\",\"version\":\"11.12.0\"}}}}\n{{\"type\":\"span\",\"content_type\":\"application/vnd.sentry.items.span.v2+json\"}}\n{{\"items\":[{}]}}\n",
        spans.join(",")
    )
}

#[test]
fn spans_come_out_as_a_browsers() {
    let text = envelope(TRACE, &[("b7ad6b7169203331", "pageload"), ("b7ad6b7169203332", "http.server")]);
    let cleaned = cleaned(&Envelope::parse(text.as_bytes()).unwrap());
    assert_eq!((cleaned.spans(), cleaned.rejected), (1, 1), "no browser serves requests");
    let kept = kept::Kept::of(cleaned.message());
    let origin = kept.span(0).unwrap();
    assert_eq!(
        (kept.trace.maker(0), kept::service_name(origin.resource).as_str()),
        (crate::rules::reading::Maker::Browser, "browser")
    );
    let span = &kept.trace.spans[0];
    assert_eq!((span.stage.as_str(), span.start, span.end), ("pageload", 1_500_000_000, 2_000_000_000));
    assert_eq!(span.outcome, crate::rules::reading::Outcome::Failed);
    assert_eq!(
        kept::attribute(&origin.resource.unwrap().attributes, "telemetry.sdk.name").unwrap(),
        "sentry.javascript.browser"
    );
}

#[tokio::test]
async fn a_session_adds_to_its_own_traces_within_its_share() {
    let house = House::new();
    house.sessions.owns(Id::from_bytes([8; 16]), opentelemetry::trace::TraceId::from_hex(OTHERS).unwrap());
    house.send(&envelope(TRACE, &[("b7ad6b7169203331", "pageload"), ("b7ad6b7169203332", "ui")]));
    house.send(&envelope(OTHERS, &[("b7ad6b7169203331", "pageload")]));
    house.send("no envelope");
    house.send("{}\n{\"type\":\"event\"}\n{}");
    // Three of a session's spans are all.
    house.send(&envelope(TRACE, &[("b7ad6b7169203333", "ui"), ("b7ad6b7169203334", "ui")]));
    house.send(&envelope(TRACE, &[("b7ad6b7169203335", "ui")]));
    assert_eq!(house.end().await, (3, 3, 1));
}

#[tokio::test]
async fn no_more_than_so_many_copies_wait() {
    let (copies, _inbox) = Copies::new();
    let house = House { copies, ..House::new() };
    let sent = (0..COPIES_MAX).all(|_| house.offer("{}").is_ok());
    assert_eq!((sent, house.offer("{}")), (true, Err(IntakeFull)));
}
