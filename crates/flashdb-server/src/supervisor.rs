//! Telling systemd that the server loads, is ready, or ends: a unit of `Type=notify`, as Debian's for Redis, waits for the word
//! and would end a server that never says it, which a long load therefore puts off again and again. The protocol is one datagram of `NAME=value` lines to the socket that the
//! environment names.

use crate::durability::LoadFigures;
use crate::server::Server;
use flashdb_config::{Settings, Supervised};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

/// What there is to tell.
#[derive(Clone, Copy, Debug)]
pub enum News {
    /// Data is being loaded; so much of it is, in percent.
    Loading(u64),
    /// The data is loaded, and connections are accepted.
    Ready,
    /// The end has begun.
    Stopping,
}

/// Tells the supervisor that `supervised` asks for, if the process was started by it. Who cannot be told is noted in the log.
pub fn tell(settings: &Settings, news: News) {
    let Some(name) = notify_socket(settings) else {
        return;
    };
    let text = match news {
        News::Loading(percent) => format!(
            "STATUS=Loading the data: {percent} %\nEXTEND_TIMEOUT_USEC={}\n",
            PATIENCE.as_micros()
        ),
        News::Ready => "READY=1\nSTATUS=Ready to accept connections\n".into(),
        News::Stopping => "STOPPING=1\nSTATUS=Ending\n".into(),
    };
    if let Err(error) = send(&name, text.as_bytes()) {
        tracing::warn!(%error, socket = %name.display(), "systemd cannot be told");
    }
}

/// Time between two reports of a load, and how long systemd is asked to wait for the next one.
const REPORT_EVERY: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(30);

/// The thread that reports how far a load is.
pub struct LoadReport {
    end: Sender<()>,
    thread: JoinHandle<()>,
}

impl LoadReport {
    /// Ends the reports. No report is sent after this, so that none comes behind the word that the server is ready.
    pub fn end(self) {
        drop(self.end);
        if self.thread.join().is_err() {
            tracing::error!("the thread that reports how far the load is ended by a fault");
        }
    }
}

/// Reports how far the load is, on a thread of its own; the first time after a second, since a shorter load needs no report.
/// Without a supervisor nothing is started.
pub fn report_load(server: &Arc<Server>) -> Option<LoadReport> {
    notify_socket(&server.settings())?;
    let (end, ended) = mpsc::channel();
    let server = server.clone();
    let report = move || {
        while ended.recv_timeout(REPORT_EVERY) == Err(RecvTimeoutError::Timeout) {
            tell(&server.settings(), News::Loading(loaded_percent(&server)));
        }
    };
    let thread = std::thread::Builder::new()
        .name("load-report".into())
        .spawn(report);
    match thread {
        Ok(thread) => Some(LoadReport { end, thread }),
        Err(error) => {
            tracing::warn!(%error, "systemd cannot be told how far the load is");
            None
        }
    }
}

fn loaded_percent(server: &Server) -> u64 {
    let share = LoadFigures::of(server).and_then(|load| load.share());
    (share.unwrap_or(0.0) * 100.0) as u64
}

/// What INFO says of the supervisor.
pub fn name(settings: &Settings) -> &'static str {
    if notify_socket(settings).is_some() {
        "systemd"
    } else {
        "no"
    }
}

fn notify_socket(settings: &Settings) -> Option<OsString> {
    match settings.supervised {
        Supervised::Systemd | Supervised::Auto => std::env::var_os("NOTIFY_SOCKET"),
        Supervised::Upstart | Supervised::No => None,
    }
}

fn send(name: &OsStr, text: &[u8]) -> io::Result<()> {
    UnixDatagram::unbound()?
        .send_to_addr(text, &address(name)?)
        .map(drop)
}

/// A path, or after `@` a name that no file has.
fn address(name: &OsStr) -> io::Result<SocketAddr> {
    match name.as_bytes().strip_prefix(b"@") {
        #[cfg(target_os = "linux")]
        Some(abstract_name) => {
            <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(abstract_name)
        }
        _ => SocketAddr::from_pathname(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_reaches_files_and_abstract_names() {
        let id = std::process::id();
        let file = std::env::temp_dir().join(format!("flashdb-notify-{id}"));
        for name in [file.as_os_str(), OsStr::new(&format!("@flashdb-notify-{id}"))] {
            let told = UnixDatagram::bind_addr(&address(name).expect("an address")).expect("it is free");
            send(name, b"READY=1\n").expect("somebody listens");
            let mut bytes = [0; 64];
            let len = told.recv(&mut bytes).expect("a datagram came");
            assert_eq!(&bytes[..len], b"READY=1\n");
        }
        std::fs::remove_file(&file).expect("the socket was there");
        assert!(send(file.as_os_str(), b"READY=1\n").is_err());
    }
}
