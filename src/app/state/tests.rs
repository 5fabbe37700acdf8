//! The state directory: its secret, its one owner, and what outlives the process.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, sync::Arc};

use super::*;
use crate::{
    rules::{
        session::{Session, SessionKind},
        token::Purpose,
    },
    trace::sessions::{Entry, EntryKind, Journal as _},
};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn id(number: u8) -> Id {
    Id::from_bytes([number; 16])
}

#[test]
fn the_secret_is_made_once_and_for_us_alone() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("a/b");
    assert!(matches!(keys(&directory, &[]), Err(StateError::NoSecret { .. })), "a link needs a server");
    let state = State::take(&directory).unwrap();
    let token = state.keys(&[]).unwrap().seal(Purpose::SignIn, b"x");
    assert_eq!((mode(&directory), mode(&directory.join("secret"))), (0o700, 0o600));
    assert!(keys(&directory, &[]).unwrap().open(Purpose::SignIn, &token).is_ok(), "while the server runs");
    drop(state);
    let again = State::take(&directory).unwrap();
    assert!(again.keys(&[]).unwrap().open(Purpose::SignIn, &token).is_ok());
    fs::set_permissions(directory.join("secret"), fs::Permissions::from_mode(0o640)).unwrap();
    assert!(again.keys(&[]).unwrap_err().to_string().contains("chmod 600"));
}

#[test]
fn configured_secrets_go_first() {
    let directory = tempfile::tempdir().unwrap();
    let state = State::take(directory.path()).unwrap();
    state.keys(&[Secret::new("a secret of some length")]).unwrap();
    assert!(!directory.path().join("secret").exists());
    assert!(matches!(state.keys(&[Secret::new("short")]), Err(StateError::Keys(_))));
}

#[test]
fn a_directory_has_one_owner() {
    let directory = tempfile::tempdir().unwrap();
    let first = State::take(directory.path()).unwrap();
    let refusal = State::take(directory.path()).unwrap_err().to_string();
    assert!(refusal.contains(&format!("process {}", std::process::id())), "{refusal}");
    drop(first);
    State::take(directory.path()).unwrap();
}

#[test]
fn used_nonces_and_revocations_survive() {
    let directory = tempfile::tempdir().unwrap();
    let expiry = clock::unix_seconds() + 1000;
    let state = State::take(directory.path()).unwrap();
    let sessions = state.sessions(100).unwrap();
    assert!(sessions.use_once(id(1), expiry, 0).unwrap());
    sessions.revoke(id(2), expiry, 0).unwrap();
    sessions.revoke(id(3), 1, 0).unwrap();
    drop((sessions, state));
    let state = State::take(directory.path()).unwrap();
    let sessions = state.sessions(100).unwrap();
    assert!(!sessions.use_once(id(1), expiry, 0).unwrap());
    assert!(sessions.is_revoked(id(2)));
    assert!(!sessions.is_revoked(id(3)), "expired");
    let text = fs::read_to_string(directory.path().join("journal")).unwrap();
    assert_eq!(text.lines().count(), 2, "compacted: {text}");
}

#[test]
fn a_revoked_name_stays_revoked_over_restarts_until_it_is_lifted() {
    let directory = tempfile::tempdir().unwrap();
    let now = clock::unix_seconds();
    let again = || State::take(directory.path()).unwrap().sessions(100).unwrap();
    again().revoke_person("Ada", now).unwrap();
    let sessions = again();
    assert!(sessions.is_person_barred("Ada"));
    assert!(sessions.lift_person("Ada", now).unwrap());
    drop(sessions);
    let sessions = again();
    assert!(!sessions.is_person_barred("Ada") && sessions.is_person_revoked("Ada", now));
    let text = fs::read_to_string(directory.path().join("journal")).unwrap();
    assert_eq!(text.lines().count(), 1, "compacted: {text}");
    sessions.revoke_person("Ada", now).unwrap();
    drop(sessions);
    assert!(again().is_person_barred("Ada"), "revoked once more");
}

#[test]
fn lines_that_cannot_be_read_are_skipped() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    let good = format!("used {} 100 .\n", id(1));
    let torn = format!("revoked {} 10", id(2));
    fs::write(&path, [b"\xff\xfe\n", good.as_bytes(), b"used x 1 .\nstolen\n\n", torn.as_bytes()].concat()).unwrap();
    let (journal, entries) = journal::open(&path, 50, 10).unwrap();
    assert_eq!(entries, [Entry { kind: EntryKind::Used, id: id(1), expiry: 100 }]);
    journal.append(Entry { kind: EntryKind::Revoked, id: id(2), expiry: 100 }).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{good}revoked {} 100 .\n", id(2)));
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn a_line_that_a_full_disk_tore_takes_no_other_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    let (journal, _) = journal::open(&path, 0, 10).unwrap();
    let revoked = |number| Entry { kind: EntryKind::Revoked, id: id(number), expiry: 100 };
    journal.append(revoked(1)).unwrap();
    let mut half = OpenOptions::new().append(true).open(&path).unwrap();
    half.write_all(b"revoked 0202").unwrap();
    journal.append(revoked(3)).unwrap();
    drop(journal);
    assert_eq!(journal::open(&path, 0, 10).unwrap().1, [revoked(1), revoked(3)]);
}

#[test]
fn the_journal_does_not_grow_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    let (journal, _) = journal::open(&path, 0, 0).unwrap();
    for number in 0..3000_u128 {
        let id = Id::from_bytes(number.to_be_bytes());
        journal.append(Entry { kind: EntryKind::Used, id, expiry: 1 }).unwrap();
    }
    assert!(fs::read_to_string(&path).unwrap().lines().count() <= 1024);
}

#[test]
fn a_link_signs_in() {
    let keys = Keys::new(&["a secret of some length"]).unwrap();
    let link = sign_in_link("http://localhost:8080/", &keys, ("Ada", Role::Tracer), 60).unwrap();
    let token = link.strip_prefix("http://localhost:8080/_waylight/sign-in?token=").unwrap();
    assert_eq!(SignInLink::open(token, &keys, clock::unix_seconds()).unwrap().name, "Ada");
}

#[test]
fn a_force_header_is_made_for_one_request() {
    let keys = Keys::new(&["a secret of some length"]).unwrap();
    let target = force::Target { host: "App.example", method: &http::Method::GET, path: "/a" };
    let header = force_header(&keys, target, 60).unwrap();
    let force = Force::open(&header, &keys, clock::unix_seconds()).unwrap();
    assert_eq!((force.host.as_str(), force.path.as_str()), ("app.example", "/a"));
    let path = "/x".repeat(1000);
    assert!(force_header(&keys, force::Target { path: &path, ..target }, 60).is_err());
}

#[tokio::test(start_paused = true)]
async fn what_sessions_used_outlives_the_process() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sessions");
    let now = clock::unix_seconds();
    let session = Session {
        id: id(1),
        identity: id(2),
        host: "app.example".into(),
        expiry: now + 1_000,
        spans_max: 10,
        requests_max: 2,
        kind: SessionKind::Guest,
    };
    let who = Identity {
        id: id(2),
        name: "Ada".into(),
        role: Role::Guest,
        way: Way::TraceLink,
        host: "app.example".into(),
        issued: now,
        expiry: now + 1_000,
    };
    let state = State::take(directory.path()).unwrap();
    let sessions = Arc::new(state.sessions(100).unwrap());
    let keeper = state.keep_used(Arc::clone(&sessions));
    sessions.meter(&session, &who, now).unwrap();
    assert!(sessions.take_request(id(1)));
    while fs::read_to_string(&path).unwrap_or_default() != format!("{} {} 0 1 .\n", id(1), now + 1_000) {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(mode(&path), 0o600);
    assert!(sessions.take_request(id(1)));
    keeper.end().await;
    drop(state);
    // A line that was torn takes no other with it.
    let torn = format!("{}{} 99", fs::read_to_string(&path).unwrap(), id(3));
    fs::write(&path, torn).unwrap();
    let sessions = State::take(directory.path()).unwrap().sessions(100).unwrap();
    sessions.meter(&session, &who, now).unwrap();
    assert!(!sessions.take_request(id(1)), "two were all");
    assert_eq!(sessions.used(now).len(), 1);
}
