//! Space on the disk: how long the log may grow before a snapshot is taken on its account, so that log and snapshots together
//! hold three times the data at most, however well snapshots compress.
//!
//! While one is written there are the one before it, the new one, and the log, which goes on growing. Values that do not compress
//! leave one third to the log; where they compress, snapshots are small, and `auto-aof-rewrite-percentage` alone bounds it.
//! `auto-aof-rewrite-min-size` is the floor: below it more frequent snapshots would cost more than the space is worth.

use flashdb_config::Settings;
use flashdb_snapshot::SnapshotInfo;

/// Log and snapshots, in sizes of the data.
const TIMES_DATA: u64 = 3;

/// An operator who sets more wants fewer snapshots, and has the space.
const USUAL_PERCENTAGE: u64 = 200;

/// What bounds the log.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Bytes of the data, as a snapshot holds it unpacked.
    pub data: u64,
    /// Bytes of the newest snapshot's file.
    pub snapshot: u64,
    /// Bytes that came to the log while it was written.
    pub meanwhile: u64,
}

impl Sizes {
    /// By the newest snapshot; nothing is known without one.
    pub fn of(newest: Option<&SnapshotInfo>, meanwhile: u64) -> Self {
        // What only changed does not tell how much there is; the share of that is bound enough.
        let full = newest.filter(|info| info.meta.is_full());
        Sizes {
            data: newest.map_or(0, |info| info.totals.raw_bytes),
            snapshot: full.map_or(0, |info| info.file_bytes),
            meanwhile: full.map_or(0, |_| meanwhile),
        }
    }

    /// Bytes of log behind the newest snapshot above which the next one is taken.
    pub fn log_bound(&self, settings: &Settings) -> u64 {
        let percentage = u64::from(settings.auto_aof_rewrite_percentage);
        let by_share = self.data / 100 * percentage;
        if percentage > USUAL_PERCENTAGE {
            return settings.auto_aof_rewrite_min_size.max(by_share);
        }
        let room = (TIMES_DATA * self.data).saturating_sub(2 * self.snapshot + self.meanwhile);
        // Whatever happened during the last one, a snapshot must not follow upon a snapshot.
        let by_space = room.max(self.data / 2);
        settings.auto_aof_rewrite_min_size.max(by_share.min(by_space))
    }

    /// Whether what is kept, the next snapshot and the log are more than there should be: then the oldest go before it is
    /// written and not afterwards.
    pub fn is_tight(&self, kept: u64, logged: u64) -> bool {
        kept + self.snapshot + logged > TIMES_DATA * self.data
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1 << 20;

    #[test]
    fn the_log_gets_what_snapshots_leave() {
        let settings = Settings::default();
        let bound = |data, snapshot, meanwhile| {
            let sizes = Sizes {
                data: data * MB,
                snapshot: snapshot * MB,
                meanwhile: meanwhile * MB,
            };
            sizes.log_bound(&settings) / MB
        };
        assert_eq!(bound(0, 0, 0), 64, "the floor");
        assert_eq!(bound(20, 20, 0), 64);
        assert_eq!(bound(1000, 200, 0), 2000, "the percentage");
        assert_eq!(bound(1000, 1000, 100), 900, "nothing compresses");
        assert_eq!(bound(1000, 1000, 5000), 500, "written slowly");
        let wanted = Settings {
            auto_aof_rewrite_percentage: 1000,
            ..Settings::default()
        };
        let sizes = Sizes {
            data: 1000 * MB,
            snapshot: 1000 * MB,
            meanwhile: 0,
        };
        assert_eq!(sizes.log_bound(&wanted) / MB, 10000, "as set");
    }

    #[test]
    fn together_it_is_three_times_the_data() {
        let settings = Settings::default();
        for snapshot in [100, 300, 500, 800, 1000] {
            let sizes = Sizes {
                data: 1000 * MB,
                snapshot: snapshot * MB,
                meanwhile: 50 * MB,
            };
            let most = 2 * sizes.snapshot + sizes.log_bound(&settings) + sizes.meanwhile;
            assert!(most <= 3 * sizes.data, "{snapshot}");
            assert!(!sizes.is_tight(sizes.snapshot, sizes.log_bound(&settings)));
        }
        let sizes = Sizes {
            data: 1000 * MB,
            snapshot: 1000 * MB,
            meanwhile: 0,
        };
        assert!(sizes.is_tight(2000 * MB, 900 * MB));
    }
}
