//! A limit on how often something is said, for log lines that clients can provoke: so many a second, and how many were left
//! out is said with the next one. No clock in here: the caller tells the time.

use std::sync::atomic::{AtomicU64, Ordering};

/// See the module's head. Threads may share one; under a race a line more or less is let through.
#[derive(Debug, Default)]
pub struct RateLimit {
    second: AtomicU64,
    allowed: AtomicU64,
    left_out: AtomicU64,
}

impl RateLimit {
    /// One that has let nothing through yet.
    pub const fn new() -> Self {
        RateLimit {
            second: AtomicU64::new(0),
            allowed: AtomicU64::new(0),
            left_out: AtomicU64::new(0),
        }
    }

    /// Whether one more may be let through in this second (of any clock), of which at most `per_second` are; if so, how
    /// many were left out since the last one.
    pub fn allow(&self, now_seconds: u64, per_second: u64) -> Option<u64> {
        if self.second.swap(now_seconds, Ordering::Relaxed) != now_seconds {
            self.allowed.store(0, Ordering::Relaxed);
        }
        if self.allowed.fetch_add(1, Ordering::Relaxed) < per_second {
            Some(self.left_out.swap(0, Ordering::Relaxed))
        } else {
            self.left_out.fetch_add(1, Ordering::Relaxed);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_a_second_and_the_rest_counted() {
        let limit = RateLimit::new();
        let in_second = |second| (0..5).map(|_| limit.allow(second, 2)).collect::<Vec<_>>();
        assert_eq!(in_second(7), [Some(0), Some(0), None, None, None]);
        assert_eq!(in_second(8), [Some(3), Some(0), None, None, None]);
        assert_eq!(limit.allow(9, 0), None);
        assert_eq!(limit.allow(10, 1), Some(4));
    }
}
