//! Commands, one a line, quoted as redis-cli reads them: what `GET /api/v1/export?format=commands` writes, and what a person
//! would type. SELECT says which database the lines behind it are about; lines that begin with `#` are notes.

use crate::item::{Ending, Fault, Item, Limits, Place, Wanted, left_out};
use crate::lines::{Line, Lines, TOO_LONG};
use crate::steps::Step;
use flashdb_base::split_args::split_args_up_to;
use std::io::Read;

/// What an export writes before the name of a key that it has left out, and before its last line.
const LEFT_OUT: &[u8] = b"# left out: ";
/// They say of others whether they are run.
const TOGETHER: [&[u8]; 3] = [b"MULTI", b"EXEC", b"DISCARD"];
/// Words of a command, as of a request. Short words take many times in memory what they take in a line.
const WORDS_MAX: usize = 1 << 20;

/// See the module's head.
pub(crate) struct CommandRows<R> {
    lines: Lines<R>,
    db: Option<u64>,
}

impl<R: Read> CommandRows<R> {
    pub fn new(reader: R, limits: Limits) -> Self {
        CommandRows {
            lines: Lines::new(reader, limits),
            db: None,
        }
    }
}

impl<R: Read> Step for CommandRows<R> {
    fn step(&mut self) -> Result<Item, Fault> {
        loop {
            let (place, line) = match self.lines.next()? {
                None => return Ok(Item::End(Ending::default())),
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
            let words = match split_args_up_to(&line, WORDS_MAX) {
                Err(error) => return Ok(left_out(place, None, error.to_string())),
                Ok(None) => return Ok(left_out(place, None, "it has more than 1,048,576 words")),
                Ok(Some(words)) => words,
            };
            drop(line);
            match words.as_slice() {
                [] => continue,
                // What follows would go to the wrong database, or would not be undone.
                [name, rest @ ..] if name.eq_ignore_ascii_case(b"SELECT") => match rest {
                    [db] if number(db).is_some() => self.db = number(db),
                    _ => return Err(fault(place, "SELECT needs the number of a database")),
                },
                [name, ..] if TOGETHER.iter().any(|word| name.eq_ignore_ascii_case(word)) => {
                    let why = "commands are run one by one; MULTI, EXEC and DISCARD have no place here";
                    return Err(fault(place, why));
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

fn fault(place: Place, why: &str) -> Fault {
    Fault {
        place,
        why: why.to_owned(),
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(digits).ok()?;
    text.parse()
        .ok()
        .filter(|_| digits.iter().all(u8::is_ascii_digit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::Steps;

    #[test]
    fn lines_become_commands_of_their_database() {
        let text =
            b"# left out: a: too large\nSET \"a b\" \"\\xff\"\n\nselect 3\nDEL k\n\nSET \"a\n# end: 2 keys";
        let rows = Steps::of(CommandRows::new(&text[..], Limits::default()));
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
        assert_eq!(left, [1, 7]);
    }

    #[test]
    fn a_line_that_changes_what_others_mean_ends_the_file() {
        for line in [
            "SELECT 3 # staging",
            "SELECT \"7 \"",
            "select -1",
            "SELECT",
            "multi",
            "EXEC",
            "DISCARD",
        ] {
            let text = format!("SET a 1\n{line}\nSET b 2\n");
            let rows: Vec<_> = Steps::of(CommandRows::new(text.as_bytes(), Limits::default())).collect();
            let faults: Vec<_> = rows.iter().filter_map(|row| row.as_ref().err()).collect();
            assert_eq!(faults.len(), 1, "{line}");
            assert_eq!((faults[0].place.line, rows.len()), (Some(2), 2), "{line}");
        }
    }
}
