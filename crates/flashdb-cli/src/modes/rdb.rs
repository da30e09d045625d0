//! `--rdb` and `--functions-rdb`: the server's data as an RDB file, by way of SYNC.

use super::replica::{self, End};
use super::{ModeError, Outcome};
use crate::connection::Connection;
use std::fs::File;
use std::io::Write;

/// Writes the file; `-` is standard output. An incomplete one stays, and the exit status says that it is.
///
/// # Errors
/// When the connection breaks, the server refuses, or the file cannot be written.
pub fn run(connection: &mut Connection, path: &str, functions_only: bool) -> Outcome {
    replica::announce(connection, &["capa", "eof"])?;
    replica::announce(connection, &["rdb-only", "1"])?;
    if functions_only && !replica::announce(connection, &["rdb-filter-only", "functions"])? {
        return Err(ModeError::Other(
            "the server cannot send functions only".to_owned(),
        ));
    }
    connection.send(&["SYNC"])?;
    let end = replica::header(connection)?.map_err(|text| {
        let text = String::from_utf8_lossy(&text).into_owned();
        ModeError::Server(text)
    })?;
    match &end {
        End::Length(bytes) => eprintln!("SYNC sent to master, writing {bytes} bytes to '{path}'"),
        End::Mark(_) => {
            eprintln!("SYNC sent to master, writing bytes of bulk transfer until EOF marker to '{path}'")
        }
    }
    let failed = |error| ModeError::File(path.to_owned(), error);
    let mut file = None;
    let mut out: Box<dyn Write> = match path {
        "-" => Box::new(std::io::stdout().lock()),
        path => {
            let created = File::create(path).map_err(failed)?;
            file = Some(created.try_clone().map_err(failed)?);
            Box::new(created)
        }
    };
    let total = replica::transfer(connection, &end, |piece| out.write_all(piece).map_err(failed))?;
    out.flush().map_err(failed)?;
    if let Some(file) = file {
        file.sync_all().map_err(failed)?;
    }
    match end {
        End::Length(_) => eprintln!("Transfer finished with success."),
        End::Mark(_) => eprintln!("Transfer finished with success after {total} bytes"),
    }
    Ok(())
}
