//! All function libraries of the server: which functions there are, and in which library. The sources are data
//! ([`flashdb_store::Libraries`]); what they define is found out here, once for each version of them, by loading them.

use super::library::{FunctionEntry, LOAD_TIME_MAX, Library, LibraryCode, Loading, RELOAD_TIME_MAX};
use super::store::Script;
use super::{eval, local};
use crate::server::Server;
use flashdb_command::error::ErrorReply;
use flashdb_config::Settings;
use flashdb_store::libraries::Sources;
use parking_lot::Mutex;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

thread_local! {
    /// The directory that this thread has seen last, so that a call takes no lock.
    static SEEN: RefCell<Arc<Directory>> = RefCell::default();
}

/// What is known of all libraries at one version of their sources.
#[derive(Clone, Default)]
pub struct Directory {
    version: u64,
    libraries: BTreeMap<Box<[u8]>, Arc<Library>>,
    /// By name in small letters.
    functions: HashMap<Box<[u8]>, Arc<Script>, foldhash::fast::FixedState>,
}

/// The newest directory.
#[derive(Default)]
pub struct Functions(Mutex<Arc<Directory>>);

impl Directory {
    /// The function of this name, in any case.
    pub fn function(&self, name: &[u8]) -> Option<&Arc<Script>> {
        match self.functions.get(name) {
            Some(function) => Some(function),
            None => self.functions.get(&*name.to_ascii_lowercase()),
        }
    }

    /// All libraries, by name.
    pub fn libraries(&self) -> impl Iterator<Item = &Arc<Library>> {
        self.libraries.values()
    }

    /// Whether there is a library of this name.
    pub fn contains(&self, name: &[u8]) -> bool {
        self.libraries.contains_key(name)
    }

    /// Number of libraries, and of their functions.
    pub fn counts(&self) -> (usize, usize) {
        let functions = self.libraries.values().map(|library| library.functions.len());
        (self.libraries.len(), functions.sum())
    }

    /// Bytes of all sources.
    pub fn source_bytes(&self) -> usize {
        self.libraries
            .values()
            .map(|library| library.code.source.len())
            .sum()
    }

    fn remove(&mut self, name: &[u8]) {
        if let Some(library) = self.libraries.remove(name) {
            for function in &library.functions {
                let key = function.name().to_ascii_lowercase();
                self.functions.remove(key.as_bytes());
            }
        }
    }

    /// Adds a library in place of the one with its name.
    ///
    /// # Errors
    /// When another library has a function of the same name; nothing is changed then.
    pub fn add(&mut self, library: Arc<Library>) -> Result<(), ErrorReply> {
        let name = &library.code.name;
        let own = self.libraries.get(name);
        for function in &library.functions {
            let known = self.function(function.name().as_bytes());
            let is_own = |script: &Arc<Script>| {
                own.is_some_and(|own| {
                    own.functions
                        .iter()
                        .any(|entry| Arc::ptr_eq(&entry.script, script))
                })
            };
            if known.is_some_and(|known| !is_own(known)) {
                return Err(ErrorReply::new(format!(
                    "ERR Function {} already exists",
                    function.name()
                )));
            }
        }
        let name = name.clone();
        self.remove(&name);
        for function in &library.functions {
            // Of two whose names differ in case only, the first counts.
            let key = function.name().to_ascii_lowercase().into_bytes();
            self.functions
                .entry(key.into())
                .or_insert_with(|| function.script.clone());
        }
        self.libraries.insert(name, library);
        Ok(())
    }
}

/// The directory as of now.
pub fn current(server: &Server) -> Arc<Directory> {
    let version = server.space.libraries().version();
    let seen = SEEN.with_borrow(|seen| (seen.version == version).then(|| seen.clone()));
    seen.unwrap_or_else(|| {
        let directory = newest(server);
        SEEN.set(directory.clone());
        directory
    })
}

/// The directory as it was when somebody last asked for it on a core loop: never loads anything, so that any thread may ask.
pub fn known(server: &Server) -> Arc<Directory> {
    server.functions.0.lock().clone()
}

/// Brings the server's directory up to the sources, which a start, an import or a restore has changed without loading them.
fn newest(server: &Server) -> Arc<Directory> {
    let mut known = server.functions.0.lock();
    let (version, sources) = server.space.libraries().sources();
    // A script that asks (by INFO) cannot wait for libraries to be loaded: it sees what was known before.
    if known.version != version && !local::is_lent() {
        *known = Arc::new(rebuilt(server, &known, &sources, version));
    }
    known.clone()
}

fn rebuilt(server: &Server, known: &Directory, sources: &Sources, version: u64) -> Directory {
    let settings = server.settings();
    let mut directory = Directory {
        version,
        ..Directory::default()
    };
    for (name, source) in sources {
        let same = known
            .libraries
            .get(name)
            .filter(|library| Arc::ptr_eq(&library.code.source, source));
        let library = match same {
            Some(library) => Ok(library.clone()),
            None => load(server, &settings, source.clone(), RELOAD_TIME_MAX),
        };
        if let Err(error) = library.and_then(|library| directory.add(library)) {
            // Its source stays: it is data, and may be of use to another version.
            tracing::error!(
                library = %name.escape_ascii(),
                error = %error.text().escape_ascii(),
                "a function library cannot be loaded; its functions are missing"
            );
        }
    }
    directory
}

/// Loads a library into this thread's interpreter, for what it registers.
///
/// # Errors
/// Redis's words on why that failed.
fn load(
    server: &Server,
    settings: &Settings,
    source: Arc<[u8]>,
    time: Duration,
) -> Result<Arc<Library>, ErrorReply> {
    let code = LibraryCode::new(source)?;
    load_code(server, settings, code, time)
}

fn load_code(
    server: &Server,
    settings: &Settings,
    code: Arc<LibraryCode>,
    time: Duration,
) -> Result<Arc<Library>, ErrorReply> {
    let limits = eval::limits(settings);
    let mut host = Loading::for_at_most(time);
    let registered = local::with(|local| {
        local.load_library(
            &server.scripts,
            &code,
            settings.lua_enable_deprecated_api,
            limits,
            &mut host,
        )
    })?;
    let functions = registered
        .into_iter()
        .map(|function| FunctionEntry {
            script: Arc::new(Script::of_function(&function.name, code.clone(), function.flags)),
            description: function.description,
        })
        .collect();
    Ok(Arc::new(Library { code, functions }))
}

/// FUNCTION LOAD: the name of the new library. The gate is closed.
///
/// # Errors
/// When the source is no library, or clashes with another; nothing is changed then.
pub fn add(
    server: &Server,
    settings: &Settings,
    source: &[u8],
    replace: bool,
) -> Result<Arc<LibraryCode>, ErrorReply> {
    let mut directory = Directory::clone(&current(server));
    let code = LibraryCode::new(source.into())?;
    if !replace && directory.contains(&code.name) {
        return Err(ErrorReply::new(format!(
            "ERR Library '{}' already exists",
            String::from_utf8_lossy(&code.name)
        )));
    }
    directory.add(load_code(server, settings, code.clone(), LOAD_TIME_MAX)?)?;
    change(server, directory, |sources| {
        sources.insert(code.name.clone(), code.source.clone());
    });
    Ok(code)
}

/// FUNCTION DELETE. The gate is closed.
///
/// # Errors
/// When there is no such library.
pub fn remove(server: &Server, name: &[u8]) -> Result<(), ErrorReply> {
    let mut directory = Directory::clone(&current(server));
    if !server.space.libraries().sources().1.contains_key(name) {
        return Err(ErrorReply::fixed("ERR Library not found"));
    }
    directory.remove(name);
    change(server, directory, |sources| {
        sources.remove(name);
    });
    Ok(())
}

/// FUNCTION FLUSH. The gate is closed.
pub fn clear(server: &Server) {
    change(server, Directory::default(), Sources::clear);
}

/// What becomes of libraries that are there when others are restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// They go first.
    Flush,
    /// They stay; one of the same name is an error.
    Append,
    /// They stay, but for those that are replaced.
    Replace,
}

/// FUNCTION RESTORE: adds these sources, all or none. The gate is closed.
///
/// # Errors
/// When one is no library, or clashes with another.
pub fn restore(
    server: &Server,
    settings: &Settings,
    restored: Vec<Vec<u8>>,
    policy: Policy,
) -> Result<(), ErrorReply> {
    let mut directory = match policy {
        Policy::Flush => Directory::default(),
        Policy::Append | Policy::Replace => Directory::clone(&current(server)),
    };
    let (mut added, mut libraries) = (Sources::new(), Vec::new());
    for source in restored {
        let library = load(server, settings, source.into(), LOAD_TIME_MAX)?;
        let name = &library.code.name;
        if policy == Policy::Append && directory.contains(name) || added.contains_key(name) {
            return Err(ErrorReply::new(format!(
                "ERR Library {} already exists",
                String::from_utf8_lossy(name)
            )));
        }
        added.insert(name.clone(), library.code.source.clone());
        libraries.push(library);
    }
    // All that are replaced go first: their functions may have moved from one to another.
    added.keys().for_each(|name| directory.remove(name));
    for library in libraries {
        directory.add(library)?;
    }
    change(server, directory, |sources| {
        if policy == Policy::Flush {
            sources.clear();
        }
        sources.extend(added);
    });
    Ok(())
}

/// Changes sources and directory at once. Under the closed gate nobody else does.
fn change(server: &Server, mut directory: Directory, change: impl FnOnce(&mut Sources)) {
    let mut known = server.functions.0.lock();
    let ((), version) = server.space.libraries().change(change);
    directory.version = version;
    *known = Arc::new(directory);
    SEEN.set(known.clone());
}
