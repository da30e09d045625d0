//! Messages per second by each name that is listened to: from how many there had been when somebody asked before. Publishing does
//! nothing for it, and nothing is looked at while nobody asks. Bounded in names; they are told apart by their hash, since they may
//! be long.

use flashdb_base::hash::hash_bytes;
use flashdb_server::engine::{ListenedTo, ListeningKind};
use std::collections::BTreeMap;

/// Names that are remembered: more than one answer has.
const NAMES_MAX: usize = 4096;
/// The least time that a rate is of: that of a moment would jump.
const TIME_MIN_MS: i64 = 1000;
/// What was counted longer ago tells nothing of now.
const TIME_MAX_MS: i64 = 60_000;

/// See the module's head.
#[derive(Default)]
pub(super) struct ByName {
    seen: BTreeMap<(ListeningKind, u64), Seen>,
    /// When those were forgotten that tell nothing any more: once for each answer, not for each name in it.
    tidied_t: i64,
}

/// How many messages there had been at a time.
#[derive(Clone, Copy)]
struct Count {
    t: i64,
    messages: u64,
}

struct Seen {
    last: Count,
    /// The one that rates are counted from.
    before: Option<Count>,
}

impl Seen {
    fn new(count: Count) -> Self {
        Seen {
            last: count,
            before: None,
        }
    }

    fn note(&mut self, count: Count) {
        let passed_ms = count.t - self.last.t;
        // Who listens has gone meanwhile and come back, or the clock was set.
        let is_another = count.messages < self.last.messages || passed_ms < 0;
        if is_another || passed_ms > TIME_MAX_MS {
            *self = Seen::new(count);
        } else if passed_ms >= TIME_MIN_MS {
            self.before = Some(self.last);
            self.last = count;
        }
    }

    fn rate(&self, count: Count) -> Option<f64> {
        let before = self.before?;
        let seconds = (count.t - before.t) as f64 / 1000.0;
        let rate = count.messages.saturating_sub(before.messages) as f64 / seconds;
        Some((rate * 10.0).round() / 10.0)
    }
}

impl ByName {
    /// Messages per second of what was listened to at `t`, since it was asked for before, a second ago at least and a minute at
    /// most; `None` where that is not known.
    pub fn rate(&mut self, listened: &ListenedTo, t: i64) -> Option<f64> {
        let count = Count {
            t,
            messages: listened.messages,
        };
        let place = (listened.kind, hash_bytes(&listened.name));
        if let Some(seen) = self.seen.get_mut(&place) {
            seen.note(count);
            return seen.rate(count);
        }
        if self.seen.len() >= NAMES_MAX && self.tidied_t != t {
            self.tidied_t = t;
            self.seen
                .retain(|_, seen| (0..=TIME_MAX_MS).contains(&(t - seen.last.t)));
        }
        if self.seen.len() < NAMES_MAX {
            self.seen.insert(place, Seen::new(count));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listened(name: &str, messages: u64) -> ListenedTo {
        ListenedTo {
            kind: ListeningKind::Channel,
            name: name.as_bytes().into(),
            subscribers: 1,
            messages,
        }
    }

    #[test]
    fn a_rate_is_of_a_second_at_least_and_known_from_the_second_look_on() {
        let mut rates = ByName::default();
        let mut rate = |t, messages| rates.rate(&listened("news", messages), t);
        assert_eq!(rate(0, 100), None);
        assert_eq!(rate(400, 110), None, "too soon to tell");
        assert_eq!(rate(2000, 120), Some(10.0));
        // Another viewer asks in between: neither spoils what the other one is told.
        assert_eq!(rate(2500, 125), Some(10.0));
        assert_eq!(rate(4000, 124), Some(2.0));
        assert_eq!(rate(9000, 124), Some(0.0));
    }

    #[test]
    fn what_began_anew_or_was_long_ago_tells_nothing() {
        let mut rates = ByName::default();
        let mut rate = |t, messages| rates.rate(&listened("news", messages), t);
        assert_eq!(rate(0, 100), None);
        assert_eq!(rate(1000, 3), None, "somebody began to listen anew");
        assert_eq!(rate(2000, 4), Some(1.0));
        assert_eq!(rate(1500, 5), None, "the clock was set back");
        assert_eq!(rate(100_000, 500), None);
        assert_eq!(rate(101_000, 501), Some(1.0));
    }

    #[test]
    fn kinds_are_told_apart_and_names_are_bounded() {
        let mut rates = ByName::default();
        let shard = ListenedTo {
            kind: ListeningKind::Shard,
            ..listened("a", 50)
        };
        assert_eq!(rates.rate(&listened("a", 1), 0), None);
        assert_eq!(rates.rate(&shard, 1000), None);
        assert_eq!(rates.rate(&listened("a", 2), 1000), Some(1.0));
        for at in 0..2 * NAMES_MAX {
            assert_eq!(rates.rate(&listened(&at.to_string(), 0), 1000), None);
        }
        assert_eq!(rates.seen.len(), NAMES_MAX);
        assert_eq!(rates.rate(&listened("new", 0), 90_000), None);
        assert_eq!(
            rates.rate(&listened("new", 5), 91_000),
            Some(5.0),
            "old ones made room"
        );
    }
}
