//! Which key number the next request takes: uniform, Zipf, sequential or latest.
//!
//! Numbers are in `0..keyspace`. Under Zipf number 0 is the hottest. Under "latest" each write takes the next number and
//! reads follow a Zipf law back from the newest one. Sequential and latest share one counter between all threads.

use flashdb_base::prng::Prng;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A distribution as the user named it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Distribution {
    /// Every number equally likely.
    Uniform,
    /// Number k with probability proportional to `(k + 1)^-exponent`.
    Zipf(f64),
    /// 0, 1, 2 and so on, again from 0 at the end.
    Sequential,
    /// See the head of the file; the exponent is that of the reads.
    Latest(f64),
}

/// The exponent when none is named: YCSB's.
pub const DEFAULT_EXPONENT: f64 = 0.99;

/// Beyond this the first key takes everything and the arithmetic loses its footing.
const EXPONENT_MAX: f64 = 20.0;

impl Distribution {
    /// Reads `uniform`, `zipf`, `zipf:1.2`, `sequential`, `latest` or `latest:0.8`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, exponent) = match text.split_once(':') {
            Some((name, number)) => (name, Some(number.parse::<f64>().ok()?)),
            None => (text, None),
        };
        if exponent.is_some_and(|exponent| !(exponent > 0.0 && exponent <= EXPONENT_MAX)) {
            return None;
        }
        match (name, exponent) {
            ("uniform", None) => Some(Self::Uniform),
            ("sequential", None) => Some(Self::Sequential),
            ("zipf", exponent) => Some(Self::Zipf(exponent.unwrap_or(DEFAULT_EXPONENT))),
            ("latest", exponent) => Some(Self::Latest(exponent.unwrap_or(DEFAULT_EXPONENT))),
            _ => None,
        }
    }
}

/// Draws key numbers for one thread.
#[derive(Clone, Debug)]
pub struct KeySource {
    keyspace: u64,
    kind: Kind,
    counter: Arc<AtomicU64>,
}

#[derive(Clone, Debug)]
enum Kind {
    Uniform,
    Zipf(Zipf),
    Sequential,
    Latest(Zipf),
}

impl KeySource {
    /// Numbers in `0..keyspace`, which is at least 1. Clones share the counter.
    pub fn new(distribution: Distribution, keyspace: u64) -> Self {
        let keyspace = keyspace.max(1);
        let kind = match distribution {
            Distribution::Uniform => Kind::Uniform,
            Distribution::Zipf(exponent) => Kind::Zipf(Zipf::new(keyspace, exponent)),
            Distribution::Sequential => Kind::Sequential,
            Distribution::Latest(exponent) => Kind::Latest(Zipf::new(keyspace, exponent)),
        };
        Self {
            keyspace,
            kind,
            counter: Arc::new(AtomicU64::new(0)),
        }
    }

    /// The number for the next request; `is_write` matters to "latest" only.
    #[inline]
    pub fn next(&mut self, prng: &mut Prng, is_write: bool) -> u64 {
        match &self.kind {
            Kind::Uniform => prng.below(self.keyspace),
            Kind::Zipf(zipf) => zipf.sample(prng) - 1,
            Kind::Sequential => self.counter.fetch_add(1, Ordering::Relaxed) % self.keyspace,
            Kind::Latest(_) if is_write => self.counter.fetch_add(1, Ordering::Relaxed) % self.keyspace,
            Kind::Latest(zipf) => {
                // Before the first write the last number counts as the newest: the keyspace is taken to be full.
                let newest = self.counter.load(Ordering::Relaxed) % self.keyspace + self.keyspace - 1;
                (newest + 1 - zipf.sample(prng)) % self.keyspace
            }
        }
    }
}

/// Zipf's law over `1..=count` by rejection-inversion (Hörmann and Derflinger 1996): O(1) memory and, for any exponent,
/// less than 1.2 tries per sample.
#[derive(Clone, Debug)]
pub struct Zipf {
    count: f64,
    exponent: f64,
    area_begin: f64,
    area_end: f64,
    /// Distance from the rounded value below which no test is needed.
    sure: f64,
}

impl Zipf {
    /// `count` at least 1, `exponent` above 0.
    pub fn new(count: u64, exponent: f64) -> Self {
        let mut zipf = Self {
            count: count as f64,
            exponent,
            area_begin: 0.0,
            area_end: 0.0,
            sure: 0.0,
        };
        zipf.area_begin = zipf.integral(1.5) - 1.0;
        zipf.area_end = zipf.integral(zipf.count + 0.5);
        zipf.sure = 2.0 - zipf.integral_inverse(zipf.integral(2.5) - zipf.density(2.0));
        zipf
    }

    /// A number in `1..=count`.
    pub fn sample(&self, prng: &mut Prng) -> u64 {
        loop {
            let area = self.area_end + prng.next_f64() * (self.area_begin - self.area_end);
            let exact = self.integral_inverse(area);
            let rounded = exact.round().clamp(1.0, self.count);
            if rounded - exact <= self.sure || area >= self.integral(rounded + 0.5) - self.density(rounded) {
                return rounded as u64;
            }
        }
    }

    fn density(&self, x: f64) -> f64 {
        (-self.exponent * x.ln()).exp()
    }

    /// The integral of the density from 1 to `x`: `(x^(1-e) - 1) / (1-e)`, which tends to `ln x` as e tends to 1.
    fn integral(&self, x: f64) -> f64 {
        let log = x.ln();
        let power = (1.0 - self.exponent) * log;
        if power.abs() < 1e-8 {
            log * (1.0 + power / 2.0)
        } else {
            log * power.exp_m1() / power
        }
    }

    fn integral_inverse(&self, area: f64) -> f64 {
        // Rounding may push the product just below -1, where no logarithm is.
        let product = (area * (1.0 - self.exponent)).max(-1.0);
        if product.abs() < 1e-8 {
            (area * (1.0 - product / 2.0)).exp()
        } else {
            (area * product.ln_1p() / product).exp()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_names() {
        for (text, expected) in [
            ("uniform", Some(Distribution::Uniform)),
            ("zipf", Some(Distribution::Zipf(DEFAULT_EXPONENT))),
            ("zipf:1.2", Some(Distribution::Zipf(1.2))),
            ("sequential", Some(Distribution::Sequential)),
            ("latest:0.5", Some(Distribution::Latest(0.5))),
            ("zipf:0", None),
            ("zipf:nan", None),
            ("zipf:x", None),
            ("uniform:1", None),
            ("gauss", None),
        ] {
            assert_eq!(Distribution::parse(text), expected, "{text}");
        }
    }

    /// Counts against the exact probabilities: each of the first ranks within five standard deviations.
    #[test]
    fn zipf_follows_its_law() {
        const SAMPLES: u64 = 400_000;
        for (count, exponent) in [
            (1000, 0.99),
            (1000, 1.0),
            (100, 0.5),
            (50, 2.5),
            (1_000_000, 1.2),
            (1, 1.0),
        ] {
            let mut prng = Prng::from_seed(5);
            let zipf = Zipf::new(count, exponent);
            let mut counts = vec![0u64; count as usize + 1];
            for _ in 0..SAMPLES {
                counts[zipf.sample(&mut prng) as usize] += 1;
            }
            let weight = |rank: u64| (rank as f64).powf(-exponent);
            let sum: f64 = (1..=count).map(weight).sum();
            for rank in (1..=count.min(20)).chain([count]) {
                let share = weight(rank) / sum;
                let expected = share * SAMPLES as f64;
                let deviation = (expected * (1.0 - share)).sqrt().max(1.0);
                let found = counts[rank as usize] as f64;
                assert!(
                    (found - expected).abs() < 5.0 * deviation,
                    "rank {rank} of {count}, exponent {exponent}: {found} against {expected}"
                );
            }
        }
    }

    #[test]
    fn uniform_covers_evenly() {
        let mut source = KeySource::new(Distribution::Uniform, 10);
        let mut prng = Prng::from_seed(6);
        let mut counts = [0u32; 10];
        for _ in 0..100_000 {
            counts[source.next(&mut prng, false) as usize] += 1;
        }
        assert!(
            counts.iter().all(|count| (9_500..10_500).contains(count)),
            "{counts:?}"
        );
    }

    #[test]
    fn sequential_is_shared_by_clones_and_wraps() {
        let mut one = KeySource::new(Distribution::Sequential, 3);
        let mut two = one.clone();
        let mut prng = Prng::from_seed(7);
        let drawn: Vec<u64> = (0..3)
            .flat_map(|_| [one.next(&mut prng, true), two.next(&mut prng, false)])
            .collect();
        assert_eq!(drawn, [0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn latest_reads_near_the_newest_write() {
        let mut source = KeySource::new(Distribution::Latest(0.99), 1000);
        let mut prng = Prng::from_seed(8);
        let writes: Vec<u64> = (0..500).map(|_| source.next(&mut prng, true)).collect();
        assert_eq!(writes, (0..500).collect::<Vec<_>>());
        let reads: Vec<u64> = (0..10_000).map(|_| source.next(&mut prng, false)).collect();
        let newest = reads.iter().filter(|&&key| key == 499).count();
        let previous = reads.iter().filter(|&&key| key == 498).count();
        assert!(newest > previous && previous > 300, "{newest} {previous}");
        assert!(reads.iter().all(|&key| key < 1000));
        let near = reads.iter().filter(|&&key| (400..500).contains(&key)).count();
        assert!(near > 6_000, "{near}");
    }
}
