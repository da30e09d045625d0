//! The reply encoder: writes RESP2 or RESP3 into the connection's output buffer. Handlers name the
//! RESP3 meaning (map, set, double, null); a RESP2 client gets the form Redis gives it.

use flashdb_base::number;

/// The protocol version that a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Protocol {
    /// RESP2, what every connection begins with.
    #[default]
    Resp2,
    /// RESP3, after `HELLO 3`.
    Resp3,
}

/// An output buffer with the protocol it is written in.
#[derive(Default)]
pub struct Reply {
    buffer: Vec<u8>,
    protocol: Protocol,
}

/// Place of an aggregate header whose element count is not known yet; see [`Reply::deferred`].
#[must_use]
#[derive(Clone, Copy)]
pub struct Deferred(usize);

impl Reply {
    /// An empty buffer.
    pub fn new(protocol: Protocol) -> Self {
        Reply {
            buffer: Vec::new(),
            protocol,
        }
    }

    /// Takes over a buffer; what is in it stays in front.
    pub fn with_buffer(buffer: Vec<u8>, protocol: Protocol) -> Self {
        Reply { buffer, protocol }
    }

    /// Protocol of the client.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Whether the client speaks RESP3.
    pub fn is_resp3(&self) -> bool {
        self.protocol == Protocol::Resp3
    }

    /// Switches the protocol of what is written from here on.
    pub fn set_protocol(&mut self, protocol: Protocol) {
        self.protocol = protocol;
    }

    /// Encoded bytes so far.
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Bytes that the buffer has room for.
    pub fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// Whether nothing is encoded.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Drops everything behind `len`; takes back a half written reply when a command fails.
    pub fn truncate(&mut self, len: usize) {
        self.buffer.truncate(len);
    }

    /// The encoded bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer
    }

    /// The encoded bytes, to be sent or kept.
    pub fn into_bytes(self) -> Vec<u8> {
        self.buffer
    }

    /// Direct access for the connection, which sends and drains it.
    pub fn buffer_mut(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Appends bytes that are already RESP.
    pub fn raw(&mut self, encoded: &[u8]) {
        self.buffer.extend_from_slice(encoded);
    }

    /// `+OK`.
    #[inline]
    pub fn ok(&mut self) {
        self.raw(b"+OK\r\n");
    }

    /// A simple string; `text` holds no line end.
    pub fn simple(&mut self, text: &str) {
        self.buffer.push(b'+');
        self.buffer.extend_from_slice(text.as_bytes());
        self.line_end();
    }

    /// An error with its code, such as `ERR syntax error`. Line ends within become spaces, since an
    /// error may quote what a client sent.
    pub fn error(&mut self, text: &str) {
        self.error_bytes(text.as_bytes());
    }

    /// As [`Reply::error`], for texts that quote bytes.
    pub fn error_bytes(&mut self, text: &[u8]) {
        self.buffer.push(b'-');
        self.buffer.extend(
            text.iter()
                .map(|&b| if b == b'\r' || b == b'\n' { b' ' } else { b }),
        );
        self.line_end();
    }

    /// An integer.
    #[inline]
    pub fn integer(&mut self, value: i64) {
        self.header(b':', value);
    }

    /// A count or length as an integer.
    #[inline]
    pub fn count(&mut self, value: usize) {
        self.header(b':', value as i64);
    }

    /// A bulk string.
    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        self.buffer.reserve(bytes.len() + 32);
        self.header(b'$', bytes.len() as i64);
        self.buffer.extend_from_slice(bytes);
        self.line_end();
    }

    /// A bulk string from text.
    pub fn bulk_str(&mut self, text: &str) {
        self.bulk(text.as_bytes());
    }

    /// An integer as a bulk string (how stored integers are answered).
    pub fn bulk_integer(&mut self, value: i64) {
        let mut digits = number::NumberBuffer::new();
        self.bulk(digits.format_i64(value));
    }

    /// The null of the protocol: `$-1` or `_`.
    #[inline]
    pub fn null(&mut self) {
        self.raw(if self.is_resp3() { b"_\r\n" } else { b"$-1\r\n" });
    }

    /// Null where RESP2 answers a null array: `*-1` or `_`.
    pub fn null_array(&mut self) {
        self.raw(if self.is_resp3() { b"_\r\n" } else { b"*-1\r\n" });
    }

    /// Bytes or null.
    pub fn bulk_or_null(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.bulk(bytes),
            None => self.null(),
        }
    }

    /// Header of an array of `count` elements, which follow.
    #[inline]
    pub fn array(&mut self, count: usize) {
        self.header(b'*', count as i64);
    }

    /// Header of a map of `pairs` key/value pairs; a flat array in RESP2.
    pub fn map(&mut self, pairs: usize) {
        if self.is_resp3() {
            self.header(b'%', pairs as i64)
        } else {
            self.header(b'*', 2 * pairs as i64)
        }
    }

    /// Header of a set; an array in RESP2.
    pub fn set(&mut self, count: usize) {
        self.header(if self.is_resp3() { b'~' } else { b'*' }, count as i64);
    }

    /// Header of an out-of-band push; an array in RESP2.
    pub fn push(&mut self, count: usize) {
        self.header(if self.is_resp3() { b'>' } else { b'*' }, count as i64);
    }

    /// Header of attributes (RESP3 only; nothing is written, and false returned, in RESP2).
    pub fn attribute(&mut self, pairs: usize) -> bool {
        if self.is_resp3() {
            self.header(b'|', pairs as i64);
        }
        self.is_resp3()
    }

    /// A double: `,1.5` or the same text as a bulk string.
    pub fn double(&mut self, value: f64) {
        let mut text = Vec::with_capacity(24);
        number::write_f64(&mut text, value);
        if self.is_resp3() {
            self.buffer.push(b',');
            self.buffer.extend_from_slice(&text);
            self.line_end();
        } else {
            self.bulk(&text);
        }
    }

    /// A boolean: `#t` / `#f`, or 1 / 0.
    pub fn boolean(&mut self, value: bool) {
        self.raw(match (self.protocol, value) {
            (Protocol::Resp3, true) => b"#t\r\n",
            (Protocol::Resp3, false) => b"#f\r\n",
            (Protocol::Resp2, true) => b":1\r\n",
            (Protocol::Resp2, false) => b":0\r\n",
        });
    }

    /// A big number given as decimal digits.
    pub fn big_number(&mut self, digits: &str) {
        if self.is_resp3() {
            self.buffer.push(b'(');
            self.buffer.extend_from_slice(digits.as_bytes());
            self.line_end();
        } else {
            self.bulk_str(digits);
        }
    }

    /// Text for people, with a three-letter format (`txt`, `mkd`); a bulk string in RESP2.
    pub fn verbatim(&mut self, format: &str, text: &[u8]) {
        debug_assert_eq!(format.len(), 3);
        if self.is_resp3() {
            self.header(b'=', text.len() as i64 + 4);
            self.buffer.extend_from_slice(format.as_bytes());
            self.buffer.push(b':');
            self.buffer.extend_from_slice(text);
            self.line_end();
        } else {
            self.bulk(text);
        }
    }

    /// Starts an aggregate whose count comes later: write the elements, then call one of the
    /// `finish_*` functions. Costs a move of the elements by the header's length.
    pub fn deferred(&mut self) -> Deferred {
        Deferred(self.buffer.len())
    }

    /// Completes a deferred array.
    pub fn finish_array(&mut self, at: Deferred, count: usize) {
        self.finish(at, b'*', count);
    }

    /// Completes a deferred map of `pairs` pairs.
    pub fn finish_map(&mut self, at: Deferred, pairs: usize) {
        if self.is_resp3() {
            self.finish(at, b'%', pairs)
        } else {
            self.finish(at, b'*', 2 * pairs)
        }
    }

    /// Completes a deferred set.
    pub fn finish_set(&mut self, at: Deferred, count: usize) {
        self.finish(at, if self.is_resp3() { b'~' } else { b'*' }, count);
    }

    fn finish(&mut self, at: Deferred, marker: u8, count: usize) {
        let mut digits = number::NumberBuffer::new();
        let digits = digits.format_i64(count as i64);
        let mut header = [0u8; 24];
        header[0] = marker;
        header[1..=digits.len()].copy_from_slice(digits);
        header[digits.len() + 1..digits.len() + 3].copy_from_slice(b"\r\n");
        self.buffer
            .splice(at.0..at.0, header[..digits.len() + 3].iter().copied());
    }

    #[inline]
    fn header(&mut self, marker: u8, value: i64) {
        if (0..10).contains(&value) {
            self.buffer
                .extend_from_slice(&[marker, b'0' + value as u8, b'\r', b'\n']);
            return;
        }
        if (10..100).contains(&value) {
            let (tens, ones) = (value as u8 / 10, value as u8 % 10);
            self.buffer
                .extend_from_slice(&[marker, b'0' + tens, b'0' + ones, b'\r', b'\n']);
            return;
        }
        self.long_header(marker, value);
    }

    fn long_header(&mut self, marker: u8, value: i64) {
        self.buffer.push(marker);
        let mut digits = number::NumberBuffer::new();
        self.buffer.extend_from_slice(digits.format_i64(value));
        self.line_end();
    }

    #[inline]
    fn line_end(&mut self) {
        self.buffer.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(protocol: Protocol, write: impl FnOnce(&mut Reply)) -> String {
        let mut reply = Reply::new(protocol);
        write(&mut reply);
        String::from_utf8(reply.into_bytes()).expect("tests write text")
    }

    #[test]
    fn each_type_in_both_protocols() {
        let write = |r: &mut Reply| {
            r.map(1);
            r.bulk(b"k");
            r.double(1.5);
            r.set(1);
            r.boolean(true);
            r.null();
            r.null_array();
            r.push(1);
            r.integer(-12);
            r.verbatim("txt", b"hi");
            r.big_number("123");
        };
        assert_eq!(
            encoded(Protocol::Resp3, write),
            "%1\r\n$1\r\nk\r\n,1.5\r\n~1\r\n#t\r\n_\r\n_\r\n>1\r\n:-12\r\n=6\r\ntxt:hi\r\n(123\r\n"
        );
        assert_eq!(
            encoded(Protocol::Resp2, write),
            "*2\r\n$1\r\nk\r\n$3\r\n1.5\r\n*1\r\n:1\r\n$-1\r\n*-1\r\n*1\r\n:-12\r\n$2\r\nhi\r\n$3\r\n123\r\n"
        );
    }

    #[test]
    fn deferred_counts_land_in_front() {
        let text = encoded(Protocol::Resp2, |r| {
            r.ok();
            let at = r.deferred();
            for n in 0..12 {
                r.integer(n);
            }
            r.finish_array(at, 12);
        });
        assert!(text.starts_with("+OK\r\n*12\r\n:0\r\n"));
    }

    #[test]
    fn an_error_stays_one_line() {
        assert_eq!(
            encoded(Protocol::Resp2, |r| r.error("ERR a\r\nb")),
            "-ERR a  b\r\n"
        );
    }
}
