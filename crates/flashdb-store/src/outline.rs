//! The branches of the key tree that are counted: which prefixes of keys, up to a separator, get a counter. Chosen from a
//! sample of the keys ([`Sampled`]) and never changed afterwards, so that a key belongs to the same branches when it comes
//! and when it goes, whatever came between; that is what keeps the counts exact (`docs/design/0011-prefix-index.md`).

use flashdb_base::hash::hash_bytes;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

/// Levels of separators that make branches.
pub const DEPTH_MAX: usize = 3;
/// Bytes of a prefix; what is longer makes no branch.
pub const PREFIX_BYTES_MAX: usize = 128;
/// Branches of an outline.
pub const BRANCHES_MAX: usize = 100_000;
/// Those of them that can be watched, the heaviest: some 20 us for a look at a shard.
pub const WATCHED_MAX: usize = 1024;
/// Counters over all shards, by the estimate: a branch takes one in each shard where it has keys.
const COUNTERS_MAX: u64 = 1_000_000;
/// Prefixes that a sample keeps at a time.
const SAMPLED_MAX: usize = 200_000;
/// A branch of fewer sampled keys is none: its key stands for itself.
const SAMPLES_MIN: u32 = 2;

/// The process's own hash, so that nobody outside can choose names that collide.
#[derive(Default)]
pub(crate) struct NameHasher(u64);

impl Hasher for NameHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 ^= hash_bytes(bytes);
    }

    fn write_usize(&mut self, length: usize) {
        self.0 = self.0.wrapping_add(length as u64);
    }

    fn write_u32(&mut self, id: u32) {
        self.0 ^= hash_bytes(&id.to_le_bytes());
    }
}

pub(crate) type ByName<T> = HashMap<Box<[u8]>, T, BuildHasherDefault<NameHasher>>;
pub(crate) type ById<T> = HashMap<u32, T, BuildHasherDefault<NameHasher>>;

/// The root: all keys.
pub const ROOT: u32 = 0;

/// One branch.
#[derive(Debug)]
pub struct Branch {
    /// What its keys begin with; ends with the separator, save that of the root.
    pub prefix: Box<[u8]>,
    /// Branches below it.
    pub children: Vec<u32>,
    /// Keys when it was chosen, about.
    pub estimate: u64,
    /// As `estimate`, bytes of the entries.
    pub estimate_bytes: u64,
}

/// See the module's head.
#[derive(Debug)]
pub struct Outline {
    separator: u8,
    branches: Vec<Branch>,
    ids: ByName<u32>,
}

/// Ends of the prefixes of `key` that may be branches, shortest first.
fn prefix_ends(key: &[u8], separator: u8) -> impl Iterator<Item = usize> + '_ {
    let head = &key[..key.len().min(PREFIX_BYTES_MAX)];
    head.iter()
        .enumerate()
        .filter(move |(_, byte)| **byte == separator)
        .map(|(at, _)| at + 1)
        .take(DEPTH_MAX)
}

impl Outline {
    /// The branches that `key` belongs to, from the root on.
    #[inline]
    pub fn path(&self, key: &[u8]) -> SmallVec<[u32; DEPTH_MAX + 1]> {
        let mut path = SmallVec::new();
        path.push(ROOT);
        // Whatever is below a branch that is not there is not there either.
        path.extend(prefix_ends(key, self.separator).map_while(|end| self.ids.get(&key[..end]).copied()));
        path
    }

    /// The innermost branch of `key`.
    pub fn home(&self, key: &[u8]) -> u32 {
        self.path(key).last().copied().unwrap_or(ROOT)
    }

    /// The branch with this prefix; the empty one is the root.
    pub fn find(&self, prefix: &[u8]) -> Option<u32> {
        if prefix.is_empty() {
            Some(ROOT)
        } else {
            self.ids.get(prefix).copied()
        }
    }

    /// A branch by its number, which came from here.
    pub fn branch(&self, id: u32) -> &Branch {
        &self.branches[id as usize]
    }

    /// Number of branches, the root included.
    pub fn len(&self) -> usize {
        self.branches.len()
    }

    /// Never: there is the root.
    pub fn is_empty(&self) -> bool {
        self.branches.is_empty()
    }

    /// Branches that can be watched: those with the lowest numbers, to which belongs whatever is above them.
    pub fn watched(&self) -> usize {
        self.len().min(WATCHED_MAX)
    }

    /// What separates levels.
    pub fn separator(&self) -> u8 {
        self.separator
    }

    /// Memory it takes, about.
    pub fn memory_bytes(&self) -> usize {
        let of_branch =
            |branch: &Branch| size_of::<Branch>() + 2 * branch.prefix.len() + branch.children.capacity() * 4;
        self.branches.iter().map(of_branch).sum::<usize>() + self.ids.capacity() * 32
    }
}

#[derive(Clone, Copy, Default)]
struct Weight {
    samples: u32,
    keys: f64,
    bytes: f64,
}

/// Prefixes of sampled keys, the frequent ones: what is rare goes when there are too many.
pub struct Sampled {
    separator: u8,
    all: Weight,
    by_prefix: ByName<Weight>,
}

impl Sampled {
    /// Nothing yet.
    pub fn new(separator: u8) -> Self {
        Sampled {
            separator,
            all: Weight::default(),
            by_prefix: ByName::default(),
        }
    }

    /// Adds a key that stands for `share` keys, with the bytes of its entry.
    pub fn add(&mut self, key: &[u8], share: f64, bytes: usize) {
        let add = |weight: &mut Weight| {
            weight.samples += 1;
            weight.keys += share;
            weight.bytes += share * bytes as f64;
        };
        add(&mut self.all);
        for end in prefix_ends(key, self.separator) {
            match self.by_prefix.get_mut(&key[..end]) {
                Some(weight) => add(weight),
                None => {
                    let mut weight = Weight::default();
                    add(&mut weight);
                    self.by_prefix.insert(key[..end].into(), weight);
                }
            }
        }
        if self.by_prefix.len() > SAMPLED_MAX {
            self.thin_out();
        }
    }

    /// Lets go of rare prefixes, of at least half of them.
    fn thin_out(&mut self) {
        let mut counts: Vec<u32> = self.by_prefix.values().map(|weight| weight.samples).collect();
        let middle = counts.len() / 2;
        let least = *counts.select_nth_unstable(middle).1;
        self.by_prefix.retain(|_, weight| weight.samples > least);
    }

    /// The outline of the most frequent prefixes, for `shards` shards.
    pub fn outline(self, shards: usize) -> Arc<Outline> {
        let mut chosen: Vec<(Box<[u8]>, Weight)> = self
            .by_prefix
            .into_iter()
            .filter(|(_, weight)| weight.samples >= SAMPLES_MIN)
            .collect();
        // A branch has no fewer samples than what is below it, and comes first where it has as many.
        chosen.sort_unstable_by(|(a, one), (b, other)| {
            let by_samples = other.samples.cmp(&one.samples);
            by_samples
                .then_with(|| a.len().cmp(&b.len()))
                .then_with(|| a.cmp(b))
        });
        let branch = |prefix, weight: Weight| Branch {
            prefix,
            children: Vec::new(),
            estimate: weight.keys.round() as u64,
            estimate_bytes: weight.bytes.round() as u64,
        };
        let mut outline = Outline {
            separator: self.separator,
            branches: vec![branch(Box::default(), self.all)],
            ids: ByName::default(),
        };
        let mut counters = 0;
        for (prefix, weight) in chosen {
            counters += (weight.keys.ceil() as u64).min(shards as u64);
            if outline.branches.len() > BRANCHES_MAX || counters > COUNTERS_MAX {
                break;
            }
            let above = prefix_ends(&prefix[..prefix.len() - 1], self.separator).last();
            let Some(parent) = outline.find(&prefix[..above.unwrap_or(0)]) else {
                continue;
            };
            let id = outline.branches.len() as u32;
            outline.ids.insert(prefix.clone(), id);
            outline.branches.push(branch(prefix, weight));
            outline.branches[parent as usize].children.push(id);
        }
        Arc::new(outline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline(keys: &[&str]) -> Arc<Outline> {
        let mut sampled = Sampled::new(b':');
        keys.iter().for_each(|key| sampled.add(key.as_bytes(), 1.0, 10));
        sampled.outline(4)
    }

    #[test]
    fn a_branch_has_at_least_two_keys_and_ends_with_the_separator() {
        let outline = outline(&["a:b:1", "a:b:2", "a:c:1", "one:1", "plain", ":", "::x"]);
        assert_eq!(outline.len(), 4, "the root, a:, a:b: and :");
        let names = |key: &str| -> Vec<String> {
            let path = outline.path(key.as_bytes());
            path.iter()
                .map(|id| String::from_utf8_lossy(&outline.branch(*id).prefix).into_owned())
                .collect()
        };
        assert_eq!(names("a:b:9:z"), ["", "a:", "a:b:"]);
        assert_eq!(names("a:c:9"), ["", "a:"]);
        assert_eq!(names("one:1"), [""]);
        assert_eq!(names("::x"), ["", ":"]);
        assert_eq!(outline.branch(ROOT).estimate, 7);
        assert_eq!(
            outline.find(b"a:b:").map(|id| outline.branch(id).estimate_bytes),
            Some(20)
        );
    }

    #[test]
    fn levels_and_lengths_are_limited() {
        let long = format!("{}:", "x".repeat(PREFIX_BYTES_MAX));
        let outline = outline(&["a:b:c:d:e", "a:b:c:d:f", &format!("{long}1"), &format!("{long}2")]);
        assert_eq!(outline.len(), 1 + DEPTH_MAX);
        assert!(outline.find(b"a:b:c:").is_some() && outline.find(b"a:b:c:d:").is_none());
    }

    #[test]
    fn there_are_never_too_many_branches_and_the_large_ones_stay() {
        let mut sampled = Sampled::new(b':');
        for id in 0..600_000 {
            sampled.add(format!("user:{id}:a").as_bytes(), 1.0, 1);
            sampled.add(format!("big{}:x", id % 10).as_bytes(), 1.0, 1);
        }
        assert!(sampled.by_prefix.len() <= SAMPLED_MAX);
        let outline = sampled.outline(256);
        assert!(outline.len() <= BRANCHES_MAX + 1);
        assert!(outline.find(b"user:").is_some());
        assert!((0..10).all(|id| outline.find(format!("big{id}:").as_bytes()).is_some()));
    }
}
