//! An allocator that counts what each thread asks of it, so that a test can say "this allocates nothing".
#![expect(unsafe_code, reason = "an allocator cannot be written without; this one only counts and passes on")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
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

/// What the current thread has asked of the allocator so far.
pub(crate) fn allocations() -> Allocations {
    ASKED.get()
}

thread_local! {
    static HELD: Cell<i64> = const { Cell::new(0) };
    static ASKED: Cell<Allocations> = const { Cell::new(Allocations { count: 0, octets: 0 }) };
}

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

impl Counting {
    fn count(octets: usize) {
        let asked = ASKED.get();
        ASKED.set(Allocations { count: asked.count + 1, octets: asked.octets + octets as u64 });
        HELD.set(HELD.get() + octets as i64);
    }
}

// SAFETY: every call goes to the system's allocator as it came. The counter is a thread-local without a destructor
// and without lazy initialisation, so counting neither allocates nor fails.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::count(layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.set(HELD.get() - layout.size() as i64);
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
        HELD.set(HELD.get() - layout.size() as i64);
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
