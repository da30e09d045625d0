//! Splits a line into words the way `redis.conf` and inline commands are written, and quotes
//! a word so that splitting gives it back.
//!
//! Words are separated by blanks. `"..."` knows `\n \r \t \a \b`, `\xHH` and a backslash before
//! any other byte; `'...'` knows only `\'`. A closing quote must be followed by a blank or the
//! end. A NUL byte ends the line. Behaviour follows Redis 7.0, whose clients and files rely on it.

use std::fmt;

/// A quote without its end, or with more text directly behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnbalancedQuotes;

impl fmt::Display for UnbalancedQuotes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unbalanced quotes")
    }
}

impl std::error::Error for UnbalancedQuotes {}

/// The words of `line`; an empty or blank line has none. O(length).
pub fn split_args(line: &[u8]) -> Result<Vec<Vec<u8>>, UnbalancedQuotes> {
    let words = split_args_up_to(line, usize::MAX)?;
    Ok(words.unwrap_or_default())
}

/// As [`split_args`], of a line nobody vouches for: a word of one byte takes sixteen times that in memory. `None`, without
/// reading on, where there are more than `words_max`.
pub fn split_args_up_to(line: &[u8], words_max: usize) -> Result<Option<Vec<Vec<u8>>>, UnbalancedQuotes> {
    let end = line.iter().position(|&byte| byte == 0).unwrap_or(line.len());
    let mut rest = &line[..end];
    let mut words = Vec::new();
    loop {
        let blanks = rest.iter().take_while(|&&byte| is_blank(byte)).count();
        rest = &rest[blanks..];
        if rest.is_empty() {
            return Ok(Some(words));
        }
        if words.len() == words_max {
            return Ok(None);
        }
        let mut word = Vec::new();
        rest = take_word(rest, &mut word)?;
        words.push(word);
    }
}

/// Appends `bytes` in double quotes, printable ASCII as it is and the rest escaped, so that
/// [`split_args`] reads the same bytes back.
pub fn push_quoted(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    for &byte in bytes {
        match byte {
            b'\\' | b'"' => out.extend([b'\\', byte]),
            b'\n' => out.extend(b"\\n"),
            b'\r' => out.extend(b"\\r"),
            b'\t' => out.extend(b"\\t"),
            0x07 => out.extend(b"\\a"),
            0x08 => out.extend(b"\\b"),
            0x20..=0x7e => out.push(byte),
            _ => {
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                out.extend([
                    b'\\',
                    b'x',
                    DIGITS[usize::from(byte >> 4)],
                    DIGITS[usize::from(byte & 15)],
                ]);
            }
        }
    }
    out.push(b'"');
}

/// Reads one word from the front of `rest` (which starts with a non-blank) and returns what
/// follows. A quote may open in the middle of a word and always ends it.
fn take_word<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8], UnbalancedQuotes> {
    while let Some((&byte, tail)) = rest.split_first() {
        match byte {
            b' ' | b'\n' | b'\r' | b'\t' => return Ok(tail),
            b'"' => return take_double_quoted(tail, word),
            b'\'' => return take_single_quoted(tail, word),
            _ => word.push(byte),
        }
        rest = tail;
    }
    Ok(rest)
}

fn take_double_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8], UnbalancedQuotes> {
    loop {
        rest = match rest {
            [] => return Err(UnbalancedQuotes),
            [b'\\', b'x', high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                word.push(hex_digit(*high) << 4 | hex_digit(*low));
                tail
            }
            [b'\\', escaped, tail @ ..] => {
                word.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 0x08,
                    b'a' => 0x07,
                    other => *other,
                });
                tail
            }
            [b'"', tail @ ..] => return after_closing_quote(tail),
            [byte, tail @ ..] => {
                word.push(*byte);
                tail
            }
        };
    }
}

fn take_single_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8], UnbalancedQuotes> {
    loop {
        rest = match rest {
            [] => return Err(UnbalancedQuotes),
            [b'\\', b'\'', tail @ ..] => {
                word.push(b'\'');
                tail
            }
            [b'\'', tail @ ..] => return after_closing_quote(tail),
            [byte, tail @ ..] => {
                word.push(*byte);
                tail
            }
        };
    }
}

fn after_closing_quote(rest: &[u8]) -> Result<&[u8], UnbalancedQuotes> {
    match rest.first() {
        Some(&byte) if !is_blank(byte) => Err(UnbalancedQuotes),
        _ => Ok(rest),
    }
}

/// Blanks between words. Vertical tab and form feed separate words only here, not inside one.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

/// The value of an ASCII hexadecimal digit.
fn hex_digit(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        b'a'..=b'f' => byte - b'a' + 10,
        _ => byte.to_ascii_lowercase().wrapping_sub(b'a').wrapping_add(10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &[u8]) -> Vec<Vec<u8>> {
        split_args(line).expect("balanced")
    }

    #[test]
    fn splits_on_blanks_and_quotes() {
        assert_eq!(words(b""), Vec::<Vec<u8>>::new());
        assert_eq!(words(b" \t\r\n"), Vec::<Vec<u8>>::new());
        assert_eq!(
            words(b"set  foo\tbar\r\n"),
            [b"set".to_vec(), b"foo".to_vec(), b"bar".to_vec()]
        );
        assert_eq!(
            words(br#"set "a b" 'c d' "" ''"#)[1..],
            [b"a b".to_vec(), b"c d".to_vec(), vec![], vec![]]
        );
        assert_eq!(words(br#"ab"cd" x"#), [b"abcd".to_vec(), b"x".to_vec()]);
        assert_eq!(
            words(br#""\xFf\x0g\n\r\t\a\b\\\"\q""#),
            [b"\xffx0g\n\r\t\x07\x08\\\"q".to_vec()]
        );
        assert_eq!(words(br"'it\'s \n'"), [br"it's \n".to_vec()]);
        assert_eq!(words(b"\x0ba\x0cb"), [b"a\x0cb".to_vec()]);
        assert_eq!(words(b"get k\0 more"), [b"get".to_vec(), b"k".to_vec()]);
    }

    #[test]
    fn no_more_words_than_are_asked_for() {
        let two = vec![b"a".to_vec(), b"b".to_vec()];
        assert_eq!(split_args_up_to(b" a b ", 2), Ok(Some(two)));
        assert_eq!(split_args_up_to(b"a b c\"", 2), Ok(None));
        assert_eq!(split_args_up_to(b" ", 0), Ok(Some(Vec::new())));
    }

    #[test]
    fn refuses_unbalanced_quotes() {
        for line in [
            &br#"a "b"#[..],
            br#""a"b"#,
            b"'a",
            b"'a'b",
            br#""a\"#,
            br#""a\"b c"#,
            b"\"a\0\"",
        ] {
            assert_eq!(split_args(line), Err(UnbalancedQuotes), "{line:?}");
        }
    }

    #[test]
    fn quoting_round_trips_every_byte() {
        let all: Vec<u8> = (0..=255).collect();
        let mut quoted = Vec::new();
        push_quoted(&mut quoted, &all);
        assert!(quoted.iter().all(|byte| (0x20..=0x7e).contains(byte)));
        assert_eq!(words(&quoted), [all]);
    }
}
