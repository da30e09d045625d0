//! The rows of the commands that answer or store ranges; the work is in `range.rs`.

use super::{KEY_READ, KEY_STORE, LIMIT, WITH_SCORES, range};
use crate::key_spec::{KeyFlags, KeySpec};
use crate::spec::{Arg, CommandSpec, Deprecated, Flags, Group};

const COMPLEXITY: &str =
    "O(log(N)+M), N being the size of the sorted set and M the number of members returned";
const REPLY: &str = "The members, with WITHSCORES each with its score.";

const SORT_BY: Arg = Arg::one_of(
    "sortby",
    &[Arg::word("byscore", "BYSCORE"), Arg::word("bylex", "BYLEX")],
)
.optional();

pub(super) static ZRANGE: CommandSpec = CommandSpec {
    name: "zrange",
    summary: "Returns the members within a range of ranks, scores or members.",
    since: "1.2.0",
    group: Group::SortedSet,
    complexity: COMPLEXITY,
    arity: -4,
    flags: Flags::READONLY,
    keys: KEY_READ,
    args: &[
        Arg::key("key"),
        Arg::string("start"),
        Arg::string("stop"),
        SORT_BY.since("6.2.0"),
        Arg::word("rev", "REV").optional().since("6.2.0"),
        LIMIT.since("6.2.0"),
        WITH_SCORES,
    ],
    reply: REPLY,
    history: &[("6.2.0", "`REV`, `BYSCORE`, `BYLEX` and `LIMIT`.")],
    handler: range::zrange,
    ..CommandSpec::EMPTY
};

pub(super) static ZREVRANGE: CommandSpec = CommandSpec {
    name: "zrevrange",
    deprecated: Deprecated::since("6.2.0", "`ZRANGE` with `REV`"),
    summary: "Returns the members within a range of ranks, from the highest score down.",
    since: "1.2.0",
    group: Group::SortedSet,
    complexity: COMPLEXITY,
    arity: -4,
    flags: Flags::READONLY,
    keys: KEY_READ,
    args: &[
        Arg::key("key"),
        Arg::integer("start"),
        Arg::integer("stop"),
        WITH_SCORES,
    ],
    reply: REPLY,
    handler: range::zrevrange,
    ..CommandSpec::EMPTY
};

pub(super) static ZRANGEBYSCORE: CommandSpec = CommandSpec {
    name: "zrangebyscore",
    deprecated: Deprecated::since("6.2.0", "`ZRANGE` with `BYSCORE`"),
    summary: "Returns the members within a range of scores.",
    since: "1.0.5",
    group: Group::SortedSet,
    complexity: COMPLEXITY,
    arity: -4,
    flags: Flags::READONLY,
    keys: KEY_READ,
    args: &[
        Arg::key("key"),
        Arg::double("min"),
        Arg::double("max"),
        WITH_SCORES.since("2.0.0"),
        LIMIT,
    ],
    reply: REPLY,
    history: &[("2.0.0", "`WITHSCORES`.")],
    handler: range::zrangebyscore,
    ..CommandSpec::EMPTY
};

pub(super) static ZREVRANGEBYSCORE: CommandSpec = CommandSpec {
    name: "zrevrangebyscore",
    deprecated: Deprecated::since("6.2.0", "`ZRANGE` with `REV` and `BYSCORE`"),
    summary: "Returns the members within a range of scores, from the highest score down.",
    since: "2.2.0",
    group: Group::SortedSet,
    complexity: COMPLEXITY,
    arity: -4,
    flags: Flags::READONLY,
    keys: KEY_READ,
    args: &[
        Arg::key("key"),
        Arg::double("max"),
        Arg::double("min"),
        WITH_SCORES,
        LIMIT,
    ],
    reply: REPLY,
    history: &[("2.1.6", "`(` excludes a bound.")],
    handler: range::zrevrangebyscore,
    ..CommandSpec::EMPTY
};

pub(super) static ZRANGEBYLEX: CommandSpec = CommandSpec {
    name: "zrangebylex",
    deprecated: Deprecated::since("6.2.0", "`ZRANGE` with `BYLEX`"),
    summary: "Returns the members between two members in byte order, where all scores are the same.",
    since: "2.8.9",
    group: Group::SortedSet,
    complexity: COMPLEXITY,
    arity: -4,
    flags: Flags::READONLY,
    keys: KEY_READ,
    args: &[Arg::key("key"), Arg::string("min"), Arg::string("max"), LIMIT],
    reply: "The members.",
    handler: range::zrangebylex,
    ..CommandSpec::EMPTY
};

pub(super) static ZREVRANGEBYLEX: CommandSpec = CommandSpec {
    name: "zrevrangebylex",
    deprecated: Deprecated::since("6.2.0", "`ZRANGE` with `REV` and `BYLEX`"),
    summary: "Returns the members between two members in reversed byte order, where all scores are the same.",
    since: "2.8.9",
    group: Group::SortedSet,
    complexity: COMPLEXITY,
    arity: -4,
    flags: Flags::READONLY,
    keys: KEY_READ,
    args: &[Arg::key("key"), Arg::string("max"), Arg::string("min"), LIMIT],
    reply: "The members.",
    handler: range::zrevrangebylex,
    ..CommandSpec::EMPTY
};

pub(super) static ZRANGESTORE: CommandSpec = CommandSpec {
    name: "zrangestore",
    summary: "Stores the members within a range of ranks, scores or members at another key.",
    since: "6.2.0",
    group: Group::SortedSet,
    complexity: "O(log(N)+M), N being the size of the sorted set and M the number of members stored",
    arity: -5,
    flags: Flags::WRITE.and(Flags::DENY_OOM),
    keys: &[KEY_STORE, KeySpec::one(2, KeyFlags::RO.and(KeyFlags::ACCESS))],
    args: &[
        Arg::key("dst"),
        Arg::key_of("src", 1),
        Arg::string("min"),
        Arg::string("max"),
        SORT_BY,
        Arg::word("rev", "REV").optional(),
        LIMIT,
    ],
    reply: "How many members are stored.",
    handler: range::zrangestore,
    ..CommandSpec::EMPTY
};
