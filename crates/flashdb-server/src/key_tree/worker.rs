//! The thread of the key tree: samples, counts, answers.

use super::answer::{self, Figures};
use super::changes::{BranchChange, Looked};
use super::{Ask, KeyTree, KeysQuestion, Look, Question};
use crate::later::Later;
use crate::server::Server;
use flashdb_command::error::ErrorReply;
use flashdb_store::{KeyPage, Keyspace, Mark, Outline, ROOT, Sampled, ShardMark, Tally, WalkBudget};
use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// Nobody has looked for so long: all is forgotten, and the thread ends.
const IDLE_TIME: Duration = Duration::from_secs(3600);
/// Keys of a sample. Some 100 ns each: what the first answer waits for.
const SAMPLE_KEYS: usize = 400_000;
/// A step under the lock of a shard: some 20 µs.
const STEP: WalkBudget = WalkBudget {
    entries: 200,
    bytes: usize::MAX,
};
/// Steps between two pauses, which leave the core to others.
const BURST_TIME: Duration = Duration::from_millis(1);
const PAUSE: Duration = Duration::from_micros(500);
/// Counts older than this are made anew when somebody asks: branches may have come, and bytes changed in place.
const FRESH_TIME: Duration = Duration::from_secs(2);
/// Of all time at most this part is spent on counting anew.
const FRESH_SHARE: u32 = 20;
/// Where more than this part of the keys came or went, there are other branches by now.
const MUCH: u64 = 8;
/// An answer with less than exact counts is given after this time, unless the question is more patient.
const FIRST_ANSWER: Duration = Duration::from_millis(150);
/// Somebody who looked so shortly ago looks again.
const WATCHED_TIME: Duration = Duration::from_secs(5);
/// Time for one page of keys.
const KEYS_TIME: Duration = Duration::from_millis(50);
/// Bytes of names in one page of keys, or one name.
const KEYS_BYTES_MAX: usize = 1 << 20;
/// Which of the gate's lanes for background threads it takes.
const LANE: usize = 2;

/// Starts the thread.
pub(super) fn start(server: &Arc<Server>, inbox: Receiver<Ask>) -> io::Result<()> {
    let worker = Worker {
        server: Arc::downgrade(server),
        lane: server.space.gate().background_lane(LANE),
        inbox,
        surveys: BTreeMap::new(),
        waiting: Vec::new(),
        looked: BTreeMap::new(),
        looked_at: None,
        asked: Instant::now(),
    };
    let thread = std::thread::Builder::new().name("key-tree".into());
    thread.spawn(move || worker.run()).map(drop)
}

/// The counts of one database.
struct Survey {
    /// Counted by all shards, or was: a database that was exchanged may have to be counted again.
    whole: Option<Arc<Outline>>,
    /// Being counted, up to this shard.
    next: Option<(Arc<Outline>, u16)>,
    /// Keys when the sample was taken.
    keys: u64,
    began: Instant,
    ended: Instant,
}

impl Survey {
    fn is_fresh(&self, keys: u64) -> bool {
        let took = self.ended.saturating_duration_since(self.began);
        let is_young = self.ended.elapsed() < FRESH_TIME.max(took * FRESH_SHARE);
        self.whole.is_some() && is_young && self.keys.abs_diff(keys) <= self.keys / MUCH
    }
}

struct Worker {
    server: Weak<Server>,
    lane: usize,
    inbox: Receiver<Ask>,
    surveys: BTreeMap<u16, Survey>,
    waiting: Vec<(Question, Later)>,
    /// By database, what the last look has seen.
    looked: BTreeMap<u16, Looked>,
    /// When somebody last looked.
    looked_at: Option<Instant>,
    /// When the last question came.
    asked: Instant,
}

impl Worker {
    fn run(mut self) {
        loop {
            let is_idle = self.waiting.is_empty() && self.counting().is_none();
            let ask = match is_idle {
                true => self
                    .inbox
                    .recv_timeout(IDLE_TIME.saturating_sub(self.asked.elapsed())),
                false => self.inbox.try_recv().map_err(|error| match error {
                    TryRecvError::Empty => RecvTimeoutError::Timeout,
                    TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
                }),
            };
            let Some(server) = self.server.upgrade() else {
                return;
            };
            if server.stopping.load(Ordering::Acquire) {
                return;
            }
            if matches!(
                &ask,
                Ok(Ask::Branch(..) | Ask::Keys(..) | Ask::Look(Look { keeps: true, .. }))
            ) {
                self.asked = Instant::now();
            }
            match ask {
                Ok(Ask::Look(look)) => self.look(&server, look),
                Ok(Ask::Branch(question, later)) => self.admit(&server, question, later),
                Ok(Ask::Keys(question, later)) => self.tell_keys(&server, &question, later),
                Ok(Ask::Forget) => self.forget(&server),
                // Who asks after that starts another thread.
                Err(RecvTimeoutError::Timeout) if is_idle => return self.forget(&server),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.count(&server.space);
            self.answer(&server);
            drop(server);
            if self.counting().is_some() {
                std::thread::sleep(PAUSE);
            }
        }
    }

    /// The database that is being counted.
    fn counting(&self) -> Option<u16> {
        let mut surveys = self.surveys.iter();
        surveys
            .find(|(_, survey)| survey.next.is_some())
            .map(|(db, _)| *db)
    }

    fn forget(&mut self, server: &Server) {
        self.surveys.clear();
        self.looked.clear();
        server.space.forget_prefixes(self.lane);
        server.key_tree.bytes.store(0, Ordering::Relaxed);
    }

    fn admit(&mut self, server: &Server, question: Question, later: Later) {
        let separator = KeyTree::separator(server);
        let suits = |outline: &Arc<Outline>| outline.separator() == separator;
        if let Some(survey) = self.surveys.get_mut(&question.db) {
            survey.whole = survey.whole.take().filter(suits);
            survey.next = survey.next.take().filter(|(outline, _)| suits(outline));
        }
        let survey = self.surveys.get(&question.db);
        let keys = server.space.count_keys(self.lane, question.db);
        if survey.is_none_or(|survey| survey.next.is_none() && !survey.is_fresh(keys)) {
            self.begin(server, question.db, separator);
        }
        self.waiting.push((question, later));
    }

    /// Samples the keys of a database and begins to count by what was found.
    fn begin(&mut self, server: &Server, db: u16, separator: u8) {
        let began = Instant::now();
        let (space, shards) = (&server.space, server.space.shards_count());
        let mut sampled = Sampled::new(separator);
        for shard in 0..shards as u16 {
            space.sample_prefixes(self.lane, shard, db, SAMPLE_KEYS.div_ceil(shards), &mut sampled);
        }
        let outline = sampled.outline(shards);
        let whole = self.surveys.remove(&db).and_then(|survey| survey.whole);
        let survey = Survey {
            whole,
            keys: outline.branch(ROOT).estimate,
            next: Some((outline, 0)),
            began,
            ended: began,
        };
        self.surveys.insert(db, survey);
        let outlines = |survey: &Survey| -> usize {
            let next = survey.next.as_ref().map(|(outline, _)| outline);
            let all = survey.whole.iter().chain(next);
            all.map(|outline| outline.memory_bytes()).sum()
        };
        let bytes = self.surveys.values().map(outlines).sum();
        server.key_tree.bytes.store(bytes, Ordering::Relaxed);
    }

    /// Counts for a moment.
    fn count(&mut self, space: &Keyspace) {
        let Some(db) = self.counting() else { return };
        let Some(survey) = self.surveys.get_mut(&db) else {
            return;
        };
        let until = Instant::now() + BURST_TIME;
        while let Some((outline, shard)) = &mut survey.next {
            if usize::from(*shard) == space.shards_count() {
                survey.whole = Some(outline.clone());
                survey.next = None;
                survey.ended = Instant::now();
                return self.begin_to_look(space, db);
            }
            if !space.count_prefixes(self.lane, *shard, db, outline, STEP) {
                *shard += 1;
            }
            if Instant::now() >= until {
                return;
            }
        }
    }

    /// Tells what has changed since the last look, in all databases that are counted.
    fn look(&mut self, server: &Server, look: Look) {
        if look.begins {
            self.looked.clear();
        }
        self.looked_at = Some(Instant::now());
        let mut changes: Vec<BranchChange> = Vec::new();
        for (db, survey) in &mut self.surveys {
            // While it is counted anew, the counts of before are partly gone; then they are compared as a whole.
            let (Some(outline), None) = (&survey.whole, &survey.next) else {
                continue;
            };
            let before = self.looked.get(db);
            let now = match look_at(&server.space, self.lane, *db, outline, before) {
                Seen::Changed(now) => now,
                Seen::Unchanged => continue,
                Seen::Incomplete => {
                    // Part of it was exchanged for what was never counted.
                    survey.next = survey.whole.take().map(|outline| (outline, 0));
                    continue;
                }
            };
            let found = match before {
                Some(before) => now.since(before, *db),
                None if look.begins => Vec::new(),
                None => now.anew(*db),
            };
            let first = changes.len();
            changes.extend(found.into_iter().map(|change| BranchChange {
                above: change.above.map(|above| above + first),
                ..change
            }));
            self.looked.insert(*db, now);
        }
        (look.then)(changes);
    }

    /// Has changes told from the first answer on, where somebody waits for them.
    fn begin_to_look(&mut self, space: &Keyspace, db: u16) {
        let is_watched = self.looked_at.is_some_and(|at| at.elapsed() < WATCHED_TIME);
        let outline = self.surveys.get(&db).and_then(|survey| survey.whole.as_ref());
        let (Some(outline), true) = (outline, is_watched && !self.looked.contains_key(&db)) else {
            return;
        };
        if let Seen::Changed(now) = look_at(space, self.lane, db, outline, None) {
            self.looked.insert(db, now);
        }
    }

    /// Answers what can be answered.
    fn answer(&mut self, server: &Arc<Server>) {
        for (question, later) in std::mem::take(&mut self.waiting) {
            let Some(survey) = self.surveys.get_mut(&question.db) else {
                // All was forgotten meanwhile.
                self.admit(server, question, later);
                continue;
            };
            let patience = question.patience.max(FIRST_ANSWER);
            if survey.next.is_some() && question.since.elapsed() < patience {
                self.waiting.push((question, later));
                continue;
            }
            let figures = exact(&server.space, self.lane, survey, &question);
            if figures.is_none()
                && survey.next.is_none()
                && let Some(outline) = survey.whole.take()
            {
                // Part of it was exchanged for what was never counted.
                survey.next = Some((outline, 0));
                self.waiting.push((question, later));
                continue;
            }
            let figures = figures.or_else(|| estimate(&server.space, survey, &question));
            later.answer_apart(server, |reply| {
                let figures =
                    figures.ok_or(ErrorReply::fixed("ERR the keys are being counted; ask again"))?;
                answer::write(reply, &question, figures);
                Ok(())
            });
        }
    }

    /// Tells keys that belong to a branch and to none below it.
    fn tell_keys(&mut self, server: &Arc<Server>, question: &KeysQuestion, later: Later) {
        let survey = self.surveys.get(&question.db);
        let outline = survey.and_then(|survey| {
            let next = survey.next.as_ref().map(|(outline, _)| outline);
            survey.whole.as_ref().or(next).cloned()
        });
        let Some(outline) = outline else {
            return later.answer_apart(server, |_| Err(ErrorReply::fixed("ERR ask PREFIX.TREE first")));
        };
        let id = outline.find(&question.prefix);
        let (mut page, until) = (
            KeyPage::new(KEYS_BYTES_MAX, question.limit.max(1)),
            Instant::now() + KEYS_TIME,
        );
        let mut cursor = question.cursor;
        loop {
            let is_own = |key: &[u8]| match id {
                Some(id) => outline.home(key) == id,
                None => key.starts_with(&question.prefix),
            };
            let branch = (&outline, id);
            cursor = server
                .space
                .page_keys(self.lane, question.db, cursor, branch, &mut page, is_own);
            if cursor.is_end() || page.is_full() || Instant::now() >= until {
                break;
            }
        }
        let mut keys = page.keys;
        keys.sort_unstable();
        keys.dedup();
        later.answer_apart(server, |reply| {
            reply.array(2);
            reply.bulk_str(&cursor.to_string());
            reply.array(keys.len());
            keys.iter().for_each(|key| reply.bulk(key));
            Ok(())
        });
    }
}

/// What a look at a database has seen.
enum Seen {
    Changed(Looked),
    Unchanged,
    /// Not all shards are counted.
    Incomplete,
}

/// Looks at a database, shard by shard, each locked for some 20 us and with pauses; for much less where nothing has changed since `before`.
fn look_at(space: &Keyspace, lane: usize, db: u16, outline: &Arc<Outline>, before: Option<&Looked>) -> Seen {
    let see = |sums: &mut [Mark]| -> Option<Vec<ShardMark>> {
        let mut until = Instant::now() + BURST_TIME;
        let shards = 0..space.shards_count() as u16;
        let see_shard = |shard| {
            if Instant::now() >= until {
                std::thread::sleep(PAUSE);
                until = Instant::now() + BURST_TIME;
            }
            space.mark_prefixes(lane, shard, db, outline, sums)
        };
        shards.map(see_shard).collect()
    };
    if let Some(before) = before.filter(|before| Arc::ptr_eq(&before.outline, outline)) {
        match see(&mut []) {
            None => return Seen::Incomplete,
            Some(shards) if shards == before.shards => return Seen::Unchanged,
            Some(_) => {}
        }
    }
    let mut marks = vec![Mark::default(); outline.watched()];
    match see(&mut marks) {
        None => Seen::Incomplete,
        Some(shards) => Seen::Changed(Looked {
            outline: outline.clone(),
            shards,
            marks,
        }),
    }
}

/// The branches below one that are asked about.
fn children<'o>(
    outline: &'o Outline,
    id: Option<u32>,
    question: &'o Question,
) -> impl Iterator<Item = u32> + 'o {
    let below: &[u32] = id.map_or(&[], |id| &outline.branch(id).children);
    let is_asked = |id: &u32| outline.branch(*id).prefix.starts_with(&question.beginning);
    below.iter().copied().filter(is_asked)
}

/// Exact keys of a branch, if they are counted; of the newest outline that is whole.
fn exact(space: &Keyspace, lane: usize, survey: &Survey, question: &Question) -> Option<Figures> {
    let outline = survey.whole.as_ref()?;
    let id = outline.find(&question.prefix);
    let mut ids = vec![id.unwrap_or(ROOT)];
    ids.extend(children(outline, id, question));
    let (all, tallies) = space.tally_prefixes(lane, question.db, outline, &ids)?;
    Some(Figures {
        outline: outline.clone(),
        all,
        own: if id.is_some() {
            tallies[0]
        } else {
            Tally::default()
        },
        below: ids.into_iter().zip(tallies).skip(1).collect(),
        exact: true,
        progress: 1.0,
    })
}

/// What the sample makes one think.
fn estimate(space: &Keyspace, survey: &Survey, question: &Question) -> Option<Figures> {
    let (outline, shard) = survey.next.as_ref()?;
    let tally = |id: u32| Tally {
        keys: outline.branch(id).estimate,
        bytes: outline.branch(id).estimate_bytes,
    };
    let id = outline.find(&question.prefix);
    let below = children(outline, id, question);
    Some(Figures {
        outline: outline.clone(),
        all: tally(ROOT),
        own: id.map(tally).unwrap_or_default(),
        below: below.map(|id| (id, tally(id))).collect(),
        exact: false,
        progress: f64::from(*shard) / space.shards_count() as f64,
    })
}
