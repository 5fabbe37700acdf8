//! From one version of the tables to the next.

use rusqlite::params;

use super::*;

/// A file as an earlier version of the tables left it, with one hour of written spans.
fn left_by(path: &Path, version: usize) {
    let db = open_at(path, &MIGRATIONS[..version]).unwrap();
    db.execute("INSERT INTO written (hour, spans) VALUES (?1, ?2)", params![7, 100]).unwrap();
    db.execute(
        "INSERT INTO batch (seq, trace, received, spans, size, data) VALUES (1, ?1, 2, 3, 4, x'00')",
        params![[9_u8; 16]],
    )
    .unwrap();
}

fn version(db: &Connection) -> i64 {
    db.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

#[test]
fn a_file_of_any_version_is_brought_to_this_one() {
    for before in 1..=MIGRATIONS.len() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("traces.db");
        left_by(&path, before);
        let db = open(&path).unwrap();
        assert_eq!(version(&db), MIGRATIONS.len() as i64);
        let written = db.query_row("SELECT hour, spans, unasked FROM written", [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
        });
        assert_eq!(written.unwrap(), (7, 100, 0), "of version {before}");
        let count = |table: &str| {
            db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0)).unwrap()
        };
        assert_eq!((count("batch"), count("owner")), (1, 0), "nothing of version {before} is lost");
        drop(db);
        assert_eq!(version(&open(&path).unwrap()), MIGRATIONS.len() as i64, "once");
    }
}

#[test]
fn each_step_is_made_once_and_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("traces.db");
    left_by(&path, 1);
    let more = [MIGRATIONS, &["CREATE TABLE more (a)", "INSERT INTO more VALUES (1)"]].concat();
    for _ in 0..2 {
        let db = open_at(&path, &more).unwrap();
        assert_eq!(version(&db), more.len() as i64);
        let rows: i64 = db.query_row("SELECT count(*) FROM more", [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 1);
    }
    assert!(matches!(open(&path), Err(OpenError::Newer { .. })), "this version does not know it");
}

#[test]
fn a_step_that_fails_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("traces.db");
    left_by(&path, 1);
    let half = [MIGRATIONS, &["CREATE TABLE more (a); INSERT INTO nowhere VALUES (1)"]].concat();
    open_at(&path, &half).unwrap_err();
    let db = open(&path).unwrap();
    assert_eq!(version(&db), MIGRATIONS.len() as i64, "the steps before it were made");
    let more = db.query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'more'", [], |row| row.get::<_, i64>(0));
    assert_eq!(more.unwrap(), 0);
}
