//! SPOP: takes random members out.

use super::key;
use crate::args;
use crate::context::{CommandResult, Context};
use crate::error;
use crate::key_spec::KeyFlags;
use crate::limits;
use crate::random_count;
use crate::spec::{Arg, CommandSpec, Flags, Group};
use flashdb_base::notify_flags::NotifyFlags;
use flashdb_base::number::NumberBuffer;
use flashdb_resp::OwnedArgs;
use flashdb_types::set::Set;

pub(super) static SPOP: CommandSpec = CommandSpec {
    name: "spop",
    summary: "Removes and returns random members.",
    group: Group::Set,
    complexity: "O(1), with a count O(N) where N is the count",
    arity: -2,
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[key(KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::DELETE))],
    args: &[Arg::key("key"), Arg::integer("count").optional().since("3.2.0")],
    reply: "A member, or null if the key does not exist; with a count a set of members.",
    history: &[("3.2.0", "`count` came.")],
    tips: &["nondeterministic_output"],
    handler: spop,
    ..CommandSpec::EMPTY
};

/// Members per SREM that is logged, so that no log record grows with the set.
const LOGGED_MEMBERS_MAX: usize = 1024;

fn spop(context: &mut Context<'_, '_>) -> CommandResult {
    match context.args.len() {
        2 => pop_one(context),
        3 => pop_many(context),
        _ => Err(error::SYNTAX),
    }
}

fn pop_one(context: &mut Context<'_, '_>) -> CommandResult {
    let key = context.args.at(1);
    let mut prng = random_count::prng(context.data);
    let Some(mut set) = context.data.write::<Set>(key)? else {
        context.reply.null();
        return Ok(());
    };
    let mut taken = Vec::new();
    set.pop_random(&mut prng, |member| taken = member.to_vec());
    drop(set);
    context.data.decided([b"SREM", key, &taken]);
    context.data.changed(key, NotifyFlags::SET, "spop");
    context.data.remove_if(key, Set::is_empty);
    context.reply.bulk(&taken);
    Ok(())
}

fn pop_many(context: &mut Context<'_, '_>) -> CommandResult {
    let (key, limits) = (context.args.at(1), limits::set(context.settings));
    let count = args::integer(context.args.at(2))?;
    let count = usize::try_from(count).map_err(|_| error::NOT_POSITIVE)?;
    let mut prng = random_count::prng(context.data);
    let Some(mut set) = context.data.write::<Set>(key)? else {
        context.reply.set(0);
        return Ok(());
    };
    if count == 0 {
        drop(set);
        context.data.unchanged();
        context.reply.set(0);
        return Ok(());
    }
    let count = count.min(set.len());
    let leaves_some = count < set.len();
    context.reply.set(count);
    let mut removals: Vec<OwnedArgs> = Vec::new();
    set.pop_random_many(count, &limits, &mut prng, |member| {
        let mut digits = NumberBuffer::new();
        let member = member.as_bytes(&mut digits);
        context.reply.bulk(member);
        if leaves_some {
            log_removal(&mut removals, key, member);
        }
    });
    drop(set);
    if leaves_some {
        for removal in &removals {
            context.data.decided(removal.as_args().iter());
        }
    } else {
        context.data.decided([b"DEL", key]);
    }
    context.data.changed(key, NotifyFlags::SET, "spop");
    context.data.effects.dirty += count as u64 - 1;
    context.data.remove_if(key, Set::is_empty);
    Ok(())
}

/// Adds a member to the last SREM, or to a new one once that is long enough.
fn log_removal(removals: &mut Vec<OwnedArgs>, key: &[u8], member: &[u8]) {
    match removals.last_mut() {
        Some(last) if last.as_args().len() < 2 + LOGGED_MEMBERS_MAX => last.push(member),
        _ => removals.push(OwnedArgs::from_words([b"SREM", key, member])),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;
    use flashdb_resp::Protocol;

    #[test]
    fn one() {
        let mut run = Runner::default();
        assert_eq!(run.run("SPOP nokey"), "$-1");
        run.run("SADD s a");
        assert_eq!(run.run("SPOP s"), "$1 a");
        assert_eq!(run.events, ["spop s", "del s"]);
        assert_eq!(run.decided, ["SREM s a"]);
        assert_eq!(run.run("SPOP s 1 2"), "-ERR syntax error");
    }

    #[test]
    fn many() {
        let mut run = Runner::default();
        run.run("SADD s a b c d e");
        let reply = run.run("SPOP s 2");
        let members: Vec<&str> = reply
            .split(' ')
            .filter(|word| !word.starts_with(['$', '*']))
            .collect();
        assert_eq!(members.len(), 2);
        assert_eq!(run.events, ["spop s"]);
        assert_eq!(run.decided, [format!("SREM s {}", members.join(" "))]);
        assert_eq!(run.dirty, 2);
        assert_eq!(run.run("SCARD s"), ":3");
        assert_eq!(run.run("SPOP s 0"), "*0");
        assert!(run.events.is_empty());
        assert_eq!(
            run.run("SPOP s -1"),
            "-ERR value is out of range, must be positive"
        );
        run.protocol = Protocol::Resp3;
        assert!(run.run("SPOP s 9").starts_with("~3 "));
        assert_eq!(run.events, ["spop s", "del s"]);
        assert_eq!(run.decided, ["DEL s"]);
        assert_eq!(run.run("SPOP s 9"), "~0");
        run.run("HSET h a 1");
        assert!(run.run("SPOP h 1").starts_with("-WRONGTYPE"));
    }

    #[test]
    fn long_removals_are_logged_in_parts() {
        let mut run = Runner::default();
        for n in 0..3000 {
            run.run(&format!("SADD s {n}"));
        }
        run.run("SPOP s 2500");
        let words = |effect: &String| effect.split(' ').count() - 2;
        assert_eq!(
            run.decided.iter().map(words).collect::<Vec<_>>(),
            [1024, 1024, 452]
        );
        assert_eq!(run.run("SCARD s"), ":500");
    }
}
