//! Passwords as the server keeps them: only their SHA-256. Nothing here can give a password back, and
//! comparing tells nothing by its duration.

use sha2::{Digest, Sha256};

/// Bytes of a SHA-256.
const HASH_BYTES: usize = 32;

/// The SHA-256 of a password.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash([u8; HASH_BYTES]);

impl PasswordHash {
    /// The hash of `password`. O(length).
    pub fn of(password: &[u8]) -> Self {
        PasswordHash(Sha256::digest(password).into())
    }

    /// From 64 digits, lower case; `None` for anything else.
    pub fn from_hex(text: &[u8]) -> Option<Self> {
        if text.len() != 2 * HASH_BYTES {
            return None;
        }
        let mut hash = [0; HASH_BYTES];
        for (byte, digits) in hash.iter_mut().zip(text.chunks_exact(2)) {
            *byte = digit(digits[0])? << 4 | digit(digits[1])?;
        }
        Some(PasswordHash(hash))
    }

    /// The 64 digits.
    pub fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether both are the same, looked at as a whole whatever the first bytes are.
    fn equals(&self, other: &Self) -> bool {
        let differences = self.0.iter().zip(&other.0).map(|(a, b)| a ^ b);
        // Without the barrier the compiler may stop at the first difference.
        std::hint::black_box(differences.fold(0, |all, one| all | one)) == 0
    }
}

/// Hashes say as little as possible, also in logs of a failing test.
impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash")
    }
}

/// Whether `password` is one of `hashes`. Takes the same time whichever it is, or if it is none.
pub fn is_one_of(hashes: &[PasswordHash], password: &[u8]) -> bool {
    let given = PasswordHash::of(password);
    hashes
        .iter()
        .fold(false, |found, hash| found | hash.equals(&given))
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_sha_256() {
        let hex = "148de9c5a7a44d19e56cd9ae1a554bf67847afb0c58f6e12fa29ac7ddfca9940";
        let hash = PasswordHash::of(b"p");
        assert_eq!(hash.hex(), hex);
        assert_eq!(PasswordHash::from_hex(hex.as_bytes()), Some(hash));
        for wrong in [&hex[1..], &hex.to_uppercase(), &hex.replace('1', "g"), ""] {
            assert_eq!(PasswordHash::from_hex(wrong.as_bytes()), None);
        }
    }

    #[test]
    fn any_of_several_passwords_is_right() {
        let hashes = [PasswordHash::of(b"a"), PasswordHash::of(b"\0b")];
        assert!(is_one_of(&hashes, b"a") && is_one_of(&hashes, b"\0b"));
        assert!(!is_one_of(&hashes, b"") && !is_one_of(&hashes, b"\0") && !is_one_of(&[], b""));
    }
}
