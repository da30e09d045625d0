//! Append-only files built by hand: whole, torn at every byte, damaged at random, and in several files.

#![allow(clippy::unwrap_used)] // a panic is how a test fails

use std::fs;
use std::io::Cursor;
use std::path::PathBuf;

use flashdb_base::args::OwnedArgs;
use flashdb_base::prng::Prng;
use flashdb_rdb::aof::{AofError, AofFault, AofFileReader, AofItem, AofReader, Dropped, DroppedEnd};
use flashdb_rdb::{EncodeLimits, FileItem, FileWriter, write_string_value};

fn command(words: &[&[u8]]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
    out
}

fn line(text: &str) -> Vec<u8> {
    command(&text.split(' ').map(str::as_bytes).collect::<Vec<_>>())
}

fn item(text: &str) -> AofItem {
    AofItem::Command(OwnedArgs::from_words(text.split(' ').map(str::as_bytes)))
}

fn read(bytes: &[u8], may_be_torn: bool) -> Vec<Result<AofItem, AofFault>> {
    AofFileReader::new(Cursor::new(bytes), may_be_torn)
        .unwrap()
        .collect()
}

fn items(bytes: &[u8]) -> Vec<AofItem> {
    read(bytes, true).into_iter().map(Result::unwrap).collect()
}

/// The parts of a file with all that may be in one, each with what it gives.
fn parts() -> Vec<(Vec<u8>, Vec<AofItem>)> {
    let group = ["MULTI", "SET b 2", "select 5", "SET c 3", "exec"]
        .map(line)
        .concat();
    vec![
        (line("SELECT 2"), vec![AofItem::SelectDb(2)]),
        (
            [b"#TS:1700000000\r\n".to_vec(), line("SET a 1")].concat(),
            vec![item("SET a 1")],
        ),
        (
            group,
            vec![
                AofItem::GroupBegin,
                item("SET b 2"),
                AofItem::SelectDb(5),
                item("SET c 3"),
                AofItem::GroupEnd,
            ],
        ),
        (
            command(&[b"SET", b"", b"\r\n*1\r\n"]),
            vec![AofItem::Command(OwnedArgs::from_words([
                &b"SET"[..],
                b"",
                b"\r\n*1\r\n",
            ]))],
        ),
        (line("MULTI queued"), vec![item("MULTI queued")]),
    ]
}

#[test]
fn whole_files() {
    let bytes: Vec<u8> = parts().into_iter().flat_map(|(bytes, _)| bytes).collect();
    let mut expected = vec![AofItem::SelectDb(0)];
    expected.extend(parts().into_iter().flat_map(|(_, items)| items));
    assert_eq!(items(&bytes), expected);
    assert_eq!(items(b""), []);
    assert_eq!(items(b"#TS:1\r\n"), []);
}

#[test]
fn torn_at_every_byte() {
    let parts = parts();
    let whole: Vec<u8> = parts.iter().flat_map(|(bytes, _)| bytes.clone()).collect();
    for cut in 0..whole.len() {
        let mut expected = Vec::new();
        let mut start = 0;
        for (bytes, items) in &parts {
            if start < cut && expected.is_empty() && !(bytes.starts_with(b"#") && cut - start < 16) {
                expected.push(AofItem::SelectDb(0));
            }
            if start + bytes.len() > cut {
                break;
            }
            expected.extend(items.iter().cloned());
            start += bytes.len();
        }
        let given = items(&whole[..cut]);
        let tail = &given[expected.len().min(given.len())..];
        assert_eq!(given[..given.len() - tail.len()], expected, "cut at {cut}");
        match tail {
            [] => assert!(
                cut == start || whole[..cut].ends_with(b"#TS:1700000000\r\n"),
                "cut at {cut}"
            ),
            [AofItem::Dropped(dropped)] => {
                assert_eq!(dropped.offset + dropped.bytes, cut as u64, "cut at {cut}");
                assert!(dropped.offset >= start as u64, "cut at {cut}");
                // Not the last file: an error.
                let error = read(&whole[..cut], false).pop().unwrap().unwrap_err();
                assert!(matches!(error, AofFault::Format(_)));
            }
            other => panic!("cut at {cut}: {other:?}"),
        }
    }
}

#[test]
fn torn_groups_and_zero_bytes() {
    let group = ["MULTI", "SET b 2", "SET c 3"].map(line).concat();
    let bytes = [line("SET a 1"), group.clone()].concat();
    let dropped = |offset: usize, bytes: usize, what| {
        AofItem::Dropped(Dropped {
            offset: offset as u64,
            bytes: bytes as u64,
            what,
        })
    };
    let start = line("SET a 1").len();
    let end = dropped(start, group.len(), DroppedEnd::Group { commands: 2 });
    assert_eq!(items(&bytes), [AofItem::SelectDb(0), item("SET a 1"), end]);
    let zeros = [line("SET a 1"), vec![0; 300_000]].concat();
    let end = dropped(start, 300_000, DroppedEnd::Zeros);
    assert_eq!(
        items(&zeros),
        [AofItem::SelectDb(0), item("SET a 1"), end.clone()]
    );
    let AofItem::Dropped(end) = end else {
        unreachable!()
    };
    assert_eq!(
        end.to_string(),
        format!("zero bytes at the end, dropped: 300000 bytes from byte {start} on")
    );
    // Zeros behind which something follows are damage.
    let damage = [&zeros[..], b"*"].concat();
    assert!(read(&damage, true).pop().unwrap().is_err());
}

/// A group larger than any buffer is given out whole, or not at all.
#[test]
fn large_groups_and_words() {
    let word = vec![b'w'; 700_000];
    let one = command(&[b"SET", b"key", &word]);
    let mut bytes = line("MULTI");
    for _ in 0..5 {
        bytes.extend_from_slice(&one);
    }
    assert!(matches!(
        items(&bytes)[..],
        [
            AofItem::SelectDb(0),
            AofItem::Dropped(Dropped {
                offset: 0,
                what: DroppedEnd::Group { commands: 5 },
                ..
            })
        ]
    ));
    bytes.extend_from_slice(&line("EXEC"));
    let given = items(&bytes);
    assert_eq!(given.len(), 8);
    let AofItem::Command(args) = &given[4] else {
        panic!("a command")
    };
    assert_eq!(args.as_args().at(2), word);
}

#[test]
fn damage_has_its_place() {
    let good = line("SET a 1");
    for bad in [
        &b"x"[..],
        b"SET a 1\r\n",
        b"*0\r\n",
        b"*-1\r\n",
        b"*1048577\r\n",
        b"*1\n$4\r\nPING\r\n",
        b"*1\r\n:4\r\nPING\r\n",
        b"*1\r\n$5\r\nPING\r\n*1\r\n$4\r\nPING\r\n",
        b"*1\r\n$3\r\nPING\r\n",
        b"*1\r\n$-1\r\n",
        b"*1\r\n$536870913\r\n",
        b"*99999999999999999999999\r\n",
        b"*999999999999999999999999999999999999999999999\r\n",
        b"*2\r\n$6\r\nSELECT\r\n$1\r\nx\r\n",
        b"*1\r\n$6\r\nSELECT\r\n",
        b"*1\r\n$4\r\nEXEC\r\n",
        b"*1\r\n$5\r\nMULTI\r\n*1\r\n$5\r\nMULTI\r\n",
        b"*1\r\n$5\r\nMULTI\r\n*1\r\n$x\r\n",
    ] {
        let bytes = [&good[..], bad, &good].concat();
        let mut reader = AofFileReader::new(Cursor::new(&bytes), true).unwrap();
        assert_eq!(reader.by_ref().take(2).filter(Result::is_ok).count(), 2);
        let error = reader.next().unwrap();
        assert!(
            matches!(error, Err(AofFault::Format(_))),
            "{}: {error:?}",
            bad.escape_ascii()
        );
        let offset = reader.offset() as usize;
        assert!((good.len()..good.len() + bad.len()).contains(&offset));
        assert!(reader.next().is_none());
    }
}

fn rdb(keys: u64) -> Vec<u8> {
    let mut writer = FileWriter::new(Vec::new(), true);
    writer.select_db(4, keys, 0).unwrap();
    for key in 0..keys {
        let key = key.to_string().into_bytes();
        let value = vec![b'v'; 100];
        writer
            .entry(&key, None, None, |out| {
                write_string_value(out, &value, &EncodeLimits::default())
            })
            .unwrap();
    }
    writer.finish().unwrap()
}

#[test]
fn rdb_at_the_start() {
    for keys in [0, 5_000] {
        let bytes = [rdb(keys), line("SET a 1")].concat();
        let given = items(&bytes);
        let entries = |item: &&AofItem| matches!(item, AofItem::Rdb(FileItem::Entry(_)));
        assert_eq!(given.iter().filter(entries).count() as u64, keys);
        let end = AofItem::Rdb(FileItem::End { verified: true });
        assert_eq!(
            given[given.len() - 3..],
            [end, AofItem::SelectDb(0), item("SET a 1")]
        );
        // Nothing makes up for a torn or damaged RDB part.
        let cut = rdb(keys).len() - 3;
        assert!(matches!(
            read(&bytes[..cut], true).pop(),
            Some(Err(AofFault::Rdb(_)))
        ));
    }
}

/// A folder of this test's own, removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, files: &[(&str, &[u8])]) -> Self {
        let path = std::env::temp_dir().join(format!("flashdb-aof-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        for (name, bytes) in files {
            fs::write(path.join(name), bytes).unwrap();
        }
        Self(path)
    }

    fn read(&self) -> Result<Vec<AofItem>, AofError> {
        AofReader::of_manifest(&self.0.join("a.manifest"))?.collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn several_files() {
    let manifest = b"file b seq 1 type b\nfile h seq 1 type h\nfile i seq 1 type i\nfile j seq 2 type i\n";
    let torn = [line("SET b 2"), b"*3\r\n$3\r".to_vec()].concat();
    let folder = Folder::new(
        "several",
        &[
            ("a.manifest", manifest),
            ("b", &rdb(1)),
            ("i", &line("SET a 1")),
            ("j", &torn),
        ],
    );
    let given = folder.read().unwrap();
    let files: Vec<_> = given
        .iter()
        .filter_map(|item| match item {
            AofItem::File { path, length } => Some((path.file_name().unwrap().to_str().unwrap(), *length)),
            _ => None,
        })
        .collect();
    assert_eq!(
        files,
        [
            ("b", rdb(1).len() as u64),
            ("i", line("SET a 1").len() as u64),
            ("j", torn.len() as u64)
        ]
    );
    assert!(matches!(given.last(), Some(AofItem::Dropped(_))));

    // The same end is damage in any file but the last; so is a file that is missing.
    fs::write(folder.0.join("i"), &torn).unwrap();
    let error = folder.read().unwrap_err();
    assert_eq!(
        (error.path.file_name().unwrap().to_str(), error.offset),
        (Some("i"), 27)
    );
    assert!(error.to_string().contains("is damaged at offset 27"), "{error}");
    fs::remove_file(folder.0.join("i")).unwrap();
    assert!(matches!(folder.read().unwrap_err().fault, AofFault::Io(_)));
    fs::remove_file(folder.0.join("a.manifest")).unwrap();
    assert!(matches!(folder.read().unwrap_err().fault, AofFault::Io(_)));
}

/// Any bytes give items and an end: no panic, no hang, nothing beyond what the file holds.
#[test]
fn damaged_files() {
    let mut prng = Prng::from_seed(71);
    let commands: Vec<u8> = parts().into_iter().flat_map(|(bytes, _)| bytes).collect();
    let originals = [commands.clone(), [rdb(20), commands].concat()];
    let (mut refused, mut torn, mut accepted) = (0, 0, 0);
    for case in 0..20_000 {
        let mut bytes = originals[case % 2].clone();
        if prng.below(4) == 0 {
            bytes.truncate(prng.below(bytes.len() as u64) as usize);
        }
        for _ in 0..prng.below(4) {
            if let Some(byte) = bytes
                .len()
                .checked_sub(1)
                .map(|last| prng.below(last as u64 + 1) as usize)
            {
                bytes[byte] = match prng.below(3) {
                    0 => bytes[byte] ^ (1 << prng.below(8)),
                    1 => b"*$\r\n019#\0"[prng.below(9) as usize],
                    _ => prng.next_u64() as u8,
                };
            }
        }
        let Ok(reader) = AofFileReader::new(Cursor::new(&bytes), true) else {
            refused += 1;
            continue;
        };
        let mut depth = 0;
        let mut last = None;
        for item in reader {
            match &item {
                Ok(AofItem::GroupBegin) => depth += 1,
                Ok(AofItem::GroupEnd) => depth -= 1,
                _ => {}
            }
            assert!((0..=1).contains(&depth));
            last = Some(item);
        }
        match last {
            Some(Err(_)) => refused += 1,
            Some(Ok(AofItem::Dropped(dropped))) => {
                assert_eq!(depth, 0);
                assert_eq!(dropped.offset + dropped.bytes, bytes.len() as u64);
                torn += 1;
            }
            _ => {
                assert_eq!(depth, 0);
                accepted += 1;
            }
        }
    }
    assert!(
        refused > 1_000 && torn > 1_000 && accepted > 1_000,
        "{refused} {torn} {accepted}"
    );
}
