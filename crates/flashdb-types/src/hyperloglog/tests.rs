//! Sparse against dense against plain registers, the cache, damaged values, and bytes as Redis writes
//! them.

use super::*;
use flashdb_base::prng::Prng;

const SPARSE_BYTES_MAX: usize = 3000;

fn with_elements(elements: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Vec<u8> {
    let mut value = create();
    for element in elements {
        add(&mut value, element.as_ref(), SPARSE_BYTES_MAX).expect("a sound value");
    }
    value
}

fn registers(value: &[u8]) -> Vec<u8> {
    let mut union = HllUnion::new();
    union.merge(value).expect("a sound value");
    union.registers().to_vec()
}

/// What Redis 7.0.15 holds after the same PFADD and PFCOUNT, by checksum.
#[test]
fn bytes_match_those_of_redis() {
    for (elements, cardinality, checksum) in [
        (1000, 997, 0x5810_52ce_a439_f12f),
        (5000, 5005, 0x73ce_deb2_fcdd_541a),
    ] {
        let mut value = with_elements((1..=elements).map(|number| format!("element:{number}")));
        assert_eq!(count(&value), Ok(cardinality));
        store_count(&mut value, cardinality).expect("sound");
        assert_eq!(
            flashdb_base::crc::crc64(0, &value),
            checksum,
            "{elements} elements"
        );
    }
    let decoded = |elements: &[&str]| decode(&with_elements(elements)).expect("sound").expect("sparse");
    assert_eq!(
        decoded(&["a", "b", "c"]),
        "Z:8436 v:1,1 Z:4274 v:2,1 Z:3068 v:1,1 Z:603"
    );
    assert_eq!(decoded(&[""]), "Z:5938 v:2,1 Z:10445");
    let lengths = decoded(&["12345678", "1234567890123456789", "x", "xy", "xyz"]);
    assert_eq!(
        lengths,
        "Z:2866 v:1,1 Z:5603 v:3,1 Z:2108 v:3,1 Z:1875 v:1,1 Z:3918 v:2,1 z:9"
    );
}

#[test]
fn empty_value_has_the_known_bytes() {
    let value = create();
    assert_eq!(value, b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\0\x7f\xff");
    assert_eq!(cached_count(&value), Ok(Some(0)));
    assert_eq!(count(&value), Ok(0));
    assert_eq!(decode(&value).expect("sound").as_deref(), Some("Z:16384"));
}

#[test]
fn small_sets_are_counted_exactly() {
    let mut value = with_elements(["1", "2", "3", "4", "5"]);
    assert_eq!(count(&value), Ok(5));
    for element in ["6", "7", "8", "8", "9", "10"] {
        add(&mut value, element.as_bytes(), SPARSE_BYTES_MAX).expect("sound");
    }
    assert_eq!(count(&value), Ok(10));
    assert_eq!(add(&mut value, b"10", SPARSE_BYTES_MAX), Ok(false));
    assert_eq!(add(&mut value, b"", SPARSE_BYTES_MAX), Ok(true));
}

#[test]
fn cache_goes_stale_only_by_changes() {
    let mut value = with_elements(["a", "b", "c"]);
    assert_eq!((cached_count(&value), value[15]), (Ok(None), 0x80));
    let cardinality = count(&value).expect("sound");
    store_count(&mut value, cardinality).expect("sound");
    assert_eq!((cached_count(&value), value[15]), (Ok(Some(3)), 0));
    assert_eq!(add(&mut value, b"a", SPARSE_BYTES_MAX), Ok(false));
    assert_eq!(cached_count(&value), Ok(Some(3)));
    assert_eq!(add(&mut value, b"d", SPARSE_BYTES_MAX), Ok(true));
    assert_eq!(value[15], 0x80);
    assert_eq!(to_dense(&mut value), Ok(true));
    assert_eq!((to_dense(&mut value), value[15]), (Ok(false), 0x80));
}

#[test]
fn sparse_equals_dense_equals_plain_registers() {
    for seed in 0..60 {
        let mut random = Prng::from_seed(seed);
        let (mut sparse, mut dense) = (create(), create());
        to_dense(&mut dense).expect("sound");
        let mut plain = vec![0u8; HLL_REGISTERS];
        for _ in 0..random.below(800) {
            // Narrow ranges, so that runs of values form, are joined and split.
            let index = random.below(if seed % 2 == 0 { 40 } else { HLL_REGISTERS as u64 }) as usize;
            let count = 1 + random.below(5) as u8;
            let changed = count > plain[index];
            plain[index] = plain[index].max(count);
            assert_eq!(
                raise(&mut sparse, index, count, usize::MAX),
                Ok(changed),
                "seed {seed}"
            );
            assert_eq!(raise(&mut dense, index, count, usize::MAX), Ok(changed));
        }
        assert_eq!(check(&sparse), Ok(HllEncoding::Sparse));
        assert_eq!(registers(&sparse), plain, "seed {seed}");
        assert_eq!(registers(&dense), plain);
        assert_eq!(count(&sparse), count(&dense));
        to_dense(&mut sparse).expect("sound");
        assert_eq!(sparse[HEADER_BYTES..], dense[HEADER_BYTES..]);
    }
}

#[test]
fn runs_are_split_and_joined() {
    let mut value = create();
    let decoded = |value: &[u8]| decode(value).expect("sound").expect("sparse");
    for index in [100, 102, 101, 103, 104] {
        raise(&mut value, index, 2, SPARSE_BYTES_MAX).expect("sound");
    }
    assert_eq!(decoded(&value), "Z:100 v:2,4 v:2,1 Z:16279");
    raise(&mut value, 101, 3, SPARSE_BYTES_MAX).expect("sound");
    assert_eq!(decoded(&value), "Z:100 v:2,1 v:3,1 v:2,3 Z:16279");
    raise(&mut value, 0, 32, SPARSE_BYTES_MAX).expect("sound");
    raise(&mut value, 50, 1, SPARSE_BYTES_MAX).expect("sound");
    assert_eq!(
        decoded(&value),
        "v:32,1 z:49 v:1,1 z:49 v:2,1 v:3,1 v:2,3 Z:16279"
    );
    assert_eq!(raise(&mut value, 1, 33, SPARSE_BYTES_MAX), Ok(true));
    assert_eq!(check(&value), Ok(HllEncoding::Dense));
    assert_eq!(registers(&value)[1], 33);
    assert_eq!(decode(&value), Ok(None));
}

#[test]
fn grows_dense_at_the_limit_with_small_errors() {
    let mut value = create();
    for number in 1..=30_000u32 {
        add(
            &mut value,
            format!("element:{number}").as_bytes(),
            SPARSE_BYTES_MAX,
        )
        .expect("sound");
        if number % 1000 == 0 {
            let error = f64::from(number) - count(&value).expect("sound") as f64;
            assert!(error.abs() < f64::from(number) * 0.03, "{error} of {number}");
        }
        match check(&value).expect("sound") {
            HllEncoding::Sparse => assert!(number < 10_000 && value.len() <= SPARSE_BYTES_MAX),
            HllEncoding::Dense => assert!(number > 1000 && value.len() == 12_304),
        }
    }
    let mut dense_at_once = create();
    assert_eq!(add(&mut dense_at_once, b"x", 0), Ok(true));
    assert_eq!(
        (check(&dense_at_once), count(&dense_at_once)),
        (Ok(HllEncoding::Dense), Ok(1))
    );
}

#[test]
fn unions_count_each_element_once() {
    let values = [
        with_elements(["a", "b", "c"]),
        with_elements(["b", "c", "d"]),
        with_elements(["c", "d", "e"]),
    ];
    let mut union = HllUnion::new();
    values.iter().for_each(|value| union.merge(value).expect("sound"));
    assert_eq!(union.count(), 5);
    let mut target = create();
    union.store(&mut target, SPARSE_BYTES_MAX).expect("sound");
    assert_eq!((count(&target), cached_count(&target)), (Ok(5), Ok(None)));
    assert_eq!(check(&target), Ok(HllEncoding::Sparse));

    let mut dense = with_elements(["f"]);
    to_dense(&mut dense).expect("sound");
    union.merge(&dense).expect("sound");
    union.store(&mut target, SPARSE_BYTES_MAX).expect("sound");
    assert_eq!((count(&target), check(&target)), (Ok(6), Ok(HllEncoding::Dense)));
}

#[test]
fn damaged_values_are_told_apart() {
    let sound = with_elements(["a", "b", "c"]);
    let damaged = |change: fn(&mut Vec<u8>)| {
        let mut value = sound.clone();
        change(&mut value);
        (
            count(&value),
            add(&mut value, b"never seen", SPARSE_BYTES_MAX).is_err(),
        )
    };
    assert_eq!(
        damaged(|value| value.extend_from_slice(b"hello")).0,
        Err(HllError::Corrupted)
    );
    assert_eq!(
        damaged(|value| value.truncate(HEADER_BYTES)),
        (Err(HllError::Corrupted), true)
    );
    let not_one = (Err(HllError::NotHyperLogLog), true);
    assert_eq!(damaged(|value| value[0] = b'0'), not_one);
    assert_eq!(damaged(|value| value[4] = b'x'), not_one);
    assert_eq!(damaged(|value| value[4] = 0), not_one);
    assert_eq!(damaged(|value| value.truncate(15)), not_one);
    assert!(HllError::NotHyperLogLog.message().starts_with("WRONGTYPE "));
    assert!(HllError::Corrupted.message().starts_with("INVALIDOBJ "));
}

#[test]
fn endless_runs_are_refused_at_once() {
    let mut value = b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\0".to_vec();
    (0..132_072).for_each(|_| value.extend_from_slice(&[0x7f, 0xff]));
    value.push(0xff);
    assert_eq!(HllUnion::new().merge(&value), Err(HllError::Corrupted));
    assert_eq!(to_dense(&mut value), Err(HllError::Corrupted));
}

#[test]
fn random_damage_never_panics() {
    for seed in 0..600 {
        let mut random = Prng::from_seed(seed);
        let elements = random.below(if seed % 10 == 0 { 3000 } else { 60 });
        let mut value = with_elements((0..elements).map(|_| random.next_u64().to_le_bytes()));
        for _ in 0..1 + random.below(5) {
            let at = random.below(value.len() as u64) as usize;
            value[at] = random.next_u64() as u8;
        }
        if random.below(4) == 0 {
            value.truncate(random.below(value.len() as u64 + 1) as usize);
        }
        let verdict = count(&value);
        assert_eq!(HllUnion::new().merge(&value).is_ok(), verdict.is_ok());
        assert_eq!(decode(&value).is_ok(), verdict.is_ok());
        assert_eq!(to_dense(&mut value.clone()).is_ok(), verdict.is_ok());
        for count in [1, 7, 32, 33, 51] {
            let mut changed = value.clone();
            let index = random.below(HLL_REGISTERS as u64) as usize;
            let raised = raise(&mut changed, index, count, SPARSE_BYTES_MAX);
            assert!(
                raised.is_ok() || verdict.is_err(),
                "sound values take any register"
            );
        }
    }
}

#[test]
fn all_registers_beyond_reach_still_give_an_estimate() {
    let mut value = create();
    to_dense(&mut value).expect("sound");
    value[HEADER_BYTES..].fill(0xff);
    assert_eq!(count(&value), Ok(i64::MAX as u64));
}

#[test]
fn self_test_passes() {
    assert_eq!(self_test(1, SPARSE_BYTES_MAX), Ok(()));
}
