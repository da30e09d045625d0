//! The rows of a file, made ready to be sent, on a thread of its own: reading and packing values takes time that other requests
//! need, and a file is read no further than the engine has taken. What is on its way is bounded in bytes: a value that is larger
//! is read when nothing else is, and nothing is read behind it until it was taken.

use super::Plan;
use super::upload::Upload;
use crate::caller::now_ms;
use flashdb_command::rdb_convert::encode_limits;
use flashdb_config::Settings;
use flashdb_import::{Access, Expiry, Fault, Item, LeftOut, Limits, Place, Row, Wanted, open, weight_bytes};
use flashdb_rdb::{EncodeLimits, RdbValue, dump};
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// Steps and bytes of a piece, after which it is sent.
const PIECE_STEPS: usize = 500;
const PIECE_BYTES: usize = 1 << 20;
/// Pieces that wait.
const PIECES_MAX: usize = 4;
/// Bytes of all pieces that wait or are worked on. A value may go beyond it, alone.
const AHEAD_BYTES: usize = 4 << 20;
/// Largest collection that one command makes: a core loop is busy with it for as long as that takes.
const COLLECTION_BYTES_MAX: usize = 64 << 20;

/// A key to be written.
pub(super) struct Put {
    pub place: Place,
    pub db: u64,
    pub key: Vec<u8>,
    pub kind: &'static str,
    /// As RESTORE takes it.
    pub payload: Vec<u8>,
    pub expiry: Expiry,
    pub access: Option<Access>,
}

/// A command to be run.
pub(super) struct Run {
    pub place: Place,
    pub db: u64,
    pub words: Vec<Vec<u8>>,
}

/// What is to be done with a row.
pub(super) enum Step {
    Put(Put),
    Run(Run),
    /// Its time has come.
    Expired,
    LeftOut(LeftOut),
    /// All of the file was read.
    End(Option<String>),
    /// It cannot be read on.
    Fault(Fault),
}

/// Rows that were read together.
pub(super) struct Piece {
    pub steps: Vec<Step>,
    /// Room for what follows, given back with it.
    pub room: OwnedSemaphorePermit,
}

/// What is read, piece by piece. Reading ends when nobody waits for it any more.
pub(super) struct Pieces {
    receiver: mpsc::Receiver<Piece>,
    room: Arc<Semaphore>,
    is_dropped: Arc<AtomicBool>,
}

impl Pieces {
    /// The next one; `None` if reading has ended.
    pub async fn next(&mut self) -> Option<Piece> {
        self.receiver.recv().await
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        self.is_dropped.store(true, Ordering::Relaxed);
        self.room.close();
    }
}

/// A file that can be read no further once nobody waits for its rows: parts of it may give none for long, such as blank lines,
/// and its room on the disk is held for as long as it is read.
struct Watched<R> {
    reader: R,
    is_dropped: Arc<AtomicBool>,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if self.is_dropped.load(Ordering::Relaxed) {
            return Err(io::Error::other("nobody waits for it any more"));
        }
        self.reader.read(target)
    }
}

impl<R: Seek> Seek for Watched<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.reader.seek(to)
    }
}

/// Begins to read.
pub(super) fn read(upload: &Arc<Upload>, plan: &Arc<Plan>, settings: &Settings, databases: u64) -> Pieces {
    let maker = Maker {
        plan: plan.clone(),
        databases,
        limits: encode_limits(settings),
        word_bytes_max: usize::try_from(settings.proto_max_bulk_len)
            .unwrap_or(usize::MAX)
            .min(settings.client_query_buffer_limit / 2),
    };
    let limits = Limits {
        value_bytes: maker.word_bytes_max as u64,
        ..Limits::default()
    };
    begin(upload.reader(), maker, limits)
}

fn begin<R: Read + Seek + Send + 'static>(reader: R, mut maker: Maker, limits: Limits) -> Pieces {
    let (sender, receiver) = mpsc::channel(PIECES_MAX);
    let pieces = Pieces {
        receiver,
        room: Arc::new(Semaphore::new(AHEAD_BYTES)),
        is_dropped: Arc::default(),
    };
    let (room, engine) = (pieces.room.clone(), Handle::current());
    let reader = Watched {
        reader,
        is_dropped: pieces.is_dropped.clone(),
    };
    // None once nobody waits any more.
    let take = move |bytes: usize| {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        engine.block_on(room.clone().acquire_many_owned(bytes)).ok()
    };
    tokio::task::spawn_blocking(move || {
        let mut rows = open(maker.plan.format, reader, limits).map_err(Some);
        while let Some(mut room) = take(PIECE_BYTES) {
            let Some((steps, bytes)) = maker.piece(&mut rows) else {
                return;
            };
            // What is larger than was known before waits until all before it was taken.
            match take(bytes.min(AHEAD_BYTES).saturating_sub(PIECE_BYTES)) {
                Some(more) => room.merge(more),
                None => return,
            }
            drop(room.split(PIECE_BYTES.saturating_sub(bytes)));
            if sender.blocking_send(Piece { steps, room }).is_err() {
                return;
            }
        }
    });
    pieces
}

/// The rows of a file, or why it cannot be read, until that was said.
type Opened = Result<flashdb_import::Rows, Option<Fault>>;

fn next_of(rows: &mut Opened) -> Option<Result<Item, Fault>> {
    match rows {
        Ok(rows) => rows.next(),
        Err(fault) => fault.take().map(Err),
    }
}

struct Maker {
    plan: Arc<Plan>,
    databases: u64,
    limits: EncodeLimits,
    /// Longest word of a command, and largest value.
    word_bytes_max: usize,
}

impl Maker {
    /// The next piece and its bytes; `None` at the end.
    fn piece(&mut self, rows: &mut Opened) -> Option<(Vec<Step>, usize)> {
        let (mut steps, mut bytes) = (Vec::new(), 0);
        while steps.len() < PIECE_STEPS && bytes < PIECE_BYTES {
            let step = match next_of(rows) {
                None if steps.is_empty() => return None,
                None => break,
                Some(Err(fault)) => Some(Step::Fault(fault)),
                Some(Ok(Item::End(ending))) => Some(Step::End(ending.note)),
                Some(Ok(Item::LeftOut(left))) => self.is_wanted(left.db).then_some(Step::LeftOut(left)),
                Some(Ok(Item::Key(row))) => self.is_wanted(row.db).then(|| self.put(row)),
                Some(Ok(Item::Command(wanted))) => self.is_wanted(wanted.db).then(|| self.run(wanted)),
            };
            let Some(step) = step else {
                bytes += 64;
                continue;
            };
            bytes += 64 + weight(&step);
            steps.push(step);
        }
        Some((steps, bytes))
    }

    fn is_wanted(&self, db: Option<u64>) -> bool {
        self.plan.only_db.is_none_or(|only| db.unwrap_or(0) == only)
    }

    fn target(&self, db: Option<u64>) -> Result<u64, String> {
        let db = self.plan.db.unwrap_or(db.unwrap_or(0));
        if db < self.databases {
            return Ok(db);
        }
        Err(format!("there is no database {db} here; choose one for all keys"))
    }

    fn put(&self, row: Row) -> Step {
        if matches!(row.expiry, Expiry::At(at_ms) if at_ms <= now_ms().max(0) as u64) {
            return Step::Expired;
        }
        let kind = kind_of(&row.value);
        let refusal = self.target(row.db).and_then(|db| {
            let is_string = matches!(row.value, RdbValue::String(_));
            let weight = weight_bytes(&row.value);
            if (is_string && weight > self.word_bytes_max) || row.key.len() > self.word_bytes_max {
                return Err("it is larger than proto-max-bulk-len".to_owned());
            }
            if !is_string && weight > COLLECTION_BYTES_MAX {
                return Err(format!(
                    "its {} MiB are more than one command makes; flashdb import takes such values",
                    weight >> 20
                ));
            }
            let payload = dump(&row.value, &self.limits);
            if payload.len() > self.word_bytes_max {
                return Err("it is larger than proto-max-bulk-len".to_owned());
            }
            Ok((db, payload))
        });
        match refusal {
            Err(why) => Step::LeftOut(LeftOut {
                place: row.place,
                db: row.db,
                key: Some(row.key),
                why,
            }),
            Ok((db, payload)) => Step::Put(Put {
                place: row.place,
                db,
                key: row.key,
                kind,
                payload,
                expiry: row.expiry,
                access: row.access,
            }),
        }
    }

    fn run(&self, wanted: Wanted) -> Step {
        let target = self.target(wanted.db).and_then(|db| {
            if wanted.words.iter().any(|word| word.len() > self.word_bytes_max) {
                return Err("it is larger than proto-max-bulk-len".to_owned());
            }
            Ok(db)
        });
        match target {
            Err(why) => Step::LeftOut(LeftOut {
                place: wanted.place,
                db: wanted.db,
                key: None,
                why,
            }),
            Ok(db) => Step::Run(Run {
                place: wanted.place,
                db,
                words: wanted.words,
            }),
        }
    }
}

/// What a step takes in memory, about.
pub(super) fn weight(step: &Step) -> usize {
    match step {
        Step::Put(put) => put.key.len() + put.payload.len(),
        Step::Run(run) => run.words.iter().map(|word| word.len() + 24).sum(),
        Step::LeftOut(left) => left.why.len() + left.key.as_ref().map_or(0, Vec::len),
        Step::Expired | Step::End(_) | Step::Fault(_) => 0,
    }
}

fn kind_of(value: &RdbValue) -> &'static str {
    match value {
        RdbValue::String(_) => "string",
        RdbValue::List(_) => "list",
        RdbValue::Set(_) => "set",
        RdbValue::Hash(_) => "hash",
        RdbValue::ZSet(_) => "zset",
        RdbValue::Stream(_) => "stream",
    }
}

#[cfg(test)]
mod tests {
    use super::super::OnConflict;
    use super::*;
    use flashdb_base::prng::Prng;
    use flashdb_import::Format;
    use std::sync::atomic::AtomicUsize;
    use std::time::Duration;
    use tokio::sync::oneshot;
    use tokio::time::timeout;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn maker(format: Format) -> Maker {
        let plan = Plan {
            format,
            on_conflict: OnConflict::Skip,
            dry_run: false,
            db: None,
            only_db: None,
            rate: 1,
            name: String::new(),
            bytes: 0,
        };
        Maker {
            plan: Arc::new(plan),
            databases: 16,
            limits: encode_limits(&Settings::default()),
            word_bytes_max: 512 << 20,
        }
    }

    /// Rows without end; says when it is read, and when it is let go.
    struct Source {
        head: Vec<u8>,
        row: Vec<u8>,
        at: usize,
        read_bytes: Arc<AtomicUsize>,
        /// What the reader of the rows has given back.
        done_bytes: Arc<AtomicUsize>,
        most_bytes: Arc<AtomicUsize>,
        begun: Option<oneshot::Sender<()>>,
        _gone: oneshot::Sender<()>,
    }

    impl Source {
        fn new(row: Vec<u8>) -> (Self, oneshot::Receiver<()>) {
            let (gone, is_gone) = oneshot::channel();
            let source = Source {
                head: Vec::new(),
                row,
                at: 0,
                read_bytes: Arc::default(),
                done_bytes: Arc::default(),
                most_bytes: Arc::default(),
                begun: None,
                _gone: gone,
            };
            (source, is_gone)
        }
    }

    impl Read for Source {
        fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
            if let Some(begun) = self.begun.take() {
                let _ = begun.send(());
            }
            let rest = match self.head.get(self.at..) {
                Some(rest) if !rest.is_empty() => rest,
                _ => &self.row[(self.at - self.head.len()) % self.row.len()..],
            };
            let count = rest.len().min(target.len());
            target[..count].copy_from_slice(&rest[..count]);
            self.at += count;
            self.read_bytes.store(self.at, Ordering::SeqCst);
            let held = self.at.saturating_sub(self.done_bytes.load(Ordering::SeqCst));
            self.most_bytes.fetch_max(held, Ordering::SeqCst);
            Ok(count)
        }
    }

    impl Seek for Source {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            if to == SeekFrom::Start(0) {
                self.at = 0;
            }
            Ok(0)
        }
    }

    async fn next(pieces: &mut Pieces) -> Piece {
        let piece = timeout(PATIENCE, pieces.next()).await.expect("a piece in time");
        piece.expect("a piece")
    }

    #[tokio::test]
    async fn what_is_read_ahead_is_bounded_in_bytes() {
        for value_bytes in [100, 64 << 10, 3 << 20, 12 << 20] {
            // Of letters that do not compress: packed values are weighed as they are kept.
            let mut prng = Prng::from_seed(57);
            let value: String = (0..value_bytes)
                .map(|_| char::from(b'0' + prng.below(64) as u8))
                .map(|letter| if letter == '\\' { '!' } else { letter })
                .collect();
            let row = format!("{{\"key\":\"k\",\"value\":\"{value}\"}}\n");
            let row_bytes = row.len();
            let (source, is_gone) = Source::new(row.into_bytes());
            let (read, done) = (source.read_bytes.clone(), source.done_bytes.clone());
            let most = source.most_bytes.clone();
            let mut pieces = begin(source, maker(Format::Jsonl), Limits::default());
            while read.load(Ordering::SeqCst) < (8 << 20) + 4 * row_bytes {
                let piece = next(&mut pieces).await;
                let rows = piece.steps.len();
                assert!(piece.steps.iter().all(|step| matches!(step, Step::Put(_))));
                // What is read behind it, until it is given back.
                for _ in 0..100 {
                    tokio::task::yield_now().await;
                }
                done.fetch_add(rows * row_bytes, Ordering::SeqCst);
                drop(piece);
            }
            // All pieces, a value that is read, and the reader's own buffer. Strings are weighed with what they take besides.
            let bound = AHEAD_BYTES + row_bytes + (1 << 20);
            let most = most.load(Ordering::SeqCst);
            assert!(most <= bound, "{value_bytes}: {most} of {bound}");
            drop(pieces);
            assert!(timeout(PATIENCE, is_gone).await.expect("it ends").is_err());
        }
    }

    #[tokio::test]
    async fn reading_ends_where_there_are_no_rows() {
        for (format, head, row) in [
            (Format::Jsonl, &b""[..], &b"\n"[..]),
            (Format::Jsonl, b"", b"x"),
            (Format::Commands, b"", b"# a note\n"),
            (Format::Csv, b"key,value\n", b"\n"),
            (Format::Aof, b"#TS:17\r\n", b"#TS:17\r\n"),
        ] {
            let (mut source, is_gone) = Source::new(row.to_vec());
            let (begun, has_begun) = oneshot::channel();
            (source.head, source.begun) = (head.to_vec(), Some(begun));
            let pieces = begin(source, maker(format), Limits::default());
            let has_begun = timeout(PATIENCE, has_begun).await;
            assert!(matches!(has_begun, Ok(Ok(()))), "{format:?}");
            drop(pieces);
            assert!(
                timeout(PATIENCE, is_gone).await.expect("it ends").is_err(),
                "{format:?}"
            );
        }
    }
}
