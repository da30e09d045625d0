//! One command of an append-only file: the protocol's array of strings, with annotation lines before it.
//!
//! ```text
//! # ... \r\n                                 an annotation, such as #TS:1700000000: stepped over
//! *N\r\n ($L\r\n L bytes \r\n) N times
//! ```
//!
//! No number of the file is trusted: memory grows only with the bytes that come.

use std::io::{self, Read, Seek};

use flashdb_base::args::OwnedArgs;

use super::input::SeekInput;

/// Most words of a command, as of a request.
const WORDS_MAX: u64 = 1024 * 1024;
/// Longest word: Redis's default `proto-max-bulk-len`, which nobody raises lightly.
const WORD_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Bytes of all words of a command: what their offsets can tell.
const COMMAND_BYTES_MAX: u64 = u32::MAX as u64;
/// Longest header line: a mark, a number, the line's end.
const HEADER_BYTES_MAX: usize = 24;

/// Why there is no command.
#[derive(Debug)]
pub(super) enum Fault {
    /// The file ends within it.
    Torn,
    /// The bytes are not a command.
    Format(&'static str),
    Io(io::Error),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Fault::Io(error)
    }
}

/// What a command means for the walk, without its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    GroupBegin,
    GroupEnd,
    Other,
}

/// Steps over annotations; whether a command, or part of one, follows.
pub(super) fn is_at_command<R: Read + Seek>(input: &mut SeekInput<R>) -> Result<bool, Fault> {
    while let Some(first) = input.available()?.first() {
        if *first != b'#' {
            return Ok(true);
        }
        skip_line(input)?;
    }
    Ok(false)
}

fn skip_line<R: Read + Seek>(input: &mut SeekInput<R>) -> Result<(), Fault> {
    loop {
        let available = input.available()?;
        if available.is_empty() {
            return Err(Fault::Torn);
        }
        match available.iter().position(|&byte| byte == b'\n') {
            Some(at) => {
                input.consume(at + 1);
                return Ok(());
            }
            None => {
                let length = available.len();
                input.consume(length);
            }
        }
    }
}

/// Reads a command that may take `bytes_max` with all its words.
pub(super) fn read<R: Read + Seek>(input: &mut SeekInput<R>, bytes_max: u64) -> Result<OwnedArgs, Fault> {
    let count = words_count(input)?;
    let mut args = OwnedArgs::with_capacity(count.min(64) as usize, 32 * count.min(64) as usize);
    let mut total = 0;
    for _ in 0..count {
        let length = word_length(input)?;
        total += length;
        if total > bytes_max {
            return Err(Fault::Format("command larger than may be read"));
        }
        if total > COMMAND_BYTES_MAX {
            return Err(Fault::Format("command of more than 4 GiB"));
        }
        args.push_with(|bytes| copy_word(input, length, |part| bytes.extend_from_slice(part)))?;
    }
    Ok(args)
}

/// Steps over a command.
pub(super) fn skip<R: Read + Seek>(input: &mut SeekInput<R>) -> Result<Kind, Fault> {
    let count = words_count(input)?;
    let mut name = [0; 8];
    let mut name_length = 0;
    for index in 0..count {
        let length = word_length(input)?;
        if index > 0 || length > name.len() as u64 {
            copy_word(input, length, |_| {})?;
            continue;
        }
        copy_word(input, length, |part| {
            name[name_length..name_length + part.len()].copy_from_slice(part);
            name_length += part.len();
        })?;
    }
    Ok(kind_of(&name[..name_length], count as usize))
}

/// What a command with this name and number of words means for the walk.
pub(super) fn kind_of(name: &[u8], words: usize) -> Kind {
    if words != 1 {
        Kind::Other
    } else if name.eq_ignore_ascii_case(b"MULTI") {
        Kind::GroupBegin
    } else if name.eq_ignore_ascii_case(b"EXEC") {
        Kind::GroupEnd
    } else {
        Kind::Other
    }
}

fn words_count<R: Read + Seek>(input: &mut SeekInput<R>) -> Result<u64, Fault> {
    match header(input, b'*')? {
        0 => Err(Fault::Format("command without words")),
        count if count > WORDS_MAX => Err(Fault::Format("command of more than 1,048,576 words")),
        count => Ok(count),
    }
}

fn word_length<R: Read + Seek>(input: &mut SeekInput<R>) -> Result<u64, Fault> {
    match header(input, b'$')? {
        length if length > WORD_BYTES_MAX => Err(Fault::Format("word of more than 512 MiB")),
        length => Ok(length),
    }
}

/// Reads a mark and its number.
fn header<R: Read + Seek>(input: &mut SeekInput<R>, mark: u8) -> Result<u64, Fault> {
    let available = input.available()?;
    let line = &available[..available.len().min(HEADER_BYTES_MAX)];
    if let Some(end) = line.iter().position(|&byte| byte == b'\n') {
        let number = parse_header(&line[..=end], mark);
        input.consume(end + 1);
        return number;
    }
    header_in_pieces(input, mark)
}

/// The same where the line crosses the end of the buffer, or of the file.
#[cold]
fn header_in_pieces<R: Read + Seek>(input: &mut SeekInput<R>, mark: u8) -> Result<u64, Fault> {
    let mut line = [0; HEADER_BYTES_MAX];
    for length in 0..HEADER_BYTES_MAX {
        match input.available()?.first() {
            // A beginning of a header is torn, anything else is damage.
            None if is_header_start(&line[..length], mark) => return Err(Fault::Torn),
            None => return Err(Fault::Format(NOT_A_HEADER)),
            Some(&byte) => line[length] = byte,
        }
        input.consume(1);
        if line[length] == b'\n' {
            return parse_header(&line[..=length], mark);
        }
    }
    Err(Fault::Format(NOT_A_HEADER))
}

const NOT_A_HEADER: &str = "a command or word does not begin as it should";

fn is_header_start(line: &[u8], mark: u8) -> bool {
    let Some((&first, digits)) = line.split_first() else {
        return true;
    };
    let digits = digits.strip_suffix(b"\r").unwrap_or(digits);
    first == mark && digits.iter().all(u8::is_ascii_digit)
}

fn parse_header(line: &[u8], mark: u8) -> Result<u64, Fault> {
    let digits = match line {
        [first, digits @ .., b'\r', b'\n'] if *first == mark => digits,
        _ => return Err(Fault::Format(NOT_A_HEADER)),
    };
    let number = digits.iter().try_fold(0u64, |number, &digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    });
    number
        .filter(|_| !digits.is_empty())
        .ok_or(Fault::Format("a count or length is not a number"))
}

/// Gives a word's bytes piece by piece, then steps over the line's end behind it.
fn copy_word<R: Read + Seek>(
    input: &mut SeekInput<R>,
    length: u64,
    mut give: impl FnMut(&[u8]),
) -> Result<(), Fault> {
    let available = input.available()?;
    // Nearly always all of it is at hand.
    if let Some((word, rest)) = available.split_at_checked(length as usize)
        && rest.starts_with(b"\r\n")
    {
        give(word);
        input.consume(length as usize + 2);
        return Ok(());
    }
    let mut missing = length;
    while missing > 0 {
        let available = input.available()?;
        if available.is_empty() {
            return Err(Fault::Torn);
        }
        let count = (available.len() as u64).min(missing) as usize;
        give(&available[..count]);
        input.consume(count);
        missing -= count as u64;
    }
    for expected in *b"\r\n" {
        match input.available()?.first() {
            None => return Err(Fault::Torn),
            Some(&byte) if byte == expected => input.consume(1),
            Some(_) => return Err(Fault::Format("a word is not of the length it says")),
        }
    }
    Ok(())
}
