//! A crowd at one cold object: whichever worker they are on, the upstream is asked once.

use std::{
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::task::LocalSet;
use waylight::{config::model, proxy::cache::CacheStore, trace::counters::Counters};

use super::house::{House, Origin};

const CLIENTS: u64 = 1_000;
const WORKERS: u64 = 2;

#[test]
fn a_thousand_clients_of_two_workers_make_one_request() {
    let counters = Arc::new(Counters::default());
    let store = CacheStore::new(&model::Cache { memory_max: 1 << 24, disk: None }, &counters).unwrap();
    let store = Arc::new(store);
    let (asked, begun) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let worker = || {
        let origin = Origin { asked: Arc::clone(&asked), until: CLIENTS, begun: Arc::clone(&begun) };
        let (store, counters, begun) = (Arc::clone(&store), Arc::clone(&counters), Arc::clone(&begun));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(LocalSet::new().run_until(async move {
                let house = Rc::new(House::new(origin, &store, &counters));
                let clients: Vec<_> = (0..CLIENTS / WORKERS)
                    .map(|_| {
                        let (house, begun) = (Rc::clone(&house), Arc::clone(&begun));
                        tokio::task::spawn_local(async move {
                            begun.fetch_add(1, Ordering::Relaxed);
                            house.get(7).await
                        })
                    })
                    .collect();
                for client in clients {
                    client.await.unwrap();
                }
            }));
        })
    };
    let workers: Vec<_> = (0..WORKERS).map(|_| worker()).collect();
    workers.into_iter().for_each(|worker| worker.join().unwrap());
    assert_eq!(begun.load(Ordering::Relaxed), CLIENTS);
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}
