//! `Tree`: the order of a large sorted set, a B+tree over (score, member) in which each branch knows how many entries
//! lie under each child. Rank of an entry, entry at a rank, ranges and their sizes are all O(log n).
//!
//! ```text
//! Branch   firsts:  first entry of each child, exactly          (searched, no child is touched)
//!          links:   entries under the child, the child
//! Leaf     entries: (score, element), ascending
//! ```
//!
//! All leaves have the same depth. Each node but those on the right edge is at least a quarter full; appending leaves
//! full nodes behind. Nodes know neither parent nor neighbour: iteration asks for the next leaf by rank. Recursion
//! goes as deep as the tree is high, which is below 12 for any number of entries that fits in memory.

use super::element::ElementRef;
use crate::approach::prefetch_all;
use arrayvec::ArrayVec;
use std::cmp::Ordering;
use std::ops::Range;

/// Entries of a leaf and children of a branch: as many as make 1 KiB and 2.5 KiB. Tests want high trees of few entries.
const NODE_CAP: usize = if cfg!(test) { 8 } else { 63 };
/// A node off the right edge has at least this many.
const NODE_MIN: usize = NODE_CAP / 4;
/// What a bulk build puts in a node at most, so that the first insertions do not split everywhere.
const BULK_FILL: usize = NODE_CAP - NODE_CAP / 8;

/// One entry of the order. The score is repeated here so that most comparisons need not follow the pointer.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) score: f64,
    pub(super) element: ElementRef,
}

type Leaf = ArrayVec<Entry, NODE_CAP>;

#[derive(Default)]
struct Branch {
    firsts: ArrayVec<Entry, NODE_CAP>,
    links: ArrayVec<Link, NODE_CAP>,
}

struct Link {
    count: usize,
    child: Node,
}

enum Node {
    Leaf(Box<Leaf>),
    Branch(Box<Branch>),
}

/// See the head of the file. Every element whose entry is in the tree must be alive: see [`Tree::insert`].
pub(super) struct Tree {
    root: Node,
    len: usize,
    nodes: NodeCount,
}

/// Nodes in existence, for the memory account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct NodeCount {
    leaves: usize,
    branches: usize,
}

/// Which entry a removal starts at.
enum Target<'a> {
    Rank(usize),
    Key(f64, &'a [u8]),
}

/// What became of an entry that is to get another score.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Moved {
    /// It has the score, and its old place in the order.
    Stayed,
    /// It is out of the tree, to be inserted with the score.
    Removed,
    /// There was no such entry.
    Absent,
}

/// Order of scores. Not-a-number is kept out of sorted sets; zero has no sign here.
fn compare_scores(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or(Ordering::Equal)
}

impl Entry {
    /// The member's bytes; for an entry in (or just out of) a tree whose elements live.
    pub(super) fn member(&self) -> &[u8] {
        // SAFETY: `Tree::insert` obliges its caller to keep elements alive while their entries are in the tree, and
        // the borrow of the entry ends before that.
        unsafe { self.element.member() }
    }

    pub(super) fn compare(&self, score: f64, member: &[u8]) -> Ordering {
        compare_scores(self.score, score).then_with(|| self.member().cmp(member))
    }

    fn precedes(&self, score: f64, member: &[u8]) -> bool {
        self.compare(score, member).is_lt()
    }

    fn is_at(&self, score: f64, member: &[u8]) -> bool {
        self.compare(score, member).is_eq()
    }
}

/// Number of entries before (score, member). All scores are looked at: that waits for the lines of the node at once and not
/// for one after the other, has no branch that the processor could guess wrong, and takes less time than a binary search.
/// Members are read only where scores are equal.
fn position(entries: &[Entry], score: f64, member: &[u8]) -> usize {
    let lower = entries.iter().filter(|entry| entry.score < score).count();
    match entries.get(lower) {
        Some(entry) if entry.score == score => {
            lower + entries[lower..].partition_point(|entry| entry.precedes(score, member))
        }
        _ => lower,
    }
}

impl Tree {
    pub(super) fn new() -> Tree {
        Tree {
            root: Node::Leaf(Box::default()),
            len: 0,
            nodes: NodeCount {
                leaves: 1,
                branches: 0,
            },
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Number of nodes, each an allocation.
    pub(super) fn node_count(&self) -> usize {
        self.nodes.leaves + self.nodes.branches
    }

    /// Heap bytes of all nodes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.nodes.leaves * size_of::<Leaf>() + self.nodes.branches * size_of::<Branch>()
    }

    /// Adds an entry that is not yet there. O(log n).
    ///
    /// # Safety
    /// The element must live until its entry is removed or the tree is dropped (dropping does not touch elements).
    pub(super) unsafe fn insert(&mut self, entry: Entry) {
        if let Some(right) = self.root.insert(entry, true, &mut self.nodes) {
            let left = std::mem::replace(&mut self.root, Node::Branch(Box::default()));
            self.nodes.branches += 1;
            if let Node::Branch(root) = &mut self.root {
                root.push(left);
                root.push(right);
            }
        }
        self.len += 1;
    }

    /// Builds a tree of ascending entries. O(n).
    ///
    /// # Safety
    /// As [`Tree::insert`], for each entry.
    pub(super) unsafe fn from_sorted(entries: &[Entry]) -> Tree {
        if entries.is_empty() {
            return Tree::new();
        }
        let mut nodes = NodeCount {
            leaves: 0,
            branches: 0,
        };
        let mut level: Vec<Node> = even_chunks(entries.len(), BULK_FILL)
            .map(|range| Node::Leaf(Box::new(entries[range].iter().copied().collect())))
            .collect();
        nodes.leaves = level.len();
        while level.len() > 1 {
            let sizes: Vec<usize> = even_chunks(level.len(), BULK_FILL)
                .map(|range| range.len())
                .collect();
            nodes.branches += sizes.len();
            let mut children = level.into_iter();
            level = sizes
                .into_iter()
                .map(|size| {
                    let mut branch = Box::<Branch>::default();
                    children.by_ref().take(size).for_each(|child| branch.push(child));
                    Node::Branch(branch)
                })
                .collect();
        }
        let root = level.pop().expect("at least one leaf");
        Tree {
            root,
            len: entries.len(),
            nodes,
        }
    }

    /// Number of entries that satisfy `before`, which must hold for a prefix of the order. O(log n).
    pub(super) fn partition_point(&self, before: impl Fn(&Entry) -> bool) -> usize {
        let mut node = &self.root;
        let mut rank = 0;
        loop {
            match node {
                Node::Leaf(leaf) => return rank + leaf.partition_point(&before),
                Node::Branch(branch) => {
                    let Some(index) = branch.firsts.partition_point(&before).checked_sub(1) else {
                        return rank;
                    };
                    rank += branch.links[..index].iter().map(|link| link.count).sum::<usize>();
                    node = &branch.links[index].child;
                }
            }
        }
    }

    /// Number of entries before (score, member): its rank, if it is there. O(log n).
    pub(super) fn rank(&self, score: f64, member: &[u8]) -> usize {
        self.partition_point(|entry| entry.precedes(score, member))
    }

    /// Calls for the leaf in which an entry of this score is or would be, one of them if there are several. O(log n).
    pub(super) fn prefetch(&self, score: f64) {
        let mut node = &self.root;
        while let Node::Branch(branch) = node {
            let behind = branch.firsts.iter().filter(|first| first.score <= score).count();
            node = &branch.links[behind.saturating_sub(1)].child;
        }
        if let Node::Leaf(leaf) = node {
            prefetch_all(&**leaf);
        }
    }

    /// The entries of a leaf from that with this rank on; empty behind the end. O(log n).
    fn leaf_from(&self, rank: usize) -> &[Entry] {
        let mut node = &self.root;
        let mut rank = rank;
        loop {
            match node {
                Node::Leaf(leaf) => return leaf.get(rank..).unwrap_or_default(),
                Node::Branch(branch) => {
                    let (index, before) = branch.child_at(rank);
                    rank -= before;
                    node = &branch.links[index].child;
                }
            }
        }
    }

    /// The entries of a leaf up to and with that of this rank, which must be there. O(log n).
    fn leaf_up_to(&self, rank: usize) -> &[Entry] {
        let mut node = &self.root;
        let mut rank = rank;
        loop {
            match node {
                Node::Leaf(leaf) => return &leaf[..=rank],
                Node::Branch(branch) => {
                    let (index, before) = branch.child_at(rank);
                    rank -= before;
                    node = &branch.links[index].child;
                }
            }
        }
    }

    /// The entries of these ranks (clamped to the end), from either side, without allocation.
    pub(super) fn range(&self, ranks: Range<usize>) -> TreeIter<'_> {
        let end = ranks.end.min(self.len);
        TreeIter {
            tree: self,
            start: ranks.start.min(end),
            end,
            front: &[],
            back: &[],
        }
    }

    /// Removes one entry; false when it is not there. O(log n).
    pub(super) fn remove(&mut self, score: f64, member: &[u8]) -> bool {
        self.remove_run(&Target::Key(score, member), 1, &mut |_| {}) == 1
    }

    /// Removes the entries of these ranks (clamped to the end), in ascending order, and gives each to `removed`,
    /// which may free the element. O(k + log n).
    pub(super) fn remove_range(&mut self, ranks: Range<usize>, mut removed: impl FnMut(ElementRef)) {
        let end = ranks.end.min(self.len);
        let mut left = end.saturating_sub(ranks.start);
        while left > 0 {
            left -= self.remove_run(&Target::Rank(ranks.start), left, &mut removed);
        }
    }

    /// Removes up to `count` entries from the target on, as many as are in its leaf.
    fn remove_run(
        &mut self,
        target: &Target<'_>,
        count: usize,
        removed: &mut dyn FnMut(ElementRef),
    ) -> usize {
        let taken = self.root.remove_run(target, count, &mut self.nodes, removed);
        self.len -= taken;
        self.lower_root();
        taken
    }

    /// Takes away levels that have one node only.
    fn lower_root(&mut self) {
        while let Node::Branch(root) = &mut self.root {
            match root.links.len() {
                0 => {
                    self.root = Node::Leaf(Box::default());
                    self.nodes.leaves += 1;
                }
                1 => self.root = root.links.remove(0).child,
                _ => break,
            }
            self.nodes.branches -= 1;
        }
    }

    /// Gives an entry another score where it stands, if that keeps the order; otherwise takes it out, in the same descent.
    /// May take it out too when it is the first of a leaf and its score falls. O(log n).
    pub(super) fn change_or_remove(&mut self, score: f64, member: &[u8], new_score: f64) -> Moved {
        let moved = self
            .root
            .change_or_remove((score, member), new_score, None, true, &mut self.nodes);
        if moved == Moved::Removed {
            self.len -= 1;
            self.lower_root();
        }
        moved
    }
}

/// Cuts 0..len in the fewest pieces of at most `most`, as equal as can be.
fn even_chunks(len: usize, most: usize) -> impl Iterator<Item = Range<usize>> {
    let pieces = len.div_ceil(most);
    (0..pieces).map(move |piece| {
        let at = |piece: usize| piece * (len / pieces) + piece.min(len % pieces);
        at(piece)..at(piece + 1)
    })
}

impl Node {
    /// Entries or children directly in the node.
    fn width(&self) -> usize {
        match self {
            Node::Leaf(leaf) => leaf.len(),
            Node::Branch(branch) => branch.links.len(),
        }
    }

    /// Entries under the node.
    fn count(&self) -> usize {
        match self {
            Node::Leaf(leaf) => leaf.len(),
            Node::Branch(branch) => branch.links.iter().map(|link| link.count).sum(),
        }
    }

    /// The first entry; the node is not empty.
    fn first(&self) -> Entry {
        match self {
            Node::Leaf(leaf) => leaf[0],
            Node::Branch(branch) => branch.firsts[0],
        }
    }

    /// Inserts below; gives the new right neighbour if the node had to be split. `right_edge`: no node of this level
    /// is further right.
    fn insert(&mut self, entry: Entry, right_edge: bool, nodes: &mut NodeCount) -> Option<Node> {
        match self {
            Node::Leaf(leaf) => {
                let at = position(leaf, entry.score, entry.member());
                if !leaf.is_full() {
                    leaf.insert(at, entry);
                    return None;
                }
                nodes.leaves += 1;
                let keep = if right_edge && at == NODE_CAP {
                    NODE_CAP
                } else {
                    NODE_CAP / 2
                };
                let mut right: Box<Leaf> = Box::new(leaf.drain(keep..).collect());
                if at <= leaf.len() && !leaf.is_full() {
                    leaf.insert(at, entry);
                } else {
                    right.insert(at - leaf.len(), entry);
                }
                Some(Node::Leaf(right))
            }
            Node::Branch(branch) => branch.insert(entry, right_edge, nodes).map(Node::Branch),
        }
    }

    fn remove_run(
        &mut self,
        target: &Target<'_>,
        count: usize,
        nodes: &mut NodeCount,
        removed: &mut dyn FnMut(ElementRef),
    ) -> usize {
        match self {
            Node::Leaf(leaf) => {
                let at = match *target {
                    Target::Rank(rank) => rank,
                    Target::Key(score, member) => {
                        let at = position(leaf, score, member);
                        if !leaf.get(at).is_some_and(|entry| entry.is_at(score, member)) {
                            return 0;
                        }
                        at
                    }
                };
                let end = leaf.len().min(at + count);
                leaf.drain(at..end).for_each(|entry| removed(entry.element));
                end - at
            }
            Node::Branch(branch) => {
                let (index, below) = match *target {
                    Target::Rank(rank) => {
                        let (index, before) = branch.child_at(rank);
                        (index, Target::Rank(rank - before))
                    }
                    Target::Key(score, member) => {
                        (branch.child_of(score, member), Target::Key(score, member))
                    }
                };
                let taken = branch.links[index]
                    .child
                    .remove_run(&below, count, nodes, removed);
                if taken > 0 {
                    branch.links[index].count -= taken;
                    branch.mend(index, nodes);
                }
                taken
            }
        }
    }

    /// `after`: the first entry behind this node. `left_edge`: no entry is before this node.
    fn change_or_remove(
        &mut self,
        key: (f64, &[u8]),
        new_score: f64,
        after: Option<Entry>,
        left_edge: bool,
        nodes: &mut NodeCount,
    ) -> Moved {
        let (score, member) = key;
        match self {
            Node::Leaf(leaf) => {
                let at = position(leaf, score, member);
                if !leaf.get(at).is_some_and(|entry| entry.is_at(score, member)) {
                    return Moved::Absent;
                }
                let follows = match at.checked_sub(1) {
                    Some(before) => leaf[before].precedes(new_score, member),
                    None => left_edge || new_score >= score,
                };
                let next = leaf.get(at + 1).copied().or(after);
                if follows && next.is_none_or(|next| next.compare(new_score, member).is_gt()) {
                    leaf[at].score = new_score;
                    return Moved::Stayed;
                }
                leaf.remove(at);
                Moved::Removed
            }
            Node::Branch(branch) => {
                let index = branch.child_of(score, member);
                let after = branch.firsts.get(index + 1).copied().or(after);
                let child = &mut branch.links[index].child;
                let moved = child.change_or_remove(key, new_score, after, left_edge && index == 0, nodes);
                match moved {
                    Moved::Stayed => branch.firsts[index] = child.first(),
                    Moved::Removed => {
                        branch.links[index].count -= 1;
                        branch.mend(index, nodes);
                    }
                    Moved::Absent => {}
                }
                moved
            }
        }
    }

    /// Moves entries or children between two neighbours so that the left one has `left_width`.
    fn level_out(left: &mut Node, right: &mut Node, left_width: usize) {
        match (left, right) {
            (Node::Leaf(left), Node::Leaf(right)) => shift(left, right, left_width),
            (Node::Branch(left), Node::Branch(right)) => {
                shift(&mut left.firsts, &mut right.firsts, left_width);
                shift(&mut left.links, &mut right.links, left_width);
            }
            _ => unreachable!("neighbours have the same height"),
        }
    }
}

/// Moves items over the border between two neighbours until the left one has `left_len`.
fn shift<T>(left: &mut ArrayVec<T, NODE_CAP>, right: &mut ArrayVec<T, NODE_CAP>, left_len: usize) {
    if let Some(more) = left_len.checked_sub(left.len()) {
        left.extend(right.drain(..more));
    } else {
        let moved = left.len() - left_len;
        right.extend(left.drain(left_len..));
        right.rotate_right(moved);
    }
}

impl Branch {
    fn push(&mut self, child: Node) {
        self.firsts.push(child.first());
        self.links.push(Link {
            count: child.count(),
            child,
        });
    }

    /// Index of the child that holds this rank, and the number of entries before that child. Ranks behind the end go
    /// to the last child.
    fn child_at(&self, rank: usize) -> (usize, usize) {
        let mut before = 0;
        for (index, link) in self.links.iter().enumerate() {
            if rank < before + link.count {
                return (index, before);
            }
            before += link.count;
        }
        let last = self.links.len() - 1;
        (last, before - self.links[last].count)
    }

    /// Index of the child in which (score, member) is or would be.
    fn child_of(&self, score: f64, member: &[u8]) -> usize {
        let at = position(&self.firsts, score, member);
        match self.firsts.get(at) {
            Some(first) if first.is_at(score, member) => at,
            _ => at.saturating_sub(1),
        }
    }

    fn insert(&mut self, entry: Entry, right_edge: bool, nodes: &mut NodeCount) -> Option<Box<Branch>> {
        let index = self.child_of(entry.score, entry.member());
        let is_last = index + 1 == self.links.len();
        let link = &mut self.links[index];
        let new_child = link.child.insert(entry, right_edge && is_last, nodes);
        self.firsts[index] = link.child.first();
        let Some(child) = new_child else {
            link.count += 1;
            return None;
        };
        let count = child.count();
        link.count = link.count + 1 - count;
        self.insert_link(index + 1, child.first(), Link { count, child }, right_edge, nodes)
    }

    fn insert_link(
        &mut self,
        at: usize,
        first: Entry,
        link: Link,
        right_edge: bool,
        nodes: &mut NodeCount,
    ) -> Option<Box<Branch>> {
        if !self.links.is_full() {
            self.firsts.insert(at, first);
            self.links.insert(at, link);
            return None;
        }
        nodes.branches += 1;
        let keep = if right_edge && at == NODE_CAP {
            NODE_CAP
        } else {
            NODE_CAP / 2
        };
        let mut right = Box::new(Branch {
            firsts: self.firsts.drain(keep..).collect(),
            links: self.links.drain(keep..).collect(),
        });
        let (half, at) = if at <= keep && keep < NODE_CAP {
            (self, at)
        } else {
            (right.as_mut(), at - keep)
        };
        half.firsts.insert(at, first);
        half.links.insert(at, link);
        Some(right)
    }

    /// Restores the order of things after child `index` lost entries: its first entry, and enough width, by taking
    /// from a neighbour or joining one. An empty child goes away.
    fn mend(&mut self, index: usize, nodes: &mut NodeCount) {
        let width = self.links[index].child.width();
        if width == 0 {
            self.drop_child(index, nodes);
            return;
        }
        self.firsts[index] = self.links[index].child.first();
        if width >= NODE_MIN || self.links.len() == 1 {
            return;
        }
        let left = index.saturating_sub(1);
        let (front, back) = self.links.split_at_mut(left + 1);
        let (left_link, right_link) = (&mut front[left], &mut back[0]);
        let total = left_link.child.width() + right_link.child.width();
        let left_width = if total <= NODE_CAP { total } else { total / 2 };
        Node::level_out(&mut left_link.child, &mut right_link.child, left_width);
        let both = left_link.count + right_link.count;
        left_link.count = left_link.child.count();
        right_link.count = both - left_link.count;
        if left_width == total {
            self.drop_child(left + 1, nodes);
        } else {
            self.firsts[left + 1] = right_link.child.first();
        }
    }

    fn drop_child(&mut self, index: usize, nodes: &mut NodeCount) {
        self.firsts.remove(index);
        match self.links.remove(index).child {
            Node::Leaf(_) => nodes.leaves -= 1,
            Node::Branch(_) => nodes.branches -= 1,
        }
    }
}

/// Entries of a range of ranks, from either side.
#[derive(Clone)]
pub(super) struct TreeIter<'a> {
    tree: &'a Tree,
    /// Ranks still to come.
    start: usize,
    end: usize,
    /// What is left of the leaf at either side; may reach beyond `end` and `start`.
    front: &'a [Entry],
    back: &'a [Entry],
}

impl<'a> Iterator for TreeIter<'a> {
    type Item = (&'a [u8], f64);

    fn next(&mut self) -> Option<Self::Item> {
        if self.start == self.end {
            return None;
        }
        if self.front.is_empty() {
            self.front = self.tree.leaf_from(self.start);
        }
        let (entry, rest) = self.front.split_first()?;
        self.front = rest;
        self.start += 1;
        Some((entry.member(), entry.score))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.end - self.start, Some(self.end - self.start))
    }

    fn nth(&mut self, n: usize) -> Option<Self::Item> {
        let skipped = n.min(self.end - self.start);
        self.start += skipped;
        self.front = self.front.get(skipped..).unwrap_or_default();
        self.next()
    }
}

impl DoubleEndedIterator for TreeIter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.start == self.end {
            return None;
        }
        if self.back.is_empty() {
            self.back = self.tree.leaf_up_to(self.end - 1);
        }
        let (entry, rest) = self.back.split_last()?;
        self.back = rest;
        self.end -= 1;
        Some((entry.member(), entry.score))
    }
}

impl Tree {
    /// Checks every invariant: order, exact firsts and counts, even depth, fill, number of nodes. O(n).
    pub(super) fn validate(&self) -> Result<(), String> {
        let mut nodes = NodeCount {
            leaves: 0,
            branches: 0,
        };
        let mut previous = None;
        let (count, _) = self.root.validate(true, true, &mut nodes, &mut previous)?;
        if count != self.len || nodes != self.nodes {
            return Err(format!(
                "{count} entries, {nodes:?}; kept: {}, {:?}",
                self.len, self.nodes
            ));
        }
        Ok(())
    }
}

impl Node {
    /// Number of entries below and height.
    fn validate(
        &self,
        right_edge: bool,
        is_root: bool,
        nodes: &mut NodeCount,
        previous: &mut Option<Entry>,
    ) -> Result<(usize, usize), String> {
        let least = match (is_root, right_edge, self) {
            (true, _, Node::Leaf(_)) => 0,
            (true, _, Node::Branch(_)) => 2,
            (false, true, _) => 1,
            (false, false, _) => NODE_MIN,
        };
        if self.width() < least {
            return Err(format!("a node has {} of at least {least}", self.width()));
        }
        match self {
            Node::Leaf(leaf) => {
                nodes.leaves += 1;
                for entry in leaf.iter() {
                    if previous.is_some_and(|previous| !previous.precedes(entry.score, entry.member())) {
                        return Err(format!("out of order at score {}", entry.score));
                    }
                    *previous = Some(*entry);
                }
                Ok((leaf.len(), 0))
            }
            Node::Branch(branch) => {
                nodes.branches += 1;
                branch.validate(right_edge, nodes, previous)
            }
        }
    }
}

impl Branch {
    fn validate(
        &self,
        right_edge: bool,
        nodes: &mut NodeCount,
        previous: &mut Option<Entry>,
    ) -> Result<(usize, usize), String> {
        if self.firsts.len() != self.links.len() {
            return Err(format!(
                "{} firsts, {} links",
                self.firsts.len(),
                self.links.len()
            ));
        }
        let (mut total, mut height) = (0, None);
        for (index, (first, link)) in self.firsts.iter().zip(&self.links).enumerate() {
            let is_last = index + 1 == self.links.len();
            let (count, below) = link
                .child
                .validate(right_edge && is_last, false, nodes, previous)?;
            if count != link.count || *height.get_or_insert(below) != below {
                return Err(format!(
                    "child {index}: {count} entries for {}, height {below}",
                    link.count
                ));
            }
            let actual = link.child.first();
            if actual.element != first.element || actual.score.to_bits() != first.score.to_bits() {
                return Err(format!("first of child {index} is stale"));
            }
            total += count;
        }
        Ok((total, height.unwrap_or(0) + 1))
    }
}
