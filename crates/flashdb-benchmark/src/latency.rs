//! The histograms in which latencies are kept: nanoseconds, three significant digits, one hour at most.

use hdrhistogram::Histogram;

/// Latencies of requests in nanoseconds.
pub type Latencies = Histogram<u64>;

/// The finest difference that is kept below 0.1 ms; above it is a thousandth of the value.
const LOWEST_NS: u64 = 64;
const HIGHEST_NS: u64 = 3_600_000_000_000;
const SIGNIFICANT_DIGITS: u8 = 3;

/// An empty histogram, about 200 KB.
pub fn histogram() -> Latencies {
    Histogram::new_with_bounds(LOWEST_NS, HIGHEST_NS, SIGNIFICANT_DIGITS)
        .expect("the bounds are constants that the crate accepts")
}

/// Adds `other`, which has the same bounds.
pub fn add(total: &mut Latencies, other: &Latencies) {
    total
        .add(other)
        .expect("every histogram here has the same bounds");
}

/// Nanoseconds as milliseconds.
pub fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}

/// The latency in milliseconds that `percent` of the requests did not exceed; 0 when there were none.
pub fn percentile_ms(latencies: &Latencies, percent: f64) -> f64 {
    ms(latencies.value_at_percentile(percent).min(latencies.max()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_three_digits_over_the_whole_range() {
        for ns in [1_000, 99_999, 1_234_567, 98_765_432_100, HIGHEST_NS] {
            let mut latencies = histogram();
            latencies.saturating_record(ns);
            let kept = latencies.value_at_percentile(50.0);
            assert!(kept.abs_diff(ns) <= (ns / 1000).max(LOWEST_NS), "{ns} {kept}");
        }
        let mut latencies = histogram();
        latencies.saturating_record(u64::MAX);
        assert!(latencies.max() >= HIGHEST_NS);
        assert_eq!(percentile_ms(&histogram(), 99.0), 0.0);
    }
}
