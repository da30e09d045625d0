//! Room on the disk that is held for the moment at which there is none left: `<dir>/wal/reserve`, a file of zeros.
//!
//! When a write of the log finds no room, the file is removed, and what was appended already is written into that room; no frame is
//! lost, and no reply that waits for one. Until the file can be made again, with as much room behind it, writes are refused.
//! So a disk that others fill costs writers an error, and the log nothing.
//!
//! Nothing depends on the file: it may be gone or short after a crash, and what is in it is never read.

use crate::segment;
use flashdb_disk::{Disk, OpenMode, is_no_room};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// At most one part in so many of what is free is held.
const SHARE: u64 = 8;
/// But so much in any case.
const BYTES_MIN: u64 = 1 << 20;

/// Where the file is.
pub fn path(dir: &Path) -> PathBuf {
    segment::folder(dir).join("reserve")
}

/// See the module's head.
#[derive(Debug, Default)]
pub(crate) struct Reserve {
    /// Bytes that the file holds; 0 while there is none of ours.
    held_bytes: u64,
}

impl Reserve {
    pub(crate) fn held_bytes(&self) -> u64 {
        self.held_bytes
    }

    /// Holds `most` bytes, or less where little is free; nothing with 0. What is held already stays if there is no room for more.
    ///
    /// # Errors
    /// When nothing can be held, or there is not as much room behind it.
    pub(crate) fn hold(&mut self, disk: &dyn Disk, dir: &Path, most: u64) -> io::Result<()> {
        if most == 0 {
            self.release(disk, dir);
            return Ok(());
        }
        if self.held_bytes == 0 {
            // That of a server before this one: a crash may have left the name alone.
            self.release(disk, dir);
        }
        let free = disk.free_bytes(&segment::folder(dir))? + self.held_bytes;
        let wanted = (free / SHARE).clamp(BYTES_MIN.min(most), most);
        if self.held_bytes >= wanted && self.held_bytes <= most {
            return Ok(());
        }
        if self.held_bytes > 0 && free < 2 * wanted {
            return Ok(());
        }
        self.release(disk, dir);
        let made = make(disk, dir, wanted);
        if made.is_ok() {
            self.held_bytes = wanted;
        } else {
            // Whatever part of it was taken.
            let _best_effort = disk.remove(&path(dir));
        }
        made
    }

    /// Gives the room back, that of a server before this one as well. Whether there was any.
    pub(crate) fn release(&mut self, disk: &dyn Disk, dir: &Path) -> bool {
        self.held_bytes = 0;
        let removed = disk.remove(&path(dir)).is_ok();
        if removed {
            // Some file systems give room back only then. It is of no use where that fails, and the next write tells.
            let _best_effort = disk.sync_folder(&segment::folder(dir));
        }
        removed
    }
}

/// Makes the file, once there is as much room again behind it: it would be needed at once.
fn make(disk: &dyn Disk, dir: &Path, bytes: u64) -> io::Result<()> {
    let path = path(dir);
    match disk.remove(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = disk.open(&path, OpenMode::CreateNew)?;
    file.allocate(2 * bytes)?;
    file.set_len(bytes)
}

/// Whether the disk has no room for a reserve; other trouble with it is no reason to refuse writes.
pub(crate) fn lacks_room(held: &io::Result<()>) -> bool {
    held.as_ref().is_err_and(is_no_room)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flashdb_disk::SimDisk;

    const DIR: &str = "/d";

    fn disk(capacity: u64) -> SimDisk {
        let disk = SimDisk::new(1);
        disk.create_folder(&segment::folder(Path::new(DIR)))
            .expect("a sound disk");
        disk.set_capacity(Some(capacity));
        disk
    }

    fn free(disk: &SimDisk) -> u64 {
        disk.free_bytes(Path::new(DIR)).expect("a sound disk")
    }

    #[test]
    fn it_holds_what_is_wanted_and_gives_it_back() {
        let (disk, dir) = (disk(1 << 20), Path::new(DIR));
        let mut reserve = Reserve::default();
        reserve.hold(&disk, dir, 4096).expect("room");
        assert_eq!((reserve.held_bytes(), free(&disk)), (4096, (1 << 20) - 4096));
        reserve.hold(&disk, dir, 4096).expect("it is there");
        assert_eq!(free(&disk), (1 << 20) - 4096);
        reserve.hold(&disk, dir, 8192).expect("more of it");
        assert_eq!(free(&disk), (1 << 20) - 8192);
        reserve.hold(&disk, dir, 1024).expect("less of it");
        assert_eq!(free(&disk), (1 << 20) - 1024);
        assert!(reserve.release(&disk, dir));
        assert!(!reserve.release(&disk, dir));
        assert_eq!(free(&disk), 1 << 20);
        reserve.hold(&disk, dir, 0).expect("nothing");
        assert_eq!(free(&disk), 1 << 20);
    }

    #[test]
    fn it_takes_a_share_of_what_is_free() {
        let (disk, dir) = (disk(16 << 20), Path::new(DIR));
        let mut reserve = Reserve::default();
        reserve.hold(&disk, dir, 1 << 30).expect("room");
        assert_eq!(reserve.held_bytes(), 2 << 20);
    }

    /// Without the same room behind it, it would have to be given back at once.
    #[test]
    fn it_is_not_made_of_the_last_room() {
        let dir = Path::new(DIR);
        for (capacity, fits) in [(4096, false), (8191, false), (8192, true)] {
            let disk = disk(capacity);
            let held = Reserve::default().hold(&disk, dir, 4096);
            assert_eq!(held.is_ok(), fits, "{capacity}");
            assert_eq!(lacks_room(&held), !fits, "{capacity}");
            assert_eq!(free(&disk), if fits { 4096 } else { capacity });
        }
    }

    /// One that a server before this one has left.
    #[test]
    fn what_is_left_of_an_earlier_one_is_used() {
        let (disk, dir) = (disk(1 << 20), Path::new(DIR));
        Reserve::default().hold(&disk, dir, 8192).expect("room");
        let mut reserve = Reserve::default();
        assert!(reserve.release(&disk, dir));
        Reserve::default().hold(&disk, dir, 8192).expect("room");
        reserve.hold(&disk, dir, 4096).expect("room");
        assert_eq!(free(&disk), (1 << 20) - 4096);
    }
}
