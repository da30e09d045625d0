//! Logins from an address that has failed too often wait before their password is looked at.
//!
//! The first failures are free: people mistype, and programs start before their configuration. After
//! that each login from there, right or wrong, gets a turn of its own, so that one address tries a few
//! passwords a second however many connections it has; what would wait too long is refused at once.
//! Failures are forgotten over time. A client that waits keeps its place in the loop's timers and
//! nothing else; no loop waits. Connections of the own process, which speak for whoever comes over
//! HTTP, are counted apart: anybody may fail there, through a proxy on this machine, too, and must not
//! keep its applications out.

use crate::client::ClientInfo;
use flashdb_base::address::host_of;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Failures that cost nothing.
const FREE_FAILURES: u32 = 10;
/// Time in which one failure is forgotten.
const FORGET_MS: i64 = 5_000;
/// Failures remembered of one address.
const FAILURES_MAX: u32 = 100;
/// Time between two logins from an address that has failed too often.
const TURN_MS: i64 = 250;
/// Longest wait for a turn.
const WAIT_MAX_MS: i64 = 5_000;
/// Addresses remembered; beyond these those with the fewest failures are forgotten.
const ADDRESSES_MAX: usize = 4096;

/// When a login may be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Now.
    Now,
    /// At this Unix time, ms.
    At(i64),
    /// Not at all: too many wait already.
    Refused,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    failures: u32,
    /// Unix time up to which failures were forgotten, ms.
    counted_ms: i64,
    /// When the next login gets its turn.
    next_ms: i64,
}

/// Where logins come from that are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// Whether they come through a connection of the own process.
    is_guest: bool,
    /// `None` for the Unix socket, whose clients are one.
    host: Option<IpAddr>,
}

impl Origin {
    /// Where a client's logins come from.
    pub fn of(info: &ClientInfo) -> Self {
        Origin::new(&info.addr, info.is_guest)
    }

    fn new(addr: &str, is_guest: bool) -> Self {
        let address: Option<SocketAddr> = addr.parse().ok();
        let host = address.map(|address| host_of(address.ip()));
        Origin { is_guest, host }
    }
}

/// Addresses with failed logins.
#[derive(Default)]
pub struct Logins {
    /// Number of addresses, so that a login costs no lock while there are none.
    count: AtomicUsize,
    records: Mutex<HashMap<Origin, Record>>,
}

impl Record {
    fn forget(&mut self, now_ms: i64) {
        // A clock that was set back must not keep an address out for as long.
        self.counted_ms = self.counted_ms.min(now_ms);
        self.next_ms = self.next_ms.min(now_ms + WAIT_MAX_MS + TURN_MS);
        let forgotten = (now_ms - self.counted_ms) / FORGET_MS;
        self.counted_ms += forgotten * FORGET_MS;
        self.failures = self
            .failures
            .saturating_sub(u32::try_from(forgotten).unwrap_or(u32::MAX));
    }
}

impl Logins {
    /// When a login from there may be looked at; takes the turn.
    pub fn turn(&self, origin: Origin, now_ms: i64) -> Turn {
        if self.count.load(Ordering::Acquire) == 0 {
            return Turn::Now;
        }
        let mut records = self.records.lock();
        let Some(record) = records.get_mut(&origin) else {
            return Turn::Now;
        };
        record.forget(now_ms);
        if record.failures <= FREE_FAILURES {
            return Turn::Now;
        }
        let at_ms = record.next_ms.max(now_ms + TURN_MS);
        if at_ms > now_ms + WAIT_MAX_MS {
            return Turn::Refused;
        }
        record.next_ms = at_ms + TURN_MS;
        Turn::At(at_ms)
    }

    /// Notes a failed login; returns how many there were lately.
    pub fn note_failure(&self, origin: Origin, now_ms: i64) -> u32 {
        let mut records = self.records.lock();
        if records.len() >= ADDRESSES_MAX && !records.contains_key(&origin) {
            make_room(&mut records, now_ms);
        }
        let record = records.entry(origin).or_insert(Record {
            failures: 0,
            counted_ms: now_ms,
            next_ms: now_ms,
        });
        record.forget(now_ms);
        record.failures = (record.failures + 1).min(FAILURES_MAX);
        let failures = record.failures;
        self.count.store(records.len(), Ordering::Release);
        failures
    }
}

/// Drops what is forgotten by now; if that is nothing, the half with the fewest failures.
fn make_room(records: &mut HashMap<Origin, Record>, now_ms: i64) {
    records.retain(|_, record| {
        record.forget(now_ms);
        record.failures > 0
    });
    if records.len() < ADDRESSES_MAX {
        return;
    }
    let mut failures: Vec<u32> = records.values().map(|record| record.failures).collect();
    let middle = failures.len() / 2;
    let (_, &mut median, _) = failures.select_nth_unstable(middle);
    let mut excess = records.len() - middle;
    records.retain(|_, record| {
        let drop = record.failures <= median && excess > 0;
        excess -= usize::from(drop);
        !drop
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(addr: &str) -> Origin {
        Origin::new(addr, false)
    }

    #[test]
    fn the_first_failures_are_free_then_logins_take_turns() {
        let logins = Logins::default();
        let addr = from("10.0.0.1:5000");
        for _ in 0..FREE_FAILURES {
            assert_eq!(logins.turn(addr, 0), Turn::Now);
            logins.note_failure(addr, 0);
        }
        assert_eq!(logins.turn(addr, 0), Turn::Now);
        logins.note_failure(addr, 0);
        assert_eq!(logins.turn(from("10.0.0.1:6000"), 0), Turn::At(TURN_MS));
        assert_eq!(logins.turn(addr, 0), Turn::At(2 * TURN_MS));
        assert_eq!(logins.turn(from("10.0.0.2:1"), 0), Turn::Now);
        assert_eq!(logins.turn(from("/tmp/socket:0"), 0), Turn::Now);
        let waits = (0..100).take_while(|_| logins.turn(addr, 0) != Turn::Refused);
        assert_eq!(waits.count() as i64, WAIT_MAX_MS / TURN_MS - 2);
        assert_eq!(logins.turn(addr, -1_000_000), Turn::Refused);
        assert_ne!(logins.turn(addr, -1_000_000 + 2 * TURN_MS), Turn::Refused);
        // All that is forgotten with time.
        assert_eq!(logins.turn(addr, FORGET_MS), Turn::Now);
    }

    #[test]
    fn guests_keep_no_clients_out_and_clients_no_guests() {
        let logins = Logins::default();
        let addr = "127.0.0.1:5000";
        let origins = [true, false].map(|is_guest| Origin::new(addr, is_guest));
        for (failing, other) in [(origins[0], origins[1]), (origins[1], origins[0])] {
            logins.records.lock().clear();
            for _ in 0..FAILURES_MAX {
                logins.note_failure(failing, 0);
            }
            assert_eq!(logins.turn(other, 0), Turn::Now);
            assert_ne!(logins.turn(failing, 0), Turn::Now);
        }
    }

    #[test]
    fn all_addresses_of_a_host_are_one() {
        let logins = Logins::default();
        for n in 0..=FREE_FAILURES {
            logins.note_failure(from(&format!("[2001:db8::{n}:1]:{n}")), 0);
            logins.note_failure(from(["10.0.0.1:1", "[::ffff:10.0.0.1]:1"][n as usize % 2]), 0);
        }
        for addr in ["[2001:db8::ffff:1]:1", "10.0.0.1:2", "[::ffff:10.0.0.1]:2"] {
            assert_ne!(logins.turn(from(addr), 0), Turn::Now, "{addr}");
        }
        assert_eq!(logins.turn(from("[2001:db8:0:1::1]:1"), 0), Turn::Now);
    }

    #[test]
    fn addresses_do_not_pile_up() {
        let logins = Logins::default();
        let address = |n: usize| from(&format!("10.{}.{}.{}:1", n >> 16, n >> 8 & 255, n & 255));
        for _ in 0..20 {
            logins.note_failure(address(0), 0);
        }
        for n in 1..3 * ADDRESSES_MAX {
            logins.note_failure(address(n), 0);
            assert!(logins.records.lock().len() <= ADDRESSES_MAX);
        }
        assert_ne!(logins.turn(address(0), 0), Turn::Now);
    }
}
