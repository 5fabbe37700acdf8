use super::*;
use crate::rules::{
    access::{Role, Way},
    session::TraceLink,
};

fn id(number: u8) -> Id {
    Id::from_bytes([number; 16])
}

fn ada(issued: u64) -> Identity {
    let (name, host) = (String::from("Ada"), String::from("a.dev"));
    Identity { id: id(0), name, role: Role::Tracer, way: Way::Link, host, issued, expiry: 100 }
}

fn session(number: u8) -> Session {
    Session {
        id: id(number),
        identity: id(0),
        host: String::from("a.dev"),
        expiry: 100,
        spans_max: 10,
        requests_max: u64::MAX,
        kind: SessionKind::Session,
    }
}

fn sessions(max: usize) -> Sessions {
    Sessions::new(max, Box::new(Ephemeral), [])
}

#[test]
fn a_nonce_is_used_once() {
    let sessions = sessions(10);
    assert!(sessions.use_once(id(1), 100, 0).unwrap());
    assert!(!sessions.use_once(id(1), 100, 0).unwrap());
    assert!(sessions.use_once(id(2), 100, 0).unwrap());
}

#[test]
fn entries_of_an_earlier_process_count() {
    let revoked = Entry { kind: EntryKind::Revoked, id: id(1), expiry: 100 };
    let sessions = Sessions::new(10, Box::new(Ephemeral), [revoked]);
    assert!(sessions.is_revoked(id(1)));
    assert!(!sessions.is_revoked(id(2)));
}

#[test]
fn what_cannot_be_written_down_does_not_count() {
    struct Full;
    impl Journal for Full {
        fn append(&self, _: Entry) -> Result<(), BoxError> {
            Err("disk full".into())
        }
    }
    let sessions = Sessions::new(10, Box::new(Full), []);
    assert!(sessions.use_once(id(1), 100, 0).is_err());
    assert!(sessions.revoke(id(1), 100, 0).is_err());
    assert!(!sessions.is_revoked(id(1)));
}

#[test]
fn expired_entries_make_room_and_a_full_house_is_refused() {
    let sessions = sessions(2);
    assert!(sessions.use_once(id(1), 10, 0).unwrap());
    assert!(sessions.use_once(id(2), 100, 0).unwrap());
    assert!(sessions.use_once(id(3), 100, 0).is_err());
    assert_eq!(sessions.refused.value(), 1);
    assert!(sessions.use_once(id(3), 100, 50).unwrap());
}

#[test]
fn used_tokens_leave_room_to_revoke() {
    let sessions = sessions(2);
    for number in 1..=2 {
        assert!(sessions.use_once(id(number), 100, 0).unwrap());
    }
    sessions.revoke(id(3), 100, 0).unwrap();
    sessions.revoke_person("ada", 0).unwrap();
    assert!(sessions.is_revoked(id(3)) && sessions.is_person_barred("ada"));
    assert!(sessions.revoke(id(4), 100, 0).is_err(), "this room has an end, too");
}

#[test]
fn a_session_keeps_its_meter() {
    let sessions = sessions(2);
    let meter = |number: u8| sessions.meter(&session(number), &ada(0), 0);
    meter(1).unwrap().fetch_add(5, Ordering::Relaxed);
    assert_eq!(meter(1).unwrap().load(Ordering::Relaxed), 5);
    assert_eq!(sessions.spans_used(id(1)), 5);
    assert!(meter(2).is_some());
    assert!(meter(3).is_none());
}

#[test]
fn requests_are_counted_across_workers() {
    let sessions = Arc::new(sessions(10));
    let guest = Session { requests_max: 1000, ..session(1) };
    sessions.meter(&guest, &ada(0), 0).unwrap();
    let workers = (0..4).map(|_| {
        let sessions = Arc::clone(&sessions);
        std::thread::spawn(move || (0..500).filter(|_| sessions.take_request(id(1))).count())
    });
    let workers: Vec<_> = workers.collect();
    let taken: usize = workers.into_iter().map(|worker| worker.join().unwrap()).sum();
    assert_eq!(taken, 1000);
    assert!(!sessions.take_request(id(2)), "an unknown one has none");
}

#[test]
fn live_sessions_are_listed_until_they_end() {
    let sessions = sessions(10);
    for number in 1..=3 {
        sessions.meter(&session(number), &ada(0), u64::from(number)).unwrap();
    }
    let ids = |now: u64, max: usize| sessions.live(now, max).iter().map(|live| live.id).collect::<Vec<_>>();
    assert_eq!(ids(3, 2), [id(3), id(2)]);
    sessions.revoke_id(id(3), 3).unwrap();
    assert_eq!(ids(3, 9), [id(2), id(1)]);
    assert_eq!(sessions.live_session(id(2)).unwrap().person, "Ada");
    assert_eq!(ids(100, 9), [], "over");
    sessions.revoke(id(0), 100, 3).unwrap();
    assert_eq!(ids(3, 9), [], "whose sign-in ended");
}

#[test]
fn a_person_is_revoked_with_all_he_was_given_so_far() {
    let sessions = sessions(10);
    sessions.meter(&session(1), &ada(5), 5).unwrap();
    sessions.revoke_person("Ada", 10).unwrap();
    assert!(!sessions.counts(&ada(5)) && !sessions.counts(&ada(10)) && !sessions.counts(&ada(11)));
    assert!(sessions.counts(&Identity { name: String::from("Bob"), ..ada(5) }));
    assert_eq!(sessions.live(10, 9), []);
    assert!(sessions.is_person_barred("Ada") && sessions.lift_person("Ada", 15).unwrap());
    assert!(!sessions.lift_person("Ada", 15).unwrap(), "once");
    assert!(!sessions.counts(&ada(10)) && sessions.counts(&ada(11)), "what he had before stays revoked");
    sessions.revoke_person("Ada", 20).unwrap();
    assert!(!sessions.counts(&ada(11)) && !sessions.counts(&ada(21)), "again");
    let earlier = |kind, seconds| [Entry { kind, id: person("Ada"), expiry: 10 + seconds }];
    let barred = Sessions::new(9, Box::new(Ephemeral), earlier(EntryKind::Barred, BARRED_SECONDS));
    assert!(!barred.counts(&ada(11)), "an earlier process had it written down");
    let cut = Sessions::new(9, Box::new(Ephemeral), earlier(EntryKind::Person, IDENTITY_SECONDS_MAX));
    assert!(!cut.counts(&ada(10)) && cut.counts(&ada(11)));
}

#[test]
fn a_persons_sessions_are_known_when_they_have_ended() {
    let sessions = sessions(10);
    for number in 1..=3 {
        sessions.meter(&session(number), &ada(0), 0).unwrap();
    }
    sessions.revoke(session(1).id, 100, 0).unwrap();
    sessions.revoke_person("Ada", 0).unwrap();
    let mut known = sessions.of_person("Ada");
    known.sort_unstable();
    assert_eq!(known, [1, 2, 3].map(|number| session(number).id));
    assert_eq!(sessions.of_person("Bo"), []);
}

#[test]
fn the_first_session_to_use_a_trace_owns_it() {
    let sessions = sessions(4);
    let trace = |number: u8| TraceId::from_bytes([number; 16]);
    assert!(sessions.owns(id(1), trace(1)));
    assert!(!sessions.owns(id(2), trace(1)));
    for other in 2..=3 {
        assert!(sessions.owns(id(2), trace(other)));
    }
    assert!(!sessions.owns(id(2), trace(1)), "remembered in the elder generation");
}

#[test]
fn a_budget_is_new_every_minute() {
    let budget = Budget::new(10, Arc::new(Quota::unlimited()));
    assert_eq!(budget.spans_left(60), 10);
    budget.meter().fetch_add(8, Ordering::Relaxed);
    assert_eq!(budget.spans_left(61), 2);
    budget.meter().fetch_add(8, Ordering::Relaxed);
    assert_eq!(budget.spans_left(119), 0);
    assert_eq!(budget.spans_left(120), 10);
}

#[test]
fn a_budget_ends_with_its_share_of_the_month() {
    let quota = Arc::new(Quota::new(100));
    quota.limit(100, 0.2);
    let (one, other) = (Budget::new(15, Arc::clone(&quota)), Budget::new(15, Arc::clone(&quota)));
    assert_eq!((one.spans_left(0), other.spans_left(0)), (15, 15));
    one.spend(12);
    assert_eq!(one.spans_left(60), 8, "of the month's 20, 12 are gone");
    assert_eq!(other.spans_left(60), 8, "for every budget");
    other.spend(8);
    assert_eq!((one.spans_left(120), other.spans_left(120), one.spans_left(120)), (8, 0, 0));
}

#[test]
fn open_links_are_few_and_end_with_their_time_their_use_or_their_maker() {
    let link = |number, name: &str, expiry| TraceLink {
        nonce: id(number),
        issued: 10,
        expiry,
        name: name.into(),
        host: "a.dev".into(),
        path: "/".into(),
        seconds: 60,
        requests_max: 5,
    };
    let sessions = sessions(3);
    let open = |now| sessions.open_links(now).into_iter().map(|link| link.nonce).collect::<Vec<_>>();
    for number in 1..=4 {
        sessions.note_link(link(number, "Ada", 100 + u64::from(number)), 10);
    }
    assert_eq!(open(10), [id(4), id(3), id(2)], "the eldest is not listed any more");
    assert_eq!(sessions.refused.value(), 1);
    assert_eq!(open(103), [id(4)]);
    assert!(sessions.end_link(id(3), 20).unwrap());
    assert!(sessions.is_used(id(3)));
    assert!(!sessions.end_link(id(3), 20).unwrap() && !sessions.end_link(id(9), 20).unwrap());
    assert!(sessions.use_once(id(2), 102, 20).unwrap(), "a visitor agrees");
    sessions.note_link(link(5, "Bob", 100), 20);
    assert_eq!(open(20), [id(5), id(4)]);
    sessions.revoke_person("Bob", 20).unwrap();
    assert_eq!(open(20), [id(4)]);
}

#[test]
fn the_page_of_an_address_is_the_last_one_of_its_session() {
    let sessions = sessions(4);
    let (one, two) = (TraceId::from(1), TraceId::from(2));
    assert_eq!(sessions.page(id(1), 7), None);
    sessions.shows(id(1), 7, one);
    sessions.shows(id(2), 7, two);
    assert_eq!((sessions.page(id(1), 7), sessions.page(id(2), 7)), (Some(one), Some(two)));
    sessions.shows(id(1), 7, two);
    assert_eq!(sessions.page(id(1), 7), Some(two));
    (0..9).for_each(|url| sessions.shows(id(3), url, one));
    assert_eq!(sessions.page(id(1), 7), None, "bounded");
}

#[test]
fn what_was_used_before_a_restart_counts() {
    let before = sessions(10);
    let guest = Session { requests_max: 3, ..session(1) };
    before.meter(&guest, &ada(0), 0).unwrap().fetch_add(7, Ordering::Relaxed);
    assert!(before.take_request(id(1)) && before.take_request(id(1)));
    let expired = Used { session: id(2), expiry: 5, spans: 1, requests: 1 };
    before.resume([expired]);
    let used = before.used(5);
    assert_eq!(used, [Used { session: id(1), expiry: guest.expiry, spans: 7, requests: 2 }]);
    let after = sessions(10);
    after.resume(used.clone());
    assert_eq!((after.spans_used(id(1)), after.used(5)), (7, used), "before it was seen again, too");
    assert_eq!(after.meter(&guest, &ada(0), 0).unwrap().load(Ordering::Relaxed), 7);
    assert!(after.take_request(id(1)) && !after.take_request(id(1)), "three in all");
    assert_eq!(after.used(5), [Used { session: id(1), expiry: guest.expiry, spans: 7, requests: 3 }]);
}

#[test]
fn a_revocation_is_told() {
    let sessions = sessions(10);
    let mut told = sessions.revocations();
    sessions.revoke(id(1), 100, 0).unwrap();
    assert!(told.has_changed().unwrap());
    told.mark_unchanged();
    sessions.revoke_person("ada", 0).unwrap();
    assert!(told.has_changed().unwrap());
}
