//! Who listens to what: channels, patterns and shard channels with the number of their subscribers, read off the table that
//! messages are delivered by. PUBSUB tells the same piece by piece, and nothing of which patterns there are.

use super::Engine;
pub use crate::pubsub::{Heard, Kind as ListeningKind, ListenedTo, Totals as ListeningTotals};

impl Engine {
    /// What is listened to and matches `pattern`, most subscribers first and then by name, at most `limit` of it; and how many
    /// match. O(names).
    pub fn listened_to(&self, pattern: Option<&[u8]>, limit: usize) -> (Vec<ListenedTo>, usize) {
        self.server.pubsub.listened_to(pattern, limit)
    }

    /// How much is listened to. O(1).
    pub fn listening_totals(&self) -> ListeningTotals {
        self.server.pubsub.totals()
    }

    /// Messages that were published, and those that clients were sent of them, since the start.
    pub fn heard(&self) -> Heard {
        self.server.pubsub.heard()
    }
}
