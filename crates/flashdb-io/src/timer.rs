//! Deadlines of a core loop: an ordered set of (time, what). The same deadline is kept once however
//! often it is asked for, and one that no longer matters can be cancelled, so that the set is never
//! larger than what waits. Cost: O(log n) each.

use std::collections::BTreeSet;

/// Deadlines in milliseconds with a payload `W`.
pub struct Timers<W: Ord> {
    set: BTreeSet<(i64, W)>,
}

impl<W: Ord> Default for Timers<W> {
    fn default() -> Self {
        Timers { set: BTreeSet::new() }
    }
}

impl<W: Ord> Timers<W> {
    /// Asks for `what` at `at_ms`.
    pub fn add(&mut self, at_ms: i64, what: W) {
        self.set.insert((at_ms, what));
    }

    /// Takes back what was asked for; without effect if it is not waiting.
    pub fn cancel(&mut self, at_ms: i64, what: W) {
        self.set.remove(&(at_ms, what));
    }

    /// The next deadline.
    pub fn next_ms(&self) -> Option<i64> {
        self.set.first().map(|(at_ms, _)| *at_ms)
    }

    /// Takes one payload that is due at `now_ms`.
    pub fn due(&mut self, now_ms: i64) -> Option<W> {
        if self.next_ms()? > now_ms {
            return None;
        }
        self.set.pop_first().map(|(_, what)| what)
    }
}

#[cfg(test)]
mod tests {
    use super::Timers;

    #[test]
    fn due_in_order_and_not_before() {
        let mut timers = Timers::default();
        timers.add(30, 'c');
        timers.add(10, 'a');
        timers.add(20, 'b');
        assert_eq!(timers.due(9), None);
        assert_eq!(
            (timers.due(25), timers.due(25), timers.due(25)),
            (Some('a'), Some('b'), None)
        );
        assert_eq!(timers.next_ms(), Some(30));
    }

    #[test]
    fn kept_once_and_cancelled() {
        let mut timers = Timers::default();
        timers.add(10, 'a');
        timers.add(10, 'a');
        timers.add(10, 'b');
        timers.cancel(10, 'b');
        timers.cancel(11, 'a');
        assert_eq!((timers.due(10), timers.due(10)), (Some('a'), None));
    }
}
