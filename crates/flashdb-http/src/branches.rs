//! Which branches of the key tree change (WS-05), to who watches it. Once a second, and only while somebody does, the engine compares
//! the counts that it keeps for the tree anyhow (`flashdb_server`'s `key_tree`); nothing is counted for it, and where nobody has
//! looked at the tree there is nothing to tell. Of each look a viewer is told at most ten branches: where there are more,
//! those above them. Whoever may not read all keys is told only of branches that their patterns cover as a whole.

use crate::App;
use crate::caller::now_ms;
use crate::json::Bytes;
use crate::topic::Topic;
use flashdb_server::engine::{BranchChange, Look};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval};

const TOPICS: [Topic; 2] = [Topic::Keyspace, Topic::PlainKeyspace];
/// Time between two looks.
const LOOK_TIME: Duration = Duration::from_secs(1);
/// Branches that a viewer is told of a look.
const TOLD_MAX: usize = 10;

/// What has become of a branch.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Message {
    t: i64,
    /// There are no namespaces.
    ns: Option<String>,
    db: u16,
    prefix: Bytes,
    /// Keys that came and that went since the look before, those of branches below included; null where it is not known.
    created: Option<u64>,
    deleted: Option<u64>,
    /// Those of `deleted` that went by their expiry: not counted by branch.
    expired: Option<u64>,
    keys: u64,
    bytes: u64,
    /// Branches below it have changed, or may have, that are not told.
    below: bool,
}

/// Which of the changes are told to who sees these branches: each by its place and whether it also stands for branches below it; and how
/// many are left out, since what stands for them is not to be seen.
fn choose(
    changes: &[BranchChange],
    sees: impl Fn(&BranchChange) -> bool,
    max: usize,
) -> (Vec<(usize, bool)>, u64) {
    let seen: Vec<bool> = changes.iter().map(sees).collect();
    // Of each: is it told, and does it stand for others.
    let mut told: Vec<Option<bool>> = changes
        .iter()
        .zip(&seen)
        .map(|(change, seen)| (change.own && *seen).then_some(change.below))
        .collect();
    let depths = changes.iter().fold(Vec::<usize>::new(), |mut depths, change| {
        depths.push(change.above.map_or(0, |above| depths[above] + 1));
        depths
    });
    let count = |told: &[Option<bool>]| told.iter().flatten().count();
    for depth in (1..=depths.iter().copied().max().unwrap_or(0)).rev() {
        let mut members: Vec<(usize, Vec<usize>)> = Vec::new();
        for at in (0..changes.len()).filter(|at| depths[*at] == depth && told[*at].is_some()) {
            let Some(above) = changes[at].above.filter(|above| seen[*above]) else {
                continue;
            };
            match members.iter_mut().find(|(of, _)| *of == above) {
                Some((_, all)) => all.push(at),
                None => members.push((above, vec![at])),
            }
        }
        // As few branches as possible are made coarser.
        members.sort_by_key(|(_, all)| std::cmp::Reverse(all.len()));
        for (above, all) in members {
            if count(&told) <= max {
                break;
            }
            all.into_iter().for_each(|at| told[at] = None);
            told[above] = Some(true);
        }
    }
    let all = told
        .iter()
        .enumerate()
        .filter_map(|(at, told)| told.map(|below| (at, below)));
    let mut chosen: Vec<(usize, bool)> = all.collect();
    let over = chosen.len().saturating_sub(max);
    chosen.truncate(max);
    (chosen, over as u64)
}

fn messages(changes: &[BranchChange], sees: impl Fn(&BranchChange) -> bool, t: i64) -> (Vec<Message>, u64) {
    let (chosen, lost) = choose(changes, sees, TOLD_MAX);
    let message = |(at, below): (usize, bool)| {
        let change: &BranchChange = &changes[at];
        Message {
            t,
            ns: None,
            db: change.db,
            prefix: change.prefix.to_vec().into(),
            created: change.created,
            deleted: change.deleted,
            expired: None,
            keys: change.keys,
            bytes: change.bytes,
            below,
        }
    };
    (chosen.into_iter().map(message).collect(), lost)
}

fn publish(app: &App, changes: &[BranchChange]) {
    if changes.is_empty() {
        return;
    }
    let t = now_ms();
    let to_all = messages(changes, |_| true, t);
    for topic in TOPICS {
        app.hub
            .publish_each(topic, |viewer| match app.engine.shows_branch(viewer, b"") {
                true => to_all.clone(),
                false => messages(
                    changes,
                    |change| app.engine.shows_branch(viewer, &change.prefix),
                    t,
                ),
            });
    }
}

/// Looks once a second while somebody watches, and publishes what has changed.
pub(crate) async fn run(app: Arc<App>) {
    loop {
        app.hub.any_watched(TOPICS).await;
        let mut tick = interval(LOOK_TIME);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut begins = true;
        while app.hub.is_any_watched(&TOPICS) {
            tick.tick().await;
            if !app.engine.counts_prefixes() {
                continue;
            }
            let (then, seen) = oneshot::channel();
            app.engine.look_at_branches(Look {
                begins: std::mem::take(&mut begins),
                // A simple client is shown what there is, and does not keep it.
                keeps: app.hub.is_watched(Topic::Keyspace),
                then: Box::new(|changes| drop(then.send(changes))),
            });
            // What is dropped was nothing: no branch is counted.
            if let Ok(changes) = seen.await {
                publish(&app, &changes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(prefix: &str, above: Option<usize>, own: bool) -> BranchChange {
        BranchChange {
            db: 0,
            prefix: prefix.as_bytes().into(),
            above,
            own,
            below: false,
            created: Some(1),
            deleted: Some(0),
            keys: 1,
            bytes: 50,
        }
    }

    /// `a:` with 3 branches below it, `b:` with 20.
    fn tree() -> Vec<BranchChange> {
        let mut tree = vec![change("", None, false), change("a:", Some(0), false)];
        tree.extend((0..3).map(|n| change(&format!("a:{n}:"), Some(1), true)));
        let b = tree.len();
        tree.push(change("b:", Some(0), false));
        tree.extend((0..20).map(|n| change(&format!("b:{n}:"), Some(b), true)));
        tree
    }

    fn names(changes: &[BranchChange], chosen: &[(usize, bool)]) -> Vec<(String, bool)> {
        let name = |at: usize| String::from_utf8_lossy(&changes[at].prefix).into_owned();
        chosen.iter().map(|(at, below)| (name(*at), *below)).collect()
    }

    #[test]
    fn a_branch_stands_for_many_below_it() {
        let tree = tree();
        let (chosen, lost) = choose(&tree, |_| true, 10);
        let name = |name: &str, below| (name.to_owned(), below);
        let expected = [
            name("a:0:", false),
            name("a:1:", false),
            name("a:2:", false),
            name("b:", true),
        ];
        assert_eq!((names(&tree, &chosen), lost), (expected.to_vec(), 0));
        let (chosen, lost) = choose(&tree, |_| true, 1);
        assert_eq!((names(&tree, &chosen), lost), (vec![name("", true)], 0));
        let (chosen, _) = choose(&tree, |_| true, 30);
        assert_eq!(chosen.len(), 23);
        assert_eq!(choose(&[], |_| true, 10), (vec![], 0));
    }

    #[test]
    fn what_may_not_be_seen_stands_for_nothing() {
        let tree = tree();
        let below =
            |prefix: &'static str| move |change: &BranchChange| change.prefix.starts_with(prefix.as_bytes());
        let (chosen, lost) = choose(&tree, below("a:"), 10);
        assert_eq!((chosen.len(), lost), (3, 0));
        // `b:*:` without `b:` itself.
        let (chosen, lost) = choose(
            &tree,
            |change| change.prefix.starts_with(b"b:") && change.prefix.len() > 2,
            10,
        );
        assert_eq!((chosen.len(), lost), (10, 10));
        let (chosen, lost) = choose(&tree, |_| false, 10);
        assert_eq!((chosen.len(), lost), (0, 0));
    }
}
