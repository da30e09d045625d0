//! Expiry times of fields: how requests give them, and what is published and logged once some changed.

use super::{changed_by, settle};
use crate::context::Context;
use crate::error::{ErrorReply, invalid_expire};
use crate::{args, spec::Arg};
use flashdb_base::number::NumberBuffer;
use flashdb_types::hash::Hash;

/// Latest time of a field, as in Redis: 46 bits of milliseconds, beyond the year 4199.
const AT_MS_MAX: u64 = (1 << 46) - 1;

/// The options for times in a grammar.
pub(super) const EX: Arg = Arg::integer("seconds").with_token("EX");
pub(super) const PX: Arg = Arg::integer("milliseconds").with_token("PX");
pub(super) const EXAT: Arg = Arg::unix_time("unix-time-seconds").with_token("EXAT");
pub(super) const PXAT: Arg = Arg::unix_time("unix-time-milliseconds").with_token("PXAT");

/// How a request gives a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TimeForm {
    /// Counted from now, not since 1970.
    pub(super) relative: bool,
    /// In seconds, not milliseconds.
    pub(super) seconds: bool,
}

impl TimeForm {
    pub(super) const EX: Self = TimeForm {
        relative: true,
        seconds: true,
    };
    pub(super) const PX: Self = TimeForm {
        relative: true,
        seconds: false,
    };
    pub(super) const EXAT: Self = TimeForm {
        relative: false,
        seconds: true,
    };
    pub(super) const PXAT: Self = TimeForm {
        relative: false,
        seconds: false,
    };

    /// The form that an option announces.
    pub(super) fn of_option(word: &[u8]) -> Option<Self> {
        [
            ("ex", Self::EX),
            ("px", Self::PX),
            ("exat", Self::EXAT),
            ("pxat", Self::PXAT),
        ]
        .into_iter()
        .find(|(option, _)| args::is(word, option))
        .map(|(_, form)| form)
    }

    /// The time in ms that `word` says in the request of `context`.
    ///
    /// # Errors
    /// Not an integer; negative; beyond what a field can have.
    pub(super) fn at_ms(self, word: &[u8], context: &Context<'_, '_>) -> Result<u64, ErrorReply> {
        let value = u64::try_from(args::integer(word)?)
            .map_err(|_| ErrorReply::fixed("ERR invalid expire time, must be >= 0"))?;
        let from_ms = if self.relative { super::now_ms(context) } else { 0 };
        value
            .checked_mul(if self.seconds { 1000 } else { 1 })
            .and_then(|ms| ms.checked_add(from_ms))
            .filter(|at_ms| *at_ms <= AT_MS_MAX)
            .ok_or_else(|| invalid_expire(context.spec.name))
    }
}

/// Whether a field with this time is to be removed at once. Not while a log is replayed: its time had
/// not come when the effects that follow in the log were decided.
pub(super) fn is_past(at_ms: u64, context: &Context<'_, '_>) -> bool {
    let replaying = context.data.replaying;
    context.data.policy.expire && !replaying && at_ms <= super::now_ms(context)
}

/// What a command did to the times of fields.
#[derive(Default)]
pub(super) struct Changes<'a> {
    expiring: Vec<&'a [u8]>,
    persisted: Vec<&'a [u8]>,
    removed: Vec<&'a [u8]>,
}

impl<'a> Changes<'a> {
    /// Sets the time of a field that exists, or removes the field if the time is past.
    pub(super) fn expire(&mut self, hash: &mut Hash, name: &'a [u8], at_ms: u64, past: bool) {
        if past {
            hash.remove(name);
            self.removed.push(name);
        } else {
            hash.set_expiry(name, at_ms);
            self.expiring.push(name);
        }
    }

    /// Takes away the time of a field; false when it has none.
    pub(super) fn persist(&mut self, hash: &mut Hash, name: &'a [u8]) -> bool {
        let had_one = hash.persist(name);
        if had_one {
            self.persisted.push(name);
        }
        had_one
    }

    /// Publishes and logs the changes to the hash at word 1, and removes it if it is empty. `at_ms` is
    /// the time that was set.
    pub(super) fn finish(self, context: &mut Context<'_, '_>, at_ms: u64) {
        if self.expiring.is_empty() && self.persisted.is_empty() && self.removed.is_empty() {
            return context.data.unchanged();
        }
        let key = context.arg(1);
        if !self.removed.is_empty() {
            changed_by(context, "hdel", self.removed.len());
            let words = [b"HDEL".as_slice(), key];
            context.data.decided(words.into_iter().chain(self.removed));
        }
        if !self.expiring.is_empty() {
            changed_by(context, "hexpire", self.expiring.len());
            let mut digits = NumberBuffer::new();
            let words = [b"HPEXPIREAT".as_slice(), key, digits.format_u64(at_ms)];
            decide_fields(context, &words, &self.expiring);
        }
        if !self.persisted.is_empty() {
            changed_by(context, "hpersist", self.persisted.len());
            decide_fields(context, &[b"HPERSIST", key], &self.persisted);
        }
        settle(context, true);
    }
}

fn decide_fields(context: &mut Context<'_, '_>, words: &[&[u8]], names: &[&[u8]]) {
    let mut count = NumberBuffer::new();
    let fields = [b"FIELDS".as_slice(), count.format_u64(names.len() as u64)];
    let words = words.iter().chain(&fields).chain(names);
    context.data.decided(words.copied());
}
