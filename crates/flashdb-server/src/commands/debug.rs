//! DEBUG: looking into the server and bending it, for tests and for people who look for a fault.
//! Runs under the closed gate and needs `enable-debug-command`. What would end the process
//! (SEGFAULT, PANIC, ASSERT, OOM) is refused.

use super::client;
use super::digest::{self, Digest};
use crate::bootstrap::random_id;
use crate::rdb_file::{self, LoadError};
use flashdb_base::clock;
use flashdb_base::hash::hash_bytes;
use flashdb_base::number;
use flashdb_command::args::{self, Cursor, is};
use flashdb_command::error::{self, ErrorReply};
use flashdb_command::generic::encoding_name;
use flashdb_command::{Arg, Audit, CommandResult, CommandSpec, Context, Flags, Group, rdb_convert};
use flashdb_rdb::EncodeLimits;
use flashdb_store::libraries::Sources;
use flashdb_store::{Entry, Expiry, StrRef, ValueRef, idle_seconds};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The family's rows.
pub static COMMANDS: &[&CommandSpec] = &[&DEBUG];

static DEBUG: CommandSpec = CommandSpec {
    name: "debug",
    summary: "Looks into the server and bends it; for tests.",
    since: "1.0.0",
    group: Group::Server,
    complexity: "depends on the subcommand",
    arity: -2,
    flags: Flags::ADMIN
        .and(Flags::NO_SCRIPT)
        .and(Flags::LOADING)
        .and(Flags::STALE)
        .and(Flags::NEEDS_DEBUG)
        .and(Flags::EXCLUSIVE),
    args: &[
        Arg::string("subcommand"),
        Arg::string("argument").optional().multiple(),
    ],
    reply: "Depends on the subcommand.",
    audit: Audit::Head(2),
    handler: debug,
    ..CommandSpec::EMPTY
};

type Action = fn(&mut Context<'_, '_>) -> CommandResult;

/// A subcommand: name, least and most words of the whole request, grammar, what it does, the work.
struct Sub(&'static str, usize, usize, &'static str, &'static str, Action);

const ANY: usize = usize::MAX;

static SUBCOMMANDS: &[Sub] = &[
    Sub(
        "CHANGE-REPL-ID",
        2,
        2,
        "",
        "Gives the history of changes another id.",
        change_replication_id,
    ),
    Sub(
        "CONFIG-REWRITE-FORCE-ALL",
        2,
        2,
        "",
        "As CONFIG REWRITE, with every setting.",
        |context| super::config::rewrite_file(context, true),
    ),
    Sub(
        "DICT-RESIZING",
        3,
        3,
        "<0|1>",
        "Accepted; tables grow by splitting and are not resized.",
        accept,
    ),
    Sub("DIGEST", 2, 2, "", "A digest of all data.", digest_all),
    Sub(
        "DIGEST-VALUE",
        2,
        ANY,
        "[<key> ...]",
        "Digests of the values of keys.",
        digest_values,
    ),
    Sub(
        "DROP-CLUSTER-PACKET-FILTER",
        3,
        3,
        "<type>",
        "Accepted; there is no cluster bus.",
        accept,
    ),
    Sub("ERROR", 3, 3, "<text>", "Answers with this error.", |context| {
        Err(ErrorReply::from_bytes(context.args.at(2).to_vec()))
    }),
    Sub(
        "HTSTATS",
        3,
        3,
        "<db>",
        "Numbers of the tables of a database.",
        table_stats,
    ),
    Sub(
        "HTSTATS-KEY",
        3,
        3,
        "<key>",
        "Numbers of the table of a value.",
        table_stats_of_key,
    ),
    Sub("JMAP", 2, 2, "", "Accepted; nothing to show.", accept),
    Sub(
        "LISTPACK",
        3,
        3,
        "<key>",
        "Tells whether a value is packed.",
        packed,
    ),
    Sub("LOG", 3, 3, "<text>", "Writes a line to the log.", log),
    Sub("OBJECT", 3, 3, "<key>", "Low level facts of a value.", object),
    Sub(
        "PAUSE-CRON",
        3,
        3,
        "<0|1>",
        "Stops background expiry.",
        pause_cron,
    ),
    Sub(
        "POPULATE",
        3,
        5,
        "<count> [<prefix>] [<bytes>]",
        "Adds strings under numbered keys.",
        populate,
    ),
    Sub(
        "PROTOCOL",
        3,
        3,
        "<type>",
        "Answers a sample of a reply type.",
        protocol,
    ),
    Sub(
        "QUICKLIST-PACKED-THRESHOLD",
        3,
        3,
        "<bytes>",
        "Accepted; long elements always stand alone.",
        packed_threshold,
    ),
    Sub(
        "LOADAOF",
        2,
        2,
        "",
        "As RELOAD: there is no append-only file, the RDB format stands for it.",
        reload,
    ),
    Sub(
        "RELOAD",
        2,
        5,
        "[MERGE] [NOFLUSH] [NOSAVE]",
        "Saves all data as an RDB file and loads it again.",
        reload,
    ),
    Sub(
        "REPLYBUFFER",
        4,
        4,
        "<PEAK-RESET-TIME|RESIZING> <value>",
        "Accepted; buffers follow the replies.",
        reply_buffer,
    ),
    Sub(
        "SDSLEN",
        3,
        3,
        "<key>",
        "Lengths of a key and its string.",
        string_lengths,
    ),
    Sub(
        "SET-ACTIVE-EXPIRE",
        3,
        3,
        "<0|1>",
        "Whether expired keys are looked for.",
        set_active_expire,
    ),
    Sub(
        "SET-DISABLE-DENY-SCRIPTS",
        3,
        3,
        "<0|1>",
        "Whether scripts may call what they may not.",
        set_disable_deny_scripts,
    ),
    Sub("SLEEP", 3, 3, "<seconds>", "Stops all clients for a time.", sleep),
    Sub(
        "STRINGMATCH-LEN",
        4,
        4,
        "<pattern> <text>",
        "Matches a glob pattern.",
        match_text,
    ),
    Sub(
        "STRINGMATCH-TEST",
        2,
        2,
        "",
        "Runs the glob matcher on random patterns.",
        match_test,
    ),
];

fn debug(context: &mut Context<'_, '_>) -> CommandResult {
    let word = context.args.at(1);
    let words = context.args.len();
    if is(word, "HELP") && words == 2 {
        return help(context);
    }
    for refused in [
        "SEGFAULT",
        "PANIC",
        "ASSERT",
        "OOM",
        "RESTART",
        "CRASH-AND-RECOVER",
    ] {
        if is(word, refused) {
            return Err(ErrorReply::fixed(
                "ERR this DEBUG subcommand would end the server and is refused",
            ));
        }
    }
    let found = SUBCOMMANDS
        .iter()
        .find(|sub| is(word, sub.0) && (sub.1..=sub.2).contains(&words));
    match found {
        Some(sub) => (sub.5)(context),
        None => Err(unknown_form(word, "DEBUG")),
    }
}

/// Redis's error for a subcommand that is not known, or not with so many words.
fn unknown_form(word: &[u8], container: &str) -> ErrorReply {
    let mut text = b"ERR unknown subcommand or wrong number of arguments for '".to_vec();
    text.extend(word.iter().take(128));
    text.extend_from_slice(format!("'. Try {container} HELP.").as_bytes());
    ErrorReply::from_bytes(text)
}

fn help(context: &mut Context<'_, '_>) -> CommandResult {
    context.reply.array(2 * SUBCOMMANDS.len() + 3);
    context
        .reply
        .simple("DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
    for Sub(name, _, _, grammar, summary, _) in SUBCOMMANDS {
        context.reply.simple(format!("{name} {grammar}").trim_end());
        context.reply.simple(&format!("    {summary}"));
    }
    context.reply.simple("HELP");
    context.reply.simple("    Lists these subcommands.");
    Ok(())
}

fn accept(context: &mut Context<'_, '_>) -> CommandResult {
    context.reply.ok();
    Ok(())
}

/// A switch as C's `atoi` reads it: anything but a number is 0.
fn switch(context: &Context<'_, '_>) -> bool {
    number::parse_i64(context.args.at(2)).is_some_and(|value| value != 0)
}

fn sleep(context: &mut Context<'_, '_>) -> CommandResult {
    /// Nobody wants to wait longer, and a typing error should not cost the server.
    const SECONDS_MAX: f64 = 3600.0;
    let seconds = number::parse_f64(context.args.at(2)).unwrap_or(0.0);
    if seconds > 0.0 {
        std::thread::sleep(Duration::from_secs_f64(seconds.min(SECONDS_MAX)));
    }
    // A script's time stands still.
    if !context.mode.in_script {
        context.data.now_ms = clock::unix_ms() as i64;
    }
    context.reply.ok();
    Ok(())
}

fn set_active_expire(context: &mut Context<'_, '_>) -> CommandResult {
    let on = switch(context);
    client(context).server.active_expire.store(on, Ordering::Relaxed);
    context.reply.ok();
    Ok(())
}

fn set_disable_deny_scripts(context: &mut Context<'_, '_>) -> CommandResult {
    let on = switch(context);
    let scripts = &client(context).server.scripts;
    scripts.allows_all_commands.store(on, Ordering::Relaxed);
    context.reply.ok();
    Ok(())
}

fn pause_cron(context: &mut Context<'_, '_>) -> CommandResult {
    let on = !switch(context);
    let server = &client(context).server;
    server.active_expire.store(on, Ordering::Relaxed);
    server.cron_paused.store(!on, Ordering::Relaxed);
    context.reply.ok();
    Ok(())
}

fn change_replication_id(context: &mut Context<'_, '_>) -> CommandResult {
    *client(context).server.replication_id.lock() = random_id();
    context.reply.ok();
    Ok(())
}

fn log(context: &mut Context<'_, '_>) -> CommandResult {
    let text = String::from_utf8_lossy(context.args.at(2)).into_owned();
    tracing::warn!(text, "DEBUG LOG");
    context.reply.ok();
    Ok(())
}

fn packed_threshold(context: &mut Context<'_, '_>) -> CommandResult {
    let bytes = number::parse_memory_bytes(context.args.at(2));
    if bytes.is_none_or(|bytes| bytes >= 1 << 32) {
        return Err(ErrorReply::fixed(
            "ERR argument must be a memory value bigger than 1 and smaller than 4gb",
        ));
    }
    context.reply.ok();
    Ok(())
}

fn reply_buffer(context: &mut Context<'_, '_>) -> CommandResult {
    let (what, value) = (context.args.at(2), context.args.at(3));
    if is(what, "PEAK-RESET-TIME") {
        if !is(value, "NEVER") && !is(value, "RESET") {
            args::integer(value)?;
        }
    } else if !is(what, "RESIZING") {
        return Err(unknown_form(context.args.at(1), "DEBUG"));
    }
    context.reply.ok();
    Ok(())
}

fn match_text(context: &mut Context<'_, '_>) -> CommandResult {
    let matches = flashdb_base::glob::matches(context.args.at(2), context.args.at(3));
    context.reply.integer(matches.into());
    Ok(())
}

fn match_test(context: &mut Context<'_, '_>) -> CommandResult {
    const ROUNDS: usize = 10_000;
    const LETTERS: &[u8] = b"ab*?[]^-\\";
    for _ in 0..ROUNDS {
        let mut word = |letters: &[u8]| -> Vec<u8> {
            let len = context.data.prng.below(16);
            (0..len)
                .map(|_| letters[context.data.prng.below(letters.len() as u64) as usize])
                .collect()
        };
        let (pattern, text) = (word(LETTERS), word(b"ab"));
        std::hint::black_box(flashdb_base::glob::matches(&pattern, &text));
    }
    context
        .reply
        .simple("The matcher came to an end on every pattern: test passed");
    Ok(())
}

fn populate(context: &mut Context<'_, '_>) -> CommandResult {
    let args = context.args;
    let positive = |word: &[u8]| {
        args::integer(word).and_then(|value| {
            let out_of_range = ErrorReply::fixed("ERR value is out of range, must be positive");
            usize::try_from(value).map_err(|_| out_of_range)
        })
    };
    let count = positive(args.at(2))?;
    let prefix = args.get(3).unwrap_or(b"key");
    let bytes = args.get(4).map_or(Ok(0), positive)?;
    if bytes as u64 > context.settings.proto_max_bulk_len {
        return Err(error::STRING_TOO_LONG);
    }
    for index in 0..count {
        let mut key = prefix.to_vec();
        key.extend_from_slice(format!(":{index}").as_bytes());
        if context.data.find_quietly(&key).is_some() {
            continue;
        }
        let mut value = format!("value:{index}").into_bytes();
        if bytes > 0 {
            value.resize(bytes, 0);
        }
        context.data.set_string(&key, &value, Expiry::Clear);
        context.data.changed_silently(&key);
        context.data.decided([b"SET".as_slice(), &key, &value]);
    }
    context.reply.ok();
    Ok(())
}

fn reload(context: &mut Context<'_, '_>) -> CommandResult {
    let mut cursor = Cursor::new(context.args, 2);
    let (mut merge, mut flush, mut save) = (false, true, true);
    while cursor.remaining() > 0 {
        if cursor.take("MERGE") {
            merge = true;
        } else if cursor.take("NOFLUSH") {
            flush = false;
        } else if cursor.take("NOSAVE") {
            save = false;
        } else {
            return Err(ErrorReply::fixed(
                "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.",
            ));
        }
    }
    let settings = context.settings;
    let encoded = if save {
        Some(
            rdb_file::encode_all(context.data, settings)
                .map_err(|error| ErrorReply::new(format!("ERR {error}")))?,
        )
    } else {
        None
    };
    // As in Redis, a later NOSAVE finds it.
    if let Some(encoded) = encoded.as_deref().filter(|_| is(context.args.at(1), "RELOAD")) {
        rdb_file::save(settings, encoded)
            .map_err(|error| ErrorReply::new(format!("ERR cannot save the RDB file: {error}")))?;
    }
    if flush {
        for db in 0..context.data.space().databases_count() as u16 {
            context.data.flush_database(db, false);
        }
        context.data.space().libraries().change(Sources::clear);
    }
    // Keys whose time has come stay until their removal, which is an effect.
    context.data.replaying = true;
    let loaded = match encoded {
        Some(file) => rdb_file::load(context.data, settings, file.as_slice(), merge || flush),
        None => rdb_file::open(settings).and_then(|file| match file {
            Some(file) => rdb_file::load(context.data, settings, file, merge || flush),
            None => Err(LoadError::Damaged("there is none".into())),
        }),
    };
    context.data.replaying = false;
    loaded.map_err(|error| {
        tracing::warn!(%error, "DEBUG RELOAD failed");
        ErrorReply::fixed("ERR Error trying to load the RDB dump")
    })?;
    context.reply.ok();
    Ok(())
}

// ---- looking at data -----------------------------------------------------------------------------

fn digest_all(context: &mut Context<'_, '_>) -> CommandResult {
    let mut all = Digest::default();
    context.data.held().for_each_shard(|_, shard| {
        for db in 0..shard.databases_len() as u16 {
            all.unordered(digest::of_database(db, shard.database(db)));
        }
    });
    context.reply.simple(&all.hex());
    Ok(())
}

fn digest_values(context: &mut Context<'_, '_>) -> CommandResult {
    context.reply.array(context.args.len() - 2);
    for key in context.args.iter_from(2) {
        let digest = with_entry(context, key, digest::of_entry).unwrap_or_default();
        context.reply.simple(&digest.hex());
    }
    Ok(())
}

/// Looks at the entry of `key`, expired or not.
fn with_entry<R>(context: &mut Context<'_, '_>, key: &[u8], look: impl FnOnce(&Entry) -> R) -> Option<R> {
    let shard = context.data.space().shard_of(key);
    let db = context.data.db;
    let shard = context.data.held().shard_mut(shard);
    shard.database(db).find(key, hash_bytes(key)).map(look)
}

fn object(context: &mut Context<'_, '_>) -> CommandResult {
    let now_ms = context.now_ms();
    let limits = &rdb_convert::encode_limits(context.settings);
    let text = with_entry(context, context.arg(2), |entry| {
        format!(
            "Value at:{:p} refcount:1 encoding:{} serializedlength:{} lru:{} lru_seconds_idle:{}{}",
            entry.address(),
            encoding_name(entry),
            serialized_bytes(entry, limits, now_ms),
            entry.access(),
            idle_seconds(entry.access(), now_ms),
            list_facts(entry),
        )
    })
    .ok_or(error::NO_SUCH_KEY)?;
    context.reply.simple(&text);
    Ok(())
}

fn serialized_bytes(entry: &Entry, limits: &EncodeLimits, now_ms: i64) -> usize {
    let mut out = Vec::new();
    rdb_convert::write(&mut out, entry.value(), limits, now_ms);
    out.len()
}

fn list_facts(entry: &Entry) -> String {
    let ValueRef::List(list) = entry.value() else {
        return String::new();
    };
    let nodes = list
        .node_counts()
        .map_or(1, |(packed, alone)| packed + alone)
        .max(1);
    format!(
        " ql_nodes:{nodes} ql_avg_node:{:.2} ql_uncompressed_size:{}",
        list.len() as f64 / nodes as f64,
        list.memory_bytes()
    )
}

fn string_lengths(context: &mut Context<'_, '_>) -> CommandResult {
    let text = with_entry(context, context.arg(2), |entry| match entry.value() {
        ValueRef::String(StrRef::Bytes(value)) => Ok(format!(
            "key_sds_len:{}, key_sds_avail:0, key_zmalloc: {}, val_sds_len:{}, val_sds_avail:0, val_zmalloc: {}",
            entry.key().len(),
            entry.key().len(),
            value.len(),
            entry.memory_bytes() - entry.key().len(),
        )),
        _ => Err(ErrorReply::fixed("ERR Not an sds encoded string.")),
    })
    .ok_or(error::NO_SUCH_KEY)??;
    context.reply.simple(&text);
    Ok(())
}

fn packed(context: &mut Context<'_, '_>) -> CommandResult {
    let encoding = with_entry(context, context.arg(2), encoding_name).ok_or(error::NO_SUCH_KEY)?;
    if encoding != "listpack" {
        return Err(ErrorReply::fixed("ERR Not a listpack encoded object."));
    }
    context.reply.simple("The value is packed in one allocation");
    Ok(())
}

fn table_stats(context: &mut Context<'_, '_>) -> CommandResult {
    let db = args::integer(context.args.at(2))?;
    let databases = context.data.space().databases_count() as i64;
    if !(0..databases).contains(&db) {
        return Err(ErrorReply::fixed("ERR Out of range database"));
    }
    let (mut keys, mut volatile, mut bytes) = (0, 0, 0);
    context.data.held().for_each_shard(|_, shard| {
        let database = shard.database(db as u16);
        keys += database.len();
        volatile += database.volatile_len();
        bytes += database.table_bytes();
    });
    let text = format!(
        "[Dictionary HT]\nTables of all shards\n number of elements: {keys}\n bytes: {bytes}\n\
         [Expires HT]\nTables of all shards\n number of elements: {volatile}\n"
    );
    context.reply.verbatim("txt", text.as_bytes());
    Ok(())
}

fn table_stats_of_key(context: &mut Context<'_, '_>) -> CommandResult {
    let found = with_entry(context, context.arg(2), |entry| {
        let elements = match entry.value() {
            ValueRef::Hash(hash) => hash.len(),
            ValueRef::Set(set) => set.len(),
            ValueRef::ZSet(zset) => zset.len(),
            _ => 0,
        };
        let has_table = matches!(encoding_name(entry), "hashtable" | "skiplist");
        has_table.then_some((elements, entry.memory_bytes()))
    })
    .ok_or(error::NO_SUCH_KEY)?;
    let (elements, bytes) = found.ok_or(ErrorReply::fixed(
        "ERR The value stored at the specified key is not represented using an hash table",
    ))?;
    let text = format!("Table of the value\n number of elements: {elements}\n bytes: {bytes}\n");
    context.reply.verbatim("txt", text.as_bytes());
    Ok(())
}

// ---- samples of replies --------------------------------------------------------------------------

fn protocol(context: &mut Context<'_, '_>) -> CommandResult {
    let kind = context.args.at(2).to_ascii_lowercase();
    let reply = &mut *context.reply;
    match kind.as_slice() {
        b"string" => reply.bulk(b"Hello World"),
        b"integer" => reply.integer(12345),
        b"double" => reply.double(3141.0 / 1000.0),
        b"bignum" => reply.big_number("1234567999999999999999999999999999999"),
        b"null" => reply.null(),
        b"array" => {
            reply.array(3);
            (0..3).for_each(|value| reply.integer(value));
        }
        b"set" => {
            reply.set(3);
            (0..3).for_each(|value| reply.integer(value));
        }
        b"map" => {
            reply.map(3);
            for value in 0..3 {
                reply.integer(value);
                reply.boolean(value == 1);
            }
        }
        b"attrib" => {
            if reply.attribute(1) {
                reply.bulk(b"key-popularity");
                reply.array(2);
                reply.bulk(b"key:123");
                reply.integer(90);
            }
            reply.bulk(b"Some real reply following the attribute");
        }
        b"push" => {
            if !reply.is_resp3() {
                return Err(ErrorReply::fixed("ERR RESP2 is not supported by this command"));
            }
            reply.push(2);
            reply.bulk(b"server-cpu-usage");
            reply.integer(42);
            reply.bulk(b"Some real reply following the push reply");
        }
        b"true" => reply.boolean(true),
        b"false" => reply.boolean(false),
        b"verbatim" => reply.verbatim("txt", b"This is a verbatim\nstring"),
        _ => {
            return Err(ErrorReply::fixed(
                "ERR Wrong protocol type name. Please use one of the following: \
                 string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false",
            ));
        }
    }
    Ok(())
}
