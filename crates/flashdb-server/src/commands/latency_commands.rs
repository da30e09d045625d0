//! LATENCY: spikes of events above `latency-monitor-threshold`, and histograms of commands.

use super::client;
use crate::histogram::{Durations, power_bound_us};
use crate::latency::Spikes;
use crate::server::Server;
use crate::stats::command_totals;
use flashdb_command::error::ErrorReply;
use flashdb_command::registry::Command;
use flashdb_command::{Arg, CommandResult, CommandSpec, Context, Flags, Group, help};
use flashdb_resp::Reply;
use std::fmt::Write;

/// The family's rows.
pub static COMMANDS: &[&CommandSpec] = &[&LATENCY];

/// What all subcommands have in common.
const SUB: CommandSpec = CommandSpec {
    container: "latency",
    since: "2.8.13",
    group: Group::Server,
    arity: 2,
    flags: Flags::ADMIN
        .and(Flags::NO_SCRIPT)
        .and(Flags::LOADING)
        .and(Flags::STALE),
    tips: &[
        "nondeterministic_output",
        "request_policy:all_nodes",
        "response_policy:special",
    ],
    ..CommandSpec::EMPTY
};

static LATENCY: CommandSpec = CommandSpec {
    name: "latency",
    summary: "Holds the commands about latency.",
    since: "2.8.13",
    group: Group::Server,
    complexity: "depends on the subcommand",
    arity: -2,
    subcommands: &[&DOCTOR, &GRAPH, &HELP, &HISTOGRAM, &HISTORY, &LATEST, &RESET],
    ..CommandSpec::EMPTY
};

static HELP: CommandSpec = help::row("latency", "2.8.13", Group::Server, |context| {
    help::reply(context, &LATENCY)
});

static DOCTOR: CommandSpec = CommandSpec {
    name: "doctor",
    summary: "Describes the events seen, for people.",
    reply: "Text.",
    handler: doctor,
    ..SUB
};

static GRAPH: CommandSpec = CommandSpec {
    name: "graph",
    summary: "Draws the spikes of an event.",
    arity: 3,
    args: &[Arg::string("event")],
    reply: "Text.",
    handler: graph,
    ..SUB
};

static HISTOGRAM: CommandSpec = CommandSpec {
    name: "histogram",
    summary: "Returns how long commands took, cumulated over powers of two of µs.",
    since: "7.0.0",
    complexity: "O(N) for N commands",
    arity: -2,
    args: &[Arg::string("command").optional().multiple()],
    reply: "A map of commands: calls, and a map of bounds and counts.",
    handler: histogram,
    ..SUB
};

static HISTORY: CommandSpec = CommandSpec {
    name: "history",
    summary: "Returns the spikes of an event.",
    arity: 3,
    args: &[Arg::string("event")],
    reply: "Pairs of time and ms.",
    handler: history,
    ..SUB
};

static LATEST: CommandSpec = CommandSpec {
    name: "latest",
    summary: "Returns the newest spike of each event.",
    reply: "For each event: name, time, ms, highest ms.",
    handler: latest,
    ..SUB
};

static RESET: CommandSpec = CommandSpec {
    name: "reset",
    summary: "Forgets the spikes of events, or of all.",
    arity: -2,
    args: &[Arg::string("event").optional().multiple()],
    tips: &["request_policy:all_nodes", "response_policy:agg_sum"],
    reply: "How many events were forgotten.",
    handler: reset,
    ..SUB
};

fn event(context: &mut Context<'_, '_>) -> Option<Spikes> {
    let name = std::str::from_utf8(context.arg(2)).ok()?;
    client(context).server.latency.get(name)
}

fn history(context: &mut Context<'_, '_>) -> CommandResult {
    let samples = event(context).unwrap_or_default().samples;
    context.reply.array(samples.len());
    for (time, ms) in samples {
        context.reply.array(2);
        context.reply.integer(time);
        context.reply.integer(ms as i64);
    }
    Ok(())
}

fn latest(context: &mut Context<'_, '_>) -> CommandResult {
    let events = client(context).server.latency.all();
    context.reply.array(events.len());
    for (name, spikes) in events {
        let (time, ms) = spikes.samples.back().copied().unwrap_or_default();
        context.reply.array(4);
        context.reply.bulk_str(name);
        context.reply.integer(time);
        context.reply.integer(ms as i64);
        context.reply.integer(spikes.max_ms as i64);
    }
    Ok(())
}

fn reset(context: &mut Context<'_, '_>) -> CommandResult {
    let names: Vec<&str> = context
        .args
        .iter_from(2)
        .map(|word| std::str::from_utf8(word).unwrap_or_default())
        .collect();
    let count = client(context).server.latency.reset(&names);
    context.reply.count(count);
    Ok(())
}

fn graph(context: &mut Context<'_, '_>) -> CommandResult {
    let Some(spikes) = event(context) else {
        let mut text = b"ERR No samples available for event '".to_vec();
        text.extend_from_slice(context.arg(2));
        text.push(b'\'');
        return Err(ErrorReply::from_bytes(text));
    };
    let name = String::from_utf8_lossy(context.arg(2)).into_owned();
    let text = draw(&name, &spikes, context.now_ms() / 1000);
    context.reply.verbatim("txt", text.as_bytes());
    Ok(())
}

/// One bar for each spike, newest last, with its age.
fn draw(name: &str, spikes: &Spikes, now: i64) -> String {
    const WIDTH: u64 = 60;
    let low = spikes.samples.iter().map(|(_, ms)| *ms).min().unwrap_or(0);
    let high = spikes.samples.iter().map(|(_, ms)| *ms).max().unwrap_or(0);
    let mut text = format!(
        "{name} - high {high} ms, low {low} ms (all time high {} ms)\n",
        spikes.max_ms
    );
    for (time, ms) in &spikes.samples {
        let bar = "#".repeat((ms * WIDTH / high.max(1)) as usize);
        // Writing to a string does not fail.
        let _ = writeln!(text, "{:>6} s ago {ms:>6} ms {bar}", (now - time).max(0));
    }
    text
}

fn doctor(context: &mut Context<'_, '_>) -> CommandResult {
    let threshold_ms = context.settings.latency_monitor_threshold;
    let events = client(context).server.latency.all();
    let mut text = String::new();
    if threshold_ms == 0 {
        text.push_str(
            "The latency monitor is off. CONFIG SET latency-monitor-threshold <ms> makes it note events that take \
             at least so long.\n",
        );
    } else if events.is_empty() {
        let _ = writeln!(
            text,
            "No event took {threshold_ms} ms or more since the last reset."
        );
    }
    for (name, spikes) in events {
        let count = spikes.samples.len() as u64;
        let sum: u64 = spikes.samples.iter().map(|(_, ms)| *ms).sum();
        let _ = writeln!(
            text,
            "{name}: {count} spikes, {} ms on average, {} ms at worst. {}",
            sum / count.max(1),
            spikes.max_ms,
            advice(name)
        );
    }
    context.reply.verbatim("txt", text.as_bytes());
    Ok(())
}

fn advice(event: &str) -> &'static str {
    match event {
        "command" => {
            "SLOWLOG GET names the requests; commands over many elements can be split with the SCAN family."
        }
        "fast-command" => {
            "Commands of constant time were slow: look for swapping, CPU limits and noisy neighbours."
        }
        "expire-cycle" => "Many keys expire at the same moment: spread their times.",
        _ => "LATENCY HISTORY shows when.",
    }
}

fn histogram(context: &mut Context<'_, '_>) -> CommandResult {
    let server = client(context).server.clone();
    let wanted: Vec<Command> = if context.args.len() == 2 {
        server.registry.all().to_vec()
    } else {
        let words = context.args.iter_from(2);
        words.flat_map(|word| named(&server, word)).collect()
    };
    let at = context.reply.deferred();
    let mut count = 0;
    for command in wanted {
        let totals = command_totals(&server, command.id);
        if totals.durations.calls() > 0 {
            write_histogram(context.reply, &command.spec.full_name(), &totals.durations);
            count += 1;
        }
    }
    context.reply.finish_map(at, count);
    Ok(())
}

/// The command of this name; for a container its subcommands.
fn named(server: &Server, word: &[u8]) -> Vec<Command> {
    let name = String::from_utf8_lossy(word).to_ascii_lowercase();
    let all = server.registry.all().iter();
    all.filter(|command| command.spec.full_name() == name || command.spec.container == name)
        .copied()
        .collect()
}

fn write_histogram(reply: &mut Reply, name: &str, durations: &Durations) {
    reply.bulk_str(name);
    reply.map(2);
    reply.bulk_str("calls");
    reply.integer(durations.calls() as i64);
    reply.bulk_str("histogram_usec");
    let at = reply.deferred();
    let (mut seen, mut powers) = (0, 0);
    for (power, count) in durations.by_power().into_iter().enumerate() {
        if count > 0 {
            seen += count;
            powers += 1;
            reply.integer(power_bound_us(power) as i64);
            reply.integer(seen as i64);
        }
    }
    reply.finish_map(at, powers);
}

#[cfg(test)]
mod tests {
    use crate::bootstrap::test_server::TestServer;

    #[test]
    fn the_histogram_has_powers_of_two_and_percentiles_are_finer() {
        let mut server = TestServer::start(&["--io-threads", "2"]);
        let rows = server.server.registry.all();
        let hset = *rows
            .iter()
            .find(|row| row.spec.name == "hset")
            .expect("a command");
        let of = |at: usize| server.server.loops[at].stats.of(&hset);
        of(0).record(90, 410_000, true);
        of(1).record(9, 700, true);
        of(1).record(1, u64::MAX >> 10, true);
        // Not timed: it is a call all the same.
        of(1).record(5, 700, false);
        let histogram = server.ask(&["latency", "histogram", "hset"]);
        assert_eq!(
            histogram.split_whitespace().collect::<Vec<_>>(),
            [
                "hset",
                "calls",
                ":100",
                "histogram_usec",
                ":1",
                ":9",
                ":512",
                ":99",
                ":8388608",
                ":100"
            ]
        );
        let info = server.ask(&["info", "latencystats"]);
        let wanted = "latency_percentiles_usec_hset:p50=425.984,p99=425.984,p99.9=68719476.736";
        assert!(info.contains(wanted), "{info}");
        let counts = server.ask(&["info", "commandstats"]);
        assert!(counts.contains("cmdstat_hset:calls=105,"), "{counts}");
        server.ask(&["config", "resetstat"]);
        assert_eq!(server.ask(&["latency", "histogram", "hset"]), "");
        assert!(server.server.loops[0].stats.histograms_bytes() >= 4096);
    }
}
