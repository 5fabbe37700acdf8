//! An allocator that counts what each thread asks of it, so that a test can say "this allocates nothing".
#![expect(unsafe_code, reason = "an allocator cannot be written without; this one only counts and passes on")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    sync::atomic::{AtomicI64, Ordering},
};

/// What the current thread has asked of the allocator so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Allocations {
    /// How often memory was asked for, growing included.
    pub(crate) count: u64,
    /// How many octets were asked for.
    pub(crate) octets: u64,
}

impl Allocations {
    /// What was asked for after `earlier`.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self { count: self.count - earlier.count, octets: self.octets - earlier.octets }
    }
}

/// How many octets this thread holds: what it was given, less what it gave back.
pub(crate) fn held() -> i64 {
    HELD.get()
}

/// What several threads hold together, whichever of them gives back what another one was given.
#[derive(Debug, Default)]
pub(crate) struct Account {
    held: AtomicI64,
    peak: AtomicI64,
}

impl Account {
    /// Begins one; it lasts as long as the process.
    pub(crate) fn open() -> &'static Self {
        Box::leak(Box::default())
    }

    /// From now on the current thread is one of them.
    pub(crate) fn enter(&'static self) {
        ACCOUNT.set(Some(self));
    }

    /// How many octets they hold.
    pub(crate) fn held(&self) -> i64 {
        self.held.load(Ordering::Relaxed)
    }

    /// The most that they held at once, in octets, since this was asked last.
    pub(crate) fn peak(&self) -> i64 {
        self.peak.swap(self.held(), Ordering::Relaxed)
    }
}

/// What the current thread has asked of the allocator so far.
pub(crate) fn allocations() -> Allocations {
    ASKED.get()
}

thread_local! {
    static HELD: Cell<i64> = const { Cell::new(0) };
    static ACCOUNT: Cell<Option<&'static Account>> = const { Cell::new(None) };
    static ASKED: Cell<Allocations> = const { Cell::new(Allocations { count: 0, octets: 0 }) };
}

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

impl Counting {
    fn count(octets: usize) {
        let asked = ASKED.get();
        ASKED.set(Allocations { count: asked.count + 1, octets: asked.octets + octets as u64 });
        Self::holds(octets as i64);
    }

    fn holds(more: i64) {
        HELD.set(HELD.get() + more);
        if let Some(account) = ACCOUNT.get() {
            let held = account.held.fetch_add(more, Ordering::Relaxed) + more;
            account.peak.fetch_max(held, Ordering::Relaxed);
        }
    }
}

// SAFETY: every call goes to the system's allocator as it came. The counters are thread-locals without a destructor
// and without lazy initialisation, so counting neither allocates nor fails.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::count(layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        Self::holds(-(layout.size() as i64));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::count(layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Self::count(size);
        Self::holds(-(layout.size() as i64));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[test]
fn allocations_are_counted() {
    let before = allocations();
    let kept = Box::new([0_u8; 100]);
    let asked = allocations().since(before);
    drop(kept);
    assert_eq!(asked, Allocations { count: 1, octets: 100 });
    let before = allocations();
    assert_eq!(allocations().since(before), Allocations::default());
}
