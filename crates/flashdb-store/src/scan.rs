//! Walking over a database across its shards: SCAN, KEYS, RANDOMKEY. Without the closed gate only one
//! shard is locked at a time, so that a long walk holds up nobody for more than one bucket or one
//! shard; what is written meanwhile in other shards is seen or not, as Redis promises for SCAN.
//!
//! A cursor is the table's own (40 bits) with the shard above it. Shards never change size or
//! number while the process runs, so a key that is there during the whole walk is visited.
//!
//! Expired keys met on the way are gathered and removed at the end, under the locks of all their shards
//! taken in order, because effects have to be committed under the locks of the keys they are about.

use crate::access::Access;
use crate::entry::Entry;

/// Bits of a cursor that belong to the table.
pub(crate) const TABLE_BITS: u32 = 40;

/// Draws before RANDOMKEY stops hoping to hit a key that has not expired.
const DRAWS_MAX: usize = 100;

/// Buckets that RANDOMKEY walks when all its draws hit expired keys.
const BUCKETS_MAX: usize = 1000;

impl Access<'_> {
    /// Makes sure that `shard` is locked; under the open gate any other is given up. Only for
    /// commands without declared keys.
    pub fn turn_to(&mut self, shard: u16) {
        if !self.held().covers(shard) {
            self.hold(|space| space.lock_one(shard));
        }
    }

    /// Visits the live keys of one bucket of the selected database and returns the cursor of the next
    /// step, 0 at the end; shards without keys cost no step. Expired keys go to `due`, which the caller hands to
    /// [`Access::remove_due`] at its end.
    pub fn scan(&mut self, cursor: u64, due: &mut Vec<Box<[u8]>>, mut visit: impl FnMut(&Entry)) -> u64 {
        let shards = self.space().shards_count() as u64;
        let (mut shard, mut at) = (cursor >> TABLE_BITS, cursor & ((1 << TABLE_BITS) - 1));
        let (db, now_ms) = (self.db, self.now_ms);
        while shard < shards {
            self.turn_to(shard as u16);
            let database = self.held().shard_mut(shard as u16).database(db);
            if database.is_empty() {
                (shard, at) = (shard + 1, 0);
                continue;
            }
            at = database.scan(at, |entry| match entry.expire_at_ms() {
                Some(at_ms) if at_ms <= now_ms => due.push(entry.key().into()),
                _ => visit(entry),
            });
            return match at {
                0 if shard + 1 == shards => 0,
                0 => (shard + 1) << TABLE_BITS,
                at => shard << TABLE_BITS | at,
            };
        }
        0
    }

    /// Removes those of `keys` whose time has come, and keeps their shards locked until the command's end.
    pub fn remove_due(&mut self, keys: &[Box<[u8]>]) {
        if keys.is_empty() || !self.policy.expire {
            return;
        }
        if !self.held().is_lazy() {
            let shards = keys.iter().map(|key| self.space().shard_of(key)).collect();
            self.hold(|space| space.lock(shards));
        }
        for key in keys {
            self.find_quietly(key);
        }
    }

    /// Visits all live keys of the selected database.
    pub fn for_each_key(&mut self, mut visit: impl FnMut(&Entry)) {
        let (db, now_ms) = (self.db, self.now_ms);
        self.held().for_each_shard(|_, shard| {
            let live = |entry: &&Entry| entry.expire_at_ms().is_none_or(|at_ms| at_ms > now_ms);
            shard.database(db).iter().filter(live).for_each(&mut visit);
        });
    }

    /// A random live key of the selected database; each about equally likely. Expired ones that were
    /// drawn on the way are removed. `None` when nothing is there, or nothing live was found among very many expired
    /// keys.
    pub fn random_key(&mut self) -> Option<Box<[u8]>> {
        let db = self.db;
        let mut lens = Vec::with_capacity(self.space().shards_count());
        self.held()
            .for_each_shard(|_, shard| lens.push(shard.database(db).len() as u64));
        let total: u64 = lens.iter().sum();
        let (mut due, mut found) = (Vec::new(), None);
        for _ in 0..DRAWS_MAX {
            if total == 0 || found.is_some() {
                break;
            }
            let place = self.prng.next_u64() % total;
            match self.draw(&lens, place) {
                Some((key, true)) => found = Some(key),
                Some((key, false)) => due.push(key),
                None => {}
            }
        }
        if found.is_none() && total > 0 {
            found = self.any_key();
        }
        self.remove_due(&due);
        found
    }

    /// A random key of the shard in which key number `place` lies, and whether it is live.
    fn draw(&mut self, lens: &[u64], mut place: u64) -> Option<(Box<[u8]>, bool)> {
        let shard = lens.iter().position(|&len| {
            let here = place < len;
            place = place.saturating_sub(len);
            here
        })? as u16;
        self.turn_to(shard);
        let (db, now_ms, random) = (self.db, self.now_ms, self.prng.next_u64());
        let entry = self.held().shard_mut(shard).database(db).sample(random)?;
        let live = entry.expire_at_ms().is_none_or(|at_ms| at_ms > now_ms);
        Some((entry.key().into(), live))
    }

    fn any_key(&mut self) -> Option<Box<[u8]>> {
        let (mut cursor, mut due, mut found) = (0, Vec::new(), None);
        for _ in 0..BUCKETS_MAX {
            cursor = self.scan(cursor, &mut due, |entry| found = Some(Box::from(entry.key())));
            if cursor == 0 || found.is_some() {
                break;
            }
        }
        found
    }
}
