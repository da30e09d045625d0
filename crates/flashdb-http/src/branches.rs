//! Which branches of the key tree change (WS-05), to who watches it. Once a second, and only while somebody does, the engine compares
//! the counts that it keeps for the tree anyhow (`flashdb_server`'s `key_tree`); nothing is counted for it, and where nobody has
//! looked at the tree there is nothing to tell. Of each look a viewer is told at most ten branches: where there are more,
//! those above them. Whoever may not read all keys is told only of branches that their patterns cover as a whole.

use crate::App;
use crate::caller::now_ms;
use crate::hub::Share;
use crate::json::Bytes;
use crate::topic::Topic;
use axum::extract::ws::Utf8Bytes;
use flashdb_server::engine::{BranchChange, Identity, Look};
use serde::Serialize;
use serde_json::json;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::yield_now;
use tokio::time::{MissedTickBehavior, interval};

const TOPICS: [Topic; 2] = [Topic::Keyspace, Topic::PlainKeyspace];
/// Time between two looks.
const LOOK_TIME: Duration = Duration::from_secs(1);
/// Branches that a viewer is told of a look.
const TOLD_MAX: usize = 10;
/// Changes of a look that are considered, about: what that costs for each user bounds how long a look keeps an HTTP thread.
const CONSIDERED_MAX: usize = 8192;

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

/// What is chosen of the changes: each by its place and whether it also stands for branches below it.
type Chosen = Vec<(usize, bool)>;

/// Which of the changes stand for all that changed, to who sees these branches: as many as are to be told, if what stands for them is to
/// be seen. O(n log n); a change is looked at three times at most, and `sees` is asked once of each.
fn choose(changes: &[BranchChange], sees: impl Fn(&BranchChange) -> bool, max: usize) -> Chosen {
    let seen: Vec<bool> = changes.iter().map(sees).collect();
    // Of each: is it told, and does it stand for others.
    let mut told: Vec<Option<bool>> = changes
        .iter()
        .zip(&seen)
        .map(|(change, seen)| (change.own && *seen).then_some(change.below))
        .collect();
    let mut count = told.iter().flatten().count();
    let mut levels = if count > max { levels(changes) } else { Vec::new() };
    for level in levels.iter_mut().rev() {
        level.retain(|at| told[*at].is_some() && changes[*at].above.is_some_and(|above| seen[above]));
        level.sort_by_key(|at| changes[*at].above);
        let mut members: Vec<&[usize]> = level
            .chunk_by(|one, other| changes[*one].above == changes[*other].above)
            .collect();
        // As few branches as possible are made coarser.
        members.sort_by_key(|all| Reverse(all.len()));
        for all in members {
            let Some(above) = changes[all[0]].above.filter(|_| count > max) else {
                break;
            };
            all.iter().for_each(|at| told[*at] = None);
            count = count - all.len() + usize::from(told[above].is_none());
            told[above] = Some(true);
        }
    }
    let all = told.iter().enumerate();
    all.filter_map(|(at, told)| told.map(|below| (at, below)))
        .collect()
}

/// The places of the changes by how deep they are.
fn levels(changes: &[BranchChange]) -> Vec<Vec<usize>> {
    let (mut depths, mut levels) = (Vec::with_capacity(changes.len()), Vec::<Vec<usize>>::new());
    for (at, change) in changes.iter().enumerate() {
        let depth = change.above.map_or(0, |above| depths[above] + 1);
        depths.push(depth);
        if levels.len() <= depth {
            levels.resize_with(depth + 1, Vec::new);
        }
        levels[depth].push(at);
    }
    levels
}

/// Where the telling ended: a database and a prefix.
type Turn = (u16, Box<[u8]>);

/// Where the telling goes on.
struct Turns<'a> {
    /// Behind what was told last, if that was of all databases.
    before: Option<&'a Turn>,
    /// Looks there have been.
    looks: u64,
}

/// Leaves as many as can be told, those whose turn it is before the others. How many are left out, and where it ended if any are.
fn take_turn(
    changes: &[BranchChange],
    chosen: &mut Chosen,
    turns: &Turns<'_>,
    max: usize,
) -> (u64, Option<Turn>) {
    if chosen.len() <= max {
        return (0, None);
    }
    let place = |&(at, _): &(usize, bool)| (changes[at].db, &*changes[at].prefix);
    chosen.sort_by(|one, other| place(one).cmp(&place(other)));
    let first = match turns.before {
        Some((db, prefix)) => chosen.partition_point(|one| place(one) <= (*db, prefix)),
        // Multiples of the golden section: starts that lie ever closer, in whatever rhythm the same changes come again.
        None => {
            let part = turns.looks.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
            ((part * chosen.len() as u64) >> 32) as usize
        }
    };
    chosen.rotate_left(first);
    let over = chosen.len() - max;
    chosen.truncate(max);
    let last = chosen.last().map(place);
    (over as u64, last.map(|(db, prefix)| (db, prefix.into())))
}

/// The changes of a look that are considered.
#[derive(Default)]
struct Considered {
    changes: Vec<BranchChange>,
    /// Databases of which only the branch of all keys is.
    cut: u64,
    /// The first of those, with which the next look begins.
    next_db: Option<u16>,
}

/// Considers databases from `first_db` on, in a circle, until there are `max` changes, and at least one database; of the others it is only
/// known that something has changed.
fn consider(changes: &[BranchChange], first_db: u16, max: usize) -> Considered {
    // Each with where it begins, since places are those among all.
    let mut databases: Vec<(usize, &[BranchChange])> = Vec::new();
    for all in changes.chunk_by(|one, other| one.db == other.db) {
        let begins = databases.last().map_or(0, |(begins, all)| begins + all.len());
        databases.push((begins, all));
    }
    databases.sort_by_key(|(_, all)| (all[0].db < first_db, all[0].db));
    let mut considered = Considered::default();
    for (begins, all) in databases {
        let first = considered.changes.len();
        let fits = first == 0 || considered.next_db.is_none() && first + all.len() <= max;
        if fits {
            considered.changes.extend(all.iter().map(|change| BranchChange {
                above: change.above.map(|above| above - begins + first),
                ..change.clone()
            }));
            continue;
        }
        considered.cut += 1;
        considered.next_db.get_or_insert(all[0].db);
        considered.changes.push(BranchChange {
            own: true,
            below: true,
            ..all[0].clone()
        });
    }
    considered
}

fn message(change: &BranchChange, below: bool, t: i64) -> Utf8Bytes {
    let message = Message {
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
    };
    json!({"type": Topic::Keyspace.row().kind, "data": message})
        .to_string()
        .into()
}

/// For whom something is told: those who see all, or a user.
type Audience = Option<u64>;

/// What goes on from look to look.
#[derive(Default)]
struct Teller {
    turns: HashMap<Audience, Turn>,
    first_db: u16,
    looks: u64,
}

/// What is told of one look, written once for all viewers of an audience.
struct Telling<'a> {
    considered: Considered,
    before: &'a HashMap<Audience, Turn>,
    looks: u64,
    turns: HashMap<Audience, Turn>,
    /// By the audience and the state of the rights.
    shares: HashMap<(Audience, u64), Arc<Share>>,
    t: i64,
}

impl Telling<'_> {
    /// What a viewer is told, by the rights of this moment; nothing to who is no user any more. Whether it was written anew.
    fn share(&mut self, app: &App, viewer: &Identity) -> Option<(Arc<Share>, bool)> {
        // Read before the rights: they are at least as new.
        let rights = app.engine.users_generation();
        let viewer = app.engine.standing(viewer)?;
        let audience = (!app.engine.shows_branch(&viewer, b"")).then(|| viewer.user_id());
        if let Some(share) = self.shares.get(&(audience, rights)) {
            return Some((share.clone(), false));
        }
        let sees =
            |change: &BranchChange| audience.is_none() || app.engine.shows_branch(&viewer, &change.prefix);
        let share = Arc::new(self.write(audience, sees, rights));
        self.shares.insert((audience, rights), share.clone());
        Some((share, true))
    }

    fn write(&mut self, audience: Audience, sees: impl Fn(&BranchChange) -> bool, rights: u64) -> Share {
        let changes = &self.considered.changes;
        let mut chosen = choose(changes, sees, TOLD_MAX);
        let turns = Turns {
            before: self.before.get(&audience),
            looks: self.looks,
        };
        let (over, turn) = take_turn(changes, &mut chosen, &turns, TOLD_MAX);
        let turn = turn.filter(|_| self.considered.cut == 0);
        self.turns.extend(turn.map(|turn| (audience, turn)));
        // Who sees all is told of each database that was not considered.
        let cut = audience.map_or(0, |_| self.considered.cut);
        Share {
            messages: chosen
                .iter()
                .map(|&(at, below)| message(&changes[at], below, self.t))
                .collect(),
            lost: over + cut,
            rights,
        }
    }
}

impl Teller {
    async fn tell(&mut self, app: &App, changes: &[BranchChange]) {
        if changes.is_empty() {
            return;
        }
        let considered = consider(changes, self.first_db, CONSIDERED_MAX);
        self.first_db = considered.next_db.unwrap_or(0);
        self.looks += 1;
        let mut telling = Telling {
            considered,
            before: &self.turns,
            looks: self.looks,
            turns: HashMap::new(),
            shares: HashMap::new(),
            t: now_ms(),
        };
        for topic in TOPICS {
            for inbox in app.hub.watchers(topic) {
                let share = inbox.viewer().and_then(|viewer| telling.share(app, &viewer));
                let Some((share, anew)) = share else { continue };
                app.hub.put_share(&inbox, topic, &share);
                if anew {
                    // Others want the thread, too.
                    yield_now().await;
                }
            }
        }
        self.turns = telling.turns;
    }
}

/// Looks once a second while somebody watches, and publishes what has changed.
pub(crate) async fn run(app: Arc<App>) {
    loop {
        app.hub.any_watched(TOPICS).await;
        let mut tick = interval(LOOK_TIME);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut begins, mut teller) = (true, Teller::default());
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
                teller.tell(&app, &changes).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::collections::HashSet;

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
        let chosen = choose(&tree, |_| true, 10);
        let name = |name: &str, below| (name.to_owned(), below);
        let expected = [
            name("a:0:", false),
            name("a:1:", false),
            name("a:2:", false),
            name("b:", true),
        ];
        assert_eq!(names(&tree, &chosen), expected);
        let chosen = choose(&tree, |_| true, 1);
        assert_eq!(names(&tree, &chosen), [name("", true)]);
        assert_eq!(choose(&tree, |_| true, 30).len(), 23);
        assert_eq!(choose(&[], |_| true, 10), []);
    }

    #[test]
    fn what_may_not_be_seen_stands_for_nothing() {
        let tree = tree();
        let below =
            |prefix: &'static str| move |change: &BranchChange| change.prefix.starts_with(prefix.as_bytes());
        assert_eq!(choose(&tree, below("a:"), 10).len(), 3);
        // `b:*:` without `b:` itself.
        let inner = |change: &BranchChange| change.prefix.starts_with(b"b:") && change.prefix.len() > 2;
        let mut chosen = choose(&tree, inner, 10);
        let turns = Turns {
            before: None,
            looks: 1,
        };
        assert_eq!(take_turn(&tree, &mut chosen, &turns, 10).0, 10);
        assert_eq!(chosen.len(), 10);
        assert_eq!(choose(&tree, |_| false, 10), []);
    }

    /// So many databases, each with a branch of `below` others that have changed.
    fn databases(count: u16, below: usize) -> Vec<BranchChange> {
        let mut changes = Vec::new();
        for db in 0..count {
            let root = changes.len();
            changes.push(change("", None, false));
            changes.extend((0..below).map(|n| change(&format!("b{n}:"), Some(root), true)));
            changes[root..].iter_mut().for_each(|change| change.db = db);
        }
        changes
    }

    #[test]
    fn all_get_their_turn() {
        for (count, below) in [(16, 3), (1, 25), (256, 40)] {
            let changes = databases(count, below);
            // Databases where they are seen as a whole, branches where not.
            for whole in [true, false] {
                let (mut turn, mut first_db) = (None, 0);
                let (mut told, mut looks) = (HashSet::new(), 0_u64);
                let all = if whole {
                    count.into()
                } else {
                    usize::from(count) * below
                };
                while told.len() < all {
                    let considered = consider(&changes, first_db, 100);
                    first_db = considered.next_db.unwrap_or(0);
                    let changes = &considered.changes;
                    let sees = |change: &BranchChange| whole || !change.prefix.is_empty();
                    let mut chosen = choose(changes, sees, TOLD_MAX);
                    let turns = Turns {
                        before: turn.as_ref(),
                        looks,
                    };
                    let next = take_turn(changes, &mut chosen, &turns, TOLD_MAX).1;
                    turn = next.filter(|_| considered.cut == 0);
                    assert!(chosen.len() <= TOLD_MAX);
                    told.extend(chosen.iter().map(|(at, _)| match whole {
                        true => (changes[*at].db, Box::default()),
                        false => (changes[*at].db, changes[*at].prefix.clone()),
                    }));
                    looks += 1;
                    assert!(
                        looks <= 4 * all.div_ceil(TOLD_MAX) as u64,
                        "{count} {below} {whole}: {}",
                        told.len()
                    );
                }
            }
        }
    }

    #[test]
    fn what_is_considered_is_bounded() {
        let changes = databases(256, 1000);
        let considered = consider(&changes, 250, CONSIDERED_MAX);
        assert_eq!(considered.changes.len(), 8 * 1001 + 248);
        assert_eq!((considered.cut, considered.next_db), (248, Some(2)));
        assert_eq!(
            (considered.changes[0].db, considered.changes[7 * 1001].db),
            (250, 1)
        );
        for (at, change) in considered.changes.iter().enumerate() {
            let above = change.above.map(|above| &considered.changes[above]);
            assert!(above.is_none_or(|above| above.db == change.db && above.prefix.is_empty()));
            assert_eq!(change.own && change.below, at >= 8 * 1001);
        }
        let one = consider(&changes[..1001], 7, 10);
        assert_eq!((one.changes.len(), one.cut, one.next_db), (1001, 0, None));
    }

    #[test]
    fn the_work_grows_as_the_changes_do() {
        // Each change has a branch above of its own, and none is seen as a whole: the worst for who searches.
        for n in [1_000, 100_000] {
            let mut changes = vec![change("", None, false)];
            for at in 0..n {
                changes.push(change(&format!("{at}:"), Some(0), false));
                changes.push(change(&format!("{at}:x:"), Some(1 + 2 * at), true));
            }
            let asked = Cell::new(0);
            let sees = |_: &BranchChange| {
                asked.set(asked.get() + 1);
                true
            };
            let chosen = choose(&changes, sees, 10);
            assert_eq!((chosen, asked.get()), (vec![(0, true)], changes.len()));
            let places: usize = levels(&changes).iter().map(Vec::len).sum();
            assert_eq!(places, changes.len());
        }
    }
}
