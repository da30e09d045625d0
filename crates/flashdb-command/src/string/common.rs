//! Comparing two strings: LCS.

use crate::args::{self, Cursor};
use crate::context::{CommandResult, Context};
use crate::error::{self, ErrorReply};
use crate::key_spec::{KeyFlags, KeySpec};
use crate::spec::{Arg, CommandSpec, Flags, Group};
use flashdb_resp::Reply;
use flashdb_types::lcs::{Lcs, lcs, lcs_length};

pub(super) static LCS: CommandSpec = CommandSpec {
    name: "lcs",
    summary: "Finds the longest sequence of bytes that two strings have in common, gaps allowed.",
    since: "7.0.0",
    group: Group::String,
    complexity: "O(N*M) for strings of N and M bytes",
    arity: -3,
    flags: Flags::READONLY,
    keys: &[KeySpec::range(1, 1, 1, KeyFlags::RO.and(KeyFlags::ACCESS))],
    args: &[
        Arg::key("key1"),
        Arg::key("key2"),
        Arg::word("len", "LEN").optional(),
        Arg::word("idx", "IDX").optional(),
        Arg::integer("min-match-len").with_token("MINMATCHLEN").optional(),
        Arg::word("withmatchlen", "WITHMATCHLEN").optional(),
    ],
    reply: "The common bytes; with LEN their number, with IDX where they stand in both strings.",
    handler: lcs_of_keys,
    ..CommandSpec::EMPTY
};

#[derive(Default)]
struct LcsOptions {
    len: bool,
    idx: bool,
    with_match_len: bool,
    match_len_min: usize,
}

impl LcsOptions {
    fn parse(mut cursor: Cursor<'_>) -> Result<Self, ErrorReply> {
        let mut options = LcsOptions::default();
        while cursor.remaining() > 0 {
            if cursor.take("IDX") {
                options.idx = true;
            } else if cursor.take("LEN") {
                options.len = true;
            } else if cursor.take("WITHMATCHLEN") {
                options.with_match_len = true;
            } else if cursor.take_with("MINMATCHLEN", 1) {
                options.match_len_min = args::integer(cursor.word()?)?.max(0) as usize;
            } else {
                return Err(error::SYNTAX);
            }
        }
        if options.len && options.idx {
            return Err(ErrorReply::fixed(
                "ERR If you want both the length and indexes, please just use IDX.",
            ));
        }
        Ok(options)
    }
}

fn lcs_of_keys(context: &mut Context<'_, '_>) -> CommandResult {
    let mut string_at = |index| match context.data.string(context.args.at(index)) {
        Ok(value) => Ok(value.map_or_else(Vec::new, |value| value.to_vec())),
        Err(_) => Err(ErrorReply::fixed(
            "ERR The specified keys must contain string values",
        )),
    };
    let (a, b) = (string_at(1)?, string_at(2)?);
    let options = LcsOptions::parse(Cursor::new(context.args, 3))?;
    check_cost(a.len(), b.len(), context.settings.proto_max_bulk_len)?;
    if options.len {
        context.reply.count(lcs_length(&a, &b));
        return Ok(());
    }
    let found = lcs(&a, &b);
    if options.idx {
        write_ranges(context.reply, &found, &options);
    } else {
        context.reply.bulk(&found.subsequence(&a));
    }
    Ok(())
}

/// Refuses what Redis refuses: it bounds a table of four bytes for each pair of positions. Ours is
/// smaller, but the time grows the same.
fn check_cost(a: usize, b: usize, bytes_max: u64) -> Result<(), ErrorReply> {
    let table_bytes = (a as u128 + 1) * (b as u128 + 1) * 4;
    if a >= u32::MAX as usize - 1 || b >= u32::MAX as usize - 1 {
        return Err(ErrorReply::fixed("ERR String too long for LCS"));
    }
    if table_bytes > u128::from(bytes_max) {
        return Err(ErrorReply::fixed(
            "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
        ));
    }
    Ok(())
}

fn write_ranges(reply: &mut Reply, found: &Lcs, options: &LcsOptions) {
    let long_enough = |len| len >= options.match_len_min;
    let runs = found.matches.iter().filter(|run| long_enough(run.matched_len()));
    reply.map(2);
    reply.bulk(b"matches");
    reply.array(runs.clone().count());
    for run in runs {
        reply.array(2 + usize::from(options.with_match_len));
        for (first, last) in [run.a, run.b] {
            reply.array(2);
            reply.count(first);
            reply.count(last);
        }
        if options.with_match_len {
            reply.count(run.matched_len());
        }
    }
    reply.bulk(b"len");
    reply.count(found.length);
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;

    #[test]
    fn forms_of_the_answer() {
        let mut run = Runner::default();
        run.run("MSET a ohmytext b mynewtext");
        assert_eq!(run.run("LCS a b"), "$6 mytext");
        assert_eq!(run.run("LCS a b LEN"), ":6");
        assert_eq!(run.run("LCS a nokey"), "$0");
        let both = "*2 *2 *2 :4 :7 *2 :5 :8 *2 *2 :2 :3 *2 :0 :1";
        assert_eq!(run.run("LCS a b IDX"), format!("*4 $7 matches {both} $3 len :6"));
        assert_eq!(
            run.run("LCS a b IDX WITHMATCHLEN MINMATCHLEN 4"),
            "*4 $7 matches *1 *3 *2 :4 :7 *2 :5 :8 :4 $3 len :6"
        );
        assert_eq!(
            run.run("LCS a b IDX LEN"),
            "-ERR If you want both the length and indexes, please just use IDX."
        );
        assert_eq!(run.run("LCS a b MINMATCHLEN"), "-ERR syntax error");
        run.settings.proto_max_bulk_len = 100;
        assert!(run.run("LCS a b").starts_with("-ERR Insufficient memory"));
    }
}
