//! CSV: redis-benchmark's eight columns under their names, then those that it does not have.

use crate::record::TestRecord;

/// The names of the columns.
pub const HEADER: &str = concat!(
    r#""test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","#,
    r#""max_latency_ms","p99_9_latency_ms","server","rounds","requests","errors","unanswered","#,
    r#""server_cpu_ns_per_request","generator_cpu_ns_per_request""#
);

/// One line, without its end: the medians of a test on a server.
pub fn line(test: &TestRecord, precision: usize) -> String {
    let median = &test.median;
    let latency = &median.latency_ms;
    let ms = |value: f64| quoted(&format!("{value:.precision$}"));
    [
        quoted(&test.test),
        quoted(&format!("{:.2}", median.requests_per_second)),
        ms(latency.average),
        ms(latency.min),
        ms(latency.p50),
        ms(latency.p95),
        ms(latency.p99),
        ms(latency.max),
        ms(latency.p99_9),
        quoted(&test.server),
        quoted(&test.rounds.len().to_string()),
        quoted(&test.requests.to_string()),
        quoted(&test.errors.to_string()),
        quoted(&test.unanswered.to_string()),
        quoted(
            &median
                .server_cpu_ns
                .map_or_else(String::new, |ns| format!("{ns:.1}")),
        ),
        quoted(&format!("{:.1}", median.generator_cpu_ns)),
    ]
    .join(",")
}

/// Quoted as RFC 4180 says.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::samples;

    #[test]
    fn columns_match_their_names() {
        let mut test = samples::test("SET \"a\"", 1000.0, 1.5, None);
        test.errors = 7;
        let line = line(&test, 3);
        assert_eq!(
            line,
            "\"SET \"\"a\"\"\",\"1000.00\",\"0.300\",\"0.100\",\"0.250\",\"0.900\",\"1.500\",\"6.000\",\"3.000\",\
             \"server\",\"1\",\"1000\",\"7\",\"0\",\"\",\"100.0\""
        );
        assert_eq!(line.split(',').count(), HEADER.split(',').count());
    }
}
