//! LZF, the compression of RDB strings: literal runs and back references of up to 8 KiB.
//!
//! ```text
//! 000LLLLL + L+1 bytes                 literals
//! LLLooooo oooooooo         (L 1..6)   copy L+2 bytes from o+1 bytes back
//! 111ooooo LLLLLLLL oooooooo           copy L+9 bytes from o+1 bytes back
//! ```

/// Furthest distance of a reference.
const DISTANCE_MAX: usize = 1 << 13;
/// Longest copy of one reference.
const COPY_MAX: usize = 264;
const LITERALS_MAX: usize = 32;
/// Most bytes that one compressed byte can stand for: a copy of 264 from 3.
const EXPANSION_MAX: u64 = 88;
const HASH_BITS: u32 = 13;

/// Decompresses to exactly `length` bytes; `None` when the data says anything else.
///
/// Lengths that cannot come out of so few bytes are refused before anything is allocated.
pub(crate) fn decompress(compressed: &[u8], length: u64) -> Option<Vec<u8>> {
    if length == 0 || length > (compressed.len() as u64).saturating_mul(EXPANSION_MAX) {
        return None;
    }
    let length = usize::try_from(length).ok()?;
    let mut out = Vec::with_capacity(length);
    let mut rest = compressed;
    while let Some((&control, after)) = rest.split_first() {
        rest = after;
        let control = usize::from(control);
        if control < LITERALS_MAX {
            let (literals, after) = rest.split_at_checked(control + 1)?;
            if out.len() + literals.len() > length {
                return None;
            }
            out.extend_from_slice(literals);
            rest = after;
            continue;
        }
        let mut count = (control >> 5) + 2;
        if count == 9 {
            let (&more, after) = rest.split_first()?;
            count += usize::from(more);
            rest = after;
        }
        let (&low, after) = rest.split_first()?;
        rest = after;
        let distance = (control & 0x1f) << 8 | usize::from(low);
        copy_back(&mut out, distance + 1, count, length)?;
    }
    (out.len() == length).then_some(out)
}

/// Appends `count` bytes from `distance` bytes back; they may overlap what is being written.
fn copy_back(out: &mut Vec<u8>, distance: usize, count: usize, limit: usize) -> Option<()> {
    let from = out.len().checked_sub(distance)?;
    if out.len() + count > limit {
        return None;
    }
    if distance >= count {
        out.extend_from_within(from..from + count);
    } else {
        for i in from..from + count {
            out.push(out[i]);
        }
    }
    Some(())
}

/// Compresses; `None` unless at least four bytes are saved.
pub(crate) fn compress(text: &[u8]) -> Option<Vec<u8>> {
    let limit = text.len().checked_sub(4)?;
    // Position after the last text with this hash; 0 is none. Positions beyond 4 GiB are not compressed.
    u32::try_from(text.len()).ok()?;
    let mut seen = vec![0u32; 1 << HASH_BITS];
    let mut out = Vec::with_capacity(limit);
    let (mut at, mut literals_from) = (0, 0);
    while at + 2 < text.len() {
        let slot = &mut seen[hash3(&text[at..at + 3])];
        let candidate = std::mem::replace(slot, at as u32 + 1) as usize;
        let distance = (at + 1).wrapping_sub(candidate);
        let matches = candidate != 0
            && distance <= DISTANCE_MAX
            && text[candidate - 1..candidate + 2] == text[at..at + 3];
        if !matches {
            at += 1;
            // Give up early where nothing repeats, rather than at the end.
            if out.len() + (at - literals_from) > limit {
                return None;
            }
            continue;
        }
        write_literals(&mut out, &text[literals_from..at]);
        let count = common_length(&text[candidate - 1..], &text[at..]);
        write_reference(&mut out, distance, count);
        // Two more starts per match, so that repeats which overlap its end are found.
        let end = at + count;
        for position in end.saturating_sub(2).max(at + 1)..end.min(text.len().saturating_sub(2)) {
            seen[hash3(&text[position..position + 3])] = position as u32 + 1;
        }
        at = end;
        literals_from = end;
    }
    write_literals(&mut out, &text[literals_from..]);
    (out.len() <= limit).then_some(out)
}

fn hash3(bytes: &[u8]) -> usize {
    let value = u32::from(bytes[0]) << 16 | u32::from(bytes[1]) << 8 | u32::from(bytes[2]);
    (value.wrapping_mul(0x9e37_79b1) >> (32 - HASH_BITS)) as usize
}

fn common_length(earlier: &[u8], later: &[u8]) -> usize {
    earlier
        .iter()
        .zip(later)
        .take(COPY_MAX)
        .take_while(|(a, b)| a == b)
        .count()
}

fn write_literals(out: &mut Vec<u8>, literals: &[u8]) {
    for run in literals.chunks(LITERALS_MAX) {
        out.push(run.len() as u8 - 1);
        out.extend_from_slice(run);
    }
}

fn write_reference(out: &mut Vec<u8>, distance: usize, count: usize) {
    let offset = distance - 1;
    let high = (offset >> 8) as u8;
    if count < 9 {
        out.push((count as u8 - 2) << 5 | high);
    } else {
        out.push(7 << 5 | high);
        out.push((count - 9) as u8);
    }
    out.push(offset as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use flashdb_base::prng::Prng;

    #[test]
    fn round_trips() {
        let mut prng = Prng::from_seed(31);
        for case in 0..2_000 {
            let length = prng.below(if case % 50 == 0 { 100_000 } else { 600 }) as usize;
            let alphabet = [1, 2, 4, 26, 256][prng.below(5) as usize];
            let mut text: Vec<u8> = (0..length).map(|_| prng.below(alphabet) as u8).collect();
            if length > 100 && case % 3 == 0 {
                let repeat = text[..50].to_vec();
                text.extend_from_slice(&repeat);
            }
            if let Some(compressed) = compress(&text) {
                assert!(compressed.len() + 4 <= text.len());
                assert_eq!(
                    decompress(&compressed, text.len() as u64).as_deref(),
                    Some(&text[..])
                );
                assert_eq!(decompress(&compressed, text.len() as u64 - 1), None);
                assert_eq!(decompress(&compressed, text.len() as u64 + 1), None);
            }
        }
    }

    #[test]
    fn compresses_what_repeats() {
        assert!(compress(&[0; 100_000]).unwrap().len() < 1_200);
        assert!(compress("the same words, ".repeat(20).as_bytes()).unwrap().len() < 40);
        assert_eq!(compress(&(0..=255).collect::<Vec<u8>>()), None);
        assert_eq!(compress(b""), None);
        assert_eq!(compress(b"aaaa"), None);
    }

    #[test]
    fn reads_each_form() {
        assert_eq!(decompress(b"\x02abc", 3).unwrap(), b"abc");
        assert_eq!(decompress(b"\x00a\x20\x00", 4).unwrap(), b"aaaa");
        assert_eq!(decompress(b"\x00a\xe0\x01\x00", 11).unwrap(), b"aaaaaaaaaaa");
        assert_eq!(decompress(b"\x02abc\x20\x02", 6).unwrap(), b"abcabc");
    }

    #[test]
    fn refuses_nonsense() {
        for (bytes, length) in [
            (&b""[..], 0),
            (b"", 1),
            (b"\x02ab", 3),
            (b"\x00a\x20\x01", 4),
            (b"\x20\x00", 3),
            (b"\xe0", 9),
            (b"\xe0\x00", 9),
            (b"\x00a", u64::MAX),
            (b"\x00a\x20\x00", 3),
        ] {
            assert_eq!(decompress(bytes, length), None, "{bytes:?}");
        }
    }
}
