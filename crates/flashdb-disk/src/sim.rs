//! A simulated disk: files in memory that keep durable and volatile state apart and, from a seed, lose and tear what was not
//! synced. It promises what POSIX promises and no more:
//!
//! - `sync_data` makes content and length of a file durable, `sync_folder` the names in that one folder. A folder is a name in
//!   its parent. A synced file whose name is not durable may be gone.
//! - At a crash each unsynced 512-byte sector keeps its durable content or takes any version written since, independently of
//!   all others; the length likewise. Sectors of an extended file that did not survive read as zeros; a sector is never torn.
//! - Each unsynced change of a name survives or not, in their order. A rename within a folder is one change, across folders two.
//! - A failed sync loses its subject: those sectors, lengths and names may survive a crash, but no later sync makes them durable
//!   unless they are written anew (folders that were made excepted). Readers see them all the same.
//! - A crash ends all locks; what was open or locked before answers with errors afterwards.
//!
//! Not simulated: damage without a cause (see `damage.rs` for damage on purpose), access times, permissions, links.

mod content;
mod damage;
mod fault;
mod names;
mod survival;
mod tree;

pub use fault::{Counts, Fault, FaultOn, Operation};

use crate::{Disk, DiskFile, DiskLock, Mapped, OpenMode, ReadBytes};
use content::SECTOR_BYTES;
use fault::{Fate, Faults};
use flashdb_base::prng::Prng;
use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tree::Tree;

/// What is free where no capacity is set.
const UNLIMITED_BYTES: u64 = 1 << 40;

/// The simulated disk and the machine that it is in. Clones share both; [`SimDisk::snapshot`] copies.
///
/// Calls of one thread give the same outcome for the same seeds; several threads do if their calls come in the same order.
#[derive(Clone)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

struct State {
    tree: Tree,
    faults: Faults,
    /// Files that are locked.
    locks: BTreeSet<u64>,
    /// Of the process; what an earlier one had open or locked is void.
    generation: u64,
    capacity_bytes: Option<u64>,
}

impl SimDisk {
    /// An empty disk with a root folder. The seed decides how much of a write that fails is carried out.
    pub fn new(seed: u64) -> Self {
        Self::of(Tree::new(), seed, None)
    }

    fn of(tree: Tree, seed: u64, capacity_bytes: Option<u64>) -> Self {
        let state = State {
            tree,
            faults: Faults::new(seed),
            locks: BTreeSet::new(),
            generation: 0,
            capacity_bytes,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A test that panicked elsewhere leaves a state that is as good as any.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Cuts the power and starts the machine again. `seed` decides what survives of that which was not synced. Faults and
    /// capacity stay as they are; `crash_after` is over.
    pub fn crash(&self, seed: u64) {
        let mut state = self.state();
        state.tree.crash(&mut Prng::from_seed(seed));
        state.faults.restart();
        state.end_process();
    }

    /// Ends the process, not the machine, as `kill -9` does: nothing that was written is lost, locks and open files are. A
    /// machine that is gone already stays so until [`SimDisk::crash`].
    pub fn end_process(&self) {
        self.state().end_process();
    }

    /// An independent copy of the disk, unsynced state included, in another machine: nothing is open or locked there,
    /// no faults are set, counts begin at 0. Cost: by the number of files, not their size.
    pub fn snapshot(&self, seed: u64) -> SimDisk {
        let state = self.state();
        let mut tree = state.tree.clone();
        tree.close_all();
        Self::of(tree, seed, state.capacity_bytes)
    }

    /// The machine goes in the course of the `changes`-th change from now (see [`Operation::changes`]), which is carried out
    /// in part or not at all and fails like everything after it, until [`SimDisk::crash`]. 0: it is gone now.
    pub fn crash_after(&self, changes: u64) {
        self.state().faults.crash_after(changes);
    }

    /// Whether the machine is gone.
    pub fn is_gone(&self) -> bool {
        self.state().faults.gone
    }

    /// Operations since the disk was made.
    pub fn counts(&self) -> Counts {
        self.state().faults.counts
    }

    /// Lets an operation to come fail. Several faults may wait; each counts for itself.
    pub fn inject(&self, fault: Fault) {
        self.state().faults.add(fault);
    }

    /// Removes all faults. What they did stays.
    pub fn clear_faults(&self) {
        self.state().faults.clear();
    }

    /// Sets how much room there is, in bytes, or takes the limit away. Room is taken in sectors, by bytes written and not by
    /// a length that was set. Writes that find none are carried out as far as they fit and fail with `StorageFull`.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.state().capacity_bytes = bytes;
    }

    fn file(&self, state: &mut State, file: u64, writable: bool) -> Box<dyn DiskFile> {
        state.tree.opened(file);
        Box::new(SimFile {
            disk: self.clone(),
            file,
            generation: state.generation,
            writable,
        })
    }
}

impl fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimDisk").finish_non_exhaustive()
    }
}

impl State {
    fn end_process(&mut self) {
        self.generation += 1;
        self.locks.clear();
        self.tree.close_all();
    }

    /// Runs a change of names. A machine that goes in its course has carried it out or not.
    fn change_names<T>(
        &mut self,
        operation: Operation,
        run: impl FnOnce(&mut Tree) -> io::Result<T>,
    ) -> io::Result<T> {
        match self.faults.fate(operation) {
            Fate::Runs => run(&mut self.tree),
            Fate::Breaks(error) => {
                if self.faults.prng.below(2) == 0 {
                    // Nobody is left to hear how it went.
                    let _ = run(&mut self.tree);
                }
                Err(error)
            }
            Fate::Fails(error) | Fate::Gone(error) => Err(error),
        }
    }

    fn sync_folder(&mut self, path: &Path) -> io::Result<()> {
        match self.faults.fate(Operation::SyncFolder) {
            Fate::Runs => self.tree.sync_folder(path),
            Fate::Fails(error) => {
                self.tree.fail_sync_folder(path)?;
                Err(error)
            }
            // What was unsynced may survive the crash in any part, as when the sync had got so far.
            Fate::Breaks(error) | Fate::Gone(error) => Err(error),
        }
    }

    fn write(&mut self, file: u64, bytes: &[u8], offset: u64) -> io::Result<()> {
        let fate = self.faults.fate(Operation::Write);
        if let Fate::Gone(error) = fate {
            return Err(error);
        }
        check_end(offset, bytes.len() as u64)?;
        let sectors_free = self.free_bytes() / SECTOR_BYTES;
        let content = self.tree.content_mut(file)?;
        let fits = content.room_for(bytes.len(), offset, sectors_free);
        match fate {
            Fate::Runs => {
                content.write(&bytes[..fits], offset);
                match fits == bytes.len() {
                    true => Ok(()),
                    false => Err(ErrorKind::StorageFull.into()),
                }
            }
            Fate::Fails(error) | Fate::Breaks(error) | Fate::Gone(error) => {
                let done = self.faults.prng.below(fits as u64 + 1) as usize;
                content.write(&bytes[..done], offset);
                Err(error)
            }
        }
    }

    fn set_len(&mut self, file: u64, len: u64) -> io::Result<()> {
        let fate = self.faults.fate(Operation::SetLen);
        check_end(0, len)?;
        match fate {
            Fate::Runs => self.tree.content_mut(file)?.set_len(len),
            Fate::Breaks(error) => {
                if self.faults.prng.below(2) == 0 {
                    self.tree.content_mut(file)?.set_len(len);
                }
                return Err(error);
            }
            Fate::Fails(error) | Fate::Gone(error) => return Err(error),
        }
        Ok(())
    }

    fn sync_data(&mut self, file: u64) -> io::Result<()> {
        match self.faults.fate(Operation::SyncData) {
            Fate::Runs => self.tree.content_mut(file)?.sync(),
            Fate::Fails(error) => {
                self.tree.content_mut(file)?.fail_sync();
                return Err(error);
            }
            Fate::Breaks(error) | Fate::Gone(error) => return Err(error),
        }
        Ok(())
    }

    fn free_bytes(&self) -> u64 {
        match self.capacity_bytes {
            Some(capacity) => capacity.saturating_sub(self.tree.used_bytes()),
            None => UNLIMITED_BYTES,
        }
    }
}

/// Offsets are signed in POSIX.
fn check_end(offset: u64, len: u64) -> io::Result<()> {
    let end = offset.checked_add(len).filter(|end| i64::try_from(*end).is_ok());
    end.map(|_| ()).ok_or_else(|| ErrorKind::InvalidInput.into())
}

impl Disk for SimDisk {
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.state()
            .change_names(Operation::CreateFolder, |tree| tree.create_folder(path))
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        let file = match mode {
            OpenMode::CreateNew => state.change_names(Operation::Create, |tree| tree.create_file(path))?,
            OpenMode::Read | OpenMode::Write => {
                state.faults.admit(Operation::Open)?;
                state.tree.file(path)?
            }
        };
        Ok(self.file(&mut state, file, mode != OpenMode::Read))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut state = self.state();
        state.faults.admit(Operation::List)?;
        state.tree.list(folder)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.state()
            .change_names(Operation::Rename, |tree| tree.rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.state()
            .change_names(Operation::Remove, |tree| tree.remove(path))
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.state().sync_folder(folder)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        let mut state = self.state();
        state.faults.admit(Operation::Lock)?;
        let file = match state.tree.file(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                state.change_names(Operation::Create, |tree| tree.create_file(path))?
            }
            found => found?,
        };
        if !state.locks.insert(file) {
            return Err(ErrorKind::WouldBlock.into());
        }
        state.tree.opened(file);
        Ok(Box::new(SimLock {
            disk: self.clone(),
            file,
            generation: state.generation,
        }))
    }

    fn map(&self, path: &Path) -> io::Result<Mapped> {
        let mut state = self.state();
        state.faults.admit(Operation::Map)?;
        let file = state.tree.file(path)?;
        let bytes = state.tree.content(file)?.to_vec()?;
        Ok(Arc::new(ReadBytes(bytes)))
    }

    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        let mut state = self.state();
        state.faults.admit(Operation::FreeBytes)?;
        state.tree.find(path)?;
        Ok(state.free_bytes())
    }
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    file: u64,
    generation: u64,
    writable: bool,
}

impl SimFile {
    /// The state, if this was opened by the process that runs.
    fn state(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.disk.state();
        match state.generation == self.generation {
            true => Ok(state),
            false => Err(io::Error::other("opened before the simulated crash")),
        }
    }

    fn state_for_writing(&self) -> io::Result<MutexGuard<'_, State>> {
        match self.writable {
            true => self.state(),
            false => Err(io::Error::other("opened for reading")),
        }
    }
}

impl DiskFile for SimFile {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.state_for_writing()?.write(self.file, bytes, offset)
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.state()?;
        state.faults.admit(Operation::Read)?;
        check_end(offset, 0)?;
        Ok(state.tree.content(self.file)?.read(bytes, offset))
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.state()?.sync_data(self.file)
    }

    fn len(&self) -> io::Result<u64> {
        let mut state = self.state()?;
        state.faults.admit(Operation::Len)?;
        Ok(state.tree.content(self.file)?.len())
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.state_for_writing()?.set_len(self.file, len)
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        if let Ok(mut state) = self.state() {
            state.tree.closed(self.file);
        }
    }
}

#[derive(Debug)]
struct SimLock {
    disk: SimDisk,
    file: u64,
    generation: u64,
}

impl DiskLock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        if state.generation == self.generation {
            state.locks.remove(&self.file);
            state.tree.closed(self.file);
        }
    }
}

#[cfg(test)]
#[path = "sim/crash_test.rs"]
mod crash_test;
#[cfg(test)]
#[path = "sim/fault_test.rs"]
mod fault_test;
#[cfg(test)]
#[path = "sim/real_test.rs"]
mod real_test;
