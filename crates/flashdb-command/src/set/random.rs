//! SRANDMEMBER: random members, which stay.

use super::READ;
use crate::context::{CommandResult, Context};
use crate::error;
use crate::random_count::{self, RandomCount, ReplyBound};
use crate::spec::{Arg, CommandSpec, Flags, Group};
use flashdb_base::number::NumberBuffer;
use flashdb_types::set::Set;

pub(super) static SRANDMEMBER: CommandSpec = CommandSpec {
    name: "srandmember",
    summary: "Returns random members.",
    group: Group::Set,
    complexity: "O(1), with a count O(N) where N is the absolute count",
    arity: -2,
    flags: Flags::READONLY,
    keys: READ,
    args: &[Arg::key("key"), Arg::integer("count").optional().since("2.6.0")],
    reply: "Without a count a member, or null if the key does not exist; with a count an array of different \
            members, or if it is negative of independent draws.",
    history: &[("2.6.0", "`count` came.")],
    tips: &["nondeterministic_output"],
    handler: srandmember,
    ..CommandSpec::EMPTY
};

fn srandmember(context: &mut Context<'_, '_>) -> CommandResult {
    match context.args.len() {
        2 => one(context),
        3 => with_count(context),
        _ => Err(error::SYNTAX),
    }
}

fn one(context: &mut Context<'_, '_>) -> CommandResult {
    let mut prng = random_count::prng(context.data);
    let set = context.data.read::<Set>(context.args.at(1))?;
    match set.and_then(|set| set.random(&mut prng)) {
        Some(member) => context.reply.bulk(member.as_bytes(&mut NumberBuffer::new())),
        None => context.reply.null(),
    }
    Ok(())
}

fn with_count(context: &mut Context<'_, '_>) -> CommandResult {
    let count = RandomCount::parse(context.args.at(2))?;
    let bound = ReplyBound::of(context);
    let mut prng = random_count::prng(context.data);
    let reply = &mut *context.reply;
    let Some(set) = context.data.read::<Set>(context.args.at(1))? else {
        reply.array(0);
        return Ok(());
    };
    let mut digits = NumberBuffer::new();
    match count {
        RandomCount::Distinct(count) => {
            reply.array(count.min(set.len()));
            set.random_distinct(count, &mut prng, |member| {
                reply.bulk(member.as_bytes(&mut digits))
            });
            Ok(())
        }
        RandomCount::Repeated(count) => {
            reply.array(count);
            random_count::repeat(count, reply, bound, |reply| {
                let member = set.random(&mut prng).expect("a set is never empty");
                reply.bulk(member.as_bytes(&mut digits));
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;

    #[test]
    fn members() {
        let mut run = Runner::default();
        assert_eq!(run.run("SRANDMEMBER nokey"), "$-1");
        assert_eq!(run.run("SRANDMEMBER nokey 3"), "*0");
        run.run("SADD s a");
        assert_eq!(run.run("SRANDMEMBER s"), "$1 a");
        assert_eq!(run.run("SRANDMEMBER s 0"), "*0");
        assert_eq!(run.run("SRANDMEMBER s 5"), "*1 $1 a");
        assert_eq!(run.run("SRANDMEMBER s -3"), "*3 $1 a $1 a $1 a");
        assert_eq!(run.run("SRANDMEMBER s 1 2"), "-ERR syntax error");
        assert_eq!(
            run.run("SRANDMEMBER s x"),
            "-ERR value is not an integer or out of range"
        );
        assert!(
            run.run("SRANDMEMBER s -9223372036854775808")
                .starts_with("-ERR value is out of range")
        );
    }

    #[test]
    fn distinct_members_are_distinct() {
        let mut run = Runner::default();
        for n in 0..500 {
            run.run(&format!("SADD s member:{n}"));
        }
        for count in [10, 300, 499] {
            let reply = run.run(&format!("SRANDMEMBER s {count}"));
            let mut members: Vec<&str> = reply.split(' ').filter(|word| word.starts_with('m')).collect();
            members.sort();
            members.dedup();
            assert_eq!(members.len(), count);
        }
    }
}
