//! Requests about streams. A stream stays when its last entry goes, and so does the last id that it gave.

use super::super::model::{Model, Value};
use super::{Expected, Outcome, count, integer, misused, value_or};
use crate::resp::Reply;

type Id = (u64, u64);

pub fn apply(model: &mut Model, name: &str, words: &[&[u8]], outcome: &Outcome) -> Expected {
    match (name, words) {
        ("XADD", [key, b"MAXLEN", b"=", most, b"*", fields @ ..]) => {
            add(model, key, fields, outcome)?;
            trim(model, key, count(most)?)?;
            Ok(None)
        }
        ("XADD", [key, b"*", fields @ ..]) => {
            add(model, key, fields, outcome)?;
            Ok(None)
        }
        ("XTRIM", [key, b"MAXLEN", b"=", most]) => {
            if !model.contains_key(*key) {
                return Ok(Some(Reply::Int(0)));
            }
            trim(model, key, count(most)?).map(Some)
        }
        _ => Err(misused(name)),
    }
}

fn add(model: &mut Model, key: &[u8], fields: &[&[u8]], outcome: &Outcome) -> Result<(), String> {
    let id = match outcome {
        Outcome::Told(reply) => parse_id(&reply.text()),
        Outcome::Seen(seen) => match seen.get(key).map(|entry| &entry.value) {
            Some(Value::Stream { last, .. }) => Some(*last),
            _ => None,
        },
    };
    let id = id.ok_or("XADD without an id")?;
    let Value::Stream { entries, last } = value_or(model, key, || Value::Stream {
        entries: Vec::new(),
        last: (0, 0),
    }) else {
        return Err(misused("XADD"));
    };
    if id <= *last {
        return Err(format!("XADD gave the id {id:?} behind {last:?}"));
    }
    *last = id;
    entries.push((id, fields.iter().map(|field| field.to_vec()).collect()));
    Ok(())
}

fn trim(model: &mut Model, key: &[u8], most: usize) -> Result<Reply, String> {
    let Some(Value::Stream { entries, .. }) = model.get_mut(key).map(|entry| &mut entry.value) else {
        return Err(misused("XTRIM"));
    };
    let surplus = entries.len().saturating_sub(most);
    entries.drain(..surplus);
    Ok(integer(surplus))
}

/// An id as the server writes it.
pub fn parse_id(text: &str) -> Option<Id> {
    let (ms, number) = text.split_once('-')?;
    Some((ms.parse().ok()?, number.parse().ok()?))
}
