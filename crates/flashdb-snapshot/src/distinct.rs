//! Keys and members that come twice in a file, found with bounded memory. No figure that is small and does not depend on the order
//! tells whether all of many things differ, so their hashes have to be remembered: those in a window of all hashes, as many as
//! there is memory for. The file is read once for each window. Where two hashes are equal it is read once more, and bytes are
//! compared, so that nothing is missed and nothing said of what only looks alike.
//!
//! Loading the values would show as much of members, but takes the memory of the largest, and compares no keys.

use std::collections::{BTreeSet, HashSet};

use flashdb_base::hash::hash_bytes;

use crate::{EntryRef, Member, Portion};

/// Fewest hashes that are remembered: 64 MiB.
const HASHES_MIN: usize = 8 << 20;
/// Of larger content, a thirty-second part may be taken for hashes of 8 bytes.
const BYTES_OF_A_HASH: u64 = 32 * 8;
/// So many equal hashes are looked at in one go. Of those that nothing is behind there will hardly ever be one.
const SUSPECTS_MAX: usize = 64;
/// Spreads databases; any odd number.
const OF_DATABASE: u64 = 0x9e37_79b9_7f4a_7c15;

/// Database, key, and member if it is one.
type Seen = (u16, Box<[u8]>, Option<Box<[u8]>>);

/// See the module's head. First `add` all entries of the file; then, while there is something to [`Distinct::ask`], all of
/// them again each time.
#[derive(Debug)]
pub(crate) struct Distinct {
    hashes_max: usize,
    /// The window: first and last hash.
    first: u64,
    last: u64,
    hashes: Vec<u64>,
    /// Keys and members in the file, counted in the first window.
    count: u64,
    /// Hashes that came twice.
    suspects: BTreeSet<u64>,
    /// Whether they are being looked at.
    compares: bool,
    /// What has such a hash.
    seen: HashSet<Seen>,
}

/// What the next reading of the file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// [`Distinct::add`].
    Window,
    /// [`Distinct::compare`].
    Suspects,
}

/// Most hashes to remember for a file with so much content.
pub(crate) fn hashes_max(raw_bytes: u64) -> usize {
    usize::try_from(raw_bytes / BYTES_OF_A_HASH).map_or(HASHES_MIN, |part| part.max(HASHES_MIN))
}

impl Distinct {
    /// Remembers at most so many hashes, which are at least two.
    pub(crate) fn new(hashes_max: usize) -> Self {
        Self {
            hashes_max,
            first: 0,
            last: u64::MAX,
            hashes: Vec::new(),
            count: 0,
            suspects: BTreeSet::new(),
            compares: false,
            seen: HashSet::new(),
        }
    }

    /// Notes what an entry is or has.
    pub(crate) fn add(&mut self, entry: &EntryRef<'_>) {
        let is_first = self.first == 0;
        for_each(entry, |hash, _| {
            self.count += u64::from(is_first);
            if (self.first..=self.last).contains(&hash) {
                if self.hashes.len() == self.hashes_max {
                    self.narrow();
                }
                if hash <= self.last {
                    self.hashes.push(hash);
                }
            }
        });
    }

    /// Looks for what is there twice, and gives up the upper half of the window if it is full all the same.
    fn narrow(&mut self) {
        self.sort_out();
        let half = self.hashes_max / 2;
        if let Some(&last) = self.hashes.get(half - 1)
            && self.hashes.len() > half
        {
            self.hashes.truncate(half);
            self.last = last;
        }
    }

    /// Afterwards each hash is there once, and those that were there more often are suspects.
    fn sort_out(&mut self) {
        self.hashes.sort_unstable();
        let twice = self.hashes.windows(2).filter(|pair| pair[0] == pair[1]);
        for pair in twice {
            if self.suspects.len() < SUSPECTS_MAX {
                self.suspects.insert(pair[0]);
            }
        }
        self.hashes.dedup();
    }

    /// After all entries of the file: what to do with all of them now; `None` when nothing comes twice.
    pub(crate) fn ask(&mut self) -> Option<Ask> {
        self.sort_out();
        self.hashes.clear();
        if !self.suspects.is_empty() && !self.compares {
            self.compares = true;
            return Some(Ask::Suspects);
        }
        // They were looked at, and differ.
        self.suspects.clear();
        self.seen.clear();
        self.compares = false;
        self.first = self.last.checked_add(1)?;
        // As many as fit, and a sixteenth part less: hashes are not spread that evenly.
        let fits = (self.hashes_max - self.hashes_max / 16) as u128;
        let width = (fits << 64) / u128::from(self.count.max(1));
        self.last = u64::try_from(u128::from(self.first) + width).unwrap_or(u64::MAX);
        Some(Ask::Window)
    }

    /// What comes twice, if some of it is in this entry, and the other was compared before.
    pub(crate) fn compare(&mut self, entry: &EntryRef<'_>) -> Result<(), &'static str> {
        let mut twice = None;
        for_each(entry, |hash, member| {
            if self.suspects.contains(&hash) {
                let of = (entry.db, Box::from(entry.key), member.map(Box::from));
                if !self.seen.insert(of) {
                    twice = Some(match member {
                        None => "a key comes twice",
                        Some(_) => "a value has a member twice",
                    });
                }
            }
        });
        twice.map_or(Ok(()), Err)
    }
}

/// Hands over what may come only once: the key, unless it is a piece; of a piece its members, with their names. Of lists nothing.
fn for_each(entry: &EntryRef<'_>, mut each: impl FnMut(u64, Option<&[u8]>)) {
    let key = hash_bytes(entry.key).wrapping_add(OF_DATABASE.wrapping_mul(entry.db.into()));
    if entry.portion != Portion::Piece {
        return each(key, None);
    }
    for member in entry.members().flatten() {
        let name = match member {
            Member::Set(name) | Member::ZSet(name, _) | Member::Hash { name, .. } => name,
            Member::List(..) => return,
        };
        each(key.rotate_left(32).wrapping_add(hash_bytes(name)), Some(name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Collection;
    use flashdb_base::prng::Prng;

    /// Database, key, and a member if it is in a piece.
    type Thing = (u16, Vec<u8>, Option<Vec<u8>>);

    fn with_entry<T>((db, key, member): &Thing, then: impl FnOnce(&EntryRef<'_>) -> T) -> T {
        let mut payload = Vec::new();
        if let Some(member) = member {
            Member::Set(member).put(&mut payload);
        }
        then(&EntryRef {
            db: *db,
            key,
            expire_at_ms: None,
            access: 0,
            raw: false,
            portion: member.as_ref().map_or(Portion::Whole, |_| Portion::Piece),
            value_type: Collection::Set.code(),
            payload: &payload,
        })
    }

    /// What it says of such a file, and how often it was read.
    fn ask(hashes_max: usize, file: &[Thing]) -> (Result<(), &'static str>, u32) {
        let mut distinct = Distinct::new(hashes_max);
        let mut readings = 1;
        file.iter()
            .for_each(|thing| with_entry(thing, |entry| distinct.add(entry)));
        while let Some(ask) = distinct.ask() {
            readings += 1;
            for thing in file {
                let outcome = with_entry(thing, |entry| match ask {
                    Ask::Window => {
                        distinct.add(entry);
                        Ok(())
                    }
                    Ask::Suspects => distinct.compare(entry),
                });
                assert!(distinct.hashes.len() <= hashes_max);
                if outcome.is_err() {
                    return (outcome, readings);
                }
            }
        }
        (Ok(()), readings)
    }

    fn random_file(prng: &mut Prng, things: u64) -> Vec<Thing> {
        let mut file: Vec<Thing> = (0..things)
            .map(|number| {
                let key = format!("key {}", number % 100).into_bytes();
                match prng.below(2) {
                    0 => (3, key, Some(number.to_le_bytes().to_vec())),
                    _ => (number as u16 / 100, key, None),
                }
            })
            .collect();
        for at in (1..file.len()).rev() {
            file.swap(at, prng.below(at as u64 + 1) as usize);
        }
        file
    }

    #[test]
    fn what_comes_twice_is_found_however_little_memory_there_is() {
        let mut prng = Prng::from_seed(6);
        for round in 0..28 {
            let mut file = random_file(&mut prng, 300);
            let hashes_max = [2, 3, 17, 100, 299, 300, 100_000][round % 7];
            let (outcome, readings) = ask(hashes_max, &file);
            assert_eq!(outcome, Ok(()));
            let fewest = 300u32.div_ceil(hashes_max as u32);
            assert!(
                (fewest..=3 * fewest).contains(&readings),
                "{hashes_max} hashes, {readings} readings"
            );
            let (from, to) = (prng.below(300) as usize, prng.below(300) as usize);
            let (is_key, copies) = (file[from].2.is_none(), 1 + prng.below(2) * 500);
            let copy = file[from].clone();
            for _ in 0..copies {
                file.insert(to, copy.clone());
            }
            let (outcome, _) = ask(hashes_max, &file);
            assert_eq!(outcome.is_err_and(|what| what.starts_with("a key")), is_key);
            assert!(outcome.is_err());
        }
    }

    #[test]
    fn equal_hashes_of_what_differs_are_no_damage() {
        let file = random_file(&mut Prng::from_seed(7), 100);
        let mut distinct = Distinct::new(1000);
        file.iter()
            .for_each(|thing| with_entry(thing, |entry| distinct.add(entry)));
        // As if something else had the hash of the first.
        let first = distinct.hashes[0];
        distinct.hashes.push(first);
        assert_eq!(distinct.ask(), Some(Ask::Suspects));
        for thing in &file {
            assert_eq!(with_entry(thing, |entry| distinct.compare(entry)), Ok(()));
        }
        assert_eq!(distinct.ask(), None);
    }
}
