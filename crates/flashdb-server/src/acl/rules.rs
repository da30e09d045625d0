//! Rules as words: what can be wrong with one, and how words become rules (a selector in parentheses
//! may be spread over several).

use std::fmt;

/// Why a rule is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is no rule.
    Syntax,
    /// It names a command or category that does not exist.
    UnknownCommand,
    /// `+config|get|x`.
    FirstArgOfSubcommand,
    /// A pattern of keys behind one that covers all.
    KeyAfterAll,
    /// A pattern of channels behind one that covers all.
    ChannelAfterAll,
    /// A password or hash to be removed is not there.
    NoSuchPassword,
    /// What should be a hash is none.
    NoHash,
    /// `role:` with a name that no role has.
    UnknownRole,
    /// A rule about a user in a role.
    NotInRole,
    /// `if-generation` of another moment.
    Changed,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::Syntax => "Syntax error",
            Fault::UnknownCommand => "Unknown command or category name in ACL",
            Fault::FirstArgOfSubcommand => "Allowing first-arg of a subcommand is not supported",
            Fault::KeyAfterAll => {
                "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any \
                 effect. Try 'resetkeys' to start with an empty list of patterns"
            }
            Fault::ChannelAfterAll => {
                "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any \
                 effect. Try 'resetchannels' to start with an empty list of channels"
            }
            Fault::NoSuchPassword => "The password you are trying to remove from the user does not exist",
            Fault::NoHash => {
                "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters"
            }
            Fault::UnknownRole => "Unknown role name in ACL",
            Fault::Changed => "Users or roles have changed since",
            Fault::NotInRole => "Roles hold permissions only: no passwords, no on and off, no other roles",
        })
    }
}

/// A rule that was refused, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedRule {
    /// The rule.
    pub rule: Vec<u8>,
    /// Why.
    pub fault: Fault,
}

/// A selector whose parenthesis is not closed; holds the word that opens it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnclosedSelector(pub Vec<u8>);

/// Puts the words of a selector together, from the one that begins with `(` to the one that ends with
/// `)`, so that each rule is one word.
pub fn merge_selectors<'w>(
    words: impl IntoIterator<Item = &'w [u8]>,
) -> Result<Vec<Vec<u8>>, UnclosedSelector> {
    let mut rules: Vec<Vec<u8>> = Vec::new();
    let mut open: Option<&[u8]> = None;
    for word in words {
        match (open, rules.last_mut()) {
            (Some(_), Some(rule)) => {
                rule.push(b' ');
                rule.extend_from_slice(word);
            }
            _ => rules.push(word.to_vec()),
        }
        let begins = open.is_some() || word.starts_with(b"(");
        let ends = word.ends_with(b")");
        open = (begins && !ends).then(|| open.unwrap_or(word));
    }
    match open {
        Some(word) => Err(UnclosedSelector(word.to_vec())),
        None => Ok(rules),
    }
}

/// The rules inside a selector's parentheses, or `None` if it is no selector. A rule that ends with a
/// parenthesis could not be told from the selector's end when it is read back.
pub fn inner_rules(rule: &[u8]) -> Option<Result<Vec<&[u8]>, Fault>> {
    let inner = rule.strip_prefix(b"(")?;
    let Some(inner) = inner.strip_suffix(b")") else {
        return Some(Err(Fault::Syntax));
    };
    let rules: Vec<&[u8]> = inner
        .split(|&byte| byte == b' ')
        .filter(|word| !word.is_empty())
        .collect();
    if rules.iter().any(|word| word.ends_with(b")")) {
        return Some(Err(Fault::Syntax));
    }
    Some(Ok(rules))
}

/// Whether a name or pattern can be written into a line and read back: no blanks, no NUL.
pub fn fits_a_line(word: &[u8]) -> bool {
    !word
        .iter()
        .any(|byte| matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r' | 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(words: &[&str]) -> Result<Vec<String>, String> {
        merge_selectors(words.iter().map(|word| word.as_bytes()))
            .map(|rules| {
                let text = |rule: &Vec<u8>| String::from_utf8_lossy(rule).into_owned();
                rules.iter().map(text).collect()
            })
            .map_err(|UnclosedSelector(word)| String::from_utf8_lossy(&word).into_owned())
    }

    #[test]
    fn selectors_are_put_together() {
        let wanted = ["on", "(~a +get)", "( ~b )", "()"].map(String::from);
        assert_eq!(
            merged(&["on", "(~a", "+get)", "(", "~b", ")", "()"]),
            Ok(wanted.into())
        );
        assert_eq!(merged(&["(~a", "+get"]), Err("(~a".into()));
        assert_eq!(merged(&["(~a) "]), Err("(~a) ".into()));
        assert_eq!(merged(&[")"]), Ok(vec![")".into()]));
    }

    #[test]
    fn what_is_inside_a_selector() {
        assert_eq!(inner_rules(b"+get"), None);
        assert_eq!(
            inner_rules(b"( ~a  +get )"),
            Some(Ok(vec![b"~a".as_slice(), b"+get"]))
        );
        assert_eq!(inner_rules(b"()"), Some(Ok(vec![])));
        for wrong in ["(", "(a", "((a))", "(~a) ~b)"] {
            assert_eq!(inner_rules(wrong.as_bytes()), Some(Err(Fault::Syntax)), "{wrong}");
        }
    }
}
