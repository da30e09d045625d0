//! Module values: not understood, but marked up well enough to be stepped over.

use crate::error::{RdbError, Result};
use crate::input::Input;
use crate::length::read_length;
use crate::string::read_string;

const END: u64 = 0;
const SIGNED: u64 = 1;
const UNSIGNED: u64 = 2;
const FLOAT: u64 = 3;
const DOUBLE: u64 = 4;
const STRING: u64 = 5;

/// Characters of a module type's name, six bits each, high first; the lowest ten bits are its version.
const NAME_ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Steps over the parts of a module value up to its end mark.
pub(super) fn skip_parts(input: &mut impl Input) -> Result<()> {
    loop {
        match read_length(input)? {
            END => return Ok(()),
            SIGNED | UNSIGNED => {
                read_length(input)?;
            }
            FLOAT => {
                input.array::<4>()?;
            }
            DOUBLE => {
                input.array::<8>()?;
            }
            STRING => {
                read_string(input)?;
            }
            _ => return Err(RdbError::Corrupt("unknown part of a module value")),
        }
    }
}

/// The name of a module type from its number.
pub(super) fn type_name(id: u64) -> String {
    (0..9)
        .map(|i| char::from(NAME_ALPHABET[(id >> (58 - 6 * i)) as usize & 63]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::SliceInput;

    #[test]
    fn names() {
        let id = b"ReJSON-RL".iter().fold(0u64, |id, byte| {
            id << 6 | NAME_ALPHABET.iter().position(|letter| letter == byte).unwrap() as u64
        });
        assert_eq!(type_name(id << 10 | 3), "ReJSON-RL");
    }

    #[test]
    fn steps_over_every_part() {
        let mut bytes = vec![1, 5, 2, 6, 3];
        bytes.extend_from_slice(&[0; 4]);
        bytes.push(4);
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(b"\x05\x03abc\x00");
        let mut input = SliceInput::new(&bytes);
        skip_parts(&mut input).unwrap();
        assert!(input.is_at_end());
        assert!(skip_parts(&mut SliceInput::new(&[6])).is_err());
        assert!(skip_parts(&mut SliceInput::new(&[1])).is_err());
    }
}
