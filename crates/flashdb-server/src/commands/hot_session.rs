//! HOTKEYS: the keys that cost most processor time and most bytes, measured from START to STOP, as Redis 8.6 has it. What is measured
//! in a session is in `crate::hot`; the keys that are used most, at any time, are told by HOTKEYS.LIST.

use super::client;
use crate::hot::{Report, Wish};
use flashdb_command::args::Cursor;
use flashdb_command::error::{self, ErrorReply};
use flashdb_command::{Arg, Audit, CommandResult, CommandSpec, Context, Flags, Group, help};
use flashdb_resp::Reply;
use std::time::Duration;

/// The family's rows.
pub static COMMANDS: &[&CommandSpec] = &[&HOTKEYS];

const COUNT_DEFAULT: i64 = 10;
const COUNT_MAX: i64 = 64;
const DURATION_MAX_S: i64 = 1_000_000;
const METRICS_MAX: i64 = 2;
/// The highest slot of a cluster.
const SLOT_MAX: i64 = 16_383;

/// What all subcommands have in common.
const SUB: CommandSpec = CommandSpec {
    container: "hotkeys",
    since: "8.6.0",
    group: Group::Server,
    arity: 2,
    flags: Flags::ADMIN.and(Flags::NO_SCRIPT),
    ..CommandSpec::EMPTY
};

static HOTKEYS: CommandSpec = CommandSpec {
    name: "hotkeys",
    summary: "Holds the commands that measure what keys cost.",
    since: "8.6.0",
    group: Group::Server,
    complexity: "depends on the subcommand",
    arity: -2,
    subcommands: &[
        &CommandSpec {
            name: "get",
            summary: "Tells the keys that cost most in the present session, or the last.",
            complexity: "O(N) for N keys told",
            tips: &["nondeterministic_output"],
            reply: "An array with one map; null if nothing was measured.",
            handler: get,
            ..SUB
        },
        &HELP,
        &CommandSpec {
            name: "reset",
            summary: "Forgets the results of the last session.",
            complexity: "O(1)",
            reply: "OK; an error while a session goes on.",
            audit: Audit::Words,
            handler: |context| {
                let server = client(context).server.clone();
                if !server.hot_session.reset(&server) {
                    return Err(ErrorReply::fixed(
                        "ERR hotkey tracking session in progress, stop tracking first",
                    ));
                }
                context.reply.ok();
                Ok(())
            },
            ..SUB
        },
        &START,
        &CommandSpec {
            name: "stop",
            summary: "Ends the session and keeps its results.",
            complexity: "O(1)",
            reply: "OK; null if there is no session.",
            audit: Audit::Words,
            handler: |context| {
                let server = client(context).server.clone();
                match server.hot_session.stop(&server) {
                    true => context.reply.ok(),
                    false => context.reply.null(),
                }
                Ok(())
            },
            ..SUB
        },
    ],
    ..CommandSpec::EMPTY
};

static HELP: CommandSpec = help::row("hotkeys", "8.6.0", Group::Server, |context| {
    help::reply(context, &HOTKEYS)
});

static START: CommandSpec = CommandSpec {
    name: "start",
    summary: "Begins to measure what keys cost.",
    complexity: "O(1); every command is looked at while it lasts",
    arity: -2,
    args: &[
        Arg::block(
            "metrics",
            &[
                Arg::integer("count"),
                Arg::word("cpu", "CPU").optional(),
                Arg::word("net", "NET").optional(),
            ],
        )
        .with_token("METRICS"),
        Arg::integer("k").with_token("COUNT").optional(),
        Arg::integer("seconds").with_token("DURATION").optional(),
        Arg::integer("ratio").with_token("SAMPLE").optional(),
        Arg::block("slots", &[Arg::integer("count"), Arg::integer("slot").multiple()])
            .with_token("SLOTS")
            .optional(),
    ],
    reply: "OK.",
    audit: Audit::Words,
    handler: start,
    ..SUB
};

fn start(context: &mut Context<'_, '_>) -> CommandResult {
    let server = client(context).server.clone();
    let active = ErrorReply::fixed("ERR hotkey tracking session already in progress");
    if server.hot_session.is_active(&server) {
        return Err(active);
    }
    let wish = wish_of(context)?;
    if !server.hot_session.start(&server, wish) {
        return Err(active);
    }
    context.reply.ok();
    Ok(())
}

fn wish_of(context: &Context<'_, '_>) -> Result<Wish, ErrorReply> {
    let mut cursor = Cursor::new(context.args, 2);
    if !cursor.take_with("METRICS", 1) {
        return Err(ErrorReply::fixed("ERR METRICS parameter is required"));
    }
    let count = in_range(
        &mut cursor,
        1..=METRICS_MAX,
        "ERR METRICS count must be > 0 and <= 2",
    )?;
    let (cpu, net) = metrics(&mut cursor, count)?;
    let mut wish = Wish {
        cpu,
        net,
        count: COUNT_DEFAULT as usize,
        duration: None,
        ratio: 1,
    };
    while cursor.remaining() > 0 {
        if cursor.take_with("COUNT", 1) {
            let range = 1..=COUNT_MAX;
            wish.count = in_range(&mut cursor, range, "ERR COUNT must be between 1 and 64")? as usize;
        } else if cursor.take_with("DURATION", 1) {
            let range = 1..=DURATION_MAX_S;
            let text = "ERR DURATION must be between 1 and 1000000";
            let seconds = in_range(&mut cursor, range, text)?;
            wish.duration = Some(Duration::from_secs(seconds as u64));
        } else if cursor.take_with("SAMPLE", 1) {
            let range = 1..=i64::from(i32::MAX);
            wish.ratio = in_range(&mut cursor, range, "ERR SAMPLE ratio must be positive")? as u32;
        } else if cursor.take_with("SLOTS", 1) {
            return Err(ErrorReply::fixed(
                "ERR SLOTS parameter cannot be used in non-cluster mode",
            ));
        } else {
            return Err(error::SYNTAX);
        }
    }
    Ok(wish)
}

fn in_range(
    cursor: &mut Cursor<'_>,
    range: std::ops::RangeInclusive<i64>,
    otherwise: &'static str,
) -> Result<i64, ErrorReply> {
    let number = cursor.integer().ok().filter(|number| range.contains(number));
    number.ok_or(ErrorReply::fixed(otherwise))
}

/// Whether time and bytes are measured. Metrics of later versions count and are left out.
fn metrics(cursor: &mut Cursor<'_>, count: i64) -> Result<(bool, bool), ErrorReply> {
    let (mut cpu, mut net) = (false, false);
    for _ in 0..count {
        if cursor.remaining() == 0 {
            return Err(ErrorReply::fixed(
                "ERR METRICS count does not match number of metric types provided",
            ));
        }
        if cursor.take("CPU") {
            if std::mem::replace(&mut cpu, true) {
                return Err(ErrorReply::fixed("ERR METRICS CPU defined more than once!"));
            }
        } else if cursor.take("NET") {
            if std::mem::replace(&mut net, true) {
                return Err(ErrorReply::fixed("ERR METRICS NET defined more than once!"));
            }
        } else {
            cursor.word()?;
        }
    }
    if !cpu && !net {
        return Err(ErrorReply::fixed(
            "ERR METRICS no valid metrics passed. Supported: CPU|NET",
        ));
    }
    Ok((cpu, net))
}

fn get(context: &mut Context<'_, '_>) -> CommandResult {
    let server = client(context).server.clone();
    match server.hot_session.report(&server) {
        // One map for each node that was asked.
        Some(report) => {
            context.reply.array(1);
            write(context.reply, &report);
        }
        None => context.reply.null(),
    }
    Ok(())
}

fn write(reply: &mut Reply, report: &Report) {
    let number = |reply: &mut Reply, name: &str, value: u64| {
        reply.bulk_str(name);
        reply.count(value as usize);
    };
    let Wish { cpu, net, .. } = report.wish;
    reply.map(7 + 3 * usize::from(cpu) + 2 * usize::from(net));
    number(reply, "tracking-active", report.is_active.into());
    number(reply, "sample-ratio", report.wish.ratio.into());
    reply.bulk_str("selected-slots");
    reply.array(1);
    reply.array(2);
    reply.integer(0);
    reply.integer(SLOT_MAX);
    number(reply, "all-commands-all-slots-us", report.time_ns / 1000);
    number(reply, "net-bytes-all-commands-all-slots", report.net_bytes);
    number(reply, "collection-start-time-unix-ms", report.started_ms as u64);
    number(reply, "collection-duration-ms", report.lasted_ms);
    if cpu {
        number(reply, "total-cpu-time-user-ms", report.process_ms.0);
        number(reply, "total-cpu-time-sys-ms", report.process_ms.1);
    }
    if net {
        number(reply, "total-net-bytes", report.counted_net_bytes);
    }
    let lists = [
        ("by-cpu-time-us", cpu, 1000, &report.by_time),
        ("by-net-bytes", net, 1, &report.by_bytes),
    ];
    for (name, _, unit, keys) in lists.into_iter().filter(|list| list.1) {
        reply.bulk_str(name);
        reply.array(2 * keys.len());
        for (key, weight) in keys {
            reply.bulk(key);
            reply.count(weight.div_ceil(unit) as usize);
        }
    }
}
