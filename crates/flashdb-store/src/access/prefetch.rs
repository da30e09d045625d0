//! Bringing what commands will read towards the core before the first of them runs: the waits for memory, which take
//! most of the time of a small command on a large keyspace, then overlap. All of it is a hint, without effect on what is
//! found; keys whose shards are not locked are left out.

use super::Access;
use crate::database::Database;
use crate::entry::Entry;
use crate::keyspace::{KeyPlace, WINDOW};
use flashdb_types::approach::{Step, Wanted};
use smallvec::SmallVec;

/// A member, or field, of the collection at a key.
#[derive(Clone, Copy, Debug)]
pub struct MemberAt<'w> {
    /// The key.
    pub key: &'w [u8],
    /// Where the key lives.
    pub place: KeyPlace,
    /// The member.
    pub wanted: Wanted,
}

/// What a request will read inside of a collection.
struct Approach<'v> {
    entry: &'v Entry,
    wanted: Wanted,
    /// The request before it is about the same collection.
    is_next: bool,
}

/// Where the keys of a request live. It is known by where its first key lies.
#[derive(Default)]
pub(super) struct RequestKeys {
    pub(super) first: Option<*const u8>,
    places: SmallVec<[KeyPlace; WINDOW]>,
}

impl Access<'_> {
    /// Locks the shards of a request's keys, at most [`WINDOW`] of them; false, and nothing is held, when they were not had in
    /// time. Where the keys live is known to [`Access::places_of_request`] until the locks are released; until then the
    /// memory of the first key may not be used for another one.
    pub fn try_hold_request<'w>(&mut self, keys: impl Iterator<Item = &'w [u8]> + Clone) -> bool {
        let first = keys.clone().next().map(<[u8]>::as_ptr);
        let places = keys.map(|key| KeyPlace::of(self.space, key));
        let mut places: SmallVec<[KeyPlace; WINDOW]> = places.collect();
        let held = self.try_hold_window(&mut places);
        self.request = RequestKeys {
            first: first.filter(|_| held),
            places,
        };
        held
    }

    /// Where the keys of the request live whose shards were locked together, if `first` is the first of them.
    pub fn places_of_request(&self, first: &[u8]) -> Option<&[KeyPlace]> {
        let is_it = self.request.first == Some(first.as_ptr());
        is_it.then_some(&*self.request.places)
    }

    /// Locks the shards of a window's keys together; false, and nothing is held, when they were not had in time.
    #[inline]
    pub fn try_hold_window(&mut self, keys: &mut [KeyPlace]) -> bool {
        self.try_hold(|space| space.try_lock_window(keys))
    }

    /// As [`Access::focus`], for a key of the window that is held.
    #[inline]
    pub fn focus_in_window(&mut self, key: &[u8], at: &KeyPlace) {
        self.held.aim(at);
        self.focus(key, at.shard, at.hash);
    }

    /// Brings the bucket of a key towards the core; its shard is locked.
    #[inline]
    pub fn prefetch_bucket(&self, shard: u16, hash: u64) {
        if let Some(shard) = self.held.shard(shard) {
            shard.database(self.db).prefetch(hash);
        }
    }

    /// Brings the entry of a key towards the core; its bucket was prefetched before.
    #[inline]
    pub fn prefetch_entry(&self, shard: u16, hash: u64) {
        if let Some(shard) = self.held.shard(shard) {
            shard.database(self.db).prefetch_entry(hash);
        }
    }

    /// Brings members of collections towards the core, step by step for all of them together. Their keys' entries were
    /// prefetched before. The collections are looked up by their whole keys: a guess that is wrong for the one key of a
    /// large collection would be wrong for all of its members.
    pub fn prefetch_members(&self, members: &[MemberAt<'_>]) {
        let mut found = SmallVec::<[Approach<'_>; WINDOW]>::new();
        let mut last: Option<&MemberAt<'_>> = None;
        for member in members {
            let is_next =
                last.is_some_and(|last| last.place.hash == member.place.hash && last.key == member.key);
            let entry = match found.last() {
                Some(before) if is_next => Some(before.entry),
                _ => self.collection_at(member),
            };
            last = None;
            if let Some(entry) = entry {
                last = Some(member);
                found.push(Approach {
                    entry,
                    wanted: member.wanted,
                    is_next,
                });
            }
        }
        for step in Step::ALL {
            for Approach {
                entry,
                wanted,
                is_next,
            } in &found
            {
                let is_done = *is_next && step == Step::Head;
                if step <= wanted.until && !is_done {
                    entry.prefetch(step, *wanted);
                }
            }
        }
    }

    fn collection_at(&self, member: &MemberAt<'_>) -> Option<&Entry> {
        let shard = self.held.window_shard(&member.place)?;
        let database = shard.database(self.db);
        let entry = database.find(member.key, member.place.hash)?;
        (!entry.is_inline()).then_some(entry)
    }

    /// Brings the buckets of some keys, at most [`WINDOW`] of them, then their entries, towards the core; keys whose shards
    /// are not locked are left out. Finds out where the shards are among the locks, unless they were locked as a window.
    pub fn prefetch_keys(&self, keys: &mut [KeyPlace]) {
        let mut found: [Option<&Database>; WINDOW] = [None; WINDOW];
        let mut last_hash = None;
        for (key, found) in keys.iter_mut().zip(&mut found) {
            if let Some(shard) = self.held.find_window_shard(key)
                && last_hash.replace(key.hash) != Some(key.hash)
            {
                let database = shard.database(self.db);
                database.prefetch(key.hash);
                *found = Some(database);
            }
        }
        for (key, database) in keys.iter().zip(found) {
            if let Some(database) = database {
                database.prefetch_entry(key.hash);
            }
        }
    }
}
