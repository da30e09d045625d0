//! The sparse encoding: runs of equal registers. Raising one register splits the run it lies in and
//! then joins equal neighbours, choosing the same bytes as Redis 7.0 does.

use super::HllError;

/// Longest run of zeros in one byte, and in two (all registers).
const SHORT_ZEROS_MAX: usize = 64;
const LONG_ZEROS_MAX: usize = 16384;
/// Longest run of a value, and the highest value.
const VALUES_MAX: usize = 4;
const VALUE_MAX: u8 = 32;

/// Long zeros, one value, long zeros.
const SPLIT_BYTES_MAX: usize = 5;
/// Joining looks at no more runs than this from the one before the change.
const JOIN_SCAN_RUNS: usize = 5;

const _: () = assert!(LONG_ZEROS_MAX == super::HLL_REGISTERS);

/// A run of registers with one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub value: u8,
    pub len: usize,
    /// A run of zeros that takes two bytes; a short one may, when another program wrote it.
    long: bool,
}

impl Run {
    pub fn zeros(len: usize) -> Run {
        Run {
            value: 0,
            len,
            long: len > SHORT_ZEROS_MAX,
        }
    }

    fn values(value: u8, len: usize) -> Run {
        Run {
            value,
            len,
            long: false,
        }
    }

    /// The same value over another length.
    fn with_len(self, len: usize) -> Run {
        if self.value == 0 {
            Run::zeros(len)
        } else {
            Run::values(self.value, len)
        }
    }

    pub fn encoded_len(self) -> usize {
        1 + usize::from(self.long)
    }

    fn encode(self) -> ([u8; 2], usize) {
        let less_one = self.len - 1;
        match self {
            Run {
                value: 0,
                long: false,
                ..
            } => ([less_one as u8, 0], 1),
            Run { value: 0, .. } => ([0x40 | (less_one >> 8) as u8, less_one as u8], 2),
            Run { value, .. } => ([0x80 | (value - 1) << 2 | less_one as u8, 0], 1),
        }
    }
}

/// Appends a run.
pub(super) fn push(bytes: &mut Vec<u8>, run: Run) {
    let (encoded, len) = run.encode();
    bytes.extend_from_slice(&encoded[..len]);
}

/// The run encoded at `at`; `None` at the end or when its second byte is missing.
pub(super) fn read(bytes: &[u8], at: usize) -> Option<Run> {
    let first = *bytes.get(at)?;
    Some(match first >> 6 {
        0 => Run::zeros(usize::from(first) + 1),
        1 => {
            let len = usize::from(first & 0x3f) << 8 | usize::from(*bytes.get(at + 1)?);
            Run {
                value: 0,
                len: len + 1,
                long: true,
            }
        }
        _ => Run::values((first >> 2 & 0x1f) + 1, usize::from(first & 3) + 1),
    })
}

/// What [`raise`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Raised {
    Unchanged,
    Changed,
    /// Nothing was changed: the result cannot be sparse.
    NeedsDense,
}

/// Raises the register `index` to `count` in the runs that begin at `start`, unless it is there
/// already. Cost: the runs before it.
pub(super) fn raise(
    bytes: &mut Vec<u8>,
    start: usize,
    index: usize,
    count: u8,
    bytes_max: usize,
) -> Result<Raised, HllError> {
    let place = find(bytes, start, index)?;
    if place.run.value >= count {
        return Ok(Raised::Unchanged);
    }
    if count > VALUE_MAX {
        return Ok(Raised::NeedsDense);
    }
    let mut split = [0; SPLIT_BYTES_MAX];
    let split = split_run(&mut split, place.run, index - place.first, count);
    let replaced = place.run.encoded_len();
    if split.len() > replaced && bytes.len() + split.len() - replaced > bytes_max {
        return Ok(Raised::NeedsDense);
    }
    bytes.splice(place.at..place.at + replaced, split.iter().copied());
    join_equal(bytes, place.previous.unwrap_or(start));
    Ok(Raised::Changed)
}

/// Writes a run with the register `before` places behind its first one raised to `count`; returns the part written.
fn split_run(target: &mut [u8; SPLIT_BYTES_MAX], run: Run, before: usize, count: u8) -> &[u8] {
    let behind = run.len - before - 1;
    let parts = [
        (before > 0).then(|| run.with_len(before)),
        Some(Run::values(count, 1)),
        (behind > 0).then(|| run.with_len(behind)),
    ];
    let mut at = 0;
    for (encoded, len) in parts.into_iter().flatten().map(Run::encode) {
        target[at..at + len].copy_from_slice(&encoded[..len]);
        at += len;
    }
    &target[..at]
}

struct Place {
    run: Run,
    /// Where the run is encoded.
    at: usize,
    /// Its first register.
    first: usize,
    /// Where the run before it is encoded.
    previous: Option<usize>,
}

fn find(bytes: &[u8], start: usize, index: usize) -> Result<Place, HllError> {
    let (mut at, mut first, mut previous) = (start, 0, None);
    loop {
        let run = read(bytes, at).ok_or(HllError::Corrupted)?;
        if index < first + run.len {
            return Ok(Place {
                run,
                at,
                first,
                previous,
            });
        }
        previous = Some(at);
        first += run.len;
        at += run.encoded_len();
    }
}

/// Joins neighbouring runs of the same value where one run can hold them.
fn join_equal(bytes: &mut Vec<u8>, from: usize) {
    let mut at = from;
    for _ in 0..JOIN_SCAN_RUNS {
        let Some(run) = read(bytes, at) else { return };
        let next = read(bytes, at + run.encoded_len());
        match next {
            Some(next) if run.value > 0 && next.value == run.value && run.len + next.len <= VALUES_MAX => {
                let (encoded, _) = run.with_len(run.len + next.len).encode();
                bytes[at] = encoded[0];
                bytes.remove(at + 1);
            }
            _ => at += run.encoded_len(),
        }
    }
}
