use proptest::prelude::*;

use super::*;

#[test]
fn nobody_has_no_turn() {
    assert_eq!(Rotation::default().turn(0), None);
}

#[test]
fn members_take_turns() {
    let rotation = Rotation::starting_at(1);
    let turns: Vec<_> = (0..4).filter_map(|_| rotation.turn(3)).collect();
    assert_eq!(turns, [1, 2, 0, 1]);
}

proptest! {
    #[test]
    fn everybody_has_the_same_share(first: usize, members in 1..20_usize, rounds in 1..5_usize) {
        let rotation = Rotation::starting_at(first);
        let mut share = vec![0; members];
        for _ in 0..members * rounds {
            share[rotation.turn(members).unwrap()] += 1;
        }
        prop_assert!(share.iter().all(|count| *count == rounds));
    }
}
