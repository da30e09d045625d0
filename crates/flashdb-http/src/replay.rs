//! What viewers can be shown again after their connection broke (`streams.rs`): of topics whose events are the same for all who may
//! watch them, the last minute, at most 1,000 events and 512 KiB of each. All messages that are events have a number, in the order
//! in which the hub took them; a viewer knows up to which it has all. Where something is missing behind that number, the log says
//! so: it was dropped, or nobody watched and nothing was written down.

use crate::topic::{Replay, TOPICS, Topic};
use axum::extract::ws::Utf8Bytes;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long events are kept, and for how long a viewer may be gone.
pub(crate) const KEPT_TIME: Duration = Duration::from_secs(60);
const EVENTS_MAX: usize = 1000;
const BYTES_MAX: usize = 512 << 10;

/// See the module's head.
#[derive(Default)]
pub(crate) struct Log {
    /// Number of the newest event.
    position: u64,
    topics: [Kept; TOPICS],
}

#[derive(Default)]
struct Kept {
    events: VecDeque<Logged>,
    bytes: usize,
    /// Up to this number something is missing.
    hole: u64,
}

struct Logged {
    number: u64,
    at: Instant,
    message: Utf8Bytes,
}

/// The events of a topic behind a number.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Replayed {
    pub messages: Vec<Utf8Bytes>,
    /// Nothing is missing.
    pub whole: bool,
}

impl Log {
    /// The number of the newest event.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Numbers an event that is not kept.
    pub fn advance(&mut self) -> u64 {
        self.position += 1;
        self.position
    }

    /// Numbers an event, and keeps it if its topic's are.
    pub fn note(&mut self, topic: Topic, message: &Utf8Bytes, at: Instant) -> u64 {
        let number = self.advance();
        if topic.row().replay == Replay::Never {
            return number;
        }
        let kept = &mut self.topics[topic as usize];
        kept.bytes += message.len();
        kept.events.push_back(Logged {
            number,
            at,
            message: message.clone(),
        });
        while kept.events.len() > EVENTS_MAX || kept.bytes > BYTES_MAX {
            kept.drop_oldest();
        }
        number
    }

    /// From now on events of the topic are not told to anybody, or some were not.
    pub fn break_off(&mut self, topic: Topic) {
        self.topics[topic as usize].hole = self.advance();
    }

    /// Drops what is too old.
    pub fn forget_old(&mut self, now: Instant) {
        for kept in &mut self.topics {
            let is_old = |event: &Logged| now.saturating_duration_since(event.at) > KEPT_TIME;
            while kept.events.front().is_some_and(is_old) {
                kept.drop_oldest();
            }
        }
    }

    /// The events of the topic behind the number `seen`, oldest first.
    pub fn after(&self, topic: Topic, seen: u64) -> Replayed {
        let kept = &self.topics[topic as usize];
        let first = kept.events.partition_point(|event| event.number <= seen);
        let events = kept.events.range(first..);
        Replayed {
            messages: events.map(|event| event.message.clone()).collect(),
            whole: topic.row().replay != Replay::Never && seen >= kept.hole,
        }
    }

    /// Memory that is taken, about, in bytes.
    pub fn bytes(&self) -> usize {
        let of = |kept: &Kept| kept.bytes + kept.events.capacity() * size_of::<Logged>();
        self.topics.iter().map(of).sum()
    }
}

impl Kept {
    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.events.pop_front() {
            self.bytes -= oldest.message.len();
            self.hole = oldest.number;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(n: usize) -> Utf8Bytes {
        n.to_string().into()
    }

    #[test]
    fn what_came_behind_a_number_is_there() {
        let (mut log, now) = (Log::default(), Instant::now());
        for n in 1..=4 {
            let topic = [Topic::Command, Topic::Alert][n % 2];
            assert_eq!(log.note(topic, &text(n), now), n as u64);
        }
        let after = |seen| log.after(Topic::Command, seen);
        assert_eq!(after(1).messages, [text(2), text(4)]);
        assert_eq!(after(2).messages, [text(4)]);
        assert!(after(0).whole && after(4).whole && after(4).messages.is_empty());
        assert!(log.bytes() > 4);
    }

    #[test]
    fn what_is_not_kept_is_a_hole() {
        let (mut log, now) = (Log::default(), Instant::now());
        log.note(Topic::Keyspace, &text(1), now);
        assert_eq!(
            log.after(Topic::Keyspace, 0),
            Replayed {
                messages: vec![],
                whole: false
            }
        );
        log.note(Topic::Command, &text(2), now);
        log.break_off(Topic::Command);
        // Whoever has seen all up to then has missed what was not written down.
        assert!(!log.after(Topic::Command, 2).whole);
        assert!(log.after(Topic::Command, 3).whole && log.after(Topic::Alert, 0).whole);
    }

    #[test]
    fn a_log_is_bounded_in_events_bytes_and_time() {
        let (mut log, now) = (Log::default(), Instant::now());
        for n in 1..=EVENTS_MAX + 1 {
            log.note(Topic::Command, &text(n), now);
        }
        assert_eq!(log.after(Topic::Command, 0).messages.len(), EVENTS_MAX);
        assert!(!log.after(Topic::Command, 0).whole && log.after(Topic::Command, 1).whole);
        let large = Utf8Bytes::from("x".repeat(BYTES_MAX / 4));
        for _ in 0..9 {
            log.note(Topic::SlowLog, &large, now);
        }
        assert_eq!(log.after(Topic::SlowLog, 0).messages.len(), 4);
        assert!(log.bytes() < 2 * BYTES_MAX + EVENTS_MAX * 200);
        let later = now + KEPT_TIME + Duration::from_millis(1);
        log.note(Topic::SlowLog, &text(1), later);
        log.forget_old(later);
        assert_eq!(log.after(Topic::SlowLog, 0).messages, [text(1)]);
        assert!(log.after(Topic::Command, 0).messages.is_empty());
    }
}
