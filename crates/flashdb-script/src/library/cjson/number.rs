//! Numbers as C's printf and strtod write and read them, which is what scripts see in JSON.

use std::fmt::Write;

/// A number in text; the longest has a sign, 14 digits, a point and an exponent.
#[derive(Default)]
pub(super) struct Written {
    bytes: [u8; 32],
    len: usize,
}

impl Written {
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }
}

impl Write for Written {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        if text.len() > self.bytes.len() - self.len {
            return Err(std::fmt::Error);
        }
        self.push(text.as_bytes());
        Ok(())
    }
}

/// Writes a number with up to `digits` (1 to 14) significant ones, as `%.*g` does.
pub(super) fn write(value: f64, digits: usize, to: &mut Written) {
    if value.is_infinite() {
        return to.push(if value < 0.0 { b"-inf" } else { b"inf" });
    }
    // Most numbers in scripts are counts and times; a million has seven digits.
    if digits >= 7 && value.abs() < 1e6 && value.fract() == 0.0 && (value != 0.0 || value.is_sign_positive())
    {
        let written = write!(to, "{}", value as i32);
        debug_assert!(written.is_ok(), "seven digits and a sign fit");
        return;
    }
    let mut scientific = Written::default();
    let written = write!(scientific, "{value:.*e}", digits - 1);
    debug_assert!(written.is_ok(), "a sign, 14 digits, a point and an exponent fit");
    let text = scientific.as_bytes();
    let (negative, text) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mark = text.iter().position(|&byte| byte == b'e').unwrap_or(text.len());
    let exponent = exponent_of(&text[mark..]);
    // The first digit, then those behind the point, without zeros at the end.
    let mut kept = text[..mark].iter().rposition(|&byte| byte != b'0').unwrap_or(0) + 1;
    if kept == 2 {
        kept = 1;
    }
    let first = &text[..1];
    let fraction = text.get(2..kept).unwrap_or_default();
    if negative {
        to.push(b"-");
    }
    if exponent < -4 || exponent >= digits as i32 {
        write_scientific(first, fraction, exponent, to);
    } else {
        write_plain(first, fraction, exponent, to);
    }
}

fn exponent_of(text: &[u8]) -> i32 {
    let (negative, digits) = match text {
        [b'e', b'-', digits @ ..] => (true, digits),
        [b'e', digits @ ..] => (false, digits),
        _ => return 0,
    };
    let size = digits
        .iter()
        .fold(0, |size, digit| 10 * size + i32::from(digit - b'0'));
    if negative { -size } else { size }
}

fn write_scientific(first: &[u8], fraction: &[u8], exponent: i32, to: &mut Written) {
    to.push(first);
    if !fraction.is_empty() {
        to.push(b".");
        to.push(fraction);
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    let written = write!(to, "e{sign}{:02}", exponent.unsigned_abs());
    debug_assert!(written.is_ok(), "the exponent fits");
}

/// For exponents from -4 up to below the number of digits.
fn write_plain(first: &[u8], fraction: &[u8], exponent: i32, to: &mut Written) {
    if exponent < 0 {
        to.push(b"0.");
        to.push(&b"000"[..(-exponent - 1) as usize]);
        to.push(first);
        return to.push(fraction);
    }
    let whole = exponent as usize;
    to.push(first);
    if fraction.len() <= whole {
        to.push(fraction);
        return to.push(&b"00000000000000"[..whole - fraction.len()]);
    }
    to.push(&fraction[..whole]);
    to.push(b".");
    to.push(&fraction[whole..]);
}

/// The number that the text begins with and its length, by the rules of strtod; none if there is no number.
pub(super) fn read(text: &[u8]) -> Option<(f64, usize)> {
    let sign = usize::from(matches!(text.first(), Some(b'-' | b'+')));
    let negative = text.first() == Some(&b'-');
    let rest = &text[sign..];
    let (size, len) = read_word(rest)
        .or_else(|| read_hexadecimal(rest))
        .or_else(|| read_decimal(rest))?;
    Some((if negative { -size } else { size }, sign + len))
}

fn read_word(text: &[u8]) -> Option<(f64, usize)> {
    let begins = |word: &[u8]| {
        text.get(..word.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(word))
    };
    if begins(b"infinity") {
        return Some((f64::INFINITY, 8));
    }
    if begins(b"inf") {
        return Some((f64::INFINITY, 3));
    }
    if !begins(b"nan") {
        return None;
    }
    // A payload in brackets belongs to it.
    let payload = text[3..].strip_prefix(b"(").and_then(|inner| {
        let len = inner
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
            .count();
        (inner.get(len) == Some(&b')')).then_some(len + 2)
    });
    Some((f64::NAN, 3 + payload.unwrap_or(0)))
}

fn digits_len(text: &[u8], is_digit: fn(&u8) -> bool) -> usize {
    text.iter().take_while(|byte| is_digit(byte)).count()
}

/// Length of an exponent with its mark, 0 if there are no digits behind the mark.
fn exponent_len(text: &[u8], mark: u8) -> usize {
    if !text.first().is_some_and(|byte| byte.eq_ignore_ascii_case(&mark)) {
        return 0;
    }
    let sign = usize::from(matches!(text.get(1), Some(b'-' | b'+')));
    match digits_len(&text[1 + sign..], u8::is_ascii_digit) {
        0 => 0,
        digits => 1 + sign + digits,
    }
}

/// Lengths of the digits before and behind the point, none if there are no digits.
fn mantissa(text: &[u8], is_digit: fn(&u8) -> bool) -> Option<(usize, usize, usize)> {
    let whole = digits_len(text, is_digit);
    let fraction = match text.get(whole) {
        Some(b'.') => digits_len(&text[whole + 1..], is_digit),
        _ => 0,
    };
    if whole + fraction == 0 {
        return None;
    }
    let point = usize::from(text.get(whole) == Some(&b'.'));
    Some((whole, fraction, whole + point + fraction))
}

fn read_decimal(text: &[u8]) -> Option<(f64, usize)> {
    let (_, _, len) = mantissa(text, u8::is_ascii_digit)?;
    let len = len + exponent_len(&text[len..], b'e');
    let value = std::str::from_utf8(&text[..len]).ok()?.parse().ok()?;
    Some((value, len))
}

/// Digits beyond what a double holds are folded into one that only says whether anything was there, which is
/// all that rounding asks for.
fn read_hexadecimal(text: &[u8]) -> Option<(f64, usize)> {
    let [b'0', b'x' | b'X', body @ ..] = text else {
        return None;
    };
    let (whole, _, len) = mantissa(body, u8::is_ascii_hexdigit)?;
    let (mut bits, mut scale) = (0_u64, 0_i64);
    for (place, byte) in body[..len].iter().enumerate() {
        let Some(digit) = char::from(*byte).to_digit(16) else {
            continue;
        };
        if bits >> 58 == 0 {
            bits = bits << 4 | u64::from(digit);
        } else {
            bits |= u64::from(digit != 0);
            scale += 4;
        }
        if place > whole {
            scale -= 4;
        }
    }
    let exponent_len = exponent_len(&body[len..], b'p');
    if exponent_len > 0 {
        let digits = std::str::from_utf8(&body[len + 1..len + exponent_len]).ok()?;
        // An exponent too large for i64 has one of its two ends.
        let end = if digits.starts_with('-') {
            i64::MIN / 4
        } else {
            i64::MAX / 4
        };
        scale = scale.saturating_add(digits.parse().unwrap_or(end).clamp(i64::MIN / 4, i64::MAX / 4));
    }
    Some((scaled(bits, scale), 2 + len + exponent_len))
}

/// `bits` times two to the power of `scale`, rounded once to the nearest, ties to even.
fn scaled(bits: u64, scale: i64) -> f64 {
    if bits == 0 {
        return 0.0;
    }
    let scale = scale.clamp(-5000, 5000) as i32;
    let bits_len = 64 - bits.leading_zeros() as i32;
    // The weight of the lowest bit that the result can hold: 53 bits, fewer for subnormal numbers.
    let lowest = (bits_len + scale - 53).max(-1074);
    let cut = lowest - scale;
    let kept = if cut <= 0 {
        bits
    } else if cut > 64 {
        0
    } else {
        let wide = u128::from(bits);
        let half = 1_u128 << (cut - 1);
        let (kept, left) = (wide >> cut, wide & ((1 << cut) - 1));
        (kept + u128::from(left > half || left == half && kept & 1 == 1)) as u64
    };
    let mut exponent = if cut > 0 { lowest } else { scale };
    let mut value = kept as f64;
    // Powers in steps that a double can hold; the value is exact or has overflowed by then.
    while exponent != 0 && value != 0.0 && value.is_finite() {
        let step = exponent.clamp(-1000, 1000);
        value *= 2_f64.powi(step);
        exponent -= step;
    }
    value
}
