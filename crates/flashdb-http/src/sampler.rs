//! The figures of each second: read once for all viewers, kept for an hour, the newest handed to whoever watches. What is a
//! rate comes from two readings; what is not known is null, never zero.

use flashdb_server::engine::{DatabaseFigures, Figures, LoadFigures, State};
use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::watch;

/// Points that are kept.
pub(crate) const POINTS_MAX: usize = 3600;
/// Time between two.
pub(crate) const INTERVAL_MS: u64 = 1000;

/// Where the server stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Stage {
    Loading,
    Ready,
    Stopping,
}

impl From<State> for Stage {
    fn from(state: State) -> Self {
        match state {
            State::Loading => Stage::Loading,
            State::Ready => Stage::Ready,
            State::Stopping => Stage::Stopping,
        }
    }
}

macro_rules! sample {
    ($($(#[doc = $doc:literal])* $name:ident: $type:ty,)*) => {
        /// The figures of one moment.
        #[derive(Clone, Debug, Serialize, JsonSchema)]
        pub(crate) struct Sample {
            $($(#[doc = $doc])* pub $name: $type,)*
            /// Where the server stands.
            pub state: Stage,
        }

        impl Sample {
            /// Names of the numbers, in the order of [`Sample::point`].
            pub const FIELDS: &'static [&'static str] = &[$(stringify!($name)),*];

            /// The numbers in a row.
            pub fn point(&self) -> Vec<serde_json::Value> {
                vec![$(self.$name.into()),*]
            }
        }
    };
}

sample! {
    /// Unix time, ms.
    t: i64,
    /// Keys of all databases.
    keys: u64,
    /// Those that carry an expiry.
    expires: u64,
    /// Commands per second.
    ops: Option<f64>,
    /// Commands since the start.
    ops_total: u64,
    /// Reading commands per second.
    reads: Option<f64>,
    /// Writing commands per second.
    writes: Option<f64>,
    /// Error replies per second.
    errors: Option<f64>,
    /// Time in a command that half of the last second's stayed below, at most a sixteenth too high, µs.
    p50_us: Option<f64>,
    /// As `p50_us`, of 95 %.
    p95_us: Option<f64>,
    /// As `p50_us`, of 99 %.
    p99_us: Option<f64>,
    /// As `p50_us`, of 99.9 %.
    p999_us: Option<f64>,
    /// Memory in use, bytes.
    mem: u64,
    /// The most there was, bytes.
    mem_peak: u64,
    /// Resident memory, bytes.
    rss: u64,
    /// `maxmemory`, bytes; 0 for no limit.
    maxmemory: u64,
    /// Memory of entries, values and tables, bytes.
    dataset: u64,
    /// Memory of connections, bytes.
    clients_mem: u64,
    /// Connections.
    clients: u64,
    /// Those that wait in a command.
    blocked: u64,
    /// Lookups that found a key.
    hits_total: u64,
    /// Lookups that did not.
    misses_total: u64,
    /// Share of lookups in the last second that found a key.
    hit_ratio: Option<f64>,
    /// Bytes from clients per second.
    net_in: Option<f64>,
    /// Bytes to clients per second.
    net_out: Option<f64>,
    /// Keys whose time had come, since the start.
    expired_total: u64,
    /// Keys removed for `maxmemory`, since the start.
    evicted_total: u64,
    /// Cores in use by the process.
    cpu: Option<f64>,
    /// Time since the start, seconds.
    uptime_s: i64,
    /// How much of the snapshot being taken was captured, 0 to 1; null while none is.
    snapshot_captured: Option<f64>,
    /// When the newest complete snapshot was cut, Unix ms; null for none.
    snapshot_newest_ms: Option<i64>,
    /// Snapshots taken since the start.
    snapshots_total: u64,
    /// How much of the data that is being loaded was read, 0 to 1; null while none is.
    load_share: Option<f64>,
    /// Keys of snapshots loaded per second; null while none are, and in the first second.
    load_keys: Option<f64>,
    /// Records of the log executed per second, likewise.
    load_records: Option<f64>,
    /// Time that the rest will take at the pace so far, seconds; null while that is not known.
    load_rest_s: Option<f64>,
    /// When a setting was changed last in this run, Unix ms; null for never.
    config_changed_ms: Option<i64>,
    /// Part of `rss`: entries and values, bytes. The five of these add up to it.
    rss_data: u64,
    /// Part of `rss`: hash tables, tables of what expires, counts by prefix.
    rss_index: u64,
    /// Part of `rss`: connections, what clients remember, the log's buffer, these figures.
    rss_buffers: u64,
    /// Part of `rss`: the program, what an empty server takes, scripts.
    rss_program: u64,
    /// Part of `rss`: all the rest, such as free memory of the allocator, rounding and stacks.
    rss_other: u64,
}

impl Sample {
    fn of(now: &Figures, before: Option<&Figures>, started_ms: i64) -> Self {
        let seconds = before.map_or(0.0, |before| (now.at_ms - before.at_ms) as f64 / 1000.0);
        let rate = |pick: fn(&Figures) -> u64| {
            let difference = before.and_then(|before| pick(now).checked_sub(pick(before)));
            // Counters go back to zero by CONFIG RESETSTAT: that second has no rate.
            difference
                .filter(|_| seconds > 0.0)
                .map(|difference| difference as f64 / seconds)
        };
        let latency = before.and_then(|before| now.latency.since(&before.latency));
        let percentile = |share: f64| latency.as_ref().and_then(|latency| latency.quantile_us(share));
        let (hits, misses) = (
            rate(|figures| figures.hits_total),
            rate(|figures| figures.misses_total),
        );
        let looked_up = hits.zip(misses).map(|(hits, misses)| (hits, hits + misses));
        let [program, server, tables, expiry, data, index, ..] = now.resident.parts;
        let [.., clients, tracking, scripts, log, http, other] = now.resident.parts;
        let cpu_seconds = before.map(|before| now.cpu_seconds_total - before.cpu_seconds_total);
        // Of another load, or before one, there is nothing to compare with.
        let loads = now.load.zip(before.and_then(|before| before.load));
        let loads = loads.filter(|(now, before)| now.began_ms == before.began_ms && seconds > 0.0);
        let load_rate = |pick: fn(&LoadFigures) -> u64| {
            loads.map(|(now, before)| pick(&now).saturating_sub(pick(&before)) as f64 / seconds)
        };
        Sample {
            t: now.at_ms,
            keys: now.databases.iter().map(|database| database.keys).sum(),
            expires: now.databases.iter().map(|database| database.expires).sum(),
            ops: rate(|figures| figures.commands_total),
            ops_total: now.commands_total,
            reads: rate(|figures| figures.reads_total),
            writes: rate(|figures| figures.writes_total),
            errors: rate(|figures| figures.errors_total),
            p50_us: percentile(0.5),
            p95_us: percentile(0.95),
            p99_us: percentile(0.99),
            p999_us: percentile(0.999),
            mem: now.used_bytes,
            mem_peak: now.used_peak_bytes,
            rss: now.resident.total_bytes as u64,
            maxmemory: now.maxmemory_bytes,
            dataset: now.data_bytes,
            clients_mem: now.clients_bytes,
            clients: now.clients,
            blocked: now.blocked,
            hits_total: now.hits_total,
            misses_total: now.misses_total,
            hit_ratio: looked_up
                .filter(|(_, all)| *all > 0.0)
                .map(|(hits, all)| hits / all),
            net_in: rate(|figures| figures.input_bytes_total),
            net_out: rate(|figures| figures.output_bytes_total),
            expired_total: now.expired_total,
            evicted_total: now.evicted_total,
            cpu: cpu_seconds
                .filter(|_| seconds > 0.0)
                .map(|cpu| (cpu / seconds).max(0.0)),
            uptime_s: (now.at_ms - started_ms).max(0) / 1000,
            snapshot_captured: now.snapshots.captured,
            snapshot_newest_ms: now.snapshots.newest_ms,
            snapshots_total: now.snapshots.taken_total,
            load_share: now.load.and_then(|load| load.share()),
            load_keys: load_rate(|load| load.keys),
            load_records: load_rate(|load| load.records),
            load_rest_s: now.load.and_then(|load| load.rest_s()),
            config_changed_ms: now.config_changed_ms.map(|ms| ms as i64),
            rss_data: data as u64,
            rss_index: (tables + expiry + index) as u64,
            rss_buffers: (clients + tracking + log + http) as u64,
            rss_program: (program + server + scripts) as u64,
            rss_other: other as u64,
            state: now.state.into(),
        }
    }
}

/// A sample, with what only some ask for.
pub(crate) struct Moment {
    pub sample: Sample,
    pub databases: Vec<DatabaseFigures>,
}

/// See the module's head.
pub(crate) struct Sampler {
    newest: watch::Sender<Option<Arc<Moment>>>,
    history: Mutex<VecDeque<Arc<Moment>>>,
    before: Mutex<Option<Figures>>,
}

impl Default for Sampler {
    fn default() -> Self {
        Sampler {
            newest: watch::Sender::new(None),
            history: Mutex::default(),
            before: Mutex::default(),
        }
    }
}

impl Sampler {
    /// Takes the sample of this second and answers it.
    pub fn take(&self, figures: Figures, started_ms: i64) -> Arc<Moment> {
        let mut before = self.before.lock();
        let moment = Arc::new(Moment {
            sample: Sample::of(&figures, before.as_ref(), started_ms),
            databases: figures.databases.clone(),
        });
        *before = Some(figures);
        let mut history = self.history.lock();
        if history.len() == POINTS_MAX {
            history.pop_front();
        }
        history.push_back(moment.clone());
        drop((before, history));
        self.newest.send_replace(Some(moment.clone()));
        moment
    }

    /// The newest sample, and to be told of the next ones.
    pub fn watch(&self) -> watch::Receiver<Option<Arc<Moment>>> {
        self.newest.subscribe()
    }

    /// Memory of the figures that are kept, about, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let history = self.history.lock();
        let databases = history.back().map_or(0, |moment| moment.databases.len());
        history.len() * (size_of::<Moment>() + databases * size_of::<DatabaseFigures>())
    }

    /// At most `limit` of the newest samples after `since_ms`, oldest first.
    pub fn history(&self, since_ms: i64, limit: usize) -> Vec<Arc<Moment>> {
        let history = self.history.lock();
        let from = history.partition_point(|moment| moment.sample.t <= since_ms);
        let from = from.max(history.len().saturating_sub(limit));
        history.range(from..).cloned().collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use flashdb_server::engine::SnapshotFigures;
    use flashdb_server::engine::{Durations, Resident};

    /// A sample of an idle server.
    pub(crate) fn sample_at(t: i64) -> Sample {
        let mut sample = Sample::of(&figures(0), None, 0);
        sample.t = t;
        sample
    }

    fn figures(second: u64) -> Figures {
        let mut latency = Durations::default();
        for (calls, ns) in [(50, 200), (49, 4_100), (1, 410_000)] {
            latency.count(calls * second, ns);
        }
        Figures {
            at_ms: 1000 * second as i64,
            state: State::Ready,
            databases: vec![DatabaseFigures {
                db: 0,
                keys: 7,
                expires: 2,
            }],
            commands_total: 100 * second,
            reads_total: 80 * second,
            writes_total: 20 * second,
            errors_total: 0,
            latency,
            by_command: Vec::new(),
            used_bytes: 1,
            used_peak_bytes: 2,
            resident: Resident::default(),
            maxmemory_bytes: 0,
            data_bytes: 1,
            clients_bytes: 1,
            clients: 1,
            blocked: 0,
            hits_total: 3 * second,
            misses_total: second,
            rejected_total: 0,
            input_bytes_total: 0,
            output_bytes_total: 0,
            expired_total: 0,
            evicted_total: 0,
            cpu_seconds_total: 0.5 * second as f64,
            snapshots: SnapshotFigures::default(),
            load: None,
            config_changed_ms: None,
        }
    }

    #[test]
    fn rates_need_two_readings_and_survive_a_reset() {
        let sampler = Sampler::default();
        sampler.take(figures(1), 0);
        sampler.take(figures(3), 0);
        sampler.take(figures(0), 0);
        let history = sampler.history(-1, 10);
        let sample = |at: usize| &history[at].sample;
        assert_eq!(
            (sample(0).ops, sample(0).p50_us, sample(0).hit_ratio),
            (None, None, None)
        );
        assert_eq!(
            (sample(1).ops, sample(1).reads, sample(1).cpu),
            (Some(100.0), Some(80.0), Some(0.5))
        );
        assert_eq!(sample(1).hit_ratio, Some(0.75));
        assert_eq!((sample(1).p50_us, sample(1).p95_us), (Some(0.208), Some(4.352)));
        assert_eq!(
            (sample(1).p99_us, sample(1).p999_us),
            (Some(4.352), Some(425.984))
        );
        assert_eq!((sample(2).ops, sample(2).p50_us), (None, None));
        assert_eq!(sample(1).point().len(), Sample::FIELDS.len());
    }

    #[test]
    fn a_load_has_a_pace_once_it_was_seen_twice() {
        let sampler = Sampler::default();
        let loading = |second: u64, began_ms| Figures {
            state: State::Loading,
            load: Some(LoadFigures {
                began_ms,
                elapsed_ms: 1000 * second,
                total_bytes: 1000,
                done_bytes: 100 * second,
                keys: 50_000 * second,
                records: 0,
            }),
            ..figures(second)
        };
        sampler.take(loading(1, 7), 0);
        sampler.take(loading(3, 7), 0);
        sampler.take(loading(4, 8), 0);
        sampler.take(figures(5), 0);
        let history = sampler.history(-1, 10);
        let told = |at: usize| {
            let sample = &history[at].sample;
            (sample.load_share, sample.load_keys, sample.load_rest_s)
        };
        assert_eq!(told(0), (Some(0.1), None, Some(9.0)));
        assert_eq!(told(1), (Some(0.3), Some(50_000.0), Some(7.0)));
        assert_eq!(told(2), (Some(0.4), None, Some(6.0)), "another load");
        assert_eq!(told(3), (None, None, None));
        assert_eq!(history[1].sample.load_records, Some(0.0));
    }

    #[test]
    fn an_hour_is_kept_and_its_end_can_be_asked_for() {
        let sampler = Sampler::default();
        for second in 1..=POINTS_MAX as u64 + 10 {
            sampler.take(figures(second), 0);
        }
        let all = sampler.history(0, usize::MAX);
        assert_eq!((all.len(), all[0].sample.t), (POINTS_MAX, 11_000));
        let end = sampler.history(3_605_000, 2);
        assert_eq!(
            end.iter().map(|moment| moment.sample.t).collect::<Vec<_>>(),
            [3_609_000, 3_610_000]
        );
        assert!(sampler.history(i64::MAX, 5).is_empty());
    }
}
