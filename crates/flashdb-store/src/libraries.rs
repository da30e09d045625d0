//! The sources of function libraries: what of them is data. Kept for the whole server, beside the databases: in the log, in
//! snapshots and in RDB files. What a source defines is found out by those who run it, by version.
//!
//! Changes are made under the closed gate, like those of all data at once; the cut of a snapshot is, too.

use flashdb_base::ascii::is_word;
use flashdb_base::split_args::split_args;
use flashdb_log::Lsn;
use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Sources by the name of their library.
pub type Sources = BTreeMap<Box<[u8]>, Arc<[u8]>>;

/// See the module's head.
#[derive(Debug, Default)]
pub struct Libraries {
    sources: RwLock<Arc<Sources>>,
    version: AtomicU64,
    /// LSN of the newest frame that tells of them.
    last_written: AtomicU64,
}

impl Libraries {
    /// All sources, and their version.
    pub fn sources(&self) -> (u64, Arc<Sources>) {
        let sources = self.sources.read();
        (self.version(), sources.clone())
    }

    /// The version of the sources: it grows with every change. 0 before the first.
    #[inline]
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// LSN of the newest frame that tells of the libraries.
    pub(crate) fn last_written(&self) -> Lsn {
        self.last_written.load(Ordering::Acquire)
    }

    pub(crate) fn note_written(&self, last: Lsn) {
        self.last_written.store(last, Ordering::Release);
    }

    /// Changes the sources; readers see all of it or nothing. What `change` returns, and the version that there is now.
    /// O(libraries).
    pub fn change<R>(&self, change: impl FnOnce(&mut Sources) -> R) -> (R, u64) {
        let mut sources = self.sources.write();
        let outcome = change(Arc::make_mut(&mut sources));
        let version = self.version.fetch_add(1, Ordering::AcqRel) + 1;
        (outcome, version)
    }
}

/// The first line of a library: `#!lua name=mylib`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LibraryHead {
    /// The language, as it was written.
    pub engine: Vec<u8>,
    /// The name of the library.
    pub name: Vec<u8>,
    /// Where the code begins: at the end of the first line, so that lines keep their numbers.
    pub code_at: usize,
}

/// What is wrong with a first line. Printed as Redis words it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeadError {
    /// There is none.
    Missing,
    /// It does not end, or its quotes do not.
    Malformed,
    /// The name is given twice.
    TwoNames,
    /// A word that means nothing.
    Unknown(Vec<u8>),
    /// The name is missing.
    NoName,
    /// The name has other characters than a name may have.
    BadName,
}

impl fmt::Display for HeadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HeadError::Missing => "Missing library metadata",
            HeadError::Malformed => "Invalid library metadata",
            HeadError::TwoNames => "Invalid metadata value, name argument was given multiple times",
            HeadError::Unknown(word) => {
                return write!(
                    f,
                    "Invalid metadata value given: {}",
                    String::from_utf8_lossy(word)
                );
            }
            HeadError::NoName => "Library name was not given",
            HeadError::BadName => BAD_NAME,
        })
    }
}

impl std::error::Error for HeadError {}

/// What Redis says of a bad name, be it that of a library or of a function.
pub const BAD_NAME: &str = "Library names can only contain letters, numbers, or underscores(_) and must be at least one character long";

impl LibraryHead {
    /// Reads the first line of a source.
    ///
    /// # Errors
    /// When it names no library.
    pub fn parse(source: &[u8]) -> Result<LibraryHead, HeadError> {
        if !source.starts_with(b"#!") {
            return Err(HeadError::Missing);
        }
        // Text ends at a zero byte, as for a function in C.
        let end = source
            .iter()
            .position(|&byte| byte == b'\n' || byte == 0)
            .filter(|&end| source[end] == b'\n')
            .ok_or(HeadError::Malformed)?;
        let mut words = split_args(&source[..end])
            .map_err(|_| HeadError::Malformed)?
            .into_iter();
        let engine = words.next().unwrap_or_default().split_off(b"#!".len());
        let mut name = None;
        for word in words {
            match word.strip_prefix(b"name=") {
                Some(_) if name.is_some() => return Err(HeadError::TwoNames),
                Some(given) => name = Some(given.to_vec()),
                None => return Err(HeadError::Unknown(word)),
            }
        }
        let name = name.ok_or(HeadError::NoName)?;
        if !is_word(&name) {
            return Err(HeadError::BadName);
        }
        Ok(LibraryHead {
            engine,
            name,
            code_at: end,
        })
    }
}

/// Sources as bytes, for a snapshot: each with its length (u64, little endian) before it. Names are in the sources.
pub fn encode(sources: &Sources) -> Vec<u8> {
    let mut bytes = Vec::new();
    for source in sources.values() {
        bytes.extend_from_slice(&(source.len() as u64).to_le_bytes());
        bytes.extend_from_slice(source);
    }
    bytes
}

/// Why bytes are no sources.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// They end within a source, which begins at this offset.
    Cut(usize),
    /// The first line of the source at this offset is wrong.
    Head(usize, HeadError),
    /// The source at this offset has a name that another one has.
    Duplicate(usize),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::Cut(at) => write!(f, "the library at offset {at} is cut short"),
            DecodeError::Head(at, error) => write!(f, "the library at offset {at}: {error}"),
            DecodeError::Duplicate(at) => write!(f, "the library at offset {at} is there twice"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Reads what [`encode`] has written.
///
/// # Errors
/// When it was not.
pub fn decode(bytes: &[u8]) -> Result<Sources, DecodeError> {
    let mut sources = Sources::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let at = bytes.len() - rest.len();
        let (len, behind) = rest.split_first_chunk::<8>().ok_or(DecodeError::Cut(at))?;
        let len = usize::try_from(u64::from_le_bytes(*len)).map_err(|_| DecodeError::Cut(at))?;
        let (source, behind) = behind.split_at_checked(len).ok_or(DecodeError::Cut(at))?;
        rest = behind;
        let head = LibraryHead::parse(source).map_err(|error| DecodeError::Head(at, error))?;
        if sources.insert(head.name.into(), source.into()).is_some() {
            return Err(DecodeError::Duplicate(at));
        }
    }
    Ok(sources)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flashdb_base::prng::Prng;

    fn parsed(line: &str) -> Result<(String, String), String> {
        LibraryHead::parse(line.as_bytes())
            .map(|head| {
                let text = |bytes| String::from_utf8(bytes).expect("text");
                (text(head.engine), text(head.name))
            })
            .map_err(|error| error.to_string())
    }

    /// Outcomes of Redis 7.0.15.
    #[test]
    fn first_lines() {
        let found = |engine: &str, name: &str| Ok((engine.to_owned(), name.to_owned()));
        assert_eq!(parsed("#!lua name=a\nx"), found("lua", "a"));
        assert_eq!(parsed("#!LUA \tname=\"a_B1\" \nx"), found("LUA", "a_B1"));
        assert_eq!(parsed("#! name=test\n"), found("", "test"));
        for (line, error) in [
            ("x", "Missing library metadata"),
            ("", "Missing library metadata"),
            ("#!lua name=a", "Invalid library metadata"),
            ("#!lua name=a\0\n", "Invalid library metadata"),
            ("#!lua name=a\"b\nx", "Invalid library metadata"),
            ("#!lua\nx", "Library name was not given"),
            ("#!lua name=a name=b\n", &HeadError::TwoNames.to_string()),
            ("#!lua name=a foo=bar\n", "Invalid metadata value given: foo=bar"),
            ("#!lua name=\n", BAD_NAME),
            ("#!lua name=a-b\n", BAD_NAME),
        ] {
            assert_eq!(parsed(line), Err(error.to_owned()), "{line}");
        }
    }

    #[test]
    fn changes_are_seen_by_version() {
        let libraries = Libraries::default();
        let (before, none) = libraries.sources();
        libraries.change(|sources| sources.insert((*b"a").into(), (*b"#!lua name=a\n").into()));
        assert!(none.is_empty());
        assert_ne!(libraries.version(), before);
        assert_eq!(libraries.sources().1.len(), 1);
    }

    #[test]
    fn sources_survive_encoding_and_damage_is_told() {
        let mut sources = Sources::new();
        for name in ["a", "b", "long_name"] {
            let source = format!("#!lua name={name}\nreturn {name}");
            sources.insert(name.as_bytes().into(), source.into_bytes().into());
        }
        let bytes = encode(&sources);
        assert_eq!(decode(&bytes), Ok(sources));
        assert_eq!(decode(&[]), Ok(Sources::new()));
        let twice = [bytes.clone(), bytes.clone()].concat();
        assert_eq!(decode(&twice), Err(DecodeError::Duplicate(bytes.len())));
        let mut prng = Prng::from_seed(7);
        for _ in 0..10_000 {
            let mut damaged = bytes.clone();
            for _ in 0..=prng.below(3) {
                let at = prng.below(damaged.len() as u64) as usize;
                damaged[at] = prng.next_u64() as u8;
            }
            damaged.truncate(prng.below(damaged.len() as u64 + 1) as usize);
            // An error or other sources; no panic and no memory by lengths that are not there.
            let _ = decode(&damaged);
        }
    }
}
