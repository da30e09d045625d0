//! Sessions: who logged in, until when, and whether they may write. In memory only; ids are random and kept as hashes, so
//! that a dump of the memory opens nothing.

use crate::audit::{Noted, Reason, Turn};
use flashdb_server::engine::{AuditTrail, Engine, Identity};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// Time without a request after which a session ends.
pub(crate) const IDLE_MS: i64 = 30 * 60_000;
/// Time after which it ends in any case.
pub(crate) const LIFE_MS: i64 = 12 * 3_600_000;
/// Time for which it may write once it was unlocked.
const UNLOCK_MS: i64 = 15 * 60_000;
/// Time for which an id that was replaced still looks: requests of the same page may be under way with it.
const REPLACED_MS: i64 = 10_000;
/// Sessions at a time; another one takes the place of one that nobody needs.
const SESSIONS_MAX: usize = 1024;
/// Those of one user.
const SESSIONS_PER_USER_MAX: usize = 32;
/// Rest after which a session may lose its place.
const SPARE_MS: i64 = 5 * 60_000;
/// How often those that are over are looked for.
const SWEEP_MS: i64 = 10_000;
const ID_BYTES: usize = 32;
const HANDLE_BYTES: usize = 8;

type Hash = [u8; 32];
/// A session and its id.
type Known<H> = (String, Arc<Session<H>>);

/// Whoever a session is of.
pub(crate) trait Holder {
    /// The user's name.
    fn name(&self) -> &[u8];
}

impl Holder for Identity {
    fn name(&self) -> &[u8] {
        Identity::name(self)
    }
}

/// A session.
pub(crate) struct Session<H = Identity> {
    /// Whoever logged in, as of the login.
    pub identity: H,
    /// What it is called by in lists; opens nothing.
    pub handle: String,
    /// From where.
    pub peer: SocketAddr,
    /// What requests that change something have to carry.
    pub csrf: Mutex<String>,
    pub created_ms: i64,
    last_ms: AtomicI64,
    /// There was a request after the login.
    used: AtomicBool,
    unlocked_until_ms: AtomicI64,
    ended: AtomicBool,
    /// Where its end is noted.
    audit: Arc<AuditTrail>,
}

impl<H: Holder> Session<H> {
    /// When it may no longer write, Unix ms; `None` if it may not now.
    pub fn unlocked_until_ms(&self, now_ms: i64) -> Option<i64> {
        let until_ms = self.unlocked_until_ms.load(Ordering::Acquire);
        (until_ms > now_ms).then_some(until_ms)
    }

    /// Counts as a request: its time of rest begins anew.
    pub fn touch(&self, now_ms: i64) {
        self.last_ms.store(now_ms, Ordering::Relaxed);
        self.used.store(true, Ordering::Relaxed);
    }

    /// Its last request, Unix ms.
    pub fn last_ms(&self) -> i64 {
        self.last_ms.load(Ordering::Relaxed)
    }

    /// What its time is over by.
    fn over(&self, now_ms: i64) -> Option<Reason> {
        if now_ms - self.created_ms > LIFE_MS {
            return Some(Reason::Age);
        }
        (now_ms - self.last_ms.load(Ordering::Relaxed) > IDLE_MS).then_some(Reason::Rest)
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Whether this ended it.
    fn end(&self) -> bool {
        !self.ended.swap(true, Ordering::AcqRel)
    }

    /// Ends it without a request that asked for it.
    fn end_for(&self, reason: Reason) {
        if self.end() {
            Noted::new(Turn::Ended(reason), self.identity.name(), self.peer).log(&self.audit, "");
        }
    }
}

impl Session {
    /// Whether it is still one: neither ended nor over its time, and its user as it was.
    pub fn lasts(&self, engine: &Engine, now_ms: i64) -> bool {
        !self.has_ended() && self.over(now_ms).is_none() && engine.standing(&self.identity).is_some()
    }
}

/// An id.
struct Entry<H> {
    session: Arc<Session<H>>,
    /// The session has another id by now, and this one looks until then.
    replaced_until_ms: Option<i64>,
}

struct Book<H> {
    entries: HashMap<Hash, Entry<H>>,
    swept_ms: i64,
}

/// See the module's head.
pub(crate) struct Sessions<H = Identity>(Mutex<Book<H>>, Arc<AuditTrail>);

impl<H> Sessions<H> {
    /// None yet; what becomes of them is noted there.
    pub fn new(audit: Arc<AuditTrail>) -> Self {
        let book = Book {
            entries: HashMap::new(),
            swept_ms: 0,
        };
        Sessions(Mutex::new(book), audit)
    }
}

/// Why there is no new session.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The system gives no random numbers.
    NoRandomness,
    /// All places are in use.
    Full,
}

impl From<getrandom::Error> for Refusal {
    fn from(_: getrandom::Error) -> Self {
        Refusal::NoRandomness
    }
}

/// Random bytes as hexadecimal digits.
pub(crate) fn random_hex(bytes: usize) -> Result<String, getrandom::Error> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random)?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn hash(id: &str) -> Hash {
    Sha256::digest(id.as_bytes()).into()
}

impl<H: Holder> Sessions<H> {
    /// A session for `identity`, read-only, with its id.
    ///
    /// # Errors
    /// When the user, or all users, have as many as there may be and need them, or the system gives no random numbers.
    pub fn begin(&self, identity: H, peer: SocketAddr, now_ms: i64) -> Result<Known<H>, Refusal> {
        let id = random_hex(ID_BYTES)?;
        let session = Arc::new(Session {
            identity,
            handle: random_hex(HANDLE_BYTES)?,
            peer,
            csrf: Mutex::new(random_hex(ID_BYTES)?),
            created_ms: now_ms,
            last_ms: now_ms.into(),
            used: false.into(),
            unlocked_until_ms: 0.into(),
            ended: false.into(),
            audit: self.1.clone(),
        });
        let mut book = self.0.lock();
        book.sweep(now_ms);
        let name = session.identity.name();
        let is_of_user = |other: &Session<H>| other.identity.name() == name;
        if book.count(is_of_user) >= SESSIONS_PER_USER_MAX {
            book.make_place(is_of_user, now_ms)?;
        } else if book.count(|_| true) >= SESSIONS_MAX {
            book.make_place(|_| true, now_ms)?;
        }
        let entry = Entry {
            session: session.clone(),
            replaced_until_ms: None,
        };
        book.entries.insert(hash(&id), entry);
        Ok((id, session))
    }

    /// The session of an id, as long as it lasts and its user `stands`; otherwise it ends here. An id that was replaced is
    /// good for looking only, and not for long.
    pub fn find(
        &self,
        id: &str,
        only_looks: bool,
        now_ms: i64,
        stands: impl Fn(&H) -> bool,
    ) -> Option<Arc<Session<H>>> {
        let key = hash(id);
        let session = {
            let mut book = self.0.lock();
            if now_ms - book.swept_ms >= SWEEP_MS {
                book.sweep(now_ms);
            }
            let entry = book.entries.get(&key)?;
            if entry
                .replaced_until_ms
                .is_some_and(|until_ms| !only_looks || until_ms <= now_ms)
            {
                return None;
            }
            entry.session.clone()
        };
        if session.has_ended() {
            return None;
        }
        let reason = match session.over(now_ms) {
            None if stands(&session.identity) => {
                session.touch(now_ms);
                return Some(session);
            }
            reason => reason.unwrap_or(Reason::User),
        };
        session.end_for(reason);
        self.0.lock().entries.remove(&key);
        None
    }

    /// Ends the session of an id; nothing where there was none.
    pub fn end(&self, id: &str) -> Option<Arc<Session<H>>> {
        let entry = self.0.lock().entries.remove(&hash(id))?;
        entry.session.end().then_some(entry.session)
    }

    /// All that last, in no order.
    pub fn all(&self, now_ms: i64) -> Vec<Arc<Session<H>>> {
        let mut book = self.0.lock();
        book.sweep(now_ms);
        let current = book
            .entries
            .values()
            .filter(|entry| entry.replaced_until_ms.is_none());
        current.map(|entry| entry.session.clone()).collect()
    }

    /// Those of a user.
    pub fn count_of(&self, name: &[u8]) -> usize {
        self.0.lock().count(|session| session.identity.name() == name)
    }

    /// Ends a session under all its ids; whether this ended it.
    pub fn revoke(&self, session: &Arc<Session<H>>) -> bool {
        let mut book = self.0.lock();
        book.entries
            .retain(|_, entry| !Arc::ptr_eq(&entry.session, session));
        session.end()
    }

    /// Lets a session write for a while (or takes that back), under a new id.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn renew(&self, id: &str, unlock: bool, now_ms: i64) -> Result<Option<Known<H>>, getrandom::Error> {
        let (new_id, csrf) = (random_hex(ID_BYTES)?, random_hex(ID_BYTES)?);
        let mut book = self.0.lock();
        let Some(entry) = book.entries.get_mut(&hash(id)) else {
            return Ok(None);
        };
        if entry.replaced_until_ms.is_some() || entry.session.has_ended() {
            return Ok(None);
        }
        entry.replaced_until_ms = Some(now_ms + REPLACED_MS);
        let session = entry.session.clone();
        *session.csrf.lock() = csrf;
        let until_ms = if unlock { now_ms + UNLOCK_MS } else { 0 };
        session.unlocked_until_ms.store(until_ms, Ordering::Release);
        let entry = Entry {
            session: session.clone(),
            replaced_until_ms: None,
        };
        book.entries.insert(hash(&new_id), entry);
        Ok(Some((new_id, session)))
    }
}

impl<H: Holder> Book<H> {
    /// Drops what is over.
    fn sweep(&mut self, now_ms: i64) {
        self.swept_ms = now_ms;
        self.entries.retain(|_, entry| {
            if let Some(reason) = entry.session.over(now_ms) {
                entry.session.end_for(reason);
            }
            let is_known = entry.replaced_until_ms.is_none_or(|until_ms| until_ms > now_ms);
            is_known && !entry.session.has_ended()
        });
    }

    fn count(&self, of: impl Fn(&Session<H>) -> bool) -> usize {
        let current = self
            .entries
            .values()
            .filter(|entry| entry.replaced_until_ms.is_none());
        current.filter(|entry| of(&entry.session)).count()
    }

    /// Ends one that nobody came back to after the login, or else one that has rested for minutes: whoever logs in again and
    /// again must not end the sessions of those who work.
    fn make_place(&mut self, of: impl Fn(&Session<H>) -> bool, now_ms: i64) -> Result<(), Refusal> {
        let spare = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.replaced_until_ms.is_none() && of(&entry.session))
            .map(|(key, entry)| {
                let session = &entry.session;
                let last_ms = session.last_ms.load(Ordering::Relaxed);
                (session.used.load(Ordering::Relaxed), last_ms, *key)
            })
            .filter(|(used, last_ms, _)| !used || now_ms - last_ms >= SPARE_MS)
            .min();
        let (_, _, key) = spare.ok_or(Refusal::Full)?;
        if let Some(entry) = self.entries.remove(&key) {
            entry.session.end_for(Reason::Displaced);
        }
        Ok(())
    }
}

/// Whether two secrets are equal, in a time that tells nothing about them.
pub(crate) fn same_secret(a: &str, b: &str) -> bool {
    hash(a) == hash(b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    impl Holder for &'static str {
        fn name(&self) -> &[u8] {
            self.as_bytes()
        }
    }

    type Named = Sessions<&'static str>;

    fn begin(sessions: &Named, user: &'static str, now_ms: i64) -> Result<String, Refusal> {
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        sessions.begin(user, peer, now_ms).map(|(id, _)| id)
    }

    fn is_there(sessions: &Named, id: &str, now_ms: i64) -> bool {
        sessions.find(id, false, now_ms, |_| true).is_some()
    }

    #[test]
    fn sessions_end_by_rest_by_age_and_with_their_user() {
        let sessions = Named::new(Arc::default());
        let id = begin(&sessions, "ada", 0).expect("a session");
        let mut now_ms = 0;
        while now_ms + IDLE_MS <= LIFE_MS {
            now_ms += IDLE_MS;
            assert!(is_there(&sessions, &id, now_ms), "{now_ms}");
        }
        assert!(!is_there(&sessions, &id, LIFE_MS + 1));
        let id = begin(&sessions, "ada", 0).expect("a session");
        assert!(!is_there(&sessions, &id, IDLE_MS + 1));
        let id = begin(&sessions, "ada", 0).expect("a session");
        assert!(sessions.find(&id, false, 1, |_| false).is_none());
        assert!(!is_there(&sessions, &id, 1));
    }

    #[test]
    fn an_id_that_was_replaced_looks_for_ten_seconds() {
        let sessions = Named::new(Arc::default());
        let old = begin(&sessions, "ada", 0).expect("a session");
        let renewed = sessions.renew(&old, true, 0).expect("random numbers");
        let (new, _) = renewed.expect("a session");
        let looks = |now_ms| sessions.find(&old, true, now_ms, |_| true).is_some();
        assert!(looks(0) && looks(REPLACED_MS - 1));
        assert!(!is_there(&sessions, &old, 1));
        assert!(sessions.renew(&old, true, 1).expect("random numbers").is_none());
        assert!(!looks(REPLACED_MS));
        assert!(is_there(&sessions, &new, REPLACED_MS));

        let renewed = sessions.renew(&new, false, 0).expect("random numbers");
        let (newest, _) = renewed.expect("a session");
        assert!(sessions.end(&newest).is_some());
        assert!(sessions.find(&new, true, 1, |_| true).is_none());
    }

    #[test]
    fn one_that_was_revoked_is_gone_under_all_its_ids() {
        let sessions = Named::new(Arc::default());
        let old = begin(&sessions, "ada", 0).expect("a session");
        let renewed = sessions.renew(&old, true, 0).expect("random numbers");
        let (new, session) = renewed.expect("a session");
        let other = begin(&sessions, "ada", 0).expect("a session");
        assert_eq!((sessions.all(1).len(), sessions.count_of(b"ada")), (2, 2));
        assert!(sessions.revoke(&session) && !sessions.revoke(&session));
        assert!(sessions.find(&old, true, 1, |_| true).is_none());
        assert!(!is_there(&sessions, &new, 1) && is_there(&sessions, &other, 1));
        assert_eq!(sessions.all(1).len(), 1);
        assert!(sessions.all(IDLE_MS + 2).is_empty());
    }

    #[test]
    fn logging_in_again_and_again_ends_nobody_who_works() {
        let sessions = Named::new(Arc::default());
        let works = begin(&sessions, "default", 0).expect("a session");
        assert!(is_there(&sessions, &works, 1));
        for n in 0..5 * SESSIONS_PER_USER_MAX as i64 {
            begin(&sessions, "default", 2 + n).expect("a session");
        }
        assert!(is_there(&sessions, &works, 1000));
        assert_eq!(sessions.0.lock().entries.len(), SESSIONS_PER_USER_MAX);
    }

    #[test]
    fn where_all_work_there_is_no_place_until_one_rests() {
        let sessions = Named::new(Arc::default());
        let ids: Vec<String> = (0..SESSIONS_PER_USER_MAX)
            .map(|_| begin(&sessions, "ada", 0).expect("a session"))
            .collect();
        for id in &ids {
            assert!(is_there(&sessions, id, 1));
        }
        assert_eq!(begin(&sessions, "ada", SPARE_MS), Err(Refusal::Full));
        begin(&sessions, "bob", SPARE_MS).expect("a session of another user");
        for id in &ids[1..] {
            assert!(is_there(&sessions, id, SPARE_MS));
        }
        begin(&sessions, "ada", SPARE_MS + 1).expect("the place of the one that rests");
        assert!(!is_there(&sessions, &ids[0], SPARE_MS + 1));
    }
}
