//! How the server comes to its end, on a signal or by SHUTDOWN. Where no log keeps the data and it is to be saved, it is saved
//! first, while clients are served: should that fail the server goes on, and nothing is lost that was not lost before. If
//! anything changes between that and the end of the core loops, all is saved once more.

use crate::durability::checkpoints::{self, Wish};
use crate::server::Server;
use flashdb_config::Settings;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    /// All data is saved, unless the log keeps it.
    pub saves: bool,
    /// Also when saving fails.
    pub force: bool,
}

/// What is to be tidied up before an end by a signal, for a bounded time. SHUTDOWN waits for nothing.
#[derive(Default)]
pub struct EndHolds {
    count: AtomicUsize,
    /// When an end was held up first, on the monotonic clock.
    since: Mutex<Option<Instant>>,
}

impl EndHolds {
    /// Longest that an end is held up.
    const TIME_MAX: Duration = Duration::from_secs(3);

    /// Whether the end that is asked for has to wait, from the first time that this is asked.
    fn are_kept(&self) -> bool {
        let since = *self.since.lock().get_or_insert_with(Instant::now);
        self.count.load(Ordering::Acquire) > 0 && since.elapsed() < Self::TIME_MAX
    }

    /// The end was taken back.
    fn forget(&self) {
        *self.since.lock() = None;
    }
}

/// One of them, until it is dropped.
pub struct EndHold(Arc<Server>);

impl EndHold {
    pub(crate) fn new(server: Arc<Server>) -> Self {
        server.end_holds.count.fetch_add(1, Ordering::AcqRel);
        EndHold(server)
    }
}

impl Drop for EndHold {
    fn drop(&mut self) {
        self.0.end_holds.count.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Ends the server. `refused` is called, on another thread, when it goes on because the data cannot be saved.
pub fn begin(server: &Arc<Server>, ending: Ending, refused: impl FnOnce(&Arc<Server>) + Send + 'static) {
    let Some(durability) = server.durability.get() else {
        return server.stop();
    };
    // A log that is being switched on has promised to keep what is written, and cannot yet: NOSAVE does not take that back.
    let saves = ending.saves || (durability.is_being_enabled() && !ending.force);
    server.saves_at_end.store(saves, Ordering::Release);
    let log = server.space.log();
    let logged = log.is_enabled() && !log.has_failed() && !durability.is_enabling();
    if !saves || logged || server.is_loading() {
        return server.stop();
    }
    // What is being saved now would not have all data.
    server.aborting_saves.store(true, Ordering::Release);
    durability.checkpoints.order(Box::new(move |server, durability| {
        server.aborting_saves.store(false, Ordering::Release);
        let is_wanted = || server.is_ending.load(Ordering::Acquire);
        if !is_wanted() {
            return refused(server);
        }
        let wish = Wish::labelled(String::new(), false);
        let saved = checkpoints::take_now(server, durability, &server.settings(), wish);
        server.aborting_saves.store(false, Ordering::Release);
        match saved {
            _ if !is_wanted() => return refused(server),
            Ok(info) => durability.checkpoints.note_saved_for_end(info.meta.id),
            Err(error) if ending.force => {
                tracing::warn!(%error, "Error trying to save the DB, exiting anyway as asked for");
            }
            Err(error) => {
                tracing::error!(%error, "Error trying to save the DB, can't exit");
                server.ends_on_signal.store(0, Ordering::Release);
                server.is_ending.store(false, Ordering::Release);
                return refused(server);
            }
        }
        server.stop();
    }));
}

/// Ends the server as the settings say for the signal that came, if one came. Looked at from time to time, so that
/// SHUTDOWN ABORT can take it back.
pub fn on_signal(server: &Arc<Server>, settings: &Settings) {
    let options = match server.ends_on_signal.load(Ordering::Acquire) {
        0 => return,
        signal_hook::consts::SIGINT => &settings.shutdown_on_sigint,
        _ => &settings.shutdown_on_sigterm,
    };
    if server.end_holds.are_kept() || server.is_ending.swap(true, Ordering::AcqRel) {
        return;
    }
    let ending = Ending {
        saves: options.save || (!options.nosave && !settings.save.is_empty()),
        force: options.force,
    };
    begin(server, ending, |_| {});
}

/// Takes back an end that has not come yet; false when there is none.
pub fn abort(server: &Server) -> bool {
    if server.stopping.load(Ordering::Acquire) {
        return false;
    }
    server.end_holds.forget();
    let waits_for_cron = server.ends_on_signal.swap(0, Ordering::AcqRel) != 0;
    let waits_for_save = server.is_ending.swap(false, Ordering::AcqRel);
    if waits_for_save {
        server.aborting_saves.store(true, Ordering::Release);
    }
    waits_for_cron || waits_for_save
}
