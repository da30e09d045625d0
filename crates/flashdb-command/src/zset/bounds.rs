//! The bounds of ranges as requests write them: scores (`1`, `(1`, `-inf`), members (`[a`, `(a`, `-`,
//! `+`) and ranks (negative ones count from the end).

use crate::error::ErrorReply;
use flashdb_base::number;
use flashdb_types::zset::{LexBound, LexRange, ScoreRange};
use std::ops::Range;

const NOT_SCORE: ErrorReply = ErrorReply::fixed("ERR min or max is not a float");
const NOT_MEMBER: ErrorReply = ErrorReply::fixed("ERR min or max not valid string range item");

/// A range of scores.
pub(super) fn scores(min: &[u8], max: &[u8]) -> Result<ScoreRange, ErrorReply> {
    let (min, min_excluded) = score(min)?;
    let (max, max_excluded) = score(max)?;
    Ok(ScoreRange {
        min,
        max,
        min_excluded,
        max_excluded,
    })
}

/// A score and whether it is excluded. No digits at all mean 0, as C reads them.
fn score(word: &[u8]) -> Result<(f64, bool), ErrorReply> {
    let (digits, excluded) = match word.strip_prefix(b"(") {
        Some(digits) => (digits, true),
        None => (word, false),
    };
    if digits.is_empty() {
        return Ok((0.0, excluded));
    }
    let value = number::parse_f64(digits).filter(|value| !value.is_nan());
    value.map(|value| (value, excluded)).ok_or(NOT_SCORE)
}

/// A range of members.
pub(super) fn members<'a>(min: &'a [u8], max: &'a [u8]) -> Result<LexRange<'a>, ErrorReply> {
    Ok(LexRange {
        min: member(min)?,
        max: member(max)?,
    })
}

fn member(word: &[u8]) -> Result<LexBound<'_>, ErrorReply> {
    match word {
        b"-" => Ok(LexBound::Lowest),
        b"+" => Ok(LexBound::Highest),
        [b'[', member @ ..] => Ok(LexBound::Included(member)),
        [b'(', member @ ..] => Ok(LexBound::Excluded(member)),
        _ => Err(NOT_MEMBER),
    }
}

/// The ranks from `start` to `stop`, both included and counted from the end if negative, of `len`.
pub(super) fn ranks(start: i64, stop: i64, len: usize) -> Range<usize> {
    let resolve = |rank: i64| {
        if rank < 0 {
            rank.saturating_add(len as i64)
        } else {
            rank
        }
    };
    let start = resolve(start).max(0);
    let stop = resolve(stop).min(len as i64 - 1);
    if start > stop {
        return 0..0;
    }
    start as usize..stop as usize + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_clamp() {
        assert_eq!(ranks(0, -1, 3), 0..3);
        assert_eq!(ranks(-100, 1, 3), 0..2);
        assert_eq!(ranks(1, 100, 3), 1..3);
        assert_eq!(ranks(2, 1, 3), 0..0);
        assert_eq!(ranks(5, 6, 3), 0..0);
        assert_eq!(ranks(i64::MIN, i64::MAX, 3), 0..3);
        assert_eq!(ranks(0, -1, 0), 0..0);
        assert_eq!(ranks(0, -4, 3), 0..0);
    }

    #[test]
    fn scores_and_members() {
        let range = scores(b"(1.5", b"+inf").unwrap();
        assert_eq!((range.min, range.min_excluded), (1.5, true));
        assert_eq!((range.max, range.max_excluded), (f64::INFINITY, false));
        for wrong in ["foo", "nan", "(", "((1", "[1"] {
            let read = scores(wrong.as_bytes(), b"1");
            assert_eq!(read.is_ok(), wrong == "(", "{wrong}");
        }
        for wrong in ["", "a", "+x", "-x"] {
            assert_eq!(members(wrong.as_bytes(), b"+"), Err(NOT_MEMBER), "{wrong}");
        }
        assert_eq!(members(b"[", b"(b").unwrap().min, LexBound::Included(b""));
    }
}
