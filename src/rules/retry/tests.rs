use super::*;

fn check(reach: Reach, method: &Method, replay: Replay, attempts: u32, expect: bool) {
    let failure = Failure { reach, method, replay, attempts };
    assert_eq!(may_retry(failure, 3), expect, "{failure:?}");
}

#[test]
fn only_what_is_safe_is_tried_again() {
    check(Reach::Nothing, &Method::POST, Replay::Whole, 1, true);
    check(Reach::Nothing, &Method::POST, Replay::Spent, 1, false);
    check(Reach::Perhaps, &Method::POST, Replay::Whole, 1, false);
    check(Reach::Perhaps, &Method::PATCH, Replay::Whole, 1, false);
    check(Reach::Perhaps, &Method::from_bytes(b"PURGE").unwrap(), Replay::Whole, 1, false);
    check(Reach::Perhaps, &Method::GET, Replay::Whole, 1, true);
    check(Reach::Perhaps, &Method::DELETE, Replay::Whole, 2, true);
    check(Reach::Perhaps, &Method::PUT, Replay::Spent, 1, false);
    check(Reach::Far, &Method::GET, Replay::Whole, 1, false);
}

#[test]
fn attempts_are_bounded() {
    check(Reach::Nothing, &Method::GET, Replay::Whole, 2, true);
    check(Reach::Nothing, &Method::GET, Replay::Whole, 3, false);
    let failure = Failure { reach: Reach::Nothing, method: &Method::GET, replay: Replay::Whole, attempts: 1 };
    assert!(!may_retry(failure, 0));
}
