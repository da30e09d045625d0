//! The 80-bit floating point number of x86 (64-bit significand), as far as INCRBYFLOAT and HINCRBYFLOAT need it: read a
//! decimal, add, print with up to 17 decimals.
//!
//! Redis computes these commands in C's `long double`; with plain doubles, `1.23 + 0.77` would not print as `2`. Reading
//! and printing are exact, rounded once, half to even. Common sizes take 128-bit integer arithmetic; long texts and huge
//! exponents take a small big-integer, bounded by [`TEXT_MAX`] and the exponent range.

use std::cmp::Ordering;

use crate::number::is_hexadecimal;

/// Longest text accepted, as in Redis.
pub const TEXT_MAX: usize = 5 * 1024 - 1;

/// Decimals printed, before trailing zeros go.
const DECIMALS: u32 = 17;
/// A finite value is below 2^EXPONENT_END.
const EXPONENT_END: i32 = 16_384;
/// The least significant bit of the smallest denormal is worth 2^EXPONENT_MIN.
const EXPONENT_MIN: i32 = -16_445;
/// Decimal exponents beyond this overflow or vanish whatever the (at most `TEXT_MAX`) digits are.
const DECIMAL_EXPONENT_MAX: i64 = 12_000;

/// `significand * 2^exponent`, with a sign. Finite non-zero values have the significand's top bit set unless denormal.
#[derive(Clone, Copy, Debug)]
pub struct LongDouble {
    negative: bool,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Finite { significand: u64, exponent: i32 },
    Infinite,
    NotANumber,
}

impl LongDouble {
    /// Zero.
    pub const ZERO: Self = Self {
        negative: false,
        kind: Kind::Finite {
            significand: 0,
            exponent: 0,
        },
    };

    /// Reads a number as C's `strtold` does, but without surrounding space, NaN, overflow or total underflow.
    /// Infinity is accepted: adding it is refused later, with another error.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() > TEXT_MAX {
            return None;
        }
        let (negative, unsigned) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            _ => (false, text),
        };
        if unsigned.eq_ignore_ascii_case(b"inf") || unsigned.eq_ignore_ascii_case(b"infinity") {
            return Some(Self {
                negative,
                kind: Kind::Infinite,
            });
        }
        let value = if is_hexadecimal(unsigned) {
            parse_hexadecimal(negative, &unsigned[2..])?
        } else {
            parse_decimal(negative, unsigned)?
        };
        value.is_finite().then_some(value)
    }

    /// The value of an integer, exactly.
    pub fn from_i64(value: i64) -> Self {
        Self::rounded(value < 0, u128::from(value.unsigned_abs()), 0, false)
    }

    /// False for infinities and for the sum of opposite ones.
    pub fn is_finite(self) -> bool {
        matches!(self.kind, Kind::Finite { .. })
    }

    /// The sum, rounded to 64 significant bits, half to even.
    pub fn plus(self, other: Self) -> Self {
        let (
            Kind::Finite {
                significand: a,
                exponent: ea,
            },
            Kind::Finite {
                significand: b,
                exponent: eb,
            },
        ) = (self.kind, other.kind)
        else {
            return self.plus_not_finite(other);
        };
        if a == 0 || b == 0 {
            return if a == 0 { other } else { self };
        }
        // The one with the larger exponent goes up by 62 bits, leaving room for a carry; the other meets it there.
        let ((high, high_exponent, high_negative), (low, low_exponent, low_negative)) = if ea >= eb {
            ((a, ea, self.negative), (b, eb, other.negative))
        } else {
            ((b, eb, other.negative), (a, ea, self.negative))
        };
        let distance = high_exponent.abs_diff(low_exponent);
        let high = u128::from(high) << 62;
        let low = u128::from(low) << 62;
        let (low, inexact) = if distance >= 127 {
            (0, true)
        } else {
            (low >> distance, low & ((1 << distance) - 1) != 0)
        };
        let exponent = high_exponent - 62;
        if high_negative == low_negative {
            return Self::rounded(high_negative, high + low, exponent, inexact);
        }
        match high.cmp(&low) {
            Ordering::Equal if !inexact => Self::ZERO,
            Ordering::Less => Self::rounded(low_negative, low - high, exponent, inexact),
            // What was cut off the smaller one makes the true difference a little less.
            _ => Self::rounded(high_negative, high - low - u128::from(inexact), exponent, inexact),
        }
    }

    fn plus_not_finite(self, other: Self) -> Self {
        let not_a_number = Self {
            negative: false,
            kind: Kind::NotANumber,
        };
        match (self.kind, other.kind) {
            (Kind::Infinite, Kind::Infinite) if self.negative != other.negative => not_a_number,
            (Kind::NotANumber, _) | (_, Kind::NotANumber) => not_a_number,
            (Kind::Infinite, _) => self,
            _ => other,
        }
    }

    /// The nearest double.
    pub fn to_f64(self) -> f64 {
        let magnitude = match self.kind {
            Kind::Infinite => f64::INFINITY,
            Kind::NotANumber => return f64::NAN,
            Kind::Finite {
                significand,
                exponent,
            } => scale_to_f64(significand, exponent),
        };
        if self.negative { -magnitude } else { magnitude }
    }

    /// Appends the number as Redis prints such sums: no exponent, up to 17 decimals, no trailing zeros, no `-0`.
    /// At most about 5,000 bytes.
    pub fn write(self, out: &mut Vec<u8>) {
        let (significand, exponent) = match self.kind {
            Kind::NotANumber => return out.extend_from_slice(b"nan"),
            Kind::Infinite => return out.extend_from_slice(if self.negative { b"-inf" } else { b"inf" }),
            Kind::Finite {
                significand,
                exponent,
            } => (significand, exponent),
        };
        let start = out.len();
        if self.negative {
            out.push(b'-');
        }
        if exponent > 64 {
            let mut whole = BigUint::from_u128(u128::from(significand));
            whole.shift_left(exponent as u32);
            whole.write_decimal(out);
            return;
        }
        if exponent >= 0 {
            out.extend_from_slice(
                itoa::Buffer::new()
                    .format(u128::from(significand) << exponent)
                    .as_bytes(),
            );
        } else {
            write_fixed_point(significand, exponent.unsigned_abs(), out);
        }
        if &out[start..] == b"-0" {
            out.remove(start);
        }
    }

    /// `significand * 2^exponent`, plus a little more when `inexact`, rounded to 64 bits.
    fn rounded(negative: bool, significand: u128, exponent: i32, inexact: bool) -> Self {
        if significand == 0 {
            return Self {
                negative,
                kind: Kind::Finite {
                    significand: 0,
                    exponent: 0,
                },
            };
        }
        let length = 128 - significand.leading_zeros() as i32;
        // Normally 64 bits stay; fewer where the least significant one would fall below the denormal limit.
        let drop = (length - 64).max(EXPONENT_MIN - exponent);
        let (mut kept, mut exponent) = if drop <= 0 {
            (
                (significand << -drop.max(length - 64)) as u64,
                exponent + drop.max(length - 64),
            )
        } else {
            (
                round_half_even(significand, drop as u32, inexact),
                exponent + drop,
            )
        };
        if kept == 0 && drop > 0 && drop <= length {
            // 64 ones rounded up: the carry left the word.
            kept = 1 << 63;
            exponent += 1;
        }
        let overflow = kept != 0 && exponent + 64 - kept.leading_zeros() as i32 > EXPONENT_END;
        let kind = if overflow {
            Kind::Infinite
        } else {
            Kind::Finite {
                significand: kept,
                exponent,
            }
        };
        Self { negative, kind }
    }
}

/// `value / 2^drop`, half to even; `inexact` says that the true value is a little larger. Wraps to 0 on a carry out of 64
/// bits.
fn round_half_even(value: u128, drop: u32, inexact: bool) -> u64 {
    if drop > 128 {
        return 0;
    }
    let kept = if drop == 128 { 0 } else { value >> drop };
    let rest = value - if drop == 128 { 0 } else { kept << drop };
    let half = 1u128 << (drop - 1);
    let up = rest > half || (rest == half && (inexact || kept & 1 == 1));
    (kept + u128::from(up)) as u64
}

/// Prints `significand / 2^shift` (shift > 0) with up to 17 decimals.
fn write_fixed_point(significand: u64, shift: u32, out: &mut Vec<u8>) {
    let unit = 10u128.pow(DECIMALS);
    // Below 2^121, so exact.
    let scaled = u128::from(significand) * unit;
    let scaled = if shift >= 128 {
        0
    } else {
        let (kept, rest) = (scaled >> shift, scaled & ((1 << shift) - 1));
        let half = 1 << (shift - 1);
        kept + u128::from(rest > half || (rest == half && kept & 1 == 1))
    };
    out.extend_from_slice(itoa::Buffer::new().format(scaled / unit).as_bytes());
    let mut decimals = scaled % unit;
    if decimals == 0 {
        return;
    }
    let mut digits = [0; DECIMALS as usize];
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (decimals % 10) as u8;
        decimals /= 10;
    }
    let used = digits
        .iter()
        .rposition(|&digit| digit != b'0')
        .map_or(0, |last| last + 1);
    out.push(b'.');
    out.extend_from_slice(&digits[..used]);
}

fn scale_to_f64(significand: u64, exponent: i32) -> f64 {
    if significand == 0 {
        return 0.0;
    }
    let length = 64 - significand.leading_zeros() as i32;
    if exponent + length > 1024 {
        return f64::INFINITY;
    }
    // 53 bits stay, fewer for a double's denormals; what stays converts and scales exactly.
    let drop = (length - 53).max(-1074 - exponent).max(0);
    let kept = round_half_even(u128::from(significand), drop.max(1) as u32, false);
    let (kept, exponent) = if drop == 0 {
        (significand, exponent)
    } else {
        (kept, exponent + drop)
    };
    // In two steps, since 2^exponent itself may be out of range.
    let half = exponent / 2;
    kept as f64 * 2f64.powi(half) * 2f64.powi(exponent - half)
}

/// The parts of a decimal: digits without the point (leading zeros dropped), and the power of ten they are times.
struct Decimal {
    digits: Vec<u8>,
    exponent: i64,
}

fn split_decimal(text: &[u8]) -> Option<Decimal> {
    let (mantissa, exponent) = split_exponent(text, b'e')?;
    let mut digits = Vec::with_capacity(mantissa.len());
    let (mut decimals, mut point, mut any) = (0, false, false);
    for &byte in mantissa {
        match byte {
            b'.' if !point => point = true,
            b'0'..=b'9' => {
                any = true;
                decimals += i64::from(point);
                if byte != b'0' || !digits.is_empty() {
                    digits.push(byte - b'0');
                }
            }
            _ => return None,
        }
    }
    any.then_some(Decimal {
        digits,
        exponent: exponent - decimals,
    })
}

/// Splits `12.5e3` at the mark; the exponent is clamped to a range that decides nothing any more.
fn split_exponent(text: &[u8], mark: u8) -> Option<(&[u8], i64)> {
    let Some(at) = text.iter().position(|byte| byte.eq_ignore_ascii_case(&mark)) else {
        return Some((text, 0));
    };
    let (negative, digits) = match &text[at + 1..] {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let magnitude = digits.iter().fold(0i64, |sum, digit| {
        (sum * 10 + i64::from(digit - b'0')).min(1 << 40)
    });
    Some((&text[..at], if negative { -magnitude } else { magnitude }))
}

fn parse_decimal(negative: bool, text: &[u8]) -> Option<LongDouble> {
    let Decimal {
        mut digits,
        mut exponent,
    } = split_decimal(text)?;
    while digits.last() == Some(&0) {
        digits.pop();
        exponent += 1;
    }
    if digits.is_empty() {
        return Some(LongDouble {
            negative,
            ..LongDouble::ZERO
        });
    }
    // Overflow, or not zero but too small to tell from it.
    if !(-DECIMAL_EXPONENT_MAX..=DECIMAL_EXPONENT_MAX).contains(&exponent) {
        return None;
    }
    let value = if digits.len() <= 19 && (-18..=18).contains(&exponent) {
        let number = digits
            .iter()
            .fold(0u64, |number, &digit| number * 10 + u64::from(digit));
        let power = 10u64.pow(exponent.unsigned_abs() as u32);
        if exponent >= 0 {
            LongDouble::rounded(negative, u128::from(number) * u128::from(power), 0, false)
        } else {
            let shift = number.leading_zeros() + 63;
            let scaled = u128::from(number) << shift;
            let power = u128::from(power);
            LongDouble::rounded(negative, scaled / power, -(shift as i32), scaled % power != 0)
        }
    } else {
        parse_long_decimal(negative, &digits, exponent)
    };
    (!matches!(value.kind, Kind::Finite { significand: 0, .. })).then_some(value)
}

fn parse_long_decimal(negative: bool, digits: &[u8], exponent: i64) -> LongDouble {
    let mut numerator = BigUint::from_digits(digits);
    if exponent >= 0 {
        numerator.multiply_by_power_of_ten(exponent as u32);
        let (top, shift, inexact) = numerator.top_128_bits();
        return LongDouble::rounded(negative, top, shift, inexact);
    }
    let mut denominator = BigUint::from_u128(1);
    denominator.multiply_by_power_of_ten(exponent.unsigned_abs() as u32);
    // The quotient gets 66 to 68 bits, enough to round to 64 with the remainder as the rest.
    let shift = 67 + denominator.bits() as i32 - numerator.bits() as i32;
    if shift >= 0 {
        numerator.shift_left(shift as u32);
    } else {
        denominator.shift_left(shift.unsigned_abs());
    }
    let mut quotient = 0u128;
    // Long division, a bit at a time: the quotient is short.
    denominator.shift_left(68);
    for _ in 0..=68 {
        quotient <<= 1;
        if numerator.subtract_if_not_less(&denominator) {
            quotient |= 1;
        }
        denominator.shift_right_one();
    }
    LongDouble::rounded(negative, quotient, -shift, !numerator.is_zero())
}

fn parse_hexadecimal(negative: bool, text: &[u8]) -> Option<LongDouble> {
    let (mantissa, mut exponent) = split_exponent(text, b'p')?;
    let (mut significand, mut inexact, mut point, mut any) = (0u128, false, false, false);
    for &byte in mantissa {
        if byte == b'.' && !point {
            point = true;
            continue;
        }
        let digit = (byte as char).to_digit(16)?;
        any = true;
        if significand >> 120 == 0 {
            significand = significand << 4 | u128::from(digit);
            exponent -= if point { 4 } else { 0 };
        } else {
            inexact |= digit != 0;
            exponent += if point { 0 } else { 4 };
        }
    }
    if !any {
        return None;
    }
    let value = LongDouble::rounded(
        negative,
        significand,
        exponent.clamp(-40_000, 40_000) as i32,
        inexact,
    );
    let vanished = significand != 0 && matches!(value.kind, Kind::Finite { significand: 0, .. });
    (!vanished).then_some(value)
}

/// A natural number of any size, least significant limb first, no leading zero limbs.
struct BigUint {
    limbs: Vec<u32>,
}

impl BigUint {
    fn from_u128(mut value: u128) -> Self {
        let mut limbs = Vec::new();
        while value != 0 {
            limbs.push(value as u32);
            value >>= 32;
        }
        Self { limbs }
    }

    fn from_digits(digits: &[u8]) -> Self {
        let mut number = Self {
            limbs: Vec::with_capacity(digits.len() / 9 + 1),
        };
        for chunk in digits.chunks(9) {
            let value = chunk
                .iter()
                .fold(0, |value, &digit| value * 10 + u32::from(digit));
            number.multiply_add(10u32.pow(chunk.len() as u32), value);
        }
        number
    }

    fn multiply_add(&mut self, factor: u32, addend: u32) {
        let mut carry = u64::from(addend);
        for limb in &mut self.limbs {
            let product = u64::from(*limb) * u64::from(factor) + carry;
            *limb = product as u32;
            carry = product >> 32;
        }
        if carry != 0 {
            self.limbs.push(carry as u32);
        }
    }

    fn multiply_by_power_of_ten(&mut self, mut power: u32) {
        while power > 0 {
            let step = power.min(9);
            self.multiply_add(10u32.pow(step), 0);
            power -= step;
        }
    }

    fn is_zero(&self) -> bool {
        self.limbs.is_empty()
    }

    fn bits(&self) -> u32 {
        self.limbs
            .last()
            .map_or(0, |top| self.limbs.len() as u32 * 32 - top.leading_zeros())
    }

    fn shift_left(&mut self, bits: u32) {
        if self.is_zero() {
            return;
        }
        let within = bits % 32;
        if within != 0 {
            let mut carry = 0;
            for limb in &mut self.limbs {
                let shifted = u64::from(*limb) << within | carry;
                *limb = shifted as u32;
                carry = shifted >> 32;
            }
            if carry != 0 {
                self.limbs.push(carry as u32);
            }
        }
        self.limbs
            .splice(0..0, std::iter::repeat_n(0, (bits / 32) as usize));
    }

    fn shift_right_one(&mut self) {
        let mut carry = 0;
        for limb in self.limbs.iter_mut().rev() {
            let low = *limb & 1;
            *limb = *limb >> 1 | carry << 31;
            carry = low;
        }
        self.trim();
    }

    fn trim(&mut self) {
        while self.limbs.last() == Some(&0) {
            self.limbs.pop();
        }
    }

    fn subtract_if_not_less(&mut self, other: &Self) -> bool {
        let order = self.limbs.len().cmp(&other.limbs.len());
        if order.then_with(|| self.limbs.iter().rev().cmp(other.limbs.iter().rev())) == Ordering::Less {
            return false;
        }
        let mut borrow = 0;
        for (i, limb) in self.limbs.iter_mut().enumerate() {
            let take = u64::from(other.limbs.get(i).copied().unwrap_or(0)) + borrow;
            borrow = u64::from(u64::from(*limb) < take);
            *limb = (u64::from(*limb) + (borrow << 32) - take) as u32;
        }
        self.trim();
        true
    }

    /// The highest (at most) 128 bits, how far they were shifted down, and whether ones were lost below them.
    fn top_128_bits(&self) -> (u128, i32, bool) {
        let skip = self.limbs.len().saturating_sub(4);
        let top = self.limbs[skip..]
            .iter()
            .rev()
            .fold(0u128, |value, &limb| value << 32 | u128::from(limb));
        (
            top,
            skip as i32 * 32,
            self.limbs[..skip].iter().any(|&limb| limb != 0),
        )
    }

    fn write_decimal(mut self, out: &mut Vec<u8>) {
        let mut groups = Vec::new();
        while !self.is_zero() {
            let mut rest = 0u64;
            for limb in self.limbs.iter_mut().rev() {
                let value = rest << 32 | u64::from(*limb);
                *limb = (value / 1_000_000_000) as u32;
                rest = value % 1_000_000_000;
            }
            self.trim();
            groups.push(rest as u32);
        }
        let mut buffer = itoa::Buffer::new();
        for (i, &group) in groups.iter().rev().enumerate() {
            let text = buffer.format(group).as_bytes();
            let padding = if i == 0 { 0 } else { 9 - text.len() };
            out.extend(std::iter::repeat_n(b'0', padding));
            out.extend_from_slice(text);
        }
    }
}

#[cfg(test)]
mod tests;
