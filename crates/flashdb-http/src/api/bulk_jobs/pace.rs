//! How fast a bulk job goes: at the rate that was asked for while the server answers quickly, and at half of it, and half of
//! that, while it does not. What clients wait for then is not behind a job that could as well take longer.

use std::time::Duration;
use tokio::time::Instant;

/// A batch that takes longer finds the server busy.
const BUSY_TIME: Duration = Duration::from_millis(20);
/// Batches in a second at the rate of the moment.
const BATCHES_PER_SECOND: f64 = 20.0;
const BATCH_KEYS_MAX: f64 = 500.0;
/// How much of the rate stays when the server is busy for long.
const SLOWEST: f64 = 0.01;
/// Growth with each quick batch.
const GROWTH: f64 = 1.25;
/// Time that is made up for: timers are late by a little, which would add up.
const LATE_TIME: Duration = Duration::from_millis(50);
/// Rest after a look, in times of what it took: looking takes a quarter of the time, however many keys there are.
const REST_PER_LOOK: u32 = 3;

/// See the module's head.
pub(in crate::api) struct Pace {
    asked: f64,
    rate: f64,
    due: Instant,
}

impl Pace {
    /// Begins at once, with `asked` keys per second.
    pub fn new(asked: u64) -> Self {
        Pace {
            asked: asked as f64,
            rate: asked as f64,
            due: Instant::now(),
        }
    }

    /// Keys per second of the moment.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// Takes another rate from now on.
    pub fn ask(&mut self, asked: u64) {
        let asked = asked as f64;
        if asked != self.asked {
            (self.asked, self.rate) = (asked, asked);
        }
    }

    /// Keys to change together.
    pub fn batch_keys(&self) -> usize {
        (self.rate / BATCHES_PER_SECOND).clamp(1.0, BATCH_KEYS_MAX) as usize
    }

    /// So many keys were changed, which took so long. Answers when the next may be.
    pub fn changed(&mut self, keys: usize, took: Duration, now: Instant) -> Instant {
        self.rate = if took > BUSY_TIME {
            (self.rate / 2.0).max(self.asked * SLOWEST).max(1.0)
        } else {
            (self.rate * GROWTH).min(self.asked)
        };
        self.charge(keys as f64, now)
    }

    /// Keys were looked at, which took so long. Answers when the next may be. The rate is for those that are changed.
    pub fn looked(&mut self, took: Duration, now: Instant) -> Instant {
        self.due = self.due.max(now + took.saturating_mul(REST_PER_LOOK));
        self.due
    }

    fn charge(&mut self, keys: f64, now: Instant) -> Instant {
        // No more than that: a job that was held up does not hurry afterwards.
        let earliest = now.checked_sub(LATE_TIME).unwrap_or(now);
        self.due = self.due.max(earliest) + Duration::from_secs_f64(keys / self.rate);
        self.due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_halves_while_the_server_is_busy_and_comes_back() {
        let (mut pace, now) = (Pace::new(1000), Instant::now());
        assert_eq!(pace.batch_keys(), 50);
        let due = pace.changed(50, Duration::from_millis(1), now);
        assert!((due - now).as_millis().abs_diff(50) <= 1, "{:?}", due - now);
        for _ in 0..20 {
            pace.changed(1, BUSY_TIME * 2, now);
        }
        assert_eq!((pace.rate(), pace.batch_keys()), (10.0, 1));
        for _ in 0..30 {
            pace.changed(1, Duration::ZERO, now);
        }
        assert_eq!(pace.rate(), 1000.0);
        pace.ask(1);
        assert_eq!((pace.rate(), pace.batch_keys()), (1.0, 1));
    }

    #[test]
    fn looking_takes_a_share_of_the_time_and_time_lost_is_not_made_up_for() {
        let (mut pace, now) = (Pace::new(1), Instant::now());
        let later = now + Duration::from_secs(60);
        let due = pace.looked(Duration::from_millis(2), later);
        assert_eq!(due - later, Duration::from_millis(6));
        let mut pace = Pace::new(1000);
        let due = pace.changed(100, Duration::ZERO, later);
        assert!((due - later).as_millis().abs_diff(100 - LATE_TIME.as_millis()) <= 1);
        assert_eq!(Pace::new(1_000_000).batch_keys(), 500);
    }
}
