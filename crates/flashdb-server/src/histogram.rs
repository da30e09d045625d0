//! How long commands take, counted by duration. Buckets are sixteen for each power of two from 16 ns to 68.7 s, so that what is
//! read off them is at most a sixteenth (6.25 %) too high; the first one also counts what was shorter, the last what was longer.
//!
//! A [`Histogram`] is of one command on one core loop, which alone counts: no locked instruction, and the buckets, 4 KiB, are
//! made when the command first runs there. [`Durations`] are the counts of some histograms at one moment.

use crate::stats::Counter;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// Buckets of a histogram.
pub const BUCKETS: usize = 512;

/// Buckets of each power of two, as a power of two.
const STEPS_BITS: u32 = 4;
const STEPS: usize = 1 << STEPS_BITS;
/// Durations below are counted in the first bucket, ns.
const LEAST_NS: u64 = 1 << STEPS_BITS;

/// Powers of two that Redis and Prometheus are told of: 1.024 µs and up. The last one counts all the rest.
pub const POWERS: usize = 24;

/// The bucket of a duration; `BUCKETS` or more for what is outside of all. A double is made of its power of two and the binary
/// digits below it, which is just what a bucket is: two instructions less than counting leading zeros and shifting.
#[inline]
fn place(ns: u64) -> usize {
    const FRACTION_BITS: u32 = f64::MANTISSA_DIGITS - 1;
    const FIRST: u64 = (LEAST_NS as f64).to_bits() >> (FRACTION_BITS - STEPS_BITS);
    let bits = (ns as i64 as f64).to_bits();
    (bits >> (FRACTION_BITS - STEPS_BITS)).wrapping_sub(FIRST) as usize
}

/// What a duration in this bucket does not reach, ns.
pub fn bound_ns(bucket: usize) -> u64 {
    ((STEPS + 1 + bucket % STEPS) as u64) << (bucket / STEPS)
}

/// What a duration in this power of two does not reach, ns.
pub fn power_bound_ns(power: usize) -> u64 {
    1 << (power + 10)
}

/// The same in µs, as powers of two (their kibi-nanoseconds are 2.4 % longer).
pub fn power_bound_us(power: usize) -> u64 {
    1 << power
}

/// The power of two that a bucket is part of.
fn power_of(bucket: usize) -> usize {
    let bits = u64::BITS - ((bound_ns(bucket) - 1) >> 10).leading_zeros();
    (bits as usize).min(POWERS - 1)
}

/// See the module's head.
#[derive(Default)]
pub struct Histogram {
    /// `BUCKETS` once they are made, 0 before: one comparison says both that they are there and that a place is among them.
    len: AtomicUsize,
    /// Set before `len` and never changed, until the histogram is dropped.
    buckets: AtomicPtr<Counter>,
}

impl Histogram {
    /// Counts calls of `ns` nanoseconds each; only the owning loop may.
    #[inline]
    pub fn record(&self, calls: u64, ns: u64) {
        let place = place(ns);
        if place < self.len.load(Ordering::Acquire) {
            // SAFETY: a length that is not zero is seen after the pointer to so many buckets, which live as long as `self`.
            unsafe { (*self.buckets.load(Ordering::Relaxed).add(place)).add(calls) };
        } else {
            self.record_apart(calls, ns);
        }
    }

    /// The first time, and durations outside of all buckets.
    #[cold]
    #[inline(never)]
    fn record_apart(&self, calls: u64, ns: u64) {
        let place = if ns < LEAST_NS {
            0
        } else {
            place(ns).min(BUCKETS - 1)
        };
        self.make()[place].add(calls);
    }

    /// The buckets, made unless they are there.
    fn make(&self) -> &[Counter] {
        if self.len.load(Ordering::Acquire) == 0 {
            let new: Box<[Counter]> = (0..BUCKETS).map(|_| Counter::default()).collect();
            let new = Box::into_raw(new).cast::<Counter>();
            let null = ptr::null_mut();
            let taken = self
                .buckets
                .compare_exchange(null, new, Ordering::AcqRel, Ordering::Acquire);
            if taken.is_err() {
                // SAFETY: nobody else has seen these.
                drop(unsafe { owned(new) });
            }
            self.len.store(BUCKETS, Ordering::Release);
        }
        self.counters()
    }

    fn counters(&self) -> &[Counter] {
        let len = self.len.load(Ordering::Acquire);
        if len == 0 {
            return &[];
        }
        // SAFETY: as in `record`.
        unsafe { std::slice::from_raw_parts(self.buckets.load(Ordering::Relaxed), len) }
    }

    /// Back to zero; the buckets stay.
    pub fn reset(&self) {
        self.counters().iter().for_each(Counter::reset);
    }

    /// Memory of the buckets.
    pub fn bytes(&self) -> usize {
        size_of_val(self.counters())
    }
}

/// The buckets that a pointer was made of.
///
/// # Safety
/// It came from a box of `BUCKETS` counters, and is used no more.
unsafe fn owned(first: *mut Counter) -> Box<[Counter]> {
    // SAFETY: the caller's promise.
    unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(first, BUCKETS)) }
}

impl Drop for Histogram {
    fn drop(&mut self) {
        let first = *self.buckets.get_mut();
        if !first.is_null() {
            // SAFETY: it came from `make`, and nobody has a reference any more.
            drop(unsafe { owned(first) });
        }
    }
}

/// Calls by duration at one moment. No memory until there are some.
#[derive(Clone, Debug, Default)]
pub struct Durations(Option<Box<[u64; BUCKETS]>>);

impl Durations {
    /// Adds what a histogram has counted.
    pub fn add(&mut self, histogram: &Histogram) {
        let counters = histogram.counters();
        if counters.is_empty() {
            return;
        }
        let counts = self.0.get_or_insert_with(|| Box::new([0; BUCKETS]));
        for (sum, counter) in counts.iter_mut().zip(counters) {
            *sum += counter.get();
        }
    }

    /// Adds calls of `ns` nanoseconds each.
    pub fn count(&mut self, calls: u64, ns: u64) {
        let histogram = Histogram::default();
        histogram.record(calls, ns);
        self.add(&histogram);
    }

    fn counts(&self) -> &[u64] {
        self.0.as_ref().map_or(&[], |counts| counts.as_slice())
    }

    /// All calls.
    pub fn calls(&self) -> u64 {
        self.counts().iter().sum()
    }

    /// What came since an earlier moment; `None` where the counts began anew meanwhile.
    pub fn since(&self, before: &Durations) -> Option<Durations> {
        let Some(counts) = &self.0 else {
            return (before.calls() == 0).then(Durations::default);
        };
        let mut difference = counts.clone();
        for (now, before) in difference.iter_mut().zip(before.counts()) {
            *now = now.checked_sub(*before)?;
        }
        Some(Durations(Some(difference)))
    }

    /// The duration in µs that this share of the calls, 0 to 1, stayed below: at most a sixteenth more than the true one. `None`
    /// without calls.
    pub fn quantile_us(&self, share: f64) -> Option<f64> {
        // 99.9 / 100 is a little more than 0.999, which must not be one call more of a thousand.
        let wanted = ((self.calls() as f64 * share * (1.0 - 1e-12)).ceil() as u64).max(1);
        let mut seen = 0;
        let bucket = self.counts().iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        bucket.map(|bucket| bound_ns(bucket) as f64 / 1000.0)
    }

    /// Buckets with calls: what their durations do not reach, in ns, and how many there are.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> {
        let counts = self.counts().iter().enumerate();
        counts
            .filter(|(_, count)| **count > 0)
            .map(|(bucket, count)| (bound_ns(bucket), *count))
    }

    /// Calls by powers of two, see [`power_bound_ns`].
    pub fn by_power(&self) -> [u64; POWERS] {
        let mut powers = [0; POWERS];
        for (bucket, count) in self.counts().iter().enumerate() {
            powers[power_of(bucket)] += count;
        }
        powers
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flashdb_base::prng::Prng;

    /// Durations from nanoseconds to minutes, as many of each size.
    fn sample(random: &mut Prng) -> u64 {
        let bits = 4 + random.below(32);
        (1 << bits) + random.below(1 << bits)
    }

    #[test]
    fn every_duration_is_within_a_sixteenth_of_its_bucket() {
        let mut random = Prng::from_seed(20);
        let edges = (4..36).flat_map(|bits| [(1 << bits) - 1, 1 << bits, (1 << bits) + 1]);
        let edges = edges.filter(|ns| *ns < bound_ns(BUCKETS - 1));
        let all: Vec<u64> = edges.chain((0..100_000).map(|_| sample(&mut random))).collect();
        for ns in all.into_iter().filter(|ns| *ns >= LEAST_NS) {
            let bucket = place(ns);
            assert!(bucket < BUCKETS && ns < bound_ns(bucket), "{ns} in {bucket}");
            assert!(bucket == 0 || ns >= bound_ns(bucket - 1), "{ns} in {bucket}");
            assert!((bound_ns(bucket) - ns) * 16 <= ns, "{ns} in {bucket}");
        }
    }

    #[test]
    fn quantiles_are_those_of_the_sorted_samples() {
        for seed in 0..20 {
            let mut random = Prng::from_seed(seed);
            // Two core loops, as they are summed up.
            let loops = [Histogram::default(), Histogram::default()];
            let mut samples: Vec<u64> = (0..1000 * (1 + random.below(5)) - seed % 2)
                .map(|_| sample(&mut random))
                .collect();
            for (at, ns) in samples.iter().enumerate() {
                loops[at % 2].record(1, *ns);
            }
            let mut durations = Durations::default();
            loops.iter().for_each(|one| durations.add(one));
            samples.sort_unstable();
            assert_eq!(durations.calls(), samples.len() as u64);
            for permille in [0, 250, 500, 900, 950, 990, 999, 1000] {
                let rank = (samples.len() * permille).div_ceil(1000).max(1);
                let true_us = samples[rank - 1] as f64 / 1000.0;
                let us = durations.quantile_us(permille as f64 / 10.0 / 100.0);
                let us = us.expect("there are calls");
                assert!(
                    us > true_us && us <= true_us * 1.0625,
                    "{permille}: {us} for {true_us}"
                );
            }
            let powers = durations.by_power();
            for (power, _) in powers.iter().enumerate().take(POWERS - 1) {
                let below = samples.partition_point(|ns| *ns < power_bound_ns(power)) as u64;
                assert_eq!(powers[..=power].iter().sum::<u64>(), below, "{power}");
            }
            assert_eq!(powers.iter().sum::<u64>(), samples.len() as u64);
        }
    }

    #[test]
    fn what_is_outside_of_all_buckets_is_in_the_first_or_the_last() {
        let histogram = Histogram::default();
        assert_eq!(histogram.bytes(), 0);
        for ns in [0, 1, 15] {
            histogram.record(2, ns);
        }
        for ns in [1 << 36, 1 << 53, i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX] {
            histogram.record(1, ns);
        }
        assert_eq!(histogram.bytes(), 4096);
        let mut durations = Durations::default();
        durations.add(&histogram);
        let buckets: Vec<(u64, u64)> = durations.buckets().collect();
        assert_eq!(buckets, [(17, 6), (1 << 36, 5)]);
        assert_eq!(durations.by_power()[POWERS - 1], 5);
        histogram.reset();
        assert_eq!((histogram.bytes(), histogram.counters()[0].get()), (4096, 0));
    }

    #[test]
    fn a_difference_needs_counts_that_only_grew() {
        let (mut before, mut now) = (Durations::default(), Durations::default());
        assert_eq!(now.since(&before).map(|since| since.calls()), Some(0));
        before.count(3, 1000);
        assert!(now.since(&before).is_none(), "they began anew");
        now.count(3, 1000);
        now.count(1, 5000);
        let since = now.since(&before).expect("a difference");
        assert_eq!((since.calls(), since.quantile_us(0.5)), (1, Some(5.12)));
        assert_eq!(Durations::default().quantile_us(0.5), None);
    }

    #[test]
    fn others_read_while_the_owner_counts() {
        let histogram = Histogram::default();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for ns in 0..20_000 {
                    histogram.record(1, ns);
                }
            });
            let mut seen = 0;
            while seen < 20_000 {
                let mut durations = Durations::default();
                durations.add(&histogram);
                assert!(durations.calls() >= seen, "counts only grow");
                seen = durations.calls();
            }
        });
    }
}
