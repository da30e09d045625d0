//! MIGRATE: sends keys to another server by RESTORE and removes them here.
//!
//! The client waits while a thread of its own does the network part, so no core loop stands still.
//! The keys are watched meanwhile: one that was changed after it was serialized stays, and the
//! client is told. Back on the client's loop what was delivered is removed, and the reply sent.

mod link;

use super::downcast;
use crate::core_loop::Message;
use crate::dispatch::{self, Turn};
use crate::later::Later;
use crate::server::Server;
use flashdb_base::notify_flags::NotifyFlags;
use flashdb_command::args::{self, Cursor};
use flashdb_command::error;
use flashdb_command::key_spec::{Begin, InvalidKeys, KeyFlags, KeyPositions, KeySpec};
use flashdb_command::{Arg, CommandResult, CommandSpec, Context, ErrorReply, Flags, rdb_convert};
use flashdb_resp::{Args, OwnedArgs};
use flashdb_store::{Entry, WatchFlag};
use link::{Outcome, Parcel, Target};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The family's rows.
pub static COMMANDS: &[&CommandSpec] = &[&MIGRATE];

/// Where the options begin.
const FIRST_OPTION: usize = 6;

const TAKEN: KeyFlags = KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::DELETE);

static MIGRATE: CommandSpec = CommandSpec {
    name: "migrate",
    summary: "Moves keys to another server.",
    since: "2.6.0",
    complexity: "O(N) for N bytes, here, on the way and there.",
    arity: -6,
    flags: Flags::WRITE
        .and(Flags::MOVABLE_KEYS)
        .and(Flags::SENSITIVE)
        .and(Flags::NO_ROLLBACK),
    categories: &["keyspace", "dangerous"],
    secrets: Some(is_secret),
    keys: &[
        KeySpec::one(3, TAKEN),
        KeySpec {
            begin: Begin::Keyword("KEYS", -2),
            ..KeySpec::range(0, -1, 1, TAKEN.and(KeyFlags::INCOMPLETE))
        },
    ],
    keys_of: Some(keys_of),
    args: &[
        Arg::string("host"),
        Arg::integer("port"),
        Arg::key("key-selector"),
        Arg::integer("destination-db"),
        Arg::integer("timeout"),
        Arg::word("copy", "COPY").optional().since("3.0.0"),
        Arg::word("replace", "REPLACE").optional().since("3.0.0"),
        Arg::one_of(
            "authentication",
            &[
                Arg::string("auth").with_token("AUTH").since("4.0.7"),
                Arg::block("auth2", &[Arg::string("username"), Arg::string("password")])
                    .with_token("AUTH2")
                    .since("6.0.0"),
            ],
        )
        .optional(),
        Arg::key_of("keys", 1)
            .with_token("KEYS")
            .optional()
            .multiple()
            .since("3.0.6"),
    ],
    reply: "OK, or NOKEY if none of the keys exists.",
    history: &[
        ("3.0.0", "Takes the options COPY and REPLACE."),
        ("3.0.6", "Takes the option KEYS."),
        ("4.0.7", "Takes the option AUTH."),
        ("6.0.0", "Takes the option AUTH2."),
    ],
    tips: &["nondeterministic_output"],
    handler: migrate,
    ..CommandSpec::EMPTY
};

/// Migrations that may be under way at once: each has a thread and the serialized values.
const UNDER_WAY_MAX: usize = 64;

static UNDER_WAY: AtomicUsize = AtomicUsize::new(0);

/// One of [`UNDER_WAY_MAX`] places, given back when dropped.
struct Slot;

impl Slot {
    fn take() -> Result<Slot, ErrorReply> {
        let slot = Slot;
        if UNDER_WAY.fetch_add(1, Ordering::AcqRel) < UNDER_WAY_MAX {
            return Ok(slot);
        }
        Err(ErrorReply::fixed("ERR too many migrations are under way"))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        UNDER_WAY.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The options behind the timeout.
#[derive(Default)]
struct Options {
    copy: bool,
    replace: bool,
    auth: Option<Vec<Vec<u8>>>,
    /// Position of the first word behind KEYS.
    keys_at: Option<usize>,
}

impl Options {
    fn parse(args: &Args<'_>) -> Result<Self, ErrorReply> {
        let mut options = Options::default();
        let mut words = Cursor::new(*args, FIRST_OPTION);
        while words.remaining() > 0 {
            if words.take("copy") {
                options.copy = true;
            } else if words.take("replace") {
                options.replace = true;
            } else if words.take_with("auth", 1) {
                options.auth = Some(vec![words.word()?.to_vec()]);
            } else if words.take_with("auth2", 2) {
                options.auth = Some(vec![words.word()?.to_vec(), words.word()?.to_vec()]);
            } else if words.take("keys") {
                if !args.at(3).is_empty() {
                    return Err(ErrorReply::fixed(
                        "ERR When using MIGRATE KEYS option, the key argument must be set to the empty string",
                    ));
                }
                options.keys_at = Some(words.position());
                break;
            } else {
                return Err(error::SYNTAX);
            }
        }
        Ok(options)
    }

    /// Positions of the keys.
    fn keys(&self, args: &Args<'_>) -> std::ops::Range<usize> {
        self.keys_at.map_or(3..4, |first| first..args.len())
    }
}

fn keys_of(args: &Args<'_>) -> Result<KeyPositions, InvalidKeys> {
    let options = Options::parse(args).map_err(|_| InvalidKeys)?;
    Ok(options.keys(args).map(|at| at as u32).collect())
}

/// What AUTH and AUTH2 have behind them, and all words from the first on that is no option in its place: it may be a part of a
/// password. Behind KEYS there are keys.
fn is_secret(args: &Args<'_>, index: usize) -> bool {
    if args::is_behind(args, index, "AUTH", 1) || args::is_behind(args, index, "AUTH2", 2) {
        return true;
    }
    let mut at = FIRST_OPTION;
    while at <= index {
        // More options than there are: nothing is in its place, nor is all of it looked through for each word.
        if at > FIRST_OPTION + 8 {
            return true;
        }
        at += match args.at(at) {
            word if args::is(word, "COPY") || args::is(word, "REPLACE") => 1,
            word if args::is(word, "AUTH") => 2,
            word if args::is(word, "AUTH2") => 3,
            word => return !args::is(word, "KEYS"),
        };
    }
    false
}

/// What the client's loop needs once the transfer is over.
struct Migration {
    /// The client that waits.
    later: Later,
    db: u16,
    copy: bool,
    parcels: Vec<Parcel>,
    flags: Vec<Arc<WatchFlag>>,
    _slot: Slot,
}

fn migrate(context: &mut Context<'_, '_>) -> CommandResult {
    let options = Options::parse(&context.args)?;
    let timeout_ms = args::integer(context.arg(5))?;
    let db = args::integer(context.arg(4))?;
    let port = args::integer(context.arg(2))?;
    if !context.may_block() {
        return Err(ErrorReply::fixed(
            "ERR MIGRATE is not allowed in transactions and scripts",
        ));
    }
    let parcels = pack(context, options.keys(&context.args));
    if parcels.is_empty() {
        context.reply.simple("NOKEY");
        return Ok(());
    }
    let slot = Slot::take()?;
    let flags: Vec<Arc<WatchFlag>> = parcels
        .iter()
        .map(|parcel| {
            let flag = Arc::default();
            context.data.watch(&parcel.key, &flag);
            flag
        })
        .collect();
    let target = Target {
        host: String::from_utf8_lossy(context.arg(1)).into_owned(),
        port: u16::try_from(port).unwrap_or(0),
        db,
        timeout: Duration::from_millis(
            u64::try_from(timeout_ms)
                .ok()
                .filter(|ms| *ms > 0)
                .unwrap_or(1000),
        ),
        auth: options.auth,
        replace: options.replace,
        asking: context.settings.cluster_enabled,
    };
    let watched: Vec<_> = parcels
        .iter()
        .map(|parcel| parcel.key.clone())
        .zip(flags.clone())
        .collect();
    let later = Later::begin(context);
    let server = downcast(context.session).server.clone();
    let migration = Migration {
        later,
        db: context.data.db,
        copy: options.copy,
        parcels,
        flags,
        _slot: slot,
    };
    let thread = std::thread::Builder::new().name("migrate".into());
    let started = thread.spawn(move || run(&server, &target, migration));
    started.map(drop).map_err(|error| {
        context.block = None;
        for (key, flag) in &watched {
            context.data.unwatch(key, flag);
        }
        ErrorReply::new(format!("ERR cannot start a thread: {error}"))
    })
}

/// Serializes those of the keys that exist, each once.
fn pack(context: &mut Context<'_, '_>, keys: std::ops::Range<usize>) -> Vec<Parcel> {
    let now_ms = context.now_ms();
    let limits = rdb_convert::encode_limits(context.settings);
    let (mut parcels, mut seen) = (Vec::new(), HashSet::new());
    for at in keys {
        let key = context.args.at(at);
        if !seen.insert(key) {
            continue;
        }
        let Some(entry) = context.data.find(key) else {
            continue;
        };
        parcels.push(Parcel {
            key: key.into(),
            payload: rdb_convert::dump(entry.value(), &limits, now_ms),
            ttl_ms: Entry::expire_at_ms(entry).map_or(0, |at_ms| (at_ms - now_ms).max(1)),
        });
    }
    parcels
}

/// On the migration's own thread.
fn run(server: &Arc<Server>, target: &Target, migration: Migration) {
    let outcome = link::transfer(target, &migration.parcels);
    let loop_id = migration.later.client().loop_id;
    let finish = Box::new(move |turn: &mut Turn<'_, '_>| finish(turn, &migration, outcome));
    server.post(loop_id, Message::Run(finish));
}

/// On the client's loop: removes what was delivered, and answers.
fn finish(turn: &mut Turn<'_, '_>, migration: &Migration, outcome: Outcome) {
    let db = turn.data.db;
    turn.enter();
    turn.data.hold(|space| {
        let keys = migration.parcels.iter().map(|parcel| &parcel.key);
        space.lock(keys.map(|key| space.shard_of(key)).collect())
    });
    turn.data.db = migration.db;
    let kept = remove_delivered(turn, migration, &outcome.delivered);
    turn.data.db = db;
    let error = outcome.error.or(kept.then_some(ErrorReply::fixed(
        "ERR a key was changed while it was sent to the target; it is on both sides now",
    )));
    let words = OwnedArgs::from_words([b"MIGRATE".as_slice()]);
    let ready = crate::commit::commit(turn.server, turn.data, &words.as_args());
    dispatch::serve(turn, ready);
    turn.leave();
    migration.later.answer(turn.server, |reply| match error {
        Some(error) => Err(error),
        None => {
            reply.ok();
            Ok(())
        }
    });
}

/// Removes the keys that the target has. True when one had to stay because it was changed.
fn remove_delivered(turn: &mut Turn<'_, '_>, migration: &Migration, delivered: &[bool]) -> bool {
    let mut kept = false;
    let mut removed: Vec<&[u8]> = vec![b"DEL"];
    for ((parcel, flag), delivered) in migration.parcels.iter().zip(&migration.flags).zip(delivered) {
        turn.data.unwatch(&parcel.key, flag);
        if !delivered || migration.copy {
            continue;
        }
        if flag.is_dirty() {
            kept = true;
        } else if turn.data.remove(&parcel.key) {
            turn.data.changed(&parcel.key, NotifyFlags::GENERIC, "del");
            removed.push(&parcel.key);
        }
    }
    if removed.len() > 1 {
        turn.data.decided(removed);
    }
    turn.data
        .effects
        .end_command(migration.db, 0, &OwnedArgs::default().as_args());
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn positions(line: &str) -> Option<Vec<u32>> {
        let words = OwnedArgs::from_words(line.split(' ').map(|word| match word {
            "-" => b"".as_slice(),
            word => word.as_bytes(),
        }));
        keys_of(&words.as_args()).ok().map(|keys| keys.to_vec())
    }

    #[test]
    fn where_the_keys_stand() {
        assert_eq!(positions("MIGRATE h 1 key 0 10"), Some(vec![3]));
        assert_eq!(positions("MIGRATE h 1 key 0 10 AUTH keys COPY"), Some(vec![3]));
        assert_eq!(positions("MIGRATE h 1 - 0 10 REPLACE KEYS a b"), Some(vec![8, 9]));
        assert_eq!(positions("MIGRATE h 1 key 0 10 KEYS a"), None);
        assert_eq!(positions("MIGRATE h 1 key 0 10 AUTH"), None);
    }
}
