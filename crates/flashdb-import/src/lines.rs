//! Lines of a file, one at a time, each of bounded length. A longer one is stepped over without being kept.

use crate::item::{Fault, Limits, Place};
use std::io::{BufRead, BufReader, Read};

const BUFFER_BYTES: usize = 256 << 10;
/// What some editors put before UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// The next line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Without its end.
    Text(Place, Vec<u8>),
    TooLong(Place),
}

/// See the module's head.
pub(crate) struct Lines<R> {
    reader: BufReader<R>,
    /// Where the next line begins.
    place: Place,
    bytes_max: usize,
}

impl<R: Read> Lines<R> {
    pub fn new(reader: R, limits: Limits) -> Self {
        Lines {
            reader: BufReader::with_capacity(BUFFER_BYTES, reader),
            place: Place {
                line: Some(1),
                offset: 0,
            },
            bytes_max: limits.line_bytes,
        }
    }

    /// The next line; `None` at the end.
    ///
    /// # Errors
    /// Those of the reader.
    pub fn next(&mut self) -> Result<Option<Line>, Fault> {
        let place = self.place;
        let mut line = Vec::new();
        let (mut length, mut has_end) = (0usize, false);
        while !has_end {
            let available = match self.reader.fill_buf() {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    return Err(Fault {
                        place,
                        why: format!("read failed: {error}"),
                    });
                }
                Ok(available) => available,
            };
            if available.is_empty() {
                break;
            }
            let end = available.iter().position(|&byte| byte == b'\n');
            let taken = end.map_or(available.len(), |end| end + 1);
            if length.saturating_add(taken) <= self.bytes_max.saturating_add(2) {
                line.extend_from_slice(&available[..end.unwrap_or(taken)]);
            } else {
                line = Vec::new();
            }
            length = length.saturating_add(taken);
            has_end = end.is_some();
            self.reader.consume(taken);
        }
        if length == 0 {
            return Ok(None);
        }
        self.place.offset += length as u64;
        self.place.line = self.place.line.map(|line| line + 1);
        if length > self.bytes_max.saturating_add(2) {
            return Ok(Some(Line::TooLong(place)));
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        if place.offset == 0 && line.starts_with(MARK) {
            line.drain(..MARK.len());
        }
        Ok(Some(if line.len() > self.bytes_max {
            Line::TooLong(place)
        } else {
            Line::Text(place, line)
        }))
    }
}

/// What is said of a line that is too long.
pub(crate) const TOO_LONG: &str = "the line is longer than may be read";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_places_and_long_ones_are_stepped_over() {
        let text = b"\xef\xbb\xbfone\r\n\nvery long indeed\nlast";
        let limits = Limits {
            line_bytes: 8,
            ..Limits::default()
        };
        let mut lines = Lines::new(&text[..], limits);
        let place = |line, offset| Place {
            line: Some(line),
            offset,
        };
        let mut next = || lines.next().expect("a line");
        assert_eq!(next(), Some(Line::Text(place(1, 0), b"one".to_vec())));
        assert_eq!(next(), Some(Line::Text(place(2, 8), Vec::new())));
        assert_eq!(next(), Some(Line::TooLong(place(3, 9))));
        assert_eq!(next(), Some(Line::Text(place(4, 26), b"last".to_vec())));
        assert_eq!(next(), None);
    }
}
