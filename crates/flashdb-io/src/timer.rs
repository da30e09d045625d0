//! Deadlines of a core loop. A heap of (time, what); cancelling is left to the owner, who checks on
//! delivery whether the deadline still matters. Cost: O(log n) each.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Deadlines in milliseconds with a payload `W`.
pub struct Timers<W: Ord> {
    heap: BinaryHeap<Reverse<(i64, W)>>,
}

impl<W: Ord> Default for Timers<W> {
    fn default() -> Self {
        Timers {
            heap: BinaryHeap::new(),
        }
    }
}

impl<W: Ord> Timers<W> {
    /// Asks for `what` at `at_ms`.
    pub fn add(&mut self, at_ms: i64, what: W) {
        self.heap.push(Reverse((at_ms, what)));
    }

    /// The next deadline.
    pub fn next_ms(&self) -> Option<i64> {
        self.heap.peek().map(|Reverse((at_ms, _))| *at_ms)
    }

    /// Takes one payload that is due at `now_ms`.
    pub fn due(&mut self, now_ms: i64) -> Option<W> {
        if self.next_ms()? > now_ms {
            return None;
        }
        self.heap.pop().map(|Reverse((_, what))| what)
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
}
