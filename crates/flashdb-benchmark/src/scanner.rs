//! Counts complete replies in a stream of bytes, RESP2 and RESP3, without keeping any of them.
//!
//! The state is a few words: how many values the reply still lacks and where inside a value the stream stands, so a
//! reply may arrive in any pieces, nest to any depth and be of any length at no memory. A bulk's body is skipped, not
//! read. Damaged input gives an error and never a panic; every byte is looked at a bounded number of times.

/// What a piece of the stream completed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scanned {
    /// Replies completed, errors included, pushes not.
    pub replies: u64,
    /// Replies that were errors.
    pub errors: u64,
}

/// The stream is not RESP; the connection cannot be used any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotResp {
    /// Bytes of the stream before the offending one.
    pub offset: u64,
    /// The byte that cannot stand there.
    pub byte: u8,
}

impl std::fmt::Display for NotResp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "the server's bytes are no RESP: byte 0x{:02x} at offset {} of the connection",
            self.byte, self.offset
        )
    }
}

impl std::error::Error for NotResp {}

/// Bytes of an error's text that are kept for the report.
const ERROR_TEXT_MAX: usize = 160;

/// The longest length or number line; `i64` needs 20.
const NUMBER_DIGITS_MAX: u8 = 18;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Expects the type byte of a value.
    Type,
    /// In a line whose text does not matter, until CR.
    Line,
    /// In a length line of the type.
    Length {
        kind: u8,
        negative: bool,
        digits: u8,
        value: u64,
    },
    /// Expects LF after the CR of a plain line.
    LineEnd,
    /// Expects LF after the CR of a length line.
    LengthEnd {
        kind: u8,
        value: Option<u64>,
    },
    /// In a bulk's body.
    Body {
        left: u64,
    },
    /// Expects the CR, then the LF behind a body.
    BodyCr,
    BodyLf,
}

/// See the head of the file.
#[derive(Debug)]
pub struct ReplyScanner {
    state: State,
    /// Values that the reply under way still lacks; 0 between replies.
    lacking: u64,
    /// Whether the reply under way is an error, or a push that nobody asked for.
    is_error: bool,
    is_push: bool,
    /// Whether the reply under way began with an attribute, so that the value it is about is still to come.
    is_attributed: bool,
    /// Whether the bytes of the line, or body, are an error's text to keep.
    keeps_text: bool,
    error_text: Vec<u8>,
    offset: u64,
}

impl Default for ReplyScanner {
    fn default() -> Self {
        Self::new()
    }
}

impl ReplyScanner {
    /// A scanner at the beginning of a stream.
    pub fn new() -> Self {
        Self {
            state: State::Type,
            lacking: 0,
            is_error: false,
            is_push: false,
            is_attributed: false,
            keeps_text: false,
            error_text: Vec::with_capacity(ERROR_TEXT_MAX),
            offset: 0,
        }
    }

    /// The text of the latest error reply, cut to 160 bytes; empty when there was none.
    pub fn error_text(&self) -> &[u8] {
        &self.error_text
    }

    /// Whether anything has been scanned at all.
    pub fn has_scanned(&self) -> bool {
        self.offset > 0
    }

    /// Whether the stream stands between two replies.
    pub fn is_between_replies(&self) -> bool {
        self.lacking == 0 && self.state == State::Type
    }

    /// Takes the next piece of the stream. O(length), less for long bulks.
    ///
    /// # Errors
    /// [`NotResp`]; what the piece completed before is lost then.
    pub fn scan(&mut self, bytes: &[u8]) -> Result<Scanned, NotResp> {
        let mut scanned = Scanned::default();
        let mut at = 0;
        while at < bytes.len() {
            if self.state == State::Type && !self.is_attributed {
                let used = whole_value(&bytes[at..]);
                if used > 0 {
                    self.lacking = self.lacking.max(1);
                    self.end_value(&mut scanned);
                    at += used;
                    continue;
                }
            }
            match self.step(&bytes[at..], &mut scanned) {
                Ok(used) => at += used,
                Err(()) => {
                    return Err(NotResp {
                        offset: self.offset + at as u64,
                        byte: bytes[at],
                    });
                }
            }
        }
        self.offset += bytes.len() as u64;
        Ok(scanned)
    }

    /// Consumes at least one byte of `rest`, which is not empty. An error is about its first byte.
    #[inline]
    fn step(&mut self, rest: &[u8], scanned: &mut Scanned) -> Result<usize, ()> {
        let byte = rest[0];
        match self.state {
            State::Type => {
                self.begin_value(byte)?;
                Ok(1)
            }
            State::Line => Ok(self.line(rest)),
            State::LineEnd => {
                expect(byte, b'\n')?;
                self.end_value(scanned);
                Ok(1)
            }
            State::Length {
                kind,
                negative,
                digits,
                value,
            } => {
                self.state = length_byte(byte, kind, negative, digits, value)?;
                Ok(1)
            }
            State::LengthEnd { kind, value } => {
                expect(byte, b'\n')?;
                self.begin_content(kind, value, scanned)?;
                Ok(1)
            }
            State::Body { left } => {
                let here = left.min(rest.len() as u64) as usize;
                self.keep_text(&rest[..here]);
                self.state = match left - here as u64 {
                    0 => State::BodyCr,
                    left => State::Body { left },
                };
                Ok(here)
            }
            State::BodyCr => {
                expect(byte, b'\r')?;
                self.state = State::BodyLf;
                Ok(1)
            }
            State::BodyLf => {
                expect(byte, b'\n')?;
                self.end_value(scanned);
                Ok(1)
            }
        }
    }

    #[inline]
    fn begin_value(&mut self, kind: u8) -> Result<(), ()> {
        let is_first = self.lacking == 0;
        // The values of an attribute lack at least one more value: the one that they are about.
        let is_top = is_first || (self.is_attributed && self.lacking == 1);
        self.keeps_text = false;
        match kind {
            b'+' | b':' | b',' | b'#' | b'_' | b'(' => self.state = State::Line,
            b'-' => {
                self.state = State::Line;
                self.begin_error(is_top);
            }
            b'$' | b'=' | b'!' | b'*' | b'%' | b'~' | b'>' | b'|' => {
                self.state = State::Length {
                    kind,
                    negative: false,
                    digits: 0,
                    value: 0,
                };
                if kind == b'!' {
                    self.begin_error(is_top);
                }
            }
            _ => return Err(()),
        }
        if is_first {
            self.lacking = 1;
        }
        if is_top {
            self.is_attributed = kind == b'|';
            self.is_push = kind == b'>';
        }
        Ok(())
    }

    /// Errors inside an aggregate (those of EXEC) belong to a reply that is none.
    fn begin_error(&mut self, is_top: bool) {
        if is_top {
            self.is_error = true;
            self.keeps_text = true;
            self.error_text.clear();
        }
    }

    #[inline]
    fn line(&mut self, rest: &[u8]) -> usize {
        let end = rest.iter().position(|&byte| byte == b'\r');
        self.keep_text(&rest[..end.unwrap_or(rest.len())]);
        match end {
            Some(end) => {
                self.state = State::LineEnd;
                end + 1
            }
            None => rest.len(),
        }
    }

    #[inline]
    fn keep_text(&mut self, text: &[u8]) {
        if self.keeps_text {
            let room = ERROR_TEXT_MAX - self.error_text.len().min(ERROR_TEXT_MAX);
            self.error_text.extend_from_slice(&text[..text.len().min(room)]);
        }
    }

    /// Goes into the content of a value whose length is known; `None` is the null of RESP2.
    #[inline]
    fn begin_content(&mut self, kind: u8, value: Option<u64>, scanned: &mut Scanned) -> Result<(), ()> {
        let Some(length) = value else {
            self.end_value(scanned);
            return Ok(());
        };
        if matches!(kind, b'$' | b'=' | b'!') {
            self.state = match length {
                0 => State::BodyCr,
                left => State::Body { left },
            };
            return Ok(());
        }
        let values = match kind {
            b'%' => length.checked_mul(2),
            // An attribute goes before the value it is about, which is still to come.
            b'|' => length.checked_mul(2).and_then(|values| values.checked_add(1)),
            _ => Some(length),
        };
        self.lacking = values
            .and_then(|values| self.lacking.checked_add(values))
            .ok_or(())?;
        self.end_value(scanned);
        Ok(())
    }

    #[inline]
    fn end_value(&mut self, scanned: &mut Scanned) {
        self.state = State::Type;
        self.lacking -= 1;
        if self.lacking == 0 {
            if !self.is_push {
                scanned.replies += 1;
                scanned.errors += u64::from(self.is_error);
            }
            self.is_error = false;
            self.is_push = false;
        }
    }
}

/// The length of the common kinds of values, if all of it is there and sound; otherwise 0, and the steps find out more.
/// Halves the cost of replies of many short elements.
#[inline]
fn whole_value(rest: &[u8]) -> usize {
    const LINE_MAX: usize = 32;
    let line = &rest[..rest.len().min(LINE_MAX)];
    let Some(end) = line.iter().position(|&byte| byte == b'\r') else {
        return 0;
    };
    let body = match line[0] {
        b'+' | b':' => end,
        b'$' if (2..8).contains(&end) && line[1..end].iter().all(u8::is_ascii_digit) => {
            let length = line[1..end]
                .iter()
                .fold(0, |value, digit| value * 10 + usize::from(digit - b'0'));
            if rest.get(end + 1) != Some(&b'\n') {
                return 0;
            }
            end + 2 + length
        }
        _ => return 0,
    };
    if rest.get(body..body + 2) == Some(b"\r\n") {
        body + 2
    } else {
        0
    }
}

fn expect(byte: u8, expected: u8) -> Result<(), ()> {
    if byte == expected { Ok(()) } else { Err(()) }
}

#[inline]
fn length_byte(byte: u8, kind: u8, negative: bool, digits: u8, value: u64) -> Result<State, ()> {
    match byte {
        b'0'..=b'9' if digits < NUMBER_DIGITS_MAX => Ok(State::Length {
            kind,
            negative,
            digits: digits + 1,
            value: value * 10 + u64::from(byte - b'0'),
        }),
        b'-' if digits == 0 && !negative => Ok(State::Length {
            kind,
            negative: true,
            digits,
            value,
        }),
        b'\r' if digits > 0 && !negative => Ok(State::LengthEnd {
            kind,
            value: Some(value),
        }),
        // The only negative length is -1: RESP2's null.
        b'\r' if negative && digits == 1 && value == 1 && matches!(kind, b'$' | b'*') => {
            Ok(State::LengthEnd { kind, value: None })
        }
        _ => Err(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flashdb_base::prng::Prng;

    /// Replies with the number of replies and errors that each stands for.
    const REPLIES: &[(&[u8], u64, u64)] = &[
        (b"+OK\r\n", 1, 0),
        (b"-ERR no\r\n", 1, 1),
        (b":12\r\n", 1, 0),
        (b":-1\r\n", 1, 0),
        (b"$-1\r\n", 1, 0),
        (b"$0\r\n\r\n", 1, 0),
        (b"$5\r\na\r\nbc\r\n", 1, 0),
        (b"*-1\r\n", 1, 0),
        (b"*0\r\n", 1, 0),
        (b"*2\r\n$1\r\na\r\n*1\r\n:3\r\n", 1, 0),
        (b"*2\r\n-ERR inside\r\n+OK\r\n", 1, 0),
        (b"_\r\n", 1, 0),
        (b"#t\r\n", 1, 0),
        (b",1.5\r\n", 1, 0),
        (b"(3492890328409238509324850943850943825024385\r\n", 1, 0),
        (b"=7\r\ntxt:abc\r\n", 1, 0),
        (b"!4\r\nERR!\r\n", 1, 1),
        (b"%2\r\n+a\r\n:1\r\n+b\r\n*0\r\n", 1, 0),
        (b"~2\r\n+a\r\n+b\r\n", 1, 0),
        (b">2\r\n+invalidate\r\n*1\r\n+k\r\n", 0, 0),
        (b"|1\r\n+ttl\r\n:1\r\n+OK\r\n", 1, 0),
        (b"*2\r\n|1\r\n+a\r\n+b\r\n+x\r\n+y\r\n", 1, 0),
        (b"|0\r\n>1\r\n+p\r\n", 0, 0),
        (b"|1\r\n+a\r\n-not counted\r\n-ERR counted\r\n", 1, 1),
    ];

    #[test]
    fn counts_every_kind() {
        for (bytes, replies, errors) in REPLIES {
            let mut scanner = ReplyScanner::new();
            let expected = Scanned {
                replies: *replies,
                errors: *errors,
            };
            assert_eq!(scanner.scan(bytes), Ok(expected), "{}", bytes.escape_ascii());
            assert!(scanner.is_between_replies());
        }
    }

    /// Streams of random replies in random pieces count the same as their parts.
    #[test]
    fn pieces_do_not_matter() {
        let mut prng = Prng::from_seed(11);
        for _ in 0..2_000 {
            let (mut stream, mut expected) = (Vec::new(), Scanned::default());
            for _ in 0..prng.below(30) {
                let (bytes, replies, errors) = REPLIES[prng.below(REPLIES.len() as u64) as usize];
                stream.extend_from_slice(bytes);
                expected.replies += replies;
                expected.errors += errors;
            }
            let mut scanner = ReplyScanner::new();
            let mut found = Scanned::default();
            let mut rest = &stream[..];
            while !rest.is_empty() {
                let (piece, tail) = rest.split_at(1 + prng.below(rest.len() as u64) as usize);
                let part = scanner.scan(piece).expect("sound");
                found.replies += part.replies;
                found.errors += part.errors;
                rest = tail;
            }
            assert_eq!(found, expected);
            assert!(scanner.is_between_replies());
        }
    }

    #[test]
    fn keeps_the_error_and_cuts_it() {
        let mut scanner = ReplyScanner::new();
        scanner.scan(b"-ERR one").expect("sound");
        scanner.scan(b" two\r\n").expect("sound");
        assert_eq!(scanner.error_text(), b"ERR one two");
        let long = [b"-".as_slice(), &[b'x'; 100_000], b"\r\n"].concat();
        assert_eq!(scanner.scan(&long).map(|scanned| scanned.errors), Ok(1));
        assert_eq!(scanner.error_text().len(), ERROR_TEXT_MAX);
    }

    #[test]
    fn says_where_it_broke() {
        let mut scanner = ReplyScanner::new();
        scanner.scan(b"+OK\r\n").expect("sound");
        let expected = NotResp {
            offset: 7,
            byte: b'x',
        };
        assert_eq!(scanner.scan(b"$1x"), Err(expected));
        for refused in [
            &b"HTTP/1.1"[..],
            b"$-2\r\n",
            b"%-1\r\n",
            b"$\r\n",
            b"$--1\r\n",
            b"$1\r\nab\r\n",
            b"*1\n",
            b"+OK\rx",
            b"$1234567890123456789\r\n",
        ] {
            assert!(
                ReplyScanner::new().scan(refused).is_err(),
                "{}",
                refused.escape_ascii()
            );
        }
    }

    /// Huge claimed lengths cost nothing, and sums of them that overflow are refused.
    #[test]
    fn lengths_are_not_believed() {
        let mut scanner = ReplyScanner::new();
        for _ in 0..9 {
            scanner.scan(b"%999999999999999999\r\n").expect("below the limit");
        }
        assert!(scanner.scan(b"%999999999999999999\r\n").is_err());
        let mut nested = ReplyScanner::new();
        let deep = b"*1\r\n".repeat(1_000_000);
        assert_eq!(nested.scan(&deep), Ok(Scanned::default()));
        assert_eq!(nested.scan(b":1\r\n").map(|scanned| scanned.replies), Ok(1));
    }

    /// Damaged streams end in a count or an error, soon, and never in a panic.
    #[test]
    fn survives_damage() {
        let mut prng = Prng::from_seed(12);
        let whole: Vec<u8> = REPLIES.iter().flat_map(|(bytes, _, _)| bytes.to_vec()).collect();
        for _ in 0..50_000 {
            let mut bytes = whole.clone();
            for _ in 0..=prng.below(4) {
                let at = prng.below(bytes.len() as u64) as usize;
                match prng.below(3) {
                    0 => bytes[at] = prng.next_u64() as u8,
                    1 => bytes.truncate(at.max(1)),
                    _ => {
                        bytes.remove(at);
                        bytes.push(b'\n');
                    }
                }
            }
            let whole = ReplyScanner::new().scan(&bytes);
            assert_eq!(whole, byte_by_byte(&bytes), "{}", bytes.escape_ascii());
            if let Ok(scanned) = whole {
                assert!(scanned.errors <= scanned.replies && scanned.replies <= bytes.len() as u64);
            }
        }
    }

    fn byte_by_byte(bytes: &[u8]) -> Result<Scanned, NotResp> {
        let mut scanner = ReplyScanner::new();
        let mut sum = Scanned::default();
        for byte in bytes {
            let scanned = scanner.scan(std::slice::from_ref(byte))?;
            sum.replies += scanned.replies;
            sum.errors += scanned.errors;
        }
        Ok(sum)
    }
}
