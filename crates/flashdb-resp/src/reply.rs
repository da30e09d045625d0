//! The reply parser: what a program that talks to a server reads, RESP2 and RESP3. It is incremental: it takes whole
//! elements from the front of a buffer, keeps the open aggregates itself, and looks at no byte twice.
//!
//! What comes from a server is no more trusted than what comes from a client: nesting is bounded, lengths are bounded, and
//! no memory is taken for elements before they are here.

use crate::request::memchr;
use flashdb_base::number;
use std::fmt;

/// One reply, or an element of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `+`: a status such as OK.
    Simple(Vec<u8>),
    /// `-` and `!`: an error with its code in front.
    Error(Vec<u8>),
    /// `:`
    Integer(i64),
    /// `$`: bytes.
    Bulk(Vec<u8>),
    /// `_`, `$-1` and `*-1`.
    Null,
    /// `,`: a double, as its text was sent.
    Double(Vec<u8>),
    /// `#`
    Boolean(bool),
    /// `(`: an integer of any size, as its text was sent.
    BigNumber(Vec<u8>),
    /// `=`: a text with the three letters of its format.
    Verbatim([u8; 3], Vec<u8>),
    /// `*`
    Array(Vec<Value>),
    /// `~`
    Set(Vec<Value>),
    /// `%`
    Map(Vec<(Value, Value)>),
    /// `>`: a message that answers no request.
    Push(Vec<Value>),
    /// `|`: a reply with facts about it in front.
    Attributed(Vec<(Value, Value)>, Box<Value>),
}

impl Value {
    /// The bytes of a text of any kind; errors are texts too.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self.plain() {
            Value::Simple(text)
            | Value::Error(text)
            | Value::Bulk(text)
            | Value::Double(text)
            | Value::BigNumber(text)
            | Value::Verbatim(_, text) => Some(text),
            _ => None,
        }
    }

    /// The number, of an integer or of a text that is one.
    pub fn integer(&self) -> Option<i64> {
        match self.plain() {
            Value::Integer(number) => Some(*number),
            other => number::parse_i64(other.bytes()?),
        }
    }

    /// The elements of an array, set or push.
    pub fn items(&self) -> Option<&[Value]> {
        match self.plain() {
            Value::Array(items) | Value::Set(items) | Value::Push(items) => Some(items),
            _ => None,
        }
    }

    /// The pairs of a map, or of the array that RESP2 has in its place. O(n).
    pub fn pairs(&self) -> Option<Vec<(&Value, &Value)>> {
        match self.plain() {
            Value::Map(pairs) => Some(pairs.iter().map(|(name, value)| (name, value)).collect()),
            other => {
                let chunks = other.items()?.chunks_exact(2);
                Some(chunks.map(|pair| (&pair[0], &pair[1])).collect())
            }
        }
    }

    /// The value behind `name` in a map, or in the array that RESP2 has in its place. O(n).
    pub fn field(&self, name: &str) -> Option<&Value> {
        let is_it = |found: &Value| found.bytes() == Some(name.as_bytes());
        match self.plain() {
            Value::Map(pairs) => pairs
                .iter()
                .find(|(found, _)| is_it(found))
                .map(|(_, value)| value),
            other => {
                let mut chunks = other.items()?.chunks_exact(2);
                chunks.find(|pair| is_it(&pair[0])).map(|pair| &pair[1])
            }
        }
    }

    /// Whether it is an error.
    pub fn is_error(&self) -> bool {
        matches!(self.plain(), Value::Error(_))
    }

    /// The reply without the attributes in front of it.
    pub fn plain(&self) -> &Value {
        match self {
            Value::Attributed(_, reply) => reply.plain(),
            other => other,
        }
    }
}

/// Bounds on what is believed of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyLimits {
    /// Most aggregates within each other.
    pub depth_max: usize,
    /// Longest bulk string in bytes.
    pub bulk_bytes_max: usize,
    /// Longest line in bytes: headers, statuses, errors, numbers.
    pub line_bytes_max: usize,
    /// Most elements of one reply, those within each other included.
    pub elements_max: usize,
}

impl Default for ReplyLimits {
    /// What a Redis server may send: bulk strings of 512 MiB by default, more where `proto-max-bulk-len` says so.
    fn default() -> Self {
        ReplyLimits {
            depth_max: 128,
            bulk_bytes_max: 4 << 30,
            line_bytes_max: 1 << 20,
            elements_max: usize::MAX,
        }
    }
}

/// Why bytes are no reply. The connection is of no use after it: nobody knows where the next reply begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplyFault {
    /// A byte that begins no reply.
    Type(u8),
    /// A length, count or number that is none; the name says of what.
    Number(&'static str),
    /// Deeper, longer or more than the limits allow; the name says what.
    TooLarge(&'static str),
    /// A line or bulk string that does not end in CR LF.
    LineEnd,
}

impl fmt::Display for ReplyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReplyFault::Type(byte) => {
                let shown = std::ascii::escape_default(*byte);
                write!(f, "Protocol error, got \"{shown}\" as reply type byte")
            }
            ReplyFault::Number(what) => write!(f, "Protocol error, bad {what}"),
            ReplyFault::TooLarge(what) => write!(f, "Protocol error, {what} beyond the limit"),
            ReplyFault::LineEnd => f.write_str("Protocol error, a line end is missing"),
        }
    }
}

impl std::error::Error for ReplyFault {}

/// An aggregate whose elements are still coming.
struct Open {
    mark: u8,
    missing: usize,
    items: Vec<Value>,
}

impl Open {
    fn close(self) -> Value {
        match self.mark {
            b'~' => Value::Set(self.items),
            b'>' => Value::Push(self.items),
            b'%' => Value::Map(in_pairs(self.items)),
            b'|' => {
                let mut items = self.items;
                // Its elements are those of the map and then the reply itself, so there is a last one.
                let reply = items.pop().unwrap_or(Value::Null);
                Value::Attributed(in_pairs(items), Box::new(reply))
            }
            _ => Value::Array(self.items),
        }
    }
}

fn in_pairs(items: Vec<Value>) -> Vec<(Value, Value)> {
    let mut items = items.into_iter();
    let mut pairs = Vec::with_capacity(items.len() / 2);
    while let (Some(name), Some(value)) = (items.next(), items.next()) {
        pairs.push((name, value));
    }
    pairs
}

/// One element of the wire.
enum Element {
    Value(Value),
    Open(Open),
}

/// See the module's head. One per connection.
#[derive(Default)]
pub struct ReplyParser {
    limits: ReplyLimits,
    open: Vec<Open>,
    /// Elements of the reply so far.
    elements: usize,
    /// Bytes behind the buffer's front that hold no line end.
    looked_at: usize,
}

impl ReplyParser {
    /// A parser at the beginning of a reply.
    pub fn new(limits: ReplyLimits) -> Self {
        ReplyParser {
            limits,
            ..Self::default()
        }
    }

    /// Whether a reply has begun whose elements are not all taken.
    pub fn is_mid_reply(&self) -> bool {
        !self.open.is_empty()
    }

    /// Takes elements from the front of `buffer` until a reply is complete. Gives the bytes taken, which the caller drops
    /// before the next call, and the reply, if it is complete; without one more bytes are needed.
    ///
    /// # Errors
    /// When the bytes are no reply; the parser must not be used again.
    pub fn parse(&mut self, buffer: &[u8]) -> Result<(usize, Option<Value>), ReplyFault> {
        let mut taken = 0;
        while let Some((element, length)) = self.element(&buffer[taken..])? {
            taken += length;
            self.looked_at = 0;
            if self.elements >= self.limits.elements_max {
                return Err(ReplyFault::TooLarge("elements"));
            }
            self.elements += 1;
            let mut complete = match element {
                Element::Open(open) if open.missing > 0 => {
                    if self.open.len() >= self.limits.depth_max {
                        return Err(ReplyFault::TooLarge("nesting"));
                    }
                    self.open.push(open);
                    continue;
                }
                Element::Open(open) => open.close(),
                Element::Value(value) => value,
            };
            loop {
                let Some(parent) = self.open.last_mut() else {
                    self.elements = 0;
                    return Ok((taken, Some(complete)));
                };
                parent.items.push(complete);
                parent.missing -= 1;
                if parent.missing > 0 {
                    break;
                }
                match self.open.pop() {
                    Some(full) => complete = full.close(),
                    None => break,
                }
            }
        }
        Ok((taken, None))
    }

    /// The element at the front and its length; nothing when it is not complete.
    fn element(&mut self, buffer: &[u8]) -> Result<Option<(Element, usize)>, ReplyFault> {
        let Some(&mark) = buffer.first() else {
            return Ok(None);
        };
        if !b"+-:$_,#(=!*~%>|".contains(&mark) {
            return Err(ReplyFault::Type(mark));
        }
        let Some(line) = self.line(buffer)? else {
            return Ok(None);
        };
        let header = line.len() + 3;
        let value = match mark {
            b'+' => Value::Simple(line.to_vec()),
            b'-' => Value::Error(line.to_vec()),
            b':' => Value::Integer(number::parse_i64(line).ok_or(ReplyFault::Number("integer"))?),
            b',' => Value::Double(checked(line, "double", number_bytes)?),
            b'(' => Value::BigNumber(checked(line, "big number", is_big_number)?),
            b'_' if line.is_empty() => Value::Null,
            b'_' => return Err(ReplyFault::Number("null")),
            b'#' => match line {
                b"t" => Value::Boolean(true),
                b"f" => Value::Boolean(false),
                _ => return Err(ReplyFault::Number("boolean")),
            },
            b'$' | b'=' | b'!' => return self.bulk(mark, line, buffer, header),
            _ => return aggregate(mark, line).map(|element| Some((element, header))),
        };
        Ok(Some((Element::Value(value), header)))
    }

    /// The line behind the mark, without its end.
    fn line<'a>(&mut self, buffer: &'a [u8]) -> Result<Option<&'a [u8]>, ReplyFault> {
        // The byte of the mark is part of what was looked at.
        let from = self.looked_at.max(1).min(buffer.len());
        match memchr(b'\n', &buffer[from..]) {
            None => {
                self.looked_at = buffer.len();
                if buffer.len() > self.limits.line_bytes_max {
                    return Err(ReplyFault::TooLarge("line"));
                }
                Ok(None)
            }
            Some(at) => match &buffer[1..from + at] {
                line if line.len() > self.limits.line_bytes_max => Err(ReplyFault::TooLarge("line")),
                [line @ .., b'\r'] => Ok(Some(line)),
                _ => Err(ReplyFault::LineEnd),
            },
        }
    }

    fn bulk(
        &self,
        mark: u8,
        line: &[u8],
        buffer: &[u8],
        header: usize,
    ) -> Result<Option<(Element, usize)>, ReplyFault> {
        if line == b"-1" && mark == b'$' {
            return Ok(Some((Element::Value(Value::Null), header)));
        }
        let length = number::parse_u64(line).ok_or(ReplyFault::Number("bulk length"))?;
        let length = usize::try_from(length)
            .ok()
            .filter(|length| *length <= self.limits.bulk_bytes_max)
            .ok_or(ReplyFault::TooLarge("bulk string"))?;
        let Some(text) = buffer.get(header..header + length + 2) else {
            return Ok(None);
        };
        let [text @ .., b'\r', b'\n'] = text else {
            return Err(ReplyFault::LineEnd);
        };
        let value = match (mark, text) {
            (b'!', _) => Value::Error(text.to_vec()),
            (b'=', [a, b, c, b':', text @ ..]) => Value::Verbatim([*a, *b, *c], text.to_vec()),
            (b'=', _) => return Err(ReplyFault::Number("verbatim string")),
            _ => Value::Bulk(text.to_vec()),
        };
        Ok(Some((Element::Value(value), header + length + 2)))
    }
}

fn aggregate(mark: u8, line: &[u8]) -> Result<Element, ReplyFault> {
    if line == b"-1" && mark == b'*' {
        return Ok(Element::Value(Value::Null));
    }
    let count = number::parse_u64(line).ok_or(ReplyFault::Number("count"))?;
    let missing = match mark {
        b'%' => count.checked_mul(2),
        // The reply that the attributes are about is taken for one element more.
        b'|' => count.checked_mul(2).and_then(|count| count.checked_add(1)),
        _ => Some(count),
    };
    let missing = missing
        .and_then(|missing| usize::try_from(missing).ok())
        .ok_or(ReplyFault::TooLarge("count"))?;
    Ok(Element::Open(Open {
        mark,
        missing,
        items: Vec::new(),
    }))
}

fn checked(line: &[u8], what: &'static str, is_fine: fn(&[u8]) -> bool) -> Result<Vec<u8>, ReplyFault> {
    match is_fine(line) {
        true => Ok(line.to_vec()),
        false => Err(ReplyFault::Number(what)),
    }
}

fn number_bytes(line: &[u8]) -> bool {
    line == b"nan" || line == b"-nan" || number::parse_f64(line).is_some()
}

fn is_big_number(line: &[u8]) -> bool {
    let digits = line.strip_prefix(b"-").unwrap_or(line);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Protocol, Reply};
    use flashdb_base::prng::Prng;

    fn parse_in_pieces(bytes: &[u8], step: usize) -> Result<Vec<Value>, ReplyFault> {
        let mut parser = ReplyParser::default();
        let (mut buffer, mut found) = (Vec::new(), Vec::new());
        for piece in bytes.chunks(step.max(1)) {
            buffer.extend_from_slice(piece);
            loop {
                let (taken, value) = parser.parse(&buffer)?;
                buffer.drain(..taken);
                match value {
                    Some(value) => found.push(value),
                    None => break,
                }
            }
        }
        Ok(found)
    }

    fn one(bytes: &[u8]) -> Value {
        let found = parse_in_pieces(bytes, bytes.len()).expect("a reply");
        assert_eq!(found.len(), 1, "{found:?}");
        found.into_iter().next().expect("one")
    }

    #[test]
    fn elements_are_counted_reply_by_reply() {
        let mut parser = ReplyParser::new(ReplyLimits {
            elements_max: 3,
            ..ReplyLimits::default()
        });
        for _ in 0..3 {
            let bytes = b"*2\r\n:1\r\n:2\r\n";
            assert!(matches!(parser.parse(bytes), Ok((12, Some(_)))));
        }
        let fault = parser.parse(b"*1\r\n*1\r\n*1\r\n:1\r\n");
        assert_eq!(fault, Err(ReplyFault::TooLarge("elements")));
    }

    #[test]
    fn reads_each_type() {
        let text = |text: &str| Value::Bulk(text.as_bytes().to_vec());
        assert_eq!(one(b"+OK\r\n"), Value::Simple(b"OK".to_vec()));
        assert_eq!(one(b"-ERR no\r\n"), Value::Error(b"ERR no".to_vec()));
        assert_eq!(one(b"!5\r\nE\r\nx!\r\n"), Value::Error(b"E\r\nx!".to_vec()));
        assert_eq!(one(b":-9223372036854775808\r\n"), Value::Integer(i64::MIN));
        assert_eq!(one(b"$3\r\na\nb\r\n"), text("a\nb"));
        for null in [&b"$-1\r\n"[..], b"*-1\r\n", b"_\r\n"] {
            assert_eq!(one(null), Value::Null);
        }
        assert_eq!(one(b",inf\r\n"), Value::Double(b"inf".to_vec()));
        assert_eq!(one(b"#t\r\n"), Value::Boolean(true));
        assert_eq!(one(b"(-12\r\n"), Value::BigNumber(b"-12".to_vec()));
        assert_eq!(one(b"=6\r\ntxt:ab\r\n"), Value::Verbatim(*b"txt", b"ab".to_vec()));
        assert_eq!(one(b"*0\r\n"), Value::Array(vec![]));
        assert_eq!(
            one(b"%1\r\n:1\r\n~1\r\n$1\r\na\r\n"),
            Value::Map(vec![(Value::Integer(1), Value::Set(vec![text("a")]))])
        );
        assert_eq!(
            one(b"*2\r\n|1\r\n+ttl\r\n:5\r\n+OK\r\n:1\r\n"),
            Value::Array(vec![
                Value::Attributed(
                    vec![(Value::Simple(b"ttl".to_vec()), Value::Integer(5))],
                    Box::new(Value::Simple(b"OK".to_vec()))
                ),
                Value::Integer(1)
            ])
        );
    }

    #[test]
    fn looks_into_replies() {
        for reply in [
            "*4\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n$2\r\n22\r\n",
            "%2\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n$2\r\n22\r\n",
        ] {
            let value = one(reply.as_bytes());
            assert_eq!(value.field("b").and_then(Value::integer), Some(22));
            assert_eq!(value.field("c"), None);
            assert_eq!(value.pairs().map(|pairs| pairs.len()), Some(2));
        }
    }

    #[test]
    fn refuses_what_is_no_reply() {
        for (bytes, fault) in [
            (&b"x\r\n"[..], ReplyFault::Type(b'x')),
            (b":1x\r\n", ReplyFault::Number("integer")),
            (b"$-2\r\n", ReplyFault::Number("bulk length")),
            (b"$99999999999\r\n", ReplyFault::TooLarge("bulk string")),
            (b"$1\r\nabc", ReplyFault::LineEnd),
            (b"+OK\n", ReplyFault::LineEnd),
            (b"*-2\r\n", ReplyFault::Number("count")),
            (b"~-1\r\n", ReplyFault::Number("count")),
            (b"%18446744073709551615\r\n", ReplyFault::TooLarge("count")),
            (b"#x\r\n", ReplyFault::Number("boolean")),
            (b",x\r\n", ReplyFault::Number("double")),
            (b"(1.5\r\n", ReplyFault::Number("big number")),
            (b"=3\r\ntxt\r\n", ReplyFault::Number("verbatim string")),
        ] {
            assert_eq!(parse_in_pieces(bytes, 1), Err(fault), "{bytes:?}");
        }
        let deep = b"*1\r\n".repeat(129);
        assert_eq!(parse_in_pieces(&deep, 64), Err(ReplyFault::TooLarge("nesting")));
        let long = vec![b'+'; (1 << 20) + 2];
        assert_eq!(parse_in_pieces(&long, 1 << 12), Err(ReplyFault::TooLarge("line")));
    }

    #[test]
    fn takes_no_memory_for_elements_that_are_not_here() {
        let mut parser = ReplyParser::default();
        let (taken, value) = parser.parse(b"*1000000000000\r\n:1\r\n").expect("no fault");
        assert_eq!((taken, value), (20, None));
        assert!(parser.is_mid_reply());
        assert!(parser.open[0].items.capacity() < 100);
    }

    fn random_value(random: &mut Prng, depth: usize) -> Value {
        let bytes = |random: &mut Prng| {
            let mut bytes = vec![0; random.below(20) as usize];
            random.fill(&mut bytes);
            bytes
        };
        let kinds = if depth == 0 { 7 } else { 11 };
        let count = random.below(4) as usize;
        match random.below(kinds) {
            0 => Value::Simple(b"OK".to_vec()),
            1 => Value::Error(b"ERR x".to_vec()),
            2 => Value::Integer(random.next_u64() as i64),
            3 => Value::Bulk(bytes(random)),
            4 => Value::Null,
            5 => Value::Boolean(random.below(2) == 1),
            6 => Value::Verbatim(*b"txt", bytes(random)),
            7 => Value::Array((0..count).map(|_| random_value(random, depth - 1)).collect()),
            8 => Value::Set((0..count).map(|_| random_value(random, depth - 1)).collect()),
            9 => Value::Push((0..count).map(|_| random_value(random, depth - 1)).collect()),
            _ => Value::Map(
                (0..count)
                    .map(|_| (random_value(random, depth - 1), random_value(random, depth - 1)))
                    .collect(),
            ),
        }
    }

    fn write(reply: &mut Reply, value: &Value) {
        match value {
            Value::Simple(text) => reply.simple(std::str::from_utf8(text).expect("ASCII")),
            Value::Error(text) => reply.error_bytes(text),
            Value::Integer(number) => reply.integer(*number),
            Value::Bulk(bytes) => reply.bulk(bytes),
            Value::Null => reply.null(),
            Value::Boolean(value) => reply.boolean(*value),
            Value::Verbatim(_, text) => reply.verbatim("txt", text),
            Value::Array(items) => {
                reply.array(items.len());
                items.iter().for_each(|item| write(reply, item));
            }
            Value::Set(items) => {
                reply.set(items.len());
                items.iter().for_each(|item| write(reply, item));
            }
            Value::Push(items) => {
                reply.push(items.len());
                items.iter().for_each(|item| write(reply, item));
            }
            Value::Map(pairs) => {
                reply.map(pairs.len());
                for (name, value) in pairs {
                    write(reply, name);
                    write(reply, value);
                }
            }
            other => panic!("not drawn: {other:?}"),
        }
    }

    /// What the encoder of this crate writes is read back, however it is cut; damaged bytes end in a value or a fault,
    /// the same for every way of cutting.
    #[test]
    fn reads_back_what_was_written_and_stands_damage() {
        let mut random = Prng::from_seed(6);
        for _ in 0..2000 {
            let values: Vec<Value> = (0..3).map(|_| random_value(&mut random, 4)).collect();
            let mut reply = Reply::new(Protocol::Resp3);
            values.iter().for_each(|value| write(&mut reply, value));
            let mut bytes = reply.into_bytes();
            let step = 1 + random.below(40) as usize;
            assert_eq!(parse_in_pieces(&bytes, step), Ok(values));
            for _ in 0..1 + random.below(3) {
                let at = random.below(bytes.len() as u64) as usize;
                match random.below(3) {
                    0 => bytes[at] = random.next_u64() as u8,
                    1 => bytes.truncate(at.max(1)),
                    _ => {
                        let mark = b"+-:$_,#(=!*~%>|\r\n019"[random.below(20) as usize];
                        bytes.insert(at, mark);
                    }
                }
            }
            assert_eq!(
                parse_in_pieces(&bytes, step),
                parse_in_pieces(&bytes, bytes.len())
            );
        }
    }
}
