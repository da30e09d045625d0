//! SSCAN: members in batches.

use super::READ;
use crate::context::{CommandResult, Context};
use crate::scan_options::{self, Collection, Page, ScanOptions};
use crate::spec::{Arg, CommandSpec, Flags, Group};
use flashdb_base::number::NumberBuffer;
use flashdb_types::set::Set;

pub(super) static SSCAN: CommandSpec = CommandSpec {
    name: "sscan",
    summary: "Walks over the members of a set in batches.",
    since: "2.8.0",
    group: Group::Set,
    complexity: "O(COUNT) for a call, O(N) for a walk over all N members",
    arity: -3,
    flags: Flags::READONLY,
    keys: READ,
    args: &[
        Arg::key("key"),
        Arg::integer("cursor"),
        Arg::pattern("pattern").with_token("MATCH").optional(),
        Arg::integer("count").with_token("COUNT").optional(),
    ],
    reply: "An array of the next cursor (0 at the end) and an array of members.",
    tips: &["nondeterministic_output"],
    handler: sscan,
    ..CommandSpec::EMPTY
};

fn sscan(context: &mut Context<'_, '_>) -> CommandResult {
    let words = context.args;
    let cursor = scan_options::cursor(words.at(2))?;
    let Some(set) = context.data.read::<Set>(words.at(1))? else {
        Page::write_empty(context.reply);
        return Ok(());
    };
    let options = ScanOptions::parse(words, 3, Collection::Members)?;
    let mut page = Page::new(context.reply.protocol());
    let mut digits = NumberBuffer::new();
    let next = options.walk(cursor, |cursor, seen| {
        set.scan(cursor, |member| {
            *seen += 1;
            let member = member.as_bytes(&mut digits);
            if options.matches(member) {
                page.push(member);
            }
        })
    });
    page.write(next, context.reply);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;

    #[test]
    fn small_sets_come_whole() {
        let mut run = Runner::default();
        assert_eq!(run.run("SSCAN nokey 0"), "*2 $1 0 *0");
        run.run("SADD s 1 2 11");
        assert_eq!(run.run("SSCAN s 0 MATCH 1* COUNT 1"), "*2 $1 0 *2 $1 1 $2 11");
        assert_eq!(run.run("SSCAN s 0 NOVALUES"), "-ERR syntax error");
        assert_eq!(run.run("SSCAN s -1"), "-ERR invalid cursor");
        run.run("HSET h a 1");
        assert!(run.run("SSCAN h 0").starts_with("-WRONGTYPE"));
    }
}
