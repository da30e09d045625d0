//! Streams: an append-only sequence of entries (each an id and field-value pairs) with consumer
//! groups that remember who got what. [`Stream`] ties the two together and keeps the memory figures;
//! [`Entries`] holds the entries in compact blocks, [`Group`] a group's position and pending entries.
//!
//! Behaviour follows Redis 7.0, with the consumer times of 7.2. Keys, replies and waking of blocked
//! readers are left to the commands.

mod block;
mod entries;
mod group;
mod id;
mod index;
mod varint;

#[cfg(test)]
mod model_test;

use std::ops::{Deref, DerefMut};

pub use block::{Entry, Fields};
pub use entries::{
    AppendError, BlockView, ENTRY_BYTES_MAX, Entries, Range, RangeRev, SetIdError, StreamLimits, Trim, TrimTo,
};
pub use group::{AutoClaim, Claim, Claimed, Consumer, ConsumerId, Group, Pending};
pub use id::{IdError, IdRequest, STREAM_ID_TEXT_MAX, StreamId, next_id};

/// A stream value. Large: keep it in a box.
#[derive(Debug, Default)]
pub struct Stream {
    entries: Entries,
    /// In order of their names.
    groups: Vec<Group>,
    group_bytes: usize,
    group_allocations: usize,
}

impl Clone for Stream {
    fn clone(&self) -> Self {
        let groups = self.groups.clone();
        let group_bytes = groups.iter().map(Group::heap_bytes).sum();
        let group_allocations = groups.iter().map(Group::allocations).sum();
        Stream {
            entries: self.entries.clone(),
            groups,
            group_bytes,
            group_allocations,
        }
    }
}

/// Reading needs no wrapper: lookups, ranges and counters are those of the entries.
impl Deref for Stream {
    type Target = Entries;

    fn deref(&self) -> &Entries {
        &self.entries
    }
}

impl Stream {
    pub fn new() -> Self {
        Self::default()
    }

    /// The entries, to change them.
    pub fn entries_mut(&mut self) -> &mut Entries {
        &mut self.entries
    }

    /// Groups in order of their names.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = &Group> {
        self.groups.iter()
    }

    /// The group with this name.
    pub fn group(&self, name: &[u8]) -> Option<&Group> {
        self.search_group(name).ok().map(|at| &self.groups[at])
    }

    /// The group with this name, to change it; the memory figures follow when the guard goes.
    pub fn group_mut(&mut self, name: &[u8]) -> Option<GroupMut<'_>> {
        let at = self.search_group(name).ok()?;
        let group = &mut self.groups[at];
        self.group_bytes -= group.heap_bytes();
        self.group_allocations -= group.allocations();
        Some(GroupMut {
            entries: &self.entries,
            group,
            bytes: &mut self.group_bytes,
            allocations: &mut self.group_allocations,
        })
    }

    /// Adds a group; `false` when the name is taken.
    pub fn create_group(
        &mut self,
        name: &[u8],
        last_delivered_id: StreamId,
        entries_read: Option<u64>,
    ) -> bool {
        let Err(at) = self.search_group(name) else {
            return false;
        };
        let group = Group::new(name, last_delivered_id, entries_read);
        self.group_bytes += group.heap_bytes();
        self.group_allocations += group.allocations();
        if self.groups.len() == self.groups.capacity() {
            self.groups.reserve_exact(self.groups.len().max(1));
        }
        self.groups.insert(at, group);
        true
    }

    /// Removes a group with all that is pending in it; `false` when there is none.
    pub fn destroy_group(&mut self, name: &[u8]) -> bool {
        let Ok(at) = self.search_group(name) else {
            return false;
        };
        let group = self.groups.remove(at);
        self.group_bytes -= group.heap_bytes();
        self.group_allocations -= group.allocations();
        self.groups.shrink_to(self.groups.len() * 2);
        true
    }

    /// Heap bytes of the boxed stream, itself included.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Stream>()
            + self.entries.heap_bytes()
            + self.groups.capacity() * size_of::<Group>()
            + self.group_bytes
    }

    /// Heap allocations, to decide whether freeing is left to the background.
    pub fn free_effort(&self) -> usize {
        1 + self.entries.allocations() + self.group_allocations
    }

    /// Checks everything; panics with what is broken.
    pub fn validate(&self) {
        self.entries.validate();
        self.groups().for_each(Group::validate);
        assert!(
            self.groups.is_sorted_by(|a, b| a.name() < b.name()),
            "group names rise"
        );
        assert_eq!(
            self.groups().map(Group::heap_bytes).sum::<usize>(),
            self.group_bytes
        );
        assert_eq!(
            self.groups().map(Group::allocations).sum::<usize>(),
            self.group_allocations
        );
    }

    fn search_group(&self, name: &[u8]) -> Result<usize, usize> {
        self.groups.binary_search_by(|group| group.name().cmp(name))
    }
}

/// Access to a group for changes, with the stream's entries beside it.
#[derive(Debug)]
pub struct GroupMut<'a> {
    entries: &'a Entries,
    group: &'a mut Group,
    bytes: &'a mut usize,
    allocations: &'a mut usize,
}

impl<'a> GroupMut<'a> {
    /// The entries of the group's stream.
    pub fn entries(&self) -> &'a Entries {
        self.entries
    }
}

impl Deref for GroupMut<'_> {
    type Target = Group;

    fn deref(&self) -> &Group {
        self.group
    }
}

impl DerefMut for GroupMut<'_> {
    fn deref_mut(&mut self) -> &mut Group {
        self.group
    }
}

impl Drop for GroupMut<'_> {
    fn drop(&mut self) {
        *self.bytes += self.group.heap_bytes();
        *self.allocations += self.group.allocations();
    }
}
