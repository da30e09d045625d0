//! Redis's glob patterns over bytes: `*`, `?`, `[a-z]`, `[^x]` and `\` to take the next byte as it is.
//!
//! Follows Redis's reading of odd patterns: a class without `]` ends with the pattern, a trailing `\` stands for itself, a
//! range may be written backwards, and a pattern that gets past a thousand stars matches nothing.
//! Time is at most pattern times text: every other token takes exactly one byte, so only the last star needs retrying.

/// More stars than this on the way through a text mean no match, as in Redis.
const STARS_MAX: usize = 1000;

/// Whether `text` as a whole matches `pattern`.
#[inline]
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    match_tokens::<false>(pattern, text)
}

/// Like [`matches`], ASCII letters compared without case.
#[inline]
pub fn matches_ignore_case(pattern: &[u8], text: &[u8]) -> bool {
    match_tokens::<true>(pattern, text)
}

/// Whether the pattern is a plain text: it can match only itself, so a look-up can replace a walk.
pub fn is_literal(pattern: &[u8]) -> bool {
    !pattern
        .iter()
        .any(|byte| matches!(byte, b'*' | b'?' | b'[' | b'\\'))
}

fn match_tokens<const NOCASE: bool>(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to resume when the tokens after the last star fail: (pattern after the star, text to retry from).
    let mut retry: Option<(usize, usize)> = None;
    let mut stars = 0;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            while pattern.get(p) == Some(&b'*') {
                p += 1;
            }
            if p == pattern.len() {
                return true;
            }
            stars += 1;
            if stars > STARS_MAX {
                return false;
            }
            retry = Some((p, t));
        } else if let Some(next) = match_one::<NOCASE>(pattern, p, text[t]) {
            p = next;
            t += 1;
        } else if let Some((after_star, from)) = retry {
            p = after_star;
            t = from + 1;
            retry = Some((after_star, t));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

/// Matches the token at `p` (not a star) against one byte; the position after the token, or `None`.
#[inline]
fn match_one<const NOCASE: bool>(pattern: &[u8], p: usize, byte: u8) -> Option<usize> {
    let (matched, next) = match *pattern.get(p)? {
        b'?' => (true, p + 1),
        b'[' => match_class::<NOCASE>(pattern, p + 1, byte),
        b'\\' if p + 1 < pattern.len() => (fold::<NOCASE>(pattern[p + 1]) == fold::<NOCASE>(byte), p + 2),
        literal => (fold::<NOCASE>(literal) == fold::<NOCASE>(byte), p + 1),
    };
    matched.then_some(next)
}

/// Matches the class whose first byte after `[` is at `p`; whether it matched, and the position after the class.
fn match_class<const NOCASE: bool>(pattern: &[u8], mut p: usize, byte: u8) -> (bool, usize) {
    let negated = pattern.get(p) == Some(&b'^');
    p += usize::from(negated);
    let folded = fold::<NOCASE>(byte);
    let mut found = false;
    loop {
        match pattern[p.min(pattern.len())..] {
            [] => break,
            [b'\\', escaped, ..] => {
                found |= escaped == byte;
                p += 2;
            }
            [b']', ..] => {
                p += 1;
                break;
            }
            [from, b'-', to, ..] => {
                let (from, to) = (from.min(to), from.max(to));
                found |= (fold::<NOCASE>(from)..=fold::<NOCASE>(to)).contains(&folded);
                p += 3;
            }
            [one, ..] => {
                found |= fold::<NOCASE>(one) == folded;
                p += 1;
            }
        }
    }
    (found != negated, p)
}

#[inline(always)]
fn fold<const NOCASE: bool>(byte: u8) -> u8 {
    if NOCASE { byte.to_ascii_lowercase() } else { byte }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prng::Prng;

    #[test]
    fn plain_and_wildcards() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "anything", true),
            ("a*", "a", true),
            ("a*c", "abc", true),
            ("a*c", "abcd", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b", "xbxa", false),
            ("?", "", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("foo*bar", "foobarbar", true),
            ("h**o", "hello", true),
            ("foo", "fooo", false),
            ("fooo", "foo", false),
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), text.as_bytes()),
                expected,
                "{pattern} {text}"
            );
        }
    }

    #[test]
    fn classes() {
        for (pattern, text, expected) in [
            ("h[ae]llo", "hello", true),
            ("h[ae]llo", "hillo", false),
            ("h[^e]llo", "hallo", true),
            ("h[^e]llo", "hello", false),
            ("h[a-b]llo", "hbllo", true),
            ("h[b-a]llo", "hallo", true),
            ("h[a-b]llo", "hcllo", false),
            ("[a-]", "a", true),
            ("[]x", "x", false),
            ("[^]x", "ax", true),
            ("[abc", "b", true),
            ("[abc", "d", false),
            ("[^", "x", true),
            ("[", "[", false),
            ("[\\]]", "]", true),
            ("[\\-x]", "-", true),
            ("a[^-b]", "ac", true),
            ("[", "", false),
            ("*[", "abc", false),
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), text.as_bytes()),
                expected,
                "{pattern} {text}"
            );
        }
    }

    #[test]
    fn escapes() {
        assert!(matches(b"\\*", b"*"));
        assert!(!matches(b"\\*", b"a"));
        assert!(matches(b"a\\", b"a\\"));
        assert!(matches(b"a\\?b", b"a?b"));
        assert!(!matches(b"a\\", b"a"));
    }

    #[test]
    fn case() {
        assert!(matches_ignore_case(b"MAX*", b"maxmemory"));
        assert!(matches_ignore_case(b"[A-C]x", b"bX"));
        assert!(!matches(b"MAX*", b"maxmemory"));
        assert!(
            is_literal(b"plain.key") && !is_literal(b"a*") && !is_literal(b"a\\b") && !is_literal(b"[a]")
        );
    }

    #[test]
    fn abusive_patterns_are_cheap() {
        let text = "a".repeat(50_000);
        assert!(!matches(
            format!("{}b", "a*".repeat(40)).as_bytes(),
            text.as_bytes()
        ));
        assert!(!matches("*?".repeat(50_000).as_bytes(), text.as_bytes()));
        assert!(matches("*?".repeat(1000).as_bytes(), text.as_bytes()));
        assert!(!matches("*?".repeat(1001).as_bytes(), text.as_bytes()));
    }

    /// Against a plain recursive matcher over a tiny alphabet, where every odd combination turns up.
    #[test]
    fn agrees_with_a_recursive_model() {
        fn model(pattern: &[u8], text: &[u8]) -> bool {
            match pattern {
                [] => text.is_empty(),
                [b'*', rest @ ..] => (0..=text.len()).any(|skip| model(rest, &text[skip..])),
                _ => match text {
                    [] => false,
                    [byte, tail @ ..] => match match_one::<false>(pattern, 0, *byte) {
                        Some(next) => model(&pattern[next..], tail),
                        None => false,
                    },
                },
            }
        }
        let mut prng = Prng::from_seed(11);
        for _ in 0..50_000 {
            let mut pick = |from: &[u8], max: u64| -> Vec<u8> {
                (0..prng.below(max))
                    .map(|_| from[prng.below(from.len() as u64) as usize])
                    .collect()
            };
            let pattern = pick(b"ab*?[]^-\\", 9);
            let text = pick(b"ab-]\\", 8);
            assert_eq!(
                matches(&pattern, &text),
                model(&pattern, &text),
                "{pattern:?} {text:?}"
            );
        }
    }
}
