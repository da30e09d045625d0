//! Who listens to what: channels, patterns and shard channels with the number of their subscribers, read off the table that
//! messages are delivered by. PUBSUB tells the same piece by piece, and nothing of which patterns there are.

use super::Engine;
pub use crate::pubsub::{Heard, Kind as ListeningKind, ListenedTo, Totals as ListeningTotals};

impl Engine {
    /// What is listened to and by whose name `is_wanted`, most subscribers first and then by name, at most `limit` of it; and how
    /// much is wanted. O(names); no loop waits for `is_wanted`.
    pub fn listened_to(&self, is_wanted: impl Fn(&[u8]) -> bool, limit: usize) -> (Vec<ListenedTo>, usize) {
        self.server.pubsub.listened_to(is_wanted, limit)
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
