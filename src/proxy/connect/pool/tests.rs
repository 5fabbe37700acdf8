use std::cell::Cell;

use super::*;
use crate::{proxy::wire::SendError, service::Request};

struct Fake(Rc<Cell<WireState>>, u8);

impl Wire for Fake {
    fn state(&self) -> WireState {
        self.0.get()
    }

    async fn send(&mut self, _: Request) -> Result<http::Response<hyper::body::Incoming>, SendError> {
        unreachable!("nothing is sent here")
    }
}

fn peer() -> SocketAddr {
    ([127, 0, 0, 1], 80).into()
}

struct Case {
    pool: Rc<Pool<Fake>>,
    counters: Arc<Counters>,
    states: Vec<Rc<Cell<WireState>>>,
}

/// A pool of two with `count` connections given back to it, one after the other.
fn filled(count: u8) -> Case {
    let counters = Arc::new(Counters::default());
    let pool = Pool::new(2, Duration::from_secs(30), Arc::clone(&counters));
    let states: Vec<_> = (0..count).map(|_| Rc::new(Cell::new(WireState::Ready))).collect();
    for (name, state) in (0..).zip(&states) {
        pool.take_back(Fake(Rc::clone(state), name), peer());
    }
    Case { pool, counters, states }
}

fn taken(pool: &Pool<Fake>) -> Option<u8> {
    pool.take(clock::now()).map(|(wire, _)| wire.1)
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
async fn closed_ones_are_lost_and_busy_ones_wait() {
    local(async || {
        let case = filled(2);
        case.states[1].set(WireState::Busy);
        assert_eq!(taken(&case.pool), Some(0));
        assert_eq!(taken(&case.pool), None);
        case.states[1].set(WireState::Closed);
        case.pool.lose_closed();
        assert_eq!(case.counters.upstream_connections_lost.value(), 1);
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
