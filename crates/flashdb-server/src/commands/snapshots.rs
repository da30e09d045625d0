//! SNAPSHOT.*: snapshots by hand. Taking, listing, removing and restoring them, and their files in parts, so that they can be
//! carried to another machine and back. What waits for a disk runs on other threads; what writes or removes snapshots on the
//! one thread that takes them.

use super::client;
use super::persistence::durability;
use crate::durability::checkpoints::{Told, TooMany};
use crate::durability::file_threads::NotDone;
use crate::durability::{Durability, Wish, parse_point, restore};
use crate::later::Later;
use crate::server::Server;
use flashdb_command::args::Cursor;
use flashdb_command::error::{self, ErrorReply};
use flashdb_command::{Arg, Audit, CommandResult, CommandSpec, Context, Flags, Group};
use flashdb_disk::OpenMode;
use flashdb_persistence::PersistenceError;
use flashdb_persistence::recover::{Point, RECOVERED_TO};
use flashdb_persistence::uploads;
use flashdb_resp::{Protocol, Reply};
use flashdb_snapshot::{Catalog, Chain, Dependents, Lsn, SnapshotInfo, load_order};
use std::borrow::Borrow;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The family's rows.
pub static COMMANDS: &[&CommandSpec] = &[&CREATE, &DELETE, &INFO, &LIST, &READ, &RESTORE, &WRITE];

const FLAGS: Flags = Flags::ADMIN
    .and(Flags::NO_SCRIPT)
    .and(Flags::NO_MULTI)
    .and(Flags::NO_ASYNC_LOADING);
/// Most bytes in one part of a file.
const PART_BYTES_MAX: i64 = 1 << 20;
/// Hexadecimal digits of an id that are shown; any unambiguous beginning is understood.
const ID_DIGITS: usize = 12;
const ID_DIGITS_MIN: usize = 4;
const LABEL_BYTES_MAX: usize = 255;

/// Behind the name of a snapshot: it is no label.
const EXACT: Arg = Arg::word("exact", "EXACT").optional();

const SNAPSHOT: CommandSpec = CommandSpec {
    group: Group::Server,
    flags: FLAGS,
    ..CommandSpec::EMPTY
};

/// About files only. Allowed while data is loaded, too: a restore breaks off nobody who sends a file or takes one away, and what is
/// broken off can be removed.
const SNAPSHOT_FILES: CommandSpec = CommandSpec {
    flags: FLAGS.without(Flags::NO_ASYNC_LOADING).and(Flags::LOADING),
    ..SNAPSHOT
};

const NO_SUCH_SNAPSHOT: ErrorReply = ErrorReply::fixed("ERR no such snapshot");

/// What the system has refused has a word of its own: the same request may succeed another time.
fn failed(error: impl Borrow<PersistenceError>) -> ErrorReply {
    let error: &PersistenceError = error.borrow();
    let word = if error.is_of_system() { "DISKERR" } else { "ERR" };
    ErrorReply::new(format!("{word} {error}"))
}

fn refused(why: impl std::fmt::Display) -> ErrorReply {
    ErrorReply::new(format!("ERR {why}"))
}

fn text(word: &[u8]) -> Result<String, ErrorReply> {
    String::from_utf8(word.to_vec()).map_err(|_| ErrorReply::fixed("ERR the name is not UTF-8"))
}

type Work = Box<dyn FnOnce(&Arc<Server>, &Durability, &mut Reply) -> CommandResult + Send>;

/// Has `work` answer on the thread that takes snapshots, after the one being taken.
fn answer_between_snapshots(context: &mut Context<'_, '_>, work: Work) -> CommandResult {
    let server = client(context).server.clone();
    let durability = durability(&server)?;
    let later = Later::begin(context);
    durability.checkpoints.order(Box::new(move |server, durability| {
        // Done whether or not the client still waits. What is answered is the same in both protocols.
        let mut answer = Reply::new(Protocol::Resp2);
        let outcome = work(server, durability, &mut answer);
        later.answer_apart(server, |reply| {
            outcome?;
            reply.raw(answer.bytes());
            Ok(())
        });
    }));
    Ok(())
}

/// What becomes of work whose client has gone before its turn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WhenGone {
    /// It only looks: nobody would be answered.
    Leave,
    /// It changes files.
    Do,
}

/// Has `work` answer on one of the few threads for files. Any number of clients may ask, and who goes away asks again at once: where
/// the disk is slow, more are refused and not waited for.
fn answer_apart(context: &mut Context<'_, '_>, when_gone: WhenGone, work: Work) -> CommandResult {
    let server = client(context).server.clone();
    let threads = durability(&server)?.file_threads.clone();
    let later = Later::begin(context);
    let run = threads.run(Box::new(move || {
        let Some(durability) = server.durability.get() else {
            return;
        };
        let has_gone = later.client().killed.load(Ordering::Acquire);
        later.answer_apart(&server, |reply| match has_gone && when_gone == WhenGone::Leave {
            true => Err(ErrorReply::fixed("ERR nobody waits for it any more")),
            false => work(&server, durability, reply),
        });
    }));
    run.map_err(|not_done| {
        context.block = None;
        match not_done {
            NotDone::Busy => ErrorReply::fixed(
                "BUSY too many requests for the files of snapshots are under way; try again later",
            ),
            NotDone::NoThread(error) => refused(format!("cannot start a thread: {error}")),
        }
    })
}

// ---- finding -------------------------------------------------------------------------------------

/// A snapshot that a name stands for.
enum Found {
    /// One of the server's own.
    Own(SnapshotInfo),
    /// One that a client has sent.
    Upload(SnapshotInfo),
}

impl Found {
    fn info(&self) -> &SnapshotInfo {
        match self {
            Found::Own(info) | Found::Upload(info) => info,
        }
    }
}

fn file_name(info: &SnapshotInfo) -> String {
    info.meta.file_name()
}

/// What a client calls a snapshot.
struct Name {
    text: String,
    /// Not a label, which anybody may have chosen to look like this.
    is_exact: bool,
}

impl Name {
    /// The first word, and `EXACT` behind it.
    fn read(context: &Context<'_, '_>) -> Result<Self, ErrorReply> {
        let mut cursor = Cursor::new(context.args, 1);
        let name = Name {
            text: text(cursor.word()?)?,
            is_exact: cursor.take("EXACT"),
        };
        match cursor.remaining() {
            0 => Ok(name),
            _ => Err(error::SYNTAX),
        }
    }

    /// One without `EXACT`.
    fn loose(text: String) -> Self {
        Name {
            text,
            is_exact: false,
        }
    }
}

/// By label, by the beginning of an id, or by the name of the file; in this order. An exact name is an id as it is shown, or a file.
fn find(durability: &Durability, catalog: &Catalog, name: &Name) -> Result<Found, ErrorReply> {
    let Name { text: name, is_exact } = name;
    if !is_exact && let Some(info) = catalog.find_label(name) {
        return Ok(Found::Own(info.clone()));
    }
    let digits_min = if *is_exact { ID_DIGITS } else { ID_DIGITS_MIN };
    let is_id = name.len() >= digits_min && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_id {
        let beginning = name.to_ascii_lowercase();
        let mut ids: Vec<_> = catalog
            .snapshots()
            .iter()
            .map(|info| info.meta.id)
            .filter(|id| id.to_string().starts_with(&beginning))
            .collect();
        ids.dedup();
        match ids.as_slice() {
            [] => {}
            [id] => {
                if let Some(info) = catalog.find(*id) {
                    return Ok(Found::Own(info.clone()));
                }
            }
            _ => return Err(ErrorReply::fixed("ERR several snapshots have ids that begin so")),
        }
    }
    if let Some(info) = catalog.snapshots().iter().find(|info| file_name(info) == *name) {
        return Ok(Found::Own(info.clone()));
    }
    refuse_unreadable(catalog, name)?;
    let upload = durability.uploads().find(name).map_err(failed)?;
    upload.map(Found::Upload).ok_or(NO_SUCH_SNAPSHOT)
}

/// Refuses to take an own file of this name for one that is not there: it could not be read, and may be whole.
fn refuse_unreadable(catalog: &Catalog, name: &str) -> CommandResult {
    let is_named = |path: &Path| path.file_name().is_some_and(|file| file == name);
    let unreadable = catalog
        .broken()
        .iter()
        .find(|file| is_named(&file.path) && !file.error.is_damage());
    match unreadable {
        Some(file) => Err(ErrorReply::new(format!("DISKERR {}", file.error))),
        None => Ok(()),
    }
}

/// The file of a snapshot. By the file's own name it is found without a look at the others: who copies one asks for every part.
fn path_of(durability: &Durability, name: &Name) -> Result<PathBuf, ErrorReply> {
    let folder = durability.folder();
    let path = folder.dir().join(flashdb_snapshot::FOLDER).join(&name.text);
    if uploads::is_name(&name.text) && folder.disk().open(&path, OpenMode::Read).is_ok() {
        return Ok(path);
    }
    let catalog = folder.catalog().map_err(failed)?;
    Ok(find(durability, &catalog, name)?.info().path.clone())
}

fn describe(reply: &mut Reply, found: &Found) {
    let info = found.info();
    let meta = &info.meta;
    let id = meta.id.to_string();
    reply.map(10);
    reply.bulk_str("id");
    reply.bulk_str(&id[..ID_DIGITS.min(id.len())]);
    reply.bulk_str("label");
    reply.bulk_str(&meta.label);
    reply.bulk_str("lsn");
    reply.integer(meta.lsn as i64);
    reply.bulk_str("created");
    reply.integer(meta.created_ms / 1000);
    reply.bulk_str("kind");
    reply.bulk_str(match found {
        Found::Upload(_) => "upload",
        Found::Own(_) if meta.is_full() => "full",
        Found::Own(_) => "incremental",
    });
    reply.bulk_str("bytes");
    reply.integer(info.file_bytes as i64);
    reply.bulk_str("keys");
    reply.integer(info.totals.entries as i64);
    reply.bulk_str("kept");
    reply.integer(meta.kept.into());
    reply.bulk_str("file");
    reply.bulk_str(&file_name(info));
    reply.bulk_str("base");
    match meta.base {
        Some(base) => reply.bulk_str(&base.id.to_string()[..ID_DIGITS]),
        None => reply.null(),
    }
}

// ---- the commands --------------------------------------------------------------------------------

static CREATE: CommandSpec = CommandSpec {
    name: "snapshot.create",
    summary: "Takes a snapshot that stays until it is deleted, and answers when it is on disk.",
    complexity: "O(N) for N keys",
    arity: -1,
    args: &[
        Arg::string("label").optional(),
        Arg::word("full", "FULL").optional(),
        Arg::word("temporary", "TEMPORARY").optional(),
    ],
    reply: "The beginning of its id.",
    audit: Audit::Words,
    handler: create,
    ..SNAPSHOT
};

fn create(context: &mut Context<'_, '_>) -> CommandResult {
    let mut cursor = Cursor::new(context.args, 1);
    let (mut label, mut full, mut kept) = (String::new(), false, true);
    while cursor.remaining() > 0 {
        if cursor.take("FULL") {
            full = true;
        } else if cursor.take("TEMPORARY") {
            kept = false;
        } else if cursor.position() == 1 {
            label = text(cursor.word()?)?;
        } else {
            return Err(error::SYNTAX);
        }
    }
    if label.len() > LABEL_BYTES_MAX {
        return Err(ErrorReply::fixed("ERR a label has at most 255 bytes"));
    }
    if label.starts_with(RECOVERED_TO) || label.starts_with(restore::BEFORE_RESTORE) {
        return Err(ErrorReply::fixed(
            "ERR labels that begin with recovered-to: or before-restore: are for the server's own use",
        ));
    }
    let server = client(context).server.clone();
    let durability = durability(&server)?;
    let later = Later::begin(context);
    let reader = later.client().clone();
    let told: Told = {
        let server = server.clone();
        Box::new(move |outcome| {
            later.answer_apart(&server, |reply| {
                let info = outcome.map_err(failed)?;
                reply.bulk_str(&info.meta.id.to_string()[..ID_DIGITS]);
                Ok(())
            });
        })
    };
    let mut wish = Wish::labelled(label, kept).telling(told);
    if full {
        wish = wish.full();
    }
    if !kept {
        wish = wish.temporary_for(reader);
    }
    durability.checkpoints.ask_for(wish).map_err(|TooMany(waiting)| {
        context.block = None;
        refused(format!(
            "{waiting} snapshots wait to be taken already; ask again when one of them is done"
        ))
    })
}

static LIST: CommandSpec = CommandSpec {
    name: "snapshot.list",
    summary: "Lists all snapshots, newest first.",
    complexity: "O(N) for N blocks in all snapshots",
    arity: 1,
    reply: "An array of maps.",
    handler: |context| {
        answer_apart(
            context,
            WhenGone::Leave,
            Box::new(|_, durability, reply| {
                let catalog = durability.folder().catalog().map_err(failed)?;
                let sent = durability.uploads().list().map_err(failed)?;
                let own = catalog.snapshots().iter().cloned().map(Found::Own);
                let all: Vec<Found> = own.chain(sent.into_iter().map(Found::Upload)).collect();
                reply.array(all.len());
                all.iter().for_each(|found| describe(reply, found));
                Ok(())
            }),
        )
    },
    ..SNAPSHOT_FILES
};

static INFO: CommandSpec = CommandSpec {
    name: "snapshot.info",
    summary: "Describes a snapshot, or the newest.",
    complexity: "O(N) for N blocks in all snapshots",
    arity: -1,
    args: &[Arg::block("which", &[Arg::string("snapshot"), EXACT]).optional()],
    reply: "A map; null if there is none.",
    handler: |context| {
        let name = match context.args.len() {
            1 => None,
            _ => Some(Name::read(context)?),
        };
        answer_apart(
            context,
            WhenGone::Leave,
            Box::new(move |_, durability, reply| {
                let catalog = durability.folder().catalog().map_err(failed)?;
                let found = match &name {
                    Some(name) => Some(find(durability, &catalog, name)?),
                    None => catalog.snapshots().first().cloned().map(Found::Own),
                };
                match found {
                    Some(found) => describe(reply, &found),
                    None => reply.null(),
                }
                Ok(())
            }),
        )
    },
    ..SNAPSHOT_FILES
};

static DELETE: CommandSpec = CommandSpec {
    name: "snapshot.delete",
    summary: "Removes a snapshot on which nothing builds.",
    complexity: "O(N) for N snapshots",
    arity: -2,
    args: &[Arg::string("snapshot"), EXACT],
    reply: "OK.",
    audit: Audit::Words,
    handler: |context| {
        let name = Name::read(context)?;
        answer_between_snapshots(
            context,
            Box::new(move |_, durability, reply| {
                delete(durability, &name)?;
                reply.ok();
                Ok(())
            }),
        )
    },
    ..SNAPSHOT
};

fn delete(durability: &Durability, name: &Name) -> CommandResult {
    let mut catalog = durability.folder().catalog().map_err(failed)?;
    let info = match find(durability, &catalog, name)? {
        Found::Upload(info) => return durability.uploads().remove(&file_name(&info)).map_err(failed),
        Found::Own(info) => info,
    };
    // The log before the newest one is gone.
    let newest = load_order(&catalog, Lsn::MAX, Some(durability.folder().history()))
        .into_iter()
        .find_map(|candidate| candidate.chain.ok());
    if newest.is_some_and(|chain| chain.newest().meta.id == info.meta.id) {
        return Err(ErrorReply::fixed(
            "ERR it is the newest snapshot, on which a start relies; take another one before",
        ));
    }
    catalog
        .delete(info.meta.id, Dependents::Refuse)
        .map(drop)
        .map_err(|error| failed(PersistenceError::from(error)))
}

static RESTORE: CommandSpec = CommandSpec {
    name: "snapshot.restore",
    summary: "Replaces all data by that of a snapshot, or of a point in time: an LSN, or a time that the log reaches back to.",
    complexity: "O(N) for N keys, and for N records of the log",
    arity: -2,
    args: &[Arg::one_of(
        "target",
        &[
            Arg::block("which", &[Arg::string("snapshot"), EXACT]),
            Arg::block("when", &[Arg::word("to", "TO"), Arg::string("point")]),
        ],
    )],
    reply: "OK once the new state is on disk; with TO, the label of a snapshot of the state before.",
    audit: Audit::Words,
    handler: |context| {
        if let Some(point) = point(context)? {
            return answer_between_snapshots(
                context,
                Box::new(move |server, durability, reply| {
                    let label = restore::restore_to(server, durability, point).map_err(failed)?;
                    reply.bulk_str(&label);
                    Ok(())
                }),
            );
        }
        let name = Name::read(context)?;
        answer_between_snapshots(
            context,
            Box::new(move |server, durability, reply| {
                restore_named(server, durability, &name)?;
                reply.ok();
                Ok(())
            }),
        )
    },
    ..SNAPSHOT
};

/// The point of `TO point`. One word is always a name, and so is `TO EXACT`, which is too short for one and found to be so.
fn point(context: &Context<'_, '_>) -> Result<Option<Point>, ErrorReply> {
    let mut cursor = Cursor::new(context.args, 1);
    if context.args.len() != 3 || !cursor.take("TO") || cursor.take("EXACT") {
        return Ok(None);
    }
    let word = text(cursor.word()?)?;
    let Some(point) = parse_point(&word) else {
        return Err(ErrorReply::new(format!(
            "ERR '{word}' is neither an LSN, nor Unix seconds or milliseconds, nor a time like 2026-01-31T12:00:00Z"
        )));
    };
    match point {
        // The present second has begun.
        Point::TimeMs(time_ms) if time_ms > context.data.now_ms as u64 + 999 => {
            Err(ErrorReply::fixed("ERR that time has not come yet"))
        }
        point => Ok(Some(point)),
    }
}

fn restore_named(server: &Arc<Server>, durability: &Durability, name: &Name) -> CommandResult {
    let catalog = durability.folder().catalog().map_err(failed)?;
    let found = find(durability, &catalog, name)?;
    let chain = match &found {
        Found::Own(info) => Chain::of(&catalog, info).map_err(refused)?,
        Found::Upload(info) => {
            Chain::of_full(info.clone()).ok_or(ErrorReply::fixed("ERR an incremental snapshot was sent"))?
        }
    };
    restore::restore(server, durability, &chain).map_err(failed)?;
    if let Found::Upload(info) = &found
        && let Err(error) = durability.uploads().remove(&file_name(info))
    {
        tracing::warn!(%error, "an upload that was restored could not be removed");
    }
    Ok(())
}

static READ: CommandSpec = CommandSpec {
    name: "snapshot.read",
    summary: "Returns a part of a snapshot's file, at most 1 MiB.",
    complexity: "O(N) for N bytes",
    arity: 4,
    args: &[
        Arg::string("snapshot"),
        Arg::integer("offset"),
        Arg::integer("count"),
    ],
    reply: "The bytes; fewer than asked for at the end of the file.",
    audit: Audit::FirstPart,
    handler: read,
    ..SNAPSHOT_FILES
};

fn read(context: &mut Context<'_, '_>) -> CommandResult {
    let mut cursor = Cursor::new(context.args, 1);
    let name = Name::loose(text(cursor.word()?)?);
    let (offset, count) = (cursor.integer()?, cursor.integer()?);
    if offset < 0 || !(1..=PART_BYTES_MAX).contains(&count) {
        return Err(ErrorReply::fixed("ERR offset or count is out of range"));
    }
    let reader = client(context).info.clone();
    answer_apart(
        context,
        WhenGone::Leave,
        Box::new(move |_, durability, reply| {
            let path = &path_of(durability, &name)?;
            // From here on it stays, for the parts to come.
            durability.pins.begin_reading(&reader, path);
            let part = read_part(durability, path, offset as u64, count as usize);
            if !part.as_ref().is_ok_and(|bytes| bytes.len() == count as usize) {
                durability.pins.end_reading(&reader, path);
            }
            reply.bulk(&part?);
            Ok(())
        }),
    )
}

/// Fewer bytes than `count` at the end of the file.
fn read_part(durability: &Durability, path: &Path, offset: u64, count: usize) -> Result<Vec<u8>, ErrorReply> {
    let failed_at = |error: io::Error| match error.kind() {
        // Removed since it was looked for.
        io::ErrorKind::NotFound => NO_SUCH_SNAPSHOT,
        _ => failed(PersistenceError::Folder(path.to_owned(), error)),
    };
    let disk = durability.folder().disk();
    let file = disk.open(path, OpenMode::Read).map_err(failed_at)?;
    let mut bytes = vec![0; count];
    let length = file.read_at(&mut bytes, offset).map_err(failed_at)?;
    bytes.truncate(length);
    Ok(bytes)
}

static WRITE: CommandSpec = CommandSpec {
    name: "snapshot.write",
    summary: "Sends a part of a snapshot's file; COMMIT after the last, which checks it, or ABORT, which removes what was sent.",
    complexity: "O(N) for N bytes; of the whole file for COMMIT",
    arity: -3,
    args: &[
        Arg::string("file"),
        Arg::one_of(
            "part",
            &[
                Arg::block("bytes", &[Arg::integer("offset"), Arg::string("bytes")]),
                Arg::word("commit", "COMMIT"),
                Arg::word("abort", "ABORT"),
            ],
        ),
    ],
    reply: "OK.",
    audit: Audit::FirstPartAnd(&["COMMIT", "ABORT"]),
    handler: write,
    ..SNAPSHOT_FILES
};

fn write(context: &mut Context<'_, '_>) -> CommandResult {
    let mut cursor = Cursor::new(context.args, 1);
    let name = text(cursor.word()?)?;
    let commits = cursor.take("COMMIT");
    if (commits || cursor.take("ABORT")) && cursor.remaining() == 0 {
        return answer_apart(
            context,
            WhenGone::Do,
            Box::new(move |_, durability, reply| {
                if commits {
                    commit(durability, &name)?;
                } else {
                    durability.uploads().discard(&name).map_err(failed)?;
                }
                reply.ok();
                Ok(())
            }),
        );
    }
    let offset = cursor.integer()?;
    let bytes = cursor.word()?;
    if cursor.remaining() > 0 {
        return Err(error::SYNTAX);
    }
    if offset < 0 || bytes.len() as i64 > PART_BYTES_MAX {
        return Err(ErrorReply::fixed(
            "ERR the part is larger than 1 MiB, or its offset is negative",
        ));
    }
    let bytes = bytes.to_vec();
    answer_apart(
        context,
        WhenGone::Do,
        Box::new(move |_, durability, reply| {
            durability
                .uploads()
                .write(&name, offset as u64, &bytes)
                .map_err(failed)?;
            reply.ok();
            Ok(())
        }),
    )
}

/// Ends an upload. One with the name of an own snapshot would be taken for that.
fn commit(durability: &Durability, name: &str) -> CommandResult {
    let uploads = durability.uploads();
    let catalog = durability.folder().catalog().map_err(failed)?;
    if let Some(own) = catalog.snapshots().iter().find(|info| file_name(info) == name) {
        return uploads.compare(name, own).map_err(failed);
    }
    refuse_unreadable(&catalog, name)?;
    uploads.commit(name).map(drop).map_err(failed)
}

#[cfg(test)]
mod tests;
