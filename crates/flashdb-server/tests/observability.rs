//! What is written about metrics elsewhere holds to the server's own list: documentation, alerts and the board name no
//! metric that is not there, and use every label that they use rightly.

use flashdb_server::metrics::{Described, Kind, described};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn known() -> BTreeMap<String, Described> {
    let mut known = BTreeMap::new();
    for metric in described() {
        if metric.kind == Kind::Histogram {
            for part in ["_bucket", "_sum", "_count"] {
                known.insert(format!("{}{part}", metric.name), metric.clone());
            }
        }
        known.insert(metric.name.to_owned(), metric);
    }
    known
}

/// The words of `text` that look like names of metrics, with what follows them.
fn metrics_in(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let starts = ["flashdb_", "redis_"].map(|prefix| text.match_indices(prefix).map(|(at, _)| at));
    starts.into_iter().flatten().filter_map(move |at| {
        let bytes = text.as_bytes();
        if at > 0 && (is_name(bytes[at - 1]) || b"-./".contains(&bytes[at - 1])) {
            return None;
        }
        let end = (at..bytes.len())
            .find(|&end| !is_name(bytes[end]))
            .unwrap_or(bytes.len());
        Some((&text[at..end], &text[end..]))
    })
}

#[test]
fn alerts_and_the_board_use_metrics_that_there_are() {
    let known = known();
    for file in [
        "deploy/prometheus/flashdb.rules.yml",
        "deploy/prometheus/flashdb.rules.test.yml",
        "deploy/grafana/flashdb.json",
    ] {
        let text = read(file);
        let mut count = 0;
        for (name, behind) in metrics_in(&text) {
            let metric = known
                .get(name)
                .unwrap_or_else(|| panic!("{file}: there is no {name}"));
            count += 1;
            let selector = behind.strip_prefix('{').and_then(|behind| behind.split_once('}'));
            let labels = selector.map_or("", |(labels, _)| labels);
            for label in labels.split(',').filter_map(|pair| pair.split_once('=')) {
                let label = label.0.trim();
                let is_own = metric.labels.contains(&label) || ["instance", "job"].contains(&label);
                assert!(is_own, "{file}: {name} has no label {label}");
            }
        }
        assert!(count > 5, "{file} names only {count}");
    }
}

#[test]
fn the_documentation_names_what_there_is() {
    let known = known();
    let text = read("docs/OBSERVABILITY.md");
    // Names in the text that are of other things.
    let others = ["redis_exporter", "flashdb_server", "flashdb_"];
    for (name, _) in metrics_in(&text) {
        assert!(
            known.contains_key(name) || others.contains(&name),
            "docs/OBSERVABILITY.md: there is no {name}"
        );
    }
    let settings: Vec<&str> = flashdb_config::ROWS.iter().flat_map(|row| row.names()).collect();
    for name in [
        "log-level",
        "log-format",
        "logfile",
        "audit-logfile",
        "slowlog-warnings-per-second",
        "keys-warning-threshold",
        "latency-tracking",
    ] {
        assert!(
            text.contains(&format!("`{name}")) && settings.contains(&name),
            "{name}"
        );
    }
}
