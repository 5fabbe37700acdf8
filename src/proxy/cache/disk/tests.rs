use std::{path::Path, time::Duration};

use http::{HeaderMap, StatusCode};

use super::{
    super::object::{Chunks, Parts},
    *,
};
use crate::rules::cache::Terms;

fn wish(directory: &Path) -> model::CacheDisk {
    model::CacheDisk {
        directory: directory.to_owned(),
        bytes_max: 1 << 20,
        queue_bytes_max: 1 << 20,
        object_bytes_min: 4 << 20,
    }
}

fn open(directory: &Path) -> Disk {
    let disk = Disk::open(&wish(directory), Arc::default()).unwrap();
    disk.settle();
    disk
}

fn object(path: &str, tag: &str, body: &[u8]) -> Arc<Object> {
    object_of(path, tag, (body, now()))
}

fn object_of(path: &str, tag: &str, (body, answered): (&[u8], u64)) -> Arc<Object> {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", "text/plain".parse().unwrap());
    headers.insert("cache-tag", tag.parse().unwrap());
    let parts = Parts {
        key: &format!("https://shop.example{path}\n#abcd"),
        vary: "accept-encoding:gzip\n",
        status: StatusCode::OK,
        headers: &headers,
        terms: Terms { born: answered, ttl: 3_600, ..Terms::default() },
        answered,
        part: None,
        filled_by: None,
    };
    Arc::new(Object::new(&parts, &Chunks::new(vec![Bytes::copy_from_slice(body)])))
}

fn url(path: &str) -> String {
    format!("https://shop.example{path}")
}

fn file(disk: &Disk, path: &str) -> PathBuf {
    let name = lock(&disk.shared.index).of_url(index::url_hash(&url(path)))[0];
    disk.shared.path(name)
}

#[test]
fn what_was_written_is_there_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let large: Vec<u8> = (0..100_000_u32).map(|number| number.to_le_bytes()[0]).collect();
    let written = object("/a", "shoes", &large);
    {
        let disk = open(directory.path());
        disk.put(&written);
        disk.put(&object("/b", "hats", b"small"));
    }
    let disk = open(directory.path());
    assert_eq!(disk.size().0, 2);
    assert!(disk.has(&url("/a")) && !disk.has(&url("/c")));
    let read = disk.read(&url("/a"), u64::MAX).pop().unwrap();
    assert_eq!((read.key(), read.vary(), read.terms), (written.key(), written.vary(), written.terms));
    assert_eq!(read.headers(), written.headers());
    assert_eq!(read.pieces().collect::<Vec<_>>().concat(), large);
}

#[test]
fn two_processes_do_not_share_a_directory() {
    let directory = tempfile::tempdir().unwrap();
    let first = open(directory.path());
    let refused = Disk::open(&wish(directory.path()), Arc::default()).unwrap_err();
    assert!(refused.to_string().starts_with("another process uses the cache's directory"), "{refused}");
    drop(first);
    open(directory.path());
}

#[test]
fn a_broken_file_is_a_miss_and_goes() {
    let directory = tempfile::tempdir().unwrap();
    let disk = open(directory.path());
    for damage in [
        &b""[..],
        b"WLCACHE3",
        b"nonsense that is longer than the head of any record could ever be, and then some more",
    ] {
        disk.put(&object("/a", "shoes", b"one"));
        disk.settle();
        let path = file(&disk, "/a");
        fs::write(&path, damage).unwrap();
        assert!(disk.read(&url("/a"), u64::MAX).is_empty());
        assert!(!path.exists() && !disk.has(&url("/a")));
    }
    disk.put(&object("/a", "shoes", b"one"));
    disk.settle();
    let path = file(&disk, "/a");
    let mut octets = fs::read(&path).unwrap();
    *octets.last_mut().unwrap() ^= 1;
    fs::write(&path, octets).unwrap();
    assert!(disk.read(&url("/a"), u64::MAX).is_empty(), "one bit is enough");
    assert_eq!(disk.shared.counters.cache_disk_broken.value(), 4);
}

#[test]
fn a_disk_that_fails_is_tried_again_later() {
    let directory = tempfile::tempdir().unwrap();
    let disk = open(directory.path());
    let object = object("/a", "shoes", b"one");
    // Where its folder should be is a file.
    let folder = directory.path().join(Name::of(&object).folder());
    fs::write(&folder, "in the way").unwrap();
    disk.put(&object);
    disk.settle();
    let counters = &disk.shared.counters;
    assert_eq!((counters.cache_disk_failed.value(), disk.size().0), (1, 0));
    fs::remove_file(&folder).unwrap();
    disk.put(&object);
    disk.settle();
    assert_eq!((counters.cache_disk_dropped.value(), disk.size().0), (1, 0), "it rests");
    disk.shared.resting_until.store(0, Ordering::Relaxed);
    disk.put(&object);
    disk.settle();
    assert_eq!((counters.cache_disk_written.value(), disk.size().0), (1, 1), "it healed");
}

#[test]
fn a_full_disk_is_a_disk_that_fails() {
    let directory = tempfile::tempdir().unwrap();
    let disk = open(directory.path());
    let (first, second) = (object("/a", "shoes", b"one"), object("/b", "shoes", b"one"));
    // Where its file would be written there never is any room.
    let path = disk.shared.path(Name::of(&second));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink("/dev/full", path.with_extension("new")).unwrap();
    disk.put(&first);
    disk.settle();
    disk.put(&second);
    disk.settle();
    let counters = &disk.shared.counters;
    assert_eq!((counters.cache_disk_failed.value(), disk.size().0), (1, 1));
    assert!(!path.exists() && !path.with_extension("new").is_symlink(), "nothing half is left");
    assert_eq!(disk.read(&url("/a"), u64::MAX).len(), 1, "what is there is read all the same");
    disk.shared.resting_until.store(0, Ordering::Relaxed);
    disk.put(&second);
    disk.settle();
    assert_eq!((counters.cache_disk_written.value(), disk.size().0), (2, 2), "it healed");
    // A purge that cannot be written down counts in this process all the same.
    std::os::unix::fs::symlink("/dev/full", directory.path().join("purges.new")).unwrap();
    disk.purge(&Purge::Tag("shoes".into()), How::Hard);
    assert_eq!(counters.cache_disk_failed.value(), 2);
    assert!(disk.read(&url("/a"), u64::MAX).is_empty());
}

#[test]
fn the_budget_holds_and_the_least_used_goes() {
    let directory = tempfile::tempdir().unwrap();
    let disk = open(directory.path());
    let body = vec![7; 100_000];
    for number in 0..10 {
        disk.put(&object(&format!("/{number}"), "a", &body));
        disk.settle();
    }
    assert_eq!(disk.read(&url("/0"), u64::MAX).len(), 1);
    for number in 10..15 {
        disk.put(&object(&format!("/{number}"), "a", &body));
        disk.settle();
    }
    assert!(disk.size().1 <= 1 << 20);
    assert!(disk.has(&url("/0")) && disk.has(&url("/14")) && !disk.has(&url("/1")));
    let long = vec![7; 200_000];
    disk.put(&object("/long", "a", &long));
    disk.settle();
    assert!(!disk.has(&url("/long")), "one file is an eighth of it at most");
}

#[test]
fn what_was_purged_stays_purged_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    {
        let disk = open(directory.path());
        for (path, tag) in [("/a", "shoes"), ("/b", "shoes"), ("/hats/c", "hats"), ("/d", "gloves"), ("/e", "none")] {
            disk.put(&object(path, tag, b"one"));
        }
        disk.settle();
        disk.purge(&Purge::Url(url("/b")), How::Hard);
        assert!(!disk.has(&url("/b")));
        disk.purge(&Purge::Tag("shoes".into()), How::Hard);
        disk.purge(&Purge::Prefix(url("/hats/")), How::Hard);
        disk.purge(&Purge::Tag("gloves".into()), How::Soft);
    }
    let disk = open(directory.path());
    for path in ["/a", "/b", "/hats/c"] {
        assert!(disk.read(&url(path), u64::MAX).is_empty(), "{path}");
    }
    assert!(disk.read(&url("/d"), u64::MAX)[0].is_purged());
    assert!(!disk.read(&url("/e"), u64::MAX)[0].is_purged());
    // What comes after a purge is not meant by it.
    std::thread::sleep(Duration::from_millis(2));
    disk.put(&object("/a", "shoes", b"two"));
    disk.settle();
    assert_eq!(disk.read(&url("/a"), u64::MAX).len(), 1);
}

#[test]
fn many_purges_are_carried_out() {
    let directory = tempfile::tempdir().unwrap();
    let disk = open(directory.path());
    disk.put(&object("/a", "shoes", b"one"));
    disk.put(&object("/b", "hats", b"one"));
    disk.settle();
    for number in 0..PURGES_MAX {
        disk.purge(&Purge::Tag(if number == 7 { "shoes".to_owned() } else { format!("t{number}") }), How::Hard);
    }
    disk.settle();
    assert!(lock(&disk.shared.purges).len() < PURGES_MAX, "none of them needs to be remembered");
    assert!(!disk.has(&url("/a")) && disk.has(&url("/b")));
}

#[test]
fn what_waits_has_a_bound() {
    let directory = tempfile::tempdir().unwrap();
    let disk =
        Disk::open(&model::CacheDisk { queue_bytes_max: 100, ..wish(directory.path()) }, Arc::default()).unwrap();
    disk.put(&object("/a", "a", &[7; 1_000]));
    disk.settle();
    assert_eq!((disk.shared.counters.cache_disk_dropped.value(), disk.size().0), (1, 0));
}

#[test]
fn what_is_purged_while_the_directory_is_looked_at_stays_purged() {
    let directory = tempfile::tempdir().unwrap();
    {
        let disk = open(directory.path());
        for number in 0..500 {
            disk.put(&object(&format!("/{number}"), "a", b"one"));
        }
    }
    let disk = Disk::open(&wish(directory.path()), Arc::default()).unwrap();
    for number in 0..500 {
        disk.purge(&Purge::Url(url(&format!("/{number}"))), How::Hard);
    }
    disk.settle();
    assert_eq!(disk.size(), (0, 0));
}

#[test]
fn what_came_in_the_future_is_not_believed() {
    let directory = tempfile::tempdir().unwrap();
    let disk = open(directory.path());
    // A clock that was an hour ahead: it would be fresh for an hour too long, and no purge would seem to come after it.
    disk.put(&object_of("/a", "shoes", (b"one", now() + 3_600_000)));
    disk.settle();
    disk.purge(&Purge::Tag("shoes".into()), How::Hard);
    assert!(disk.read(&url("/a"), u64::MAX).is_empty());
    assert!(!disk.has(&url("/a")));
}
