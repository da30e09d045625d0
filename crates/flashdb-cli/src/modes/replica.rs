//! `--replica`: what the server tells its replicas, one command a line; the data that comes first is thrown away. Also what
//! a typed SYNC does.

use super::{ModeError, Outcome};
use crate::connection::{Connection, ConnectionError};
use crate::format::{Format, Style};
use crate::output::print;
use crate::say;
use flashdb_resp::reply::ReplyFault;

/// Longest header of a file that comes from a server.
const HEADER_BYTES_MAX: usize = 4096;
/// Bytes of the mark that ends a file of unknown length.
const MARK_BYTES: usize = 40;
const PIECE_BYTES: usize = 64 * 1024;

/// How the end of a file is known.
pub enum End {
    /// So many bytes.
    Length(u64),
    /// These bytes.
    Mark(Vec<u8>),
}

/// Asks for the stream and prints it for as long as the server sends.
///
/// # Errors
/// When the connection ends, or the server refuses.
pub fn run(connection: &mut Connection) -> Outcome {
    announce(connection, &["capa", "eof"])?;
    announce(connection, &["rdb-filter-only", ""])?;
    show(connection, &[b"SYNC".to_vec()]).map_err(ModeError::Connection)
}

/// Tells the server what kind of replica we are; older ones refuse options, which is printed.
///
/// # Errors
/// When the connection breaks.
pub fn announce(connection: &mut Connection, option: &[&str; 2]) -> Result<bool, ConnectionError> {
    let [name, value] = option;
    eprintln!("sending REPLCONF {name} {value}");
    let reply = connection.ask(&["REPLCONF", name, value])?;
    if reply.is_error() {
        let text = String::from_utf8_lossy(reply.bytes().unwrap_or_default()).into_owned();
        eprintln!("REPLCONF {name} error: {text}");
    }
    Ok(!reply.is_error())
}

/// Sends SYNC (or what was typed), throws the file away and prints the commands behind it.
///
/// # Errors
/// Always, when the stream ends.
pub fn show(connection: &mut Connection, words: &[Vec<u8>]) -> Result<(), ConnectionError> {
    connection.send(words)?;
    let end = match header(connection)? {
        Ok(end) => end,
        Err(text) => {
            print(&Style::new(Format::Terminal).show(&flashdb_resp::reply::Value::Error(text), false));
            return Ok(());
        }
    };
    match &end {
        End::Length(bytes) => say!("SYNC with master, discarding {bytes} bytes of bulk transfer...\n"),
        End::Mark(_) => say!("SYNC with master, discarding bytes of bulk transfer until EOF marker...\n"),
    }
    transfer(connection, &end, |_| Ok::<(), ConnectionError>(()))?;
    say!("SYNC done. Logging commands from master.\n");
    let style = Style::new(Format::Csv);
    loop {
        let command = connection.read(None)?;
        print(&style.show(&command, false));
    }
}

/// The header of the file that answers SYNC; the inner error is the server's refusal.
///
/// # Errors
/// When the connection breaks or no header comes.
pub fn header(connection: &mut Connection) -> Result<Result<End, Vec<u8>>, ConnectionError> {
    loop {
        let line = connection.read_line(HEADER_BYTES_MAX)?;
        let wrong = ConnectionError::Fault(ReplyFault::Number("header of a bulk transfer"));
        match line.as_slice() {
            // The server is getting ready, or has promised a whole file to PSYNC.
            [] => {}
            [b'+', ..] => {}
            [b'-', text @ ..] => return Ok(Err(text.to_vec())),
            [b'$', b'E', b'O', b'F', b':', mark @ ..] if mark.len() == MARK_BYTES => {
                return Ok(Ok(End::Mark(mark.to_vec())));
            }
            [b'$', digits @ ..] => {
                return match flashdb_base::number::parse_u64(digits) {
                    Some(length) => Ok(Ok(End::Length(length))),
                    None => Err(wrong),
                };
            }
            _ => return Err(wrong),
        }
    }
}

/// Hands the file's bytes to `write`, piece by piece; gives their number.
///
/// # Errors
/// When the connection breaks, and those of `write`.
pub fn transfer<E: From<ConnectionError>>(
    connection: &mut Connection,
    end: &End,
    mut write: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<u64, E> {
    let mut total = 0;
    match end {
        End::Length(length) => {
            while total < *length {
                let wanted = (*length - total).min(PIECE_BYTES as u64) as usize;
                let piece = connection.read_bytes(wanted)?;
                total += piece.len() as u64;
                write(&piece)?;
            }
        }
        End::Mark(mark) => {
            // What may be the begin of the mark is held back.
            let mut held = Vec::new();
            loop {
                held.extend(connection.read_bytes(PIECE_BYTES)?);
                let found = held.windows(mark.len()).position(|window| window == mark);
                let ready = found.unwrap_or(held.len().saturating_sub(mark.len()));
                write(&held[..ready])?;
                total += ready as u64;
                if found.is_some() {
                    // Commands may follow at once.
                    connection.unread(held.len() - ready - mark.len());
                    break;
                }
                held.drain(..ready);
            }
        }
    }
    Ok(total)
}
