//! The framing guard: how a client's octets are cut into reads decides nothing.

use waylight::rules::framing::{Bounds, Rest, Scanner};

/// The first octet chooses the size of reads; the rest is what a client sends.
pub(super) fn run(data: &[u8]) {
    let Some((&choice, octets)) = data.split_first() else { return };
    let whole = follow(octets, octets.len().max(1));
    let parts = follow(octets, usize::from(choice) + 1);
    assert_eq!(whole, parts, "the reads decide");
}

/// How many octets were passed, how many heads were among them, and what of the rest.
fn follow(octets: &[u8], size: usize) -> (usize, u64, Rest) {
    let bounds = Bounds { head_bytes_max: 4096, fields_max: 32, target_bytes_max: 1024 };
    let mut scanner = Scanner::new(bounds);
    let (mut passed, mut read) = (0, 0);
    loop {
        read = (read + size).min(octets.len());
        let scan = scanner.scan(&octets[passed..read]);
        assert!(scan.passed <= read - passed);
        passed += scan.passed;
        if read == octets.len() || scan.rest != Rest::Partial {
            return (passed, scanner.heads(), scan.rest);
        }
    }
}
