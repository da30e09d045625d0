//! The words of one request. `Args` borrows them from the read buffer as spans, so that parsing
//! copies nothing; `OwnedArgs` is the same shape for requests that outlive the buffer (queued in
//! MULTI, parked while blocked, built by the server itself).

use std::ops::Index;

/// A range of bytes within a buffer. 32 bits are enough: `client-query-buffer-limit` is below 4 GiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// Bytes.
    pub len: u32,
}

/// The words of a request, the command's name first. Copying it copies two slices.
#[derive(Clone, Copy)]
pub struct Args<'a> {
    buffer: &'a [u8],
    spans: &'a [Span],
}

impl<'a> Args<'a> {
    /// Views `spans` of `buffer`. Every span lies inside the buffer (checked at use).
    pub fn new(buffer: &'a [u8], spans: &'a [Span]) -> Self {
        Args { buffer, spans }
    }

    /// Number of words, the name included.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is no word at all.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Word `index`; panics when out of range, as slices do. Arity was checked by the dispatcher.
    #[inline]
    pub fn at(&self, index: usize) -> &'a [u8] {
        let span = self.spans[index];
        &self.buffer[span.start as usize..span.start as usize + span.len as usize]
    }

    /// Word `index`, if there is one.
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        (index < self.spans.len()).then(|| self.at(index))
    }

    /// The words from `first` on.
    pub fn iter_from(
        &self,
        first: usize,
    ) -> impl DoubleEndedIterator<Item = &'a [u8]> + ExactSizeIterator + Clone + use<'a> {
        let this = *self;
        (first.min(this.len())..this.len()).map(move |index| this.at(index))
    }

    /// All words.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &'a [u8]> + ExactSizeIterator + Clone + use<'a> {
        self.iter_from(0)
    }

    /// The words from `first` on, as arguments of their own (a subcommand's, a queued command's).
    pub fn tail(&self, first: usize) -> Args<'a> {
        Args {
            buffer: self.buffer,
            spans: &self.spans[first.min(self.spans.len())..],
        }
    }

    /// Bytes of all words.
    pub fn bytes_len(&self) -> usize {
        self.spans.iter().map(|span| span.len as usize).sum()
    }

    /// A copy that owns its bytes.
    pub fn to_owned(&self) -> OwnedArgs {
        OwnedArgs::from_words(self.iter())
    }
}

impl Index<usize> for Args<'_> {
    type Output = [u8];

    #[inline]
    fn index(&self, index: usize) -> &[u8] {
        self.at(index)
    }
}

/// A request that owns its bytes, in two allocations however many words it has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnedArgs {
    buffer: Vec<u8>,
    spans: Vec<Span>,
}

impl OwnedArgs {
    /// Collects words.
    pub fn from_words<'w>(words: impl IntoIterator<Item = &'w [u8]>) -> Self {
        let mut args = OwnedArgs::default();
        for word in words {
            args.push(word);
        }
        args
    }

    /// Appends a word.
    pub fn push(&mut self, word: &[u8]) {
        self.spans.push(Span {
            start: self.buffer.len() as u32,
            len: word.len() as u32,
        });
        self.buffer.extend_from_slice(word);
    }

    /// Nothing yet, with room for so many words and bytes.
    pub fn with_capacity(words: usize, bytes: usize) -> Self {
        OwnedArgs {
            buffer: Vec::with_capacity(bytes),
            spans: Vec::with_capacity(words),
        }
    }

    /// Appends the word that `fill` appends to the bytes given to it, so that a word that comes in pieces is copied once.
    ///
    /// # Errors
    /// Those of `fill`; no word was appended then.
    pub fn push_with<E>(&mut self, fill: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
        let start = self.buffer.len();
        if let Err(error) = fill(&mut self.buffer) {
            self.buffer.truncate(start);
            return Err(error);
        }
        self.spans.push(Span {
            start: start as u32,
            len: (self.buffer.len() - start) as u32,
        });
        Ok(())
    }

    /// Borrowed view.
    pub fn as_args(&self) -> Args<'_> {
        Args::new(&self.buffer, &self.spans)
    }

    /// Heap bytes held.
    pub fn memory_bytes(&self) -> usize {
        self.buffer.capacity() + self.spans.capacity() * size_of::<Span>()
    }
}
