use super::*;
use crate::rules::session::SessionKind;

fn id(number: u8) -> Id {
    Id::from_bytes([number; 16])
}

fn session(number: u8) -> Session {
    Session {
        id: id(number),
        identity: id(0),
        host: String::from("a.dev"),
        expiry: 100,
        spans_max: 10,
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
fn a_session_keeps_its_meter() {
    let sessions = sessions(2);
    sessions.meter(&session(1), 0).unwrap().fetch_add(5, Ordering::Relaxed);
    assert_eq!(sessions.meter(&session(1), 0).unwrap().load(Ordering::Relaxed), 5);
    assert_eq!(sessions.spans_used(id(1)), 5);
    assert!(sessions.meter(&session(2), 0).is_some());
    assert!(sessions.meter(&session(3), 0).is_none());
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
    let budget = Budget::new(10);
    assert_eq!(budget.spans_left(60), 10);
    budget.meter().fetch_add(8, Ordering::Relaxed);
    assert_eq!(budget.spans_left(61), 2);
    budget.meter().fetch_add(8, Ordering::Relaxed);
    assert_eq!(budget.spans_left(119), 0);
    assert_eq!(budget.spans_left(120), 10);
}
