//! Adding places and asking about them by name: GEOADD, GEOPOS, GEOHASH, GEODIST.

use super::{UNIT, position, unit, write_distance, write_position};
use crate::context::{CommandResult, Context};
use crate::error;
use crate::key_spec::{KeyFlags, KeySpec};
use crate::spec::{Arg, CommandSpec, Flags, Group};
use crate::zset::KEY_READ;
use crate::zset::add::{self, Rule};
use flashdb_types::geo::{Position, Unit};
use flashdb_types::zset::ZSet;
use smallvec::SmallVec;

pub(super) static GEOADD: CommandSpec = CommandSpec {
    name: "geoadd",
    summary: "Adds places to a sorted set, or moves them.",
    since: "3.2.0",
    group: Group::Geo,
    complexity: "O(log(N)) per place, N being the size of the sorted set",
    arity: -5,
    flags: Flags::WRITE.and(Flags::DENY_OOM),
    keys: &[KeySpec::one(1, KeyFlags::RW.and(KeyFlags::UPDATE))],
    args: &[
        Arg::key("key"),
        Arg::one_of("condition", &[Arg::word("nx", "NX"), Arg::word("xx", "XX")])
            .optional()
            .since("6.2.0"),
        Arg::word("change", "CH").optional().since("6.2.0"),
        Arg::block(
            "data",
            &[
                Arg::double("longitude"),
                Arg::double("latitude"),
                Arg::string("member"),
            ],
        )
        .multiple(),
    ],
    reply: "How many places are new, with CH: or have moved.",
    history: &[("6.2.0", "`CH`, `NX` and `XX`.")],
    handler: geoadd,
    ..CommandSpec::EMPTY
};

pub(super) static GEOPOS: CommandSpec = CommandSpec {
    name: "geopos",
    summary: "Returns longitude and latitude of places.",
    since: "3.2.0",
    group: Group::Geo,
    complexity: "O(N), N being the number of members asked for",
    arity: -2,
    flags: Flags::READONLY,
    keys: KEY_READ,
    args: &[Arg::key("key"), Arg::string("member").multiple().optional()],
    reply: "An array of longitude and latitude per member; null for members that do not exist.",
    handler: geopos,
    ..CommandSpec::EMPTY
};

pub(super) static GEOHASH: CommandSpec = CommandSpec {
    name: "geohash",
    summary: "Returns the geohashes of places, of 11 characters.",
    since: "3.2.0",
    group: Group::Geo,
    complexity: "O(log(N)) per member asked for, N being the size of the sorted set",
    arity: -2,
    flags: Flags::READONLY,
    keys: KEY_READ,
    args: &[Arg::key("key"), Arg::string("member").multiple().optional()],
    reply: "A geohash per member; null for members that do not exist.",
    handler: geohash,
    ..CommandSpec::EMPTY
};

pub(super) static GEODIST: CommandSpec = CommandSpec {
    name: "geodist",
    summary: "Returns the distance between two places.",
    since: "3.2.0",
    group: Group::Geo,
    complexity: "O(1)",
    arity: -4,
    flags: Flags::READONLY,
    keys: KEY_READ,
    args: &[
        Arg::key("key"),
        Arg::string("member1"),
        Arg::string("member2"),
        UNIT.optional(),
    ],
    reply: "The distance with four decimals, in metres unless a unit is given; null if a member does not exist.",
    handler: geodist,
    ..CommandSpec::EMPTY
};

fn geoadd(context: &mut Context<'_, '_>) -> CommandResult {
    let words = context.args;
    let (rule, first) = Rule::parse(words, false);
    let count = words.len() - first;
    if count == 0 || !count.is_multiple_of(3) || (rule.nx && rule.xx) {
        return Err(error::SYNTAX);
    }
    let mut pairs = SmallVec::<[(&[u8], f64); 8]>::new();
    for at in (first..words.len()).step_by(3) {
        let position = position(words.at(at), words.at(at + 1))?;
        pairs.push((words.at(at + 2), position.score()));
    }
    add::add(context, rule, &pairs)
}

fn geopos(context: &mut Context<'_, '_>) -> CommandResult {
    let zset = context.data.read::<ZSet>(context.args.at(1))?;
    context.reply.array(context.args.len() - 2);
    for member in context.args.iter_from(2) {
        match zset.and_then(|zset| zset.score(member)) {
            Some(score) => write_position(context.reply, Position::from_score(score)),
            None => context.reply.null_array(),
        }
    }
    Ok(())
}

fn geohash(context: &mut Context<'_, '_>) -> CommandResult {
    let zset = context.data.read::<ZSet>(context.args.at(1))?;
    context.reply.array(context.args.len() - 2);
    for member in context.args.iter_from(2) {
        let score = zset.and_then(|zset| zset.score(member));
        let hash = score.map(|score| Position::from_score(score).geohash());
        context
            .reply
            .bulk_or_null(hash.as_ref().map(|hash| hash.as_slice()));
    }
    Ok(())
}

fn geodist(context: &mut Context<'_, '_>) -> CommandResult {
    let unit = match context.args.len() {
        4 => Unit::Metres,
        5 => unit(context.arg(4))?,
        _ => return Err(error::SYNTAX),
    };
    let (first, second) = (context.arg(2), context.arg(3));
    let zset = context.data.read::<ZSet>(context.args.at(1))?;
    let scores = zset.and_then(|zset| zset.score(first).zip(zset.score(second)));
    match scores {
        Some((first, second)) => {
            let distance_m = Position::from_score(first).distance_m(Position::from_score(second));
            write_distance(context.reply, distance_m / unit.metres());
        }
        None => context.reply.null(),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;
    use flashdb_resp::Protocol;

    fn sicily() -> Runner {
        let mut run = Runner::default();
        run.run("GEOADD s 13.361389 38.115556 Palermo 15.087269 37.502669 Catania");
        run
    }

    #[test]
    fn adding() {
        let mut run = sicily();
        assert_eq!(run.events, ["new s", "zadd s"]);
        assert_eq!(run.run("GEOADD s CH XX 13 38 Palermo 1 1 Rome"), ":1");
        assert_eq!(run.run("GEOADD s NX CH 13.5 38 Palermo 1 1 Rome"), ":1");
        assert_eq!(run.run("ZSCORE s Catania"), "$16 3479447370796909");
        for (line, error) in [
            (
                "GEOADD s 200 10 x",
                "invalid longitude,latitude pair 200.000000,10.000000",
            ),
            ("GEOADD s a 10 x", "value is not a valid float"),
            ("GEOADD s 10 10 x 11", "syntax error"),
            ("GEOADD s NX XX 10 10 x", "syntax error"),
            ("GEOADD s NX CH CH", "syntax error"),
        ] {
            assert_eq!(run.run(line), format!("-ERR {error}"), "{line}");
        }
    }

    #[test]
    fn asking() {
        let mut run = sicily();
        assert_eq!(
            run.run("GEOPOS s Palermo x"),
            "*2 *2 $20 13.36138933897018433 $20 38.11555639549629859 *-1"
        );
        assert_eq!(run.run("GEOHASH s Palermo x"), "*2 $11 sqc8b49rny0 $-1");
        assert_eq!(run.run("GEODIST s Palermo Catania"), "$11 166274.1516");
        assert_eq!(run.run("GEODIST s Palermo Catania KM"), "$8 166.2742");
        assert_eq!(run.run("GEODIST s Palermo Palermo"), "$6 0.0000");
        assert_eq!(run.run("GEODIST s Palermo x"), "$-1");
        assert_eq!(run.run("GEODIST s Palermo Catania m m"), "-ERR syntax error");
        assert_eq!(
            run.run("GEODIST s Palermo Catania yd"),
            "-ERR unsupported unit provided. please use M, KM, FT, MI"
        );
        run.protocol = Protocol::Resp3;
        assert_eq!(
            run.run("GEOPOS s Palermo x"),
            "*2 *2 ,13.36138933897018433 ,38.11555639549629859 _"
        );
    }
}
