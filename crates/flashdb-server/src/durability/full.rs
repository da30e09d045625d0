//! A disk that is full, or about to be. The log holds some room back (`flashdb_log::reserve`) and, once that is used, refuses what
//! clients write; here it is looked every second whether there is room again, and what can be missed makes some: snapshots and
//! archived segments that only serve going back in time, oldest first, then a snapshot that makes the log before it superfluous.
//!
//! Runs on the thread that takes snapshots.

use super::Durability;
use super::checkpoints::{self, Reason, Wish};
use crate::server::Server;
use flashdb_config::Settings;
use flashdb_log::{RunningWriter, archive};
use flashdb_snapshot::SnapshotInfo;

/// A snapshot is not begun on a full disk with less room than that beside it.
const ROOM_MIN_BYTES: u64 = 64 << 10;
/// No snapshot is taken early for the sake of a log shorter than this.
const LOG_MIN_BYTES: u64 = 1 << 20;

/// Has writes taken again, if that is possible; or a snapshot that could make it so.
pub(super) fn relieve(server: &Server, durability: &Durability) -> Option<Wish> {
    let has_room = || durability.with_writer(RunningWriter::regain).unwrap_or(true);
    if has_room() {
        return None;
    }
    let newest = durability.checkpoints.figures().newest;
    let settings = server.settings();
    if let Some(newest) = &newest
        && give_up_history(durability, &settings, newest, has_room)
    {
        return None;
    }
    let logged = durability.checkpoints.logged_since(server);
    let needed = snapshot_bytes(newest.as_ref(), logged);
    let fits = free_bytes(durability)? >= needed + needed / 4 + ROOM_MIN_BYTES;
    // Without anything behind the last one it would make no room.
    (fits && logged > 0).then(|| Wish::new(Reason::Save, None))
}

/// Makes room for the snapshot that heals a log for which there was none.
pub(super) fn prepare_healing(server: &Server, durability: &Durability) {
    let status = durability.writer_status();
    let Some(newest) = durability.checkpoints.figures().newest else {
        return;
    };
    if !status.is_some_and(|status| status.failed_for_room) {
        return;
    }
    let needed = snapshot_bytes(Some(&newest), durability.checkpoints.logged_since(server));
    let has_room = || free_bytes(durability).is_none_or(|free| free >= 2 * needed);
    if !has_room() {
        give_up_history(durability, &server.settings(), &newest, has_room);
    }
}

/// Whether the log is to be made shorter by a snapshot as long as there is room for one.
pub(super) fn is_filling_up(durability: &Durability, newest: Option<&SnapshotInfo>, logged: u64) -> bool {
    if logged < LOG_MIN_BYTES {
        return false;
    }
    let needed = snapshot_bytes(newest, logged);
    let free = free_bytes(durability).unwrap_or(u64::MAX);
    logged >= needed && (needed + needed / 4..2 * needed).contains(&free)
}

/// About how much room the next snapshot takes.
fn snapshot_bytes(newest: Option<&SnapshotInfo>, logged: u64) -> u64 {
    match newest {
        Some(info) if info.meta.is_full() => info.file_bytes + logged.min(info.totals.raw_bytes),
        Some(info) => info.totals.raw_bytes + logged,
        None => logged,
    }
}

/// Bytes free on the disk; `None` where that is not told.
fn free_bytes(durability: &Durability) -> Option<u64> {
    let folder = durability.folder();
    folder.disk().free_bytes(folder.dir()).ok()
}

/// Removes what only serves going back in time, the oldest first and no more than it takes: snapshots before the newest, apart
/// from those that somebody reads or has given a name, and archived segments. Whether that was enough.
fn give_up_history(
    durability: &Durability,
    settings: &Settings,
    newest: &SnapshotInfo,
    has_room: impl Fn() -> bool,
) -> bool {
    let folder = durability.folder();
    for chains in (1..settings.snapshot_retention.max(2) as usize).rev() {
        checkpoints::retain(durability, settings, chains, newest);
        if has_room() {
            return true;
        }
    }
    loop {
        match archive::remove_oldest(folder.disk().as_ref(), folder.dir()) {
            Ok(Some(path)) => {
                tracing::warn!(file = %path.display(), "the disk is full: removed an archived segment before its time");
            }
            Ok(None) => return false,
            Err(error) => {
                tracing::warn!(%error, "an archived segment could not be removed to make room");
                return false;
            }
        }
        // Snapshots from which it began.
        checkpoints::retain(durability, settings, 1, newest);
        if has_room() {
            return true;
        }
    }
}
