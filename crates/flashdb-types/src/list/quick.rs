//! The large encoding of a list: a deque of nodes, each a block of small elements or one big element.
//!
//! Every node knows the position of its first element in a numbering of the whole list that starts anywhere:
//! a push at the front counts the first node's position down, so both ends need no renumbering, and an index is
//! found by binary search. A change in the middle renumbers the nodes on its shorter side. Blocks that stop
//! being at an end give back their slack; neighbours that became sparse are merged.

use super::End;
use super::block::Block;
use super::element::encoded_bytes;
use super::limits::Limits;
use super::taking::Taking;
use std::collections::VecDeque;
use std::ops::Range;

#[derive(Clone)]
pub(super) struct Quick {
    nodes: VecDeque<Node>,
    /// Elements in all nodes.
    len: usize,
    /// Heap bytes that the nodes own, without the deque itself.
    node_bytes: usize,
    /// Bounds given by the latest change that made a node; merging keeps to them.
    limits: Limits,
    /// Told by `List` of changes.
    pub(super) taking: Taking,
}

#[derive(Clone)]
pub(super) struct Node {
    /// Position of the first element; that of the next node is this plus the count.
    first: i64,
    pub(super) body: Body,
}

#[derive(Clone)]
pub(super) enum Body {
    Block(Block),
    /// An element too big to share a node.
    Big(Box<[u8]>),
}

const _: () = assert!(
    size_of::<Node>() == 40,
    "the deque is moved and searched: its nodes stay small"
);

/// A block that begins a node gets at least this capacity if its elements can use it.
const BLOCK_BYTES_MIN: usize = 512;
/// The deque gives memory back when it is larger than this and less than a quarter full.
const NODES_KEPT: usize = 32;

impl Node {
    /// A node of one element in an allocation of its exact size.
    fn single(value: &[u8], limits: &Limits) -> Node {
        let need = encoded_bytes(value.len());
        let body = if limits.stands_alone(need) {
            Body::Big(value.into())
        } else {
            let mut block = Block::with_capacity(need, End::Back);
            block.push_in_place(End::Back, value, need);
            Body::Block(block)
        };
        Node { first: 0, body }
    }

    fn of_block(block: Block) -> Node {
        Node {
            first: 0,
            body: Body::Block(block),
        }
    }

    #[inline]
    fn count(&self) -> usize {
        match &self.body {
            Body::Block(block) => block.count(),
            Body::Big(_) => 1,
        }
    }

    fn heap_bytes(&self) -> usize {
        match &self.body {
            Body::Block(block) => block.capacity(),
            Body::Big(value) => value.len(),
        }
    }

    fn get(&self, index: usize) -> Option<&[u8]> {
        match &self.body {
            Body::Block(block) => block.get(index),
            Body::Big(value) => (index == 0).then_some(value),
        }
    }

    fn block_mut(&mut self) -> Option<&mut Block> {
        match &mut self.body {
            Body::Block(block) => Some(block),
            Body::Big(_) => None,
        }
    }

    /// Replaces an element; false (and nothing changed) if the new one needs another layout of nodes.
    fn replace(&mut self, index: usize, value: &[u8], limits: &Limits) -> bool {
        let alone = limits.stands_alone(encoded_bytes(value.len()));
        if let Body::Block(block) = &mut self.body {
            if !alone && block.replace(index, value, limits) {
                return true;
            }
            if block.count() > 1 {
                return false;
            }
        }
        self.body = Node::single(value, limits).body;
        true
    }

    /// Gives back the slack of a block that is less than half full.
    fn give_back_half(&mut self) {
        if let Body::Block(block) = &mut self.body
            && block.used() < block.capacity() / 2
        {
            block.shrink_to(block.used());
        }
    }

    /// Removes up to `max` elements equal to `value`, those nearest to `end`; the node may be empty after that.
    fn remove_equal(&mut self, value: &[u8], end: End, max: usize) -> usize {
        match &mut self.body {
            Body::Block(block) => {
                let skip = match end {
                    End::Front => 0,
                    End::Back => block.count_equal(value).saturating_sub(max),
                };
                block.remove_equal(value, skip, max)
            }
            Body::Big(big) if **big == *value => {
                self.body = Body::Block(Block::with_capacity(0, End::Back));
                1
            }
            Body::Big(_) => 0,
        }
    }
}

impl Quick {
    pub(super) fn new(limits: &Limits) -> Quick {
        Quick {
            nodes: VecDeque::new(),
            len: 0,
            node_bytes: 0,
            limits: *limits,
            taking: Taking::default(),
        }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn nodes(&self) -> &VecDeque<Node> {
        &self.nodes
    }

    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<Quick>() + self.nodes.capacity() * size_of::<Node>() + self.node_bytes
    }

    /// The only block, if there is one and nothing else.
    #[inline]
    pub(super) fn single_block(&self) -> Option<&Block> {
        match self.nodes.front().map(|node| &node.body) {
            Some(Body::Block(block)) if self.nodes.len() == 1 => Some(block),
            _ => None,
        }
    }

    /// Halves the slack of the node at the front.
    #[cold]
    pub(super) fn shrink_front(&mut self) {
        self.change(0, |node| {
            if let Body::Block(block) = &mut node.body {
                block.shrink_to(block.used() * 2);
            }
        });
    }

    #[inline]
    fn end_node_mut(&mut self, end: End) -> Option<&mut Node> {
        match end {
            End::Front => self.nodes.front_mut(),
            End::Back => self.nodes.back_mut(),
        }
    }

    #[inline]
    pub(super) fn push(&mut self, end: End, value: &[u8], limits: &Limits) {
        let need = encoded_bytes(value.len());
        if let Some(node) = self.end_node_mut(end)
            && let Body::Block(block) = &mut node.body
            && block.count() < limits.node_elements()
            && block.push_in_place(end, value, need)
        {
            if end == End::Front {
                node.first -= 1;
            }
            self.len += 1;
        } else {
            self.push_beyond(end, value, need, limits);
        }
    }

    /// Pushes where the slack of the end node does not suffice: makes room in it, or begins a node.
    #[cold]
    fn push_beyond(&mut self, end: End, value: &[u8], need: usize, limits: &Limits) {
        self.limits = *limits;
        if limits.stands_alone(need) {
            self.push_node(end, Node::single(value, limits));
            return;
        }
        if let Some(node) = self.end_node_mut(end)
            && let Body::Block(block) = &mut node.body
            && block.count() < limits.node_elements()
        {
            let before = block.capacity();
            if block.make_room(end, need, limits) {
                let after = block.capacity();
                block.push_in_place(end, value, need);
                node.first -= i64::from(end == End::Front);
                self.len += 1;
                self.node_bytes += after - before;
                return;
            }
        }
        let mut block = Block::with_capacity(self.first_capacity(need, limits), end);
        block.push_in_place(end, value, need);
        self.push_node(end, Node::of_block(block));
    }

    /// Capacity to begin an end block with: enough for a full node of such elements, but no more than a quarter
    /// of the list's size, as the block may never fill.
    fn first_capacity(&self, need: usize, limits: &Limits) -> usize {
        let full = need
            .saturating_mul(limits.node_elements())
            .min(limits.node_bytes());
        full.min((self.node_bytes / 4).max(BLOCK_BYTES_MIN)).max(need)
    }

    fn push_node(&mut self, end: End, mut node: Node) {
        self.len += node.count();
        self.node_bytes += node.heap_bytes();
        let sealed = match end {
            End::Front => {
                node.first = self.nodes.front().map_or(0, |next| next.first) - node.count() as i64;
                self.nodes.push_front(node);
                1
            }
            End::Back => {
                node.first = self
                    .nodes
                    .back()
                    .map_or(0, |last| last.first + last.count() as i64);
                self.nodes.push_back(node);
                self.nodes.len().saturating_sub(2)
            }
        };
        self.seal(sealed);
    }

    /// Gives back the slack of a block, unless it is at an end of the list.
    fn seal(&mut self, k: usize) {
        if k > 0 && k + 1 < self.nodes.len() {
            self.change(k, |node| {
                if let Body::Block(block) = &mut node.body {
                    block.seal();
                }
            });
        }
    }

    /// Changes a node and keeps the account of its heap bytes.
    fn change<R>(&mut self, k: usize, change: impl FnOnce(&mut Node) -> R) -> R {
        let node = &mut self.nodes[k];
        let before = node.heap_bytes();
        let result = change(node);
        self.node_bytes = self.node_bytes - before + node.heap_bytes();
        result
    }

    pub(super) fn peek(&self, end: End) -> Option<&[u8]> {
        let node = match end {
            End::Front => self.nodes.front(),
            End::Back => self.nodes.back(),
        }?;
        match &node.body {
            Body::Block(block) => block.peek(end),
            Body::Big(value) => Some(value),
        }
    }

    #[inline]
    pub(super) fn pop_with<R>(&mut self, end: End, take: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let node = self.end_node_mut(end)?;
        match &mut node.body {
            Body::Block(block) => {
                let taken = block.pop_with(end, take)?;
                let emptied = block.count() == 0;
                node.first += i64::from(end == End::Front);
                self.len -= 1;
                if emptied {
                    self.drop_end_node(end);
                }
                Some(taken)
            }
            Body::Big(value) => {
                let taken = take(value);
                self.drop_end_node(end);
                Some(taken)
            }
        }
    }

    /// Takes an element out; a big one is handed over without copying it.
    pub(super) fn pop(&mut self, end: End) -> Option<Vec<u8>> {
        let node = self.end_node_mut(end)?;
        if let Body::Big(value) = &mut node.body {
            let taken = std::mem::take(value);
            self.node_bytes -= taken.len();
            self.drop_end_node(end);
            return Some(taken.into_vec());
        }
        self.pop_with(end, <[u8]>::to_vec)
    }

    /// Drops the node at one end with what is left in it.
    #[cold]
    fn drop_end_node(&mut self, end: End) {
        let node = match end {
            End::Front => self.nodes.pop_front(),
            End::Back => self.nodes.pop_back(),
        };
        if let Some(node) = node {
            self.len -= node.count();
            self.node_bytes -= node.heap_bytes();
        }
        self.shrink_deque();
    }

    fn shrink_deque(&mut self) {
        if self.nodes.capacity() > NODES_KEPT && self.nodes.len() < self.nodes.capacity() / 4 {
            self.nodes.shrink_to((self.nodes.len() * 2).max(NODES_KEPT / 2));
        }
    }

    /// Drops `count` elements at one end, at most all. Cost: the nodes dropped.
    pub(super) fn drop_many(&mut self, end: End, mut count: usize) {
        while count > 0
            && let Some(node) = self.end_node_mut(end)
        {
            let held = node.count();
            if held <= count {
                self.drop_end_node(end);
                count -= held;
                continue;
            }
            if let Body::Block(block) = &mut node.body {
                block.drop_many(end, count);
            }
            if end == End::Front {
                node.first += count as i64;
            }
            self.len -= count;
            return;
        }
    }

    /// Node and index in it of the element at `index`, which must exist.
    pub(super) fn locate(&self, index: usize) -> (usize, usize) {
        let base = self.nodes.front().map_or(0, |node| node.first);
        let position = base + index as i64;
        let after = self.nodes.partition_point(|node| node.first <= position);
        let k = after.saturating_sub(1);
        (k, (position - self.nodes[k].first) as usize)
    }

    /// The indexes of all elements in the node of the one at `index`, which must exist.
    pub(super) fn node_around(&self, index: usize) -> Range<usize> {
        let (k, within) = self.locate(index);
        index - within..index - within + self.nodes[k].count()
    }

    pub(super) fn get(&self, index: usize) -> Option<&[u8]> {
        if index >= self.len {
            return None;
        }
        let (k, within) = self.locate(index);
        self.nodes[k].get(within)
    }

    /// Replaces the element at `index`, which must exist.
    pub(super) fn set(&mut self, index: usize, value: &[u8], limits: &Limits) {
        let (k, within) = self.locate(index);
        let replaced = self.change(k, |node| node.replace(within, value, limits));
        if !replaced {
            self.remove_at(index);
            self.insert(index, value, limits);
        }
    }

    /// Inserts before the element at `index`, or at the end if `index` is the length.
    pub(super) fn insert(&mut self, index: usize, value: &[u8], limits: &Limits) {
        if index == 0 || index >= self.len {
            let end = if index == 0 { End::Front } else { End::Back };
            self.push(end, value, limits);
            return;
        }
        self.limits = *limits;
        let need = encoded_bytes(value.len());
        let alone = limits.stands_alone(need);
        let (k, within) = self.locate(index);
        if !alone
            && (self.insert_into(k, within, value, limits) || self.append_before(k, within, value, limits))
        {
            return;
        }
        if within == 0 {
            self.insert_node(k, Node::single(value, limits));
            return;
        }
        if alone {
            self.split(k, within);
            self.insert_node(k + 1, Node::single(value, limits));
            return;
        }
        // A full node is halved, so that a run of insertions leaves no trail of tiny nodes. The half that the
        // value belongs to may be full as well; halving ends at a single element, which has no middle.
        let middle = self.nodes[k].block_mut().map_or(0, |block| block.middle());
        self.split(k, middle);
        self.insert(index, value, limits);
    }

    /// Inserts into a block if it admits the value.
    fn insert_into(&mut self, k: usize, within: usize, value: &[u8], limits: &Limits) -> bool {
        let need = encoded_bytes(value.len());
        let fits = matches!(&self.nodes[k].body, Body::Block(block) if block.admits(need, limits));
        if fits {
            self.change(k, |node| {
                if let Body::Block(block) = &mut node.body {
                    block.insert(within, value, limits);
                }
            });
            self.len += 1;
            self.renumber(k..k + 1);
        }
        fits
    }

    /// Puts a value that belongs before the first element of node `k` at the end of the node before it.
    fn append_before(&mut self, k: usize, within: usize, value: &[u8], limits: &Limits) -> bool {
        if within != 0 || k == 0 {
            return false;
        }
        let end = self.nodes[k - 1].count();
        self.insert_into(k - 1, end, value, limits)
    }

    fn insert_node(&mut self, k: usize, node: Node) {
        self.len += node.count();
        self.node_bytes += node.heap_bytes();
        self.nodes.insert(k, node);
        self.renumber(k..k + 1);
    }

    /// Cuts a block before its element `within`; the second part becomes the next node.
    fn split(&mut self, k: usize, within: usize) {
        let Body::Block(block) = &mut self.nodes[k].body else {
            return;
        };
        let tail = Node::of_block(block.split_off(within));
        self.len -= tail.count();
        self.insert_node(k + 1, tail);
        self.seal(k);
    }

    /// Removes the element at `index`, which must exist.
    pub(super) fn remove_at(&mut self, index: usize) {
        let (k, within) = self.locate(index);
        self.change(k, |node| match &mut node.body {
            Body::Block(block) => block.remove(within),
            big => *big = Body::Block(Block::with_capacity(0, End::Back)),
        });
        self.len -= 1;
        self.settle(k);
    }

    /// Removes up to `max` elements equal to `value`, beginning at `end`; returns how many.
    pub(super) fn remove_equal(&mut self, value: &[u8], end: End, max: usize) -> usize {
        let count = self.nodes.len();
        let (mut removed, mut nodes_changed, mut last_changed) = (0, 0, 0);
        for step in 0..count {
            if removed == max {
                break;
            }
            let k = if end == End::Front { step } else { count - 1 - step };
            let here = self.change(k, |node| node.remove_equal(value, end, max - removed));
            if here > 0 {
                removed += here;
                nodes_changed += 1;
                last_changed = k;
            }
        }
        self.len -= removed;
        match nodes_changed {
            0 => {}
            1 => self.settle(last_changed),
            _ => self.compact(),
        }
        removed
    }

    /// After elements were taken out of one node: drops it if empty, or merges it with a neighbour if sparse.
    fn settle(&mut self, k: usize) {
        if self.nodes[k].count() == 0 {
            if let Some(node) = self.nodes.remove(k) {
                self.node_bytes -= node.heap_bytes();
            }
            self.renumber(k..k);
            self.shrink_deque();
            return;
        }
        let left = [k.wrapping_sub(1), k]
            .into_iter()
            .find(|&left| left < k + 1 && left + 1 < self.nodes.len() && self.can_merge(left));
        if let Some(left) = left {
            if let Some(right) = self.nodes.remove(left + 1) {
                self.node_bytes -= right.heap_bytes();
                self.change(left, |node| append_node(node, &right));
            }
            self.renumber(left..left + 1);
        } else {
            self.change(k, Node::give_back_half);
            self.renumber(k..k + 1);
        }
    }

    fn can_merge(&self, left: usize) -> bool {
        mergeable(&self.nodes[left], &self.nodes[left + 1], &self.limits)
    }

    /// Drops empty nodes and merges sparse ones in one pass over all, and renumbers from 0.
    fn compact(&mut self) {
        let old = std::mem::take(&mut self.nodes);
        self.node_bytes = 0;
        let mut position = 0;
        for mut node in old {
            let count = node.count() as i64;
            if count == 0 {
                continue;
            }
            match self.nodes.back_mut() {
                Some(last) if mergeable(last, &node, &self.limits) => {
                    self.node_bytes -= last.heap_bytes();
                    append_node(last, &node);
                    self.node_bytes += last.heap_bytes();
                }
                _ => {
                    node.give_back_half();
                    node.first = position;
                    self.node_bytes += node.heap_bytes();
                    self.nodes.push_back(node);
                }
            }
            position += count;
        }
    }

    /// Restores the numbering after nodes in `changed` got another count or are new, or, if it is empty, after
    /// a node was removed at its start. Renumbers towards the nearer end of the list.
    fn renumber(&mut self, changed: Range<usize>) {
        let count = self.nodes.len();
        if changed.start < count - changed.end.min(count) {
            let mut next_first = self.nodes[changed.end].first;
            for node in self.nodes.range_mut(..changed.end).rev() {
                next_first -= node.count() as i64;
                node.first = next_first;
            }
        } else {
            let before = changed.start.checked_sub(1).and_then(|k| self.nodes.get(k));
            let mut first = before.map_or(0, |node| node.first + node.count() as i64);
            for node in self.nodes.range_mut(changed.start.min(count)..) {
                node.first = first;
                first += node.count() as i64;
            }
        }
    }

    /// Checks the invariants of all nodes, their numbering and the accounts.
    pub(super) fn validate(&self) -> Result<(), String> {
        let (mut len, mut bytes) = (0, 0);
        let mut position = self.nodes.front().map_or(0, |node| node.first);
        for (k, node) in self.nodes.iter().enumerate() {
            if let Body::Block(block) = &node.body {
                block.validate().map_err(|error| format!("node {k}: {error}"))?;
            }
            if node.count() == 0 {
                return Err(format!("node {k} is empty"));
            }
            if node.first != position {
                return Err(format!("node {k} starts at {}, not {position}", node.first));
            }
            position += node.count() as i64;
            len += node.count();
            bytes += node.heap_bytes();
        }
        if (len, bytes) != (self.len, self.node_bytes) {
            return Err(format!(
                "{len} elements in {bytes} bytes, accounted {} in {}",
                self.len, self.node_bytes
            ));
        }
        Ok(())
    }
}

/// Two neighbours are merged when the result is at most half full: it can then take insertions before it is
/// split again.
fn mergeable(left: &Node, right: &Node, limits: &Limits) -> bool {
    match (&left.body, &right.body) {
        (Body::Block(left), Body::Block(right)) => {
            left.used() + right.used() <= limits.node_bytes() / 2
                && left.count() + right.count() <= limits.node_elements() / 2
        }
        _ => false,
    }
}

fn append_node(left: &mut Node, right: &Node) {
    if let (Body::Block(left), Body::Block(right)) = (&mut left.body, &right.body) {
        left.append(right);
    }
}
