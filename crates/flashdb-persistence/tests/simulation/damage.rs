//! Files that rot: bits, sectors and ends of files of the folder that a life has left are damaged, and recovery either gives a
//! state that there was or says what is wrong and where. Also: any point in time that the log reaches can be gone back to.

use crate::life::{DATABASES, Life};
use crate::run::{DIR, start};
use crate::test_state::{State, state};
use flashdb_config::Recover;
use flashdb_disk::SimDisk;
use flashdb_log::Lsn;
use flashdb_log::segment::{MARK_LEN, SegmentStart};
use flashdb_persistence::PersistenceError;
use flashdb_persistence::recover::{Point, Recovered};
use flashdb_store::Keyspace;
use std::path::{Path, PathBuf};

/// Damaged copies of each life.
const COPIES: u64 = 3;
const SECTOR: u64 = 512;

/// What of the damaged folder is known to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    /// All that was acknowledged, or an error.
    Acknowledged,
    /// Any state that there was: the damage looks like the end of what was written.
    AnyState,
}

/// Recovers damaged copies of the folder; `closed`: its last process ended in good order.
pub fn check(life: &mut Life, closed: bool) {
    check_points(life);
    for _ in 0..COPIES {
        let seed = life.prng.next_u64();
        let disk = life.disk.snapshot(seed);
        let Some(proof) = damage(life, &disk, closed) else {
            continue;
        };
        life.figures.damaged += 1;
        for on_damage in [Recover::Stop, Recover::Skip, Recover::Truncate] {
            let copy = disk.snapshot(seed);
            check_damaged(life, &copy, on_damage, proof);
        }
    }
}

fn recovered(
    life: &Life,
    disk: &SimDisk,
    on_damage: Recover,
    to: Option<Point>,
) -> Result<(Recovered, State), PersistenceError> {
    let (space, _collector) = Keyspace::new(2, DATABASES, 1);
    let settings = &life.profile.settings;
    let (_folder, recovered) = start(disk, &space, settings, on_damage, to, life.now_ms)?;
    Ok((recovered, state(&space)))
}

/// Goes back to some points in time.
fn check_points(life: &mut Life) {
    for _ in 0..2 {
        let lsn: Lsn = life.prng.below(life.oracle.last() + 1);
        let seed = life.prng.next_u64();
        let disk = life.disk.snapshot(seed);
        // Points that the archive does not reach are refused.
        let Ok((recovered, found)) = recovered(life, &disk, Recover::Stop, Some(Point::Lsn(lsn))) else {
            continue;
        };
        life.figures.points += 1;
        if recovered.state != lsn {
            life.fail(&format!("went back to LSN {lsn}, and came to {recovered:?}"));
        }
        if let Err(wrong) = life.oracle.check_state(lsn, &found) {
            life.fail(&format!("went back to LSN {lsn}: {wrong}"));
        }
    }
}

fn check_damaged(life: &mut Life, disk: &SimDisk, on_damage: Recover, proof: Proof) {
    let outcome = recovered(life, disk, on_damage, None);
    let (recovered, found) = match outcome {
        Ok(outcome) => outcome,
        Err(error) => {
            life.figures.damage_told += 1;
            let text = error.to_string();
            life.tell(format!("{on_damage:?}: {text}"));
            if !text.contains(DIR) {
                life.fail(&format!("an error without a path: {text}"));
            }
            return;
        }
    };
    life.tell(format!("{on_damage:?}: {recovered:?}"));
    let told = recovered.frames_lost > 0 || !recovered.warnings.is_empty();
    let checked = match (on_damage, proof) {
        // What the operator has consented to lose was told.
        (Recover::Skip, _) if told => Ok(()),
        (Recover::Truncate, _) if told => life.oracle.check_state(recovered.state, &found),
        (_, Proof::Acknowledged) => life.oracle.check(recovered.state, &found),
        (_, Proof::AnyState) => life.oracle.check_state(recovered.state, &found),
    };
    if let Err(wrong) = checked {
        life.fail(&format!("after damage, {on_damage:?}, {proof:?}: {wrong}"));
    }
}

/// Damages one to three places; `None` if there is no file.
fn damage(life: &mut Life, disk: &SimDisk, closed: bool) -> Option<Proof> {
    let files: Vec<(PathBuf, u64)> = disk.files().into_iter().filter(|(_, len)| *len > 0).collect();
    // Those behind it were being made when a process ended.
    let last_entered = files
        .iter()
        .map(|(path, _)| path)
        .filter(|path| is_entered(disk, path))
        .max();
    let mut proof = Proof::Acknowledged;
    for _ in 0..1 + life.prng.below(3) {
        let (path, len) = files.get(life.prng.below(files.len() as u64) as usize)?;
        let at = life.prng.below(*len);
        let (what, from, to) = match life.prng.below(4) {
            0 | 1 => {
                let bit = life.prng.below(8) as u32;
                disk.flip_bit(path, at, bit).ok()?;
                ("a bit flipped", at, at + 1)
            }
            2 => {
                let from = at / SECTOR * SECTOR;
                let to = (from + SECTOR).min(*len);
                disk.zero(path, from..to).ok()?;
                ("a sector of zeros", from, to)
            }
            _ => {
                disk.truncate(path, at).ok()?;
                ("cut", at, *len)
            }
        };
        life.tell(format!(
            "damage: {} of {len} bytes: {what}, {from}..{to}",
            path.display()
        ));
        // A segment whose end is gone looks like one that a crash has torn, and so does one that was never closed.
        let is_last = is_segment(path) && last_entered.is_some_and(|last| path >= last);
        if is_last && (!closed || to + MARK_LEN as u64 > *len) {
            proof = Proof::AnyState;
        }
    }
    Some(proof)
}

fn is_segment(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "wal")
}

/// Whether it is a segment with a sound beginning.
fn is_entered(disk: &SimDisk, path: &Path) -> bool {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let id = name.rsplit('-').next().and_then(|digits| digits.parse().ok());
    let bytes = disk.read(path).unwrap_or_default();
    is_segment(path) && id.is_some_and(|id| SegmentStart::decode(&bytes, id).is_ok())
}
