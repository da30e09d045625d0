//! What the binary does besides serving: `flashdb check`, `backup`, `restore`, `export`, `import`. Each takes its own options, and
//! any setting of the server in the server's form (`--dir`, `--databases`).

mod arguments;
mod backup;
mod check;
mod client;
mod error;
mod export;
mod import;
mod into_server;
mod temporary;

use arguments::Arguments;
use error::ToolError;
use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

/// A tool's work.
type Tool = fn(Arguments) -> Result<(), ToolError>;

const TOOLS: &[(&str, Tool)] = &[
    ("check", check::run),
    ("backup", backup::run_backup),
    ("restore", backup::run_restore),
    ("export", export::run),
    ("import", import::run),
];

/// Runs the tool that the first argument behind the program's name asks for; `None` if it asks for none.
pub fn run(arguments: &[OsString]) -> Option<ExitCode> {
    let name = arguments.get(1)?.to_str()?;
    let (_, tool) = TOOLS.iter().find(|(known, _)| *known == name)?;
    let done = Arguments::read(&arguments[2..]).and_then(tool);
    Some(match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(ToolError::Help) => {
            say(format_args!("{}", flashdb_config::HELP));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("flashdb {name}: {error}");
            ExitCode::FAILURE
        }
    })
}

/// A line on the standard output. Who reads may stop early: no fault of ours.
fn say(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Unix time in ms.
fn now_ms() -> i64 {
    flashdb_base::clock::unix_ms() as i64
}
