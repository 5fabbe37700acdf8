//! Lines are kept in order, within their bound, for us alone.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

#[test]
fn the_latest_lines_are_kept_newest_first() {
    let directory = tempfile::tempdir().unwrap();
    let log = FileAudit::open(directory.path(), 40, 3).unwrap();
    for number in 10..40 {
        log.append(&format!("line {number}")).unwrap();
    }
    let names: Vec<_> = (0..3).map(|place| path(directory.path(), place)).collect();
    for name in &names {
        let meta = fs::metadata(name).unwrap();
        assert_eq!(meta.permissions().mode() & 0o777, 0o600);
        assert!(meta.len() <= 40, "{}", meta.len());
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 3, "no more files than allowed");
    assert_eq!(log.recent(2).unwrap(), ["line 39", "line 38"]);
    let all = log.recent(100).unwrap();
    assert_eq!(all.first().unwrap(), "line 39");
    assert!(all.len() <= 15 && all.is_sorted_by(|newer, older| newer > older), "{all:?}");
    assert_eq!(log.recent(0).unwrap(), Vec::<String>::new());
}

#[test]
fn it_goes_on_where_it_was_torn() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(path(directory.path(), 0), "whole\ntor").unwrap();
    let log = FileAudit::open(directory.path(), 1000, 2).unwrap();
    log.append("next").unwrap();
    drop(log);
    let log = FileAudit::open(directory.path(), 1000, 2).unwrap();
    assert_eq!(log.recent(9).unwrap(), ["next", "tor", "whole"]);
}

#[test]
fn a_line_that_a_full_disk_tore_takes_no_other_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let log = FileAudit::open(directory.path(), 1000, 2).unwrap();
    log.append("whole").unwrap();
    let mut half = OpenOptions::new().append(true).open(path(directory.path(), 0)).unwrap();
    half.write_all(&"Zoë".as_bytes()[..3]).unwrap();
    log.append("next").unwrap();
    assert_eq!(log.recent(9).unwrap(), ["next", "Zo\u{fffd}", "whole"]);
}

#[test]
fn what_cannot_be_written_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let log = FileAudit::open(directory.path(), 10, 2).unwrap();
    log.append("12345678").unwrap();
    fs::remove_dir_all(directory.path()).unwrap();
    assert!(log.append("12345678").is_err(), "the next file cannot be made");
}
