//! Requests as the bytes that a client sends, with the ends between them.

/// A stream of requests.
#[derive(Default)]
pub struct Stream {
    bytes: Vec<u8>,
    /// Offset behind each request.
    ends: Vec<usize>,
}

impl Stream {
    /// Appends a request of these words.
    pub fn push(&mut self, words: &[&[u8]]) {
        self.header(b'*', words.len());
        for word in words {
            self.header(b'$', word.len());
            self.bytes.extend_from_slice(word);
            self.bytes.extend_from_slice(b"\r\n");
        }
        self.ends.push(self.bytes.len());
    }

    fn header(&mut self, kind: u8, number: usize) {
        self.bytes.push(kind);
        self.bytes.extend_from_slice(number.to_string().as_bytes());
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// Number of requests.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// All requests.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes of `requests` requests at a time (fewer at the end), and how many they are.
    pub fn batches(&self, requests: usize) -> impl Iterator<Item = (&[u8], usize)> {
        let mut start = 0;
        self.ends.chunks(requests).map(move |ends| {
            let end = ends[ends.len() - 1];
            let bytes = &self.bytes[start..end];
            start = end;
            (bytes, ends.len())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Stream;

    #[test]
    fn batches_are_whole_requests() {
        let mut stream = Stream::default();
        for word in [b"A".as_slice(), b"BB", b"CCC"] {
            stream.push(&[word]);
        }
        let batches: Vec<_> = stream.batches(2).collect();
        assert_eq!(
            batches,
            [
                (b"*1\r\n$1\r\nA\r\n*1\r\n$2\r\nBB\r\n".as_slice(), 2),
                (b"*1\r\n$3\r\nCCC\r\n".as_slice(), 1)
            ]
        );
        assert_eq!(stream.len(), 3);
    }
}
