//! The rendered text: read back by a strict reader of the format, compared with INFO after a known load, and rendered while
//! nobody could get a lock.

use super::{CONTENT_TYPE, described, render};
use crate::bootstrap::test_server::TestServer;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// A scrape: values by series (name and sorted labels), and the type of each metric.
struct Scrape {
    series: BTreeMap<(String, BTreeMap<String, String>), f64>,
    types: BTreeMap<String, String>,
}

impl Scrape {
    /// Reads the text as the format's description has it; whatever breaks a rule of it fails the test.
    fn read(text: &str) -> Scrape {
        let mut scrape = Scrape {
            series: BTreeMap::new(),
            types: BTreeMap::new(),
        };
        let mut helped = BTreeSet::new();
        let mut current = String::new();
        assert!(text.ends_with('\n'));
        for line in text.split_terminator('\n') {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').expect("a help text");
                assert!(!help.is_empty() && helped.insert(name.to_owned()), "{line}");
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a type");
                assert!(helped.contains(name), "no help for {name}");
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                let twice = scrape.types.insert(name.to_owned(), kind.to_owned());
                assert!(twice.is_none(), "{name} comes twice");
                name.clone_into(&mut current);
            } else {
                scrape.sample(line, &current);
            }
        }
        scrape.check_histograms();
        scrape
    }

    fn sample(&mut self, line: &str, current: &str) {
        let name_ends = line.find(['{', ' ']).expect("a value");
        let name = &line[..name_ends];
        let mut expected = vec![current.to_owned()];
        if self.types[current] == "histogram" {
            expected = ["_bucket", "_sum", "_count"]
                .map(|part| format!("{current}{part}"))
                .to_vec();
        }
        assert!(expected.iter().any(|own| own == name), "{line} under {current}");
        let (labels, value) = read_labels(&line[name_ends..]);
        let value: f64 = value.trim().parse().expect("a number");
        assert!(value.is_finite(), "{line}");
        let twice = self.series.insert((name.to_owned(), labels), value);
        assert!(twice.is_none(), "a series comes twice: {line}");
    }

    /// Buckets are cumulative, and the last one counts everything.
    fn check_histograms(&self) {
        for (name, _) in self.types.iter().filter(|(_, kind)| *kind == "histogram") {
            let of = |part: &str| {
                let wanted = format!("{name}{part}");
                self.series.iter().filter(move |((name, _), _)| *name == wanted)
            };
            for ((_, labels), count) in of("_count") {
                let mut buckets: Vec<(f64, f64)> = of("_bucket")
                    .filter(|((_, bucket), _)| labels.iter().all(|(name, value)| bucket[name] == *value))
                    .map(|((_, bucket), below)| {
                        (
                            bucket["le"].replace("+Inf", "inf").parse().expect("a bound"),
                            *below,
                        )
                    })
                    .collect();
                buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
                assert!(buckets.is_sorted_by(|a, b| a.1 <= b.1), "{labels:?}");
                assert_eq!(buckets.last(), Some(&(f64::INFINITY, *count)), "{labels:?}");
            }
        }
    }

    fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let labels: BTreeMap<String, String> = labels
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect();
        *self
            .series
            .get(&(name.to_owned(), labels.clone()))
            .unwrap_or_else(|| panic!("no {name}{labels:?}"))
    }

    fn sum(&self, name: &str) -> f64 {
        let of_name = self.series.iter().filter(|((series, _), _)| series == name);
        of_name.map(|(_, value)| value).sum()
    }
}

/// The labels in braces, unescaped, and what follows.
fn read_labels(text: &str) -> (BTreeMap<String, String>, &str) {
    let mut labels = BTreeMap::new();
    let Some(mut rest) = text.strip_prefix('{') else {
        return (labels, text);
    };
    loop {
        let (name, after) = rest.split_once("=\"").expect("a label");
        assert!(
            name.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'),
            "{name}"
        );
        let mut value = String::new();
        let mut chars = after.char_indices();
        let end = loop {
            match chars.next().expect("the closing quote") {
                (at, '"') => break at,
                (_, '\\') => value.push(match chars.next().expect("an escape").1 {
                    'n' => '\n',
                    c @ ('"' | '\\') => c,
                    c => panic!("unknown escape {c}"),
                }),
                (_, c) => value.push(c),
            }
        };
        assert!(
            labels.insert(name.to_owned(), value).is_none(),
            "{name} comes twice"
        );
        rest = &after[end + 1..];
        match rest.split_at(1) {
            (",", more) => rest = more,
            ("}", more) => return (labels, more),
            (other, _) => panic!("{other} after a label"),
        }
    }
}

#[test]
fn names_and_labels_are_as_the_format_wants_them() {
    let mut names = BTreeSet::new();
    for metric in described() {
        let name = metric.name;
        assert!(names.insert(name), "{name} comes twice");
        assert!(
            name.starts_with("flashdb_") || name.starts_with("redis_"),
            "{name}"
        );
        assert!(
            name.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        );
        assert!(metric.help.ends_with('.'), "{name}");
        // Names of redis_exporter are as they are; `keys_total` is what users of the source asked for.
        if name.starts_with("flashdb_") && name != "flashdb_keys_total" {
            let is_counter = metric.kind == super::Kind::Counter;
            assert_eq!(name.ends_with("_total"), is_counter, "{name}");
        }
    }
    assert!(CONTENT_TYPE.contains("0.0.4"));
}

#[test]
fn a_known_load_shows_as_info_shows_it() {
    let mut server = TestServer::start(&["--appendonly", "yes", "--io-threads", "2"]);
    for key in 0..100 {
        server.ask(&["set", &format!("key-{key}"), "value"]);
    }
    for key in 0..10 {
        server.ask(&["expire", &format!("key-{key}"), "1000"]);
    }
    server.ask(&["get", "key-1"]);
    server.ask(&["get", "nothing"]);
    server.ask(&["lpush", "key-1", "x"]);
    server.ask(&["get"]);
    server.ask(&["select", "3"]);
    server.ask(&["hset", "h", "f", "v"]);
    server.ask(&["config", "set", "slowlog-log-slower-than", "0"]);
    server.ask(&["subscribe", "news"]);
    server.ask(&["unsubscribe", "news"]);
    server.await_census();
    let scrape = Scrape::read(&render(&server.server));

    assert_eq!(scrape.types.len(), described().count());
    assert_eq!(scrape.value("flashdb_keys_total", &[("db", "0")]), 100.0);
    assert_eq!(scrape.value("flashdb_keys_total", &[("db", "3")]), 1.0);
    assert_eq!(scrape.value("flashdb_keys_expiring", &[("db", "0")]), 10.0);
    assert_eq!(scrape.value("redis_db_keys", &[("db", "db0")]), 100.0);
    let ttl = scrape.value("redis_db_avg_ttl_seconds", &[("db", "db0")]);
    assert!((0.0..=1000.0).contains(&ttl), "{ttl}");
    assert_eq!(
        scrape.value("flashdb_command_calls_total", &[("cmd", "set")]),
        100.0
    );
    assert_eq!(
        scrape.value("redis_commands_total", &[("cmd", "config|set")]),
        1.0
    );
    let set = [("cmd", "set")];
    assert_eq!(
        scrape.value("flashdb_command_duration_seconds_count", &set),
        100.0
    );
    let failed = [("cmd", "lpush"), ("stage", "failed")];
    assert_eq!(scrape.value("flashdb_command_errors_total", &failed), 1.0);
    let rejected = [("cmd", "get"), ("stage", "rejected")];
    assert_eq!(scrape.value("flashdb_command_errors_total", &rejected), 1.0);
    assert_eq!(
        scrape.value("flashdb_errors_total", &[("kind", "WRONGTYPE")]),
        1.0
    );
    assert_eq!(scrape.value("redis_errors_total", &[("err", "ERR")]), 1.0);
    assert_eq!(
        scrape.sum("flashdb_core_loop_commands_total"),
        scrape.value("flashdb_commands_processed_total", &[])
    );
    assert_eq!(
        scrape.sum("flashdb_memory_parts_bytes"),
        scrape.value("flashdb_memory_used_bytes", &[])
    );
    assert!(scrape.value("flashdb_slowlog_entries_total", &[]) >= 2.0);
    assert_eq!(scrape.value("redis_up", &[]), 1.0);
    assert_eq!(scrape.value("flashdb_log_healthy", &[]), 1.0);

    for (metric, field) in [
        ("flashdb_keyspace_hits_total", "keyspace_hits"),
        ("redis_keyspace_misses_total", "keyspace_misses"),
        ("redis_connected_clients", "connected_clients"),
        ("flashdb_error_replies_total", "total_error_replies"),
        ("flashdb_log_last_lsn", "wal_lsn"),
        ("redis_memory_max_bytes", "maxmemory"),
        ("flashdb_core_loops", "core_loops"),
        ("flashdb_snapshots_total", "rdb_saves"),
        ("flashdb_changes_since_snapshot", "rdb_changes_since_last_save"),
    ] {
        let told: f64 = server.info(field).parse().expect("a number");
        assert_eq!(scrape.value(metric, &[]), told, "{metric}");
    }
    let used: f64 = server.info("used_memory").parse().expect("a number");
    let shown = scrape.value("flashdb_memory_used_bytes", &[]);
    assert!((shown - used).abs() < 256.0 * 1024.0, "{shown} and {used}");
}

#[test]
fn an_error_of_any_shape_is_one_label() {
    let mut server = TestServer::start(&[]);
    let odd = "A\"B\\C{},=";
    server.ask(&[
        "eval",
        "return redis.error_reply(ARGV[1])",
        "0",
        &format!("{odd} happened"),
    ]);
    let scrape = Scrape::read(&render(&server.server));
    let of_kind = |((name, labels), _): (&(String, BTreeMap<String, String>), &f64)| {
        (name == "flashdb_errors_total").then(|| labels["kind"].clone())
    };
    let kinds: Vec<String> = scrape.series.iter().filter_map(of_kind).collect();
    assert_eq!(kinds, [odd]);
}

#[test]
fn nobody_waits_for_anybody() {
    let mut server = TestServer::start(&[]);
    server.ask(&["set", "a", "b"]);
    server.await_census();
    // No core loop runs a command now, and every shard is locked.
    let closed = server.server.space.gate().close();
    let shards = (0..server.server.space.shards_count() as u16).collect();
    let held = server.server.space.lock(shards);
    let scrape = Scrape::read(&render(&server.server));
    assert_eq!(scrape.value("flashdb_keys_total", &[("db", "0")]), 1.0);
    drop((held, closed));
}

#[test]
fn two_hundred_commands_take_milliseconds() {
    let mut server = TestServer::start(&[]);
    let rows: Vec<_> = server.server.registry.all().iter().take(200).copied().collect();
    for row in rows {
        server.server.loops[0].stats.of(&row).record(7, 3000, true);
    }
    server.ask(&["ping"]);
    server.await_census();
    let mut times: Vec<Duration> = (0..20)
        .map(|_| {
            let begun = Instant::now();
            std::hint::black_box(render(&server.server));
            begun.elapsed()
        })
        .collect();
    times.sort();
    let text = render(&server.server);
    println!("{:?} at the median for {} bytes", times[10], text.len());
    // Unoptimized and on a busy machine; the figure that counts is in docs/OBSERVABILITY.md.
    assert!(times[10] < Duration::from_secs(2));
    let buckets = text.matches("flashdb_command_duration_seconds_bucket").count();
    assert!(buckets >= 200 * 24, "{buckets}");
    Scrape::read(&text);
}
