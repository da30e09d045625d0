//! The one place that turns what a command did into what follows from it: key-space events,
//! clients to wake, the count of changes. WATCH was told by the write guard already, under the
//! shard's lock. The log of decided effects takes its records here as well.

use crate::blocking::ReadyKey;
use crate::server::Server;
use flashdb_resp::Args;
use flashdb_store::{Access, Decided};
use std::sync::atomic::Ordering;

/// Settles the effects of one command or transaction; its locks are still held. Returns the keys
/// that blocked clients wait for, to be served next.
#[inline]
pub fn commit(server: &Server, data: &mut Access<'_>, args: &Args<'_>) -> Vec<ReadyKey> {
    debug_assert!(
        data.is_settled(),
        "{} took a write guard and announced neither a change nor its absence",
        String::from_utf8_lossy(args.at(0))
    );
    let effects = &data.effects;
    if effects.dirty == 0 && effects.touched.is_empty() && effects.expired == 0 && effects.expired_fields == 0
    {
        return Vec::new();
    }
    settle(server, data)
}

fn settle(server: &Server, data: &mut Access<'_>) -> Vec<ReadyKey> {
    if data.effects.dirty > 0 {
        server.dirty.fetch_add(data.effects.dirty, Ordering::Relaxed);
    }
    let touched = std::mem::take(&mut data.effects.touched);
    let mut ready: Vec<ReadyKey> = Vec::new();
    for touch in &touched {
        if let Some((_, event)) = touch.event {
            server
                .pubsub
                .key_event(server, data.effects.published, touch.db, &touch.key, event);
        }
        let waited = touch.changed
            && !data
                .held()
                .shard_mut(touch.shard)
                .waiters(touch.db, &touch.key)
                .is_empty()
            && !ready
                .iter()
                .any(|known| known.db == touch.db && known.key == touch.key);
        if waited {
            ready.push(ReadyKey {
                db: touch.db,
                key: touch.key.clone(),
            });
        }
    }
    data.effects.clear();
    ready
}

/// Notes the request itself as the decided effect of a command that changed something and decided
/// nothing else; called per command of a transaction, whose effects are committed together.
pub fn decide_verbatim(data: &mut Access<'_>, dirty_before: u64, decided_before: usize, args: &Args<'_>) {
    let effects = &mut data.effects;
    if effects.recording && effects.dirty > dirty_before && effects.decided.len() == decided_before {
        effects.decided.push(Decided::Command(data.db, args.to_owned()));
    }
}
