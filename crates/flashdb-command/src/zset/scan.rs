//! ZSCAN: members and scores, a part at a time.

use super::KEY_READ;
use crate::context::{CommandResult, Context};
use crate::scan_options::{self, Collection, Page, ScanOptions};
use crate::spec::{Arg, CommandSpec, Flags, Group};
use flashdb_base::number::NumberBuffer;
use flashdb_types::zset::ZSet;

pub(super) static ZSCAN: CommandSpec = CommandSpec {
    name: "zscan",
    summary: "Walks over the members of a sorted set and their scores, some per call.",
    since: "2.8.0",
    group: Group::SortedSet,
    complexity: "O(1) per call; O(N) for the whole walk, N being the size of the sorted set",
    arity: -3,
    flags: Flags::READONLY,
    keys: KEY_READ,
    args: &[
        Arg::key("key"),
        Arg::integer("cursor"),
        Arg::pattern("pattern").with_token("MATCH").optional(),
        Arg::integer("count").with_token("COUNT").optional(),
    ],
    reply: "The cursor of the next call, and an array of members and scores.",
    tips: &["nondeterministic_output"],
    handler: zscan,
    ..CommandSpec::EMPTY
};

fn zscan(context: &mut Context<'_, '_>) -> CommandResult {
    let cursor = scan_options::cursor(context.arg(2))?;
    let Some(zset) = context.data.read::<ZSet>(context.args.at(1))? else {
        Page::write_empty(context.reply);
        return Ok(());
    };
    let options = ScanOptions::parse(context.args, 3, Collection::Members)?;
    let mut page = Page::new(context.reply.protocol());
    let mut digits = NumberBuffer::new();
    let next = options.walk(cursor, |cursor, seen| {
        zset.scan(cursor, |member, score| {
            *seen += 1;
            if options.matches(member) {
                page.push(member);
                page.push(digits.format_f64(score));
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
    fn pages() {
        let mut run = Runner::default();
        assert_eq!(run.run("ZSCAN z 0"), "*2 $1 0 *0");
        run.run("ZADD z 1.5 a 2 b");
        assert_eq!(run.run("ZSCAN z 0"), "*2 $1 0 *4 $1 a $3 1.5 $1 b $1 2");
        assert_eq!(run.run("ZSCAN z 0 MATCH b* COUNT 100"), "*2 $1 0 *2 $1 b $1 2");
        assert_eq!(run.run("ZSCAN z x"), "-ERR invalid cursor");
        assert_eq!(run.run("ZSCAN z 0 COUNT 0"), "-ERR syntax error");
        assert_eq!(run.run("ZSCAN none 0 COUNT 0"), "*2 $1 0 *0");
    }
}
