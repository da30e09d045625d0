//! How much memory a job of the playground may take: what `maxmemory` leaves, and never more than a part of what the machine
//! has free. Looked at before and, by the figures of each second, meanwhile.

use crate::App;
use crate::error::ApiError;
use axum::http::StatusCode;
use serde_json::json;

/// Share of what is free that a job may take.
const SHARE: f64 = 0.5;

/// See the module's head.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Memory in use when it was looked at.
    used_bytes: u64,
    /// What may come on top.
    free_bytes: u64,
    /// Keys evicted until then.
    evicted: u64,
}

impl Room {
    /// As of this moment.
    pub fn now(app: &App) -> Self {
        let used_bytes = used_bytes(app);
        let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let limit_bytes = app.engine.config().settings().maxmemory;
        Room {
            used_bytes,
            free_bytes: free_bytes(used_bytes, limit_bytes, available_bytes(&meminfo)),
            evicted: evicted(app),
        }
    }

    /// Refuses what would take more than there is.
    ///
    /// # Errors
    /// 409 `CONFLICT` with the bytes that it would take and that there are.
    pub fn check(&self, wanted_bytes: u64) -> Result<(), ApiError> {
        if wanted_bytes <= self.free_bytes {
            return Ok(());
        }
        let message = format!(
            "this would take about {} MiB, and there is room for {} MiB",
            wanted_bytes >> 20,
            self.free_bytes >> 20
        );
        let details = json!({"wanted_bytes": wanted_bytes, "free_bytes": self.free_bytes});
        Err(ApiError::conflict(message).with(details))
    }

    /// Refuses to go on once the room is used up, by whomever, or keys make room.
    ///
    /// # Errors
    /// 503 `BUSY`.
    pub fn check_now(&self, app: &App) -> Result<(), ApiError> {
        let grown_bytes = used_bytes(app).saturating_sub(self.used_bytes);
        if grown_bytes <= self.free_bytes && evicted(app) <= self.evicted {
            return Ok(());
        }
        Err(ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "BUSY",
            "it was ended, since the memory that it may take is used up or keys are being evicted",
        ))
    }
}

fn used_bytes(app: &App) -> u64 {
    let newest = app.sampler.watch().borrow().clone();
    newest.map_or(0, |moment| moment.sample.mem)
}

fn evicted(app: &App) -> u64 {
    let newest = app.sampler.watch().borrow().clone();
    newest.map_or(0, |moment| moment.sample.evicted_total)
}

fn free_bytes(used_bytes: u64, limit_bytes: u64, available_bytes: u64) -> u64 {
    let of_machine = (available_bytes as f64 * SHARE) as u64;
    match limit_bytes {
        0 => of_machine,
        limit => of_machine.min(limit.saturating_sub(used_bytes)),
    }
}

/// `MemAvailable`; nothing where it is not told.
fn available_bytes(meminfo: &str) -> u64 {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) << 10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smaller_of_both_limits_counts() {
        assert_eq!(
            available_bytes("MemFree: 1 kB\nMemAvailable:   2048 kB\n"),
            2 << 20
        );
        assert_eq!(available_bytes(""), 0);
        assert_eq!(free_bytes(100, 0, 1000), 500);
        assert_eq!(free_bytes(100, 300, 1000), 200);
        assert_eq!(free_bytes(100, 50, 1000), 0);
        let room = Room {
            used_bytes: 0,
            free_bytes: 10,
            evicted: 0,
        };
        assert!(room.check(10).is_ok() && room.check(11).is_err());
    }
}
