//! Collections inside somebody else's block: whoever has keys keeps them in front of the content, so that key and
//! collection are one allocation behind one pointer. The holder's part (the *prefix*, and of the first four bytes of the
//! block the low five bits and the last three bytes) stays through every change of the collection; the block may move.
//!
//! The holder reads its part by itself: the prefix begins at byte 8, and byte 4 is its length.

use crate::thin_buffer::ThinBuffer;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

/// The longest prefix.
pub const PREFIX_MAX: usize = ThinBuffer::PREFIX_MAX;
/// Where the prefix begins.
pub const PREFIX_AT: usize = 8;

/// A collection whose owner is one pointer, to a block.
///
/// # Safety
/// The type is `repr(transparent)` over a pointer as [`ThinBuffer`] has it, whose content can be moved bit by bit.
pub unsafe trait OneWord: Sized {}

/// Takes a collection apart into its block, which nobody holds. To be made one again, or to be moved to a holder.
pub fn into_block<T: OneWord>(value: T) -> NonNull<u8> {
    let value = ManuallyDrop::new(value);
    // SAFETY: a `OneWord` is such a pointer, and the value is not used any more.
    unsafe { std::ptr::from_ref(&value).cast::<NonNull<u8>>().read() }
}

/// Makes a collection of its block.
///
/// # Safety
/// `block` came from [`into_block`] of a `T` or holds one, and has no other owner from now on.
#[inline]
pub unsafe fn from_block<T: OneWord>(block: NonNull<u8>) -> T {
    // SAFETY: a `OneWord` is such a pointer.
    unsafe { std::ptr::from_ref(&block).cast::<T>().read() }
}

/// The collection in a block.
///
/// # Safety
/// `block` holds a `T`.
#[inline]
pub unsafe fn value_of<T: OneWord>(block: &NonNull<u8>) -> &T {
    // SAFETY: a `OneWord` is such a pointer.
    unsafe { &*std::ptr::from_ref(block).cast::<T>() }
}

/// As [`value_of`]; `block` is another one after a change. The value may not be exchanged for another as a whole: that
/// would take the holder's part with it.
///
/// # Safety
/// `block` holds a `T`.
#[inline]
pub unsafe fn value_of_mut<T: OneWord>(block: &mut NonNull<u8>) -> &mut T {
    // SAFETY: a `OneWord` is such a pointer.
    unsafe { &mut *std::ptr::from_mut(block).cast::<T>() }
}

/// Moves what is in a block to a new one, with another holder's part. The old block is to be freed by [`free_block`], and by
/// nothing else. `prefix` may lie in it. O(bytes of the content).
///
/// `marks` are bytes 0 to 3 of the new block; one of the low five bits of the first has to be set, or nobody holds it.
///
/// # Safety
/// `block` came from [`into_block`] or holds a collection, which is not used in it any more.
///
/// # Panics
/// When the prefix is longer than [`PREFIX_MAX`].
pub unsafe fn move_block(block: NonNull<u8>, marks: [u8; 4], prefix: [&[u8]; 2]) -> NonNull<u8> {
    // SAFETY: the block is that of a buffer; it is borrowed only.
    let old = ManuallyDrop::new(unsafe { ThinBuffer::from_block(block) });
    old.copy_for(marks, prefix).into_block()
}

/// Frees a block without what is in it.
///
/// # Safety
/// What was in it was moved elsewhere by [`move_block`].
pub unsafe fn free_block(block: NonNull<u8>) {
    // SAFETY: the block is that of a buffer and has no other owner.
    drop(unsafe { ThinBuffer::from_block(block) });
}

/// Bytes of a block.
///
/// # Safety
/// `block` came from [`into_block`] or holds a collection.
#[inline]
pub unsafe fn block_bytes(block: NonNull<u8>) -> usize {
    // SAFETY: the block is that of a buffer; it is borrowed only.
    ManuallyDrop::new(unsafe { ThinBuffer::from_block(block) }).memory_bytes()
}
