//! Putting a value elsewhere: RENAME, RENAMENX, MOVE, COPY. Entries travel whole, so expiry, access
//! data and encoding go with them and nothing is serialized.

use super::database;
use crate::args::Cursor;
use crate::context::{CommandResult, Context};
use crate::error::{self, ErrorReply};
use crate::key_spec::{KeyFlags, KeySpec};
use crate::spec::{Arg, CommandSpec, Flags};
use flashdb_base::notify_flags::NotifyFlags;

const SAME_OBJECT: ErrorReply = ErrorReply::fixed("ERR source and destination objects are the same");
const TAKEN: KeyFlags = KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::DELETE);

pub(super) static RENAME: CommandSpec = CommandSpec {
    name: "rename",
    summary: "Gives a key another name; what had that name is replaced.",
    arity: 3,
    flags: Flags::WRITE,
    keys: &[
        KeySpec::one(1, TAKEN),
        KeySpec::one(2, KeyFlags::OW.and(KeyFlags::UPDATE)),
    ],
    args: &[Arg::key("key"), Arg::key_of("newkey", 1)],
    reply: "OK, or an error if the key does not exist.",
    handler: |context| rename(context, false),
    ..CommandSpec::EMPTY
};

pub(super) static RENAMENX: CommandSpec = CommandSpec {
    name: "renamenx",
    summary: "Gives a key another name unless that name is taken.",
    arity: 3,
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[
        KeySpec::one(1, TAKEN),
        KeySpec::one(2, KeyFlags::OW.and(KeyFlags::INSERT)),
    ],
    args: &[Arg::key("key"), Arg::key_of("newkey", 1)],
    reply: "1 if renamed, 0 if the new name is taken; an error if the key does not exist.",
    history: &[("3.2.0", "Equal names are no error any more.")],
    handler: |context| rename(context, true),
    ..CommandSpec::EMPTY
};

fn rename(context: &mut Context<'_, '_>, only_if_free: bool) -> CommandResult {
    let (from, to) = (context.arg(1), context.arg(2));
    if context.data.find_quietly(from).is_none() {
        return Err(error::NO_SUCH_KEY);
    }
    let done = from != to && !(only_if_free && context.data.find_quietly(to).is_some());
    if done {
        // The lookup that expires what may be left under the new name, as every write does.
        context.data.find_quietly(to);
        let entry = context
            .data
            .take(from)
            .expect("found a moment ago under the same lock");
        context.data.set_entry(entry.with_key(to));
        context.data.changed(from, NotifyFlags::GENERIC, "rename_from");
        context.data.changed(to, NotifyFlags::GENERIC, "rename_to");
    }
    if only_if_free {
        context.reply.integer(i64::from(done));
    } else {
        context.reply.ok();
    }
    Ok(())
}

pub(super) static MOVE: CommandSpec = CommandSpec {
    name: "move",
    summary: "Moves a key to another database unless it exists there.",
    arity: 3,
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[KeySpec::one(
        1,
        KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::UPDATE),
    )],
    args: &[Arg::key("key"), Arg::integer("db")],
    reply: "1 if moved, 0 if the key does not exist here or exists there.",
    handler: move_key,
    ..CommandSpec::EMPTY
};

fn move_key(context: &mut Context<'_, '_>) -> CommandResult {
    if context.settings.cluster_enabled {
        return Err(ErrorReply::fixed("ERR MOVE is not allowed in cluster mode"));
    }
    let key = context.arg(1);
    let (from, to) = (context.data.db, database(context, context.arg(2))?);
    if from == to {
        return Err(SAME_OBJECT);
    }
    let movable = context.data.find_quietly(key).is_some() && {
        context.data.db = to;
        let free = context.data.find_quietly(key).is_none();
        context.data.db = from;
        free
    };
    if movable {
        let entry = context
            .data
            .take(key)
            .expect("found a moment ago under the same lock");
        context.data.db = to;
        context.data.set_entry(entry);
        context.data.db = from;
        context.data.changed(key, NotifyFlags::GENERIC, "move_from");
        context.data.db = to;
        context.data.changed(key, NotifyFlags::GENERIC, "move_to");
        context.data.db = from;
    }
    context.reply.integer(i64::from(movable));
    Ok(())
}

pub(super) static COPY: CommandSpec = CommandSpec {
    name: "copy",
    summary: "Copies the value of a key to another key, in the same or another database.",
    since: "6.2.0",
    complexity: "O(N) for a collection of N elements, O(1) for a string.",
    arity: -3,
    flags: Flags::WRITE.and(Flags::DENY_OOM),
    keys: &[
        KeySpec::one(1, KeyFlags::RO.and(KeyFlags::ACCESS)),
        KeySpec::one(2, KeyFlags::OW.and(KeyFlags::UPDATE)),
    ],
    args: &[
        Arg::key("source"),
        Arg::key_of("destination", 1),
        Arg::integer("destination-db").with_token("DB").optional(),
        Arg::word("replace", "REPLACE").optional(),
    ],
    reply: "1 if copied, 0 if the source does not exist or the destination does.",
    handler: copy,
    ..CommandSpec::EMPTY
};

fn copy(context: &mut Context<'_, '_>) -> CommandResult {
    let (source, destination) = (context.arg(1), context.arg(2));
    let from = context.data.db;
    let (mut to, mut replace) = (from, false);
    let mut options = Cursor::new(context.args, 3);
    while options.remaining() > 0 {
        if options.take("replace") {
            replace = true;
        } else if options.take_with("db", 1) {
            to = database(context, options.word()?)?;
        } else {
            return Err(error::SYNTAX);
        }
    }
    if context.settings.cluster_enabled && (from != 0 || to != 0) {
        return Err(ErrorReply::fixed(
            "ERR Copying to another database is not allowed in cluster mode",
        ));
    }
    if from == to && source == destination {
        return Err(SAME_OBJECT);
    }
    let usage = context.data.policy.usage.fresh(context.now_ms());
    let Some(entry) = context.data.find(source) else {
        context.reply.integer(0);
        return Ok(());
    };
    let mut duplicate = entry.clone_as(destination, entry.expire_at_ms());
    duplicate.set_access(usage);
    context.data.db = to;
    let done = context.data.find_quietly(destination).is_none() || replace;
    if done {
        context.data.set_entry(duplicate);
        context.data.changed(destination, NotifyFlags::GENERIC, "copy_to");
    }
    context.data.db = from;
    context.reply.integer(i64::from(done));
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;

    #[test]
    fn renaming() {
        let mut run = Runner::with_strings("a b");
        run.run("PEXPIRE b 1000");
        assert_eq!(run.run("RENAME nokey x"), "-ERR no such key");
        assert_eq!(run.run("RENAME a a"), "+OK");
        assert!(run.events.is_empty());
        assert_eq!(run.run("RENAME a b"), "+OK");
        assert_eq!(run.events, ["rename_from a", "rename_to b"]);
        assert_eq!(
            (run.run("GET b"), run.run("PTTL b"), run.run("EXISTS a")),
            ("$1 a".into(), ":-1".into(), ":0".into())
        );
        run.run("PEXPIRE b 1000");
        run.run("RENAME b c");
        assert_eq!(run.run("PTTL c"), ":1000", "the expiry goes along");
    }

    #[test]
    fn renaming_to_a_free_name_only() {
        let mut run = Runner::with_strings("a b");
        assert_eq!(run.run("RENAMENX nokey x"), "-ERR no such key");
        assert_eq!(run.run("RENAMENX a b"), ":0");
        assert_eq!(run.run("RENAMENX a a"), ":0");
        assert_eq!(run.run("RENAMENX a c"), ":1");
        assert_eq!(run.run("GET c"), "$1 a");
        run.run("PEXPIRE b 5");
        run.now_ms += 5;
        assert_eq!(run.run("RENAMENX c b"), ":1", "an expired key holds no name");
    }

    #[test]
    fn moving() {
        let mut run = Runner::with_strings("a b");
        assert_eq!(
            run.run("MOVE a x"),
            "-ERR value is not an integer or out of range"
        );
        assert_eq!(run.run("MOVE a 99"), "-ERR DB index is out of range");
        assert_eq!(run.run("MOVE a -1"), "-ERR DB index is out of range");
        assert_eq!(
            run.run("MOVE a 0"),
            "-ERR source and destination objects are the same"
        );
        assert_eq!(run.run("MOVE nokey 1"), ":0");
        run.run("PEXPIRE a 1000");
        assert_eq!(run.run("MOVE a 1"), ":1");
        assert_eq!(run.events, ["new a", "move_from a", "move_to a"]);
        assert_eq!(run.run("EXISTS a"), ":0");
        run.db = 1;
        assert_eq!(run.run("PTTL a"), ":1000");
        assert_eq!(run.run("MOVE a 0"), ":1");
        run.db = 0;
        run.run("COPY a a DB 1");
        assert_eq!(run.run("MOVE a 1"), ":0");
    }

    #[test]
    fn copying() {
        let mut run = Runner::with_strings("a b");
        run.run("PEXPIRE a 1000");
        assert_eq!(
            run.run("COPY a a"),
            "-ERR source and destination objects are the same"
        );
        assert_eq!(run.run("COPY a c DB"), "-ERR syntax error");
        assert_eq!(
            run.run("COPY a c DB x"),
            "-ERR value is not an integer or out of range"
        );
        assert_eq!(run.run("COPY nokey c"), ":0");
        assert_eq!(run.run("COPY a b"), ":0");
        assert_eq!(run.run("COPY a b REPLACE"), ":1");
        assert_eq!(run.events, ["copy_to b"]);
        assert_eq!(
            (run.run("GET b"), run.run("PTTL b")),
            ("$1 a".into(), ":1000".into())
        );
        assert_eq!(run.run("COPY b b DB 3"), ":1");
        run.db = 3;
        assert_eq!(run.run("GET b"), "$1 a");
    }
}
