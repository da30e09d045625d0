//! Active expiry on a core loop: rounds over its share of the shards, ten a second, cut into slices so short that nobody
//! notices them. A round that found more than a tenth of the keys it drew to be due is followed by another at once, so
//! that what is due but still there stays a small share; the rest of the time the loop sleeps.
//!
//! A slice comes after a turn's replies are sent. Had it gone on for as long as anything was found, a server with a steady
//! stream of expiring keys would never sleep: most draws meet keys that are not due.

use super::CoreLoop;
use crate::dispatch::Turn;
use crate::server::Server;
use flashdb_base::args::Span;
use flashdb_base::clock;
use flashdb_store::{ExpiryPass, Keyspace};
use std::sync::atomic::Ordering;

/// Longest time for active expiry in one turn, save the draws under way. While there is more to do every turn has such a
/// slice, so it adds to the latency of others: while a million keys expire together the p99 of single requests is 1.0 to
/// 1.5 times the quiet one. With 500 µs, and replies that waited for the slice, it was eight times.
const SLICE_US: u64 = 10;

/// A shard without any expiry time is looked at in one of so many rounds: most servers have none, and should sleep.
const BARREN_ROUNDS: u8 = 4;

static WORDS: [Span; 1] = [Span { start: 0, len: 6 }];

/// Where a loop's active expiry is.
pub(super) struct Round {
    /// The shard to go on with.
    shard: u16,
    /// Shards left in this round; 0 between rounds.
    left: usize,
    drawn: usize,
    due: usize,
    /// Shards, of the loop's, in which the last look found nothing that carries an expiry time.
    barren: Vec<bool>,
    /// Which of every [`BARREN_ROUNDS`] rounds this is.
    number: u8,
}

impl Round {
    /// No round yet, on the loop with this number.
    pub(super) fn new(first_shard: u16) -> Self {
        Round {
            shard: first_shard,
            left: 0,
            drawn: 0,
            due: 0,
            barren: Vec::new(),
            number: 0,
        }
    }

    /// Whether a round has been begun and not ended.
    pub(super) fn is_under_way(&self) -> bool {
        self.left > 0
    }

    fn begin(&mut self, shards: usize) {
        (self.left, self.drawn, self.due) = (shards, 0, 0);
        self.number = (self.number + 1) % BARREN_ROUNDS;
    }

    /// Leaves the round off if a snapshot has more to write than is good, and tells so: a key that goes is a change like any
    /// other, before which the keys beside it are captured. Clients that write wait, too. The next round goes on here.
    fn gives_way_to_snapshot(&mut self, space: &Keyspace) -> bool {
        let gives_way = space.snapshot_is_congested();
        if gives_way {
            self.left = 0;
        }
        gives_way
    }

    /// Whether the present shard need not be looked at in this round.
    fn skips(&self) -> bool {
        self.number > 0
            && self
                .barren
                .get(usize::from(self.shard))
                .is_some_and(|&barren| barren)
    }

    /// Adds what a pass over the present shard found, and goes on to the next of loop `loop_id` unless time ran out.
    fn note(&mut self, pass: ExpiryPass, loop_id: usize, loops: usize, shards: usize) {
        self.drawn += pass.drawn;
        self.due += pass.due;
        self.barren.resize(shards, false);
        self.barren[usize::from(self.shard)] = pass.drawn == 0;
        self.advance(loop_id, loops, shards, pass.unfinished);
    }

    fn advance(&mut self, loop_id: usize, loops: usize, shards: usize, stays: bool) {
        if !stays {
            let next = usize::from(self.shard) + loops;
            self.shard = if next < shards { next } else { loop_id } as u16;
            self.left -= 1;
        }
    }

    /// Whether the share of keys that were due, of those drawn in this round, is more than `effort` (1 to 10) bears with.
    fn found_much(&self, effort: u32) -> bool {
        self.due * 100 > self.drawn * 11usize.saturating_sub(effort as usize)
    }
}

impl CoreLoop {
    /// Begins a round, if none is under way.
    pub(super) fn begin_expiry(&mut self, turn: &Turn<'_, '_>) {
        if !self.expiry.is_under_way() {
            self.expiry.begin(shards_of(turn.server));
        }
    }

    /// A slice of the round that is under way, if there is one.
    #[inline]
    pub(super) fn expire(&mut self, turn: &mut Turn<'_, '_>) {
        if self.expiry.is_under_way() {
            self.slice_of_expiry(turn);
        }
    }

    /// A function of its own, so that counts of instructions can leave it out.
    #[inline(never)]
    fn slice_of_expiry(&mut self, turn: &mut Turn<'_, '_>) {
        let server = turn.server;
        if !server.active_expire.load(Ordering::Relaxed) || server.is_loading() || !turn.data.policy.expire {
            self.expiry.left = 0;
            return;
        }
        if self.expiry.gives_way_to_snapshot(&server.space) {
            return;
        }
        let began_us = clock::monotonic_us();
        let deadline_us = began_us + SLICE_US;
        let db = turn.data.db;
        let mut now_us = began_us;
        let (loops, shards) = (server.loops.len(), server.space.shards_count());
        while self.expiry.is_under_way() && now_us < deadline_us {
            if self.expiry.skips() {
                self.expiry.advance(self.id, loops, shards, false);
                continue;
            }
            self.expire_shard(turn, deadline_us);
            now_us = clock::monotonic_us();
        }
        turn.data.db = db;
        self.account_slice(turn, now_us - began_us);
        self.end_round(turn);
    }

    /// A pass over the round's present shard, and on to the next one unless time ran out.
    fn expire_shard(&mut self, turn: &mut Turn<'_, '_>, deadline_us: u64) {
        let (server, shard) = (turn.server, self.expiry.shard);
        self.lend(|| {
            turn.enter();
            turn.data.hold(|space| space.lock_one(shard));
        });
        let pass = turn.data.expire_due(shard, deadline_us);
        let stats = &server.loops[self.id].stats;
        stats.expired_keys.add(turn.data.effects.expired);
        stats.expired_fields.add(turn.data.effects.expired_fields);
        let words = flashdb_resp::Args::new(b"expire", &WORDS);
        let ready = crate::commit::commit(server, turn.data, &words);
        self.lend(|| crate::dispatch::serve(turn, ready));
        turn.leave();
        let (loops, shards) = (server.loops.len(), server.space.shards_count());
        self.expiry.note(pass, self.id, loops, shards);
    }

    fn account_slice(&self, turn: &Turn<'_, '_>, took_us: u64) {
        let stats = &turn.server.loops[self.id].stats;
        stats.expire_time_ns.add(took_us * 1000);
        stats
            .expire_time_caps
            .add(u64::from(self.expiry.is_under_way() && self.expiry.due > 0));
        let threshold_ms = turn.settings.latency_monitor_threshold;
        if threshold_ms > 0 && took_us / 1000 >= threshold_ms {
            let now_s = turn.data.now_ms / 1000;
            turn.server.latency.add("expire-cycle", now_s, took_us / 1000);
        }
    }

    /// At the end of a round: another one, if much was due.
    fn end_round(&mut self, turn: &Turn<'_, '_>) {
        if !self.expiry.is_under_way() && self.expiry.found_much(turn.settings.active_expire_effort) {
            self.expiry.begin(shards_of(turn.server));
        }
    }
}

/// How many shards a round goes through. Some loops have one less of their own; they look at one twice.
fn shards_of(server: &Server) -> usize {
    server.space.shards_count().div_ceil(server.loops.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use flashdb_store::{Coverage, Entry, Mode, Piece, Progress, SnapshotSink, SnapshotWalk, WalkBudget};
    use flashdb_types::pieces::Part;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    /// A sink that is congested when it is told to be.
    #[derive(Default)]
    struct Congested(AtomicBool);

    impl SnapshotSink for Congested {
        fn capture(&self, _: u16, _: u16, _: &[&Entry]) {}
        fn capture_head(&self, _: u16, _: u16, _: &Entry, _: usize) {}
        fn encode(&self, _: &Part<'_>, _: &mut Vec<u8>) {}
        fn capture_piece(&self, _: &Piece<'_>) {}
        fn cover(&self, _: u16, _: u16, _: Coverage<'_>) {}
        fn is_congested(&self) -> bool {
            self.0.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn a_round_is_left_off_while_a_snapshot_is_congested() {
        let (space, _collector) = Keyspace::new(8, 1, 1);
        let mut round = Round::new(1);
        round.begin(3);
        round.note(pass(20, 20, false), 1, 3, 8);
        assert!(!round.gives_way_to_snapshot(&space), "no snapshot");
        let sink = Arc::new(Congested::default());
        let closed = space.gate().close();
        let job = space.begin_snapshot(Mode::Full, false, sink.clone());
        let mut walk = SnapshotWalk::new(job.expect("no other"), space.gate().background_lane(0));
        drop(closed);
        assert!(!round.gives_way_to_snapshot(&space) && round.is_under_way());
        sink.0.store(true, Ordering::Relaxed);
        assert!(round.gives_way_to_snapshot(&space) && !round.is_under_way());
        round.begin(3);
        assert_eq!(round.shard, 4, "goes on where it was");
        assert!(round.gives_way_to_snapshot(&space));
        let budget = WalkBudget { entries: 9, bytes: 9 };
        while walk.step(&space, budget) != Progress::Done {}
        round.begin(3);
        assert!(!round.gives_way_to_snapshot(&space) && round.is_under_way());
    }

    fn pass(drawn: usize, due: usize, unfinished: bool) -> ExpiryPass {
        ExpiryPass {
            drawn,
            due,
            unfinished,
        }
    }

    #[test]
    fn a_round_goes_once_through_the_shards_of_its_loop() {
        let (mut round, mut seen) = (Round::new(1), Vec::new());
        round.begin(3);
        while round.is_under_way() {
            seen.push(round.shard);
            // Out of time once in each shard: it is gone on with.
            let again = seen.len() % 2 == 1;
            round.note(pass(20, 0, again), 1, 3, 8);
        }
        assert_eq!(seen, [1, 1, 4, 4, 7, 7]);
        assert_eq!((round.shard, round.drawn), (1, 120));
    }

    #[test]
    fn shards_without_expiry_times_are_looked_at_in_every_fourth_round() {
        let mut round = Round::new(0);
        let mut looks = [0; 2];
        for _ in 0..16 {
            round.begin(2);
            while round.is_under_way() {
                if round.skips() {
                    round.advance(0, 1, 2, false);
                    continue;
                }
                looks[usize::from(round.shard)] += 1;
                // Something in the second shard only.
                let drawn = usize::from(round.shard);
                round.note(pass(drawn, 0, false), 0, 1, 2);
            }
        }
        // The first look finds out.
        assert_eq!(looks, [5, 16]);
    }

    #[test]
    fn another_round_follows_when_more_was_due_than_the_effort_bears_with() {
        let mut round = Round::new(0);
        assert!(!round.found_much(1), "nothing drawn");
        round.begin(2);
        round.note(pass(100, 10, false), 0, 1, 2);
        assert!(!round.found_much(1));
        assert!(round.found_much(2));
        round.note(pass(0, 1, false), 0, 1, 2);
        assert!(round.found_much(1));
        round.begin(2);
        assert!(!round.found_much(10), "each round counts for itself");
        round.note(pass(100, 2, false), 0, 1, 2);
        assert!(round.found_much(10));
    }
}
