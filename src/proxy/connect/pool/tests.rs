use std::{cell::Cell, net::SocketAddr, task::Poll};

use bytes::Bytes;
use http_body::Frame;

use super::*;
use crate::{
    proxy::wire::{Rewound, SendError, WireError},
    service::Request,
};

/// A connection by its name, at rest or not.
struct Fake(Rc<Cell<bool>>, u8);

impl Wire for Fake {
    fn is_at_rest(&mut self, _: &mut Context<'_>) -> bool {
        self.0.get()
    }

    async fn send(
        &mut self,
        _: Request,
        _: impl FnOnce(&mut Vec<u8>),
        _: impl Fn(http::Response<()>),
    ) -> Result<http::Response<()>, SendError> {
        unreachable!("nothing is sent here")
    }

    fn whole_body(&mut self) -> Option<Bytes> {
        None
    }

    fn poll_frame(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, WireError>>> {
        Poll::Ready(None)
    }

    fn body_left(&self) -> Option<u64> {
        None
    }

    fn is_reusable(&self) -> bool {
        true
    }

    fn into_stream(self) -> Option<Rewound> {
        None
    }
}

fn peer() -> SocketAddr {
    ([127, 0, 0, 1], 80).into()
}

struct Case {
    pool: Rc<Pool<Fake>>,
    counters: Arc<Counters>,
    rests: Vec<Rc<Cell<bool>>>,
}

/// A pool of two with `count` connections given back to it, one after the other.
fn filled(count: u8) -> Case {
    let counters = Arc::new(Counters::default());
    let pool = Pool::new(2, Duration::from_secs(30), Arc::clone(&counters));
    let rests: Vec<_> = (0..count).map(|_| Rc::new(Cell::new(true))).collect();
    for (name, rests) in (0..).zip(&rests) {
        pool.take_back(Line::new(Fake(Rc::clone(rests), name), peer()));
    }
    Case { pool, counters, rests }
}

fn taken(pool: &Pool<Fake>) -> Option<u8> {
    pool.take(clock::now()).map(|line| line.wire.1)
}

async fn local(test: impl AsyncFnOnce()) {
    clock::follow_tokio();
    tokio::task::LocalSet::new().run_until(test()).await;
}

#[tokio::test(start_paused = true)]
async fn the_last_one_in_is_the_first_one_out() {
    local(async || {
        let case = filled(2);
        assert_eq!(case.counters.upstream_connections_idle.value(), 2);
        assert_eq!([taken(&case.pool), taken(&case.pool), taken(&case.pool)], [Some(1), Some(0), None]);
        assert_eq!(case.counters.upstream_connections_idle.value(), 0);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn one_too_many_takes_the_place_of_the_oldest() {
    local(async || {
        let case = filled(3);
        assert_eq!([taken(&case.pool), taken(&case.pool), taken(&case.pool)], [Some(2), Some(1), None]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_happens_to_idle_ones_loses_them() {
    local(async || {
        let case = filled(2);
        case.rests[1].set(false);
        case.pool.waker.wake_by_ref();
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(case.counters.upstream_connections_lost.value(), 1);
        assert_eq!(case.counters.upstream_connections_idle.value(), 1);
        // Taken before anybody has looked.
        case.rests[0].set(false);
        case.pool.waker.wake_by_ref();
        assert_eq!(taken(&case.pool), None);
        assert_eq!(case.counters.upstream_connections_lost.value(), 2);
        assert_eq!(case.counters.upstream_connections_idle.value(), 0);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn idle_ones_are_closed_in_time() {
    local(async || {
        let case = filled(2);
        tokio::time::sleep(Duration::from_secs(29)).await;
        assert_eq!(case.counters.upstream_connections_idle.value(), 2);
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(case.counters.upstream_connections_idle.value(), 0);
        assert_eq!(taken(&case.pool), None);
        assert_eq!(case.counters.upstream_connections_lost.value(), 0);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_goes_takes_its_connections_along() {
    local(async || {
        let case = filled(2);
        drop(case.pool);
        assert_eq!(case.counters.upstream_connections_idle.value(), 0);
    })
    .await;
}
