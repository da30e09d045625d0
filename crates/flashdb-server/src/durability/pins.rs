//! Snapshots that somebody copies: they stay until they were read to their end, though there may be enough newer ones. A client
//! holds two at most, the temporary one that it had made last and the file that it reads, and neither longer than its connection.
//!
//! Temporary ones are known here only. After a restart they are like those that were due.

use crate::client::ClientInfo;
use flashdb_snapshot::{Catalog, Held, SnapshotId, SnapshotInfo};
use parking_lot::Mutex;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

/// See the module's head.
#[derive(Default)]
pub struct Pins(Mutex<State>);

#[derive(Default)]
struct State {
    of_clients: Vec<OfClient>,
    temporary: HashSet<SnapshotId>,
}

struct OfClient {
    client: Weak<ClientInfo>,
    made: Option<PathBuf>,
    read: Option<PathBuf>,
}

impl State {
    /// What this client holds; clients that are gone hold nothing any more.
    fn of(&mut self, client: &Arc<ClientInfo>) -> &mut OfClient {
        self.of_clients.retain(OfClient::is_there);
        let known = |of: &OfClient| of.client.as_ptr() == Arc::as_ptr(client);
        let index = self.of_clients.iter().position(known).unwrap_or_else(|| {
            self.of_clients.push(OfClient {
                client: Arc::downgrade(client),
                made: None,
                read: None,
            });
            self.of_clients.len() - 1
        });
        &mut self.of_clients[index]
    }
}

impl OfClient {
    fn is_there(&self) -> bool {
        let client = self.client.upgrade();
        client.is_some_and(|client| !client.killed.load(Ordering::Acquire))
    }
}

impl Pins {
    /// The client had this temporary one made, to read it.
    pub fn note_made(&self, client: &Arc<ClientInfo>, info: &SnapshotInfo) {
        let mut state = self.0.lock();
        state.temporary.insert(info.meta.id);
        state.of(client).made = Some(info.path.clone());
    }

    /// It is of no use beside a later one.
    pub fn note_temporary(&self, id: SnapshotId) {
        self.0.lock().temporary.insert(id);
    }

    /// The client is about to read a part of this file.
    pub fn begin_reading(&self, client: &Arc<ClientInfo>, path: &Path) {
        let mut state = self.0.lock();
        let of = state.of(client);
        if of.read.as_deref() != Some(path) {
            of.read = Some(path.to_owned());
        }
    }

    /// The client has read this file to its end, or there is no such file.
    pub fn end_reading(&self, client: &Arc<ClientInfo>, path: &Path) {
        let mut state = self.0.lock();
        let of = state.of(client);
        for pin in [&mut of.made, &mut of.read] {
            if pin.as_deref() == Some(path) {
                *pin = None;
            }
        }
        state
            .of_clients
            .retain(|of| of.made.is_some() || of.read.is_some());
    }

    /// Has `remove` remove what nobody holds. `newest` was just written. Nobody begins to read meanwhile.
    pub fn while_held<T>(
        &self,
        catalog: &mut Catalog,
        newest: SnapshotId,
        remove: impl FnOnce(&mut Catalog, &Held) -> T,
    ) -> T {
        let mut state = self.0.lock();
        state.of_clients.retain(OfClient::is_there);
        state.temporary.retain(|id| catalog.find(*id).is_some());
        let pins = state.of_clients.iter().flat_map(|of| [&of.made, &of.read]);
        let held = Held {
            ids: HashSet::from([newest]),
            files: pins.flatten().cloned().collect(),
            temporary: state.temporary.clone(),
        };
        let removed = remove(catalog, &held);
        drop(state);
        removed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flashdb_disk::SimDisk;

    fn held(pins: &Pins) -> HashSet<PathBuf> {
        let mut catalog = Catalog::open(Arc::new(SimDisk::new(1)), Path::new("/d")).expect("an empty disk");
        pins.while_held(&mut catalog, SnapshotId([1; 16]), |_, held| held.files.clone())
    }

    #[test]
    fn a_file_is_held_until_it_was_read_or_its_reader_is_gone() {
        let pins = Pins::default();
        let (one, other) = (Arc::new(ClientInfo::default()), Arc::new(ClientInfo::default()));
        let (a, b) = (PathBuf::from("a"), PathBuf::from("b"));
        pins.begin_reading(&one, &a);
        pins.begin_reading(&other, &a);
        pins.end_reading(&one, &a);
        assert_eq!(held(&pins), HashSet::from([a.clone()]));
        pins.begin_reading(&other, &b);
        assert_eq!(held(&pins), HashSet::from([b.clone()]), "one at a time");
        drop(other);
        assert!(held(&pins).is_empty());
        pins.begin_reading(&one, &a);
        one.killed.store(true, Ordering::Release);
        assert!(held(&pins).is_empty());
    }
}
