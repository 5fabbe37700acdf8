use std::{
    net::Ipv4Addr,
    sync::atomic::{AtomicU8, Ordering},
};

use super::*;

const REFRESH: Duration = Duration::from_secs(10);

/// Answers with 10.0.0.1, then fails, then answers with 10.0.0.3, and so on.
fn every_other() -> Resolver {
    let asked = AtomicU8::new(0);
    Resolver::new(Handle::current(), move |_| {
        let turn = asked.fetch_add(1, Ordering::Relaxed) + 1;
        Box::pin(async move {
            match turn % 2 {
                0 => Err(io::ErrorKind::NotFound.into()),
                _ => Ok(vec![Ipv4Addr::new(10, 0, 0, turn).into()]),
            }
        })
    })
}

async fn answer(resolver: &Resolver) -> Answer {
    match resolver.lookup("app.test", REFRESH) {
        Lookup::Known(known) => Ok(known),
        Lookup::Pending(pending) => pending.answer().await,
    }
}

async fn last_octet(resolver: &Resolver) -> u8 {
    match answer(resolver).await.unwrap()[0] {
        IpAddr::V4(address) => address.octets()[3],
        IpAddr::V6(_) => unreachable!(),
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_good_answer_stands_until_there_is_a_better_one() {
    clock::follow_tokio();
    let resolver = every_other();
    assert_eq!(last_octet(&resolver).await, 1);
    // Twice the time is over: the second lookup fails, the third succeeds.
    for expected in [1, 1, 1, 1, 1, 3] {
        assert_eq!(last_octet(&resolver).await, expected);
        tokio::time::sleep(REFRESH / 2 + Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn whoever_knows_nothing_is_told_of_the_failure_and_may_ask_again() {
    let resolver = every_other();
    drop(resolver.lookup("first.test", REFRESH));
    assert!(answer(&resolver).await.is_err());
    assert_eq!(last_octet(&resolver).await, 3);
}

#[tokio::test]
async fn one_lookup_serves_all_who_wait() {
    let resolver = every_other();
    let (one, two) = tokio::join!(last_octet(&resolver), last_octet(&resolver));
    assert_eq!((one, two), (1, 1));
}
