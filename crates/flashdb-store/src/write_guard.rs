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
        debug_assert!(entry.object().and_then(T::of).is_some());
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
        self.entry
            .object()
            .and_then(T::of)
            .expect("checked when the guard was made")
    }
}

impl<T: Typed> DerefMut for WriteGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.entry
            .object_mut()
            .and_then(T::of_mut)
            .expect("checked when the guard was made")
    }
}

impl<T: Typed> Drop for WriteGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        *self.account = (*self.account + self.entry.memory_bytes()).wrapping_sub(self.before);
    }
}
