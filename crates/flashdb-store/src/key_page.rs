//! Pages of keys of a branch of the key tree: a walk as SCAN does it, but without the shards that are known to hold none, and with a
//! bound of bytes and of names: a page has no more of either, or one name.
//!
//! A step of the table's walk gives a bucket or two as a whole. Where its names do not fit into a page, they are taken in the order of
//! a digest of theirs, and the cursor says after which digest to go on. It also says where the step ended: should it end elsewhere
//! the next time, because the table has grown or shrunk meanwhile, the step is begun anew, which may repeat names and misses none.

use crate::database::{Database, entry_hash};
use crate::entry::Entry;
use crate::keyspace::Keyspace;
use crate::outline::Outline;
use crate::scan::TABLE_BITS;
use flashdb_base::clock;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Keys that a step visits under the lock of their shard, about: some 20 us.
const STEP_KEYS: usize = 200;
/// Bits of the shard's number and the table's cursor.
const STEP_BITS: u32 = TABLE_BITS + 16;

/// Where a walk goes on; the default begins one, and is where it ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageCursor {
    /// As SCAN's: the table's cursor with the shard above it.
    step: u64,
    /// Within that step: the digest of the last key, and where the step ended.
    within: Option<(u32, u64)>,
}

impl PageCursor {
    /// Whether the walk is at its end.
    pub fn is_end(&self) -> bool {
        *self == PageCursor::default()
    }

    fn shard(self) -> u64 {
        self.step >> TABLE_BITS
    }

    fn at(self) -> u64 {
        self.step & ((1 << TABLE_BITS) - 1)
    }
}

impl fmt::Display for PageCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (digest, end) = self.within.unwrap_or_default();
        let number = (u128::from(end) << 32 | u128::from(digest)) << STEP_BITS | u128::from(self.step);
        write!(f, "{number}")
    }
}

impl FromStr for PageCursor {
    type Err = std::num::ParseIntError;

    /// Of any number; one that was made up skips keys and does no harm.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number: u128 = text.parse()?;
        let within = ((number >> STEP_BITS) as u32, (number >> (STEP_BITS + 32)) as u64);
        Ok(PageCursor {
            step: number as u64 & ((1 << STEP_BITS) - 1),
            within: (within.0 != 0).then_some(within),
        })
    }
}

/// Keys of a page.
#[derive(Debug)]
pub struct KeyPage {
    /// In no order.
    pub keys: Vec<Box<[u8]>>,
    bytes: usize,
    bytes_max: usize,
    keys_max: usize,
    /// What comes next does not fit.
    is_full: bool,
}

impl KeyPage {
    /// An empty one, for so many bytes of names and so many names.
    pub fn new(bytes_max: usize, keys_max: usize) -> Self {
        KeyPage {
            keys: Vec::new(),
            bytes: 0,
            bytes_max,
            keys_max,
            is_full: false,
        }
    }

    /// Whether nothing more is to come.
    pub fn is_full(&self) -> bool {
        self.is_full || self.bytes >= self.bytes_max || self.keys.len() >= self.keys_max
    }

    fn has_room_for(&self, key: &[u8]) -> bool {
        self.bytes + key.len() <= self.bytes_max && self.keys.len() < self.keys_max
    }

    fn push(&mut self, key: &[u8]) {
        self.bytes += key.len();
        self.keys.push(key.into());
    }
}

/// By which the keys of a step are in order: bits that the step has not in common.
fn digest(entry: &Entry) -> u32 {
    let mixed = entry_hash(entry).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed >> 32) as u32).max(1)
}

/// The part of a walk that is in one shard.
struct Walk<'d, 'p, W> {
    database: &'d Database,
    now_ms: i64,
    is_wanted: W,
    page: &'p mut KeyPage,
    seen: usize,
}

impl<W: FnMut(&[u8]) -> bool> Walk<'_, '_, W> {
    /// Visits the wanted keys of the step at `at`; gives where it ends.
    fn step(&mut self, at: u64, mut visit: impl FnMut(&mut KeyPage, &Entry)) -> u64 {
        // A bucket may be empty.
        self.seen += 1;
        self.database.scan(at, |entry| {
            self.seen += 1;
            let is_live = entry.expire_at_ms().is_none_or(|at_ms| at_ms > self.now_ms);
            if is_live && (self.is_wanted)(entry.key()) {
                visit(self.page, entry);
            }
        })
    }

    /// Takes a step as a whole; `None` when it does not fit.
    fn whole(&mut self, at: u64) -> Option<u64> {
        let (keys, bytes, mut fits) = (self.page.keys.len(), self.page.bytes, true);
        let end = self.step(at, |page, entry| {
            fits &= page.has_room_for(entry.key());
            if fits {
                page.push(entry.key());
            }
        });
        if !fits {
            self.page.keys.truncate(keys);
            self.page.bytes = bytes;
        }
        fits.then_some(end)
    }

    /// Takes of a step what fits, one key at least, going on where `within` says; gives where the step ends, and after which
    /// digest there is more of it.
    fn part(&mut self, at: u64, within: Option<(u32, u64)>) -> (u64, Option<u32>) {
        let mut found: Vec<(u32, usize)> = Vec::new();
        let end = self.step(at, |_, entry| found.push((digest(entry), entry.key().len())));
        let after = within
            .filter(|within| within.1 == end)
            .map_or(0, |within| within.0);
        found.retain(|found| found.0 > after);
        found.sort_unstable();
        let (mut bytes, mut last) = (self.page.bytes, after);
        for (before, (digest, length)) in found.iter().enumerate() {
            bytes += length;
            let is_full = bytes > self.page.bytes_max || self.page.keys.len() + before >= self.page.keys_max;
            // Two of the same digest cannot be told apart by a cursor.
            if last != after && *digest != last && is_full {
                break;
            }
            last = *digest;
        }
        self.step(at, |page, entry| {
            if (after + 1..=last).contains(&digest(entry)) {
                page.push(entry.key());
            }
        });
        let is_all = found.last().is_none_or(|found| found.0 <= last);
        (end, (!is_all).then_some(last))
    }

    /// Goes on from there; gives where to go on next, `None` at the end of the shard.
    fn run(&mut self, mut at: u64, mut within: Option<(u32, u64)>) -> Option<(u64, Option<(u32, u64)>)> {
        loop {
            let whole = within.is_none().then(|| self.whole(at)).flatten();
            let (end, more) = match whole {
                Some(end) => (end, None),
                None if within.is_none() && !self.page.keys.is_empty() => {
                    // The next page begins with it.
                    self.page.is_full = true;
                    return Some((at, None));
                }
                None => self.part(at, within.take()),
            };
            if let Some(last) = more {
                self.page.is_full = true;
                return Some((at, Some((last, end))));
            }
            if end == 0 {
                return None;
            }
            at = end;
            if self.page.is_full() || self.seen >= STEP_KEYS {
                return Some((at, None));
            }
        }
    }
}

impl Keyspace {
    /// Adds to `page` some live keys of `db` that `is_wanted`, and returns the cursor of the next step; shards that are known to hold no
    /// key of `branch`, a number in `outline`, are left out. The caller is not inside the gate.
    pub fn page_keys(
        &self,
        lane: usize,
        db: u16,
        cursor: PageCursor,
        (outline, branch): (&Arc<Outline>, Option<u32>),
        page: &mut KeyPage,
        is_wanted: impl FnMut(&[u8]) -> bool,
    ) -> PageCursor {
        let shard = cursor.shard();
        if shard >= self.shards_count() as u64 {
            return PageCursor::default();
        }
        let now_ms = clock::unix_ms() as i64;
        let next = self.visit_shard(lane, shard as u16, |shard| {
            let database = shard.database(db);
            if database.is_empty() || branch.is_some_and(|id| database.is_without(outline, id)) {
                return None;
            }
            let mut walk = Walk {
                database,
                now_ms,
                is_wanted,
                page,
                seen: 0,
            };
            walk.run(cursor.at(), cursor.within)
        });
        match next {
            Some((at, within)) => PageCursor {
                step: shard << TABLE_BITS | at,
                within,
            },
            None if shard + 1 == self.shards_count() as u64 => PageCursor::default(),
            None => PageCursor {
                step: (shard + 1) << TABLE_BITS,
                within: None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prefixes_test::keyspace_of;
    use std::collections::BTreeSet;

    /// All pages of a walk, with the bytes of each; `meanwhile` is done after each page.
    fn pages(
        space: &Keyspace,
        (bytes_max, keys_max): (usize, usize),
        mut meanwhile: impl FnMut(usize),
    ) -> Vec<KeyPage> {
        let outline = crate::Sampled::new(b':').outline(space.shards_count());
        let lane = space.gate().background_lane(1);
        let (mut cursor, mut pages) = (PageCursor::default(), Vec::new());
        loop {
            let mut page = KeyPage::new(bytes_max, keys_max);
            while !page.is_full() {
                cursor = space.page_keys(lane, 0, cursor, (&outline, None), &mut page, |_| true);
                assert_eq!(cursor.to_string().parse(), Ok(cursor), "what is told leads back");
                if cursor.is_end() {
                    break;
                }
            }
            pages.push(page);
            if cursor.is_end() {
                return pages;
            }
            meanwhile(pages.len());
        }
    }

    fn names<'p>(pages: impl IntoIterator<Item = &'p KeyPage>) -> BTreeSet<Vec<u8>> {
        let keys = pages.into_iter().flat_map(|page| &page.keys);
        keys.map(|key| key.to_vec()).collect()
    }

    #[test]
    fn no_page_is_larger_than_its_bound_or_one_name_and_none_is_missed() {
        let long = |n: usize| format!("a:{n}:{}", "x".repeat(500 + n % 7 * 1000)).into_bytes();
        let (space, _collector) = keyspace_of((0..2000).map(long));
        for bytes_max in [100, 4000, 10_000, 100_000] {
            let pages = pages(&space, (bytes_max, usize::MAX), |_| {});
            for page in &pages {
                let bytes: usize = page.keys.iter().map(|key| key.len()).sum();
                assert!(
                    bytes <= bytes_max || page.keys.len() == 1,
                    "{bytes} of {bytes_max}"
                );
                assert!(!page.keys.is_empty() || pages.len() == 1 || !page.is_full());
            }
            let told: usize = pages.iter().map(|page| page.keys.len()).sum();
            assert_eq!((names(&pages).len(), told), (2000, 2000), "of {bytes_max} bytes");
        }
    }

    #[test]
    fn no_page_has_more_names_than_were_asked_for_and_none_is_missed() {
        let (space, _collector) = keyspace_of((0..2000).map(|n: usize| n.to_string().into_bytes()));
        for keys_max in [1, 2, 7, 100, 5000] {
            let pages = pages(&space, (1 << 20, keys_max), |_| {});
            assert!(pages.iter().all(|page| page.keys.len() <= keys_max), "{keys_max}");
            let told: usize = pages.iter().map(|page| page.keys.len()).sum();
            assert_eq!((names(&pages).len(), told), (2000, 2000), "of {keys_max} names");
        }
    }

    #[test]
    fn a_table_that_grows_or_shrinks_meanwhile_hides_no_name() {
        let name = |n: usize| format!("a:{n}:{}", "x".repeat(900)).into_bytes();
        for grows in [true, false] {
            let (space, _collector) = keyspace_of((0..1500).map(name));
            let others = |n: usize| format!("b:{n}").into_bytes();
            if !grows {
                crate::prefixes_test::set(&space, (0..20_000).map(others));
            }
            let pages = pages(&space, (3000, usize::MAX), |page| {
                let few = (page * 100..page * 100 + 100).map(others);
                match grows {
                    true => crate::prefixes_test::set(&space, few),
                    false => crate::prefixes_test::remove(&space, few),
                }
            });
            let told = names(&pages);
            assert!(
                (0..1500).all(|n| told.contains(&name(n))),
                "while it grows: {grows}"
            );
        }
    }

    #[test]
    fn cursors_that_were_made_up_do_no_harm() {
        let (space, _collector) = keyspace_of((0..300).map(|n: usize| n.to_string().into_bytes()));
        let outline = crate::Sampled::new(b':').outline(space.shards_count());
        for text in [
            "1",
            "18446744073709551615",
            "340282366920938463463374607431768211455",
            "72057594037927936",
        ] {
            let cursor: PageCursor = text.parse().expect("a number");
            let mut page = KeyPage::new(100, usize::MAX);
            space.page_keys(
                space.gate().background_lane(1),
                0,
                cursor,
                (&outline, None),
                &mut page,
                |_| true,
            );
        }
        assert!("x".parse::<PageCursor>().is_err() && "-1".parse::<PageCursor>().is_err());
    }
}
