//! The log: one line per event, as text for people or as JSON, to the standard output or a file. Lines about who did what
//! to the server, the target [`AUDIT`], may go to a file of their own, whatever level the log has.
//!
//! The level can be changed while the server runs. Events carry names, counts and addresses, never
//! keys or values of users; keeping to that is up to who writes the event. A file is opened for
//! each line, so that it can be moved away and a new one is begun, as with Redis.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;

use tracing::Subscriber;
use tracing_subscriber::filter::{FilterExt, FilterFn, LevelFilter};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry, fmt, reload};

mod json;

use crate::choices::{LogFormat, LogLevel};
use crate::settings::Settings;

/// Target of the events about who did what to the server.
pub const AUDIT: &str = "audit";

/// Changes the level of the log.
#[derive(Debug, Clone)]
pub struct LogControl {
    level: reload::Handle<LevelFilter, Registry>,
}

impl LogControl {
    /// Writes from now on what is at least as severe as `level`.
    pub fn set_level(&self, level: LogLevel) {
        // Fails only when the subscriber is gone, and the log with it.
        let _ = self.level.reload(filter(level));
    }
}

/// The log cannot be set up.
#[derive(Debug)]
pub enum LogError {
    /// The file cannot be written.
    File(PathBuf, io::Error),
    /// The process has a log already.
    AlreadySet,
}

impl std::fmt::Display for LogError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path, error) => {
                write!(
                    f,
                    "Can't open the log file {}: {}",
                    path.display(),
                    crate::error::os_reason(error)
                )
            }
            Self::AlreadySet => f.write_str("the log is already set up"),
        }
    }
}

impl std::error::Error for LogError {}

/// Sets up the log of this process as `loglevel`, `logfile`, `log-format` and `audit-logfile` say. Relative files are in
/// `dir`, which must exist.
///
/// # Errors
/// When a file cannot be written, or the process has a log.
pub fn init(settings: &Settings) -> Result<LogControl, LogError> {
    let file = |name: &str| (!name.is_empty()).then(|| settings.dir.join(name));
    let (log, audit) = (file(&settings.logfile), file(&settings.audit_logfile));
    for path in [&log, &audit].into_iter().flatten() {
        open(path).map_err(|error| LogError::File(path.clone(), error))?;
    }
    let target = log.map_or(Target::StandardOutput, Target::File);
    let audit = audit.map(Target::File);
    let (subscriber, control) = subscriber_with(settings.loglevel, settings.log_format, target, audit);
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogError::AlreadySet)?;
    Ok(control)
}

/// A log that is not the process's own, for tests and tools: events reach `target` while it is the
/// subscriber of the thread.
pub fn subscriber<W>(
    level: LogLevel,
    format: LogFormat,
    target: W,
) -> (impl Subscriber + Send + Sync, LogControl)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    subscriber_with(level, format, target, None)
}

/// As [`subscriber`]; the audit's events reach `audit` and not `target`, if it is there.
pub fn subscriber_with<W>(
    level: LogLevel,
    format: LogFormat,
    target: W,
    audit: Option<W>,
) -> (impl Subscriber + Send + Sync, LogControl)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let (filter, handle) = reload::Layer::new(filter(level));
    let is_apart = audit.is_some();
    let elsewhere = FilterFn::new(move |event| !is_apart || event.target() != AUDIT);
    let mut layers = vec![lines(format, target).with_filter(filter.and(elsewhere)).boxed()];
    if let Some(audit) = audit {
        let only = FilterFn::new(|event| event.target() == AUDIT).with_max_level_hint(LevelFilter::INFO);
        layers.push(lines(format, audit).with_filter(only).boxed());
    }
    (Registry::default().with(layers), LogControl { level: handle })
}

fn lines<W>(format: LogFormat, target: W) -> Box<dyn Layer<Registry> + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = fmt::layer().with_ansi(false).with_writer(OneLine(target));
    match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines
            .fmt_fields(json::JsonFields)
            .event_format(json::JsonLines)
            .boxed(),
    }
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Debug => LevelFilter::TRACE,
        LogLevel::Verbose => LevelFilter::DEBUG,
        LogLevel::Notice => LevelFilter::INFO,
        LogLevel::Warning => LevelFilter::WARN,
        LogLevel::Nothing => LevelFilter::OFF,
    }
}

/// Where the log goes.
enum Target {
    StandardOutput,
    File(PathBuf),
}

fn open(path: &PathBuf) -> io::Result<std::fs::File> {
    OpenOptions::new().append(true).create(true).open(path)
}

impl<'a> MakeWriter<'a> for Target {
    type Writer = Box<dyn Write + 'a>;

    fn make_writer(&'a self) -> Self::Writer {
        match self {
            Self::StandardOutput => Box::new(io::stdout()),
            Self::File(path) => match open(path) {
                Ok(file) => Box::new(file),
                Err(_) => Box::new(io::stderr()),
            },
        }
    }
}

/// Keeps an event on one line: line ends within it are written as `\n` and `\r`.
struct OneLine<W>(W);

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for OneLine<W> {
    type Writer = OneLineWriter<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        OneLineWriter(self.0.make_writer())
    }
}

struct OneLineWriter<W>(W);

impl<W: Write> Write for OneLineWriter<W> {
    /// Takes a whole event, as the formatter hands it over.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let line = event.strip_suffix(b"\n").unwrap_or(event);
        if line.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
            let mut escaped = Vec::with_capacity(event.len() + 16);
            for &byte in line {
                match byte {
                    b'\n' => escaped.extend(b"\\n"),
                    b'\r' => escaped.extend(b"\\r"),
                    _ => escaped.push(byte),
                }
            }
            escaped.extend(&event[line.len()..]);
            self.0.write_all(&escaped)?;
        } else {
            self.0.write_all(event)?;
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl Buffer {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().expect("lock").clone()).expect("text")
        }
    }

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("lock").extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Buffer {
        type Writer = Self;
        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    #[test]
    fn one_line_per_event_and_a_level_that_changes() {
        let buffer = Buffer::default();
        let (log, control) = subscriber(LogLevel::Notice, LogFormat::Text, buffer.clone());
        tracing::subscriber::with_default(log, || {
            tracing::info!(clients = 3, "ready\nfor\r\nmore");
            tracing::debug!("too quiet");
            control.set_level(LogLevel::Verbose);
            tracing::debug!("heard");
            control.set_level(LogLevel::Nothing);
            tracing::error!("silenced");
        });
        let text = buffer.text();
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(
            text.contains("INFO") && text.contains("clients=3") && text.contains("heard"),
            "{text}"
        );
    }

    #[test]
    fn json_lines() {
        let buffer = Buffer::default();
        let (log, _control) = subscriber(LogLevel::Notice, LogFormat::Json, buffer.clone());
        tracing::subscriber::with_default(log, || {
            tracing::warn!(
                port = 7000,
                level = "high",
                ratio = f64::NAN,
                "two\nlines \"quoted\""
            );
            let _outer = tracing::info_span!("request", request_id = "r-1").entered();
            tracing::info!(ratio = 1.5, "within");
        });
        let text = buffer.text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(lines[0].starts_with("{\"@timestamp\":\"20"), "{text}");
        assert!(
            lines[0].contains(
                "Z\",\"level\":\"WARN\",\"target\":\"flashdb_config::logging::tests\",\
                 \"message\":\"two\\nlines \\\"quoted\\\"\",\"port\":7000,\"level_\":\"high\",\"ratio\":\"NaN\"}"
            ),
            "{text}"
        );
        assert!(
            lines[1].ends_with("\"spans\":{\"request\":{\"request_id\":\"r-1\"}}}"),
            "{text}"
        );
    }

    #[test]
    fn the_audit_goes_to_its_own_place_whatever_the_level() {
        let (log_lines, audit_lines) = (Buffer::default(), Buffer::default());
        let audit = Some(audit_lines.clone());
        let (log, control) = subscriber_with(LogLevel::Notice, LogFormat::Text, log_lines.clone(), audit);
        tracing::subscriber::with_default(log, || {
            tracing::info!(target: AUDIT, "first");
            control.set_level(LogLevel::Nothing);
            tracing::info!(target: AUDIT, "second");
            tracing::info!("not heard");
        });
        assert_eq!(log_lines.text(), "");
        assert_eq!(audit_lines.text().lines().count(), 2);
        let together = Buffer::default();
        let (log, _control) = subscriber(LogLevel::Notice, LogFormat::Text, together.clone());
        tracing::subscriber::with_default(log, || tracing::info!(target: AUDIT, "third"));
        assert!(together.text().contains("audit: third"), "{}", together.text());
    }

    #[test]
    fn a_file_that_cannot_be_written_is_an_error() {
        let settings = Settings {
            logfile: "/nonexistent/x.log".into(),
            ..Settings::default()
        };
        let error = init(&settings).expect_err("no such folder").to_string();
        assert!(
            error.contains("Can't open the log file /nonexistent/x.log: No such file"),
            "{error}"
        );
    }
}
