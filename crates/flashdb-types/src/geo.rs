//! Positions on the globe as sorted-set scores, and the score ranges that a search by radius or box has to visit.
//!
//! A position becomes 52 bits: 26 bits of longitude and latitude, interleaved, so that near places mostly share
//! leading bits. World limits, the sphere's radius and the choice of cells are those of Redis 7.0, and so are
//! scores, distances and, away from the map's limits, the order in which an unsorted search meets its members.
//! Unlike Redis, a search misses nothing near the poles and the date line.
//!
//! ```text
//! bit  51 50 49 48 …  1  0
//!     lon lat lon lat … lon lat       (lat is limited to ±85.05112878, as in web maps)
//! ```

use std::f64::consts::PI;

/// Farthest east and west, in degrees.
pub const LONGITUDE_MAX: f64 = 180.0;
/// Farthest north and south that a position can have, in degrees.
pub const LATITUDE_MAX: f64 = 85.05112878;
/// Radius of the sphere that distances are measured on.
pub const EARTH_RADIUS_M: f64 = 6372797.560856;

const LEVEL_MAX: u32 = 26;
/// One coarser than the scores: those beyond the eastern limit need 54 bits, of which a double keeps 53.
const SEARCH_LEVEL_MAX: u32 = LEVEL_MAX - 1;
const MERCATOR_MAX_M: f64 = 20037726.37;
const BASE32: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";

/// A place in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Position {
    pub longitude: f64,
    pub latitude: f64,
}

/// Units that commands take distances in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Metres,
    Kilometres,
    Feet,
    Miles,
}

impl Unit {
    /// `m`, `km`, `ft` or `mi`, in any case.
    pub fn from_name(name: &[u8]) -> Option<Unit> {
        [Unit::Metres, Unit::Kilometres, Unit::Feet, Unit::Miles]
            .into_iter()
            .find(|unit| name.eq_ignore_ascii_case(unit.name().as_bytes()))
    }

    pub const fn name(self) -> &'static str {
        match self {
            Unit::Metres => "m",
            Unit::Kilometres => "km",
            Unit::Feet => "ft",
            Unit::Miles => "mi",
        }
    }

    /// Metres in one of the unit.
    pub const fn metres(self) -> f64 {
        match self {
            Unit::Metres => 1.0,
            Unit::Kilometres => 1000.0,
            Unit::Feet => 0.3048,
            Unit::Miles => 1609.34,
        }
    }
}

impl Position {
    /// None outside the limits that a score can express (and for NaN).
    pub fn new(longitude: f64, latitude: f64) -> Option<Position> {
        let inside = (-LONGITUDE_MAX..=LONGITUDE_MAX).contains(&longitude)
            && (-LATITUDE_MAX..=LATITUDE_MAX).contains(&latitude);
        inside.then_some(Position { longitude, latitude })
    }

    /// The sorted-set score of this position. Exactly at the eastern or northern limit the cell number has a
    /// 27th bit, as in Redis; [`Position::from_score`] and [`search`] know it.
    pub fn score(self) -> f64 {
        let cell = Cell {
            x: fraction(self.longitude, LONGITUDE_MAX, LEVEL_MAX),
            y: fraction(self.latitude, LATITUDE_MAX, LEVEL_MAX),
            level: LEVEL_MAX,
        };
        cell.bits() as f64
    }

    /// The middle of the smallest cell that a score stands for. Any score gives a position within the limits.
    pub fn from_score(score: f64) -> Position {
        let cell = Cell::from_bits(score as u64, LEVEL_MAX);
        let middle = |(low, high): (f64, f64), limit: f64| ((low + high) / 2.0).clamp(-limit, limit);
        Position {
            longitude: middle(cell.longitudes(), LONGITUDE_MAX),
            latitude: middle(cell.latitudes(), LATITUDE_MAX),
        }
    }

    /// The standard geohash of 11 characters, as GEOHASH answers. Its latitude range is ±90 degrees, unlike the
    /// score's; the score has 52 bits, so that the last character is always `0`.
    pub fn geohash(self) -> [u8; 11] {
        let cell = Cell {
            x: fraction(self.longitude, 180.0, LEVEL_MAX),
            y: fraction(self.latitude, 90.0, LEVEL_MAX),
            level: LEVEL_MAX,
        };
        let bits = cell.bits();
        let mut text = [BASE32[0]; 11];
        for (i, character) in text.iter_mut().take(10).enumerate() {
            *character = BASE32[(bits >> (47 - 5 * i)) as usize & 31];
        }
        text
    }

    /// Great-circle distance (haversine) in metres.
    pub fn distance_m(self, other: Position) -> f64 {
        let (lon1, lon2) = (radians(self.longitude), radians(other.longitude));
        let v = ((lon2 - lon1) / 2.0).sin();
        if v == 0.0 {
            return latitude_distance_m(self.latitude, other.latitude);
        }
        let (lat1, lat2) = (radians(self.latitude), radians(other.latitude));
        let u = ((lat2 - lat1) / 2.0).sin();
        let a = u * u + lat1.cos() * lat2.cos() * v * v;
        2.0 * EARTH_RADIUS_M * a.sqrt().asin()
    }
}

fn latitude_distance_m(a: f64, b: f64) -> f64 {
    EARTH_RADIUS_M * (radians(b) - radians(a)).abs()
}

fn radians(degrees: f64) -> f64 {
    degrees * (PI / 180.0)
}

fn degrees(radians: f64) -> f64 {
    radians / (PI / 180.0)
}

/// Number of the cell that `value` falls in when ±`limit` is cut in 2^level; 2^level itself at the upper limit.
fn fraction(value: f64, limit: f64, level: u32) -> u32 {
    ((value + limit) / (limit + limit) * (1u64 << level) as f64) as u32
}

/// What a search looks for around its centre.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// Everything at most this far away.
    Circle { radius_m: f64 },
    /// A box aligned with the meridians, the centre in its middle.
    Rectangle { width_m: f64, height_m: f64 },
}

impl Shape {
    /// The distance from `centre` in metres if `place` lies within the shape. A rectangle's width is measured
    /// along the latitude of `place`, as Redis does.
    pub fn distance_within_m(self, centre: Position, place: Position) -> Option<f64> {
        match self {
            Shape::Circle { radius_m } => {
                let distance = centre.distance_m(place);
                (distance <= radius_m).then_some(distance)
            }
            Shape::Rectangle { width_m, height_m } => {
                if latitude_distance_m(place.latitude, centre.latitude) > height_m / 2.0 {
                    return None;
                }
                let beside = Position {
                    longitude: centre.longitude,
                    latitude: place.latitude,
                };
                (place.distance_m(beside) <= width_m / 2.0).then(|| centre.distance_m(place))
            }
        }
    }

    /// Half of width and height in metres.
    fn half_extent_m(self) -> (f64, f64) {
        match self {
            Shape::Circle { radius_m } => (radius_m, radius_m),
            Shape::Rectangle { width_m, height_m } => (width_m / 2.0, height_m / 2.0),
        }
    }

    /// From the centre to the farthest point.
    fn reach_m(self) -> f64 {
        match self {
            Shape::Circle { radius_m } => radius_m,
            Shape::Rectangle { width_m, height_m } => {
                let (x, y) = (width_m / 2.0, height_m / 2.0);
                (x * x + y * y).sqrt()
            }
        }
    }
}

/// Scores from `min` up to but without `max`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoreSpan {
    pub min: f64,
    pub max: f64,
}

/// The score ranges that together hold everything within `shape` around `centre`: disjoint, in the order in which
/// Redis visits them. They hold more than the shape, so each member found still has to be tested with
/// [`Shape::distance_within_m`].
pub fn search(centre: Position, shape: Shape) -> Vec<ScoreSpan> {
    let bounds = Bounds::around(centre, shape);
    let mut level = level_for(shape.reach_m(), centre.latitude);
    if level > 1 && !bounds.covered_around(&Cell::at(centre, level), bounds.wanted_longitudes) {
        level -= 1;
    }
    // Redis stops here; near the poles and for very wide boxes its cells do not cover the shape.
    while level > 1 && !bounds.covered_around(&Cell::at(centre, level), bounds.true_longitudes) {
        level -= 1;
    }
    bounds.spans(Cell::at(centre, level))
}

/// The finest level whose cells are at least about as large as the reach, so that nine of them cover the shape.
/// Cells get narrow towards the poles.
fn level_for(reach_m: f64, latitude: f64) -> u32 {
    if reach_m == 0.0 {
        return SEARCH_LEVEL_MAX;
    }
    let mut level = 1i32;
    let mut covered_m = reach_m;
    while covered_m < MERCATOR_MAX_M {
        covered_m *= 2.0;
        level += 1;
    }
    level -= 2;
    if latitude.abs() > 66.0 {
        level -= 1;
    }
    if latitude.abs() > 80.0 {
        level -= 1;
    }
    level.clamp(1, SEARCH_LEVEL_MAX as i32) as u32
}

/// The box of degrees around a shape. Longitudes may pass ±180: they are meant modulo 360.
struct Bounds {
    latitudes: (f64, f64),
    /// As Redis estimates them; these decide the level.
    wanted_longitudes: (f64, f64),
    /// Never narrower than the shape; these decide what may be left out.
    true_longitudes: (f64, f64),
}

impl Bounds {
    fn around(centre: Position, shape: Shape) -> Bounds {
        let (half_width_m, half_height_m) = shape.half_extent_m();
        let latitude_delta = degrees(half_height_m / EARTH_RADIUS_M);
        let far_latitude = centre.latitude.abs() + latitude_delta;
        let wanted = degrees(half_width_m / EARTH_RADIUS_M / radians(far_latitude).cos());
        let exact = Self::widest_longitude_delta(half_width_m, far_latitude);
        let around = |delta: f64| (centre.longitude - delta, centre.longitude + delta);
        Bounds {
            latitudes: (centre.latitude - latitude_delta, centre.latitude + latitude_delta),
            wanted_longitudes: around(wanted),
            true_longitudes: around(if wanted > exact { wanted } else { exact }),
        }
    }

    /// Half the range of longitudes that places up to `half_width_m` beside the centre's meridian can have, where
    /// no place is nearer to a pole than `far_latitude`: everything once the pole is inside.
    fn widest_longitude_delta(half_width_m: f64, far_latitude: f64) -> f64 {
        let half_angle = half_width_m / EARTH_RADIUS_M / 2.0;
        if far_latitude >= 90.0 || half_angle >= PI / 2.0 {
            return 180.0;
        }
        let ratio = half_angle.sin() / radians(far_latitude).cos();
        if ratio >= 1.0 {
            180.0
        } else {
            degrees(2.0 * ratio.asin())
        }
    }

    /// Whether a cell and its eight neighbours hold the box, the part of it that is on the map.
    fn covered_around(&self, cell: &Cell, longitudes: (f64, f64)) -> bool {
        let (west, east) = cell.longitudes();
        let (south, north) = cell.latitudes();
        let (width, height) = (east - west, north - south);
        let limit = LATITUDE_MAX;
        west - width <= longitudes.0
            && east + width >= longitudes.1
            && south - height <= self.latitudes.0.max(-limit)
            && north + height >= self.latitudes.1.min(limit)
    }

    /// The spans of `cell` and of those neighbours that the box reaches.
    fn spans(&self, cell: Cell) -> Vec<ScoreSpan> {
        // East, north. Redis's order: centre, the four sides, the four corners.
        const STEPS: [(i32, i32); 9] = [
            (0, 0),
            (0, 1),
            (0, -1),
            (1, 0),
            (-1, 0),
            (1, 1),
            (-1, 1),
            (1, -1),
            (-1, -1),
        ];
        let (west, east) = cell.longitudes();
        let (south, north) = cell.latitudes();
        // With two by two cells a neighbour to one side is the neighbour to the other side as well.
        let all = cell.level < 2;
        let mut cells: Vec<Cell> = Vec::with_capacity(STEPS.len());
        for (dx, dy) in STEPS {
            let needed = match dx {
                1 => east <= self.true_longitudes.1,
                -1 => west >= self.true_longitudes.0,
                _ => true,
            } && match dy {
                1 => north <= self.latitudes.1,
                -1 => south >= self.latitudes.0,
                _ => true,
            };
            if let Some(neighbour) = cell.neighbour(dx, dy)
                && (needed || all)
                && !cells.contains(&neighbour)
            {
                cells.push(neighbour);
            }
        }
        let edges: Vec<Cell> = cells
            .iter()
            .flat_map(|cell| cell.limit_cells())
            .flatten()
            .collect();
        for edge in edges {
            if !cells.contains(&edge) {
                cells.push(edge);
            }
        }
        cells.iter().map(Cell::span).collect()
    }
}

/// One of the 2^level × 2^level cells of the map, counted from the south-west.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cell {
    x: u32,
    y: u32,
    level: u32,
}

impl Cell {
    fn at(position: Position, level: u32) -> Cell {
        let last = (1 << level) - 1;
        Cell {
            x: fraction(position.longitude, LONGITUDE_MAX, level).min(last),
            y: fraction(position.latitude, LATITUDE_MAX, level).min(last),
            level,
        }
    }

    /// The cell `dx` to the east and `dy` to the north; the map is round, but ends in the north and south.
    fn neighbour(self, dx: i32, dy: i32) -> Option<Cell> {
        let last = (1u32 << self.level) - 1;
        let y = self.y.checked_add_signed(dy).filter(|y| *y <= last)?;
        Some(Cell {
            x: self.x.wrapping_add_signed(dx) & last,
            y,
            level: self.level,
        })
    }

    /// Positions exactly at the eastern or northern limit have scores one cell beyond the map. These are the
    /// cells to add when this one touches that limit; the western limit is the same meridian.
    fn limit_cells(&self) -> [Option<Cell>; 3] {
        let size = 1u32 << self.level;
        let east = self.x == 0 || self.x == size - 1;
        let north = self.y == size - 1;
        let beyond = |x, y| Cell {
            x,
            y,
            level: self.level,
        };
        [
            east.then(|| beyond(size, self.y)),
            north.then(|| beyond(self.x, size)),
            (east && north).then(|| beyond(size, size)),
        ]
    }

    fn bits(&self) -> u64 {
        spread(self.x) << 1 | spread(self.y)
    }

    fn from_bits(bits: u64, level: u32) -> Cell {
        Cell {
            x: squeeze(bits >> 1),
            y: squeeze(bits),
            level,
        }
    }

    fn span(&self) -> ScoreSpan {
        let bits = self.bits();
        let shift = 2 * (LEVEL_MAX - self.level);
        ScoreSpan {
            min: (bits << shift) as f64,
            max: ((bits + 1) << shift) as f64,
        }
    }

    fn longitudes(&self) -> (f64, f64) {
        self.interval(self.x, LONGITUDE_MAX)
    }

    fn latitudes(&self) -> (f64, f64) {
        self.interval(self.y, LATITUDE_MAX)
    }

    fn interval(&self, number: u32, limit: f64) -> (f64, f64) {
        let cells = (1u64 << self.level) as f64;
        let at = |number: f64| -limit + number / cells * (limit + limit);
        (at(f64::from(number)), at(f64::from(number) + 1.0))
    }
}

/// Puts a zero bit above each bit.
fn spread(value: u32) -> u64 {
    let mut v = u64::from(value);
    v = (v | v << 16) & 0x0000_FFFF_0000_FFFF;
    v = (v | v << 8) & 0x00FF_00FF_00FF_00FF;
    v = (v | v << 4) & 0x0F0F_0F0F_0F0F_0F0F;
    v = (v | v << 2) & 0x3333_3333_3333_3333;
    (v | v << 1) & 0x5555_5555_5555_5555
}

/// Takes every second bit: the inverse of [`spread`].
fn squeeze(value: u64) -> u32 {
    let mut v = value & 0x5555_5555_5555_5555;
    v = (v | v >> 1) & 0x3333_3333_3333_3333;
    v = (v | v >> 2) & 0x0F0F_0F0F_0F0F_0F0F;
    v = (v | v >> 4) & 0x00FF_00FF_00FF_00FF;
    v = (v | v >> 8) & 0x0000_FFFF_0000_FFFF;
    (v | v >> 16) as u32
}

#[cfg(test)]
#[path = "geo_test.rs"]
mod tests;
