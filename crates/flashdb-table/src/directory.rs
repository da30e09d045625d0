//! The directory: maps the top bits of a hash to the segment that holds it.
//!
//! A segment whose local depth is below the directory's depth stands in 2^(difference) consecutive entries. With depth
//! 0 there is no array: the root is the one segment itself, so a small table costs one allocation.

use core::alloc::Layout;
use core::marker::PhantomData;
use core::ops::Range;
use std::alloc;

use crate::segment::Segment;

/// Owns the array of entries, but not the segments: the table frees those.
pub(crate) struct Directory<T> {
    /// Depth 0: a segment. Otherwise: 2^depth segments.
    root: Root<T>,
    depth: u8,
    marker: PhantomData<T>,
}

union Root<T> {
    single: Segment<T>,
    entries: *mut Segment<T>,
}

impl<T> Directory<T> {
    pub(crate) const fn new() -> Self {
        Self {
            root: Root {
                single: Segment::vacant(),
            },
            depth: 0,
            marker: PhantomData,
        }
    }

    pub(crate) fn depth(&self) -> u8 {
        self.depth
    }

    /// The segment for `hash`.
    #[inline(always)]
    pub(crate) fn locate(&self, hash: u64) -> Segment<T> {
        if self.depth == 0 {
            // SAFETY: depth 0 means that the root is a segment.
            unsafe { self.root.single }
        } else {
            // SAFETY: with a depth above 0 the root is an array of 2^depth entries, and the index has depth bits.
            unsafe { *self.root.entries.add((hash >> (64 - self.depth)) as usize) }
        }
    }

    /// Number of entries; several may hold the same segment.
    pub(crate) fn len(&self) -> usize {
        1 << self.depth
    }

    pub(crate) fn get(&self, index: usize) -> Segment<T> {
        self.entries()[index]
    }

    fn entries(&self) -> &[Segment<T>] {
        if self.depth == 0 {
            // SAFETY: depth 0 means that the root is a segment.
            core::slice::from_ref(unsafe { &self.root.single })
        } else {
            // SAFETY: the root is an array of 2^depth initialised entries, borrowed with `self`.
            unsafe { core::slice::from_raw_parts(self.root.entries, self.len()) }
        }
    }

    fn entries_mut(&mut self) -> &mut [Segment<T>] {
        if self.depth == 0 {
            // SAFETY: depth 0 means that the root is a segment.
            core::slice::from_mut(unsafe { &mut self.root.single })
        } else {
            // SAFETY: the root is an array of 2^depth initialised entries, exclusively borrowed with `self`.
            unsafe { core::slice::from_raw_parts_mut(self.root.entries, self.len()) }
        }
    }

    /// The entries that stand for the segment of `hash` if it has this local depth.
    pub(crate) fn range(&self, hash: u64, local_depth: u8) -> Range<usize> {
        let spare = self.depth - local_depth;
        let first = hash.unbounded_shr(64 - u32::from(local_depth)) as usize;
        first << spare..(first + 1) << spare
    }

    /// Puts `segment` into all entries of `range`.
    pub(crate) fn set(&mut self, range: Range<usize>, segment: Segment<T>) {
        self.entries_mut()[range].fill(segment);
    }

    /// Each segment that has memory once, in the order of hash prefixes, with its first entry's index.
    pub(crate) fn segments(&self) -> impl Iterator<Item = (usize, Segment<T>)> + '_ {
        let mut index = 0;
        core::iter::from_fn(move || {
            if index >= self.len() {
                return None;
            }
            let (first, segment) = (index, self.get(index));
            index = self.following(first);
            (!segment.is_vacant()).then_some((first, segment))
        })
    }

    /// The index after the last entry of the segment at `index`, which must be its first entry.
    pub(crate) fn following(&self, index: usize) -> usize {
        index + (1 << (self.depth - self.get(index).header().local_depth))
    }

    /// Doubles the number of entries. O(entries).
    pub(crate) fn double(&mut self, heap_bytes: &mut usize) {
        let layout = Self::layout(self.depth + 1);
        // SAFETY: the layout is not empty.
        let entries = unsafe { alloc::alloc(layout) }.cast::<Segment<T>>();
        if entries.is_null() {
            alloc::handle_alloc_error(layout);
        }
        for (index, &segment) in self.entries().iter().enumerate() {
            // SAFETY: the new array has twice as many entries as the old one.
            unsafe {
                entries.add(2 * index).write(segment);
                entries.add(2 * index + 1).write(segment);
            }
        }
        self.replace(Root { entries }, self.depth + 1, heap_bytes);
    }

    /// Halves the number of entries as long as no segment needs all bits. O(entries).
    pub(crate) fn halve_while_possible(&mut self, heap_bytes: &mut usize) {
        while self.depth > 0 && self.entries().chunks_exact(2).all(|pair| pair[0] == pair[1]) {
            let depth = self.depth - 1;
            let root = if depth == 0 {
                Root { single: self.get(0) }
            } else {
                self.half()
            };
            self.replace(root, depth, heap_bytes);
        }
    }

    fn half(&self) -> Root<T> {
        let layout = Self::layout(self.depth - 1);
        // SAFETY: the layout is not empty.
        let entries = unsafe { alloc::alloc(layout) }.cast::<Segment<T>>();
        if entries.is_null() {
            alloc::handle_alloc_error(layout);
        }
        for (index, pair) in self.entries().chunks_exact(2).enumerate() {
            // SAFETY: the new array has half as many entries as the old one.
            unsafe { entries.add(index).write(pair[0]) };
        }
        Root { entries }
    }

    fn replace(&mut self, root: Root<T>, depth: u8, heap_bytes: &mut usize) {
        *heap_bytes += Self::bytes(depth);
        *heap_bytes -= self.heap_bytes();
        self.free_entries();
        self.root = root;
        self.depth = depth;
    }

    /// Bytes of the array of entries.
    pub(crate) fn heap_bytes(&self) -> usize {
        Self::bytes(self.depth)
    }

    fn bytes(depth: u8) -> usize {
        if depth == 0 { 0 } else { Self::layout(depth).size() }
    }

    fn layout(depth: u8) -> Layout {
        Layout::array::<Segment<T>>(1 << depth).expect("the depth is limited")
    }

    fn free_entries(&mut self) {
        if self.depth > 0 {
            // SAFETY: allocated with this layout; every caller sets a new root or is the destructor.
            unsafe { alloc::dealloc(self.root.entries.cast::<u8>(), Self::layout(self.depth)) };
        }
    }
}

impl<T> Drop for Directory<T> {
    fn drop(&mut self) {
        self.free_entries();
    }
}
