//! The program's allocator, and the way to return free memory to the system. The allocator keeps freed
//! pages for the thread that freed them and looks at them again only while it allocates, so that a
//! server that lost most of its data and then rests would hold the pages for ever.

/// Chosen for its fine size classes: 56 bytes for a 16-byte key with a 32-byte value, where the
/// alternatives round up to 64.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Returns free pages of the calling thread, and of threads that have ended. Costs a look at every
/// page that the thread owns.
pub fn give_back() {
    // SAFETY: a call without preconditions; it touches free memory of the allocator only.
    unsafe { libmimalloc_sys::mi_collect(true) };
}
