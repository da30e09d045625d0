//! GEOSEARCH and its kin: the score ranges that cover the shape are walked, and what lies within is
//! answered or stored.

use super::search_options::{Form, Order, Search};
use super::{write_distance, write_position};
use crate::context::{CommandResult, Context};
use crate::key_spec::{InvalidKeys, KeyPositions};
use crate::zset::{limits, store_result};
use flashdb_resp::{Args, Reply};
use flashdb_types::geo::{self, Position, Shape};
use flashdb_types::zset::{ScoreRange, ZSet};

/// A place within the shape.
struct Place<'d> {
    member: &'d [u8],
    score: f64,
    position: Position,
    distance_m: f64,
}

/// Keys of GEORADIUS and GEORADIUSBYMEMBER: the one that is searched and, of several STORE and
/// STOREDIST options, that of the last.
pub(super) fn radius_keys(words: &Args<'_>) -> Result<KeyPositions, InvalidKeys> {
    /// No option stands before it in either command.
    const OPTIONS_AT: usize = 5;
    let mut keys = KeyPositions::from_slice(&[1]);
    let mut at = OPTIONS_AT;
    while at + 1 < words.len() {
        let word = words.at(at);
        if word.eq_ignore_ascii_case(b"store") || word.eq_ignore_ascii_case(b"storedist") {
            at += 1;
            keys.truncate(1);
            keys.push(at as u32);
        }
        at += 1;
    }
    Ok(keys)
}

pub(super) fn run(context: &mut Context<'_, '_>, form: Form) -> CommandResult {
    let words = context.args;
    let limits = limits(context.settings);
    let zset = context.data.read::<ZSet>(words.at(form.source_at()))?;
    let search = Search::parse(words, form, zset)?;
    let places = match (zset, search.area) {
        (Some(zset), Some((centre, shape))) => search.places(zset, centre, shape),
        _ => Vec::new(),
    };
    let Some(store) = search.store else {
        search.answer(context.reply, &places);
        return Ok(());
    };
    let score = |place: &Place<'_>| {
        if search.store_distance {
            place.distance_m / search.unit.metres()
        } else {
            place.score
        }
    };
    let result = ZSet::from_pairs(places.iter().map(|place| (place.member, score(place))), &limits);
    let event = if matches!(form, Form::SearchStore) {
        "geosearchstore"
    } else {
        "georadiusstore"
    };
    store_result(context, store, Some(result), event);
    Ok(())
}

impl Search<'_> {
    /// The places asked for, in the order asked for.
    fn places<'d>(&self, zset: &'d ZSet, centre: Position, shape: Shape) -> Vec<Place<'d>> {
        // Without an order, COUNT means the nearest, but with ANY the first found.
        let enough = if self.any { self.count } else { usize::MAX };
        let mut places = find(zset, centre, shape, enough);
        let order = match self.order {
            Order::Any if self.count > 0 && !self.any => Order::Ascending,
            order => order,
        };
        match order {
            Order::Any => {}
            Order::Ascending => places.sort_by(|a, b| a.distance_m.total_cmp(&b.distance_m)),
            Order::Descending => places.sort_by(|a, b| b.distance_m.total_cmp(&a.distance_m)),
        }
        if self.count > 0 {
            places.truncate(self.count);
        }
        places
    }

    fn answer(&self, reply: &mut Reply, places: &[Place<'_>]) {
        let extras = [self.with_distance, self.with_hash, self.with_position];
        let extras = extras.into_iter().filter(|wanted| *wanted).count();
        reply.array(places.len());
        for place in places {
            if extras > 0 {
                reply.array(1 + extras);
            }
            reply.bulk(place.member);
            if self.with_distance {
                write_distance(reply, place.distance_m / self.unit.metres());
            }
            if self.with_hash {
                reply.integer(place.score as i64);
            }
            if self.with_position {
                write_position(reply, place.position);
            }
        }
    }
}

/// The places within the shape, at most `enough`.
fn find(zset: &ZSet, centre: Position, shape: Shape, enough: usize) -> Vec<Place<'_>> {
    let mut places = Vec::new();
    for span in geo::search(centre, shape) {
        let ranks = zset.ranks_by_score(&ScoreRange::half_open(span.min, span.max));
        for (member, score) in zset.range(ranks) {
            let position = Position::from_score(score);
            if let Some(distance_m) = shape.distance_within_m(centre, position) {
                places.push(Place {
                    member,
                    score,
                    position,
                    distance_m,
                });
                if places.len() >= enough {
                    return places;
                }
            }
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;

    fn sicily() -> Runner {
        let mut run = Runner::default();
        run.run("GEOADD s 13.361389 38.115556 Palermo 15.087269 37.502669 Catania 12.758489 38.788135 edge");
        run
    }

    #[test]
    fn both_generations() {
        let mut run = sicily();
        assert_eq!(
            run.run("GEORADIUS s 15 37 200 km WITHDIST ASC COUNT 2"),
            "*2 *2 $7 Catania $7 56.4413 *2 $7 Palermo $8 190.4424"
        );
        assert_eq!(run.run("GEORADIUS_RO s 15 37 100 km"), "*1 $7 Catania");
        assert_eq!(
            run.run("GEORADIUSBYMEMBER s Palermo 100 km WITHHASH DESC"),
            "*2 *2 $4 edge :3479273021651468 *2 $7 Palermo :3479099956230698"
        );
        assert_eq!(
            run.run("GEOSEARCH s FROMLONLAT 15 37 BYBOX 400 400 km ASC WITHCOORD COUNT 1"),
            "*1 *2 $7 Catania *2 $20 15.08726745843887329 $20 37.50266842333162032"
        );
        assert_eq!(
            run.run("GEOSEARCH s FROMMEMBER Palermo BYRADIUS 1 m"),
            "*1 $7 Palermo"
        );
        assert_eq!(
            run.run("GEOSEARCH s FROMMEMBER Palermo BYRADIUS 1000 km COUNT 1 ANY")
                .len(),
            run.run("GEOSEARCH s FROMMEMBER Palermo BYRADIUS 1 km").len()
        );
        assert_eq!(run.run("GEOSEARCH none FROMMEMBER x BYRADIUS 1 km"), "*0");
        assert_eq!(run.run("GEORADIUSBYMEMBER none x 1 km"), "*0");
    }

    #[test]
    fn storing() {
        let mut run = sicily();
        assert_eq!(
            run.run("GEOSEARCHSTORE d s FROMLONLAT 15 37 BYRADIUS 200 km STOREDIST"),
            ":2"
        );
        assert_eq!(run.events, ["new d", "geosearchstore d"]);
        assert_eq!(run.run("ZRANGE d 0 0"), "*1 $7 Catania");
        assert_eq!(run.run("GEORADIUS s 15 37 200 km STOREDIST x STORE d"), ":2");
        assert_eq!(run.events, ["georadiusstore d"]);
        assert_eq!(run.run("ZSCORE d Palermo"), "$16 3479099956230698");
        assert_eq!(run.run("ZCARD x"), ":0");
        assert_eq!(run.run("GEORADIUSBYMEMBER none a 1 m STORE d"), ":0");
        assert_eq!(run.events, ["del d"]);
    }

    #[test]
    fn refusals() {
        let mut run = sicily();
        for (line, error) in [
            ("GEORADIUS s 15 37 x km", "need numeric radius"),
            ("GEORADIUS s 15 37 -1 km", "radius cannot be negative"),
            (
                "GEORADIUS s 15 37 1 yd",
                "unsupported unit provided. please use M, KM, FT, MI",
            ),
            ("GEORADIUS s 15 37 1 km COUNT 0", "COUNT must be > 0"),
            (
                "GEORADIUS s 15 37 1 km ANY",
                "the ANY argument requires COUNT argument",
            ),
            ("GEORADIUS_RO s 15 37 1 km STORE d", "syntax error"),
            (
                "GEORADIUS s 15 37 1 km STORE d WITHDIST",
                "STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
            ),
            (
                "GEOSEARCHSTORE d s FROMLONLAT 1 1 BYRADIUS 1 km WITHCOORD",
                "GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
            ),
            (
                "GEOSEARCH s BYRADIUS 1 km ASC WITHDIST",
                "exactly one of FROMMEMBER or FROMLONLAT can be specified for GEOSEARCH",
            ),
            (
                "GeoSearch s FROMLONLAT 1 1 ASC WITHDIST",
                "exactly one of BYRADIUS and BYBOX can be specified for GeoSearch",
            ),
            (
                "GEOSEARCH s FROMMEMBER x BYRADIUS 1 km",
                "could not decode requested zset member",
            ),
            (
                "GEOSEARCH s FROMLONLAT 1 1 BYBOX -1 1 km",
                "height or width cannot be negative",
            ),
            ("GEOSEARCH s FROMLONLAT 1 1 BYBOX -1 x km", "need numeric height"),
            (
                "GEOSEARCH s FROMLONLAT 1 1 FROMMEMBER a BYRADIUS 1 km",
                "syntax error",
            ),
        ] {
            assert_eq!(run.run(line), format!("-ERR {error}"), "{line}");
        }
    }
}
