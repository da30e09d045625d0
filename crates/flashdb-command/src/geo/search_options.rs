//! What a search is about: centre, shape, order, count, what to answer or where to store. Read in
//! Redis's order of checks, which looks at the sorted set in between (a centre may be a member).

use super::{length, position, unit};
use crate::args::Cursor;
use crate::error::{self, ErrorReply};
use flashdb_resp::Args;
use flashdb_types::geo::{Position, Shape, Unit};
use flashdb_types::zset::ZSet;

/// The commands that search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// GEORADIUS: centre, radius and unit stand at fixed places.
    Radius {
        /// STORE and STOREDIST are options.
        may_store: bool,
    },
    /// GEORADIUSBYMEMBER: likewise with a member as the centre.
    RadiusByMember {
        /// See `Radius`.
        may_store: bool,
    },
    /// GEOSEARCH: everything is an option.
    Search,
    /// GEOSEARCHSTORE: likewise.
    SearchStore,
}

/// The order of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// As found.
    Any,
    /// Nearest first.
    Ascending,
    /// Farthest first.
    Descending,
}

/// A search as the request describes it.
#[derive(Debug)]
pub(super) struct Search<'a> {
    /// Where and how far; known only if the key exists.
    pub(super) area: Option<(Position, Shape)>,
    /// Unit of the distances answered.
    pub(super) unit: Unit,
    /// WITHDIST.
    pub(super) with_distance: bool,
    /// WITHHASH.
    pub(super) with_hash: bool,
    /// WITHCOORD.
    pub(super) with_position: bool,
    /// ASC or DESC.
    pub(super) order: Order,
    /// COUNT; 0 means all.
    pub(super) count: usize,
    /// ANY: the first that are found will do.
    pub(super) any: bool,
    /// Key that the result is stored at.
    pub(super) store: Option<&'a [u8]>,
    /// Whether distances are stored, not positions.
    pub(super) store_distance: bool,
}

/// What the options said so far about the centre and the shape.
#[derive(Default)]
struct Parts {
    centre: Option<Position>,
    from_member: bool,
    from_position: bool,
    shape: Option<Shape>,
    by_radius: bool,
    by_box: bool,
}

impl Form {
    fn is_search(self) -> bool {
        matches!(self, Form::Search | Form::SearchStore)
    }

    /// Whether STORE key and STOREDIST key are options.
    fn takes_store_key(self) -> bool {
        matches!(
            self,
            Form::Radius { may_store: true } | Form::RadiusByMember { may_store: true }
        )
    }

    /// Word of the key that is searched.
    pub(super) fn source_at(self) -> usize {
        if self == Form::SearchStore { 2 } else { 1 }
    }
}

impl<'a> Search<'a> {
    /// Reads a request about `zset`, the value of the key that is searched.
    pub(super) fn parse(words: Args<'a>, form: Form, zset: Option<&ZSet>) -> Result<Self, ErrorReply> {
        let mut search = Search {
            area: None,
            unit: Unit::Metres,
            with_distance: false,
            with_hash: false,
            with_position: false,
            order: Order::Any,
            count: 0,
            any: false,
            store: (form == Form::SearchStore).then(|| words.at(1)),
            store_distance: false,
        };
        let mut parts = Parts::default();
        let options_at = match form {
            Form::Radius { .. } => {
                parts.centre = Some(position(words.at(2), words.at(3))?);
                search.circle(words.at(4), words.at(5), &mut parts)?;
                6
            }
            Form::RadiusByMember { .. } => {
                if let Some(zset) = zset {
                    parts.centre = Some(member_position(zset, words.at(2))?);
                    search.circle(words.at(3), words.at(4), &mut parts)?;
                }
                5
            }
            Form::Search => 2,
            Form::SearchStore => 3,
        };
        let mut options = Cursor::new(words, options_at);
        while options.remaining() > 0 {
            let known = search.read_common(&mut options)?
                || (form.takes_store_key() && search.read_store(&mut options)?)
                || (form.is_search() && search.read_area(&mut options, &mut parts, zset)?);
            if known {
                continue;
            }
            if form == Form::SearchStore && options.take("storedist") {
                search.store_distance = true;
            } else {
                return Err(error::SYNTAX);
            }
        }
        search.check(words, form, &parts)?;
        search.area = parts.centre.zip(parts.shape);
        Ok(search)
    }

    fn circle(&mut self, radius: &[u8], unit_word: &[u8], parts: &mut Parts) -> Result<(), ErrorReply> {
        let radius = length(
            radius,
            ErrorReply::fixed("ERR need numeric radius"),
            ErrorReply::fixed("ERR radius cannot be negative"),
        )?;
        self.unit = unit(unit_word)?;
        parts.shape = Some(Shape::Circle {
            radius_m: radius * self.unit.metres(),
        });
        Ok(())
    }

    fn rectangle(
        &mut self,
        width: &[u8],
        height: &[u8],
        unit_word: &[u8],
        parts: &mut Parts,
    ) -> Result<(), ErrorReply> {
        let negative = || ErrorReply::fixed("ERR height or width cannot be negative");
        // Both are read before either is found to be negative, in which case the error is the same.
        let width = length(width, ErrorReply::fixed("ERR need numeric width"), negative());
        let height_error = ErrorReply::fixed("ERR need numeric height");
        let height = length(height, height_error.clone(), negative());
        let width = match (width, &height) {
            (Err(error), Err(other)) if error == negative() && *other == height_error => {
                return Err(height_error);
            }
            (width, _) => width?,
        };
        let height = height?;
        self.unit = unit(unit_word)?;
        parts.shape = Some(Shape::Rectangle {
            width_m: width * self.unit.metres(),
            height_m: height * self.unit.metres(),
        });
        Ok(())
    }

    /// Options of all forms. False if the next word is none of them.
    fn read_common(&mut self, options: &mut Cursor<'a>) -> Result<bool, ErrorReply> {
        if options.take("withdist") {
            self.with_distance = true;
        } else if options.take("withhash") {
            self.with_hash = true;
        } else if options.take("withcoord") {
            self.with_position = true;
        } else if options.take("any") {
            self.any = true;
        } else if options.take("asc") {
            self.order = Order::Ascending;
        } else if options.take("desc") {
            self.order = Order::Descending;
        } else if options.take_with("count", 1) {
            let count = options.integer()?;
            self.count = usize::try_from(count)
                .ok()
                .filter(|count| *count > 0)
                .ok_or(ErrorReply::fixed("ERR COUNT must be > 0"))?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn read_store(&mut self, options: &mut Cursor<'a>) -> Result<bool, ErrorReply> {
        let store_distance = if options.take_with("store", 1) {
            false
        } else if options.take_with("storedist", 1) {
            true
        } else {
            return Ok(false);
        };
        self.store = Some(options.word()?);
        self.store_distance = store_distance;
        Ok(true)
    }

    /// Centre and shape of GEOSEARCH.
    fn read_area(
        &mut self,
        options: &mut Cursor<'a>,
        parts: &mut Parts,
        zset: Option<&ZSet>,
    ) -> Result<bool, ErrorReply> {
        if !parts.from_position && options.take_with("frommember", 1) {
            let member = options.word()?;
            parts.from_member = true;
            if let Some(zset) = zset {
                parts.centre = Some(member_position(zset, member)?);
            }
        } else if !parts.from_member && options.take_with("fromlonlat", 2) {
            parts.centre = Some(position(options.word()?, options.word()?)?);
            parts.from_position = true;
        } else if !parts.by_box && options.take_with("byradius", 2) {
            let (radius, unit) = (options.word()?, options.word()?);
            self.circle(radius, unit, parts)?;
            parts.by_radius = true;
        } else if !parts.by_radius && options.take_with("bybox", 3) {
            let (width, height, unit) = (options.word()?, options.word()?, options.word()?);
            self.rectangle(width, height, unit, parts)?;
            parts.by_box = true;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// What does not go together, or is missing.
    fn check(&self, words: Args<'_>, form: Form, parts: &Parts) -> Result<(), ErrorReply> {
        if self.store.is_some() && (self.with_distance || self.with_hash || self.with_position) {
            let what = if form == Form::SearchStore {
                "GEOSEARCHSTORE"
            } else {
                "STORE option in GEORADIUS"
            };
            return Err(ErrorReply::new(format!(
                "ERR {what} is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
            )));
        }
        let missing = |what: &str| {
            let mut text = format!("ERR exactly one of {what} can be specified for ").into_bytes();
            text.extend_from_slice(words.at(0));
            Err(ErrorReply::from_bytes(text))
        };
        if form.is_search() && !(parts.from_member || parts.from_position) {
            return missing("FROMMEMBER or FROMLONLAT");
        }
        if form.is_search() && !(parts.by_radius || parts.by_box) {
            return missing("BYRADIUS and BYBOX");
        }
        if self.any && self.count == 0 {
            return Err(ErrorReply::fixed("ERR the ANY argument requires COUNT argument"));
        }
        Ok(())
    }
}

fn member_position(zset: &ZSet, member: &[u8]) -> Result<Position, ErrorReply> {
    zset.score(member)
        .map(Position::from_score)
        .ok_or(ErrorReply::fixed("ERR could not decode requested zset member"))
}
