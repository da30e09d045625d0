//! Which keys a core loop is asked for most, in a fixed amount of memory: Space-Saving by Metwally, Agrawal and El Abbadi, split into
//! small sets so that one note looks at eight slots. A key that finds its set full takes the place of the one with the fewest
//! notes and remembers their number as its possible error; what is reported leaves that out. So a key is never said to be hotter
//! than it is, and a key with more than 1/512 of all notes is certain to be in (but for sets that are uncommonly full).

/// Sets, a power of two, and slots in each.
const SETS: usize = 64;
const WAYS: usize = 8;
/// Slots of a sketch.
pub const SLOTS: usize = SETS * WAYS;
/// Bytes of a key that a slot has room for from the start: what most keys take is there before the first request comes.
const KEY_ROOM_BYTES: usize = 32;
/// Bytes of a key that are kept; longer ones are told apart by their hash.
pub const KEY_BYTES_KEPT: usize = 256;

/// A key's notes.
#[derive(Clone, Debug)]
pub struct Slot {
    /// Of the key and its database; 0 for a slot that was never used.
    hash: u64,
    /// Number of the database.
    pub db: u16,
    /// The first [`KEY_BYTES_KEPT`] bytes of the key.
    pub key: Vec<u8>,
    /// Length of the whole key.
    pub key_bytes: usize,
    /// Notes of commands that only read, since the key is here.
    pub reads: u32,
    /// Notes of other commands.
    pub writes: u32,
    /// Notes of those who had the place before.
    error: u32,
}

impl Default for Slot {
    fn default() -> Self {
        Slot {
            hash: 0,
            db: 0,
            key: Vec::with_capacity(KEY_ROOM_BYTES),
            key_bytes: 0,
            reads: 0,
            writes: 0,
            error: 0,
        }
    }
}

impl Slot {
    fn weight(&self) -> u64 {
        u64::from(self.reads) + u64::from(self.writes) + u64::from(self.error)
    }

    fn count(&mut self, weight: u32, is_write: bool) {
        let counter = if is_write {
            &mut self.writes
        } else {
            &mut self.reads
        };
        *counter = counter.saturating_add(weight);
    }
}

/// See the module's head.
pub struct Sketch(Vec<[Slot; WAYS]>);

impl Default for Sketch {
    fn default() -> Self {
        Sketch((0..SETS).map(|_| Default::default()).collect())
    }
}

impl Sketch {
    /// Counts `weight` uses of a key, whose hash is that of its bytes.
    pub fn note(&mut self, hash: u64, db: u16, key: &[u8], weight: u32, is_write: bool) {
        let hash = (hash ^ u64::from(db).wrapping_mul(0x9e37_79b9_7f4a_7c15)).max(1);
        // The low bits find the shard and its table elsewhere; here the middle ones have to do.
        let set = &mut self.0[(hash >> 24) as usize % SETS];
        if let Some(slot) = set.iter_mut().find(|slot| slot.hash == hash) {
            return slot.count(weight, is_write);
        }
        let Some(slot) = set.iter_mut().min_by_key(|slot| slot.weight()) else {
            return;
        };
        slot.error = slot.weight().min(u64::from(u32::MAX)) as u32;
        (slot.hash, slot.db, slot.key_bytes) = (hash, db, key.len());
        (slot.reads, slot.writes) = (0, 0);
        slot.key.clear();
        slot.key.extend_from_slice(&key[..key.len().min(KEY_BYTES_KEPT)]);
        slot.count(weight, is_write);
    }

    /// Moves the slots in use to `drained`, and unused ones of `spare` into their places: the memory goes round.
    pub fn drain(&mut self, drained: &mut Vec<Slot>, spare: &mut Vec<Slot>) {
        for slot in self.0.iter_mut().flatten().filter(|slot| slot.hash != 0) {
            let mut fresh = spare.pop().unwrap_or_default();
            (fresh.hash, fresh.reads, fresh.writes, fresh.error) = (0, 0, 0, 0);
            drained.push(std::mem::replace(slot, fresh));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flashdb_base::hash::hash_bytes;
    use flashdb_base::prng::Prng;
    use std::collections::HashMap;

    fn drain(sketch: &mut Sketch) -> Vec<Slot> {
        let mut drained = Vec::new();
        sketch.drain(&mut drained, &mut Vec::new());
        drained
    }

    fn note(sketch: &mut Sketch, key: &[u8], is_write: bool) {
        sketch.note(hash_bytes(key), 0, key, 1, is_write);
    }

    #[test]
    fn few_keys_are_counted_exactly() {
        let mut sketch = Sketch::default();
        for round in 0..100 {
            for key in 0..40u8 {
                note(&mut sketch, &[key], round % 4 == 0);
            }
        }
        sketch.note(hash_bytes(b"x"), 3, b"x", 7, true);
        sketch.note(hash_bytes(b"x"), 4, b"x", 9, false);
        let slots = drain(&mut sketch);
        assert_eq!(slots.len(), 42);
        let counts = |db: u16| {
            let of_db = slots.iter().filter(move |slot| slot.db == db);
            of_db.map(|slot| (slot.reads, slot.writes)).collect::<Vec<_>>()
        };
        assert_eq!(counts(0), [(75, 25); 40]);
        assert_eq!((counts(3), counts(4)), (vec![(0, 7)], vec![(9, 0)]));
        assert!(drain(&mut sketch).is_empty());
    }

    #[test]
    fn nothing_is_overstated_and_what_is_hot_is_found() {
        for seed in 0..4 {
            let mut random = Prng::from_seed(seed);
            let (mut sketch, mut model) = (Sketch::default(), HashMap::<Vec<u8>, u32>::new());
            let total = 40_000;
            for _ in 0..total {
                // A tenth of all uses goes to five keys, the rest to very many.
                let number = match random.next_u64() % 10 {
                    0 => random.next_u64() % 5,
                    _ => 5 + random.next_u64() % 100_000,
                };
                let key = format!("key:{number}").into_bytes();
                note(&mut sketch, &key, false);
                *model.entry(key).or_default() += 1;
            }
            let slots = drain(&mut sketch);
            let found: HashMap<&[u8], u32> = slots
                .iter()
                .map(|slot| (slot.key.as_slice(), slot.reads))
                .collect();
            assert_eq!(found.len(), slots.len(), "no key has two slots");
            for (key, count) in &found {
                assert!(*count <= model[*key]);
            }
            for hot in 0..5 {
                let key = format!("key:{hot}").into_bytes();
                let (found, real) = (found.get(key.as_slice()).copied().unwrap_or(0), model[&key]);
                assert!(found * 4 >= real * 3, "{found} of {real}");
            }
        }
    }

    #[test]
    fn slots_that_come_back_are_as_new() {
        let mut sketch = Sketch::default();
        let (mut drained, mut spare) = (Vec::new(), Vec::new());
        for round in 1..=3 {
            note(&mut sketch, b"a", true);
            sketch.drain(&mut drained, &mut spare);
            assert_eq!(drained.len(), 1, "round {round}");
            assert_eq!((drained[0].reads, drained[0].writes), (0, 1));
            spare.append(&mut drained);
            sketch.drain(&mut drained, &mut spare);
            assert!(drained.is_empty());
        }
    }

    #[test]
    fn long_keys_are_cut_and_told_apart() {
        let mut sketch = Sketch::default();
        let keys = [vec![b'a'; 5000], [vec![b'a'; 4999], vec![b'b']].concat()];
        for key in &keys {
            note(&mut sketch, key, true);
        }
        let slots = drain(&mut sketch);
        assert_eq!(slots.len(), 2);
        for slot in slots {
            assert_eq!((slot.key.len(), slot.key_bytes), (KEY_BYTES_KEPT, 5000));
        }
    }
}
