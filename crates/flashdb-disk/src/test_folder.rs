//! A folder for one test on the real disk, removed when the test is through.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

static NEXT: AtomicU64 = AtomicU64::new(0);

/// Lives as long as the test.
pub struct TestFolder {
    path: PathBuf,
}

impl TestFolder {
    /// A new, empty folder.
    pub fn new(name: &str) -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let unique = format!("flashdb-disk-{name}-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(unique);
        std::fs::create_dir_all(&path).expect("a temporary folder");
        Self { path }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for TestFolder {
    fn drop(&mut self) {
        // A folder left behind does no harm, and a panic here would hide the test's own.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}
