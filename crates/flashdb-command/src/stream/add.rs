//! The entries of a stream and its counters: XADD, XDEL, XLEN, XSETID.

use super::trim::{TRIM_ARGS, TrimOptions, decided_words};
use super::{INVALID_ID, parse_id, parse_ids, reply_id};
use crate::args::{Cursor, integer};
use crate::context::{CommandResult, Context};
use crate::error::{self, ErrorReply};
use crate::key_spec::{Begin, Find, KeyFlags, KeySpec};
use crate::spec::{Arg, CommandSpec, Flags, Group};
use flashdb_base::notify_flags::NotifyFlags;
use flashdb_resp::Args;
use flashdb_types::stream::{
    AppendError, IdError, IdRequest, SetIdError, Stream, StreamId, StreamLimits, Trim, next_id,
};

const ID_ZERO: ErrorReply = ErrorReply::fixed("ERR The ID specified in XADD must be greater than 0-0");

pub(super) static XADD: CommandSpec = CommandSpec {
    name: "xadd",
    summary: "Appends an entry to a stream, creating the stream if needed.",
    since: "5.0.0",
    group: Group::Stream,
    complexity: "O(1), and O(N) when N entries are trimmed",
    arity: -5,
    flags: Flags::WRITE.and(Flags::DENY_OOM).and(Flags::FAST),
    keys: &[KeySpec {
        begin: Begin::Index(1),
        find: Find::Range {
            last: 0,
            step: 1,
            limit: 0,
        },
        flags: KeyFlags::RW.and(KeyFlags::UPDATE),
        notes: "An update, since the trimming options delete entries",
    }],
    args: &[
        Arg::key("key"),
        Arg::word("nomkstream", "NOMKSTREAM").optional().since("6.2.0"),
        Arg::block("trim", TRIM_ARGS).optional(),
        Arg::one_of("id-selector", &[Arg::word("auto-id", "*"), Arg::string("id")]),
        Arg::block("data", &[Arg::string("field"), Arg::string("value")]).multiple(),
    ],
    reply: "Id of the entry, or null if NOMKSTREAM forbade to create the stream.",
    history: &[
        ("6.2.0", "`NOMKSTREAM`, `MINID` and `LIMIT` were added."),
        ("7.0.0", "An id can have `*` for its sequence only."),
    ],
    tips: &["nondeterministic_output"],
    handler: xadd,
    ..CommandSpec::EMPTY
};

struct AddRequest {
    id: IdRequest,
    trim: Option<Trim>,
    no_create: bool,
    /// Word where the field-value pairs begin.
    fields_at: usize,
}

impl AddRequest {
    fn parse(context: &Context<'_, '_>) -> Result<Self, ErrorReply> {
        let mut words = Cursor::new(context.args, 2);
        let mut options = TrimOptions::default();
        let (mut id, mut no_create) = (None, false);
        while words.remaining() > 0 && id.is_none() {
            if words.peek() != Some(b"*") && options.take(&mut words)? {
                continue;
            }
            if words.take("nomkstream") {
                no_create = true;
                continue;
            }
            id = Some(IdRequest::parse(words.word()?).ok_or(INVALID_ID)?);
        }
        let trim = options.finish(context.settings)?;
        let fields = words.remaining();
        match id {
            Some(IdRequest::Exact(StreamId::MIN)) if fields >= 2 && fields.is_multiple_of(2) => Err(ID_ZERO),
            Some(id) if fields >= 2 && fields.is_multiple_of(2) => Ok(AddRequest {
                id,
                trim,
                no_create,
                fields_at: words.position(),
            }),
            _ => Err(error::wrong_arity("xadd")),
        }
    }

    /// Appends the entry under the id that it gets, then trims. Returns the id and how many entries
    /// went.
    fn carry_out(&self, stream: &mut Stream, args: &Args<'_>, surroundings: &Surroundings) -> Done {
        let id = next_id(stream.last_id(), self.id, surroundings.now_ms).map_err(id_error)?;
        let fields = (self.fields_at..args.len())
            .step_by(2)
            .map(|at| (args.at(at), args.at(at + 1)));
        stream
            .entries_mut()
            .append(id, fields, &surroundings.limits)
            .map_err(|error| match error {
                AppendError::TooLarge => ErrorReply::fixed("ERR Elements are too large to be stored"),
                AppendError::NotGreater => id_error(IdError::NotGreater),
            })?;
        let trimmed = self.trim.map_or(0, |trim| stream.entries_mut().trim(&trim));
        Ok((id, trimmed))
    }

    /// Whether the request itself would not always do the same.
    fn is_undecided(&self) -> bool {
        !matches!(self.id, IdRequest::Exact(_)) || self.trim.is_some_and(|trim| trim.approximate)
    }
}

type Done = Result<(StreamId, u64), ErrorReply>;

struct Surroundings {
    now_ms: u64,
    limits: StreamLimits,
}

fn id_error(error: IdError) -> ErrorReply {
    match error {
        IdError::Zero => ID_ZERO,
        IdError::NotGreater => ErrorReply::fixed(
            "ERR The ID specified in XADD is equal or smaller than the target stream top item",
        ),
        IdError::Exhausted => {
            ErrorReply::fixed("ERR The stream has exhausted the last possible ID, unable to add more items")
        }
    }
}

fn xadd(context: &mut Context<'_, '_>) -> CommandResult {
    let request = AddRequest::parse(context)?;
    let (args, key) = (context.args, context.arg(1));
    let surroundings = Surroundings {
        now_ms: u64::try_from(context.now_ms()).unwrap_or(0),
        limits: StreamLimits {
            node_bytes_max: context.settings.stream_node_max_bytes,
            node_entries_max: context.settings.stream_node_max_entries,
        },
    };
    let recording = context.data.effects.recording && request.is_undecided();
    let exact_trim = |stream: &Stream| match &request.trim {
        Some(trim) if recording => Some(decided_words(trim, stream)),
        _ => None,
    };
    let present = match context.data.write::<Stream>(key)? {
        Some(mut stream) => {
            let done = request.carry_out(&mut stream, &args, &surroundings);
            Some((done, exact_trim(&stream)))
        }
        None => None,
    };
    let (done, trim_words) = match present {
        Some(done) => done,
        None if request.no_create => {
            context.reply.null();
            return Ok(());
        }
        None => {
            // Filled before it is put, so that a refused entry leaves no empty stream behind.
            let mut fresh = Stream::new();
            let done = request.carry_out(&mut fresh, &args, &surroundings)?;
            let words = exact_trim(&fresh);
            drop(context.data.write_or_create(key, || fresh)?);
            (Ok(done), words)
        }
    };
    let Ok((id, trimmed)) = done else {
        context.data.unchanged();
        return done.map(|_| ());
    };
    context.data.changed(key, NotifyFlags::STREAM, "xadd");
    if trimmed > 0 {
        context.data.event(key, NotifyFlags::STREAM, "xtrim");
    }
    if recording {
        let id = id.to_string();
        let trim_words = trim_words.iter().flatten().map(String::as_bytes);
        let words = [b"XADD".as_slice(), key]
            .into_iter()
            .chain(trim_words)
            .chain([id.as_bytes()])
            .chain((request.fields_at..args.len()).map(|at| args.at(at)));
        context.data.decided(words);
    }
    reply_id(context.reply, id);
    Ok(())
}

pub(super) static XDEL: CommandSpec = CommandSpec {
    name: "xdel",
    summary: "Deletes entries from a stream.",
    since: "5.0.0",
    group: Group::Stream,
    complexity: "O(1) for each entry, however long the stream is",
    arity: -3,
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[KeySpec::one(1, KeyFlags::RW.and(KeyFlags::DELETE))],
    args: &[Arg::key("key"), Arg::string("id").multiple()],
    reply: "How many of the entries existed.",
    handler: xdel,
    ..CommandSpec::EMPTY
};

fn xdel(context: &mut Context<'_, '_>) -> CommandResult {
    let (args, key) = (context.args, context.arg(1));
    let Some(mut stream) = context.data.write::<Stream>(key)? else {
        context.reply.integer(0);
        return Ok(());
    };
    // A malformed id fails the request before anything is deleted.
    let ids = parse_ids(&args, 2);
    let deleted = ids
        .iter()
        .flatten()
        .filter(|id| stream.entries_mut().delete(**id))
        .count();
    drop(stream);
    if deleted == 0 {
        context.data.unchanged();
    } else {
        context.data.changed(key, NotifyFlags::STREAM, "xdel");
        context.data.effects.dirty += deleted as u64 - 1;
    }
    ids?;
    context.reply.count(deleted);
    Ok(())
}

pub(super) static XLEN: CommandSpec = CommandSpec {
    name: "xlen",
    summary: "Counts the entries of a stream.",
    since: "5.0.0",
    group: Group::Stream,
    arity: 2,
    flags: Flags::READONLY.and(Flags::FAST),
    keys: &[KeySpec::one(1, KeyFlags::RO)],
    args: &[Arg::key("key")],
    reply: "The number of entries; 0 if the key does not exist.",
    handler: xlen,
    ..CommandSpec::EMPTY
};

fn xlen(context: &mut Context<'_, '_>) -> CommandResult {
    let len = context
        .data
        .read::<Stream>(context.args.at(1))?
        .map_or(0, |stream| stream.len());
    context.reply.integer(len as i64);
    Ok(())
}

pub(super) static XSETID: CommandSpec = CommandSpec {
    name: "xsetid",
    summary: "Sets the last id of a stream and the counters beside it; meant for replication.",
    since: "5.0.0",
    group: Group::Stream,
    arity: -3,
    flags: Flags::WRITE.and(Flags::DENY_OOM).and(Flags::FAST),
    keys: &[KeySpec::one(1, KeyFlags::RW.and(KeyFlags::UPDATE))],
    args: &[
        Arg::key("key"),
        Arg::string("last-id"),
        Arg::integer("entries-added")
            .with_token("ENTRIESADDED")
            .optional()
            .since("7.0.0"),
        Arg::string("max-deleted-id")
            .with_token("MAXDELETEDID")
            .optional()
            .since("7.0.0"),
    ],
    reply: "OK.",
    history: &[("7.0.0", "`ENTRIESADDED` and `MAXDELETEDID` were added.")],
    handler: xsetid,
    ..CommandSpec::EMPTY
};

fn xsetid(context: &mut Context<'_, '_>) -> CommandResult {
    let key = context.arg(1);
    let last_id = parse_id(context.arg(2))?;
    let (mut entries_added, mut max_deleted_id) = (None, None);
    let mut words = Cursor::new(context.args, 3);
    while words.remaining() > 0 {
        if words.take_with("entriesadded", 1) {
            let added = u64::try_from(integer(words.word()?)?)
                .map_err(|_| ErrorReply::fixed("ERR entries_added must be positive"))?;
            entries_added = Some(added);
        } else if words.take_with("maxdeletedid", 1) {
            let id = parse_id(words.word()?)?;
            if last_id < id {
                return Err(ErrorReply::fixed(
                    "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id",
                ));
            }
            max_deleted_id = Some(id);
        } else {
            return Err(error::SYNTAX);
        }
    }
    let Some(mut stream) = context.data.write::<Stream>(key)? else {
        return Err(error::NO_SUCH_KEY);
    };
    let done = stream
        .entries_mut()
        .set_counters(last_id, entries_added, max_deleted_id)
        .map_err(|error| match error {
            SetIdError::BelowTopEntry => {
                ErrorReply::fixed("ERR The ID specified in XSETID is smaller than the target stream top item")
            }
            SetIdError::AddedBelowLength => ErrorReply::fixed(
                "ERR The entries_added specified in XSETID is smaller than the target stream length",
            ),
        });
    drop(stream);
    match done {
        Ok(()) => context.data.changed(key, NotifyFlags::STREAM, "xsetid"),
        Err(_) => context.data.unchanged(),
    }
    done?;
    context.reply.ok();
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;

    #[test]
    fn ids_are_chosen_and_decided() {
        let mut run = Runner::default();
        run.now_ms = 1000;
        assert_eq!(run.run("XADD s * a 1"), "$6 1000-0");
        assert_eq!(run.events, ["new s", "xadd s"]);
        assert_eq!(run.decided, ["XADD s 1000-0 a 1"]);
        assert_eq!(run.run("XADD s * a 1 b 2"), "$6 1000-1");
        assert_eq!(run.run("XADD s 1000-* a 1"), "$6 1000-2");
        assert_eq!(run.decided, ["XADD s 1000-2 a 1"]);
        assert_eq!(run.run("XADD s 1001 a 1"), "$6 1001-0");
        assert_eq!(run.decided.len(), 0);
        let top = "-ERR The ID specified in XADD is equal or smaller than the target stream top item";
        assert_eq!(run.run("XADD s 1001 a 1"), top);
        assert_eq!(run.dirty, 0);
        let zero = "-ERR The ID specified in XADD must be greater than 0-0";
        assert_eq!(run.run("XADD t 0-0 a 1"), zero);
        let arity = "-ERR wrong number of arguments for 'xadd' command";
        assert_eq!(run.run("XADD t * a 1 b"), arity);
        assert_eq!(run.run("XADD t MAXLEN 1 NOMKSTREAM *"), arity);
        assert_eq!(run.run("XADD t NOMKSTREAM * a 1"), "$-1");
        assert_eq!(run.run("XLEN t"), ":0");
        let max = "18446744073709551615-18446744073709551615";
        assert_eq!(run.run(&format!("XADD m {max} a 1")), format!("$41 {max}"));
        assert_eq!(
            run.run("XADD m * a 1"),
            "-ERR The stream has exhausted the last possible ID, unable to add more items"
        );
    }

    #[test]
    fn trimming_while_adding() {
        let mut run = Runner::default();
        run.settings.stream_node_max_entries = 2;
        for n in 1..=5 {
            run.run(&format!("XADD s {n} f v"));
        }
        assert_eq!(run.run("XADD s MAXLEN ~ 3 6 f v"), "$3 6-0");
        assert_eq!(run.decided, ["XADD s MAXLEN = 4 6-0 f v"]);
        assert_eq!(run.events, ["xadd s", "xtrim s"]);
        assert_eq!(
            run.run("XADD s NOMKSTREAM MINID 6 LIMIT 0 7 f v").get(..20),
            Some("-ERR syntax error, L")
        );
        assert_eq!(run.run("XADD s MINID 6 7-* f v"), "$3 7-0");
        assert_eq!(run.decided, ["XADD s MINID = 6-0 7-0 f v"]);
        assert_eq!(run.run("XLEN s"), ":2");
    }

    #[test]
    fn deleting() {
        let mut run = Runner::default();
        for n in 1..=3 {
            run.run(&format!("XADD s {n} f v"));
        }
        assert_eq!(run.run("XDEL s 1 2-0 9"), ":2");
        assert_eq!((run.events.as_slice(), run.dirty), (&["xdel s".into()][..], 2));
        assert_eq!(run.run("XDEL s 3 x").get(..8), Some("-ERR Inv"));
        assert_eq!(run.run("XLEN s"), ":1");
        assert_eq!(run.run("XDEL missing x"), ":0");
    }

    #[test]
    fn counters_are_set() {
        let mut run = Runner::default();
        assert_eq!(run.run("XSETID s 5"), "-ERR no such key");
        run.run("XADD s 5 f v");
        assert_eq!(run.run("XSETID s 7-1 ENTRIESADDED 9 MAXDELETEDID 3"), "+OK");
        assert_eq!(run.events, ["xsetid s"]);
        for (words, text) in [
            ("4", "smaller than the target stream top item"),
            ("8 ENTRIESADDED 0", "smaller than the target stream length"),
            (
                "8 MAXDELETEDID 9",
                "smaller than the provided max_deleted_entry_id",
            ),
            ("8 ENTRIESADDED -1", "entries_added must be positive"),
            ("8 x", "syntax error"),
        ] {
            let reply = run.run(&format!("XSETID s {words}"));
            assert!(reply.ends_with(text), "{words}: {reply}");
        }
        assert_eq!(run.run("XADD s 7-* f v"), "$3 7-2");
    }
}
