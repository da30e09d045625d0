//! SORT and SORT_RO: the elements of a list, set or sorted set in order, by themselves or by what
//! other keys hold, and what other keys hold in place of them.
//!
//! With a pattern (BY, GET) the keys that are read follow from the data, so such a request runs
//! under the closed gate; any other locks only its key and the one of STORE.

use crate::args;
use crate::context::{CommandResult, Context};
use crate::error::{self, ErrorReply};
use crate::key_spec::{Begin, Find, InvalidKeys, KeyFlags, KeyPositions, KeySpec};
use crate::limits;
use crate::spec::{Arg, CommandSpec, Flags};
use flashdb_base::notify_flags::NotifyFlags;
use flashdb_base::number::{self, NumberBuffer};
use flashdb_resp::Args;
use flashdb_store::{Entry, Expiry, Value, ValueRef};
use flashdb_types::list::List;
use std::cmp::Ordering;
use std::ops::Range;

const fn unknown(flags: KeyFlags, notes: &'static str) -> KeySpec {
    KeySpec {
        begin: Begin::Unknown,
        find: Find::Unknown,
        flags,
        notes,
    }
}

const READ: KeyFlags = KeyFlags::RO.and(KeyFlags::ACCESS);
const BY_PATTERN: KeySpec = unknown(READ, "BY and GET: the names follow from the elements");
const STORED: KeySpec = unknown(
    KeyFlags::OW.and(KeyFlags::UPDATE),
    "STORE: the word may stand anywhere among the options",
);

const BY: Arg = Arg::pattern("by-pattern").with_token("BY").optional();
const LIMIT: Arg = Arg::block("limit", &[Arg::integer("offset"), Arg::integer("count")])
    .with_token("LIMIT")
    .optional();
const GET: Arg = Arg::pattern("get-pattern")
    .with_token("GET")
    .optional()
    .multiple_with_token();
const ORDER: Arg = Arg::one_of("order", &[Arg::word("asc", "ASC"), Arg::word("desc", "DESC")]).optional();
const ALPHA: Arg = Arg::word("sorting", "ALPHA").optional();

const SORTS: CommandSpec = CommandSpec {
    complexity: "O(N+M*log(M)) for N elements of which M are returned.",
    arity: -2,
    categories: &["set", "sortedset", "list", "dangerous"],
    exclusive_if: Some(follows_patterns),
    ..CommandSpec::EMPTY
};

pub(super) static SORT: CommandSpec = CommandSpec {
    name: "sort",
    summary: "Sorts the elements of a list, set or sorted set; may store the result.",
    flags: Flags::WRITE.and(Flags::DENY_OOM).and(Flags::MOVABLE_KEYS),
    keys: &[KeySpec::one(1, READ), BY_PATTERN, STORED],
    keys_of: Some(keys_of),
    args: &[
        Arg::key("key"),
        BY,
        LIMIT,
        GET,
        ORDER,
        ALPHA,
        Arg::key_of("destination", 2).with_token("STORE").optional(),
    ],
    reply: "The elements in order; with STORE how many were stored.",
    handler: |context| sort(context, true),
    ..SORTS
};

pub(super) static SORT_RO: CommandSpec = CommandSpec {
    name: "sort_ro",
    summary: "Sorts the elements of a list, set or sorted set.",
    since: "7.0.0",
    flags: Flags::READONLY.and(Flags::MOVABLE_KEYS),
    keys: &[KeySpec::one(1, READ), BY_PATTERN],
    args: &[Arg::key("key"), BY, LIMIT, GET, ORDER, ALPHA],
    reply: "The elements in order.",
    handler: |context| sort(context, false),
    ..SORTS
};

/// One option as it stands in the request.
enum Clause<'a> {
    Ascending,
    Descending,
    Alpha,
    Limit(&'a [u8], &'a [u8]),
    By(&'a [u8]),
    Get(&'a [u8]),
    /// The position of the key.
    Store(usize),
    Unknown,
}

/// The options, up to and including the first that is none.
fn clauses<'a>(args: Args<'a>) -> impl Iterator<Item = Clause<'a>> {
    let mut words = args::Cursor::new(args, 2);
    let mut broken = false;
    std::iter::from_fn(move || {
        if broken {
            return None;
        }
        words.peek()?;
        let clause = if words.take("asc") {
            Clause::Ascending
        } else if words.take("desc") {
            Clause::Descending
        } else if words.take("alpha") {
            Clause::Alpha
        } else if words.take_with("limit", 2) {
            Clause::Limit(words.word().ok()?, words.word().ok()?)
        } else if words.take_with("store", 1) {
            let at = words.position();
            words.word().ok()?;
            Clause::Store(at)
        } else if words.take_with("by", 1) {
            Clause::By(words.word().ok()?)
        } else if words.take_with("get", 1) {
            Clause::Get(words.word().ok()?)
        } else {
            broken = true;
            Clause::Unknown
        };
        Some(clause)
    })
}

fn keys_of(args: &Args<'_>) -> Result<KeyPositions, InvalidKeys> {
    let mut keys = KeyPositions::new();
    keys.push(1);
    let stores = clauses(*args).filter_map(|clause| match clause {
        Clause::Store(at) => Some(at as u32),
        _ => None,
    });
    keys.extend(stores.last());
    Ok(keys)
}

fn follows_patterns(args: &Args<'_>) -> bool {
    clauses(*args)
        .any(|clause| matches!(clause, Clause::By(pattern) | Clause::Get(pattern) if names_keys(pattern)))
}

/// Whether a pattern leads to other keys. Without a star it cannot: BY means no sorting then, GET
/// the element itself (`#`) or nothing.
fn names_keys(pattern: &[u8]) -> bool {
    pattern.contains(&b'*')
}

/// What the request asks for.
#[derive(Default)]
struct Options<'a> {
    descending: bool,
    alpha: bool,
    limit: Option<(i64, i64)>,
    by: Option<&'a [u8]>,
    get: Vec<&'a [u8]>,
    store: Option<&'a [u8]>,
}

impl<'a> Options<'a> {
    fn parse(context: &Context<'a, '_>, may_store: bool) -> Result<Self, ErrorReply> {
        let mut options = Options::default();
        for clause in clauses(context.args) {
            match clause {
                Clause::Ascending => options.descending = false,
                Clause::Descending => options.descending = true,
                Clause::Alpha => options.alpha = true,
                Clause::Limit(offset, count) => {
                    options.limit = Some((args::integer(offset)?, args::integer(count)?));
                }
                Clause::By(pattern) => {
                    if names_keys(pattern) {
                        allow_patterns(context, "BY")?;
                    }
                    options.by = Some(pattern);
                }
                Clause::Get(pattern) => {
                    allow_patterns(context, "GET")?;
                    options.get.push(pattern);
                }
                Clause::Store(at) if may_store => options.store = Some(context.args.at(at)),
                Clause::Store(_) | Clause::Unknown => return Err(error::SYNTAX),
            }
        }
        Ok(options)
    }

    /// The part of `len` elements that LIMIT asks for.
    fn range(&self, len: usize) -> Range<usize> {
        let Some((offset, count)) = self.limit else {
            return 0..len;
        };
        let start = usize::try_from(offset).unwrap_or(0).min(len);
        let count = usize::try_from(count).unwrap_or(len);
        start..start.saturating_add(count).min(len)
    }
}

fn allow_patterns(context: &Context<'_, '_>, option: &str) -> Result<(), ErrorReply> {
    if context.settings.cluster_enabled {
        return Err(ErrorReply::new(format!(
            "ERR {option} option of SORT denied in Cluster mode."
        )));
    }
    if !context.session.may_read_any_key(&context.args) {
        return Err(ErrorReply::new(format!(
            "ERR {option} option of SORT denied due to insufficient ACL permissions."
        )));
    }
    Ok(())
}

fn sort(context: &mut Context<'_, '_>, may_store: bool) -> CommandResult {
    let mut options = Options::parse(context, may_store)?;
    let mut sorted = options.by.is_none_or(names_keys);
    let entry = context.data.find(context.args.at(1));
    let value = entry.map(Entry::value);
    // The order of a set is none that a replay or a script may depend on.
    let decided_order = options.store.is_some() || context.mode.in_script;
    if !sorted && decided_order && matches!(value, Some(ValueRef::Set(_))) {
        (sorted, options.alpha, options.by) = (true, true, None);
    }
    let mut elements = match value {
        Some(value) if sorted => all_elements(value)?,
        Some(value) => elements_in_place(value, &options)?,
        None => Vec::new(),
    };
    if sorted {
        elements = in_order(context, elements, &options)?;
        let range = options.range(elements.len());
        elements.truncate(range.end);
        elements.drain(..range.start);
    }
    match options.store {
        Some(key) => store(context, key, &elements, &options),
        None => answer(context, &elements, &options),
    }
    Ok(())
}

/// Elements of a value that can be sorted, in no particular order.
fn all_elements(value: ValueRef<'_>) -> Result<Vec<Vec<u8>>, ErrorReply> {
    match value {
        ValueRef::List(list) => Ok(list.iter().map(<[u8]>::to_vec).collect()),
        ValueRef::Set(set) => Ok(set.iter().map(|member| member.to_vec()).collect()),
        ValueRef::ZSet(zset) => Ok(zset.iter().map(|(member, _)| member.to_vec()).collect()),
        _ => Err(error::WRONG_TYPE),
    }
}

/// The elements that LIMIT asks for in the value's own order, or backwards.
fn elements_in_place(value: ValueRef<'_>, options: &Options<'_>) -> Result<Vec<Vec<u8>>, ErrorReply> {
    let ranks = |len: usize| {
        let range = options.range(len);
        if options.descending {
            len - range.end..len - range.start
        } else {
            range
        }
    };
    let mut elements: Vec<Vec<u8>> = match value {
        ValueRef::List(list) => list.range(ranks(list.len())).map(<[u8]>::to_vec).collect(),
        ValueRef::ZSet(zset) => zset
            .range(ranks(zset.len()))
            .map(|(member, _)| member.to_vec())
            .collect(),
        ValueRef::Set(set) => {
            let range = options.range(set.len());
            let members = set.iter().skip(range.start).take(range.len());
            return Ok(members.map(|member| member.to_vec()).collect());
        }
        _ => return Err(error::WRONG_TYPE),
    };
    if options.descending {
        elements.reverse();
    }
    Ok(elements)
}

/// Sorts. Elements of equal weight are ordered by themselves where weights are numbers, so that the
/// result is the same everywhere.
fn in_order(
    context: &mut Context<'_, '_>,
    elements: Vec<Vec<u8>>,
    options: &Options<'_>,
) -> Result<Vec<Vec<u8>>, ErrorReply> {
    let directed = |order: Ordering| {
        if options.descending {
            order.reverse()
        } else {
            order
        }
    };
    let mut elements = elements;
    match (options.alpha, options.by) {
        (true, None) => elements.sort_unstable_by(|a, b| directed(a.cmp(b))),
        (true, Some(pattern)) => {
            let mut weighed: Vec<_> = elements
                .into_iter()
                .map(|element| (look_up(context, options, pattern, &element), element))
                .collect();
            weighed.sort_by(|(a, _), (b, _)| directed(a.cmp(b)));
            elements = weighed.into_iter().map(|(_, element)| element).collect();
        }
        (false, by) => {
            let mut weighed = Vec::with_capacity(elements.len());
            for element in elements {
                let weight = match by {
                    None => score(&element)?,
                    Some(pattern) => match look_up(context, options, pattern, &element) {
                        Some(text) => score(&text)?,
                        None => 0.0,
                    },
                };
                weighed.push((weight, element));
            }
            weighed.sort_unstable_by(|(a, x), (b, y)| {
                directed(a.partial_cmp(b).unwrap_or(Ordering::Equal).then_with(|| x.cmp(y)))
            });
            elements = weighed.into_iter().map(|(_, element)| element).collect();
        }
    }
    Ok(elements)
}

/// A number as C's strtod reads it: blanks before it are skipped, nothing counts as zero.
fn score(text: &[u8]) -> Result<f64, ErrorReply> {
    let text = text.trim_ascii_start();
    if text.is_empty() {
        return Ok(0.0);
    }
    number::parse_f64(text)
        .filter(|score| !score.is_nan())
        .ok_or(ErrorReply::fixed(
            "ERR One or more scores can't be converted into double",
        ))
}

/// What a pattern means for an element: the string at the key that it names, or the hash field
/// behind `->`.
///
/// For STORE a field whose time has come is removed first, as by every writer, so that a replay, in which nothing expires,
/// does not find it.
fn look_up(
    context: &mut Context<'_, '_>,
    options: &Options<'_>,
    pattern: &[u8],
    element: &[u8],
) -> Option<Vec<u8>> {
    if pattern == b"#" {
        return Some(element.to_vec());
    }
    let star = pattern.iter().position(|&byte| byte == b'*')?;
    let (before, after) = (&pattern[..star], &pattern[star + 1..]);
    let arrow = after
        .windows(2)
        .position(|two| two == b"->")
        .filter(|at| at + 2 < after.len());
    let (behind, field) = match arrow {
        Some(at) => (&after[..at], Some(&after[at + 2..])),
        None => (after, None),
    };
    let key = [before, element, behind].concat();
    if options.store.is_some() && field.is_some() {
        context.data.expire_fields(&key, usize::MAX);
    }
    let now_ms = context.data.due_ms().max(0) as u64;
    match (context.data.find(&key)?.value(), field) {
        (ValueRef::String(text), None) => Some(text.as_bytes(&mut NumberBuffer::new()).to_vec()),
        (ValueRef::Hash(hash), Some(field)) => hash.get(field, now_ms).map(|field| field.value.to_vec()),
        _ => None,
    }
}

fn answer(context: &mut Context<'_, '_>, elements: &[Vec<u8>], options: &Options<'_>) {
    context.reply.array(elements.len() * options.get.len().max(1));
    for element in elements {
        if options.get.is_empty() {
            context.reply.bulk(element);
        }
        for pattern in &options.get {
            let found = look_up(context, options, pattern, element);
            context.reply.bulk_or_null(found.as_deref());
        }
    }
}

fn store(context: &mut Context<'_, '_>, key: &[u8], elements: &[Vec<u8>], options: &Options<'_>) {
    let limits = limits::list(context.settings);
    let mut list = List::new();
    for element in elements {
        if options.get.is_empty() {
            list.push_back(element, &limits);
        }
        for pattern in &options.get {
            let found = look_up(context, options, pattern, element).unwrap_or_default();
            list.push_back(&found, &limits);
        }
    }
    let len = list.len();
    if len > 0 {
        context.data.set_value(key, Value::List(list), Expiry::Clear);
        context.data.changed(key, NotifyFlags::LIST, "sortstore");
        context.data.effects.dirty += len as u64 - 1;
    } else if context.data.remove(key) {
        context.data.changed(key, NotifyFlags::GENERIC, "del");
    }
    context.reply.count(len);
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;
    use flashdb_store::Value;
    use flashdb_types::list::List;
    use flashdb_types::set::Set;
    use flashdb_types::zset::ZSet;

    fn list(words: &str) -> Value {
        Value::List(List::from_elements(words.split(' '), &Default::default()))
    }

    /// The elements of an array reply; `nil` for null.
    fn elements(reply: &str) -> String {
        let words: Vec<&str> = reply.split(' ').collect();
        let mut out = Vec::new();
        let mut at = 1;
        while at < words.len() {
            if words[at] == "$-1" {
                out.push("nil");
                at += 1;
            } else {
                out.push(words[at + 1]);
                at += 2;
            }
        }
        out.join(" ")
    }

    fn runner() -> Runner {
        let mut run = Runner::default();
        run.put("l", list("3 1 20 2"));
        for (name, weight) in [("1", "9"), ("2", "8"), ("3", "7"), ("20", "6")] {
            run.put(&format!("w_{name}"), Value::String(weight.into()));
            run.put(
                &format!("n_{name}"),
                Value::String(format!("name{name}").into_bytes()),
            );
        }
        run
    }

    #[test]
    fn orders() {
        let mut run = runner();
        for (line, expected) in [
            ("SORT l", "1 2 3 20"),
            ("SORT l DESC", "20 3 2 1"),
            ("SORT l ALPHA", "1 2 20 3"),
            ("SORT l LIMIT 1 2", "2 3"),
            ("SORT l LIMIT -5 2", "1 2"),
            ("SORT l LIMIT 2 -1", "3 20"),
            ("SORT l LIMIT 9 2", ""),
            ("SORT l BY nosort", "3 1 20 2"),
            ("SORT l BY nosort DESC LIMIT 1 2", "20 1"),
            ("SORT l BY w_*", "20 3 2 1"),
            (
                "SORT l BY w_* GET # GET n_* GET x_*",
                "20 name20 nil 3 name3 nil 2 name2 nil 1 name1 nil",
            ),
            ("SORT l BY x_*", "1 2 20 3"),
            ("SORT l BY n_* ALPHA DESC", "3 20 2 1"),
            ("SORT_RO l GET const", "nil nil nil nil"),
            ("SORT nokey", ""),
        ] {
            assert_eq!(elements(&run.run(line)), expected, "{line}");
        }
    }

    #[test]
    fn other_types() {
        let mut run = runner();
        let members = ["b", "a", "c"].map(str::as_bytes);
        run.put("s", Value::Set(Set::from_members(members, &Default::default())));
        run.put(
            "z",
            Value::ZSet(ZSet::from_pairs(
                [("x", 3.0), ("y", 1.0), ("z", 2.0)],
                &Default::default(),
            )),
        );
        assert_eq!(elements(&run.run("SORT s ALPHA")), "a b c");
        assert_eq!(elements(&run.run("SORT z BY nosort")), "y z x");
        assert_eq!(elements(&run.run("SORT z BY nosort DESC LIMIT 0 1")), "x");
        assert_eq!(run.run("SORT s BY nosort DESC STORE d"), ":3");
        assert_eq!(elements(&run.run("SORT d BY nosort")), "c b a");
        assert_eq!(
            run.run("SORT s"),
            "-ERR One or more scores can't be converted into double"
        );
        assert!(run.run("SORT w_1").starts_with("-WRONGTYPE"));
    }

    /// What is stored must not depend on the clock when the log is replayed.
    #[test]
    fn fields_that_have_expired_are_removed_before_their_lack_is_stored() {
        let mut run = runner();
        run.put("list", list("x"));
        run.run("HSET h_x f value other 1");
        run.run("HPEXPIRE h_x 10 FIELDS 1 f");
        run.now_ms += 11;
        assert_eq!(run.run("SORT list BY nosort GET h_*->f"), "*1 $-1");
        assert!(run.decided.is_empty(), "who only reads removes no fields");
        assert_eq!(run.run("SORT list BY nosort GET h_*->f STORE d"), ":1");
        assert_eq!(run.decided, ["HDEL h_x f"]);
        assert_eq!(run.logged.len(), 2);
    }

    #[test]
    fn storing() {
        let mut run = runner();
        assert_eq!(run.run("SORT l STORE d"), ":4");
        assert_eq!((run.events.join(","), run.dirty), ("new d,sortstore d".into(), 4));
        assert_eq!(run.run("SORT l GET n_* GET x_* STORE d"), ":8");
        assert_eq!(run.run("SORT nokey STORE d"), ":0");
        assert_eq!(run.events, ["del d"]);
        assert_eq!(run.run("SORT_RO l STORE d"), "-ERR syntax error");
        assert_eq!(run.run("SORT l LIMIT 1"), "-ERR syntax error");
        assert_eq!(
            run.run("SORT l LIMIT x 1"),
            "-ERR value is not an integer or out of range"
        );
    }
}
