//! The quota over a month, and from one to the next.

use super::*;

/// 2026-11-25, 22:31:03.
const NOW: u64 = 1_795_645_863;

#[test]
fn months_are_those_of_the_calendar() {
    for (now, from, to) in [
        (0, 0, 2_678_400),
        (NOW, 1_793_491_200, 1_796_083_200),           // November 2026
        (1_709_164_800, 1_706_745_600, 1_709_251_200), // 29 February 2024
        (4_107_456_000, 4_105_123_200, 4_107_542_400), // 28 February 2100, no leap year
    ] {
        assert_eq!(month(now), from..to, "{now}");
        assert_eq!((month(from), month(to - 1), month(to).start), (from..to, from..to, to));
    }
    assert!(month(u64::MAX).contains(&LAST));
}

#[test]
fn it_fills_and_begins_again() {
    let quota = Quota::new(100);
    for (spans, used, level, admits) in [
        (0, 0, QuotaLevel::Fine, true),
        (79, 79, QuotaLevel::Fine, true),
        (1, 80, QuotaLevel::Eighty, true),
        (15, 95, QuotaLevel::NinetyFive, true),
        (4, 99, QuotaLevel::NinetyFive, true),
        (10, 109, QuotaLevel::Full, false), // a trace that has begun is finished
    ] {
        quota.spend(spans, NOW);
        let state = quota.state(NOW);
        assert_eq!((state.used, state.level, quota.admits(NOW)), (used, level, admits));
        assert_eq!((state.limit, state.resets_at), (100, month(NOW).end));
    }
    let next = month(NOW).end;
    assert!(!quota.admits(next - 1) && quota.admits(next));
    assert_eq!(quota.state(next).used, 0);
    assert_eq!(quota.state(next).resets_at, month(next).end);
}

#[test]
fn the_limit_may_change() {
    let quota = Quota::new(10);
    quota.spend(10, NOW);
    assert!(!quota.admits(NOW));
    quota.limit(11, 1.0);
    assert!(quota.admits(NOW));
    assert!(Quota::unlimited().admits(NOW));
    assert!(!Quota::new(0).admits(NOW) || Quota::new(0).state(NOW).level == QuotaLevel::Full);
}

#[test]
fn what_nobody_asked_for_has_a_share() {
    let quota = Quota::new(1_000);
    quota.limit(1_000, 0.25);
    assert_eq!(quota.unasked_left(NOW), 250);
    quota.spend_unasked(249, NOW);
    assert_eq!(quota.unasked_left(NOW), 1);
    quota.spend_unasked(100, NOW);
    assert_eq!((quota.unasked_left(NOW), quota.admits(NOW)), (0, true), "the rest of the month is not touched");
    assert_eq!(quota.unasked_left(month(NOW).end), 250, "and another month begins");
    quota.limit(u64::MAX, 0.5);
    assert_eq!(quota.unasked_left(NOW), u64::MAX / 2);
}
