//! Places: members of a sorted set whose scores are positions on the globe. `member` adds and shows
//! them, `search` finds those near a centre; `search_options` reads what to search for, for the
//! commands of both generations, and `search_rows` holds their rows.

mod member;
mod search;
mod search_options;
mod search_rows;

use crate::args;
use crate::error::ErrorReply;
use crate::spec::{Arg, CommandSpec};
use flashdb_base::number;
use flashdb_resp::Reply;
use flashdb_types::geo::{Position, Unit};

/// The family's rows.
pub static COMMANDS: &[&CommandSpec] = &[
    &member::GEOADD,
    &member::GEODIST,
    &member::GEOHASH,
    &member::GEOPOS,
    &search_rows::GEORADIUS,
    &search_rows::GEORADIUS_RO,
    &search_rows::GEORADIUSBYMEMBER,
    &search_rows::GEORADIUSBYMEMBER_RO,
    &search_rows::GEOSEARCH,
    &search_rows::GEOSEARCHSTORE,
];

const UNIT: Arg = Arg::one_of(
    "unit",
    &[
        Arg::word("m", "M"),
        Arg::word("km", "KM"),
        Arg::word("ft", "FT"),
        Arg::word("mi", "MI"),
    ],
);

/// A unit of length.
fn unit(word: &[u8]) -> Result<Unit, ErrorReply> {
    Unit::from_name(word).ok_or(ErrorReply::fixed(
        "ERR unsupported unit provided. please use M, KM, FT, MI",
    ))
}

/// A position from two words.
fn position(longitude: &[u8], latitude: &[u8]) -> Result<Position, ErrorReply> {
    let longitude = args::float(longitude)?;
    let latitude = args::float(latitude)?;
    Position::new(longitude, latitude).ok_or_else(|| {
        ErrorReply::new(format!(
            "ERR invalid longitude,latitude pair {longitude:.6},{latitude:.6}"
        ))
    })
}

/// A length that is not negative, or one of the errors given.
fn length(word: &[u8], not_number: ErrorReply, negative: ErrorReply) -> Result<f64, ErrorReply> {
    let value = number::parse_f64(word)
        .filter(|value| !value.is_nan())
        .ok_or(not_number)?;
    if value < 0.0 { Err(negative) } else { Ok(value) }
}

/// Writes a distance, to four decimals, as text in either protocol.
fn write_distance(reply: &mut Reply, distance: f64) {
    const PARTS: f64 = 10_000.0;
    let scaled = (distance * PARTS).round_ties_even() as u64;
    reply.bulk_str(&format!("{}.{:04}", scaled / 10_000, scaled % 10_000));
}

/// Writes longitude and latitude, each with up to 17 decimals: all digits of the double.
fn write_position(reply: &mut Reply, position: Position) {
    reply.array(2);
    for degrees in [position.longitude, position.latitude] {
        let text = format!("{degrees:.17}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        let text = if text == "-0" { "0" } else { text };
        if reply.is_resp3() {
            reply.raw(b",");
            reply.raw(text.as_bytes());
            reply.raw(b"\r\n");
        } else {
            reply.bulk_str(text);
        }
    }
}
