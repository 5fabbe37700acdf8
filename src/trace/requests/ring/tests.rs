use super::*;
use crate::trace::requests::entry::{Entry, tests::entry};

fn slot(id: u128) -> (u128, Slot) {
    let mut octets = Vec::new();
    Entry { id, ..entry() }.write(&mut octets);
    (id, Slot::new(&octets, None))
}

#[test]
fn the_eldest_are_forgotten() {
    let ring = Ring::new(3);
    ring.push((1..=5).map(slot));
    assert_eq!(ring.len(), 3);
    assert!(ring.find(2).is_none());
    assert_eq!(ring.find(3).unwrap().row().unwrap().id, 3);
    assert_eq!(ring.unstored().len(), 3);
    assert_eq!(ring.lock().places.len(), 3);
    let none = Ring::new(0);
    none.push([slot(1)]);
    assert!(none.is_empty());
}

#[test]
fn what_becomes_known_is_added() {
    let ring = Ring::new(3);
    ring.push([slot(1), slot(2)]);
    let trace = TraceId::from_bytes([3; 16]);
    ring.patch(&Patch { id: 1, page: Some(9), trace: Some((trace, "kept".into())) });
    ring.patch(&Patch { id: 1, page: None, trace: None });
    let row = ring.find(1).unwrap().row().unwrap();
    assert_eq!((row.page, row.trace, &*row.trigger), (Some(9), Some(trace), "kept"));
    assert_eq!(ring.patch(&Patch { id: 7, page: None, trace: None }), None);
    let ahead = Patch { id: 1, page: Some(9), trace: Some((trace, "kept".into())) };
    assert_eq!(ring.stored([1, 7]), [ahead], "what was written was from before");
    assert_eq!(ring.stored([1]), []);
    assert_eq!(ring.find(1).unwrap().kept_in(), KeptIn::Store);
    assert_eq!(ring.unstored().len(), 1);
}

#[test]
fn of_two_that_keep_a_request_the_first_does() {
    let ring = Ring::new(3);
    ring.push([slot(1)]);
    let [first, second] = [3, 4].map(|octet| TraceId::from_bytes([octet; 16]));
    assert_eq!(ring.trace(1, (first, "kept")), Some(first));
    assert_eq!(ring.trace(1, (second, "kept")), Some(first));
    assert_eq!(ring.trace(2, (second, "kept")), None, "it is not here");
    let row = ring.find(1).unwrap().row().unwrap();
    assert_eq!((row.trace, &*row.trigger), (Some(first), "kept"));
    assert_eq!(ring.stored([1]).len(), 1, "what was written does not know of it");
}

#[test]
fn what_is_erased_is_gone() {
    let ring = Ring::new(8);
    ring.push((1..=6).map(slot));
    assert_eq!(ring.erase(|row| row.id % 2 == 0), 3);
    assert!(ring.find(2).is_none());
    assert_eq!(ring.find(5).unwrap().row().unwrap().id, 5);
    ring.push([slot(7)]);
    assert_eq!(ring.find(7).unwrap().row().unwrap().id, 7);
}

/// What the documentation says of a full ring's memory.
#[test]
fn a_request_takes_about_350_octets() {
    let (_, slot) = slot(1);
    let place = size_of::<u128>() + size_of::<u64>() + size_of::<Arc<Slot>>();
    let octets = slot.octets.len() + size_of::<Slot>() + 2 * size_of::<usize>() + place * 3 / 2;
    assert!((250..=400).contains(&octets), "{octets}");
}
