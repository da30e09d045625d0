//! Bit operations on byte strings, as the bitmap commands of Redis 7.0 define them: bit 0 is the
//! highest bit of the first byte, and a string goes on with zeros behind its end. Pure functions on
//! slices; growing a string before a write is left to the caller.

/// What the offsets of a range count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeUnit {
    Byte,
    Bit,
}

/// An inclusive range as a client gives it: negative offsets count from the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BitRange {
    pub start: i64,
    /// `None`: up to the end, and, when looking for a clear bit, into the zeros behind it.
    pub end: Option<i64>,
    pub unit: RangeUnit,
}

/// BITOP's operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BitOp {
    And,
    Or,
    Xor,
    /// Takes one input.
    Not,
}

/// The bit at `offset`; clear behind the end.
pub fn get_bit(bytes: &[u8], offset: u64) -> bool {
    let byte = usize::try_from(offset / 8).ok().and_then(|at| bytes.get(at));
    byte.is_some_and(|byte| byte & bit_mask(offset) != 0)
}

/// Sets the bit at `offset` and returns what it was. Behind the end nothing is written.
pub fn set_bit(bytes: &mut [u8], offset: u64, bit: bool) -> bool {
    let before = get_bit(bytes, offset);
    if let Some(byte) = usize::try_from(offset / 8).ok().and_then(|at| bytes.get_mut(at)) {
        *byte = if bit {
            *byte | bit_mask(offset)
        } else {
            *byte & !bit_mask(offset)
        };
    }
    before
}

fn bit_mask(offset: u64) -> u8 {
    0x80 >> (offset % 8)
}

/// Number of set bits.
pub fn popcount(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let in_words: u64 = words
        .iter()
        .map(|word| u64::from(u64::from_ne_bytes(*word).count_ones()))
        .sum();
    in_words + rest.iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>()
}

/// Number of set bits in a range (BITCOUNT).
pub fn count_range(bytes: &[u8], start: i64, end: i64, unit: RangeUnit) -> u64 {
    // Checked before clamping: two offsets far below the start would otherwise meet at 0.
    if start < 0 && end < 0 && start > end {
        return 0;
    }
    let Some((first, last)) = bit_bounds(bytes.len(), start, end, unit) else {
        return 0;
    };
    let (head, tail) = ((first / 8) as usize, (last / 8) as usize);
    let before_first = bytes[head] & !(0xff >> (first % 8));
    let behind_last = bytes[tail] & (0x7f >> (last % 8));
    popcount(&bytes[head..=tail]) - u64::from(before_first.count_ones()) - u64::from(behind_last.count_ones())
}

/// Position of the first set or clear bit (BITPOS), -1 when there is none. Without a range, or with
/// one without an end, the first clear bit may be the one behind the last byte.
pub fn bit_position(bytes: &[u8], bit: bool, range: Option<BitRange>) -> i64 {
    let range = range.unwrap_or(BitRange {
        start: 0,
        end: None,
        unit: RangeUnit::Byte,
    });
    let end = range.end.unwrap_or(-1);
    let Some((first, last)) = bit_bounds(bytes.len(), range.start, end, range.unit) else {
        return -1;
    };
    match find_bit(bytes, first, last, bit) {
        Some(position) => position as i64,
        None if !bit && range.end.is_none() => last as i64 + 1,
        None => -1,
    }
}

/// The first and last bit of a range clamped to the string; `None` when it is empty.
fn bit_bounds(len: usize, start: i64, end: i64, unit: RangeUnit) -> Option<(u64, u64)> {
    let total = match unit {
        RangeUnit::Byte => len as i64,
        RangeUnit::Bit => (len as i64).checked_mul(8)?,
    };
    let from_front = |at: i64| {
        if at < 0 {
            at.saturating_add(total).max(0)
        } else {
            at
        }
    };
    let (start, end) = (from_front(start), from_front(end).min(total - 1));
    if start > end {
        return None;
    }
    Some(match unit {
        RangeUnit::Byte => (start as u64 * 8, end as u64 * 8 + 7),
        RangeUnit::Bit => (start as u64, end as u64),
    })
}

/// Both bounds lie within the string.
fn find_bit(bytes: &[u8], first: u64, last: u64, bit: bool) -> Option<u64> {
    let skip = if bit { 0x00 } else { 0xff };
    let found = |at: usize, wanted: u8| {
        let position = at as u64 * 8 + u64::from(wanted.leading_zeros());
        (position <= last).then_some(position)
    };
    let (head, tail) = ((first / 8) as usize, (last / 8) as usize);
    let in_head = (bytes[head] ^ skip) & (0xff >> (first % 8));
    if in_head != 0 {
        return found(head, in_head);
    }
    let rest = &bytes[head + 1..=tail];
    let skipped = rest
        .as_chunks::<8>()
        .0
        .iter()
        .take_while(|word| **word == [skip; 8])
        .count()
        * 8;
    let within = rest[skipped..].iter().position(|byte| *byte != skip)?;
    let at = head + 1 + skipped + within;
    found(at, bytes[at] ^ skip)
}

/// Combines the inputs (BITOP). The result is as long as the longest; shorter ones go on with zeros.
pub fn combine(op: BitOp, inputs: &[&[u8]]) -> Vec<u8> {
    let len = inputs.iter().map(|input| input.len()).max().unwrap_or(0);
    let mut result = Vec::with_capacity(len);
    let Some((first, others)) = inputs.split_first() else {
        return result;
    };
    result.extend_from_slice(first);
    result.resize(len, 0);
    for input in others {
        let (covered, beyond) = result.split_at_mut(input.len());
        let each = covered.iter_mut().zip(*input);
        match op {
            BitOp::And => {
                each.for_each(|(byte, other)| *byte &= other);
                beyond.fill(0);
            }
            BitOp::Or => each.for_each(|(byte, other)| *byte |= other),
            BitOp::Xor => each.for_each(|(byte, other)| *byte ^= other),
            BitOp::Not => {}
        }
    }
    if op == BitOp::Not {
        result.iter_mut().for_each(|byte| *byte = !*byte);
    }
    result
}

/// The integer type of a bit field: `i1` to `i64`, `u1` to `u63`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldType {
    signed: bool,
    bits: u32,
}

/// What happens to a value that a bit field cannot hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// The low bits stay.
    #[default]
    Wrap,
    /// The nearest value that fits.
    Saturate,
    /// Nothing is written.
    Fail,
}

impl FieldType {
    /// `None` unless the width is 1 to 64 for signed and 1 to 63 for unsigned types.
    pub fn new(signed: bool, bits: u32) -> Option<FieldType> {
        let bits_max = if signed { 64 } else { 63 };
        (1..=bits_max)
            .contains(&bits)
            .then_some(FieldType { signed, bits })
    }

    /// Reads `i16`, `u8` and the like.
    pub fn parse(text: &[u8]) -> Option<FieldType> {
        let (sign, digits) = text.split_first()?;
        let signed = match sign {
            b'i' => true,
            b'u' => false,
            _ => return None,
        };
        FieldType::new(
            signed,
            u32::try_from(flashdb_base::number::parse_u64(digits)?).ok()?,
        )
    }

    /// Width in bits.
    pub fn bits(self) -> u32 {
        self.bits
    }

    pub fn is_signed(self) -> bool {
        self.signed
    }

    fn bounds(self) -> (i128, i128) {
        let values = 1i128 << self.bits;
        if self.signed {
            (-values / 2, values / 2 - 1)
        } else {
            (0, values - 1)
        }
    }

    /// What a field of this type holds after a SET of `value`; `None` when it does not fit and must not
    /// be written. A negative value for an unsigned field counts as very large, as in Redis.
    pub fn fit(self, value: i64, overflow: Overflow) -> Option<i64> {
        let exact = if self.signed {
            i128::from(value)
        } else {
            i128::from(value as u64)
        };
        self.reduce(exact, overflow)
    }

    /// What a field of this type that holds `value` holds after an INCRBY; `None` when it overflows
    /// and must not be written.
    pub fn add(self, value: i64, increment: i64, overflow: Overflow) -> Option<i64> {
        self.reduce(i128::from(value) + i128::from(increment), overflow)
    }

    fn reduce(self, exact: i128, overflow: Overflow) -> Option<i64> {
        let (min, max) = self.bounds();
        let fits = (min..=max).contains(&exact);
        match overflow {
            _ if fits => Some(exact as i64),
            Overflow::Wrap => Some(self.value_of_bits(exact as u64)),
            Overflow::Saturate => Some(exact.clamp(min, max) as i64),
            Overflow::Fail => None,
        }
    }

    fn value_of_bits(self, raw: u64) -> i64 {
        let unused = 64 - self.bits;
        if self.signed {
            (raw << unused) as i64 >> unused
        } else {
            (raw << unused >> unused) as i64
        }
    }
}

/// Bytes that the widest field touches at any bit offset.
const FIELD_BYTES_MAX: usize = 9;

/// The field at a bit offset; bits behind the end are clear.
pub fn get_field(bytes: &[u8], offset: u64, kind: FieldType) -> i64 {
    let (_, window) = field_window(bytes, offset);
    kind.value_of_bits((window >> field_shift(offset, kind)) as u64)
}

/// Writes a field at a bit offset; only the low bits of `value` count. Bits behind the end are not
/// written.
pub fn set_field(bytes: &mut [u8], offset: u64, kind: FieldType, value: i64) {
    let (start, window) = field_window(bytes, offset);
    let shift = field_shift(offset, kind);
    let mask = (u128::MAX >> (128 - kind.bits)) << shift;
    let changed = window & !mask | (u128::from(value as u64) << shift) & mask;
    for (byte, new) in bytes[start..]
        .iter_mut()
        .zip(changed.to_be_bytes())
        .take(FIELD_BYTES_MAX)
    {
        *byte = new;
    }
}

/// The start and the content of 16 bytes of which the first holds the bit at `offset`.
fn field_window(bytes: &[u8], offset: u64) -> (usize, u128) {
    let start = usize::try_from(offset / 8).map_or(bytes.len(), |start| start.min(bytes.len()));
    let mut window = [0; 16];
    for (target, byte) in window.iter_mut().zip(&bytes[start..]).take(FIELD_BYTES_MAX) {
        *target = *byte;
    }
    (start, u128::from_be_bytes(window))
}

fn field_shift(offset: u64, kind: FieldType) -> u32 {
    128 - (offset % 8) as u32 - kind.bits
}

#[cfg(test)]
mod tests {
    use super::*;
    use flashdb_base::prng::Prng;

    fn random_bytes(random: &mut Prng, len_max: u64) -> Vec<u8> {
        let mut bytes = vec![0; random.below(len_max + 1) as usize];
        match random.below(3) {
            0 => bytes.fill(0xff),
            1 => random.fill(&mut bytes),
            _ => {}
        }
        if !bytes.is_empty() {
            let at = random.below(bytes.len() as u64) as usize;
            bytes[at] = random.next_u64() as u8;
        }
        bytes
    }

    fn bits_of(bytes: &[u8]) -> Vec<bool> {
        (0..bytes.len() as u64 * 8).map(|at| get_bit(bytes, at)).collect()
    }

    fn offset_around(random: &mut Prng, total: usize) -> i64 {
        random.below(total as u64 * 3 + 3) as i64 - total as i64 * 3 / 2
    }

    /// The range as indexes of bits, one by one.
    fn bits_in_range(len: usize, start: i64, end: i64, unit: RangeUnit) -> std::ops::Range<usize> {
        let scale = if unit == RangeUnit::Byte { 8 } else { 1 };
        let total = (len * 8 / scale) as i64;
        let place = |at: i64| if at < 0 { (total + at).max(0) } else { at };
        let (start, end) = (place(start), place(end).min(total - 1));
        if start > end {
            0..0
        } else {
            start as usize * scale..(end as usize + 1) * scale
        }
    }

    #[test]
    fn counting_and_finding_match_a_walk_over_the_bits() {
        for seed in 0..4000 {
            let mut random = Prng::from_seed(seed);
            let bytes = random_bytes(&mut random, 40);
            let bits = bits_of(&bytes);
            assert_eq!(popcount(&bytes), bits.iter().filter(|bit| **bit).count() as u64);
            let unit = if random.below(2) == 0 {
                RangeUnit::Byte
            } else {
                RangeUnit::Bit
            };
            let total = if unit == RangeUnit::Byte {
                bytes.len()
            } else {
                bits.len()
            };
            let (start, end) = (
                offset_around(&mut random, total),
                offset_around(&mut random, total),
            );
            let range = bits_in_range(bytes.len(), start, end, unit);
            if !(start < 0 && end < 0 && start > end) {
                let expected = bits[range.clone()].iter().filter(|bit| **bit).count() as u64;
                assert_eq!(count_range(&bytes, start, end, unit), expected, "seed {seed}");
            }
            for wanted in [false, true] {
                let find = |range: std::ops::Range<usize>| {
                    range
                        .into_iter()
                        .find(|at| bits[*at] == wanted)
                        .map_or(-1, |at| at as i64)
                };
                let exact = BitRange {
                    start,
                    end: Some(end),
                    unit,
                };
                assert_eq!(
                    bit_position(&bytes, wanted, Some(exact)),
                    find(range.clone()),
                    "seed {seed}"
                );
                let open = BitRange {
                    start,
                    end: None,
                    unit,
                };
                let tail = bits_in_range(bytes.len(), start, -1, unit);
                let behind = if !wanted && !tail.is_empty() {
                    bits.len() as i64
                } else {
                    -1
                };
                let expected = if find(tail.clone()) >= 0 {
                    find(tail)
                } else {
                    behind
                };
                assert_eq!(bit_position(&bytes, wanted, Some(open)), expected, "seed {seed}");
            }
        }
    }

    #[test]
    fn extreme_ranges_are_clamped() {
        let bytes = [0xff, 0x0f];
        assert_eq!(count_range(&bytes, i64::MIN, i64::MAX, RangeUnit::Bit), 12);
        assert_eq!(count_range(&bytes, -5, -9, RangeUnit::Byte), 0);
        assert_eq!(count_range(&bytes, i64::MAX, i64::MAX, RangeUnit::Byte), 0);
        assert_eq!(count_range(&[], 0, -1, RangeUnit::Byte), 0);
        assert_eq!(bit_position(&[], false, None), -1);
        assert_eq!(bit_position(&[0xff; 3], false, None), 24);
        assert_eq!(bit_position(&[0; 3], true, None), -1);
    }

    #[test]
    fn single_bits_are_set_and_read_back() {
        let mut bytes = [0u8; 2];
        assert!(!set_bit(&mut bytes, 7, true));
        assert!(set_bit(&mut bytes, 7, true));
        assert_eq!(bytes, [1, 0]);
        assert!(set_bit(&mut bytes, 7, false));
        assert!(!set_bit(&mut bytes, 16, true) && !get_bit(&bytes, 16) && !get_bit(&bytes, u64::MAX));
        assert_eq!(bytes, [0, 0]);
    }

    #[test]
    fn combining_matches_a_walk_over_the_bytes() {
        for seed in 0..500 {
            let mut random = Prng::from_seed(seed);
            let inputs: Vec<Vec<u8>> = (0..=random.below(5))
                .map(|_| random_bytes(&mut random, 30))
                .collect();
            let slices: Vec<&[u8]> = inputs.iter().map(Vec::as_slice).collect();
            let len = inputs.iter().map(Vec::len).max().unwrap_or(0);
            let fold = |start: Option<u8>, step: fn(u8, u8) -> u8| -> Vec<u8> {
                let column = |at: usize| {
                    inputs
                        .iter()
                        .map(move |input| input.get(at).copied().unwrap_or(0))
                };
                (0..len)
                    .map(|at| column(at).fold(start.unwrap_or(0), step))
                    .collect()
            };
            assert_eq!(combine(BitOp::And, &slices), fold(Some(0xff), |a, b| a & b));
            assert_eq!(combine(BitOp::Or, &slices), fold(None, |a, b| a | b));
            assert_eq!(combine(BitOp::Xor, &slices), fold(None, |a, b| a ^ b));
            let inverted: Vec<u8> = inputs[0].iter().map(|byte| !byte).collect();
            assert_eq!(combine(BitOp::Not, &slices[..1]), inverted);
        }
        assert_eq!(combine(BitOp::And, &[]), b"");
    }

    #[test]
    fn fields_match_their_bits_at_any_offset() {
        for seed in 0..3000 {
            let mut random = Prng::from_seed(seed);
            let signed = random.below(2) == 0;
            let bits = 1 + random.below(if signed { 64 } else { 63 }) as u32;
            let kind = FieldType::new(signed, bits).expect("a valid width");
            let mut bytes = random_bytes(&mut random, 20);
            let offset = random.below(bytes.len() as u64 * 8 + 20);
            let before = bytes.clone();
            let raw =
                (0..u64::from(bits)).fold(0u64, |raw, at| raw << 1 | u64::from(get_bit(&bytes, offset + at)));
            let negative = signed && raw >> (bits - 1) & 1 == 1;
            let expected = if negative {
                i128::from(raw) - (1 << bits)
            } else {
                i128::from(raw)
            };
            assert_eq!(
                i128::from(get_field(&bytes, offset, kind)),
                expected,
                "seed {seed}"
            );

            let value = random.next_u64() as i64;
            set_field(&mut bytes, offset, kind, value);
            for at in 0..before.len() as u64 * 8 {
                let inside = at >= offset && at < offset + u64::from(bits);
                let expected = match inside {
                    true => value as u64 >> (u64::from(bits) - 1 - (at - offset)) & 1 == 1,
                    false => get_bit(&before, at),
                };
                assert_eq!(get_bit(&bytes, at), expected, "seed {seed}");
            }
        }
        let widest = FieldType::new(true, 64).expect("a valid width");
        assert_eq!(get_field(&[0xff], u64::MAX, widest), 0);
    }

    #[test]
    fn overflow_wraps_saturates_or_fails() {
        let kind = |text: &[u8]| FieldType::parse(text).expect("a valid type");
        use Overflow::*;
        assert_eq!(kind(b"u8").add(250, 10, Wrap), Some(4));
        assert_eq!(kind(b"u8").add(250, 10, Saturate), Some(255));
        assert_eq!(kind(b"u8").add(5, -10, Saturate), Some(0));
        assert_eq!(kind(b"u8").add(5, -10, Wrap), Some(251));
        assert_eq!(kind(b"u8").add(250, 10, Fail), None);
        assert_eq!(kind(b"u8").fit(-1, Saturate), Some(255));
        assert_eq!(kind(b"i8").add(120, 10, Wrap), Some(-126));
        assert_eq!(kind(b"i8").add(-120, -10, Saturate), Some(-128));
        assert_eq!(kind(b"i8").fit(-129, Fail), None);
        assert_eq!(kind(b"i64").add(i64::MAX, 1, Wrap), Some(i64::MIN));
        assert_eq!(kind(b"i64").add(i64::MIN, -1, Saturate), Some(i64::MIN));
        assert_eq!(kind(b"u63").add(i64::MAX, i64::MAX, Wrap), Some(i64::MAX - 1));
        assert_eq!(kind(b"i1").add(0, 1, Wrap), Some(-1));
    }

    #[test]
    fn field_types_are_read_strictly() {
        for text in [
            &b""[..],
            b"i",
            b"u0",
            b"i0",
            b"u64",
            b"i65",
            b"x8",
            b"i-1",
            b"i08",
            b"u8 ",
            b"u18446744073709551616",
        ] {
            assert_eq!(FieldType::parse(text), None, "{text:?}");
        }
        assert_eq!(FieldType::parse(b"i64").map(FieldType::bits), Some(64));
        assert_eq!(FieldType::parse(b"u63").map(FieldType::is_signed), Some(false));
    }
}
