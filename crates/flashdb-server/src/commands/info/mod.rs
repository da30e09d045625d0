//! INFO: the state of the server as lines of `field:value` under headings. Names and order are
//! Redis's, since monitoring reads them; what FlashDB does not have is zero.

mod activity;
mod counters;
mod instance;
mod persistence;

use super::client;
use crate::census::{self, Census, Lives};
use crate::client::ClientInfo;
use crate::script::functions;
use crate::server::Server;
use crate::stats::{Counter, LoopStats};
use flashdb_base::clock;
use flashdb_command::{Arg, CommandResult, CommandSpec, Context, Flags, Group};
use flashdb_config::Settings;
use std::fmt::{Display, Write};
use std::sync::Arc;

/// The family's rows.
pub static COMMANDS: &[&CommandSpec] = &[&INFO];

static INFO: CommandSpec = CommandSpec {
    name: "info",
    summary: "Describes the state of the server.",
    since: "1.0.0",
    group: Group::Server,
    arity: -1,
    flags: Flags::LOADING.and(Flags::STALE).and(Flags::WALKS_SHARDS),
    categories: &["dangerous"],
    args: &[Arg::string("section").optional().multiple()],
    history: &[("7.0.0", "Takes several sections.")],
    tips: &[
        "nondeterministic_output",
        "request_policy:all_shards",
        "response_policy:special",
    ],
    reply: "Lines of text.",
    handler: info,
    ..CommandSpec::EMPTY
};

/// What the sections are written from.
pub struct Facts<'a> {
    /// The server.
    pub server: &'a Server,
    /// Its settings.
    pub settings: &'a Settings,
    /// Unix time, ms.
    pub now_ms: i64,
    /// Keys and memory.
    pub census: Arc<Census>,
    clients: Vec<Arc<ClientInfo>>,
    functions: Arc<functions::Directory>,
}

type WriteSection = fn(&mut Lines, &Facts<'_>);

/// Whether a section belongs to the answer without arguments.
const DEFAULT: bool = true;
const EXTRA: bool = false;

static SECTIONS: &[(&str, &str, bool, WriteSection)] = &[
    ("server", "Server", DEFAULT, instance::server),
    ("clients", "Clients", DEFAULT, instance::clients),
    ("memory", "Memory", DEFAULT, instance::memory),
    ("persistence", "Persistence", DEFAULT, persistence::persistence),
    ("stats", "Stats", DEFAULT, activity::stats),
    ("replication", "Replication", DEFAULT, activity::replication),
    ("cpu", "CPU", DEFAULT, instance::cpu),
    ("modules", "Modules", DEFAULT, |_, _| {}),
    ("commandstats", "Commandstats", EXTRA, counters::commands),
    ("errorstats", "Errorstats", DEFAULT, counters::errors),
    ("latencystats", "Latencystats", EXTRA, counters::latencies),
    ("cluster", "Cluster", DEFAULT, |lines, _| {
        lines.field("cluster_enabled", 0)
    }),
    ("keyspace", "Keyspace", DEFAULT, activity::keyspace),
];

fn info(context: &mut Context<'_, '_>) -> CommandResult {
    let words: Vec<&[u8]> = context.args.iter_from(1).collect();
    let chosen = |name: &str, in_default| is_wanted(&words, name, in_default);
    let names: Vec<&str> = SECTIONS
        .iter()
        .filter(|(name, _, in_default, _)| chosen(name, *in_default))
        .map(|section| section.0)
        .collect();
    let server = client(context).server.clone();
    let facts = gather(&server, context.settings, context, &names);
    let text = facts.text(|name| names.contains(&name));
    context.reply.verbatim("txt", text.as_bytes());
    Ok(())
}

fn is_wanted(words: &[&[u8]], section: &str, in_default: bool) -> bool {
    let modules = section == "modules";
    if words.is_empty() {
        return in_default;
    }
    words
        .iter()
        .any(|word| match word.to_ascii_lowercase().as_slice() {
            b"default" => in_default,
            b"all" => !modules,
            b"everything" => true,
            word => word == section.as_bytes(),
        })
}

fn gather<'a>(
    server: &'a Server,
    settings: &'a Settings,
    context: &mut Context<'_, '_>,
    sections: &[&str],
) -> Facts<'a> {
    let now_ms = context.now_ms();
    let wants = |name: &str| sections.contains(&name);
    let mut facts = Facts {
        server,
        settings,
        now_ms,
        census: Arc::default(),
        clients: Vec::new(),
        functions: Arc::default(),
    };
    if wants("memory") || wants("keyspace") {
        let census = census::take(server, context.data, Lives::Now);
        server.memory.note(census.memory.total_bytes(), now_ms);
        facts.census = Arc::new(census);
    }
    if wants("memory") {
        facts.functions = functions::current(server);
    }
    if wants("clients") || wants("stats") {
        facts.clients = clients(server);
    }
    facts
}

fn clients(server: &Server) -> Vec<Arc<ClientInfo>> {
    server.clients.lock().values().cloned().collect()
}

impl<'a> Facts<'a> {
    /// What there is to see from any thread, without a shard's lock: keys and memory as `census` has them.
    pub fn at_hand(server: &'a Server, settings: &'a Settings, census: Arc<Census>) -> Self {
        Facts {
            server,
            settings,
            now_ms: clock::unix_ms() as i64,
            census,
            clients: clients(server),
            functions: functions::known(server),
        }
    }

    /// The text of these sections, in the order of all.
    pub fn text(&self, is_wanted: impl Fn(&str) -> bool) -> String {
        let mut lines = Lines(String::with_capacity(8192));
        for (_, heading, _, write) in SECTIONS.iter().filter(|section| is_wanted(section.0)) {
            if !lines.0.is_empty() {
                lines.0.push_str("\r\n");
            }
            lines.0.push_str("# ");
            lines.0.push_str(heading);
            lines.0.push_str("\r\n");
            write(&mut lines, self);
        }
        lines.0
    }

    /// Sum of a counter over all loops.
    fn sum(&self, pick: fn(&LoopStats) -> &Counter) -> u64 {
        self.server
            .loops
            .iter()
            .map(|handle| pick(&handle.stats).get())
            .sum()
    }
}

/// The text under construction.
struct Lines(String);

impl Lines {
    fn field(&mut self, name: &str, value: impl Display) {
        // Writing to a string does not fail.
        let _ = write!(self.0, "{name}:{value}\r\n");
    }

    /// Fields that are always the same.
    fn constants(&mut self, fields: &[(&str, &str)]) {
        for (name, value) in fields {
            self.field(name, value);
        }
    }

    /// A number of bytes, and the same for people.
    fn bytes(&mut self, name: &str, bytes: usize) {
        self.field(name, bytes);
        self.field(&format!("{name}_human"), human_bytes(bytes as f64));
    }
}

/// Bytes as `1.50M`, like Redis shows them.
pub fn human_bytes(bytes: f64) -> String {
    const UNITS: [&str; 5] = ["K", "M", "G", "T", "P"];
    if bytes < 1024.0 {
        return format!("{bytes:.0}B");
    }
    let mut scaled = bytes / 1024.0;
    let mut unit = 0;
    while scaled >= 1024.0 && unit + 1 < UNITS.len() {
        scaled /= 1024.0;
        unit += 1;
    }
    format!("{scaled:.2}{}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_for_people() {
        assert_eq!(human_bytes(0.0), "0B");
        assert_eq!(human_bytes(1536.0), "1.50K");
        assert_eq!(human_bytes(3.0 * 1024.0 * 1024.0), "3.00M");
    }

    #[test]
    fn words_choose_sections() {
        assert!(is_wanted(&[], "cpu", true) && !is_wanted(&[], "commandstats", false));
        assert!(is_wanted(&[b"ALL"], "commandstats", false) && !is_wanted(&[b"all"], "modules", true));
        assert!(is_wanted(&[b"x", b"everything"], "modules", true));
        assert!(!is_wanted(&[b"sentinel"], "memory", true));
    }
}
