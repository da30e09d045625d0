//! A data folder verified from end to end, without a lock and without a change: every block of every snapshot, every frame of the
//! log, and whether they lead from one to the other. All damage is told, not only the first.

use crate::PersistenceError;
use crate::folder::history_of;
use crate::uploads::Uploads;
use flashdb_disk::Disk;
use flashdb_log::{
    HistoryId, LogError, Lsn, OnDamage, ScanEnd, ScanOptions, TailKind, archive, end_mark, scan, segment,
};
use flashdb_snapshot::{Catalog, Chain, SnapshotInfo, SnapshotReader};
use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A full snapshot.
    Full,
    /// An incremental snapshot.
    Incremental,
    /// A snapshot that a client has sent.
    Upload,
    /// A segment of the log.
    Segment,
}

/// A file that was looked at.
#[derive(Clone, Debug)]
pub struct CheckedFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it is.
    pub kind: FileKind,
    /// A snapshot's LSN, or that of a segment's first frame.
    pub lsn: Option<Lsn>,
    /// Its length.
    pub bytes: u64,
    /// Entries of a snapshot.
    pub entries: Option<u64>,
}

/// What a check found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// All files, snapshots first, newest first.
    pub files: Vec<CheckedFile>,
    /// LSN of the state that a start would load from snapshots.
    pub snapshot: Option<Lsn>,
    /// LSN of the last frame.
    pub last: Lsn,
    /// Frames read.
    pub frames: u64,
    /// What is wrong, with file and offset; empty if nothing is.
    pub damage: Vec<String>,
    /// What is as a crash leaves it.
    pub notes: Vec<String>,
}

/// See the module's head. The time is that of reading all files.
///
/// # Errors
/// When the folder or a file cannot be read at all.
pub fn check(disk: &Arc<dyn Disk>, dir: &Path) -> Result<Report, PersistenceError> {
    let mut report = Report::default();
    let history = match history_of(disk, dir) {
        Ok(history) => history.map(|history| history.0),
        Err(PersistenceError::Foreign(what)) => {
            report.damage.push(what);
            None
        }
        Err(error) => return Err(error),
    };
    check_snapshots(disk, dir, &mut report)?;
    check_log(disk.as_ref(), dir, history, &mut report)?;
    if report.files.is_empty() {
        let nothing = format!("{} holds no data of FlashDB", dir.display());
        report.damage.push(nothing);
    }
    Ok(report)
}

fn check_snapshots(disk: &Arc<dyn Disk>, dir: &Path, report: &mut Report) -> Result<(), PersistenceError> {
    let catalog = Catalog::open(disk.clone(), dir)?;
    let broken = catalog.broken().iter().map(|file| file.error.to_string());
    report.damage.extend(broken);
    let mut unsound = Vec::new();
    for info in catalog.snapshots() {
        let kind = if info.meta.is_full() {
            FileKind::Full
        } else {
            FileKind::Incremental
        };
        report.files.push(file_of(info, kind));
        let verified = SnapshotReader::open(disk.as_ref(), &info.path).and_then(|reader| reader.verify());
        if let Err(error) = verified {
            report.damage.push(error.to_string());
            unsound.push(info.path.clone());
        }
    }
    for info in catalog.snapshots() {
        match Chain::of(&catalog, info) {
            Ok(chain) => {
                let sound = chain.files().iter().all(|file| !unsound.contains(&file.path));
                if sound {
                    report.snapshot = report.snapshot.max(Some(chain.lsn()));
                }
            }
            Err(why) => report.damage.push(format!("{}: {why}", info.path.display())),
        }
    }
    for info in Uploads::new(disk.as_ref(), dir).list()? {
        report.files.push(file_of(&info, FileKind::Upload));
        let verified = SnapshotReader::open(disk.as_ref(), &info.path).and_then(|reader| reader.verify());
        report
            .damage
            .extend(verified.err().map(|error| error.to_string()));
    }
    Ok(())
}

fn file_of(info: &SnapshotInfo, kind: FileKind) -> CheckedFile {
    CheckedFile {
        path: info.path.clone(),
        kind,
        lsn: Some(info.meta.lsn),
        bytes: info.file_bytes,
        entries: Some(info.totals.entries),
    }
}

fn check_log(
    disk: &dyn Disk,
    dir: &Path,
    history: Option<HistoryId>,
    report: &mut Report,
) -> Result<(), PersistenceError> {
    let covered = report.snapshot.unwrap_or(0);
    report.last = covered;
    let segments = segment::list(disk, dir)?;
    for info in &segments {
        report.files.push(CheckedFile {
            path: segment::path(dir, info.id),
            kind: FileKind::Segment,
            lsn: info.first,
            bytes: info.bytes,
            entries: None,
        });
    }
    // What a start reads, as it reads it: what is wrong there, a start refuses, even where no segment has a beginning.
    let start = ScanOptions {
        from: covered,
        history,
        on_damage: OnDamage::Skip,
        archived: false,
        ..ScanOptions::default()
    };
    let mut places = HashSet::new();
    let end = scan_with(disk, dir, &start, &mut places, report)?;
    if let (Some(end), Some(history)) = (end, history)
        && let Some(damage) = end_mark::damage(disk, dir, &history, &end, report.last)?
    {
        report.damage.push(damage.to_string());
    }
    let first = segments.iter().find_map(|info| info.first);
    if let Some(first) = first.filter(|&first| first > covered + 1) {
        report.damage.push(format!(
            "the log begins with LSN {first}, and the snapshots hold the state up to LSN {covered}: what is between is missing"
        ));
    }
    // And what it does not need.
    if let Err(error) = archive::refuse_other_versions(disk, dir) {
        add_error(error, report)?;
    }
    let archived = archive::first_archived(disk, dir)?;
    if let Some(first) = first.into_iter().chain(archived).min()
        && (archived.is_some() || first <= covered)
    {
        let all = ScanOptions {
            from: first.saturating_sub(1),
            archived: archived.is_some(),
            ..start
        };
        scan_with(disk, dir, &all, &mut places, report)?;
    }
    Ok(())
}

/// Adds to `places` where something is wrong, and to the report what, unless it was there already.
fn scan_with(
    disk: &dyn Disk,
    dir: &Path,
    options: &ScanOptions,
    places: &mut HashSet<(PathBuf, u64)>,
    report: &mut Report,
) -> Result<Option<ScanEnd>, PersistenceError> {
    match scan(disk, dir, options, |_| ControlFlow::Continue(())) {
        Ok(end) => {
            report.frames = report.frames.max(end.frames);
            report.last = report.last.max(end.last);
            let covered = report.snapshot.filter(|&covered| options.from < covered);
            note_end(&end, covered, places, report);
            Ok(Some(end))
        }
        Err(error) => add_error(error, report).map(|()| None),
    }
}

fn add_error(error: LogError, report: &mut Report) -> Result<(), PersistenceError> {
    if matches!(error, LogError::Io { .. }) {
        return Err(error.into());
    }
    let line = error.to_string();
    if !report.damage.contains(&line) {
        report.damage.push(line);
    }
    Ok(())
}

/// `covered` is the snapshot's LSN for a scan of what a start does not need.
fn note_end(end: &ScanEnd, covered: Option<Lsn>, places: &mut HashSet<(PathBuf, u64)>, report: &mut Report) {
    for damage in &end.skipped.damages {
        if !places.insert((damage.path.clone(), damage.offset)) {
            continue;
        }
        if let Some(until) = damage.left_gap_until
            && report.snapshot.is_some_and(|covered| until <= covered)
        {
            report.notes.push(format!(
                "LSN {} to {until} are in no segment behind {}: the log went back or was off then, and a snapshot holds the state behind it",
                damage.lsn,
                damage.path.display()
            ));
            continue;
        }
        let mut line = damage.to_string();
        if covered.is_some_and(|covered| damage.lsn <= covered) {
            line += " (a snapshot covers it: a start does not need it, going back in time may)";
        }
        report.damage.push(line);
    }
    for path in &end.headless {
        let note = format!(
            "{} was being made when the server ended, and holds nothing; the next start removes it",
            path.display()
        );
        if !report.notes.contains(&note) {
            report.notes.push(note);
        }
    }
    if let Some(tail) = &end.tail
        && let TailKind::Torn(what) = &tail.kind
    {
        let note = format!(
            "{} ends at offset {} in what a crash left behind ({what}); the next start cuts it",
            tail.path.display(),
            tail.offset
        );
        if !report.notes.contains(&note) {
            report.notes.push(note);
        }
    }
}
