//! Prefixes that begin with a text, in all databases, from the index that the key tree is from. Where one of them has few keys
//! they are told as well: the index knows which shards hold some, so that they are found at once, however many others there are.

use super::Asker;
use crate::api::keys::{NAME_BYTES_MAX, Name};
use crate::api::tree::{BranchRow, Tree, tree_of};
use crate::ask::{Conversation, about, items, text, words};
use crate::error::ApiError;
use crate::json::Bytes;
use crate::thin;
use flashdb_resp::reply::Value;
use flashdb_server::engine::Aim;
use schemars::JsonSchema;
use serde::Serialize;
use std::cmp::Reverse;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::timeout;

/// Time for all databases. A first look takes up to 300 ms in a large one.
const TIME: Duration = Duration::from_millis(700);
/// Keys of a prefix that are told at once.
const FEW_KEYS: u64 = 64;
/// Prefixes whose keys are.
const FEW_PREFIXES: usize = 4;

/// A prefix that begins with the text, or is the text.
#[derive(Serialize, JsonSchema)]
pub(crate) struct FoundPrefix {
    db: u64,
    prefix: Bytes,
    /// Null where it only leads to what may be read.
    keys: Option<u64>,
    /// As `keys`; about.
    bytes: Option<u64>,
    /// Whether keys are exact, or estimated while they are counted.
    exact: bool,
}

/// What was found.
pub(super) struct Prefixes {
    /// `None` where nothing is counted, or nothing may be seen.
    pub rows: Option<Vec<FoundPrefix>>,
    /// Keys of those that have few, with their database.
    pub few: Vec<(u64, Name)>,
    /// Whether all databases have answered.
    pub whole: bool,
}

impl Prefixes {
    /// Where nobody can tell.
    pub fn unknown() -> Self {
        Prefixes {
            rows: None,
            few: Vec::new(),
            whole: true,
        }
    }
}

/// Asks the index of each database, until the time is over. `None` where nobody can tell.
pub(super) async fn find(
    asker: &Asker<'_>,
    peer: SocketAddr,
    databases: &[u64],
) -> Result<Option<Prefixes>, ApiError> {
    let engine = &asker.app.engine;
    if !engine.counts_prefixes() || !engine.allows(asker.identity, "prefix.tree") {
        return Ok(None);
    }
    let (mut rows, mut few) = (Vec::new(), Vec::new());
    let asked = timeout(TIME, ask(asker, peer, databases, &mut rows, &mut few)).await;
    rows.sort_by_key(|row: &FoundPrefix| Reverse(row.keys));
    rows.truncate(asker.limit);
    Ok(Some(Prefixes {
        rows: Some(rows),
        few,
        whole: asked.unwrap_or(Ok(false))?,
    }))
}

/// Fills what it is given; false where some database could not tell yet.
async fn ask(
    asker: &Asker<'_>,
    peer: SocketAddr,
    databases: &[u64],
    rows: &mut Vec<FoundPrefix>,
    few: &mut Vec<(u64, Name)>,
) -> Result<bool, ApiError> {
    let mut conversation = Conversation::begin_to(Aim::Look, asker.app, peer, Some(asker.identity)).await?;
    let separator = asker.app.engine.prefix_separator();
    let end = asker.text.iter().rposition(|byte| *byte == separator);
    let level = &asker.text[..end.map_or(0, |end| end + 1)];
    let limit = asker.limit.to_string();
    let mut request = about("PREFIX.TREE", level, ["SORT", "count", "LIMIT", &limit, "BEGINS"]);
    request.push(asker.text.to_vec());
    let (mut whole, mut walks_left) = (true, FEW_PREFIXES);
    for db in databases {
        if databases != [0] {
            conversation.ask(&words(["SELECT", &db.to_string()])).await?;
        }
        let reply = conversation.ask_raw(&request).await?;
        if reply.is_error() {
            whole = false;
            continue;
        }
        let tree = tree_of(*db, reply);
        for prefix in with_few_keys(&tree, level) {
            if walks_left > 0 {
                walks_left -= 1;
                let names = names_of(&mut conversation, &prefix).await?;
                let wanted = names.into_iter().filter(|(name, _)| name.starts_with(asker.text));
                few.extend(wanted.map(|name| (*db, name)));
            }
        }
        rows.extend(rows_of(*db, tree, level == asker.text));
    }
    Ok(whole)
}

/// Prefixes whose keys are found at once: where they are counted, and not by the name of all keys.
fn with_few_keys(tree: &Tree, level: &[u8]) -> Vec<Vec<u8>> {
    let is_few = |keys: Option<u64>| keys.is_some_and(|keys| (1..=FEW_KEYS).contains(&keys));
    if !tree.exact {
        return Vec::new();
    }
    let own = (is_few(tree.keys) && !level.is_empty()).then(|| level.to_vec());
    let below = tree.branches.iter().filter(|row| is_few(row.keys));
    own.into_iter()
        .chain(below.filter_map(|row| row.prefix.whole()))
        .collect()
}

fn rows_of(db: u64, tree: Tree, is_level: bool) -> Vec<FoundPrefix> {
    let exact = tree.exact;
    let is_there = tree.keys.is_some_and(|keys| keys > 0) || !tree.branches.is_empty();
    let own = (is_level && is_there).then_some((tree.prefix, tree.keys, tree.bytes));
    let parts = |row: BranchRow| (row.prefix, row.keys, row.bytes);
    own.into_iter()
        .chain(tree.branches.into_iter().map(parts))
        .map(|(prefix, keys, bytes)| FoundPrefix {
            db,
            prefix,
            keys,
            bytes,
            exact,
        })
        .collect()
}

/// Keys of a prefix that belong to none below it. What is refused is none.
async fn names_of(conversation: &mut Conversation, prefix: &[u8]) -> Result<Vec<Name>, ApiError> {
    let (mut names, mut cursor) = (Vec::new(), "0".to_owned());
    conversation.cut_strings(NAME_BYTES_MAX);
    loop {
        let request = about("PREFIX.KEYS", prefix, [&cursor, "COUNT", &FEW_KEYS.to_string()]);
        let reply: Value = conversation.ask_raw(&request).await?;
        if reply.is_error() {
            return Ok(names);
        }
        let mut parts = items(reply).into_iter();
        let next = parts.next().and_then(text).unwrap_or_default();
        cursor = String::from_utf8_lossy(&next).into_owned();
        let page = parts.next().map(items).unwrap_or_default();
        names.extend(page.into_iter().filter_map(thin::string));
        // More may have come meanwhile; those are for SCAN.
        if cursor == "0" || cursor.is_empty() || names.len() as u64 > 2 * FEW_KEYS {
            return Ok(names);
        }
    }
}
