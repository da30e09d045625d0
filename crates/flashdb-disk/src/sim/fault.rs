//! Faults on demand, the moment at which the machine goes, and counts of operations to choose that moment by.

use flashdb_base::prng::Prng;
use std::io;

/// What a program asks a disk for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `Disk::create_folder`.
    CreateFolder,
    /// `Disk::open` with `CreateNew`, and `Disk::lock` of a file that is absent.
    Create,
    /// `Disk::open` of a file that exists.
    Open,
    /// `Disk::list`.
    List,
    /// `Disk::rename`.
    Rename,
    /// `Disk::remove`.
    Remove,
    /// `Disk::sync_folder`.
    SyncFolder,
    /// `Disk::lock`.
    Lock,
    /// `Disk::map`.
    Map,
    /// `Disk::free_bytes`.
    FreeBytes,
    /// `DiskFile::write_at`.
    Write,
    /// `DiskFile::read_at`.
    Read,
    /// `DiskFile::sync_data`.
    SyncData,
    /// `DiskFile::len`.
    Len,
    /// `DiskFile::set_len`.
    SetLen,
}

const OPERATIONS: usize = Operation::SetLen as usize + 1;

impl Operation {
    /// Whether it may change what a crash leaves.
    pub fn changes(self) -> bool {
        use Operation::*;
        match self {
            CreateFolder | Create | Rename | Remove | SyncFolder | Write | SyncData | SetLen => true,
            Open | List | Lock | Map | FreeBytes | Read | Len => false,
        }
    }
}

/// Which operations a fault counts and strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultOn {
    /// Every operation.
    Any,
    /// `write_at` and `set_len`.
    Writes,
    /// `sync_data` and `sync_folder`.
    Syncs,
    /// This one.
    Only(Operation),
}

impl FaultOn {
    fn strikes(self, operation: Operation) -> bool {
        match self {
            FaultOn::Any => true,
            FaultOn::Writes => matches!(operation, Operation::Write | Operation::SetLen),
            FaultOn::Syncs => matches!(operation, Operation::SyncData | Operation::SyncFolder),
            FaultOn::Only(only) => only == operation,
        }
    }
}

/// An error to come.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// The operations it counts.
    pub on: FaultOn,
    /// Which of them from now fails; 1 is the next.
    pub nth: u64,
    /// With which error.
    pub kind: io::ErrorKind,
    /// Whether all that follow fail too, until the faults are cleared.
    pub lasting: bool,
}

/// How many operations a disk was asked for, those that failed included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    by_operation: [u64; OPERATIONS],
    changes: u64,
}

impl Counts {
    /// Of one kind.
    pub fn of(&self, operation: Operation) -> u64 {
        self.by_operation[operation as usize]
    }

    /// Of all kinds that may change what a crash leaves: the unit of `SimDisk::crash_after`.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Of all kinds.
    pub fn total(&self) -> u64 {
        self.by_operation.iter().sum()
    }
}

/// What becomes of one operation.
pub enum Fate {
    /// It runs.
    Runs,
    /// It fails, and the disk with it: writes in part, syncs with all that was dirty.
    Fails(io::Error),
    /// The machine goes while it runs: it is carried out in part.
    Breaks(io::Error),
    /// The machine is gone.
    Gone(io::Error),
}

#[derive(Debug)]
pub struct Faults {
    coming: Vec<Fault>,
    /// Changes until the machine goes.
    changes_left: Option<u64>,
    pub gone: bool,
    pub counts: Counts,
    pub prng: Prng,
}

impl Faults {
    pub fn new(seed: u64) -> Self {
        Self {
            coming: Vec::new(),
            changes_left: None,
            gone: false,
            counts: Counts::default(),
            prng: Prng::from_seed(seed),
        }
    }

    pub fn add(&mut self, fault: Fault) {
        self.coming.push(fault);
    }

    pub fn clear(&mut self) {
        self.coming.clear();
    }

    pub fn crash_after(&mut self, changes: u64) {
        self.changes_left = Some(changes);
        self.gone |= changes == 0;
    }

    /// The machine comes up again.
    pub fn restart(&mut self) {
        self.changes_left = None;
        self.gone = false;
    }

    /// Counts an operation and says what becomes of it.
    pub fn fate(&mut self, operation: Operation) -> Fate {
        if self.gone {
            return Fate::Gone(gone());
        }
        self.counts.by_operation[operation as usize] += 1;
        self.counts.changes += u64::from(operation.changes());
        if operation.changes()
            && let Some(left) = &mut self.changes_left
        {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.gone = true;
                return Fate::Breaks(gone());
            }
        }
        match self.strike(operation) {
            Some(kind) => Fate::Fails(io::Error::new(kind, "injected fault")),
            None => Fate::Runs,
        }
    }

    /// For operations that a fault leaves undone.
    pub fn admit(&mut self, operation: Operation) -> io::Result<()> {
        match self.fate(operation) {
            Fate::Runs => Ok(()),
            Fate::Fails(error) | Fate::Breaks(error) | Fate::Gone(error) => Err(error),
        }
    }

    fn strike(&mut self, operation: Operation) -> Option<io::ErrorKind> {
        let mut struck = None;
        self.coming.retain_mut(|fault| {
            if !fault.on.strikes(operation) {
                return true;
            }
            fault.nth = fault.nth.saturating_sub(1);
            if fault.nth > 0 {
                return true;
            }
            struck = struck.or(Some(fault.kind));
            fault.lasting
        });
        struck
    }
}

fn gone() -> io::Error {
    io::Error::other("the simulated machine is gone")
}
