//! Time: the wall clock (Unix time) for expiry and ids, and a monotonic clock for durations.
//!
//! Code whose outcome depends on time takes a [`Clock`], so that tests and simulations can set it ([`ManualClock`]).
//! The free functions read the machine's clocks and are for the edges: loop turns, logs, statistics.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A source of time. Both readings are cheap (no system call on Linux).
pub trait Clock: Send + Sync {
    /// Microseconds since the Unix epoch. May jump when the machine's clock is set.
    fn unix_us(&self) -> u64;

    /// Microseconds since some fixed moment; never goes back.
    fn monotonic_us(&self) -> u64;

    /// Milliseconds since the Unix epoch.
    fn unix_ms(&self) -> u64 {
        self.unix_us() / 1000
    }
}

/// The machine's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn unix_us(&self) -> u64 {
        unix_us()
    }

    fn monotonic_us(&self) -> u64 {
        monotonic_us()
    }
}

/// A clock that stands still until it is moved. Both readings move together.
#[derive(Debug, Default)]
pub struct ManualClock {
    unix_us: AtomicU64,
    monotonic_us: AtomicU64,
}

impl ManualClock {
    /// A clock that shows `unix_ms` and a monotonic time of zero.
    pub fn at_ms(unix_ms: u64) -> Self {
        Self {
            unix_us: AtomicU64::new(unix_ms.saturating_mul(1000)),
            monotonic_us: AtomicU64::new(0),
        }
    }

    /// Lets `us` microseconds pass.
    pub fn advance_us(&self, us: u64) {
        self.unix_us.fetch_add(us, Ordering::SeqCst);
        self.monotonic_us.fetch_add(us, Ordering::SeqCst);
    }

    /// Lets `ms` milliseconds pass.
    pub fn advance_ms(&self, ms: u64) {
        self.advance_us(ms.saturating_mul(1000));
    }

    /// Sets the wall clock, as an administrator might; the monotonic reading stays.
    pub fn set_unix_ms(&self, unix_ms: u64) {
        self.unix_us.store(unix_ms.saturating_mul(1000), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn unix_us(&self) -> u64 {
        self.unix_us.load(Ordering::SeqCst)
    }

    fn monotonic_us(&self) -> u64 {
        self.monotonic_us.load(Ordering::SeqCst)
    }
}

/// Microseconds since the Unix epoch by the machine's clock; 0 when that is set before 1970.
#[inline]
pub fn unix_us() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_micros() as u64)
}

/// Milliseconds since the Unix epoch by the machine's clock; 0 when that is set before 1970.
#[inline]
pub fn unix_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64)
}

/// Nanoseconds since the first monotonic reading of this process.
#[inline]
pub fn monotonic_ns() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// Microseconds since the first monotonic reading of this process.
#[inline]
pub fn monotonic_us() -> u64 {
    monotonic_ns() / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_clock_is_sane() {
        let clock = SystemClock;
        assert!(clock.unix_ms() > 1_700_000_000_000);
        assert!(unix_us() / 1000 >= clock.unix_ms() - 1000);
        assert!(unix_ms().abs_diff(clock.unix_ms()) < 60_000);
        let first = clock.monotonic_us();
        assert!(clock.monotonic_us() >= first);
    }

    #[test]
    fn manual_clock_moves_only_when_told() {
        let clock = ManualClock::at_ms(5_000);
        assert_eq!((clock.unix_ms(), clock.monotonic_us()), (5_000, 0));
        clock.advance_us(1_500);
        assert_eq!(
            (clock.unix_us(), clock.unix_ms(), clock.monotonic_us()),
            (5_001_500, 5_001, 1_500)
        );
        clock.advance_ms(2);
        clock.set_unix_ms(1_000);
        assert_eq!((clock.unix_ms(), clock.monotonic_us()), (1_000, 3_500));
    }
}
