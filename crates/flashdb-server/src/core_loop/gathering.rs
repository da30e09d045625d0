//! A short rest of the loop before it falls asleep, while many clients send one request after the other. What comes in
//! meanwhile is served in one turn: one wait for readiness and one falling asleep for several requests, keys that are looked
//! up together, and peers that do not have to wake a sleeping thread with each request they send.
//!
//! A rest delays what comes in during it. So there is one only where that is little beside what a request takes its client
//! anyway, and only when there is nothing to do: a loop that never runs out of requests never rests.

use std::time::{Duration, Instant};

/// Requests are counted for so long, at least.
const PERIOD: Duration = Duration::from_millis(1);
/// What falling asleep and waking up take in addition to the rest that was asked for, about.
const WAKE: Duration = Duration::from_micros(20);
/// Requests that have to be expected during a rest: fewer save less than they lose.
const ARRIVALS_MIN: u64 = 3;
/// Rests that have to fit between two requests of a client. Half a rest is what one adds to a request on average.
const RESTS_PER_ROUND: u64 = 4;
/// A rest that took so much longer than asked for came late: the system's clock is coarse, or its cores are busy.
const LATE: Duration = Duration::from_micros(200);
/// What a late rest counts; one in time takes one back.
const LATE_WEIGHT: u32 = 4;
/// From here on, which means that more than a fifth came late, there is none for [`PENANCE`].
const LATE_LIMIT: u32 = 32;
const PENANCE: Duration = Duration::from_secs(1);

/// Decides whether the loop rests, by the requests of the last period.
pub(super) struct Gathering {
    rest: Duration,
    began: Instant,
    /// Number of the period; a connection that was counted in it remembers it.
    period: u32,
    requests: u64,
    clients: u64,
    pays: bool,
    lateness: u32,
    not_before: Option<Instant>,
}

impl Gathering {
    pub(super) fn new(now: Instant) -> Self {
        Gathering {
            rest: Duration::ZERO,
            began: now,
            period: 1,
            requests: 0,
            clients: 0,
            pays: false,
            lateness: 0,
            not_before: None,
        }
    }

    /// A connection has sent something; `counted` is where it notes the period in which it was counted last.
    #[inline]
    pub(super) fn count(&mut self, counted: &mut u32) {
        self.requests += 1;
        if *counted != self.period {
            *counted = self.period;
            self.clients += 1;
        }
    }

    /// A turn begins; rests are to be `rest_us` long, 0 for none.
    #[inline]
    pub(super) fn note_turn(&mut self, now: Instant, rest_us: u32) {
        let period = now.saturating_duration_since(self.began);
        if period >= PERIOD {
            self.rest = Duration::from_micros(rest_us.into());
            self.decide(now, period);
        }
    }

    fn decide(&mut self, now: Instant, period: Duration) {
        let ns = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let period_ns = ns(period);
        // Requests that come during a rest, as many times over as the period has nanoseconds.
        let arrivals = self.requests.saturating_mul(ns(self.rest + WAKE));
        let is_busy = arrivals >= ARRIVALS_MIN.saturating_mul(period_ns);
        let clients_have_time =
            self.clients.saturating_mul(period_ns) >= RESTS_PER_ROUND.saturating_mul(arrivals);
        let may = self.not_before.is_none_or(|time| now >= time);
        self.pays = !self.rest.is_zero() && is_busy && clients_have_time && may;
        self.began = now;
        self.period = self.period.wrapping_add(1);
        self.requests = 0;
        self.clients = 0;
    }

    /// Whether a loop that has nothing to do rests before it sleeps.
    #[inline]
    pub(super) fn pays(&self) -> bool {
        self.pays
    }

    /// Rests.
    pub(super) fn rest(&mut self) {
        let began = Instant::now();
        std::thread::sleep(self.rest);
        self.note_rest(began, Instant::now());
    }

    fn note_rest(&mut self, began: Instant, ended: Instant) {
        if ended.saturating_duration_since(began) <= self.rest + LATE {
            self.lateness = self.lateness.saturating_sub(1);
            return;
        }
        self.lateness += LATE_WEIGHT;
        if self.lateness >= LATE_LIMIT {
            self.lateness = 0;
            self.pays = false;
            self.not_before = Some(ended + PENANCE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST_US: u32 = 60;

    /// A loop's counting while `clients` in turn send a request each `gap`, for `time`.
    fn after(clients: u32, gap: Duration, time: Duration) -> Gathering {
        let began = Instant::now();
        let mut gathering = Gathering::new(began);
        let mut counted = vec![0; clients as usize];
        let mut at = Duration::ZERO;
        for client in (0..clients as usize).cycle() {
            gathering.note_turn(began + at, REST_US);
            if at >= time {
                break;
            }
            gathering.count(&mut counted[client]);
            at += gap;
        }
        gathering
    }

    const LONG: Duration = Duration::from_millis(10);

    #[test]
    fn many_clients_that_send_much_are_gathered() {
        assert!(after(50, Duration::from_micros(10), LONG).pays());
        assert!(after(5000, Duration::from_micros(10), LONG).pays());
    }

    #[test]
    fn few_clients_would_only_wait() {
        assert!(!after(1, Duration::from_micros(10), LONG).pays());
        assert!(!after(8, Duration::from_micros(10), LONG).pays());
        // Fifty that come again sooner than four rests take.
        assert!(!after(50, Duration::from_micros(3), LONG).pays());
    }

    #[test]
    fn few_requests_are_not_waited_for() {
        assert!(!after(50, Duration::from_micros(30), LONG).pays());
        assert!(!after(5000, Duration::from_micros(100), LONG).pays());
    }

    #[test]
    fn a_pause_of_the_clients_ends_it() {
        let mut gathering = after(50, Duration::from_micros(10), LONG);
        gathering.note_turn(gathering.began + Duration::from_millis(5), REST_US);
        assert!(!gathering.pays());
    }

    #[test]
    fn it_can_be_switched_off() {
        let mut gathering = after(50, Duration::from_micros(10), LONG);
        for client in 0..50 {
            for _ in 0..2 {
                gathering.count(&mut client.clone());
            }
        }
        gathering.note_turn(gathering.began + PERIOD, 0);
        assert!(!gathering.pays());
    }

    #[test]
    fn rests_that_come_late_end_it_for_a_while() {
        let mut gathering = after(50, Duration::from_micros(10), LONG);
        let now = gathering.began;
        for _ in 0..LATE_LIMIT / LATE_WEIGHT {
            assert!(gathering.pays());
            gathering.note_rest(now, now + LATE * 2);
        }
        assert!(!gathering.pays());
        let again = |gathering: &mut Gathering, at: Instant| {
            gathering.began = at - PERIOD;
            (0..100).for_each(|client| gathering.count(&mut (client % 50)));
            gathering.clients = 50;
            gathering.note_turn(at, REST_US);
            gathering.pays()
        };
        assert!(!again(&mut gathering, now + PENANCE / 2));
        assert!(again(&mut gathering, now + PENANCE * 2));
    }

    #[test]
    fn a_late_rest_now_and_then_is_forgiven() {
        let mut gathering = after(50, Duration::from_micros(10), LONG);
        let now = gathering.began;
        for turn in 0..1000 {
            let took = if turn % 10 == 0 {
                LATE * 2
            } else {
                Duration::from_micros(60)
            };
            gathering.note_rest(now, now + took);
        }
        assert!(gathering.pays());
    }
}
