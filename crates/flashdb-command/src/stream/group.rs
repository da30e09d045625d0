//! XGROUP: consumer groups and their consumers come and go.

use super::{no_group, parse_id, parse_id_or_edge, subcommand_syntax};
use crate::args::{Cursor, integer};
use crate::context::{CommandResult, Context};
use crate::error::{self, ErrorReply};
use crate::help;
use crate::key_spec::{KeyFlags, KeySpec};
use crate::spec::{Arg, CommandSpec, Flags, Group};
use flashdb_base::notify_flags::NotifyFlags;
use flashdb_store::{Entry, ValueRef, WriteGuard};
use flashdb_types::stream::{Stream, StreamId};

pub(super) static XGROUP: CommandSpec = CommandSpec {
    name: "xgroup",
    summary: "Commands about the consumer groups of a stream.",
    since: "5.0.0",
    group: Group::Stream,
    complexity: "Depends on the subcommand",
    arity: -2,
    reply: "Depends on the subcommand.",
    subcommands: &[&CREATE, &CREATECONSUMER, &DELCONSUMER, &DESTROY, &HELP, &SETID],
    ..CommandSpec::EMPTY
};

static HELP: CommandSpec = help::row("xgroup", "5.0.0", Group::Stream, |context| {
    help::reply(context, &XGROUP)
});

const ID: Arg = Arg::one_of("id-selector", &[Arg::string("id"), Arg::word("new-id", "$")]);
const ENTRIES_READ: Arg = Arg::integer("entries-read").with_token("ENTRIESREAD").optional();

static CREATE: CommandSpec = CommandSpec {
    name: "create",
    container: "xgroup",
    summary: "Creates a consumer group that reads on from an id.",
    since: "5.0.0",
    group: Group::Stream,
    arity: -5,
    flags: Flags::WRITE.and(Flags::DENY_OOM),
    keys: &[KeySpec::one(2, KeyFlags::RW.and(KeyFlags::INSERT))],
    args: &[
        Arg::key("key"),
        Arg::string("group"),
        ID,
        Arg::word("mkstream", "MKSTREAM").optional(),
        ENTRIES_READ,
    ],
    reply: "OK.",
    history: &[("7.0.0", "`ENTRIESREAD` was added.")],
    handler: create,
    ..CommandSpec::EMPTY
};

#[derive(Default)]
struct Options {
    make_stream: bool,
    entries_read: Option<u64>,
}

fn options(context: &Context<'_, '_>, may_make_stream: bool) -> Result<Options, ErrorReply> {
    let mut words = Cursor::new(context.args, 5);
    let mut options = Options::default();
    while words.remaining() > 0 {
        if may_make_stream && words.take("mkstream") {
            options.make_stream = true;
        } else if words.take_with("entriesread", 1) {
            options.entries_read = match integer(words.word()?)? {
                -1 => None,
                read => Some(
                    u64::try_from(read)
                        .map_err(|_| ErrorReply::fixed("ERR value for ENTRIESREAD must be positive or -1"))?,
                ),
            };
        } else {
            return Err(subcommand_syntax("XGROUP", context.arg(1)));
        }
    }
    Ok(options)
}

const KEY_REQUIRED: ErrorReply = ErrorReply::fixed(
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use \
     the MKSTREAM option to create an empty stream automatically.",
);

fn create(context: &mut Context<'_, '_>) -> CommandResult {
    let (key, name) = (context.arg(2), context.arg(3));
    let options = options(context, true)?;
    let last_id = match context.data.find_quietly(key).map(Entry::value) {
        None => None,
        Some(ValueRef::Stream(stream)) => Some(stream.last_id()),
        Some(_) => return Err(error::WRONG_TYPE),
    };
    if last_id.is_none() && !options.make_stream {
        return Err(KEY_REQUIRED);
    }
    if context.args.len() > 8 {
        return Err(subcommand_syntax("XGROUP", context.arg(1)));
    }
    let start = match context.arg(4) {
        b"$" => last_id.unwrap_or(StreamId::MIN),
        word => parse_id(word)?,
    };
    let mut stream = context.data.write_or_create(key, Stream::new)?;
    let created = stream.create_group(name, start, options.entries_read);
    drop(stream);
    if !created {
        context.data.unchanged();
        return Err(ErrorReply::fixed("BUSYGROUP Consumer Group name already exists"));
    }
    context.data.changed(key, NotifyFlags::STREAM, "xgroup-create");
    context.reply.ok();
    Ok(())
}

/// The stream, which has to exist.
fn existing<'a>(context: &'a mut Context<'_, '_>, key: &[u8]) -> Result<WriteGuard<'a, Stream>, ErrorReply> {
    context.data.write::<Stream>(key)?.ok_or(KEY_REQUIRED)
}

static SETID: CommandSpec = CommandSpec {
    name: "setid",
    container: "xgroup",
    summary: "Sets the id that a consumer group reads on from.",
    since: "5.0.0",
    group: Group::Stream,
    arity: -5,
    flags: Flags::WRITE,
    keys: &[KeySpec::one(2, KeyFlags::RW.and(KeyFlags::UPDATE))],
    args: &[Arg::key("key"), Arg::string("group"), ID, ENTRIES_READ],
    reply: "OK.",
    history: &[("7.0.0", "`ENTRIESREAD` was added.")],
    handler: setid,
    ..CommandSpec::EMPTY
};

fn setid(context: &mut Context<'_, '_>) -> CommandResult {
    let (key, name, word) = (context.arg(2), context.arg(3), context.arg(4));
    let options = options(context, false)?;
    let is_regular = context.args.len() == 5 || context.args.len() == 7;
    let mut stream = existing(context, key)?;
    let last_id = stream.last_id();
    let done = match stream.group_mut(name) {
        None => Err(no_group(key, name)),
        Some(_) if !is_regular => Err(subcommand_syntax("XGROUP", b"setid")),
        Some(mut group) => match word {
            b"$" => Ok(last_id),
            word => parse_id_or_edge(word, 0),
        }
        .map(|id| group.set_position(id, options.entries_read)),
    };
    drop(stream);
    match done {
        Ok(()) => context.data.changed(key, NotifyFlags::STREAM, "xgroup-setid"),
        Err(_) => context.data.unchanged(),
    }
    done?;
    context.reply.ok();
    Ok(())
}

static DESTROY: CommandSpec = CommandSpec {
    name: "destroy",
    container: "xgroup",
    summary: "Removes a consumer group with all that is pending in it.",
    since: "5.0.0",
    group: Group::Stream,
    complexity: "O(N) for N pending entries",
    arity: 4,
    flags: Flags::WRITE,
    keys: &[KeySpec::one(2, KeyFlags::RW.and(KeyFlags::DELETE))],
    args: &[Arg::key("key"), Arg::string("group")],
    reply: "1 if the group existed, else 0.",
    handler: destroy,
    ..CommandSpec::EMPTY
};

fn destroy(context: &mut Context<'_, '_>) -> CommandResult {
    let (key, name) = (context.arg(2), context.arg(3));
    let destroyed = existing(context, key)?.destroy_group(name);
    if destroyed {
        // Readers blocked in this group are woken by it and told.
        context.data.changed(key, NotifyFlags::STREAM, "xgroup-destroy");
    } else {
        context.data.unchanged();
    }
    context.reply.integer(i64::from(destroyed));
    Ok(())
}

static CREATECONSUMER: CommandSpec = CommandSpec {
    name: "createconsumer",
    container: "xgroup",
    summary: "Adds a consumer to a group.",
    since: "6.2.0",
    group: Group::Stream,
    arity: 5,
    flags: Flags::WRITE.and(Flags::DENY_OOM),
    keys: &[KeySpec::one(2, KeyFlags::RW.and(KeyFlags::INSERT))],
    args: &[Arg::key("key"), Arg::string("group"), Arg::string("consumer")],
    reply: "1 if the consumer is new, else 0.",
    handler: create_consumer,
    ..CommandSpec::EMPTY
};

fn create_consumer(context: &mut Context<'_, '_>) -> CommandResult {
    let (key, name, consumer) = (context.arg(2), context.arg(3), context.arg(4));
    let now_ms = context.now_ms();
    let created = existing(context, key)?
        .group_mut(name)
        .map(|mut group| group.create_consumer(consumer, now_ms).is_some());
    if created == Some(true) {
        context
            .data
            .changed(key, NotifyFlags::STREAM, "xgroup-createconsumer");
    } else {
        context.data.unchanged();
    }
    let created = created.ok_or_else(|| no_group(key, name))?;
    context.reply.integer(i64::from(created));
    Ok(())
}

static DELCONSUMER: CommandSpec = CommandSpec {
    name: "delconsumer",
    container: "xgroup",
    summary: "Removes a consumer from a group with all that it has pending.",
    since: "5.0.0",
    group: Group::Stream,
    arity: 5,
    flags: Flags::WRITE,
    keys: &[KeySpec::one(2, KeyFlags::RW.and(KeyFlags::DELETE))],
    args: &[Arg::key("key"), Arg::string("group"), Arg::string("consumer")],
    reply: "How many entries the consumer had pending.",
    handler: delete_consumer,
    ..CommandSpec::EMPTY
};

fn delete_consumer(context: &mut Context<'_, '_>) -> CommandResult {
    let (key, name, consumer) = (context.arg(2), context.arg(3), context.arg(4));
    let deleted = existing(context, key)?
        .group_mut(name)
        .map(|mut group| group.delete_consumer(consumer));
    if let Some(Some(_)) = deleted {
        context
            .data
            .changed(key, NotifyFlags::STREAM, "xgroup-delconsumer");
    } else {
        context.data.unchanged();
    }
    let pending = deleted.ok_or_else(|| no_group(key, name))?.unwrap_or(0);
    context.reply.integer(pending as i64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;

    #[test]
    fn groups_come_and_go() {
        let mut run = Runner::default();
        let required = run.run("XGROUP CREATE s g $");
        assert!(required.starts_with("-ERR The XGROUP subcommand requires the key to exist. Note that"));
        assert_eq!(run.run("XGROUP DESTROY s g"), required);
        assert_eq!(run.run("XGROUP CREATE s g $ MKSTREAM"), "+OK");
        assert_eq!(run.events, ["new s", "xgroup-create s"]);
        assert_eq!(
            run.run("XGROUP CREATE s g 0"),
            "-BUSYGROUP Consumer Group name already exists"
        );
        assert_eq!(run.run("XGROUP CREATE s h 5 ENTRIESREAD 3"), "+OK");
        assert_eq!(
            run.run("XGROUP CREATE s h 5 ENTRIESREAD -2"),
            "-ERR value for ENTRIESREAD must be positive or -1"
        );
        let syntax = "-ERR unknown subcommand or wrong number of arguments for 'CREATE'. Try XGROUP HELP.";
        assert_eq!(run.run("XGROUP CREATE s h 5 x"), syntax);
        assert_eq!(run.run("XGROUP SETID s g $ ENTRIESREAD 1"), "+OK");
        assert_eq!(run.events, ["xgroup-setid s"]);
        assert_eq!(
            run.run("XGROUP SETID s missing $"),
            "-NOGROUP No such consumer group 'missing' for key name 's'"
        );
        assert_eq!(run.run("XGROUP DESTROY s g"), ":1");
        assert_eq!(run.events, ["xgroup-destroy s"]);
        assert_eq!(run.run("XGROUP DESTROY s g"), ":0");
        assert!(run.run("XGROUP HELP").contains("DELCONSUMER"));
    }

    #[test]
    fn consumers_come_and_go() {
        let mut run = Runner::default();
        run.run("XGROUP CREATE s g 0 MKSTREAM");
        assert_eq!(run.run("XGROUP CREATECONSUMER s g c"), ":1");
        assert_eq!(run.events, ["xgroup-createconsumer s"]);
        assert_eq!(run.run("XGROUP CREATECONSUMER s g c"), ":0");
        let no_group = "-NOGROUP No such consumer group 'h' for key name 's'";
        assert_eq!(run.run("XGROUP CREATECONSUMER s h c"), no_group);
        assert_eq!(run.run("XGROUP DELCONSUMER s h c"), no_group);
        run.run("XADD s 1 f v");
        run.run("XREADGROUP GROUP g c STREAMS s >");
        assert_eq!(run.run("XGROUP DELCONSUMER s g c"), ":1");
        assert_eq!(run.events, ["xgroup-delconsumer s"]);
        assert_eq!(run.run("XGROUP DELCONSUMER s g c"), ":0");
    }
}
