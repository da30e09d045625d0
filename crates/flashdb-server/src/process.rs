//! What the operating system says of this process and its machine.

use std::fs;

/// CPU seconds: system and user.
#[derive(Clone, Copy, Debug, Default)]
pub struct CpuTime {
    /// In the kernel.
    pub system_seconds: f64,
    /// Outside of it.
    pub user_seconds: f64,
}

/// Whose CPU time.
#[derive(Clone, Copy, Debug)]
pub enum Who {
    /// All threads of the process.
    Process,
    /// Children that have ended.
    Children,
    /// The calling thread.
    Thread,
}

/// Keeps the system from backing the process with huge pages: a fault that clears 2 MB at once stalls
/// the loop it happens in (512 MB written: 0.4 s instead of 1.8 s for others), and pages that are
/// used in part cost an eighth of the resident memory. Without effect where it is not known.
pub fn disable_huge_pages() {
    #[cfg(target_os = "linux")]
    // SAFETY: sets a flag of the process; no memory is passed.
    unsafe {
        libc::prctl(libc::PR_SET_THP_DISABLE, 1, 0, 0, 0);
    }
}

/// Has short sleeps of the calling thread end when they should: by default the system lets each take 50 µs longer, to wake
/// several threads at once. Without effect where it is not known.
pub fn sleep_precisely() {
    #[cfg(target_os = "linux")]
    // SAFETY: sets a figure of the calling thread; no memory is passed.
    unsafe {
        libc::prctl(libc::PR_SET_TIMERSLACK, 1, 0, 0, 0);
    }
}

/// Has a write beyond the limit of file sizes (`ulimit -f`) fail with an error, which the log knows how to get out of like
/// out of any other failing disk; by default the system ends the process with SIGXFSZ, whatever was acknowledged.
pub fn ignore_file_size_signal() {
    // SAFETY: no handler is installed that could run at a bad time; the signal is ignored.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}

/// CPU time used so far.
pub fn cpu_time(who: Who) -> CpuTime {
    #[cfg(target_os = "linux")]
    const THREAD: i32 = libc::RUSAGE_THREAD;
    #[cfg(not(target_os = "linux"))]
    const THREAD: i32 = libc::RUSAGE_SELF;
    let who = match who {
        Who::Process => libc::RUSAGE_SELF,
        Who::Children => libc::RUSAGE_CHILDREN,
        Who::Thread => THREAD,
    };
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the call writes the whole struct it is given, which is valid when zeroed as well.
    let usage = unsafe {
        libc::getrusage(who, usage.as_mut_ptr());
        usage.assume_init()
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    CpuTime {
        system_seconds: seconds(usage.ru_stime),
        user_seconds: seconds(usage.ru_utime),
    }
}

/// Resident memory of the process.
#[derive(Clone, Copy, Debug, Default)]
pub struct ResidentPages {
    /// All of it.
    pub total_bytes: usize,
    /// Pages of files: the program, libraries, and what is mapped.
    pub of_files_bytes: usize,
}

/// Resident memory of the process; 0 where `/proc` is missing.
pub fn resident() -> ResidentPages {
    const PAGE_BYTES: usize = 4096;
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let mut pages = statm
        .split_whitespace()
        .skip(1)
        .map(|pages| pages.parse::<usize>().unwrap_or(0) * PAGE_BYTES);
    let total_bytes = pages.next().unwrap_or(0);
    ResidentPages {
        total_bytes,
        of_files_bytes: pages.next().unwrap_or(0).min(total_bytes),
    }
}

/// As [`resident`], only the sum, in bytes.
pub fn resident_bytes() -> usize {
    resident().total_bytes
}

/// Memory of the machine in bytes; 0 where `/proc` is missing.
pub fn machine_bytes() -> usize {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    kib.unwrap_or(0) * 1024
}

/// Name and release of the operating system, and the architecture, as `uname` says them.
pub fn system_name() -> String {
    let read = |name: &str| {
        let text = fs::read_to_string(format!("/proc/sys/kernel/{name}")).unwrap_or_default();
        text.trim().to_owned()
    };
    let (kind, release) = (read("ostype"), read("osrelease"));
    let kind = if kind.is_empty() {
        std::env::consts::OS.into()
    } else {
        kind
    };
    format!("{kind} {release} {}", std::env::consts::ARCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_uses_something() {
        let before = cpu_time(Who::Process);
        let mut sum = 0u64;
        while cpu_time(Who::Process).user_seconds + cpu_time(Who::Process).system_seconds
            <= before.user_seconds + before.system_seconds
        {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(resident_bytes() > 0 && machine_bytes() > resident_bytes());
        assert!(system_name().ends_with(std::env::consts::ARCH));
    }
}
