//! The encoding of small hashes with expiring fields: name, value and time (empty: never) as neighbours in a packed
//! sequence, and the earliest time beside it.

use crate::hash::pairs::Pairs;
use crate::hash::{Field, FieldTtl};
use crate::packed::{self, PackedForward, Position};

/// Elements of a field: name, value, expiry time.
const STRIDE: usize = 3;

/// Name, value and expiry time of fields.
#[derive(Clone, Default)]
pub(crate) struct Triples(pub(crate) PackedForward);

/// Where the parts of a field are.
struct Place {
    name: Position,
    value: Position,
    expiry: Position,
}

/// Packs a time in as few bytes as it needs, at least one.
fn encode_time(at_ms: u64, buffer: &mut [u8; 8]) -> &[u8] {
    *buffer = at_ms.to_le_bytes();
    let used = 8 - at_ms.leading_zeros() as usize / 8;
    &buffer[..used.max(1)]
}

fn decode_time(bytes: &[u8]) -> Option<u64> {
    let mut wide = [0; 8];
    wide.get_mut(..bytes.len())?.copy_from_slice(bytes);
    (!bytes.is_empty()).then(|| u64::from_le_bytes(wide))
}

impl Triples {
    pub(crate) fn len(&self) -> usize {
        self.0.len() / STRIDE
    }

    fn place(&self, name: &[u8]) -> Option<Place> {
        self.place_at(self.0.find_position(name, STRIDE)?)
    }

    fn place_at(&self, name: Position) -> Option<Place> {
        let value = self.0.after(name)?;
        let expiry = self.0.after(value)?;
        Some(Place { name, value, expiry })
    }

    fn field(&self, place: &Place) -> Field<'_> {
        Field {
            name: self.0.at(place.name),
            value: self.0.at(place.value),
            expires_at_ms: decode_time(self.0.at(place.expiry)),
        }
    }

    pub(crate) fn get(&self, name: &[u8]) -> Option<Field<'_>> {
        self.place(name).map(|place| self.field(&place))
    }

    pub(crate) fn nth(&self, index: usize) -> Option<Field<'_>> {
        let place = self.place_at(self.0.position(index * STRIDE)?)?;
        Some(self.field(&place))
    }

    /// Overwrites a field's value, None when it is absent; gives its expiry time.
    fn overwrite(&mut self, name: &[u8], value: &[u8]) -> Option<Option<u64>> {
        let place = self.place(name)?;
        let old_ms = self.field(&place).expires_at_ms;
        self.0.replace_at(place.value, value);
        Some(old_ms)
    }

    fn push(&mut self, name: &[u8], value: &[u8], expires_at_ms: Option<u64>) {
        let mut buffer = [0; 8];
        let time = expires_at_ms.map_or(&[][..], |at_ms| encode_time(at_ms, &mut buffer));
        self.0.push_back_all(&[name, value, time]);
    }

    /// Takes a field out, None when it is absent; gives its expiry time.
    fn take(&mut self, name: &[u8]) -> Option<Option<u64>> {
        let place = self.place(name)?;
        let old_ms = self.field(&place).expires_at_ms;
        self.0.remove_at(place.name, STRIDE);
        Some(old_ms)
    }

    pub(crate) fn iter(&self) -> TripleIter<'_> {
        TripleIter(self.0.iter())
    }

    pub(crate) fn validate(&self) {
        self.0.validate();
        assert_eq!(self.0.len() % STRIDE, 0);
        for (index, field) in self.iter().enumerate() {
            assert_eq!(
                self.0.find(field.name, STRIDE),
                Some(index * STRIDE),
                "a field twice"
            );
        }
    }
}

/// A small hash with expiring fields.
#[derive(Clone, Default)]
pub(crate) struct TimedFields {
    pub(crate) fields: Triples,
    next_expiry_ms: Option<u64>,
}

impl TimedFields {
    pub(crate) fn from_pairs(pairs: &Pairs) -> TimedFields {
        let mut timed = TimedFields::default();
        pairs
            .iter()
            .for_each(|field| timed.fields.push(field.name, field.value, None));
        timed
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.fields.0.memory_bytes()
    }

    pub(crate) fn next_expiry_ms(&self) -> Option<u64> {
        self.next_expiry_ms
    }

    /// Writes a field; true when it is new.
    pub(crate) fn set(&mut self, name: &[u8], value: &[u8], ttl: FieldTtl) -> bool {
        match self.fields.overwrite(name, value) {
            Some(old_ms) => {
                let new_ms = ttl.applied_to(old_ms);
                if new_ms != old_ms {
                    self.set_expiry(name, new_ms);
                }
                false
            }
            None => {
                let new_ms = ttl.applied_to(None);
                self.fields.push(name, value, new_ms);
                self.note_time(None, new_ms);
                true
            }
        }
    }

    /// Gives a field another expiry time, or none; false when there is no such field.
    pub(crate) fn set_expiry(&mut self, name: &[u8], expires_at_ms: Option<u64>) -> bool {
        let Some(place) = self.fields.place(name) else {
            return false;
        };
        let old_ms = self.fields.field(&place).expires_at_ms;
        let mut buffer = [0; 8];
        let time = expires_at_ms.map_or(&[][..], |at_ms| encode_time(at_ms, &mut buffer));
        self.fields.0.replace_at(place.expiry, time);
        self.note_time(old_ms, expires_at_ms);
        true
    }

    pub(crate) fn remove(&mut self, name: &[u8]) -> bool {
        let removed = self.fields.take(name);
        if let Some(old_ms) = removed {
            self.note_time(old_ms, None);
        }
        removed.is_some()
    }

    /// Keeps the earliest time up to date, after a field changed. O(n) when it was the earliest.
    fn note_time(&mut self, old_ms: Option<u64>, new_ms: Option<u64>) {
        if old_ms.is_some() && old_ms == self.next_expiry_ms {
            self.next_expiry_ms = self.earliest();
        } else if let Some(at_ms) = new_ms {
            self.next_expiry_ms = Some(self.next_expiry_ms.map_or(at_ms, |next_ms| next_ms.min(at_ms)));
        }
    }

    fn earliest(&self) -> Option<u64> {
        self.fields.iter().filter_map(|field| field.expires_at_ms).min()
    }

    /// Takes out up to `max` fields whose time is before `now_ms`, in the order they stand, in one pass.
    pub(crate) fn take_due(&mut self, now_ms: u64, max: usize, mut taken: impl FnMut(Field<'_>)) -> usize {
        let mut count = 0;
        let mut next = self.fields.0.position(0);
        while let Some(name) = next.filter(|_| count < max) {
            let Some(place) = self.fields.place_at(name) else {
                break;
            };
            let field = self.fields.field(&place);
            if field.is_live(now_ms) {
                next = self.fields.0.after(place.expiry);
                continue;
            }
            taken(field);
            self.fields.0.remove_at(name, STRIDE);
            count += 1;
            next = (name.index < self.fields.0.len()).then_some(name);
        }
        self.next_expiry_ms = self.earliest();
        count
    }

    pub(crate) fn validate(&self) {
        self.fields.validate();
        assert_eq!(self.next_expiry_ms, self.earliest(), "earliest time");
    }
}

#[derive(Clone)]
pub(crate) struct TripleIter<'a>(packed::Iter<'a, false>);

impl<'a> Iterator for TripleIter<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let (name, value, time) = (self.0.next()?, self.0.next()?, self.0.next()?);
        Some(Field {
            name,
            value,
            expires_at_ms: decode_time(time),
        })
    }
}
