//! The store on disk: what every store does, and what a disk does to it.

use std::{os::unix::fs::PermissionsExt as _, time::Duration};

use tempfile::TempDir;

use super::*;
use crate::trace::{
    sink::Source,
    store::{
        Owner,
        testing::{keeps_its_word, keeps_within_its_quota, row, settings, spans},
    },
};

fn start(directory: &Path, settings: &Settings) -> SqliteStore {
    SqliteStore::start(directory, settings, Arc::new(Quota::unlimited()), Arc::default()).unwrap()
}

fn here() -> (TempDir, SqliteStore) {
    let directory = tempfile::tempdir().unwrap();
    let store = start(directory.path(), &settings());
    (directory, store)
}

fn trace(number: u128) -> TraceId {
    TraceId::from(number)
}

/// Ends the store's threads: when the file can be opened alone, nobody has it open.
fn ended(store: SqliteStore) {
    let path = store.path.clone();
    drop(store);
    loop {
        let db = Connection::open(&path).unwrap();
        let alone = db
            .pragma_update(None, "locking_mode", "EXCLUSIVE")
            .and_then(|()| db.execute_batch("BEGIN EXCLUSIVE; COMMIT"));
        if alone.is_ok() {
            return;
        }
        thread::yield_now();
    }
}

async fn all(store: &SqliteStore) -> Vec<u128> {
    let page = store.requests(RequestQuery { limit: 1_000, ..RequestQuery::default() }).await.unwrap();
    page.items.iter().map(|row| row.id).collect()
}

#[tokio::test]
async fn it_keeps_its_word() {
    let (_directory, store) = here();
    keeps_its_word(&store).await;
}

#[tokio::test]
async fn it_keeps_within_its_quota() {
    let directory = tempfile::tempdir().unwrap();
    let counters = Arc::new(Counters::default());
    let quota = Arc::new(Quota::new(3));
    let store = SqliteStore::start(directory.path(), &settings(), quota, Arc::clone(&counters)).unwrap();
    keeps_within_its_quota(&store, &counters).await;
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let (directory, store) = here();
    let quota = Arc::clone(&store.shared.quota);
    store.write_requests((1..=50).map(row).collect()).await.unwrap();
    quota.spend_unasked(2, clock::unix_seconds());
    store.write(spans([7, 7, 8])).await.unwrap();
    assert_eq!(quota.state(clock::unix_seconds()).used, 3);
    let mode = |name: &str| fs::metadata(directory.path().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("traces.db"), mode("traces.db-wal")), (0o600, 0o600));
    ended(store);
    let store = start(directory.path(), &settings());
    assert_eq!(all(&store).await.len(), 50);
    assert_eq!(store.trace(trace(7)).await.unwrap().len(), 1);
    let usage = store.usage(clock::now().unix_nanos()).await.unwrap();
    assert_eq!((usage.requests, usage.spans, usage.spans_since), (50, 3, 3));
    assert_eq!(store.shared.quota.state(clock::unix_seconds()).used, 3, "the quota survives");
    assert_eq!(store.shared.quota.unasked(), 2, "and so does the share of it");
    store.write_requests(vec![row(51), RequestRow { status: 500, ..row(1) }]).await.unwrap();
    assert_eq!(all(&store).await.len(), 51, "an id that was there before the restart is replaced");
    assert_eq!(store.request(1).await.unwrap().unwrap().status, 500);
}

#[tokio::test]
async fn a_newer_file_is_refused() {
    let (directory, store) = here();
    ended(store);
    let path = directory.path().join(FILE);
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let before = fs::read(&path).unwrap();
    let refusal = SqliteStore::start(directory.path(), &settings(), Arc::new(Quota::unlimited()), Arc::default());
    let refusal = refusal.unwrap_err().to_string();
    assert!(refusal.contains("newer Waylight (version 99"), "{refusal}");
    assert!(fs::read(&path).unwrap() == before, "and left as it is");
}

#[tokio::test]
async fn a_broken_file_is_set_aside() {
    let (directory, store) = here();
    store.write_requests((1..=2_000).map(row).collect()).await.unwrap();
    ended(store);
    let path = directory.path().join(FILE);
    let whole = fs::read(&path).unwrap();
    let mut header = whole.clone();
    header[..16].copy_from_slice(b"no database here");
    let foreign = tempfile::tempdir().unwrap();
    let foreign = foreign.path().join("foreign.db");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE theirs (a)").unwrap();
    let broken = [header, whole[..whole.len() / 2].to_vec(), fs::read(&foreign).unwrap()];
    for (count, octets) in broken.iter().enumerate() {
        fs::write(&path, octets).unwrap();
        let store = start(directory.path(), &settings());
        assert_eq!(all(&store).await, []);
        store.write_requests(vec![row(1)]).await.unwrap();
        assert_eq!(all(&store).await, [1]);
        assert_eq!(store.shared.counters.store_files_set_aside.value(), 1);
        ended(store);
        let aside = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path());
        let aside: Vec<_> = aside.filter(|path| path.to_string_lossy().contains(".broken-")).collect();
        let kept = aside.iter().filter(|path| broken.contains(&fs::read(path).unwrap())).count();
        assert_eq!(kept, count + 1, "nothing of it is lost: {aside:?}");
    }
}

#[tokio::test]
async fn a_file_that_breaks_later_is_set_aside() {
    let (directory, store) = here();
    store.write_requests((1..=20_000).map(row).collect()).await.unwrap();
    ended(store);
    let path = directory.path().join(FILE);
    let mut octets = fs::read(&path).unwrap();
    let middle = octets.len() / 4;
    octets[middle..middle * 3].fill(0xa5);
    fs::write(&path, octets).unwrap();
    // Its first page is whole; reading the rows finds it out.
    let store = start(directory.path(), &settings());
    assert_eq!(all(&store).await.len(), 0);
    store.write_requests(vec![row(1)]).await.unwrap();
    assert_eq!((all(&store).await.len(), store.shared.counters.store_files_set_aside.value()), (1, 1));
}

#[tokio::test]
async fn a_full_disk_fails_writes_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    // SQLite refuses to go beyond a number of pages just as it does where the disk ends.
    let store = start(directory.path(), &Settings { size_max: 1 << 20, ..settings() });
    store.write_requests((1..=100).map(row).collect()).await.unwrap();
    store.write(spans([1])).await.unwrap();
    let large = |id: u128| RequestRow { path: format!("/{:0200x}", fastrand::u128(..)).into(), ..row(id) };
    let failure = store.write_requests((1_000..9_000).map(large).collect()).await.unwrap_err();
    assert!(matches!(failure, StoreError::Full(_)), "{failure}");
    assert!(store.write(spans((0..60_000).map(|_| fastrand::u128(1..)))).await.is_err());
    let counters = &store.shared.counters;
    assert_eq!((counters.requests_dropped_store.value(), counters.spans_dropped_store.value()), (8_000, 60_000));
    assert_eq!(counters.store_writes_failed.value(), 2);
    assert_eq!((all(&store).await.len(), store.trace(trace(1)).await.unwrap().len()), (100, 1), "what was accepted");
    store.write_requests(vec![large(101)]).await.unwrap();
    assert!(store.request(101).await.unwrap().is_some(), "when it can write again, it does");
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_tried_again() {
    let directory = tempfile::tempdir().unwrap();
    // Stands for a read-only directory, which would not stop a test that runs as root.
    let path = directory.path().join(FILE);
    fs::create_dir(&path).unwrap();
    let store = start(directory.path(), &settings());
    let refusal = store.write(spans([1])).await.unwrap_err().to_string();
    assert!(refusal.contains("cannot write"), "{refusal}");
    assert!(store.write_requests(vec![row(1)]).await.is_err());
    assert!(store.requests(RequestQuery::default()).await.unwrap().items.is_empty());
    fs::remove_dir(&path).unwrap();
    while store.write(spans([1])).await.is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    store.write_requests(vec![row(1)]).await.unwrap();
    assert_eq!((all(&store).await, store.trace(trace(1)).await.unwrap().len()), (vec![1], 1));
    assert!(store.shared.counters.store_writes_failed.value() >= 2);
}

/// Removes what is to go, as the writer does between writes.
fn tidy(store: &SqliteStore, settings: &Settings) {
    let mut db = schema::open(&store.path).unwrap();
    while retention::step(&mut db, settings, &store.shared).unwrap() {}
}

#[tokio::test]
async fn what_is_too_old_goes() {
    let directory = tempfile::tempdir().unwrap();
    let day = Duration::from_secs(86_400);
    let settings = Settings { keep_requests: day, keep_traces: 7 * day, ..settings() };
    let store = start(directory.path(), &settings);
    let ago = |id: u128, days: u64, traced: Option<TraceId>| RequestRow {
        start: clock::now().unix_nanos() - days * 86_400_000_000_000 + 3_600_000_000_000,
        trace: traced,
        ..row(id)
    };
    let traced = Some(trace(9));
    let rows = vec![
        ago(1, 1, None),
        ago(2, 2, None),
        ago(3, 3, traced),
        ago(4, 7, traced),
        ago(5, 8, traced),
        ago(6, 30, None),
    ];
    store.write_requests(rows).await.unwrap();
    tidy(&store, &settings);
    assert_eq!(all(&store).await, [1, 3, 4]);
    assert_eq!(store.request(2).await.unwrap(), None);
    assert_eq!(store.shared.counters.stored_requests_removed.value(), 3);
}

#[tokio::test]
async fn what_is_too_much_goes_in_small_steps() {
    let directory = tempfile::tempdir().unwrap();
    let settings = Settings { size_max: 4 << 20, requests_max: 30_000, ..settings() };
    let store = start(directory.path(), &settings);
    let now = clock::now().unix_nanos();
    let random =
        |id: u128| RequestRow { start: now + id as u64, path: format!("/{:x}", fastrand::u128(..)).into(), ..row(id) };
    for thousand in 0..35 {
        store.write_requests((thousand * 1_000..(thousand + 1) * 1_000).map(random).collect()).await.unwrap();
        store.write(spans((0..400).map(|_| fastrand::u128(1..)))).await.unwrap();
        tidy(&store, &settings);
    }
    tidy(&store, &settings);
    let usage = store.usage(0).await.unwrap();
    assert!(usage.requests < 30_000 && usage.requests > 0, "{usage:?}");
    assert!(fs::metadata(&store.path).unwrap().len() < 5 << 20, "the file is bounded");
    let newest = all(&store).await[0];
    assert_eq!(newest, 34_999, "the oldest went");
}

#[tokio::test]
async fn the_file_shrinks_in_steps() {
    let (directory, store) = here();
    // Some 12 MiB.
    let long = |id: u128| RequestRow { path: format!("/{id:x}{}", "x".repeat(1_000)).into(), ..row(id) };
    store.write_requests((1..=12_000).map(long).collect()).await.unwrap();
    let shared = Arc::clone(&store.shared);
    ended(store);
    let mut db = schema::open(&directory.path().join(FILE)).unwrap();
    db.execute("DELETE FROM request", []).unwrap();
    let pages = |db: &Connection, what: &str| db.pragma_query_value(None, what, |row| row.get::<_, i64>(0)).unwrap();
    let (mut before, mut steps) = (pages(&db, "page_count"), 0);
    while retention::step(&mut db, &settings(), &shared).unwrap() {
        let now = pages(&db, "page_count");
        // A page of the map of pages may go with them.
        assert!((1..=retention::PAGES_STEP + 1).contains(&(before - now)), "{before} pages became {now} in one step");
        (before, steps) = (now, steps + 1);
    }
    assert!(steps >= 3, "{steps} steps");
    assert!(pages(&db, "freelist_count") <= 128, "some are kept for what comes");
}

#[tokio::test]
async fn no_trace_outgrows_its_bound() {
    let directory = tempfile::tempdir().unwrap();
    let limited = Settings { spans_per_trace_max: 3, ..settings() };
    let store = start(directory.path(), &limited);
    for _ in 0..3 {
        store.write(spans([1, 1])).await.unwrap();
    }
    let counters = Arc::clone(&store.shared.counters);
    assert_eq!((counters.spans_stored.value(), counters.spans_dropped_trace.value()), (4, 2));
    ended(store);
    let store = start(directory.path(), &limited);
    store.write(spans([1, 2])).await.unwrap();
    assert_eq!(store.trace(trace(1)).await.unwrap().len(), 2, "it is remembered over a restart");
    assert_eq!(store.trace(trace(2)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn nothing_erased_is_left_in_the_file() {
    let (directory, store) = here();
    let secret = "Aphrodite of Melos";
    let theirs = |id: u128| RequestRow { person: secret.into(), trace: Some(trace(5)), ..row(id) };
    store.write_requests((1..=100).map(theirs).collect()).await.unwrap();
    store.write(spans([5])).await.unwrap();
    let erased = store.erase(Whom::Person(secret.into()), Vec::new()).await.unwrap();
    assert_eq!(erased, Erased { requests: 100, traces: 1, spans: 1 });
    store.write(spans([5])).await.unwrap();
    assert_eq!(store.trace(trace(5)).await.unwrap().len(), 0, "spans that were still on their way are not kept");
    ended(store);
    let octets = fs::read(directory.path().join(FILE)).unwrap();
    assert!(memchr::memmem::find(&octets, secret.as_bytes()).is_none());
}

#[tokio::test]
async fn a_backup_can_be_put_in_place() {
    let (directory, store) = here();
    store.write_requests((1..=10).map(row).collect()).await.unwrap();
    store.write(spans([3])).await.unwrap();
    let copy = directory.path().join("copy.db");
    backup(&store.path, &copy).unwrap();
    assert!(backup(&store.path, &copy).unwrap_err().to_string().contains("there already"));
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    let elsewhere = tempfile::tempdir().unwrap();
    assert!(backup(&elsewhere.path().join(FILE), &elsewhere.path().join("x")).is_err());
    assert!(!elsewhere.path().join("x").exists());
    fs::copy(&copy, elsewhere.path().join(FILE)).unwrap();
    let restored = start(elsewhere.path(), &settings());
    assert_eq!((all(&restored).await.len(), restored.trace(trace(3)).await.unwrap().len()), (10, 1));
    restored.write_requests(vec![row(11)]).await.unwrap();
}

#[tokio::test]
async fn the_sink_does_not_wait_for_the_disk() {
    let (_directory, store) = here();
    let store = Arc::new(store);
    let sink = store.ahead();
    for number in 1..=300 {
        sink.write(spans([number])).await.unwrap();
    }
    sink.flush(clock::now().plus(Duration::from_secs(60))).await.unwrap();
    assert_eq!(store.usage(0).await.unwrap().spans, 300);
}

#[tokio::test]
async fn what_a_browser_added_to_is_erased_after_a_restart() {
    for whom in [Whom::Session(Id::from_bytes([4; 16])), Whom::Person("Ada".into())] {
        let (directory, store) = here();
        let ada = Owner { session: Id::from_bytes([4; 16]), person: "Ada".into() };
        store.owners().remember(&[trace(1), trace(2)], ada);
        store.write(spans([1, 3])).await.unwrap();
        store.write(spans([1, 2])).await.unwrap();
        ended(store);
        let store = start(directory.path(), &settings());
        let erased = store.erase(whom, Vec::new()).await.unwrap();
        assert_eq!(erased, Erased { traces: 2, spans: 3, ..Erased::default() });
        store.write(spans([1])).await.unwrap();
        for (number, parts) in [(1, 0), (2, 0), (3, 1)] {
            assert_eq!(store.trace(trace(number)).await.unwrap().len(), parts, "{number}");
        }
        ended(store);
        let db = Connection::open(directory.path().join(FILE)).unwrap();
        let owners: i64 = db.query_row("SELECT count(*) FROM owner", [], |row| row.get(0)).unwrap();
        assert_eq!(owners, 0, "whose they were is gone with them");
    }
}

/// Octets of the log file.
fn log_size(directory: &Path) -> u64 {
    fs::metadata(schema::with_suffix(&directory.join(FILE), "-wal")).map_or(0, |log| log.len())
}

#[tokio::test]
async fn the_log_stays_short() {
    let (directory, store) = here();
    let long = |id: u128| RequestRow { path: format!("/{id:x}{}", "x".repeat(2_000)).into(), ..row(id) };
    // Some 40 MiB, in forty transactions.
    let mut longest = 0;
    for thousand in 0..20 {
        for half in [0, 500] {
            let first = thousand * 1_000 + half;
            store.write_requests((first + 1..=first + 500).map(long).collect()).await.unwrap();
            longest = longest.max(log_size(directory.path()));
        }
    }
    assert!(longest < 8 << 20, "{longest} octets");
}

#[tokio::test]
async fn an_erasure_empties_the_log_as_soon_as_nobody_reads_it() {
    let (directory, store) = here();
    let secret = "Aphrodite of Melos";
    store.write_requests((1..=100).map(|id| RequestRow { person: secret.into(), ..row(id) }).collect()).await.unwrap();
    // As a backup does.
    let reader = schema::open_to_read(&store.path).unwrap();
    reader.execute_batch("BEGIN").unwrap();
    let seen: i64 = reader.query_row("SELECT count(*) FROM request", [], |row| row.get(0)).unwrap();
    assert_eq!(seen, 100);
    let erased = store.erase(Whom::Person(secret.into()), Vec::new()).await.unwrap();
    assert_eq!((erased.requests, store.shared.counters.store_log_in_use.value()), (100, 1));
    let log = || fs::read(schema::with_suffix(&store.path, "-wal")).unwrap();
    assert!(memchr::memmem::find(&log(), secret.as_bytes()).is_some(), "it cannot go yet");
    store.write_requests(vec![row(200)]).await.unwrap();
    assert_eq!(all(&store).await, [200], "and nobody waits for it");
    drop(reader);
    while log_size(directory.path()) > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let octets = fs::read(directory.path().join(FILE)).unwrap();
    assert!(memchr::memmem::find(&octets, secret.as_bytes()).is_none());
    assert_eq!(store.shared.counters.store_log_in_use.value(), 1, "counted once");
}

#[tokio::test]
async fn what_an_earlier_process_erased_goes_from_the_log() {
    let directory = tempfile::tempdir().unwrap();
    // The file stays open, so that the log stays, as after a kill.
    let mut db = schema::open(&directory.path().join(FILE)).unwrap();
    db.execute_batch("INSERT INTO written VALUES (1, 2, 3); DELETE FROM written").unwrap();
    assert!(log_size(directory.path()) > 0);
    let _store = start(directory.path(), &settings());
    while log_size(directory.path()) > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    db.transaction().unwrap().rollback().unwrap();
}

/// Pages that are in the log.
fn logged(db: &Connection) -> i64 {
    db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(1)).unwrap()
}

fn empty_log(db: &Connection) {
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
}

#[tokio::test]
async fn a_step_of_retention_is_small() {
    let directory = tempfile::tempdir().unwrap();
    let store = start(directory.path(), &settings());
    let with_everything = |id: u128| RequestRow {
        id: fastrand::u128(..),
        session: Some(Id::from_bytes(fastrand::u128(..).to_be_bytes())),
        person: format!("{:x}", fastrand::u128(..)).into(),
        trace: Some(trace(fastrand::u128(1..))),
        ..row(id)
    };
    store.write_requests((1..=10_000).map(with_everything).collect()).await.unwrap();
    store.write(spans((0..10_000).map(|_| fastrand::u128(1..)))).await.unwrap();
    let shared = Arc::clone(&store.shared);
    ended(store);
    let mut db = schema::open(&directory.path().join(FILE)).unwrap();
    let strict = Settings { keep_traces: Duration::ZERO, keep_requests: Duration::ZERO, ..settings() };
    let counts = |db: &Connection| {
        let count = |table: &str| {
            db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0)).unwrap()
        };
        (count("request"), count("batch"))
    };
    let (mut before, mut steps) = (counts(&db), 0);
    loop {
        empty_log(&db);
        let more = retention::step(&mut db, &strict, &shared).unwrap();
        let (now, pages) = (counts(&db), logged(&db));
        assert!((0..=retention::ROWS_STEP as i64).contains(&(before.0 - now.0)), "{before:?} became {now:?}");
        assert!((0..=retention::BATCHES_STEP as i64).contains(&(before.1 - now.1)), "{before:?} became {now:?}");
        assert!(pages <= 1_024, "{pages} pages changed in one step");
        (before, steps) = (now, steps + 1);
        if !more {
            break;
        }
    }
    assert_eq!(before, (0, 0), "after {steps} steps all of it is gone");
}

#[tokio::test]
async fn large_batches_go_a_few_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let store = start(directory.path(), &settings());
    for number in 1..=8 {
        // What cannot be packed: some 300 KiB.
        let name = || (0..20_000).map(|_| fastrand::char('!'..='~')).collect::<String>();
        let mut request = spans([number; 20]).decode().unwrap();
        request.resource_spans[0].scope_spans[0].spans.iter_mut().for_each(|span| span.name = name());
        store.write(Batch::of(Source::App, &request)).await.unwrap();
    }
    let shared = Arc::clone(&store.shared);
    ended(store);
    let mut db = schema::open(&directory.path().join(FILE)).unwrap();
    let strict = Settings { keep_traces: Duration::ZERO, ..settings() };
    let count = |db: &Connection| db.query_row("SELECT count(*) FROM batch", [], |row| row.get::<_, i64>(0)).unwrap();
    let mut removals = 0;
    while count(&db) > 0 {
        empty_log(&db);
        retention::step(&mut db, &strict, &shared).unwrap();
        assert!(logged(&db) < 512, "{} pages changed in one step", logged(&db));
        removals += 1;
    }
    assert!((3..=4).contains(&removals), "{removals} steps");
}

#[tokio::test]
async fn what_is_far_too_much_goes_in_larger_steps() {
    let directory = tempfile::tempdir().unwrap();
    let store = start(directory.path(), &settings());
    let now = clock::now().unix_nanos();
    store
        .write_requests((1..=4_000).map(|id| RequestRow { start: now + id as u64, ..row(id) }).collect())
        .await
        .unwrap();
    store.write(spans((0..4_000).map(|_| fastrand::u128(1..)))).await.unwrap();
    let shared = Arc::clone(&store.shared);
    ended(store);
    let mut db = schema::open(&directory.path().join(FILE)).unwrap();
    let counts = |db: &Connection| {
        db.query_row("SELECT (SELECT count(*) FROM request), (SELECT count(*) FROM batch)", [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
        })
        .unwrap()
    };
    let mut gone = |settings: Settings| {
        let before = counts(&db);
        assert!(retention::step(&mut db, &settings, &shared).unwrap());
        let after = counts(&db);
        (before.0 - after.0, before.1 - after.1)
    };
    let haste = retention::HASTE as i64;
    let few = retention::ROWS_STEP as i64;
    assert_eq!(gone(Settings { requests_max: 3_700, ..settings() }), (few, 0));
    assert_eq!(gone(Settings { requests_max: 1_000, ..settings() }), (few * haste, 0), "of the list");
    let used = retention::used(&schema::open_to_read(&directory.path().join(FILE)).unwrap()).unwrap();
    let few = retention::BATCHES_STEP as i64;
    assert_eq!(gone(Settings { size_max: used - 1, ..settings() }).1, few);
    assert_eq!(gone(Settings { size_max: used / 2, ..settings() }).1, few * haste, "of the file");
}
