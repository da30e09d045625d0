//! RDB and append-only files, by the readers of `flashdb-rdb`, with their values bounded.

use crate::item::{Access, Ending, Expiry, Fault, Item, LeftOut, Limits, Place, Row, Wanted, bounded};
use crate::steps::Step;
use flashdb_rdb::aof::{AofFault, AofFileReader, AofItem};
use flashdb_rdb::{Entry, FileError, FileItem, FileReader, RdbError};
use std::io::{Read, Seek};

fn at(offset: u64) -> Place {
    Place { line: None, offset }
}

fn fault(error: FileError) -> Fault {
    Fault {
        place: at(error.offset),
        why: why(&error.error),
    }
}

fn why(error: &RdbError) -> String {
    match error {
        RdbError::TooLarge => {
            "a value is larger than may be read here; flashdb import reads such files".to_owned()
        }
        error => error.to_string(),
    }
}

/// What an item of an RDB file means; none where it means nothing here. `db` is followed.
fn rdb_item(item: FileItem, offset: u64, db: &mut u64) -> Option<Item> {
    let left_out = |db: Option<u64>, key, why| {
        Some(Item::LeftOut(LeftOut {
            place: at(offset),
            db,
            key,
            why,
        }))
    };
    match item {
        FileItem::SelectDb(number) => {
            *db = number;
            None
        }
        FileItem::Entry(entry) => Some(Item::Key(row(entry, offset, *db))),
        FileItem::Skipped(skipped) => {
            let why = bounded(format!("{}: {}", skipped.what, skipped.why));
            left_out(Some(skipped.db), skipped.key, why)
        }
        FileItem::Function(_) => left_out(
            None,
            None,
            "a library of functions: FUNCTION RESTORE takes those".to_owned(),
        ),
        FileItem::End { .. } => Some(Item::End(Ending::default())),
        _ => None,
    }
}

fn row(entry: Entry, offset: u64, db: u64) -> Row {
    Row {
        place: at(offset),
        db: Some(db),
        key: entry.key,
        value: entry.value,
        expiry: entry.expire_at_ms.map_or(Expiry::Never, Expiry::At),
        access: entry.access.map(|access| match access {
            flashdb_rdb::Access::IdleSeconds(seconds) => Access::IdleSeconds(seconds),
            flashdb_rdb::Access::Frequency(frequency) => Access::Frequency(frequency),
        }),
    }
}

/// The rows of an RDB file.
pub(crate) struct RdbRows<R> {
    reader: FileReader<R>,
    /// Of the whole file.
    bytes: u64,
    db: u64,
}

impl<R: Read> RdbRows<R> {
    pub fn new(reader: R, bytes: u64, limits: Limits) -> Result<Self, Fault> {
        let mut reader = FileReader::new(reader).map_err(fault)?;
        reader.limit_values(limits.value_bytes);
        Ok(RdbRows { reader, bytes, db: 0 })
    }
}

impl<R: Read> Step for RdbRows<R> {
    fn step(&mut self) -> Result<Item, Fault> {
        while let Some(item) = self.reader.next() {
            let item = rdb_item(item.map_err(fault)?, self.reader.offset(), &mut self.db);
            match item {
                None => {}
                Some(Item::End(_)) => break,
                Some(item) => return Ok(item),
            }
        }
        let left = self.bytes.saturating_sub(self.reader.offset());
        let note = (left > 0).then(|| format!("{left} bytes follow its end; they were not read"));
        Ok(Item::End(Ending { note }))
    }
}

/// The rows and commands of an append-only file.
pub(crate) struct AofRows<R> {
    reader: AofFileReader<R>,
    db: u64,
    ending: Ending,
}

impl<R: Read + Seek> AofRows<R> {
    pub fn new(reader: R, limits: Limits) -> Result<Self, Fault> {
        let mut reader = AofFileReader::new(reader, true).map_err(|error| aof_fault(0, &error))?;
        reader.limit_values(limits.value_bytes);
        Ok(AofRows {
            reader,
            db: 0,
            ending: Ending::default(),
        })
    }

    fn item(&mut self, item: AofItem) -> Option<Item> {
        let offset = self.reader.offset();
        match item {
            // The end of the RDB part is not that of the file.
            AofItem::Rdb(FileItem::End { .. }) => None,
            AofItem::Rdb(item) => rdb_item(item, offset, &mut self.db),
            AofItem::SelectDb(number) => {
                self.db = number;
                None
            }
            AofItem::Command(args) => Some(Item::Command(Wanted {
                place: at(offset),
                db: Some(self.db),
                words: args.as_args().iter().map(<[u8]>::to_vec).collect(),
            })),
            AofItem::Dropped(end) => {
                self.ending.note = Some(end.to_string());
                None
            }
            AofItem::File { .. } | AofItem::GroupBegin | AofItem::GroupEnd => None,
        }
    }
}

fn aof_fault(offset: u64, error: &AofFault) -> Fault {
    Fault {
        place: at(offset),
        why: match error {
            AofFault::Rdb(error) => why(error),
            error => error.to_string(),
        },
    }
}

impl<R: Read + Seek> Step for AofRows<R> {
    fn step(&mut self) -> Result<Item, Fault> {
        while let Some(item) = self.reader.next() {
            let item = item.map_err(|error| aof_fault(self.reader.offset(), &error))?;
            if let Some(item) = self.item(item) {
                return Ok(item);
            }
        }
        Ok(Item::End(std::mem::take(&mut self.ending)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Format, open};
    use flashdb_rdb::RdbValue;
    use std::io::Cursor;

    fn items(format: Format, bytes: &[u8]) -> Vec<Result<Item, Fault>> {
        let limits = Limits {
            value_bytes: 1 << 20,
            ..Limits::default()
        };
        match open(format, Cursor::new(bytes.to_vec()), limits) {
            Ok(rows) => rows.collect(),
            Err(fault) => vec![Err(fault)],
        }
    }

    #[test]
    fn an_rdb_file_gives_keys_and_ends() {
        let file = b"REDIS0003\xfe\x02\xfd\x05\x00\x00\x00\x00\x01k\x01v\xff";
        let items = items(Format::Rdb, file);
        let Ok(Item::Key(row)) = &items[0] else {
            panic!("{items:?}")
        };
        assert_eq!(
            (row.db, &row.key, &row.value, row.expiry),
            (
                Some(2),
                &b"k".to_vec(),
                &RdbValue::String(b"v".to_vec()),
                Expiry::At(5000)
            )
        );
        assert_eq!(items[1..], [Ok(Item::End(Ending::default()))]);
    }

    #[test]
    fn what_is_behind_the_end_and_what_is_no_such_file_is_said() {
        let file = b"REDIS0003\xfe\x00\x00\x01k\x01v\xffmore";
        let Some(Ok(Item::End(Ending { note: Some(note) }))) = items(Format::Rdb, file).pop() else {
            panic!("an end with a note")
        };
        assert!(note.starts_with("4 bytes follow"), "{note}");
        for (format, file, why) in [
            (Format::Rdb, &b"\x1f\x8b\x08\x00"[..], "gzip"),
            (Format::Jsonl, b"PK\x03\x04", "zip"),
            (Format::Commands, b"\x28\xb5\x2f\xfdabc", "zstd"),
            (Format::Csv, b"\xff\xfek\0e\0y\0", "UTF-16"),
            (Format::Commands, b"\xfe\xff\0S", "UTF-16"),
        ] {
            let last = items(format, file).pop().expect("an end");
            assert!(last.expect_err("a fault").why.contains(why), "{why}");
        }
    }

    #[test]
    fn damage_and_bombs_end_with_a_place() {
        for bad in [
            &b""[..],
            b"SQLite",
            b"REDIS0011\xfe\x00\x00\x01k",
            b"REDIS0011\x63",
        ] {
            let last = items(Format::Rdb, bad).pop().expect("an end");
            assert!(last.is_err(), "{last:?}");
        }
        // A value that says that it has 512 MiB, and one that would expand to 4 MiB.
        let huge = b"REDIS0011\x00\x01k\x80\x20\x00\x00\x00ab";
        let mut bomb = b"REDIS0011\x00\x01k\xc3\x80\x00\x00\xc0\x00\x80\x00\x40\x00\x00".to_vec();
        bomb.resize(bomb.len() + 0xc000, b'\xff');
        for file in [&huge[..], &bomb] {
            let last = items(Format::Rdb, file).pop().expect("an end");
            assert!(last.expect_err("a fault").why.contains("larger than may be read"));
        }
    }

    #[test]
    fn an_append_only_file_with_an_rdb_part_and_a_torn_end() {
        let mut file = b"REDIS0009\xfe\x00\x00\x01a\x011\xff\0\0\0\0\0\0\0\0".to_vec();
        file.extend_from_slice(
            b"*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n*2\r\n$3\r\nDEL\r\n$1\r\nx\r\n*2\r\n$3\r\nDE",
        );
        let items: Vec<_> = items(Format::Aof, &file)
            .into_iter()
            .map(|item| item.expect("an item"))
            .collect();
        assert!(matches!(&items[0], Item::Key(row) if row.db == Some(0)));
        assert!(
            matches!(&items[1], Item::Command(wanted) if wanted.db == Some(3) && wanted.words.len() == 2)
        );
        assert!(matches!(&items[2], Item::End(ending) if ending.note.is_some()));
        assert_eq!(items.len(), 3);
    }
}
