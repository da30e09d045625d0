//! The options of SET and GETEX that say how long a key lives: at most one of EX, PX, EXAT, PXAT,
//! KEEPTTL and PERSIST, each of which may be repeated.

use crate::args::{self, is};
use crate::error::{self, ErrorReply};

/// How a time is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeForm {
    /// `EX`: seconds from now.
    Seconds,
    /// `PX`: milliseconds from now.
    Milliseconds,
    /// `EXAT`: a Unix time in seconds.
    UnixSeconds,
    /// `PXAT`: a Unix time in milliseconds.
    UnixMilliseconds,
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lifetime<'a> {
    /// Nothing was said.
    Unsaid,
    /// `KEEPTTL`: the expiry stays.
    Keep,
    /// `PERSIST`: the expiry goes.
    Persist,
    /// An expiry, still as the client wrote it; other options are checked before its value is.
    Expire(TimeForm, &'a [u8]),
}

impl TimeForm {
    fn of(word: &[u8]) -> Option<TimeForm> {
        const FORMS: [(&str, TimeForm); 4] = [
            ("EX", TimeForm::Seconds),
            ("PX", TimeForm::Milliseconds),
            ("EXAT", TimeForm::UnixSeconds),
            ("PXAT", TimeForm::UnixMilliseconds),
        ];
        FORMS
            .into_iter()
            .find(|(name, _)| is(word, name))
            .map(|(_, form)| form)
    }

    fn in_seconds(self) -> bool {
        matches!(self, TimeForm::Seconds | TimeForm::UnixSeconds)
    }

    fn is_relative(self) -> bool {
        matches!(self, TimeForm::Seconds | TimeForm::Milliseconds)
    }

    /// The absolute Unix time in ms that `word` means; `command` is named in the error.
    pub(super) fn expire_at_ms(self, word: &[u8], now_ms: i64, command: &str) -> Result<i64, ErrorReply> {
        let given = args::integer(word)?;
        let base_ms = if self.is_relative() { now_ms } else { 0 };
        let unit_ms = if self.in_seconds() { 1000 } else { 1 };
        given
            .checked_mul(unit_ms)
            .and_then(|ms| ms.checked_add(base_ms))
            .filter(|_| given > 0)
            .ok_or_else(|| error::invalid_expire(command))
    }
}

impl<'a> Lifetime<'a> {
    /// Takes the option at the cursor, if it is one of time; a second kind of option is a syntax
    /// error. `without_time` is the option without a value that the command knows.
    pub(super) fn take(
        &mut self,
        cursor: &mut args::Cursor<'a>,
        without_time: (&str, Lifetime<'static>),
    ) -> Result<bool, ErrorReply> {
        let Some(word) = cursor.peek() else {
            return Ok(false);
        };
        let chosen = if is(word, without_time.0) {
            cursor.word()?;
            without_time.1
        } else if let Some(form) = TimeForm::of(word) {
            cursor.word()?;
            Lifetime::Expire(form, cursor.word()?)
        } else {
            return Ok(false);
        };
        if *self != Lifetime::Unsaid && !self.same_kind(&chosen) {
            return Err(error::SYNTAX);
        }
        *self = chosen;
        Ok(true)
    }

    fn same_kind(&self, other: &Lifetime<'_>) -> bool {
        match (self, other) {
            (Lifetime::Expire(form, _), Lifetime::Expire(other, _)) => form == other,
            (this, other) => std::mem::discriminant(this) == std::mem::discriminant(other),
        }
    }
}
