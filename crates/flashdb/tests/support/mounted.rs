//! A small file system of a test's own, for disks that are full: a tmpfs, which only root can mount. Where that is not possible, the
//! test says so and asserts nothing.

use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

pub fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// A tmpfs of so many MiB; unmounted with the value, and the folder removed.
pub struct Mounted(PathBuf);

impl Mounted {
    pub fn new(at: &Path, mib: u32) -> Option<Self> {
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs"])
            .arg(at)
            .status();
        status
            .is_ok_and(|status| status.success())
            .then(|| Mounted(at.to_owned()))
    }

    /// Takes all the room there is, as other programs on the disk do; `remove_file` gives it back.
    pub fn fill(&self) -> PathBuf {
        let filler = self.0.join("filler");
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&filler)
            .expect("a file");
        for block in [1 << 20, 4096] {
            while file.write_all(&vec![1; block]).is_ok() {}
        }
        filler
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Lazily: a server that was just killed may not be gone yet.
        let _best_effort = Command::new("umount").arg("--lazy").arg(&self.0).status();
        let _best_effort = std::fs::remove_dir(&self.0);
    }
}
