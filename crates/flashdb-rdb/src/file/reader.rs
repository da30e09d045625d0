//! Reads an RDB file item by item, with bounded memory beyond the value at hand.

use std::io::Read;

use super::skip;
use super::template::Templates;
use super::{Access, Entry, FileItem, Flavor, Skipped, VERSION_WITH_CHECKSUM, module, opcode};
use crate::decode::{Losses, read_value};
use crate::error::{FileError, RdbError, Result};
use crate::input::{Input, ReadInput};
use crate::length::read_length;
use crate::string::read_string;
use crate::types::{ValueType, is_known_version, is_valkey};

/// Of the name of something that is skipped.
const NAME_BYTES_SHOWN: usize = 128;

/// An iterator over the items of a file; it ends after [`FileItem::End`] or an error.
pub struct FileReader<R> {
    input: ReadInput<R>,
    flavor: Flavor,
    version: u32,
    db: u64,
    templates: Templates,
    /// What is to be said about the entry that was given last.
    notes: Vec<Skipped>,
    done: bool,
}

/// What stands before a key.
#[derive(Default)]
struct Prefix {
    expire_at_ms: Option<u64>,
    access: Option<Access>,
    has_metadata: bool,
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
                db: 0,
                templates: Templates::default(),
                notes: Vec::new(),
                done: false,
            }),
            Err(error) => Err(FileError {
                offset: input.offset(),
                error,
            }),
        }
    }

    /// Refuses values that would take more memory than that, with [`RdbError::TooLarge`], instead of believing the file.
    pub fn limit_values(&mut self, bytes: u64) {
        self.input.limit_items(bytes);
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
        let mut prefix = Prefix::default();
        self.input.begin_item();
        loop {
            let input = &mut self.input;
            return match input.byte()? {
                opcode::EXPIRE_MS => {
                    prefix.expire_at_ms = Some(read_expiry(i64::from_le_bytes(input.array()?)));
                    continue;
                }
                opcode::EXPIRE_S => {
                    let seconds = i64::from(i32::from_le_bytes(input.array()?));
                    prefix.expire_at_ms = Some(read_expiry(seconds * 1000));
                    continue;
                }
                opcode::IDLE => {
                    prefix.access = Some(Access::IdleSeconds(read_length(input)?));
                    continue;
                }
                opcode::FREQUENCY => {
                    prefix.access = Some(Access::Frequency(input.byte()?));
                    continue;
                }
                opcode::SLOT_IMPORT_OR_KEY_METADATA if self.flavor == Flavor::Redis => {
                    skip::key_metadata(input)?;
                    prefix.has_metadata = true;
                    continue;
                }
                opcode::SLOT_INFO => {
                    skip::slot_info(input)?;
                    continue;
                }
                opcode::HASH_TEMPLATE if self.flavor == Flavor::Redis => {
                    self.templates.read_definition(input)?;
                    input.keep_charged();
                    continue;
                }
                code => self.read_unprefixed(code, prefix),
            };
        }
    }

    fn read_unprefixed(&mut self, code: u8, prefix: Prefix) -> Result<FileItem> {
        let input = &mut self.input;
        match code {
            opcode::AUX => Ok(FileItem::Aux {
                name: read_string(input)?,
                value: read_string(input)?,
            }),
            opcode::SELECT_DB => {
                self.db = read_length(input)?;
                Ok(FileItem::SelectDb(self.db))
            }
            opcode::RESIZE_DB => Ok(FileItem::ResizeDb {
                keys: read_length(input)?,
                expiring: read_length(input)?,
            }),
            opcode::FUNCTION_2 => Ok(FileItem::Function(read_string(input)?)),
            opcode::FUNCTION_PRE_GA => {
                let name = skip::early_function(input)?;
                // A name may be as long as a value.
                let name = &name[..name.len().min(NAME_BYTES_SHOWN)];
                let what = format!("function \"{}\"", name.escape_ascii());
                Ok(self.skipped(what, "it is in the form of a release candidate of Redis 7.0"))
            }
            opcode::MODULE_AUX => {
                let what = format!("data of module type {}", skip::module_aux(input)?);
                Ok(self.skipped(what, skip::NO_MODULES))
            }
            opcode::SLOT_IMPORT_OR_KEY_METADATA => {
                skip::slot_import(input)?;
                Ok(self.skipped(
                    "state of a slot import".to_owned(),
                    "the import cannot go on here",
                ))
            }
            opcode::END => self.read_end(),
            code => self.read_entry(ValueType(code), prefix),
        }
    }

    fn skipped(&self, what: String, why: &'static str) -> FileItem {
        FileItem::Skipped(Skipped {
            db: self.db,
            key: None,
            whole_key: false,
            what,
            why,
        })
    }

    fn read_entry(&mut self, value_type: ValueType, prefix: Prefix) -> Result<FileItem> {
        let input = &mut self.input;
        let key = read_string(input)?;
        let (what, why) = match value_type {
            ValueType::MODULE_2 => {
                let name = module::type_name(read_length(input)?);
                module::skip_parts(input)?;
                (format!("value of module type {name}"), skip::NO_MODULES)
            }
            ValueType::ARRAY if self.flavor == Flavor::Redis => {
                skip::array(input)?;
                ("value of type array".to_owned(), "there is no such type here")
            }
            _ => {
                let mut losses = Losses::new();
                let value = if Templates::are_used_by(value_type) && self.flavor == Flavor::Redis {
                    self.templates.read_hash(input, value_type)
                } else {
                    read_value(input, value_type, self.version, &mut losses)
                };
                match value {
                    Ok(value) => {
                        self.note_losses(&key, prefix.has_metadata, losses);
                        return Ok(FileItem::Entry(Entry {
                            key,
                            value,
                            expire_at_ms: prefix.expire_at_ms,
                            access: prefix.access,
                        }));
                    }
                    // The value is complete, so the next item can be read.
                    Err(RdbError::Empty) => {
                        ("empty collection".to_owned(), "a key cannot be without elements")
                    }
                    Err(error) => return Err(error),
                }
            }
        };
        Ok(FileItem::Skipped(Skipped {
            db: self.db,
            key: Some(key),
            whole_key: true,
            what,
            why,
        }))
    }

    fn note_losses(&mut self, key: &[u8], has_metadata: bool, losses: Losses) {
        let metadata = has_metadata.then_some(("metadata of modules", skip::NO_MODULES));
        let losses = losses
            .into_iter()
            .map(|what| (what, "it has no counterpart here"));
        for (what, why) in metadata.into_iter().chain(losses) {
            self.notes.push(Skipped {
                db: self.db,
                key: Some(key.to_vec()),
                whole_key: false,
                what: what.to_owned(),
                why,
            });
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
        if let Some(note) = self.notes.pop() {
            return Some(Ok(FileItem::Skipped(note)));
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::RdbValue;

    fn items(file: &[u8]) -> Vec<std::result::Result<FileItem, FileError>> {
        FileReader::new(file).unwrap().collect()
    }

    fn said(item: &FileItem) -> String {
        match item {
            FileItem::Skipped(skipped) => skipped.to_string(),
            other => panic!("something skipped was expected, not {other:?}"),
        }
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
        let skipped: Vec<String> = items[..3].iter().map(said).collect();
        assert_eq!(
            skipped,
            [
                "data of module type AAAAAAAAB left out: modules are not supported",
                "db 0, key \"m\": value of module type AAAAAAAAB left out: modules are not supported",
                "db 0, key \"e\": empty collection left out: a key cannot be without elements",
            ]
        );
        assert_eq!(items.len(), 5);
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

    #[test]
    fn what_newer_servers_write() {
        let mut file = b"REDIS0015\xfe\x03".to_vec();
        // A template and its hash, a key with metadata of a module, an array, a function of 7.0-rc1.
        file.extend_from_slice(b"\xf2\x01\x01\x01f\x20\x01h\x01\x01v");
        file.extend_from_slice(b"\xf3\x01\x01\x02\x03\x04\x02\x05\x00\x00\x01k\x01v");
        file.extend_from_slice(b"\x1c\x01a\x02\x01\x09\x00\x01\0\0\0\0\0\0\0\0\x05\x03\x02hi");
        file.extend_from_slice(b"\xf6\x03lib\x03LUA\x01\x01d\x04code\xff\0\0\0\0\0\0\0\0");
        let items: Vec<_> = items(&file).into_iter().map(|item| item.unwrap()).collect();
        assert!(matches!(&items[1], FileItem::Entry(entry) if matches!(&entry.value, RdbValue::Hash(_))));
        assert!(matches!(&items[2], FileItem::Entry(entry) if entry.key == b"k"));
        assert_eq!(
            items[3..6].iter().map(said).collect::<Vec<_>>(),
            [
                "db 3, key \"k\": metadata of modules left out: modules are not supported",
                "db 3, key \"a\": value of type array left out: there is no such type here",
                "function \"lib\" left out: it is in the form of a release candidate of Redis 7.0",
            ]
        );
        assert_eq!(items.len(), 7);
    }

    #[test]
    fn opcodes_and_types_of_valkey() {
        let job = [b'j'; 40];
        let mut file = b"VALKEY080\xf3\x28".to_vec();
        file.extend_from_slice(&job);
        file.extend_from_slice(b"\x02\x01\x05\x07\x09\xf4\x01\x02\x03\xfe\x00\x16\x01h\x01\x01f\x01v");
        file.extend_from_slice(&1_000i64.to_le_bytes());
        let read: Vec<_> = items(&file).into_iter().flatten().collect();
        assert!(said(&read[0]).starts_with("state of a slot import left out"));
        let FileItem::Entry(entry) = &read[2] else {
            panic!("an entry")
        };
        assert!(matches!(&entry.value, RdbValue::Hash(fields) if fields[0].expire_at_ms == Some(1_000)));
        // Types that Redis defined later mean nothing in Valkey's files, nor does the opcode of templates.
        for code in [0x17, 0x18, 0x1a, 0x1c, 0x20, 0xf2] {
            let file = [b"VALKEY080", &[code, 1, b'k', 0, 0, 0, 0, 0, 0, 0][..]].concat();
            let error = items(&file).pop().unwrap().unwrap_err();
            assert!(
                matches!(error.error, RdbError::UnsupportedType(it) if it == code),
                "{code}"
            );
        }
    }
}
