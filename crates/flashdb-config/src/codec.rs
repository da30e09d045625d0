//! How the text of a setting becomes a typed value and back: one codec per kind of setting.
//!
//! Error texts are those of Redis 7.0, without the part that names the setting. A codec knows
//! neither names nor where the words came from.

use std::borrow::Cow;
use std::fmt::Display;
use std::marker::PhantomData;

use flashdb_base::number::{parse_i64, parse_memory_bytes};

/// Why a value is refused, for the operator.
pub type Invalid = Cow<'static, str>;

/// How a value meets the one that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occurrence {
    /// First line of its source, or CONFIG SET: replaces.
    First,
    /// A further line of the same source: `save` lines add up, everything else still replaces.
    Further,
}

/// Parsing, printing and default of one setting.
pub trait Codec {
    /// What the running server reads.
    type Value: Clone + PartialEq;

    /// The value without any configuration.
    fn default(&self) -> Self::Value;

    /// Reads `words`; `current` is the value to build on where a setting merges.
    fn parse(
        &self,
        words: &[&[u8]],
        current: &Self::Value,
        occurrence: Occurrence,
    ) -> Result<Self::Value, Invalid>;

    /// As CONFIG GET answers.
    fn format(&self, value: &Self::Value) -> Vec<u8>;

    /// The text after the name on each configuration line that gives this value.
    fn lines(&self, value: &Self::Value) -> Vec<Vec<u8>> {
        vec![self.format(value)]
    }

    /// The accepted values in a few words, for the reference page.
    fn domain(&self) -> String;
}

/// The single word of a setting that takes one.
pub fn single<'a>(words: &[&'a [u8]]) -> Result<&'a [u8], Invalid> {
    match words {
        [word] => Ok(word),
        _ => Err("wrong number of arguments".into()),
    }
}

/// A word as UTF-8.
pub fn text(word: &[u8]) -> Result<&str, Invalid> {
    std::str::from_utf8(word).map_err(|_| "argument must be valid UTF-8".into())
}

/// `yes` or `no`.
pub struct YesNo(pub bool);

impl Codec for YesNo {
    type Value = bool;

    fn default(&self) -> bool {
        self.0
    }

    fn parse(&self, words: &[&[u8]], _: &bool, _: Occurrence) -> Result<bool, Invalid> {
        match single(words)? {
            word if word.eq_ignore_ascii_case(b"yes") => Ok(true),
            word if word.eq_ignore_ascii_case(b"no") => Ok(false),
            _ => Err("argument must be 'yes' or 'no'".into()),
        }
    }

    fn format(&self, value: &bool) -> Vec<u8> {
        if *value { b"yes".to_vec() } else { b"no".to_vec() }
    }

    fn domain(&self) -> String {
        "yes, no".into()
    }
}

/// The integer types that settings use.
pub trait Integer: Copy + PartialOrd + Display {
    /// Wide enough for every such type.
    fn wide(self) -> i128;
    /// The value, when it fits.
    fn narrow(wide: i128) -> Option<Self>;
}

macro_rules! integer_types {
    ($($type:ty),*) => { $(
        impl Integer for $type {
            fn wide(self) -> i128 {
                self as i128
            }
            fn narrow(wide: i128) -> Option<Self> {
                Self::try_from(wide).ok()
            }
        }
    )* };
}
integer_types!(u16, u32, u64, i32, i64, usize);

/// How a number is written.
#[derive(Clone, Copy, PartialEq)]
enum Notation {
    Decimal,
    Octal,
    /// Bytes, with a unit: k, kb, m, mb, g, gb (k = 1000, kb = 1024).
    Memory,
}

/// A number within bounds.
pub struct Number<T> {
    min: T,
    max: T,
    default: T,
    notation: Notation,
    kept: Option<(T, T)>,
    check: fn(T) -> Result<(), Invalid>,
}

impl<T: Integer> Number<T> {
    const fn new(min: T, max: T, default: T, notation: Notation) -> Self {
        Self {
            min,
            max,
            default,
            notation,
            kept: None,
            check: |_| Ok(()),
        }
    }

    /// A decimal number.
    pub const fn plain(min: T, max: T, default: T) -> Self {
        Self::new(min, max, default, Notation::Decimal)
    }

    /// A number in octal digits, as file modes are.
    pub const fn octal(min: T, max: T, default: T) -> Self {
        Self::new(min, max, default, Notation::Octal)
    }

    /// A number of bytes.
    pub const fn memory(min: T, max: T, default: T) -> Self {
        Self::new(min, max, default, Notation::Memory)
    }

    /// Accepts the whole range, but keeps values within this narrower one.
    pub const fn kept_within(mut self, min: T, max: T) -> Self {
        self.kept = Some((min, max));
        self
    }

    /// A further condition.
    pub const fn checked(mut self, check: fn(T) -> Result<(), Invalid>) -> Self {
        self.check = check;
        self
    }

    fn read(&self, word: &[u8]) -> Result<i128, Invalid> {
        match self.notation {
            Notation::Decimal => parse_i64(word)
                .map(i128::from)
                .ok_or("argument couldn't be parsed into an integer".into()),
            Notation::Octal => std::str::from_utf8(word)
                .ok()
                .and_then(|digits| i64::from_str_radix(digits, 8).ok())
                .map(i128::from)
                .ok_or("argument couldn't be parsed as an octal number".into()),
            Notation::Memory => parse_memory_bytes(word)
                .map(i128::from)
                .ok_or("argument must be a memory value".into()),
        }
    }

    fn range_text(&self) -> String {
        match self.notation {
            Notation::Octal => format!("{:o} and {:o}", self.min.wide(), self.max.wide()),
            _ => format!("{} and {}", self.min, self.max),
        }
    }
}

impl<T: Integer> Codec for Number<T> {
    type Value = T;

    fn default(&self) -> T {
        self.default
    }

    fn parse(&self, words: &[&[u8]], _: &T, _: Occurrence) -> Result<T, Invalid> {
        let wide = self.read(single(words)?)?;
        let value = T::narrow(wide)
            .filter(|value| *value >= self.min && *value <= self.max)
            .ok_or_else(|| format!("argument must be between {} inclusive", self.range_text()))?;
        (self.check)(value)?;
        Ok(match self.kept {
            Some((min, _)) if value < min => min,
            Some((_, max)) if value > max => max,
            _ => value,
        })
    }

    fn format(&self, value: &T) -> Vec<u8> {
        match self.notation {
            Notation::Octal => format!("{:o}", value.wide()).into_bytes(),
            _ => value.to_string().into_bytes(),
        }
    }

    fn lines(&self, value: &T) -> Vec<Vec<u8>> {
        match (self.notation, u64::try_from(value.wide())) {
            (Notation::Memory, Ok(bytes)) => vec![format_memory(bytes).into_bytes()],
            _ => vec![self.format(value)],
        }
    }

    fn domain(&self) -> String {
        let unit = match self.notation {
            Notation::Decimal => "integer",
            Notation::Octal => "octal number",
            Notation::Memory => "bytes (units: k, kb, m, mb, g, gb)",
        };
        format!("{unit} between {}", self.range_text())
    }
}

/// The shortest exact spelling that [`parse_memory_bytes`] reads back, with a binary unit where it divides.
pub fn format_memory(bytes: u64) -> String {
    for (unit, shift) in [("gb", 30), ("mb", 20), ("kb", 10)] {
        if bytes != 0 && bytes.trailing_zeros() >= shift {
            return format!("{}{unit}", bytes >> shift);
        }
    }
    bytes.to_string()
}

/// A limit in bytes or as a share of `maxmemory`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryLimit {
    /// Absolute; 0 means no limit.
    Bytes(u64),
    /// Percent of `maxmemory`, 1 to 100.
    Percent(u8),
}

impl MemoryLimit {
    /// The limit in bytes; 0 means none, also for a share of no `maxmemory`.
    pub fn bytes(self, maxmemory_bytes: u64) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Percent(percent) => {
                u64::try_from(u128::from(maxmemory_bytes) * u128::from(percent) / 100).unwrap_or(u64::MAX)
            }
        }
    }
}

/// Bytes, or `N%`.
pub struct MemoryOrPercent;

impl Codec for MemoryOrPercent {
    type Value = MemoryLimit;

    fn default(&self) -> MemoryLimit {
        MemoryLimit::Bytes(0)
    }

    fn parse(&self, words: &[&[u8]], _: &MemoryLimit, _: Occurrence) -> Result<MemoryLimit, Invalid> {
        let word = single(words)?;
        if let Some(bytes) = parse_memory_bytes(word) {
            return match i64::try_from(bytes) {
                Ok(_) => Ok(MemoryLimit::Bytes(bytes)),
                Err(_) => Err(format!("argument must be between -100 and {} inclusive", i64::MAX).into()),
            };
        }
        match word.strip_suffix(b"%").and_then(parse_i64) {
            Some(0) => Ok(MemoryLimit::Bytes(0)),
            Some(percent @ 1..=100) => Ok(MemoryLimit::Percent(percent as u8)),
            Some(101..) => Err("percentage argument must be less or equal to 100".into()),
            _ => Err("argument must be a memory or percent value".into()),
        }
    }

    fn format(&self, value: &MemoryLimit) -> Vec<u8> {
        match value {
            MemoryLimit::Bytes(bytes) => bytes.to_string().into_bytes(),
            MemoryLimit::Percent(percent) => format!("{percent}%").into_bytes(),
        }
    }

    fn lines(&self, value: &MemoryLimit) -> Vec<Vec<u8>> {
        match value {
            MemoryLimit::Bytes(bytes) => vec![format_memory(*bytes).into_bytes()],
            MemoryLimit::Percent(_) => vec![self.format(value)],
        }
    }

    fn domain(&self) -> String {
        "bytes, or percent of maxmemory (N%)".into()
    }
}

/// UTF-8 text.
pub struct Text {
    default: &'static str,
    check: fn(&str) -> Result<(), Invalid>,
}

impl Text {
    /// Any text.
    pub const fn new(default: &'static str) -> Self {
        Self {
            default,
            check: |_| Ok(()),
        }
    }

    /// A condition on the text.
    pub const fn checked(mut self, check: fn(&str) -> Result<(), Invalid>) -> Self {
        self.check = check;
        self
    }
}

impl Codec for Text {
    type Value = String;

    fn default(&self) -> String {
        self.default.to_owned()
    }

    fn parse(&self, words: &[&[u8]], _: &String, _: Occurrence) -> Result<String, Invalid> {
        let value = text(single(words)?)?;
        (self.check)(value)?;
        Ok(value.to_owned())
    }

    fn format(&self, value: &String) -> Vec<u8> {
        value.clone().into_bytes()
    }

    fn lines(&self, value: &String) -> Vec<Vec<u8>> {
        vec![quoted(value.as_bytes())]
    }

    fn domain(&self) -> String {
        "text".into()
    }
}

/// Any bytes: passwords and names that clients send.
pub struct Bytes;

impl Codec for Bytes {
    type Value = Vec<u8>;

    fn default(&self) -> Vec<u8> {
        Vec::new()
    }

    fn parse(&self, words: &[&[u8]], _: &Vec<u8>, _: Occurrence) -> Result<Vec<u8>, Invalid> {
        single(words).map(<[u8]>::to_vec)
    }

    fn format(&self, value: &Vec<u8>) -> Vec<u8> {
        value.clone()
    }

    fn lines(&self, value: &Vec<u8>) -> Vec<Vec<u8>> {
        vec![quoted(value)]
    }

    fn domain(&self) -> String {
        "bytes".into()
    }
}

/// `bytes` as one word of a configuration line.
pub fn quoted(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 2);
    flashdb_base::split_args::push_quoted(&mut out, bytes);
    out
}

/// A type with a name for each of its values.
pub trait Choice: Copy + PartialEq + 'static {
    /// Names in the order error texts list them. A value may have several; the first is printed.
    const NAMES: &'static [(&'static str, Self)];

    /// The name CONFIG GET answers.
    fn name(self) -> &'static str {
        Self::NAMES
            .iter()
            .find(|(_, value)| *value == self)
            .map_or("unknown", |(name, _)| name)
    }

    /// The value with this name, in any case.
    fn from_name(word: &[u8]) -> Option<Self> {
        Self::NAMES
            .iter()
            .find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(word))
            .map(|(_, value)| *value)
    }
}

/// The refusal that lists the names of a [`Choice`].
pub fn must_be_one_of(names: impl Iterator<Item = &'static str>) -> Invalid {
    format!(
        "argument(s) must be one of the following: {}",
        names.collect::<Vec<_>>().join(", ")
    )
    .into()
}

/// One of the names of a [`Choice`].
pub struct OneOf<E>(E, PhantomData<E>);

impl<E: Choice> OneOf<E> {
    /// With this default.
    pub const fn new(default: E) -> Self {
        Self(default, PhantomData)
    }
}

impl<E: Choice> Codec for OneOf<E> {
    type Value = E;

    fn default(&self) -> E {
        self.0
    }

    fn parse(&self, words: &[&[u8]], _: &E, _: Occurrence) -> Result<E, Invalid> {
        E::from_name(single(words)?).ok_or_else(|| must_be_one_of(E::NAMES.iter().map(|(name, _)| *name)))
    }

    fn format(&self, value: &E) -> Vec<u8> {
        value.name().as_bytes().to_vec()
    }

    fn domain(&self) -> String {
        E::NAMES
            .iter()
            .map(|(name, _)| *name)
            .collect::<Vec<_>>()
            .join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_sizes_round_trip() {
        for bytes in [0, 1, 1000, 1024, 1 << 20, 3 << 30, u64::MAX] {
            assert_eq!(parse_memory_bytes(format_memory(bytes).as_bytes()), Some(bytes));
        }
        assert_eq!(format_memory(734_003_200), "700mb");
    }

    fn refusal<C: Codec>(codec: &C, word: &str) -> String {
        match codec.parse(&[word.as_bytes()], &codec.default(), Occurrence::First) {
            Ok(_) => panic!("{word} was accepted"),
            Err(reason) => reason.into_owned(),
        }
    }

    #[test]
    fn refusals_read_as_in_redis() {
        let port = Number::<u16>::plain(0, 65535, 6379);
        assert_eq!(
            refusal(&port, "abc"),
            "argument couldn't be parsed into an integer"
        );
        assert_eq!(
            refusal(&port, "65536"),
            "argument must be between 0 and 65535 inclusive"
        );
        assert_eq!(
            refusal(&port, "-1"),
            "argument must be between 0 and 65535 inclusive"
        );
        let perm = Number::<u32>::octal(0, 0o777, 0);
        assert_eq!(
            refusal(&perm, "9"),
            "argument couldn't be parsed as an octal number"
        );
        assert_eq!(
            refusal(&perm, "1000"),
            "argument must be between 0 and 777 inclusive"
        );
        let bulk = Number::<u64>::memory(1 << 20, i64::MAX as u64, 1 << 29);
        assert_eq!(refusal(&bulk, "x"), "argument must be a memory value");
        assert_eq!(
            refusal(&bulk, "1"),
            "argument must be between 1048576 and 9223372036854775807 inclusive"
        );
        assert_eq!(
            refusal(&MemoryOrPercent, "200%"),
            "percentage argument must be less or equal to 100"
        );
        assert_eq!(
            refusal(&MemoryOrPercent, "-1"),
            "argument must be a memory or percent value"
        );
        assert_eq!(refusal(&YesNo(true), "true"), "argument must be 'yes' or 'no'");
    }

    #[test]
    fn kept_range_moves_values_in() {
        let hz = Number::<u32>::plain(0, i32::MAX as u32, 10).kept_within(1, 500);
        for (word, value) in [("0", 1), ("10", 10), ("100000", 500)] {
            assert_eq!(hz.parse(&[word.as_bytes()], &10, Occurrence::First), Ok(value));
        }
    }

    #[test]
    fn share_of_maxmemory() {
        assert_eq!(MemoryLimit::Percent(5).bytes(1000), 50);
        assert_eq!(MemoryLimit::Percent(100).bytes(u64::MAX), u64::MAX);
        assert_eq!(MemoryLimit::Bytes(7).bytes(1000), 7);
    }
}
