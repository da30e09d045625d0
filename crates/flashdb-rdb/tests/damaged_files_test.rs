//! RDB files damaged at random, without the checksum that would tell: items, then an end or an error, whatever the bytes.

#![allow(clippy::unwrap_used)] // a panic is how a test fails

use flashdb_base::prng::Prng;
use flashdb_rdb::{FileItem, FileReader};

/// Written by redis-server 7.0.15, with every type.
const REDIS: &[u8] = include_bytes!("fixtures/redis-7.0.rdb");

/// Built by hand: what only newer servers write, and what only modules do.
fn newer() -> Vec<u8> {
    let mut file = b"REDIS0015\xfe\x03\xfb\x05\x01\xf4\x01\x02\x03".to_vec();
    file.extend_from_slice(
        b"\xf2\x01\x01\x01f\x20\x01h\x01\x01v\xf2\x02\x02\x01a\x01b\x20\x01i\x02\x01v\xc0\x05",
    );
    file.extend_from_slice(b"\xf3\x01\x01\x02\x03\x04\x02\x05\x00\x00\x01k\x01v");
    file.extend_from_slice(b"\x1c\x01a\x02\x01\x09\x00\x01\0\0\0\0\0\0\0\0\x05\x03\x02hi");
    file.extend_from_slice(b"\xf7\x81\0\0\0\0\0\0\x04\x00\x02\x01\x05\x02hi\x00");
    file.extend_from_slice(
        b"\xfc\x00\x00\x00\x00\x00\x01\x00\x00\xf9\x05\x07\x01m\x81\0\0\0\0\0\0\x04\x00\x02\x09\x00",
    );
    file.extend_from_slice(b"\xf6\x03lib\x03LUA\x01\x01d\x04code");
    file.extend_from_slice(b"\x18\x01x\x00\x10\x00\x00\x00\x00\x00\x00\x02\x01\x01f\x01v\x00\x01g\x01w");
    file.extend_from_slice(
        b"\x04\x01y\x01\x01f\x01v\x03\x01z\x02\x01a\x033.5\x01b\xff\x02\x01s\x02\x01a\x01b",
    );
    file.push(0xff);
    file.extend_from_slice(&[0; 8]);
    file
}

fn valkey() -> Vec<u8> {
    let mut file = b"VALKEY080\xf3\x03job\x02\x01\x05\x07\x09\xfe\x00\x16\x01h\x01\x01f\x01v".to_vec();
    file.extend_from_slice(&1_000i64.to_le_bytes());
    file.extend_from_slice(b"\xff\0\0\0\0\0\0\0\0");
    file
}

fn without_checksum(file: &[u8]) -> Vec<u8> {
    [&file[..file.len() - 8], &[0; 8]].concat()
}

#[test]
fn any_bytes_come_to_an_end() {
    let originals = [without_checksum(REDIS), newer(), valkey()];
    for original in &originals {
        let last = FileReader::new(&original[..]).unwrap().last();
        assert!(
            matches!(last, Some(Ok(FileItem::End { verified: false }))),
            "{last:?}"
        );
    }
    let mut prng = Prng::from_seed(81);
    let (mut whole, mut refused) = (0, 0);
    for case in 0..6_000 {
        // The large one is slow, so it comes less often.
        let original = &originals[[1, 2, 1, 2, 1, 0][case % 6]];
        let mut bytes = original.clone();
        for _ in 0..=prng.below(3) {
            let at = 9 + prng.below(bytes.len() as u64 - 9) as usize;
            match prng.below(8) {
                0 => bytes.truncate(at.max(10)),
                1 => bytes[at] = b"\x00\x7f\x80\x81\xc3\xf2\xf3\xfb\xfe\xff"[prng.below(10) as usize],
                2 => bytes[at] = prng.below(36) as u8,
                3 => {
                    let from = 9 + prng.below(bytes.len() as u64 - 9) as usize;
                    let part = bytes[from..].iter().take(40).copied().collect::<Vec<_>>();
                    bytes.splice(at..at, part);
                }
                _ => bytes[at] ^= 1 << prng.below(8),
            }
        }
        let mut reader = FileReader::new(&bytes[..]).unwrap();
        // An item takes at least a byte, but one about a loss, of which an entry can have three.
        let items: Vec<_> = reader.by_ref().take(4 * bytes.len() + 4).collect();
        assert!(reader.next().is_none());
        match items.last() {
            Some(Ok(FileItem::End { .. })) => whole += 1,
            Some(Err(error)) => {
                assert!(error.offset <= bytes.len() as u64, "{error}");
                refused += 1;
            }
            other => panic!("no end: {other:?}"),
        }
    }
    assert!(whole > 500 && refused > 2_000, "{whole} {refused}");
}

/// Numbers of a file alone reserve nothing: each of these announces more than there is.
#[test]
fn announced_numbers() {
    let huge = b"\x81\x00\x00\x00\x00\xff\xff\xff\xff".as_slice();
    for start in [
        &b"\x00\x01k"[..],
        b"\x00",
        b"\x01\x01k",
        b"\x02\x01k",
        b"\x03\x01k",
        b"\x04\x01k",
        b"\x05\x01k",
        b"\x0e\x01k",
        b"\x0f\x01k",
        b"\x12\x01k",
        b"\x12\x01k\x01\x02",
        b"\x15\x01k",
        b"\x15\x01k\x00\x00\x00\x00\x00\x00\x00\x00\x00",
        b"\x18\x01k\0\0\0\0\0\0\0\0",
        b"\x1c\x01k",
        b"\xf2\x01",
        b"\xf3",
        b"\xf5",
        b"\xfa\x01a",
        b"\x00\x01k\xc3\x05",
        b"\x00\x01k\xc3",
    ] {
        let file = [b"REDIS0015", start, huge, &[1, b'a'][..]].concat();
        let items: Vec<_> = FileReader::new(&file[..]).unwrap().collect();
        assert!(
            matches!(items.last(), Some(Err(_))),
            "{}: {items:?}",
            start.escape_ascii()
        );
    }
}
