use super::*;
use crate::trace::requests::entry::{Entry, tests::entry};

/// Puts requests in, and gives back where they are.
fn push(ring: &Ring, ids: impl IntoIterator<Item = u128>) -> Vec<Place> {
    let push = |id| {
        let (mut octets, place) = (Vec::new(), ring.end());
        Entry { id, ..entry() }.write(&mut octets);
        ring.push([Ended { octets: &octets, page: None, trace: None }]);
        place
    };
    ids.into_iter().map(push).collect()
}

fn row(ring: &Ring, id: u128) -> Option<RequestRow> {
    ring.get(ring.find(id)?).map(|(row, _)| row)
}

fn patch(id: u128, page: Option<u128>, trace: Option<TraceId>) -> Patch {
    Patch { id, page, trace: trace.map(|trace| (trace, "kept".into())) }
}

#[test]
fn the_eldest_are_forgotten() {
    let ring = Ring::new(3);
    let places = push(&ring, 1..=5);
    assert_eq!(ring.len(), 3);
    assert!(row(&ring, 2).is_none() && ring.get(places[1]).is_none());
    assert_eq!(row(&ring, 3).unwrap().id, 3);
    assert_eq!(ring.get(places[4]).unwrap().0.id, 5);
    assert_eq!(ring.unstored().map(|row| row.id).collect::<Vec<_>>(), [3, 4, 5]);
    push(&ring, 6..=7);
    assert_eq!((row(&ring, 4), row(&ring, 7).unwrap().id), (None, 7), "found by id again and again");
    assert_eq!(ring.lock().places.len(), 3);
    let none = Ring::new(0);
    let places = push(&none, 1..=2);
    assert!(none.is_empty() && none.get(places[0]).is_none() && places[0] < places[1]);
}

/// More than one block has room for.
#[test]
fn places_lead_to_their_requests_through_all_blocks() {
    let ring = Ring::new(1000);
    let places = push(&ring, 1..=2500);
    assert!(ring.lock().blocks.len() > 2);
    let found = |at: usize| ring.get(places[at]).map(|(row, _)| row.id);
    assert_eq!([1499, 1500, 1987, 2499].map(found), [None, Some(1501), Some(1988), Some(2500)]);
    assert_eq!(row(&ring, 1501).unwrap().id, 1501);
    assert_eq!(row(&ring, 1500), None);
    assert_eq!(ring.unstored().map(|row| row.id).collect::<Vec<_>>(), (1501..=2500).collect::<Vec<_>>());
}

/// A reader looks at what there was when it asked, whatever happens meanwhile.
#[test]
fn readers_and_writers_do_not_meet() {
    let ring = Ring::new(3);
    let places = push(&ring, 1..=3);
    let read = ring.unstored();
    push(&ring, [4]);
    ring.patch(places[1], &patch(2, Some(9), None));
    assert_eq!(read.map(|row| (row.id, row.page)).collect::<Vec<_>>(), [(1, None), (2, None), (3, None)]);
    assert_eq!(row(&ring, 2).unwrap().page, Some(9));
}

#[test]
fn what_becomes_known_is_added() {
    let ring = Ring::new(3);
    let [one, _] = push(&ring, 1..=2)[..] else { panic!("two") };
    let trace = TraceId::from_bytes([3; 16]);
    ring.patch(one, &patch(1, Some(9), Some(trace)));
    ring.patch(one, &patch(1, None, None));
    let found = row(&ring, 1).unwrap();
    assert_eq!((found.page, found.trace, &*found.trigger), (Some(9), Some(trace), "kept"));
    assert_eq!(ring.patch(ring.end(), &patch(7, None, None)), None);
    let ahead = (one, patch(1, Some(9), Some(trace)));
    assert_eq!(ring.stored([one, ring.end()]), [ahead], "what was written was from before");
    assert_eq!(ring.stored([one]), []);
    assert_eq!(ring.get(one).unwrap().1, KeptIn::Store);
    assert_eq!(ring.unstored().count(), 1);
}

#[test]
fn what_is_known_from_the_beginning_is_in_it() {
    let ring = Ring::new(3);
    let mut octets = Vec::new();
    Entry { id: 1, ..entry() }.write(&mut octets);
    let trace = TraceId::from_bytes([3; 16]);
    ring.push([Ended { octets: &octets, page: Some(9), trace: Some((trace, "kept")) }]);
    let found = row(&ring, 1).unwrap();
    assert_eq!((found.page, found.trace, &*found.trigger), (Some(9), Some(trace), "kept"));
    assert_eq!(ring.stored([Place::new(0)]), [], "what is written knows of it");
}

#[test]
fn of_two_that_keep_a_request_the_first_does() {
    let ring = Ring::new(3);
    let places = push(&ring, [1]);
    let [first, second] = [3, 4].map(|octet| TraceId::from_bytes([octet; 16]));
    assert_eq!(ring.trace(places[0], (first, "kept")), Some(first));
    assert_eq!(ring.trace(places[0], (second, "kept")), Some(first));
    assert_eq!(ring.trace(ring.end(), (second, "kept")), None, "it is not here");
    let row = row(&ring, 1).unwrap();
    assert_eq!((row.trace, &*row.trigger), (Some(first), "kept"));
    assert_eq!(ring.stored(places).len(), 1, "what was written does not know of it");
}

#[test]
fn what_is_erased_is_gone() {
    let ring = Ring::new(6);
    let places = push(&ring, 1..=8);
    assert_eq!(row(&ring, 4).unwrap().id, 4);
    let begins_with = |octets: &[u8]| ring.lock().blocks[0].octets.starts_with(octets);
    let eldest = ring.lock().blocks[0].octets[..18].to_vec();
    assert!(begins_with(&eldest));
    // One of those that go is forgotten already, and no more than an octet that nobody reads.
    assert_eq!(ring.erase(|row| row.id % 2 == 0 || row.id == 1), 3);
    assert!(!begins_with(&eldest));
    assert_eq!((row(&ring, 4), ring.get(places[3]), row(&ring, 1)), (None, None, None));
    assert_eq!(row(&ring, 5).unwrap().id, 5);
    assert_eq!(ring.get(places[6]).unwrap().0.id, 7);
    assert_eq!(ring.patch(places[3], &patch(4, Some(9), None)), None);
    push(&ring, [9]);
    assert_eq!(ring.unstored().map(|row| row.id).collect::<Vec<_>>(), [5, 7, 9]);
    assert_eq!(row(&ring, 9).unwrap().id, 9);
}

/// What the documentation says of a full ring's memory.
#[test]
fn a_request_takes_about_250_octets() {
    let mut octets = Vec::new();
    entry().write(&mut octets);
    // Where it is known by its id, too: the table doubles while places come and go, up to 2^18 for 100,000.
    let place = (size_of::<(u128, u64)>() + 1) * (1 << 18) / 100_000;
    let octets = octets.len() + size_of::<Slot>();
    assert!((200..=260).contains(&octets) && octets + place <= 350, "{octets}");
}
