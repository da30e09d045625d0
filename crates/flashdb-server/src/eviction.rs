//! Keeping the data below `maxmemory`: before a command that needs memory, and ten times a second,
//! keys are evicted by the policy until the last sample of memory in use is back under the limit or
//! the slice of time is over.

use crate::commit;
use crate::dispatch::{Turn, serve};
use flashdb_base::clock;
use flashdb_config::{MaxmemoryPolicy, Settings};
use flashdb_resp::OwnedArgs;
use flashdb_store::{Eviction, Victim};
use std::sync::atomic::Ordering;

/// Longest time spent on eviction at once.
const SLICE_US: u64 = 500;

/// Time after a search for keys to evict that found none before another one by the way.
const LOOK_AGAIN_MS: i64 = 100;

/// Whether the data has outgrown `maxmemory`, by the last sample and what commands have changed since.
#[inline]
pub fn is_over_limit(turn: &Turn<'_, '_>) -> bool {
    let limit = turn.settings.maxmemory;
    // While a script runs its locks are held on this thread: nothing can be done about it then. While data is loaded what goes
    // would be missing when the log speaks of it.
    limit > 0
        && !turn.attending
        && turn.server.memory.used_bytes() as u64 > limit
        && !turn.server.is_loading()
}

fn policy(settings: &Settings) -> Option<Eviction> {
    use MaxmemoryPolicy as P;
    let (victim, volatile_only) = match settings.maxmemory_policy {
        P::NoEviction => return None,
        P::AllkeysLru => (Victim::LeastRecent, false),
        P::VolatileLru => (Victim::LeastRecent, true),
        P::AllkeysLfu => (Victim::LeastFrequent(settings.lfu_decay_time), false),
        P::VolatileLfu => (Victim::LeastFrequent(settings.lfu_decay_time), true),
        P::AllkeysRandom => (Victim::Random, false),
        P::VolatileRandom => (Victim::Random, true),
        P::VolatileTtl => (Victim::SoonestExpiry, true),
    };
    Some(Eviction {
        victim,
        volatile_only,
        samples: settings.maxmemory_samples as usize,
    })
}

/// What came of a slice of eviction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evicted {
    /// The data is below the limit.
    Enough,
    /// The time was over first, or none may go at the moment; more keys can go.
    Some,
    /// No key may go, and the data is above the limit.
    Nothing,
}

/// Evicts keys while the data is over the limit, for one slice of time. Holds no locks before and
/// after. Nothing goes while that could not be logged: writes are refused then for another reason than memory.
pub fn evict(turn: &mut Turn<'_, '_>) -> Evicted {
    if turn.server.space.log().refuses_writes() {
        return Evicted::Some;
    }
    let Some(eviction) = policy(turn.settings) else {
        return if is_over_limit(turn) {
            Evicted::Nothing
        } else {
            Evicted::Enough
        };
    };
    let deadline_us = clock::monotonic_us() + SLICE_US;
    let shards = turn.server.space.shards_count() as u64;
    let request = OwnedArgs::from_words([b"evict".as_slice()]);
    // A random shard each time, but from a barren one to the next, so that the search for the last key ends.
    let mut shard = turn.data.prng.below(shards) as u16;
    let (mut barren, mut found) = (0, false);
    // A look at every shard takes less than the slice; so that it leads to something, the first key is looked for to the end.
    while is_over_limit(turn) && barren < shards && (!found || clock::monotonic_us() < deadline_us) {
        turn.enter();
        turn.data.hold(|space| space.lock_one(shard));
        match turn.data.evict_one(shard, &eviction) {
            Some(bytes) => {
                (barren, found) = (0, true);
                shard = turn.data.prng.below(shards) as u16;
                turn.server.memory.freed(bytes);
                turn.server.loops[turn.lane].stats.evicted_keys.add(1);
                let ready = commit::commit(turn.server, turn.data, &request.as_args());
                serve(turn, ready);
            }
            None => {
                barren += 1;
                shard = ((u64::from(shard) + 1) % shards) as u16;
            }
        }
        turn.data.release();
    }
    match (is_over_limit(turn), barren < shards) {
        (false, _) => Evicted::Enough,
        (true, true) => Evicted::Some,
        (true, false) => {
            let until_ms = turn.data.now_ms + LOOK_AGAIN_MS;
            turn.server
                .memory
                .barren_until_ms
                .store(until_ms, Ordering::Relaxed);
            Evicted::Nothing
        }
    }
}

/// As [`evict`], ten times a second. Not while a snapshot has more to write than is good: before a key goes, those beside
/// it are captured, which takes memory instead of giving it back. Clients that write wait then.
pub fn evict_on_time(turn: &mut Turn<'_, '_>) {
    if !turn.server.space.snapshot_is_congested() {
        evict(turn);
    }
}

/// As [`evict`], before a command that needs no memory itself: not again soon after a search that found nothing, which
/// would cost each command of a full server a look at every shard.
pub fn evict_by_the_way(turn: &mut Turn<'_, '_>) {
    if turn.data.now_ms >= turn.server.memory.barren_until_ms.load(Ordering::Relaxed) {
        evict(turn);
    }
}
