//! Writing to standard output: at once, so that pipes see each reply, and ending quietly when nobody reads any more.

use std::io::{ErrorKind, Write};

/// Exit status when the reader of a pipe has gone: that of a program ended by SIGPIPE.
const NOBODY_READS: i32 = 141;

/// Writes bytes and flushes. Ends the process when nobody reads them.
pub fn print(bytes: &[u8]) {
    let mut stdout = std::io::stdout().lock();
    let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
    if let Err(error) = written {
        if error.kind() == ErrorKind::BrokenPipe {
            std::process::exit(NOBODY_READS);
        }
        eprintln!("flashdb-cli: standard output: {error}");
        std::process::exit(1);
    }
}

/// [`print`] with a format.
#[macro_export]
macro_rules! say {
    ($($argument:tt)*) => {
        $crate::output::print(format!($($argument)*).as_bytes())
    };
}
