//! MONITOR: clients that are sent every command before it runs. With no such client the cost is one
//! relaxed load per command.

use crate::client::ClientInfo;
use crate::server::Server;
use flashdb_command::{CommandSpec, Flags};
use flashdb_resp::Args;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The watching clients.
#[derive(Default)]
pub struct Monitors {
    /// Clients, and one more during a session.
    count: AtomicUsize,
    clients: Mutex<Vec<Arc<ClientInfo>>>,
    /// Whether a session of HOTKEYS has every command measured.
    measures: AtomicBool,
}

impl Monitors {
    /// Whether anybody watches, or a session of HOTKEYS measures.
    #[inline]
    pub fn any(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }

    /// Adds a client.
    pub fn add(&self, client: &Arc<ClientInfo>) {
        let mut clients = self.clients.lock();
        clients.push(client.clone());
        self.count(&clients);
    }

    /// Takes a client out.
    pub fn remove(&self, id: u64) {
        let mut clients = self.clients.lock();
        clients.retain(|client| client.id != id);
        self.count(&clients);
    }

    /// Begins and ends a session of HOTKEYS, which has to know of every command, too.
    pub fn set_measuring(&self, on: bool) {
        let clients = self.clients.lock();
        self.measures.store(on, Ordering::Relaxed);
        self.count(&clients);
    }

    fn count(&self, clients: &[Arc<ClientInfo>]) {
        let count = clients.len() + usize::from(self.measures.load(Ordering::Relaxed));
        self.count.store(count, Ordering::Release);
    }

    /// Sends one command to all of them: `+<seconds>.<micros> [<db> <address>] "word" …`.
    /// Commands that carry secrets are shown without their words.
    pub fn feed(&self, server: &Server, spec: &CommandSpec, db: u16, from: &ClientInfo, args: &Args<'_>) {
        if !spec.flags.has(Flags::SKIP_MONITOR) && !spec.flags.has(Flags::ADMIN) {
            self.send(server, db, &source_of(from), args, |index| {
                spec.is_secret(args, index)
            });
        }
    }

    /// As [`Monitors::feed`] for a command that runs a script, before the commands that it calls.
    pub fn feed_script(&self, server: &Server, db: u16, from: &ClientInfo, args: &Args<'_>) {
        self.send(server, db, &source_of(from), args, |_| false);
    }

    /// As [`Monitors::feed`] for a command that a script has called.
    pub fn feed_called(&self, server: &Server, spec: &CommandSpec, db: u16, args: &Args<'_>) {
        if !spec.flags.has(Flags::SKIP_MONITOR) && !spec.flags.has(Flags::ADMIN) {
            self.send(server, db, "lua", args, |index| spec.is_secret(args, index));
        }
    }

    fn send(
        &self,
        server: &Server,
        db: u16,
        source: &str,
        args: &Args<'_>,
        is_secret: impl Fn(usize) -> bool,
    ) {
        if self.clients.lock().is_empty() {
            return;
        }
        let now_us = flashdb_base::clock::unix_us();
        let mut line = format!(
            "+{}.{:06} [{db} {source}]",
            now_us / 1_000_000,
            now_us % 1_000_000
        )
        .into_bytes();
        for (index, word) in args.iter().enumerate() {
            line.push(b' ');
            quote(&mut line, if is_secret(index) { b"(redacted)" } else { word });
        }
        line.extend_from_slice(b"\r\n");
        let line: Arc<[u8]> = line.into();
        for client in self.clients.lock().iter() {
            server.deliver(client, line.clone(), None);
        }
    }
}

/// Where a client is, as it is shown.
pub fn source_of(from: &ClientInfo) -> String {
    if from.unix {
        format!("unix:{}", from.laddr)
    } else {
        from.addr.clone()
    }
}

/// Appends `word` in double quotes, bytes that do not print escaped as in Redis.
pub fn quote(out: &mut Vec<u8>, word: &[u8]) {
    out.push(b'"');
    for &byte in word {
        match byte {
            b'\\' | b'"' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x07 => out.extend_from_slice(b"\\a"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x20..=0x7e => out.push(byte),
            other => out.extend_from_slice(format!("\\x{other:02x}").as_bytes()),
        }
    }
    out.push(b'"');
}
