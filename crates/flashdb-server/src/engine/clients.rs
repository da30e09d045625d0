//! Who is connected, read without a command: what CLIENT LIST shows of the most active, for who watches. No core loop takes
//! part; a loop that accepts or drops a connection waits while the list of all is copied, which is a pointer for each.

use super::Engine;
use crate::client::{ClientInfo, flags};
use crate::commands::client_commands::describe;
use flashdb_base::clock;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A client that has done something.
#[derive(Clone, Debug)]
pub struct ClientLine {
    pub id: u64,
    /// As CLIENT LIST shows it.
    pub line: Vec<u8>,
    /// Unix time of its last command, ms.
    pub last_ms: i64,
    /// Bytes that it has sent since it connected.
    pub input_total_bytes: u64,
    /// Bytes that it was sent since then.
    pub output_total_bytes: u64,
}

/// A client whose connection has ended.
#[derive(Clone, Debug)]
pub struct LeftClient {
    pub id: u64,
    /// Address and port; of a unix socket its path.
    pub addr: String,
    pub is_unix: bool,
    pub is_resp3: bool,
    /// Unix time of connecting, ms.
    pub created_ms: i64,
    /// Bytes that it has sent.
    pub input_total_bytes: u64,
    /// Bytes that it was sent.
    pub output_total_bytes: u64,
}

impl From<&ClientInfo> for LeftClient {
    fn from(client: &ClientInfo) -> Self {
        LeftClient {
            id: client.id,
            addr: client.addr.clone(),
            is_unix: client.unix,
            is_resp3: client.flags.load(Ordering::Relaxed) & flags::RESP3 != 0,
            created_ms: client.created_ms,
            input_total_bytes: client.input_total_bytes.load(Ordering::Relaxed),
            output_total_bytes: client.output_total_bytes.load(Ordering::Relaxed),
        }
    }
}

/// The clients of a moment.
#[derive(Clone, Debug, Default)]
pub struct Clients {
    /// Unix time, ms.
    pub at_ms: i64,
    /// Ids of all, ascending.
    pub ids: Vec<u64>,
    /// Those that were active since the moment asked for, latest command first.
    pub active: Vec<ClientLine>,
    /// More of those.
    pub left_out: usize,
}

impl Engine {
    /// Has something told of each connection of a client as it ends, on the thread of its core loop; guests are none. For one
    /// listener; later ones are not heard. Without one nothing is made of it.
    pub fn on_client_left(&self, tell: impl Fn(&LeftClient) + Send + Sync + 'static) {
        let tell = move |client: &ClientInfo| tell(&client.into());
        let _first_stays = self.server.on_left.set(Box::new(tell));
    }

    /// Tells of the clients whose connections the end of the server ends, once no loop is left to do so.
    pub fn tell_of_connected(&self) {
        let connected = std::mem::take(&mut *self.server.clients.lock());
        for client in connected.values() {
            self.server.tell_left(client);
        }
    }

    /// The clients, and at most `max` of those that ran a command or connected at `since_ms` or later, have buffers in use, or
    /// are among `also`. O(n log n) for n clients, and some microseconds for each that is described.
    pub fn clients(&self, since_ms: i64, also: &HashSet<u64>, max: usize) -> Clients {
        let all: Vec<Arc<ClientInfo>> = self.server.clients.lock().values().cloned().collect();
        let at_ms = clock::unix_ms() as i64;
        let mut ids: Vec<u64> = all.iter().map(|client| client.id).collect();
        ids.sort_unstable();
        let last_ms = |client: &ClientInfo| client.last_ms.load(Ordering::Relaxed);
        let mut active: Vec<&Arc<ClientInfo>> = all
            .iter()
            .filter(|client| last_ms(client) >= since_ms || is_in_use(client) || also.contains(&client.id))
            .collect();
        active.sort_by_key(|client| std::cmp::Reverse((last_ms(client), client.id)));
        let left_out = active.len().saturating_sub(max);
        active.truncate(max);
        let line = |client: &&Arc<ClientInfo>| ClientLine {
            id: client.id,
            line: describe(&self.server, client, at_ms),
            last_ms: last_ms(client),
            input_total_bytes: client.input_total_bytes.load(Ordering::Relaxed),
            output_total_bytes: client.output_total_bytes.load(Ordering::Relaxed),
        };
        Clients {
            at_ms,
            ids,
            active: active.iter().map(line).collect(),
            left_out,
        }
    }
}

/// Whether something of it may change without a command of its own: output waits, or a request is not complete.
fn is_in_use(client: &ClientInfo) -> bool {
    client.output_bytes.load(Ordering::Relaxed) > 0 || client.query_bytes.load(Ordering::Relaxed) > 0
}
