use proptest::prelude::*;

use super::*;

pub(in crate::trace::requests) fn entry<'a>() -> Entry<'a> {
    Entry {
        id: 7,
        start: 1_700_000_000_000_000_000,
        duration: 12_000_000,
        moments: [Some(1), None, Some(3), Some(0), Some(u64::MAX - 1)],
        status: 200,
        bytes: 1024,
        method: "GET",
        scheme: "https",
        version: "2",
        host: "shop.test",
        path: "/products/lamp",
        query: Query::Shown("q=1"),
        route: "/products/:slug",
        upstream: "app",
        cache: "hit",
        cache_reason: "it was fresh",
        error: "",
        client: Some("192.0.2.1".parse().unwrap()),
        sender: None,
        trace: None,
        hints: Hints { browser: 1, url: 2, referer: 3, destination: Destination::DOCUMENT },
    }
}

fn written(entry: &Entry<'_>) -> Vec<u8> {
    let mut buffer = Vec::new();
    entry.write(&mut buffer);
    buffer
}

#[test]
fn what_is_written_is_read() {
    let traced = Entry {
        client: Some("2001:db8::1".parse().unwrap()),
        sender: Some(Sender {
            identity: Id::from_bytes([1; 16]),
            person: "ada",
            session: Some(Id::from_bytes([2; 16])),
        }),
        trace: Some((TraceId::from_bytes([9; 16]), "session")),
        ..entry()
    };
    let signed_in = Entry {
        sender: Some(Sender { identity: Id::from_bytes([1; 16]), person: "", session: None }),
        scheme: "http",
        client: None,
        version: "1.0",
        ..entry()
    };
    let mut records = Vec::new();
    for entry in [&entry(), &traced, &signed_in] {
        entry.write(&mut records);
    }
    let mut rest = &*records;
    for entry in [entry(), traced, signed_in] {
        let record = Record::next(&mut rest).unwrap();
        assert_eq!(record.octets, written(&entry));
        assert_eq!(record.brief, Brief { id: entry.id, start: entry.start, hints: entry.hints });
        assert_eq!(record.is_traced, entry.trace.is_some());
        assert_eq!(record.entry().unwrap(), entry);
    }
    assert!(Record::next(&mut rest).is_none());
}

#[test]
fn a_row_says_what_the_record_says() {
    let octets = written(&entry());
    let row = Record::next(&mut &*octets).unwrap().entry().unwrap().row();
    assert_eq!((row.id, row.status, &*row.path, &*row.query), (7, 200, "/products/lamp", "q=1"));
    assert_eq!((&*row.destination, &*row.client, row.first_byte), ("document", "192.0.2.1", Some(u64::MAX - 1)));
    let names: Vec<_> = row.moments.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, [Moment::Routed, Moment::Connected, Moment::Sent, Moment::FirstByte]);
}

#[test]
fn queries_are_hidden_before_they_are_kept() {
    let redaction = Redaction::new(&[], &["voucher".to_owned()]);
    let raw = "q=lamp&access_token=abc&VOUCHER=xyz&%74oken=def&empty=&flag";
    let octets = written(&Entry { query: Query::Raw(raw, &redaction), ..entry() });
    let row = Record::next(&mut &*octets).unwrap().entry().unwrap().row();
    assert_eq!(&*row.query, "q=lamp&access_token=REDACTED&VOUCHER=REDACTED&%74oken=REDACTED&empty=&flag");
    for secret in ["abc", "xyz", "def"] {
        assert!(!octets.windows(3).any(|three| three == secret.as_bytes()));
    }
}

#[test]
fn texts_are_cut_where_a_character_ends() {
    let long = "ä".repeat(1000);
    let redaction = Redaction::default();
    let sender = Sender { identity: Id::from_bytes([1; 16]), person: &long, session: Some(Id::from_bytes([2; 16])) };
    let octets = written(&Entry {
        method: &long,
        host: &long,
        path: &long,
        query: Query::Raw(&long, &redaction),
        route: &long,
        upstream: &long,
        cache: &long,
        cache_reason: &long,
        error: &long,
        sender: Some(sender),
        trace: Some((TraceId::from_bytes([9; 16]), &long)),
        ..entry()
    });
    assert!(octets.len() <= ENTRY_BYTES_MAX, "{}", octets.len());
    let row = Record::next(&mut &*octets).unwrap().entry().unwrap().row();
    assert_eq!(row.path.len(), TEXT_BYTES_MAX);
    assert_eq!(row.query.len(), TEXT_BYTES_MAX);
}

proptest! {
    #[test]
    fn no_octets_make_the_reader_panic(octets in prop::collection::vec(any::<u8>(), 0..512)) {
        let mut rest = &*octets;
        while let Some(record) = Record::next(&mut rest) {
            record.entry().map(|entry| entry.row());
        }
    }
}
