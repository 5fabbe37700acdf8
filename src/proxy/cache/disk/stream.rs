//! Large bodies on their way to the disk: each is written while it comes, by one write after the other, and so many at once
//! as there is room for among what waits to be written.

use std::sync::{Arc, atomic::Ordering};

use bytes::Bytes;
use tokio::{task::spawn_blocking, time::timeout};

use super::{
    Disk, READ_TIMEOUT, Shared,
    index::Name,
    large::{self, Large, Opened},
};

/// So far a body may be ahead of the disk, in octets: so much each of them takes of the room.
pub(in super::super) const AHEAD_BYTES: u64 = 1 << 20;

impl Disk {
    /// Bodies that are larger are streamed, in octets; `None`: memory, which takes so much, takes what the disk would.
    pub(in super::super) fn streams(&self, memory: u64) -> Option<u64> {
        (self.object_bytes_max() > memory).then_some(self.shared.object_bytes_min.min(memory))
    }

    /// The largest body that is stored, in octets.
    pub(in super::super) fn object_bytes_max(&self) -> u64 {
        self.shared.bytes_max / 8
    }

    /// Begins to take the body of a response under this key, if there is room for another one now. So many octets are
    /// expected, at least: they have their place from the beginning, so that nobody who comes later takes it.
    pub(in super::super) async fn stream(&self, (key, vary): (&str, &str), octets: u64) -> Option<Stream> {
        let shared = Arc::clone(&self.shared);
        // What is being looked at is not written to: what is there without a record is taken for a rest.
        if shared.is_resting() || !shared.has_looked() {
            return None;
        }
        let waiting = shared.waiting.fetch_add(AHEAD_BYTES, Ordering::Relaxed);
        let room = Room(Arc::clone(&shared));
        if waiting + AHEAD_BYTES > shared.queue_bytes_max {
            return None;
        }
        let promised = large::on_disk(octets);
        if !shared.promise(promised) {
            return None;
        }
        let (name, own) = (Name::new(key, vary), Arc::clone(&shared));
        let create = spawn_blocking(move || {
            let failed = |error: &_| {
                own.promised.fetch_sub(promised, Ordering::Relaxed);
                own.failed(error);
            };
            Large::create(&own, name, promised).inspect_err(failed).ok()
        });
        let opened = timeout(READ_TIMEOUT, create).await.ok()?.ok()??;
        Some(Stream { shared, opened, _room: room })
    }
}

/// A large body that is being written.
#[derive(Debug)]
pub(in super::super) struct Stream {
    shared: Arc<Shared>,
    opened: Arc<Opened>,
    _room: Room,
}

impl Stream {
    /// Its file.
    pub(in super::super) fn opened(&self) -> &Arc<Opened> {
        &self.opened
    }

    /// Writes what follows: whole blocks, but at the very end. Whether it could.
    pub(in super::super) async fn write(&self, pieces: Vec<Bytes>) -> bool {
        let (shared, opened) = (Arc::clone(&self.shared), Arc::clone(&self.opened));
        let more: u64 = pieces.iter().map(|piece| piece.len() as u64).sum();
        if !opened.large.has_room(opened.large.octets() + more) {
            return false;
        }
        let write = move || match opened.append(&pieces) {
            Ok(()) => {
                shared.make_room(Vec::new());
                true
            }
            Err(error) => {
                shared.failed(&error);
                false
            }
        };
        spawn_blocking(write).await.unwrap_or(false)
    }
}

/// Room among what waits to be written.
#[derive(Debug)]
struct Room(Arc<Shared>);

impl Drop for Room {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(AHEAD_BYTES, Ordering::Release);
    }
}
