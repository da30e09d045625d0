//! Reads an RDB file item by item, with bounded memory beyond the value at hand.

use std::io::Read;

use super::{Access, Flavor, VERSION_WITH_CHECKSUM, module, opcode};
use crate::decode::read_value;
use crate::error::{FileError, RdbError, Result};
use crate::input::{Input, ReadInput};
use crate::length::read_length;
use crate::string::read_string;
use crate::types::{ValueType, is_known_version, is_valkey};
use crate::value::RdbValue;

/// What a file holds, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum FileItem {
    /// A note about the file or its writer, such as `redis-ver` or `ctime`. Unknown ones mean nothing.
    Aux {
        /// Its name.
        name: Vec<u8>,
        /// Its value.
        value: Vec<u8>,
    },
    /// The keys that follow belong to this database.
    SelectDb(u64),
    /// How many keys the database has: a hint.
    ResizeDb {
        /// All keys.
        keys: u64,
        /// Those that expire.
        expiring: u64,
    },
    /// A key with its value.
    Entry(Entry),
    /// The source of a function library.
    Function(Vec<u8>),
    /// Something that was stepped over.
    Skipped {
        /// The key, if it was one.
        key: Option<Vec<u8>>,
        /// What it was, for the operator.
        what: String,
    },
    /// The end mark. Nothing follows.
    End {
        /// Whether there was a checksum, which then was right.
        verified: bool,
    },
}

/// A key with its value and what was recorded about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: Vec<u8>,
    /// Its value.
    pub value: RdbValue,
    /// When it expires, in Unix milliseconds.
    pub expire_at_ms: Option<u64>,
    /// Its use, if the writer evicted by it.
    pub access: Option<Access>,
}

/// An iterator over the items of a file; it ends after [`FileItem::End`] or an error.
pub struct FileReader<R> {
    input: ReadInput<R>,
    flavor: Flavor,
    version: u32,
    done: bool,
}

impl<R: Read> FileReader<R> {
    /// Reads the header. The reader need not be buffered.
    pub fn new(reader: R) -> std::result::Result<Self, FileError> {
        let mut input = ReadInput::new(reader);
        match read_header(&mut input) {
            Ok((flavor, version)) => Ok(Self {
                input,
                flavor,
                version,
                done: false,
            }),
            Err(error) => Err(FileError {
                offset: input.offset(),
                error,
            }),
        }
    }

    /// The version of the format, from the header.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Who wrote it, from the header.
    pub fn flavor(&self) -> Flavor {
        self.flavor
    }

    /// Bytes read so far.
    pub fn offset(&self) -> u64 {
        self.input.offset()
    }

    /// What follows the end mark, as in an append-only file that starts with an RDB part: bytes that were already read, then the
    /// reader itself.
    pub fn into_rest(self) -> (Vec<u8>, R) {
        self.input.into_rest()
    }

    fn read_item(&mut self) -> Result<FileItem> {
        let input = &mut self.input;
        let (mut expire_at_ms, mut access) = (None, None);
        loop {
            return match input.byte()? {
                opcode::EXPIRE_MS => {
                    expire_at_ms = Some(read_expiry(i64::from_le_bytes(input.array()?)));
                    continue;
                }
                opcode::EXPIRE_S => {
                    let seconds = i64::from(i32::from_le_bytes(input.array()?));
                    expire_at_ms = Some(read_expiry(seconds * 1000));
                    continue;
                }
                opcode::IDLE => {
                    access = Some(Access::IdleSeconds(read_length(input)?));
                    continue;
                }
                opcode::FREQUENCY => {
                    access = Some(Access::Frequency(input.byte()?));
                    continue;
                }
                opcode::AUX => Ok(FileItem::Aux {
                    name: read_string(input)?,
                    value: read_string(input)?,
                }),
                opcode::SELECT_DB => Ok(FileItem::SelectDb(read_length(input)?)),
                opcode::RESIZE_DB => Ok(FileItem::ResizeDb {
                    keys: read_length(input)?,
                    expiring: read_length(input)?,
                }),
                opcode::FUNCTION_2 => Ok(FileItem::Function(read_string(input)?)),
                opcode::MODULE_AUX => read_module_aux(input),
                opcode::SLOT_INFO => {
                    for _ in 0..3 {
                        read_length(input)?;
                    }
                    continue;
                }
                opcode::SLOT_IMPORT => read_slot_import(input),
                opcode::END => self.read_end(),
                opcode::FUNCTION_PRE_GA => Err(RdbError::UnsupportedType(opcode::FUNCTION_PRE_GA)),
                code => self.read_entry(ValueType(code), expire_at_ms, access),
            };
        }
    }

    fn read_entry(
        &mut self,
        value_type: ValueType,
        expire_at_ms: Option<u64>,
        access: Option<Access>,
    ) -> Result<FileItem> {
        let input = &mut self.input;
        let key = read_string(input)?;
        if value_type == ValueType::MODULE_2 {
            let name = module::type_name(read_length(input)?);
            module::skip_parts(input)?;
            return Ok(FileItem::Skipped {
                key: Some(key),
                what: format!("value of module type {name}"),
            });
        }
        match read_value(input, value_type, self.version) {
            Ok(value) => Ok(FileItem::Entry(Entry {
                key,
                value,
                expire_at_ms,
                access,
            })),
            // The value is complete, so the next item can be read.
            Err(RdbError::Empty) => Ok(FileItem::Skipped {
                key: Some(key),
                what: RdbError::Empty.to_string(),
            }),
            Err(error) => Err(error),
        }
    }

    fn read_end(&mut self) -> Result<FileItem> {
        if self.version < VERSION_WITH_CHECKSUM {
            return Ok(FileItem::End { verified: false });
        }
        let computed = self.input.checksum();
        match self.input.u64_le()? {
            0 => Ok(FileItem::End { verified: false }),
            stored if stored == computed => Ok(FileItem::End { verified: true }),
            _ => Err(RdbError::Checksum),
        }
    }
}

impl<R: Read> Iterator for FileReader<R> {
    type Item = std::result::Result<FileItem, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let item = self.read_item();
        self.done = !matches!(&item, Ok(item) if !matches!(item, FileItem::End { .. }));
        Some(item.map_err(|error| FileError {
            offset: self.input.offset(),
            error,
        }))
    }
}

/// Times before 1970 have passed all the same.
fn read_expiry(at_ms: i64) -> u64 {
    u64::try_from(at_ms).unwrap_or(0)
}

fn read_header(input: &mut impl Input) -> Result<(Flavor, u32)> {
    const NOT_RDB: RdbError = RdbError::Corrupt("not an RDB file");
    let head = input.array::<9>()?;
    let (flavor, digits) = match (head.strip_prefix(b"REDIS"), head.strip_prefix(b"VALKEY")) {
        (Some(digits), _) => (Flavor::Redis, digits),
        (_, Some(digits)) => (Flavor::Valkey, digits),
        _ => return Err(NOT_RDB),
    };
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err(NOT_RDB);
    }
    let version = digits
        .iter()
        .fold(0, |version, digit| version * 10 + u32::from(digit - b'0'));
    let fits_flavor = is_valkey(version) == (flavor == Flavor::Valkey);
    if version == 0 || !is_known_version(version) || !fits_flavor {
        return Err(RdbError::Version(version));
    }
    Ok((flavor, version))
}

fn read_module_aux(input: &mut impl Input) -> Result<FileItem> {
    let name = module::type_name(read_length(input)?);
    // When it is to be loaded, marked up like a part of the value.
    read_length(input)?;
    read_length(input)?;
    module::skip_parts(input)?;
    Ok(FileItem::Skipped {
        key: None,
        what: format!("data of module type {name}"),
    })
}

fn read_slot_import(input: &mut impl Input) -> Result<FileItem> {
    read_string(input)?;
    for _ in 0..read_length(input)? {
        read_length(input)?;
        read_length(input)?;
    }
    Ok(FileItem::Skipped {
        key: None,
        what: "slot import in progress".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(file: &[u8]) -> Vec<std::result::Result<FileItem, FileError>> {
        FileReader::new(file).unwrap().collect()
    }

    #[test]
    fn headers() {
        for (head, version) in [(&b"REDIS0001"[..], 1), (b"REDIS0012", 12), (b"VALKEY080", 80)] {
            assert_eq!(FileReader::new(head).unwrap().version(), version);
        }
        for head in [
            &b"REDIS"[..],
            b"REDIS0000",
            b"REDIS0099",
            b"REDIS0080",
            b"VALKEY011",
            b"VALKEY099",
            b"REDISx011",
            b"SQLite fo",
        ] {
            assert!(FileReader::new(head).is_err());
        }
    }

    #[test]
    fn old_files_have_no_checksum() {
        let file = b"REDIS0003\xfe\x02\xfd\x05\x00\x00\x00\x00\x01k\x01v\xff";
        let items: Vec<_> = items(file).into_iter().map(|item| item.unwrap()).collect();
        let value = RdbValue::String(b"v".to_vec());
        let entry = Entry {
            key: b"k".to_vec(),
            value,
            expire_at_ms: Some(5_000),
            access: None,
        };
        assert_eq!(
            items,
            [
                FileItem::SelectDb(2),
                FileItem::Entry(entry),
                FileItem::End { verified: false }
            ]
        );
    }

    #[test]
    fn steps_over_what_it_cannot_hold() {
        let mut file = b"REDIS0012".to_vec();
        // Module data, a module value, slot info, an empty list; then a key that is kept.
        file.extend_from_slice(b"\xf7\x81\0\0\0\0\0\0\x04\x00\x02\x01\x05\x02hi\x00");
        file.extend_from_slice(b"\x07\x01m\x81\0\0\0\0\0\0\x04\x00\x02\x09\x00");
        file.extend_from_slice(b"\xf4\x01\x02\x03\x01\x01e\x00\x00\x01k\x01v\xff\0\0\0\0\0\0\0\0");
        let items: Vec<_> = items(&file).into_iter().map(|item| item.unwrap()).collect();
        let skipped = |item: &FileItem| matches!(item, FileItem::Skipped { .. });
        assert_eq!(items.len(), 5);
        assert!(items[..3].iter().all(skipped));
        assert!(
            matches!(&items[1], FileItem::Skipped { key: Some(key), what } if key == b"m" && what.contains("AAAAAAAAB"))
        );
        assert!(matches!(&items[3], FileItem::Entry(entry) if entry.key == b"k"));
        assert_eq!(items[4], FileItem::End { verified: false });
    }

    #[test]
    fn errors_name_the_place_and_end_the_walk() {
        let mut reader = FileReader::new(&b"REDIS0011\xfe\x00\x63\x01k\x00"[..]).unwrap();
        assert_eq!(reader.next().unwrap().unwrap(), FileItem::SelectDb(0));
        let error = reader.next().unwrap().unwrap_err();
        assert_eq!(error.offset, 14);
        assert!(matches!(error.error, RdbError::UnsupportedType(0x63)));
        assert!(reader.next().is_none());
        assert_eq!(error.to_string(), "at byte 14: unsupported value type 99");
    }
}
