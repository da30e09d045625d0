//! Logins that failed, by user and address: five are free, then each makes the next wait twice as long. The engine slows an
//! address down by itself; this is what a person who guesses one user's password meets first.

use parking_lot::Mutex;
use std::collections::HashMap;
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
}

/// See the module's head.
#[derive(Default)]
pub(crate) struct Attempts(Mutex<HashMap<(Vec<u8>, IpAddr), Record>>);

fn pair(user: &[u8], address: IpAddr) -> (Vec<u8>, IpAddr) {
    (
        user[..user.len().min(NAME_BYTES_MAX)].to_vec(),
        address.to_canonical(),
    )
}

impl Attempts {
    /// Whether this login may be tried. Those under way at the same moment do not count yet: scripts log in with every request,
    /// and the number of connections to the engine bounds what a guesser gains by it.
    ///
    /// # Errors
    /// How long it has to wait, ms.
    pub fn check(&self, user: &[u8], address: IpAddr, now_ms: i64) -> Result<(), i64> {
        let records = self.0.lock();
        match records.get(&pair(user, address)) {
            Some(record) if record.until_ms > now_ms => Err(record.until_ms - now_ms),
            _ => Ok(()),
        }
    }

    /// A login has failed.
    pub fn failed(&self, user: &[u8], address: IpAddr, now_ms: i64) {
        let mut records = self.0.lock();
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
        });
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
        self.0.lock().remove(&pair(user, address));
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
            assert_eq!(attempts.check(b"ada", HERE, 0), Ok(()));
            attempts.failed(b"ada", HERE, 0);
        }
        assert_eq!(attempts.check(b"ada", HERE, 1), Err(FIRST_WAIT_MS - 1));
        assert_eq!(attempts.check(b"bob", HERE, 1), Ok(()));
        assert_eq!(attempts.check(b"ada", HERE, FIRST_WAIT_MS), Ok(()));
        attempts.failed(b"ada", HERE, FIRST_WAIT_MS);
        assert_eq!(
            attempts.check(b"ada", HERE, FIRST_WAIT_MS),
            Err(2 * FIRST_WAIT_MS)
        );
        let later = FIRST_WAIT_MS * 3 + FORGET_MS + 1;
        for _ in 1..FREE {
            attempts.failed(b"ada", HERE, later);
            assert_eq!(attempts.check(b"ada", HERE, later), Ok(()));
        }
        attempts.failed(b"ada", HERE, later);
        assert!(attempts.check(b"ada", HERE, later).is_err());
    }

    #[test]
    fn a_right_password_clears_the_record() {
        let attempts = Attempts::default();
        for _ in 0..FREE {
            attempts.failed(b"ada", HERE, 0);
        }
        attempts.succeeded(b"ada", HERE);
        assert_eq!(attempts.check(b"ada", HERE, 0), Ok(()));
    }

    #[test]
    fn names_do_not_pile_up() {
        let attempts = Attempts::default();
        for n in 0..PAIRS_MAX + 100 {
            let name = format!("{n}{}", "x".repeat(1000));
            attempts.failed(name.as_bytes(), HERE, n as i64 / 1000);
        }
        assert!(attempts.0.lock().len() <= PAIRS_MAX);
    }
}
