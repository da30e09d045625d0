//! A field of a large hash: name, value and perhaps an expiry time in one allocation.
//!
//! ```text
//! ┌──────────────────────────────┬─────────────┬──────┬───────┐
//! │ FF, expiry u64 (if it has one)│ name length │ name │ value │
//! └──────────────────────────────┴─────────────┴──────┴───────┘
//! ```

use crate::hash::Field;
use crate::length;
use crate::thin_bytes::ThinBytes;
use flashdb_base::hash::hash_bytes;

/// Marker and time in front of an entry that expires.
const EXPIRY_BYTES: usize = 9;

#[derive(Clone)]
pub(crate) struct FieldEntry(ThinBytes);

impl FieldEntry {
    pub(crate) fn new(name: &[u8], value: &[u8], expires_at_ms: Option<u64>) -> FieldEntry {
        let (field, size) = length::encode(name.len());
        let mut expiry = [length::NOT_A_LENGTH; EXPIRY_BYTES];
        let expiry: &[u8] = match expires_at_ms {
            Some(at_ms) => {
                expiry[1..].copy_from_slice(&at_ms.to_le_bytes());
                &expiry
            }
            None => &[],
        };
        FieldEntry(ThinBytes::concat(&[expiry, &field[..size], name, value]))
    }

    pub(crate) fn expires_at_ms(&self) -> Option<u64> {
        let bytes = self.0.as_bytes();
        if bytes[0] != length::NOT_A_LENGTH {
            return None;
        }
        bytes[1..EXPIRY_BYTES].try_into().ok().map(u64::from_le_bytes)
    }

    /// Where name and value start.
    fn offsets(bytes: &[u8]) -> (usize, usize) {
        let head = if bytes[0] == length::NOT_A_LENGTH {
            EXPIRY_BYTES
        } else {
            0
        };
        let (size, name_len) = length::decode(&bytes[head..]);
        (head + size, head + size + name_len)
    }

    pub(crate) fn name(&self) -> &[u8] {
        let bytes = self.0.as_bytes();
        let (name, value) = Self::offsets(bytes);
        &bytes[name..value]
    }

    pub(crate) fn value(&self) -> &[u8] {
        let bytes = self.0.as_bytes();
        &bytes[Self::offsets(bytes).1..]
    }

    pub(crate) fn field(&self) -> Field<'_> {
        Field {
            name: self.name(),
            value: self.value(),
            expires_at_ms: self.expires_at_ms(),
        }
    }

    /// Writes the value in place; false, and no effect, when its length differs.
    pub(crate) fn overwrite(&mut self, value: &[u8]) -> bool {
        let bytes = self.0.as_bytes_mut();
        let old = Self::offsets(bytes).1;
        let fits = bytes.len() - old == value.len();
        if fits {
            bytes[old..].copy_from_slice(value);
        }
        fits
    }

    pub(crate) fn hash(&self) -> u64 {
        hash_bytes(self.name())
    }

    pub(crate) fn prefetch(&self) {
        self.0.prefetch();
    }

    pub(crate) fn address(&self) -> usize {
        self.0.address()
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.0.memory_bytes()
    }
}
