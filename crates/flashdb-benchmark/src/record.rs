//! The results of an invocation as they are stored in JSON (schema `flashdb-benchmark/1`, `docs/formats/benchmark.md`).
//!
//! Per test and server there is one record: medians over the rounds, the rounds themselves, the series of the last one.

use crate::latency::{self, Latencies, percentile_ms};
use crate::options::Options;
use crate::run::{Found, Outcome};
use crate::worker::count_errors;
use crate::workload::Workload;
use serde::{Deserialize, Serialize};

/// The only schema there is.
pub const SCHEMA: &str = "flashdb-benchmark/1";

/// Everything that an invocation found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// [`SCHEMA`].
    pub schema: String,
    /// Of this program.
    pub version: String,
    /// When it began.
    pub started_unix_ms: u64,
    /// What was asked for, as far as results depend on it.
    pub load: Load,
    /// By test, then by server.
    pub tests: Vec<TestRecord>,
}

/// What has to be equal for two runs to be comparable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// Connections.
    pub clients: usize,
    /// Threads that share them.
    pub threads: usize,
    /// Requests per batch, or outstanding per connection.
    pub pipeline: usize,
    /// Keys.
    pub keyspace: Option<u64>,
    /// How they are drawn.
    pub distribution: String,
    /// Bytes, as given.
    pub value_size: String,
    /// Requests per second of an open loop.
    pub rate: Option<f64>,
    /// Whether connections are kept.
    pub keep_alive: bool,
    /// 2 or 3.
    pub resp: u8,
}

/// One test on one server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TestRecord {
    /// The test's title, as in the output.
    pub test: String,
    /// The server's name.
    pub server: String,
    /// Where it is.
    pub address: String,
    /// Replies in all rounds, errors included.
    pub requests: u64,
    /// Error replies in all rounds.
    pub errors: u64,
    /// The first text of each kind of error.
    pub error_kinds: Vec<ErrorRecord>,
    /// Requests without a reply in all rounds.
    pub unanswered: u64,
    /// Requests of an open loop that left over 1 ms late with a connection free: the generator was the bottleneck.
    pub late: u64,
    /// Why a round ended early.
    pub failure: Option<String>,
    /// Whether the user ended the last round.
    pub interrupted: bool,
    /// Medians over the rounds.
    pub median: RoundRecord,
    /// In order.
    pub rounds: Vec<RoundRecord>,
    /// Of a mix: by command, all rounds together. Otherwise empty.
    pub commands: Vec<CommandRecord>,
    /// Of the last round.
    pub series: Vec<Point>,
}

/// Error replies of one kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ErrorRecord {
    /// The first text.
    pub text: String,
    /// How many.
    pub count: u64,
}

/// The figures of one round.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RoundRecord {
    /// From the start to the last reply.
    pub seconds: f64,
    /// Replies per second.
    pub requests_per_second: f64,
    /// Of all requests.
    pub latency_ms: LatencyRecord,
    /// Processor time of the server per request, when it is on this machine.
    pub server_cpu_ns: Option<f64>,
    /// Processor time of this program per request.
    pub generator_cpu_ns: f64,
}

/// Latencies in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct LatencyRecord {
    pub average: f64,
    pub min: f64,
    pub p50: f64,
    pub p95: f64,
    pub p99: f64,
    pub p99_9: f64,
    pub max: f64,
}

/// One command of a mix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CommandRecord {
    /// Its title.
    pub command: String,
    /// Replies.
    pub requests: u64,
    /// Of its requests.
    pub latency_ms: LatencyRecord,
}

/// One interval of the series. Latencies are 0 when no reply came.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Point {
    /// The interval's end, from the start.
    pub seconds: f64,
    pub requests_per_second: f64,
    pub p50_ms: f64,
    pub p95_ms: f64,
    pub p99_ms: f64,
    pub p99_9_ms: f64,
    pub max_ms: f64,
}

impl RunRecord {
    /// Without tests yet.
    pub fn new(options: &Options) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            version: flashdb_base::version::FLASHDB_VERSION.to_owned(),
            started_unix_ms: flashdb_base::clock::unix_ms(),
            load: Load {
                clients: options.clients,
                threads: options.threads,
                pipeline: options.pipeline,
                keyspace: options.keyspace,
                distribution: options.distribution_text.clone(),
                value_size: options.sizes_text.clone(),
                rate: options.rate,
                keep_alive: options.keep_alive,
                resp: if options.is_resp3 { 3 } else { 2 },
            },
            tests: Vec::new(),
        }
    }

    /// As JSON with line ends.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("no map keys and no foreign types");
        text.push('\n');
        text
    }

    /// Reads what [`Self::to_json`] wrote; fields that it does not know are passed over.
    ///
    /// # Errors
    /// What is wrong, with line and column.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let record: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if record.schema != SCHEMA {
            return Err(format!(
                "its schema is {:?}; this program reads {SCHEMA:?}",
                record.schema
            ));
        }
        Ok(record)
    }
}

impl LatencyRecord {
    /// The figures of a histogram; zeros when it is empty.
    pub fn new(latencies: &Latencies) -> Self {
        Self {
            average: latencies.mean() / 1e6,
            min: latency::ms(latencies.min()),
            p50: percentile_ms(latencies, 50.0),
            p95: percentile_ms(latencies, 95.0),
            p99: percentile_ms(latencies, 99.0),
            p99_9: percentile_ms(latencies, 99.9),
            max: latency::ms(latencies.max()),
        }
    }
}

impl RoundRecord {
    /// The figures of one run.
    pub fn new(outcome: &Outcome) -> Self {
        Self {
            seconds: outcome.seconds,
            requests_per_second: outcome.requests_per_second(),
            latency_ms: LatencyRecord::new(&outcome.latencies),
            server_cpu_ns: outcome.server_cpu_ns.map(|ns| outcome.per_request(ns)),
            generator_cpu_ns: outcome.per_request(outcome.generator_cpu_ns),
        }
    }
}

/// The middle one; of an even number the mean of the middle two; 0 of none.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        count if count % 2 == 1 => values[count / 2],
        count => (values[count / 2 - 1] + values[count / 2]) / 2.0,
    }
}

/// Each figure's median on its own.
fn medians(rounds: &[RoundRecord]) -> RoundRecord {
    let of = |figure: fn(&RoundRecord) -> f64| median(rounds.iter().map(figure).collect());
    let cpu: Option<Vec<f64>> = rounds.iter().map(|round| round.server_cpu_ns).collect();
    RoundRecord {
        seconds: of(|round| round.seconds),
        requests_per_second: of(|round| round.requests_per_second),
        latency_ms: LatencyRecord {
            average: of(|round| round.latency_ms.average),
            min: of(|round| round.latency_ms.min),
            p50: of(|round| round.latency_ms.p50),
            p95: of(|round| round.latency_ms.p95),
            p99: of(|round| round.latency_ms.p99),
            p99_9: of(|round| round.latency_ms.p99_9),
            max: of(|round| round.latency_ms.max),
        },
        server_cpu_ns: cpu.filter(|values| !values.is_empty()).map(median),
        generator_cpu_ns: of(|round| round.generator_cpu_ns),
    }
}

impl TestRecord {
    /// The record of all rounds of a test on a server.
    pub fn new(workload: &Workload, server: &Found, outcomes: &[Outcome]) -> Self {
        let rounds: Vec<RoundRecord> = outcomes.iter().map(RoundRecord::new).collect();
        let mut kinds = Vec::new();
        for kind in outcomes.iter().flat_map(|outcome| &outcome.errors) {
            count_errors(&mut kinds, &kind.text, kind.count);
        }
        Self {
            test: workload.title.clone(),
            server: server.name.clone(),
            address: server.address.clone(),
            requests: outcomes.iter().map(Outcome::requests).sum(),
            errors: outcomes.iter().map(Outcome::errors_count).sum(),
            error_kinds: kinds
                .into_iter()
                .map(|kind| ErrorRecord {
                    text: kind.text,
                    count: kind.count,
                })
                .collect(),
            unanswered: outcomes.iter().map(|outcome| outcome.unanswered).sum(),
            late: outcomes.iter().map(|outcome| outcome.late).sum(),
            failure: outcomes.iter().find_map(|outcome| outcome.failure.clone()),
            interrupted: outcomes.last().is_some_and(|outcome| outcome.is_interrupted),
            median: medians(&rounds),
            rounds,
            commands: commands(workload, outcomes),
            series: outcomes
                .last()
                .map_or_else(Vec::new, |outcome| outcome.series.clone()),
        }
    }

    /// Whether everything sent was answered, and with no error.
    pub fn is_clean(&self) -> bool {
        self.errors == 0 && self.failure.is_none() && (self.unanswered == 0 || self.interrupted)
    }
}

fn commands(workload: &Workload, outcomes: &[Outcome]) -> Vec<CommandRecord> {
    if workload.commands.len() < 2 {
        return Vec::new();
    }
    let record = |(index, command): (usize, &crate::workload::Command)| {
        let mut latencies = latency::histogram();
        for outcome in outcomes {
            latency::add(&mut latencies, &outcome.by_command[index]);
        }
        CommandRecord {
            command: command.title.clone(),
            requests: latencies.len(),
            latency_ms: LatencyRecord::new(&latencies),
        }
    };
    workload.commands.iter().enumerate().map(record).collect()
}

/// Records for tests of other modules.
#[cfg(test)]
pub mod samples {
    use super::*;

    /// A test of the figures given, on "server".
    pub fn test(name: &str, requests_per_second: f64, p99: f64, cpu: Option<f64>) -> TestRecord {
        let round = RoundRecord {
            seconds: 1.0,
            requests_per_second,
            latency_ms: LatencyRecord {
                average: 0.3,
                min: 0.1,
                p50: 0.25,
                p95: 0.9,
                p99,
                p99_9: p99 * 2.0,
                max: p99 * 4.0,
            },
            server_cpu_ns: cpu,
            generator_cpu_ns: 100.0,
        };
        TestRecord {
            test: name.to_owned(),
            server: "server".to_owned(),
            address: "127.0.0.1:6379".to_owned(),
            requests: 1000,
            median: round.clone(),
            rounds: vec![round],
            series: (1..=20)
                .map(|step| Point {
                    seconds: f64::from(step) * 0.25,
                    requests_per_second: requests_per_second * (1.0 + f64::from(step % 3) / 10.0),
                    p50_ms: 0.25,
                    p95_ms: 0.9,
                    p99_ms: p99,
                    p99_9_ms: p99 * 2.0,
                    max_ms: p99 * f64::from(step),
                })
                .collect(),
            ..TestRecord::default()
        }
    }

    /// A run of the tests given.
    pub fn run(tests: Vec<TestRecord>) -> RunRecord {
        let Ok(crate::options::Request::Run(options)) = crate::options::parse(&[], None) else {
            panic!("the empty command line is sound");
        };
        RunRecord {
            tests,
            ..RunRecord::new(&options)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_round_trips() {
        let mut record = samples::run(vec![samples::test("GET", 12345.678, 1.25, Some(812.5))]);
        record.tests[0].failure = Some("a \"quoted\" word".to_owned());
        record.load.rate = Some(0.1);
        assert_eq!(RunRecord::from_json(&record.to_json()), Ok(record));
    }

    #[test]
    fn other_files_are_refused() {
        let other = samples::run(Vec::new())
            .to_json()
            .replace(SCHEMA, "flashdb-benchmark/9");
        for (text, word) in [
            ("", "line 1"),
            ("{}", "schema"),
            ("[]", "line 1"),
            (other.as_str(), "flashdb-benchmark/9"),
        ] {
            let message = RunRecord::from_json(text).expect_err(text);
            assert!(message.contains(word), "{message}");
        }
    }

    #[test]
    fn medians_are_of_each_figure() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0]), 2.5);
        let rounds: Vec<RoundRecord> = [
            (10.0, 3.0, Some(5.0)),
            (30.0, 1.0, Some(7.0)),
            (20.0, 2.0, Some(9.0)),
        ]
        .into_iter()
        .map(|(rps, p99, cpu)| samples::test("x", rps, p99, cpu).median)
        .collect();
        let middle = medians(&rounds);
        assert_eq!(
            (
                middle.requests_per_second,
                middle.latency_ms.p99,
                middle.server_cpu_ns
            ),
            (20.0, 2.0, Some(7.0))
        );
        let unknown = [rounds[0].clone(), samples::test("x", 1.0, 1.0, None).median];
        assert_eq!(medians(&unknown).server_cpu_ns, None);
    }
}
