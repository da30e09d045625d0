//! Changing members by name: ZADD, ZINCRBY, ZREM. GEOADD adds through [`add`] too.

use super::{KEY_DELETE, limits};
use crate::args;
use crate::context::{CommandResult, Context};
use crate::error::{self, ErrorReply};
use crate::key_spec::{KeyFlags, KeySpec};
use crate::spec::{Arg, CommandSpec, Flags, Group};
use flashdb_base::notify_flags::NotifyFlags;
use flashdb_resp::Args;
use flashdb_types::approach::Wanted;
use flashdb_types::zset::{Inserted, Limits, ZSet};
use smallvec::SmallVec;

pub(super) static ZADD: CommandSpec = CommandSpec {
    name: "zadd",
    summary: "Adds members with scores to a sorted set, or gives members other scores.",
    since: "1.2.0",
    group: Group::SortedSet,
    complexity: "O(log(N)) per member, N being the size of the sorted set",
    arity: -4,
    flags: Flags::WRITE.and(Flags::DENY_OOM).and(Flags::FAST),
    keys: &[KeySpec::one(1, KeyFlags::RW.and(KeyFlags::UPDATE))],
    wanted: Some(last_pair),
    args: &[
        Arg::key("key"),
        Arg::one_of("condition", &[Arg::word("nx", "NX"), Arg::word("xx", "XX")])
            .optional()
            .since("3.0.2"),
        Arg::one_of("comparison", &[Arg::word("gt", "GT"), Arg::word("lt", "LT")])
            .optional()
            .since("6.2.0"),
        Arg::word("change", "CH").optional().since("3.0.2"),
        Arg::word("increment", "INCR").optional().since("3.0.2"),
        Arg::block("data", &[Arg::double("score"), Arg::string("member")]).multiple(),
    ],
    reply: "How many members are new (with CH: or have another score); with INCR the new score, or null if a \
            condition kept it from being changed.",
    history: &[
        ("2.4.0", "Several members in one request."),
        ("3.0.2", "`NX`, `XX`, `CH` and `INCR`."),
        ("6.2.0", "`GT` and `LT`."),
    ],
    handler: zadd,
    ..CommandSpec::EMPTY
};

pub(super) static ZINCRBY: CommandSpec = CommandSpec {
    name: "zincrby",
    summary: "Adds to the score of a member; a missing member begins at 0.",
    since: "1.2.0",
    group: Group::SortedSet,
    complexity: "O(log(N)), N being the size of the sorted set",
    arity: 4,
    flags: Flags::WRITE.and(Flags::DENY_OOM).and(Flags::FAST),
    keys: &[KeySpec::one(
        1,
        KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::UPDATE),
    )],
    wanted: Some(|words| Wanted::place(words.at(3), None)),
    args: &[Arg::key("key"), Arg::integer("increment"), Arg::string("member")],
    reply: "The new score.",
    handler: zincrby,
    ..CommandSpec::EMPTY
};

pub(super) static ZREM: CommandSpec = CommandSpec {
    name: "zrem",
    summary: "Removes members from a sorted set, and the key with the last of them.",
    since: "1.2.0",
    group: Group::SortedSet,
    complexity: "O(M*log(N)), N being the size of the sorted set and M the number of members to remove",
    arity: -3,
    flags: Flags::WRITE.and(Flags::FAST),
    keys: KEY_DELETE,
    wanted: Some(|words| Wanted::place(words.at(2), None)),
    args: &[Arg::key("key"), Arg::string("member").multiple()],
    reply: "How many members were removed.",
    history: &[("2.4.0", "Several members in one request.")],
    handler: zrem,
    ..CommandSpec::EMPTY
};

/// Which members are changed, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rule {
    /// Only members that are not there.
    pub nx: bool,
    /// Only members that are there.
    pub xx: bool,
    /// Only to a higher score.
    pub gt: bool,
    /// Only to a lower score.
    pub lt: bool,
    /// Count changed members in the reply.
    pub ch: bool,
    /// Add to the score.
    pub incr: bool,
}

impl Rule {
    /// Reads the option words behind the key; the position of the first other word too. INCR, GT and
    /// LT are options only if `all`.
    pub(crate) fn parse(words: Args<'_>, all: bool) -> (Rule, usize) {
        let mut rule = Rule::default();
        let mut at = 2;
        for word in words.iter_from(at) {
            let option = match word.len() {
                2 if args::is(word, "nx") => &mut rule.nx,
                2 if args::is(word, "xx") => &mut rule.xx,
                2 if args::is(word, "ch") => &mut rule.ch,
                2 if all && args::is(word, "gt") => &mut rule.gt,
                2 if all && args::is(word, "lt") => &mut rule.lt,
                4 if all && args::is(word, "incr") => &mut rule.incr,
                _ => break,
            };
            *option = true;
            at += 1;
        }
        (rule, at)
    }

    /// Whether each member simply gets the score given.
    fn is_plain(self) -> bool {
        !(self.nx || self.xx || self.gt || self.lt || self.incr)
    }
}

/// What was done so far.
#[derive(Default)]
struct Tally {
    added: usize,
    updated: usize,
    /// The last member's score, unless a condition kept it from being looked at.
    score: Option<f64>,
}

impl Tally {
    #[inline]
    fn put(
        &mut self,
        zset: &mut ZSet,
        (member, score): (&[u8], f64),
        rule: Rule,
        limits: &Limits,
    ) -> Result<(), ErrorReply> {
        let score = if rule.is_plain() {
            score
        } else {
            match rule.decide(zset.score(member), score)? {
                Some(score) => score,
                None => return Ok(()),
            }
        };
        match zset.insert(member, score, limits) {
            Inserted::Added => self.added += 1,
            Inserted::Updated { .. } => self.updated += 1,
            Inserted::Unchanged => {}
        }
        self.score = Some(score);
        Ok(())
    }
}

impl Rule {
    /// The score that a member gets; `None` when it is left alone.
    fn decide(self, old: Option<f64>, given: f64) -> Result<Option<f64>, ErrorReply> {
        let Some(old) = old else {
            return Ok((!self.xx).then_some(given));
        };
        if self.nx {
            return Ok(None);
        }
        let new = if self.incr { old + given } else { given };
        if new.is_nan() {
            return Err(ErrorReply::fixed("ERR resulting score is not a number (NaN)"));
        }
        let refused = (self.gt && new <= old) || (self.lt && new >= old);
        Ok((!refused).then_some(new))
    }
}

/// The last member is found without reading the options.
fn last_pair(words: &Args<'_>) -> Wanted {
    let last = words.len() - 1;
    Wanted::place(words.at(last), args::float(words.at(last - 1)).ok())
}

fn zadd(context: &mut Context<'_, '_>) -> CommandResult {
    let words = context.args;
    let (rule, first) = Rule::parse(words, true);
    let count = words.len() - first;
    if count == 0 || !count.is_multiple_of(2) {
        return Err(error::SYNTAX);
    }
    if rule.nx && rule.xx {
        return Err(ErrorReply::fixed(
            "ERR XX and NX options at the same time are not compatible",
        ));
    }
    if (rule.nx && (rule.gt || rule.lt)) || (rule.gt && rule.lt) {
        return Err(ErrorReply::fixed(
            "ERR GT, LT, and/or NX options at the same time are not compatible",
        ));
    }
    if rule.incr && count > 2 {
        return Err(ErrorReply::fixed(
            "ERR INCR option supports a single increment-element pair",
        ));
    }
    // All scores are read before the first is written: a wrong one leaves everything as it was.
    let mut pairs = SmallVec::<[(&[u8], f64); 8]>::new();
    for at in (first..words.len()).step_by(2) {
        pairs.push((words.at(at + 1), args::float(words.at(at))?));
    }
    add(context, rule, &pairs)
}

fn zincrby(context: &mut Context<'_, '_>) -> CommandResult {
    let rule = Rule {
        incr: true,
        ..Rule::default()
    };
    let pair = (context.arg(3), args::float(context.arg(2))?);
    add(context, rule, &[pair])
}

/// Adds members to the sorted set at word 1, and replies as ZADD does. Scores are numbers.
pub(crate) fn add(context: &mut Context<'_, '_>, rule: Rule, pairs: &[(&[u8], f64)]) -> CommandResult {
    let key = context.arg(1);
    let limits = limits(context.settings);
    let mut tally = Tally::default();
    let mut outcome = Ok(());
    {
        let zset = if rule.xx {
            context.data.write::<ZSet>(key)?
        } else {
            Some(context.data.write_or_create(key, ZSet::new)?)
        };
        if let Some(mut zset) = zset {
            outcome = pairs
                .iter()
                .try_for_each(|&pair| tally.put(&mut zset, pair, rule, &limits));
        }
    }
    if tally.added + tally.updated > 0 {
        let event = if rule.incr { "zincr" } else { "zadd" };
        context.data.changed(key, NotifyFlags::ZSET, event);
    } else {
        context.data.unchanged();
    }
    outcome?;
    match tally.score {
        Some(score) if rule.incr => context.reply.double(score),
        None if rule.incr => context.reply.null(),
        _ if rule.ch => context.reply.count(tally.added + tally.updated),
        _ => context.reply.count(tally.added),
    }
    Ok(())
}

fn zrem(context: &mut Context<'_, '_>) -> CommandResult {
    let key = context.arg(1);
    let mut removed = 0;
    let mut emptied = false;
    if let Some(mut zset) = context.data.write::<ZSet>(key)? {
        for member in context.args.iter_from(2) {
            removed += usize::from(zset.remove(member).is_some());
        }
        emptied = zset.is_empty();
    }
    if removed > 0 {
        context.data.changed(key, NotifyFlags::ZSET, "zrem");
    } else {
        context.data.unchanged();
    }
    if emptied {
        context.data.remove_if(key, ZSet::is_empty);
    }
    context.reply.count(removed);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;
    use flashdb_resp::Protocol;

    #[test]
    fn adding_and_updating() {
        let mut run = Runner::default();
        assert_eq!(run.run("ZADD z 1 a 2 b"), ":2");
        assert_eq!(run.events, ["new z", "zadd z"]);
        assert_eq!(run.run("ZADD z 1 a 3 b 4 c"), ":1");
        assert_eq!(run.run("ZADD z CH 1 a 5 b 6 d"), ":2");
        assert_eq!(run.run("ZADD z 1 a"), ":0");
        assert_eq!((run.events.len(), run.dirty), (0, 0));
        assert_eq!(run.run("ZADD z NX 9 a 9 e"), ":1");
        assert_eq!(run.run("ZADD z XX CH 8 a 8 f"), ":1");
        assert_eq!(run.run("ZSCORE z f"), "$-1");
        assert_eq!(run.run("ZADD z GT CH 7 a"), ":0");
        assert_eq!(run.run("ZADD z LT CH 7 a"), ":1");
        assert_eq!(run.run("ZADD none XX 1 a"), ":0");
        assert_eq!(run.run("ZCARD none"), ":0");
        assert!(run.decided.is_empty());
    }

    #[test]
    fn incrementing() {
        let mut run = Runner::default();
        assert_eq!(run.run("ZINCRBY z 1.5 a"), "$3 1.5");
        assert_eq!(run.events, ["new z", "zincr z"]);
        assert_eq!(run.run("ZADD z INCR 1 a"), "$3 2.5");
        assert_eq!(run.run("ZADD z NX INCR 1 a"), "$-1");
        assert_eq!(run.run("ZADD z XX INCR 1 b"), "$-1");
        assert_eq!(run.run("ZADD z GT INCR -1 a"), "$-1");
        run.run("ZADD z inf i");
        assert_eq!(
            run.run("ZINCRBY z -inf i"),
            "-ERR resulting score is not a number (NaN)"
        );
        run.protocol = Protocol::Resp3;
        assert_eq!(run.run("ZINCRBY z 0 i"), ",inf");
        assert_eq!(run.run("ZADD z NX INCR 1 a"), "_");
    }

    #[test]
    fn refusals() {
        let mut run = Runner::default();
        assert_eq!(run.run("ZADD z 1 a 2"), "-ERR syntax error");
        assert_eq!(run.run("ZADD z nx nx"), "-ERR syntax error");
        assert_eq!(run.run("ZADD z 1 a x b"), "-ERR value is not a valid float");
        assert_eq!(run.run("ZADD z nan a"), "-ERR value is not a valid float");
        assert_eq!(
            run.run("ZADD z NX XX 1 a"),
            "-ERR XX and NX options at the same time are not compatible"
        );
        assert_eq!(
            run.run("ZADD z GT LT 1 a"),
            "-ERR GT, LT, and/or NX options at the same time are not compatible"
        );
        assert_eq!(
            run.run("ZADD z INCR 1 a 2 b"),
            "-ERR INCR option supports a single increment-element pair"
        );
        assert_eq!(run.run("ZCARD z"), ":0");
    }

    #[test]
    fn removing() {
        let mut run = Runner::default();
        run.run("ZADD z 1 a 2 b 3 c");
        assert_eq!(run.run("ZREM z x"), ":0");
        assert_eq!(run.dirty, 0);
        assert_eq!(run.run("ZREM z a x b"), ":2");
        assert_eq!(run.events, ["zrem z"]);
        assert_eq!(run.run("ZREM z c c"), ":1");
        assert_eq!(run.events, ["zrem z", "del z"]);
        assert_eq!(run.run("ZREM z c"), ":0");
    }
}
