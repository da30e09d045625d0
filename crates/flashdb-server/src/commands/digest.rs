//! Digests of data for DEBUG DIGEST and DIGEST-VALUE: 160 bits over type, content and expiry. Equal
//! data gives equal digests in every process, whatever the order of keys, members and fields and
//! whatever the encodings. Made to notice differences, not to withstand forgery.

use flashdb_base::number::{self, NumberBuffer};
use flashdb_base::prng::splitmix64;
use flashdb_store::{Database, Entry, ValueRef};
use flashdb_types::stream::{Group, Stream, StreamId};

const LANES: usize = 3;

/// A running digest.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Digest([u64; LANES]);

impl Digest {
    /// The digest of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut digest = Digest([1, 2, 3]);
        digest.then(bytes);
        digest
    }

    /// Goes on with more bytes; order and borders matter.
    pub fn then(&mut self, bytes: &[u8]) {
        self.mix(bytes.len() as u64);
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.mix(u64::from_le_bytes(word));
        }
    }

    /// Goes on with a number.
    pub fn then_number(&mut self, value: u64) {
        self.mix(value);
    }

    fn mix(&mut self, word: u64) {
        for (lane, state) in self.0.iter_mut().enumerate() {
            let mut seed = state.rotate_left(5 + lane as u32) ^ word;
            *state = splitmix64(&mut seed);
        }
    }

    /// Adds a part whose place among others does not matter.
    pub fn unordered(&mut self, part: Digest) {
        for (state, other) in self.0.iter_mut().zip(part.0) {
            *state = state.wrapping_add(other);
        }
    }

    /// Forty hexadecimal digits.
    pub fn hex(&self) -> String {
        let mut text: String = self.0.iter().map(|word| format!("{word:016x}")).collect();
        text.truncate(40);
        text
    }
}

/// Digest of a part of a database: of its keys with their values.
pub fn of_database(db: u16, database: &Database) -> Digest {
    let mut all = Digest::default();
    for entry in database.iter() {
        let mut one = Digest::of(entry.key());
        one.then_number(db.into());
        one.unordered(of_entry(entry));
        // What was added without order is given its place by one more step.
        one.then_number(0);
        all.unordered(one);
    }
    all
}

/// Digest of a key's value and expiry, without the key.
pub fn of_entry(entry: &Entry) -> Digest {
    let value = entry.value();
    let mut digest = Digest::of(value.type_name().as_bytes());
    digest.unordered(of_value(&value));
    digest.then_number(entry.expire_at_ms().map_or(0, |at_ms| at_ms as u64 + 1));
    digest
}

fn of_value(value: &ValueRef<'_>) -> Digest {
    match value {
        ValueRef::String(text) => Digest::of(text.as_bytes(&mut NumberBuffer::new())),
        ValueRef::List(list) => {
            let mut digest = Digest::default();
            list.iter().for_each(|element| digest.then(element));
            digest
        }
        ValueRef::Set(set) => {
            let mut digest = Digest::default();
            for member in set.iter() {
                digest.unordered(Digest::of(member.as_bytes(&mut NumberBuffer::new())));
            }
            digest
        }
        ValueRef::ZSet(zset) => {
            let mut digest = Digest::default();
            for (member, score) in zset.iter() {
                let mut text = Vec::new();
                number::write_f64(&mut text, score);
                let mut one = Digest::of(member);
                one.then(&text);
                digest.unordered(one);
            }
            digest
        }
        ValueRef::Hash(hash) => {
            let mut digest = Digest::default();
            for field in hash.iter() {
                let mut one = Digest::of(field.name);
                one.then(field.value);
                one.then_number(field.expires_at_ms.map_or(0, |at_ms| at_ms + 1));
                digest.unordered(one);
            }
            digest
        }
        ValueRef::Stream(stream) => of_stream(stream),
    }
}

fn of_stream(stream: &Stream) -> Digest {
    let mut digest = Digest::default();
    for entry in stream.iter() {
        then_id(&mut digest, entry.id());
        for (name, value) in entry.fields() {
            digest.then(name);
            digest.then(value);
        }
    }
    then_id(&mut digest, stream.last_id());
    for group in stream.groups() {
        digest.unordered(of_group(group));
    }
    digest
}

fn of_group(group: &Group) -> Digest {
    let mut digest = Digest::of(group.name());
    then_id(&mut digest, group.last_delivered_id());
    for (_, consumer) in group.consumers() {
        let mut one = Digest::of(consumer.name());
        one.then_number(consumer.pending_len() as u64);
        digest.unordered(one);
    }
    digest
}

fn then_id(digest: &mut Digest, id: StreamId) {
    digest.then_number(id.ms);
    digest.then_number(id.seq);
}

#[cfg(test)]
mod tests {
    use super::*;
    use flashdb_store::{Entry, Value};
    use flashdb_types::set::{Set, SetLimits};

    #[test]
    fn order_and_encoding_of_a_set_do_not_matter() {
        let small = SetLimits::default();
        let large = SetLimits {
            intset_entries_max: 0,
            packed_entries_max: 0,
            packed_value_bytes_max: 0,
        };
        let one = Set::from_members([b"1".as_slice(), b"2", b"3"], &small);
        let other = Set::from_members([b"3".as_slice(), b"1", b"2"], &large);
        let entry = |set| Entry::new_object(b"k", Value::Set(set), None);
        assert_eq!(of_entry(&entry(one.clone())), of_entry(&entry(other)));
        assert_ne!(
            of_entry(&entry(one.clone())),
            of_entry(&Entry::new_object(b"k", Value::Set(one), Some(5)))
        );
    }

    #[test]
    fn an_integer_is_its_text() {
        let int = Entry::new_int(b"k", 12, None);
        let text = Entry::new_raw(b"k", b"12".to_vec(), None);
        assert_eq!(of_entry(&int), of_entry(&text));
        assert_eq!(of_entry(&int).hex().len(), 40);
    }
}
