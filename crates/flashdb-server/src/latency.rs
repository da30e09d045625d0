//! The latency monitor: per event the last 160 spikes above `latency-monitor-threshold`, at most
//! one per second (the worst), as LATENCY HISTORY and LATEST show them.

use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};

/// Samples kept per event.
const SAMPLES_MAX: usize = 160;

/// Spikes of one event.
#[derive(Clone, Debug, Default)]
pub struct Spikes {
    /// (Unix seconds, ms), oldest first.
    pub samples: VecDeque<(i64, u64)>,
    /// Worst ever, ms.
    pub max_ms: u64,
}

/// All events.
#[derive(Default)]
pub struct LatencyMonitor(Mutex<BTreeMap<&'static str, Spikes>>);

impl LatencyMonitor {
    /// Notes that `event` took `ms` at `time` (Unix seconds).
    pub fn add(&self, event: &'static str, time: i64, ms: u64) {
        let mut events = self.0.lock();
        let spikes = events.entry(event).or_default();
        spikes.max_ms = spikes.max_ms.max(ms);
        match spikes.samples.back_mut() {
            Some((at, worst)) if *at == time => *worst = (*worst).max(ms),
            _ => {
                if spikes.samples.len() == SAMPLES_MAX {
                    spikes.samples.pop_front();
                }
                spikes.samples.push_back((time, ms));
            }
        }
    }

    /// Spikes of one event.
    pub fn get(&self, event: &str) -> Option<Spikes> {
        self.0.lock().get(event).cloned()
    }

    /// All events by name.
    pub fn all(&self) -> Vec<(&'static str, Spikes)> {
        self.0
            .lock()
            .iter()
            .map(|(name, spikes)| (*name, spikes.clone()))
            .collect()
    }

    /// Forgets the events named, or all; returns how many there were.
    pub fn reset(&self, names: &[&str]) -> usize {
        let mut events = self.0.lock();
        let before = events.len();
        if names.is_empty() {
            events.clear();
        } else {
            events.retain(|name, _| !names.contains(name));
        }
        before - events.len()
    }
}
