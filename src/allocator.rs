//! The allocator: freed pages go back, threads do not contend, and what is aligned as usual is asked for as usual.
//! The crate `mimalloc` asks for an alignment each time, so that most sizes are looked for in two places and taken
//! larger than they are.
//!
//! The one module of ours with `unsafe` code: nothing but calls to mimalloc, whose contract is that of [`GlobalAlloc`].
//! Only binaries name it.

#![expect(unsafe_code, reason = "an allocator cannot be written without; this is all of it")]

use std::alloc::{GlobalAlloc, Layout};

use libmimalloc_sys::{
    mi_free, mi_malloc, mi_malloc_aligned, mi_realloc, mi_realloc_aligned, mi_zalloc, mi_zalloc_aligned,
};

/// mimalloc.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mimalloc;

/// Whether a piece of so many octets has this alignment without being asked to: a word's always, and two words' where it
/// fills them (`MI_MAX_ALIGN_SIZE`).
const fn is_usual(size: usize, align: usize) -> bool {
    align <= size_of::<usize>() || align <= 2 * size_of::<usize>() && size >= align
}

// SAFETY: mimalloc gives each piece to one owner until it is freed, never unwinds, and answers null where it has none.
// `is_usual` says no more than mimalloc promises; whatever else is asked for is asked for with its alignment. Pieces of
// either kind are freed, and made larger or smaller, alike.
unsafe impl GlobalAlloc for Mimalloc {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let (size, align) = (layout.size(), layout.align());
        // SAFETY: any size and any power of two may be asked for.
        unsafe { if is_usual(size, align) { mi_malloc(size) } else { mi_malloc_aligned(size, align) }.cast() }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let (size, align) = (layout.size(), layout.align());
        // SAFETY: as above.
        unsafe { if is_usual(size, align) { mi_zalloc(size) } else { mi_zalloc_aligned(size, align) }.cast() }
    }

    #[inline]
    unsafe fn dealloc(&self, piece: *mut u8, _: Layout) {
        // SAFETY: the caller owns `piece`, which came from here.
        unsafe { mi_free(piece.cast()) }
    }

    #[inline]
    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let (piece, align) = (piece.cast(), layout.align());
        // SAFETY: the caller owns `piece`, which came from here.
        unsafe {
            if is_usual(size, align) { mi_realloc(piece, size) } else { mi_realloc_aligned(piece, size, align) }.cast()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_is_aligned_and_zeroed_as_wished() {
        for align in [1, 2, 4, 8, 16, 32, 64, 4096] {
            for size in (1..300).chain([1000, 1024, 4096, 5000, 100_000]) {
                let layout = Layout::from_size_align(size, align).unwrap();
                // SAFETY: each piece is used within its size, and freed once.
                unsafe {
                    let piece = Mimalloc.alloc(layout);
                    assert!(!piece.is_null() && piece.addr().is_multiple_of(align), "{size} aligned to {align}");
                    piece.write_bytes(0xa5, size);
                    let larger = Mimalloc.realloc(piece, layout, size * 2);
                    assert!(!larger.is_null() && larger.addr().is_multiple_of(align), "{size} to its double, {align}");
                    assert!((0..size).all(|at| larger.add(at).read() == 0xa5), "{size}, {align}");
                    Mimalloc.dealloc(larger, Layout::from_size_align(size * 2, align).unwrap());
                    let zeroed = Mimalloc.alloc_zeroed(layout);
                    assert!(zeroed.addr().is_multiple_of(align), "{size} zeroed, aligned to {align}");
                    assert!((0..size).all(|at| zeroed.add(at).read() == 0), "{size}, {align}");
                    Mimalloc.dealloc(zeroed, layout);
                }
            }
        }
    }
}
