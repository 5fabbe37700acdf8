//! A large body in a file of its own, which is written while it comes and read while it is sent: no more than a few blocks
//! of it are in memory at once. Each block stands behind a checksum, which also says of which file it is, and where in it.
//! The record beside it has the rest, and makes it count: what no record names is half a body, or one that was replaced.

use std::{
    fs, io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use rustix::buffer::spare_capacity;
use tokio::runtime::Handle;
use tracing::warn;

use super::{Shared, index::Name, lock};

/// The octets of a block; the last one of a file may be shorter.
pub(in super::super) const BLOCK_BYTES: u64 = 64 * 1024;
/// The octets of a checksum, which stands before its block.
const SUM_BYTES: u64 = 4;
/// A checksum and its block.
const STRIDE: usize = (SUM_BYTES + BLOCK_BYTES) as usize;
/// So much is written or read at once, in octets: a few blocks.
pub(in super::super) const BATCH_BYTES: u64 = 4 * BLOCK_BYTES;

/// A large body, and its file.
#[derive(Debug)]
pub(in super::super) struct Large {
    path: PathBuf,
    id: u64,
    octets: AtomicU64,
    /// So much of the room for what no record names it has, in octets of its file.
    room: AtomicU64,
    state: Mutex<State>,
    // Its index has it.
    shared: Weak<Shared>,
}

#[derive(Debug)]
struct State {
    standing: Standing,
    open: Weak<Opened>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// No record names it yet: it goes with whoever has it.
    Loose,
    /// A record names it.
    Kept,
    /// Its file was removed.
    Gone,
}

/// A large body that can be read, also where its file is removed meanwhile.
#[derive(Debug)]
pub(in super::super) struct Opened {
    file: fs::File,
    pub(in super::super) large: Arc<Large>,
}

impl Large {
    /// Begins a file for the body of the response of this name, for which there is so much room. Blocks.
    pub(super) fn create(shared: &Arc<Shared>, name: Name, room: u64) -> io::Result<Arc<Opened>> {
        // 0 stands for none.
        let id = fastrand::u64(1..);
        let path = path(&shared.path(name), id);
        let create = || fs::File::options().read(true).write(true).create_new(true).open(&path);
        let file = match create() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(shared.folder(name))?;
                create()?
            }
            created => created?,
        };
        let large = Self::new(shared, (path, id, 0), Standing::Loose);
        large.room.store(room, Ordering::Relaxed);
        Ok(large.opened_as(file))
    }

    /// A file that is there already, with so many octets of content.
    pub(super) fn found(shared: &Arc<Shared>, name: Name, (id, octets): (u64, u64)) -> Arc<Self> {
        Self::new(shared, (path(&shared.path(name), id), id, octets), Standing::Kept)
    }

    fn new(shared: &Arc<Shared>, (path, id, octets): (PathBuf, u64, u64), standing: Standing) -> Arc<Self> {
        let state = Mutex::new(State { standing, open: Weak::new() });
        let (octets, room) = (AtomicU64::new(octets), AtomicU64::new(0));
        Arc::new(Self { path, id, octets, room, state, shared: Arc::downgrade(shared) })
    }

    fn opened_as(self: Arc<Self>, file: fs::File) -> Arc<Opened> {
        let opened = Arc::new(Opened { file, large: Arc::clone(&self) });
        lock(&self.state).open = Arc::downgrade(&opened);
        opened
    }

    /// Opens it to be read; whoever reads it already shares the file. Blocks.
    ///
    /// # Errors
    /// The file is not there, or not as long as it was.
    pub(in super::super) fn open(self: &Arc<Self>) -> io::Result<Arc<Opened>> {
        if lock(&self.state).standing == Standing::Gone {
            return Err(io::ErrorKind::NotFound.into());
        }
        if let Some(opened) = self.opened() {
            return Ok(opened);
        }
        let file = fs::File::open(&self.path)?;
        if file.metadata()?.len() != on_disk(self.octets()) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Arc::clone(self).opened_as(file))
    }

    /// As somebody reads it already.
    pub(in super::super) fn opened(&self) -> Option<Arc<Opened>> {
        let state = lock(&self.state);
        state.open.upgrade().filter(|_| state.standing != Standing::Gone)
    }

    /// The octets of content that are in the file.
    pub(in super::super) fn octets(&self) -> u64 {
        self.octets.load(Ordering::Acquire)
    }

    /// By what its record names it.
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// A record names it: from now on it stays. Whether it is there still.
    pub(super) fn keep(&self) -> bool {
        let mut state = lock(&self.state);
        if state.standing == Standing::Loose {
            state.standing = Standing::Kept;
            self.leaves();
        }
        state.standing == Standing::Kept
    }

    /// Removes the file. Blocks.
    pub(super) fn remove(&self) {
        let mut state = lock(&self.state);
        let before = std::mem::replace(&mut state.standing, Standing::Gone);
        if before == Standing::Loose {
            self.leaves();
        }
        drop(state);
        if before != Standing::Gone {
            fs::remove_file(&self.path).ok();
        }
    }

    /// It could not be read: it is of no use to anybody. Blocks.
    pub(in super::super) fn lost(&self, error: &io::Error) {
        let is_known = lock(&self.state).standing == Standing::Gone;
        if let Some(shared) = self.shared.upgrade().filter(|_| !is_known) {
            let is_broken = matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof);
            let counters = &shared.counters;
            if is_broken {
                counters.cache_disk_broken.one()
            } else {
                counters.cache_disk_failed.one()
            }
            warn!(%error, file = %self.path.display(), "a file of the cache could not be read, and is removed");
        }
        self.remove();
    }

    /// Whether so many octets of content have room, among what no record names: what was not promised is asked for.
    pub(super) fn has_room(&self, octets: u64) -> bool {
        let (needed, room) = (on_disk(octets), self.room.load(Ordering::Relaxed));
        if needed <= room {
            return true;
        }
        let state = lock(&self.state);
        let is_loose = state.standing == Standing::Loose;
        let has_room = is_loose && self.shared.upgrade().is_some_and(|shared| shared.promise(needed - room));
        if has_room {
            self.room.store(needed, Ordering::Relaxed);
        }
        has_room
    }

    /// So much of its content was written.
    fn wrote(&self, octets: u64) {
        let state = lock(&self.state);
        if let Some(shared) = self.shared.upgrade().filter(|_| state.standing == Standing::Loose) {
            shared.loose.fetch_add(on_disk(octets) - on_disk(self.octets()), Ordering::Relaxed);
        }
        self.octets.store(octets, Ordering::Release);
    }

    /// It does not count among the files that no record names any more. Whoever calls holds the state.
    fn leaves(&self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.loose.fetch_sub(on_disk(self.octets()), Ordering::Relaxed);
            shared.promised.fetch_sub(self.room.swap(0, Ordering::Relaxed), Ordering::Relaxed);
        }
    }
}

impl Drop for Large {
    fn drop(&mut self) {
        if lock(&self.state).standing != Standing::Loose {
            return;
        }
        self.leaves();
        let path = std::mem::take(&mut self.path);
        let remove = move || drop(fs::remove_file(path));
        // On a worker nothing may block.
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(remove)),
            Err(_) => remove(),
        }
    }
}

impl Opened {
    /// Writes what follows the octets that are there: whole blocks, but at the very end. Blocks.
    pub(super) fn append(&self, pieces: &[Bytes]) -> io::Result<()> {
        let large = &self.large;
        let at = large.octets();
        let now = at + pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
        let mut octets = Vec::with_capacity(usize::try_from(on_disk(now) - on_disk(at)).unwrap_or(0));
        for piece in pieces {
            let mut rest = &piece[..];
            while !rest.is_empty() {
                // Its checksum stands before a block, and is known when the block is there.
                let within = octets.len() % STRIDE;
                if within == 0 {
                    octets.extend_from_slice(&[0; SUM_BYTES as usize]);
                    continue;
                }
                let (own, others) = rest.split_at(rest.len().min(STRIDE - within));
                octets.extend_from_slice(own);
                rest = others;
            }
        }
        for (number, block) in (at / BLOCK_BYTES..).zip(octets.chunks_mut(STRIDE)) {
            let (own, block) = block.split_at_mut(SUM_BYTES as usize);
            own.copy_from_slice(&sum(large.id, number, block).to_le_bytes());
        }
        self.file.write_all_at(&octets, on_disk(at))?;
        large.wrote(now);
        Ok(())
    }

    /// Reads content from octet `first` on, up to `end` and a batch at most, in pieces, into [`room`] for it. Blocks.
    ///
    /// # Errors
    /// It cannot be read, or is not what was written.
    pub(in super::super) fn read(&self, (first, end): (u64, u64), room: Vec<u8>) -> io::Result<Vec<Bytes>> {
        let octets = self.large.octets();
        let number = first / BLOCK_BYTES;
        let from = number * BLOCK_BYTES;
        let end = end.min(octets).min(from + BATCH_BYTES);
        if first >= end {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let until = end.next_multiple_of(BLOCK_BYTES).min(octets);
        let length = usize::try_from(on_disk(until) - on_disk(from)).map_err(io::Error::other)?;
        let mut read = Bytes::from(self.fill(room, on_disk(from), length)?);
        let mut pieces = Vec::new();
        for number in number..end.div_ceil(BLOCK_BYTES) {
            let start = number * BLOCK_BYTES;
            let own = read.split_to(SUM_BYTES as usize);
            let length = BLOCK_BYTES.min(until - start);
            let block = read.split_to(usize::try_from(length).map_err(io::Error::other)?);
            if sum(self.large.id, number, &block).to_le_bytes() != own[..] {
                return Err(io::ErrorKind::InvalidData.into());
            }
            let within = |moment: u64| usize::try_from(moment.clamp(start, start + length) - start).unwrap_or(0);
            pieces.push(block.slice(within(first)..within(end)));
        }
        Ok(pieces)
    }

    /// Reads so many octets of the file.
    fn fill(&self, mut room: Vec<u8>, at: u64, length: usize) -> io::Result<Vec<u8>> {
        room.reserve_exact(length);
        while room.len() < length {
            let next = at + room.len() as u64;
            match rustix::io::pread(&self.file, spare_capacity(&mut room), next) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        room.truncate(length);
        Ok(room)
    }
}

/// Room for what is read from octet `first` on, up to `end` and a batch at most. Whoever gives it back should be who asks for
/// it: else each thread that reads would keep some.
pub(super) fn room(first: u64, end: u64) -> Vec<u8> {
    let blocks = end.div_ceil(BLOCK_BYTES).saturating_sub(first / BLOCK_BYTES).min(BATCH_BYTES / BLOCK_BYTES);
    Vec::with_capacity(usize::try_from(blocks).unwrap_or(1) * STRIDE)
}

/// The file of a large body, beside its record.
fn path(record: &Path, id: u64) -> PathBuf {
    record.with_extension(format!("{id:016x}"))
}

/// The record's name and the number in the name of a large body's file.
pub(super) fn parse(text: &str) -> Option<(Name, u64)> {
    let (name, id) = text.split_once('.')?;
    Some((Name::parse(name)?, u64::from_str_radix(id, 16).ok().filter(|_| id.len() == 16)?))
}

/// The octets that so much content takes in a file.
pub(super) fn on_disk(octets: u64) -> u64 {
    octets + octets.div_ceil(BLOCK_BYTES) * SUM_BYTES
}

fn sum(id: u64, number: u64, block: &[u8]) -> u32 {
    let mut sum = flate2::Crc::new();
    sum.update(&id.to_le_bytes());
    sum.update(&number.to_le_bytes());
    sum.update(block);
    sum.sum()
}
