//! `--pipe`: sends RESP from standard input as fast as it goes, and counts the replies.
//!
//! One thread copies, this one reads: a server that is not read from stops reading. The end is the answer to an ECHO of
//! random bytes, sent behind the data: how many requests those are, nobody has counted.

use super::{ModeError, Outcome, is_json};
use crate::connection::{Connection, ConnectionError, push_request};
use crate::options::Options;
use crate::say;
use flashdb_base::prng::Prng;
use flashdb_resp::reply::Value;
use serde_json::json;
use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant};

const PIECE_BYTES: usize = 64 * 1024;
/// How often it is looked whether the time for a reply is over.
const LOOK: Duration = Duration::from_millis(100);

/// Sends everything and waits for the last reply.
///
/// # Errors
/// When the connection breaks, standard input cannot be read, the last reply does not come in time, or a reply was an
/// error.
pub fn run(connection: &mut Connection, options: &Options) -> Outcome {
    let mut random = Prng::from_entropy();
    let mark: Vec<u8> = (0..20).map(|_| b'a' + random.below(26) as u8).collect();
    let writer = connection
        .writer()
        .map_err(|error| ModeError::File("socket".to_owned(), error))?;
    let (sender, sent) = channel();
    let last = mark.clone();
    std::thread::spawn(move || sender.send(copy(writer, &last)));
    let counted = read(connection, &mark, &sent, options);
    let (errors, replies) = match counted {
        Ok(counted) => counted,
        Err(error) => {
            // A thread that waits for standard input ends with the process.
            return Err(error);
        }
    };
    match is_json(options) {
        true => say!("{}\n", json!({"errors": errors, "replies": replies})),
        false => say!("Last reply received from server.\nerrors: {errors}, replies: {replies}\n"),
    }
    match errors {
        0 => Ok(()),
        1 => Err(ModeError::Other("1 reply was an error".to_owned())),
        errors => Err(ModeError::Other(format!("{errors} replies were errors"))),
    }
}

fn copy(mut writer: Box<dyn Write + Send>, mark: &[u8]) -> Result<(), ModeError> {
    let input = |error| ModeError::File("standard input".to_owned(), error);
    let broken = |error| ModeError::Connection(ConnectionError::Io(error));
    let mut stdin = std::io::stdin().lock();
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let count = stdin.read(&mut piece).map_err(input)?;
        if count == 0 {
            break;
        }
        writer.write_all(&piece[..count]).map_err(broken)?;
    }
    // The line end closes an inline command that has none.
    let mut request = b"\r\n".to_vec();
    push_request(&mut request, &[b"ECHO", mark]);
    writer.write_all(&request).map_err(broken)
}

/// Reads up to the answer to the mark; gives errors and replies.
fn read(
    connection: &mut Connection,
    mark: &[u8],
    sent: &Receiver<Result<(), ModeError>>,
    options: &Options,
) -> Result<(u64, u64), ModeError> {
    let (mut errors, mut replies) = (0, 0);
    let mut is_sent = false;
    let mut last = Instant::now();
    loop {
        if !is_sent {
            match sent.try_recv() {
                Ok(copied) => {
                    // When the server has closed the connection, it has said why.
                    if let Err(ModeError::File(name, error)) = copied {
                        return Err(ModeError::File(name, error));
                    }
                    is_sent = true;
                    last = Instant::now();
                    if !is_json(options) {
                        say!("All data transferred. Waiting for the last reply...\n");
                    }
                }
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => {}
            }
        }
        match connection.read_until(Instant::now() + LOOK) {
            Ok(Value::Push(_)) => {}
            Ok(Value::Bulk(bytes)) if bytes == mark => {
                if !is_sent && !is_json(options) {
                    say!("All data transferred. Waiting for the last reply...\n");
                }
                return Ok((errors, replies));
            }
            Ok(reply) => {
                last = Instant::now();
                replies += 1;
                if let Value::Error(text) = reply.plain() {
                    errors += 1;
                    eprintln!("{}", String::from_utf8_lossy(text));
                }
            }
            Err(ConnectionError::TimedOut) => {
                let limit = options
                    .pipe_timeout
                    .filter(|limit| is_sent && last.elapsed() > *limit);
                if let Some(limit) = limit {
                    let seconds = limit.as_secs();
                    return Err(ModeError::Other(format!(
                        "No replies for {seconds} seconds: exiting."
                    )));
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
}
