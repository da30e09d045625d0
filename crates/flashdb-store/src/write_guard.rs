//! A mutable borrow of one typed value. When it goes out of scope the bytes that the change added
//! or freed are charged to the database, so no handler can forget the account.

use crate::entry::Entry;
use crate::value::Typed;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

/// Mutable access to the `T` in an entry.
pub struct WriteGuard<'a, T: Typed> {
    entry: &'a mut Entry,
    account: &'a mut usize,
    before: usize,
    of: PhantomData<T>,
}

impl<'a, T: Typed> WriteGuard<'a, T> {
    /// Guards an entry known to hold a `T`.
    pub(crate) fn new(entry: &'a mut Entry, account: &'a mut usize) -> Self {
        let before = entry.memory_bytes();
        debug_assert!(T::of(entry).is_some());
        WriteGuard {
            entry,
            account,
            before,
            of: PhantomData,
        }
    }
}

impl<T: Typed> Deref for WriteGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        T::of(self.entry).expect("checked when the guard was made")
    }
}

impl<T: Typed> DerefMut for WriteGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        T::of_mut(self.entry).expect("checked when the guard was made")
    }
}

impl<T: Typed> Drop for WriteGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if T::of(self.entry).is_none() {
            exchanged(self.entry);
        }
        *self.account = (*self.account + self.entry.memory_bytes()).wrapping_sub(self.before);
    }
}

/// The value was exchanged as a whole for one that has no key: a mistake of ours. A valid entry is left behind.
#[cold]
fn exchanged(entry: &mut Entry) {
    std::mem::forget(std::mem::replace(entry, Entry::new_int(b"", 0, None)));
    panic!("a value under a write guard is changed, never exchanged");
}
