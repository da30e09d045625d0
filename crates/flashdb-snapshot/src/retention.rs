//! Which snapshots are kept when there are enough: the newest chains, whatever was made by hand, and what those build on.
//!
//! A *tree* is a full snapshot with all that build on it. The newest trees stay as they are; of older ones only kept
//! snapshots stay, each with its line down to the full one. Trees of nothing but kept and temporary snapshots do not count, so
//! that they push out no others. The newest tree with temporary ones stays as long as a tree that is older and counts.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use crate::{Catalog, Lsn, SnapshotError, SnapshotId, SnapshotInfo};

/// What stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// So many of the newest full snapshots, each with its incrementals; 0 counts as 1.
    pub chains: usize,
    /// Besides, the newest chain that begins at or before this LSN: the start of the log that is kept for points in time.
    pub reach_back_to: Option<Lsn>,
}

/// What is known of snapshots besides their files.
#[derive(Clone, Debug, Default)]
pub struct Held {
    /// States that somebody needs: they stay, with what they build on.
    pub ids: HashSet<SnapshotId>,
    /// Files that somebody reads: they stay, even when a full one holds the same state.
    pub files: HashSet<PathBuf>,
    /// Made for whoever asked for them.
    pub temporary: HashSet<SnapshotId>,
}

impl Held {
    fn holds(&self, info: &SnapshotInfo) -> bool {
        self.ids.contains(&info.meta.id) || self.files.contains(&info.path)
    }
}

impl Catalog {
    /// Removes what need not stay, and files whose state a full snapshot holds too; gives the files. Files that cannot be
    /// read are left alone.
    pub fn retain(&mut self, retention: Retention) -> Result<Vec<PathBuf>, SnapshotError> {
        self.retain_with(retention, &Held::default())
    }

    /// As [`Self::retain`], while some are held.
    pub fn retain_with(&mut self, retention: Retention, held: &Held) -> Result<Vec<PathBuf>, SnapshotError> {
        let leaving = self.leaving(retention, held);
        let leaving = leaving.into_iter().map(|info| info.path.clone()).collect();
        self.remove(&leaving)
    }

    /// What [`Self::retain_with`] would remove, newest first.
    pub fn leaving(&self, retention: Retention, held: &Held) -> Vec<&SnapshotInfo> {
        let staying = self.staying(retention, held);
        let leaves = |info: &&SnapshotInfo| !staying.contains(info.path.as_path());
        self.snapshots().iter().filter(leaves).collect()
    }

    fn staying(&self, retention: Retention, held: &Held) -> HashSet<&Path> {
        let mut trees: BTreeMap<&Path, Vec<&SnapshotInfo>> = BTreeMap::new();
        let mut orphans = Vec::new();
        for info in self.snapshots().iter().filter(|info| !self.is_superseded(info)) {
            match self.lineage(info).last().filter(|root| root.meta.is_full()) {
                Some(root) => trees.entry(&root.path).or_default().push(info),
                None => orphans.push(info),
            }
        }
        let mut trees: Vec<_> = trees.into_values().collect();
        // Members came newest first, so the first one dates the tree.
        trees.sort_by_key(|tree| {
            tree.first()
                .map(|info| Reverse((info.meta.lsn, info.meta.created_ms)))
        });
        let whole = whole_trees(&trees, retention, held);
        let mut staying = HashSet::new();
        let mut oldest = Lsn::MAX;
        for (tree, whole) in trees.iter().zip(whole) {
            for info in tree.iter().filter(|info| whole || info.meta.kept) {
                staying.extend(self.lineage(info).map(|info| info.path.as_path()));
                oldest = oldest.min(if whole { info.meta.lsn } else { Lsn::MAX });
            }
        }
        // Without its base a snapshot is of no use; but as long as it is younger than what stays, its base may come back.
        for info in orphans
            .into_iter()
            .filter(|info| info.meta.kept || info.meta.lsn >= oldest)
        {
            staying.extend(self.lineage(info).map(|info| info.path.as_path()));
        }
        for info in self.snapshots().iter().filter(|info| held.holds(info)) {
            if !self.is_superseded(info) || held.files.contains(&info.path) {
                staying.extend(self.lineage(info).map(|info| info.path.as_path()));
            }
        }
        staying
    }
}

/// For each tree, newest first, whether it stays as a whole.
fn whole_trees(trees: &[Vec<&SnapshotInfo>], retention: Retention, held: &Held) -> Vec<bool> {
    let mut left = retention.chains.max(1);
    let mut reach = retention.reach_back_to;
    let mut temporary_left = true;
    let is_temporary = |info: &&SnapshotInfo| !info.meta.kept && held.temporary.contains(&info.meta.id);
    let decide = |tree: &Vec<&SnapshotInfo>| {
        let counts = tree.iter().any(|info| !info.meta.kept && !is_temporary(info));
        let begins = tree.last().map_or(0, |info| info.meta.lsn);
        let reaches = reach.is_some_and(|lsn| begins <= lsn);
        if reaches {
            reach = None;
        }
        if !counts && tree.iter().any(is_temporary) {
            // The first may be the newest of all, on which a start relies.
            return std::mem::take(&mut temporary_left) && left > 0 || reaches;
        }
        let stays = counts && left > 0;
        left -= usize::from(stays);
        stays || reaches
    };
    trees.iter().map(decide).collect()
}
