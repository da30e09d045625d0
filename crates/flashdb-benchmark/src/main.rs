//! The binary `flashdb-benchmark`: reads the command line, listens to Ctrl-C, and ends with the session's exit status.

use flashdb_benchmark::options::{self, Options, Request};
use flashdb_benchmark::session::{self, status};
use flashdb_benchmark::workload;
use std::io::Read;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

fn main() -> ExitCode {
    let words: Result<Vec<String>, _> = std::env::args_os()
        .skip(1)
        .map(|word| word.into_string())
        .collect();
    let Ok(words) = words else {
        eprintln!("flashdb-benchmark: a word of the command line is not UTF-8; -x reads any bytes");
        return ExitCode::from(status::USAGE);
    };
    let password = std::env::var("REDISCLI_AUTH")
        .ok()
        .filter(|password| !password.is_empty());
    match options::parse(&words, password) {
        Ok(Request::Print(text)) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Ok(Request::Run(options)) => measure(*options),
        Err(message) => {
            eprintln!("flashdb-benchmark: {message}");
            ExitCode::from(status::USAGE)
        }
    }
}

fn measure(mut options: Options) -> ExitCode {
    let stop = Arc::new(AtomicBool::new(false));
    let mut run = || -> Result<u8, String> {
        if options.last_from_stdin {
            read_last_word(&mut options)?;
        }
        watch_signals(&stop).map_err(|error| format!("signals: {error}"))?;
        session::run(&options, &stop)
    };
    match run() {
        Ok(exit_status) => ExitCode::from(exit_status),
        Err(message) => {
            eprintln!("flashdb-benchmark: {message}");
            ExitCode::from(status::ERRORS)
        }
    }
}

/// The first Ctrl-C ends the run with the results so far, the second the program.
fn watch_signals(stop: &Arc<AtomicBool>) -> std::io::Result<()> {
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        let exit_status = i32::from(status::INTERRUPTED);
        signal_hook::flag::register_conditional_shutdown(signal, exit_status, Arc::clone(stop))?;
        signal_hook::flag::register(signal, Arc::clone(stop))?;
    }
    Ok(())
}

fn read_last_word(options: &mut Options) -> Result<(), String> {
    let mut last = Vec::new();
    let bytes_max = flashdb_benchmark::value_size::VALUE_BYTES_MAX;
    std::io::stdin()
        .lock()
        .take(bytes_max)
        .read_to_end(&mut last)
        .map_err(|error| format!("-x: {error}"))?;
    for workload in &mut options.workloads {
        let mut words = workload.commands[0].words.clone();
        words.push(last.clone());
        *workload = workload::custom(&words);
    }
    Ok(())
}
