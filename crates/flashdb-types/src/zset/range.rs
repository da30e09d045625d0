//! Ranges of a sorted set: by score and by member. Both select a run of ranks.

use std::cmp::Ordering;

/// Scores from `min` to `max`, each excluded where its flag says so.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoreRange {
    pub min: f64,
    pub max: f64,
    pub min_excluded: bool,
    pub max_excluded: bool,
}

impl ScoreRange {
    /// All scores.
    pub const ALL: ScoreRange = ScoreRange::closed(f64::NEG_INFINITY, f64::INFINITY);

    /// Both ends included.
    pub const fn closed(min: f64, max: f64) -> ScoreRange {
        ScoreRange {
            min,
            max,
            min_excluded: false,
            max_excluded: false,
        }
    }

    /// The lower end included, the upper one not.
    pub const fn half_open(min: f64, max: f64) -> ScoreRange {
        ScoreRange {
            min,
            max,
            min_excluded: false,
            max_excluded: true,
        }
    }

    pub fn contains(&self, score: f64) -> bool {
        !self.is_above(score) && !self.is_past(score)
    }

    /// The range begins above this score.
    pub(super) fn is_above(&self, score: f64) -> bool {
        score < self.min || (self.min_excluded && score == self.min)
    }

    /// The range ends below this score.
    pub(super) fn is_past(&self, score: f64) -> bool {
        score > self.max || (self.max_excluded && score == self.max)
    }
}

/// An end of a [`LexRange`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LexBound<'a> {
    /// Before every member: `-`.
    Lowest,
    /// Behind every member: `+`.
    Highest,
    /// `[member`
    Included(&'a [u8]),
    /// `(member`
    Excluded(&'a [u8]),
}

/// Members between two bounds in byte order. It means something only where all scores are the same; elsewhere it
/// selects some run of the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LexRange<'a> {
    pub min: LexBound<'a>,
    pub max: LexBound<'a>,
}

impl LexRange<'_> {
    pub fn contains(&self, member: &[u8]) -> bool {
        !self.is_above(member) && !self.is_past(member)
    }

    /// The range begins above this member.
    pub(super) fn is_above(&self, member: &[u8]) -> bool {
        match self.min {
            LexBound::Lowest => false,
            LexBound::Highest => true,
            LexBound::Included(min) => member.cmp(min) == Ordering::Less,
            LexBound::Excluded(min) => member.cmp(min) != Ordering::Greater,
        }
    }

    /// The range ends below this member.
    pub(super) fn is_past(&self, member: &[u8]) -> bool {
        match self.max {
            LexBound::Lowest => true,
            LexBound::Highest => false,
            LexBound::Included(max) => member.cmp(max) == Ordering::Greater,
            LexBound::Excluded(max) => member.cmp(max) != Ordering::Less,
        }
    }
}
