//! Cutting what comes from the engine as it comes: of a long string only the beginning is kept, and how long it was, so that a
//! page of large values, or a key with a huge name, costs here what is shown of it.
//!
//! It works on the wire, before the parser: `$N` with N beyond the limit becomes an attribute (`|1 +bytes :N`) in front of
//! the beginning, which the parser knows anyhow. The alternative, strings that are cut in the parser, would have given every
//! program that reads replies a kind of value that only this one has.

use flashdb_resp::reply::Value;

/// Bytes kept of one string while a reply is small.
pub(crate) const KEPT_BYTES: usize = 16 << 10;
/// Once this much of the replies was kept, less is kept of each string.
const PLENTY_BYTES: usize = 4 << 20;
const KEPT_AT_LAST_BYTES: usize = 256;
/// Longest header of a string; what is longer is for the parser to refuse.
const HEADER_BYTES_MAX: usize = 32;

enum Place {
    /// In front of an element.
    Front,
    /// In a line that is kept as it is.
    Line,
    /// In the header of a string; what is here of it.
    Header(Vec<u8>),
    /// In a string: bytes to keep, then bytes to drop, then whether an end of line is to be written.
    String { keep: usize, drop: usize, ends: bool },
}

/// See the module's head. One per connection; may be made at the beginning of a reply only.
pub(crate) struct Thinner {
    /// Longest string that is kept whole.
    limit_bytes: usize,
    kept_bytes: usize,
    place: Place,
}

impl Thinner {
    /// One that keeps `limit_bytes` of a string.
    pub fn new(limit_bytes: usize) -> Self {
        Thinner {
            limit_bytes,
            kept_bytes: 0,
            place: Place::Front,
        }
    }

    /// Has what was kept count no more: for who keeps none of it.
    pub fn forget_kept(&mut self) {
        self.kept_bytes = 0;
    }

    /// Takes what has come and appends to `out` what is kept.
    pub fn feed(&mut self, mut piece: &[u8], out: &mut Vec<u8>) {
        let before = out.len();
        while let Some(&first) = piece.first() {
            let length = match &mut self.place {
                Place::Front if first == b'$' => {
                    self.place = Place::Header(Vec::new());
                    continue;
                }
                Place::Front => {
                    self.place = Place::Line;
                    continue;
                }
                Place::Line => {
                    let end = piece.iter().position(|&byte| byte == b'\n');
                    let length = end.map_or(piece.len(), |end| end + 1);
                    out.extend_from_slice(&piece[..length]);
                    if end.is_some() {
                        self.place = Place::Front;
                    }
                    length
                }
                Place::Header(header) => {
                    header.push(first);
                    if first == b'\n' || header.len() > HEADER_BYTES_MAX {
                        let header = std::mem::take(header);
                        self.place = self.begin(&header, out);
                    }
                    1
                }
                Place::String { keep, .. } if *keep > 0 => {
                    let length = piece.len().min(*keep);
                    out.extend_from_slice(&piece[..length]);
                    *keep -= length;
                    length
                }
                Place::String { drop, .. } => {
                    let length = piece.len().min(*drop);
                    *drop -= length;
                    length
                }
            };
            piece = &piece[length..];
            if let Place::String {
                keep: 0,
                drop: 0,
                ends,
            } = self.place
            {
                if ends {
                    out.extend_from_slice(b"\r\n");
                }
                self.place = Place::Front;
            }
        }
        self.kept_bytes += out.len() - before;
    }

    /// What follows a header.
    fn begin(&self, header: &[u8], out: &mut Vec<u8>) -> Place {
        let digits = header
            .strip_prefix(b"$")
            .and_then(|rest| rest.strip_suffix(b"\r\n"));
        let length = digits
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| digits.parse::<usize>().ok());
        let Some(length) = length.filter(|length| *length <= usize::MAX - 2) else {
            // A null, or what the parser will refuse.
            out.extend_from_slice(header);
            return if header.ends_with(b"\n") {
                Place::Front
            } else {
                Place::Line
            };
        };
        let limit = if self.kept_bytes < PLENTY_BYTES {
            self.limit_bytes
        } else {
            self.limit_bytes.min(KEPT_AT_LAST_BYTES)
        };
        if length <= limit {
            out.extend_from_slice(header);
            return Place::String {
                keep: length + 2,
                drop: 0,
                ends: false,
            };
        }
        out.extend_from_slice(format!("|1\r\n+bytes\r\n:{length}\r\n${limit}\r\n").as_bytes());
        Place::String {
            keep: limit,
            drop: length - limit + 2,
            ends: true,
        }
    }
}

/// A string, and its whole length where it was cut.
pub(crate) fn string(value: Value) -> Option<(Vec<u8>, Option<u64>)> {
    match value {
        Value::Attributed(facts, value) => {
            let length = facts.first().and_then(|(_, length)| length.integer());
            let (beginning, _) = string(*value)?;
            Some((beginning, length.map(|length| length.max(0) as u64)))
        }
        value => crate::ask::text(value).map(|bytes| (bytes, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flashdb_base::prng::Prng;
    use flashdb_resp::reply::{ReplyLimits, ReplyParser};

    fn thinned(bytes: &[u8], pieces: impl Iterator<Item = usize>) -> Vec<u8> {
        let (mut thinner, mut out, mut rest) = (Thinner::new(300), Vec::new(), bytes);
        for length in pieces {
            let (piece, after) = rest.split_at(length.min(rest.len()));
            thinner.feed(piece, &mut out);
            rest = after;
        }
        thinner.feed(rest, &mut out);
        out
    }

    fn parse(bytes: &[u8]) -> Value {
        let mut parser = ReplyParser::new(ReplyLimits::default());
        let (taken, value) = parser.parse(bytes).expect("a reply");
        assert_eq!(taken, bytes.len());
        value.expect("a whole reply")
    }

    #[test]
    fn strings_are_cut_wherever_the_pieces_end() {
        let mut random = Prng::from_seed(7);
        for _ in 0..300 {
            let lengths: Vec<usize> = (0..random.below(8)).map(|_| random.below(700) as usize).collect();
            let mut reply = format!("*{}\r\n:7\r\n$-1\r\n+OK $9\r\n", lengths.len() + 3).into_bytes();
            for length in &lengths {
                // Bytes that look like headers and line ends.
                let value = b"$5\r\n".iter().cycle().take(*length);
                reply.extend(format!("${length}\r\n").into_bytes());
                reply.extend(value);
                reply.extend(b"\r\n");
            }
            let sizes: Vec<usize> = (0..20).map(|_| random.below(200) as usize).collect();
            let Value::Array(items) = parse(&thinned(&reply, sizes.into_iter())) else {
                panic!("an array")
            };
            let simple = Value::Simple(b"OK $9".to_vec());
            assert_eq!(items[..3], [Value::Integer(7), Value::Null, simple]);
            for (item, length) in items.into_iter().skip(3).zip(lengths) {
                let whole: Vec<u8> = b"$5\r\n".iter().copied().cycle().take(length.min(300)).collect();
                let expected = (length > 300).then_some(length as u64);
                assert_eq!(string(item), Some((whole, expected)));
            }
        }
    }

    #[test]
    fn less_is_kept_once_there_is_plenty() {
        let value = [&b"$10000\r\n"[..], &[b'x'; 10_000], b"\r\n"].concat();
        let (mut thinner, mut out) = (Thinner::new(KEPT_BYTES), Vec::new());
        for _ in 0..2000 {
            thinner.feed(&value, &mut out);
        }
        assert!(
            (PLENTY_BYTES..PLENTY_BYTES + (1 << 20)).contains(&out.len()),
            "{}",
            out.len()
        );
    }

    #[test]
    fn what_is_no_reply_is_left_to_the_parser() {
        for bytes in [
            &b"$x\r\nabc\r\n"[..],
            b"$99999999999999999999999999\r\n",
            b"$-1\r\n",
            b"\xff\n",
            &[b'$'; 100],
        ] {
            assert_eq!(thinned(bytes, [1, 1, 1].into_iter()), bytes);
        }
    }
}
