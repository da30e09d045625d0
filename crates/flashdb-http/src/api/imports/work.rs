//! The work of an import: piece by piece of the file, batch by batch at its pace. Each key is made by one RESTORE of its own, each
//! command of the file is run as it stands, as the user has rights at that moment; so what was answered is there, and an abort
//! or the end of the server leaves no key half made.

use super::rows::{self, Piece, Pieces, Put, Run, Step};
use super::tally::{Fate, Tally};
use super::upload::{Kept, Upload};
use super::{OnConflict, Plan};
use crate::App;
use crate::api::bulk_jobs::link::Link;
use crate::api::bulk_jobs::pace::Pace;
use crate::api::bulk_jobs::work::{ENDING, REFUSALS_MAX, UNKNOWN, rest, until_the_end};
use crate::api::execute::unsupported;
use crate::ask::{about, integer};
use crate::audit::BulkNote;
use crate::error::ApiError;
use crate::jobs::{Job, JobState};
use axum::http::StatusCode;
use flashdb_base::args::OwnedArgs;
use flashdb_command::key_spec::KeyFlags;
use flashdb_command::{CommandSpec, Flags};
use flashdb_import::{Access, Expiry};
use flashdb_resp::reply::Value as Reply;
use flashdb_server::engine::{Aim, EndHold, Identity};
use std::collections::{HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::time::Instant;

/// Bytes that are sent together, unless one row has more.
const TOGETHER_BYTES: usize = 1 << 20;
/// Keys that are looked at together: a command may be about many.
const LOOKS_TOGETHER: usize = 1000;
/// Keys that are looked at in the time of one that is written.
const LOOKS_PER_WRITE: u64 = 4;
/// Commands about keys that are not of a key's value: they would reach beyond the file.
const REFUSED: [&str; 2] = ["migrate", "restore-asking"];

/// A job at work.
pub(super) struct Work {
    pub app: Arc<App>,
    pub identity: Identity,
    pub peer: SocketAddr,
    pub plan: Arc<Plan>,
    pub note: BulkNote,
    pub upload: Arc<Upload>,
    /// To be kept when a dry run has come to its end.
    pub kept: Option<Kept>,
    /// Until its end is in the audit log.
    pub hold: EndHold,
}

/// Rows that go together.
enum Batch {
    Puts(Vec<Put>),
    Runs(Vec<Run>),
    One(Step),
}

/// A command that may be run, with the keys that it changes.
struct Checked {
    run: Run,
    name: String,
    keys: Vec<Vec<u8>>,
}

impl Work {
    /// All of it. Ends the job whatever happens.
    pub async fn run(mut self, job: Arc<Job>) {
        self.note.log("begun", 0, 0);
        let mut tally = Tally::default();
        let outcome = until_the_end(&self.app, &job, self.work(&job, &mut tally)).await;
        let (outcome, state, failure) = match outcome {
            Err(_) if job.is_stopped() && !tally.is_answered() => ("aborted", JobState::Aborted, None),
            Err(error) => ("failed", JobState::Failed, Some(error.message)),
            Ok(false) => ("aborted", JobState::Aborted, None),
            Ok(true) => ("done", JobState::Done, None),
        };
        if let (JobState::Done, Some(kept)) = (state, self.kept.take()) {
            tally.kept_until_ms = self.app.imports.keep(kept, &self.app.engine);
        }
        self.note
            .log(outcome, tally.written + tally.commands, tally.errors);
        job.end_as(state, tally.result(&job), failure);
        drop(self.hold);
    }

    /// False if it ended before the last row, by request.
    async fn work(&self, job: &Job, tally: &mut Tally) -> Result<bool, ApiError> {
        let engine = &self.app.engine;
        let databases = engine.databases_count() as u64;
        let mut pieces = rows::read(&self.upload, &self.plan, &engine.config().settings(), databases);
        let mut link = Link::new(Aim::Use, &self.app, &self.identity, self.peer, 0);
        let speed = |rate| {
            if self.plan.dry_run {
                rate * LOOKS_PER_WRITE
            } else {
                rate
            }
        };
        let (mut pace, mut due) = (Pace::new(speed(self.plan.rate)), Instant::now());
        loop {
            if !rest(job, &mut link, due).await? {
                return Ok(false);
            }
            let piece = match next_piece(job, &mut pieces).await {
                Next::Piece(piece) => piece,
                Next::Stopped => return Ok(false),
                Next::None => return Err(ApiError::conflict("the file was not read to its end")),
            };
            // Its room is given back when all of it was worked on.
            let Piece { steps, room: _room } = piece;
            let mut steps = VecDeque::from(steps);
            while !steps.is_empty() {
                if !rest(job, &mut link, due).await? {
                    return Ok(false);
                }
                pace.ask(speed(job.rate.load(Ordering::Relaxed)));
                let (batch, began) = (batch_of(&mut steps, pace.batch_keys()), Instant::now());
                let count = match batch {
                    Batch::Puts(puts) => self.put(job, &mut link, puts, tally).await?,
                    Batch::Runs(runs) => self.commands(job, &mut link, runs, tally).await?,
                    Batch::One(step) => {
                        if self.one(step, tally)? {
                            tally.tell(job, pace.rate());
                            return Ok(true);
                        }
                        0
                    }
                };
                if count > 0 {
                    due = pace.changed(count, began.elapsed(), Instant::now());
                    tally.expect(self.plan.bytes);
                    tally.tell(job, pace.rate());
                }
                self.check_refusals(tally)?;
            }
        }
    }

    /// A row about which the engine is not asked. Whether it was the end.
    fn one(&self, step: Step, tally: &mut Tally) -> Result<bool, ApiError> {
        match step {
            Step::Expired => {
                tally.handled += 1;
                tally.expired += 1;
            }
            Step::LeftOut(left) => {
                tally.come_to(left.place);
                tally.refuse(left.place, left.key.as_deref(), "LEFT_OUT", &left.why);
                // As a whole or not at all: what follows about it would make half a key.
                if let Some(key) = left.key.as_deref().filter(|_| self.plan.has_commands()) {
                    let db = self.plan.db.unwrap_or(left.db.unwrap_or(0));
                    tally.meet(db, key, Fate::Theirs)?;
                }
            }
            Step::Fault(fault) => return Err(ApiError::conflict(format!("{fault}{}", self.so_far(tally)))),
            Step::End(note) => {
                tally.note = note;
                tally.close();
                return Ok(true);
            }
            Step::Put(_) | Step::Run(_) => {}
        }
        Ok(false)
    }

    /// What was written before it ended.
    fn so_far(&self, tally: &Tally) -> String {
        if self.plan.dry_run {
            return String::new();
        }
        let commands = match tally.commands {
            0 => String::new(),
            commands => format!(" and {commands} commands run"),
        };
        format!("; until then {} keys were written{commands}", tally.written)
    }

    fn check_refusals(&self, tally: &Tally) -> Result<(), ApiError> {
        if tally.refused_in_a_row < REFUSALS_MAX {
            return Ok(());
        }
        let message = format!(
            "{} rows in a row were refused: {}",
            tally.refused_in_a_row,
            tally.last_message()
        );
        Err(ApiError::new(StatusCode::FORBIDDEN, "NOPERM", message))
    }

    /// Whether its user may still run a command: rights are those of now, not of the beginning.
    fn check_right(&self, command: &str) -> Result<(), ApiError> {
        let engine = &self.app.engine;
        match engine.standing(&self.identity) {
            Some(identity) if !engine.allows(&identity, command) => Err(ApiError::no_right(command)),
            // That the user has gone is found when the connection is asked for.
            _ => Ok(()),
        }
    }

    /// The replies; none where there was no answer in time.
    async fn ask(
        &self,
        link: &mut Link,
        requests: &[Vec<Vec<u8>>],
        tally: &mut Tally,
    ) -> Result<Option<Vec<Reply>>, ApiError> {
        let replies = match link.conversation().await {
            Ok(conversation) => conversation.ask_all(requests).await,
            Err(error) => Err(error),
        };
        match replies {
            Err(error) if tally.may_wait(&error) => {
                link.let_go();
                Ok(None)
            }
            replies => {
                let replies = replies?;
                tally.was_answered();
                Ok(Some(replies))
            }
        }
    }

    /// Whether keys are there; an error where one may not be looked at. Asks again while there are no answers, unless the job is to
    /// end: without them nothing can be decided.
    async fn look(
        &self,
        job: &Job,
        link: &mut Link,
        keys: &[&[u8]],
        tally: &mut Tally,
    ) -> Result<Vec<Result<bool, String>>, ApiError> {
        self.check_right("exists")?;
        let mut looks = Vec::with_capacity(keys.len());
        for keys in keys.chunks(LOOKS_TOGETHER) {
            let requests: Vec<_> = keys.iter().map(|key| about("EXISTS", key, [])).collect();
            let replies = loop {
                match self.ask(link, &requests, tally).await? {
                    Some(replies) => break replies,
                    None if job.is_stopped() => return Err(ApiError::stopping()),
                    None => {}
                }
            };
            looks.extend(replies.iter().map(|reply| match reply {
                Reply::Error(text) => Err(String::from_utf8_lossy(text).into_owned()),
                reply => Ok(integer(reply) == Some(1)),
            }));
        }
        Ok(looks)
    }

    // ---- keys ----------------------------------------------------------------------------------

    /// Writes keys of one database. Answers how many it came to.
    async fn put(
        &self,
        job: &Job,
        link: &mut Link,
        mut puts: Vec<Put>,
        tally: &mut Tally,
    ) -> Result<usize, ApiError> {
        let Some(db) = puts.first().map(|put| put.db) else {
            return Ok(0);
        };
        link.select(db);
        let count = puts.len();
        let fails = self.plan.on_conflict == OnConflict::Fail;
        let mut in_the_way = None;
        if self.plan.dry_run || fails {
            let keys: Vec<&[u8]> = puts.iter().map(|put| put.key.as_slice()).collect();
            let looks = self.look(job, link, &keys, tally).await?;
            if self.plan.dry_run {
                self.note_puts(&puts, &looks, tally)?;
                return Ok(count);
            }
            // The second of two of one name finds the first in its way.
            let mut names = HashSet::new();
            let again = keys.iter().position(|key| !names.insert(*key));
            let there = looks.iter().position(|look| *look == Ok(true));
            if let Some(at) = again.into_iter().chain(there).min() {
                in_the_way = puts.drain(at..).next();
            }
        }
        self.check_right("restore")?;
        let requests: Vec<_> = puts
            .iter_mut()
            .map(|put| restore(put, self.plan.on_conflict))
            .collect();
        let replies = self.ask(link, &requests, tally).await?;
        let mut made_meanwhile = None;
        for (at, put) in puts.iter().enumerate() {
            tally.come_to(put.place);
            match replies.as_ref().map(|replies| &replies[at]) {
                None => {
                    tally.unknown += 1;
                    tally.refuse(put.place, Some(&put.key), "ENGINE_TIMEOUT", UNKNOWN);
                }
                // Somebody made it since the look. Those behind it are written by now, and are to be counted.
                Some(Reply::Error(text)) if fails && text.starts_with(b"BUSYKEY") => {
                    made_meanwhile.get_or_insert(put);
                }
                Some(reply) => self.note_put(put, reply, tally)?,
            }
        }
        match made_meanwhile.or(in_the_way.as_ref()) {
            Some(put) => Err(self.is_there(&put.key, put.place, tally)),
            None => Ok(count),
        }
    }

    /// What a reply to RESTORE means.
    fn note_put(&self, put: &Put, reply: &Reply, tally: &mut Tally) -> Result<(), ApiError> {
        let fate = match reply {
            Reply::Error(text) if text.starts_with(b"BUSYKEY") => {
                tally.skipped += 1;
                tally.existing += 1;
                tally.refused_in_a_row = 0;
                Fate::Theirs
            }
            Reply::Error(text) => {
                let (code, message) = self.refusal(text, "restore", tally)?;
                tally.refuse(put.place, Some(&put.key), &code, &message);
                Fate::Theirs
            }
            _ => {
                tally.written += 1;
                tally.count(put.kind);
                tally.refused_in_a_row = 0;
                Fate::Ours
            }
        };
        if self.plan.has_commands() {
            tally.meet(put.db, &put.key, fate)?;
        }
        Ok(())
    }

    fn note_puts(
        &self,
        puts: &[Put],
        looks: &[Result<bool, String>],
        tally: &mut Tally,
    ) -> Result<(), ApiError> {
        for (put, look) in puts.iter().zip(looks) {
            tally.come_to(put.place);
            if let Err(message) = look {
                tally.refuse(put.place, Some(&put.key), "NOPERM", message);
                continue;
            }
            let exists = *look == Ok(true);
            tally.written += 1;
            tally.existing += u64::from(exists);
            tally.count(put.kind);
            tally.sample(put, exists);
            if self.plan.has_commands() {
                tally.meet(put.db, &put.key, Fate::Ours)?;
            }
        }
        Ok(())
    }

    fn is_there(&self, key: &[u8], place: flashdb_import::Place, tally: &Tally) -> ApiError {
        let name = key[..key.len().min(128)].escape_ascii();
        let so_far = self.so_far(tally);
        ApiError::conflict(format!("the key \"{name}\" ({place}) is there already{so_far}"))
    }

    /// What an error reply means for its row; an error where it means the end.
    fn refusal(&self, text: &[u8], command: &str, tally: &mut Tally) -> Result<(String, String), ApiError> {
        let mut error = ApiError::from_engine(text, Some(command));
        let word = error.details["code"].as_str().unwrap_or_default().to_owned();
        // There will be no more room for the next.
        if word == "OOM" || ENDING.contains(&word.as_str()) {
            error.message.push_str(&self.so_far(tally));
            return Err(error);
        }
        tally.refused_in_a_row += 1;
        Ok((word, error.message))
    }

    // ---- commands --------------------------------------------------------------------------------

    /// Runs commands in one database. Answers how many it came to.
    async fn commands(
        &self,
        job: &Job,
        link: &mut Link,
        runs: Vec<Run>,
        tally: &mut Tally,
    ) -> Result<usize, ApiError> {
        let Some(db) = runs.first().map(|run| run.db) else {
            return Ok(0);
        };
        link.select(db);
        let count = runs.len();
        let mut checked = Vec::new();
        for run in runs {
            match self.check(&run) {
                Ok((name, keys)) => checked.push(Checked { run, name, keys }),
                Err(why) => {
                    tally.come_to(run.place);
                    tally.refuse(run.place, None, "REFUSED", &why);
                    // What it would have made is not there for those that follow.
                    for (db, key) in goes_elsewhere(&run).unwrap_or_default() {
                        tally.meet(db, &key, Fate::Theirs)?;
                    }
                }
            }
        }
        let new = self.meet(job, link, &checked, tally).await?;
        let mut requests = Vec::new();
        let (mut sent, mut in_the_way) = (Vec::new(), None);
        for mut each in checked {
            let there = each
                .keys
                .iter()
                .find(|key| new.contains(key.as_slice()) && !self.plan.dry_run);
            if let Some(key) = there {
                match self.plan.on_conflict {
                    OnConflict::Skip => {}
                    OnConflict::Fail => {
                        in_the_way = Some((key.clone(), each.run.place));
                        break;
                    }
                    OnConflict::Overwrite => {
                        for key in each.keys.iter().filter(|key| new.contains(key.as_slice())) {
                            if tally.fate(db, key) == Some(Fate::Theirs) {
                                tally.meet(db, key, Fate::Ours)?;
                                requests.push(about("UNLINK", key, []));
                                sent.push(None);
                            }
                        }
                    }
                }
            }
            tally.come_to(each.run.place);
            let is_left = each
                .keys
                .iter()
                .any(|key| tally.fate(db, key) == Some(Fate::Theirs));
            if is_left && !self.plan.dry_run {
                tally.skipped += 1;
                continue;
            }
            if self.plan.dry_run {
                let key = each.keys.first().map(Vec::as_slice).unwrap_or_default();
                tally.sample_command(&each.run, key, &each.name, new.contains(key));
                tally.commands += 1;
                tally.count(&each.name);
                continue;
            }
            requests.push(std::mem::take(&mut each.run.words));
            sent.push(Some(each));
        }
        if !requests.is_empty() {
            let replies = self.ask(link, &requests, tally).await?;
            self.note_runs(sent, replies, tally)?;
        }
        match in_the_way {
            Some((key, place)) => Err(self.is_there(&key, place, tally)),
            None => Ok(count),
        }
    }

    /// Looks at keys that were not met before. Those of them that are there.
    async fn meet(
        &self,
        job: &Job,
        link: &mut Link,
        checked: &[Checked],
        tally: &mut Tally,
    ) -> Result<HashSet<Vec<u8>>, ApiError> {
        let mut fresh: Vec<&[u8]> = Vec::new();
        let db = checked.first().map_or(0, |each| each.run.db);
        for key in checked.iter().flat_map(|each| &each.keys) {
            if tally.fate(db, key).is_none() {
                tally.meet(db, key, Fate::Ours)?;
                fresh.push(key);
            }
        }
        if fresh.is_empty() {
            return Ok(HashSet::new());
        }
        let looks = self.look(job, link, &fresh, tally).await?;
        let mut there = HashSet::new();
        for (key, look) in fresh.into_iter().zip(looks) {
            // What may not be looked at is refused when its command is run.
            if look == Ok(true) {
                tally.existing += 1;
                tally.meet(db, key, Fate::Theirs)?;
                there.insert(key.to_vec());
            }
        }
        Ok(there)
    }

    fn note_runs(
        &self,
        sent: Vec<Option<Checked>>,
        replies: Option<Vec<Reply>>,
        tally: &mut Tally,
    ) -> Result<(), ApiError> {
        for (at, each) in sent.into_iter().enumerate() {
            let reply = replies.as_ref().map(|replies| &replies[at]);
            let Some(Checked { run, name, keys }) = each else {
                // A key that could not be removed is written over by what follows, or refuses it.
                continue;
            };
            let key = keys.first().map(Vec::as_slice);
            match reply {
                None => {
                    tally.unknown += 1;
                    tally.refuse(run.place, key, "ENGINE_TIMEOUT", UNKNOWN);
                }
                Some(Reply::Error(text)) => {
                    let (code, message) = self.refusal(text, &name, tally)?;
                    tally.refuse(run.place, key, &code, &message);
                }
                Some(_) => {
                    tally.commands += 1;
                    tally.count(&name);
                    tally.refused_in_a_row = 0;
                }
            }
        }
        Ok(())
    }

    /// The name of a command and the keys that it changes, or why it is not run.
    fn check(&self, run: &Run) -> Result<(String, Vec<Vec<u8>>), String> {
        let shown = || {
            let name = run.words.first().map(Vec::as_slice).unwrap_or_default();
            name[..name.len().min(64)].escape_ascii().to_string()
        };
        let row = self.app.engine.row_of(&run.words);
        let row = row.ok_or_else(|| format!("there is no command {}", shown()))?;
        let name = row.full_name();
        if !is_of_data(row, run) {
            return Err(format!("{name} is not among the commands that a file may hold"));
        }
        if !row.accepts(run.words.len()) {
            return Err(format!("{name} has another number of words"));
        }
        if goes_elsewhere(run).is_some() {
            return Err(format!(
                "{name} to another database is not among the commands that a file may hold"
            ));
        }
        let args = OwnedArgs::from_words(run.words.iter().map(Vec::as_slice));
        let places = row.keys_with_flags(&args.as_args());
        let places = places.map_err(|_| format!("the keys of {name} cannot be told"))?;
        if places.is_empty() {
            return Err(format!("{name} is about no key"));
        }
        let changed = places.iter().filter(|(_, flags)| !flags.has(KeyFlags::RO));
        let keys = changed.filter_map(|(at, _)| run.words.get(*at as usize).cloned());
        Ok((name, keys.collect()))
    }
}

/// The keys of a command that reaches beyond its database, each with its own. What a database other than the one that was chosen
/// holds is not looked at, so it is not changed either.
fn goes_elsewhere(run: &Run) -> Option<Vec<(u64, Vec<u8>)>> {
    let [name, key, rest @ ..] = run.words.as_slice() else {
        return None;
    };
    let number = |word: Option<&Vec<u8>>| {
        let text = std::str::from_utf8(word?).ok()?;
        text.parse().ok()
    };
    if name.eq_ignore_ascii_case(b"MOVE") {
        let to = number(rest.first()).map(|db| (db, key.clone()));
        return Some([(run.db, key.clone())].into_iter().chain(to).collect());
    }
    if name.eq_ignore_ascii_case(b"COPY") {
        let at = rest
            .iter()
            .skip(1)
            .position(|word| word.eq_ignore_ascii_case(b"DB"))?;
        let to = number(rest.get(at + 2)).zip(rest.first().cloned());
        return Some(to.into_iter().collect());
    }
    None
}

/// Whether it changes keys, and nothing else than keys.
fn is_of_data(row: &CommandSpec, run: &Run) -> bool {
    let other = [Flags::ADMIN, Flags::RUNS_SCRIPT, Flags::BLOCKING];
    row.flags.has(Flags::WRITE)
        && !other.iter().any(|flag| row.flags.has(*flag))
        && !REFUSED.contains(&row.full_name().as_str())
        && unsupported(row, &run.words).is_none()
}

/// The request that makes a key. Takes the payload, which may be large, out of it.
fn restore(put: &mut Put, on_conflict: OnConflict) -> Vec<Vec<u8>> {
    let (ttl_ms, is_absolute) = match put.expiry {
        Expiry::Never => (0, false),
        Expiry::In(ttl_ms) => (ttl_ms, false),
        Expiry::At(at_ms) => (at_ms, true),
    };
    let mut request = about("RESTORE", &put.key, [&ttl_ms.to_string()]);
    request.push(std::mem::take(&mut put.payload));
    let mut word = |word: &str| request.push(word.as_bytes().to_vec());
    if on_conflict == OnConflict::Overwrite {
        word("REPLACE");
    }
    if is_absolute {
        word("ABSTTL");
    }
    match put.access {
        Some(Access::IdleSeconds(seconds)) if i64::try_from(seconds).is_ok() => {
            word("IDLETIME");
            word(&seconds.to_string());
        }
        Some(Access::Frequency(frequency)) => {
            word("FREQ");
            word(&frequency.to_string());
        }
        _ => {}
    }
    request
}

/// What comes first, with what goes together with it.
fn batch_of(steps: &mut VecDeque<Step>, keys_max: usize) -> Batch {
    let (mut puts, mut runs, mut bytes) = (Vec::new(), Vec::new(), 0);
    while let Some(step) = steps.pop_front() {
        let weight = rows::weight(&step);
        let is_full = bytes > 0 && bytes + weight > TOGETHER_BYTES || puts.len() + runs.len() >= keys_max;
        match step {
            Step::Put(put)
                if !is_full && runs.is_empty() && puts.last().is_none_or(|last: &Put| last.db == put.db) =>
            {
                puts.push(put);
            }
            Step::Run(run)
                if !is_full && puts.is_empty() && runs.last().is_none_or(|last: &Run| last.db == run.db) =>
            {
                runs.push(run);
            }
            step if puts.is_empty() && runs.is_empty() => return Batch::One(step),
            step => {
                steps.push_front(step);
                break;
            }
        }
        bytes += weight;
    }
    if puts.is_empty() {
        Batch::Runs(runs)
    } else {
        Batch::Puts(puts)
    }
}

enum Next {
    Piece(Piece),
    Stopped,
    None,
}

/// The next piece, unless the job is to end before it is read.
async fn next_piece(job: &Job, pieces: &mut Pieces) -> Next {
    loop {
        let changed = job.changed.notified();
        tokio::pin!(changed);
        changed.as_mut().enable();
        if job.is_stopped() {
            return Next::Stopped;
        }
        tokio::select! {
            piece = pieces.next() => return piece.map_or(Next::None, Next::Piece),
            () = changed => {}
        }
    }
}
