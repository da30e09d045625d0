//! The server's figures in Prometheus's text format (0.0.4), for a scrape of `/metrics`. Any thread may render them: counters
//! are read where the core loops leave them, keys and memory are those of the newest census (a tenth of a second old at
//! most), no shard is locked and no core loop is asked. Single figures come from the lines that INFO is made of, so that the
//! two cannot say different things.
//!
//! Every figure stands under a name of FlashDB's own, with base units ([`own`]), and the usual ones also under the name that
//! redis_exporter gives them ([`exporter`]), which boards and alerts made for Redis ask for.

mod exporter;
mod own;
mod page;
mod series;
#[cfg(test)]
mod tests;

use crate::commands::info::Facts;
use crate::server::Server;
use page::Page;
use std::collections::HashMap;

/// The media type of what [`render`] returns.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a metric can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Goes up, and back to zero at a start or CONFIG RESETSTAT.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Observations by buckets.
    Histogram,
}

impl Kind {
    /// As a `# TYPE` line has it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

/// Where the figure of a metric comes from.
enum Source {
    /// A field of INFO; left out where INFO has none, or says by -1 that there is nothing to say yet.
    Field(&'static str),
    /// As `Field`, times so much: INFO has other units.
    Times(&'static str, f64),
    /// 1 if the field of INFO has this value, 0 otherwise.
    Is(&'static str, &'static str),
    /// Several, by labels of these names.
    Series(&'static [&'static str], fn(&mut page::Family<'_>, &Figures<'_>)),
}

/// A metric: one row of a table.
struct Metric {
    name: &'static str,
    kind: Kind,
    help: &'static str,
    source: Source,
}

/// All metrics, in the order in which they are rendered.
static TABLES: [&[Metric]; 3] = [own::METRICS, exporter::FIELDS, exporter::OTHERS];

/// What everything is written from.
struct Figures<'a> {
    facts: &'a Facts<'a>,
    fields: HashMap<&'a str, &'a str>,
    commands: Vec<series::CommandRow>,
}

/// Sections of INFO whose fields have metrics.
const SECTIONS: [&str; 7] = [
    "server",
    "clients",
    "memory",
    "persistence",
    "stats",
    "replication",
    "cpu",
];

/// All metrics as text. With two hundred commands in use an unoptimized build takes 11 ms of the calling thread. Before the
/// first census, a tenth of a second after the start, what it would tell is left out.
pub fn render(server: &Server) -> String {
    let settings = server.settings();
    let census = server.census.get();
    let facts = Facts::at_hand(server, &settings, census.clone().unwrap_or_default());
    let text = facts.text(|section| SECTIONS.contains(&section) && (census.is_some() || section != "memory"));
    let figures = Figures {
        fields: text.lines().filter_map(|line| line.split_once(':')).collect(),
        commands: series::command_rows(server),
        facts: &facts,
    };
    let mut page = Page::default();
    for metric in TABLES.iter().copied().flatten() {
        write(&mut page, metric, &figures);
    }
    page.text()
}

/// A metric as its documentation names it.
#[derive(Clone, Debug)]
pub struct Described {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Names of its labels.
    pub labels: &'static [&'static str],
    /// What it tells.
    pub help: &'static str,
}

/// All metrics there are, FlashDB's own first, in the order in which they are rendered.
pub fn described() -> impl Iterator<Item = Described> {
    TABLES.iter().copied().flatten().map(|metric| Described {
        name: metric.name,
        kind: metric.kind,
        labels: match metric.source {
            Source::Series(labels, _) => labels,
            _ => &[],
        },
        help: metric.help,
    })
}

fn write(page: &mut Page, metric: &Metric, figures: &Figures<'_>) {
    let mut family = page.family(metric.name, metric.kind, metric.help);
    match metric.source {
        Source::Field(field) => {
            if let Some(value) = figures.number(field) {
                family.sample(&[], value);
            }
        }
        Source::Times(field, factor) => {
            if let Some(value) = figures.number(field).and_then(|value| value.parse::<f64>().ok()) {
                family.sample(&[], value * factor);
            }
        }
        Source::Is(field, wanted) => {
            if let Some(value) = figures.fields.get(field) {
                family.sample(&[], u8::from(*value == wanted));
            }
        }
        Source::Series(_, write) => write(&mut family, figures),
    }
}

impl Figures<'_> {
    /// The number of a field; none if there is nothing to tell yet.
    fn number(&self, field: &str) -> Option<&str> {
        let value = *self.fields.get(field)?;
        (value != "-1" && value.parse::<f64>().is_ok_and(f64::is_finite)).then_some(value)
    }

    /// The text of a field, empty if there is none.
    fn word(&self, field: &str) -> &str {
        self.fields.get(field).copied().unwrap_or_default()
    }
}
