//! The one way to the data for a command: lookups with lazy expiry, typed reads and writes, and the
//! noting of effects. It holds the shard locks of the running command.
//!
//! Contract for handlers: after a change call [`Access::changed`] once per event that Redis would
//! publish; when a write guard was taken but nothing changed, call [`Access::unchanged`]. Debug
//! builds check it. When the outcome depends on time, randomness or anything but the data, record
//! the decided effect with [`Access::decided`]; otherwise the request itself is the effect.

mod prefetch;
mod tracking;
mod undo;
mod watch;
mod whole;

pub use prefetch::MemberAt;

use crate::effects::{Effects, Touched};
use crate::entry::{Entry, INLINE_BYTES_MAX};
use crate::keyspace::{Held, KeyPlace, Keyspace};
use crate::shard::{Shard, Telling};
use crate::usage::Usage;
use crate::value::{StrRef, Typed, Value, ValueRef};
use crate::write_guard::WriteGuard;
use flashdb_base::hash::hash_bytes;
use flashdb_base::notify_flags::NotifyFlags;
use flashdb_base::prng::Prng;
use flashdb_log::Lsn;
use smallvec::SmallVec;

/// The key holds another type than the command works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongType;

/// What becomes of a key's expiry when its value is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// No expiry afterwards.
    Clear,
    /// As it was.
    Keep,
    /// Absolute Unix time in ms.
    At(i64),
}

/// How lookups behave for the running command.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Whether lookups count as use of the key (CLIENT NO-TOUCH switches it off).
    pub touch: bool,
    /// How use is recorded.
    pub usage: Usage,
    /// Whether a lookup removes an expired key (not while writes are paused).
    pub expire: bool,
}

impl Policy {
    /// Notes a use of the entry; `random` is drawn for it.
    #[inline]
    fn touch(self, entry: &mut Entry, now_ms: i64, random: u64) {
        if self.touch {
            entry.set_access(self.usage.used(entry.access(), now_ms, || random));
        }
    }
}

/// Where a key lives.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    shard: u16,
    hash: u64,
}

/// Data access of one command; see the module's head.
pub struct Access<'k> {
    space: &'k Keyspace,
    held: Held<'k>,
    /// Selected database.
    pub db: u16,
    /// Unix time of the command, the same for all parts of a transaction.
    pub now_ms: i64,
    /// How lookups behave.
    pub policy: Policy,
    /// A log is being replayed: nothing expires, see [`Access::due_ms`].
    pub replaying: bool,
    /// What the command did so far.
    pub effects: Effects,
    /// Lookups that found a key, and that did not (INFO keyspace_hits, keyspace_misses).
    pub hits: u64,
    /// See `hits`.
    pub misses: u64,
    /// Randomness for handlers.
    pub prng: Prng,
    last: Option<(*const u8, usize, Place)>,
    /// Where the keys live of the request that locks are held for.
    request: prefetch::RequestKeys,
    unsettled: bool,
    waits: bool,
    /// The open effects tell of function libraries.
    libraries_changed: bool,
    seen: Lsn,
    /// What it takes to undo what was done since [`Access::begin_undo`].
    undo: Option<Box<undo::Undo>>,
    /// Memory of the last one.
    spare_undo: Option<Box<undo::Undo>>,
}

impl<'k> Access<'k> {
    /// Access that holds no locks yet.
    pub fn new(space: &'k Keyspace, policy: Policy, prng: Prng) -> Self {
        Access {
            space,
            held: space.lock_none(),
            db: 0,
            now_ms: 0,
            policy,
            replaying: false,
            effects: Effects::default(),
            hits: 0,
            misses: 0,
            prng,
            last: None,
            request: prefetch::RequestKeys::default(),
            unsettled: false,
            waits: false,
            libraries_changed: false,
            seen: 0,
            undo: None,
            spare_undo: None,
        }
    }

    /// The keyspace.
    pub fn space(&self) -> &'k Keyspace {
        self.space
    }

    /// Unix time in ms up to which expiries have come. Every comparison with an expiry is with this time: while a log is
    /// replayed none has, since a key that is due by now may have been persisted by a later record.
    #[inline]
    pub fn due_ms(&self) -> i64 {
        if self.replaying { i64::MIN } else { self.now_ms }
    }

    /// Replaces the locks held; the old ones are released first.
    #[inline]
    pub fn hold(&mut self, held: impl FnOnce(&'k Keyspace) -> Held<'k>) {
        self.release();
        self.held = held(self.space);
    }

    /// As [`Access::hold`] for locks that may not be had in time. False when they were not; nothing is held then.
    #[inline]
    pub fn try_hold(&mut self, held: impl FnOnce(&'k Keyspace) -> Option<Held<'k>>) -> bool {
        self.release();
        match held(self.space) {
            Some(held) => self.held = held,
            None => return false,
        }
        true
    }

    /// As [`Access::hold_key`] for a lock that may not be had in time.
    #[inline]
    pub fn try_hold_key(&mut self, key: &[u8], at: &KeyPlace) -> bool {
        let held = self.try_hold(|space| space.try_lock_one(at.shard));
        if held {
            self.focus(key, at.shard, at.hash);
        }
        held
    }

    /// Locks the shard of `key`, whose hash the dispatcher has computed for prefetching already.
    #[inline]
    pub fn hold_key(&mut self, key: &[u8], shard: u16, hash: u64) {
        self.release();
        self.last = Some((key.as_ptr(), key.len(), Place { shard, hash }));
        self.held = self.space.lock_one(shard);
    }

    /// Names the key that the next command works on, so that it is not hashed again. The key is known by where it lies: before
    /// its memory is used for another one, there has to be another [`Access::focus`], [`Access::unfocus`] or release.
    #[inline]
    pub fn focus(&mut self, key: &[u8], shard: u16, hash: u64) {
        self.last = Some((key.as_ptr(), key.len(), Place { shard, hash }));
    }

    /// Forgets the key that was named.
    #[inline]
    pub fn unfocus(&mut self) {
        self.last = None;
    }

    /// Releases all locks. The effects of what was done under them are in the log then.
    #[inline]
    pub fn release(&mut self) {
        debug_assert!(
            self.undo.is_none() || std::thread::panicking(),
            "what may be undone needs its locks"
        );
        self.last = None;
        self.request.first = None;
        self.append_effects();
        self.held = self.space.lock_none();
    }

    /// Appends the settled effects to the log, while the locks are held under which they came about.
    /// Under `appendfsync always` notes what the reply to whoever saw these shards has to wait for.
    #[inline]
    pub fn append_effects(&mut self) {
        if !self.effects.log.is_empty() {
            let last = self.space.log().append(&mut self.effects.log);
            if self.waits {
                self.held.note_written(last);
            }
            if std::mem::take(&mut self.libraries_changed) {
                self.space.libraries().note_written(last);
                self.saw_libraries();
            }
        }
        if self.waits {
            self.seen = self.seen.max(self.held.last_written());
        }
    }

    /// Counts a change of the function libraries, which no shard knows of. The gate is closed.
    pub fn changed_libraries(&mut self) {
        self.libraries_changed = true;
        self.changed_aside(1);
    }

    /// Notes that a reply shows something of the function libraries.
    pub fn saw_libraries(&mut self) {
        if self.waits {
            self.seen = self.seen.max(self.space.libraries().last_written());
        }
    }

    /// Whether replies wait until what they show is durable; set for a batch.
    pub fn set_waits(&mut self, waits: bool) {
        self.waits = waits;
    }

    /// As [`Access::take_seen`], but kept for the caller's own replies, too.
    pub fn seen(&self) -> Lsn {
        self.seen
    }

    /// The LSN that has to be durable before replies to commands since the last call may be sent; 0 for
    /// none. The locks were released.
    #[inline]
    pub fn take_seen(&mut self) -> Lsn {
        std::mem::take(&mut self.seen)
    }

    /// Locks held, for whole-keyspace commands.
    pub fn held(&mut self) -> &mut Held<'k> {
        &mut self.held
    }

    /// Whether the shard of `key` may be touched.
    pub fn covers(&self, key: &[u8]) -> bool {
        self.held.covers(self.place(key).shard)
    }

    #[inline]
    fn place(&self, key: &[u8]) -> Place {
        match self.last {
            Some((at, len, place)) if at == key.as_ptr() && len == key.len() => place,
            _ => Place {
                shard: self.space.shard_of(key),
                hash: hash_bytes(key),
            },
        }
    }

    #[inline]
    fn shard_mut(&mut self, place: Place) -> &mut Shard {
        self.held.shard_mut(place.shard)
    }

    // ---- lookups -------------------------------------------------------------------------------

    /// Removes `key` if its time has come. Every lookup does this first.
    #[inline]
    fn expire_if_due(&mut self, key: &[u8], place: Place) -> Found {
        let (db, due_ms) = (self.db, self.due_ms());
        let Some(entry) = self.shard_mut(place).database(db).find(key, place.hash) else {
            return Found::Absent;
        };
        match entry.expire_at_ms() {
            Some(at_ms) if at_ms <= due_ms => {
                if self.policy.expire {
                    self.remove_expired(key, place);
                }
                Found::Absent
            }
            _ => Found::Present,
        }
    }

    fn remove_expired(&mut self, key: &[u8], place: Place) {
        self.remove_at(key, place);
        self.effects.expired += 1;
        let author = std::mem::take(&mut self.effects.author);
        self.note(key, place, Some((NotifyFlags::EXPIRED, "expired")), true);
        self.effects.author = author;
        self.decide_removal(key);
    }

    /// Removes a key for `maxmemory`, with its effects.
    pub(crate) fn remove_evicted(&mut self, key: &[u8]) {
        let place = self.place(key);
        self.remove_at(key, place);
        self.effects.evicted += 1;
        let author = std::mem::take(&mut self.effects.author);
        self.note(key, place, Some((NotifyFlags::EVICTED, "evicted")), true);
        self.effects.author = author;
        self.decide_removal(key);
    }

    fn decide_removal(&mut self, key: &[u8]) {
        self.decide([b"DEL".as_slice(), key], true);
    }

    /// The entry of `key` for reading: counts a hit or miss, and a use.
    #[inline]
    pub fn find(&mut self, key: &[u8]) -> Option<&Entry> {
        let place = self.place(key);
        // One look is enough where no key can be due and nobody is told of a miss.
        let looks_first = self.effects.published.intersects(NotifyFlags::KEY_MISS)
            || self.held.shard_mut(place.shard).database(self.db).volatile_len() > 0;
        if looks_first && self.expire_if_due(key, place) == Found::Absent {
            self.misses += 1;
            self.key_miss(key, place);
            return None;
        }
        let random = self.random_for_use();
        let (db, now_ms, policy) = (self.db, self.now_ms, self.policy);
        let database = self.held.shard_mut(place.shard).present_database_mut(db);
        let Some(entry) = database.and_then(|database| database.find_to_touch(key, place.hash)) else {
            self.misses += 1;
            return None;
        };
        self.hits += 1;
        policy.touch(entry, now_ms, random);
        Some(entry)
    }

    fn key_miss(&mut self, key: &[u8], place: Place) {
        if self.effects.published.intersects(NotifyFlags::KEY_MISS) {
            self.note(key, place, Some((NotifyFlags::KEY_MISS, "keymiss")), false);
        }
    }

    /// A random number where recording a use takes one.
    #[inline]
    fn random_for_use(&mut self) -> u64 {
        match self.policy.usage {
            Usage::Lfu { .. } => self.prng.next_u64(),
            _ => 0,
        }
    }

    #[inline]
    fn used(&mut self, key: &[u8], place: Place) -> Option<&Entry> {
        let random = self.random_for_use();
        let (db, now_ms, policy) = (self.db, self.now_ms, self.policy);
        let entry = self
            .held
            .shard_mut(place.shard)
            .present_database_mut(db)?
            .find_to_touch(key, place.hash)?;
        policy.touch(entry, now_ms, random);
        Some(entry)
    }

    /// The entry of `key`, looked at in order to change or replace it: counts a use, but neither hit
    /// nor miss. Removes the key if it is due.
    #[inline]
    pub fn find_for_write(&mut self, key: &[u8]) -> Option<&Entry> {
        let place = self.place(key);
        match self.expire_if_due(key, place) {
            Found::Absent => None,
            Found::Present => self.used(key, place),
        }
    }

    /// The entry of `key` without counting anything (OBJECT, DEBUG, TTL-like commands, writes).
    /// Removes the key if it is due.
    #[inline]
    pub fn find_quietly(&mut self, key: &[u8]) -> Option<&Entry> {
        let place = self.place(key);
        match self.expire_if_due(key, place) {
            Found::Absent => None,
            Found::Present => self
                .held
                .shard(place.shard)?
                .database(self.db)
                .find(key, place.hash),
        }
    }

    /// As [`Access::find`] without counting as a use of the key (EXISTS, TYPE, TTL, OBJECT).
    #[inline]
    pub fn observe(&mut self, key: &[u8]) -> Option<&Entry> {
        let place = self.place(key);
        if self.expire_if_due(key, place) == Found::Absent {
            self.misses += 1;
            self.key_miss(key, place);
            return None;
        }
        self.hits += 1;
        let shard = self.held.shard(place.shard)?;
        shard.database(self.db).find(key, place.hash)
    }

    /// The entry of `key` with only shared access, for reading several keys at once. The keys were
    /// looked up before by this command; an expired one is absent. Counts nothing.
    #[inline]
    pub fn peek(&self, key: &[u8]) -> Option<&Entry> {
        let place = self.place(key);
        let shard = self.held.shard(place.shard);
        debug_assert!(shard.is_some(), "a first look needs the power to lock: `probe`");
        let entry = shard?.database(self.db).find(key, place.hash)?;
        entry
            .expire_at_ms()
            .is_none_or(|at_ms| at_ms > self.due_ms())
            .then_some(entry)
    }

    /// Whether `key` exists. Counts a hit or miss, and a use.
    pub fn exists(&mut self, key: &[u8]) -> bool {
        self.find(key).is_some()
    }

    /// The string at `key`.
    #[inline]
    pub fn string(&mut self, key: &[u8]) -> Result<Option<StrRef<'_>>, WrongType> {
        match self.find(key).map(Entry::value) {
            None => Ok(None),
            Some(ValueRef::String(value)) => Ok(Some(value)),
            Some(_) => Err(WrongType),
        }
    }

    /// The `T` at `key` for reading.
    #[inline]
    pub fn read<T: Typed>(&mut self, key: &[u8]) -> Result<Option<&T>, WrongType> {
        typed(self.find(key))
    }

    /// As [`Access::read`] with the properties of [`Access::peek`].
    #[inline]
    pub fn peek_as<T: Typed>(&self, key: &[u8]) -> Result<Option<&T>, WrongType> {
        typed(self.peek(key))
    }

    /// As [`Access::peek_as`], for the first look at a key: under the closed gate its shard may not be locked yet.
    #[inline]
    pub fn probe<T: Typed>(&mut self, key: &[u8]) -> Result<Option<&T>, WrongType> {
        let place = self.place(key);
        self.held.shard_mut(place.shard);
        self.peek_as(key)
    }

    // ---- changes -------------------------------------------------------------------------------

    /// The `T` at `key` for writing, if there is one.
    #[inline]
    pub fn write<T: Typed>(&mut self, key: &[u8]) -> Result<Option<WriteGuard<'_, T>>, WrongType> {
        let place = self.place(key);
        self.before_write::<T>(key, place);
        let random = self.random_for_use();
        let (now_ms, policy) = (self.now_ms, self.policy);
        let database = self.held.shard_mut(place.shard).present_database_mut(self.db);
        let Some((entry, account)) = database.and_then(|database| database.find_charged(key, place.hash))
        else {
            return Ok(None);
        };
        policy.touch(entry, now_ms, random);
        typed::<T>(Some(entry))?;
        self.unsettled = true;
        Ok(Some(WriteGuard::new(entry, account)))
    }

    /// The `T` at `key` for writing; a fresh one if the key is absent. The caller removes the key
    /// again if it leaves the value empty ([`Access::remove_if`]).
    #[inline]
    pub fn write_or_create<T: Typed>(
        &mut self,
        key: &[u8],
        make: impl FnOnce() -> T,
    ) -> Result<WriteGuard<'_, T>, WrongType> {
        let place = self.place(key);
        self.before_write::<T>(key, place);
        let random = self.random_for_use();
        let (now_ms, policy) = (self.now_ms, self.policy);
        if self.effects.published.intersects(NotifyFlags::NEW) && !self.is_present(key, place) {
            self.note_new(key, place);
        }
        let mut is_new = false;
        let make = || {
            is_new = true;
            let mut entry = Entry::new_object(key, make().into_value(), None);
            entry.set_access(policy.usage.fresh(now_ms));
            entry
        };
        let database = self.held.shard_mut(place.shard).database_mut(self.db);
        let (entry, account) = database.find_or_insert(key, place.hash, make);
        if !is_new {
            policy.touch(entry, now_ms, random);
            typed::<T>(Some(entry))?;
        }
        self.unsettled = true;
        Ok(WriteGuard::new(entry, account))
    }

    /// What comes before the one look of a write: removes the `T` at `key` if it is due, and keeps what it takes to undo a
    /// change. Where lookups may not remove keys, a due one is still there to be changed.
    #[inline]
    fn before_write<T: Typed>(&mut self, key: &[u8], place: Place) {
        if self.held.shard_mut(place.shard).database(self.db).volatile_len() > 0 {
            self.expire_if_due(key, place);
        }
        // Another type is not going to be changed.
        if self.undo.is_some() && self.peek_as::<T>(key).is_ok() {
            self.keep(key, place);
        }
    }

    fn is_present(&mut self, key: &[u8], place: Place) -> bool {
        let database = self.held.shard_mut(place.shard).database(self.db);
        database.find(key, place.hash).is_some()
    }

    /// Sets a string, whatever was there. A value whose time had come is removed first.
    #[inline]
    pub fn set_string(&mut self, key: &[u8], value: &[u8], expiry: Expiry) {
        let place = self.place(key);
        self.unsettled = true;
        if self.undo.is_some() {
            self.expire_if_due(key, place);
            return self.put(key, place, expiry, |at_ms| Entry::new_string(key, value, at_ms));
        }
        let (fresh, due_ms) = (self.policy.usage.fresh(self.now_ms), self.due_ms());
        let database = self.held.shard_mut(place.shard).database_mut(self.db);
        let Some((entry, account)) = database.find_charged(key, place.hash) else {
            let mut entry = Entry::new_string(key, value, expiry.at_ms());
            entry.set_access(fresh);
            database.insert(entry, place.hash);
            return self.note_new(key, place);
        };
        let old_at_ms = entry.expire_at_ms();
        let at_ms = expiry.resolve(entry);
        if old_at_ms.is_some_and(|at_ms| at_ms <= due_ms) {
            self.expire_if_due(key, place);
        } else if entry.overwrite(value, at_ms) {
            return entry.set_access(fresh);
        } else if entry.is_inline() && old_at_ms.is_some() == at_ms.is_some() {
            // Only the entry itself changes: nothing hangs on it, and it expires or not as before.
            let before = entry.memory_bytes();
            *entry = Entry::new_string(key, value, at_ms);
            entry.set_access(fresh);
            *account = (*account + entry.memory_bytes()).wrapping_sub(before);
            return;
        }
        self.put(key, place, expiry, |at_ms| Entry::new_string(key, value, at_ms));
    }

    /// Adds to the integer at `key` in place, with one look; the sum. `None`, and nothing is done, when
    /// there is no entry that stores an integer, its time has come, or the sum overflows: then the
    /// general way has to find out what is to happen.
    #[inline]
    pub fn add_in_place(&mut self, key: &[u8], amount: i64) -> Option<i64> {
        let place = self.place(key);
        self.keep_if(key, place, is_int);
        let random = self.random_for_use();
        let (now_ms, due_ms, policy) = (self.now_ms, self.due_ms(), self.policy);
        let database = self.held.shard_mut(place.shard).database_mut(self.db);
        let (entry, _) = database.find_charged(key, place.hash)?;
        let ValueRef::String(StrRef::Int(old)) = entry.value() else {
            return None;
        };
        if entry.expire_at_ms().is_some_and(|at_ms| at_ms <= due_ms) {
            return None;
        }
        let sum = old.checked_add(amount)?;
        entry.set_int(sum);
        policy.touch(entry, now_ms, random);
        self.unsettled = true;
        Some(sum)
    }

    /// Sets an integer, in place where there is one already.
    #[inline]
    pub fn set_int(&mut self, key: &[u8], value: i64, expiry: Expiry) {
        let place = self.place(key);
        self.unsettled = true;
        if expiry == Expiry::Keep {
            self.keep_if(key, place, is_int);
        }
        if expiry == Expiry::Keep
            && let Some((entry, _)) = self
                .held
                .shard_mut(place.shard)
                .database_mut(self.db)
                .find_charged(key, place.hash)
            && entry.set_int(value)
        {
            return;
        }
        self.put(key, place, expiry, |at_ms| Entry::new_int(key, value, at_ms));
    }

    /// Sets a value of any type, whatever was there.
    pub fn set_value(&mut self, key: &[u8], value: Value, expiry: Expiry) {
        let place = self.place(key);
        self.unsettled = true;
        self.put(key, place, expiry, |at_ms| match value {
            Value::String(bytes) if bytes.len() <= INLINE_BYTES_MAX => Entry::new_string(key, &bytes, at_ms),
            value => Entry::new_object(key, value, at_ms),
        });
        self.note_fields(key, place);
    }

    /// Puts a whole entry (from RENAME, MOVE, COPY, RESTORE) under its own key, whatever was there.
    pub fn set_entry(&mut self, entry: Entry) {
        let key: Box<[u8]> = entry.key().into();
        let place = self.place(&key);
        self.unsettled = true;
        let access = entry.access();
        let at_ms = entry.expire_at_ms();
        self.put(&key, place, at_ms.map_or(Expiry::Clear, Expiry::At), |_| entry);
        let database = self.held.shard_mut(place.shard).database_mut(self.db);
        if let Some(entry) = database.find_to_touch(&key, place.hash) {
            entry.set_access(access);
        }
        database.follow(&key, place.hash, place.shard);
        self.note_fields(&key, place);
    }

    fn put(&mut self, key: &[u8], place: Place, expiry: Expiry, make: impl FnOnce(Option<i64>) -> Entry) {
        let fresh = self.policy.usage.fresh(self.now_ms);
        let (space, keeps) = (self.space, self.undo.is_some());
        let mut replaced = None;
        let database = self.held.shard_mut(place.shard).database_mut(self.db);
        let present = database.find(key, place.hash).map(|entry| expiry.resolve(entry));
        let Some(at_ms) = present else {
            let mut entry = make(expiry.at_ms());
            entry.set_access(fresh);
            database.insert(entry, place.hash);
            self.keep_absence(key, place);
            self.note_new(key, place);
            return;
        };
        database.replace(key, place.hash, |old| {
            if keeps {
                replaced = Some(old);
            } else {
                space.discard_entry(old);
            }
            let mut entry = make(at_ms);
            entry.set_access(fresh);
            entry
        });
        database.note_volatile_fields(place.hash, false);
        if let Some(entry) = replaced {
            self.keep_entry(place, entry);
        }
    }

    /// Changes the bytes of a string, creating it empty if `create`; marks it as changed in place.
    /// Returns what `change` returns, `None` if the key is absent and was not to be created.
    pub fn edit_string<R>(
        &mut self,
        key: &[u8],
        create: bool,
        change: impl FnOnce(&mut Vec<u8>) -> R,
    ) -> Result<Option<R>, WrongType> {
        let place = self.place(key);
        let present = self.expire_if_due(key, place) == Found::Present;
        if !present && !create {
            return Ok(None);
        }
        let mut bytes = match self.used(key, place).map(Entry::value) {
            None => Vec::new(),
            Some(ValueRef::String(StrRef::Bytes(bytes))) if bytes.len() > INLINE_BYTES_MAX => Vec::new(),
            Some(ValueRef::String(value)) => value.to_vec(),
            Some(_) => return Err(WrongType),
        };
        self.unsettled = true;
        self.keep_if(key, place, |entry| entry.object().is_some());
        if let Some((entry, account)) = self
            .held
            .shard_mut(place.shard)
            .database_mut(self.db)
            .find_charged(key, place.hash)
        {
            let before = entry.memory_bytes();
            if let Some(Value::String(long)) = entry.object_mut() {
                let result = change(long);
                *account = (*account + entry.memory_bytes()).wrapping_sub(before);
                return Ok(Some(result));
            }
        }
        let result = change(&mut bytes);
        self.put(key, place, Expiry::Keep, |at_ms| {
            Entry::new_raw(key, bytes, at_ms)
        });
        Ok(Some(result))
    }

    /// Sets or clears the expiry of `key`; false when the key is absent.
    pub fn set_expiry(&mut self, key: &[u8], expire_at_ms: Option<i64>) -> bool {
        let place = self.place(key);
        self.unsettled = true;
        self.keep_expiry(key, place);
        let database = self.held.shard_mut(place.shard).present_database_mut(self.db);
        let found = database.is_some_and(|database| {
            database.replace(key, place.hash, |entry| entry.with_expiry(expire_at_ms))
        });
        self.unsettled = found;
        found
    }

    /// Gives `key` the marks it had when it was written to a file: access bits, and whether it is a string
    /// that was changed in place.
    pub fn restore_marks(&mut self, key: &[u8], access: u32, raw: bool) {
        let place = self.place(key);
        if let Some(entry) = self
            .held
            .shard_mut(place.shard)
            .database_mut(self.db)
            .find_to_touch(key, place.hash)
        {
            entry.set_access(access);
            if raw {
                entry.set_raw();
            }
        }
    }

    /// Sets the access bits of `key` (RESTORE IDLETIME / FREQ).
    pub fn set_access_bits(&mut self, key: &[u8], access: u32) {
        self.restore_marks(key, access, false);
    }

    /// Removes `key`; true when it was there and not expired.
    pub fn remove(&mut self, key: &[u8]) -> bool {
        let place = self.place(key);
        if self.expire_if_due(key, place) == Found::Absent {
            return false;
        }
        self.unsettled = true;
        self.remove_at(key, place)
    }

    fn remove_at(&mut self, key: &[u8], place: Place) -> bool {
        let database = self.held.shard_mut(place.shard).present_database_mut(self.db);
        let Some(entry) = database.and_then(|database| database.remove(key, place.hash)) else {
            return false;
        };
        if self.undo.is_some() {
            self.keep_entry(place, entry);
        } else {
            self.space.discard_entry(entry);
        }
        true
    }

    /// Takes the entry of `key` out whole (RENAME, MOVE).
    pub fn take(&mut self, key: &[u8]) -> Option<Entry> {
        let place = self.place(key);
        if self.expire_if_due(key, place) == Found::Absent {
            return None;
        }
        self.unsettled = true;
        self.keep(key, place);
        self.held
            .shard_mut(place.shard)
            .present_database_mut(self.db)?
            .remove(key, place.hash)
    }

    /// Removes `key` and publishes `del` if its `T` satisfies `empty`; the usual end of a command
    /// that took elements out. Call it after the command's own [`Access::changed`].
    pub fn remove_if<T: Typed>(&mut self, key: &[u8], empty: impl FnOnce(&T) -> bool) -> bool {
        let place = self.place(key);
        let is_empty = matches!(self.peek_as::<T>(key), Ok(Some(value)) if empty(value));
        if is_empty {
            self.remove_at(key, place);
            self.note(key, place, Some((NotifyFlags::GENERIC, "del")), true);
        }
        is_empty
    }

    /// Tells the database whether the hash at `key` has expiring fields, after they changed.
    pub fn note_field_expiries(&mut self, key: &[u8]) {
        let place = self.place(key);
        self.note_fields(key, place);
    }

    /// Removes up to `max` fields of the hash at `key` whose time has come, with their effects, and
    /// the key if none is left. Writers of hashes call it first; readers skip such fields by
    /// themselves. Returns how many were removed.
    pub fn expire_fields(&mut self, key: &[u8], max: usize) -> usize {
        let place = self.place(key);
        let (db, now_ms) = (self.db, self.now_ms.max(0) as u64);
        if !self.policy.expire || self.replaying {
            return 0;
        }
        let database = self.held.shard_mut(place.shard).database(db);
        if database.volatile_fields_len() == 0 {
            return 0;
        }
        let is_due = |entry: &Entry| matches!(entry.value(), ValueRef::Hash(hash) if hash.has_due(now_ms));
        if !database.find(key, place.hash).is_some_and(is_due) {
            return 0;
        }
        self.keep(key, place);
        let database = self.held.shard_mut(place.shard).database_mut(db);
        let Some((entry, account)) = database.find_charged(key, place.hash) else {
            return 0;
        };
        let mut names: Vec<Box<[u8]>> = Vec::new();
        let mut hash = WriteGuard::<flashdb_types::hash::Hash>::new(entry, account);
        let removed = hash.take_expired(now_ms, max, |field| names.push(field.name.into()));
        drop(hash);
        if removed == 0 {
            return 0;
        }
        self.effects.expired_fields += removed as u64;
        self.note_fields(key, place);
        let author = std::mem::take(&mut self.effects.author);
        self.note(key, place, Some((NotifyFlags::HASH, "hexpired")), true);
        self.effects.author = author;
        let words = [b"HDEL".as_slice(), key]
            .into_iter()
            .chain(names.iter().map(|name| &**name));
        self.decide(words, true);
        self.remove_if(key, flashdb_types::hash::Hash::is_empty);
        removed
    }

    fn note_fields(&mut self, key: &[u8], place: Place) {
        let database = self.held.shard_mut(place.shard).database_mut(self.db);
        let has_them = match database.find(key, place.hash).map(Entry::value) {
            Some(ValueRef::Hash(hash)) => hash.next_expiry_ms().is_some(),
            _ => false,
        };
        database.note_volatile_fields(place.hash, has_them);
    }

    // ---- effects -------------------------------------------------------------------------------

    /// Notes that `key` changed, with the event Redis publishes for it.
    #[inline]
    pub fn changed(&mut self, key: &[u8], class: NotifyFlags, event: &'static str) {
        self.effects.dirty += 1;
        self.unsettled = false;
        let place = self.place(key);
        self.note(key, place, Some((class, event)), true);
    }

    /// As [`Access::changed`] without an event (SORT STORE on an empty result, internal changes).
    pub fn changed_silently(&mut self, key: &[u8]) {
        self.effects.dirty += 1;
        self.unsettled = false;
        let place = self.place(key);
        self.note(key, place, None, true);
    }

    /// Counts changes to what is not data of the key (who has which entry of a stream pending): they
    /// are logged, but neither watchers nor waiters are told, as in Redis.
    pub fn changed_aside(&mut self, changes: u64) {
        self.effects.dirty += changes;
        self.unsettled = false;
    }

    /// Publishes an event for `key` without a change of its value.
    pub fn event(&mut self, key: &[u8], class: NotifyFlags, event: &'static str) {
        let place = self.place(key);
        self.note(key, place, Some((class, event)), false);
    }

    /// Settles a write guard through which nothing was changed.
    #[inline]
    pub fn unchanged(&mut self) {
        self.unsettled = false;
    }

    /// Records the decided effect in place of the request: the words of a command that does the
    /// same whenever it is replayed. May be called several times; the order is kept.
    pub fn decided<'w>(&mut self, words: impl IntoIterator<Item = &'w [u8]>) {
        self.decide(words, false);
        self.effects.explicit |= self.effects.recording;
    }

    fn decide<'w>(&mut self, words: impl IntoIterator<Item = &'w [u8]>, removal: bool) {
        if self.effects.recording {
            let words: SmallVec<[&[u8]; 8]> = words.into_iter().collect();
            self.effects
                .log
                .push(self.db, removal, words.len(), |at| words[at]);
        }
    }

    /// Whether a change was announced for every write guard taken (checked in debug builds).
    pub fn is_settled(&self) -> bool {
        !self.unsettled
    }

    fn note_new(&mut self, key: &[u8], place: Place) {
        if self.effects.published.intersects(NotifyFlags::NEW) {
            self.note(key, place, Some((NotifyFlags::NEW, "new")), false);
        }
    }

    #[inline]
    fn note(&mut self, key: &[u8], place: Place, event: Option<(NotifyFlags, &'static str)>, changed: bool) {
        let event = event.filter(|(class, _)| self.effects.published.intersects(*class));
        if event.is_some() || (changed && self.is_heard(key, place)) {
            self.note_heard(key, place, event, changed);
        }
    }

    /// Notes what somebody wants to know.
    #[inline(never)]
    fn note_heard(
        &mut self,
        key: &[u8],
        place: Place,
        event: Option<(NotifyFlags, &'static str)>,
        changed: bool,
    ) {
        self.effects.touched.push(Touched {
            db: self.db,
            shard: place.shard,
            key: key.into(),
            event,
            changed,
            author: self.effects.author,
        });
        if changed && self.held.shard_mut(place.shard).has_listeners() {
            let exists = self.peek(key).is_some();
            self.tell(place.shard, key, Telling::Changed { exists });
        }
    }
}

impl Drop for Access<'_> {
    fn drop(&mut self) {
        self.release();
    }
}

#[derive(PartialEq, Eq, Clone, Copy)]
enum Found {
    Present,
    Absent,
}

impl Expiry {
    #[inline]
    fn at_ms(self) -> Option<i64> {
        match self {
            Expiry::At(at_ms) => Some(at_ms),
            Expiry::Clear | Expiry::Keep => None,
        }
    }

    #[inline]
    fn resolve(self, entry: &Entry) -> Option<i64> {
        if self == Expiry::Keep {
            entry.expire_at_ms()
        } else {
            self.at_ms()
        }
    }
}

#[inline]
fn is_int(entry: &Entry) -> bool {
    matches!(entry.value(), ValueRef::String(StrRef::Int(_)))
}

#[inline]
fn typed<T: Typed>(entry: Option<&Entry>) -> Result<Option<&T>, WrongType> {
    match entry {
        None => Ok(None),
        Some(entry) => T::of(entry).map(Some).ok_or(WrongType),
    }
}
