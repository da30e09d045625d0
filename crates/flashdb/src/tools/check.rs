//! `flashdb check DIR`: verifies a data folder without starting a server, and prints what there is.

use super::arguments::Arguments;
use super::error::ToolError;
use super::say;
use flashdb_disk::{Disk, RealDisk};
use flashdb_persistence::check::{FileKind, Report, check};
use std::path::Path;
use std::sync::Arc;

/// See the module's head.
///
/// # Errors
/// When anything is damaged or missing, or the folder cannot be read.
pub fn run(arguments: Arguments) -> Result<(), ToolError> {
    let dir = arguments.path("data folder")?;
    if !dir.is_dir() {
        return Err(ToolError::Usage(format!("{} is not a folder", dir.display())));
    }
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let report = check(&disk, &dir)?;
    print(&dir, &report);
    if report.damage.is_empty() {
        Ok(())
    } else {
        Err(ToolError::Damage(report.damage.len()))
    }
}

fn print(dir: &Path, report: &Report) {
    say(format_args!(
        "{:<12} {:>12} {:>14} {:>12}  file",
        "kind", "LSN", "bytes", "keys"
    ));
    for file in &report.files {
        let kind = match file.kind {
            FileKind::Full => "full",
            FileKind::Incremental => "incremental",
            FileKind::Upload => "upload",
            FileKind::Segment => "log",
        };
        let or_dash = |number: Option<u64>| number.map_or("-".to_owned(), |number| number.to_string());
        say(format_args!(
            "{kind:<12} {:>12} {:>14} {:>12}  {}",
            or_dash(file.lsn),
            file.bytes,
            or_dash(file.entries),
            file.path.strip_prefix(dir).unwrap_or(&file.path).display()
        ));
    }
    let snapshot = report.snapshot.map_or("none".to_owned(), |lsn| lsn.to_string());
    say(format_args!(
        "newest sound snapshot: LSN {snapshot}; frames of the log: {}; last state: LSN {}",
        report.frames, report.last
    ));
    report
        .notes
        .iter()
        .for_each(|note| say(format_args!("note: {note}")));
    report
        .damage
        .iter()
        .for_each(|damage| say(format_args!("DAMAGE: {damage}")));
    if report.damage.is_empty() {
        say(format_args!("all is sound"));
    }
}
