//! One node of small elements: a byte buffer that is filled from either end.
//!
//! ```text
//!   0        start                                          end        capacity
//!   | slack  | element | element | ...            | element |  slack   |
//! ```
//!
//! Pushing and popping at an end moves no other element; when the slack of an end runs out the content slides
//! or the buffer doubles, which is amortised. Elements are encoded so that they can be read from both ends.

use super::End;
use super::element::{encode, encoded_bytes, split_first, split_last};
use super::limits::Limits;

#[derive(Clone)]
pub(super) struct Block {
    buffer: Box<[u8]>,
    start: u32,
    end: u32,
    count: u32,
}

impl Block {
    /// An empty block whose whole slack is at the end that will be pushed to.
    pub(super) fn with_capacity(capacity: usize, fill_from: End) -> Block {
        let at = match fill_from {
            End::Front => capacity as u32,
            End::Back => 0,
        };
        Block {
            buffer: vec![0; capacity].into_boxed_slice(),
            start: at,
            end: at,
            count: 0,
        }
    }

    #[inline]
    pub(super) fn count(&self) -> usize {
        self.count as usize
    }

    /// Encoded bytes in use.
    #[inline]
    pub(super) fn used(&self) -> usize {
        (self.end - self.start) as usize
    }

    #[inline]
    pub(super) fn capacity(&self) -> usize {
        self.buffer.len()
    }

    /// All elements, encoded; to be read with `split_first` and `split_last`.
    #[inline]
    pub(super) fn encoded(&self) -> &[u8] {
        &self.buffer[self.start as usize..self.end as usize]
    }

    #[inline]
    pub(super) fn peek(&self, end: End) -> Option<&[u8]> {
        let split = match end {
            End::Front => split_first(self.encoded()),
            End::Back => split_last(self.encoded()),
        };
        split.map(|(value, _)| value)
    }

    /// Pushes if the slack of that end has room for it; false otherwise.
    #[inline]
    pub(super) fn push_in_place(&mut self, end: End, value: &[u8], need: usize) -> bool {
        let at = match end {
            End::Front => {
                let Some(at) = (self.start as usize).checked_sub(need) else {
                    return false;
                };
                self.start = at as u32;
                at
            }
            End::Back => {
                let at = self.end as usize;
                if self.buffer.len() - at < need {
                    return false;
                }
                self.end = (at + need) as u32;
                at
            }
        };
        encode(&mut self.buffer[at..at + need], value);
        self.count += 1;
        true
    }

    /// Makes room for `need` bytes at one end by sliding or growing; false if the node is to be left as it is
    /// and a new one begun.
    #[cold]
    pub(super) fn make_room(&mut self, end: End, need: usize, limits: &Limits) -> bool {
        let (used, capacity) = (self.used(), self.capacity());
        if used + need > limits.node_bytes() {
            return false;
        }
        // Half of the slack goes to each end: pushes that alternate between the ends must not slide each time.
        let slack = capacity - used;
        if slack >= capacity / 2 && slack / 2 >= need {
            self.slide_to(slack / 2);
            return true;
        }
        if capacity >= limits.node_bytes() {
            return false;
        }
        self.reallocate((capacity * 2).max(used + need).min(limits.node_bytes()), end);
        true
    }

    /// Whether one more element fits the limits of a node, wherever its place.
    pub(super) fn admits(&self, need: usize, limits: &Limits) -> bool {
        self.used() + need <= limits.node_bytes() && self.count() < limits.node_elements()
    }

    /// Takes the element at one end out, after `take` has seen it.
    #[inline]
    pub(super) fn pop_with<R>(&mut self, end: End, take: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let encoded = self.encoded();
        let (value, rest) = match end {
            End::Front => split_first(encoded)?,
            End::Back => split_last(encoded)?,
        };
        let size = (encoded.len() - rest.len()) as u32;
        let taken = take(value);
        match end {
            End::Front => self.start += size,
            End::Back => self.end -= size,
        }
        self.count -= 1;
        Some(taken)
    }

    /// Drops `count` elements at one end, at most all.
    pub(super) fn drop_many(&mut self, end: End, count: usize) {
        let count = count.min(self.count());
        match end {
            End::Front => self.start += self.offset_of(count) as u32,
            End::Back => self.end = self.start + self.offset_of(self.count() - count) as u32,
        }
        self.count -= count as u32;
    }

    /// Offset of an element in [`Block::encoded`], walking from the nearer end. `index` may be the count.
    pub(super) fn offset_of(&self, index: usize) -> usize {
        let mut rest = self.encoded();
        let total = rest.len();
        if index <= self.count() / 2 {
            for _ in 0..index {
                let Some((_, after)) = split_first(rest) else {
                    break;
                };
                rest = after;
            }
            total - rest.len()
        } else {
            for _ in index..self.count() {
                let Some((_, before)) = split_last(rest) else {
                    break;
                };
                rest = before;
            }
            rest.len()
        }
    }

    pub(super) fn get(&self, index: usize) -> Option<&[u8]> {
        split_first(&self.encoded()[self.offset_of(index)..]).map(|(value, _)| value)
    }

    /// Inserts before the element `index` (or at the end); the limits were checked by the caller.
    pub(super) fn insert(&mut self, index: usize, value: &[u8], limits: &Limits) {
        let need = encoded_bytes(value.len());
        let offset = self.offset_of(index);
        self.open_gap(offset, need, limits);
        let at = self.start as usize + offset;
        encode(&mut self.buffer[at..at + need], value);
        self.count += 1;
    }

    /// Replaces an element; false (and nothing changed) if the new one does not fit the limits.
    pub(super) fn replace(&mut self, index: usize, value: &[u8], limits: &Limits) -> bool {
        let offset = self.offset_of(index);
        let Some((old, _)) = split_first(&self.encoded()[offset..]) else {
            return false;
        };
        let (have, need) = (encoded_bytes(old.len()), encoded_bytes(value.len()));
        if need > have && self.used() - have + need > limits.node_bytes() {
            return false;
        }
        if need > have {
            self.open_gap(offset, need - have, limits);
        } else if need < have {
            self.close_gap(offset, have - need);
        }
        let at = self.start as usize + offset;
        encode(&mut self.buffer[at..at + need], value);
        true
    }

    /// Removes the element `index`.
    pub(super) fn remove(&mut self, index: usize) {
        let offset = self.offset_of(index);
        if let Some((value, _)) = split_first(&self.encoded()[offset..]) {
            self.close_gap(offset, encoded_bytes(value.len()));
            self.count -= 1;
        }
    }

    /// Number of elements equal to `value`.
    pub(super) fn count_equal(&self, value: &[u8]) -> usize {
        let mut rest = self.encoded();
        let mut found = 0;
        while let Some((element, after)) = split_first(rest) {
            found += usize::from(element == value);
            rest = after;
        }
        found
    }

    /// Removes elements equal to `value` in one pass: the first `skip` of them stay, and so do those after
    /// `max` removals. Returns the number removed.
    pub(super) fn remove_equal(&mut self, value: &[u8], mut skip: usize, max: usize) -> usize {
        let (mut read, mut write) = (self.start as usize, self.start as usize);
        let end = self.end as usize;
        let mut removed = 0;
        while removed < max
            && let Some((element, _)) = split_first(&self.buffer[read..end])
        {
            let size = encoded_bytes(element.len());
            let matches = element == value;
            if matches && skip == 0 {
                removed += 1;
            } else {
                skip -= usize::from(matches);
                if write != read {
                    self.buffer.copy_within(read..read + size, write);
                }
                write += size;
            }
            read += size;
        }
        self.buffer.copy_within(read..end, write);
        self.end = (write + end - read) as u32;
        self.count -= removed as u32;
        removed
    }

    /// Cuts the block before element `index`; returns the second part in an allocation of its exact size.
    pub(super) fn split_off(&mut self, index: usize) -> Block {
        let offset = self.offset_of(index);
        let moved: Box<[u8]> = self.encoded()[offset..].into();
        let tail = Block {
            start: 0,
            end: moved.len() as u32,
            count: self.count - index as u32,
            buffer: moved,
        };
        self.end = self.start + offset as u32;
        self.count = index as u32;
        tail
    }

    /// Index near the middle by bytes, with at least one element on each side of it. The block has two or more.
    pub(super) fn middle(&self) -> usize {
        let half = self.used() / 2;
        let mut rest = self.encoded();
        let total = rest.len();
        let mut index = 0;
        while let Some((_, after)) = split_first(rest)
            && total - after.len() <= half
        {
            index += 1;
            rest = after;
        }
        index.clamp(1, self.count() - 1)
    }

    /// Appends all elements of another block; the limits were checked by the caller.
    pub(super) fn append(&mut self, other: &Block) {
        let more = other.used();
        if self.capacity() - (self.end as usize) < more {
            self.reallocate(self.used() + more, End::Back);
        }
        let at = self.end as usize;
        self.buffer[at..at + more].copy_from_slice(other.encoded());
        self.end += more as u32;
        self.count += other.count;
    }

    /// Gives back slack of more than an eighth: called when the block stops being at an end of its list.
    pub(super) fn seal(&mut self) {
        if self.capacity() - self.used() > self.capacity() / 8 {
            self.reallocate(self.used(), End::Back);
        }
    }

    /// Gives back slack beyond a capacity, which is at least what is used.
    pub(super) fn shrink_to(&mut self, capacity: usize) {
        if capacity < self.capacity() {
            self.reallocate(capacity, End::Back);
        }
    }

    fn slide_to(&mut self, start: usize) {
        let used = self.used();
        self.buffer
            .copy_within(self.start as usize..self.end as usize, start);
        self.start = start as u32;
        self.end = (start + used) as u32;
    }

    /// Moves the content to a buffer of another size, with all slack at one end.
    fn reallocate(&mut self, capacity: usize, slack_at: End) {
        let used = self.used();
        let start = match slack_at {
            End::Front => capacity - used,
            End::Back => 0,
        };
        let mut buffer = vec![0; capacity].into_boxed_slice();
        buffer[start..start + used].copy_from_slice(self.encoded());
        self.buffer = buffer;
        self.start = start as u32;
        self.end = (start + used) as u32;
    }

    /// Widens the block by `need` unwritten bytes at `offset`, moving the shorter side when there is slack.
    fn open_gap(&mut self, offset: usize, need: usize, limits: &Limits) {
        let used = self.used();
        if self.capacity() - used < need {
            // An eighth of slack, so that a run of insertions into one node does not copy it each time.
            let wanted = (used + need + used / 8).min(limits.node_bytes()).max(used + need);
            self.reallocate(wanted, End::Back);
        }
        let (start, end) = (self.start as usize, self.end as usize);
        let (room_before, room_after) = (start, self.capacity() - end);
        if room_before >= need && (offset < used - offset || room_after < need) {
            self.buffer.copy_within(start..start + offset, start - need);
            self.start -= need as u32;
        } else if room_after >= need {
            self.buffer
                .copy_within(start + offset..end, start + offset + need);
            self.end += need as u32;
        } else {
            self.buffer.copy_within(start..start + offset, 0);
            self.buffer.copy_within(start + offset..end, offset + need);
            self.start = 0;
            self.end = (used + need) as u32;
        }
    }

    /// Takes `size` bytes out at `offset`, moving the shorter side.
    fn close_gap(&mut self, offset: usize, size: usize) {
        let (start, end) = (self.start as usize, self.end as usize);
        let gap = start + offset;
        if offset < end - gap - size {
            self.buffer.copy_within(start..gap, start + size);
            self.start += size as u32;
        } else {
            self.buffer.copy_within(gap + size..end, gap);
            self.end -= size as u32;
        }
    }

    /// Checks the block's invariants: bounds in order, the same elements from both ends, as many as counted.
    pub(super) fn validate(&self) -> Result<(), String> {
        if self.start > self.end || self.end as usize > self.capacity() {
            return Err(format!(
                "block bounds {}..{} of {}",
                self.start,
                self.end,
                self.capacity()
            ));
        }
        let mut lengths = Vec::new();
        let mut rest = self.encoded();
        while let Some((value, after)) = split_first(rest) {
            lengths.push(value.len());
            rest = after;
        }
        if lengths.len() != self.count() {
            return Err(format!("{} elements, counted {}", lengths.len(), self.count));
        }
        let mut rest = self.encoded();
        while let Some((value, before)) = split_last(rest) {
            if lengths.pop() != Some(value.len()) {
                return Err("elements differ when read backwards".to_owned());
            }
            rest = before;
        }
        if lengths.is_empty() {
            Ok(())
        } else {
            Err("fewer elements when read backwards".to_owned())
        }
    }
}
