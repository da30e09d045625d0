//! The binary `flashdb-cli`: reads the command line and the environment, and ends with the run's exit status.

use flashdb_cli::options::{self, Request, Surroundings};
use std::io::IsTerminal;
use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<Vec<u8>> = std::env::args_os().skip(1).map(|word| word.into_vec()).collect();
    let surroundings = Surroundings {
        password: std::env::var("REDISCLI_AUTH")
            .ok()
            .filter(|password| !password.is_empty()),
        // FAKETTY is redis-cli's, for tests.
        is_terminal: std::io::stdout().is_terminal() || std::env::var_os("FAKETTY").is_some(),
    };
    match options::parse(&arguments, &surroundings) {
        Ok(Request::Print(text)) => {
            flashdb_cli::output::print(text.as_bytes());
            ExitCode::SUCCESS
        }
        Ok(Request::Run(options)) => ExitCode::from(flashdb_cli::run::run(*options)),
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}
