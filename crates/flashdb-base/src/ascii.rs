//! ASCII case folding for command names, options and configuration words.
//!
//! Only `A`-`Z` are folded: other bytes, UTF-8 included, compare as they are, like the C locale does.

/// Whether both are equal when ASCII letters are compared without case.
#[inline]
pub fn eq_ignore_case(a: &[u8], b: &[u8]) -> bool {
    a.eq_ignore_ascii_case(b)
}

/// Lowercases `text` into the front of `buffer`; `None` when it does not fit.
///
/// Made for table look-ups: a word longer than the buffer is in no table, so no allocation is ever needed.
#[inline]
pub fn lowercase_into<'a>(text: &[u8], buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    let target = buffer.get_mut(..text.len())?;
    for (to, from) in target.iter_mut().zip(text) {
        *to = from.to_ascii_lowercase();
    }
    Some(target)
}

/// Whether `text` starts with `prefix`, ASCII letters compared without case.
#[inline]
pub fn starts_with_ignore_case(text: &[u8], prefix: &[u8]) -> bool {
    text.get(..prefix.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(prefix))
}

/// Whether `text` consists of ASCII letters, digits and underscores, one at least.
pub fn is_word(text: &[u8]) -> bool {
    !text.is_empty()
        && text
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        assert!(is_word(b"a_B9") && is_word(b"_"));
        for text in [&b""[..], b"a b", b"a-b", b"a\0", "ä".as_bytes()] {
            assert!(!is_word(text));
        }
    }

    #[test]
    fn folds_letters_only() {
        assert!(eq_ignore_case(b"GeT", b"gEt"));
        assert!(!eq_ignore_case(b"get", b"gets"));
        assert!(!eq_ignore_case(b"[", b"{"));
        assert!(!eq_ignore_case("Ä".as_bytes(), "ä".as_bytes()));
        assert!(starts_with_ignore_case(b"MAXmemory", b"maxM"));
        assert!(!starts_with_ignore_case(b"ma", b"max"));
    }

    #[test]
    fn lowercases_what_fits() {
        let mut buffer = [0; 4];
        assert_eq!(lowercase_into(b"GET", &mut buffer), Some(&b"get"[..]));
        assert_eq!(lowercase_into(b"MGET", &mut buffer), Some(&b"mget"[..]));
        assert_eq!(lowercase_into(b"MGETS", &mut buffer), None);
        assert_eq!(lowercase_into(b"", &mut buffer), Some(&b""[..]));
    }
}
