//! The program's allocator, and the way to return free memory to the system. The allocator keeps freed
//! pages for the thread that freed them and looks at them again only while it allocates, so that a
//! server that lost most of its data and then rests would hold the pages for ever.
//!
//! mimalloc: measured with a million 16-byte keys and 32-byte strings it takes 84 bytes of resident
//! memory per key and about 5 % less CPU per SET than jemalloc, which takes 82 bytes (200 against 234 for
//! a hash of 8 fields) but cannot be built where there is no `make`.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Returns free pages of the calling thread, and of threads that have ended. Costs a look at every
/// page that the thread owns.
pub fn give_back() {
    // SAFETY: a call without preconditions; it touches free memory of the allocator only.
    unsafe { libmimalloc_sys::mi_collect(true) };
}
