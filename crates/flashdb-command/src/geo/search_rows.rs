//! The rows of the commands that search for places; the work is in `search.rs`.

use super::UNIT;
use super::search::{radius_keys, run};
use super::search_options::Form;
use crate::key_spec::{KeyFlags, KeySpec};
use crate::spec::{Arg, CommandSpec, Deprecated, Flags, Group};
use crate::zset::{KEY_READ, KEY_STORE};

const READ: KeyFlags = KeyFlags::RO.and(KeyFlags::ACCESS);
const OVERWRITTEN: KeyFlags = KeyFlags::OW.and(KeyFlags::UPDATE);
const RADIUS_COMPLEXITY: &str = "O(N+log(M)), N being the number of places in the square around the circle and M the \
                                 size of the sorted set";
const SEARCH_COMPLEXITY: &str = "O(N+log(M)), N being the number of places in the cells that cover the shape and M the \
                                 size of the sorted set";
const FOUND: &str = "The places; with WITH options an array for each: name, distance, hash, position.";
const FOUND_OR_STORED: &str = "The places, with WITH options an array for each: name, distance, hash, position; with STORE or STOREDIST their number.";

const UPPERCASE_UNITS: (&str, &str) = ("7.0.0", "Units in upper case.");
const ANY_OPTION: (&str, &str) = ("6.2.0", "`ANY` behind `COUNT`.");

const WITH_POSITION: Arg = Arg::word("withcoord", "WITHCOORD").optional();
const WITH_DISTANCE: Arg = Arg::word("withdist", "WITHDIST").optional();
const WITH_HASH: Arg = Arg::word("withhash", "WITHHASH").optional();
const COUNT: Arg = Arg::block(
    "count-block",
    &[
        Arg::integer("count").with_token("COUNT"),
        Arg::word("any", "ANY").optional().since("6.2.0"),
    ],
)
.optional();
const ORDER: Arg = Arg::one_of("order", &[Arg::word("asc", "ASC"), Arg::word("desc", "DESC")]).optional();
const STORE: Arg = Arg::one_of(
    "store",
    &[
        Arg::key_of("storekey", 1).with_token("STORE"),
        Arg::key_of("storedistkey", 2).with_token("STOREDIST"),
    ],
)
.optional();
const FROM: Arg = Arg::one_of(
    "from",
    &[
        Arg::string("member").with_token("FROMMEMBER"),
        Arg::block("fromlonlat", &[Arg::double("longitude"), Arg::double("latitude")])
            .with_token("FROMLONLAT"),
    ],
);
const BY: Arg = Arg::one_of(
    "by",
    &[
        Arg::block("circle", &[Arg::double("radius").with_token("BYRADIUS"), UNIT]),
        Arg::block(
            "box",
            &[
                Arg::double("width").with_token("BYBOX"),
                Arg::double("height"),
                UNIT,
            ],
        ),
    ],
);

pub(super) static GEORADIUS: CommandSpec = CommandSpec {
    name: "georadius",
    deprecated: Deprecated::since("6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with `BYRADIUS`"),
    summary: "Finds the places within a distance of a position, and answers or stores them.",
    since: "3.2.0",
    group: Group::Geo,
    complexity: RADIUS_COMPLEXITY,
    arity: -6,
    flags: Flags::WRITE.and(Flags::DENY_OOM).and(Flags::MOVABLE_KEYS),
    keys: &[
        KeySpec::one(1, READ),
        KeySpec::after("STORE", 6, OVERWRITTEN),
        KeySpec::after("STOREDIST", 6, OVERWRITTEN),
    ],
    keys_of: Some(radius_keys),
    args: &[
        Arg::key("key"),
        Arg::double("longitude"),
        Arg::double("latitude"),
        Arg::double("radius"),
        UNIT,
        WITH_POSITION,
        WITH_DISTANCE,
        WITH_HASH,
        COUNT,
        ORDER,
        STORE,
    ],
    reply: FOUND_OR_STORED,
    history: &[ANY_OPTION, UPPERCASE_UNITS],
    handler: |context| run(context, Form::Radius { may_store: true }),
    ..CommandSpec::EMPTY
};

pub(super) static GEORADIUS_RO: CommandSpec = CommandSpec {
    name: "georadius_ro",
    deprecated: Deprecated::since("6.2.0", "`GEOSEARCH` with `BYRADIUS`"),
    summary: "Finds the places within a distance of a position; may run on a replica.",
    since: "3.2.10",
    group: Group::Geo,
    complexity: RADIUS_COMPLEXITY,
    arity: -6,
    flags: Flags::READONLY,
    keys: KEY_READ,
    args: &[
        Arg::key("key"),
        Arg::double("longitude"),
        Arg::double("latitude"),
        Arg::double("radius"),
        UNIT,
        WITH_POSITION,
        WITH_DISTANCE,
        WITH_HASH,
        COUNT,
        ORDER,
    ],
    reply: FOUND,
    history: &[ANY_OPTION, UPPERCASE_UNITS],
    handler: |context| run(context, Form::Radius { may_store: false }),
    ..CommandSpec::EMPTY
};

pub(super) static GEORADIUSBYMEMBER: CommandSpec = CommandSpec {
    name: "georadiusbymember",
    deprecated: Deprecated::since(
        "6.2.0",
        "`GEOSEARCH` and `GEOSEARCHSTORE` with `FROMMEMBER` and `BYRADIUS`",
    ),
    summary: "Finds the places within a distance of a place, and answers or stores them.",
    since: "3.2.0",
    group: Group::Geo,
    complexity: RADIUS_COMPLEXITY,
    arity: -5,
    flags: Flags::WRITE.and(Flags::DENY_OOM).and(Flags::MOVABLE_KEYS),
    keys: &[
        KeySpec::one(1, READ),
        KeySpec::after("STORE", 5, OVERWRITTEN),
        KeySpec::after("STOREDIST", 5, OVERWRITTEN),
    ],
    keys_of: Some(radius_keys),
    args: &[
        Arg::key("key"),
        Arg::string("member"),
        Arg::double("radius"),
        UNIT,
        WITH_POSITION,
        WITH_DISTANCE,
        WITH_HASH,
        COUNT,
        ORDER,
        STORE,
    ],
    reply: FOUND_OR_STORED,
    history: &[ANY_OPTION, UPPERCASE_UNITS],
    handler: |context| run(context, Form::RadiusByMember { may_store: true }),
    ..CommandSpec::EMPTY
};

pub(super) static GEORADIUSBYMEMBER_RO: CommandSpec = CommandSpec {
    name: "georadiusbymember_ro",
    deprecated: Deprecated::since("6.2.0", "`GEOSEARCH` with `FROMMEMBER` and `BYRADIUS`"),
    summary: "Finds the places within a distance of a place; may run on a replica.",
    since: "3.2.10",
    group: Group::Geo,
    complexity: RADIUS_COMPLEXITY,
    arity: -5,
    flags: Flags::READONLY,
    keys: KEY_READ,
    args: &[
        Arg::key("key"),
        Arg::string("member"),
        Arg::double("radius"),
        UNIT,
        WITH_POSITION,
        WITH_DISTANCE,
        WITH_HASH,
        COUNT,
        ORDER,
    ],
    reply: FOUND,
    history: &[ANY_OPTION, UPPERCASE_UNITS],
    handler: |context| run(context, Form::RadiusByMember { may_store: false }),
    ..CommandSpec::EMPTY
};

pub(super) static GEOSEARCH: CommandSpec = CommandSpec {
    name: "geosearch",
    summary: "Finds the places within a circle or a box.",
    since: "6.2.0",
    group: Group::Geo,
    complexity: SEARCH_COMPLEXITY,
    arity: -7,
    flags: Flags::READONLY,
    keys: KEY_READ,
    args: &[
        Arg::key("key"),
        FROM,
        BY,
        ORDER,
        COUNT,
        WITH_POSITION,
        WITH_DISTANCE,
        WITH_HASH,
    ],
    reply: FOUND,
    history: &[UPPERCASE_UNITS],
    handler: |context| run(context, Form::Search),
    ..CommandSpec::EMPTY
};

pub(super) static GEOSEARCHSTORE: CommandSpec = CommandSpec {
    name: "geosearchstore",
    summary: "Finds the places within a circle or a box and stores them.",
    since: "6.2.0",
    group: Group::Geo,
    complexity: SEARCH_COMPLEXITY,
    arity: -8,
    flags: Flags::WRITE.and(Flags::DENY_OOM),
    keys: &[KEY_STORE, KeySpec::one(2, READ)],
    args: &[
        Arg::key("destination"),
        Arg::key_of("source", 1),
        FROM,
        BY,
        ORDER,
        COUNT,
        Arg::word("storedist", "STOREDIST").optional(),
    ],
    reply: "How many places are stored.",
    history: &[UPPERCASE_UNITS],
    handler: |context| run(context, Form::SearchStore),
    ..CommandSpec::EMPTY
};
