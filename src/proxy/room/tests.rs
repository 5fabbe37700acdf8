use super::*;

const ROOM: (usize, usize) = (1_024, 4_096);

fn place(input: &Input) -> *const u8 {
    input.as_ptr()
}

#[test]
fn what_was_given_back_last_is_taken_next() {
    let [mut one, mut other] = [Input::default(), Input::default()];
    one.make_room(Kind::Requests, ROOM);
    let first = place(&one);
    other.make_room(Kind::Requests, ROOM);
    assert_ne!(first, place(&other), "it is lent to one at a time");
    one.rest();
    assert_eq!(one.capacity(), 0, "who waits holds none");
    other.rest();
    one.make_room(Kind::Requests, ROOM);
    assert_ne!(first, place(&one), "the last one comes first");
    other.make_room(Kind::Requests, ROOM);
    assert_eq!(first, place(&other), "then the one before");
}

#[test]
fn few_pieces_are_kept() {
    let mut inputs: Vec<Input> = (0..PIECES_MAX + 3).map(|_| Input::default()).collect();
    for input in &mut inputs {
        input.make_room(Kind::Responses, ROOM);
    }
    inputs.iter_mut().for_each(Input::rest);
    assert_eq!(PIECES.with_borrow(|pieces| pieces[Kind::Responses as usize].len()), PIECES_MAX);
}

#[test]
fn what_is_in_use_is_not_given_back() {
    let mut input = Input::default();
    input.make_room(Kind::Responses, ROOM);
    input.extend_from_slice(b"half of a head");
    input.rest();
    assert_eq!(&input[..], b"half of a head");
    let head = input.split().freeze();
    input.rest();
    let mut other = Input::default();
    other.make_room(Kind::Responses, ROOM);
    other.extend_from_slice(b"another");
    assert_eq!((&head[..], &other[..]), (&b"half of a head"[..], &b"another"[..]), "what is read is nobody else's");
}

#[test]
fn what_was_not_lent_is_freed() {
    let mut input = Input::default();
    input.extend_from_slice(b"the first octets of a connection");
    input.clear();
    input.rest();
    assert_eq!(input.capacity(), 0);
    assert!(PIECES.with_borrow(|pieces| pieces.iter().all(Vec::is_empty)), "nor is it lent afterwards");
}

#[test]
fn kinds_have_their_own() {
    let mut input = Input::default();
    input.make_room(Kind::Contents, (60_000, 60_000));
    let large = place(&input);
    input.make_room(Kind::Requests, ROOM);
    assert!(input.capacity() < 60_000, "a small one is taken for what is small");
    let mut other = Input::default();
    other.make_room(Kind::Contents, (60_000, 60_000));
    assert_eq!(place(&other), large, "and the large one went back");
}

#[test]
fn what_is_too_large_is_freed() {
    let mut input = Input::default();
    input.make_room(Kind::Requests, (20_000, 20_000));
    input.rest();
    input.make_room(Kind::Requests, ROOM);
    assert!(input.capacity() < 20_000);
    written(Vec::with_capacity(WRITTEN_BYTES_MAX + 1));
    assert_eq!(to_write().capacity(), 0);
    written(b"an answer".to_vec());
    written(Vec::new());
    let room = to_write();
    assert!(room.is_empty() && room.capacity() > 0);
    assert_eq!(to_write().capacity(), 0, "it is lent once");
}
