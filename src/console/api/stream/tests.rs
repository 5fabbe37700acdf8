use std::sync::Arc;

use http_body_util::BodyExt as _;

use super::*;
use crate::{
    rules::session::Id,
    trace::{
        live::{Hub, HubLimits},
        quota::Quota,
        sessions::{Ephemeral, Sessions},
        store::testing::{row, spans},
    },
};

/// What a reader saw: the number and the name of each event.
#[derive(Debug, Default)]
struct Seen(Vec<(u64, String)>);

impl Seen {
    fn last(&self) -> u64 {
        self.0.last().map_or(0, |(number, _)| *number)
    }

    fn read(&mut self, text: &str) {
        for event in text.split("\n\n").filter(|event| event.starts_with("id: ")) {
            let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
            let number = field("id: ").unwrap().parse().unwrap();
            self.0.push((number, field("event: ").unwrap_or("passed over").to_owned()));
        }
    }
}

/// Opens a stream, has `during` happen, and reads what comes of it.
async fn watched(hub: &Arc<Hub>, after: Option<u64>, topics: Topics, during: impl FnOnce()) -> Seen {
    let reader = hub.subscribe(after);
    let (pipe, mut body) = Piped::new();
    let mut seen = Seen::default();
    let ring = Ring::new(16);
    let view = View { topics, reach: Reach::All, ring: &ring };
    let follow = follow(&pipe, reader, &view);
    tokio::pin!(follow);
    during();
    hub.flush();
    // Until nothing is left to read or to write: everything here is ready when it is asked, a turn or two later.
    let mut idle = 0;
    while idle < 16 {
        tokio::select! {
            biased;
            frame = body.frame() => {
                seen.read(std::str::from_utf8(frame.unwrap().unwrap().data_ref().unwrap()).unwrap());
                idle = 0;
            }
            gone = &mut follow => panic!("{gone:?}"),
            () = tokio::task::yield_now() => idle += 1,
        }
    }
    seen
}

fn requests() -> Topics {
    Topics { requests: true, ..Topics::default() }
}

fn publish(hub: &Hub, ids: std::ops::Range<u128>) {
    ids.for_each(|id| hub.publish(|| Event::Request(Arc::new(row(id)))));
}

#[tokio::test]
async fn whoever_comes_back_goes_on_where_he_was() {
    let hub = Hub::new(HubLimits::default(), Arc::default());
    let first = watched(&hub, None, requests(), || publish(&hub, 0..3)).await;
    assert_eq!(first.0.len(), 3);
    // Away: two batches pass.
    publish(&hub, 3..5);
    hub.flush();
    publish(&hub, 5..6);
    hub.flush();
    let second = watched(&hub, Some(first.last()), requests(), || publish(&hub, 6..8)).await;
    let numbers: Vec<u64> = first.0.iter().chain(&second.0).map(|(number, _)| *number).collect();
    let expected: Vec<u64> = (numbers[0]..numbers[0] + 8).collect();
    assert_eq!(numbers, expected, "no holes, and nothing twice");
    assert!(second.0.iter().all(|(_, name)| name == "request"));
}

#[tokio::test]
async fn what_is_lost_is_told() {
    let limits = HubLimits { replay_batches_max: 1, ..HubLimits::default() };
    let hub = Hub::new(limits, Arc::default());
    let first = watched(&hub, None, requests(), || publish(&hub, 0..1)).await;
    for id in 1..4 {
        publish(&hub, id..id + 1);
        hub.flush();
    }
    let second = watched(&hub, Some(first.last()), requests(), || ()).await;
    assert_eq!(second.0[0], (first.last() + 2, "gap".to_owned()), "{second:?}");
    assert_eq!(second.0[1], (first.last() + 3, "request".to_owned()));
}

#[tokio::test]
async fn topics_choose() {
    let hub = Hub::new(HubLimits::default(), Arc::default());
    let id = TraceId::from(7);
    let _watching = hub.watch(id).unwrap();
    let happen = || {
        publish(&hub, 0..1);
        hub.publish(|| Event::Quota(Quota::new(2).state(0)));
        hub.publish(|| Event::Spans(id, spans([7])));
        hub.publish(|| Event::Spans(TraceId::from(8), spans([8])));
        publish(&hub, 1..2);
    };
    let names = |seen: &Seen| seen.0.iter().map(|(_, name)| name.clone()).collect::<Vec<_>>();
    let traces = Topics { traces: vec![id], quota: true, requests: false };
    let seen = watched(&hub, None, traces, happen).await;
    assert_eq!(names(&seen), ["quota", "trace.spans", "passed over"]);
    let seen = watched(&hub, None, requests(), happen).await;
    assert_eq!(names(&seen), ["request", "request"]);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_stream_is_kept_alive_and_ends_with_its_reader() {
    let hub = Hub::new(HubLimits::default(), Arc::default());
    let (pipe, mut body) = Piped::new();
    let topics = requests();
    let ring = Ring::new(16);
    let view = View { topics, reach: Reach::All, ring: &ring };
    let follow = follow(&pipe, hub.subscribe(None), &view);
    let read = async {
        let mut text = Vec::new();
        for _ in 0..3 {
            text.extend_from_slice(body.frame().await.unwrap().unwrap().data_ref().unwrap());
        }
        drop(body);
        text
    };
    let (ended, text) = tokio::join!(follow, read);
    assert_eq!(ended, Err(Gone));
    assert_eq!(text, b"retry: 1000\n\n: ping\n\n: ping\n\n");
}

/// What ends a stream of somebody whose sign-in lasts for ten minutes.
fn standing(sessions: &Sessions, settings: &watch::Sender<Arc<str>>) -> Standing {
    let expiry = clock::unix_seconds() + 600;
    Standing { expiry, revocations: sessions.revocations(), settings: settings.subscribe() }
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_at_once_when_its_reader_is_revoked() {
    let sessions = Sessions::new(16, Box::new(Ephemeral), []);
    let settings = watch::Sender::new(Arc::from(""));
    let [ada, bo] = [1, 2].map(|number| Id::from_bytes([number; 16]));
    let mut standing = standing(&sessions, &settings);
    let began = tokio::time::Instant::now();
    let others_first = async {
        sessions.revoke_id(bo, clock::unix_seconds()).unwrap();
        tokio::task::yield_now().await;
        sessions.revoke_id(ada, clock::unix_seconds()).unwrap();
    };
    tokio::join!(standing.ended(|| !sessions.is_revoked(ada)), others_first);
    assert!(sessions.is_revoked(ada) && began.elapsed().is_zero());
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_with_its_readers_time_and_with_a_reload() {
    let sessions = Sessions::new(16, Box::new(Ephemeral), []);
    let settings = watch::Sender::new(Arc::from(""));
    let over = Standing { expiry: clock::unix_seconds(), ..standing(&sessions, &settings) };
    { over }.ended(|| true).await;
    let (mut standing, began) = (standing(&sessions, &settings), tokio::time::Instant::now());
    tokio::join!(standing.ended(|| true), async { settings.send_replace(Arc::from("")) });
    assert!(began.elapsed().is_zero());
}

#[test]
fn topics_are_read_strictly() {
    let id = TraceId::from(7);
    let read = topics(&format!("requests,quota,trace:{id}")).ok().unwrap();
    assert_eq!(read, Topics { requests: true, quota: true, traces: vec![id] });
    for bad in ["", "all", "trace:", "trace:7", "requests,,quota", "trace:00000000000000000000000000000000"] {
        assert!(topics(bad).is_err(), "{bad}");
    }
    let many = vec![format!("trace:{id}"); TRACES_MAX + 1].join(",");
    assert!(topics(&many).is_err());
}
