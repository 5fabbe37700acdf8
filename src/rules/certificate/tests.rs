use proptest::prelude::*;

use super::*;

fn certificate(names: &[&str]) -> Vec<u8> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = rcgen::CertificateParams::new(names).unwrap();
    params.not_after = rcgen::date_time_ymd(2031, 3, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    params.self_signed(&key).unwrap().der().to_vec()
}

#[test]
fn names_and_end_are_read() {
    let facts = read(&certificate(&["A.example", "*.b.example"])).unwrap();
    assert_eq!(facts.names, ["a.example", "*.b.example"]);
    assert_eq!(facts.not_after, 1_930_089_600); // date -ud 2031-03-01 +%s
}

#[test]
fn a_certificate_for_addresses_has_no_names() {
    assert!(read(&certificate(&["127.0.0.1"])).unwrap().names.is_empty());
}

#[test]
fn times_of_both_kinds_are_read() {
    assert_eq!(time(UTC_TIME, b"700101000000Z"), Some(0));
    assert_eq!(time(UTC_TIME, b"240229235959Z"), Some(1_709_251_199));
    assert_eq!(time(GENERALIZED_TIME, b"99991231235959Z"), Some(253_402_300_799));
    assert_eq!(time(UTC_TIME, b"2402292359Z"), None);
    assert_eq!(time(UTC_TIME, b"241329235959Z"), None);
}

proptest! {
    #[test]
    fn nothing_panics(der in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&der);
    }

    #[test]
    fn damage_does_not_panic(at in 0usize..400, octet: u8) {
        let mut der = certificate(&["a.example"]);
        let at = at % der.len();
        der[at] = octet;
        let _ = read(&der);
    }
}
