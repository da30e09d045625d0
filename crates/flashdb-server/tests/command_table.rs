//! What every row of the command table has to keep: names, words for people, and that grammar,
//! arity, key specifications and flags say the same thing. A row that differs with good reason is
//! listed here by name; the list may only shrink.

use flashdb_command::key_spec::{Begin, Find, KeyFlags};
use flashdb_command::{Arg, ArgKind, CommandSpec, Flags, Registry};
use flashdb_resp::{Args, OwnedArgs};
use std::collections::BTreeSet;

/// Rows whose arity is not what their grammar says, and why.
const OTHER_ARITY: &[(&str, &str)] = &[
    ("hotkeys|start", "what is missing is said by an error of its own"),
    ("psync", "a replica may add words that older servers do not know"),
    ("quit", "clients that say goodbye with more words are let go, too"),
    (
        "replconf",
        "any number of options, each with its value; nothing to document for clients",
    ),
];

/// Rows whose key specifications describe fewer or other words than their grammar, and why.
const OTHER_KEYS: &[(&str, &str)] = &[(
    "migrate",
    "either the key or the keys behind KEYS: the key is empty in a request that has both",
)];

fn rows() -> Vec<&'static CommandSpec> {
    let registry = flashdb_server::command_registry();
    registry.all().iter().map(|command| command.spec).collect()
}

/// Collects complaints, so that one run shows them all.
#[derive(Default)]
struct Complaints(Vec<String>);

impl Complaints {
    fn expect(&mut self, holds: bool, row: &CommandSpec, complaint: impl std::fmt::Display) {
        if !holds {
            self.0.push(format!("{}: {complaint}", row.full_name()));
        }
    }

    fn finish(self) {
        assert!(self.0.is_empty(), "\n{}", self.0.join("\n"));
    }
}

#[test]
fn names() {
    let mut complaints = Complaints::default();
    let mut seen = BTreeSet::new();
    for row in rows() {
        let is_name = |name: &str| {
            let mut bytes = name.bytes();
            bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte))
        };
        complaints.expect(
            !row.name.is_empty() && is_name(row.name),
            row,
            "name is not in lower case",
        );
        complaints.expect(seen.insert(row.full_name()), row, "twice in the table");
        for sub in row.subcommands {
            complaints.expect(sub.container == row.name, sub, "does not name its container");
            complaints.expect(sub.subcommands.is_empty(), sub, "a subcommand holds subcommands");
        }
    }
    complaints.finish();
}

#[test]
fn words_for_people() {
    let mut complaints = Complaints::default();
    for row in rows() {
        let summary = row.summary;
        let is_sentence = summary.ends_with('.') && summary.starts_with(|first: char| first.is_uppercase());
        complaints.expect(is_sentence, row, "the summary is no sentence");
        complaints.expect(is_version(row.since), row, "`since` is no version");
        complaints.expect(!row.complexity.is_empty(), row, "no complexity");
        let is_container = !row.subcommands.is_empty();
        complaints.expect(
            is_container || !row.reply.is_empty(),
            row,
            "does not say what it answers",
        );
        for (version, change) in row.history {
            complaints.expect(is_version(version), row, "history: no version");
            complaints.expect(
                change.ends_with('.'),
                row,
                format!("history: no sentence: {change}"),
            );
        }
        let parent = container_of(row);
        complaints.expect(
            parent.is_none_or(|parent| parent.group == row.group),
            row,
            "group is not the container's",
        );
    }
    complaints.finish();
}

fn container_of(row: &CommandSpec) -> Option<&'static CommandSpec> {
    let registry = flashdb_server::command_registry();
    registry
        .find(row.container.as_bytes())
        .map(|command| command.spec)
}

fn is_version(text: &str) -> bool {
    text.split('.').count() == 3 && text.split('.').all(|part| part.parse::<u32>().is_ok())
}

#[test]
fn arity_follows_from_the_grammar() {
    let mut complaints = Complaints::default();
    for row in rows() {
        let name = row.full_name();
        if !row.subcommands.is_empty() {
            let alone = row.arity == -1 || row.arity == -2;
            complaints.expect(
                alone && row.args.is_empty(),
                row,
                "a container takes any words from -2 on, and no grammar",
            );
            continue;
        }
        let own = if row.container.is_empty() { 1 } else { 2 };
        let (least, most) = words_of(row.args);
        let least = least + own;
        let derived = if most == Some(least - own) { least } else { -least };
        let listed = OTHER_ARITY.iter().any(|(other, _)| *other == name);
        match listed {
            false => complaints.expect(
                derived == row.arity,
                row,
                format!("arity {}, grammar says {derived}", row.arity),
            ),
            true => complaints.expect(
                derived != row.arity,
                row,
                "arity fits the grammar, take it off OTHER_ARITY",
            ),
        }
    }
    complaints.finish();
}

/// Least and most words of a sequence of arguments; `None` for no bound.
fn words_of(args: &[Arg]) -> (i32, Option<i32>) {
    args.iter()
        .map(words_of_one)
        .fold((0, Some(0)), |(least, most), (more_least, more_most)| {
            (least + more_least, most.zip(more_most).map(|(a, b)| a + b))
        })
}

fn words_of_one(arg: &Arg) -> (i32, Option<i32>) {
    let (mut least, mut most) = match arg.kind {
        ArgKind::Token => (0, Some(0)),
        ArgKind::Block => words_of(arg.parts),
        ArgKind::OneOf => {
            let parts: Vec<_> = arg.parts.iter().map(words_of_one).collect();
            let least = parts.iter().map(|(least, _)| *least).min().unwrap_or(0);
            let most = parts.iter().map(|(_, most)| *most).collect::<Option<Vec<_>>>();
            (least, most.and_then(|all| all.into_iter().max()))
        }
        _ => (1, Some(1)),
    };
    if !arg.token.is_empty() {
        least += 1;
        most = most.map(|most| most + 1);
    }
    (
        if arg.optional { 0 } else { least },
        if arg.multiple { None } else { most },
    )
}

/// How much of a grammar a made-up request uses.
#[derive(Clone, Copy)]
enum Extent {
    /// Nothing that may be left out.
    Least,
    /// Everything once.
    Full,
    /// Everything once, of alternatives the last.
    FullOther,
}

/// A request that fits the row, and where its keys are.
struct Request {
    words: Vec<String>,
    keys: Vec<u32>,
    extent: Extent,
}

impl Request {
    fn new(row: &CommandSpec, extent: Extent) -> Self {
        let names = [row.container, row.name];
        let words = names
            .iter()
            .filter(|name| !name.is_empty())
            .map(|name| name.to_string());
        let mut request = Request {
            words: words.collect(),
            keys: Vec::new(),
            extent,
        };
        request.add_all(row.args);
        request
    }

    fn add_all(&mut self, args: &[Arg]) {
        args.iter().for_each(|arg| self.add(arg));
    }

    fn add(&mut self, arg: &Arg) {
        if arg.optional && matches!(self.extent, Extent::Least) {
            return;
        }
        if !arg.token.is_empty() {
            self.words.push(arg.token.into());
        }
        match arg.kind {
            ArgKind::Token => {}
            ArgKind::Block => self.add_all(arg.parts),
            ArgKind::OneOf => {
                let part = match self.extent {
                    Extent::FullOther => arg.parts.last(),
                    _ => arg.parts.first(),
                };
                self.add(part.expect("alternatives"));
            }
            ArgKind::Key(_) => {
                self.keys.push(self.words.len() as u32);
                self.words.push("key".into());
            }
            // The number of keys: each grammar names one.
            ArgKind::Integer => self.words.push("1".into()),
            ArgKind::String | ArgKind::Double | ArgKind::Pattern | ArgKind::UnixTime => {
                self.words.push("word".into())
            }
        }
    }

    fn owned(&self) -> OwnedArgs {
        OwnedArgs::from_words(self.words.iter().map(String::as_bytes))
    }
}

fn leaves(row: &'static CommandSpec) -> bool {
    row.subcommands.is_empty()
}

#[test]
fn requests_made_from_the_grammar_are_accepted() {
    let registry = flashdb_server::command_registry();
    let mut complaints = Complaints::default();
    for row in rows().into_iter().filter(|row| leaves(row)) {
        for extent in [Extent::Least, Extent::Full, Extent::FullOther] {
            let request = Request::new(row, extent);
            let owned = request.owned();
            let found = resolve(&registry, &owned.as_args());
            complaints.expect(
                found.is_some_and(|found| std::ptr::eq(found, row)),
                row,
                "not found by its request",
            );
            let shown = request.words.join(" ");
            complaints.expect(
                row.accepts(request.words.len()),
                row,
                format!("refuses its own grammar: {shown}"),
            );
        }
    }
    complaints.finish();
}

fn resolve(registry: &Registry, args: &Args<'_>) -> Option<&'static CommandSpec> {
    registry.resolve(args).ok().map(|command| command.spec)
}

#[test]
fn keys_of_the_grammar_are_the_keys_of_the_specifications() {
    let mut complaints = Complaints::default();
    for row in rows().into_iter().filter(|row| leaves(row)) {
        let name = row.full_name();
        if OTHER_KEYS.iter().any(|(other, _)| *other == name) {
            continue;
        }
        for extent in [Extent::Least, Extent::Full, Extent::FullOther] {
            let request = Request::new(row, extent);
            let owned = request.owned();
            let mut found = row.key_positions(&owned.as_args()).unwrap_or_default().to_vec();
            found.sort_unstable();
            found.dedup();
            let shown = request.words.join(" ");
            complaints.expect(
                found == request.keys,
                row,
                format!(
                    "keys at {:?} by the grammar, at {found:?} by the row: {shown}",
                    request.keys
                ),
            );
        }
        let most = row.keys.len();
        complaints.expect(
            indexes(row.args).iter().all(|index| *index < most),
            row,
            "an argument names no specification",
        );
    }
    complaints.finish();
}

fn indexes(args: &[Arg]) -> Vec<usize> {
    let mut all = Vec::new();
    for arg in args {
        if let ArgKind::Key(index) = arg.kind {
            all.push(index.into());
        }
        all.extend(indexes(arg.parts));
    }
    all
}

#[test]
fn flags_agree() {
    let mut complaints = Complaints::default();
    for row in rows() {
        let (write, readonly) = (row.flags.has(Flags::WRITE), row.flags.has(Flags::READONLY));
        complaints.expect(!(write && readonly), row, "both WRITE and READONLY");
        complaints.expect(
            !row.flags.has(Flags::DENY_OOM) || write || row.keys.is_empty(),
            row,
            "DENY_OOM without WRITE",
        );
        let unknown = row
            .keys
            .iter()
            .any(|spec| spec.begin == Begin::Unknown || spec.find == Find::Unknown);
        let is_found = row.keys_of.is_some() || row.exclusive_if.is_some();
        complaints.expect(!unknown || is_found, row, "keys that nothing finds");
        let movable = unknown
            || row.keys.iter().any(|spec| {
                matches!(spec.begin, Begin::Keyword(..)) || matches!(spec.find, Find::Counted { .. })
            });
        complaints.expect(
            movable == row.flags.has(Flags::MOVABLE_KEYS),
            row,
            "MOVABLE_KEYS does not fit its keys",
        );
        for spec in row.keys.iter().filter(|spec| !spec.flags.has(KeyFlags::NOT_KEY)) {
            let ways = [KeyFlags::RO, KeyFlags::RW, KeyFlags::OW, KeyFlags::RM];
            let count = ways.iter().filter(|way| spec.flags.has(**way)).count();
            complaints.expect(count == 1, row, "a key is not exactly one of RO, RW, OW, RM");
            let changes = [KeyFlags::UPDATE, KeyFlags::INSERT, KeyFlags::DELETE];
            let changes = changes.iter().any(|change| spec.flags.has(*change));
            complaints.expect(!(readonly && changes), row, "READONLY, and a key is changed");
        }
    }
    complaints.finish();
}

/// The member that a row names is looked for in every request that fits the arity, whatever its words are.
#[test]
fn wanted_members() {
    let mut complaints = Complaints::default();
    for row in rows() {
        let Some(wanted_of) = row.wanted else { continue };
        complaints.expect(
            row.single_key().is_some(),
            row,
            "has no key that the member belongs to",
        );
        let least = row.arity.unsigned_abs() as usize;
        for words in least..least + 5 {
            let names: Vec<[u8; 2]> = (0..words).map(|at| [b'w', b'0' + at as u8]).collect();
            let request = OwnedArgs::from_words(names.iter().map(<[u8; 2]>::as_slice));
            if row.accepts(words) {
                let hash = wanted_of(&request.as_args()).hash;
                let is_word = |at: usize| flashdb_base::hash::hash_bytes(request.as_args().at(at)) == hash;
                complaints.expect(
                    (2..words).any(is_word),
                    row,
                    "wants what is no word of the request",
                );
            }
        }
    }
    complaints.finish();
}
