//! Large bodies where the disk is slow, or where many come at once.

use std::{os::unix::fs::FileExt as _, sync::mpsc};

use tempfile::TempDir;
use tokio::task::{spawn_blocking, yield_now};

use super::{
    large::{OCTETS, content, files, settled, store, wish},
    *,
};
use crate::rules::cache::Why;

/// The length of a body of these tests, where it is told.
const LENGTH: (&str, &str) = ("content-length", "2000000");

/// An origin whose bodies come piece by piece, each as its own gate lets it.
struct Gates(Vec<Rc<Notify>>);

/// An answer of which some was read.
struct Begun {
    body: Body,
    read: String,
    gate: Rc<Notify>,
}

impl Gates {
    /// A house with that origin: `/0` and so on, of so many octets a piece.
    async fn house(
        count: usize,
        (directory, bytes_max): (&TempDir, u64),
        (octets, fields): (usize, &'static [(&'static str, &'static str)]),
    ) -> (Self, Rc<House>) {
        let mut wish = wish(directory.path());
        let disk = wish.disk.as_mut().unwrap();
        (disk.bytes_max, disk.queue_bytes_max) = (bytes_max, 1 << 24);
        let gates: Vec<_> = (0..count).map(|_| Rc::new(Notify::new())).collect();
        let (doors, body) = (gates.clone(), content(OCTETS));
        let house = Rc::new(House::with(Policy::default(), &wish, move |request| {
            let pieces: Vec<_> =
                body.as_bytes().chunks(octets).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
            let number: usize = request.uri().path()[1..].parse().unwrap();
            response(200, fields, Slow::body(pieces, &doors[number]))
        }));
        while !store(&house).has_looked() {
            yield_now().await;
        }
        (Self(gates), house)
    }

    async fn begin(&self, house: &House, number: usize) -> Begun {
        let ask = request(Method::GET, &format!("/{number}"), &[]);
        let cx = testing::context(&ask);
        let body = house.cache.handle(ask, &cx).await.unwrap().into_body();
        Begun { body, read: String::new(), gate: Rc::clone(&self.0[number]) }
    }
}

impl Begun {
    async fn one_more(&mut self) {
        self.gate.notify_one();
        let piece = self.body.frame().await.unwrap().unwrap().into_data().unwrap();
        self.read.push_str(std::str::from_utf8(&piece).unwrap());
    }

    async fn until(&mut self, octets: usize) {
        while self.read.len() < octets {
            self.one_more().await;
        }
    }

    /// Reads for as long as something comes; only tasks of this thread are waited for.
    async fn while_it_comes(&mut self) {
        loop {
            let idle = async {
                for _ in 0..1_000 {
                    yield_now().await;
                }
            };
            let is_more = self.read.len() < OCTETS;
            tokio::select! {
                biased;
                () = self.one_more(), if is_more => {}
                () = idle => return,
            }
        }
    }

    async fn finish(mut self) {
        self.until(OCTETS).await;
        assert!(self.read == content(OCTETS));
        self.gate.notify_one();
    }
}

fn refusal(house: &House, number: usize) -> Option<Why> {
    store(house).refusal(&format!("http://shop.example/{number}")).map(|refusal| refusal.why)
}

#[test]
fn what_is_not_complete_takes_half_of_the_disk_at_most() {
    const BODIES: usize = 7;
    // The whole blocks of what is read of each.
    const WRITTEN: u64 = 29 * 65_536;
    let fields: [&[_]; 2] = [&[FRESH, LENGTH], &[FRESH]];
    for fields in fields {
        on_worker(async || {
            let directory = tempfile::tempdir().unwrap();
            // Six of them are less than half of it.
            let (gates, house) = Gates::house(BODIES, (&directory, 25_000_000), (30_000, fields)).await;
            let store = store(&house);
            let mut bodies = Vec::new();
            for number in 0..BODIES {
                let mut body = gates.begin(&house, number).await;
                body.until(1_900_000).await;
                while number < 6 && store.disk_size().unwrap().1 < WRITTEN * (number as u64 + 1) {
                    yield_now().await;
                }
                bodies.push(body);
            }
            let last = bodies.pop().unwrap();
            last.finish().await;
            // Whoever has his place keeps it; the one who came last has none, or not enough.
            while refusal(&house, 6).is_none() || files(&directory).len() > 6 {
                yield_now().await;
            }
            assert_eq!(refusal(&house, 6), Some(Why::DiskBusy));
            for body in bodies {
                body.finish().await;
            }
            settled(&house).await;
            (0..6).for_each(|number| assert_eq!(refusal(&house, number), None, "{number}"));
            assert_eq!((files(&directory).len(), house.asked()), (6, BODIES));
            assert!(house.get("/0", &[]).await.cache().starts_with("waylight; hit"));
            // What is complete takes the place of nobody who comes.
            let again = gates.begin(&house, 6).await;
            again.finish().await;
            while store.disk_size().unwrap().0 < BODIES {
                yield_now().await;
            }
            assert!(house.get("/6", &[]).await.cache().starts_with("waylight; hit"));
        });
    }
}

#[test]
fn what_is_written_counts_among_what_comes_no_more() {
    const BODIES: usize = 6;
    // As many whole blocks as are written and let go of at once.
    const PIECE: usize = 15 * 65_536;
    on_worker(async || {
        let directory = tempfile::tempdir().unwrap();
        let (gates, house) = Gates::house(BODIES, (&directory, 1 << 27), (PIECE, &[FRESH, LENGTH])).await;
        let store = store(&house);
        let mut bodies = Vec::new();
        // All of them wait for more; all that came of them is more than a quarter of memory.
        for number in 0..BODIES {
            let mut body = gates.begin(&house, number).await;
            body.one_more().await;
            while store.disk_size().unwrap().1 < (PIECE * (number + 1)) as u64 && refusal(&house, number).is_none() {
                yield_now().await;
            }
            bodies.push(body);
        }
        const { assert!(PIECE * BODIES > 1 << 22) };
        for (number, body) in bodies.into_iter().enumerate() {
            body.finish().await;
            assert_eq!(refusal(&house, number), None, "{number}");
        }
        settled(&house).await;
        assert_eq!(files(&directory).len(), BODIES);
    });
}

#[test]
fn what_is_lost_while_it_comes_counts_no_more() {
    on_worker(async || {
        let directory = tempfile::tempdir().unwrap();
        let (gates, house) = Gates::house(1, (&directory, 1 << 27), (30_000, &[FRESH, LENGTH])).await;
        let store = store(&house);
        let mut body = gates.begin(&house, 0).await;
        body.until(1_500_000).await;
        while store.disk_size().unwrap().1 < 1_400_000 {
            yield_now().await;
        }
        let file = std::fs::File::options().write(true).open(&files(&directory)[0]).unwrap();
        file.write_all_at(b"#", 1_000).unwrap();
        let late = house.get("/0", &[]).await;
        assert!(late.cache().contains("; collapsed") && late.body.is_err(), "{}", late.cache());
        body.finish().await;
        settled(&house).await;
        while refusal(&house, 0).is_none() {
            yield_now().await;
        }
        assert_eq!((files(&directory).len(), store.disk_size()), (0, Some((0, 0))));
        let again = gates.begin(&house, 0).await;
        again.finish().await;
        while store.disk_size().unwrap().0 < 1 {
            yield_now().await;
        }
        assert!(house.get("/0", &[]).await.cache().starts_with("waylight; hit"));
        assert_eq!(house.asked(), 2);
    });
}

#[test]
fn a_slow_disk_is_waited_for_two_seconds_in_all() {
    // Too much of it is ahead of the disk, or all of the rest of it came.
    for begun in [400_000, 1_400_000] {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .max_blocking_threads(1)
            .build()
            .unwrap();
        runtime.block_on(LocalSet::new().run_until(async {
            let directory = tempfile::tempdir().unwrap();
            let (gates, house) = Gates::house(1, (&directory, 1 << 27), (30_000, &[FRESH, LENGTH])).await;
            let store = store(&house);
            let mut body = gates.begin(&house, 0).await;
            body.until(begun).await;
            while store.disk_size().unwrap().1 < begun as u64 - 100_000 {
                yield_now().await;
            }
            // Whatever is to be written waits behind this.
            let (free, busy) = mpsc::channel::<()>();
            let writes = spawn_blocking(move || busy.recv().ok());
            body.while_it_comes().await;
            assert_eq!(body.read.len() == OCTETS, begun > 1_000_000);
            body.gate.notify_one();
            // Whoever waits does so before time goes on.
            body.while_it_comes().await;
            advance(Duration::from_millis(1_900)).await;
            body.while_it_comes().await;
            assert_eq!(refusal(&house, 0), None);
            advance(Duration::from_millis(200)).await;
            body.while_it_comes().await;
            assert_eq!((refusal(&house, 0), body.read.len()), (Some(Why::DiskBusy), OCTETS));
            body.finish().await;
            drop(free);
            writes.await.unwrap();
            while !files(&directory).is_empty() {
                yield_now().await;
            }
            assert!(store.disk_size() == Some((0, 0)) && store.flights() == 0);
        }));
    }
}
