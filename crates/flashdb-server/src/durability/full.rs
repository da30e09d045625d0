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
use flashdb_snapshot::{Catalog, Held, Retention, SnapshotInfo};

/// A snapshot is not begun on a full disk with less room than that beside it.
const ROOM_MIN_BYTES: u64 = 64 << 10;
/// No snapshot is taken early for the sake of a log shorter than this.
const LOG_MIN_BYTES: u64 = 1 << 20;

/// Has writes taken again, if that is possible; or a snapshot that could make it so.
pub(super) fn relieve(server: &Server, durability: &Durability) -> Option<Wish> {
    // Once the log has failed, no room makes it work: that is healed otherwise, and nothing more has to go.
    let log = server.space.log();
    let has_room = || log.has_failed() || durability.with_writer(RunningWriter::regain).unwrap_or(true);
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
    let fits = free_bytes(durability)? >= just_enough(needed);
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
    let Some(free) = free_bytes(durability) else {
        return;
    };
    // The log counts raw in what is needed: what overwrites the same keys again and again takes no more than the last one did.
    let least = if newest.meta.is_full() {
        newest.file_bytes
    } else {
        needed
    };
    let Some(wanted) = room_to_make((needed, least), free, removable_bytes(durability, &newest)) else {
        return;
    };
    let has_room = || free_bytes(durability).is_none_or(|free| free >= wanted);
    if !has_room() {
        give_up_history(durability, &server.settings(), &newest, has_room);
    }
}

/// The free room to be reached for a snapshot of so many bytes, and at least so many: with some to spare, or what just does. `None`
/// where even all that can be removed would not do: then nothing is to go.
fn room_to_make((needed, least): (u64, u64), free: u64, removable: u64) -> Option<u64> {
    let reachable = free.saturating_add(removable);
    let ample = 2 * needed;
    [ample, just_enough(needed), just_enough(least)]
        .into_iter()
        .find(|wanted| *wanted <= reachable)
}

/// So much comes free by giving up all history: the archive, and the snapshots that go once it is empty. None of those that the newest
/// one builds on, that somebody reads, or that have a name.
fn removable_bytes(durability: &Durability, newest: &SnapshotInfo) -> u64 {
    let folder = durability.folder();
    let all_history = Retention {
        chains: 1,
        reach_back_to: None,
    };
    let bytes_leaving = |catalog: &mut Catalog, held: &Held| {
        let leaving = catalog.leaving(all_history, held);
        leaving.iter().map(|info| info.file_bytes).sum()
    };
    let snapshots: u64 = folder.catalog().map_or(0, |mut catalog| {
        durability
            .pins
            .while_held(&mut catalog, newest.meta.id, bytes_leaving)
    });
    snapshots + archive::bytes(folder.disk().as_ref(), folder.dir()).unwrap_or(0)
}

/// The room in which a snapshot of so many bytes is begun.
fn just_enough(needed: u64) -> u64 {
    needed + needed / 4 + ROOM_MIN_BYTES
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
pub(super) fn free_bytes(durability: &Durability) -> Option<u64> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bootstrap::test_server::TestServer;
    use flashdb_snapshot::Chain;

    /// What is counted is what goes: neither what the newest one builds on, nor what somebody reads, nor what has a name.
    #[test]
    fn no_more_is_counted_than_can_go() {
        let mut server = TestServer::start(&["--snapshot-incremental", "yes", "--snapshot-retention", "9"]);
        let take = |server: &mut TestServer, words: &str| {
            server.ask(&["set", "key", words]);
            let request: Vec<&str> = words.split(' ').collect();
            let answer = server.ask(&request);
            assert!(!answer.starts_with('-'), "{words}: {answer}");
        };
        // A tree that can go, one that is read, and the newest: a chain of three, of which one has a name.
        for words in [
            "save",
            "save",
            "snapshot.create FULL TEMPORARY",
            "snapshot.create named FULL",
            "save",
            "save",
        ] {
            take(&mut server, words);
        }
        let shared = server.server.clone();
        let durability = shared.durability.get().expect("a data folder");
        let catalog = durability.folder().catalog().expect("a folder");
        let newest = durability.checkpoints.figures().newest.expect("one");
        assert_eq!(Chain::of(&catalog, &newest).expect("a chain").files().len(), 3);
        let free_before = bytes_of(durability);
        let counted = removable_bytes(durability, &newest);
        assert!(counted > 0);
        checkpoints::retain(durability, &shared.settings(), 1, &newest);
        assert_eq!(free_before - bytes_of(durability), counted);
        // Now all that is left is needed.
        assert_eq!(removable_bytes(durability, &newest), 0);
        let catalog = durability.folder().catalog().expect("a folder");
        assert!(Chain::of(&catalog, &newest).is_ok());
    }

    fn bytes_of(durability: &Durability) -> u64 {
        let catalog = durability.folder().catalog().expect("a folder");
        catalog.snapshots().iter().map(|info| info.file_bytes).sum()
    }

    /// History goes for a snapshot that fits then, and for none other.
    #[test]
    fn nothing_goes_that_would_not_help() {
        const MIB: u64 = 1 << 20;
        assert_eq!(
            room_to_make((10 * MIB, 10 * MIB), 5 * MIB, 20 * MIB),
            Some(20 * MIB)
        );
        assert_eq!(
            room_to_make((10 * MIB, 10 * MIB), 5 * MIB, 10 * MIB),
            Some(just_enough(10 * MIB))
        );
        assert_eq!(room_to_make((10 * MIB, 10 * MIB), 5 * MIB, 7 * MIB), None);
        assert_eq!(room_to_make((10 * MIB, 10 * MIB), 5 * MIB, 0), None);
        assert_eq!(
            room_to_make((10 * MIB, 4 * MIB), 5 * MIB, 4 * MIB),
            Some(just_enough(4 * MIB))
        );
    }
}
