//! `tracking-table-max-keys`: above it keys are forgotten, any of them, and their readers told as if they had changed.
//! Before each command as many as a command can bring, and ten times a second until the table is small enough again.

use crate::dispatch::Turn;
use flashdb_base::clock;

/// Keys forgotten before a command.
const KEYS_AT_ONCE: usize = 100;
/// Longest time spent on it at a time.
const SLICE_US: u64 = 500;

/// Whether more keys are remembered than may be.
#[inline]
pub fn is_over_bound(turn: &Turn<'_, '_>) -> bool {
    let limit = turn.settings.tracking_table_max_keys;
    // While a script runs its locks are held on this thread: nothing can be done about it then.
    limit > 0 && !turn.attending && turn.server.space.tracked().keys() as u64 > limit
}

/// Forgets keys while there are too many, a few or (`thorough`) for a slice of time. Holds no locks before and after.
pub fn keep_bound(turn: &mut Turn<'_, '_>, thorough: bool) {
    let mut left = if thorough { usize::MAX } else { KEYS_AT_ONCE };
    let deadline_us = clock::monotonic_us() + SLICE_US;
    let shards = turn.server.space.shards_count() as u64;
    turn.enter();
    let mut shard = turn.data.prng.below(shards);
    let mut barren = 0;
    while is_over_bound(turn) && left > 0 && barren < shards && clock::monotonic_us() < deadline_us {
        turn.data.hold(|space| space.lock_one(shard as u16));
        if turn.data.forget_a_read(shard as u16) {
            left -= 1;
            barren = 0;
        } else {
            barren += 1;
        }
        shard = (shard + 1) % shards;
    }
    turn.data.release();
}
