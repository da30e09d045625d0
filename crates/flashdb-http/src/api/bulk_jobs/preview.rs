//! The dry run: how many keys a plan is about, what they take, and some of them. The number comes from the prefix index where
//! that counts the prefix; otherwise keys are looked at for a bounded time, and what that did not reach is estimated.

use super::walk::Walk;
use super::wish::{Deed, Matched, Plan};
use crate::api::keys::{Name, kind_of, ttl_of};
use crate::api::tree::{Tree, tree_of};
use crate::ask::{about, integer, words};
use crate::error::ApiError;
use crate::json::Bytes;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::HashSet;
use std::time::{Duration, Instant};

const SAMPLES: usize = 20;
/// Branches that are named.
const BRANCHES: &str = "8";
/// Time to look for samples where the number is known, and to count where it is not.
const SAMPLE_TIME: Duration = Duration::from_millis(800);
const COUNT_TIME: Duration = Duration::from_millis(2000);
const HASTE_TIME: Duration = Duration::from_millis(100);
/// Time to wait for exact counts of the prefix index.
const WAIT_MS: &str = "2000";

/// What a bulk job would be about. Nothing has been changed.
#[derive(Serialize, JsonSchema)]
pub(crate) struct BulkPreview {
    db: u64,
    /// Keys that there are.
    pub keys: u64,
    /// Otherwise `keys` is an estimate.
    exact: bool,
    /// What they take, about; null without the right to ask.
    bytes: Option<u64>,
    /// At most 20 of them.
    samples: Vec<BulkSample>,
    /// The largest branches below a prefix.
    branches: Vec<BulkBranch>,
    /// What `confirm` has to be; null where nothing has to be confirmed.
    confirm: Option<String>,
}

/// One of the keys.
#[derive(Serialize, JsonSchema)]
struct BulkSample {
    key: Bytes,
    /// Null without the right to ask.
    r#type: Option<String>,
    /// Null when it does not expire, or without the right to ask.
    ttl_ms: Option<i64>,
    /// Null without the right to ask.
    bytes: Option<u64>,
    /// The name that it would have; null unless it would be renamed.
    to: Option<Bytes>,
    /// There is a key of that name, so that it would not be renamed.
    taken: bool,
    /// It would be left as it is: it has the new prefix already, would be renamed twice, or has too long a name.
    left: bool,
}

/// Keys that begin alike.
#[derive(Serialize, JsonSchema)]
struct BulkBranch {
    prefix: Bytes,
    keys: u64,
}

/// What was found by walking.
struct Found {
    keys: u64,
    names: Vec<Name>,
    /// Whether all keys were looked at.
    all: bool,
}

/// Walks until `samples` are found and `until` has come, or all was seen.
async fn walk(walk: &mut Walk, counts: bool, time: Duration) -> Result<Found, ApiError> {
    let began = Instant::now();
    let (mut keys, mut names, mut seen) = (0, Vec::new(), HashSet::new());
    while !walk.has_ended() && began.elapsed() < time && (counts || names.len() < SAMPLES) {
        for name in walk.step().await? {
            keys += 1;
            // The same key may come twice.
            if names.len() < SAMPLES && seen.insert(name.0.clone()) {
                names.push(name);
            }
        }
    }
    let all = walk.has_ended();
    Ok(Found { keys, names, all })
}

/// The branch of a prefix in the index; `None` where it is none, or may not be seen.
async fn branch(walker: &mut Walk, plan: &Plan, wait_ms: &str) -> Result<Option<Tree>, ApiError> {
    let (Matched::Prefix(prefix), None) = (&plan.matched, &plan.kind) else {
        return Ok(None);
    };
    let options = ["SORT", "count", "LIMIT", BRANCHES, "WAIT", wait_ms];
    let request = about("PREFIX.TREE", prefix, options);
    let reply = walker.conversation().await?.ask_raw(&request).await?;
    if reply.is_error() {
        return Ok(None);
    }
    // What is no branch of its own has no keys there.
    Ok(Some(tree_of(plan.db, reply)).filter(|tree| tree.keys.is_some_and(|keys| keys > 0)))
}

/// How many keys a job will come to, where that is known without a walk.
pub(super) async fn total(walker: &mut Walk, plan: &Plan) -> Result<Option<u64>, ApiError> {
    if let Matched::Keys(keys) = &plan.matched {
        return Ok(Some(keys.len() as u64));
    }
    let tree = branch(walker, plan, "0").await?;
    Ok(tree.and_then(|tree| tree.keys))
}

/// Refuses a plan that is about more keys than were confirmed, where their number is known exactly.
///
/// # Errors
/// `CONFLICT` with the sentence as it is now, or the engine's.
pub(super) async fn check_confirmed(
    walker: &mut Walk,
    plan: &Plan,
    confirmed: u64,
    patience: bool,
) -> Result<(), ApiError> {
    let keys = if matches!(plan.matched, Matched::Keys(_)) {
        named(walker, plan).await?.keys
    } else {
        let wait_ms = if patience { WAIT_MS } else { "0" };
        match branch(walker, plan, wait_ms).await? {
            Some(tree) if tree.exact => tree.keys.unwrap_or(0),
            _ => return Ok(()),
        }
    };
    if keys <= confirmed {
        return Ok(());
    }
    let now = plan.deed.phrase(keys).unwrap_or_default();
    Err(ApiError::conflict(format!(
        "there are more keys by now: \"{now}\""
    )))
}

/// Keys of the database; what may not be asked is none.
pub(super) async fn all_keys(walker: &mut Walk) -> Result<Option<u64>, ApiError> {
    let reply = walker.conversation().await?.ask_raw(&words(["DBSIZE"])).await?;
    Ok(integer(&reply).and_then(|keys| u64::try_from(keys).ok()))
}

/// The names with what can be told of them.
async fn describe(walker: &mut Walk, deed: &Deed, names: Vec<Name>) -> Result<Vec<BulkSample>, ApiError> {
    let mut samples = Vec::with_capacity(names.len());
    for (name, whole_bytes) in names {
        if let Some(bytes) = whole_bytes {
            samples.push(nameless(&name, bytes));
            continue;
        }
        let mut usage = words(["MEMORY", "USAGE"]);
        usage.push(name.clone());
        let left = deed.leaves(&name).is_some();
        let to = deed.new_name(&name).filter(|_| !left);
        let looked_at = to.as_deref().unwrap_or(&name);
        let asks = [
            about("TYPE", &name, []),
            about("PTTL", &name, []),
            usage,
            about("EXISTS", looked_at, []),
        ];
        let replies = walker.conversation().await?.ask_all(&asks).await?;
        let kind = kind_of(&replies[0]);
        if kind.as_deref() == Some("none") {
            continue;
        }
        samples.push(BulkSample {
            key: name.into(),
            r#type: kind,
            ttl_ms: ttl_of(&replies[1]),
            bytes: integer(&replies[2]).and_then(|bytes| u64::try_from(bytes).ok()),
            taken: to.is_some() && integer(&replies[3]) == Some(1),
            to: to.map(Bytes::from),
            left,
        });
    }
    Ok(samples)
}

/// One whose name is too long to ask about it.
fn nameless(name: &[u8], bytes: u64) -> BulkSample {
    BulkSample {
        key: Bytes::beginning(name, bytes),
        r#type: None,
        ttl_ms: None,
        bytes: None,
        to: None,
        taken: false,
        left: true,
    }
}

/// Bytes of so many keys, by those of some of them.
fn extrapolated(keys: u64, samples: &[BulkSample]) -> Option<u64> {
    let sizes: Vec<u64> = samples.iter().filter_map(|sample| sample.bytes).collect();
    if keys == 0 {
        return Some(0);
    }
    let sum: u64 = sizes.iter().sum();
    (!sizes.is_empty()).then(|| (sum as f64 / sizes.len() as f64 * keys as f64) as u64)
}

/// Of the names that were given, those that are there, with all their bytes.
async fn named(walker: &mut Walk, plan: &Plan) -> Result<BulkPreview, ApiError> {
    let (mut there, mut bytes) = (Vec::new(), Some(0));
    while !walker.has_ended() {
        let names = walker.step().await?;
        let asks: Vec<_> = names
            .iter()
            .flat_map(|(name, _)| {
                let mut usage = words(["MEMORY", "USAGE"]);
                usage.push(name.clone());
                [about("EXISTS", name, []), usage]
            })
            .collect();
        let replies = walker.conversation().await?.ask_all(&asks).await?;
        for (name, replies) in names.into_iter().zip(replies.chunks_exact(2)) {
            // What may not be looked at may be there, and is refused when its turn comes.
            if integer(&replies[0]) == Some(0) {
                continue;
            }
            bytes = bytes
                .zip(integer(&replies[1]))
                .map(|(sum, more)| sum + more.max(0) as u64);
            there.push(name);
        }
    }
    let keys = there.len() as u64;
    there.truncate(SAMPLES);
    Ok(BulkPreview {
        db: plan.db,
        keys,
        exact: true,
        bytes,
        samples: describe(walker, &plan.deed, there).await?,
        branches: Vec::new(),
        confirm: plan.deed.phrase(keys),
    })
}

/// Looks, and changes nothing. Without `patience` it tells at once what can be known: places at the engine are for all.
///
/// # Errors
/// The engine's.
pub(super) async fn look(walker: &mut Walk, plan: &Plan, patience: bool) -> Result<BulkPreview, ApiError> {
    if matches!(plan.matched, Matched::Keys(_)) {
        return named(walker, plan).await;
    }
    let wait_ms = if patience { WAIT_MS } else { "0" };
    let tree = branch(walker, plan, wait_ms).await?;
    let time = match &tree {
        _ if !patience => HASTE_TIME,
        Some(_) => SAMPLE_TIME,
        None => COUNT_TIME,
    };
    let found = walk(walker, tree.is_none(), time).await?;
    let looked = walker.looked.max(1);
    let samples = describe(walker, &plan.deed, found.names).await?;
    let exact = tree.as_ref().map_or(found.all, |tree| tree.exact);
    let (keys, most) = match &tree {
        Some(tree) => (tree.keys.unwrap_or(0), tree.keys.unwrap_or(0)),
        None if found.all => (found.keys, found.keys),
        None => {
            let all = all_keys(walker).await?.unwrap_or(looked).max(looked);
            estimate(found.keys, looked, all)
        }
    };
    let branches = tree.as_ref().map(|tree| &tree.branches[..]).unwrap_or_default();
    Ok(BulkPreview {
        db: plan.db,
        keys,
        exact,
        bytes: match &tree {
            Some(tree) => tree.bytes,
            None => extrapolated(keys, &samples),
        },
        branches: branches
            .iter()
            .map(|row| BulkBranch {
                prefix: row.prefix.clone(),
                keys: row.keys.unwrap_or(0),
            })
            .collect(),
        samples,
        confirm: plan.deed.phrase(most),
    })
}

/// How many of `all` keys match, when `found` of `looked` did, and how many there may be at most: three standard deviations more,
/// so that a job does not come upon more than were confirmed because of the count alone. With none found as many as
/// would be missed once in twenty times.
fn estimate(found: u64, looked: u64, all: u64) -> (u64, u64) {
    let scale = all as f64 / looked.max(1) as f64;
    let found = found as f64;
    let most = (found + 3.0 * found.sqrt() + 3.0) * scale;
    ((found * scale) as u64, (most.ceil() as u64).min(all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_confirmed_covers_the_error_of_the_estimate() {
        assert_eq!(estimate(0, 1000, 10_000), (0, 30));
        assert_eq!(estimate(100, 1000, 10_000), (1000, 1330));
        // Nobody confirms more keys than there are.
        assert_eq!(estimate(990, 1000, 1001), (990, 1001));
        assert_eq!(estimate(0, 0, 0), (0, 0));
    }
}
