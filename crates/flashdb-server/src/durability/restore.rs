//! All data replaced by that of a snapshot while the server runs. The snapshot is read and checked to its end before anything is
//! touched; clients get `-LOADING` while it is loaded; then a full snapshot is taken at once, behind which the log begins anew.
//! Until that is durable a start leads to the data from before.
//!
//! Runs on the thread that takes snapshots, so nobody else writes or removes one meanwhile.

use super::{Durability, Wish, checkpoints, startup};
use crate::core_loop::Message;
use crate::dispatch::Turn;
use crate::server::Server;
use flashdb_base::clock;
use flashdb_persistence::PersistenceError;
use flashdb_persistence::load::load_chain;
use flashdb_persistence::recover::{self, RecoverOptions};
use flashdb_snapshot::{Chain, SnapshotReader};
use flashdb_store::Usage;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

/// Time between two looks at whether the server ends while a core loop is awaited.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// See the module's head.
///
/// # Errors
/// When the snapshot cannot be loaded; the data is that from before then. When the new state could not be made durable: then it is
/// in memory, and a snapshot of it is tried again.
pub fn restore(server: &Arc<Server>, durability: &Durability, chain: &Chain) -> Result<(), PersistenceError> {
    verify(server, durability, chain)?;
    let log = server.space.log();
    if log.has_failed() {
        return Err(PersistenceError::Refused(
            "the log has failed; restore once it works again".into(),
        ));
    }
    // Should the load fail, the data from before has to come from the folder.
    let settings = server.settings();
    if durability.is_enabling() {
        checkpoints::take_now(server, durability, &settings, Wish::enabling())?;
    } else if !log.is_enabled() {
        let wish = Wish::labelled(String::new(), false).full();
        checkpoints::take_now(server, durability, &settings, wish)?;
    }
    server.loading.store(true, Ordering::Release);
    if !await_loops(server) {
        // Nothing was touched, and the server saves what it has before it ends.
        server.loading.store(false, Ordering::Release);
        return Err(PersistenceError::Stopped);
    }
    server.feed.drop_followers(server);
    let outcome = replace(server, durability, chain);
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
fn replace(server: &Arc<Server>, durability: &Durability, chain: &Chain) -> Result<(), PersistenceError> {
    let began_ms = clock::unix_ms() as i64;
    let progress = &durability.progress;
    durability.load_began_ms.store(began_ms, Ordering::Relaxed);
    let bytes = chain.files().iter().map(|info| info.totals.raw_bytes).sum();
    progress.bytes_total.store(bytes, Ordering::Relaxed);
    for counter in [&progress.bytes_done, &progress.keys, &progress.records] {
        counter.store(0, Ordering::Relaxed);
    }
    // A log that fails now has failed for the data in memory, which is still the old one: it is kept as it is.
    let mut outcome = durability.end_log(server).map_err(PersistenceError::from);
    if outcome.is_ok() {
        outcome = load(server, durability, chain);
        if let Err(error) = &outcome {
            tracing::error!(%error, "a snapshot could not be restored; the data from before is loaded again");
            bring_back(server, durability)?;
        }
    }
    server.loading.store(false, Ordering::Release);
    // Whatever clients have cached is of data that is no more.
    let tell_all = |turn: &mut Turn<'_, '_>| {
        turn.enter();
        turn.data.release();
        turn.data.invalidate_all();
        turn.leave();
    };
    server.post(0, Message::Run(Box::new(tell_all)));
    durability.checkpoints.forget_base();
    let settings = server.settings();
    let wish = if settings.appendonly {
        Wish::enabling()
    } else {
        Wish::labelled(String::new(), false).full()
    };
    let kept = checkpoints::take_now(server, durability, &settings, wish);
    outcome?;
    kept?;
    tracing::info!(
        file = %chain.newest().path.display(),
        ms = clock::unix_ms() as i64 - began_ms,
        "a snapshot was restored"
    );
    Ok(())
}

fn load(server: &Server, durability: &Durability, chain: &Chain) -> Result<(), PersistenceError> {
    let began_us = clock::monotonic_us();
    recover::empty(&server.space);
    load_chain(
        &server.space,
        &server.settings(),
        durability.folder().disk().as_ref(),
        chain,
        startup::lanes(server),
        &durability.progress,
    )?;
    let took_ms = (clock::monotonic_us() - began_us) / 1000;
    durability.load_took_ms.store(took_ms as i64, Ordering::Relaxed);
    Ok(())
}

/// The data from before, from the folder.
fn bring_back(server: &Server, durability: &Durability) -> Result<(), PersistenceError> {
    recover::empty(&server.space);
    let settings = server.settings();
    let options = RecoverOptions {
        on_damage: settings.recover,
        to: None,
        settings: &settings,
        usage: Usage::Lru,
        now_ms: clock::unix_ms() as i64,
        read_only: false,
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
