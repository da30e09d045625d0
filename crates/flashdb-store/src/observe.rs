//! Looking at a key without using it: EXISTS, TYPE, TTL, OBJECT. The lookup counts as a hit or miss,
//! but the key grows no younger by it.

use crate::access::Access;
use crate::entry::Entry;

impl Access<'_> {
    /// As [`Access::find`] without counting as a use of the key.
    pub fn observe(&mut self, key: &[u8]) -> Option<&Entry> {
        let touch = std::mem::replace(&mut self.policy.touch, false);
        let found = self.find(key).is_some();
        self.policy.touch = touch;
        if found { self.peek(key) } else { None }
    }
}
