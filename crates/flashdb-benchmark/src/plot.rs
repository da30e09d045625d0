//! An SVG drawing of throughput and latency over time: a row per test, a column per server, same scales within a row.
//!
//! Written by hand rather than with a drawing crate: two kinds of lines and two axes need no more than text.

use crate::record::{Point, RunRecord, TestRecord};
use std::fmt::Write;

const PANEL_WIDTH: f64 = 560.0;
const RATE_HEIGHT: f64 = 130.0;
const LATENCY_HEIGHT: f64 = 210.0;
const LEFT: f64 = 78.0;
const RIGHT: f64 = 24.0;
const TITLE_HEIGHT: f64 = 46.0;
const GAP: f64 = 22.0;
const FOOT: f64 = 46.0;
const TOP: f64 = 40.0;

const CELL_WIDTH: f64 = LEFT + PANEL_WIDTH + RIGHT;
const CELL_HEIGHT: f64 = TITLE_HEIGHT + RATE_HEIGHT + GAP + LATENCY_HEIGHT + FOOT;

/// More points than this are not told apart; the worst of neighbours stands for them.
const POINTS_MAX: usize = 560;

const RATE_COLOUR: &str = "#1f77b4";

/// Name, colour and figure of a latency line.
type Curve = (&'static str, &'static str, fn(&Point) -> f64);

const CURVES: &[Curve] = &[
    ("p50", "#2ca02c", |point| point.p50_ms),
    ("p95", "#ff9d1c", |point| point.p95_ms),
    ("p99", "#d62728", |point| point.p99_ms),
    ("p99.9", "#7b3fa0", |point| point.p99_9_ms),
    ("max", "#888888", |point| point.max_ms),
];

/// The drawing.
pub fn svg(record: &RunRecord) -> String {
    let rows = rows(record);
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0).max(1);
    let width = columns as f64 * CELL_WIDTH;
    let height = TOP + rows.len() as f64 * CELL_HEIGHT;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    label(&mut text, 14.0, 26.0, "start", 12, &load_title(record));
    for (index, row) in rows.iter().enumerate() {
        let scales = Scales::of(row);
        for (column, test) in row.iter().enumerate() {
            let origin = (column as f64 * CELL_WIDTH, TOP + index as f64 * CELL_HEIGHT);
            cell(&mut text, origin, test, &scales);
        }
    }
    text.push_str("</svg>\n");
    text
}

/// Tests of one title, which stand beside each other.
fn rows(record: &RunRecord) -> Vec<Vec<&TestRecord>> {
    let mut rows: Vec<Vec<&TestRecord>> = Vec::new();
    for test in record.tests.iter().filter(|test| !test.series.is_empty()) {
        match rows
            .last_mut()
            .filter(|row| row[0].test == test.test && row[0].server != test.server)
        {
            Some(row) => row.push(test),
            None => rows.push(vec![test]),
        }
    }
    rows
}

fn load_title(record: &RunRecord) -> String {
    let load = &record.load;
    let mut title = format!(
        "{} clients, pipeline {}, values of {} bytes",
        load.clients, load.pipeline, load.value_size
    );
    if let Some(keyspace) = load.keyspace {
        let _ = write!(title, ", {keyspace} keys {}", load.distribution);
    }
    if let Some(rate) = load.rate {
        let _ = write!(title, ", open loop {rate}/s");
    }
    title
}

/// What the axes of a row span.
struct Scales {
    seconds: f64,
    rate: f64,
    /// Powers of ten.
    latency: (i32, i32),
}

impl Scales {
    fn of(row: &[&TestRecord]) -> Self {
        let points = || row.iter().flat_map(|test| &test.series);
        let top = |figure: fn(&Point) -> f64| points().map(figure).fold(0.0, f64::max);
        let latencies = || points().flat_map(|point| CURVES.iter().map(move |curve| curve.2(point)));
        let lowest = latencies().filter(|ms| *ms > 0.0).fold(f64::INFINITY, f64::min);
        let highest = latencies().fold(0.0, f64::max);
        let power = |ms: f64, round: fn(f64) -> f64| {
            if ms.is_finite() && ms > 0.0 {
                round(ms.log10()) as i32
            } else {
                0
            }
        };
        let (low, high) = (power(lowest, f64::floor), power(highest, f64::ceil));
        Self {
            seconds: top(|point| point.seconds).max(1e-3),
            rate: top(|point| point.requests_per_second).max(1e-9),
            latency: (low, high.max(low + 1)),
        }
    }
}

/// A panel's place, and how values become places in it.
struct Panel {
    left: f64,
    top: f64,
    height: f64,
    seconds: f64,
}

impl Panel {
    fn x(&self, seconds: f64) -> f64 {
        self.left + seconds / self.seconds * PANEL_WIDTH
    }

    /// `share` of the height, from below.
    fn y(&self, share: f64) -> f64 {
        self.top + self.height * (1.0 - share.clamp(0.0, 1.0))
    }
}

fn cell(text: &mut String, origin: (f64, f64), test: &TestRecord, scales: &Scales) {
    let (left, top) = (origin.0 + LEFT, origin.1 + TITLE_HEIGHT);
    let name = format!("{} \u{2013} {} ({})", test.test, test.server, test.address);
    label(text, left, origin.1 + 18.0, "start", 14, &name);
    let points = thinned(&test.series);
    let rate = Panel {
        left,
        top,
        height: RATE_HEIGHT,
        seconds: scales.seconds,
    };
    let (step, rate_top) = round_scale(scales.rate);
    frame(text, &rate, false);
    let mut mark = 0.0;
    while mark <= rate_top * 1.001 {
        horizontal(text, &rate, mark / rate_top, &thousands(mark, step));
        mark += step;
    }
    caption(text, &rate, "requests/s");
    let places = points
        .iter()
        .map(|point| Some(rate.y(point.requests_per_second / rate_top)));
    curve(text, &rate, &points, places, RATE_COLOUR, "1.8");

    let latency = Panel {
        top: top + RATE_HEIGHT + GAP,
        height: LATENCY_HEIGHT,
        ..rate
    };
    frame(text, &latency, true);
    let (low, high) = scales.latency;
    let span = f64::from(high - low);
    for power in low..=high {
        horizontal(
            text,
            &latency,
            f64::from(power - low) / span,
            &power_of_ten(power),
        );
    }
    caption(text, &latency, "latency, ms");
    for (name, colour, figure) in CURVES {
        // Often the same as p99.9, which then shows through.
        let stroke = if *name == "max" {
            "1.2\" stroke-dasharray=\"2 5"
        } else {
            "1.5"
        };
        let share = |ms: f64| (ms > 0.0).then(|| (ms.log10() - f64::from(low)) / span);
        let places = points
            .iter()
            .map(|point| share(figure(point)).map(|share| latency.y(share)));
        curve(text, &latency, &points, places, colour, stroke);
    }
    legend(text, left + PANEL_WIDTH, top - 10.0);
}

/// At most [`POINTS_MAX`] points; neighbours become one with their mean rate and their worst latencies.
fn thinned(series: &[Point]) -> Vec<Point> {
    let group = series.len().div_ceil(POINTS_MAX).max(1);
    let merge = |points: &[Point]| {
        let worst = |figure: fn(&Point) -> f64| points.iter().map(figure).fold(0.0, f64::max);
        let rates: f64 = points.iter().map(|point| point.requests_per_second).sum();
        Point {
            seconds: worst(|point| point.seconds),
            requests_per_second: rates / points.len() as f64,
            p50_ms: worst(|point| point.p50_ms),
            p95_ms: worst(|point| point.p95_ms),
            p99_ms: worst(|point| point.p99_ms),
            p99_9_ms: worst(|point| point.p99_9_ms),
            max_ms: worst(|point| point.max_ms),
        }
    };
    series.chunks(group).map(merge).collect()
}

/// A step of 1, 2 or 5 times a power of ten that divides the axis in 2 to 5, and the axis' end.
fn round_scale(highest: f64) -> (f64, f64) {
    let power = 10f64.powf(highest.log10().floor());
    let step = [0.2, 0.5, 1.0, 2.0]
        .map(|factor| factor * power)
        .into_iter()
        .find(|step| highest / step <= 5.0)
        .unwrap_or(power * 2.0);
    (step, (highest / step).ceil() * step)
}

fn thousands(value: f64, step: f64) -> String {
    let with = |value: f64, step: f64, unit: &str| {
        let decimals = if step < 1.0 { 1 } else { 0 };
        format!("{value:.decimals$}{unit}")
    };
    match step {
        _ if value == 0.0 => "0".to_owned(),
        step if step >= 200_000.0 => with(value / 1e6, step / 1e6, "M"),
        step if step >= 200.0 => with(value / 1e3, step / 1e3, "k"),
        step => with(value, step, ""),
    }
}

fn power_of_ten(power: i32) -> String {
    let decimals = usize::try_from(-power).unwrap_or(0);
    format!("{:.decimals$}", 10f64.powi(power))
}

/// The panel's frame with the marks of time, written below when asked for.
fn frame(text: &mut String, panel: &Panel, has_labels: bool) {
    let (step, _) = round_scale(panel.seconds);
    let bottom = panel.top + panel.height;
    let mut mark = 0.0;
    while mark <= panel.seconds * 1.001 {
        let x = panel.x(mark);
        line(text, (x, panel.top), (x, bottom), "#eeeeee");
        if has_labels {
            let decimals = usize::from(step < 1.0) + usize::from(step < 0.1) + usize::from(step < 0.01);
            label(
                text,
                x,
                bottom + 16.0,
                "middle",
                11,
                &format!("{mark:.decimals$}"),
            );
        }
        mark += step;
    }
    if has_labels {
        label(
            text,
            panel.left + PANEL_WIDTH / 2.0,
            bottom + 32.0,
            "middle",
            11,
            "seconds",
        );
    }
    let _ = writeln!(
        text,
        "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{PANEL_WIDTH}\" height=\"{}\" fill=\"none\" stroke=\"#999999\"/>",
        panel.left, panel.top, panel.height
    );
}

fn horizontal(text: &mut String, panel: &Panel, share: f64, name: &str) {
    let y = panel.y(share);
    line(text, (panel.left, y), (panel.left + PANEL_WIDTH, y), "#dddddd");
    label(text, panel.left - 6.0, y + 4.0, "end", 11, name);
}

/// What the vertical axis shows, written along it.
fn caption(text: &mut String, panel: &Panel, name: &str) {
    let (x, y) = (panel.left - 60.0, panel.top + panel.height / 2.0);
    let _ = writeln!(
        text,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\" transform=\"rotate(-90 {x:.1} {y:.1})\">{name}</text>"
    );
}

/// A line through the places; where there is none, it is interrupted.
fn curve(
    text: &mut String,
    panel: &Panel,
    points: &[Point],
    places: impl Iterator<Item = Option<f64>>,
    colour: &str,
    stroke: &str,
) {
    let mut path = String::new();
    let mut is_down = false;
    for (point, place) in points.iter().zip(places) {
        if let Some(y) = place {
            let letter = if is_down { 'L' } else { 'M' };
            let _ = write!(path, "{letter}{:.1} {y:.1} ", panel.x(point.seconds));
            // A point without neighbours would not be seen.
            if !is_down {
                let _ = write!(path, "h0.8 ");
            }
        }
        is_down = place.is_some();
    }
    let _ = writeln!(
        text,
        "<path d=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{stroke}\" stroke-linejoin=\"round\" stroke-linecap=\"round\"/>",
        path.trim_end()
    );
}

fn legend(text: &mut String, right: f64, y: f64) {
    const PITCH: f64 = 58.0;
    let left = right - PITCH * CURVES.len() as f64 + 8.0;
    for (index, (name, colour, _)) in CURVES.iter().enumerate() {
        let x = left + index as f64 * PITCH;
        let _ = writeln!(
            text,
            "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"14\" height=\"3\" fill=\"{colour}\"/>",
            y - 5.0
        );
        label(text, x + 18.0, y, "start", 11, name);
    }
}

fn line(text: &mut String, from: (f64, f64), to: (f64, f64), colour: &str) {
    let _ = writeln!(
        text,
        "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"{colour}\"/>",
        from.0, from.1, to.0, to.1
    );
}

fn label(text: &mut String, x: f64, y: f64, anchor: &str, size: u32, words: &str) {
    let _ = writeln!(
        text,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" font-size=\"{size}\">{}</text>",
        escaped(words)
    );
}

/// Names of tests and servers come from the command line; control characters may not stand in XML at all.
fn escaped(words: &str) -> String {
    let mut text = String::with_capacity(words.len());
    for letter in words.chars() {
        match letter {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            letter if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => {
                text.push('\u{fffd}')
            }
            letter => text.push(letter),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::samples;

    #[test]
    fn scales_are_round() {
        for (highest, step, top) in [
            (1.0, 0.2, 1.0),
            (98_765.0, 20_000.0, 100_000.0),
            (12.0, 5.0, 15.0),
            (5.1, 2.0, 6.0),
        ] {
            let (found_step, found_top) = round_scale(highest);
            assert!((found_step - step).abs() < 1e-9 * step, "{highest}: {found_step}");
            assert!((found_top - top).abs() < 1e-9 * top, "{highest}: {found_top}");
        }
        assert_eq!(thousands(1_500_000.0, 500_000.0), "1.5M");
        assert_eq!(thousands(40_000.0, 20_000.0), "40k");
        assert_eq!(
            (power_of_ten(-2), power_of_ten(2)),
            ("0.01".to_owned(), "100".to_owned())
        );
    }

    #[test]
    fn servers_stand_beside_each_other() {
        let of = |test: &str, server: &str| TestRecord {
            server: server.to_owned(),
            ..samples::test(test, 1000.0, 1.0, None)
        };
        let record = samples::run(vec![
            of("SET", "a"),
            of("SET", "b"),
            of("GET", "a"),
            of("GET", "b"),
        ]);
        assert_eq!(rows(&record).iter().map(Vec::len).collect::<Vec<_>>(), [2, 2]);
        let drawing = svg(&record);
        assert_eq!(drawing.matches("<path ").count(), 4 * (CURVES.len() + 1));
        assert!(!drawing.contains("NaN") && !drawing.contains("inf"));
    }

    #[test]
    fn gaps_and_nothing_at_all_can_be_drawn() {
        let mut test = samples::test("<&\"\u{1}>", 0.0, 1.0, None);
        test.series = vec![Point::default(); 5];
        let drawing = svg(&samples::run(vec![test.clone()]));
        assert!(drawing.contains("&lt;&amp;\"\u{fffd}&gt;") && !drawing.contains("NaN"));
        test.series.clear();
        assert!(svg(&samples::run(vec![test])).ends_with("</svg>\n"));
    }

    #[test]
    fn many_points_become_few_and_keep_the_worst() {
        let mut test = samples::test("GET", 1000.0, 1.0, None);
        test.series = (0..100_000)
            .map(|index| Point {
                seconds: f64::from(index),
                requests_per_second: 10.0,
                max_ms: if index == 77_777 { 500.0 } else { 1.0 },
                ..Point::default()
            })
            .collect();
        let few = thinned(&test.series);
        assert!(few.len() <= POINTS_MAX);
        assert_eq!(few.iter().map(|point| point.max_ms).fold(0.0, f64::max), 500.0);
        assert_eq!(few.last().map(|point| point.seconds), Some(99_999.0));
    }
}
