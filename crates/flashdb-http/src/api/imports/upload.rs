//! A file that is sent: into the data folder, under no name. It is unlinked as soon as it is made, so that its room is free
//! again when nobody holds it any more, however that comes about; what a crash left in the moment between the two is
//! removed at the next start. Bounded in size, in time, in number, and by what the disk has free.

use crate::App;
use crate::caller::now_ms;
use crate::error::ApiError;
use crate::jobs::Owner;
use crate::sessions::random_hex;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::StatusCode;
use flashdb_import::Format;
use flashdb_server::engine::Engine;
use http_body_util::BodyExt;
use parking_lot::Mutex;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

/// Files at a time: being sent, worked on, or kept after a dry run.
const UPLOADS_MAX: usize = 4;
/// Of them of one user, so that nobody keeps all others out.
const UPLOADS_OF_USER_MAX: usize = 2;
const FILE_PREFIX: &str = "import-";
const FILE_SUFFIX: &str = ".tmp";
/// Time in which something has to come.
const STALL_TIME: Duration = Duration::from_secs(20);
/// Whoever sends more slowly than this, after the first minute, holds a place for nothing.
const PATIENCE: Duration = Duration::from_secs(60);
const SLOWEST_BYTES_PER_SECOND: u64 = 16 << 10;
/// What an upload leaves free on the disk: the log needs room, too.
const SPARE_BYTES: u64 = 64 << 20;
/// Bytes between two looks at what is free.
const LOOK_BYTES: u64 = 16 << 20;
/// How long the file of a dry run is kept.
const KEEP_TIME: Duration = Duration::from_secs(600);

/// A file that was sent.
pub(super) struct Upload {
    file: File,
    bytes: u64,
    _place: Place,
}

/// Reads an upload from its beginning; several may at a time.
pub(super) struct Reader {
    upload: Arc<Upload>,
    at: u64,
}

impl Read for Reader {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let count = self.upload.file.read_at(target, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Reader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (base, by) = match to {
            SeekFrom::Start(at) => (at, 0),
            SeekFrom::Current(by) => (self.at, by),
            SeekFrom::End(by) => (self.upload.bytes, by),
        };
        self.at = base.checked_add_signed(by).ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

fn no_space() -> ApiError {
    ApiError::new(
        StatusCode::INSUFFICIENT_STORAGE,
        "NO_SPACE",
        "there is no room for the file in the data folder",
    )
}

fn disk_error(error: &io::Error) -> ApiError {
    if error.kind() == io::ErrorKind::StorageFull {
        return no_space();
    }
    tracing::warn!(%error, "a file that was sent cannot be kept");
    ApiError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "BUSY",
        "the file cannot be kept in the data folder",
    )
}

fn free_bytes(file: &File) -> io::Result<u64> {
    let all = rustix::fs::fstatvfs(file)?;
    Ok(all.f_bavail.saturating_mul(all.f_frsize))
}

/// Refuses what would not leave enough room.
fn check_room(file: &File, coming_bytes: u64) -> Result<(), ApiError> {
    let free = free_bytes(file).map_err(|error| disk_error(&error))?;
    if coming_bytes.saturating_add(SPARE_BYTES) > free {
        return Err(no_space());
    }
    Ok(())
}

/// A file of its own that has no name any more.
fn create(folder: &Path) -> io::Result<File> {
    let digits = random_hex(8).map_err(|_| io::Error::other("there are no random numbers"))?;
    let path = folder.join(format!("{FILE_PREFIX}{digits}{FILE_SUFFIX}"));
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

/// Removes what a crash has left behind.
pub(crate) fn remove_leftovers(app: &App) {
    let folder = app.engine.config().settings().dir.clone();
    let Ok(entries) = std::fs::read_dir(&folder) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let digits = name
            .strip_prefix(FILE_PREFIX)
            .and_then(|name| name.strip_suffix(FILE_SUFFIX));
        if digits
            .is_some_and(|digits| digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
            && let Err(error) = std::fs::remove_file(entry.path())
        {
            tracing::warn!(%error, %name, "a file that was sent and left behind cannot be removed");
        }
    }
}

/// Writes pieces as they come, on a thread that may wait for the disk.
fn write(mut file: File, mut pieces: mpsc::Receiver<Bytes>) -> Result<(File, u64), ApiError> {
    let (mut bytes, mut looked) = (0, 0);
    while let Some(piece) = pieces.blocking_recv() {
        if bytes - looked >= LOOK_BYTES {
            looked = bytes;
            check_room(&file, 0)?;
        }
        file.write_all(&piece).map_err(|error| disk_error(&error))?;
        bytes += piece.len() as u64;
    }
    Ok((file, bytes))
}

impl Upload {
    /// Takes the body of a request.
    ///
    /// # Errors
    /// When it is too large or too slow, nobody sends any more, there is no place or no room.
    pub async fn receive(app: &App, user_id: u64, body: Body) -> Result<Upload, ApiError> {
        let settings = app.engine.config().settings();
        let bytes_max = settings.import_max_bytes;
        let announced = body.size_hint().lower();
        if announced > bytes_max {
            return Err(too_large(bytes_max));
        }
        let place = app.imports.place(user_id)?;
        let file = create(&settings.dir).map_err(|error| disk_error(&error))?;
        drop(settings);
        check_room(&file, announced)?;
        let (sender, receiver) = mpsc::channel(8);
        let writer = tokio::task::spawn_blocking(move || write(file, receiver));
        let sent = send(body, sender, bytes_max).await;
        let written = writer.await.map_err(|_| ApiError::stopping())?;
        let (file, bytes) = match (sent, written) {
            // What the disk says explains why nothing more was taken.
            (_, Err(error)) | (Err(error), Ok(_)) => return Err(error),
            (Ok(()), Ok(written)) => written,
        };
        if bytes == 0 {
            return Err(ApiError::conflict("the file is empty"));
        }
        Ok(Upload {
            file,
            bytes,
            _place: place,
        })
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub fn reader(self: &Arc<Self>) -> Reader {
        Reader {
            upload: self.clone(),
            at: 0,
        }
    }
}

fn too_large(bytes_max: u64) -> ApiError {
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "BODY_TOO_LARGE",
        format!("a file has at most {bytes_max} bytes here (import-max-bytes)"),
    )
}

/// Hands the body to who writes it.
async fn send(mut body: Body, sender: mpsc::Sender<Bytes>, bytes_max: u64) -> Result<(), ApiError> {
    let (began, mut bytes) = (Instant::now(), 0);
    let too_slow = || {
        ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            "TIMEOUT",
            "the file did not come in time",
        )
    };
    loop {
        let frame = match timeout(STALL_TIME, body.frame()).await {
            Err(_) => return Err(too_slow()),
            Ok(None) => return Ok(()),
            Ok(Some(Err(error))) => {
                return Err(ApiError::bad_request(format!("the body cannot be read: {error}")));
            }
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(piece) = frame.into_data() else { continue };
        bytes += piece.len() as u64;
        if bytes > bytes_max {
            return Err(too_large(bytes_max));
        }
        if began.elapsed() > PATIENCE + Duration::from_secs(bytes / SLOWEST_BYTES_PER_SECOND) {
            return Err(too_slow());
        }
        // Whoever writes has ended, and says why.
        if sender.send(piece).await.is_err() {
            return Ok(());
        }
    }
}

/// The file of a dry run.
#[derive(Clone)]
pub(crate) struct Kept {
    job: String,
    user_id: u64,
    user: Vec<u8>,
    pub(super) format: Format,
    pub(super) upload: Arc<Upload>,
}

impl Kept {
    pub(super) fn new(job: &str, owner: Owner<'_>, format: Format, upload: &Arc<Upload>) -> Self {
        Kept {
            job: job.to_owned(),
            user_id: owner.id,
            user: owner.name.to_owned(),
            format,
            upload: upload.clone(),
        }
    }

    /// Whether there still is the user.
    fn has_user(&self, engine: &Engine) -> bool {
        engine.user_id(&self.user) == Some(self.user_id)
    }
}

/// One of the places for files, for a user.
struct Place {
    imports: Arc<Imports>,
    user_id: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut users = self.imports.users.lock();
        if let Some(at) = users.iter().position(|user_id| *user_id == self.user_id) {
            users.swap_remove(at);
        }
    }
}

/// All files that were sent.
#[derive(Default)]
pub(crate) struct Imports {
    /// Whose files have the places that are taken.
    users: Mutex<Vec<u64>>,
    kept: Mutex<Vec<Kept>>,
}

impl Imports {
    /// A place for a file of this user.
    fn place(self: &Arc<Self>, user_id: u64) -> Result<Place, ApiError> {
        let mut users = self.users.lock();
        let own = users.iter().filter(|other| **other == user_id).count();
        let why = match (own, users.len()) {
            (UPLOADS_OF_USER_MAX.., _) => {
                "two files of this user are being imported, or kept after a dry run"
            }
            (_, UPLOADS_MAX..) => "as many files as may are being imported, or kept after dry runs",
            _ => {
                users.push(user_id);
                return Ok(Place {
                    imports: self.clone(),
                    user_id,
                });
            }
        };
        Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "BUSY", why))
    }

    /// The file of a dry run of this user.
    pub(super) fn kept(&self, job: &str, user_id: u64) -> Option<Kept> {
        let kept = self.kept.lock();
        kept.iter()
            .find(|kept| kept.job == job && kept.user_id == user_id)
            .cloned()
    }

    /// Keeps one for a while, if there still is its user. Answers until when, Unix ms.
    pub(super) fn keep(self: &Arc<Self>, kept: Kept, engine: &Engine) -> Option<i64> {
        let (imports, job) = (self.clone(), kept.job.clone());
        {
            // Locked before looking: of who is gone a moment later it is found here.
            let mut all = self.kept.lock();
            if !kept.has_user(engine) {
                return None;
            }
            all.push(kept);
        }
        tokio::spawn(async move {
            sleep(KEEP_TIME).await;
            imports.forget(&job);
        });
        Some(now_ms() + KEEP_TIME.as_millis() as i64)
    }

    /// Gives up the file of a dry run.
    pub(crate) fn forget(&self, job: &str) {
        drop(self.take(|kept| kept.job == job));
    }

    /// Another file of this user takes the place of those.
    pub(super) fn drop_those_of(&self, user_id: u64) {
        drop(self.take(|kept| kept.user_id == user_id));
    }

    /// Gives up the files of users who are gone, and returns them.
    pub(crate) fn forget_the_gone(&self, engine: &Engine) -> Vec<Kept> {
        self.take(|kept| !kept.has_user(engine))
    }

    /// Those that go. They are closed without the lock: giving back the room of large ones may take a while.
    fn take(&self, goes: impl Fn(&Kept) -> bool) -> Vec<Kept> {
        self.kept.lock().extract_if(.., |kept| goes(kept)).collect()
    }
}
