//! The rules of alerts: a row each, with what it watches and the setting that holds its threshold, so that thresholds are set,
//! written to the file and documented as any other setting.

use flashdb_config::Settings;
use schemars::JsonSchema;
use serde::Serialize;

/// What is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Commands per second on one key.
    HotKey,
    /// Memory in use, percent of `maxmemory`.
    Memory,
    /// What 99 % of commands did not exceed, µs.
    Latency,
    /// Error replies per second.
    Errors,
    /// Connections refused per second.
    Rejected,
    /// Keys evicted per second.
    Evictions,
    /// Clients that wait in a command.
    Blocked,
    /// Whether data is kept as it should be.
    Persistence,
}

/// A row of the table.
pub(crate) struct Rule {
    pub kind: Kind,
    /// By which it is addressed.
    pub name: &'static str,
    /// The setting of its threshold; 0 is off.
    pub setting: &'static str,
    /// What the value is counted in.
    pub unit: &'static str,
    pub summary: &'static str,
    pub threshold: fn(&Settings) -> u64,
    /// Seconds that the value has to stand at the threshold.
    pub holds_s: u32,
}

/// All rules, in the order in which they are shown.
pub(crate) const RULES: &[Rule] = &[
    Rule {
        kind: Kind::HotKey,
        name: "hot-key",
        setting: "alert-hot-key-rate",
        unit: "commands/s",
        summary: "One key takes many commands.",
        threshold: |settings| settings.alert_hot_key_rate,
        holds_s: 3,
    },
    Rule {
        kind: Kind::Memory,
        name: "memory",
        setting: "alert-memory-percent",
        unit: "%",
        summary: "Memory nears maxmemory.",
        threshold: |settings| settings.alert_memory_percent,
        holds_s: 3,
    },
    Rule {
        kind: Kind::Latency,
        name: "latency",
        setting: "alert-p99-us",
        unit: "µs",
        summary: "One of a hundred commands takes long.",
        threshold: |settings| settings.alert_p99_us,
        holds_s: 5,
    },
    Rule {
        kind: Kind::Errors,
        name: "errors",
        setting: "alert-errors-rate",
        unit: "errors/s",
        summary: "Many commands fail.",
        threshold: |settings| settings.alert_errors_rate,
        holds_s: 3,
    },
    Rule {
        kind: Kind::Rejected,
        name: "rejected",
        setting: "alert-rejected-rate",
        unit: "connections/s",
        summary: "Connections are refused, since maxclients is reached.",
        threshold: |settings| settings.alert_rejected_rate,
        holds_s: 1,
    },
    Rule {
        kind: Kind::Evictions,
        name: "evictions",
        setting: "alert-evictions-rate",
        unit: "keys/s",
        summary: "Keys are evicted for want of memory.",
        threshold: |settings| settings.alert_evictions_rate,
        holds_s: 5,
    },
    Rule {
        kind: Kind::Blocked,
        name: "blocked",
        setting: "alert-blocked-clients",
        unit: "clients",
        summary: "Many clients wait in a command.",
        threshold: |settings| settings.alert_blocked_clients,
        holds_s: 10,
    },
    Rule {
        kind: Kind::Persistence,
        name: "persistence",
        setting: "alert-persistence",
        unit: "",
        summary: "The log cannot be written, or the last snapshot failed.",
        threshold: |settings| settings.alert_persistence.into(),
        holds_s: 1,
    },
];

/// The rule of this name.
pub(crate) fn named(name: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.name == name)
}
