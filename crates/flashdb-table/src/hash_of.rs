//! How a table learns the hashes of entries that it moves. Mostly a plain function; where an entry is only a pointer, what
//! it points to can be asked for ahead of time, so that the few hundred entries of a segment that is split or merged are
//! not waited for one after the other.

/// The hash of an entry, as a function or closure `Fn(&T) -> u64` or a type of its own.
pub trait HashOf<T> {
    /// The hash with which `value` was added.
    fn hash_of(&self, value: &T) -> u64;

    /// Called some entries before [`HashOf::hash_of`] gets the value: may prefetch what that will read.
    #[inline(always)]
    fn warm(&self, value: &T) {
        let _ = value;
    }
}

impl<T, F: Fn(&T) -> u64> HashOf<T> for F {
    #[inline(always)]
    fn hash_of(&self, value: &T) -> u64 {
        self(value)
    }
}
