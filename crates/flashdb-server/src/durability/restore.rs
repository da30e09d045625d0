//! All data replaced by that of a snapshot, or of a point in time, while the server runs. What is to be loaded is read and checked to
//! its end before anything is touched; clients get `-LOADING` while it is loaded; then a full snapshot is taken at once, behind
//! which the log begins anew. Until that is durable a start leads to the data from before. Going back to a point in time
//! leaves a snapshot of the state before, with a label, for whoever went too far.
//!
//! Runs on the thread that takes snapshots, so nobody else writes or removes one meanwhile.

use super::{Durability, Wish, checkpoints, full, startup};
use crate::blocking::{ReadyKey, ReadyKeys};
use crate::core_loop::Message;
use crate::dispatch::{self, Turn};
use crate::server::Server;
use flashdb_base::clock;
use flashdb_config::{Recover, Settings};
use flashdb_log::ActiveSegment;
use flashdb_persistence::PersistenceError;
use flashdb_persistence::load::load_chain;
use flashdb_persistence::recover::{self, Point, RecoverOptions};
use flashdb_snapshot::{Chain, SnapshotReader};
use flashdb_store::Usage;
use std::mem::discriminant;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

/// Time between two looks at whether the server ends while a core loop is awaited.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// How the label of a snapshot begins that was taken before going back to a point in time. No client can choose such a label.
pub const BEFORE_RESTORE: &str = "before-restore:";

/// What the data becomes.
#[derive(Clone, Copy)]
enum Target<'t> {
    Snapshot(&'t Chain),
    Point(Point),
}

/// Goes back to a point in time; the label of the snapshot of the state before.
///
/// # Errors
/// When nothing leads to that point, or the state before cannot be saved: the data is as before then. When the new state could not
/// be made durable: then it is in memory, and a snapshot of it is tried again.
pub fn restore_to(
    server: &Arc<Server>,
    durability: &Durability,
    point: Point,
) -> Result<String, PersistenceError> {
    refuse_without_log(server)?;
    let settings = server.settings();
    if durability.is_enabling() {
        checkpoints::take_now(server, durability, &settings, Wish::enabling().keeping_all())?;
    }
    // So that the log can be read as far as it goes.
    durability.with_writer(|writer| writer.rotate()).transpose()?;
    // Clients go on writing: the segment that they write to may be cut while it is read.
    let active = durability.writer_status().and_then(|status| status.active);
    let active = active.map(|active| ActiveSegment {
        id: active.id,
        bytes: active.bytes,
    });
    recover::state_at(durability.folder(), point, active)?;
    if !stop_clients(server) {
        return Err(PersistenceError::Stopped);
    }
    let label = format!("{BEFORE_RESTORE}lsn:{}", server.space.log().appended());
    let wish = Wish::labelled(label.clone(), true).full().keeping_all();
    if let Err(error) = checkpoints::take_now(server, durability, &settings, wish) {
        server.loading.store(false, Ordering::Release);
        return Err(error);
    }
    exchange(server, durability, Target::Point(point))?;
    Ok(label)
}

/// Goes back to a snapshot.
///
/// # Errors
/// When the snapshot cannot be loaded, or there is no room for one of what it holds; the data is that from before then. When the new state could not be made durable: then it is
/// in memory, and a snapshot of it is tried again.
pub fn restore(server: &Arc<Server>, durability: &Durability, chain: &Chain) -> Result<(), PersistenceError> {
    verify(server, durability, chain)?;
    refuse_without_log(server)?;
    // Should the load fail, the data from before has to come from the folder.
    let (settings, log) = (server.settings(), server.space.log());
    // Nothing goes meanwhile: what is restored may be the next to go.
    if durability.is_enabling() {
        checkpoints::take_now(server, durability, &settings, Wish::enabling().keeping_all())?;
    } else if !log.is_enabled() {
        let wish = Wish::labelled(String::new(), false).full().keeping_all();
        checkpoints::take_now(server, durability, &settings, wish)?;
    }
    refuse_without_room(durability, &settings, chain)?;
    if !stop_clients(server) {
        return Err(PersistenceError::Stopped);
    }
    exchange(server, durability, Target::Snapshot(chain))
}

fn refuse_without_log(server: &Server) -> Result<(), PersistenceError> {
    let log = server.space.log();
    let refused = |why: &str| Err(PersistenceError::Refused(why.into()));
    if log.has_failed() {
        return refused("the log has failed; restore once it works again");
    }
    if log.is_full() {
        return refused("the disk is full; restore once there is room");
    }
    Ok(())
}

/// Refuses a state for whose snapshot there is no room: it would be in memory only, and a log would not go on. What is compressed otherwise
/// than here, or builds on others, does not tell how much room that is.
fn refuse_without_room(
    durability: &Durability,
    settings: &Settings,
    chain: &Chain,
) -> Result<(), PersistenceError> {
    let ([only], Some(free)) = (chain.files(), full::free_bytes(durability)) else {
        return Ok(());
    };
    let is_alike = discriminant(&only.meta.compression) == discriminant(&checkpoints::compression(settings));
    let needed = only.file_bytes;
    if !is_alike || needed <= free {
        return Ok(());
    }
    Err(PersistenceError::Refused(format!(
        "the disk has no room for a snapshot of the restored state: it takes about {needed} bytes, and {free} are free; nothing was changed"
    )))
}

/// Has clients answered `-LOADING` from now on, and awaits those who are not; false when the server ends instead.
fn stop_clients(server: &Server) -> bool {
    server.loading.store(true, Ordering::Release);
    let stopped = await_loops(server);
    if !stopped {
        // Nothing was touched, and the server saves what it has before it ends.
        server.loading.store(false, Ordering::Release);
    }
    stopped
}

/// From the old state to the new one, or back. No client is at work.
fn exchange(
    server: &Arc<Server>,
    durability: &Durability,
    target: Target<'_>,
) -> Result<(), PersistenceError> {
    server.feed.drop_followers(server);
    let outcome = replace(server, durability, target);
    if server.is_loading() {
        // Neither the old data nor the new could be loaded. What is on disk is untouched.
        tracing::error!("the data cannot be brought back after a restore that failed; the server ends");
        server.stop();
    }
    outcome
}

fn verify(server: &Server, durability: &Durability, chain: &Chain) -> Result<(), PersistenceError> {
    let databases = server.space.databases_count();
    for info in chain.files() {
        if info.meta.databases as usize > databases {
            return Err(PersistenceError::Refused(format!(
                "the snapshot is of a server with {} databases, and `databases` is {databases} here",
                info.meta.databases
            )));
        }
        SnapshotReader::open(durability.folder().disk().as_ref(), &info.path)?.verify()?;
    }
    Ok(())
}

/// Waits until every core loop is past the request that it was at: none that has begun before `loading` was set is
/// still to come. False when the server ends instead.
fn await_loops(server: &Server) -> bool {
    let (done, all) = mpsc::channel();
    server.post_all(|| {
        let done = done.clone();
        Message::Run(Box::new(move |_| {
            // Nobody waits any more when the server ends.
            let _ = done.send(());
        }))
    });
    drop(done);
    for _ in &server.loops {
        while let Err(RecvTimeoutError::Timeout) = all.recv_timeout(LOOK_AGAIN) {
            if server.stopping.load(Ordering::Acquire) {
                return false;
            }
        }
    }
    true
}

/// From the old state to the new one, or back. `loading` stays set where neither is in memory.
fn replace(
    server: &Arc<Server>,
    durability: &Durability,
    target: Target<'_>,
) -> Result<(), PersistenceError> {
    let began_ms = clock::unix_ms() as i64;
    let progress = &durability.progress;
    durability.load_began_ms.store(began_ms, Ordering::Relaxed);
    if let Target::Snapshot(chain) = target {
        let bytes = chain.files().iter().map(|info| info.totals.raw_bytes).sum();
        progress.bytes_total.store(bytes, Ordering::Relaxed);
    }
    for counter in [&progress.bytes_done, &progress.keys, &progress.records] {
        counter.store(0, Ordering::Relaxed);
    }
    // A log that fails now has failed for the data in memory, which is still the old one: it is kept as it is.
    let mut outcome = durability.end_log(server).map_err(PersistenceError::from);
    if outcome.is_ok() {
        outcome = load(server, durability, target);
        if let Err(error) = &outcome {
            tracing::error!(%error, "the data could not be restored; that from before is loaded again");
            bring_back(server, durability)?;
        }
    }
    let settings = server.settings();
    admit_clients(server, durability, &settings);
    server.post(0, Message::Run(Box::new(tell_all)));
    durability.checkpoints.forget_base();
    let wish = if settings.appendonly {
        Wish::enabling()
    } else {
        Wish::labelled(String::new(), false).full()
    };
    let kept = checkpoints::take_now(server, durability, &settings, wish);
    outcome?;
    kept?;
    let ms = clock::unix_ms() as i64 - began_ms;
    match target {
        Target::Snapshot(chain) => {
            tracing::info!(file = %chain.newest().path.display(), ms, "a snapshot was restored");
        }
        Target::Point(point) => tracing::info!(?point, ms, "the data is that of an earlier point in time"),
    }
    Ok(())
}

/// Lets clients in again. What they write is kept for the log from the first moment on: under `always` their replies wait until the
/// snapshot is durable behind which it begins.
fn admit_clients(server: &Server, durability: &Durability, settings: &Settings) {
    if settings.appendonly {
        durability.await_end_of_log();
    }
    let closed = server.space.gate().close();
    if settings.appendonly {
        durability.enable(server, settings);
    }
    server.loading.store(false, Ordering::Release);
    drop(closed);
}

/// Whatever clients have cached is of data that is no more, and what some wait for may be there.
fn tell_all(turn: &mut Turn<'_, '_>) {
    turn.enter();
    turn.data.release();
    turn.data.invalidate_all();
    let mut ready = ReadyKeys::default();
    for shard in 0..turn.server.space.shards_count() as u16 {
        turn.data.hold(|space| space.lock_one(shard));
        for (db, key) in turn.data.held().shard_mut(shard).waited_keys() {
            ready.push(ReadyKey { db, key });
        }
    }
    turn.data.release();
    dispatch::serve(turn, ready);
    turn.leave();
}

fn load(server: &Server, durability: &Durability, target: Target<'_>) -> Result<(), PersistenceError> {
    let began_us = clock::monotonic_us();
    match target {
        Target::Snapshot(chain) => {
            recover::empty(&server.space);
            load_chain(
                &server.space,
                &server.settings(),
                durability.folder().disk().as_ref(),
                chain,
                startup::lanes(server),
                &durability.progress,
            )?;
        }
        Target::Point(point) => load_from_folder(server, durability, Some(point))?,
    }
    let took_ms = (clock::monotonic_us() - began_us) / 1000;
    durability.load_took_ms.store(took_ms as i64, Ordering::Relaxed);
    Ok(())
}

/// The data from before, from the folder.
fn bring_back(server: &Server, durability: &Durability) -> Result<(), PersistenceError> {
    load_from_folder(server, durability, None)
}

/// The state of a point in time, or the newest. What the folder holds stays as it is for an earlier one.
fn load_from_folder(
    server: &Server,
    durability: &Durability,
    to: Option<Point>,
) -> Result<(), PersistenceError> {
    recover::empty(&server.space);
    let settings = server.settings();
    let options = RecoverOptions {
        on_damage: if to.is_some() {
            Recover::Stop
        } else {
            settings.recover
        },
        to,
        settings: &settings,
        usage: Usage::Lru,
        now_ms: clock::unix_ms() as i64,
        read_only: to.is_some(),
    };
    recover::recover(
        &server.space,
        durability.folder(),
        options,
        startup::lanes(server),
        &durability.progress,
    )?;
    Ok(())
}
