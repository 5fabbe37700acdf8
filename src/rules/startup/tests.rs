use proptest::prelude::*;

use super::*;

fn check(events: &[Event], expect: &[Action]) {
    let mut state = State::default();
    let mut actions = Vec::new();
    for event in events {
        let (next, action) = state.after(*event);
        state = next;
        actions.push(action);
    }
    assert_eq!(actions, expect, "{events:?}");
}

#[test]
fn a_whole_life() {
    check(
        &[Event::Wanted, Event::Wanted, Event::Accepting, Event::Wanted, Event::Unwanted, Event::Ended],
        &[Action::Spawn, Action::None, Action::Announce, Action::None, Action::Stop, Action::None],
    );
}

#[test]
fn a_crash_is_followed_by_another_start() {
    check(
        &[Event::Wanted, Event::Accepting, Event::Ended, Event::Wanted],
        &[Action::Spawn, Action::Announce, Action::NoteCrash, Action::Spawn],
    );
}

#[test]
fn whoever_waits_is_told_of_failures() {
    check(&[Event::Wanted, Event::Ended], &[Action::Spawn, Action::Refuse]);
    check(
        &[Event::Wanted, Event::TimedOut, Event::Accepting, Event::Wanted, Event::Ended],
        &[Action::Spawn, Action::RefuseAndStop, Action::None, Action::None, Action::None],
    );
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        Just(Event::Wanted),
        Just(Event::Accepting),
        Just(Event::TimedOut),
        Just(Event::Unwanted),
        Just(Event::Ended)
    ];
    proptest::collection::vec(event, 0..40)
}

proptest! {
    #[test]
    fn there_is_never_a_second_process_and_nobody_waits_for_ever(events in events()) {
        let mut state = State::default();
        let (mut running, mut waiting) = (false, false);
        for event in events {
            // The world: only what runs can accept, be late or end.
            if !running && event != Event::Wanted {
                prop_assert_eq!(state, State::Idle);
                continue;
            }
            let (next, action) = state.after(event);
            state = next;
            match action {
                Action::Spawn => {
                    prop_assert!(!running && !waiting);
                    (running, waiting) = (true, true);
                }
                Action::Announce | Action::Refuse | Action::RefuseAndStop => {
                    prop_assert!(waiting);
                    waiting = false;
                }
                Action::Stop | Action::NoteCrash => prop_assert!(running && !waiting),
                Action::None => {}
            }
            if event == Event::Ended {
                running = false;
            }
            prop_assert_eq!(running, state != State::Idle);
            prop_assert_eq!(waiting, state == State::Starting);
        }
    }
}
