//! Telling systemd that the server is ready, or ends: a unit of `Type=notify`, as Debian's for Redis, waits for the word and
//! would end a server that never says it. The protocol is one datagram of `NAME=value` lines to the socket that the
//! environment names.

use flashdb_config::{Settings, Supervised};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// What there is to tell.
#[derive(Clone, Copy, Debug)]
pub enum News {
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
        News::Ready => "READY=1\nSTATUS=Ready to accept connections\n",
        News::Stopping => "STOPPING=1\nSTATUS=Ending\n",
    };
    if let Err(error) = send(&name, text.as_bytes()) {
        tracing::warn!(%error, socket = %name.display(), "systemd cannot be told");
    }
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
