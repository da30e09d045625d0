//! The program's allocator, and the way to return free memory to the system. The allocator keeps freed
//! pages for the thread that freed them and looks at them again only while it allocates, so that a
//! server that lost most of its data and then rests would hold the pages for ever.
//!
//! mimalloc, called by this file itself: the `mimalloc` crate passes every request through
//! `mi_malloc_aligned`, which takes 7 bytes more for any size that is no power of two, because it
//! does not trust a block to be aligned to 8. An entry of 56 bytes took 64 that way, one of 96 took 112.
//! `.cargo/config.toml` builds the library with size classes every 8 bytes up to 64 instead of every 16.
//! jemalloc has the same classes from 16 up, but cannot be built where there is no `make`.

use libmimalloc_sys as mi;
use std::alloc::{GlobalAlloc, Layout};
use std::ffi::c_void;

#[global_allocator]
static ALLOCATOR: Mimalloc = Mimalloc;

struct Mimalloc;

/// What every block is aligned to, whatever its size: `MI_MAX_ALIGN_SIZE` of the build, or more.
const BLOCK_ALIGN: usize = 8;

/// What interpreters of scripts ask for with every block. Blocks of a multiple of it have it as well, nearly always, and
/// that can be looked at: `mi_malloc_aligned` costs three times as much, which was a tenth of a script's time.
const SCRIPT_ALIGN: usize = 16;

/// A block that is aligned to [`SCRIPT_ALIGN`].
#[inline]
fn alloc_for_scripts(size: usize) -> *mut u8 {
    // SAFETY: calls without preconditions; the first block is freed only where it is not returned.
    unsafe {
        let block = mi::mi_malloc(size.next_multiple_of(SCRIPT_ALIGN)).cast::<u8>();
        if block.addr().is_multiple_of(SCRIPT_ALIGN) {
            return block;
        }
        mi::mi_free(block.cast::<c_void>());
        mi::mi_malloc_aligned(size, SCRIPT_ALIGN).cast()
    }
}

// SAFETY: mimalloc's functions keep the contract of `GlobalAlloc`: they return null or a block of the size asked
// for that stays valid until it is freed, on any thread. Blocks are aligned to BLOCK_ALIGN without asking.
unsafe impl GlobalAlloc for Mimalloc {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: calls without preconditions; a `Layout`'s alignment is a power of two.
        unsafe {
            match layout.align() {
                ..=BLOCK_ALIGN => mi::mi_malloc(layout.size()).cast(),
                SCRIPT_ALIGN => alloc_for_scripts(layout.size()),
                align => mi::mi_malloc_aligned(layout.size(), align).cast(),
            }
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as in `alloc`.
        unsafe {
            match layout.align() <= BLOCK_ALIGN {
                true => mi::mi_zalloc(layout.size()).cast(),
                false => mi::mi_zalloc_aligned(layout.size(), layout.align()).cast(),
            }
        }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, _layout: Layout) {
        // SAFETY: the caller passes a live block of this allocator.
        unsafe { mi::mi_free(block.cast::<c_void>()) };
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as in `alloc` and `dealloc`.
        unsafe {
            match layout.align() <= BLOCK_ALIGN {
                true => mi::mi_realloc(block.cast::<c_void>(), size).cast(),
                false => mi::mi_realloc_aligned(block.cast::<c_void>(), size, layout.align()).cast(),
            }
        }
    }
}

/// Returns free pages of the calling thread, and of threads that have ended. Costs a look at every
/// page that the thread owns.
pub fn give_back() {
    // SAFETY: a call without preconditions; it touches free memory of the allocator only.
    unsafe { mi::mi_collect(true) };
}

/// A page with less than this share of its blocks in use is sparse, in percent.
const SPARSE_PERCENT: usize = 50;

/// Whether the page of a live block is mostly free, and not the one that the next block would come from.
pub fn is_sparse(block: *const u8) -> bool {
    // SAFETY: the block is live, so that its page stays what it is. The count of blocks in use belongs to another thread
    // when the block came from there; a count that is out of date moves a block for nothing, or not yet.
    unsafe {
        mi::mi_unsafe_heap_page_is_under_utilized(
            std::ptr::null_mut(),
            block.cast_mut().cast::<c_void>(),
            SPARSE_PERCENT,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usable_bytes(layout: Layout) -> usize {
        // SAFETY: the size is not zero; the block is freed with its layout.
        unsafe {
            let block = ALLOCATOR.alloc(layout);
            assert!(!block.is_null() && block.addr().is_multiple_of(layout.align()));
            let usable = mi::mi_usable_size(block.cast::<c_void>());
            ALLOCATOR.dealloc(block, layout);
            usable
        }
    }

    /// A small string is one block: 8 bytes too many are a tenth of what its key takes.
    #[test]
    fn small_blocks_take_no_more_than_asked_for() {
        for size in (8..=64).step_by(8).chain([80, 96, 112, 128, 160, 192, 224, 256]) {
            let layout = Layout::from_size_align(size, 8).expect("a valid layout");
            assert_eq!(
                usable_bytes(layout),
                size,
                "is CFLAGS set? it replaces the one of .cargo/config.toml"
            );
        }
    }

    #[test]
    fn a_page_whose_blocks_are_mostly_gone_is_sparse() {
        let layout = Layout::from_size_align(120, 8).expect("a valid layout");
        // SAFETY: the size is not zero; each block is freed once, with its layout.
        unsafe {
            let blocks: Vec<_> = (0..10_000).map(|_| ALLOCATOR.alloc(layout)).collect();
            let sparse = |kept: usize| {
                let left = blocks.iter().step_by(kept);
                left.filter(|block| is_sparse(**block)).count()
            };
            assert_eq!(sparse(1), 0);
            for (_, block) in blocks.iter().enumerate().filter(|(index, _)| index % 10 != 0) {
                ALLOCATOR.dealloc(*block, layout);
            }
            assert!(sparse(10) > 800, "{} of 1000", sparse(10));
            blocks
                .iter()
                .step_by(10)
                .for_each(|block| ALLOCATOR.dealloc(*block, layout));
        }
    }

    #[test]
    fn every_alignment_is_kept() {
        for align in (0..13).map(|power| 1 << power) {
            for size in [1, 8, 24, 56, 100, 1000, 8128, 100_000] {
                let layout = Layout::from_size_align(size, align).expect("a valid layout");
                assert!(usable_bytes(layout) >= size);
                // SAFETY: the sizes are not zero; each block is freed once, with the layout it has then.
                unsafe {
                    let block = ALLOCATOR.alloc_zeroed(layout);
                    assert!(
                        std::slice::from_raw_parts(block, size)
                            .iter()
                            .all(|byte| *byte == 0)
                    );
                    block.write_bytes(7, size);
                    let grown = ALLOCATOR.realloc(block, layout, size * 3);
                    assert_eq!(grown.addr() % align, 0);
                    assert!(
                        std::slice::from_raw_parts(grown, size)
                            .iter()
                            .all(|byte| *byte == 7)
                    );
                    let layout = Layout::from_size_align(size * 3, align).expect("a valid layout");
                    ALLOCATOR.dealloc(grown, layout);
                }
            }
        }
    }
}
