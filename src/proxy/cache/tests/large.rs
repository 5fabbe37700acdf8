//! Large bodies: to disk while they come, from disk while they are sent.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;
use crate::rules::cache::Why;

/// Octets of which no two stretches are the same.
pub(super) fn content(octets: usize) -> String {
    let mut text = String::with_capacity(octets + 8);
    for number in 0.. {
        text.push_str(&format!("{number:x}."));
        if text.len() >= octets {
            break;
        }
    }
    text.truncate(octets);
    text
}

pub(super) const OCTETS: usize = 2_000_000;

pub(super) fn wish(directory: &Path) -> model::Cache {
    let (bytes_max, queue_bytes_max) = (1 << 27, 1 << 22);
    let disk =
        model::CacheDisk { directory: directory.to_owned(), bytes_max, queue_bytes_max, object_bytes_min: 100_000 };
    model::Cache { memory_max: 1 << 24, disk: Some(disk) }
}

/// A house with a disk, whose directory was looked at.
async fn house(directory: &TempDir, play: impl Fn(&Request) -> Answer + 'static) -> Rc<House> {
    let house = Rc::new(House::with(Policy::default(), &wish(directory.path()), play));
    let store = store(&house);
    while !store.has_looked() {
        tokio::task::yield_now().await;
    }
    house
}

pub(super) fn store(house: &House) -> Arc<CacheStore> {
    Arc::clone(&house.cache.route.as_ref().unwrap().store)
}

/// A body that comes in pieces.
fn coming(text: &str) -> Body {
    let pieces: Vec<_> = text.as_bytes().chunks(30_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    Body::boxed(Ready(pieces.into()))
}

/// Waits until nothing is on its way any more, and all is written.
pub(super) async fn settled(house: &House) {
    let store = store(house);
    while store.flights() > 0 {
        tokio::task::yield_now().await;
    }
    store.settled();
}

/// The files of large bodies.
pub(super) fn files(directory: &TempDir) -> Vec<PathBuf> {
    let folders = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path());
    let files = folders.filter(|path| path.is_dir()).flat_map(|folder| std::fs::read_dir(folder).unwrap());
    files.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some()).collect()
}

#[test]
fn a_large_body_answers_from_disk() {
    on_worker(async || {
        let directory = tempfile::tempdir().unwrap();
        let whole = content(OCTETS);
        let body = whole.clone();
        let play = move |request: &Request| match request.headers().contains_key("if-none-match") {
            true => response(304, &[FRESH, TAG, ("x-count", "2")], Body::empty()),
            false => response(200, &[FRESH, TAG, ("x-count", "1")], coming(&body)),
        };
        let one = house(&directory, play.clone()).await;
        assert_eq!(one.get("/a", &[]).await.text(), whole);
        settled(&one).await;
        assert_eq!((files(&directory).len(), one.asked()), (1, 1));
        assert!(store(&one).size().1 < 10_000, "memory has its head only");
        let two = async |house: &House| {
            let hit = house.get("/a", &[]).await;
            assert!(hit.cache().starts_with("waylight; hit"), "{}", hit.cache());
            assert!(hit.text() == whole && hit.header("etag") == "\"a\"");
            for (range, first, last) in [
                ("bytes=0-0", 0, 0),
                ("bytes=65535-65536", 65_535, 65_536),
                ("bytes=-700001", OCTETS - 700_001, OCTETS - 1),
            ] {
                let part = house.get("/a", &[("range", range), ("if-range", "\"a\"")]).await;
                assert_eq!(
                    (part.status, part.header("content-range")),
                    (206, &*format!("bytes {first}-{last}/{OCTETS}"))
                );
                assert!(part.text() == &whole[first..=last], "{range}");
            }
            let many = house.get("/a", &[("range", "bytes=1000000-1300000,5-9")]).await;
            assert!(many.text().contains(&whole[1_000_000..=1_300_000]) && many.text().contains(&whole[5..=9]));
            assert_eq!(many.header("content-length"), many.text().len().to_string());
            let other = house.get("/a", &[("range", "bytes=0-0"), ("if-range", "\"b\"")]).await;
            assert_eq!((other.status, other.text().len()), (200, OCTETS));
            let head = house.send(request(Method::HEAD, "/a", &[])).await.unwrap();
            assert_eq!((head.text(), head.header("content-length")), ("", &*OCTETS.to_string()));
            assert_eq!(house.get("/a", &[("if-none-match", "\"a\"")]).await.status, 304);
        };
        two(&one).await;
        // A 304 writes the head anew, and leaves the body where it is.
        let before = files(&directory);
        let renewed = one.get("/a", &[("cache-control", "no-cache")]).await;
        assert!(renewed.cache().contains("fwd-status=304") && renewed.text() == whole, "{}", renewed.cache());
        settled(&one).await;
        assert_eq!((files(&directory), one.asked()), (before.clone(), 2));
        assert_eq!(one.get("/a", &[]).await.header("x-count"), "2");
        drop(one);
        // Half a body that a process left behind, and one that no record names.
        std::fs::write(before[0].with_extension("00000000000000ff"), "half").unwrap();
        std::fs::write(before[0].with_file_name(format!("{:032x}.00000000000000ff", 7)), "half").unwrap();
        let three = house(&directory, play).await;
        assert_eq!(files(&directory), before);
        two(&three).await;
        assert_eq!((three.get("/a", &[]).await.header("x-count"), three.asked()), ("2", 0));
    });
}

#[test]
fn what_ended_early_leaves_no_file() {
    on_worker(async || {
        let directory = tempfile::tempdir().unwrap();
        let body = content(OCTETS);
        let house = house(&directory, move |request| {
            let mut pieces: VecDeque<_> =
                body.as_bytes().chunks(30_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
            if request.uri().path() == "/broken" {
                pieces.push_back(Err(io::Error::other("gone")));
                return response(200, &[FRESH], Body::boxed(Ready(pieces)));
            }
            response(200, &[FRESH, ("content-length", "2000001")], Body::boxed(Ready(pieces)))
        })
        .await;
        for path in ["/broken", "/short"] {
            for asked in 1..=2 {
                let got = house.get(path, &[]).await;
                assert_eq!(got.body.is_err(), path == "/broken");
                settled(&house).await;
                assert!(got.cache().contains("fwd=uri-miss"), "{asked}: {}", got.cache());
            }
        }
        assert_eq!(house.asked(), 4);
        while !files(&directory).is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(store(&house).disk_size(), Some((0, 0)), "nothing is counted any more");
    });
}

#[test]
fn what_the_disk_lost_is_fetched_anew() {
    on_worker(async || {
        let directory = tempfile::tempdir().unwrap();
        let whole = content(OCTETS);
        let body = whole.clone();
        let house = house(&directory, move |_| response(200, &[FRESH, TAG], coming(&body))).await;
        let damages: [fn(&Path); 3] = [
            |path| std::fs::remove_file(path).unwrap(),
            |path| std::fs::File::options().write(true).open(path).unwrap().set_len(1_000_000).unwrap(),
            |path| {
                let mut octets = std::fs::read(path).unwrap();
                octets[1_500_000] ^= 1;
                std::fs::write(path, octets).unwrap();
            },
        ];
        for (number, damage) in damages.into_iter().enumerate() {
            house.get("/a", &[]).await;
            settled(&house).await;
            assert_eq!(house.asked(), number + 1);
            damage(&files(&directory)[0]);
            if number == 2 {
                // Its head was sent before anybody could know.
                let hit = house.get("/a", &[]).await;
                assert!(hit.cache().starts_with("waylight; hit") && hit.body.is_err());
            }
            let miss = house.get("/a", &[]).await;
            assert_eq!((miss.cache().split("; ").nth(1), miss.text() == whole), (Some("fwd=miss"), true));
            settled(&house).await;
            assert_eq!((house.asked(), files(&directory).len()), (number + 2, 1));
            store(&house).purge(&Purge::All, How::Hard);
            house.origin.0.asked.borrow_mut().truncate(number + 1);
        }
    });
}

#[test]
fn purges_mean_large_bodies_too() {
    on_worker(async || {
        let directory = tempfile::tempdir().unwrap();
        let body = content(OCTETS);
        let play = move |request: &Request| match request.headers().contains_key("if-none-match") {
            true => response(304, &[FRESH, TAG], Body::empty()),
            false => response(200, &[FRESH, TAG, ("cache-tag", "films")], coming(&body)),
        };
        let house = house(&directory, play).await;
        let url = || Purge::Url("http://shop.example/a".into());
        house.get("/a", &[]).await;
        settled(&house).await;
        store(&house).purge(&Purge::Tag("films".into()), How::Soft);
        let soft = house.get("/a", &[]).await;
        assert!(soft.cache().contains("fwd=stale; fwd-status=304") && soft.text().len() == OCTETS, "{}", soft.cache());
        settled(&house).await;
        // Whoever reads it reads it to its end.
        let ask = request(Method::GET, "/a", &[]);
        let cx = testing::context(&ask);
        let reading = house.cache.handle(ask, &cx).await.unwrap();
        assert_eq!(store(&house).purge(&url(), How::Hard), 1);
        store(&house).settled();
        assert!(files(&directory).is_empty());
        assert_eq!(Got::of(reading).await.text().len(), OCTETS);
        assert!(house.get("/a", &[]).await.cache().contains("fwd=uri-miss"));
        settled(&house).await;
        assert_eq!((house.asked(), files(&directory).len()), (3, 1));
        // What is purged while it comes is not there when it has come.
        let ask = request(Method::GET, "/b", &[]);
        let cx = testing::context(&ask);
        let reading = house.cache.handle(ask, &cx).await.unwrap();
        store(&house).purge(&Purge::Tag("films".into()), How::Hard);
        assert_eq!(Got::of(reading).await.text().len(), OCTETS);
        settled(&house).await;
        while files(&directory).len() > 1 {
            tokio::task::yield_now().await;
        }
        assert!(house.get("/b", &[]).await.cache().contains("fwd=uri-miss"));
    });
}

#[test]
fn whoever_comes_late_reads_from_disk_what_is_not_held() {
    on_worker(async || {
        let directory = tempfile::tempdir().unwrap();
        let whole = content(OCTETS);
        let gate = Rc::new(Notify::new());
        let (door, body) = (Rc::clone(&gate), whole.clone());
        let house = house(&directory, move |_| {
            let pieces = body.as_bytes().chunks(30_000).map(|piece| Ok(Bytes::copy_from_slice(piece)));
            response(200, &[FRESH, TAG], Slow::body(pieces.collect::<Vec<_>>(), &door))
        })
        .await;
        let ask = request(Method::GET, "/a", &[]);
        let cx = testing::context(&ask);
        let mut first = house.cache.handle(ask, &cx).await.unwrap().into_body();
        let mut begun = String::new();
        while begun.len() < 1_500_000 {
            gate.notify_one();
            let piece = first.frame().await.unwrap().unwrap().into_data().unwrap();
            begun.push_str(std::str::from_utf8(&piece).unwrap());
        }
        let late: Vec<_> = (0..3)
            .map(|_| {
                let house = Rc::clone(&house);
                spawn_local(async move { house.get("/a", &[]).await })
            })
            .collect();
        // The first one leaves: what was begun is for the others all the same.
        drop(first);
        while store(&house).flights() > 0 {
            gate.notify_one();
            tokio::task::yield_now().await;
        }
        for late in late {
            let got = late.await.unwrap();
            assert!(got.cache().contains("; collapsed") && got.text() == whole, "{}", got.cache());
        }
        assert_eq!(house.asked(), 1);
        assert!(whole.starts_with(&begun));
        assert!(house.get("/a", &[]).await.cache().starts_with("waylight; hit"));
    });
}

#[test]
fn what_the_disk_cannot_take_is_answered_all_the_same() {
    on_worker(async || {
        let directory = tempfile::tempdir().unwrap();
        let whole = content(OCTETS);
        let body = whole.clone();
        let mut wish = wish(directory.path());
        // Less than one of them is ahead of the disk.
        wish.disk.as_mut().unwrap().queue_bytes_max = 1 << 19;
        let house = House::with(Policy::default(), &wish, move |_| response(200, &[FRESH], coming(&body)));
        while !store(&house).has_looked() {
            tokio::task::yield_now().await;
        }
        for _ in 0..2 {
            let got = house.get("/a", &[]).await;
            assert!(got.cache().contains("fwd=uri-miss") && got.text() == whole);
        }
        let refusal = store(&house).refusal("http://shop.example/a").unwrap();
        assert_eq!(refusal.why, Why::DiskBusy);
        assert!(files(&directory).is_empty());
    });
}

#[test]
fn without_a_disk_an_eighth_of_memory_is_the_largest() {
    on_worker(async || {
        for (octets, is_stored) in [(2 << 20, true), ((2 << 20) + 1, false)] {
            let body = content(octets);
            let wish = model::Cache { memory_max: 1 << 24, disk: None };
            let house = House::with(Policy::default(), &wish, move |_| response(200, &[FRESH], coming(&body)));
            assert_eq!(house.get("/a", &[]).await.text().len(), octets);
            let store = store(&house);
            while store.flights() > 0 {
                tokio::task::yield_now().await;
            }
            let why = store.refusal("http://shop.example/a").map(|refusal| refusal.why);
            assert_eq!(why, (!is_stored).then_some(Why::TooLarge { bytes_max: 2 << 20 }));
            assert_eq!(house.get("/a", &[]).await.cache().starts_with("waylight; hit"), is_stored);
        }
    });
}
