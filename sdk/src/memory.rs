//! Memory of a component: what is freed is kept for the next of its size.
//!
//! Every book is handed over in six columns and answered with some dozens of short texts, so a call allocates and frees the same sizes over and over. The
//! allocator of the standard library looks for the best place and joins neighbours, which is a tenth of a short call; here a piece is taken from a list and
//! put back. Sizes are powers of two, so at most half of what is held lies idle. What is larger than [`LARGEST`] is the standard library's.
#![allow(unsafe_code)] // An allocator can't be written without. It runs inside the component's own memory, and can harm nothing else.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr::null_mut;

/// The smallest piece, bytes: room for the list's pointer, aligned for every number.
const SMALLEST: usize = 16;
/// Sizes: 16 bytes to 32 KiB.
const SIZES: usize = 12;
/// The largest piece, bytes.
const LARGEST: usize = SMALLEST << (SIZES - 1);
/// Taken from the standard library at once, bytes.
const BLOCK: usize = 2 * LARGEST;

/// The allocator; [`crate::export!`] makes it the component's.
#[derive(Debug)]
pub struct Memory(UnsafeCell<Lists>);

#[derive(Debug)]
struct Lists {
    /// The first free piece of each size; in it stands where the next one is.
    free: [*mut u8; SIZES],
    /// What is left of the newest block.
    next: *mut u8,
    left: usize,
}

// SAFETY: a component has one thread.
unsafe impl Sync for Memory {}

impl Memory {
    /// With nothing in it.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "made in a static")]
    pub const fn new() -> Self {
        Self(UnsafeCell::new(Lists { free: [null_mut(); SIZES], next: null_mut(), left: 0 }))
    }
}

/// Which of the sizes; none for what is the standard library's.
#[inline(always)]
fn size_of(layout: Layout) -> Option<usize> {
    if layout.size() > LARGEST || layout.align() > SMALLEST {
        return None;
    }
    // 16 bytes: 0, 17 to 32: 1.
    let last = layout.size().max(SMALLEST) - 1;
    Some((usize::BITS - last.leading_zeros()).saturating_sub(SMALLEST.trailing_zeros()) as usize)
}

impl Lists {
    /// A new piece of a size. Null: there is no memory left.
    #[cold]
    fn cut(&mut self, size: usize) -> *mut u8 {
        let bytes = SMALLEST << size;
        if self.left < bytes {
            // What is left of the old block stays unused: less than a piece.
            // SAFETY: the layout isn't empty.
            let block = unsafe { System.alloc(Layout::new::<[u128; BLOCK / 16]>()) };
            if block.is_null() {
                return block;
            }
            (self.next, self.left) = (block, BLOCK);
        }
        let piece = self.next;
        self.left -= bytes;
        // SAFETY: `left` bytes of the block are behind `next`.
        self.next = unsafe { piece.add(bytes) };
        piece
    }
}

// SAFETY: a piece is at least as large as asked for and lies at a multiple of 16; it is in no list and in no other hand until it is given back.
unsafe impl GlobalAlloc for Memory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        let Some(size) = size_of(layout) else { return unsafe { System.alloc(layout) } };
        // SAFETY: one thread, and nothing in here calls back.
        let lists = unsafe { &mut *self.0.get() };
        let piece = lists.free[size];
        if piece.is_null() {
            return lists.cut(size);
        }
        // SAFETY: a free piece begins with the place of the next.
        lists.free[size] = unsafe { piece.cast::<*mut u8>().read() };
        piece
    }

    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        let Some(size) = size_of(layout) else { return unsafe { System.dealloc(piece, layout) } };
        // SAFETY: one thread, and nothing in here calls back; the piece has room for a pointer and is nobody's any more.
        unsafe {
            let lists = &mut *self.0.get();
            piece.cast::<*mut u8>().write(lists.free[size]);
            lists.free[size] = piece;
        }
    }

    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        // SAFETY: as the caller promises.
        let wanted = unsafe { Layout::from_size_align_unchecked(bytes, layout.align()) };
        match (size_of(layout), size_of(wanted)) {
            (Some(had), Some(wants)) if had == wants => piece,
            // SAFETY: as the caller promises.
            (None, None) => unsafe { System.realloc(piece, layout, bytes) },
            // SAFETY: two pieces don't overlap, and both have as many bytes as the smaller.
            _ => unsafe {
                let other = self.alloc(wanted);
                if !other.is_null() {
                    piece.copy_to_nonoverlapping(other, layout.size().min(bytes));
                    self.dealloc(piece, layout);
                }
                other
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, 8).unwrap_or(Layout::new::<u64>())
    }

    #[test]
    fn sizes_are_the_next_powers_of_two() {
        let of = |bytes| size_of(layout(bytes));
        assert_eq!([1, 16, 17, 32, 33, 4096].map(of), [0, 0, 1, 1, 2, 8].map(Some));
        assert_eq!([LARGEST, LARGEST + 1].map(of), [Some(SIZES - 1), None]);
        assert_eq!(size_of(Layout::from_size_align(8, 64).unwrap_or(Layout::new::<u8>())), None);
    }

    proptest! {
        /// Pieces that are held at the same time never overlap, keep what was written, and lie where every number may lie.
        #[test]
        fn pieces_never_overlap(steps in proptest::collection::vec((1usize..70_000, 0usize..20, 0u8..3), 1..200)) {
            let memory = Memory::new();
            let mut held: Vec<(*mut u8, usize, u8)> = Vec::new();
            let whole = |&(piece, bytes, mark): &(*mut u8, usize, u8)| unsafe {
                piece.read() == mark && piece.add(bytes - 1).read() == mark
            };
            let fill = |piece: *mut u8, bytes: usize, mark: u8| unsafe {
                piece.write(mark);
                piece.add(bytes - 1).write(mark);
            };
            for (turn, (bytes, which, step)) in steps.into_iter().enumerate() {
                let mark = turn as u8;
                match step {
                    0 if !held.is_empty() => {
                        let (piece, bytes, _) = held.swap_remove(which % held.len());
                        unsafe { memory.dealloc(piece, layout(bytes)) };
                    }
                    1 if !held.is_empty() => {
                        let at = which % held.len();
                        let (piece, had, before) = held[at];
                        let piece = unsafe { memory.realloc(piece, layout(had), bytes) };
                        prop_assert_eq!(unsafe { piece.read() }, before);
                        fill(piece, bytes, mark);
                        held[at] = (piece, bytes, mark);
                    }
                    _ => {
                        let piece = unsafe { memory.alloc(layout(bytes)) };
                        prop_assert!(!piece.is_null() && (bytes > LARGEST || (piece as usize).is_multiple_of(16)));
                        fill(piece, bytes, mark);
                        held.push((piece, bytes, mark));
                    }
                }
                prop_assert!(held.iter().all(whole));
            }
        }
    }
}
