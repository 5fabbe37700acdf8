use super::*;

fn check(verdict: Retry, method: &Method, replay: Replay, attempts: u32, expect: bool) {
    let failure = Failure { verdict, method, replay, attempts };
    assert_eq!(may_retry(failure, 3), expect, "{failure:?}");
}

#[test]
fn only_what_is_safe_is_tried_again() {
    check(Retry::Unsent, &Method::POST, Replay::Whole, 1, true);
    check(Retry::Unsent, &Method::POST, Replay::Spent, 1, false);
    check(Retry::Idempotent, &Method::POST, Replay::Whole, 1, false);
    check(Retry::Idempotent, &Method::PATCH, Replay::Whole, 1, false);
    check(Retry::Idempotent, &Method::from_bytes(b"PURGE").unwrap(), Replay::Whole, 1, false);
    check(Retry::Idempotent, &Method::GET, Replay::Whole, 1, true);
    check(Retry::Idempotent, &Method::DELETE, Replay::Whole, 2, true);
    check(Retry::Idempotent, &Method::PUT, Replay::Spent, 1, false);
    check(Retry::Never, &Method::GET, Replay::Whole, 1, false);
}

#[test]
fn attempts_are_bounded() {
    check(Retry::Unsent, &Method::GET, Replay::Whole, 2, true);
    check(Retry::Unsent, &Method::GET, Replay::Whole, 3, false);
    let failure = Failure { verdict: Retry::Unsent, method: &Method::GET, replay: Replay::Whole, attempts: 1 };
    assert!(!may_retry(failure, 0));
}
