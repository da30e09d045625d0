//! The scripts that the server keeps, by the SHA1 of their text. Core loops keep compiled copies and look here only for
//! what they do not know; an epoch tells them when everything was forgotten.

use super::busy::{Kind, LongRuns};
use super::library::LibraryCode;
use flashdb_command::Flags;
use flashdb_command::error::ErrorReply;
use flashdb_script::{ScriptFlags, Shebang, ShebangError};
use parking_lot::RwLock;
use sha1::{Digest, Sha1};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// Name of a script: 40 hexadecimal digits in lower case.
pub type Sha = [u8; 40];

/// Scripts kept because EVAL ran them; the oldest goes first. SCRIPT LOAD keeps any number.
const EVALUATED_MAX: usize = 500;

/// The script that was asked for by name is not kept.
pub const NO_SCRIPT: ErrorReply = ErrorReply::fixed("NOSCRIPT No matching script. Please use EVAL.");

/// A script, or a function of a library.
pub struct Script {
    /// Its name; zeros for a function.
    pub sha: Sha,
    /// Its text.
    pub text: Box<[u8]>,
    /// What its first line says; `None` for a script of the kind before there were flags.
    pub flags: Option<ScriptFlags>,
    /// Where the code begins, behind the first line's words.
    code_at: usize,
    /// It is known to touch what it does not declare, so that it begins under the exclusive gate.
    pub exclusive: AtomicBool,
    /// It was kept for good by SCRIPT LOAD.
    loaded: AtomicBool,
    /// What it is a function of, if it is none of EVAL's.
    pub function: Option<FunctionOf>,
}

/// A function's place.
pub struct FunctionOf {
    /// Its name.
    pub name: Box<str>,
    /// Its library.
    pub library: Arc<LibraryCode>,
}

impl Script {
    /// Reads a script's first line.
    ///
    /// # Errors
    /// Redis's words on what is wrong with it.
    pub fn new(sha: Sha, text: &[u8]) -> Result<Self, ErrorReply> {
        let (flags, code_at) = match Shebang::parse(text) {
            Ok(None) => (None, 0),
            Ok(Some(shebang)) => {
                check_shebang(&shebang)?;
                (
                    Some(shebang.flags.unwrap_or_default()),
                    text.len() - shebang.code.len(),
                )
            }
            Err(ShebangError::Endless) => return Err(ErrorReply::fixed("ERR Invalid script shebang")),
            Err(ShebangError::UnknownFlag(flag)) => {
                return Err(quoting("ERR Unexpected flag in script shebang: ", &flag));
            }
        };
        Ok(Script {
            sha,
            text: text.into(),
            flags,
            code_at,
            exclusive: AtomicBool::new(false),
            loaded: AtomicBool::new(false),
            function: None,
        })
    }

    /// A function of a library.
    pub fn of_function(name: &str, library: Arc<LibraryCode>, flags: ScriptFlags) -> Self {
        let name = name.into();
        Script {
            sha: [0; 40],
            text: Box::default(),
            flags: Some(flags),
            code_at: 0,
            exclusive: AtomicBool::new(false),
            loaded: AtomicBool::new(false),
            function: Some(FunctionOf { name, library }),
        }
    }

    /// What is compiled.
    pub fn code(&self) -> &[u8] {
        &self.text[self.code_at..]
    }

    /// Its name as text.
    pub fn name(&self) -> &str {
        if let Some(function) = &self.function {
            return &function.name;
        }
        std::str::from_utf8(&self.sha).unwrap_or_default()
    }

    /// Which KILL ends it.
    pub fn kind(&self) -> Kind {
        match self.function {
            Some(_) => Kind::Function,
            None => Kind::Script,
        }
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.text.len() + size_of::<(Sha, Arc<Script>)>()
    }
}

fn check_shebang(shebang: &Shebang<'_>) -> Result<(), ErrorReply> {
    if shebang.engine != b"lua" {
        return Err(quoting(
            "ERR Unexpected engine in script shebang: #!",
            shebang.engine,
        ));
    }
    if let Some(name) = shebang.name {
        return Err(quoting("ERR Unknown lua shebang option: name=", name));
    }
    match shebang.unknown {
        Some(option) => Err(quoting("ERR Unknown lua shebang option: ", option)),
        None => Ok(()),
    }
}

fn quoting(words: &str, quoted: &[u8]) -> ErrorReply {
    const SHOWN: usize = 128;
    let mut text = words.as_bytes().to_vec();
    text.extend_from_slice(&quoted[..quoted.len().min(SHOWN)]);
    ErrorReply::from_bytes(text)
}

/// Flags of a command that runs a script: what the script says of itself replaces what is true of any.
pub fn effective_flags(flags: Flags, script: Option<&Script>, text: Option<&[u8]>) -> Flags {
    let said = match (script, text) {
        (Some(script), _) => script.flags,
        // Not run before: only its first line is looked at, and only if it has one.
        (None, Some(text)) if text.starts_with(b"#!") => {
            Script::new([0; 40], text).ok().and_then(|script| script.flags)
        }
        _ => None,
    };
    let Some(said) = said else {
        return flags;
    };
    let cleared = Flags::STALE
        .and(Flags::DENY_OOM)
        .and(Flags::WRITE)
        .and(Flags::MAY_REPLICATE);
    let mut flags = flags.without(cleared);
    let writes = !said.has(ScriptFlags::NO_WRITES);
    if writes {
        flags = flags.and(Flags::WRITE);
    }
    if writes && !said.has(ScriptFlags::ALLOW_OOM) {
        flags = flags.and(Flags::DENY_OOM);
    }
    if said.has(ScriptFlags::ALLOW_STALE) {
        flags = flags.and(Flags::STALE);
    }
    flags
}

/// The name of a script's text.
pub fn sha_of(text: &[u8]) -> Sha {
    let mut sha = [0; 40];
    for (at, byte) in Sha1::digest(text).iter().enumerate() {
        sha[2 * at] = b"0123456789abcdef"[usize::from(byte >> 4)];
        sha[2 * at + 1] = b"0123456789abcdef"[usize::from(byte & 15)];
    }
    sha
}

/// A name as a client wrote it, in lower case.
pub fn sha_from_hex(word: &[u8]) -> Option<Sha> {
    let mut sha: Sha = word.try_into().ok()?;
    sha.make_ascii_lowercase();
    Some(sha)
}

#[derive(Default)]
struct Kept {
    by_sha: HashMap<Sha, Arc<Script>>,
    evaluated: VecDeque<Sha>,
    bytes: usize,
}

/// All scripts that are kept.
#[derive(Default)]
pub struct Scripts {
    kept: RwLock<Kept>,
    epoch: AtomicU64,
    evicted: AtomicU64,
    interpreters_bytes: AtomicUsize,
    /// Scripts that have run for a while.
    pub long_runs: LongRuns,
    /// Commands that scripts may not call are allowed (DEBUG SET-DISABLE-DENY-SCRIPTS).
    pub allows_all_commands: AtomicBool,
}

impl Scripts {
    /// The script called `sha`.
    pub fn get(&self, sha: &Sha) -> Option<Arc<Script>> {
        self.kept.read().by_sha.get(sha).cloned()
    }

    /// Keeps a script, for good if it was loaded; the one that is kept now.
    pub fn keep(&self, script: Arc<Script>, loaded: bool) -> Arc<Script> {
        let mut kept = self.kept.write();
        let sha = script.sha;
        let known = kept.by_sha.get(&sha).cloned();
        let is_new = known.is_none();
        let script = known.unwrap_or(script);
        if is_new {
            kept.bytes += script.memory_bytes();
            kept.by_sha.insert(sha, script.clone());
        }
        if loaded {
            script.loaded.store(true, Ordering::Relaxed);
        } else if is_new {
            kept.evaluated.push_back(sha);
            self.evict(&mut kept);
        }
        script
    }

    fn evict(&self, kept: &mut Kept) {
        while kept.evaluated.len() > EVALUATED_MAX {
            let Some(oldest) = kept.evaluated.pop_front() else {
                return;
            };
            let may_go = |script: &Arc<Script>| !script.loaded.load(Ordering::Relaxed);
            if kept.by_sha.get(&oldest).is_some_and(may_go)
                && let Some(script) = kept.by_sha.remove(&oldest)
            {
                kept.bytes -= script.memory_bytes();
                self.evicted.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Whether a script of this name (in any case) is kept.
    pub fn contains(&self, name: &[u8]) -> bool {
        sha_from_hex(name).is_some_and(|sha| self.get(&sha).is_some())
    }

    /// Forgets all scripts, and all that interpreters hold.
    pub fn clear(&self) {
        *self.kept.write() = Kept::default();
        self.interpreters_bytes.store(0, Ordering::Relaxed);
        self.epoch.fetch_add(1, Ordering::AcqRel);
    }

    /// Changes whenever everything was forgotten.
    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Number of scripts kept, and their bytes.
    pub fn size(&self) -> (usize, usize) {
        let kept = self.kept.read();
        (kept.by_sha.len(), kept.bytes)
    }

    /// Scripts that went because EVAL ran so many others.
    pub fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }

    /// Memory of all interpreters, bytes.
    pub fn interpreters_bytes(&self) -> usize {
        self.interpreters_bytes.load(Ordering::Relaxed)
    }

    /// Notes that an interpreter has grown or shrunk.
    pub(super) fn note_interpreter(&self, before: usize, now: usize) {
        let _ = self
            .interpreters_bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |bytes| {
                Some((bytes + now).saturating_sub(before))
            });
    }
}
