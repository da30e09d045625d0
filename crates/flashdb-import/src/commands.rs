//! Commands, one a line, quoted as redis-cli reads them: what `GET /api/v1/export?format=commands` writes, and what a person
//! would type. SELECT says which database the lines behind it are about; lines that begin with `#` are notes.

use crate::item::{Ending, Fault, Item, Limits, Wanted, left_out};
use crate::lines::{Line, Lines, TOO_LONG};
use flashdb_base::split_args::split_args;
use std::io::Read;

/// What an export writes before the name of a key that it has left out, and before its last line.
const LEFT_OUT: &[u8] = b"# left out: ";
/// Words of a command, as of a request.
const WORDS_MAX: usize = 1 << 20;

/// See the module's head.
pub(crate) struct CommandRows<R> {
    lines: Lines<R>,
    db: Option<u64>,
    is_done: bool,
}

impl<R: Read> CommandRows<R> {
    pub fn new(reader: R, limits: Limits) -> Self {
        CommandRows {
            lines: Lines::new(reader, limits),
            db: None,
            is_done: false,
        }
    }

    fn step(&mut self) -> Result<Item, Fault> {
        loop {
            let (place, line) = match self.lines.next()? {
                None => {
                    self.is_done = true;
                    return Ok(Item::End(Ending::default()));
                }
                Some(Line::TooLong(place)) => return Ok(left_out(place, None, TOO_LONG)),
                Some(Line::Text(place, line)) => (place, line),
            };
            if let Some(note) = line.strip_prefix(LEFT_OUT) {
                let why = format!("it was left out of the file: {}", String::from_utf8_lossy(note));
                return Ok(left_out(place, None, why));
            }
            if line.first() == Some(&b'#') {
                continue;
            }
            if line.contains(&0) {
                return Ok(left_out(
                    place,
                    None,
                    "there is a NUL in it; write it as \"\\x00\"",
                ));
            }
            let words = match split_args(&line) {
                Err(error) => return Ok(left_out(place, None, error.to_string())),
                Ok(words) => words,
            };
            match words.as_slice() {
                [] => continue,
                [name, db] if name.eq_ignore_ascii_case(b"SELECT") => match number(db) {
                    Some(db) => self.db = Some(db),
                    None => return Ok(left_out(place, None, "SELECT needs the number of a database")),
                },
                words if words.len() > WORDS_MAX => {
                    return Ok(left_out(place, None, "it has more than 1,048,576 words"));
                }
                _ => {
                    return Ok(Item::Command(Wanted {
                        place,
                        db: self.db,
                        words,
                    }));
                }
            }
        }
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(digits).ok()?;
    text.parse()
        .ok()
        .filter(|_| digits.iter().all(u8::is_ascii_digit))
}

impl<R: Read> Iterator for CommandRows<R> {
    type Item = Result<Item, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let item = self.step();
        self.is_done |= item.is_err();
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_commands_of_their_database() {
        let text = b"# left out: a: too large\nSET \"a b\" \"\\xff\"\n\nselect 3\nDEL k\nSELECT x\nSET \"a\n# end: 2 keys";
        let rows = CommandRows::new(&text[..], Limits::default());
        let items: Vec<_> = rows.map(|item| item.expect("an item")).collect();
        let commands: Vec<_> = items
            .iter()
            .filter_map(|item| match item {
                Item::Command(wanted) => Some((wanted.place.line, wanted.db, wanted.words.clone())),
                _ => None,
            })
            .collect();
        let words = |words: &[&[u8]]| words.iter().map(|word| word.to_vec()).collect::<Vec<_>>();
        assert_eq!(
            commands,
            [
                (Some(2), None, words(&[b"SET", b"a b", b"\xff"])),
                (Some(5), Some(3), words(&[b"DEL", b"k"]))
            ]
        );
        let left: Vec<_> = items
            .iter()
            .filter_map(|item| match item {
                Item::LeftOut(left) => left.place.line,
                _ => None,
            })
            .collect();
        assert_eq!(left, [1, 6, 7]);
    }
}
