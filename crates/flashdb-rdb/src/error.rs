//! Why serialized data was refused, and the words RESTORE answers with.

use std::fmt;
use std::io;

/// Why a value, payload or file could not be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum RdbError {
    /// The reader below failed.
    Io(io::Error),
    /// The data ends before the value does.
    Truncated,
    /// A version this codec does not know.
    Version(u32),
    /// The checksum does not match the data.
    Checksum,
    /// A value type this codec does not know or, as with modules, cannot give a meaning.
    UnsupportedType(u8),
    /// The bytes break a rule of their encoding; the text names it.
    Corrupt(&'static str),
    /// A collection without elements, which the keyspace cannot hold.
    Empty,
    /// It would take more memory than the reader was told that one item may.
    TooLarge,
}

pub(crate) type Result<T> = std::result::Result<T, RdbError>;

impl RdbError {
    /// The error text of RESTORE for this refusal, as Redis words it, without the `ERR` code.
    pub fn restore_message(&self) -> &'static str {
        match self {
            RdbError::Version(_) | RdbError::Checksum => "DUMP payload version or checksum are wrong",
            _ => "Bad data format",
        }
    }
}

impl fmt::Display for RdbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RdbError::Io(error) => write!(f, "read failed: {error}"),
            RdbError::Truncated => f.write_str("the data ends too early"),
            RdbError::Version(version) => write!(f, "unknown RDB version {version}"),
            RdbError::Checksum => f.write_str("the checksum does not match"),
            RdbError::UnsupportedType(code) => write!(f, "unsupported value type {code}"),
            RdbError::Corrupt(what) => write!(f, "corrupt data: {what}"),
            RdbError::Empty => f.write_str("empty collection"),
            RdbError::TooLarge => f.write_str("the value is larger than may be read"),
        }
    }
}

impl std::error::Error for RdbError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            RdbError::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for RdbError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => RdbError::Truncated,
            _ => RdbError::Io(error),
        }
    }
}

/// An [`RdbError`] with the place in the file.
#[derive(Debug)]
pub struct FileError {
    /// Bytes from the start of the file to where reading stopped.
    pub offset: u64,
    /// What was wrong there.
    pub error: RdbError,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}: {}", self.offset, self.error)
    }
}

impl std::error::Error for FileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}
