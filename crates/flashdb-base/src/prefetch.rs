//! Brings memory that will be written soon towards the core. A buffer that many share under a lock, such as the log's, is
//! seldom in the cache: what a core loop does between two uses drives it out, and the lock's release then waits for every
//! line that was written (25 of the 35 ns that appending a SET to the log took at depth). Hints only: nothing is read or
//! written.

use std::mem::MaybeUninit;

/// Bytes that one hint brings.
const LINE: usize = 64;

/// Asks for the first `len` bytes of `spare`, or as much as there is, for writing.
#[inline]
pub fn prefetch_for_writing(spare: &[MaybeUninit<u8>], len: usize) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    for line in spare[..len.min(spare.len())].chunks(LINE) {
        use std::arch::x86_64::{_MM_HINT_ET0, _mm_prefetch};
        // SAFETY: a prefetch does not access memory, any address is allowed.
        unsafe { _mm_prefetch::<_MM_HINT_ET0>(line.as_ptr().cast()) };
    }
    #[cfg(any(not(target_arch = "x86_64"), miri))]
    let _ = (spare, len, LINE);
}
