//! Types that no current server writes any more, or that come from servers that cannot be asked: built by hand.

use flashdb_base::crc::crc64;

use crate::decode::read_value;
use crate::error::RdbError;
use crate::input::SliceInput;
use crate::length::write_length;
use crate::pack::Element;
use crate::pack::listpack::ListpackBuilder;
use crate::pack::ziplist::tests::build as ziplist;
use crate::string::write_plain;
use crate::types::ValueType;
use crate::value::{HashField, RdbValue, StreamId};
use crate::{DumpOptions, decode_dump, decode_dump_with};

fn decode_version(value_type: ValueType, body: &[u8], version: u16) -> Result<RdbValue, RdbError> {
    let mut payload = vec![value_type.0];
    payload.extend_from_slice(body);
    payload.extend_from_slice(&version.to_le_bytes());
    payload.extend_from_slice(&crc64(0, &payload).to_le_bytes());
    decode_dump(&payload)
}

fn decode(value_type: ValueType, body: &[u8]) -> Result<RdbValue, RdbError> {
    decode_version(value_type, body, 11)
}

fn string(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write_plain(&mut out, bytes);
    out
}

fn listpack(elements: &[&str]) -> Vec<u8> {
    let mut pack = ListpackBuilder::new();
    elements.iter().for_each(|element| pack.push(element.as_bytes()));
    string(pack.finish())
}

fn texts(elements: &[&str]) -> Vec<Vec<u8>> {
    elements
        .iter()
        .map(|element| element.as_bytes().to_vec())
        .collect()
}

fn field(field: &str, value: &str, expire_at_ms: Option<u64>) -> HashField {
    HashField {
        field: field.into(),
        value: value.into(),
        expire_at_ms,
    }
}

#[test]
fn plain_and_ziplist_lists() {
    assert_eq!(
        decode(ValueType::LIST, b"\x02\x01a\xc0\x05").unwrap(),
        RdbValue::List(texts(&["a", "5"]))
    );
    let packed = string(&ziplist(&[Element::Bytes(b"a"), Element::Integer(-300)]));
    let expected = RdbValue::List(texts(&["a", "-300"]));
    assert_eq!(decode(ValueType::LIST_ZIPLIST, &packed).unwrap(), expected);
    let nodes = [b"\x02", &packed[..], &packed].concat();
    let expected = RdbValue::List(texts(&["a", "-300", "a", "-300"]));
    assert_eq!(decode(ValueType::LIST_QUICKLIST, &nodes).unwrap(), expected);
    assert!(matches!(decode(ValueType::LIST, b"\x00"), Err(RdbError::Empty)));
    assert!(matches!(
        decode(ValueType::LIST_QUICKLIST, b"\x00"),
        Err(RdbError::Empty)
    ));
    assert!(matches!(
        decode(ValueType::LIST_ZIPLIST, &string(&ziplist(&[]))),
        Err(RdbError::Empty)
    ));
    assert!(decode(ValueType::LIST_QUICKLIST_2, &[b"\x01\x03", &packed[..]].concat()).is_err());
}

#[test]
fn sorted_sets() {
    let body = b"\x04\x01a\x031.5\x01b\xfe\x01c\xff\x01d\x02-7";
    let expected = [
        ("a", 1.5),
        ("b", f64::INFINITY),
        ("c", f64::NEG_INFINITY),
        ("d", -7.0),
    ];
    let expected: Vec<_> = expected
        .iter()
        .map(|(member, score)| (member.as_bytes().to_vec(), *score))
        .collect();
    assert_eq!(decode(ValueType::ZSET, body).unwrap(), RdbValue::ZSet(expected));
    let packed = ziplist(&[
        Element::Bytes(b"a"),
        Element::Integer(3),
        Element::Bytes(b"b"),
        Element::Bytes(b"3.25"),
    ]);
    let expected = RdbValue::ZSet(vec![(b"a".to_vec(), 3.0), (b"b".to_vec(), 3.25)]);
    assert_eq!(
        decode(ValueType::ZSET_ZIPLIST, &string(&packed)).unwrap(),
        expected
    );
    for (what, body) in [
        ("nan", &b"\x01\x01a\xfd"[..]),
        ("text", b"\x01\x01a\x01x"),
        ("twice", b"\x02\x01a\xfe\x01a\xff"),
    ] {
        assert!(
            matches!(decode(ValueType::ZSET, body), Err(RdbError::Corrupt(_))),
            "{what}"
        );
    }
    let nan = [&b"\x01\x01a"[..], &f64::NAN.to_le_bytes()].concat();
    assert!(decode(ValueType::ZSET_2, &nan).is_err());
    assert!(decode(ValueType::ZSET_LISTPACK, &listpack(&["a", "1", "b"])).is_err());
    assert!(decode(ValueType::ZSET_LISTPACK, &listpack(&["a", "nan"])).is_err());
    assert!(decode(ValueType::ZSET_LISTPACK, &listpack(&["a", "1", "a", "2"])).is_err());
}

#[test]
fn packed_hashes() {
    let expected = RdbValue::Hash(vec![field("a", "1", None), field("b", "x", None)]);
    let old = ziplist(&[
        Element::Bytes(b"a"),
        Element::Integer(1),
        Element::Bytes(b"b"),
        Element::Bytes(b"x"),
    ]);
    assert_eq!(decode(ValueType::HASH_ZIPLIST, &string(&old)).unwrap(), expected);
    assert_eq!(
        decode(ValueType::HASH_LISTPACK, &listpack(&["a", "1", "b", "x"])).unwrap(),
        expected
    );
    let oldest = string(b"\x02\x01a\x01\x001\x01b\x01\x01x?\xff");
    assert_eq!(decode(ValueType::HASH_ZIPMAP, &oldest).unwrap(), expected);
    assert!(decode(ValueType::HASH_LISTPACK, &listpack(&["a", "1", "b"])).is_err());
    assert!(decode(ValueType::HASH_LISTPACK, &listpack(&["a", "1", "a", "2"])).is_err());
    assert!(matches!(
        decode(ValueType::HASH_LISTPACK, &listpack(&[])),
        Err(RdbError::Empty)
    ));
    assert!(decode(ValueType::HASH, b"\x02\x01a\x011\x01a\x012").is_err());
}

#[test]
fn sets() {
    let expected = RdbValue::Set(texts(&["a", "17"]));
    assert_eq!(
        decode(ValueType::SET_LISTPACK, &listpack(&["a", "17"])).unwrap(),
        expected
    );
    assert!(decode(ValueType::SET_LISTPACK, &listpack(&["a", "a"])).is_err());
    assert!(decode(ValueType::SET, b"\x02\x01a\x01a").is_err());
    // The same member, once as an integer.
    assert!(decode(ValueType::SET, b"\x02\x017\xc0\x07").is_err());
    assert!(matches!(decode(ValueType::SET, b"\x00"), Err(RdbError::Empty)));
}

#[test]
fn expiring_fields() {
    let expected = RdbValue::Hash(vec![
        field("a", "1", Some(5_000)),
        field("b", "2", None),
        field("c", "3", Some(5_007)),
    ]);
    let mut metadata = 5_000u64.to_le_bytes().to_vec();
    metadata.extend_from_slice(b"\x03\x01\x01a\x011\x00\x01b\x012\x08\x01c\x013");
    assert_eq!(decode(ValueType::HASH_METADATA, &metadata).unwrap(), expected);
    let mut absolute = vec![3];
    for (at, pair) in [(5_000, b"\x01a\x011"), (0, b"\x01b\x012"), (5_007, b"\x01c\x013")] {
        write_length(&mut absolute, at);
        absolute.extend_from_slice(pair);
    }
    assert_eq!(
        decode_version(ValueType::HASH_EXPIRY_22, &absolute, 12).unwrap(),
        expected
    );
    let triples = listpack(&["a", "1", "5000", "b", "2", "0", "c", "3", "5007"]);
    assert_eq!(
        decode(ValueType::HASH_LISTPACK_EX_PRE_GA, &triples).unwrap(),
        expected
    );
    let with_earliest = [&5_000u64.to_le_bytes()[..], &triples].concat();
    assert_eq!(
        decode(ValueType::HASH_LISTPACK_EX, &with_earliest).unwrap(),
        expected
    );
    let mut valkey = vec![3];
    for (at, pair) in [
        (5_000i64, b"\x01a\x011"),
        (-1, b"\x01b\x012"),
        (5_007, b"\x01c\x013"),
    ] {
        valkey.extend_from_slice(pair);
        valkey.extend_from_slice(&at.to_le_bytes());
    }
    assert_eq!(
        decode_version(ValueType::HASH_EXPIRY_22, &valkey, 80).unwrap(),
        expected
    );
    assert!(decode_version(ValueType::HASH_LISTPACK_EX_PRE_GA, &triples, 80).is_err());
    // Expiry out of range, in each form.
    let mut late = u64::MAX.to_le_bytes().to_vec();
    late.extend_from_slice(b"\x01\x02\x01a\x011");
    assert!(decode(ValueType::HASH_METADATA, &late).is_err());
    assert!(decode(ValueType::HASH_LISTPACK_EX_PRE_GA, &listpack(&["a", "1", "-5"])).is_err());
    assert!(decode(ValueType::HASH_LISTPACK_EX_PRE_GA, &listpack(&["a", "1"])).is_err());
}

/// A stream of the first form: `nodes` (id, listpack elements), then the rest of the bytes.
fn old_stream(nodes: &[(u64, &[&str])], rest: &[u8]) -> Vec<u8> {
    let mut body = vec![nodes.len() as u8];
    for (ms, elements) in nodes {
        body.push(16);
        body.extend_from_slice(&(u128::from(*ms) << 64).to_be_bytes());
        body.extend_from_slice(&listpack(elements));
    }
    body.extend_from_slice(rest);
    body
}

const NODE: &[&str] = &[
    "2", "1", "1", "f", "0", "2", "0", "0", "v0", "4", "3", "0", "1", "gone", "4", "0", "1", "0", "1", "g",
    "v2", "6",
];

#[test]
fn first_form_of_streams() {
    let RdbValue::Stream(stream) = decode(
        ValueType::STREAM_LISTPACKS,
        &old_stream(&[(7, NODE)], b"\x02\x08\x00\x00"),
    )
    .unwrap() else {
        panic!("a stream")
    };
    assert_eq!(stream.entries.len(), 2);
    let fields = |i: usize| {
        stream.entries[i]
            .fields()
            .map(|(n, v)| (n.to_vec(), v.to_vec()))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (stream.entries[0].id, fields(0)),
        (StreamId { ms: 7, seq: 0 }, vec![(b"f".to_vec(), b"v0".to_vec())])
    );
    assert_eq!(
        (stream.entries[1].id, fields(1)),
        (StreamId { ms: 8, seq: 0 }, vec![(b"g".to_vec(), b"v2".to_vec())])
    );
    assert_eq!(
        (stream.first_id.ms, stream.last_id.ms, stream.entries_added),
        (7, 8, 2)
    );

    // A group that read one entry, and its consumer.
    let mut group = b"\x02\x08\x00\x01\x01g\x07\x00\x01".to_vec();
    group.extend_from_slice(&(7u128 << 64).to_be_bytes());
    group.extend_from_slice(&99u64.to_le_bytes());
    group.extend_from_slice(b"\x01\x01\x01c");
    group.extend_from_slice(&98u64.to_le_bytes());
    group.push(1);
    group.extend_from_slice(&(7u128 << 64).to_be_bytes());
    let body = old_stream(&[(7, NODE)], &group);
    let RdbValue::Stream(stream) = decode(ValueType::STREAM_LISTPACKS, &body).unwrap() else {
        panic!("a stream")
    };
    let group = &stream.groups[0];
    assert_eq!(
        (
            group.entries_read,
            group.pending.len(),
            group.pending[0].delivery_time_ms
        ),
        (Some(1), 1, 99)
    );
    assert_eq!(
        (group.consumers[0].seen_time_ms, group.consumers[0].active_time_ms),
        (98, Some(98))
    );
    // Without its consumer the pending entry has no holder; a consumer may not hold what is not pending.
    let mut orphan = body[..body.len() - 27].to_vec();
    orphan.push(0);
    assert!(decode(ValueType::STREAM_LISTPACKS, &orphan).is_err());
    let mut stranger = body.clone();
    *stranger.last_mut().unwrap() = 9;
    assert!(decode(ValueType::STREAM_LISTPACKS, &stranger).is_err());
}

/// The two forms of Redis 8.6 and 8.8: ids of producers at the end, in the second released entries in each group.
#[test]
fn newest_forms_of_streams() {
    let id = |ms: u64| (u128::from(ms) << 64).to_be_bytes();
    let mut start = b"\x02\x08\x00\x07\x00\x00\x00\x01\x01\x01g\x08\x00\x02\x02".to_vec();
    for ms in [7, 8] {
        start.extend_from_slice(&id(ms));
        start.extend_from_slice(&99u64.to_le_bytes());
        start.push(1);
    }
    start.extend_from_slice(b"\x01\x01c");
    start.extend_from_slice(&98u64.to_le_bytes());
    start.extend_from_slice(&97u64.to_le_bytes());
    let producers = b"\x40\x64\x40\x64\x01\x03pid\x01\x03iid\x07\x00\x05\x01";
    let read = |value_type, parts: &[&[u8]]| {
        let body = old_stream(&[(7, NODE)], &[&[&start[..]], parts].concat().concat());
        let mut losses = Vec::new();
        let value = read_value(&mut SliceInput::new(&body), value_type, 14, &mut losses)?;
        match value {
            RdbValue::Stream(stream) => Ok::<_, RdbError>((stream, losses.len())),
            other => panic!("a stream, not {other:?}"),
        }
    };
    // The count added, 1, is less than the length: XSETID can do that.
    let (stream, losses) = read(
        ValueType::STREAM_LISTPACKS_4,
        &[b"\x02", &id(7), &id(8), producers],
    )
    .unwrap();
    assert_eq!((stream.entries_added, losses), (2, 1));
    assert_eq!(stream.groups[0].consumers[0].active_time_ms, Some(97));
    let (stream, losses) = read(
        ValueType::STREAM_LISTPACKS_5,
        &[b"\x01", &id(7), b"\x01", &id(8), b"\x0a\x0a\x00\x00\x00"],
    )
    .unwrap();
    let group = &stream.groups[0];
    let holders: Vec<_> = group.pending.iter().map(|pending| pending.consumer).collect();
    assert_eq!((holders, losses), (vec![0, 1], 1));
    assert!(group.consumers[1].name.is_empty());
    // Released and held at once, not pending at all, neither.
    for released in [7, 9] {
        let parts: [&[u8]; 6] = [
            b"\x02",
            &id(7),
            &id(8),
            b"\x01",
            &id(released),
            b"\x0a\x0a\x00\x00\x00",
        ];
        assert!(read(ValueType::STREAM_LISTPACKS_5, &parts).is_err());
    }
    let parts: [&[u8]; 3] = [b"\x01", &id(7), b"\x00\x0a\x0a\x00\x00\x00"];
    assert!(read(ValueType::STREAM_LISTPACKS_5, &parts).is_err());
}

#[test]
fn broken_streams() {
    let tail = b"\x02\x08\x00\x00";
    let with = |at: usize, text: &str| {
        let mut elements = NODE.to_vec();
        elements[at] = match text {
            "1" => "1",
            "9" => "9",
            "-1" => "-1",
            _ => "x",
        };
        decode(ValueType::STREAM_LISTPACKS, &old_stream(&[(7, &elements)], tail))
    };
    for (at, text) in [
        (0, "1"),
        (0, "9"),
        (1, "9"),
        (2, "9"),
        (2, "-1"),
        (4, "1"),
        (5, "x"),
        (6, "x"),
        (9, "9"),
        (18, "9"),
        (16, "-1"),
        (21, "1"),
    ] {
        assert!(with(at, text).is_err(), "element {at} = {text}");
    }
    for tail in [&b"\x03\x08\x00\x00"[..], b"\x02\x07\x00\x00", b"\x02\x08\x00"] {
        assert!(decode(ValueType::STREAM_LISTPACKS, &old_stream(&[(7, NODE)], tail)).is_err());
    }
    assert!(
        decode(
            ValueType::STREAM_LISTPACKS,
            &old_stream(&[(7, NODE), (7, NODE)], b"\x04\x08\x00\x00")
        )
        .is_err()
    );
    assert!(
        decode(
            ValueType::STREAM_LISTPACKS,
            &old_stream(&[(7, NODE), (9, NODE)], b"\x04\x0a\x00\x00")
        )
        .is_ok()
    );
}

#[test]
fn framing() {
    assert!(matches!(
        decode(ValueType::STRING, b"\x01xy"),
        Err(RdbError::Corrupt(_))
    ));
    assert!(matches!(
        decode(ValueType::STRING, b"\x05x"),
        Err(RdbError::Truncated)
    ));
    for code in [6, 7, 8, 28, 30, 99, 255] {
        assert!(
            matches!(decode(ValueType(code), b"\x01x"), Err(RdbError::UnsupportedType(other)) if other == code)
        );
    }
    let mut payload = b"\x00\x01x\x0b\x00".to_vec();
    payload.extend_from_slice(&[0; 8]);
    assert!(matches!(decode_dump(&payload), Err(RdbError::Checksum)));
    let value = decode_dump_with(&payload, DumpOptions { skip_checksum: true }).unwrap();
    assert_eq!(value, RdbValue::String(b"x".to_vec()));
}
