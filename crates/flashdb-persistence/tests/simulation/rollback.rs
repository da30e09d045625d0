//! Rollback transactions (TXN-07..09): several requests that are undone at a random point, or where one of them fails. What
//! is undone leaves no trace in the data, its accounts or the log; that the disk has none either, snapshots included, is
//! what the oracle finds out after the next crash.

use crate::run::run_next;
use crate::test_live::Live;
use crate::test_requests::Requests;
use crate::test_state::state;
use flashdb_store::{Keyspace, ValueRef};

/// Runs up to `count` requests as one rollback transaction; whether it was rolled back.
pub fn run(live: &mut Live<'_>, requests: &mut Requests, count: u64) -> bool {
    let space = live.data.space();
    let (before, logged, db) = (state(space), space.log().appended(), live.data.db);
    (live.mode.in_exec, live.mode.retry) = (true, false);
    live.begin_group();
    live.data.begin_undo();
    let fails = run_some(live, requests, count);
    if fails {
        live.data.roll_back();
        assert!(
            !live.data.effects.log.has_open() && live.data.effects.touched.is_empty(),
            "effects are left"
        );
        live.history.push("(rolled back)".into());
    } else {
        live.data.end_undo();
    }
    live.end_group();
    check_accounts(space);
    if fails {
        assert_eq!(state(space), before, "{:#?}", live.history);
        assert_eq!((space.log().appended(), live.data.db), (logged, db));
    }
    fails
}

/// Whether the transaction is to be undone.
fn run_some(live: &mut Live<'_>, requests: &mut Requests, count: u64) -> bool {
    let fails_at = requests.prng.below(2 * count);
    for nth in 0..count {
        if nth == fails_at {
            return true;
        }
        if requests.prng.below(4) == 0 {
            run_script(live, requests);
        } else if run_next(live, requests).starts_with(b"-") {
            return true;
        }
    }
    false
}

/// As a script does that finds out in its course that it has to begin again under other locks.
fn run_script(live: &mut Live<'_>, requests: &mut Requests) {
    live.data.begin_undo();
    for _ in 0..requests.prng.below(4) {
        run_next(live, requests);
    }
    if requests.prng.below(2) == 0 {
        live.data.roll_back();
    } else {
        live.data.end_undo();
    }
}

/// Every byte is accounted for, and everything that expires is known.
fn check_accounts(space: &Keyspace) {
    let _pass = space.gate().close();
    let mut held = space.lock_as_touched();
    held.for_each_shard(|_, shard| {
        for db in 0..space.databases_count() as u16 {
            let database = shard.database(db);
            let bytes: usize = database.iter().map(|entry| entry.memory_bytes()).sum();
            assert_eq!(bytes + database.table_bytes(), database.memory_bytes());
            let volatile = database.iter().filter(|entry| entry.expire_at_ms().is_some());
            assert_eq!(volatile.count(), database.volatile_len());
            let expiring = |value| matches!(value, ValueRef::Hash(hash) if hash.next_expiry_ms().is_some());
            let fields = database.iter().filter(|entry| expiring(entry.value()));
            assert_eq!(fields.count(), database.volatile_fields_len());
        }
    });
}
