//! Tokens: every pair of kinds, rotation, and damage.

use proptest::prelude::*;

use super::*;

fn keys() -> Keys {
    Keys::new(&["a secret of some length"]).unwrap()
}

#[test]
fn a_token_of_one_kind_is_refused_as_any_other() {
    let keys = keys();
    for made in Purpose::ALL {
        let token = keys.seal(made, b"payload");
        for asked in Purpose::ALL {
            let expect = if made == asked { Ok(b"payload".to_vec()) } else { Err(TokenError::Forged) };
            assert_eq!(keys.open(asked, &token), expect, "{made:?} as {asked:?}");
        }
    }
}

#[test]
fn the_order_of_purposes_is_that_of_their_keys() {
    for (index, purpose) in Purpose::ALL.into_iter().enumerate() {
        assert_eq!(purpose as usize, index);
    }
}

#[test]
fn older_keys_open_and_the_newest_seals() {
    let (old, new) = ("the old secret, long enough", "the new secret, long enough");
    let before = Keys::new(&[old]).unwrap();
    let during = Keys::new(&[new, old]).unwrap();
    let after = Keys::new(&[new]).unwrap();
    assert!(during.open(Purpose::Identity, &before.seal(Purpose::Identity, b"x")).is_ok());
    assert!(after.open(Purpose::Identity, &during.seal(Purpose::Identity, b"x")).is_ok());
    assert_eq!(after.open(Purpose::Identity, &before.seal(Purpose::Identity, b"x")), Err(TokenError::Forged));
}

#[test]
fn secrets_must_be_there_and_long_enough() {
    assert_eq!(Keys::new::<&str>(&[]).unwrap_err(), KeysError::None);
    assert_eq!(Keys::new(&["a secret of some length", "short"]).unwrap_err(), KeysError::Short { index: 1 });
    assert!(!format!("{:?}", keys()).contains("a secret"));
}

#[test]
fn what_is_no_token_is_refused() {
    let keys = keys();
    for text in ["", ".", "AQ", "not base64!", "AQ==", &"A".repeat(TOKEN_BYTES_MAX + 1), &"A".repeat(100)] {
        assert_eq!(keys.open(Purpose::Csrf, text), Err(TokenError::Malformed), "{text}");
    }
}

proptest! {
    #[test]
    fn what_is_sealed_opens(payload in proptest::collection::vec(any::<u8>(), 0..=PAYLOAD_BYTES_MAX)) {
        let keys = keys();
        let token = keys.seal(Purpose::Session, &payload);
        prop_assert!(token.len() <= TOKEN_BYTES_MAX);
        prop_assert_eq!(keys.open(Purpose::Session, &token), Ok(payload));
    }

    #[test]
    fn one_changed_character_closes(at in 0..60_usize, with in "[A-Za-z0-9_-]") {
        let keys = keys();
        let mut token = keys.seal(Purpose::Session, b"a payload of some length");
        prop_assume!(token[at..=at] != with);
        token.replace_range(at..=at, &with);
        prop_assert!(keys.open(Purpose::Session, &token).is_err());
    }

    #[test]
    fn opening_never_panics(token in "\\PC{0,200}") {
        prop_assert!(keys().open(Purpose::Upload, &token).is_err());
    }
}
