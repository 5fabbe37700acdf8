//! Who is traced, in order: session, force header, ratio; and the route's rule last.

use super::*;

fn share(ratio: f64, spans_left: u64) -> Share {
    Share { ratio, spans_left }
}

fn live(spans_left: u64) -> Option<Live<&'static str>> {
    Some(Live { session: "s", spans_left })
}

#[test]
fn the_first_reason_counts() {
    use Decision::*;
    for (session, forced, general, drawn, expect) in [
        (None, Forced::No, Share::NONE, 0.0, No),
        (live(1), Forced::Yes, share(1.0, 1), 0.0, Session("s")),
        (live(0), Forced::No, Share::NONE, 0.0, Spent),
        (live(0), Forced::Yes, Share::NONE, 0.0, Force),
        (live(0), Forced::No, share(1.0, 1), 0.0, Ratio),
        (None, Forced::Yes, share(1.0, 1), 0.0, Force),
        (None, Forced::No, share(0.5, 1), 0.49, Ratio),
        (None, Forced::No, share(0.5, 1), 0.5, No),
        (None, Forced::No, share(0.5, 0), 0.0, Spent),
        (None, Forced::No, share(f64::NAN, 1), 0.0, No),
    ] {
        assert_eq!(decide(session, forced, general, || drawn), expect, "{session:?} {forced:?} {general:?}");
    }
}

#[test]
fn nothing_is_drawn_where_nothing_depends_on_it() {
    let never = || unreachable!("no draw is needed");
    assert_eq!(decide::<()>(None, Forced::No, Share::NONE, never), Decision::No);
    assert_eq!(decide::<()>(None, Forced::No, share(1.0, 1), never), Decision::Ratio);
    assert_eq!(decide_route::<()>(share(1.0, 1), never), Decision::Route);
}

#[test]
fn a_route_has_a_rule_of_its_own() {
    assert_eq!(decide_route::<()>(share(0.5, 1), || 0.4), Decision::Route);
    assert_eq!(decide_route::<()>(share(0.5, 0), || 0.4), Decision::Spent);
    assert_eq!(decide_route::<()>(share(0.5, 1), || 0.6), Decision::No);
}
