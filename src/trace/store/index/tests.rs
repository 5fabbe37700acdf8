//! The index, beside a plain look at every row.

use opentelemetry::trace::TraceId;
use proptest::prelude::*;

use super::*;
use crate::{
    rules::{find::Find, session::Id},
    trace::{
        requests::row::CacheOutcome,
        store::{
            query::{Cursor, RequestQuery, Traced},
            testing::row,
        },
    },
};

/// A row made of a number, so that values repeat.
fn made(number: u64) -> RequestRow {
    let pick = |of: &[&str], shift: u32| Box::from(of[(number >> shift) as usize % of.len()]);
    RequestRow {
        start: number / 7 % 50,
        duration: number % 11 * 10_000_000,
        first_byte: (!number.is_multiple_of(3)).then_some(number % 5 * 1_000_000),
        method: pick(&["GET", "POST"], 1),
        host: pick(&["shop.example", "API.example", "straße.example"], 2),
        path: format!("/{}/{}", ["api", "Cart", "img", "caf%C3%A9"][(number >> 3) as usize % 4], number % 17).into(),
        route: pick(&["", "/api/*"], 4),
        error: pick(&["", "", "connection_timeout"], 5),
        status: [200, 404, 500, 0][(number >> 6) as usize % 4],
        bytes: number % 9 * 512,
        cache: CacheOutcome { status: pick(&["", "hit", "miss"], 1), reason: "".into() },
        session: number.is_multiple_of(4).then(|| Id::from_bytes([(number % 3) as u8; 16])),
        trace: number.is_multiple_of(2).then(|| TraceId::from(u128::from(number % 13 + 1))),
        page: number.is_multiple_of(6).then_some(u128::from(number % 5)),
        ..row(u128::from(number))
    }
}

fn query() -> impl Strategy<Value = RequestQuery> {
    let term = prop::sample::select(vec![
        "cart",
        "shop",
        "-api",
        "STRASSE",
        "straße",
        "café",
        "-path:/café/*",
        "path:/api/*",
        "path:*/1*",
        "status:error",
        "status:4xx",
        "-status:200",
        ">50ms",
        "-ttfb>1ms",
        "bytes>=1KiB",
        "cache:hit",
        "-cache:miss",
        "error:*",
        "method:get",
        "id:0",
        "trace:00",
        "-route:*",
        "x:y",
        "1",
        "GET",
    ]);
    let find = prop::collection::vec(term, 0..3).prop_map(|terms| Find::parse(&terms.join(" ")).unwrap());
    let sometimes = |max: u64| prop::option::weighted(0.3, 0..max);
    (find, sometimes(50), sometimes(50), sometimes(4), sometimes(6), any::<bool>(), sometimes(50)).prop_map(
        |(find, from, to, session, page, traced, before)| RequestQuery {
            find,
            from,
            to,
            session: session.map(|session| Id::from_bytes([session as u8; 16])),
            page: page.map(u128::from),
            traced: if traced { Traced::Only } else { Traced::Any },
            before: before.map(|start| Cursor { start, id: 200 }),
            limit: 10,
            ..RequestQuery::default()
        },
    )
}

fn fulfils(row: &RequestRow, query: &RequestQuery) -> bool {
    query.find.matches(row)
        && query.from.is_none_or(|from| row.start >= from)
        && query.to.is_none_or(|to| row.start < to)
        && query.session.is_none_or(|session| row.session == Some(session))
        && query.page.is_none_or(|page| row.page == Some(page))
        && (query.traced == Traced::Any || row.is_traced())
}

fn place(row: &RequestRow) -> Cursor {
    Cursor { start: row.start, id: row.id }
}

fn check(index: &Index, rows: &[(Seq, RequestRow)], query: &RequestQuery) {
    let mut expected: Vec<_> = rows.iter().filter(|(_, row)| fulfils(row, query)).map(|(_, row)| row).collect();
    let (all, traced) = (expected.len() as u64, expected.iter().filter(|row| row.is_traced()).count() as u64);
    let histogram = index.view().histogram(query, 7);
    assert_eq!(histogram.bins.iter().map(|bin| bin.all).sum::<u64>(), all, "{histogram:?}");
    assert_eq!(histogram.bins.iter().map(|bin| bin.traced).sum::<u64>(), traced);
    expected.retain(|row| query.before.is_none_or(|before| place(row) < before));
    expected.sort_by_key(|row| std::cmp::Reverse(place(row)));
    let (hits, next) = index.view().page(query);
    let places: Vec<_> = hits.iter().map(|hit| hit.place).collect();
    assert_eq!(places, expected.iter().take(10).map(|row| place(row)).collect::<Vec<_>>(), "{query:?}");
    assert_eq!(next, (expected.len() > 10).then(|| place(expected[9])));
    for (name, count) in index.view().excluded_by(query) {
        let mut without = query.clone();
        match name {
            "find" => without.find = Find::default(),
            "time" => (without.from, without.to) = (None, None),
            "session" => without.session = None,
            "page" => without.page = None,
            "traced" => without.traced = Traced::Any,
            other => panic!("{other} was not asked"),
        }
        assert_eq!(count, rows.iter().filter(|(_, row)| fulfils(row, &without)).count() as u64, "{name}");
    }
}

proptest! {
    #[test]
    fn it_finds_what_a_plain_look_finds(numbers in prop::collection::vec(0_u64..100_000, 0..120), query in query()) {
        let rows: Vec<_> = numbers.iter().enumerate().map(|(seq, number)| {
            (seq as Seq + 1, RequestRow { id: seq as u128, ..made(*number) })
        }).collect();
        let index = Index::default();
        let (older, newer) = rows.split_at(rows.len() / 2);
        index.put_older(older);
        index.put(newer.iter().map(|(seq, row)| (*seq, row)));
        check(&index, &rows, &query);
    }

    #[test]
    fn it_follows_changes(numbers in prop::collection::vec(0_u64..100_000, 1..60), gone in prop::collection::vec(1_u64..60, 0..60), query in query()) {
        let index = Index::default();
        let mut rows: Vec<_> = numbers.iter().zip(1..).map(|(number, seq)| (seq, RequestRow { id: u128::from(seq), ..made(*number) })).collect();
        index.put_older(&rows);
        for (seq, row) in rows.iter_mut().step_by(3) {
            *row = RequestRow { id: row.id, ..made(*seq * 31) };
            index.put([(*seq, &*row)]);
        }
        rows.retain(|(seq, _)| !gone.contains(seq));
        index.remove(gone.iter().copied());
        prop_assert_eq!(index.len(), rows.len());
        check(&index, &rows, &query);
    }
}

#[test]
fn blocks_fill_empty_and_join() {
    let index = Index::default();
    let total = block::ROWS_MAX as u64 * 2 + 10;
    let rows: Vec<_> =
        (1..=total).map(|seq| (seq, RequestRow { id: u128::from(seq), start: seq, ..made(seq) })).collect();
    index.put(rows.iter().map(|(seq, row)| (*seq, row)));
    assert_eq!((index.len() as u64, index.blocks().len()), (total, 3));
    assert_eq!(index.oldest(2), [1, 2]);
    assert_eq!(index.older_than(4, Which::Untraced, 10), [1, 3], "the second has a trace");
    let view = index.view();
    index.remove((1..=total).filter(|seq| seq % 8 != 0));
    assert_eq!((index.len() as u64, index.blocks().len()), (total / 8, 2), "two were joined; the last still grows");
    let all = RequestQuery { limit: 3, ..RequestQuery::default() };
    assert_eq!(view.page(&all).0[0].seq, total, "a look that began earlier is not disturbed");
    assert_eq!(
        index.view().page(&all).0.iter().map(|hit| hit.seq).collect::<Vec<_>>(),
        [total - 2, total - 10, total - 18]
    );
    index.remove(1..=total);
    assert_eq!(index.len(), 0);
    index.put([(total + 1, &made(1))]);
    assert_eq!(index.len(), 1);
}
