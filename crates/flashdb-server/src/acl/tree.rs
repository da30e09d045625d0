//! A sorted map by name whose copies share what they have in common: copying is O(1), and a change of one
//! name makes O(log n) new nodes and leaves all others where they are.
//!
//! An AVL tree by path copying. Published users never change, so that a change needs another map; were that
//! one a copy of every entry, 6,000 users would be made in a time that grows with the square of their number.
//! Which entries two maps do not share is found in O(log² n) for one change, by skipping common subtrees.

use std::cmp::Ordering;
use std::sync::Arc;

/// What stands in a [`Tree`].
pub trait Named {
    /// By this name, which does not change.
    fn name(&self) -> &[u8];
}

type Link<V> = Option<Arc<Node<V>>>;

#[derive(Debug)]
struct Node<V> {
    value: Arc<V>,
    left: Link<V>,
    right: Link<V>,
    /// Of the longest way down, counted in nodes.
    height: u8,
}

/// The map.
#[derive(Debug)]
pub struct Tree<V> {
    root: Link<V>,
    len: usize,
}

impl<V> Default for Tree<V> {
    fn default() -> Self {
        Tree { root: None, len: 0 }
    }
}

impl<V> Clone for Tree<V> {
    /// O(1): both share all nodes.
    fn clone(&self) -> Self {
        Tree {
            root: self.root.clone(),
            len: self.len,
        }
    }
}

impl<V: Named> Tree<V> {
    /// The entry called `name`. O(log n).
    pub fn get(&self, name: &[u8]) -> Option<&Arc<V>> {
        self.node(name).map(|node| &node.value)
    }

    fn node(&self, name: &[u8]) -> Option<&Arc<Node<V>>> {
        let mut at = self.root.as_ref();
        while let Some(node) = at {
            at = match name.cmp(node.value.name()) {
                Ordering::Less => node.left.as_ref(),
                Ordering::Greater => node.right.as_ref(),
                Ordering::Equal => return Some(node),
            };
        }
        None
    }

    /// Puts an entry in, in place of one of the same name. O(log n).
    pub fn insert(&mut self, value: Arc<V>) {
        let (root, is_new) = inserted(self.root.as_ref(), value);
        self.root = Some(root);
        self.len += usize::from(is_new);
    }

    /// Takes an entry out; false if there is none. O(log n).
    pub fn remove(&mut self, name: &[u8]) -> bool {
        if self.node(name).is_none() {
            return false;
        }
        self.root = removed(self.root.as_ref(), name);
        self.len -= 1;
        true
    }

    /// All entries by name.
    pub fn iter(&self) -> Iter<'_, V> {
        let mut iter = Iter {
            above: Vec::new(),
            left: self.len,
        };
        iter.descend(self.root.as_ref());
        iter
    }

    /// Entries of this map whose nodes `other` does not share: all that differ, and some that stand above them.
    /// O(d log n) for d of them.
    pub fn unshared<'t>(&'t self, other: &'t Tree<V>) -> impl Iterator<Item = &'t Arc<V>> {
        let mut open: Vec<&Arc<Node<V>>> = self.root.iter().collect();
        std::iter::from_fn(move || {
            loop {
                let node = open.pop()?;
                let there = other.node(node.value.name());
                if !there.is_some_and(|there| Arc::ptr_eq(there, node)) {
                    open.extend(node.right.iter().chain(&node.left));
                    return Some(&node.value);
                }
            }
        })
    }
}

/// Entries of a [`Tree`] by name.
pub struct Iter<'t, V> {
    /// Nodes whose left side has been given, those furthest down last.
    above: Vec<&'t Node<V>>,
    left: usize,
}

impl<'t, V> Iter<'t, V> {
    fn descend(&mut self, mut link: Option<&'t Arc<Node<V>>>) {
        while let Some(node) = link {
            self.above.push(node);
            link = node.left.as_ref();
        }
    }
}

impl<'t, V> Iterator for Iter<'t, V> {
    type Item = &'t Arc<V>;

    fn next(&mut self) -> Option<Self::Item> {
        let node = self.above.pop()?;
        self.descend(node.right.as_ref());
        self.left -= 1;
        Some(&node.value)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<V> ExactSizeIterator for Iter<'_, V> {}

fn height<V>(link: &Link<V>) -> u8 {
    link.as_ref().map_or(0, |node| node.height)
}

fn node<V>(left: Link<V>, value: Arc<V>, right: Link<V>) -> Arc<Node<V>> {
    let height = 1 + height(&left).max(height(&right));
    Arc::new(Node {
        value,
        left,
        right,
        height,
    })
}

/// A node of two sides whose heights differ by 2 at most, turned so that they differ by 1 at most.
fn balanced<V>(left: Link<V>, value: Arc<V>, right: Link<V>) -> Arc<Node<V>> {
    let (left_height, right_height) = (height(&left), height(&right));
    debug_assert!(left_height.abs_diff(right_height) <= 2, "one change at a time");
    match (&left, &right) {
        (Some(high), _) if left_height > right_height + 1 => {
            let (outer, inner) = (high.left.clone(), &high.right);
            match inner {
                Some(inner) if inner.height > height(&outer) => {
                    let low = node(outer, high.value.clone(), inner.left.clone());
                    let other = node(inner.right.clone(), value, right);
                    node(Some(low), inner.value.clone(), Some(other))
                }
                _ => {
                    let other = node(inner.clone(), value, right);
                    node(outer, high.value.clone(), Some(other))
                }
            }
        }
        (_, Some(high)) if right_height > left_height + 1 => {
            let (inner, outer) = (&high.left, high.right.clone());
            match inner {
                Some(inner) if inner.height > height(&outer) => {
                    let low = node(inner.right.clone(), high.value.clone(), outer);
                    let other = node(left, value, inner.left.clone());
                    node(Some(other), inner.value.clone(), Some(low))
                }
                _ => {
                    let other = node(left, value, inner.clone());
                    node(Some(other), high.value.clone(), outer)
                }
            }
        }
        _ => node(left, value, right),
    }
}

/// The tree with `value` in it, and whether there was none of its name.
fn inserted<V: Named>(link: Option<&Arc<Node<V>>>, value: Arc<V>) -> (Arc<Node<V>>, bool) {
    let Some(at) = link else {
        return (node(None, value, None), true);
    };
    match value.name().cmp(at.value.name()) {
        Ordering::Less => {
            let (left, is_new) = inserted(at.left.as_ref(), value);
            (balanced(Some(left), at.value.clone(), at.right.clone()), is_new)
        }
        Ordering::Greater => {
            let (right, is_new) = inserted(at.right.as_ref(), value);
            (balanced(at.left.clone(), at.value.clone(), Some(right)), is_new)
        }
        Ordering::Equal => (node(at.left.clone(), value, at.right.clone()), false),
    }
}

/// The tree without `name`, which is in it.
fn removed<V: Named>(link: Option<&Arc<Node<V>>>, name: &[u8]) -> Link<V> {
    let at = link?;
    match name.cmp(at.value.name()) {
        Ordering::Less => {
            let left = removed(at.left.as_ref(), name);
            Some(balanced(left, at.value.clone(), at.right.clone()))
        }
        Ordering::Greater => {
            let right = removed(at.right.as_ref(), name);
            Some(balanced(at.left.clone(), at.value.clone(), right))
        }
        Ordering::Equal => match &at.right {
            None => at.left.clone(),
            Some(right) => {
                let (next, rest) = without_first(right);
                Some(balanced(at.left.clone(), next, rest))
            }
        },
    }
}

/// The first entry below `at`, and the tree without it.
fn without_first<V>(at: &Arc<Node<V>>) -> (Arc<V>, Link<V>) {
    match &at.left {
        None => (at.value.clone(), at.right.clone()),
        Some(left) => {
            let (first, rest) = without_first(left);
            (first, Some(balanced(rest, at.value.clone(), at.right.clone())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flashdb_base::prng::Prng;
    use std::collections::BTreeMap;

    #[derive(Debug, PartialEq)]
    struct Entry(Vec<u8>, u32);

    impl Named for Entry {
        fn name(&self) -> &[u8] {
            &self.0
        }
    }

    fn entry(number: u64, value: u32) -> Arc<Entry> {
        Arc::new(Entry(format!("user{number}").into_bytes(), value))
    }

    fn filled(len: u64) -> Tree<Entry> {
        let mut tree = Tree::default();
        (0..len).for_each(|number| tree.insert(entry(number, 0)));
        tree
    }

    /// Checks order and heights below; gives the height.
    fn check(link: &Link<Entry>) -> u8 {
        let Some(node) = link else { return 0 };
        let (left, right) = (check(&node.left), check(&node.right));
        assert!(left.abs_diff(right) <= 1, "out of balance: {left} and {right}");
        assert_eq!(node.height, 1 + left.max(right));
        node.height
    }

    #[test]
    fn does_as_a_plain_map_does() {
        let mut prng = Prng::from_seed(7);
        let (mut tree, mut model) = (Tree::default(), BTreeMap::new());
        for round in 0..4_000 {
            let number = prng.below(200);
            let (name, before) = (format!("user{number}").into_bytes(), tree.clone());
            let kept: Vec<Arc<Entry>> = before.iter().cloned().collect();
            if prng.below(2) == 0 {
                tree.insert(entry(number, round));
                model.insert(name, round);
            } else {
                assert_eq!(tree.remove(&name), model.remove(&name).is_some());
            }
            check(&tree.root);
            assert_eq!(tree.iter().len(), model.len());
            let shown = tree.iter().map(|entry| (entry.0.clone(), entry.1));
            assert!(shown.eq(model.clone()), "round {round}");
            assert!(before.iter().eq(&kept), "the copy has changed in round {round}");
        }
    }

    #[test]
    fn a_change_makes_few_new_nodes_however_many_entries_there_are() {
        for (len, few) in [(100, 12), (10_000, 24)] {
            let before = filled(len);
            assert_eq!(before.unshared(&before.clone()).count(), 0);
            for number in [0, len / 2, len - 1] {
                let (mut changed, mut without, mut more) = (before.clone(), before.clone(), before.clone());
                changed.insert(entry(number, 1));
                assert!(without.remove(&entry(number, 0).0));
                more.insert(entry(len + number, 0));
                for after in [changed, without, more] {
                    let (made, left) = (after.unshared(&before).count(), before.unshared(&after).count());
                    assert!(made <= few && left <= few, "{made} made, {left} left of {len}");
                }
            }
        }
    }

    #[test]
    fn what_differs_is_always_among_the_unshared() {
        let (before, mut after) = (filled(1_000), filled(0));
        assert_eq!(before.unshared(&after).count(), 1_000);
        after.clone_from(&before);
        assert!(after.remove(b"user77"));
        after.insert(entry(500, 1));
        let names: Vec<&[u8]> = before.unshared(&after).map(|entry| entry.name()).collect();
        assert!(
            names.contains(&&b"user77"[..]) && names.contains(&&b"user500"[..]),
            "{names:?}"
        );
    }
}
