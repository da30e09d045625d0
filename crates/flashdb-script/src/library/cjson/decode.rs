//! JSON text to Lua values, with the token names and positions in errors that lua-cjson has. Open tables lie
//! on Lua's stack with a level each in the codec, so depth costs no stack of the thread.

use super::super::stack::{Failure, Outcome, Stack};
use super::{Codec, Settings, number};
use std::cell::Cell;

/// A table that is being filled: it lies on the stack, an object's current key above it.
pub(super) enum Level {
    /// With the number of the last item.
    Array(i32),
    Object,
}

/// `cjson.decode`.
pub(super) fn decode(stack: Stack, kept: &Cell<Settings>, codec: &mut Codec) -> Outcome {
    codec.settings = kept.get();
    if stack.len() != 1 {
        return Err(Failure::argument(1, format_args!("expected 1 argument")));
    }
    let text = stack.string_argument(1)?;
    if let [0, _, ..] | [_, 0, ..] = text {
        return Err(Failure::new(format_args!(
            "JSON parser does not support UTF-16 or UTF-32"
        )));
    }
    let mut scanner = Scanner {
        text,
        position: 0,
        invalid_numbers: codec.settings.decode_invalid,
    };
    begin_value(stack, codec, &mut scanner)?;
    while !codec.decode_levels.is_empty() {
        advance(stack, codec, &mut scanner)?;
    }
    let end = scanner.next(&mut codec.text.0);
    match end.token {
        Token::End => Ok(1),
        _ => Err(unexpected("the end", &end)),
    }
}

fn unexpected(expected: &str, found: &Found<'_>) -> Failure {
    Failure::new(format_args!(
        "Expected {expected} but found {} at character {}",
        found.token.name(),
        found.position + 1
    ))
}

/// Puts the whole value on top into its table, then reads on behind it: to the end of that table, or to the
/// next value that is whole.
fn advance(stack: Stack, codec: &mut Codec, scanner: &mut Scanner<'_>) -> Result<(), Failure> {
    let found = scanner.next(&mut codec.text.0);
    match (codec.decode_levels.last_mut(), &found.token) {
        (Some(Level::Array(items)), Token::Comma) => {
            *items += 1;
            stack.set_item(-2, *items);
            begin_value(stack, codec, scanner)
        }
        (Some(Level::Array(items)), Token::ArrayEnd) => {
            *items += 1;
            stack.set_item(-2, *items);
            codec.decode_levels.pop();
            Ok(())
        }
        (Some(Level::Object), Token::Comma) => {
            stack.set_pair(-3);
            let key = scanner.next(&mut codec.text.0);
            take_key(stack, codec, scanner, &key)?;
            begin_value(stack, codec, scanner)
        }
        (Some(Level::Object), Token::ObjectEnd) => {
            stack.set_pair(-3);
            codec.decode_levels.pop();
            Ok(())
        }
        (Some(Level::Array(_)), _) => Err(unexpected("comma or array end", &found)),
        _ => Err(unexpected("comma or object end", &found)),
    }
}

/// Pushes the next value, or the first value inside of it that is whole, with its tables below.
fn begin_value(stack: Stack, codec: &mut Codec, scanner: &mut Scanner<'_>) -> Result<(), Failure> {
    let mut found = scanner.next(&mut codec.text.0);
    loop {
        match found.token {
            Token::Text(bytes) => stack.push_bytes(bytes),
            Token::Unescaped => stack.push_buffer(&codec.text.0)?,
            Token::Number(value) => stack.push_number(value),
            Token::Boolean(value) => stack.push_boolean(value),
            Token::Null => stack.push_null(),
            Token::ArrayBegin => {
                descend(stack, codec, scanner)?;
                found = scanner.next(&mut codec.text.0);
                if !matches!(found.token, Token::ArrayEnd) {
                    codec.decode_levels.push(Level::Array(0));
                    continue;
                }
            }
            Token::ObjectBegin => {
                descend(stack, codec, scanner)?;
                found = scanner.next(&mut codec.text.0);
                if !matches!(found.token, Token::ObjectEnd) {
                    codec.decode_levels.push(Level::Object);
                    take_key(stack, codec, scanner, &found)?;
                    found = scanner.next(&mut codec.text.0);
                    continue;
                }
            }
            _ => return Err(unexpected("value", &found)),
        }
        return Ok(());
    }
}

/// Pushes the table that begins, if there may be one more inside of the others.
fn descend(stack: Stack, codec: &Codec, scanner: &Scanner<'_>) -> Result<(), Failure> {
    let depth = codec.decode_levels.len() as i32 + 1;
    if depth > codec.settings.decode_depth_max || !stack.reserve(4) {
        return Err(Failure::new(format_args!(
            "Found too many nested data structures ({depth}) at character {}",
            scanner.position
        )));
    }
    stack.push_table();
    Ok(())
}

/// Pushes the key that was found, and reads over the colon behind it.
fn take_key(
    stack: Stack,
    codec: &mut Codec,
    scanner: &mut Scanner<'_>,
    found: &Found<'_>,
) -> Result<(), Failure> {
    match found.token {
        Token::Text(bytes) => stack.push_bytes(bytes),
        Token::Unescaped => stack.push_buffer(&codec.text.0)?,
        _ => return Err(unexpected("object key string", found)),
    }
    let colon = scanner.next(&mut codec.text.0);
    match colon.token {
        Token::Colon => Ok(()),
        _ => Err(unexpected("colon", &colon)),
    }
}

/// A token and where it begins, or where the text went wrong.
struct Found<'a> {
    token: Token<'a>,
    position: usize,
}

enum Token<'a> {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    /// A string that stands in the text as it is.
    Text(&'a [u8]),
    /// A string that had escapes: it is in the buffer.
    Unescaped,
    Number(f64),
    Boolean(bool),
    Null,
    Colon,
    Comma,
    End,
    /// None, for this reason.
    Wrong(&'static str),
}

impl Token<'_> {
    /// As errors name it.
    fn name(&self) -> &'static str {
        match self {
            Token::ObjectBegin => "T_OBJ_BEGIN",
            Token::ObjectEnd => "T_OBJ_END",
            Token::ArrayBegin => "T_ARR_BEGIN",
            Token::ArrayEnd => "T_ARR_END",
            Token::Text(_) | Token::Unescaped => "T_STRING",
            Token::Number(_) => "T_NUMBER",
            Token::Boolean(_) => "T_BOOLEAN",
            Token::Null => "T_NULL",
            Token::Colon => "T_COLON",
            Token::Comma => "T_COMMA",
            Token::End => "T_END",
            Token::Wrong(reason) => reason,
        }
    }
}

struct Scanner<'a> {
    text: &'a [u8],
    /// Behind the last token.
    position: usize,
    /// Whether numbers that JSON does not know are read.
    invalid_numbers: bool,
}

impl<'a> Scanner<'a> {
    /// The next token. A string with escapes goes into `buffer`.
    fn next(&mut self, buffer: &mut Vec<u8>) -> Found<'a> {
        while matches!(self.text.get(self.position), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.position += 1;
        }
        let position = self.position;
        // A zero byte ends the text, as in lua-cjson.
        let Some(&first) = self.text.get(position).filter(|&&byte| byte != 0) else {
            return Found {
                token: Token::End,
                position,
            };
        };
        if first == b'"' {
            return self.string(buffer);
        }
        let (token, len) = self.token(first);
        self.position += len;
        Found { token, position }
    }

    fn token(&self, first: u8) -> (Token<'a>, usize) {
        let rest = &self.text[self.position..];
        match first {
            b'{' => (Token::ObjectBegin, 1),
            b'}' => (Token::ObjectEnd, 1),
            b'[' => (Token::ArrayBegin, 1),
            b']' => (Token::ArrayEnd, 1),
            b':' => (Token::Colon, 1),
            b',' => (Token::Comma, 1),
            b'-' | b'0'..=b'9' if self.invalid_numbers || !is_invalid_number(rest) => number_token(rest),
            b'-' | b'0'..=b'9' => (Token::Wrong("invalid number"), 0),
            b't' if rest.starts_with(b"true") => (Token::Boolean(true), 4),
            b'f' if rest.starts_with(b"false") => (Token::Boolean(false), 5),
            b'n' if rest.starts_with(b"null") => (Token::Null, 4),
            _ if self.invalid_numbers && is_invalid_number(rest) => number_token(rest),
            _ => (Token::Wrong("invalid token"), 0),
        }
    }

    /// A string, whose opening quote comes next.
    fn string(&mut self, buffer: &mut Vec<u8>) -> Found<'a> {
        let start = self.position + 1;
        let text = self.text;
        let special = |from: usize| {
            text[from..]
                .iter()
                .position(|byte| matches!(byte, b'"' | b'\\' | 0))
                .map_or(text.len(), |len| from + len)
        };
        let mut end = special(start);
        if text.get(end) == Some(&b'"') {
            self.position = end + 1;
            return Found {
                token: Token::Text(&text[start..end]),
                position: start - 1,
            };
        }
        buffer.clear();
        let mut copied = start;
        loop {
            buffer.extend_from_slice(&text[copied..end]);
            match text.get(end) {
                Some(b'"') => {
                    self.position = end + 1;
                    return Found {
                        token: Token::Unescaped,
                        position: start - 1,
                    };
                }
                Some(b'\\') => match unescape(&text[end + 1..], buffer) {
                    Ok(len) => copied = end + 1 + len,
                    Err(reason) => {
                        return Found {
                            token: Token::Wrong(reason),
                            position: end,
                        };
                    }
                },
                _ => {
                    return Found {
                        token: Token::Wrong("unexpected end of string"),
                        position: end,
                    };
                }
            }
            end = special(copied);
        }
    }
}

/// Whether the text begins with a number that JSON does not know: signed plus, in hexadecimal, with zeros in
/// front, infinite, or none.
fn is_invalid_number(text: &[u8]) -> bool {
    if text.first() == Some(&b'+') {
        return true;
    }
    let text = text.strip_prefix(b"-").unwrap_or(text);
    match text {
        [b'0', next, ..] => matches!(next, b'x' | b'X' | b'0'..=b'9'),
        [a, b, c, ..] => [b"inf", b"nan"].contains(&&[a, b, c].map(u8::to_ascii_lowercase)),
        _ => false,
    }
}

fn number_token(text: &[u8]) -> (Token<'static>, usize) {
    match number::read(text) {
        Some((value, len)) => (Token::Number(value), len),
        None => (Token::Wrong("invalid number"), 0),
    }
}

/// Appends what an escape stands for, its backslash left out; the bytes that it takes.
fn unescape(text: &[u8], buffer: &mut Vec<u8>) -> Result<usize, &'static str> {
    let byte = match text.first() {
        Some(&byte @ (b'"' | b'\\' | b'/')) => byte,
        Some(b'b') => 8,
        Some(b'f') => 12,
        Some(b'n') => b'\n',
        Some(b'r') => b'\r',
        Some(b't') => b'\t',
        Some(b'u') => return unescape_unicode(text, buffer).ok_or("invalid unicode escape code"),
        _ => return Err("invalid escape code"),
    };
    buffer.push(byte);
    Ok(1)
}

/// Appends the character of one escape, or of two that are halves of one.
fn unescape_unicode(text: &[u8], buffer: &mut Vec<u8>) -> Option<usize> {
    let unit = code_unit(text)?;
    let (character, len) = match unit {
        0xd800..=0xdbff => {
            let low = code_unit(text.get(5..)?.strip_prefix(b"\\")?)?;
            if !(0xdc00..=0xdfff).contains(&low) {
                return None;
            }
            (0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00), 11)
        }
        _ => (unit, 5),
    };
    let character = char::from_u32(character)?;
    buffer.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    Some(len)
}

/// The four digits behind a `u`.
fn code_unit(text: &[u8]) -> Option<u32> {
    let digits = text.strip_prefix(b"u")?.get(..4)?;
    digits
        .iter()
        .try_fold(0, |unit, &byte| Some(16 * unit + char::from(byte).to_digit(16)?))
}
