//! How long the next value is: always the same, evenly between two bounds, or from a weighted list of such.

use flashdb_base::prng::Prng;

/// The longest value: what Redis accepts as one bulk by default.
pub const VALUE_BYTES_MAX: u64 = 512 << 20;

/// A distribution of value sizes in bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueSizes {
    /// Bounds, both inclusive, with the sum of the weights up to and including this one; the last is 1.
    classes: Vec<(u64, u64, f64)>,
}

impl ValueSizes {
    /// Always `bytes`.
    pub fn fixed(bytes: u64) -> Self {
        Self {
            classes: vec![(bytes, bytes, 1.0)],
        }
    }

    /// Reads `100`, `16-512` or `32:0.7,100-200:0.2,4096:0.1` (weights of any sum); `None` when it is none of these or
    /// goes beyond [`VALUE_BYTES_MAX`].
    pub fn parse(text: &str) -> Option<Self> {
        let mut classes = Vec::new();
        let mut sum = 0.0;
        for class in text.split(',') {
            let (range, weight) = match class.split_once(':') {
                Some((range, weight)) => (range, weight.parse::<f64>().ok()?),
                None => (class, 1.0),
            };
            let (low, high) = match range.split_once('-') {
                Some((low, high)) => (low.parse().ok()?, high.parse().ok()?),
                None => {
                    let bytes: u64 = range.parse().ok()?;
                    (bytes, bytes)
                }
            };
            if low > high || high > VALUE_BYTES_MAX || !(weight > 0.0 && weight.is_finite()) {
                return None;
            }
            sum += weight;
            classes.push((low, high, sum));
        }
        for class in &mut classes {
            class.2 /= sum;
        }
        Some(Self { classes })
    }

    /// The size, when it is always the same.
    pub fn always(&self) -> Option<u64> {
        match self.classes[..] {
            [(low, high, _)] if low == high => Some(low),
            _ => None,
        }
    }

    /// The longest that may be drawn.
    pub fn max(&self) -> u64 {
        self.classes.iter().map(|class| class.1).max().unwrap_or(0)
    }

    /// The next size.
    pub fn next(&self, prng: &mut Prng) -> u64 {
        let (low, high) = match self.classes[..] {
            [(low, high, _)] => (low, high),
            _ => {
                let drawn = prng.next_f64();
                let class = self.classes.iter().find(|class| drawn < class.2);
                class
                    .or(self.classes.last())
                    .map_or((0, 0), |class| (class.0, class.1))
            }
        };
        low + prng.below(high - low + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_it_cannot_mean() {
        for text in [
            "",
            "x",
            "-",
            "9-3",
            "1:0",
            "1:-1",
            "1:nan",
            "600000000",
            "3,",
            "1-2-3",
        ] {
            assert_eq!(ValueSizes::parse(text), None, "{text}");
        }
    }

    #[test]
    fn draws_what_was_asked() {
        let mut prng = Prng::from_seed(1);
        let fixed = ValueSizes::parse("100").expect("sound");
        assert_eq!(
            (fixed.always(), fixed.max(), fixed.next(&mut prng)),
            (Some(100), 100, 100)
        );

        let range = ValueSizes::parse("16-20").expect("sound");
        let drawn: std::collections::BTreeSet<u64> = (0..500).map(|_| range.next(&mut prng)).collect();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), [16, 17, 18, 19, 20]);
        assert_eq!(range.always(), None);

        let mixed = ValueSizes::parse("32:7,100-200:2,4096:1").expect("sound");
        let drawn: Vec<u64> = (0..100_000).map(|_| mixed.next(&mut prng)).collect();
        let share = |low, high| drawn.iter().filter(|&&size| (low..=high).contains(&size)).count();
        assert!(share(32, 32).abs_diff(70_000) < 1_000);
        assert!(share(100, 200).abs_diff(20_000) < 1_000);
        assert!(share(4096, 4096).abs_diff(10_000) < 1_000);
        assert_eq!(mixed.max(), 4096);
    }
}
