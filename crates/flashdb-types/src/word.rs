//! `Word`: a collection behind one pointer, whatever its encoding. A small one is bytes in a [`ThinBuffer`]; of a larger one
//! the bytes are a pointer to a box. The form of the buffer says which. So a collection in an entry needs no room there:
//! it is the entry's block, and what is in front of the bytes is the entry's (`held.rs`).
//!
//! An enum of a buffer and boxes would be two words, in a block of its own beside the buffer's.

use crate::thin_buffer::ThinBuffer;
use std::convert::Infallible;
use std::marker::PhantomData;
use std::ptr::NonNull;

/// Forms below this one are bytes, for the user to tell apart.
const MEDIUM: u8 = 2;
const LARGE: u8 = 3;

/// See the head of the file. `M` and `L` are kept in boxes.
#[repr(transparent)]
pub(crate) struct Word<L, M = Infallible> {
    buffer: ThinBuffer,
    owns: PhantomData<(Box<L>, Box<M>)>,
}

/// What a [`Word`] is.
pub(crate) enum View<'a, L, M> {
    /// Bytes of form 0 or 1.
    Bytes(u8, &'a ThinBuffer),
    Medium(&'a M),
    Large(&'a L),
}

/// As [`View`], to be changed.
pub(crate) enum ViewMut<'a, L, M> {
    Bytes(u8, &'a mut ThinBuffer),
    Medium(&'a mut M),
    Large(&'a mut L),
}

impl<L, M> Word<L, M> {
    /// No bytes, of form 0; owns no memory.
    pub(crate) const fn new() -> Self {
        Word {
            buffer: ThinBuffer::new(),
            owns: PhantomData,
        }
    }

    #[inline]
    pub(crate) fn view(&self) -> View<'_, L, M> {
        match self.buffer.form() {
            // SAFETY: with this form the content is a pointer from `Box::leak` of an `M`, which lives as long as we do.
            MEDIUM => View::Medium(unsafe { &*self.buffer.pointer().cast::<M>() }),
            // SAFETY: as above, of an `L`.
            LARGE => View::Large(unsafe { &*self.buffer.pointer().cast::<L>() }),
            form => View::Bytes(form, &self.buffer),
        }
    }

    #[inline]
    pub(crate) fn view_mut(&mut self) -> ViewMut<'_, L, M> {
        match self.buffer.form() {
            // SAFETY: as in `view`; we are the only owner and borrowed mutably.
            MEDIUM => ViewMut::Medium(unsafe { &mut *self.buffer.pointer().cast::<M>() }),
            // SAFETY: as above.
            LARGE => ViewMut::Large(unsafe { &mut *self.buffer.pointer().cast::<L>() }),
            form => ViewMut::Bytes(form, &mut self.buffer),
        }
    }

    /// Heap bytes: those of the block, with what its holder keeps there, but without what is in the box.
    #[inline]
    pub(crate) fn block_bytes(&self) -> usize {
        self.buffer.memory_bytes()
    }

    /// Becomes bytes of a form below 2, which are those of `bytes`.
    pub(crate) fn put_bytes(&mut self, form: u8, bytes: ThinBuffer) {
        debug_assert!(form < MEDIUM);
        drop(self.take_box());
        if bytes.len() > 0 {
            self.buffer.replace_content(bytes);
        } else {
            self.buffer.clear();
        }
        self.buffer.set_form(form);
    }

    /// Becomes the box of an `M`.
    pub(crate) fn put_medium(&mut self, medium: Box<M>) {
        let before = self.take_box();
        self.buffer
            .put_pointer(MEDIUM, NonNull::from(Box::leak(medium)).cast());
        drop(before);
    }

    /// Becomes the box of an `L`.
    pub(crate) fn put_large(&mut self, large: Box<L>) {
        let before = self.take_box();
        self.buffer
            .put_pointer(LARGE, NonNull::from(Box::leak(large)).cast());
        drop(before);
    }

    /// Becomes what `other` is, in place of its own content.
    pub(crate) fn take(&mut self, mut other: Self) {
        match other.take_box() {
            (Some(medium), _) => self.put_medium(medium),
            (_, Some(large)) => self.put_large(large),
            (None, None) => {
                let form = other.buffer.form();
                self.put_bytes(form, std::mem::replace(&mut other.buffer, ThinBuffer::new()));
            }
        }
    }

    /// Takes what is in a box out, leaving no content, of form 0.
    fn take_box(&mut self) -> (Option<Box<M>>, Option<Box<L>>) {
        let form = self.buffer.form();
        if form < MEDIUM {
            return (None, None);
        }
        let pointer = self.buffer.pointer();
        self.buffer.set_form(0);
        self.buffer.clear();
        if form == MEDIUM {
            // SAFETY: the pointer came from a box of an `M`, and the form that said so is gone.
            (Some(unsafe { Box::from_raw(pointer.cast::<M>()) }), None)
        } else {
            // SAFETY: as above, of an `L`.
            (None, Some(unsafe { Box::from_raw(pointer.cast::<L>()) }))
        }
    }
}

impl<L, M> Drop for Word<L, M> {
    #[inline]
    fn drop(&mut self) {
        match self.buffer.form() {
            // SAFETY: the pointer came from a box of an `M`; the buffer, which drops next, does not look at it.
            MEDIUM => drop(unsafe { Box::from_raw(self.buffer.pointer().cast::<M>()) }),
            // SAFETY: as above, of an `L`.
            LARGE => drop(unsafe { Box::from_raw(self.buffer.pointer().cast::<L>()) }),
            _ => {}
        }
    }
}

/// A copy that nobody holds.
impl<L: Clone, M: Clone> Clone for Word<L, M> {
    fn clone(&self) -> Self {
        let mut copy = Word::new();
        match self.view() {
            View::Bytes(_, buffer) => copy.buffer = buffer.clone(),
            View::Medium(medium) => copy.put_medium(Box::new(medium.clone())),
            View::Large(large) => copy.put_large(Box::new(large.clone())),
        }
        copy
    }
}

/// Encodings that are nothing but a buffer, seen as what they are.
///
/// # Safety
/// The type is `repr(transparent)` over [`ThinBuffer`].
pub(crate) unsafe trait Encoding: Sized {
    #[inline]
    fn of(buffer: &ThinBuffer) -> &Self {
        // SAFETY: both have the same representation.
        unsafe { &*std::ptr::from_ref(buffer).cast() }
    }

    #[inline]
    fn of_mut(buffer: &mut ThinBuffer) -> &mut Self {
        // SAFETY: both have the same representation.
        unsafe { &mut *std::ptr::from_mut(buffer).cast() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    #[test]
    fn boxes_are_dropped_once() {
        let count = Rc::new(());
        let mut word = Word::<Rc<()>, (Rc<()>, u8)>::new();
        for round in 0..4 {
            word.put_large(Box::new(count.clone()));
            assert!(matches!(word.view(), View::Large(_)) && Rc::strong_count(&count) == 2);
            word.put_medium(Box::new((count.clone(), round)));
            assert!(matches!(word.view(), View::Medium((_, 0..4))));
            let copy = word.clone();
            assert_eq!(Rc::strong_count(&count), 3);
            drop(copy);
            if let ViewMut::Medium(medium) = word.view_mut() {
                medium.1 += 7;
            }
            assert!(matches!(word.view(), View::Medium((_, 7..))));
            let mut bytes = ThinBuffer::new();
            bytes.splice(0, 0, 3, 1, |gap| gap.put(b"abc"));
            word.put_bytes(1, bytes);
            assert!(matches!(word.view(), View::Bytes(1, bytes) if bytes.bytes() == b"abc"));
            assert_eq!(Rc::strong_count(&count), 1);
        }
        word.put_large(Box::new(count.clone()));
        drop(word);
        assert_eq!(Rc::strong_count(&count), 1);
    }
}
