//! Numbers that Redis 7.0 answers, and searches against a look at every place.

// The coordinates below are quoted as published, digit for digit.
#![allow(clippy::excessive_precision)]

use super::*;

fn place(longitude: f64, latitude: f64) -> Position {
    Position::new(longitude, latitude).expect("a place on the map")
}

/// A stream of numbers in 0..1 that only depends on the seed.
struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    fn place(&mut self, latitude_limit: f64) -> Position {
        place(
            -180.0 + 360.0 * self.unit(),
            -latitude_limit + 2.0 * latitude_limit * self.unit(),
        )
    }
}

/// Indices of the places that a search finds, each one once.
fn found(scores: &[f64], centre: Position, shape: Shape) -> Vec<usize> {
    let mut hits = Vec::new();
    for span in search(centre, shape) {
        for (i, score) in scores.iter().enumerate() {
            let there = Position::from_score(*score);
            if (span.min..span.max).contains(score) && shape.distance_within_m(centre, there).is_some() {
                hits.push(i);
            }
        }
    }
    hits.sort_unstable();
    hits
}

fn found_by_looking_at_all(scores: &[f64], centre: Position, shape: Shape) -> Vec<usize> {
    let within = |score: &f64| {
        shape
            .distance_within_m(centre, Position::from_score(*score))
            .is_some()
    };
    (0..scores.len()).filter(|i| within(&scores[*i])).collect()
}

fn assert_same(scores: &[f64], centre: Position, shape: Shape) {
    assert_eq!(
        found(scores, centre, shape),
        found_by_looking_at_all(scores, centre, shape),
        "{shape:?} around {centre:?}"
    );
}

#[test]
fn scores_are_those_of_redis() {
    for (longitude, latitude, score) in [
        (-74.0131604, 40.7126674, 1791873972053020u64),
        (-73.9903085, 40.7362513, 1791875485187452),
        (-73.9733487, 40.7648057, 1791875761332224),
        (-73.9564142, 40.7480973, 1791875796750882),
        (-73.9454966, 40.747533, 1791875804419201),
        (-73.9375699, 40.7498929, 1791875830079666),
        (-73.7858139, 40.6428986, 1791895905559723),
        (13.361389, 38.115556, 3479099956230698),
        (15.087269, 37.502669, 3479447370796909),
    ] {
        assert_eq!(place(longitude, latitude).score(), score as f64);
    }
}

#[test]
fn positions_come_back_as_redis_shows_them() {
    let palermo = Position::from_score(3479099956230698.0);
    assert_eq!(format!("{:.17}", palermo.longitude), "13.36138933897018433");
    assert_eq!(format!("{:.17}", palermo.latitude), "38.11555639549629859");
    let mut random = Random(11);
    for _ in 0..2000 {
        let there = random.place(LATITUDE_MAX);
        let back = Position::from_score(there.score());
        assert!((there.longitude - back.longitude).abs() < 360.0 / (1 << 26) as f64);
        assert!((there.latitude - back.latitude).abs() < 171.0 / (1 << 26) as f64);
    }
    for score in [
        -1.0,
        f64::INFINITY,
        f64::NEG_INFINITY,
        1e300,
        0.5,
        (1u64 << 60) as f64,
    ] {
        let odd = Position::from_score(score);
        assert!(
            Position::new(odd.longitude, odd.latitude).is_some(),
            "{score} gives {odd:?}"
        );
    }
}

#[test]
fn outside_the_map_is_no_position() {
    assert!(Position::new(180.0, LATITUDE_MAX).is_some() && Position::new(-180.0, -LATITUDE_MAX).is_some());
    for (longitude, latitude) in [
        (180.1, 0.0),
        (0.0, 85.06),
        (0.0, -90.0),
        (f64::NAN, 0.0),
        (0.0, f64::NAN),
    ] {
        assert_eq!(Position::new(longitude, latitude), None);
    }
}

#[test]
fn geohash_strings() {
    let stored = |longitude, latitude| Position::from_score(place(longitude, latitude).score());
    assert_eq!(&stored(-5.6, 42.6).geohash(), b"ezs42e44yx0");
    assert_eq!(&stored(13.361389, 38.115556).geohash(), b"sqc8b49rny0");
    assert_eq!(&stored(15.087269, 37.502669).geohash(), b"sqdtr74hyu0");
}

#[test]
fn distances_and_units() {
    let stored = |longitude, latitude| Position::from_score(place(longitude, latitude).score());
    let (palermo, catania) = (stored(13.361389, 38.115556), stored(15.087269, 37.502669));
    let distance = palermo.distance_m(catania);
    assert_eq!(format!("{distance:.4}"), "166274.1516");
    assert_eq!(format!("{:.4}", distance / Unit::Miles.metres()), "103.3182");
    assert_eq!(palermo.distance_m(palermo), 0.0);
    assert_eq!(Unit::from_name(b"KM"), Some(Unit::Kilometres));
    assert_eq!(Unit::from_name(b"ft").map(Unit::metres), Some(0.3048));
    assert_eq!(Unit::from_name(b"yd"), None);
}

#[test]
fn spans_are_disjoint() {
    let mut random = Random(5);
    for _ in 0..3000 {
        let centre = random.place(LATITUDE_MAX);
        let shape = Shape::Circle {
            radius_m: 10f64.powf(random.unit() * 8.0),
        };
        let mut spans = search(centre, shape);
        spans.sort_by(|a, b| a.min.total_cmp(&b.min));
        assert!(spans.iter().all(|span| span.min < span.max));
        assert!(
            spans.windows(2).all(|pair| pair[0].max <= pair[1].min),
            "{shape:?} around {centre:?}"
        );
    }
}

#[test]
fn small_searches_visit_few_cells() {
    let spans = search(place(-73.98, 40.76), Shape::Circle { radius_m: 3000.0 });
    assert!(spans.len() <= 9);
    let visited: f64 = spans.iter().map(|span| span.max - span.min).sum();
    assert!(visited < (1u64 << 52) as f64 / 1e5, "{visited}");
}

#[test]
fn search_finds_what_a_look_at_all_finds() {
    let mut random = Random(3);
    for round in 0..60 {
        let limit = if round % 3 == 0 { LATITUDE_MAX } else { 70.0 };
        let scores: Vec<f64> = (0..4000).map(|_| random.place(limit).score()).collect();
        let largest_m = if round % 4 == 0 { 10_000_000.0 } else { 700_000.0 };
        for _ in 0..4 {
            let centre = random.place(limit);
            assert_same(
                &scores,
                centre,
                Shape::Circle {
                    radius_m: largest_m * random.unit(),
                },
            );
            let (width_m, height_m) = (largest_m * random.unit(), largest_m * random.unit());
            assert_same(&scores, centre, Shape::Rectangle { width_m, height_m });
        }
    }
}

#[test]
fn search_at_the_limits_of_the_map() {
    let mut scores = Vec::new();
    for longitude in [-180.0, -179.999, -90.0, 0.0, 90.0, 179.999, 180.0] {
        for latitude in [-LATITUDE_MAX, -85.0, -10.0, 0.0, 10.0, 85.0, LATITUDE_MAX] {
            scores.push(place(longitude, latitude).score());
        }
    }
    for score in &scores {
        let centre = Position::from_score(*score);
        for size_m in [
            0.0,
            1.0,
            500.0,
            20_000.0,
            1_500_000.0,
            12_000_000.0,
            30_000_000.0,
            f64::INFINITY,
        ] {
            assert_same(&scores, centre, Shape::Circle { radius_m: size_m });
            assert_same(
                &scores,
                centre,
                Shape::Rectangle {
                    width_m: size_m,
                    height_m: size_m,
                },
            );
            assert_same(
                &scores,
                centre,
                Shape::Rectangle {
                    width_m: size_m,
                    height_m: 1000.0,
                },
            );
        }
    }
}

#[test]
fn searches_that_once_went_wrong_in_redis() {
    for (radius_km, longitude, latitude) in [
        (7083.0, 81.634948934258375, 30.561509253718668),
        (5416.0, -70.863281847379767, -46.347003465679947),
        (6064.0, -89.818768962202014, -40.463868561416803),
        (156.0, 149.29737817929004, 15.95807862745508),
        (143.0, 59.235461856813856, 66.269555127373678),
        (187.0, -101.88575239939883, 49.061997951502917),
        (151.0, 59.149620271823181, 65.204186651485145),
        (149.0, 84.062063109158544, -65.685403922426232),
        (16751.0, -1.8175081637769495, 20.665668878082954),
    ] {
        let mut random = Random(radius_km as u64);
        let scores: Vec<f64> = (0..20_000).map(|_| random.place(70.0).score()).collect();
        let centre = place(longitude, latitude);
        let size_m = radius_km * 1000.0;
        assert_same(&scores, centre, Shape::Circle { radius_m: size_m });
        assert_same(
            &scores,
            centre,
            Shape::Rectangle {
                width_m: size_m,
                height_m: size_m,
            },
        );
    }
}

#[test]
fn members_of_an_unsorted_search_come_in_redis_order() {
    let places = [
        ("central park n/q/r", -73.9733487, 40.7648057),
        ("union square", -73.9903085, 40.7362513),
        ("wtc one", -74.0131604, 40.7126674),
        ("jfk", -73.7858139, 40.6428986),
        ("q4", -73.9375699, 40.7498929),
        ("4545", -73.9564142, 40.7480973),
        ("lic market", -73.9454966, 40.747533),
    ];
    let mut scored: Vec<(f64, &str)> = places.iter().map(|p| (place(p.1, p.2).score(), p.0)).collect();
    scored.sort_by(|a, b| a.0.total_cmp(&b.0));
    let centre = Position::from_score(place(-74.0131604, 40.7126674).score());
    let names = |shape: Shape| {
        let mut names = Vec::new();
        for span in search(centre, shape) {
            let inside = |p: &&(f64, &str)| {
                (span.min..span.max).contains(&p.0)
                    && shape
                        .distance_within_m(centre, Position::from_score(p.0))
                        .is_some()
            };
            names.extend(scored.iter().filter(inside).map(|p| p.1));
        }
        names
    };
    let expected = [
        "wtc one",
        "union square",
        "central park n/q/r",
        "4545",
        "lic market",
        "q4",
    ];
    assert_eq!(names(Shape::Circle { radius_m: 7000.0 }), expected[..5]);
    assert_eq!(
        names(Shape::Rectangle {
            width_m: 14_000.0,
            height_m: 14_000.0
        }),
        expected
    );
}
