//! How several requests approach members of large collections: what they will need is called for step by step, each step
//! for all of them before the next, so that the waits for memory overlap. By the time the first request runs, what it
//! reads has arrived in the cache. Each step reads what the one before it called for; all of them are hints, without
//! effect on what is found.

use flashdb_base::hash::hash_bytes;
use flashdb_table::{Table, prefetch_line};

/// Bytes of a cache line.
const LINE_BYTES: usize = 64;

/// What is called for, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The collection itself: the head of a table, the first bytes of a packed one.
    Head,
    /// The bucket of the member.
    Bucket,
    /// The member's entry.
    Entry,
    /// Where the member is in the order of a sorted set, and where it will be.
    Place,
}

impl Step {
    /// All steps, in their order.
    pub const ALL: [Step; 4] = [Step::Head, Step::Bucket, Step::Entry, Step::Place];
}

/// A member, or field, that a request names.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Hash of its bytes.
    pub hash: u64,
    /// The last step that the request has a use for.
    pub until: Step,
    /// The score that it is to get.
    pub score: Option<f64>,
}

impl Wanted {
    /// A member whose entry is read or written.
    #[inline]
    pub fn entry(member: &[u8]) -> Wanted {
        Wanted {
            hash: hash_bytes(member),
            until: Step::Entry,
            score: None,
        }
    }

    /// A member whose place in the order is looked for, or changes, and the score that it is to get if that is known.
    #[inline]
    pub fn place(member: &[u8], score: Option<f64>) -> Wanted {
        Wanted {
            hash: hash_bytes(member),
            until: Step::Place,
            score,
        }
    }
}

/// A step towards a member in `table`, which `head` holds. A table has no order: the last step is none.
pub(crate) fn prefetch_member<H, T>(
    head: &H,
    table: &Table<T>,
    step: Step,
    wanted: Wanted,
    prefetch: impl FnOnce(&T),
) {
    match step {
        Step::Head => prefetch_all(head),
        Step::Bucket => table.prefetch(wanted.hash),
        Step::Entry => {
            if let Some(found) = table.prefetch_candidate(wanted.hash) {
                prefetch(found);
            }
        }
        Step::Place => {}
    }
}

/// Calls for all of a value.
pub(crate) fn prefetch_all<T>(value: &T) {
    prefetch_bytes((&raw const *value).cast(), size_of::<T>());
}

/// Calls for the lines that `len` bytes lie in.
#[inline]
pub(crate) fn prefetch_bytes(start: *const u8, len: usize) {
    for offset in (0..len).step_by(LINE_BYTES) {
        prefetch_line(start.wrapping_add(offset));
    }
    prefetch_line(start.wrapping_add(len.saturating_sub(1)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::{FieldTtl, Hash, HashLimits};
    use crate::set::{Set, SetLimits};
    use crate::zset::{Limits, ZSet};

    /// Every step is allowed at any time, for members that are there and others, in every encoding and size.
    #[test]
    fn steps_are_hints_only() {
        let (mut ints, mut set, mut zset, mut hash) = (Set::new(), Set::new(), ZSet::new(), Hash::new());
        for count in 0..1500 {
            let name = format!("member {count}");
            let digits = count.to_string();
            for member in [name.as_bytes(), digits.as_bytes(), b"absent"] {
                for wanted in [
                    Wanted::entry(member),
                    Wanted::place(member, Some(f64::from(count))),
                ] {
                    for step in Step::ALL.into_iter().rev() {
                        ints.prefetch(step, wanted);
                        set.prefetch(step, wanted);
                        zset.prefetch(step, wanted);
                        hash.prefetch(step, wanted);
                    }
                }
            }
            ints.insert(digits.as_bytes(), &SetLimits::default());
            set.insert(name.as_bytes(), &SetLimits::default());
            zset.insert(name.as_bytes(), f64::from(count % 100), &Limits::default());
            let ttl = if count == 5 {
                FieldTtl::At(u64::MAX)
            } else {
                FieldTtl::Clear
            };
            hash.set(name.as_bytes(), b"value", ttl, &HashLimits::default());
        }
        assert_eq!([ints.len(), set.len(), zset.len(), hash.len()], [1500; 4]);
    }
}
