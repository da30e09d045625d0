//! Reading arguments: numbers with Redis's errors, keywords, times, counts of keys.

use crate::error::{self, ErrorReply};
use flashdb_base::number;
use flashdb_resp::Args;

/// An integer, or `ERR value is not an integer or out of range`.
#[inline]
pub fn integer(word: &[u8]) -> Result<i64, ErrorReply> {
    number::parse_i64(word).ok_or(error::NOT_INTEGER)
}

/// An integer, or the error given.
pub fn integer_or(word: &[u8], otherwise: ErrorReply) -> Result<i64, ErrorReply> {
    number::parse_i64(word).ok_or(otherwise)
}

/// A floating point number (infinities allowed), or `ERR value is not a valid float`.
pub fn float(word: &[u8]) -> Result<f64, ErrorReply> {
    number::parse_f64(word)
        .filter(|value| !value.is_nan())
        .ok_or(error::NOT_FLOAT)
}

/// Whether `word` is `keyword`, in any case.
#[inline]
pub fn is(word: &[u8], keyword: &str) -> bool {
    word.eq_ignore_ascii_case(keyword.as_bytes())
}

/// Whether word `index` is one of the `values` words behind `option`, wherever that stands.
pub fn is_behind(args: &Args<'_>, index: usize, option: &str, values: usize) -> bool {
    (1..=values).any(|distance| {
        index
            .checked_sub(distance)
            .is_some_and(|at| at > 0 && is(args.at(at), option))
    })
}

/// The deadline of a blocking command from its timeout in seconds (fractions allowed); `None` for
/// 0, which waits for ever. Texts as in Redis.
pub fn deadline_ms(word: &[u8], now_ms: i64) -> Result<Option<i64>, ErrorReply> {
    let seconds = number::parse_f64(word).ok_or(error::TIMEOUT_NOT_FLOAT)?;
    if seconds.is_nan() || seconds.abs() > i64::MAX as f64 / 1000.0 {
        return Err(ErrorReply::fixed("ERR timeout is out of range"));
    }
    let ms = (seconds * 1000.0).ceil();
    if ms < 0.0 {
        return Err(error::TIMEOUT_NEGATIVE);
    }
    if ms == 0.0 {
        return Ok(None);
    }
    let deadline = now_ms
        .checked_add(ms as i64)
        .ok_or(ErrorReply::fixed("ERR timeout is out of range"))?;
    Ok(Some(deadline))
}

/// As [`deadline_ms`] for a timeout given in whole milliseconds (XREAD BLOCK, WAIT).
pub fn deadline_of_ms(word: &[u8], now_ms: i64) -> Result<Option<i64>, ErrorReply> {
    let out_of_range = ErrorReply::fixed("ERR timeout is not an integer or out of range");
    let ms = number::parse_i64(word).ok_or(out_of_range.clone())?;
    if ms < 0 {
        return Err(error::TIMEOUT_NEGATIVE);
    }
    if ms == 0 {
        return Ok(None);
    }
    now_ms.checked_add(ms).map(Some).ok_or(out_of_range)
}

/// Walks over options behind the fixed arguments.
pub struct Cursor<'a> {
    args: Args<'a>,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Starts at word `at`.
    pub fn new(args: Args<'a>, at: usize) -> Self {
        Cursor { args, at }
    }

    /// Position of the next word.
    pub fn position(&self) -> usize {
        self.at
    }

    /// Words left.
    pub fn remaining(&self) -> usize {
        self.args.len().saturating_sub(self.at)
    }

    /// Looks at the next word.
    pub fn peek(&self) -> Option<&'a [u8]> {
        self.args.get(self.at)
    }

    /// Takes `keyword` if it is next.
    pub fn take(&mut self, keyword: &str) -> bool {
        let found = self.peek().is_some_and(|word| is(word, keyword));
        self.at += usize::from(found);
        found
    }

    /// Takes `keyword` if it is next and at least `values` words follow it.
    pub fn take_with(&mut self, keyword: &str, values: usize) -> bool {
        self.remaining() > values && self.take(keyword)
    }

    /// The next word, or a syntax error.
    pub fn word(&mut self) -> Result<&'a [u8], ErrorReply> {
        let word = self.peek().ok_or(error::SYNTAX)?;
        self.at += 1;
        Ok(word)
    }

    /// The next word as an integer.
    pub fn integer(&mut self) -> Result<i64, ErrorReply> {
        integer(self.word()?)
    }
}
