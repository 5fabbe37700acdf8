//! Every way in which a file changes.

use std::{fs, os::unix::fs::symlink};

use super::Files;

struct Case {
    dir: tempfile::TempDir,
    before: Files,
}

impl Case {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("real"), "one").unwrap();
        symlink("real", dir.path().join("file")).unwrap();
        let before = Files::look([dir.path().join("file"), dir.path().join("missing")]);
        Self { dir, before }
    }

    #[track_caller]
    fn check(&self, differs: bool) {
        assert_eq!(self.before.differs(&self.before.again()), differs);
    }
}

#[test]
fn nothing_changed() {
    Case::new().check(false);
}

#[test]
fn written_in_place_within_one_tick_and_of_one_size() {
    let case = Case::new();
    fs::write(case.dir.path().join("real"), "two").unwrap();
    case.check(true);
}

#[test]
fn touched_only() {
    let case = Case::new();
    fs::write(case.dir.path().join("real"), "one").unwrap();
    case.check(false);
}

#[test]
fn renamed_into_place() {
    let case = Case::new();
    fs::write(case.dir.path().join("new"), "two").unwrap();
    fs::rename(case.dir.path().join("new"), case.dir.path().join("file")).unwrap();
    case.check(true);
}

#[test]
fn a_symlink_was_swapped() {
    let case = Case::new();
    fs::write(case.dir.path().join("other"), "two").unwrap();
    symlink("other", case.dir.path().join("swap")).unwrap();
    fs::rename(case.dir.path().join("swap"), case.dir.path().join("file")).unwrap();
    case.check(true);
}

#[test]
fn gone_and_come() {
    let case = Case::new();
    fs::write(case.dir.path().join("missing"), "").unwrap();
    case.check(true);
    let case = Case::new();
    fs::remove_file(case.dir.path().join("file")).unwrap();
    case.check(true);
}
