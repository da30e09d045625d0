//! Client-side caching: remembering who has read a key, and finding who is to be told of a change. Both under the lock
//! of the key's shard; nobody is told here.

use super::Access;
use crate::effects::{Invalidation, Touched};
use crate::tracked::Readers;
use flashdb_base::hash::hash_bytes;

impl Access<'_> {
    /// Remembers that `reader` has read `key`, whose shard is locked. For `is_alive` see [`crate::TrackedKeys`].
    pub fn remember_reader(&mut self, key: &[u8], reader: u64, is_alive: impl Fn(u64) -> bool) {
        let (space, place) = (self.space, self.place(key));
        let shard = self.held.shard_mut(place.shard);
        shard
            .tracked
            .remember(space.tracked(), key, place.hash, reader, is_alive);
    }

    /// Whether a change of `key` concerns anybody: who watches or waits for a key of its shard, or is to be told of it.
    #[inline]
    pub(super) fn is_heard(&mut self, key: &[u8], place: super::Place) -> bool {
        let shard = self.held.shard_mut(place.shard);
        shard.has_listeners() || shard.tracked.contains(key, place.hash) || self.space.tracked().broadcasts()
    }

    /// Notes who is to be told of a change, if anybody is. Its locks are still held.
    pub fn invalidate(&mut self, touch: Touched) {
        let space = self.space;
        let tracked = &mut self.held.shard_mut(touch.shard).tracked;
        let readers = if tracked.is_empty() {
            Readers::new()
        } else {
            tracked.take(space.tracked(), &touch.key, hash_bytes(&touch.key))
        };
        if !readers.is_empty() || space.tracked().broadcasts() {
            self.effects.invalidations.push(Invalidation::Key {
                key: touch.key,
                readers,
                author: touch.author,
            });
        }
    }

    /// Forgets one remembered key of the locked shard `shard`, for the bound of the table; its readers are to be told as
    /// if it had changed. False when there is none.
    pub fn forget_a_read(&mut self, shard: u16) -> bool {
        let (space, random) = (self.space, self.prng.next_u64());
        let taken = self
            .held
            .shard_mut(shard)
            .tracked
            .take_any(space.tracked(), random);
        let Some((key, readers)) = taken else {
            return false;
        };
        self.effects
            .invalidations
            .push(Invalidation::Forgotten { key, readers });
        true
    }

    /// Forgets all remembered keys after all data has changed: every reader is to be told. Needs the closed gate, or
    /// no lock.
    pub fn invalidate_all(&mut self) {
        let space = self.space;
        if space.tracked().keys() > 0 {
            self.held.for_each_shard(|_, shard| {
                if !shard.tracked.is_empty() {
                    space.discard_tracked(shard.tracked.take_all(space.tracked()));
                }
            });
        }
        self.effects
            .invalidations
            .push(Invalidation::All { told: Readers::new() });
    }
}
