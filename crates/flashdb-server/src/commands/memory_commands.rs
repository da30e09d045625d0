//! MEMORY: what keys and the server take.

use super::client;
use super::info::human_bytes;
use crate::memory;
use crate::process;
use crate::resident;
use flashdb_command::args::Cursor;
use flashdb_command::error;
use flashdb_command::key_spec::{KeyFlags, KeySpec};
use flashdb_command::{Arg, CommandResult, CommandSpec, Context, Flags, Group, help};
use flashdb_resp::Reply;

/// The family's rows.
pub static COMMANDS: &[&CommandSpec] = &[&MEMORY];

/// What all subcommands have in common.
const SUB: CommandSpec = CommandSpec {
    container: "memory",
    since: "4.0.0",
    group: Group::Server,
    arity: 2,
    ..CommandSpec::EMPTY
};

static MEMORY: CommandSpec = CommandSpec {
    name: "memory",
    summary: "Holds the commands about memory.",
    since: "4.0.0",
    group: Group::Server,
    complexity: "depends on the subcommand",
    arity: -2,
    subcommands: &[&DOCTOR, &HELP, &MALLOC_STATS, &PURGE, &STATS, &USAGE],
    ..CommandSpec::EMPTY
};

static HELP: CommandSpec = help::row("memory", "4.0.0", Group::Server, |context| {
    help::reply(context, &MEMORY)
});

static DOCTOR: CommandSpec = CommandSpec {
    name: "doctor",
    summary: "Describes the use of memory, for people.",
    flags: Flags::WALKS_SHARDS,
    tips: &[
        "nondeterministic_output",
        "request_policy:all_shards",
        "response_policy:special",
    ],
    reply: "Text.",
    handler: doctor,
    ..SUB
};

static MALLOC_STATS: CommandSpec = CommandSpec {
    name: "malloc-stats",
    summary: "Returns what the allocator says of itself.",
    complexity: "depends on the allocator",
    tips: &[
        "nondeterministic_output",
        "request_policy:all_shards",
        "response_policy:special",
    ],
    reply: "Text.",
    handler: |context| {
        context
            .reply
            .verbatim("txt", b"The allocator of this build keeps no statistics");
        Ok(())
    },
    ..SUB
};

static PURGE: CommandSpec = CommandSpec {
    name: "purge",
    summary: "Asks the allocator to give free memory back.",
    complexity: "depends on the allocator",
    tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
    reply: "OK.",
    handler: purge,
    ..SUB
};

static STATS: CommandSpec = CommandSpec {
    name: "stats",
    summary: "Returns where memory is.",
    flags: Flags::WALKS_SHARDS,
    tips: &[
        "nondeterministic_output",
        "request_policy:all_shards",
        "response_policy:special",
    ],
    reply: "A map of names and numbers.",
    handler: stats,
    ..SUB
};

static USAGE: CommandSpec = CommandSpec {
    name: "usage",
    summary: "Returns the bytes that a key and its value take.",
    arity: -3,
    flags: Flags::READONLY,
    keys: &[KeySpec::one(2, KeyFlags::RO)],
    args: &[
        Arg::key("key"),
        Arg::integer("count").with_token("SAMPLES").optional(),
    ],
    reply: "Bytes, or null if there is no such key.",
    handler: usage,
    ..SUB
};

fn usage(context: &mut Context<'_, '_>) -> CommandResult {
    let mut cursor = Cursor::new(context.args, 3);
    while cursor.remaining() > 0 {
        // The figure is exact, so the number of samples changes nothing; it still has to be valid.
        if !cursor.take_with("SAMPLES", 1) {
            return Err(error::SYNTAX);
        }
        if cursor.integer()? < 0 {
            return Err(error::SYNTAX);
        }
    }
    /// A slot of the hash table and its part of the directory.
    const SLOT_BYTES: usize = 10;
    let bytes = context
        .data
        .find_quietly(context.args.at(2))
        .map(|entry| entry.memory_bytes() + SLOT_BYTES);
    match bytes {
        Some(bytes) => context.reply.count(bytes),
        None => context.reply.null(),
    }
    Ok(())
}

fn purge(context: &mut Context<'_, '_>) -> CommandResult {
    memory::give_back(&client(context).server);
    context.reply.ok();
    Ok(())
}

enum Value {
    Bytes(usize),
    Ratio(f64),
}

fn stats(context: &mut Context<'_, '_>) -> CommandResult {
    let server = client(context).server.clone();
    let used = memory::measure(&server, context.data);
    let databases = databases(context);
    let parts = resident::measure(&server, &used);
    let (total, resident) = (used.total_bytes(), parts.total_bytes);
    server.memory.note(total, context.now_ms());
    let keys: usize = databases.iter().map(|(_, keys, _, _)| keys).sum();
    let overhead = used.fixed_bytes + used.clients_bytes + used.table_bytes;
    let dataset = total.saturating_sub(overhead);
    let percent = |part: usize, whole: usize| part as f64 * 100.0 / whole.max(1) as f64;
    let ratio = resident as f64 / total.max(1) as f64;
    let head = [
        ("peak.allocated", Value::Bytes(server.memory.peak().0)),
        ("total.allocated", Value::Bytes(total)),
        ("startup.allocated", Value::Bytes(used.fixed_bytes)),
        ("replication.backlog", Value::Bytes(0)),
        ("clients.slaves", Value::Bytes(0)),
        ("clients.normal", Value::Bytes(used.clients_bytes)),
        ("cluster.links", Value::Bytes(0)),
        ("aof.buffer", Value::Bytes(0)),
        ("lua.caches", Value::Bytes(server.scripts.size().1)),
        ("functions.caches", Value::Bytes(0)),
    ];
    let tail = [
        ("overhead.total", Value::Bytes(overhead)),
        ("keys.count", Value::Bytes(keys)),
        (
            "keys.bytes-per-key",
            Value::Bytes(total.saturating_sub(used.fixed_bytes) / keys.max(1)),
        ),
        ("dataset.bytes", Value::Bytes(dataset)),
        (
            "dataset.percentage",
            Value::Ratio(percent(dataset, total.saturating_sub(used.fixed_bytes))),
        ),
        (
            "peak.percentage",
            Value::Ratio(percent(total, server.memory.peak().0)),
        ),
        ("allocator.allocated", Value::Bytes(total)),
        ("allocator.active", Value::Bytes(resident)),
        ("allocator.resident", Value::Bytes(resident)),
        ("allocator-fragmentation.ratio", Value::Ratio(ratio)),
        (
            "allocator-fragmentation.bytes",
            Value::Bytes(resident.saturating_sub(total)),
        ),
        ("allocator-rss.ratio", Value::Ratio(1.0)),
        ("allocator-rss.bytes", Value::Bytes(0)),
        ("rss-overhead.ratio", Value::Ratio(1.0)),
        ("rss-overhead.bytes", Value::Bytes(0)),
        ("fragmentation", Value::Ratio(ratio)),
        (
            "fragmentation.bytes",
            Value::Bytes(resident.saturating_sub(total)),
        ),
    ];
    let reply = &mut *context.reply;
    reply.map(head.len() + databases.len() + tail.len() + resident::PARTS + 2);
    write_values(reply, &head);
    for (db, _, main, expires) in &databases {
        reply.bulk_str(&format!("db.{db}"));
        reply.map(2);
        reply.bulk_str("overhead.hashtable.main");
        reply.count(*main);
        reply.bulk_str("overhead.hashtable.expires");
        reply.count(*expires);
    }
    write_values(reply, &tail);
    write_resident(reply, &parts);
    Ok(())
}

/// Resident memory in parts that add up to it.
fn write_resident(reply: &mut Reply, resident: &resident::Resident) {
    for (part, bytes) in resident.named() {
        reply.bulk_str(&format!("resident.{part}"));
        reply.count(bytes);
    }
    for (name, bytes) in [
        ("resident.total", resident.total_bytes),
        ("resident.absent", resident.absent_bytes),
    ] {
        reply.bulk_str(name);
        reply.count(bytes);
    }
}

fn write_values(reply: &mut Reply, values: &[(&str, Value)]) {
    for (name, value) in values {
        reply.bulk_str(name);
        match value {
            Value::Bytes(bytes) => reply.count(*bytes),
            Value::Ratio(ratio) => reply.double(*ratio),
        }
    }
}

/// Databases that hold keys: number, keys, bytes of the table, bytes of the expiry tables.
fn databases(context: &mut Context<'_, '_>) -> Vec<(usize, usize, usize, usize)> {
    let mut all: Vec<_> = (0..context.data.space().databases_count())
        .map(|db| (db, 0, 0, 0))
        .collect();
    context.data.held().for_each_shard(|_, shard| {
        for (db, keys, main, expires) in all.iter_mut().take(shard.databases_len()) {
            let database = shard.database(*db as u16);
            let volatile = database.volatile_len() * size_of::<u64>();
            *keys += database.len();
            *main += database.table_bytes().saturating_sub(volatile);
            *expires += volatile;
        }
    });
    all.retain(|(_, keys, _, _)| *keys > 0);
    all
}

fn doctor(context: &mut Context<'_, '_>) -> CommandResult {
    /// Below this there is too little to judge.
    const JUDGED_FROM_BYTES: usize = 5 << 20;
    let server = client(context).server.clone();
    let used = memory::measure(&server, context.data);
    let (total, resident, peak) = (
        used.total_bytes(),
        process::resident_bytes(),
        server.memory.peak().0,
    );
    let mut findings = Vec::new();
    if total > JUDGED_FROM_BYTES {
        if peak > total + total / 2 {
            findings.push(format!(
                "Memory was far higher once ({}) than it is now ({}); the process may still hold it.",
                human_bytes(peak as f64),
                human_bytes(total as f64)
            ));
        }
        if resident > total + total * 2 / 5 {
            findings.push(format!(
                "The process holds {} for {} of data and buffers; MEMORY PURGE gives free memory back.",
                human_bytes(resident as f64),
                human_bytes(total as f64)
            ));
        }
        if used.clients_bytes > total / 4 {
            findings.push("Clients' buffers take more than a quarter: CLIENT LIST shows whose.".into());
        }
    }
    let text = match (findings.is_empty(), total > JUDGED_FROM_BYTES) {
        (false, _) => findings.join("\n"),
        (true, true) => "No memory problem was found.".into(),
        (true, false) => "The server holds too little to judge its use of memory.".into(),
    };
    context.reply.verbatim("txt", text.as_bytes());
    Ok(())
}
