//! The one place that turns what a command did into what follows from it: key-space events,
//! clients to wake, clients to be told that their cache is stale, the count of changes. WATCH was told
//! by the write guard already, under the shard's lock. The decided effects become one frame here; it is
//! appended to the log before the locks are released.

use crate::blocking::{ReadyKey, ReadyKeys};
use crate::server::Server;
use flashdb_resp::Args;
use flashdb_store::Access;
use std::sync::atomic::Ordering;

/// Settles the effects of one command or transaction; its locks are still held. Returns the keys
/// that blocked clients wait for, to be served next.
#[inline]
pub fn commit(server: &Server, data: &mut Access<'_>, args: &Args<'_>) -> ReadyKeys {
    debug_assert!(
        data.is_settled(),
        "{} took a write guard and announced neither a change nor its absence",
        String::from_utf8_lossy(args.at(0))
    );
    let effects = &data.effects;
    let nothing_happened = effects.dirty == 0
        && effects.touched.is_empty()
        && effects.messages.is_empty()
        && !effects.replaced
        && !effects.log.has_open()
        && effects.expired == 0
        && effects.expired_fields == 0;
    if nothing_happened {
        return ReadyKeys::default();
    }
    settle(server, data)
}

#[inline]
fn settle(server: &Server, data: &mut Access<'_>) -> ReadyKeys {
    // Added up for a batch: other loops write to the same counter.
    data.effects.uncounted += data.effects.dirty;
    let effects = &data.effects;
    let is_heard = !effects.touched.is_empty() || !effects.messages.is_empty() || effects.replaced;
    let ready = if is_heard {
        tell(server, data)
    } else {
        ReadyKeys::default()
    };
    data.effects.settle();
    ready
}

/// Counts the changes that were settled since the last call.
#[inline]
pub fn count_changes(server: &Server, data: &mut Access<'_>) {
    let changes = std::mem::take(&mut data.effects.uncounted);
    if changes > 0 {
        server.dirty.fetch_add(changes, Ordering::Relaxed);
    }
}

/// Tells those who listen; returns the keys that blocked clients wait for.
#[inline(never)]
fn tell(server: &Server, data: &mut Access<'_>) -> ReadyKeys {
    let touched = std::mem::take(&mut data.effects.touched);
    let mut messages = std::mem::take(&mut data.effects.messages).into_iter().peekable();
    let mut ready = ReadyKeys::default();
    for (index, touch) in touched.into_iter().enumerate() {
        while let Some(message) = messages.next_if(|message| message.touched_before <= index) {
            server.pubsub.publish_held(server, &message);
        }
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
        if touch.changed {
            data.invalidate(touch);
        }
    }
    if data.effects.replaced && (server.tracking.count() > 0 || server.space.tracked().keys() > 0) {
        data.invalidate_all();
    }
    messages.for_each(|message| server.pubsub.publish_held(server, &message));
    ready
}
