//! One loop's walk over its share of the shards, after much was freed, that moves entries off sparse pages of memory (why:
//! `flashdb_store`'s `compact.rs`). A step is one segment of a table, under its shard's lock; the core loop decides how
//! many it takes at a time. Another walk follows when much was freed meanwhile, or much moved: then more may have been
//! freed behind it.

use crate::memory;
use flashdb_store::Access;

/// Where the walk is.
pub struct Compaction {
    under_way: bool,
    /// Whether much was freed again since the walk began.
    again: bool,
    first_shard: u16,
    shard: u16,
    db: u16,
    from: u32,
    seen: usize,
    moved: usize,
}

/// A walk that moves this part of the entries is followed by another one.
const MUCH: usize = 64;

impl Compaction {
    /// None under way; walks begin with `first_shard`.
    pub fn new(first_shard: u16) -> Self {
        Compaction {
            under_way: false,
            again: false,
            first_shard,
            shard: first_shard,
            db: 0,
            from: 0,
            seen: 0,
            moved: 0,
        }
    }

    /// Asks for a walk that begins after now; true when none is under way yet.
    pub fn ask(&mut self) -> bool {
        if memory::sparse().is_none() {
            return false;
        }
        self.again = self.under_way;
        !std::mem::replace(&mut self.under_way, true)
    }

    /// Whether there is a step to take.
    pub fn is_under_way(&self) -> bool {
        self.under_way
    }

    /// The shard that the next step needs locked.
    pub fn shard(&self) -> u16 {
        self.shard
    }

    /// One step. At the end of a walk the number of entries that it moved.
    pub fn step(&mut self, data: &mut Access<'_>, shards: usize, loops: usize) -> Option<usize> {
        let is_sparse = memory::sparse()?;
        let compacted = data.compact(self.shard, self.db, self.from, is_sparse);
        self.seen += compacted.seen;
        self.moved += compacted.moved;
        self.from = compacted.next.unwrap_or(0);
        if compacted.next.is_some() {
            return None;
        }
        self.db += 1;
        if usize::from(self.db) < compacted.databases {
            return None;
        }
        self.db = 0;
        let shard = usize::from(self.shard) + loops;
        if shard < shards {
            self.shard = shard as u16;
            return None;
        }
        self.shard = self.first_shard;
        let (seen, moved) = (std::mem::take(&mut self.seen), std::mem::take(&mut self.moved));
        self.under_way = std::mem::take(&mut self.again) || moved > seen / MUCH;
        Some(moved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flashdb_base::prng::Prng;
    use flashdb_store::{Entry, Expiry, Keyspace, Policy, Usage};

    const SHARDS: usize = 4;

    fn walk(compaction: &mut Compaction, data: &mut Access<'_>, loops: usize) -> usize {
        loop {
            let shard = compaction.shard();
            data.hold(|space| space.lock_one(shard));
            let ended = compaction.step(data, SHARDS, loops);
            data.release();
            if let Some(moved) = ended {
                return moved;
            }
        }
    }

    fn addresses(space: &Keyspace) -> Vec<(Vec<u8>, usize)> {
        let mut all = Vec::new();
        space.lock_as_touched().for_each_shard(|_, shard| {
            let entries = (0..2).flat_map(|db| shard.database(db).iter().collect::<Vec<&Entry>>());
            all.extend(entries.map(|entry| (entry.key().to_vec(), entry.address().addr())));
        });
        all.sort_unstable();
        all
    }

    #[test]
    fn walks_of_all_loops_move_each_entry_once() {
        memory::set_sparse(|_| true);
        let (space, _collector) = Keyspace::new(SHARDS, 2, 2);
        let policy = Policy {
            touch: false,
            usage: Usage::Lru,
            expire: false,
        };
        let mut data = Access::new(&space, policy, Prng::from_seed(1));
        for number in 0..9000 {
            data.hold(|space| space.lock_as_touched());
            data.db = number % 2;
            data.set_string(format!("key:{number}").as_bytes(), b"some value", Expiry::Clear);
            data.release();
        }
        let before = addresses(&space);
        let mut loops = [Compaction::new(0), Compaction::new(1)];
        assert!(loops.iter_mut().all(Compaction::ask), "none was under way");
        let moved = loops.each_mut().map(|one| walk(one, &mut data, 2));
        assert_eq!(moved.iter().sum::<usize>(), 9000);
        assert!(
            loops.iter().all(Compaction::is_under_way),
            "much moved: another walk"
        );
        let after = addresses(&space);
        assert!(
            before
                .iter()
                .map(|(key, _)| key)
                .eq(after.iter().map(|(key, _)| key))
        );
        assert_ne!(before, after);
    }

    #[test]
    fn what_is_freed_during_a_walk_asks_for_another() {
        memory::set_sparse(|_| true);
        let (space, _collector) = Keyspace::new(SHARDS, 1, 1);
        let policy = Policy {
            touch: false,
            usage: Usage::Lru,
            expire: false,
        };
        let mut data = Access::new(&space, policy, Prng::from_seed(1));
        let mut compaction = Compaction::new(0);
        assert!(compaction.ask());
        assert!(!compaction.ask(), "one is under way");
        walk(&mut compaction, &mut data, 1);
        assert!(compaction.is_under_way(), "the second");
        assert_eq!(walk(&mut compaction, &mut data, 1), 0);
        assert!(!compaction.is_under_way(), "nothing was there to be moved");
    }
}
