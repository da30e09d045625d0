//! Writes the reference pages from the tables of the source: a page per command from the command
//! rows, one of the metrics, and one of the settings. `cargo xtask gen` runs it and puts the result into `docs/`.
//!
//! The same source gives the same bytes on every machine: nothing of the clock, the machine or the
//! order of a hash map enters the pages.

mod commands;
mod metrics;
mod settings;

use std::path::Path;
use std::process::ExitCode;

/// First line of every page.
const HEAD: &str = "<!-- Written by `cargo xtask gen` from the source; changes belong there. -->\n";

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1) else {
        eprintln!("usage: reference FOLDER");
        return ExitCode::FAILURE;
    };
    match write_all(Path::new(&folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", folder.display());
            ExitCode::FAILURE
        }
    }
}

fn write_all(folder: &Path) -> std::io::Result<()> {
    let pages = folder.join("commands");
    std::fs::create_dir_all(&pages)?;
    for (name, page) in commands::pages() {
        std::fs::write(pages.join(name), page)?;
    }
    std::fs::write(folder.join("METRICS.md"), metrics::page())?;
    std::fs::write(folder.join("CONFIGURATION.md"), settings::page())
}

/// Text as it may stand in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace(['\n', '\r'], " ")
}

/// Text as a code span that may stand in a cell; nothing for no text.
fn code(text: &str) -> String {
    match text.is_empty() {
        true => String::new(),
        false => format!("`{}`", cell(text)),
    }
}
