//! What SCAN, HSCAN, SSCAN and ZSCAN share: the cursor, the options, the loop over buckets and the
//! reply. A call visits buckets until it has seen COUNT elements; a filter (MATCH, TYPE) takes
//! elements out of the reply, not out of the count, so that a call's work stays bounded.
//!
//! ```text
//! let cursor = scan_options::cursor(args.at(2))?;
//! let options = ScanOptions::parse(args, 3, Collection::Members)?;
//! let mut page = Page::new(reply.protocol());
//! let next = options.walk(cursor, |cursor, seen| set.scan(cursor, |member| { *seen += 1; page.push(…) }));
//! page.write(next, reply);
//! ```

use crate::args;
use crate::error::{self, ErrorReply};
use flashdb_base::glob;
use flashdb_resp::{Args, Protocol, Reply};

/// COUNT where none is given.
const COUNT_DEFAULT: usize = 10;

/// Buckets visited per element asked for, before a call over a sparse table ends empty-handed.
const BUCKETS_PER_ELEMENT: usize = 10;

/// What is scanned; decides which options exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collection {
    /// The keys of a database: TYPE, SEEN.
    Keys,
    /// The fields of a hash: NOVALUES.
    Fields,
    /// The members of a set or sorted set.
    Members,
}

/// The options of a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanOptions<'a> {
    /// MATCH; `None` when everything matches.
    pub pattern: Option<&'a [u8]>,
    /// COUNT: elements to visit, at least 1.
    pub count: usize,
    /// TYPE, as the client wrote it.
    pub type_name: Option<&'a [u8]>,
    /// NOVALUES.
    pub no_values: bool,
    /// SEEN: the reply also says how many elements were looked at.
    pub tells_seen: bool,
}

/// Reads a cursor.
///
/// # Errors
/// `ERR invalid cursor` for anything but an unsigned number (leading zeros are fine).
pub fn cursor(word: &[u8]) -> Result<u64, ErrorReply> {
    let digit = |value: u64, byte: &u8| match byte {
        b'0'..=b'9' => value.checked_mul(10)?.checked_add(u64::from(byte - b'0')),
        _ => None,
    };
    word.iter()
        .try_fold(0u64, digit)
        .ok_or(ErrorReply::fixed("ERR invalid cursor"))
}

impl<'a> ScanOptions<'a> {
    /// Reads the words from `at` on. Redis looks at them only once it has found the key.
    ///
    /// # Errors
    /// A syntax error for unknown words and a COUNT below 1; not an integer.
    pub fn parse(words: Args<'a>, at: usize, collection: Collection) -> Result<Self, ErrorReply> {
        let mut options = ScanOptions {
            pattern: None,
            count: COUNT_DEFAULT,
            type_name: None,
            no_values: false,
            tells_seen: false,
        };
        let mut cursor = args::Cursor::new(words, at);
        while cursor.remaining() > 0 {
            if cursor.take_with("count", 1) {
                let count = cursor.integer()?;
                options.count = usize::try_from(count)
                    .ok()
                    .filter(|count| *count > 0)
                    .ok_or(error::SYNTAX)?;
            } else if cursor.take_with("match", 1) {
                options.pattern = Some(cursor.word()?).filter(|pattern| *pattern != b"*");
            } else if collection == Collection::Keys && cursor.take_with("type", 1) {
                options.type_name = Some(cursor.word()?);
            } else if collection == Collection::Keys && cursor.take("seen") {
                options.tells_seen = true;
            } else if collection == Collection::Fields && cursor.take("novalues") {
                options.no_values = true;
            } else {
                return Err(error::SYNTAX);
            }
        }
        Ok(options)
    }

    /// Whether the pattern lets `name` through.
    #[inline]
    pub fn matches(&self, name: &[u8]) -> bool {
        self.pattern.is_none_or(|pattern| glob::matches(pattern, name))
    }

    /// Calls `step` with cursor after cursor until it has counted enough elements in its second
    /// argument, ten times as many buckets were visited, or the end is reached. Returns the cursor to go on from.
    pub fn walk(&self, mut cursor: u64, mut step: impl FnMut(u64, &mut usize) -> u64) -> u64 {
        let mut seen = 0;
        let mut buckets_left = self.count.saturating_mul(BUCKETS_PER_ELEMENT);
        loop {
            cursor = step(cursor, &mut seen);
            buckets_left -= 1;
            if cursor == 0 || seen >= self.count || buckets_left == 0 {
                return cursor;
            }
        }
    }
}

/// Elements gathered by one call. They are encoded at once, since the reply begins with the next
/// cursor, known only at the end.
pub struct Page {
    elements: Reply,
    count: usize,
}

impl Page {
    /// An empty page.
    pub fn new(protocol: Protocol) -> Self {
        Page {
            elements: Reply::new(protocol),
            count: 0,
        }
    }

    /// Adds an element.
    #[inline]
    pub fn push(&mut self, element: &[u8]) {
        self.elements.bulk(element);
        self.count += 1;
    }

    /// Writes the reply: the cursor to go on from, and the elements.
    pub fn write(self, next: u64, reply: &mut Reply) {
        reply.array(2);
        reply.bulk(flashdb_base::number::NumberBuffer::new().format_u64(next));
        self.write_elements(reply);
    }

    /// As [`Page::write`], and behind that how many elements were looked at.
    pub fn write_with_seen(self, next: u64, seen: u64, reply: &mut Reply) {
        reply.array(3);
        reply.bulk(flashdb_base::number::NumberBuffer::new().format_u64(next));
        self.write_elements(reply);
        reply.count(seen as usize);
    }

    fn write_elements(&self, reply: &mut Reply) {
        reply.array(self.count);
        reply.raw(self.elements.bytes());
    }

    /// The reply for a key that does not exist.
    pub fn write_empty(reply: &mut Reply) {
        Page::new(reply.protocol()).write(0, reply);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flashdb_resp::OwnedArgs;

    fn error_of(words: &str, collection: Collection) -> Option<ErrorReply> {
        let words = OwnedArgs::from_words(words.split(' ').map(str::as_bytes));
        ScanOptions::parse(words.as_args(), 2, collection).err()
    }

    #[test]
    fn cursors() {
        assert_eq!(cursor(b"0"), Ok(0));
        assert_eq!(cursor(b"007"), Ok(7));
        assert_eq!(cursor(b"18446744073709551615"), Ok(u64::MAX));
        for wrong in ["18446744073709551616", " 1", "1 ", "-1", "x"] {
            assert!(cursor(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn options() {
        let words = OwnedArgs::from_words("SCAN 0 COUNT 5 match a* TYPE hash".split(' ').map(str::as_bytes));
        let options = ScanOptions::parse(words.as_args(), 2, Collection::Keys).unwrap();
        assert_eq!((options.count, options.type_name), (5, Some(b"hash".as_slice())));
        assert!(options.matches(b"abc") && !options.matches(b"bc"));
        for (line, error) in [
            ("HSCAN h COUNT 0", error::SYNTAX),
            ("HSCAN h COUNT -1", error::SYNTAX),
            ("HSCAN h COUNT x", error::NOT_INTEGER),
            ("HSCAN h COUNT", error::SYNTAX),
            ("HSCAN h TYPE hash", error::SYNTAX),
        ] {
            assert_eq!(error_of(line, Collection::Fields), Some(error), "{line}");
        }
        assert_eq!(error_of("HSCAN h NOVALUES", Collection::Fields), None);
        assert_eq!(
            error_of("SSCAN h NOVALUES", Collection::Members),
            Some(error::SYNTAX)
        );
    }

    #[test]
    fn a_walk_is_bounded() {
        let options = ScanOptions {
            pattern: None,
            count: 3,
            type_name: None,
            no_values: false,
            tells_seen: false,
        };
        let mut calls = 0;
        let next = options.walk(1, |cursor, _| {
            calls += 1;
            cursor + 1
        });
        assert_eq!((calls, next), (30, 31), "nothing seen: ten buckets per element");
        let next = options.walk(1, |cursor, seen| {
            *seen += 2;
            cursor + 1
        });
        assert_eq!(next, 3, "enough seen");
        assert_eq!(options.walk(7, |_, _| 0), 0, "the end");
    }
}
