//! Requests about lists, hashes, sets and sorted sets. A collection that becomes empty is gone.

use super::super::model::{Model, Value};
use super::{Expected, Outcome, bulk, count, integer, misused, number, ok, put, value_or};
use crate::resp::Reply;
use std::collections::{BTreeMap, BTreeSet};

pub fn apply(model: &mut Model, name: &str, words: &[&[u8]]) -> Expected {
    let reply = match (name, words) {
        ("RPUSH" | "LPUSH", [key, items @ ..]) => push(model, key, items, name == "LPUSH")?,
        ("LPOP" | "RPOP", [key, most]) => pop(model, key, count(most)?, name == "LPOP")?,
        ("LTRIM", [key, _zero, last]) => {
            let kept = count(last)? + 1;
            if model.contains_key(*key) {
                list(model, key)?.truncate(kept);
            }
            ok()
        }
        ("LMOVE", [from, to, b"LEFT", b"RIGHT"]) => {
            let Reply::Array(moved) = pop(model, from, 1, true)? else {
                return Ok(Some(Reply::Null));
            };
            let item = moved.first().and_then(Reply::bytes).unwrap_or_default().to_vec();
            list(model, to)?.push(item.clone());
            bulk(item)
        }
        ("SORT", [from, b"STORE", to]) => sort(model, from, to)?,
        ("HSET", [key, pairs @ ..]) => {
            let fields = hash(model, key)?;
            let before = fields.len();
            fields.extend(
                pairs
                    .chunks_exact(2)
                    .map(|pair| (pair[0].to_vec(), pair[1].to_vec())),
            );
            integer(fields.len() - before)
        }
        ("HDEL", [key, names @ ..]) => {
            let fields = hash(model, key)?;
            integer(
                names
                    .iter()
                    .filter(|name| fields.remove(**name).is_some())
                    .count(),
            )
        }
        ("HINCRBY", [key, field, step]) => {
            let value = hash(model, key)?
                .entry(field.to_vec())
                .or_insert_with(|| b"0".to_vec());
            let after = number(value)? + number(step)?;
            *value = after.to_string().into_bytes();
            Reply::Int(after)
        }
        ("SADD", [key, members @ ..]) => {
            let set = set(model, key)?;
            integer(
                members
                    .iter()
                    .filter(|member| set.insert(member.to_vec()))
                    .count(),
            )
        }
        ("SREM", [key, members @ ..]) => {
            let set = set(model, key)?;
            integer(members.iter().filter(|member| set.remove(**member)).count())
        }
        ("SMOVE", [from, to, member]) => {
            let was_there = set(model, from)?.remove(*member);
            if was_there {
                set(model, to)?.insert(member.to_vec());
            }
            Reply::Int(i64::from(was_there))
        }
        ("ZADD", [key, pairs @ ..]) => {
            let members = sorted(model, key)?;
            let before = members.len();
            for pair in pairs.chunks_exact(2) {
                members.insert(pair[1].to_vec(), number(pair[0])?);
            }
            integer(members.len() - before)
        }
        ("ZINCRBY", [key, step, member]) => {
            let score = sorted(model, key)?.entry(member.to_vec()).or_insert(0);
            *score += number(step)?;
            bulk(score.to_string())
        }
        ("ZREM", [key, names @ ..]) => {
            let members = sorted(model, key)?;
            integer(
                names
                    .iter()
                    .filter(|name| members.remove(**name).is_some())
                    .count(),
            )
        }
        ("ZPOPMIN", [key, most]) => pop_lowest(model, key, count(most)?)?,
        _ => return Err(misused(name)),
    };
    for key in words {
        drop_if_empty(model, key);
    }
    Ok(Some(reply))
}

/// SPOP with a count: the server chooses the members.
pub fn spop(model: &mut Model, words: &[&[u8]], outcome: &Outcome) -> Expected {
    let [key, most] = words else {
        return Err(misused("SPOP"));
    };
    let members = set(model, key)?;
    let wanted = count(most)?.min(members.len());
    let taken: BTreeSet<Vec<u8>> = match outcome {
        Outcome::Told(reply) => {
            let items = reply.items().iter().filter_map(Reply::bytes);
            items.map(<[u8]>::to_vec).collect()
        }
        Outcome::Seen(seen) => match seen.get(*key).map(|entry| &entry.value) {
            Some(Value::Set(left)) => members.difference(left).cloned().collect(),
            _ => members.clone(),
        },
    };
    if taken.len() != wanted || !taken.is_subset(members) {
        return Err(format!(
            "SPOP took {} members, not {wanted} of the set",
            taken.len()
        ));
    }
    members.retain(|member| !taken.contains(member));
    drop_if_empty(model, key);
    Ok(None)
}

fn drop_if_empty(model: &mut Model, key: &[u8]) {
    let is_empty = match model.get(key).map(|entry| &entry.value) {
        Some(Value::List(items)) => items.is_empty(),
        Some(Value::Hash(fields)) => fields.is_empty(),
        Some(Value::Set(members)) => members.is_empty(),
        Some(Value::Sorted(members)) => members.is_empty(),
        _ => false,
    };
    if is_empty {
        model.remove(key);
    }
}

fn push(model: &mut Model, key: &[u8], items: &[&[u8]], at_head: bool) -> Result<Reply, String> {
    let list = list(model, key)?;
    for item in items {
        let at = if at_head { 0 } else { list.len() };
        list.insert(at, item.to_vec());
    }
    Ok(integer(list.len()))
}

fn pop(model: &mut Model, key: &[u8], most: usize, at_head: bool) -> Result<Reply, String> {
    if !model.contains_key(key) {
        return Ok(Reply::Null);
    }
    let list = list(model, key)?;
    let taken = most.min(list.len());
    let items: Vec<Vec<u8>> = if at_head {
        list.drain(..taken).collect()
    } else {
        let first = list.len() - taken;
        list.drain(first..).rev().collect()
    };
    Ok(Reply::Array(items.into_iter().map(Reply::Bulk).collect()))
}

fn sort(model: &mut Model, from: &[u8], to: &[u8]) -> Result<Reply, String> {
    let mut items = match model.get(from).map(|entry| &entry.value) {
        Some(Value::List(items)) => items.clone(),
        _ => Vec::new(),
    };
    items.sort_by_key(|item| number(item).unwrap_or_default());
    let reply = integer(items.len());
    // An empty result removes the target; the caller sees to that.
    put(model, to, Value::List(items));
    Ok(reply)
}

fn pop_lowest(model: &mut Model, key: &[u8], most: usize) -> Result<Reply, String> {
    let members = sorted(model, key)?;
    let mut order: Vec<(i64, Vec<u8>)> = members
        .iter()
        .map(|(member, score)| (*score, member.clone()))
        .collect();
    order.sort();
    order.truncate(most);
    let mut flat = Vec::new();
    for (score, member) in order {
        members.remove(&member);
        flat.extend([Reply::Bulk(member), bulk(score.to_string())]);
    }
    Ok(Reply::Array(flat))
}

fn list<'m>(model: &'m mut Model, key: &[u8]) -> Result<&'m mut Vec<Vec<u8>>, String> {
    match value_or(model, key, || Value::List(Vec::new())) {
        Value::List(items) => Ok(items),
        _ => Err(misused("a list command")),
    }
}

fn hash<'m>(model: &'m mut Model, key: &[u8]) -> Result<&'m mut BTreeMap<Vec<u8>, Vec<u8>>, String> {
    match value_or(model, key, || Value::Hash(BTreeMap::new())) {
        Value::Hash(fields) => Ok(fields),
        _ => Err(misused("a hash command")),
    }
}

fn set<'m>(model: &'m mut Model, key: &[u8]) -> Result<&'m mut BTreeSet<Vec<u8>>, String> {
    match value_or(model, key, || Value::Set(BTreeSet::new())) {
        Value::Set(members) => Ok(members),
        _ => Err(misused("a set command")),
    }
}

fn sorted<'m>(model: &'m mut Model, key: &[u8]) -> Result<&'m mut BTreeMap<Vec<u8>, i64>, String> {
    match value_or(model, key, || Value::Sorted(BTreeMap::new())) {
        Value::Sorted(members) => Ok(members),
        _ => Err(misused("a sorted-set command")),
    }
}
