//! A request encoded once, with holes for what changes: appending it copies bytes and writes digits, nothing else.

use crate::keys::KeySource;
use crate::value_size::ValueSizes;
use flashdb_base::number::write_u64;
use flashdb_base::prng::Prng;
use std::sync::Arc;

/// In an argument: replaced by twelve digits, when there is a keyspace.
pub const RANDOM_MARK: &[u8] = b"__rand_int__";

/// As a whole argument: replaced by a value.
pub const VALUE_MARK: &[u8] = b"__data__";

/// Digits that replace [`RANDOM_MARK`]: as many as it has letters, so that lengths do not change.
const DIGITS: usize = RANDOM_MARK.len();

#[derive(Clone, Debug)]
enum Piece {
    Bytes(Vec<u8>),
    KeyNumber,
    /// A bulk of drawn size, header included.
    Value,
}

/// One command, ready to be appended to an output buffer.
#[derive(Clone, Debug)]
pub struct Template {
    pieces: Vec<Piece>,
    is_write: bool,
}

/// What the holes are filled from; one per thread.
#[derive(Clone, Debug)]
pub struct Filling {
    /// Key numbers.
    pub keys: KeySource,
    /// Sizes of values.
    pub sizes: ValueSizes,
    /// As long as the longest value.
    pub payload: Arc<[u8]>,
    /// This thread's randomness.
    pub prng: Prng,
}

/// Printable bytes that do not compress well, the same for the same length.
pub fn payload(bytes: u64) -> Arc<[u8]> {
    let mut prng = Prng::from_seed(bytes);
    (0..bytes).map(|_| b'0' + prng.below(64) as u8).collect()
}

impl Template {
    /// Encodes the words of a command as RESP. `has_keyspace` says whether [`RANDOM_MARK`] is a hole or plain text.
    pub fn new(words: &[Vec<u8>], has_keyspace: bool, is_write: bool, sizes: &ValueSizes) -> Self {
        let mut template = Self {
            pieces: Vec::new(),
            is_write,
        };
        let mut head = vec![b'*'];
        write_u64(&mut head, words.len() as u64);
        head.extend_from_slice(b"\r\n");
        template.push_bytes(&head);
        for word in words {
            match (word.as_slice(), sizes.always()) {
                (VALUE_MARK, Some(bytes)) => template.push_bulk(&payload(bytes), false),
                (VALUE_MARK, None) => template.pieces.push(Piece::Value),
                (word, _) => template.push_bulk(word, has_keyspace),
            }
        }
        template
    }

    /// A request of these very bytes.
    pub fn raw(bytes: &[u8]) -> Self {
        Self {
            pieces: vec![Piece::Bytes(bytes.to_vec())],
            is_write: false,
        }
    }

    fn push_bytes(&mut self, bytes: &[u8]) {
        if let Some(Piece::Bytes(last)) = self.pieces.last_mut() {
            last.extend_from_slice(bytes);
        } else {
            self.pieces.push(Piece::Bytes(bytes.to_vec()));
        }
    }

    fn push_bulk(&mut self, word: &[u8], has_keyspace: bool) {
        let mut header = vec![b'$'];
        write_u64(&mut header, word.len() as u64);
        header.extend_from_slice(b"\r\n");
        self.push_bytes(&header);
        let mut rest = word;
        let next = |rest: &[u8]| {
            rest.windows(DIGITS)
                .position(|window| has_keyspace && window == RANDOM_MARK)
        };
        while let Some(at) = next(rest) {
            self.push_bytes(&rest[..at]);
            self.pieces.push(Piece::KeyNumber);
            rest = &rest[at + DIGITS..];
        }
        self.push_bytes(rest);
        self.push_bytes(b"\r\n");
    }

    /// Appends the request with its holes filled. Allocates only when `out` has to grow.
    #[inline]
    pub fn append(&self, out: &mut Vec<u8>, filling: &mut Filling) {
        for piece in &self.pieces {
            match piece {
                Piece::Bytes(bytes) => out.extend_from_slice(bytes),
                Piece::KeyNumber => {
                    let number = filling.keys.next(&mut filling.prng, self.is_write);
                    out.extend_from_slice(&twelve_digits(number));
                }
                Piece::Value => {
                    let bytes = filling.sizes.next(&mut filling.prng);
                    out.push(b'$');
                    write_u64(out, bytes);
                    out.extend_from_slice(b"\r\n");
                    out.extend_from_slice(&filling.payload[..bytes as usize]);
                    out.extend_from_slice(b"\r\n");
                }
            }
        }
    }
}

/// Decimal with leading zeros; what goes beyond twelve digits is cut off at the left.
#[inline]
fn twelve_digits(number: u64) -> [u8; DIGITS] {
    let mut digits = [b'0'; DIGITS];
    // Two halves that fit 32 bits divide faster than the whole.
    for (half, mut rest) in [
        (6..12, (number % 1_000_000) as u32),
        (0..6, (number / 1_000_000 % 1_000_000) as u32),
    ] {
        for digit in digits[half].iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Distribution;

    fn filling(sizes: &ValueSizes, keyspace: u64) -> Filling {
        Filling {
            keys: KeySource::new(Distribution::Sequential, keyspace),
            sizes: sizes.clone(),
            payload: payload(sizes.max()),
            prng: Prng::from_seed(1),
        }
    }

    fn words(line: &str) -> Vec<Vec<u8>> {
        line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
    }

    fn encode(line: &str, has_keyspace: bool, sizes: &ValueSizes, times: usize) -> String {
        let template = Template::new(&words(line), has_keyspace, true, sizes);
        let mut out = Vec::new();
        let mut filling = filling(sizes, 1_000_000_000_000);
        for _ in 0..times {
            template.append(&mut out, &mut filling);
        }
        String::from_utf8(out).expect("printable")
    }

    #[test]
    fn fills_every_mark_with_the_next_number() {
        let encoded = encode(
            "MSET a__rand_int__b__rand_int__ x",
            true,
            &ValueSizes::fixed(3),
            2,
        );
        assert_eq!(
            encoded,
            "*3\r\n$4\r\nMSET\r\n$26\r\na000000000000b000000000001\r\n$1\r\nx\r\n\
             *3\r\n$4\r\nMSET\r\n$26\r\na000000000002b000000000003\r\n$1\r\nx\r\n"
        );
    }

    #[test]
    fn marks_are_text_without_a_keyspace() {
        let encoded = encode("GET __rand_int__", false, &ValueSizes::fixed(3), 1);
        assert_eq!(encoded, "*2\r\n$3\r\nGET\r\n$12\r\n__rand_int__\r\n");
    }

    #[test]
    fn values_have_their_size() {
        let fixed = encode("SET k __data__", true, &ValueSizes::fixed(5), 1);
        assert!(
            fixed.starts_with("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\n"),
            "{fixed}"
        );
        assert_eq!(fixed.len(), "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\n12345\r\n".len());
        let sizes = ValueSizes::parse("7-9").expect("sound");
        let varying = encode("SET k __data__", true, &sizes, 50);
        for size in 7..=9 {
            assert!(varying.contains(&format!("\r\n${size}\r\n")));
        }
    }

    #[test]
    fn twelve_digits_are_decimal() {
        for (number, text) in [
            (0, "000000000000"),
            (7, "000000000007"),
            (123_456_789_012, "123456789012"),
            (999_999_999_999, "999999999999"),
            (1_000_000_000_001, "000000000001"),
        ] {
            assert_eq!(twelve_digits(number), text.as_bytes());
        }
    }
}
