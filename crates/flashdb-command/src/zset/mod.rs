//! Sorted sets. `add` changes members by name, `read` answers about single members and counts,
//! `range` answers and stores ranges, `remove_range` removes them, `pop` takes from either end (and
//! waits), `random` draws, `combine` unites, intersects and subtracts. All ranges are runs of ranks
//! of the type; `bounds` reads them from a request.

pub(crate) mod add;
mod bounds;
mod combine;
mod combine_rows;
mod pop;
mod random;
mod range;
mod range_rows;
mod read;
mod remove_range;
mod scan;

use crate::context::Context;
use crate::key_spec::{KeyFlags, KeySpec};
use crate::spec::{Arg, CommandSpec};
use flashdb_base::notify_flags::NotifyFlags;
use flashdb_config::Settings;
use flashdb_resp::Reply;
use flashdb_store::{Expiry, Value};
use flashdb_types::zset::{Limits, ZSet};

/// The family's rows.
pub static COMMANDS: &[&CommandSpec] = &[
    &add::ZADD,
    &add::ZINCRBY,
    &add::ZREM,
    &combine_rows::ZDIFF,
    &combine_rows::ZDIFFSTORE,
    &combine_rows::ZINTER,
    &combine_rows::ZINTERCARD,
    &combine_rows::ZINTERSTORE,
    &combine_rows::ZUNION,
    &combine_rows::ZUNIONSTORE,
    &pop::BZMPOP,
    &pop::BZPOPMAX,
    &pop::BZPOPMIN,
    &pop::ZMPOP,
    &pop::ZPOPMAX,
    &pop::ZPOPMIN,
    &random::ZRANDMEMBER,
    &range_rows::ZRANGE,
    &range_rows::ZRANGEBYLEX,
    &range_rows::ZRANGEBYSCORE,
    &range_rows::ZRANGESTORE,
    &range_rows::ZREVRANGE,
    &range_rows::ZREVRANGEBYLEX,
    &range_rows::ZREVRANGEBYSCORE,
    &read::ZCARD,
    &read::ZCOUNT,
    &read::ZLEXCOUNT,
    &read::ZMSCORE,
    &read::ZRANK,
    &read::ZREVRANK,
    &read::ZSCORE,
    &remove_range::ZREMRANGEBYLEX,
    &remove_range::ZREMRANGEBYRANK,
    &remove_range::ZREMRANGEBYSCORE,
    &scan::ZSCAN,
];

/// One key whose data is returned.
pub(crate) const KEY_READ: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RO.and(KeyFlags::ACCESS))];
/// One key from which members are removed.
const KEY_DELETE: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RW.and(KeyFlags::DELETE))];
/// The key that a result is stored at.
pub(crate) const KEY_STORE: KeySpec = KeySpec::one(1, KeyFlags::OW.and(KeyFlags::UPDATE));

/// `[LIMIT offset count]`
const LIMIT: Arg = Arg::block("limit", &[Arg::integer("offset"), Arg::integer("count")])
    .with_token("LIMIT")
    .optional();
/// `[WITHSCORES]`
const WITH_SCORES: Arg = Arg::word("withscores", "WITHSCORES").optional();

/// When a sorted set leaves the packed encoding.
#[inline]
pub(crate) fn limits(settings: &Settings) -> Limits {
    Limits {
        max_listpack_entries: settings.zset_max_listpack_entries,
        max_listpack_value: settings.zset_max_listpack_value,
    }
}

/// Stores a result with the event of the command that made it, or removes the key if nothing came
/// out. Any value may have been there. Replies with the number of members.
pub(crate) fn store_result(
    context: &mut Context<'_, '_>,
    key: &[u8],
    result: Option<ZSet>,
    event: &'static str,
) {
    let result = result.filter(|zset| !zset.is_empty());
    context.reply.count(result.as_ref().map_or(0, ZSet::len));
    match result {
        Some(zset) => {
            context.data.set_value(key, Value::ZSet(zset), Expiry::Clear);
            context.data.changed(key, NotifyFlags::ZSET, event);
        }
        None => {
            if context.data.remove(key) {
                context.data.changed(key, NotifyFlags::GENERIC, "del");
            }
        }
    }
}

/// How members are answered together with their scores.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pairs {
    /// Without scores.
    MembersOnly,
    /// Member, score, member, score.
    Flat,
    /// An array of two per member.
    Nested,
}

impl Pairs {
    /// The usual form: nested where the protocol is RESP3.
    fn of(with_scores: bool, reply: &Reply) -> Pairs {
        match (with_scores, reply.is_resp3()) {
            (false, _) => Pairs::MembersOnly,
            (true, false) => Pairs::Flat,
            (true, true) => Pairs::Nested,
        }
    }

    /// Begins an array of `members`.
    fn begin(self, reply: &mut Reply, members: usize) {
        reply.array(match self {
            Pairs::Flat => members * 2,
            Pairs::MembersOnly | Pairs::Nested => members,
        });
    }

    /// Writes one member.
    #[inline]
    fn write(self, reply: &mut Reply, member: &[u8], score: f64) {
        if self == Pairs::Nested {
            reply.array(2);
        }
        reply.bulk(member);
        if self != Pairs::MembersOnly {
            reply.double(score);
        }
    }

    /// Writes a whole array.
    fn write_all<'m>(self, reply: &mut Reply, members: impl ExactSizeIterator<Item = (&'m [u8], f64)>) {
        self.begin(reply, members.len());
        members.for_each(|(member, score)| self.write(reply, member, score));
    }
}
