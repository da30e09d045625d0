//! Random values written and read again, as payloads and as files; then the same bytes damaged.

#![allow(clippy::unwrap_used)] // a panic is how a test fails

use std::collections::BTreeMap;
use std::sync::Arc;

use flashdb_base::prng::Prng;
use flashdb_rdb::{
    Access, EncodeLimits, FileItem, FileReader, FileVersion, FileWriter, HashField, NeedsVersion,
    PendingEntry, RdbError, RdbValue, StreamConsumer, StreamEntry, StreamGroup, StreamId, StreamValue,
    ValueType, ZSetOrder, decode_dump, dump, dump_with, write_hash, write_value, write_zset,
};

fn text(prng: &mut Prng) -> Vec<u8> {
    match prng.below(12) {
        0 => prng.next_u64().to_string().into_bytes(),
        1..=3 => ((prng.next_u64() as i64) >> prng.below(64))
            .to_string()
            .into_bytes(),
        4 => vec![b'r'; prng.below(400) as usize],
        5 if prng.below(8) == 0 => (0..10_000).map(|_| prng.below(4) as u8).collect(),
        _ => (0..prng.below(80)).map(|_| prng.next_u64() as u8).collect(),
    }
}

fn size(prng: &mut Prng) -> usize {
    let most = [5, 40, 700][prng.below(3) as usize];
    1 + prng.below(most) as usize
}

fn names(prng: &mut Prng) -> Vec<Vec<u8>> {
    let integers = prng.below(4) == 0;
    let mut names = BTreeMap::new();
    for _ in 0..size(prng) {
        let name = if integers {
            prng.below(1 << 40).to_string().into_bytes()
        } else {
            text(prng)
        };
        names.insert(name, ());
    }
    names.into_keys().collect()
}

fn stream(prng: &mut Prng) -> StreamValue {
    let mut stream = StreamValue::default();
    let usual: Arc<[Vec<u8>]> = vec![b"name".to_vec(), b"7".to_vec()].into();
    let mut id = StreamId {
        ms: prng.below(1 << 50),
        seq: prng.below(3),
    };
    for _ in 0..prng.below(400) {
        id = if prng.below(3) == 0 {
            StreamId {
                ms: id.ms + 1 + prng.below(1000),
                seq: prng.below(3),
            }
        } else {
            StreamId {
                seq: id.seq + 1,
                ..id
            }
        };
        let names = if prng.below(4) > 0 {
            usual.clone()
        } else {
            (0..=prng.below(4)).map(|_| text(prng)).collect()
        };
        let values = names.iter().map(|_| text(prng)).collect();
        stream.entries.push(StreamEntry { id, names, values });
    }
    stream.first_id = stream.entries.first().map_or(StreamId::ZERO, |entry| entry.id);
    stream.last_id = StreamId {
        seq: id.seq + prng.below(2),
        ..id
    };
    // XSETID sets the last id of an empty stream back behind what was deleted (found by simulated crashes, seed 1297).
    let beyond = StreamId {
        ms: stream.last_id.ms + 1,
        seq: 0,
    };
    stream.max_deleted_id = [StreamId::ZERO, stream.last_id, beyond][prng.below(3) as usize];
    stream.entries_added = stream.entries.len() as u64 + prng.below(10);
    for group in 0..prng.below(4) {
        let consumers: Vec<_> = (0..prng.below(4))
            .map(|i| StreamConsumer {
                name: format!("consumer-{i}").into_bytes(),
                seen_time_ms: prng.below(1 << 42),
                active_time_ms: (prng.below(2) == 0).then(|| prng.below(1 << 42)),
            })
            .collect();
        let mut pending = Vec::new();
        for entry in stream.entries.iter().filter(|_| !consumers.is_empty()) {
            if prng.below(3) == 0 {
                let consumer = prng.below(consumers.len() as u64) as usize;
                let (delivery_time_ms, delivery_count) = (prng.below(1 << 42), prng.below(1 << 20));
                pending.push(PendingEntry {
                    id: entry.id,
                    consumer,
                    delivery_time_ms,
                    delivery_count,
                });
            }
        }
        let name = format!("group-{group}").into_bytes();
        let entries_read = (prng.below(2) == 0).then(|| prng.below(1000));
        stream.groups.push(StreamGroup {
            name,
            last_id: id,
            entries_read,
            pending,
            consumers,
        });
    }
    stream
}

fn score(prng: &mut Prng) -> f64 {
    match prng.below(6) {
        0 => f64::INFINITY,
        1 => f64::NEG_INFINITY,
        2 => f64::from_bits(prng.next_u64() & !(0x7ff << 52) | (prng.below(0x7ff) << 52)),
        3 => prng.below(1000) as f64 / 8.0,
        _ => (prng.next_u64() as i64 >> prng.below(64)) as f64,
    }
}

fn value(prng: &mut Prng) -> RdbValue {
    match prng.below(6) {
        0 => RdbValue::String(text(prng)),
        1 => RdbValue::List((0..size(prng)).map(|_| text(prng)).collect()),
        2 => RdbValue::Set(names(prng)),
        3 => {
            let expiring = prng.below(3) == 0;
            let field = |field| HashField {
                field,
                value: text(prng),
                expire_at_ms: (expiring && prng.below(2) == 0).then(|| prng.below(1 << 46)),
            };
            RdbValue::Hash(names(&mut Prng::from_seed(9)).into_iter().map(field).collect())
        }
        4 => RdbValue::ZSet(names(prng).into_iter().map(|name| (name, score(prng))).collect()),
        _ => RdbValue::Stream(stream(prng)),
    }
}

/// Unordered collections in order, so that values can be compared.
fn canonical(mut value: RdbValue) -> RdbValue {
    match &mut value {
        RdbValue::Set(members) => members.sort(),
        RdbValue::Hash(fields) => fields.sort_by(|a, b| a.field.cmp(&b.field)),
        RdbValue::ZSet(members) => members.sort_by(|a, b| a.0.cmp(&b.0)),
        _ => {}
    }
    value
}

fn limits(prng: &mut Prng) -> EncodeLimits {
    let mut limits = EncodeLimits {
        compress: prng.below(2) == 0,
        ..EncodeLimits::default()
    };
    if prng.below(3) == 0 {
        limits.list_node_bytes = prng.below(100) as usize;
        limits.stream_node_entries = 1 + prng.below(5) as usize;
        limits.set_packed_value_bytes = 100_000;
        limits.zset_packed_entries = 0;
        limits.set_integers = 0;
    }
    limits
}

#[test]
fn payloads() {
    let mut prng = Prng::from_seed(51);
    for _ in 0..400 {
        let value = value(&mut prng);
        let payload = dump(&value, &limits(&mut prng));
        let decoded = decode_dump(&payload).unwrap_or_else(|error| panic!("{error}: {value:?}"));
        assert_eq!(canonical(decoded), canonical(value));
    }
}

#[test]
fn files() {
    let mut prng = Prng::from_seed(52);
    let mut writer = FileWriter::new(Vec::new(), true);
    writer.aux(b"redis-ver", b"7.4.0").unwrap();
    writer.function(b"#!lua name=x").unwrap();
    let mut expected = vec![
        FileItem::Aux {
            name: b"redis-ver".to_vec(),
            value: b"7.4.0".to_vec(),
        },
        FileItem::Function(b"#!lua name=x".to_vec()),
    ];
    for db in 0..3u64 {
        writer.select_db(db, 60, 30).unwrap();
        expected.extend([
            FileItem::SelectDb(db),
            FileItem::ResizeDb {
                keys: 60,
                expiring: 30,
            },
        ]);
        for key in 0..60 {
            let key = format!("{db}:{key}").into_bytes();
            let value = canonical(value(&mut prng));
            let expire_at_ms = (prng.below(2) == 0).then(|| prng.below(1 << 45));
            let access = [
                None,
                Some(Access::IdleSeconds(prng.below(1 << 20))),
                Some(Access::Frequency(prng.next_u64() as u8)),
            ][prng.below(3) as usize];
            let limits = limits(&mut prng);
            writer
                .entry(&key, expire_at_ms, access, |out| {
                    write_value(out, &value, &limits)
                })
                .unwrap();
            expected.push(FileItem::Entry(flashdb_rdb::Entry {
                key,
                value,
                expire_at_ms,
                access,
            }));
        }
    }
    expected.push(FileItem::End { verified: true });
    let mut file = writer.finish().unwrap();
    let length = file.len();
    file.extend_from_slice(b"what follows");
    let mut reader = FileReader::new(&file[..]).unwrap();
    let items: Vec<_> = reader
        .by_ref()
        .map(|item| match item.unwrap() {
            FileItem::Entry(entry) => FileItem::Entry(flashdb_rdb::Entry {
                value: canonical(entry.value),
                ..entry
            }),
            other => other,
        })
        .collect();
    assert!(items == expected);
    assert_eq!(reader.offset(), length as u64);
    let (mut rest, behind) = reader.into_rest();
    rest.extend_from_slice(behind);
    assert_eq!(rest, b"what follows");

    // Damage is found, if not before then by the checksum; a cut always is.
    for _ in 0..60 {
        let mut bad = file[..length].to_vec();
        let at = 9 + prng.below(length as u64 - 9) as usize;
        bad[at] ^= 1 << prng.below(8);
        let good = FileReader::new(&bad[..])
            .unwrap()
            .any(|item| matches!(item, Ok(FileItem::End { verified: true })));
        assert!(!good, "byte {at}");
        let cut = FileReader::new(&file[..at]).unwrap().last();
        assert!(matches!(cut, Some(Err(_))), "cut at {at}");
    }
}

/// A file of an older version holds nothing that its servers do not know, and says so instead.
#[test]
fn files_of_each_version() {
    let mut prng = Prng::from_seed(54);
    for version in [FileVersion::V10, FileVersion::V11, FileVersion::V12] {
        let mut writer = FileWriter::with_version(Vec::new(), version, true);
        let mut expected = Vec::new();
        for key in 0..60 {
            let key = format!("{key}").into_bytes();
            let mut value = value(&mut prng);
            let limits = EncodeLimits {
                version,
                ..limits(&mut prng)
            };
            let outcome = writer
                .entry_if_fits(&key, Some(9), None, |out| write_value(out, &value, &limits))
                .unwrap();
            let expires = matches!(&value, RdbValue::Hash(fields) if fields.iter().any(|field| field.expire_at_ms.is_some()));
            assert_eq!(outcome.is_err(), expires && version < FileVersion::V12);
            if outcome.is_err() {
                let needed = FileVersion::V12;
                assert_eq!(outcome, Err(NeedsVersion { needed, version }));
                let again = writer.entry(&key, None, None, |out| write_value(out, &value, &limits));
                assert_eq!(again.unwrap_err().kind(), std::io::ErrorKind::Unsupported);
                continue;
            }
            if let (RdbValue::Stream(stream), FileVersion::V10) = (&mut value, version) {
                let consumers = stream.groups.iter_mut().flat_map(|group| &mut group.consumers);
                consumers.for_each(|consumer| consumer.active_time_ms = Some(consumer.seen_time_ms));
            }
            expected.push((key, canonical(value)));
        }
        let file = writer.finish().unwrap();
        let reader = FileReader::new(&file[..]).unwrap();
        assert_eq!(reader.version(), u32::from(version.number()));
        assert_eq!(FileVersion::from_number(reader.version()), Some(version));
        let entries = reader.filter_map(|item| match item.unwrap() {
            FileItem::Entry(entry) => Some((entry.key, canonical(entry.value))),
            _ => None,
        });
        assert!(entries.eq(expected));
    }
}

/// Any bytes give a value or an error: no panic, no hang, no memory beyond measure.
#[test]
fn damaged_payloads() {
    let mut prng = Prng::from_seed(53);
    let mut payloads: Vec<Vec<u8>> = Vec::new();
    while payloads.len() < 60 {
        let payload = dump(&value(&mut prng), &limits(&mut prng));
        if payload.len() < 3_000 {
            payloads.push(payload);
        }
    }
    let (mut accepted, mut refused) = (0, 0);
    for case in 0..20_000u64 {
        let mut bytes = payloads[(case % 60) as usize].clone();
        match prng.below(4) {
            0 => bytes.truncate(prng.below(bytes.len() as u64) as usize),
            1 => bytes = (0..prng.below(60)).map(|_| prng.next_u64() as u8).collect(),
            _ => {
                for _ in 0..=prng.below(3) {
                    let at = prng.below(bytes.len() as u64 - 10) as usize;
                    bytes[at] = match prng.below(3) {
                        0 => bytes[at] ^ (1 << prng.below(8)),
                        1 => [0, 0x7f, 0x80, 0x81, 0xc3, 0xfe, 0xff][prng.below(7) as usize],
                        _ => prng.next_u64() as u8,
                    };
                }
            }
        }
        if !bytes.is_empty() && prng.below(3) == 0 {
            bytes[0] = prng.below(28) as u8;
        }
        // The checksum would refuse nearly all of it before the decoder sees it.
        let body = bytes[..bytes.len().saturating_sub(10)].to_vec();
        let payload = dump_with(|out| {
            out.extend_from_slice(body.get(1..).unwrap_or_default());
            ValueType(body.first().copied().unwrap_or(0))
        });
        match decode_dump(&payload) {
            Ok(value) => {
                accepted += 1;
                // What was accepted keeps the promises of the neutral form, so it can be written again.
                let again = decode_dump(&dump(&value, &EncodeLimits::default())).unwrap();
                assert_eq!(
                    format!("{:?}", canonical(again)),
                    format!("{:?}", canonical(value))
                );
            }
            Err(_) => refused += 1,
        }
        assert!(decode_dump(&bytes).is_err() || bytes == payloads[(case % 60) as usize]);
    }
    assert!(accepted > 500 && refused > 10_000, "{accepted} {refused}");
}

#[test]
fn versions() {
    let plain = dump(&RdbValue::String(b"x".to_vec()), &EncodeLimits::default());
    assert_eq!(plain[3..5], [11, 0]);
    let field = (&b"f"[..], &b"v"[..], Some(1_000));
    let expiring = dump_with(|out| write_hash(out, [field].into_iter(), &EncodeLimits::default()));
    assert_eq!(expiring[expiring.len() - 10..][..2], [12, 0]);
    for (version, good) in [
        (1u16, true),
        (12, true),
        (15, true),
        (16, false),
        (79, false),
        (80, true),
        (81, true),
        (82, false),
    ] {
        let mut payload = plain[..3].to_vec();
        payload.extend_from_slice(&version.to_le_bytes());
        let checksum = flashdb_base::crc::crc64(0, &payload);
        payload.extend_from_slice(&checksum.to_le_bytes());
        assert_eq!(decode_dump(&payload).is_ok(), good, "{version}");
    }
    let mut damaged = plain.clone();
    damaged[1] ^= 1;
    let error = decode_dump(&damaged).unwrap_err();
    assert!(matches!(error, RdbError::Checksum));
    assert_eq!(
        error.restore_message(),
        "DUMP payload version or checksum are wrong"
    );
    assert_eq!(
        decode_dump(b"").unwrap_err().restore_message(),
        "DUMP payload version or checksum are wrong"
    );
}

/// A sorted set in arbitrary order is not packed, since that form promises order.
#[test]
fn unordered_sorted_sets() {
    let members = [(&b"b"[..], 2.0), (&b"a"[..], 1.0)];
    let write =
        |order| dump_with(|out| write_zset(out, members.into_iter(), order, &EncodeLimits::default()));
    assert_eq!(
        (write(ZSetOrder::Any)[0], write(ZSetOrder::Ascending)[0]),
        (5, 17)
    );
}
