//! Logins that failed, by user and host: five are free, then each makes the next wait twice as long. The engine slows an
//! address down by itself; this is what a person who guesses one user's password meets first. The password that failed last is
//! told to be wrong again while others wait: that is no guess, and whoever uses it learns what to mend.

use flashdb_base::address::host_of;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;

/// Failures in a row before anybody waits.
const FREE: u32 = 5;
const FIRST_WAIT_MS: i64 = 60_000;
const WAIT_MAX_MS: i64 = 15 * 60_000;
/// Rest after which failures are forgotten.
const FORGET_MS: i64 = 60_000;
/// Pairs remembered; beyond these the oldest are forgotten.
const PAIRS_MAX: usize = 4096;
/// Bytes of a user's name that count.
const NAME_BYTES_MAX: usize = 128;

struct Record {
    failures: u32,
    last_ms: i64,
    until_ms: i64,
    /// Keyed hash of the password that failed last.
    wrong: u64,
}

/// Why a login is not even tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Others of the user have failed: so many ms are left to wait.
    Wait(i64),
    /// This very password has failed last.
    Wrong,
}

/// See the module's head.
#[derive(Default)]
pub(crate) struct Attempts {
    records: Mutex<HashMap<(Vec<u8>, IpAddr), Record>>,
    /// So that nobody can tell a password from what is kept of it.
    key: RandomState,
}

fn pair(user: &[u8], address: IpAddr) -> (Vec<u8>, IpAddr) {
    (user[..user.len().min(NAME_BYTES_MAX)].to_vec(), host_of(address))
}

impl Attempts {
    /// Whether this login may be tried. Those under way at the same moment do not count yet: scripts log in with every request,
    /// and the number of connections to the engine bounds what a guesser gains by it.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn check(&self, user: &[u8], password: &[u8], address: IpAddr, now_ms: i64) -> Result<(), Refused> {
        let records = self.records.lock();
        match records.get(&pair(user, address)) {
            Some(record) if record.until_ms <= now_ms => Ok(()),
            Some(record) if record.wrong == self.key.hash_one(password) => Err(Refused::Wrong),
            Some(record) => Err(Refused::Wait(record.until_ms - now_ms)),
            None => Ok(()),
        }
    }

    /// A login has failed.
    pub fn failed(&self, user: &[u8], password: &[u8], address: IpAddr, now_ms: i64) {
        let mut records = self.records.lock();
        let key = pair(user, address);
        if records.len() >= PAIRS_MAX && !records.contains_key(&key) {
            records.retain(|_, record| !record.is_forgotten(now_ms));
        }
        if records.len() >= PAIRS_MAX
            && !records.contains_key(&key)
            && let Some(oldest) = records.iter().min_by_key(|(_, record)| record.last_ms)
        {
            let oldest = oldest.0.clone();
            records.remove(&oldest);
        }
        let record = records.entry(key).or_insert(Record {
            failures: 0,
            last_ms: now_ms,
            until_ms: now_ms,
            wrong: 0,
        });
        record.wrong = self.key.hash_one(password);
        if record.is_forgotten(now_ms) {
            record.failures = 0;
        }
        record.failures = record.failures.saturating_add(1);
        record.last_ms = now_ms;
        if record.failures >= FREE {
            let doubled = FIRST_WAIT_MS << (record.failures - FREE).min(10);
            record.until_ms = now_ms + doubled.min(WAIT_MAX_MS);
        }
    }

    /// A login was right.
    pub fn succeeded(&self, user: &[u8], address: IpAddr) {
        self.records.lock().remove(&pair(user, address));
    }
}

impl Record {
    fn is_forgotten(&self, now_ms: i64) -> bool {
        now_ms - self.until_ms.max(self.last_ms) > FORGET_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn waits_double_and_are_forgotten() {
        let attempts = Attempts::default();
        for _ in 0..FREE {
            assert_eq!(attempts.check(b"ada", b"right", HERE, 0), Ok(()));
            attempts.failed(b"ada", b"wrong", HERE, 0);
        }
        assert_eq!(
            attempts.check(b"ada", b"right", HERE, 1),
            Err(Refused::Wait(FIRST_WAIT_MS - 1))
        );
        assert_eq!(attempts.check(b"bob", b"right", HERE, 1), Ok(()));
        assert_eq!(attempts.check(b"ada", b"right", HERE, FIRST_WAIT_MS), Ok(()));
        attempts.failed(b"ada", b"wrong", HERE, FIRST_WAIT_MS);
        assert_eq!(
            attempts.check(b"ada", b"right", HERE, FIRST_WAIT_MS),
            Err(Refused::Wait(2 * FIRST_WAIT_MS))
        );
        let later = FIRST_WAIT_MS * 3 + FORGET_MS + 1;
        for _ in 1..FREE {
            attempts.failed(b"ada", b"wrong", HERE, later);
            assert_eq!(attempts.check(b"ada", b"right", HERE, later), Ok(()));
        }
        attempts.failed(b"ada", b"wrong", HERE, later);
        assert!(attempts.check(b"ada", b"right", HERE, later).is_err());
    }

    #[test]
    fn the_password_that_failed_last_is_wrong_while_others_wait() {
        let attempts = Attempts::default();
        for _ in 0..FREE {
            assert_eq!(attempts.check(b"ada", b"old", HERE, 0), Ok(()));
            attempts.failed(b"ada", b"old", HERE, 0);
        }
        assert_eq!(attempts.check(b"ada", b"old", HERE, 1), Err(Refused::Wrong));
        assert_eq!(
            attempts.check(b"ada", b"new", HERE, 1),
            Err(Refused::Wait(FIRST_WAIT_MS - 1))
        );
        // Then it is looked at: it may be the right one by now.
        assert_eq!(attempts.check(b"ada", b"old", HERE, FIRST_WAIT_MS), Ok(()));
        attempts.failed(b"ada", b"other", HERE, FIRST_WAIT_MS);
        assert!(matches!(
            attempts.check(b"ada", b"old", HERE, FIRST_WAIT_MS),
            Err(Refused::Wait(_))
        ));
    }

    #[test]
    fn a_right_password_clears_the_record() {
        let attempts = Attempts::default();
        for _ in 0..FREE {
            attempts.failed(b"ada", b"wrong", HERE, 0);
        }
        attempts.succeeded(b"ada", HERE);
        assert_eq!(attempts.check(b"ada", b"right", HERE, 0), Ok(()));
    }

    #[test]
    fn all_addresses_of_a_host_are_one() {
        let attempts = Attempts::default();
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        for n in 0..FREE {
            attempts.failed(b"ada", b"wrong", address(&format!("2001:db8::{n}:1")), 0);
        }
        let is_free = |text: &str| attempts.check(b"ada", b"right", address(text), 0).is_ok();
        assert!(!is_free("2001:db8::ffff:1") && is_free("2001:db8:0:1::1"));
        for n in 0..FREE {
            let form = ["10.0.0.1", "::ffff:10.0.0.1"][n as usize % 2];
            attempts.failed(b"ada", b"wrong", address(form), 0);
        }
        assert!(!is_free("10.0.0.1") && !is_free("::ffff:10.0.0.1") && is_free("10.0.0.2"));
    }

    #[test]
    fn names_do_not_pile_up() {
        let attempts = Attempts::default();
        for n in 0..PAIRS_MAX + 100 {
            let name = format!("{n}{}", "x".repeat(1000));
            attempts.failed(name.as_bytes(), b"wrong", HERE, n as i64 / 1000);
        }
        assert!(attempts.records.lock().len() <= PAIRS_MAX);
    }
}
