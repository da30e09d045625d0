//! Numbers as texts: the integers and doubles that Redis accepts, and the texts it answers with.
//!
//! Integers are read strictly, so that text and number are one to one (`parse` then `write` gives the same bytes); that is
//! what lets a string value be kept as an integer. Doubles are read as C's `strtod` reads them, without surrounding space
//! and without NaN. The sums of INCRBYFLOAT need more than a double: see [`crate::long_double`].

use std::io::Write;

use crate::long_double::LongDouble;

/// Longest text of an `i64`: sign and 19 digits.
pub const I64_TEXT_MAX: usize = 20;

/// Reads an integer written the one canonical way: no `+`, no spaces, no leading zeros, no `-0`.
#[inline]
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    match text {
        [b'-', digits @ ..] => {
            let magnitude = parse_u64(digits)?;
            if magnitude == 0 {
                None
            } else {
                0i64.checked_sub_unsigned(magnitude)
            }
        }
        _ => i64::try_from(parse_u64(text)?).ok(),
    }
}

/// Reads an unsigned integer written the one canonical way: digits only, no leading zeros.
#[inline]
pub fn parse_u64(text: &[u8]) -> Option<u64> {
    let (&first, rest) = text.split_first()?;
    if !first.is_ascii_digit() || rest.len() > 19 || (first == b'0' && !rest.is_empty()) {
        return None;
    }
    let mut value = u64::from(first - b'0');
    for &byte in rest {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    Some(value)
}

/// Reads a double as scores and float arguments are read: decimal or hexadecimal, `inf` and `infinity` in any case,
/// an optional sign. NaN, spaces, and numbers beyond a double's range (either end) are refused.
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    if is_hexadecimal(text) {
        let value = LongDouble::parse(text)?.to_f64();
        return value.is_finite().then_some(value);
    }
    let value: f64 = str::from_utf8(text).ok()?.parse().ok()?;
    if value.is_finite() {
        // Not zero but too small to tell from it: C reports a range error.
        let vanished = value == 0.0 && mantissa(text).any(|byte| (b'1'..=b'9').contains(&byte));
        return (!vanished).then_some(value);
    }
    (value.is_infinite() && text.iter().any(|byte| byte.eq_ignore_ascii_case(&b'i'))).then_some(value)
}

fn mantissa(text: &[u8]) -> impl Iterator<Item = u8> {
    text.iter()
        .copied()
        .take_while(|byte| !byte.eq_ignore_ascii_case(&b'e'))
}

pub(crate) fn is_hexadecimal(text: &[u8]) -> bool {
    let unsigned = text
        .strip_prefix(b"-")
        .or(text.strip_prefix(b"+"))
        .unwrap_or(text);
    matches!(unsigned, [b'0', b'x' | b'X', ..])
}

/// Appends the decimal text of `value`.
#[inline]
pub fn write_i64(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends the decimal text of `value`.
#[inline]
pub fn write_u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Room on the stack for one number's text.
pub struct NumberBuffer {
    integer: itoa::Buffer,
    float: [u8; F64_TEXT_MAX],
}

/// Room for any text of a double: sign, point, 17 digits, up to four zeros after the point or `e-308`.
const F64_TEXT_MAX: usize = 32;
/// Significant digits that tell any two doubles apart.
const F64_DIGITS_MAX: usize = 17;

impl Default for NumberBuffer {
    fn default() -> Self {
        Self::new()
    }
}

impl NumberBuffer {
    /// An empty buffer; costs nothing.
    #[inline]
    pub fn new() -> Self {
        Self {
            integer: itoa::Buffer::new(),
            float: [0; F64_TEXT_MAX],
        }
    }

    /// The decimal text of `value`.
    #[inline]
    pub fn format_i64(&mut self, value: i64) -> &[u8] {
        self.integer.format(value).as_bytes()
    }

    /// The decimal text of `value`.
    #[inline]
    pub fn format_u64(&mut self, value: u64) -> &[u8] {
        self.integer.format(value).as_bytes()
    }

    /// The text of a double as C's `%.17g` prints it, which is how Redis 7.0 answers scores: `3`, `0.10000000000000001`,
    /// `1e+20`, `inf`, `-0`.
    pub fn format_f64(&mut self, value: f64) -> &[u8] {
        self.format_with(value, |text, value| {
            write!(text, "{value:.*e}", F64_DIGITS_MAX - 1)
        })
    }

    /// The shortest text that reads back as the same double, laid out like [`Self::format_f64`]: `3`, `0.1`, `1e+20`.
    pub fn format_f64_shortest(&mut self, value: f64) -> &[u8] {
        self.format_with(value, |text, value| write!(text, "{value:e}"))
    }

    fn format_with(
        &mut self,
        value: f64,
        write_scientific: impl FnOnce(&mut &mut [u8], f64) -> std::io::Result<()>,
    ) -> &[u8] {
        if !value.is_finite() {
            return if value.is_nan() {
                b"nan"
            } else if value > 0.0 {
                b"inf"
            } else {
                b"-inf"
            };
        }
        // Whole numbers of up to 17 digits, but not the negative zero.
        if value.trunc() == value && value.abs() < 1e17 && (value != 0.0 || value.is_sign_positive()) {
            return self.integer.format(value as i64).as_bytes();
        }
        let mut scientific = [0; F64_TEXT_MAX];
        let mut rest = &mut scientific[..];
        write_scientific(&mut rest, value).expect("sign, 17 digits, point and exponent fit");
        let unused = rest.len();
        let length = lay_out(&scientific[..F64_TEXT_MAX - unused], &mut self.float);
        &self.float[..length]
    }
}

/// Turns Rust's scientific form (`-1.25e-7`) into the layout of C's `%g` with 17 digits; gives the length.
fn lay_out(scientific: &[u8], out: &mut [u8; F64_TEXT_MAX]) -> usize {
    let at = scientific
        .iter()
        .position(|&byte| byte == b'e')
        .expect("Rust's {:e} has an exponent");
    let exponent = parse_i64(&scientific[at + 1..]).expect("Rust's {:e} has a decimal exponent");
    let mut digits = [b'0'; F64_DIGITS_MAX];
    let mut count = 0;
    for &byte in scientific[..at].iter().filter(|byte| byte.is_ascii_digit()) {
        digits[count] = byte;
        count += 1;
    }
    while count > 1 && digits[count - 1] == b'0' {
        count -= 1;
    }
    let mut length = 0;
    let mut push = |bytes: &[u8]| {
        out[length..length + bytes.len()].copy_from_slice(bytes);
        length += bytes.len();
    };
    if scientific[0] == b'-' {
        push(b"-");
    }
    if (-4..0).contains(&exponent) {
        push(&b"0.000"[..(1 - exponent) as usize]);
        push(&digits[..count]);
    } else if (0..F64_DIGITS_MAX as i64).contains(&exponent) {
        let whole = exponent as usize + 1;
        push(&digits[..whole]);
        if count > whole {
            push(b".");
            push(&digits[whole..count]);
        }
    } else {
        push(&digits[..1]);
        if count > 1 {
            push(b".");
            push(&digits[1..count]);
        }
        push(if exponent < 0 { b"e-" } else { b"e+" });
        let magnitude = exponent.unsigned_abs();
        if magnitude < 10 {
            push(b"0");
        }
        push(itoa::Buffer::new().format(magnitude).as_bytes());
    }
    length
}

/// Appends [`NumberBuffer::format_f64`]'s text.
#[inline]
pub fn write_f64(out: &mut Vec<u8>, value: f64) {
    out.extend_from_slice(NumberBuffer::new().format_f64(value));
}

/// Appends [`NumberBuffer::format_f64_shortest`]'s text.
#[inline]
pub fn write_f64_shortest(out: &mut Vec<u8>, value: f64) {
    out.extend_from_slice(NumberBuffer::new().format_f64_shortest(value));
}

/// Reads a memory size of the configuration: digits and an optional unit, `b`, `k`, `m`, `g` (thousands) or `kb`, `mb`,
/// `gb` (1024s), in any case. `None` for anything else and for sizes beyond 64 bits.
pub fn parse_memory_bytes(text: &[u8]) -> Option<u64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, unit) = text.split_at(digits);
    let mut lower = [0; 2];
    let factor: u64 = match crate::ascii::lowercase_into(unit, &mut lower)? {
        b"" | b"b" => 1,
        b"k" => 1000,
        b"kb" => 1 << 10,
        b"m" => 1_000_000,
        b"mb" => 1 << 20,
        b"g" => 1_000_000_000,
        b"gb" => 1 << 30,
        _ => return None,
    };
    str::from_utf8(number)
        .ok()?
        .parse::<u64>()
        .ok()?
        .checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prng::Prng;

    #[test]
    fn integers_are_canonical() {
        for (text, expected) in [
            ("0", Some(0)),
            ("-1", Some(-1)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("-9223372036854775809", None),
            ("99999999999999999999", None),
            ("", None),
            ("-", None),
            ("-0", None),
            ("+1", None),
            ("00", None),
            ("01", None),
            ("-01", None),
            (" 1", None),
            ("1 ", None),
            ("1.0", None),
            ("1\0", None),
            ("--1", None),
        ] {
            assert_eq!(parse_i64(text.as_bytes()), expected, "{text:?}");
        }
        assert_eq!(parse_u64(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(parse_u64(b"18446744073709551616"), None);
        assert_eq!(parse_u64(b"-1"), None);
    }

    #[test]
    fn integers_round_trip() {
        let mut prng = Prng::from_seed(4);
        for _ in 0..20_000 {
            let value = (prng.next_u64() >> prng.below(64)) as i64;
            for value in [value, value.wrapping_neg()] {
                let mut text = Vec::new();
                write_i64(&mut text, value);
                assert_eq!(parse_i64(&text), Some(value));
                assert_eq!(NumberBuffer::new().format_i64(value), text);
                assert!(text.len() <= I64_TEXT_MAX);
            }
            let mut text = Vec::new();
            write_u64(&mut text, value as u64);
            assert_eq!(parse_u64(&text), Some(value as u64));
        }
    }

    #[test]
    fn doubles_are_read_like_strtod() {
        for (text, expected) in [
            ("1", 1.0),
            ("+1.5", 1.5),
            ("-.5", -0.5),
            ("5.", 5.0),
            ("1e5", 1e5),
            ("1E-5", 1e-5),
            ("inf", f64::INFINITY),
            ("+INF", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
            ("0x10", 16.0),
            ("-0X1.8p1", -3.0),
            ("0e99999", 0.0),
            ("0.000", 0.0),
            ("5e-324", 5e-324),
        ] {
            assert_eq!(parse_f64(text.as_bytes()), Some(expected), "{text:?}");
        }
        for text in [
            "",
            " 1",
            "1 ",
            "\t1",
            "nan",
            "NaN",
            "-nan",
            "1e",
            "e5",
            ".",
            "+",
            "1e400",
            "-1e400",
            "1e-400",
            "0x",
            "0xg",
            "infin",
            "1\x002",
            "1,5",
            "--1",
            "0x1p99999",
            "in",
            "é",
        ] {
            assert_eq!(parse_f64(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn doubles_print_like_c() {
        for (value, expected, shortest) in [
            (0.0, "0", "0"),
            (-0.0, "-0", "-0"),
            (3.0, "3", "3"),
            (-7.0, "-7", "-7"),
            (0.1, "0.10000000000000001", "0.1"),
            (1.5, "1.5", "1.5"),
            (2.0 + 1.1, "3.1000000000000001", "3.1"),
            (3.1 - 1e-16 * 4.0, "3.0999999999999996", "3.0999999999999996"),
            (1e16, "10000000000000000", "10000000000000000"),
            (1e17, "1e+17", "1e+17"),
            (1e20, "1e+20", "1e+20"),
            (
                123456789012345680000.0,
                "1.2345678901234568e+20",
                "1.2345678901234568e+20",
            ),
            (0.0001, "0.0001", "0.0001"),
            (0.00001, "1.0000000000000001e-05", "1e-05"),
            (3e-5, "3.0000000000000001e-05", "3e-05"),
            (1e-322, "9.8813129168249309e-323", "1e-322"),
            (f64::MAX, "1.7976931348623157e+308", "1.7976931348623157e+308"),
            (f64::INFINITY, "inf", "inf"),
            (f64::NEG_INFINITY, "-inf", "-inf"),
            (81.634_948_934_258_38, "81.634948934258375", "81.63494893425838"),
            (-1234567.875, "-1234567.875", "-1234567.875"),
            (99999999999999990.0, "99999999999999984", "99999999999999984"),
            (1e100, "1e+100", "1e+100"),
        ] {
            assert_eq!(
                String::from_utf8_lossy(NumberBuffer::new().format_f64(value)),
                expected
            );
            assert_eq!(
                String::from_utf8_lossy(NumberBuffer::new().format_f64_shortest(value)),
                shortest
            );
        }
        assert_eq!(NumberBuffer::new().format_f64(f64::NAN), b"nan");
    }

    #[test]
    fn doubles_round_trip() {
        let mut prng = Prng::from_seed(5);
        for i in 0..20_000 {
            let value = f64::from_bits(prng.next_u64());
            let value = if i % 2 == 0 {
                value
            } else {
                prng.below(1 << 40) as f64 / 1000.0
            };
            if value.is_nan() {
                continue;
            }
            let (mut exact, mut shortest) = (Vec::new(), Vec::new());
            write_f64(&mut exact, value);
            write_f64_shortest(&mut shortest, value);
            assert_eq!(
                parse_f64(&exact).map(f64::to_bits),
                Some(value.to_bits()),
                "{value:e}"
            );
            assert_eq!(
                parse_f64(&shortest).map(f64::to_bits),
                Some(value.to_bits()),
                "{value:e}"
            );
            assert!(shortest.len() <= exact.len());
        }
    }

    #[test]
    fn memory_sizes() {
        for (text, expected) in [
            ("0", Some(0)),
            ("100", Some(100)),
            ("100b", Some(100)),
            ("1k", Some(1000)),
            ("1kb", Some(1024)),
            ("5MB", Some(5 << 20)),
            ("5m", Some(5_000_000)),
            ("1Gb", Some(1 << 30)),
            ("1g", Some(1_000_000_000)),
            ("", None),
            ("kb", None),
            ("-1", None),
            ("+1", None),
            ("1tb", None),
            ("1 kb", None),
            ("1.5gb", None),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("18014398509481984kb", None),
        ] {
            assert_eq!(parse_memory_bytes(text.as_bytes()), expected, "{text:?}");
        }
    }
}
