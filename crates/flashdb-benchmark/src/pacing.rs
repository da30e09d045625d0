//! When requests of the open loop are due, and a wake-up at that moment.
//!
//! The schedule follows from the start and the rate alone; nothing that the server does moves it. epoll waits in whole
//! milliseconds, too coarse for rates above some hundred per second, so on Linux a timer descriptor wakes the loop.

use mio::{Registry, Token};
use std::io;
use std::time::Duration;

/// The requests of one thread: the `k`-th is due `(k * threads + thread) / rate` seconds after the start.
#[derive(Clone, Debug)]
pub struct Schedule {
    start_ns: u64,
    period_ns: f64,
    /// Number, among all threads, of the next request.
    next: u64,
    threads: u64,
    count: u64,
}

impl Schedule {
    /// `count` requests in all threads together, `rate` per second.
    pub fn new(start_ns: u64, rate: f64, count: u64, thread: usize, threads: usize) -> Self {
        Self {
            start_ns,
            period_ns: 1e9 / rate,
            next: thread as u64,
            threads: threads as u64,
            count,
        }
    }

    /// When the next request is due; `None` after the last.
    #[inline]
    pub fn due_ns(&self) -> Option<u64> {
        (self.next < self.count).then(|| self.start_ns + (self.next as f64 * self.period_ns) as u64)
    }

    /// Goes on to the request after it.
    #[inline]
    pub fn advance(&mut self) {
        self.next += self.threads;
    }

    /// When the last request of all threads is due.
    pub fn end_ns(&self) -> u64 {
        self.start_ns + (self.count as f64 * self.period_ns) as u64
    }
}

/// Wakes an event loop at a moment.
#[derive(Debug)]
pub struct Alarm {
    #[cfg(target_os = "linux")]
    timer: std::os::fd::OwnedFd,
    armed_for_ns: u64,
}

impl Alarm {
    /// An alarm whose going off shows as an event of `token`.
    ///
    /// # Errors
    /// Those of the system.
    #[cfg(target_os = "linux")]
    pub fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};
        use std::os::fd::AsRawFd;
        let timer = timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC,
        )?;
        registry.register(
            &mut mio::unix::SourceFd(&timer.as_raw_fd()),
            token,
            mio::Interest::READABLE,
        )?;
        Ok(Self {
            timer,
            armed_for_ns: 0,
        })
    }

    /// An alarm by the event loop's own time limit.
    #[cfg(not(target_os = "linux"))]
    pub fn new(_registry: &Registry, _token: Token) -> io::Result<Self> {
        Ok(Self { armed_for_ns: 0 })
    }

    /// How long the loop may wait if it has to be awake at `due_ns`, and after `limit_ns` in any case. Arms the timer.
    ///
    /// # Errors
    /// Those of the system.
    pub fn wait(&mut self, now_ns: u64, due_ns: Option<u64>, limit_ns: u64) -> io::Result<Duration> {
        match due_ns {
            Some(due_ns) if due_ns <= now_ns => Ok(Duration::ZERO),
            Some(due_ns) if due_ns - now_ns < limit_ns => self.wait_until(now_ns, due_ns, limit_ns),
            _ => Ok(Duration::from_nanos(limit_ns)),
        }
    }

    #[cfg(target_os = "linux")]
    fn wait_until(&mut self, now_ns: u64, due_ns: u64, limit_ns: u64) -> io::Result<Duration> {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};
        if self.armed_for_ns != due_ns {
            self.armed_for_ns = due_ns;
            let left_ns = due_ns - now_ns;
            let value = Timespec {
                tv_sec: (left_ns / 1_000_000_000) as i64,
                tv_nsec: (left_ns % 1_000_000_000) as i64,
            };
            let interval = Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            };
            timerfd_settime(
                &self.timer,
                TimerfdTimerFlags::empty(),
                &Itimerspec {
                    it_interval: interval,
                    it_value: value,
                },
            )?;
        }
        Ok(Duration::from_nanos(limit_ns))
    }

    #[cfg(not(target_os = "linux"))]
    fn wait_until(&mut self, now_ns: u64, due_ns: u64, _limit_ns: u64) -> io::Result<Duration> {
        Ok(Duration::from_nanos(due_ns - now_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_share_one_even_schedule() {
        let mut due = Vec::new();
        for thread in 0..3 {
            let mut schedule = Schedule::new(1_000, 1_000_000.0, 10, thread, 3);
            assert_eq!(schedule.end_ns(), 11_000);
            while let Some(at) = schedule.due_ns() {
                due.push(at);
                schedule.advance();
            }
        }
        due.sort_unstable();
        assert_eq!(
            due,
            (0..10).map(|index| 1_000 + index * 1_000).collect::<Vec<_>>()
        );
    }

    /// Three wake-ups a fraction of a millisecond apart come, and none comes early.
    #[test]
    fn wakes_between_milliseconds() {
        let mut poll = mio::Poll::new().expect("poll");
        let mut alarm = Alarm::new(poll.registry(), Token(0)).expect("alarm");
        let mut events = mio::Events::with_capacity(4);
        for _ in 0..3 {
            let now_ns = flashdb_base::clock::monotonic_ns();
            let due_ns = now_ns + 300_000;
            loop {
                let now_ns = flashdb_base::clock::monotonic_ns();
                if now_ns >= due_ns {
                    break;
                }
                let wait = alarm.wait(now_ns, Some(due_ns), 5_000_000_000).expect("armed");
                poll.poll(&mut events, Some(wait)).expect("polled");
            }
            let late_ns = flashdb_base::clock::monotonic_ns() - due_ns;
            assert!(late_ns < 4_000_000_000, "the alarm did not go off: {late_ns}");
        }
    }
}
