//! Cores: how many this process may use and which, and pinning a thread to some of them.

use std::io;

/// The largest CPU number that the affinity masks used here hold.
pub const CPU_NUMBER_MAX: usize = 1023;

/// Cores that this process may run on (containers and `taskset` respected).
pub fn available_cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The CPUs that the calling thread may run on, ascending: online, in its cpuset, and in the mask that it was started with.
///
/// # Errors
/// When the machine has more CPUs than the mask holds.
#[cfg(target_os = "linux")]
pub fn allowed_cpus() -> io::Result<Vec<usize>> {
    // SAFETY: `set` is a plain bit set, the call writes at most size_of_val(&set) bytes of it, and the macro only reads bits
    // below CPU_SETSIZE.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        if libc::sched_getaffinity(0, size_of_val(&set), &mut set) != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok((0..=CPU_NUMBER_MAX)
            .filter(|&cpu| libc::CPU_ISSET(cpu, &set))
            .collect())
    }
}

/// The CPUs that the calling thread may run on; not told by this system.
#[cfg(not(target_os = "linux"))]
pub fn allowed_cpus() -> io::Result<Vec<usize>> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

/// Pins the calling thread to `cpus`.
#[cfg(target_os = "linux")]
pub fn pin_thread(cpus: &[usize]) -> io::Result<()> {
    const _: () = assert!(CPU_NUMBER_MAX + 1 == libc::CPU_SETSIZE as usize);
    // SAFETY: `set` is a plain bit set that the macros only write within its size (checked), and
    // the call reads exactly size_of_val(&set) bytes of it.
    let result = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        for &cpu in cpus {
            if cpu > CPU_NUMBER_MAX {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    format!("no such cpu: {cpu}"),
                ));
            }
            libc::CPU_SET(cpu, &mut set);
        }
        libc::sched_setaffinity(0, size_of_val(&set), &set)
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Pins the calling thread to `cpus`; not offered by this system.
#[cfg(not(target_os = "linux"))]
pub fn pin_thread(_cpus: &[usize]) -> io::Result<()> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_pinned_thread_may_run_where_it_was_pinned() {
        let allowed = allowed_cpus().expect("a mask that fits");
        let one = *allowed.last().expect("a thread runs somewhere");
        let pinned = std::thread::spawn(move || {
            pin_thread(&[one])?;
            allowed_cpus()
        });
        let pinned = pinned.join().expect("no panic").expect("pinned");
        assert_eq!(pinned, [one]);
        assert_eq!(allowed_cpus().expect("a mask"), allowed, "other threads are free");
        assert!(pin_thread(&[CPU_NUMBER_MAX + 1]).is_err());
    }
}
