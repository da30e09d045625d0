//! The `FIELDS n name …` part of the commands about field expiry.

use crate::args::{self, Cursor};
use crate::error::ErrorReply;
use flashdb_resp::Args;

/// FIELDS is not where it has to be.
pub(super) const MISSING: ErrorReply =
    ErrorReply::fixed("ERR Mandatory argument FIELDS is missing or not at the right position");
/// More or fewer words follow than the count says.
const MISMATCH: ErrorReply =
    ErrorReply::fixed("ERR The `numfields` parameter must match the number of arguments");
/// The count of fields is below 1 or no number.
pub(super) const COUNT_OF_EXPIRE: ErrorReply =
    ErrorReply::fixed("ERR Parameter `numFields` should be greater than 0");
/// As [`COUNT_OF_EXPIRE`], in the words of the other commands.
pub(super) const COUNT: ErrorReply = ErrorReply::fixed("ERR Number of fields must be a positive integer");

/// Names in a request, each followed by `step - 1` other words.
#[derive(Clone, Copy)]
pub(super) struct FieldList<'a> {
    words: Args<'a>,
    first: usize,
    count: usize,
    step: usize,
}

impl<'a> FieldList<'a> {
    /// Reads `FIELDS n name …` where it has to be the rest of the request, at word `at`.
    pub(super) fn rest(words: Args<'a>, at: usize, count_error: ErrorReply) -> Result<Self, ErrorReply> {
        if !words.get(at).is_some_and(|word| args::is(word, "fields")) {
            return Err(MISSING);
        }
        let count = count(words.get(at + 1), count_error)?;
        let list = FieldList {
            words,
            first: at + 2,
            count,
            step: 1,
        };
        if words.len() - list.first != count {
            return Err(MISMATCH);
        }
        Ok(list)
    }

    /// Takes `n name …` (or `n name value …` with a `step` of 2) behind the word FIELDS; others may follow.
    pub(super) fn take(words: Args<'a>, cursor: &mut Cursor<'a>, step: usize) -> Result<Self, ErrorReply> {
        let count = count(cursor.word().ok(), COUNT)?;
        let list = FieldList {
            words,
            first: cursor.position(),
            count,
            step,
        };
        if count.checked_mul(step).is_none_or(|all| all > cursor.remaining()) {
            return Err(MISMATCH);
        }
        for _ in 0..count * step {
            cursor.word()?;
        }
        Ok(list)
    }

    /// Number of fields; at least 1.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// The names.
    pub(super) fn names(self) -> impl Iterator<Item = &'a [u8]> {
        (0..self.count).map(move |index| self.words.at(self.first + index * self.step))
    }

    /// Names with the word behind each (lists with a step of 2).
    pub(super) fn pairs(self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let at = move |index| self.first + index * self.step;
        (0..self.count).map(move |index| (self.words.at(at(index)), self.words.at(at(index) + 1)))
    }

    /// All words of the list, values included.
    pub(super) fn all_words(self) -> impl Iterator<Item = &'a [u8]> {
        (self.first..self.first + self.count * self.step).map(move |at| self.words.at(at))
    }
}

fn count(word: Option<&[u8]>, error: ErrorReply) -> Result<usize, ErrorReply> {
    word.and_then(flashdb_base::number::parse_i64)
        .and_then(|count| usize::try_from(count).ok())
        .filter(|count| *count > 0)
        .ok_or(error)
}
