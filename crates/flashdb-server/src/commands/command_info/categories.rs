//! ACL categories of a command: those that follow from its group and flags, and those its row adds.

use flashdb_command::{CommandSpec, Flags, Group};

/// All categories, in Redis's order.
pub const CATEGORIES: [&str; 21] = [
    "keyspace",
    "read",
    "write",
    "set",
    "sortedset",
    "list",
    "hash",
    "string",
    "bitmap",
    "hyperloglog",
    "geo",
    "stream",
    "pubsub",
    "admin",
    "fast",
    "slow",
    "blocking",
    "dangerous",
    "connection",
    "transaction",
    "scripting",
];

/// Families that rows of the generic group may name.
const OF_GENERIC: [&str; 4] = ["set", "sortedset", "list", "connection"];

/// The categories of a command, without `@`, in the order of [`CATEGORIES`]. Containers have those
/// of their subcommands only there; by themselves they are `slow`.
pub fn categories(spec: &'static CommandSpec) -> impl Iterator<Item = &'static str> {
    CATEGORIES.into_iter().filter(|category| belongs(spec, category))
}

fn belongs(spec: &CommandSpec, category: &str) -> bool {
    let flags = spec.flags;
    let is_container = !spec.subcommands.is_empty() && !spec.categories.contains(&category);
    let by_flag = match category {
        "read" => flags.has(Flags::READONLY) && spec.group.category() != Some("scripting"),
        "write" => flags.has(Flags::WRITE),
        "admin" | "dangerous" => flags.has(Flags::ADMIN),
        "pubsub" => flags.has(Flags::PUBSUB),
        "fast" => flags.has(Flags::FAST),
        "slow" => !flags.has(Flags::FAST),
        "blocking" => flags.has(Flags::BLOCKING),
        _ => false,
    };
    // A command on keys of any type that names the types it takes (SORT) belongs to those instead.
    let elsewhere =
        spec.group == Group::Generic && spec.categories.iter().any(|named| OF_GENERIC.contains(named));
    by_flag
        || spec.categories.contains(&category)
        || (!is_container && !elsewhere && spec.group.category() == Some(category))
}
