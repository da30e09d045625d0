//! Payloads and a file written by redis-server 7.0.15, read back to the values that were stored there.

#![allow(clippy::unwrap_used)] // a panic is how a test fails

use std::collections::{BTreeMap, BTreeSet};

use flashdb_rdb::{
    Entry, FileItem, FileReader, Flavor, PendingEntry, RdbValue, StreamId, StreamValue, decode_dump, dump,
};

const DUMPS: &str = include_str!("fixtures/redis-7.0-dumps.txt");
const FILE: &[u8] = include_bytes!("fixtures/redis-7.0.rdb");

fn fixtures() -> BTreeMap<&'static str, Vec<u8>> {
    let lines = DUMPS.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, hex) = line.split_once(' ').unwrap();
            let bytes = hex
                .as_bytes()
                .chunks(2)
                .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap());
            (name, bytes.collect())
        })
        .collect()
}

fn value(name: &str) -> RdbValue {
    decode_dump(&fixtures()[name]).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn list(elements: &[&str]) -> RdbValue {
    RdbValue::List(
        elements
            .iter()
            .map(|element| element.as_bytes().to_vec())
            .collect(),
    )
}

#[test]
fn strings() {
    for (name, expected) in [
        ("string-raw", "hello".to_owned()),
        ("string-empty", String::new()),
        ("string-int8", "-12".to_owned()),
        ("string-int16", "12345".to_owned()),
        ("string-int32", "-1234567890".to_owned()),
        ("string-int64", "1234567890123".to_owned()),
        ("string-lzf", "abcdefgh".repeat(100)),
    ] {
        assert_eq!(value(name), RdbValue::String(expected.into_bytes()), "{name}");
    }
}

#[test]
fn lists() {
    let long = "x".repeat(70);
    let packed = [
        "a",
        "-5",
        "100",
        "4000",
        "-70000",
        "8388607",
        "2147483648",
        "9223372036854775807",
        &long,
        "",
    ];
    assert_eq!(value("list-packed"), list(&packed));
    assert_eq!(value("list-plain"), list(&["small", &"y".repeat(9000), "tail"]));
    let RdbValue::List(elements) = value("list-nodes") else {
        panic!("a list")
    };
    assert_eq!(elements.len(), 1500);
    assert!(
        elements
            .iter()
            .enumerate()
            .all(|(i, element)| element == format!("element:{i}").as_bytes())
    );
}

#[test]
fn sets() {
    for (name, expected) in [
        ("set-int16", &["-2", "1", "3"][..]),
        ("set-int32", &["-100000", "100000"]),
        ("set-int64", &["0", "9223372036854775807"]),
        ("set-table", &["a", "b", "10"]),
    ] {
        let RdbValue::Set(members) = value(name) else {
            panic!("a set")
        };
        let expected: BTreeSet<_> = expected.iter().map(|member| member.as_bytes().to_vec()).collect();
        assert_eq!(members.len(), expected.len());
        assert_eq!(members.into_iter().collect::<BTreeSet<_>>(), expected, "{name}");
    }
}

#[test]
fn hashes() {
    for (name, expected) in [
        (
            "hash-packed",
            vec![
                ("f", "v".to_owned()),
                ("n", "42".to_owned()),
                ("long", "z".repeat(64)),
            ],
        ),
        ("hash-table", vec![("f", "v".to_owned()), ("big", "w".repeat(65))]),
    ] {
        let RdbValue::Hash(fields) = value(name) else {
            panic!("a hash")
        };
        assert!(fields.iter().all(|field| field.expire_at_ms.is_none()));
        let fields: BTreeMap<_, _> = fields
            .into_iter()
            .map(|field| (field.field, field.value))
            .collect();
        let expected = expected
            .into_iter()
            .map(|(field, value)| (field.as_bytes().to_vec(), value.into_bytes()));
        assert_eq!(fields, expected.collect(), "{name}");
    }
}

#[test]
fn sorted_sets() {
    let long = "m".repeat(65);
    for (name, expected) in [
        (
            "zset-packed",
            vec![
                ("low", f64::NEG_INFINITY),
                ("one", 1.0),
                ("mid", 2.5),
                ("far", 1e20),
                ("top", f64::INFINITY),
            ],
        ),
        (
            "zset-table",
            vec![("x", -7.0), (long.as_str(), 0.1), ("y", f64::INFINITY)],
        ),
    ] {
        let RdbValue::ZSet(mut members) = value(name) else {
            panic!("a sorted set")
        };
        members.sort_by(|(_, a), (_, b)| a.total_cmp(b));
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(member, score)| (member.as_bytes().to_vec(), score))
            .collect();
        assert_eq!(members, expected, "{name}");
    }
}

fn id(ms: u64, seq: u64) -> StreamId {
    StreamId { ms, seq }
}

fn check_stream(stream: &StreamValue) {
    assert_eq!(stream.entries.len(), 149);
    assert_eq!((stream.first_id, stream.last_id), (id(1000, 1), id(2000, 0)));
    assert_eq!((stream.max_deleted_id, stream.entries_added), (id(2000, 0), 151));
    for (entry, seq) in stream.entries.iter().zip((1..=150).filter(|&seq| seq != 5)) {
        assert_eq!(entry.id, id(1000, seq));
        let temperature = (seq - 1).to_string();
        let fields: Vec<_> = entry.fields().collect();
        assert_eq!(
            fields,
            [(&b"temperature"[..], temperature.as_bytes()), (b"unit", b"C")]
        );
    }
    let groups: Vec<_> = stream.groups.iter().map(|group| group.name.as_slice()).collect();
    assert_eq!(groups, [&b"idle"[..], b"workers"]);
    assert_eq!(stream.groups[0].last_id, id(2000, 0));
    let workers = &stream.groups[1];
    assert_eq!(workers.last_id, id(1000, 6));
    let consumers: Vec<_> = workers
        .consumers
        .iter()
        .map(|consumer| consumer.name.as_slice())
        .collect();
    assert_eq!(consumers, [&b"alice"[..], b"bob", b"carol"]);
    let pending = |entry: &PendingEntry| (entry.id.seq, entry.consumer, entry.delivery_count);
    assert_eq!(
        workers.pending.iter().map(pending).collect::<Vec<_>>(),
        [(1, 0, 1), (3, 0, 1), (4, 1, 1), (6, 1, 1)]
    );
    assert!(
        workers
            .pending
            .iter()
            .all(|entry| entry.delivery_time_ms > 1_600_000_000_000)
    );
}

#[test]
fn streams() {
    let RdbValue::Stream(stream) = value("stream") else {
        panic!("a stream")
    };
    check_stream(&stream);
    let RdbValue::Stream(empty) = value("stream-empty") else {
        panic!("a stream")
    };
    assert!(empty.entries.is_empty() && empty.groups.is_empty());
    assert_eq!(
        (empty.first_id, empty.last_id, empty.max_deleted_id),
        (StreamId::ZERO, id(5, 5), id(5, 5))
    );
    assert_eq!(empty.entries_added, 1);
}

/// What is written of a value that Redis wrote means the same.
#[test]
fn written_again() {
    for (name, payload) in fixtures() {
        let value = decode_dump(&payload).unwrap();
        assert_eq!(
            canonical(decode_dump(&dump(&value, &Default::default())).unwrap()),
            canonical(value),
            "{name}"
        );
    }
}

/// Unordered collections in order.
fn canonical(mut value: RdbValue) -> RdbValue {
    match &mut value {
        RdbValue::Set(members) => members.sort(),
        RdbValue::Hash(fields) => fields.sort_by(|a, b| a.field.cmp(&b.field)),
        RdbValue::ZSet(members) => members.sort_by(|a, b| a.0.cmp(&b.0)),
        _ => {}
    }
    value
}

#[test]
fn whole_file() {
    let reader = FileReader::new(FILE).unwrap();
    assert_eq!((reader.flavor(), reader.version()), (Flavor::Redis, 10));
    let items: Vec<_> = reader.map(|item| item.unwrap()).collect();
    assert_eq!(items.last(), Some(&FileItem::End { verified: true }));
    let version = FileItem::Aux {
        name: b"redis-ver".to_vec(),
        value: b"7.0.15".to_vec(),
    };
    assert!(items.contains(&version));
    assert!(items.contains(&FileItem::ResizeDb {
        keys: 20,
        expiring: 1
    }));
    let is_function =
        |item: &FileItem| matches!(item, FileItem::Function(source) if source.starts_with(b"#!lua name=lib"));
    assert!(items.iter().any(is_function));
    let mut db = 0;
    let mut entries: BTreeMap<(u64, Vec<u8>), Entry> = BTreeMap::new();
    for item in items {
        match item {
            FileItem::SelectDb(selected) => db = selected,
            FileItem::Entry(entry) => assert!(entries.insert((db, entry.key.clone()), entry).is_none()),
            _ => {}
        }
    }
    assert_eq!(
        entries.remove(&(3, b"in-db-3".to_vec())).unwrap().value,
        RdbValue::String(b"1".to_vec())
    );
    let dumps = fixtures();
    assert_eq!(entries.len(), dumps.len());
    for ((db, key), entry) in entries {
        let name = String::from_utf8(key).unwrap();
        assert_eq!(db, 0);
        assert_eq!(
            entry.expire_at_ms,
            (name == "string-raw").then_some(4_102_444_800_000)
        );
        assert_eq!(canonical(entry.value), canonical(value(&name)), "{name}");
    }
}
