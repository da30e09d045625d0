//! Keys and members that come twice in a file, found with bounded memory. No figure that is small and does not depend on the order
//! tells whether all of many things differ, so their hashes have to be remembered: those in a window of all hashes, as many as
//! there is memory for. The file is read once for each window. Where two hashes are equal it is read once more, and bytes are
//! compared, so that nothing is said of what only looks alike. A window ends before the first equal hashes that there is no room
//! for, and the next begins there, so that nothing is missed either.
//!
//! Loading the values would show as much of members, but takes the memory of the largest, and compares no keys.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use flashdb_base::hash::hash_bytes;

use crate::{EntryRef, Member, Portion};

/// Memory for hashes, in hashes: 64 MiB.
const HASHES_MIN: usize = 8 << 20;
/// Of larger content, a thirty-second part may be taken for hashes of 8 bytes.
const BYTES_OF_A_HASH: u64 = 32 * 8;
/// The first allocation, in hashes.
const HASHES_FIRST: usize = 1024;
/// So many equal hashes are looked at in one go. Of those that nothing is behind there will hardly ever be one.
const SUSPECTS_MAX: usize = 64;
/// So much of what has them is kept to be compared, unless the things of one hash are more.
const SEEN_BYTES_MAX: usize = 1 << 20;
/// Spreads databases; any odd number.
const OF_DATABASE: u64 = 0x9e37_79b9_7f4a_7c15;

/// Database, key, and member if it is one.
type Seen = (u16, Box<[u8]>, Option<Box<[u8]>>);

/// See the module's head. First `add` all entries of the file; then, while there is something to [`Distinct::ask`], all of
/// them again each time.
#[derive(Debug)]
pub(crate) struct Distinct {
    hash: fn(&[u8]) -> u64,
    /// Capacity of `hashes` until they are that many, then it becomes `room` in one step. This does not follow from what the
    /// file claims before a good part of it was there, and all the buffers there ever were are not more than the memory allowed.
    small: usize,
    /// Most hashes in the window.
    room: usize,
    /// The window: first and last hash.
    first: u64,
    last: u64,
    hashes: Vec<u64>,
    /// Keys and members in the file, counted in the first window.
    count: u64,
    /// Hashes that came twice, all that did in the window, and what has them.
    suspects: BTreeMap<u64, HashSet<Seen>>,
    /// Whether they are being looked at.
    compares: bool,
    seen_bytes: usize,
    /// Those to be looked at another time, since what has them took too much memory.
    put_off: BTreeSet<u64>,
}

/// What the next reading of the file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// [`Distinct::add`].
    Window,
    /// [`Distinct::compare`].
    Suspects,
}

/// Memory for the hashes of a file with so much content, in hashes.
pub(crate) fn hashes_max(raw_bytes: u64) -> usize {
    usize::try_from(raw_bytes / BYTES_OF_A_HASH).map_or(HASHES_MIN, |part| part.max(HASHES_MIN))
}

impl Distinct {
    /// Takes memory for at most so many hashes, which are at least two.
    pub(crate) fn new(hashes_max: usize) -> Self {
        let small = hashes_max / 32;
        Self {
            hash: hash_bytes,
            small,
            // Those before, each half of the next, were less than thrice as many together.
            room: hashes_max - 3 * small,
            first: 0,
            last: u64::MAX,
            hashes: Vec::new(),
            count: 0,
            suspects: BTreeMap::new(),
            compares: false,
            seen_bytes: 0,
            put_off: BTreeSet::new(),
        }
    }

    /// Notes what an entry is or has.
    pub(crate) fn add(&mut self, entry: &EntryRef<'_>) {
        let is_first = self.first == 0;
        for_each(entry, self.hash, |hash, _| {
            self.count += u64::from(is_first);
            if (self.first..=self.last).contains(&hash) {
                if self.hashes.len() == self.hashes.capacity() {
                    self.grow();
                }
                if self.hashes.len() >= self.room {
                    self.narrow();
                }
                if hash <= self.last {
                    self.hashes.push(hash);
                }
            }
        });
    }

    /// Gets memory for more hashes. Where there is none, it goes on with windows of the present size.
    fn grow(&mut self) {
        let has = self.hashes.len();
        let wanted = if has < self.small {
            (2 * has).max(HASHES_FIRST).min(self.small)
        } else {
            self.room
        };
        if self.hashes.try_reserve_exact(wanted.saturating_sub(has)).is_err() {
            self.room = has.max(2);
        }
    }

    /// Looks for what is there twice, and gives up the upper half of the window if it is full all the same.
    fn narrow(&mut self) {
        self.sort_out();
        let half = self.room / 2;
        if let Some(&last) = self.hashes.get(half - 1)
            && self.hashes.len() > half
        {
            self.hashes.truncate(half);
            self.last = last;
        }
    }

    /// Afterwards each hash is there once, and those that were there more often are suspects. The window ends before the first
    /// that would be one too many.
    fn sort_out(&mut self) {
        self.hashes.sort_unstable();
        for pair in self.hashes.windows(2).filter(|pair| pair[0] == pair[1]) {
            self.suspects.entry(pair[0]).or_default();
            if self.suspects.len() > SUSPECTS_MAX
                && let Some((beyond, _)) = self.suspects.pop_last()
            {
                // Not less than `first`: the other suspects lie between.
                self.last = self.last.min(beyond - 1);
            }
        }
        self.hashes.dedup();
        let within = self.hashes.partition_point(|&hash| hash <= self.last);
        self.hashes.truncate(within);
    }

    /// After all entries of the file: what to do with all of them now; `None` when nothing comes twice.
    pub(crate) fn ask(&mut self) -> Option<Ask> {
        self.sort_out();
        self.hashes.clear();
        if !self.suspects.is_empty() && !self.compares {
            self.compares = true;
            return Some(Ask::Suspects);
        }
        // What was looked at differs.
        self.suspects.clear();
        self.seen_bytes = 0;
        for hash in std::mem::take(&mut self.put_off) {
            self.suspects.insert(hash, HashSet::new());
        }
        if !self.suspects.is_empty() {
            return Some(Ask::Suspects);
        }
        self.compares = false;
        self.first = self.last.checked_add(1)?;
        // As many as fit, and a sixteenth part less: hashes are not spread that evenly.
        let fits = (self.room - self.room / 16) as u128;
        let width = (fits << 64) / u128::from(self.count.max(1));
        self.last = u64::try_from(u128::from(self.first) + width).unwrap_or(u64::MAX);
        Some(Ask::Window)
    }

    /// What comes twice, if some of it is in this entry, and the other was compared before.
    pub(crate) fn compare(&mut self, entry: &EntryRef<'_>) -> Result<(), &'static str> {
        let mut twice = None;
        for_each(entry, self.hash, |hash, member| {
            if let Some(things) = self.suspects.get_mut(&hash) {
                let of = (entry.db, Box::from(entry.key), member.map(Box::from));
                self.seen_bytes += seen_bytes(&of);
                if !things.insert(of) {
                    twice = Some(match member {
                        None => "a key comes twice",
                        Some(_) => "a value has a member twice",
                    });
                }
                self.put_off();
            }
        });
        twice.map_or(Ok(()), Err)
    }

    /// Frees memory by leaving suspects for another reading: all but the first, if it must be, so that each reading gets on.
    fn put_off(&mut self) {
        while self.seen_bytes > SEEN_BYTES_MAX
            && self.suspects.len() > 1
            && let Some((hash, things)) = self.suspects.pop_last()
        {
            self.seen_bytes -= things.iter().map(seen_bytes).sum::<usize>();
            self.put_off.insert(hash);
        }
    }
}

fn seen_bytes((_, key, member): &Seen) -> usize {
    size_of::<Seen>() + key.len() + member.as_ref().map_or(0, |member| member.len())
}

/// Hands over what may come only once: the key, unless it is a piece; of a piece its members, with their names. Of lists nothing.
fn for_each(entry: &EntryRef<'_>, hash: fn(&[u8]) -> u64, mut each: impl FnMut(u64, Option<&[u8]>)) {
    let key = hash(entry.key).wrapping_add(OF_DATABASE.wrapping_mul(entry.db.into()));
    if entry.portion != Portion::Piece {
        return each(key, None);
    }
    for member in entry.members().flatten() {
        let name = match member {
            Member::Set(name) | Member::ZSet(name, _) | Member::Hash { name, .. } => name,
            Member::List(..) => return,
        };
        each(key.rotate_left(32).wrapping_add(hash(name)), Some(name));
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
        ask_hashed(hash_bytes, hashes_max, file)
    }

    fn ask_hashed(
        hash: fn(&[u8]) -> u64,
        hashes_max: usize,
        file: &[Thing],
    ) -> (Result<(), &'static str>, u32) {
        let mut distinct = Distinct {
            hash,
            ..Distinct::new(hashes_max)
        };
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
                assert!(distinct.hashes.capacity() <= hashes_max);
                assert!(distinct.suspects.len() + distinct.put_off.len() <= SUSPECTS_MAX);
                assert!(distinct.seen_bytes <= SEEN_BYTES_MAX || distinct.suspects.len() == 1);
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

    #[test]
    fn all_buffers_together_are_not_more_than_the_memory() {
        assert_eq!(hashes_max(0) * size_of::<u64>(), 64 << 20);
        for hashes_max in [2, 3, 31, 32, 33, 1000, 32_769, 65_535, 100_003] {
            let mut distinct = Distinct::new(hashes_max);
            let (mut capacity, mut ever) = (0, 0);
            for number in 0..2 * hashes_max as u64 {
                let thing = (0, number.to_le_bytes().to_vec(), None);
                with_entry(&thing, |entry| distinct.add(entry));
                if distinct.hashes.capacity() != capacity {
                    capacity = distinct.hashes.capacity();
                    ever += capacity;
                    assert!(
                        capacity <= distinct.small.max(HASHES_FIRST) || number as usize >= hashes_max / 32
                    );
                }
            }
            assert!(ever <= hashes_max, "{ever} of {hashes_max}");
            assert!(
                capacity >= hashes_max - hashes_max / 10,
                "{capacity} of {hashes_max}"
            );
        }
    }

    /// A thousand hashes, spread evenly.
    fn weak(bytes: &[u8]) -> u64 {
        hash_bytes(bytes) >> 54 << 54
    }

    #[test]
    fn what_comes_twice_is_found_among_more_equal_hashes_than_are_looked_at_in_one_go() {
        let thing = |number: u32| (0, number.to_le_bytes().to_vec(), None);
        let file: Vec<Thing> = (0..4000).map(thing).collect();
        for hashes_max in [500, 100_000] {
            let (outcome, readings) = ask_hashed(weak, hashes_max, &file);
            assert_eq!(outcome, Ok(()));
            let fewest = 2 * 1024 / SUSPECTS_MAX as u32 - 4;
            assert!((fewest..2 * fewest).contains(&readings), "{readings} readings");
            for number in (0..4000).step_by(160) {
                let mut file = file.clone();
                file.insert(2000, thing(number));
                assert!(ask_hashed(weak, hashes_max, &file).0.is_err(), "{number}");
            }
        }
    }

    #[test]
    fn nothing_is_missed_where_all_hashes_are_equal() {
        let mut file = random_file(&mut Prng::from_seed(8), 300);
        for hash in [|_: &[u8]| 0, |_: &[u8]| u64::MAX] {
            assert_eq!(ask_hashed(hash, 2, &file).0, Ok(()));
        }
        file.push(file[7].clone());
        assert!(ask_hashed(|_| 0, 2, &file).0.is_err());
        assert!(ask_hashed(|_| u64::MAX, 2, &file).0.is_err());
    }

    #[test]
    fn what_is_large_is_compared_a_part_at_a_time() {
        let thing = |number: u8| (0, vec![number; SEEN_BYTES_MAX / 10], None);
        let by_half = |bytes: &[u8]| u64::from(bytes[0] / 2) << 56;
        let file: Vec<Thing> = (0..60).map(thing).collect();
        let (outcome, readings) = ask_hashed(by_half, 1000, &file);
        assert_eq!(outcome, Ok(()));
        assert!((7..20).contains(&readings), "{readings} readings");
        for number in [0, 31, 59] {
            let mut file = file.clone();
            file.insert(30, thing(number));
            assert!(ask_hashed(by_half, 1000, &file).0.is_err(), "{number}");
        }
    }
}
