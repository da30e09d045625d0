//! Moving entries off pages of memory that hold little else. Where nine of ten keys go, the tenth keeps nearly every page of
//! the allocator in use, and keys of other sizes take new ones. An entry has one owner, its slot in the table, so it can be
//! put elsewhere at any time under the shard's lock: no change of the data, hence nothing for the log, snapshots or watchers.

use crate::access::Access;
use crate::entry::Entry;

/// Where the walk over a table goes on, and how many entries this step moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compacted {
    /// To be given to the next step; `None` at the end of the table.
    pub next: Option<u32>,
    /// Entries looked at.
    pub seen: usize,
    /// Those that have another address now.
    pub moved: usize,
    /// Databases of the shard that may hold something.
    pub databases: usize,
}

impl Access<'_> {
    /// Moves those of some hundred entries of database `db` in the locked shard whose address `is_sparse`. 0 begins.
    pub fn compact(&mut self, shard: u16, db: u16, from: u32, is_sparse: fn(*const u8) -> bool) -> Compacted {
        let (mut seen, mut moved) = (0, 0);
        let held = self.held().shard_mut(shard);
        let databases = held.databases_len();
        let next = held.present_database_mut(db).and_then(|database| {
            database.table.visit_segment_unmarked(from, |entry: &mut Entry| {
                seen += 1;
                if is_sparse(entry.address()) {
                    entry.relocate();
                    moved += 1;
                }
            })
        });
        Compacted {
            next,
            seen,
            moved,
            databases,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::entry::Entry;
    use crate::value::{StrRef, Value, ValueRef};
    use flashdb_types::set::{Set, SetLimits};

    #[test]
    fn a_moved_entry_is_the_same() {
        let members = [b"one".as_slice(), b"two"];
        let set = || Set::from_members(members, &SetLimits::default());
        let mut entries = [
            Entry::new_string(b"text", b"hello", Some(7)),
            Entry::new_string(b"number", b"12", None),
            Entry::new_string(&[b'k'; 300], &[b'v'; 5000], None),
            Entry::new_object(b"set", Value::Set(set()), Some(9)),
        ];
        for entry in &mut entries {
            entry.set_access(0xABCDEF);
            let (before, address) = (entry.duplicate(), entry.address());
            entry.relocate();
            assert_ne!(entry.address(), address, "the old block was still in use");
            assert_eq!(
                (
                    entry.key(),
                    entry.expire_at_ms(),
                    entry.access(),
                    entry.memory_bytes()
                ),
                (
                    before.key(),
                    before.expire_at_ms(),
                    before.access(),
                    before.memory_bytes()
                )
            );
            match (entry.value(), before.value()) {
                (ValueRef::String(StrRef::Int(a)), ValueRef::String(StrRef::Int(b))) => assert_eq!(a, b),
                (ValueRef::String(a), ValueRef::String(b)) => assert_eq!(a.to_vec(), b.to_vec()),
                (ValueRef::Set(a), ValueRef::Set(b)) => assert_eq!(a, b),
                _ => panic!("another type"),
            }
        }
    }
}
