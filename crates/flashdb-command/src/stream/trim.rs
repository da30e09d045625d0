//! XTRIM, and the options that it shares with XADD. An approximate trim depends on how entries are
//! laid out in memory, so its effect is recorded as the exact trim that leaves the same entries.

use super::parse_id;
use crate::args::Cursor;
use crate::context::{CommandResult, Context};
use crate::error::{self, ErrorReply};
use crate::key_spec::{KeyFlags, KeySpec};
use crate::spec::{Arg, CommandSpec, Flags, Group};
use flashdb_base::notify_flags::NotifyFlags;
use flashdb_config::Settings;
use flashdb_types::stream::{Entries, Stream, StreamId, Trim, TrimTo};

/// Trims that give no limit delete at most this many times the entries of a full block.
const BLOCKS_TRIMMED: u64 = 100;
const LIMIT_WITHOUT_BLOCK_SIZE: u64 = 10_000;
const LIMIT_MAX: u64 = 1_000_000;

pub(super) const TRIM_ARGS: &[Arg] = &[
    Arg::one_of(
        "strategy",
        &[
            Arg::word("maxlen", "MAXLEN"),
            Arg::word("minid", "MINID").since("6.2.0"),
        ],
    ),
    Arg::one_of(
        "operator",
        &[Arg::word("equal", "="), Arg::word("approximately", "~")],
    )
    .optional(),
    Arg::string("threshold"),
    Arg::integer("count")
        .with_token("LIMIT")
        .optional()
        .since("6.2.0"),
];

/// Collects MAXLEN, MINID and LIMIT as they come up among a command's options.
#[derive(Default)]
pub(super) struct TrimOptions {
    to: Option<TrimTo>,
    approximate: bool,
    limit: Option<u64>,
}

impl TrimOptions {
    /// Takes one option if the next words are one.
    pub(super) fn take(&mut self, words: &mut Cursor<'_>) -> Result<bool, ErrorReply> {
        if words.take_with("maxlen", 1) {
            self.begin(words)?;
            let max = u64::try_from(words.integer()?)
                .map_err(|_| ErrorReply::fixed("ERR The MAXLEN argument must be >= 0."))?;
            self.to = Some(TrimTo::MaxLen(max));
        } else if words.take_with("minid", 1) {
            self.begin(words)?;
            self.to = Some(TrimTo::MinId(parse_id(words.word()?)?));
        } else if words.take_with("limit", 1) {
            let limit = u64::try_from(words.integer()?)
                .map_err(|_| ErrorReply::fixed("ERR The LIMIT argument must be >= 0."))?;
            self.limit = Some(limit);
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// The part before the threshold.
    fn begin(&mut self, words: &mut Cursor<'_>) -> Result<(), ErrorReply> {
        if self.to.is_some() {
            return Err(ErrorReply::fixed(
                "ERR syntax error, MAXLEN and MINID options at the same time are not compatible",
            ));
        }
        self.approximate = words.take_with("~", 1);
        if !self.approximate {
            words.take_with("=", 1);
        }
        Ok(())
    }

    /// The trim asked for, once all options are read.
    pub(super) fn finish(self, settings: &Settings) -> Result<Option<Trim>, ErrorReply> {
        let Some(to) = self.to else {
            return match self.limit {
                Some(1..) => Err(ErrorReply::fixed(
                    "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy",
                )),
                _ => Ok(None),
            };
        };
        if self.limit.is_some() && !self.approximate {
            return Err(ErrorReply::fixed(
                "ERR syntax error, LIMIT cannot be used without the special ~ option",
            ));
        }
        let limit = match self.limit {
            Some(limit) => limit,
            None if !self.approximate => 0,
            None => match settings.stream_node_max_entries.saturating_mul(BLOCKS_TRIMMED) {
                0 => LIMIT_WITHOUT_BLOCK_SIZE,
                limit => limit.min(LIMIT_MAX),
            },
        };
        Ok(Some(Trim {
            to,
            approximate: self.approximate,
            limit,
        }))
    }
}

/// The words of an exact trim that leaves what `trim` left in `entries`.
pub(super) fn decided_words(trim: &Trim, entries: &Entries) -> [String; 3] {
    let (strategy, threshold) = match trim.to {
        TrimTo::MaxLen(_) if trim.approximate => ("MAXLEN", entries.len().to_string()),
        TrimTo::MaxLen(max) => ("MAXLEN", max.to_string()),
        TrimTo::MinId(_) if trim.approximate && entries.is_empty() => ("MINID", StreamId::MAX.to_string()),
        TrimTo::MinId(_) if trim.approximate => ("MINID", entries.first_id().to_string()),
        TrimTo::MinId(id) => ("MINID", id.to_string()),
    };
    [strategy.into(), "=".into(), threshold]
}

pub(super) static XTRIM: CommandSpec = CommandSpec {
    name: "xtrim",
    summary: "Deletes entries from the front of a stream, down to a length or up to an id.",
    since: "5.0.0",
    group: Group::Stream,
    complexity: "O(N) for N entries deleted; blocks that go whole cost almost nothing",
    arity: -4,
    flags: Flags::WRITE,
    keys: &[KeySpec::one(1, KeyFlags::RW.and(KeyFlags::DELETE))],
    args: &[Arg::key("key"), Arg::block("trim", TRIM_ARGS)],
    reply: "How many entries were deleted.",
    history: &[("6.2.0", "`MINID` and `LIMIT` were added.")],
    tips: &["nondeterministic_output"],
    handler: xtrim,
    ..CommandSpec::EMPTY
};

fn xtrim(context: &mut Context<'_, '_>) -> CommandResult {
    let key = context.arg(1);
    let mut words = Cursor::new(context.args, 2);
    let mut options = TrimOptions::default();
    while words.remaining() > 0 {
        if !options.take(&mut words)? {
            return Err(error::SYNTAX);
        }
    }
    let trim = options.finish(context.settings)?.ok_or(ErrorReply::fixed(
        "ERR syntax error, XTRIM must be called with a trimming strategy",
    ))?;
    let Some(mut stream) = context.data.write::<Stream>(key)? else {
        context.reply.integer(0);
        return Ok(());
    };
    let deleted = stream.entries_mut().trim(&trim);
    let exact = trim.approximate.then(|| decided_words(&trim, &stream));
    drop(stream);
    if deleted == 0 {
        context.data.unchanged();
    } else {
        context.data.changed(key, NotifyFlags::STREAM, "xtrim");
        context.data.effects.dirty += deleted - 1;
        if let Some(words) = exact {
            let words = words.iter().map(String::as_bytes);
            context
                .data
                .decided([b"XTRIM".as_slice(), key].into_iter().chain(words));
        }
    }
    context.reply.integer(deleted as i64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;

    fn with_entries(count: usize) -> Runner {
        let mut run = Runner::default();
        run.settings.stream_node_max_entries = 10;
        for n in 1..=count {
            run.run(&format!("XADD s {n} f v"));
        }
        run
    }

    #[test]
    fn exact_and_approximate() {
        let mut run = with_entries(35);
        assert_eq!(run.run("XTRIM s MAXLEN 33"), ":2");
        assert_eq!((run.events.as_slice(), run.dirty), (&["xtrim s".into()][..], 2));
        assert_eq!(run.decided.len(), 0);
        assert_eq!(run.run("XTRIM s MAXLEN ~ 21"), ":8");
        assert_eq!(run.decided, ["XTRIM s MAXLEN = 25"]);
        assert_eq!(run.run("XTRIM s MINID ~ 25"), ":10");
        assert_eq!(run.decided, ["XTRIM s MINID = 21-0"]);
        assert_eq!(run.run("XTRIM s MINID = 25"), ":4");
        assert_eq!(run.run("XTRIM s MAXLEN ~ 0 LIMIT 5"), ":0");
        assert_eq!((run.dirty, run.decided.len()), (0, 0));
        assert_eq!(run.run("XTRIM s MINID ~ 100"), ":11");
        assert_eq!(
            run.decided,
            ["XTRIM s MINID = 18446744073709551615-18446744073709551615"]
        );
        assert_eq!(run.run("XTRIM missing MAXLEN 1"), ":0");
    }

    #[test]
    fn options_are_checked() {
        let mut run = with_entries(1);
        for (options, text) in [
            ("MAXLEN -1", "The MAXLEN argument must be >= 0."),
            ("MAXLEN ~ 1 LIMIT -1", "The LIMIT argument must be >= 0."),
            (
                "MAXLEN 1 LIMIT 1",
                "syntax error, LIMIT cannot be used without the special ~ option",
            ),
            (
                "LIMIT 5",
                "syntax error, LIMIT cannot be used without specifying a trimming strategy",
            ),
            (
                "LIMIT 0",
                "syntax error, XTRIM must be called with a trimming strategy",
            ),
            (
                "MAXLEN 1 MINID 1",
                "syntax error, MAXLEN and MINID options at the same time are not compatible",
            ),
            ("MAXLEN x", "value is not an integer or out of range"),
            (
                "MINID x",
                "Invalid stream ID specified as stream command argument",
            ),
            ("MAXLEN 1 x", "syntax error"),
        ] {
            assert_eq!(run.run(&format!("XTRIM s {options}")), format!("-ERR {text}"));
        }
    }
}
