//! Cores: how many this process may use, and pinning a thread to some of them.

use std::io;

/// Cores that this process may run on (containers and `taskset` respected).
pub fn available_cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Pins the calling thread to `cpus`.
#[cfg(target_os = "linux")]
pub fn pin_thread(cpus: &[usize]) -> io::Result<()> {
    // SAFETY: `set` is a plain bit set that the macros only write within its size (checked), and
    // the call reads exactly size_of_val(&set) bytes of it.
    let result = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        for &cpu in cpus {
            if cpu >= libc::CPU_SETSIZE as usize {
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
