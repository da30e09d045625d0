//! Packed sequences against `Vec<Vec<u8>>` under random operations, both layouts.

use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Op {
    PushBack(Vec<u8>),
    PushFront(Vec<u8>),
    Insert(usize, Vec<Vec<u8>>),
    Replace(usize, Vec<u8>),
    RemoveRange(usize, usize),
    Clear,
    Shrink,
}

fn element() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => prop::collection::vec(0u8..4, 0..12),
        2 => prop::collection::vec(any::<u8>(), 248..260),
        1 => (0u8..3, 65_530usize..65_540).prop_map(|(byte, len)| vec![byte; len]),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => element().prop_map(Op::PushBack),
        6 => element().prop_map(Op::PushFront),
        4 => (any::<usize>(), prop::collection::vec(element(), 0..4)).prop_map(|(i, e)| Op::Insert(i, e)),
        6 => (any::<usize>(), element()).prop_map(|(i, e)| Op::Replace(i, e)),
        6 => (any::<usize>(), 0usize..5).prop_map(|(i, n)| Op::RemoveRange(i, n)),
        1 => Just(Op::Clear),
        1 => Just(Op::Shrink),
    ]
}

fn apply<const BACK: bool>(packed: &mut PackedSeq<BACK>, model: &mut Vec<Vec<u8>>, op: &Op) {
    match op {
        Op::PushBack(element) => {
            packed.push_back(element);
            model.push(element.clone());
        }
        Op::PushFront(element) => {
            packed.push_front(element);
            model.insert(0, element.clone());
        }
        Op::Insert(index, elements) => {
            let index = index % (model.len() + 1);
            let slices: Vec<&[u8]> = elements.iter().map(Vec::as_slice).collect();
            match (packed.position(index), &slices[..]) {
                (_, [one]) => packed.insert(index, one),
                (Some(at), _) => packed.insert_at(at, &slices),
                (None, _) => packed.push_back_all(&slices),
            }
            model.splice(index..index, elements.iter().cloned());
        }
        Op::Replace(index, element) if !model.is_empty() => {
            let index = index % model.len();
            packed.replace(index, element);
            model[index] = element.clone();
        }
        Op::RemoveRange(start, count) => {
            let start = start % (model.len() + 1);
            packed.remove_range(start, *count);
            model.drain(start..(start + count).min(model.len()));
        }
        Op::Clear => {
            packed.clear();
            model.clear();
        }
        Op::Shrink => packed.shrink_to_fit(),
        Op::Replace(..) => {}
    }
}

fn check<const BACK: bool>(packed: &PackedSeq<BACK>, model: &[Vec<u8>]) {
    packed.validate();
    assert_eq!(packed.len(), model.len());
    assert!(packed.iter().eq(model.iter().map(Vec::as_slice)));
    assert_eq!(packed.first(), model.first().map(Vec::as_slice));
    assert_eq!(
        packed.bytes_len(),
        model
            .iter()
            .map(|e| PackedSeq::<BACK>::encoded_len(e.len()))
            .sum::<usize>(),
    );
    for index in [0, 1, model.len() / 2, model.len().saturating_sub(1), model.len()] {
        assert_eq!(packed.get(index), model.get(index).map(Vec::as_slice));
        assert!(
            packed
                .iter_from(index)
                .eq(model.iter().skip(index).map(Vec::as_slice))
        );
    }
    let needle: &[u8] = model.get(model.len() / 2).map_or(b"absent", |e| e);
    for step in 1..4 {
        let expected = model
            .iter()
            .enumerate()
            .step_by(step)
            .find(|(_, e)| e[..] == *needle)
            .map(|(i, _)| i);
        assert_eq!(packed.find(needle, step), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn behaves_like_a_vec(ops in prop::collection::vec(op(), 0..60)) {
        let (mut two_way, mut forward, mut model) = (Packed::new(), PackedForward::new(), Vec::new());
        let mut model_forward = Vec::new();
        for op in &ops {
            apply(&mut two_way, &mut model, op);
            apply(&mut forward, &mut model_forward, op);
            check(&two_way, &model);
            check(&forward, &model);
            assert!(two_way.iter().rev().eq(model.iter().rev().map(Vec::as_slice)));
            assert_eq!(two_way.last(), model.last().map(Vec::as_slice));
        }
        assert_eq!(two_way.clone(), two_way);
        assert_eq!(Packed::from_elements(model.iter().map(Vec::as_slice)), two_way);
    }
}

#[test]
fn both_ends_meet() {
    let packed = Packed::from_elements([&b"a"[..], b"", b"ccc", b"d"].into_iter());
    let mut iter = packed.iter();
    assert_eq!(iter.next_back(), Some(&b"d"[..]));
    assert_eq!(iter.next(), Some(&b"a"[..]));
    assert_eq!(iter.next_back(), Some(&b"ccc"[..]));
    assert_eq!(iter.position().map(|at| at.index), Some(1));
    assert_eq!(iter.next(), Some(&b""[..]));
    assert_eq!(
        (iter.next(), iter.next_back(), iter.position()),
        (None, None, None)
    );
}

#[test]
fn positions_step_both_ways() {
    let packed = Packed::from_elements([&b"a"[..], b"", b"ccc"].into_iter());
    let mut at = packed.position(0).expect("three elements");
    at = packed.after(at).expect("a second");
    assert_eq!((at.index, packed.at(at)), (1, &b""[..]));
    assert_eq!(packed.before(at), packed.position(0));
    at = packed.after(at).expect("a third");
    assert_eq!((packed.at(at), packed.after(at)), (&b"ccc"[..], None));
}

#[test]
fn small_collections_fit_their_size_class() {
    let mut set = PackedForward::new();
    let mut hash = PackedForward::new();
    for i in 0..8 {
        let member = format!("member:{i:02}");
        set.push_back(member.as_bytes());
        hash.push_back_all(&[member.as_bytes(), b"val"]);
    }
    assert_eq!((set.memory_bytes(), hash.memory_bytes()), (96, 128));
    assert_eq!(size_of::<Packed>(), 8);
}

#[test]
fn spare_room_is_bounded() {
    let mut packed = Packed::new();
    for i in 0..5000u32 {
        packed.push_back(&i.to_le_bytes());
        let used = packed.bytes_len() + 20;
        assert!(packed.memory_bytes() <= (used * 9 / 8).max(crate::thin_buffer::size_class(used)));
    }
    while packed.len() > 10 {
        packed.remove_range(0, 7);
    }
    assert!(packed.memory_bytes() <= 256, "{}", packed.memory_bytes());
}
