//! The longest common subsequence of two byte strings, as the LCS command of Redis 7.0 gives it:
//! its length, the bytes themselves, and the matching ranges. Where several subsequences are
//! equally long, the choice is Redis's, so that replies are the same.
//!
//! Time is the product of the lengths. The length alone needs two rows of memory; the subsequence
//! needs one bit for each pair of positions. Bounding the lengths is left to the caller.

/// Two equal ranges, bounds inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match {
    pub a: (usize, usize),
    pub b: (usize, usize),
}

impl Match {
    /// Number of bytes that match.
    pub fn matched_len(&self) -> usize {
        self.a.1 - self.a.0 + 1
    }
}

/// A longest common subsequence as runs of bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lcs {
    /// Length of the subsequence.
    pub length: usize,
    /// Its runs, the last one first, as LCS IDX lists them.
    pub matches: Vec<Match>,
}

impl Lcs {
    /// The subsequence; `a` is the string it was computed with.
    pub fn subsequence(&self, a: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.length);
        for run in self.matches.iter().rev() {
            bytes.extend_from_slice(&a[run.a.0..=run.a.1]);
        }
        bytes
    }
}

/// Length of the longest common subsequence.
pub fn lcs_length(a: &[u8], b: &[u8]) -> usize {
    let mut row = vec![0u32; b.len() + 1];
    for &byte in a {
        next_row(&mut row, byte, b, |_, _| {});
    }
    row[b.len()] as usize
}

/// The longest common subsequence with its matching ranges.
pub fn lcs(a: &[u8], b: &[u8]) -> Lcs {
    let from_above = trace(a, b);
    let mut found = Lcs::default();
    let (mut i, mut j) = (a.len(), b.len());
    let mut run: Option<Match> = None;
    while i > 0 && j > 0 {
        if a[i - 1] == b[j - 1] {
            (i, j) = (i - 1, j - 1);
            found.length += 1;
            let (a_end, b_end) = run.map_or((i, j), |run| (run.a.1, run.b.1));
            run = Some(Match {
                a: (i, a_end),
                b: (j, b_end),
            });
            continue;
        }
        found.matches.extend(run.take());
        if from_above.get(i - 1, j - 1) {
            i -= 1
        } else {
            j -= 1
        }
    }
    found.matches.extend(run);
    found
}

/// A bit for each pair of positions: whether dropping the byte of `a` keeps a longer subsequence
/// than dropping the byte of `b`.
fn trace(a: &[u8], b: &[u8]) -> BitGrid {
    let mut grid = BitGrid::new(a.len(), b.len());
    let mut row = vec![0u32; b.len() + 1];
    for (i, &byte) in a.iter().enumerate() {
        next_row(&mut row, byte, b, |j, above_longer| {
            if above_longer {
                grid.set(i, j);
            }
        });
    }
    grid
}

/// Turns the row of lengths for a prefix of the first string into the row for one byte more.
fn next_row(row: &mut [u32], byte: u8, b: &[u8], mut compare: impl FnMut(usize, bool)) {
    let mut diagonal = 0;
    for (j, &other) in b.iter().enumerate() {
        let above = row[j + 1];
        let left = row[j];
        row[j + 1] = if byte == other {
            diagonal + 1
        } else {
            above.max(left)
        };
        compare(j, above > left);
        diagonal = above;
    }
}

struct BitGrid {
    words: Vec<u64>,
    columns: usize,
}

impl BitGrid {
    fn new(rows: usize, columns: usize) -> Self {
        BitGrid {
            words: vec![0; (rows * columns).div_ceil(64)],
            columns,
        }
    }

    fn set(&mut self, row: usize, column: usize) {
        let bit = row * self.columns + column;
        self.words[bit / 64] |= 1 << (bit % 64);
    }

    fn get(&self, row: usize, column: usize) -> bool {
        let bit = row * self.columns + column;
        self.words[bit / 64] >> (bit % 64) & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flashdb_base::prng::Prng;

    fn full_table(a: &[u8], b: &[u8]) -> Vec<Vec<usize>> {
        let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
        for i in 1..=a.len() {
            for j in 1..=b.len() {
                table[i][j] = match a[i - 1] == b[j - 1] {
                    true => table[i - 1][j - 1] + 1,
                    false => table[i - 1][j].max(table[i][j - 1]),
                };
            }
        }
        table
    }

    /// The walk back over the full table, pair by pair.
    fn pairs_by_table(a: &[u8], b: &[u8]) -> Vec<(usize, usize)> {
        let table = full_table(a, b);
        let (mut i, mut j, mut pairs) = (a.len(), b.len(), Vec::new());
        while i > 0 && j > 0 {
            if a[i - 1] == b[j - 1] {
                (i, j) = (i - 1, j - 1);
                pairs.push((i, j));
            } else if table[i - 1][j] > table[i][j - 1] {
                i -= 1;
            } else {
                j -= 1;
            }
        }
        pairs
    }

    #[test]
    fn subsequences_match_the_full_table() {
        for seed in 0..1500 {
            let mut random = Prng::from_seed(seed);
            let letters = 2 + random.below(4);
            let mut text = || -> Vec<u8> {
                (0..random.below(24))
                    .map(|_| b'a' + random.below(letters) as u8)
                    .collect()
            };
            let (a, b) = (text(), text());
            let found = lcs(&a, &b);
            let length = full_table(&a, &b)[a.len()][b.len()];
            assert_eq!((found.length, lcs_length(&a, &b)), (length, length));
            let pairs: Vec<_> = found
                .matches
                .iter()
                .flat_map(|run| (0..run.matched_len()).map(|back| (run.a.1 - back, run.b.1 - back)))
                .collect();
            assert_eq!(pairs, pairs_by_table(&a, &b), "seed {seed}");
            let mut bytes: Vec<u8> = pairs.iter().map(|(i, _)| a[*i]).collect();
            bytes.reverse();
            assert_eq!(found.subsequence(&a), bytes);
        }
    }

    #[test]
    fn ranges_of_the_documented_example() {
        let found = lcs(b"ohmytext", b"mynewtext");
        assert_eq!(found.length, 6);
        assert_eq!(
            found.matches,
            [Match { a: (4, 7), b: (5, 8) }, Match { a: (2, 3), b: (0, 1) }]
        );
        assert_eq!(found.subsequence(b"ohmytext"), b"mytext");
    }

    #[test]
    fn empty_strings_have_nothing_in_common() {
        assert_eq!(lcs(b"", b"abc"), Lcs::default());
        assert_eq!(lcs_length(b"abc", b""), 0);
    }
}
