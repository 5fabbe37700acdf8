//! What a stored response takes in memory, counted octet by octet: key, header fields, place in the table and all, without
//! what an allocator rounds up. And that `memory_max` counts no less than that.

use std::sync::Arc;

use waylight::{config::model, proxy::cache::CacheStore, trace::counters::Counters};

use super::house::{BODY, House, Origin};
use crate::support::held;

/// What an object of 1 KiB may take beside its body, in octets.
const OVERHEAD_MAX: u64 = 300;
/// One shard, whose table grows by doubling: so many objects fill it nearly.
const MEMORY_MAX: u64 = 48 << 20;
const COUNT: u64 = 8_000;

#[test]
fn an_object_of_a_kibibyte_takes_less_than_300_octets_beside_it() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let counters = Arc::new(Counters::default());
    let store = |memory_max| Arc::new(CacheStore::new(&model::Cache { memory_max, disk: None }, &counters).unwrap());
    runtime.block_on(async {
        // Whatever is made once is made for another store.
        House::new(Origin::default(), &store(1 << 20), &counters).get(0).await;
        let begun = held();
        let store = store(MEMORY_MAX);
        {
            let house = House::new(Origin::default(), &store, &counters);
            for number in 0..COUNT {
                house.get(number).await;
            }
            // An answer leaves nothing behind.
            for number in 0..COUNT {
                assert!(house.get(number).await, "{number} is stored");
            }
        }
        let taken = u64::try_from(held() - begun).unwrap() / COUNT - BODY as u64;
        let (objects, counted) = store.size();
        let counted = counted / COUNT - BODY as u64;
        assert_eq!(objects as u64, COUNT);
        assert!(taken < OVERHEAD_MAX, "{taken} octets beside a body");
        assert!(counted < OVERHEAD_MAX, "{counted} octets are counted");
        assert!(counted >= taken, "{counted} octets are counted, {taken} taken");
    });
}
