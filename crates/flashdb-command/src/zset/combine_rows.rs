//! The rows of the commands that combine sorted sets; the work is in `combine.rs`.

use super::combine::{self, Operation};
use super::{KEY_STORE, WITH_SCORES};
use crate::key_spec::{KeyFlags, KeySpec};
use crate::spec::{Arg, CommandSpec, Flags, Group};

const READ: KeyFlags = KeyFlags::RO.and(KeyFlags::ACCESS);
const INTER_COMPLEXITY: &str = "O(N*K)+O(M*log(M)), N being the size of the smallest input, K the number of inputs \
                                and M the size of the result";
const UNION_COMPLEXITY: &str =
    "O(N)+O(M*log(M)), N being the size of all inputs together and M the size of the result";
const DIFF_COMPLEXITY: &str = "O(L+(N-K)*log(N)), L being the size of all inputs together, N that of the first and K \
                               that of the result";
const MEMBERS: &str = "The members by score, with WITHSCORES each with its score.";
const STORED: &str = "How many members are stored.";

const WEIGHTS: Arg = Arg::integer("weight").with_token("WEIGHTS").optional().multiple();
const AGGREGATE: Arg = Arg::one_of(
    "aggregate",
    &[
        Arg::word("sum", "SUM"),
        Arg::word("min", "MIN"),
        Arg::word("max", "MAX"),
    ],
)
.with_token("AGGREGATE")
.optional();

/// What the commands that answer have in common.
const ANSWER: CommandSpec = CommandSpec {
    since: "6.2.0",
    group: Group::SortedSet,
    arity: -3,
    flags: Flags::READONLY.and(Flags::MOVABLE_KEYS),
    keys: &[KeySpec::counted(1, READ)],
    args: &[
        Arg::integer("numkeys"),
        Arg::key("key").multiple(),
        WEIGHTS,
        AGGREGATE,
        WITH_SCORES,
    ],
    reply: MEMBERS,
    ..CommandSpec::EMPTY
};

/// What the commands that store have in common.
const STORE: CommandSpec = CommandSpec {
    since: "2.0.0",
    group: Group::SortedSet,
    arity: -4,
    flags: Flags::WRITE.and(Flags::DENY_OOM).and(Flags::MOVABLE_KEYS),
    keys: &[KEY_STORE, KeySpec::counted(2, READ)],
    args: &[
        Arg::key("destination"),
        Arg::integer("numkeys"),
        Arg::key_of("key", 1).multiple(),
        WEIGHTS,
        AGGREGATE,
    ],
    reply: STORED,
    ..CommandSpec::EMPTY
};

pub(super) static ZUNION: CommandSpec = CommandSpec {
    name: "zunion",
    summary: "Returns the members that are in any of several sorted sets.",
    complexity: UNION_COMPLEXITY,
    handler: |context| combine::answer(context, Operation::Union),
    ..ANSWER
};

pub(super) static ZUNIONSTORE: CommandSpec = CommandSpec {
    name: "zunionstore",
    summary: "Stores the members that are in any of several sorted sets.",
    complexity: UNION_COMPLEXITY,
    handler: |context| combine::store(context, Operation::Union, "zunionstore"),
    ..STORE
};

pub(super) static ZINTER: CommandSpec = CommandSpec {
    name: "zinter",
    summary: "Returns the members that are in all of several sorted sets.",
    complexity: INTER_COMPLEXITY,
    handler: |context| combine::answer(context, Operation::Inter),
    ..ANSWER
};

pub(super) static ZINTERSTORE: CommandSpec = CommandSpec {
    name: "zinterstore",
    summary: "Stores the members that are in all of several sorted sets.",
    complexity: INTER_COMPLEXITY,
    handler: |context| combine::store(context, Operation::Inter, "zinterstore"),
    ..STORE
};

pub(super) static ZINTERCARD: CommandSpec = CommandSpec {
    name: "zintercard",
    summary: "Counts the members that are in all of several sorted sets.",
    since: "7.0.0",
    complexity: "O(N*K), N being the size of the smallest input and K the number of inputs",
    args: &[
        Arg::integer("numkeys"),
        Arg::key("key").multiple(),
        Arg::integer("limit").with_token("LIMIT").optional(),
    ],
    reply: "The number of members, at most the limit.",
    handler: combine::zintercard,
    ..ANSWER
};

pub(super) static ZDIFF: CommandSpec = CommandSpec {
    name: "zdiff",
    summary: "Returns the members of the first sorted set that are in none of the others.",
    complexity: DIFF_COMPLEXITY,
    args: &[Arg::integer("numkeys"), Arg::key("key").multiple(), WITH_SCORES],
    handler: |context| combine::answer(context, Operation::Diff),
    ..ANSWER
};

pub(super) static ZDIFFSTORE: CommandSpec = CommandSpec {
    name: "zdiffstore",
    summary: "Stores the members of the first sorted set that are in none of the others.",
    since: "6.2.0",
    complexity: DIFF_COMPLEXITY,
    args: &[
        Arg::key("destination"),
        Arg::integer("numkeys"),
        Arg::key_of("key", 1).multiple(),
    ],
    handler: |context| combine::store(context, Operation::Diff, "zdiffstore"),
    ..STORE
};
