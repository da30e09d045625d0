//! Stream ids: two 64-bit numbers, milliseconds and a sequence within them, ordered as one 128-bit
//! number. Parsing and formatting of `ms-seq`, the neighbours of an id, and the choice of the id of a
//! new entry (`*`, `ms-*`, explicit) as a pure function, so that it can be decided before anything
//! is changed.

use std::fmt;

/// Longest text of an id: two 20-digit numbers and the dash.
pub const STREAM_ID_TEXT_MAX: usize = 41;

/// The id of a stream entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    pub ms: u64,
    pub seq: u64,
}

impl StreamId {
    /// `0-0`: below every entry; stands for "none" in counters such as the largest deleted id.
    pub const MIN: StreamId = StreamId { ms: 0, seq: 0 };
    /// The largest possible id; a stream whose last id it is cannot grow any more.
    pub const MAX: StreamId = StreamId {
        ms: u64::MAX,
        seq: u64::MAX,
    };

    pub const fn new(ms: u64, seq: u64) -> Self {
        StreamId { ms, seq }
    }

    /// The id directly after this one, `None` after [`StreamId::MAX`].
    pub fn next(self) -> Option<StreamId> {
        match self.seq.checked_add(1) {
            Some(seq) => Some(StreamId { ms: self.ms, seq }),
            None => self.ms.checked_add(1).map(|ms| StreamId { ms, seq: 0 }),
        }
    }

    /// The id directly before this one, `None` before [`StreamId::MIN`].
    pub fn prev(self) -> Option<StreamId> {
        match self.seq.checked_sub(1) {
            Some(seq) => Some(StreamId { ms: self.ms, seq }),
            None => self.ms.checked_sub(1).map(|ms| StreamId { ms, seq: u64::MAX }),
        }
    }

    /// Reads `ms-seq`, or `ms` alone, which gets `missing_seq`. Digits only; `None` for anything else.
    pub fn parse(text: &[u8], missing_seq: u64) -> Option<StreamId> {
        match text.iter().position(|&byte| byte == b'-') {
            Some(dash) => Some(StreamId {
                ms: parse_u64(&text[..dash])?,
                seq: parse_u64(&text[dash + 1..])?,
            }),
            None => Some(StreamId {
                ms: parse_u64(text)?,
                seq: missing_seq,
            }),
        }
    }

    /// Writes the id as text into `buffer` and returns the part written.
    pub fn format(self, buffer: &mut [u8; STREAM_ID_TEXT_MAX]) -> &[u8] {
        let mut at = STREAM_ID_TEXT_MAX;
        at = write_digits_before(buffer, at, self.seq);
        at -= 1;
        buffer[at] = b'-';
        at = write_digits_before(buffer, at, self.ms);
        &buffer[at..]
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

fn parse_u64(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |value, byte| match byte {
        b'0'..=b'9' => value.checked_mul(10)?.checked_add(u64::from(byte - b'0')),
        _ => None,
    })
}

fn write_digits_before(buffer: &mut [u8], end: usize, mut value: u64) -> usize {
    let mut at = end;
    loop {
        at -= 1;
        buffer[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            return at;
        }
    }
}

/// The id a client asks a new entry to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdRequest {
    /// `*`: the current time, or the id after the last one when the clock is not ahead of it.
    Auto,
    /// `ms-*`: the given milliseconds with the next free sequence.
    AutoSeq(u64),
    /// Exactly this id.
    Exact(StreamId),
}

impl IdRequest {
    /// Reads `*`, `ms-*`, `ms-seq` or `ms` (sequence 0), as XADD takes it.
    pub fn parse(text: &[u8]) -> Option<IdRequest> {
        if text == b"*" {
            return Some(IdRequest::Auto);
        }
        match text.strip_suffix(b"-*") {
            Some(ms) => parse_u64(ms).map(IdRequest::AutoSeq),
            None => StreamId::parse(text, 0).map(IdRequest::Exact),
        }
    }
}

/// Why a new entry cannot have the id that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdError {
    /// `0-0` was asked for.
    Zero,
    /// The id is not above the stream's last id, or the sequence within the given milliseconds is used up.
    NotGreater,
    /// The stream's last id is the largest there is.
    Exhausted,
}

/// The id that a new entry gets in a stream whose last id is `last` when the clock says `now_ms`.
/// Follows XADD of Redis 7.0.
pub fn next_id(last: StreamId, request: IdRequest, now_ms: u64) -> Result<StreamId, IdError> {
    if request == IdRequest::Exact(StreamId::MIN) {
        return Err(IdError::Zero);
    }
    let after_last = last.next().ok_or(IdError::Exhausted)?;
    let id = match request {
        IdRequest::Auto if now_ms > last.ms => StreamId { ms: now_ms, seq: 0 },
        IdRequest::Auto => after_last,
        IdRequest::AutoSeq(ms) if ms == last.ms => after_last,
        IdRequest::AutoSeq(ms) => StreamId { ms, seq: 0 },
        IdRequest::Exact(id) => id,
    };
    let moved_on = matches!(request, IdRequest::AutoSeq(ms) if ms != id.ms);
    if id <= last || moved_on {
        Err(IdError::NotGreater)
    } else {
        Ok(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn id(ms: u64, seq: u64) -> StreamId {
        StreamId::new(ms, seq)
    }

    #[test]
    fn text_round_trips() {
        for value in [StreamId::MIN, StreamId::MAX, id(1, 0), id(1641544570597, 42)] {
            let mut buffer = [0; STREAM_ID_TEXT_MAX];
            let text = value.format(&mut buffer).to_vec();
            assert_eq!(text, value.to_string().as_bytes());
            assert_eq!(StreamId::parse(&text, 9), Some(value));
        }
        assert_eq!(StreamId::parse(b"5", 7), Some(id(5, 7)));
    }

    #[test]
    fn malformed_text_is_refused() {
        for text in [
            &b""[..],
            b"-",
            b"1-",
            b"-1",
            b"a",
            b"1-a",
            b"1-2-3",
            b"18446744073709551616",
            b" 1",
            b"+1",
        ] {
            assert_eq!(StreamId::parse(text, 0), None, "{text:?}");
        }
        assert_eq!(IdRequest::parse(b"-*"), None);
        assert_eq!(IdRequest::parse(b"**"), None);
    }

    #[test]
    fn neighbours_carry_over() {
        assert_eq!(id(1, u64::MAX).next(), Some(id(2, 0)));
        assert_eq!(id(2, 0).prev(), Some(id(1, u64::MAX)));
        assert_eq!(StreamId::MAX.next(), None);
        assert_eq!(StreamId::MIN.prev(), None);
    }

    #[test]
    fn next_id_follows_xadd() {
        use IdRequest::*;
        assert_eq!(next_id(StreamId::MIN, Auto, 5), Ok(id(5, 0)));
        assert_eq!(next_id(id(9, 3), Auto, 5), Ok(id(9, 4)));
        assert_eq!(next_id(id(9, u64::MAX), Auto, 9), Ok(id(10, 0)));
        assert_eq!(next_id(StreamId::MAX, Auto, 9), Err(IdError::Exhausted));
        assert_eq!(next_id(StreamId::MIN, AutoSeq(0), 9), Ok(id(0, 1)));
        assert_eq!(next_id(id(123, 456), AutoSeq(123), 9), Ok(id(123, 457)));
        assert_eq!(next_id(id(123, 456), AutoSeq(789), 9), Ok(id(789, 0)));
        assert_eq!(next_id(id(123, 456), AutoSeq(42), 9), Err(IdError::NotGreater));
        assert_eq!(next_id(id(1, u64::MAX), AutoSeq(1), 9), Err(IdError::NotGreater));
        assert_eq!(next_id(id(1, 1), Exact(id(1, 1)), 9), Err(IdError::NotGreater));
        assert_eq!(next_id(id(1, 1), Exact(id(1, 2)), 9), Ok(id(1, 2)));
        assert_eq!(
            next_id(StreamId::MIN, Exact(StreamId::MIN), 9),
            Err(IdError::Zero)
        );
    }
}
