//! The two checksums of Redis's outside formats: CRC16/XMODEM, which maps a key to its cluster slot, and the reflected
//! CRC64 with the "Jones" polynomial, which closes RDB files and DUMP payloads.
//!
//! Both run by slicing over eight bytes a step; the tables are built at compile time (4 KiB and 16 KiB).

/// Number of slots of Redis Cluster's key space.
pub const SLOTS: u16 = 16_384;

const CRC16_POLYNOMIAL: u16 = 0x1021;
/// Jones's polynomial 0xad93d23594c935a9 with its bits reversed, for the right-shifting form.
const CRC64_POLYNOMIAL: u64 = 0xad93_d235_94c9_35a9_u64.reverse_bits();

/// `CRC16[k][b]` is the checksum of byte `b` followed by `k` zero bytes; the same for `CRC64`.
static CRC16: [[u16; 256]; 8] = crc16_tables();
static CRC64: [[u64; 256]; 8] = crc64_tables();

/// CRC16/XMODEM: polynomial 0x1021, start 0, not reflected.
#[inline]
pub fn crc16(bytes: &[u8]) -> u16 {
    let mut crc = 0u16;
    let (chunks, rest) = bytes.as_chunks::<8>();
    for chunk in chunks {
        let [high, low] = crc.to_be_bytes();
        crc = CRC16[7][usize::from(chunk[0] ^ high)]
            ^ CRC16[6][usize::from(chunk[1] ^ low)]
            ^ CRC16[5][usize::from(chunk[2])]
            ^ CRC16[4][usize::from(chunk[3])]
            ^ CRC16[3][usize::from(chunk[4])]
            ^ CRC16[2][usize::from(chunk[5])]
            ^ CRC16[1][usize::from(chunk[6])]
            ^ CRC16[0][usize::from(chunk[7])];
    }
    for &byte in rest {
        crc = (crc << 8) ^ CRC16[0][usize::from((crc >> 8) as u8 ^ byte)];
    }
    crc
}

/// The cluster slot of a key, in `0..SLOTS`: the checksum of its hash tag if it has one, else of the whole key.
#[inline]
pub fn key_slot(key: &[u8]) -> u16 {
    crc16(hash_tag(key)) & (SLOTS - 1)
}

/// The part of the key that decides its slot: what stands between the first `{` and the first `}` after it, if there is
/// at least one byte; otherwise the whole key.
#[inline]
pub fn hash_tag(key: &[u8]) -> &[u8] {
    if !has_brace(key) {
        return key;
    }
    let Some(open) = key.iter().position(|&byte| byte == b'{') else {
        return key;
    };
    let after = &key[open + 1..];
    match after.iter().position(|&byte| byte == b'}') {
        Some(close) if close > 0 => &after[..close],
        _ => key,
    }
}

/// Whether there is a `{`, eight bytes at a time: most keys have none, and every request asks.
#[inline]
fn has_brace(key: &[u8]) -> bool {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let (chunks, rest) = key.as_chunks::<8>();
    let found = chunks.iter().fold(0, |found, chunk| {
        let other = u64::from_le_bytes(*chunk) ^ (EACH * b'{' as u64);
        // Sets the top bit of a byte that is zero, and never one where no byte is.
        found | (other.wrapping_sub(EACH) & !other & (EACH << 7))
    });
    found != 0 || rest.contains(&b'{')
}

/// CRC64 of `bytes`, going on from `crc` (0 to start): `crc64(crc64(0, a), b)` is the checksum of `a` and `b` joined.
pub fn crc64(mut crc: u64, bytes: &[u8]) -> u64 {
    let (chunks, rest) = bytes.as_chunks::<8>();
    for chunk in chunks {
        let mixed = (crc ^ u64::from_le_bytes(*chunk)).to_le_bytes();
        crc = CRC64[7][usize::from(mixed[0])]
            ^ CRC64[6][usize::from(mixed[1])]
            ^ CRC64[5][usize::from(mixed[2])]
            ^ CRC64[4][usize::from(mixed[3])]
            ^ CRC64[3][usize::from(mixed[4])]
            ^ CRC64[2][usize::from(mixed[5])]
            ^ CRC64[1][usize::from(mixed[6])]
            ^ CRC64[0][usize::from(mixed[7])];
    }
    for &byte in rest {
        crc = (crc >> 8) ^ CRC64[0][usize::from(crc as u8 ^ byte)];
    }
    crc
}

const fn crc16_tables() -> [[u16; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 != 0 {
                (crc << 1) ^ CRC16_POLYNOMIAL
            } else {
                crc << 1
            };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut zeros = 1;
    while zeros < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before: u16 = tables[zeros - 1][byte];
            tables[zeros][byte] = (before << 8) ^ tables[0][(before >> 8) as usize];
            byte += 1;
        }
        zeros += 1;
    }
    tables
}

const fn crc64_tables() -> [[u64; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 != 0 {
                (crc >> 1) ^ CRC64_POLYNOMIAL
            } else {
                crc >> 1
            };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut zeros = 1;
    while zeros < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before: u64 = tables[zeros - 1][byte];
            tables[zeros][byte] = (before >> 8) ^ tables[0][(before & 0xff) as usize];
            byte += 1;
        }
        zeros += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prng::Prng;

    fn crc16_by_bits(bytes: &[u8]) -> u16 {
        bytes.iter().fold(0, |crc, &byte| {
            (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| {
                if crc & 0x8000 != 0 {
                    (crc << 1) ^ CRC16_POLYNOMIAL
                } else {
                    crc << 1
                }
            })
        })
    }

    fn crc64_by_bits(bytes: &[u8]) -> u64 {
        bytes.iter().fold(0, |crc, &byte| {
            (0..8).fold(crc ^ u64::from(byte), |crc, _| {
                if crc & 1 != 0 {
                    (crc >> 1) ^ CRC64_POLYNOMIAL
                } else {
                    crc >> 1
                }
            })
        })
    }

    #[test]
    fn check_values() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(crc64(0, b"123456789"), 0xe9c6_d914_c4b8_d9ca);
    }

    #[test]
    fn agrees_with_the_bitwise_form_at_every_length() {
        let mut prng = Prng::from_seed(3);
        let mut bytes = [0u8; 70];
        for length in 0..bytes.len() {
            prng.fill(&mut bytes);
            let slice = &bytes[..length];
            assert_eq!(crc16(slice), crc16_by_bits(slice));
            assert_eq!(crc64(0, slice), crc64_by_bits(slice));
            let cut = prng.below(length as u64 + 1) as usize;
            assert_eq!(
                crc64(crc64(0, &slice[..cut]), &slice[cut..]),
                crc64_by_bits(slice)
            );
        }
    }

    #[test]
    fn slots() {
        assert_eq!(key_slot(b"foo"), 12_182);
        assert_eq!(key_slot(b"bar"), 5_061);
        assert_eq!(key_slot(b""), 0);
        assert_eq!(
            key_slot(b"{user1000}.following"),
            key_slot(b"{user1000}.followers")
        );
        assert_eq!(key_slot(b"{user1000}.x"), key_slot(b"user1000"));
    }

    #[test]
    fn hash_tags() {
        assert_eq!(hash_tag(b"foo{}{bar}"), b"foo{}{bar}");
        assert_eq!(hash_tag(b"foo{{bar}}zap"), b"{bar");
        assert_eq!(hash_tag(b"foo{bar}{zap}"), b"bar");
        assert_eq!(hash_tag(b"foo{bar"), b"foo{bar");
        assert_eq!(hash_tag(b"}foo{a}"), b"a");
        assert_eq!(hash_tag(b"{"), b"{");
    }
}
