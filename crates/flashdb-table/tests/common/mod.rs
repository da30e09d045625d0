//! What the table's tests share: a seeded random source, a well-mixing hash and a value that counts its drops.

use std::cell::Cell;
use std::rc::Rc;

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    #[allow(dead_code)]
    pub fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(limit)) >> 64) as u64
    }
}

pub fn mix(value: u64) -> u64 {
    let mut z = value;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Hash of a `u64` value in the tests' tables.
pub fn hash(value: &u64) -> u64 {
    mix(value.wrapping_add(0x1234_5678_9ABC_DEF1))
}

/// Rounds for a loop: few under Miri, which is slow.
#[allow(dead_code)]
pub fn rounds(normal: u64) -> u64 {
    if cfg!(miri) { normal / 100 } else { normal }
}

/// A value with heap memory of its own that adds one to a shared count when it is dropped.
#[allow(dead_code)]
pub struct Counted {
    pub key: u64,
    pub payload: Box<u64>,
    drops: Rc<Cell<u64>>,
}

#[allow(dead_code)]
impl Counted {
    pub fn new(key: u64, drops: &Rc<Cell<u64>>) -> Self {
        Self {
            key,
            payload: Box::new(key),
            drops: drops.clone(),
        }
    }

    pub fn hash(&self) -> u64 {
        hash(&self.key)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        assert_eq!(*self.payload, self.key, "dropped once, intact");
        self.drops.set(self.drops.get() + 1);
    }
}
