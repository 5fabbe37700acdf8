use super::*;

fn audit(seconds: &[u64]) -> Audit {
    let audit = Audit::new(Box::new(Ephemeral::default()), Arc::default());
    for (number, at) in seconds.iter().enumerate() {
        let entry = AuditEntry::of_operator(Deed::Settings, number.to_string());
        audit.write(&AuditEntry { at: *at, ..entry }).unwrap();
    }
    audit
}

/// The subjects of all pages of so many entries each.
fn pages(audit: &Audit, max: usize) -> Vec<Vec<String>> {
    let (mut before, mut pages) = (None, Vec::new());
    loop {
        let page = audit.page(before, max).unwrap();
        pages.push(page.entries.into_iter().map(|entry| entry.subject).collect());
        before = page.next;
        if before.is_none() {
            return pages;
        }
    }
}

#[test]
fn pages_follow_each_other_without_holes() {
    let log = audit(&[1, 1, 2, 2, 2, 2, 3, 9]);
    let all: Vec<String> = (0..8).rev().map(|number| number.to_string()).collect();
    for max in 1..=9 {
        let pages = pages(&log, max);
        assert_eq!(pages.concat(), all, "{max}");
        assert_eq!(pages.len(), 8_usize.div_ceil(max), "{max}");
    }
    assert_eq!(pages(&audit(&[]), 3), [Vec::<String>::new()]);
}

#[test]
fn what_comes_meanwhile_moves_no_page() {
    let log = audit(&[1, 2, 2, 2]);
    let first = log.page(None, 2).unwrap();
    log.write(&AuditEntry { at: 5, ..AuditEntry::of_operator(Deed::Settings, "new") }).unwrap();
    let second = log.page(first.next, 2).unwrap();
    let subjects: Vec<_> = second.entries.iter().map(|entry| entry.subject.as_str()).collect();
    assert_eq!((subjects, second.next), (vec!["1", "0"], None));
}

#[test]
fn a_place_is_read_as_it_is_written() {
    let place = AuditPlace { at: 1_795_659_539, passed: 3 };
    assert_eq!(place.to_string().parse(), Ok(place));
    for bad in ["", ".", "1", "1.", ".1", "-1.2", "1.2.3", "x.1"] {
        assert_eq!(bad.parse::<AuditPlace>(), Err(()), "{bad}");
    }
}
