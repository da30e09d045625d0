//! Reading or writing fields together with their time, or with their removal: HGETEX, HSETEX, HGETDEL.

use super::fields::{COUNT, FieldList, MISSING};
use super::times::{Changes, EX, EXAT, PX, PXAT, TimeForm, is_past};
use super::{UPDATE, changed, changed_by, key, settle, take_due};
use crate::args::Cursor;
use crate::context::{CommandResult, Context};
use crate::error::ErrorReply;
use crate::key_spec::{KeyFlags, KeySpec};
use crate::limits;
use crate::spec::{Arg, CommandSpec, Flags, Group};
use flashdb_base::number::NumberBuffer;
use flashdb_types::hash::{FieldTtl, Hash};

const COMPLEXITY: &str = "O(N) where N is the number of fields named";
const READ_AND_CHANGE: &[KeySpec] = &[key(KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::UPDATE))];
const NAMES: Arg = Arg::block(
    "fields",
    &[Arg::integer("numfields"), Arg::string("field").multiple()],
)
.with_token("FIELDS");

pub(super) static HGETDEL: CommandSpec = CommandSpec {
    name: "hgetdel",
    summary: "Returns the values of fields and removes them.",
    since: "8.0.0",
    group: Group::Hash,
    complexity: COMPLEXITY,
    arity: -5,
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[key(KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::DELETE))],
    args: &[Arg::key("key"), NAMES],
    reply: "An array with a value or null for each field.",
    handler: hgetdel,
    ..CommandSpec::EMPTY
};

fn hgetdel(context: &mut Context<'_, '_>) -> CommandResult {
    let words = context.args;
    context.data.probe::<Hash>(words.at(1))?;
    let fields = FieldList::rest(words, 2, COUNT)?;
    take_due(context);
    context.reply.array(fields.len());
    let Some(mut hash) = context.data.write::<Hash>(words.at(1))? else {
        fields.names().for_each(|_| context.reply.null());
        return Ok(());
    };
    let volatile = hash.next_expiry_ms().is_some();
    let mut removed = 0;
    for name in fields.names() {
        let field = hash.get_any(name);
        context.reply.bulk_or_null(field.map(|field| field.value));
        removed += usize::from(hash.remove(name));
    }
    drop(hash);
    if removed > 0 {
        changed_by(context, "hdel", removed);
        settle(context, volatile);
    } else {
        context.data.unchanged();
    }
    Ok(())
}

pub(super) static HGETEX: CommandSpec = CommandSpec {
    name: "hgetex",
    summary: "Returns the values of fields and sets or takes away their expiry time.",
    since: "8.0.0",
    group: Group::Hash,
    complexity: COMPLEXITY,
    arity: -5,
    flags: Flags::WRITE.and(Flags::FAST),
    keys: READ_AND_CHANGE,
    args: &[
        Arg::key("key"),
        Arg::one_of(
            "expiration",
            &[EX, PX, EXAT, PXAT, Arg::word("persist", "PERSIST")],
        )
        .optional(),
        NAMES,
    ],
    reply: "An array with a value or null for each field.",
    handler: hgetex,
    ..CommandSpec::EMPTY
};

/// What becomes of the times of the fields named.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Times {
    /// HGETEX leaves them; HSETEX takes them away, as HSET does.
    Unsaid,
    At(u64),
    /// PERSIST, KEEPTTL.
    Word,
}

/// The options of HGETEX or HSETEX, which may stand before or behind the fields.
struct Options<'a> {
    times: Times,
    relative: bool,
    only_if: Option<OnlyIf>,
    fields: FieldList<'a>,
}

/// FNX and FXX.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OnlyIf {
    NoneExists,
    AllExist,
}

/// What differs between the two grammars.
struct Grammar {
    /// `PERSIST` or `KEEPTTL`.
    word: &'static str,
    conditions: bool,
    /// Words per field.
    step: usize,
}

impl<'a> Options<'a> {
    fn parse(context: &Context<'a, '_>, grammar: &Grammar) -> Result<Self, ErrorReply> {
        let words = context.args;
        let (mut times, mut relative, mut only_if, mut fields) = (Times::Unsaid, false, None, None);
        let mut cursor = Cursor::new(words, 2);
        while let Some(word) = cursor.peek() {
            if fields.is_none() && cursor.take("fields") {
                fields = Some(FieldList::take(words, &mut cursor, grammar.step)?);
            } else if let Some(form) = TimeForm::of_option(word) {
                cursor.word()?;
                grammar.one_time(times)?;
                times = Times::At(form.at_ms(cursor.word()?, context)?);
                relative = form.relative;
            } else if cursor.take(grammar.word) {
                grammar.one_time(times)?;
                times = Times::Word;
            } else if grammar.conditions && (cursor.take("fnx") || cursor.take("fxx")) {
                if only_if.is_some() {
                    return Err(ErrorReply::fixed(
                        "ERR Only one of FXX or FNX arguments can be specified",
                    ));
                }
                let none = word.eq_ignore_ascii_case(b"fnx");
                only_if = Some(if none {
                    OnlyIf::NoneExists
                } else {
                    OnlyIf::AllExist
                });
            } else {
                return Err(ErrorReply::from_bytes([b"ERR unknown argument: ", word].concat()));
            }
        }
        Ok(Options {
            times,
            relative,
            only_if,
            fields: fields.ok_or(MISSING)?,
        })
    }
}

impl Grammar {
    fn one_time(&self, before: Times) -> Result<(), ErrorReply> {
        if before == Times::Unsaid {
            return Ok(());
        }
        Err(ErrorReply::new(format!(
            "ERR Only one of EX, PX, EXAT, PXAT or {} arguments can be specified",
            self.word.to_ascii_uppercase()
        )))
    }
}

fn hgetex(context: &mut Context<'_, '_>) -> CommandResult {
    let words = context.args;
    context.data.probe::<Hash>(words.at(1))?;
    let grammar = Grammar {
        word: "persist",
        conditions: false,
        step: 1,
    };
    let options = Options::parse(context, &grammar)?;
    let at_ms = match options.times {
        Times::At(at_ms) => at_ms,
        Times::Unsaid | Times::Word => 0,
    };
    let past = is_past(at_ms, context);
    take_due(context);
    context.reply.array(options.fields.len());
    let Some(mut hash) = context.data.write::<Hash>(words.at(1))? else {
        options.fields.names().for_each(|_| context.reply.null());
        return Ok(());
    };
    let mut changes = Changes::default();
    for name in options.fields.names() {
        let field = hash.get_any(name);
        context.reply.bulk_or_null(field.map(|field| field.value));
        match options.times {
            Times::At(at_ms) if field.is_some() => changes.expire(&mut hash, name, at_ms, past),
            Times::Word if field.is_some() => {
                changes.persist(&mut hash, name);
            }
            _ => {}
        }
    }
    drop(hash);
    changes.finish(context, at_ms);
    Ok(())
}

pub(super) static HSETEX: CommandSpec = CommandSpec {
    name: "hsetex",
    summary: "Writes fields with an expiry time, if wanted only when none or all of them exist.",
    since: "8.0.0",
    group: Group::Hash,
    complexity: COMPLEXITY,
    arity: -6,
    flags: Flags::WRITE.and(Flags::DENY_OOM).and(Flags::FAST),
    keys: UPDATE,
    args: &[
        Arg::key("key"),
        Arg::one_of("condition", &[Arg::word("fnx", "FNX"), Arg::word("fxx", "FXX")]).optional(),
        Arg::one_of(
            "expiration",
            &[EX, PX, EXAT, PXAT, Arg::word("keepttl", "KEEPTTL")],
        )
        .optional(),
        Arg::block(
            "fields",
            &[
                Arg::integer("numfields"),
                Arg::block("data", &[Arg::string("field"), Arg::string("value")]).multiple(),
            ],
        )
        .with_token("FIELDS"),
    ],
    reply: "1 if the fields were written, 0 if the condition did not hold.",
    handler: hsetex,
    ..CommandSpec::EMPTY
};

fn hsetex(context: &mut Context<'_, '_>) -> CommandResult {
    let words = context.args;
    context.data.probe::<Hash>(words.at(1))?;
    let grammar = Grammar {
        word: "keepttl",
        conditions: true,
        step: 2,
    };
    let options = Options::parse(context, &grammar)?;
    take_due(context);
    if !holds(context, &options) {
        context.reply.integer(0);
        return Ok(());
    }
    match options.times {
        Times::At(at_ms) if is_past(at_ms, context) => remove_instead(context, &options)?,
        _ => write(context, &options)?,
    }
    context.reply.integer(1);
    Ok(())
}

fn holds(context: &Context<'_, '_>, options: &Options<'_>) -> bool {
    let hash = context.data.peek_as::<Hash>(context.args.at(1)).ok().flatten();
    let exists = |name: &[u8]| hash.is_some_and(|hash| hash.get_any(name).is_some());
    match options.only_if {
        None => true,
        Some(OnlyIf::NoneExists) => !options.fields.names().any(exists),
        Some(OnlyIf::AllExist) => options.fields.names().all(exists),
    }
}

/// Fields whose time is past would be gone at once, so they are not written at all.
fn remove_instead(context: &mut Context<'_, '_>, options: &Options<'_>) -> CommandResult {
    let Some(mut hash) = context.data.write::<Hash>(context.args.at(1))? else {
        return Ok(());
    };
    let mut changes = Changes::default();
    for name in options.fields.names() {
        if hash.get_any(name).is_some() {
            changes.expire(&mut hash, name, 0, true);
        }
    }
    drop(hash);
    changes.finish(context, 0);
    Ok(())
}

fn write(context: &mut Context<'_, '_>, options: &Options<'_>) -> CommandResult {
    let (key, limits) = (context.args.at(1), limits::hash(context.settings));
    let ttl = match options.times {
        Times::Unsaid => FieldTtl::Clear,
        Times::At(at_ms) => FieldTtl::At(at_ms),
        Times::Word => FieldTtl::Keep,
    };
    let mut hash = context.data.write_or_create(key, Hash::new)?;
    let had_volatile = hash.next_expiry_ms().is_some();
    for (name, value) in options.fields.pairs() {
        hash.set(name, value, ttl, &limits);
    }
    let volatile = had_volatile || hash.next_expiry_ms().is_some();
    drop(hash);
    changed_by(context, "hset", options.fields.len());
    if let Times::At(at_ms) = options.times {
        changed(context, "hexpire");
        decide_time(context, options, at_ms);
    }
    if volatile {
        context.data.note_field_expiries(key);
    }
    Ok(())
}

/// Logs a time relative to now as an absolute one; any other request is logged as it is.
fn decide_time(context: &mut Context<'_, '_>, options: &Options<'_>, at_ms: u64) {
    if !options.relative {
        return;
    }
    let (mut at, mut count) = (NumberBuffer::new(), NumberBuffer::new());
    let head: [&[u8]; 6] = [
        b"HSETEX",
        context.args.at(1),
        b"PXAT",
        at.format_u64(at_ms),
        b"FIELDS",
        count.format_u64(options.fields.len() as u64),
    ];
    let words = head.into_iter().chain(options.fields.all_words());
    context.data.decided(words);
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;

    fn runner() -> Runner {
        let mut run = Runner::default();
        run.run("HSET h a 1 b 2 c 3");
        run
    }

    #[test]
    fn hgetdel() {
        let mut run = runner();
        assert_eq!(run.run("HGETDEL h FIELDS 3 a x a"), "*3 $1 1 $-1 $-1");
        assert_eq!(run.events, ["hdel h"]);
        assert_eq!(run.run("HGETDEL h FIELDS 1 a"), "*1 $-1");
        assert!(run.events.is_empty());
        assert_eq!(run.run("HGETDEL h FIELDS 2 b c"), "*2 $1 2 $1 3");
        assert_eq!(run.events, ["hdel h", "del h"]);
        assert_eq!(run.run("HGETDEL h FIELDS 1 b"), "*1 $-1");
        run.run("SADD s a");
        assert!(run.run("HGETDEL s FIELDS 1 b").starts_with("-WRONGTYPE"));
    }

    #[test]
    fn hgetex() {
        let mut run = runner();
        assert_eq!(run.run("HGETEX h FIELDS 2 a x"), "*2 $1 1 $-1");
        assert!(run.events.is_empty());
        assert_eq!(run.run("HGETEX h EX 10 FIELDS 2 a x"), "*2 $1 1 $-1");
        assert_eq!(run.events, ["hexpire h"]);
        assert_eq!(run.decided, ["HPEXPIREAT h 1700000010000 FIELDS 1 a"]);
        assert_eq!(run.run("HGETEX h FIELDS 1 a PERSIST"), "*1 $1 1");
        assert_eq!(run.events, ["hpersist h"]);
        assert_eq!(run.decided, ["HPERSIST h FIELDS 1 a"]);
        assert_eq!(run.run("HGETEX h PXAT 5 FIELDS 3 a b c"), "*3 $1 1 $1 2 $1 3");
        assert_eq!(run.events, ["hdel h", "del h"]);
        assert_eq!(run.decided, ["HDEL h a b c"]);
        assert_eq!(run.run("HGETEX h EX 10 FIELDS 1 a"), "*1 $-1");
    }

    #[test]
    fn hsetex() {
        let mut run = runner();
        assert_eq!(run.run("HSETEX h PX 50 FIELDS 2 a 9 d 4"), ":1");
        assert_eq!(run.events, ["hset h", "hexpire h"]);
        assert_eq!(run.decided, ["HSETEX h PXAT 1700000000050 FIELDS 2 a 9 d 4"]);
        assert_eq!(run.run("HSETEX h KEEPTTL FIELDS 1 a 8"), ":1");
        assert_eq!(run.events, ["hset h"]);
        assert!(run.decided.is_empty());
        assert_eq!(run.run("HPTTL h FIELDS 2 a b"), "*2 :50 :-1");
        assert_eq!(run.run("HSETEX h FIELDS 1 a 7"), ":1");
        assert_eq!(run.run("HPTTL h FIELDS 1 a"), "*1 :-1");
        assert_eq!(run.run("HSETEX h FNX FIELDS 2 a 0 z 0"), ":0");
        assert_eq!(run.run("HSETEX h FXX FIELDS 2 a 0 z 0"), ":0");
        assert_eq!(run.run("HSETEX h FXX FIELDS 2 a 0 b 0"), ":1");
        assert_eq!(run.run("HSETEX new FNX FIELDS 1 a 0"), ":1");
        assert_eq!(run.run("HSETEX new EXAT 1 FIELDS 1 a 0"), ":1");
        assert_eq!(run.events, ["hdel new", "del new"]);
        assert_eq!(run.run("HSETEX new EXAT 1 FIELDS 1 a 0"), ":1");
        assert!(run.events.is_empty());
    }

    #[test]
    fn errors() {
        let mut run = runner();
        for (line, error) in [
            (
                "HSETEX h EX 1 KEEPTTL FIELDS 1 a 1",
                "-ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified",
            ),
            (
                "HGETEX h EX 1 PX 1 FIELDS 1 a",
                "-ERR Only one of EX, PX, EXAT, PXAT or PERSIST arguments can be specified",
            ),
            (
                "HSETEX h FNX FXX FIELDS 1 a 1",
                "-ERR Only one of FXX or FNX arguments can be specified",
            ),
            ("HGETEX h FNX FIELDS 1 a", "-ERR unknown argument: FNX"),
            ("HGETEX h FIELDS 1 a b", "-ERR unknown argument: b"),
            (
                "HSETEX h FIELDS 2 a 1 b",
                "-ERR The `numfields` parameter must match the number of arguments",
            ),
            (
                "HGETEX h EX 1 EXAT",
                "-ERR Only one of EX, PX, EXAT, PXAT or PERSIST arguments can be specified",
            ),
            (
                "HGETEX h EX -1 FIELDS 1 a",
                "-ERR invalid expire time, must be >= 0",
            ),
            ("HSETEX h PERSIST FIELDS 1 a 1", "-ERR unknown argument: PERSIST"),
        ] {
            assert_eq!(run.run(line), error, "{line}");
        }
    }
}
