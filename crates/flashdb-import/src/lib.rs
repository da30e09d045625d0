//! Files that are to become keys of a running server, read row by row: RDB and append-only files, and the text formats of the
//! dashboard's export, JSON lines and commands, besides CSV.
//!
//! Nothing of a file is believed, and memory is bounded by what one row may take ([`Limits`]): what is wrong with a row
//! of a text file is said with its line, and reading goes on; a file whose structure is damaged ends with a [`Fault`] and
//! its place. Reading order: `item.rs` (what comes out), `steps.rs`, `lines.rs`, then a format: `json.rs`, `csv.rs`, `commands.rs`,
//! `binary.rs`.

mod binary;
mod commands;
mod csv;
mod item;
mod json;
mod lines;
mod steps;
mod stream;
mod value;

pub use item::{Access, Ending, Expiry, Fault, Item, LeftOut, Limits, Place, Row, Wanted};
pub use value::weight_bytes;

use std::io::{Read, Seek, SeekFrom};
use steps::Steps;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A file of keys as Redis and Valkey save it.
    Rdb,
    /// A single append-only file, with or without an RDB part before its commands.
    Aof,
    /// An object a line.
    Jsonl,
    /// A heading and a row a line, quoted by RFC 4180.
    Csv,
    /// A command a line, quoted as redis-cli reads it.
    Commands,
}

impl Format {
    /// All of them, by name.
    pub const ALL: [(&'static str, Format); 5] = [
        ("rdb", Format::Rdb),
        ("aof", Format::Aof),
        ("jsonl", Format::Jsonl),
        ("csv", Format::Csv),
        ("commands", Format::Commands),
    ];

    /// The format of this name.
    pub fn of(name: &[u8]) -> Option<Format> {
        let found = Self::ALL.iter().find(|(known, _)| known.as_bytes() == name);
        found.map(|(_, format)| *format)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, format)| *format == self);
        found.map_or("", |(name, _)| name)
    }
}

/// The rows of a file, in order. Ends after [`Item::End`] or a fault.
pub type Rows = Box<dyn Iterator<Item = Result<Item, Fault>> + Send>;

/// What compressed files begin with. No format begins so.
const COMPRESSED: [(&[u8], &str); 5] = [
    (b"\x1f\x8b", "gzip"),
    (b"PK\x03\x04", "zip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"BZh9", "bzip2"),
];
/// What texts of two bytes a letter begin with.
const WIDE: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];

/// Says of a file that cannot be one of these what it is: its rows would be errors without a word of the reason. Answers how many
/// bytes it has.
fn look<R: Read + Seek>(format: Format, reader: &mut R) -> Result<u64, Fault> {
    let fault = |why: String| Fault {
        place: Place::default(),
        why,
    };
    let failed = |error: std::io::Error| fault(format!("read failed: {error}"));
    let mut first = Vec::new();
    reader.by_ref().take(8).read_to_end(&mut first).map_err(failed)?;
    let bytes = reader.seek(SeekFrom::End(0)).map_err(failed)?;
    reader.rewind().map_err(failed)?;
    if let Some((_, name)) = COMPRESSED.iter().find(|(begin, _)| first.starts_with(begin)) {
        return Err(fault(format!("it is compressed ({name}); unpack it first")));
    }
    let is_text = matches!(format, Format::Jsonl | Format::Csv | Format::Commands);
    if is_text && WIDE.iter().any(|begin| first.starts_with(begin)) {
        return Err(fault("its text is UTF-16; save it as UTF-8".to_owned()));
    }
    Ok(bytes)
}

/// Reads a file from its beginning; the reader need not be buffered.
///
/// # Errors
/// When its first bytes are not those of the format, or those of another kind of file.
pub fn open<R: Read + Seek + Send + 'static>(
    format: Format,
    mut reader: R,
    limits: Limits,
) -> Result<Rows, Fault> {
    let bytes = look(format, &mut reader)?;
    Ok(match format {
        Format::Rdb => Box::new(Steps::of(binary::RdbRows::new(reader, bytes, limits)?)),
        Format::Aof => Box::new(Steps::of(binary::AofRows::new(reader, limits)?)),
        Format::Jsonl => Box::new(Steps::of(json::JsonRows::new(reader, limits))),
        Format::Csv => Box::new(Steps::of(csv::CsvRows::new(reader, limits))),
        Format::Commands => Box::new(Steps::of(commands::CommandRows::new(reader, limits))),
    })
}
