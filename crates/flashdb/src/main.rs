//! The server binary: reads flags, file and environment, then runs the server; or one of the tools for its data.

use flashdb_config::{ConfigStore, Launch};
use flashdb_http::Listeners;
use std::io::Write;
use std::process::ExitCode;

mod allocator;
mod tools;

fn main() -> ExitCode {
    let arguments: Vec<std::ffi::OsString> = std::env::args_os().collect();
    if let Some(ended) = tools::run(&arguments) {
        return ended;
    }
    flashdb_server::set_give_back(allocator::give_back);
    flashdb_server::set_sparse(allocator::is_sparse);
    match flashdb_config::load(arguments, std::env::vars_os()) {
        Ok(Launch::Run { config, warnings }) => match serve(config, warnings) {
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
        Ok(Launch::Checked { config, warnings }) => {
            warnings
                .iter()
                .for_each(|warning| eprintln!("warning: {warning}"));
            if let Err(error) = flashdb_server::check_users(&config) {
                eprintln!("flashdb: {error}");
                return ExitCode::FAILURE;
            }
            if let Err(error) = flashdb_http::check_settings(&config.settings()) {
                eprintln!("flashdb: {error}");
                return ExitCode::FAILURE;
            }
            println!("Configuration OK");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the server, and the HTTP interface beside it.
fn serve(config: ConfigStore, mut warnings: Vec<String>) -> Result<(), Box<dyn std::error::Error>> {
    // No database stays away for an alert's certificate: it is told here, and again of each alert that is not delivered.
    if let Err(fault) = flashdb_http::check_settings(&config.settings()) {
        warnings.push(format!(
            "{fault}; no alert goes to an https:// address until that is mended"
        ));
    }
    let listeners = Listeners::open(&config, &mut warnings)?;
    flashdb_server::run(config, &warnings, |engine| {
        engine.check_settings_by(flashdb_http::check_setting);
        let Some(listeners) = listeners else {
            return Ok(Box::new(|| {}));
        };
        let url = listeners.url();
        let running = listeners.serve(engine)?;
        tracing::info!("Dashboard and HTTP API: open {url}");
        Ok(Box::new(move || running.end()))
    })?;
    Ok(())
}
