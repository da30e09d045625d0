//! The start: recovery while the core loops answer `-LOADING`, then the log.

use super::{Durability, Wish, checkpoints};
use crate::core_loop::Message;
use crate::dispatch::Turn;
use crate::script::functions;
use crate::server::Server;
use flashdb_base::clock;
use flashdb_config::Settings;
use flashdb_log::{LogError, Lsn};
use flashdb_persistence::PersistenceError;
use flashdb_persistence::import::{self, ImportError};
use flashdb_persistence::recover::{Point, RECOVERED_TO, RecoverOptions, Recovered};
use flashdb_persistence::replay::{Commands, Setup};
use flashdb_rdb::{DetectError, Source, detect};
use flashdb_store::Usage;
use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Why the data could not be brought back, or cannot be kept.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartupError {
    /// Log or snapshots.
    Recovery(PersistenceError),
    /// What Redis has left in a folder without either.
    Import(ImportError),
    /// That cannot be read at all.
    Source(DetectError),
    /// The log cannot be begun.
    Log(LogError),
    /// `recover-to` is neither an LSN nor a time.
    Point(String),
}

impl fmt::Display for StartupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartupError::Recovery(error) => write!(f, "cannot load the data: {error}"),
            StartupError::Import(error) => write!(f, "cannot import the data of Redis: {error}"),
            StartupError::Source(error) => write!(f, "cannot import the data of Redis: {error}"),
            StartupError::Log(error) => write!(f, "cannot begin the log: {error}"),
            StartupError::Point(text) => write!(
                f,
                "recover-to '{text}' is neither an LSN, nor Unix seconds, nor a time like 2026-01-31T12:00:00Z"
            ),
        }
    }
}

impl std::error::Error for StartupError {}

impl From<PersistenceError> for StartupError {
    fn from(error: PersistenceError) -> Self {
        StartupError::Recovery(error)
    }
}

/// Brings the data back and begins the log. The core loops answer `-LOADING` meanwhile.
///
/// # Errors
/// When anything is damaged that the settings do not allow to go on without, or the log cannot be begun.
pub fn recover(
    server: &Arc<Server>,
    durability: &Durability,
    settings: &Settings,
) -> Result<(), StartupError> {
    let began_ms = clock::unix_ms() as i64;
    durability.load_began_ms.store(began_ms, Ordering::Relaxed);
    let to = point(durability, settings)?;
    let options = RecoverOptions {
        on_damage: settings.recover,
        to,
        settings,
        usage: Usage::Lru,
        now_ms: began_ms,
        read_only: false,
    };
    let recovered = flashdb_persistence::recover::recover(
        &server.space,
        durability.folder(),
        options,
        lanes(server),
        &durability.progress,
    )?;
    let imported = recovered.last == 0 && import_redis_data(server, settings)?;
    report(&recovered, began_ms);
    let took_ms = clock::unix_ms() as i64 - began_ms;
    durability.load_took_ms.store(took_ms.max(0), Ordering::Relaxed);
    let log = server.space.log();
    // A state that the log does not lead to gets an LSN of its own, and a snapshot before anything builds on it.
    let stands_alone = to.is_some() || imported || recovered.frames_lost > 0;
    log.continue_after(recovered.last + Lsn::from(stands_alone || !settings.appendonly));
    if let Some(info) = &recovered.snapshot {
        durability.checkpoints.note_loaded(info);
    }
    if stands_alone {
        let label = to.map_or_else(String::new, |_| marker(settings));
        checkpoints::take_now(server, durability, settings, Wish::labelled(label, to.is_some()))?;
    }
    if settings.appendonly {
        // Before the writer begins: one that fails at once has to find a log that can fail.
        let closed = server.space.gate().close();
        let after = log.enable(true);
        drop(closed);
        durability
            .start_writer(server, settings, after)
            .map_err(StartupError::Log)?;
    }
    durability.apply_settings(server, settings);
    if !server.space.libraries().sources().1.is_empty() {
        // Now rather than at the first call, so that what cannot be loaded is in the log from the beginning.
        let of_loop = server.clone();
        let look = move |_: &mut Turn<'_, '_>| drop(functions::current(&of_loop));
        server.post(0, Message::Run(Box::new(look)));
    }
    Ok(())
}

/// Lanes of the gate for the threads that load.
pub(super) fn lanes(server: &Server) -> Range<usize> {
    let gate = server.space.gate();
    let threads = server.loops.len().clamp(2, gate.lanes() - server.loops.len());
    let first = gate.background_lane(0);
    first..first + threads
}

fn marker(settings: &Settings) -> String {
    format!("{RECOVERED_TO}{}", settings.recover_to.trim())
}

/// The point in time to go back to, unless a start before this one has done it.
fn point(durability: &Durability, settings: &Settings) -> Result<Option<Point>, StartupError> {
    let text = settings.recover_to.trim();
    if text.is_empty() {
        return Ok(None);
    }
    if durability
        .folder()
        .catalog()?
        .find_label(&marker(settings))
        .is_some()
    {
        tracing::warn!(
            recover_to = text,
            "an earlier start went back to this point already; the newest state is loaded"
        );
        return Ok(None);
    }
    parse_point(text)
        .map(Some)
        .ok_or_else(|| StartupError::Point(text.to_owned()))
}

/// Unix times in seconds are larger than any LSN that is likely, so digits below this are an LSN.
const TIMES_FROM: u64 = 1_000_000_000;

/// An LSN, Unix seconds, Unix milliseconds, or `2026-01-31T12:00:00Z`.
pub fn parse_point(text: &str) -> Option<Point> {
    if let Some(lsn) = text.strip_prefix("lsn:") {
        return lsn.parse().ok().map(Point::Lsn);
    }
    if let Ok(number) = text.parse::<u64>() {
        return Some(match number {
            ..TIMES_FROM => Point::Lsn(number),
            TIMES_FROM..1_000_000_000_000 => Point::TimeMs(number * 1000 + 999),
            _ => Point::TimeMs(number),
        });
    }
    parse_time(text).map(|seconds| Point::TimeMs(seconds * 1000 + 999))
}

/// Unix seconds of an RFC 3339 time in UTC, without fractions.
fn parse_time(text: &str) -> Option<u64> {
    let text = text.strip_suffix('Z')?;
    let (date, time) = text.split_once(['T', ' '])?;
    let numbers = |text: &str, separator: char| -> Option<[u64; 3]> {
        let mut parts = text.split(separator).map(str::parse::<u64>);
        let all = [parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?];
        parts.next().is_none().then_some(all)
    };
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(time, ':')?;
    let sound = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    sound.then(|| days_since_epoch(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

/// Days from 1970-01-01 in the Gregorian calendar, with years that begin in March so that the leap day comes last.
fn days_since_epoch(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    const EPOCH: u64 = 719_468;
    days - EPOCH
}

/// Reads what Redis has left in a folder that holds no data of FlashDB; whether there was anything. As Redis does with
/// `appendonly yes`, the append-only file is preferred, which is newer.
fn import_redis_data(server: &Server, settings: &Settings) -> Result<bool, StartupError> {
    let Some(source) = redis_data(settings)? else {
        return Ok(false);
    };
    let commands = Commands::new();
    let setup = Setup {
        space: &server.space,
        commands: &commands,
        settings,
        usage: Usage::Lru,
        now_ms: clock::unix_ms() as i64,
    };
    let imported = import::import(setup, lanes(server).start, &source).map_err(StartupError::Import)?;
    for line in &imported.left_out.lines {
        tracing::warn!("{line}");
    }
    if let Some(torn) = &imported.torn {
        tracing::warn!("{torn}");
    }
    tracing::info!(
        file = %source.path.display(),
        kind = %source.kind,
        keys = imported.keys,
        expired = imported.expired,
        commands = imported.commands,
        left_out = imported.left_out.count,
        "the data of Redis was imported"
    );
    Ok(true)
}

/// The append-only file if it is in use, or the RDB file.
fn redis_data(settings: &Settings) -> Result<Option<Source>, StartupError> {
    let file = |path: PathBuf| Some(path).filter(|path| path.is_file());
    let (dir, name) = (&settings.dir, &settings.appendfilename);
    let log = file(dir.join(&settings.appenddirname).join(format!("{name}.manifest")))
        .or_else(|| file(dir.join(name)))
        .filter(|_| settings.appendonly);
    let Some(path) = log.or_else(|| file(dir.join(&settings.dbfilename))) else {
        return Ok(None);
    };
    detect(&path).map(Some).map_err(StartupError::Source)
}

fn report(recovered: &Recovered, began_ms: i64) {
    if recovered.last == 0 {
        return;
    }
    tracing::info!(
        lsn = recovered.state,
        snapshot = recovered
            .snapshot
            .as_ref()
            .map(|info| info.path.display().to_string()),
        frames = recovered.frames,
        frames_lost = recovered.frames_lost,
        ms = clock::unix_ms() as i64 - began_ms,
        "the data was loaded"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_in_time() {
        assert_eq!(parse_point("17"), Some(Point::Lsn(17)));
        assert_eq!(parse_point("lsn:5000000000"), Some(Point::Lsn(5_000_000_000)));
        assert_eq!(parse_point("1700000000"), Some(Point::TimeMs(1_700_000_000_999)));
        assert_eq!(
            parse_point("1700000000123"),
            Some(Point::TimeMs(1_700_000_000_123))
        );
        assert_eq!(
            parse_point("2023-11-14T22:13:20Z"),
            Some(Point::TimeMs(1_700_000_000_999))
        );
        assert_eq!(
            parse_point("2024-02-29 00:00:00Z"),
            Some(Point::TimeMs(1_709_164_800_999))
        );
        for wrong in [
            "",
            "x",
            "-1",
            "2023-13-01T00:00:00Z",
            "2023-11-14T22:13:20",
            "2023-11-14",
        ] {
            assert_eq!(parse_point(wrong), None, "{wrong}");
        }
    }
}
