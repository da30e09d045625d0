//! Errors that a client is answered with: a code and Redis's words, in one place where several
//! commands share them.

use flashdb_store::WrongType;
use std::borrow::Cow;

/// An error reply, without the leading `-`. The first word is the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorReply(Cow<'static, [u8]>);

impl ErrorReply {
    /// An error of fixed words, code included.
    pub const fn fixed(text: &'static str) -> Self {
        ErrorReply(Cow::Borrowed(text.as_bytes()))
    }

    /// An error of made-up words, code included.
    pub fn new(text: impl Into<String>) -> Self {
        ErrorReply(Cow::Owned(text.into().into_bytes()))
    }

    /// An error that quotes bytes as the client sent them.
    pub fn from_bytes(text: Vec<u8>) -> Self {
        ErrorReply(Cow::Owned(text))
    }

    /// The words, code first.
    pub fn text(&self) -> &[u8] {
        &self.0
    }

    /// The code (`ERR`, `WRONGTYPE`, …), as counted by INFO errorstats.
    pub fn code(&self) -> &[u8] {
        let end = self.0.iter().position(|&b| b == b' ').unwrap_or(self.0.len());
        &self.0[..end]
    }
}

impl From<WrongType> for ErrorReply {
    fn from(_: WrongType) -> Self {
        WRONG_TYPE
    }
}

/// The key holds another type.
pub const WRONG_TYPE: ErrorReply =
    ErrorReply::fixed("WRONGTYPE Operation against a key holding the wrong kind of value");
/// Options that cannot be understood.
pub const SYNTAX: ErrorReply = ErrorReply::fixed("ERR syntax error");
/// Not an integer, or not one that fits.
pub const NOT_INTEGER: ErrorReply = ErrorReply::fixed("ERR value is not an integer or out of range");
/// Not a number.
pub const NOT_FLOAT: ErrorReply = ErrorReply::fixed("ERR value is not a valid float");
/// A key that had to exist does not.
pub const NO_SUCH_KEY: ErrorReply = ErrorReply::fixed("ERR no such key");
/// An index outside of the value.
pub const INDEX_OUT_OF_RANGE: ErrorReply = ErrorReply::fixed("ERR index out of range");
/// An offset or number outside its range.
pub const OUT_OF_RANGE: ErrorReply = ErrorReply::fixed("ERR value is out of range");
/// A count that has to be positive.
pub const NOT_POSITIVE: ErrorReply = ErrorReply::fixed("ERR value is out of range, must be positive");
/// Adding would leave the range of 64 bits.
pub const OVERFLOW: ErrorReply = ErrorReply::fixed("ERR increment or decrement would overflow");
/// A string beyond `proto-max-bulk-len`.
pub const STRING_TOO_LONG: ErrorReply =
    ErrorReply::fixed("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
/// A timeout below zero.
pub const TIMEOUT_NEGATIVE: ErrorReply = ErrorReply::fixed("ERR timeout is negative");
/// A timeout that is no number.
pub const TIMEOUT_NOT_FLOAT: ErrorReply = ErrorReply::fixed("ERR timeout is not a float or out of range");
/// A database index outside `databases`.
pub const DB_OUT_OF_RANGE: ErrorReply = ErrorReply::fixed("ERR DB index is out of range");

/// Too few or too many words for `name` (lower case, `container|sub` for subcommands).
pub fn wrong_arity(name: &str) -> ErrorReply {
    ErrorReply::new(format!("ERR wrong number of arguments for '{name}' command"))
}

/// An expiry that is not positive or overflows, in the command `name`.
pub fn invalid_expire(name: &str) -> ErrorReply {
    ErrorReply::new(format!("ERR invalid expire time in '{name}' command"))
}
