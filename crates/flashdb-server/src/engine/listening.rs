//! Who listens to what: channels, patterns and shard channels with the number of their subscribers, read off the table that
//! messages are delivered by. PUBSUB tells the same piece by piece, and nothing of which patterns there are.

use super::Engine;
pub use crate::pubsub::{Heard, Kind as ListeningKind, ListenedTo, Totals as ListeningTotals};

impl Engine {
    /// What is listened to and matches `pattern`, most subscribers first and then by name, at most `limit` of it; and how many
    /// match. O(names).
    pub fn listened_to(&self, pattern: Option<&[u8]>, limit: usize) -> (Vec<ListenedTo>, usize) {
        let mut found = self.server.pubsub.listened_to(pattern);
        let matching = found.len();
        found.sort_unstable_by(|one, other| {
            let more = other.subscribers.cmp(&one.subscribers);
            more.then_with(|| one.name.cmp(&other.name))
                .then_with(|| one.kind.cmp(&other.kind))
        });
        found.truncate(limit);
        (found, matching)
    }

    /// How much is listened to. O(names).
    pub fn listening_totals(&self) -> ListeningTotals {
        self.server.pubsub.totals()
    }

    /// Messages that were published, and those that clients were sent of them, since the start.
    pub fn heard(&self) -> Heard {
        self.server.pubsub.heard()
    }
}
