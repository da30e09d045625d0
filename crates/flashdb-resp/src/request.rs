//! The request parser: RESP arrays of bulk strings, and inline commands. It is fed the whole read
//! buffer again after each read, remembers how far it got inside a request (no byte of a long
//! request is looked at twice), and hands out spans of the buffer instead of copies.
//!
//! Error texts are those of Redis 7.0 (`networking.c` behaviour, checked by `unit/protocol`).

use crate::limits::{INLINE_BYTES_MAX, RequestLimits};
use flashdb_base::args::{Args, Span};
use flashdb_base::split_args::split_args;

/// The client broke the protocol; the text is sent as `-ERR <text>` and the connection closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtocolError(pub String);

/// Complete requests of one read, as spans. Kept by the core loop and reused, so that parsing a
/// batch allocates nothing once warm.
#[derive(Default)]
pub struct Batch {
    spans: Vec<Span>,
    requests: Vec<Request>,
    /// Decoded words of inline requests, whose quotes and escapes keep them from being borrowed.
    inline_words: Vec<u8>,
}

struct Request {
    first_span: u32,
    span_count: u32,
    inline: bool,
    /// Bytes that the request took in the buffer (what CLIENT and statistics count).
    end: usize,
}

impl Batch {
    /// Forgets all requests, keeps the memory.
    pub fn clear(&mut self) {
        self.spans.clear();
        self.requests.clear();
        self.inline_words.clear();
    }

    /// Number of complete requests.
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// The words of request `index`, borrowed from the same `buffer` that was parsed.
    #[inline]
    pub fn args<'a>(&'a self, index: usize, buffer: &'a [u8]) -> Args<'a> {
        let request = &self.requests[index];
        let first = request.first_span as usize;
        let spans = &self.spans[first..first + request.span_count as usize];
        Args::new(
            if request.inline {
                &self.inline_words
            } else {
                buffer
            },
            spans,
        )
    }

    /// Offset in the buffer just behind request `index`.
    pub fn end(&self, index: usize) -> usize {
        self.requests[index].end
    }
}

/// Where the parser stands inside an incomplete request. Offsets are relative to the request's
/// first byte, because the buffer may be moved to the front between two reads.
#[derive(Default)]
pub struct RequestParser {
    /// Words still to come of the current array request, `None` outside of one.
    words_missing: Option<usize>,
    /// Length of the bulk string whose header was read but whose bytes are not all here.
    bulk_len: Option<usize>,
    /// First byte not yet looked at.
    offset: usize,
    spans: Vec<Span>,
}

enum Step {
    Done,
    NeedMore,
}

/// The second word of the request that `buffer` begins with, which in most commands is the key: a glance, for bringing what
/// is there towards the core before the request is parsed. None where it is not all here, or the request is no plain array.
#[inline]
pub fn second_word(buffer: &[u8]) -> Option<&[u8]> {
    let (words, rest) = short_header(buffer, b'*')?;
    if words < 2 {
        return None;
    }
    let (name_bytes, rest) = short_header(rest, b'$')?;
    let (word_bytes, rest) = short_header(rest.get(name_bytes + 2..)?, b'$')?;
    rest.get(..word_bytes)
}

/// A header line of at most four digits, and what follows it.
#[inline]
fn short_header(buffer: &[u8], kind: u8) -> Option<(usize, &[u8])> {
    const DIGITS_MAX: usize = 4;
    let (&first, rest) = buffer.split_first()?;
    if first != kind {
        return None;
    }
    let mut value = 0;
    for (at, &byte) in rest.iter().enumerate().take(DIGITS_MAX + 1) {
        match byte {
            b'0'..=b'9' => value = value * 10 + usize::from(byte - b'0'),
            b'\r' => return Some((value, rest.get(at + 2..)?)),
            _ => return None,
        }
    }
    None
}

impl RequestParser {
    /// Parses complete requests from `buffer` into `batch` (appending), at most `requests_max`.
    /// Returns how many bytes they took; the caller drops those before the next call, once the
    /// batch is executed. Empty requests are skipped silently, as in Redis.
    ///
    /// # Errors
    /// The requests before the fault are in the batch with their bytes consumed (`batch.end`).
    pub fn parse(
        &mut self,
        buffer: &[u8],
        limits: &RequestLimits,
        requests_max: usize,
        batch: &mut Batch,
    ) -> Result<usize, ProtocolError> {
        let mut start = 0;
        while start < buffer.len() && batch.len() < requests_max {
            let step = if self.words_missing.is_some() {
                self.rest_of_array(buffer, &mut start, limits, batch)?
            } else if buffer[start] == b'*' {
                self.array(buffer, &mut start, limits, batch)?
            } else {
                self.inline(buffer, &mut start, batch)?
            };
            if let Step::NeedMore = step {
                break;
            }
        }
        Ok(start)
    }

    /// Bytes that the request being received still needs at least; lets the connection reserve a
    /// large value's space at once and read it without further copies.
    pub fn bytes_wanted(&self, buffered: usize) -> usize {
        match self.bulk_len {
            Some(len) => (self.offset + len + 2).saturating_sub(buffered),
            None => 0,
        }
    }

    /// Where in the buffer the large value begins that is being received, 0 if none is: what is before has been read.
    pub fn large_value_start(&self) -> usize {
        /// As large as Redis takes a value for that it receives in a buffer of its own.
        const LARGE_BYTES: usize = 32 * 1024;
        match self.bulk_len {
            Some(len) if len >= LARGE_BYTES => self.offset,
            _ => 0,
        }
    }

    /// Whether a request has begun but is not complete.
    pub fn is_mid_request(&self) -> bool {
        self.words_missing.is_some()
    }

    fn inline(&mut self, buffer: &[u8], start: &mut usize, batch: &mut Batch) -> Result<Step, ProtocolError> {
        let rest = &buffer[*start..];
        let Some(newline) = memchr(b'\n', rest) else {
            if rest.len() > INLINE_BYTES_MAX {
                return Err(ProtocolError("Protocol error: too big inline request".into()));
            }
            return Ok(Step::NeedMore);
        };
        let mut line = &rest[..newline];
        if line.len() > INLINE_BYTES_MAX {
            return Err(ProtocolError("Protocol error: too big inline request".into()));
        }
        if let [head @ .., b'\r'] = line {
            line = head;
        }
        let words = split_args(line)
            .map_err(|_| ProtocolError("Protocol error: unbalanced quotes in request".into()))?;
        *start += newline + 1;
        if words.is_empty() {
            return Ok(Step::Done);
        }
        let first_span = batch.spans.len() as u32;
        for word in &words {
            batch.spans.push(Span {
                start: batch.inline_words.len() as u32,
                len: word.len() as u32,
            });
            batch.inline_words.extend_from_slice(word);
        }
        batch.requests.push(Request {
            first_span,
            span_count: words.len() as u32,
            inline: true,
            end: *start,
        });
        Ok(Step::Done)
    }

    /// An array request from its first byte on: its words go straight into the batch. What there is of one that is not complete
    /// moves into the parser.
    fn array(
        &mut self,
        buffer: &[u8],
        start: &mut usize,
        limits: &RequestLimits,
        batch: &mut Batch,
    ) -> Result<Step, ProtocolError> {
        let Some((count, mut at)) = header(buffer, *start, "mbulk")? else {
            return Ok(Step::NeedMore);
        };
        let count = elements(count, limits)?;
        if count == 0 {
            *start = at;
            return Ok(Step::Done);
        }
        let first_span = batch.spans.len();
        for found in 0..count {
            let Some((len, next)) = bulk_header(buffer, at, limits)? else {
                return Ok(self.set_aside(batch, first_span, *start, (count - found, None, at)));
            };
            if buffer.len() < next + len + 2 {
                return Ok(self.set_aside(batch, first_span, *start, (count - found, Some(len), next)));
            }
            batch.spans.push(Span {
                start: next as u32,
                len: len as u32,
            });
            at = next + len + 2;
        }
        *start = at;
        batch.requests.push(Request {
            first_span: first_span as u32,
            span_count: count as u32,
            inline: false,
            end: at,
        });
        Ok(Step::Done)
    }

    /// Keeps what was parsed of an incomplete request that begins at `start`: words missing, length of the bulk string whose
    /// header was read, and the first byte of the buffer not yet looked at.
    #[cold]
    fn set_aside(
        &mut self,
        batch: &mut Batch,
        first_span: usize,
        start: usize,
        (missing, bulk_len, at): (usize, Option<usize>, usize),
    ) -> Step {
        self.words_missing = Some(missing);
        self.bulk_len = bulk_len;
        self.offset = at - start;
        self.spans.clear();
        self.spans
            .extend(batch.spans.drain(first_span..).map(|span| Span {
                start: span.start - start as u32,
                len: span.len,
            }));
        Step::NeedMore
    }

    /// What has come by now of a request that was set aside.
    fn rest_of_array(
        &mut self,
        buffer: &[u8],
        start: &mut usize,
        limits: &RequestLimits,
        batch: &mut Batch,
    ) -> Result<Step, ProtocolError> {
        let request = &buffer[*start..];
        while let Some(missing @ 1..) = self.words_missing {
            if !self.bulk(request, limits)? {
                return Ok(Step::NeedMore);
            }
            self.words_missing = Some(missing - 1);
        }
        self.words_missing = None;
        let first_span = batch.spans.len() as u32;
        let base = *start as u32;
        batch.spans.extend(self.spans.iter().map(|span| Span {
            start: span.start + base,
            len: span.len,
        }));
        *start += self.offset;
        batch.requests.push(Request {
            first_span,
            span_count: self.spans.len() as u32,
            inline: false,
            end: *start,
        });
        Ok(Step::Done)
    }

    /// One bulk string at `self.offset`; false when its bytes are not all there.
    fn bulk(&mut self, request: &[u8], limits: &RequestLimits) -> Result<bool, ProtocolError> {
        let len = match self.bulk_len {
            Some(len) => len,
            None => {
                let Some((len, next)) = bulk_header(request, self.offset, limits)? else {
                    return Ok(false);
                };
                self.offset = next;
                self.bulk_len = Some(len);
                len
            }
        };
        if request.len() < self.offset + len + 2 {
            return Ok(false);
        }
        self.spans.push(Span {
            start: self.offset as u32,
            len: len as u32,
        });
        self.offset += len + 2;
        self.bulk_len = None;
        Ok(true)
    }
}

/// The length of the bulk string whose header is at `at`, and the offset of its bytes; nothing when the header is not complete.
#[inline(always)]
fn bulk_header(
    buffer: &[u8],
    at: usize,
    limits: &RequestLimits,
) -> Result<Option<(usize, usize)>, ProtocolError> {
    let Some(&marker) = buffer.get(at) else {
        return Ok(None);
    };
    if marker != b'$' {
        return Err(ProtocolError(format!(
            "Protocol error: expected '$', got '{}'",
            printable(marker)
        )));
    }
    let Some((len, next)) = header(buffer, at, "bulk")? else {
        return Ok(None);
    };
    Ok(Some((bulk_length(len, limits)?, next)))
}

/// What a header line says, nothing if its number is none, and the offset behind its end.
type Header = (Option<i64>, usize);

/// The number behind a one-byte marker at `at`, and the offset behind its line end.
/// `Ok(None)` when the line is not complete; `Err` when it cannot become valid.
#[inline(always)]
fn header(request: &[u8], at: usize, what: &str) -> Result<Option<Header>, ProtocolError> {
    let value = |digits: &[u8]| {
        let each = digits.iter().map(|digit| i64::from(digit - b'0'));
        Some(each.fold(0, |value, digit| value * 10 + digit))
    };
    // Fast road: one to three digits, the usual case by far.
    match &request[at + 1..] {
        [a @ b'0'..=b'9', b'\r', _, ..] => Ok(Some((value(&[*a]), at + 4))),
        [a @ b'1'..=b'9', b @ b'0'..=b'9', b'\r', _, ..] => Ok(Some((value(&[*a, *b]), at + 5))),
        [a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', b'\r', _, ..] => {
            Ok(Some((value(&[*a, *b, *c]), at + 6)))
        }
        _ => any_header(request, at, what),
    }
}

/// As [`header`], for any line.
#[inline(never)]
fn any_header(request: &[u8], at: usize, what: &str) -> Result<Option<Header>, ProtocolError> {
    let line = &request[at + 1..];
    let Some(end) = memchr(b'\r', line) else {
        if line.len() > INLINE_BYTES_MAX {
            return Err(ProtocolError(format!(
                "Protocol error: too big {what} count string"
            )));
        }
        return Ok(None);
    };
    if line.len() <= end + 1 {
        return Ok(None);
    }
    Ok(Some((
        flashdb_base::number::parse_i64(&line[..end]),
        at + 1 + end + 2,
    )))
}

fn elements(count: Option<i64>, limits: &RequestLimits) -> Result<usize, ProtocolError> {
    match count {
        Some(count) if count <= 0 => Ok(0),
        Some(count) if count as usize <= limits.elements_max => Ok(count as usize),
        Some(count) if !limits.authenticated && count <= 1024 * 1024 => Err(ProtocolError(
            "Protocol error: unauthenticated multibulk length".into(),
        )),
        _ => Err(ProtocolError("Protocol error: invalid multibulk length".into())),
    }
}

fn bulk_length(len: Option<i64>, limits: &RequestLimits) -> Result<usize, ProtocolError> {
    match len {
        Some(len) if len >= 0 && len as usize <= limits.bulk_bytes_max => Ok(len as usize),
        Some(len) if len >= 0 && !limits.authenticated => Err(ProtocolError(
            "Protocol error: unauthenticated bulk length".into(),
        )),
        _ => Err(ProtocolError("Protocol error: invalid bulk length".into())),
    }
}

fn printable(byte: u8) -> char {
    if byte.is_ascii_graphic() || byte == b' ' {
        char::from(byte)
    } else {
        ' '
    }
}

#[inline]
pub(crate) fn memchr(needle: u8, haystack: &[u8]) -> Option<usize> {
    haystack.iter().position(|&byte| byte == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_all(input: &[u8], cuts: &[usize]) -> Result<Vec<Vec<Vec<u8>>>, ProtocolError> {
        let limits = RequestLimits::authenticated(512 << 20);
        let (mut parser, mut buffer, mut out, mut fed) =
            (RequestParser::default(), Vec::new(), Vec::new(), 0);
        for &cut in cuts.iter().chain([&input.len()]) {
            let cut = cut.clamp(fed, input.len());
            buffer.extend_from_slice(&input[fed..cut]);
            fed = cut;
            let mut batch = Batch::default();
            let used = parser.parse(&buffer, &limits, usize::MAX, &mut batch)?;
            for index in 0..batch.len() {
                out.push(batch.args(index, &buffer).iter().map(<[u8]>::to_vec).collect());
            }
            buffer.drain(..used);
        }
        Ok(out)
    }

    #[test]
    fn any_cut_gives_the_same_requests() {
        let input = b"*2\r\n$3\r\nGET\r\n$1\r\na\r\nPING \"a b\"\r\n*0\r\n\r\n*1\r\n$0\r\n\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$12\r\n123456789012\r\n";
        let whole = parse_all(input, &[]).expect("valid");
        assert_eq!(whole.len(), 4);
        assert_eq!(whole[1], vec![b"PING".to_vec(), b"a b".to_vec()]);
        for first in 0..input.len() {
            for second in [first + 1, first + 3, first + 9] {
                assert_eq!(
                    parse_all(input, &[first, second]).expect("valid"),
                    whole,
                    "cut {first} {second}"
                );
            }
        }
        let every: Vec<usize> = (0..input.len()).collect();
        assert_eq!(parse_all(input, &every).expect("valid"), whole);
    }

    #[test]
    fn a_glance_finds_the_second_word_of_what_is_all_here() {
        let request = b"*3\r\n$3\r\nSET\r\n$10\r\nkey:000001\r\n$1\r\nv\r\n";
        assert_eq!(second_word(request), Some(b"key:000001".as_slice()));
        let head = b"*3\r\n$3\r\nSET\r\n$10\r\nkey:000001";
        for cut in 0..request.len() {
            let is_there = cut >= head.len();
            assert_eq!(second_word(&request[..cut]).is_some(), is_there, "cut {cut}");
        }
        for other in [
            b"GET key\r\n".as_slice(),
            b"*1\r\n$4\r\nPING\r\n",
            b"*2\r\n$-1\r\n$1\r\na\r\n",
            b"*2\r\n$3\r\nGET\r\n$99999\r\nabc\r\n",
            b"*2\r\n$3\r\nGET\r\n+OK\r\n",
            b"*\r\n$\r\n$\r\n",
            b"*2222222222222222222222222",
        ] {
            assert_eq!(second_word(other), None, "{}", other.escape_ascii());
        }
    }

    #[test]
    fn faults_have_redis_words() {
        let text = |input: &[u8]| parse_all(input, &[]).expect_err("must fail").0;
        assert_eq!(
            text(b"*3000000000\r\n"),
            "Protocol error: invalid multibulk length"
        );
        assert_eq!(text(b"*blabla\r\n"), "Protocol error: invalid multibulk length");
        assert_eq!(text(b"*1\r\nfoo\r\n"), "Protocol error: expected '$', got 'f'");
        assert_eq!(text(b"*1\r\n$-10\r\n"), "Protocol error: invalid bulk length");
        assert_eq!(
            text(b"*1\r\n$2000000000\r\n"),
            "Protocol error: invalid bulk length"
        );
        assert_eq!(
            text(b"set \"a\r\n"),
            "Protocol error: unbalanced quotes in request"
        );
        assert_eq!(
            text(&vec![b'a'; 70_000]),
            "Protocol error: too big inline request"
        );
        assert_eq!(
            text(&[b"*1\r\n$", &vec![b'1'; 70_000][..]].concat()),
            "Protocol error: too big bulk count string"
        );
    }

    #[test]
    fn unknown_clients_get_little() {
        let parse = |input: &[u8]| {
            let mut batch = Batch::default();
            RequestParser::default().parse(input, &RequestLimits::unauthenticated(), 10, &mut batch)
        };
        assert_eq!(
            parse(b"*11\r\n").expect_err("refused").0,
            "Protocol error: unauthenticated multibulk length"
        );
        assert_eq!(
            parse(b"*1\r\n$16385\r\n").expect_err("refused").0,
            "Protocol error: unauthenticated bulk length"
        );
    }

    /// Requests whole, broken and one behind the other: where reads end makes no difference, neither to them nor to the fault.
    #[test]
    fn any_cut_of_random_pieces_gives_the_same() {
        const PIECES: &[&[u8]] = &[
            b"*1\r\n",
            b"*2\r\n",
            b"*3\r\n",
            b"*0\r\n",
            b"$0\r\n",
            b"$1\r\n",
            b"$3\r\nGET\r\n",
            b"$11\r\nhello world\r\n",
            b"\r\n",
            b"a\r\n",
            b"PING\r\n",
            b"$-1\r\n",
        ];
        let mut seed = 0x2545_f491_4f6c_dd1du64;
        let mut random = |below: usize| {
            seed = seed
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (seed >> 33) as usize % below
        };
        for _ in 0..20_000 {
            let pieces = 1 + random(12);
            let input: Vec<u8> = (0..pieces)
                .flat_map(|_| PIECES[random(PIECES.len())])
                .copied()
                .collect();
            let mut cuts: Vec<usize> = (0..random(6)).map(|_| random(input.len())).collect();
            cuts.sort_unstable();
            assert_eq!(
                parse_all(&input, &cuts),
                parse_all(&input, &[]),
                "{} cut at {cuts:?}",
                input.escape_ascii()
            );
        }
    }

    #[test]
    fn random_bytes_never_panic() {
        let mut seed = 0x9e37_79b9_7f4a_7c15u64;
        let alphabet = b"*$\r\n0123456789-abc\"'\\x";
        for _ in 0..20_000 {
            let mut input = Vec::new();
            for _ in 0..40 {
                seed = seed
                    .wrapping_mul(6364136223846793005)
                    .wrapping_add(1442695040888963407);
                input.push(alphabet[(seed >> 33) as usize % alphabet.len()]);
            }
            let _ = parse_all(&input, &[7, 19]);
        }
    }
}
