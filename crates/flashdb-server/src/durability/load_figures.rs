//! How far a load has come, for INFO, the supervisor and the HTTP interface. It is told of bytes, since nobody knows beforehand
//! how many keys there will be once the log was executed.

use crate::server::Server;
use flashdb_base::clock;
use std::sync::atomic::Ordering;

/// See the module's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadFigures {
    /// When it began, Unix ms; 0 before.
    pub began_ms: i64,
    /// Time since then.
    pub elapsed_ms: u64,
    /// Bytes of snapshots and log to be read.
    pub total_bytes: u64,
    /// Bytes read.
    pub done_bytes: u64,
    /// Keys loaded from snapshots.
    pub keys: u64,
    /// Records of the log executed.
    pub records: u64,
}

impl LoadFigures {
    /// Those of the load under way; `None` while none is.
    pub fn of(server: &Server) -> Option<Self> {
        let durability = server.durability.get().filter(|_| server.is_loading())?;
        let progress = &durability.progress;
        let total_bytes = progress.bytes_total.load(Ordering::Relaxed);
        let began_ms = durability.load_began_ms.load(Ordering::Relaxed);
        Some(LoadFigures {
            began_ms,
            elapsed_ms: match began_ms {
                0 => 0,
                began_ms => u64::try_from(clock::unix_ms() as i64 - began_ms).unwrap_or(0),
            },
            total_bytes,
            done_bytes: progress.bytes_done.load(Ordering::Relaxed).min(total_bytes),
            keys: progress.keys.load(Ordering::Relaxed),
            records: progress.records.load(Ordering::Relaxed),
        })
    }

    /// How much of it is done, 0 to 1; `None` where it is not known how much there is.
    pub fn share(&self) -> Option<f64> {
        (self.total_bytes > 0).then(|| self.done_bytes as f64 / self.total_bytes as f64)
    }

    /// Time that the rest will take at the pace so far, seconds; `None` where there was none yet.
    pub fn rest_s(&self) -> Option<f64> {
        let rest_bytes = (self.total_bytes - self.done_bytes) as f64;
        (self.done_bytes > 0).then(|| self.elapsed_ms as f64 / 1000.0 / self.done_bytes as f64 * rest_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(done_bytes: u64, total_bytes: u64) -> LoadFigures {
        LoadFigures {
            began_ms: 0,
            elapsed_ms: 3000,
            total_bytes,
            done_bytes,
            keys: 0,
            records: 0,
        }
    }

    #[test]
    fn what_is_not_known_is_none() {
        assert_eq!((figures(0, 0).share(), figures(0, 0).rest_s()), (None, None));
        assert_eq!((figures(0, 9).share(), figures(0, 9).rest_s()), (Some(0.0), None));
        assert_eq!(
            (figures(3, 12).share(), figures(3, 12).rest_s()),
            (Some(0.25), Some(9.0))
        );
        assert_eq!(
            (figures(9, 9).share(), figures(9, 9).rest_s()),
            (Some(1.0), Some(0.0))
        );
    }
}
