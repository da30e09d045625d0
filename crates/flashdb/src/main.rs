//! The server binary: reads flags, file and environment, then runs the server.

use flashdb_config::Launch;
use std::io::Write;
use std::process::ExitCode;

mod allocator;

fn main() -> ExitCode {
    flashdb_server::set_give_back(allocator::give_back);
    match flashdb_config::load(std::env::args_os(), std::env::vars_os()) {
        Ok(Launch::Run { config, warnings }) => match flashdb_server::run(config, &warnings) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("flashdb: {error}");
                ExitCode::FAILURE
            }
        },
        Ok(Launch::Print(text)) => {
            // Who reads may stop early (`flashdb --help | head`): no fault of ours.
            let _ = writeln!(std::io::stdout(), "{text}");
            ExitCode::SUCCESS
        }
        Ok(Launch::Checked { warnings }) => {
            warnings
                .iter()
                .for_each(|warning| eprintln!("warning: {warning}"));
            println!("Configuration OK");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
