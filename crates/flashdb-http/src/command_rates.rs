//! How often each command was called lately, and each family of commands in the last ten minutes, from one reading of the
//! counters a second. Memory: six readings of all commands (some 60 KB) and sixty parts of ten seconds for each family.

use flashdb_server::engine::Work;
use parking_lot::Mutex;
use std::collections::VecDeque;

/// Seconds that a rate is of, at most.
pub(crate) const SPAN_S: usize = 5;
/// Length of a part of a family's history, seconds.
pub(crate) const PART_S: i64 = 10;
/// Parts that are kept.
pub(crate) const PARTS: usize = 60;

/// See the module's head.
pub(crate) struct CommandRates {
    /// Names of the families, in order.
    families: Vec<&'static str>,
    /// Of each command, by its place: which of the families.
    family_of: Vec<usize>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// Oldest first, at most `SPAN_S + 1`.
    readings: VecDeque<Reading>,
    /// Oldest first; the present one last.
    parts: VecDeque<Part>,
    /// Readings since the start.
    taken: u64,
}

struct Reading {
    at_ms: i64,
    by_command: Vec<Work>,
}

/// What was called in some ten seconds.
struct Part {
    number: i64,
    /// Of which there are figures.
    seconds: f64,
    calls: Vec<u64>,
}

impl Part {
    fn rate(&self, family: usize) -> Option<f64> {
        (self.seconds > 0.0).then(|| self.calls[family] as f64 / self.seconds)
    }
}

/// A command in the last seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Lately {
    /// Calls per second.
    pub rate: Option<f64>,
    /// Mean time of a call, µs.
    pub mean_us: Option<f64>,
}

/// A family in the last ten minutes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Family {
    pub name: &'static str,
    /// Calls per second in the last seconds.
    pub rate: Option<f64>,
    /// And in each part, the present one last; nothing where nothing is known.
    pub history: Vec<Option<f64>>,
}

/// All that is known of one moment.
pub(crate) struct Rates {
    /// By the place of the command.
    pub commands: Vec<Lately>,
    /// Those that were called in the last ten minutes.
    pub families: Vec<Family>,
}

impl CommandRates {
    /// For commands of these families, by their place.
    pub fn new(family_names: impl Iterator<Item = &'static str>) -> Self {
        let names: Vec<&str> = family_names.collect();
        let mut families = names.clone();
        families.sort_unstable();
        families.dedup();
        let place = |name: &&'static str| families.iter().position(|family| family == name).unwrap_or(0);
        CommandRates {
            family_of: names.iter().map(place).collect(),
            families,
            kept: Mutex::default(),
        }
    }

    /// Takes the reading of this second.
    pub fn take(&self, at_ms: i64, by_command: &[Work]) {
        let mut kept = self.kept.lock();
        kept.taken += 1;
        let has_shrunk = |before: &Reading| {
            let mut pairs = before.by_command.iter().zip(by_command);
            before.at_ms >= at_ms || pairs.any(|(before, now)| now.calls < before.calls)
        };
        if kept.readings.back().is_some_and(has_shrunk) {
            // Counters began anew (CONFIG RESETSTAT), or the clock was set back.
            kept.readings.clear();
        }
        kept.begin_part(at_ms / (PART_S * 1000), self.families.len());
        let Kept { readings, parts, .. } = &mut *kept;
        if let (Some(before), Some(part)) = (readings.back(), parts.back_mut()) {
            part.seconds += (at_ms - before.at_ms) as f64 / 1000.0;
            let pairs = before.by_command.iter().zip(by_command);
            for (family, (before, now)) in self.family_of.iter().zip(pairs) {
                part.calls[*family] += now.calls - before.calls;
            }
        }
        if readings.len() > SPAN_S {
            readings.pop_front();
        }
        readings.push_back(Reading {
            at_ms,
            by_command: by_command.to_vec(),
        });
    }

    /// Whether the last reading is one of two that viewers are told.
    pub fn is_told(&self) -> bool {
        self.kept.lock().taken.is_multiple_of(2)
    }

    /// What is known now.
    pub fn now(&self) -> Rates {
        let kept = self.kept.lock();
        let (commands, of_families) = self.lately(&kept);
        let known = |family: usize| {
            let history: Vec<Option<f64>> = kept.parts.iter().map(|part| part.rate(family)).collect();
            let was_called = history.iter().flatten().any(|rate| *rate > 0.0);
            was_called.then(|| Family {
                name: self.families[family],
                rate: of_families.as_ref().map(|rates| rates[family]),
                history,
            })
        };
        Rates {
            commands,
            families: (0..self.families.len()).filter_map(known).collect(),
        }
    }

    /// Rates of commands and of families over the readings that are kept; of families none without two.
    fn lately(&self, kept: &Kept) -> (Vec<Lately>, Option<Vec<f64>>) {
        let nothing = || (vec![Lately::default(); self.family_of.len()], None);
        let (Some(first), Some(last)) = (kept.readings.front(), kept.readings.back()) else {
            return nothing();
        };
        let seconds = (last.at_ms - first.at_ms) as f64 / 1000.0;
        if seconds <= 0.0 {
            return nothing();
        }
        let mut families = vec![0.0; self.families.len()];
        let mut commands = Vec::with_capacity(self.family_of.len());
        let pairs = first.by_command.iter().zip(&last.by_command);
        for (family, (before, now)) in self.family_of.iter().zip(pairs) {
            let calls = (now.calls - before.calls) as f64;
            let time_ns = now.time_ns.saturating_sub(before.time_ns) as f64;
            families[*family] += calls / seconds;
            commands.push(Lately {
                rate: Some(calls / seconds),
                mean_us: (calls > 0.0).then(|| time_ns / calls / 1000.0),
            });
        }
        (commands, Some(families))
    }

    /// Memory of what is kept, about, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let kept = self.kept.lock();
        let parts = kept.parts.len() * self.families.len() * size_of::<u64>();
        parts + kept.readings.len() * self.family_of.len() * size_of::<Work>()
    }
}

impl Kept {
    /// Makes the part of this number the present one; those between, of which nothing is known, are kept as such.
    fn begin_part(&mut self, number: i64, families_count: usize) {
        let empty = |number| Part {
            number,
            seconds: 0.0,
            calls: vec![0; families_count],
        };
        let last = self
            .parts
            .back()
            .map_or(number - PARTS as i64, |part| part.number);
        if number < last {
            self.parts.clear();
        }
        let first = if number < last {
            number - PARTS as i64 + 1
        } else {
            last + 1
        };
        for number in first.max(number - PARTS as i64 + 1)..=number {
            if self.parts.len() == PARTS {
                self.parts.pop_front();
            }
            self.parts.push_back(empty(number));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two strings and a hash.
    fn rates() -> CommandRates {
        CommandRates::new(["string", "hash", "string"].into_iter())
    }

    fn work(calls: [u64; 3]) -> Vec<Work> {
        let of = |calls| Work {
            calls,
            time_ns: calls * 2000,
        };
        calls.map(of).to_vec()
    }

    #[test]
    fn rates_are_of_the_last_seconds() {
        let rates = rates();
        assert_eq!(rates.now().commands, vec![Lately::default(); 3]);
        for second in 0..20u64 {
            let before = if second < 15 { 1000 * second } else { 14_000 };
            rates.take(1_000_000 + second as i64 * 1000, &work([before, 10 * second, 0]));
        }
        let now = rates.now();
        let lately = |rate, mean_us| Lately {
            rate: Some(rate),
            mean_us,
        };
        assert_eq!(
            now.commands,
            [lately(0.0, None), lately(10.0, Some(2.0)), lately(0.0, None)]
        );
        let names: Vec<_> = now
            .families
            .iter()
            .map(|family| (family.name, family.rate))
            .collect();
        assert_eq!(names, [("hash", Some(10.0)), ("string", Some(0.0))]);
        let strings = &now.families[1].history;
        assert_eq!(strings.len(), PARTS);
        assert!(strings[..58].iter().all(Option::is_none), "before the start");
        assert_eq!(strings[58..], [Some(1000.0), Some(500.0)]);
    }

    #[test]
    fn counters_that_begin_anew_have_no_rate_and_lose_no_history() {
        let rates = rates();
        rates.take(10_000, &work([100, 0, 0]));
        rates.take(11_000, &work([200, 0, 0]));
        rates.take(12_000, &work([5, 0, 0]));
        assert_eq!(rates.now().commands[0], Lately::default());
        assert_eq!(rates.now().families[0].rate, None);
        rates.take(13_000, &work([10, 0, 0]));
        assert_eq!(rates.now().commands[0].rate, Some(5.0));
        assert_eq!(rates.now().families[0].history.last(), Some(&Some(52.5)));
        // The clock is set back.
        rates.take(1000, &work([20, 0, 0]));
        assert_eq!(rates.now().commands[0], Lately::default());
    }

    #[test]
    fn what_was_missed_is_a_hole_and_memory_is_bounded() {
        let rates = rates();
        let mut most = 0;
        for at in 0..200i64 {
            // Ten seconds, then forty of nothing.
            rates.take(at / 10 * 50_000 + at % 10 * 1000, &work([at as u64, 0, 0]));
            most = most.max(rates.memory_bytes());
        }
        assert_eq!(most, PARTS * 2 * 8 + (SPAN_S + 1) * 3 * size_of::<Work>());
        let history = rates.now().families[0].history.clone();
        assert_eq!(history.len(), PARTS);
        assert_eq!(history.iter().filter(|part| part.is_none()).count(), 48);
    }
}
