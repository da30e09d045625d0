//! HSCAN: fields in batches.

use super::{READ, now_ms};
use crate::context::{CommandResult, Context};
use crate::scan_options::{self, Collection, Page, ScanOptions};
use crate::spec::{Arg, CommandSpec, Flags, Group};
use flashdb_types::hash::Hash;

pub(super) static HSCAN: CommandSpec = CommandSpec {
    name: "hscan",
    summary: "Walks over the fields of a hash in batches.",
    since: "2.8.0",
    group: Group::Hash,
    complexity: "O(COUNT) for a call, O(N) for a walk over all N fields",
    arity: -3,
    flags: Flags::READONLY,
    keys: READ,
    args: &[
        Arg::key("key"),
        Arg::integer("cursor"),
        Arg::pattern("pattern").with_token("MATCH").optional(),
        Arg::integer("count").with_token("COUNT").optional(),
        Arg::word("novalues", "NOVALUES").optional().since("7.4.0"),
    ],
    reply: "An array of the next cursor (0 at the end) and an array of fields and values.",
    history: &[("7.4.0", "NOVALUES leaves the values out.")],
    tips: &["nondeterministic_output"],
    handler: hscan,
    ..CommandSpec::EMPTY
};

fn hscan(context: &mut Context<'_, '_>) -> CommandResult {
    let words = context.args;
    let cursor = scan_options::cursor(words.at(2))?;
    let now_ms = now_ms(context);
    let Some(hash) = context.data.read::<Hash>(words.at(1))? else {
        Page::write_empty(context.reply);
        return Ok(());
    };
    let options = ScanOptions::parse(words, 3, Collection::Fields)?;
    let mut page = Page::new(context.reply.protocol());
    let next = options.walk(cursor, |cursor, seen| {
        hash.scan(cursor, |field| {
            *seen += 1;
            if field.is_live(now_ms) && options.matches(field.name) {
                page.push(field.name);
                if !options.no_values {
                    page.push(field.value);
                }
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
    fn small_hashes_come_whole() {
        let mut run = Runner::default();
        assert_eq!(run.run("HSCAN nokey 0"), "*2 $1 0 *0");
        assert_eq!(run.run("HSCAN nokey x"), "-ERR invalid cursor");
        run.run("HSET h a 1 b 2");
        assert_eq!(run.run("HSCAN h 0"), "*2 $1 0 *4 $1 a $1 1 $1 b $1 2");
        assert_eq!(run.run("HSCAN h 0 NOVALUES MATCH a*"), "*2 $1 0 *1 $1 a");
        assert_eq!(run.run("HSCAN h 0 COUNT 0"), "-ERR syntax error");
        run.run("HPEXPIRE h 10 FIELDS 1 a");
        run.now_ms += 11;
        assert_eq!(run.run("HSCAN h 0"), "*2 $1 0 *2 $1 b $1 2");
    }

    #[test]
    fn large_hashes_come_in_batches() {
        let mut run = Runner::default();
        for n in 0..1000 {
            run.run(&format!("HSET h field:{n} {n}"));
        }
        let (mut cursor, mut calls, mut fields) = (String::from("0"), 0, Vec::new());
        loop {
            let reply = run.run(&format!("HSCAN h {cursor} COUNT 20 NOVALUES"));
            let mut words = reply.split(' ').filter(|word| !word.starts_with(['$', '*']));
            cursor = words.next().unwrap().into();
            fields.extend(words.map(String::from));
            calls += 1;
            if cursor == "0" {
                break;
            }
        }
        assert!((10..=60).contains(&calls), "{calls} calls");
        fields.sort();
        fields.dedup();
        assert_eq!(fields.len(), 1000);
    }
}
