//! Finding keys without knowing them: SCAN, KEYS, RANDOMKEY. They lock one shard at a time; what is
//! written elsewhere meanwhile may be seen or not.

use crate::context::{CommandResult, Context};
use crate::scan_options::{self, Collection, Page, ScanOptions};
use crate::spec::{Arg, CommandSpec, Flags};
use flashdb_base::rate_limit::RateLimit;
use flashdb_base::{clock, glob};

pub(super) static SCAN: CommandSpec = CommandSpec {
    name: "scan",
    summary: "Walks over the keys of the database, some at a time.",
    since: "2.8.0",
    complexity: "O(COUNT) a call, O(N) for a whole walk over N keys.",
    arity: -2,
    flags: Flags::READONLY,
    args: &[
        Arg::integer("cursor"),
        Arg::pattern("pattern").with_token("MATCH").optional(),
        Arg::integer("count").with_token("COUNT").optional(),
        Arg::string("type").with_token("TYPE").optional().since("6.0.0"),
        Arg::word("seen", "SEEN").optional(),
    ],
    reply: "The cursor of the next call (0 at the end), and keys; with SEEN (FlashDB only) also how many keys were looked at.",
    history: &[("6.0.0", "Takes the option TYPE.")],
    tips: &["nondeterministic_output", "request_policy:special"],
    handler: scan,
    ..CommandSpec::EMPTY
};

fn scan(context: &mut Context<'_, '_>) -> CommandResult {
    let cursor = scan_options::cursor(context.arg(1))?;
    let options = ScanOptions::parse(context.args, 2, Collection::Keys)?;
    let of_type = |name: &str| {
        let wanted = options.type_name;
        wanted.is_none_or(|wanted| wanted.eq_ignore_ascii_case(name.as_bytes()))
    };
    let mut page = Page::new(context.reply.protocol());
    let (mut due, mut seen_in_all) = (Vec::new(), 0);
    let next = options.walk(cursor, |cursor, seen| {
        let (expired_before, seen_before) = (due.len(), *seen);
        let next = context.data.scan(cursor, &mut due, |entry| {
            *seen += 1;
            if options.matches(entry.key()) && of_type(entry.value().type_name()) {
                page.push(entry.key());
            }
        });
        *seen += due.len() - expired_before;
        seen_in_all += *seen - seen_before;
        next
    });
    context.data.remove_due(&due);
    match options.tells_seen {
        true => page.write_with_seen(next, seen_in_all as u64, context.reply),
        false => page.write(next, context.reply),
    }
    Ok(())
}

pub(super) static KEYS: CommandSpec = CommandSpec {
    name: "keys",
    summary: "Returns all keys that match a pattern.",
    complexity: "O(N) for N keys in the database.",
    arity: 2,
    flags: Flags::READONLY,
    categories: &["dangerous"],
    args: &[Arg::pattern("pattern")],
    reply: "The keys.",
    tips: &["request_policy:all_shards", "nondeterministic_output_order"],
    handler: keys,
    ..CommandSpec::EMPTY
};

fn keys(context: &mut Context<'_, '_>) -> CommandResult {
    let pattern = context.arg(1);
    if glob::is_literal(pattern) {
        context.data.turn_to(context.data.space().shard_of(pattern));
        let found = context.data.find_quietly(pattern).is_some();
        context.reply.array(usize::from(found));
        if found {
            context.reply.bulk(pattern);
        }
        return Ok(());
    }
    let all = pattern == b"*";
    let reply = &mut *context.reply;
    let (at, mut count, mut seen) = (reply.deferred(), 0, 0u64);
    context.data.for_each_key(|entry| {
        seen += 1;
        if all || glob::matches(pattern, entry.key()) {
            reply.bulk(entry.key());
            count += 1;
        }
    });
    reply.finish_array(at, count);
    let threshold = context.settings.keys_warning_threshold;
    if threshold > 0 && seen >= threshold {
        warn_of_walk(seen, context.data.db);
    }
    Ok(())
}

/// Says in the log that a client looked at all keys at once, once a second at most.
#[cold]
fn warn_of_walk(keys: u64, db: u16) {
    static LIMIT: RateLimit = RateLimit::new();
    if let Some(left_out) = LIMIT.allow(clock::unix_ms() / 1000, 1) {
        tracing::warn!(
            keys,
            db,
            left_out,
            "KEYS went through a large database at once; SCAN does so in steps"
        );
    }
}

pub(super) static RANDOMKEY: CommandSpec = CommandSpec {
    name: "randomkey",
    summary: "Returns a random key of the database.",
    arity: 1,
    flags: Flags::READONLY,
    reply: "The key, or null if the database is empty.",
    tips: &["request_policy:all_shards", "nondeterministic_output"],
    handler: random_key,
    ..CommandSpec::EMPTY
};

fn random_key(context: &mut Context<'_, '_>) -> CommandResult {
    let key = context.data.random_key();
    context.reply.bulk_or_null(key.as_deref());
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;
    use std::collections::{BTreeMap, BTreeSet};

    /// Cursor and keys of a reply.
    fn page(reply: &str) -> (String, Vec<String>) {
        let words: Vec<&str> = reply.split(' ').collect();
        let keys = words[4..].chunks(2).map(|pair| pair[1].to_owned()).collect();
        (words[2].to_owned(), keys)
    }

    /// A whole walk; the number of calls and each key with how often it came.
    fn walk(run: &mut Runner, options: &str) -> (usize, BTreeMap<String, usize>) {
        let (mut cursor, mut calls, mut seen) = ("0".to_owned(), 0, BTreeMap::new());
        loop {
            let (next, keys) = page(&run.run(&format!("SCAN {cursor} {options}")));
            keys.into_iter()
                .for_each(|key| *seen.entry(key).or_default() += 1);
            (cursor, calls) = (next, calls + 1);
            if cursor == "0" {
                return (calls, seen);
            }
        }
    }

    #[test]
    fn a_walk_meets_every_key_once() {
        let names: Vec<String> = (0..500).map(|n| format!("key:{n}")).collect();
        let mut run = Runner::with_strings(&names.join(" "));
        let (calls, seen) = walk(&mut run, "COUNT 50");
        assert!((4..=12).contains(&calls), "{calls}");
        assert_eq!(seen.len(), 500);
        assert!(seen.values().all(|&times| times == 1));
        assert_eq!(walk(&mut run, "MATCH key:1?? COUNT 100").1.len(), 100);
        assert_eq!(walk(&mut run, "TYPE list").1.len(), 0);
        assert_eq!(walk(&mut run, "TYPE STRING").1.len(), 500);
        run.db = 1;
        assert_eq!(run.run("SCAN 0"), "*2 $1 0 *0");
        assert_eq!(run.run("SCAN 99999999999999"), "*2 $1 0 *0", "a made-up cursor");
    }

    #[test]
    fn a_walk_tells_what_it_has_looked_at() {
        let names: Vec<String> = (0..500).map(|n| format!("key:{n}")).collect();
        let mut run = Runner::with_strings(&names.join(" "));
        run.run("PEXPIRE key:7 1");
        run.now_ms += 1;
        let (mut cursor, mut seen) = ("0".to_owned(), 0);
        loop {
            let reply = run.run(&format!("SCAN {cursor} MATCH key:499 SEEN COUNT 100"));
            let (page, looked_at) = reply.rsplit_once(" :").expect("a number");
            assert!(page.starts_with("*3 "), "{reply}");
            let looked_at: usize = looked_at.parse().expect("a number");
            seen += looked_at;
            cursor = page.split(' ').nth(2).expect("a cursor").to_owned();
            if cursor == "0" {
                break;
            }
            assert!(looked_at >= 100, "{reply}");
        }
        assert_eq!(seen, 500, "what had expired was looked at, too");
        assert_eq!(run.run("SCAN 0 SEEN 1"), "-ERR syntax error");
    }

    #[test]
    fn a_walk_removes_what_has_expired() {
        let mut run = Runner::with_strings("a b c d e f");
        for key in ["a", "c", "e"] {
            run.run(&format!("PEXPIRE {key} 1"));
        }
        run.now_ms += 1;
        let seen = walk(&mut run, "").1;
        assert_eq!(seen.into_keys().collect::<Vec<_>>(), ["b", "d", "f"]);
        assert_eq!(run.run("DBSIZE"), ":3");
    }

    #[test]
    fn scan_errors() {
        let mut run = Runner::default();
        assert_eq!(run.run("SCAN x"), "-ERR invalid cursor");
        assert_eq!(run.run("SCAN 0 COUNT 0"), "-ERR syntax error");
        assert_eq!(run.run("SCAN 0 NOVALUES"), "-ERR syntax error");
    }

    #[test]
    fn keys_by_pattern() {
        let mut run = Runner::with_strings("foo_a foo_b bar");
        run.run("PEXPIRE foo_b 5");
        assert_eq!(run.run("KEYS bar"), "*1 $3 bar");
        assert_eq!(run.run("KEYS baz"), "*0");
        let reply = run.run("KEYS *");
        let all: BTreeSet<&str> = reply.split(' ').skip(2).step_by(2).collect();
        assert_eq!(all, BTreeSet::from(["foo_a", "foo_b", "bar"]));
        run.now_ms += 5;
        assert_eq!(run.run("KEYS foo*"), "*1 $5 foo_a");
        assert_eq!(run.run("DBSIZE"), ":3", "only looking removes nothing");
    }

    #[test]
    fn random_keys() {
        let mut run = Runner::default();
        assert_eq!(run.run("RANDOMKEY"), "$-1");
        let mut run = Runner::with_strings("a b c");
        let drawn: BTreeSet<String> = (0..100).map(|_| run.run("RANDOMKEY")).collect();
        assert_eq!(drawn.len(), 3);
        for key in ["a", "b", "c"] {
            run.run(&format!("PEXPIRE {key} 1"));
        }
        run.now_ms += 1;
        assert_eq!(run.run("RANDOMKEY"), "$-1");
        assert_eq!((run.decided.len(), run.run("DBSIZE")), (3, ":0".into()));
    }
}
