//! Reads from a server what a client's keys hold now, in the model's form.

use super::effect::SHARED;
use super::model::{Entry, Expiry, Model, StreamEntry, Value};
use super::sketch;
use crate::resp::{Connection, Reply, Words};
use anyhow::{Context, Result, bail};

/// All keys whose names begin with `prefix`. Keys that expire meanwhile are left out.
pub fn read(connection: &mut Connection, prefix: &str) -> Result<Model> {
    let listed = connection.ask(&format!("KEYS {prefix}*"))?;
    if !matches!(listed, Reply::Array(_)) {
        bail!("KEYS answered {listed:?}");
    }
    let names: Vec<Vec<u8>> = listed
        .items()
        .iter()
        .filter_map(Reply::bytes)
        .map(<[u8]>::to_vec)
        .collect();
    let types = connection.ask_all(&with_each(&names, &["TYPE"]))?;
    let expiries = connection.ask_all(&with_each(&names, &["PEXPIRETIME"]))?;
    let questions: Vec<Words> = names
        .iter()
        .zip(&types)
        .map(|(name, kind)| question(name, &kind.text()))
        .collect();
    let contents = connection.ask_all(&questions)?;
    let mut model = Model::new();
    for (((name, kind), expiry), content) in names.into_iter().zip(types).zip(expiries).zip(contents) {
        let shown = name.escape_ascii().to_string();
        let Some(mut value) = value_of(&name, &kind.text(), &content).with_context(|| shown.clone())? else {
            continue;
        };
        if let Value::Stream { last, .. } = &mut value {
            *last = last_id(connection, &name)?;
        }
        let expiry = match expiry.number() {
            Some(-1) => None,
            Some(time_ms) if time_ms >= 0 => Some(Expiry::at(time_ms.unsigned_abs())),
            Some(-2) => continue,
            _ => bail!("{shown}: PEXPIRETIME answered {expiry:?}"),
        };
        model.insert(name, Entry { value, expiry });
    }
    model.retain(|name, _| !name.starts_with(SHARED));
    Ok(model)
}

fn with_each(names: &[Vec<u8>], command: &[&str]) -> Vec<Words> {
    let request = |name: &Vec<u8>| {
        let head = command.iter().map(|word| word.as_bytes().to_vec());
        head.chain([name.clone()]).collect()
    };
    names.iter().map(request).collect()
}

fn question(name: &[u8], kind: &str) -> Words {
    let (command, range): (&str, &[&str]) = match kind {
        "list" => ("LRANGE", &["0", "-1"]),
        "hash" => ("HGETALL", &[]),
        "set" => ("SMEMBERS", &[]),
        "zset" => ("ZRANGE", &["0", "-1", "WITHSCORES"]),
        "stream" => ("XRANGE", &["-", "+"]),
        _ => ("GET", &[]),
    };
    let range = range.iter().map(|word| word.as_bytes().to_vec());
    [command.as_bytes().to_vec(), name.to_vec()]
        .into_iter()
        .chain(range)
        .collect()
}

/// The value in a reply; `None` when the key went away since it was listed.
fn value_of(name: &[u8], kind: &str, content: &Reply) -> Result<Option<Value>> {
    if let Reply::Error(text) = content {
        bail!("{text}");
    }
    let words = || {
        content
            .items()
            .iter()
            .filter_map(Reply::bytes)
            .map(<[u8]>::to_vec)
    };
    let pairs = || words().step_by(2).zip(words().skip(1).step_by(2));
    let is_sketch = name.windows(8).any(|part| part == b":sketch:");
    let value = match kind {
        "none" => return Ok(None),
        "string" => match content.bytes() {
            None => return Ok(None),
            Some(bytes) if is_sketch || bytes.starts_with(b"HYLL") => {
                Value::Sketch(sketch::parse(bytes).context("not a HyperLogLog")?)
            }
            Some(bytes) => Value::Text(bytes.to_vec()),
        },
        "list" => Value::List(words().collect()),
        "hash" => Value::Hash(pairs().collect()),
        "set" => Value::Set(words().collect()),
        "zset" => {
            let score = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).parse::<i64>().ok();
            let members = pairs().map(|(member, text)| Some((member, score(text)?)));
            Value::Sorted(
                members
                    .collect::<Option<_>>()
                    .context("a score that is no whole number")?,
            )
        }
        "stream" => {
            let entries: Option<Vec<StreamEntry>> = content.items().iter().map(stream_entry).collect();
            Value::Stream {
                entries: entries.context("entries of a stream")?,
                last: (0, 0),
            }
        }
        other => bail!("unknown type '{other}'"),
    };
    Ok(Some(value))
}

fn stream_entry(reply: &Reply) -> Option<StreamEntry> {
    let [id, fields] = reply.items() else { return None };
    let id = super::effect::parse_id(&id.text())?;
    let fields = fields.items().iter().filter_map(Reply::bytes).map(<[u8]>::to_vec);
    Some((id, fields.collect()))
}

/// The last id that a stream gave, which outlives its entry.
fn last_id(connection: &mut Connection, name: &[u8]) -> Result<(u64, u64)> {
    let request = [b"XINFO".to_vec(), b"STREAM".to_vec(), name.to_vec()].to_vec();
    let info = connection.ask_all(&[request])?.remove(0);
    let at = info
        .items()
        .iter()
        .position(|item| item.bytes() == Some(b"last-generated-id"));
    let id = at.and_then(|at| info.items().get(at + 1)).map(Reply::text);
    id.and_then(|text| super::effect::parse_id(&text))
        .context("XINFO STREAM without last-generated-id")
}
