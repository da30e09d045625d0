//! Hash templates of Redis 8.10 (RDB 15): field names are in the file once, hashes refer to them by number.
//!
//! ```text
//! 0xf2   number | count | field name ...              a template, before the keys that refer to it
//! 30     listpack of number, value ...                a hash by its template, small
//! 32     number | value ...                           a hash by its template
//! ```
//!
//! Here such a hash becomes an ordinary one.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::decode::check_unique;
use crate::error::{RdbError, Result};
use crate::input::Input;
use crate::length::read_length;
use crate::pack::listpack::Listpack;
use crate::string::{charge_elements, read_packed, read_string};
use crate::types::ValueType;
use crate::value::{HashField, RdbValue};

const UNKNOWN: RdbError = RdbError::Corrupt("hash of an unknown template");

/// The templates of a file, by number.
#[derive(Default)]
pub(super) struct Templates(HashMap<u64, Vec<Vec<u8>>, RandomState>);

impl Templates {
    /// Whether values of this type refer to a template.
    pub(super) fn are_used_by(value_type: ValueType) -> bool {
        matches!(
            value_type,
            ValueType::HASH_TEMPLATE_LISTPACK | ValueType::HASH_TEMPLATE_PLAIN
        )
    }

    pub(super) fn read_definition(&mut self, input: &mut impl Input) -> Result<()> {
        let number = read_length(input)?;
        let count = read_length(input)?;
        let mut names = Vec::with_capacity(input.capacity_for(count));
        for _ in 0..count {
            names.push(read_string(input)?);
        }
        check_unique(names.iter().map(Vec::as_slice)).map_err(|_| RdbError::Corrupt("hash template"))?;
        match self.0.insert(number, names) {
            None => Ok(()),
            Some(_) => Err(RdbError::Corrupt("hash template defined twice")),
        }
    }

    pub(super) fn read_hash(&self, input: &mut impl Input, value_type: ValueType) -> Result<RdbValue> {
        if value_type == ValueType::HASH_TEMPLATE_PLAIN {
            let names = self.0.get(&read_length(input)?).ok_or(UNKNOWN)?;
            input.charge(names.iter().map(|name| name.len() as u64).sum())?;
            charge_elements(input, names.len())?;
            return hash(names, || read_string(input));
        }
        let bytes = read_packed(input)?;
        let mut pack = Listpack::new(&bytes)?;
        let number = u64::try_from(pack.expect_i64()?).map_err(|_| UNKNOWN)?;
        let names = self.0.get(&number).ok_or(UNKNOWN)?;
        input.charge(names.iter().map(|name| name.len() as u64).sum())?;
        charge_elements(input, names.len())?;
        let value = hash(names, || Ok(pack.expect()?.to_vec()))?;
        match pack.next() {
            None => Ok(value),
            Some(_) => Err(RdbError::Corrupt("hash has more values than its template fields")),
        }
    }
}

fn hash(names: &[Vec<u8>], mut value: impl FnMut() -> Result<Vec<u8>>) -> Result<RdbValue> {
    let fields = names.iter().map(|field| {
        Ok(HashField {
            field: field.clone(),
            value: value()?,
            expire_at_ms: None,
        })
    });
    Ok(RdbValue::Hash(fields.collect::<Result<_>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::SliceInput;

    fn templates() -> Templates {
        let mut templates = Templates::default();
        let definition = b"\x07\x02\x03age\x04name";
        templates
            .read_definition(&mut SliceInput::new(definition))
            .unwrap();
        templates
    }

    #[test]
    fn both_forms_give_ordinary_hashes() {
        let expected = RdbValue::Hash(vec![
            HashField {
                field: b"age".to_vec(),
                value: b"42".to_vec(),
                expire_at_ms: None,
            },
            HashField {
                field: b"name".to_vec(),
                value: b"al".to_vec(),
                expire_at_ms: None,
            },
        ]);
        let plain = b"\x07\xc0\x2a\x02al";
        let packed = b"\x0f\x0f\0\0\0\x03\0\x07\x01\x2a\x01\x82al\x03\xff";
        for (bytes, value_type) in [
            (&plain[..], ValueType::HASH_TEMPLATE_PLAIN),
            (packed, ValueType::HASH_TEMPLATE_LISTPACK),
        ] {
            let value = templates().read_hash(&mut SliceInput::new(bytes), value_type);
            assert_eq!(value.unwrap(), expected);
            let nothing = Templates::default().read_hash(&mut SliceInput::new(bytes), value_type);
            assert!(matches!(nothing, Err(RdbError::Corrupt(_))));
        }
    }

    #[test]
    fn refuses_bad_definitions() {
        for bytes in [
            &b"\x07\x01\x01a"[..],
            b"\x08\x00",
            b"\x08\x02\x01a\x01a",
            b"\x08\x81",
        ] {
            assert!(templates().read_definition(&mut SliceInput::new(bytes)).is_err());
        }
    }
}
