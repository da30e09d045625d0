//! Processor time: of a server on this machine, from `/proc` (Linux; elsewhere it is not known), and of the own threads.

use rustix::time::{ClockId, clock_gettime};
use std::path::Path;

/// Nanoseconds that the living threads of the process have run; `None` when there is no such process, or no `/proc`.
pub fn process_ns(pid: u32) -> Option<u64> {
    threads_ns(&Path::new("/proc").join(pid.to_string()).join("task"))
}

fn threads_ns(folder: &Path) -> Option<u64> {
    let mut total = 0u64;
    for thread in std::fs::read_dir(folder).ok()? {
        // A thread may end between the listing and the reading.
        let Ok(text) = std::fs::read_to_string(thread.ok()?.path().join("schedstat")) else {
            continue;
        };
        let running = text.split_whitespace().next()?.parse::<u64>().ok()?;
        total = total.checked_add(running)?;
    }
    (total > 0).then_some(total)
}

/// Whether the process `pid` of this machine runs `program`. A server in a container, reached through a forwarded port, tells
/// an id that belongs to another process here.
pub fn runs(pid: u32, program: &str) -> bool {
    let command_line =
        std::fs::read(Path::new("/proc").join(pid.to_string()).join("cmdline")).unwrap_or_default();
    // Redis writes more into its first word than its name.
    let first = command_line.split(|&byte| matches!(byte, 0 | b' ')).next();
    let first = first.map(String::from_utf8_lossy).unwrap_or_default();
    first.rsplit('/').next() == Some(program)
}

/// Nanoseconds that the calling thread has run.
pub fn own_thread_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    (time.tv_sec as u64) * 1_000_000_000 + time.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_time_grows_with_work() {
        let before = own_thread_ns();
        let mut prng = flashdb_base::prng::Prng::from_seed(1);
        let sum = (0..3_000_000).fold(0u64, |sum, _| sum ^ prng.next_u64());
        assert_ne!(sum, 0);
        assert!(own_thread_ns() > before + 100_000);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_that_runs_has_time() {
        assert!(process_ns(std::process::id()).is_some_and(|ns| ns > 0));
        assert_eq!(process_ns(u32::MAX), None);
        let own = std::env::current_exe().expect("known");
        let name = own.file_name().expect("a file").to_string_lossy().into_owned();
        assert!(runs(std::process::id(), &name));
        assert!(!runs(std::process::id(), "redis-server") && !runs(u32::MAX, &name));
    }
}
