//! One client under load: sends batches until the server goes away and notes what was sent, when, and what came back.

use super::load::{Load, Step};
use super::model::UnixMs;
use crate::resp::{Connection, Reply, encode, words};
use std::io::{ErrorKind, Result};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A step that was sent.
#[derive(Clone, Debug)]
pub struct Sent {
    pub step: Step,
    pub sent: Instant,
    pub sent_ms: UnixMs,
    pub answer: Option<Answer>,
}

/// The whole reply to a step: one reply for each request.
#[derive(Clone, Debug)]
pub struct Answer {
    pub replies: Vec<Reply>,
    pub done: Instant,
    pub done_ms: UnixMs,
}

/// Milliseconds since 1970.
pub fn now_ms() -> UnixMs {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.as_millis() as u64
}

/// Runs until the connection ends or `until` says so after a batch. Everything sent is in the result; what has an
/// answer there was acknowledged. An error is a server that lives and does not answer, or answers nonsense.
pub fn run(connection: &mut Connection, load: &mut Load, until: impl Fn(usize) -> bool) -> Result<Vec<Sent>> {
    let mut history: Vec<Sent> = Vec::new();
    while !until(history.len()) {
        let first = history.len();
        let batch = load.batch();
        let mut bytes = Vec::new();
        batch.iter().for_each(|step| encode_step(step, &mut bytes));
        let (sent, sent_ms) = (Instant::now(), now_ms());
        history.extend(batch.into_iter().map(|step| Sent {
            step,
            sent,
            sent_ms,
            answer: None,
        }));
        let result = exchange(connection, &bytes, &mut history[first..]);
        match result {
            Ok(()) => {}
            Err(error) if is_end(error.kind()) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(history)
}

fn exchange(connection: &mut Connection, bytes: &[u8], batch: &mut [Sent]) -> Result<()> {
    connection.send(bytes)?;
    for sent in batch {
        let replies = read_step(connection, &sent.step)?;
        sent.answer = Some(Answer {
            replies,
            done: Instant::now(),
            done_ms: now_ms(),
        });
    }
    Ok(())
}

fn encode_step(step: &Step, bytes: &mut Vec<u8>) {
    if step.is_group {
        encode(&words("MULTI"), bytes);
    }
    step.requests.iter().for_each(|request| encode(request, bytes));
    if step.is_group {
        encode(&words("EXEC"), bytes);
    }
}

fn read_step(connection: &mut Connection, step: &Step) -> Result<Vec<Reply>> {
    if !step.is_group {
        return Ok(vec![connection.read()?]);
    }
    // MULTI and the queued requests.
    for _ in 0..=step.requests.len() {
        connection.read()?;
    }
    match connection.read()? {
        Reply::Array(replies) => Ok(replies),
        other => Ok(vec![other]),
    }
}

/// Whether an error says that the other side is gone.
fn is_end(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::UnexpectedEof
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::ConnectionRefused
    )
}
