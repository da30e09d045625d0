//! HRANDFIELD: random fields, with their values if wanted.

use super::{READ, now_ms};
use crate::args;
use crate::context::{CommandResult, Context};
use crate::error;
use crate::random_count::{self, RandomCount, ReplyBound};
use crate::spec::{Arg, CommandSpec, Flags, Group};
use flashdb_resp::Reply;
use flashdb_types::hash::{Field, Hash};

pub(super) static HRANDFIELD: CommandSpec = CommandSpec {
    name: "hrandfield",
    summary: "Returns random fields.",
    since: "6.2.0",
    group: Group::Hash,
    complexity: "O(N) for N fields asked for",
    arity: -2,
    flags: Flags::READONLY,
    keys: READ,
    args: &[
        Arg::key("key"),
        Arg::block(
            "options",
            &[
                Arg::integer("count"),
                Arg::word("withvalues", "WITHVALUES").optional(),
            ],
        )
        .optional(),
    ],
    reply: "Without a count a field, or null if the key does not exist; with a count an array of different \
            fields, or if it is negative of independent draws; WITHVALUES adds the values.",
    tips: &["nondeterministic_output"],
    handler: hrandfield,
    ..CommandSpec::EMPTY
};

fn hrandfield(context: &mut Context<'_, '_>) -> CommandResult {
    if context.args.len() > 2 {
        return with_count(context);
    }
    let now_ms = now_ms(context);
    let mut prng = random_count::prng(context.data);
    let hash = context.data.read::<Hash>(context.args.at(1))?;
    let field = hash.and_then(|hash| hash.random(now_ms, &mut prng));
    context.reply.bulk_or_null(field.map(|field| field.name));
    Ok(())
}

fn with_count(context: &mut Context<'_, '_>) -> CommandResult {
    let words = context.args;
    let mut count = RandomCount::parse(words.at(2))?;
    let with_values = words.len() == 4 && args::is(words.at(3), "withvalues");
    if words.len() > 3 && !with_values {
        return Err(error::SYNTAX);
    }
    if with_values {
        count = count.paired()?;
    }
    let now_ms = now_ms(context);
    let bound = ReplyBound::of(context);
    let mut prng = random_count::prng(context.data);
    let reply = &mut *context.reply;
    let hash = context.data.read::<Hash>(words.at(1))?;
    let live = hash.map_or(0, |hash| hash.live_len(now_ms));
    let (Some(hash), 1..) = (hash, live) else {
        reply.array(0);
        return Ok(());
    };
    match count {
        RandomCount::Distinct(count) => {
            header(reply, count.min(live), with_values);
            hash.random_distinct(count, now_ms, &mut prng, |field| write(reply, field, with_values));
            Ok(())
        }
        RandomCount::Repeated(count) if live < hash.len() => {
            // Fields that have expired would cost a draw many tries, so the live ones are listed once.
            let fields: Vec<Field<'_>> = hash.iter().filter(|field| field.is_live(now_ms)).collect();
            header(reply, count, with_values);
            random_count::repeat(count, reply, bound, |reply| {
                let index = prng.below(fields.len() as u64) as usize;
                write(reply, fields[index], with_values);
            })
        }
        RandomCount::Repeated(count) => {
            header(reply, count, with_values);
            random_count::repeat(count, reply, bound, |reply| {
                let field = hash.random(now_ms, &mut prng);
                write(reply, field.expect("the hash has live fields"), with_values);
            })
        }
    }
}

/// Pairs are arrays of their own in RESP3, flat in RESP2.
fn header(reply: &mut Reply, count: usize, with_values: bool) {
    let flat_pairs = with_values && !reply.is_resp3();
    reply.array(if flat_pairs { 2 * count } else { count });
}

fn write(reply: &mut Reply, field: Field<'_>, with_value: bool) {
    if with_value && reply.is_resp3() {
        reply.array(2);
    }
    reply.bulk(field.name);
    if with_value {
        reply.bulk(field.value);
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;
    use flashdb_resp::Protocol;

    #[test]
    fn one_field() {
        let mut run = Runner::default();
        assert_eq!(run.run("HRANDFIELD nokey"), "$-1");
        run.run("HSET h a 1 b 2");
        let drawn: Vec<_> = (0..64).map(|_| run.run("HRANDFIELD h")).collect();
        assert!(drawn.iter().any(|field| field == "$1 a") && drawn.iter().any(|field| field == "$1 b"));
    }

    #[test]
    fn counts() {
        let mut run = Runner::default();
        run.run("HSET h a 1");
        assert_eq!(run.run("HRANDFIELD h 0"), "*0");
        assert_eq!(run.run("HRANDFIELD nokey 5"), "*0");
        assert_eq!(run.run("HRANDFIELD h 5"), "*1 $1 a");
        assert_eq!(run.run("HRANDFIELD h -3"), "*3 $1 a $1 a $1 a");
        assert_eq!(run.run("HRANDFIELD h -2 WITHVALUES"), "*4 $1 a $1 1 $1 a $1 1");
        run.protocol = Protocol::Resp3;
        assert_eq!(run.run("HRANDFIELD h 2 withvalues"), "*1 *2 $1 a $1 1");
    }

    #[test]
    fn wrong_counts() {
        let mut run = Runner::default();
        run.run("HSET h a 1");
        assert_eq!(
            run.run("HRANDFIELD h x"),
            "-ERR value is not an integer or out of range"
        );
        assert!(
            run.run("HRANDFIELD h -9223372036854775808")
                .starts_with("-ERR value is out of range")
        );
        assert_eq!(
            run.run("HRANDFIELD h -9223372036854770000 WITHVALUES"),
            "-ERR value is out of range"
        );
        assert_eq!(run.run("HRANDFIELD h 1 VALUES"), "-ERR syntax error");
        assert_eq!(run.run("HRANDFIELD h 1 WITHVALUES x"), "-ERR syntax error");
        run.settings.proto_max_bulk_len = 1000;
        assert_eq!(
            run.run("HRANDFIELD h -9223372036854770000"),
            "-ERR value is out of range"
        );
    }

    #[test]
    fn expired_fields_are_not_drawn() {
        let mut run = Runner::default();
        run.run("HSET h a 1 b 2");
        run.run("HPEXPIRE h 10 FIELDS 1 a");
        run.now_ms += 11;
        assert_eq!(run.run("HRANDFIELD h -2"), "*2 $1 b $1 b");
        assert_eq!(run.run("HRANDFIELD h 2"), "*1 $1 b");
        run.run("HPEXPIRE h 10 FIELDS 1 b");
        run.now_ms += 11;
        assert_eq!(run.run("HRANDFIELD h"), "$-1");
        assert_eq!(run.run("HRANDFIELD h -2"), "*0");
    }
}
