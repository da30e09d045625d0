//! What of a line is kept in the history. Nobody reads a history for passwords, so whatever could be one by a slip of the
//! finger (an option misspelt, a blank inside, a word too many) is hidden: of commands that carry secrets everything from
//! the first word on that is a secret, unknown or out of place; of those that do not fit their form all words.
//! MONITOR, the slow log and the audit log show more: what follows a secret, where it is in its place.

use flashdb_base::split_args::push_quoted;
use flashdb_command::{CommandSpec, Flags};
use flashdb_resp::OwnedArgs;

/// What a secret becomes, as in the slow log.
pub(crate) const REDACTED: &[u8] = b"(redacted)";

/// Subcommands of ACL whose words are names and numbers.
const PLAIN_OF_ACL: &[&str] = &[
    "cat", "delrole", "deluser", "genpass", "getrole", "getuser", "help", "list", "load", "log", "roles",
    "save", "users", "whoami",
];

/// A line of the history was sent as it is shown.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SecretIsMissing;

/// The row of a request, if there is such a command.
pub(crate) type RowOf<'e> = &'e dyn Fn(&[Vec<u8>]) -> Option<&'static CommandSpec>;

/// The line to keep; `None` where the words are no command. A secret that is `(redacted)` comes from the history and
/// must not become a password: that is the error.
pub(crate) fn line_to_keep(
    row_of: RowOf<'_>,
    words: &[Vec<u8>],
    typed: Option<&str>,
) -> Result<Option<String>, SecretIsMissing> {
    let Some(spec) = row_of(words) else {
        return Ok(None);
    };
    let shown = shown_words(row_of, words);
    let arguments = &words[name_words(spec).min(words.len())..];
    let carries = spec.secrets.is_some() || spec.flags.has(Flags::SENSITIVE);
    let from = if carries { 0 } else { shown };
    let nothing_is_left = !arguments.is_empty() && arguments.iter().all(|word| word == REDACTED);
    if nothing_is_left || words[from..].iter().any(|word| word == REDACTED) {
        return Err(SecretIsMissing);
    }
    Ok(Some(match typed {
        Some(typed) if shown == words.len() => trimmed(typed).to_owned(),
        _ => line_of(words, shown),
    }))
}

/// The line without its arguments, for a request that the server took for malformed.
pub(crate) fn without_arguments(spec: &CommandSpec, words: &[Vec<u8>]) -> String {
    line_of(words, name_words(spec))
}

/// Whether an error says that the words do not fit the command's form.
pub(crate) fn is_about_form(error: &[u8]) -> bool {
    let text = String::from_utf8_lossy(error);
    text.starts_with("ERR syntax error") || text.contains("wrong number of arguments")
}

/// Without the blanks that are no part of a word. Other white space is: it may be in a key's name. Vertical tab and form
/// feed are blanks before a word, but may be the end of one.
fn trimmed(typed: &str) -> &str {
    typed
        .trim_start_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c'])
        .trim_end_matches([' ', '\t', '\n', '\r'])
}

/// The first `shown` words, and that there were others. As many as there were, so that it does not become another command.
fn line_of(words: &[Vec<u8>], shown: usize) -> String {
    let mut line = Vec::new();
    for (index, word) in words.iter().enumerate() {
        if index > 0 {
            line.push(b' ');
        }
        match if index < shown { word } else { REDACTED } {
            plain if is_plain(plain) => line.extend_from_slice(plain),
            word => push_quoted(&mut line, word),
        }
    }
    // What is plain or quoted is ASCII.
    String::from_utf8_lossy(&line).into_owned()
}

/// Whether a word means the same without quotes.
fn is_plain(word: &[u8]) -> bool {
    let is_safe = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\');
    !word.is_empty() && word.iter().all(is_safe)
}

fn name_words(spec: &CommandSpec) -> usize {
    if spec.container.is_empty() { 1 } else { 2 }
}

/// How many words may be shown, from the first on. COMMAND GETKEYS has another command in it, which may be another one.
fn shown_words(row_of: RowOf<'_>, words: &[Vec<u8>]) -> usize {
    let mut outer = 0;
    loop {
        let inner = &words[outer..];
        let Some(spec) = row_of(inner) else { return outer };
        if !spec.accepts(inner.len()) {
            return outer + name_words(spec).min(inner.len());
        }
        match (spec.container, spec.name) {
            ("command", "getkeys" | "getkeysandflags") => outer += 2,
            _ => return outer + shown_of(spec, inner),
        }
    }
}

/// How many words of a command that fits its arity may be shown.
fn shown_of(spec: &CommandSpec, words: &[Vec<u8>]) -> usize {
    match (spec.container, spec.name) {
        ("acl", "log") => acl_log(words),
        // A rule here was meant for ACL SETUSER.
        ("acl", name) if PLAIN_OF_ACL.contains(&name) => first(words, 2, |word| {
            matches!(word.first(), Some(b'>' | b'<' | b'#' | b'!'))
        }),
        ("config", "set") => config_set(words),
        ("", "multi") => first(words, 1, |word| !is(word, "atomic")),
        ("", "hello") => hello(words).min(first_secret(spec, words)),
        ("", "migrate") => migrate(words).min(first_secret(spec, words)),
        _ => first_secret(spec, words),
    }
}

/// Where the first word from `from` on is of which something holds; behind the last if none is.
fn first(words: &[Vec<u8>], from: usize, holds: impl Fn(&[u8]) -> bool) -> usize {
    let found = words.iter().skip(from).position(|word| holds(word));
    found.map_or(words.len(), |at| from + at)
}

/// The first word that the row calls a secret.
fn first_secret(spec: &CommandSpec, words: &[Vec<u8>]) -> usize {
    if spec.secrets.is_none() && !spec.flags.has(Flags::SENSITIVE) {
        return words.len();
    }
    let owned = OwnedArgs::from_words(words.iter().map(Vec::as_slice));
    let args = owned.as_args();
    let found = (0..words.len()).find(|&at| spec.is_secret(&args, at));
    found.unwrap_or(words.len())
}

fn is(word: &[u8], option: &str) -> bool {
    word.eq_ignore_ascii_case(option.as_bytes())
}

/// A number as ports, databases and timeouts are; passwords may be longer ones.
fn is_number(word: &[u8]) -> bool {
    (1..=6).contains(&word.len()) && word.iter().all(u8::is_ascii_digit)
}

fn acl_log(words: &[Vec<u8>]) -> usize {
    first(words, 2, |word| !is_number(word) && !is(word, "reset"))
}

/// Pairs of known settings that are no secrets. An odd word means that what follows it is not what it seems.
fn config_set(words: &[Vec<u8>]) -> usize {
    if words.len() % 2 == 1 {
        return 2;
    }
    let mut at = 2;
    while at < words.len() {
        match flashdb_config::find(&words[at]) {
            None => return at,
            Some(row) if row.is(flashdb_config::Flags::SENSITIVE) => return at + 1,
            Some(_) => at += 2,
        }
    }
    at
}

/// `HELLO [2|3 [AUTH …] [SETNAME name]]`.
fn hello(words: &[Vec<u8>]) -> usize {
    if words.get(1).is_some_and(|word| word != b"2" && word != b"3") {
        return 1;
    }
    let mut at = 2;
    while at < words.len() {
        if is(&words[at], "auth") {
            return at + 1;
        }
        if !is(&words[at], "setname") {
            return at;
        }
        at += 2;
    }
    words.len()
}

/// `MIGRATE host port key db timeout [COPY] [REPLACE] [AUTH …|AUTH2 …] [KEYS key …]`.
fn migrate(words: &[Vec<u8>]) -> usize {
    if let Some(odd) = [2, 4, 5].into_iter().find(|&at| !is_number(&words[at])) {
        return odd;
    }
    for (at, word) in words.iter().enumerate().skip(6) {
        if is(word, "copy") || is(word, "replace") {
            continue;
        }
        if is(word, "keys") && words[3].is_empty() {
            return words.len();
        }
        let is_known = ["auth", "auth2", "keys"].iter().any(|option| is(word, option));
        return at + usize::from(is_known);
    }
    words.len()
}
