//! Which branches have changed between two looks at their counts. A look reads what the shards keep anyhow, of the heaviest
//! branches, and only while somebody wants to know; writes do nothing more for it.
//!
//! What came and what went is exact where both looks saw the same counts. Where those were made anew between them, or a
//! database was flushed or exchanged, it is not known, and said to be so; what there is now is known always.

use flashdb_store::{Mark, Outline, ROOT, ShardMark};
use std::collections::HashSet;
use std::sync::Arc;

/// A branch that has changed, or one above such a branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BranchChange {
    /// Its database.
    pub db: u16,
    /// What its keys begin with; empty for all keys.
    pub prefix: Box<[u8]>,
    /// The branch above, by its place among the changes, which is before this one; none for all keys.
    pub above: Option<usize>,
    /// Whether something changed in the branch that is in none of the branches below it that are told.
    pub own: bool,
    /// Whether branches below it that are not told may have changed.
    pub below: bool,
    /// Keys that came, those of branches below included, if that is known.
    pub created: Option<u64>,
    /// Keys that went, for whatever reason.
    pub deleted: Option<u64>,
    /// Keys there are now.
    pub keys: u64,
    /// Bytes of their entries, about.
    pub bytes: u64,
}

/// What was seen of a database.
pub(super) struct Looked {
    pub outline: Arc<Outline>,
    pub shards: Vec<ShardMark>,
    /// Of the branches that can be watched.
    pub marks: Vec<Mark>,
}

/// What has become of a branch.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Difference {
    keys: i64,
    bytes: i64,
    came: u32,
}

impl Difference {
    fn between(before: &Mark, now: &Mark) -> Self {
        Difference {
            keys: now.tally.keys.wrapping_sub(before.tally.keys) as i64,
            bytes: now.tally.bytes.wrapping_sub(before.tally.bytes) as i64,
            came: now.came.wrapping_sub(before.came),
        }
    }

    fn without(self, other: Self) -> Self {
        Difference {
            keys: self.keys.wrapping_sub(other.keys),
            bytes: self.bytes.wrapping_sub(other.bytes),
            came: self.came.wrapping_sub(other.came),
        }
    }
}

/// What is found out of one branch.
#[derive(Clone, Copy, Default)]
struct Finding {
    difference: Difference,
    own: bool,
    told: bool,
}

impl Looked {
    fn watched_children(&self, id: u32) -> impl Iterator<Item = u32> + '_ {
        let children = &self.outline.branch(id).children;
        let watched = self.marks.len();
        children
            .iter()
            .copied()
            .filter(move |id| (*id as usize) < watched)
    }

    /// Names of the branches below the one of this name, those that can be watched.
    fn names_below(&self, prefix: &[u8]) -> HashSet<&[u8]> {
        let id = self.outline.find(prefix);
        let below = id.into_iter().flat_map(|id| self.watched_children(id));
        below.map(|id| &*self.outline.branch(id).prefix).collect()
    }

    /// The mark of the branch of this name.
    fn mark(&self, prefix: &[u8]) -> Option<&Mark> {
        self.marks.get(self.outline.find(prefix)? as usize)
    }

    /// Where nothing is known of before: all may have changed.
    pub fn anew(&self, db: u16) -> Vec<BranchChange> {
        let all = Finding {
            own: true,
            ..Finding::default()
        };
        vec![self.change(db, ROOT, None, all, None)]
    }

    /// What has changed since `before`, branches before those below them.
    pub fn since(&self, before: &Looked, db: u16) -> Vec<BranchChange> {
        let same_outline = Arc::ptr_eq(&self.outline, &before.outline);
        let serials =
            |looked: &Looked| -> Vec<u64> { looked.shards.iter().map(|shard| shard.serial).collect() };
        let counted = same_outline && serials(self) == serials(before);
        let mut findings: Vec<Finding> = match same_outline {
            true => {
                let pairs = before.marks.iter().zip(&self.marks);
                pairs
                    .map(|(before, now)| Finding::of(Difference::between(before, now)))
                    .collect()
            }
            false => (0..self.marks.len() as u32)
                .map(|id| self.found_by_name(before, id))
                .collect(),
        };
        self.mark_own(&mut findings, same_outline.then_some(counted));
        self.tell(db, &findings, counted)
    }

    /// A branch by its name, of counts that were made anew: how many came is not known. A branch that was not there is not
    /// compared, but the one above it has others below now.
    fn found_by_name(&self, before: &Looked, id: u32) -> Finding {
        let prefix = &*self.outline.branch(id).prefix;
        let mark = before.mark(prefix);
        let mut difference = mark.map_or_else(Difference::default, |mark| {
            Difference::between(mark, &self.marks[id as usize])
        });
        difference.came = 0;
        Finding {
            difference,
            own: mark.is_some() && self.names_below(prefix) != before.names_below(prefix),
            told: false,
        }
    }

    /// Marks what changed by itself, not only by what is below it, and all that is above that. `counted` is whether it is known
    /// what came; none of counts that were made anew.
    fn mark_own(&self, findings: &mut [Finding], counted: Option<bool>) {
        let blank = |difference: Difference| match counted {
            Some(true) => difference,
            _ => Difference {
                came: 0,
                ..difference
            },
        };
        // Branches come before those below them.
        for id in (0..findings.len()).rev() {
            let mut rest = blank(findings[id].difference);
            let mut told_below = false;
            for child in self.watched_children(id as u32) {
                let child = findings[child as usize];
                rest = rest.without(blank(child.difference));
                told_below |= child.told;
            }
            findings[id].own |= rest != Difference::default();
            findings[id].told = findings[id].own || told_below;
        }
    }

    fn tell(&self, db: u16, findings: &[Finding], counted: bool) -> Vec<BranchChange> {
        let mut changes = Vec::new();
        let mut pending = vec![(ROOT, None)];
        while let Some((id, above)) = pending.pop() {
            let finding = findings[id as usize];
            if !finding.told {
                continue;
            }
            let came = counted.then_some(finding.difference.came);
            changes.push(self.change(db, id, above, finding, came));
            let at = changes.len() - 1;
            pending.extend(self.watched_children(id).map(|child| (child, Some(at))));
        }
        changes
    }

    fn change(
        &self,
        db: u16,
        id: u32,
        above: Option<usize>,
        finding: Finding,
        came: Option<u32>,
    ) -> BranchChange {
        let (branch, tally) = (self.outline.branch(id), self.marks[id as usize].tally);
        let created = came.map(u64::from);
        let deleted =
            created.and_then(|created| created.checked_add_signed(finding.difference.keys.wrapping_neg()));
        BranchChange {
            db,
            prefix: branch.prefix.clone(),
            above,
            own: finding.own,
            below: created.is_none() || branch.children.len() > self.watched_children(id).count(),
            // Neither is known without the other.
            created: created.filter(|_| deleted.is_some()),
            deleted,
            keys: tally.keys,
            bytes: tally.bytes,
        }
    }
}

impl Finding {
    fn of(difference: Difference) -> Self {
        Finding {
            difference,
            ..Finding::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flashdb_store::{Sampled, Tally};

    fn outline(keys: &[&str]) -> Arc<Outline> {
        let mut sampled = Sampled::new(b':');
        keys.iter().for_each(|key| sampled.add(key.as_bytes(), 1.0, 10));
        sampled.outline(1)
    }

    /// What one shard says, whose counts have this number and hold and took these keys.
    fn looked(outline: &Arc<Outline>, serial: u64, came: &[&str], went: &[&str]) -> Looked {
        let mut marks = vec![Mark::default(); outline.watched()];
        for key in came {
            for id in outline.path(key.as_bytes()) {
                let mark = &mut marks[id as usize];
                mark.came += 1;
                mark.tally += Tally { keys: 1, bytes: 10 };
            }
        }
        for key in went {
            for id in outline.path(key.as_bytes()) {
                marks[id as usize].tally.keys -= 1;
                marks[id as usize].tally.bytes -= 10;
            }
        }
        let all = marks[0];
        Looked {
            outline: outline.clone(),
            shards: vec![ShardMark { serial, all }],
            marks,
        }
    }

    fn told(changes: &[BranchChange]) -> Vec<(String, Option<u64>, Option<u64>)> {
        let own = changes.iter().filter(|change| change.own);
        let mut told: Vec<_> = own
            .map(|change| {
                let prefix = String::from_utf8_lossy(&change.prefix).into_owned();
                (prefix, change.created, change.deleted)
            })
            .collect();
        told.sort();
        told
    }

    const KEYS: [&str; 6] = ["a:b:1", "a:b:2", "a:c:1", "a:c:2", "z:1", "z:2"];

    #[test]
    fn what_came_and_went_is_told_of_the_innermost_branch() {
        let outline = outline(&KEYS);
        let before = looked(&outline, 1, &KEYS, &[]);
        let mut came = KEYS.to_vec();
        came.extend(["a:b:3", "a:b:4", "loose"]);
        let now = looked(&outline, 1, &came, &["a:b:1"]);
        let changes = now.since(&before, 3);
        let expected = [("".into(), Some(3), Some(1)), ("a:b:".into(), Some(2), Some(1))];
        assert_eq!(told(&changes), expected);
        // What is between is there for who may not be told the innermost.
        let names: Vec<_> = changes
            .iter()
            .map(|change| (&*change.prefix, change.above))
            .collect();
        assert_eq!(names, [(&b""[..], None), (b"a:", Some(0)), (b"a:b:", Some(1))]);
        assert_eq!((changes[1].own, changes[1].keys, changes[1].db), (false, 5, 3));
        assert!(now.since(&now, 0).is_empty());
    }

    #[test]
    fn as_many_that_came_as_went_are_noticed() {
        let outline = outline(&KEYS);
        let before = looked(&outline, 1, &KEYS, &[]);
        let mut came = KEYS.to_vec();
        came.push("z:3");
        let changes = looked(&outline, 1, &came, &["z:1"]).since(&before, 0);
        assert_eq!(told(&changes), [("z:".into(), Some(1), Some(1))]);
    }

    #[test]
    fn what_is_not_known_is_not_told() {
        let first = outline(&KEYS);
        let before = looked(&first, 1, &KEYS, &[]);
        // As after FLUSHDB: other counts of the same branches.
        let flushed = looked(&first, 2, &["z:1", "z:2", "z:3"], &[]);
        let changes = flushed.since(&before, 0);
        assert_eq!(
            told(&changes),
            [
                ("a:b:".into(), None, None),
                ("a:c:".into(), None, None),
                ("z:".into(), None, None)
            ]
        );
        assert!(changes.iter().all(|change| change.below));
        assert_eq!(changes[0].keys, 3);
        // Other branches: the one above a new one has changed, one that holds the same has not.
        let mut keys = KEYS.to_vec();
        keys.extend(["a:d:1", "a:d:2"]);
        let second = outline(&keys);
        let now = looked(&second, 3, &keys, &[]);
        assert_eq!(told(&now.since(&before, 0)), [("a:".into(), None, None)]);
        assert!(looked(&second, 4, &keys, &[]).since(&now, 0).is_empty());
        assert_eq!(told(&now.anew(0)), [(String::new(), None, None)]);
    }
}
