//! What a request does to the model: a small interpreter of the commands that the load consists of.
//!
//! Where the server decides (the members that SPOP takes, an id of XADD, the moment of a relative expiry) the outcome is taken
//! from the reply; for a request whose reply never came, from the state found after the restart, provided that no later request of
//! the same batch touches the key. Each function returns the reply that must have come, if only one can.

mod collections;
mod keys;
mod stream;
mod text;

pub use stream::parse_id;

use super::model::{Entry, Model, UnixMs, Value};
use crate::resp::Reply;

/// Where the outcome of a server's decision is to be found.
pub enum Outcome<'a> {
    Told(&'a Reply),
    Seen(&'a Model),
}

/// When a request was sent, and when its reply was there at the latest.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    pub sent_ms: UnixMs,
    pub done_ms: UnixMs,
}

/// The reply that must have come, if only one can; or why the outcome is impossible.
pub type Expected = Result<Option<Reply>, String>;

/// Keys that all clients write begin so; they are no part of a client's model.
pub const SHARED: &[u8] = b"order:";

/// Applies one request to the model.
pub fn apply(model: &mut Model, request: &[Vec<u8>], outcome: &Outcome, timing: Timing) -> Expected {
    let arguments: Vec<&[u8]> = request.iter().map(Vec::as_slice).collect();
    let [name, rest @ ..] = arguments.as_slice() else {
        return Err("empty request".to_owned());
    };
    if rest.first().is_some_and(|key| key.starts_with(SHARED)) {
        return Ok(None);
    }
    let name = std::str::from_utf8(name).map_err(|_| "name of a command".to_owned())?;
    match name {
        "SELECT" => Ok(Some(ok())),
        "FLUSHDB" => {
            model.clear();
            Ok(Some(ok()))
        }
        "DEL" | "UNLINK" | "RENAME" | "COPY" | "PEXPIRE" | "PEXPIREAT" | "PERSIST" => {
            keys::apply(model, name, rest, outcome, timing)
        }
        "XADD" | "XTRIM" => stream::apply(model, name, rest, outcome),
        "SPOP" => collections::spop(model, rest, outcome),
        "SET" | "GET" | "APPEND" | "SETRANGE" | "INCRBY" | "DECRBY" | "MSET" | "SETBIT" | "BITOP"
        | "PFADD" | "PFMERGE" => text::apply(model, name, rest, timing),
        _ => collections::apply(model, name, rest),
    }
}

/// The value of `key`, made by `new` if it is missing.
fn value_or<'m>(model: &'m mut Model, key: &[u8], new: impl FnOnce() -> Value) -> &'m mut Value {
    let entry = model.entry(key.to_vec()).or_insert_with(|| Entry {
        value: new(),
        expiry: None,
    });
    &mut entry.value
}

/// Replaces whatever `key` held; an expiry goes with it.
fn put(model: &mut Model, key: &[u8], value: Value) {
    model.insert(key.to_vec(), Entry { value, expiry: None });
}

fn number(word: &[u8]) -> Result<i64, String> {
    let text = std::str::from_utf8(word).map_err(|_| "not a number".to_owned())?;
    text.parse().map_err(|_| format!("'{text}' is not a number"))
}

fn count(word: &[u8]) -> Result<usize, String> {
    usize::try_from(number(word)?).map_err(|_| "a negative count".to_owned())
}

fn bulk(bytes: impl AsRef<[u8]>) -> Reply {
    Reply::Bulk(bytes.as_ref().to_vec())
}

fn integer(number: usize) -> Reply {
    Reply::Int(number as i64)
}

fn ok() -> Reply {
    Reply::Simple("OK".to_owned())
}

fn misused(name: &str) -> String {
    format!("the model does not know {name} with these arguments or this type")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::words;

    const TIMING: Timing = Timing {
        sent_ms: 1_000_000,
        done_ms: 1_000_010,
    };

    fn told(model: &mut Model, line: &str, reply: Reply) -> Expected {
        apply(model, &words(line), &Outcome::Told(&reply), TIMING)
    }

    #[test]
    fn what_the_server_decides_is_taken_from_its_reply() {
        let mut model = Model::new();
        assert_eq!(
            told(&mut model, "SADD k a b c", Reply::Null),
            Ok(Some(Reply::Int(3)))
        );
        let taken = Reply::Array(vec![bulk("a"), bulk("b")]);
        assert_eq!(told(&mut model, "SPOP k 2", taken), Ok(None));
        assert!(told(&mut model, "SPOP k 1", Reply::Array(vec![bulk("a")])).is_err());
        assert_eq!(
            told(&mut model, "SPOP k 9", Reply::Array(vec![bulk("c")])),
            Ok(None)
        );
        assert!(model.is_empty());
        assert_eq!(told(&mut model, "XADD s * f v", bulk("5-0")), Ok(None));
        assert!(told(&mut model, "XADD s * f v", bulk("5-0")).is_err());
    }

    #[test]
    fn what_the_server_decided_is_taken_from_what_it_holds() {
        let mut model = Model::new();
        assert!(told(&mut model, "SADD k a b c", Reply::Null).is_ok());
        let mut seen = model.clone();
        assert!(told(&mut seen, "SREM k b", Reply::Null).is_ok());
        let (pop, two) = (words("SPOP k 1"), words("SPOP k 2"));
        assert!(apply(&mut model.clone(), &two, &Outcome::Seen(&seen), TIMING).is_err());
        assert!(apply(&mut model, &pop, &Outcome::Seen(&seen), TIMING).is_ok());
        assert_eq!(model, seen);
    }

    #[test]
    fn a_relative_expiry_is_a_range() {
        let mut model = Model::new();
        assert_eq!(told(&mut model, "SET k v PX 5000", Reply::Null), Ok(Some(ok())));
        let expiry = model[b"k".as_slice()].expiry.expect("a range");
        assert!(expiry.low_ms <= 1_005_000 && expiry.high_ms >= 1_005_010);
        assert!(told(&mut model, "PERSIST k", Reply::Int(0)).is_err());
        assert_eq!(told(&mut model, "PERSIST k", Reply::Int(1)), Ok(None));
        assert_eq!(model[b"k".as_slice()].expiry, None);
    }
}
