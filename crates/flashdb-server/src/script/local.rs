//! What a core loop has for scripts: its interpreter, made when the first script comes, the functions compiled in it, and the
//! libraries loaded into it.

use super::call::Known;
use super::library::{LibraryCode, Loading, RELOAD_TIME_MAX, refusal};
use super::store::{FunctionOf, Script, Scripts, Sha};
use flashdb_command::error::ErrorReply;
use flashdb_script::{Function, Host, Interpreter, Limits, Registered};
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

/// Functions compiled for scripts that may be gone from the server's store by now, before all of them are dropped.
const STALE_MAX: usize = 1000;

/// What errors call every script.
const CHUNK: &str = "@user_script";

thread_local! {
    static LOCAL: RefCell<Local> = RefCell::default();
}

/// See the module's head.
#[derive(Default)]
pub struct Local {
    epoch: u64,
    interpreter: Option<Interpreter>,
    compiled: HashMap<Sha, Compiled, foldhash::fast::FixedState>,
    known: Known,
    /// Function libraries by the number of their code.
    libraries: HashMap<u64, Loaded, foldhash::fast::FixedState>,
    /// Memory of the interpreter that was told of.
    told_bytes: usize,
}

struct Compiled {
    script: Arc<Script>,
    function: Function,
}

/// A library in the interpreter. Once nobody else has its code, it is not called any more.
struct Loaded {
    code: Arc<LibraryCode>,
    functions: Vec<(Box<str>, Function)>,
}

/// A script that this thread has compiled.
pub fn find(scripts: &Scripts, sha: &Sha) -> Option<Arc<Script>> {
    LOCAL.with(|local| {
        let local = local.try_borrow().ok()?;
        if local.epoch != scripts.epoch() {
            return None;
        }
        local.compiled.get(sha).map(|compiled| compiled.script.clone())
    })
}

/// Whether what this thread has is lent already: a script runs, or a library is being loaded.
pub fn is_lent() -> bool {
    LOCAL.with(|local| local.try_borrow_mut().is_err())
}

/// Lends what this thread has.
///
/// # Errors
/// Those of the work; and from within a script, which gets as far as that only where a test allows it all commands.
pub fn with<R>(work: impl FnOnce(&mut Local) -> Result<R, ErrorReply>) -> Result<R, ErrorReply> {
    const LENT: ErrorReply = ErrorReply::fixed("ERR a script cannot run or load another one");
    LOCAL.with(|local| match local.try_borrow_mut() {
        Ok(mut local) => work(&mut local),
        Err(_) => Err(LENT),
    })
}

impl Local {
    /// Compiles a script unless that was done.
    ///
    /// # Errors
    /// What is wrong with it, in Redis's words.
    pub fn function(
        &mut self,
        scripts: &Scripts,
        script: &Arc<Script>,
        deprecated_api: bool,
        limits: Limits,
    ) -> Result<Function, ErrorReply> {
        if let Some(function) = &script.function {
            return self.function_of_library(scripts, function, deprecated_api, limits);
        }
        self.forget_stale(scripts);
        if let Some(compiled) = self.compiled.get(&script.sha) {
            return Ok(compiled.function);
        }
        let interpreter = self.interpreter(deprecated_api)?;
        let function = interpreter
            .compile(script.code(), CHUNK, limits)
            .map_err(|words| {
                let mut text = b"ERR Error compiling script (new function): ".to_vec();
                text.extend_from_slice(&words);
                ErrorReply::from_bytes(text)
            })?;
        let script = script.clone();
        self.compiled.insert(script.sha, Compiled { script, function });
        self.tell_memory(scripts);
        Ok(function)
    }

    fn function_of_library(
        &mut self,
        scripts: &Scripts,
        function: &FunctionOf,
        deprecated_api: bool,
        limits: Limits,
    ) -> Result<Function, ErrorReply> {
        self.forget_stale(scripts);
        let code = &function.library;
        if !self.libraries.contains_key(&code.id) {
            let mut host = Loading::for_at_most(RELOAD_TIME_MAX);
            self.load_library(scripts, code, deprecated_api, limits, &mut host)?;
        }
        self.libraries
            .get(&code.id)
            .and_then(|loaded| loaded.functions.iter().find(|(name, _)| *name == function.name))
            .map(|(_, function)| *function)
            .ok_or(ErrorReply::fixed("ERR Function not found"))
    }

    /// Loads a library, for what it registers.
    ///
    /// # Errors
    /// Redis's words on why that failed.
    pub fn load_library(
        &mut self,
        scripts: &Scripts,
        code: &Arc<LibraryCode>,
        deprecated_api: bool,
        limits: Limits,
        host: &mut dyn Host,
    ) -> Result<Vec<Registered>, ErrorReply> {
        self.forget_stale(scripts);
        self.forget_stale_libraries();
        let registered = self
            .interpreter(deprecated_api)?
            .load_library(code.code(), limits, host)
            .map_err(|error| refusal(&error))?;
        let functions = registered
            .iter()
            .map(|function| (function.name.as_str().into(), function.function))
            .collect();
        let code = code.clone();
        self.libraries.insert(code.id, Loaded { code, functions });
        self.tell_memory(scripts);
        Ok(registered)
    }

    fn forget_stale_libraries(&mut self) {
        let Some(interpreter) = &mut self.interpreter else {
            return;
        };
        self.libraries.retain(|_, loaded| {
            let is_known = Arc::strong_count(&loaded.code) > 1;
            if !is_known {
                for (_, function) in &loaded.functions {
                    interpreter.forget(*function);
                }
            }
            is_known
        });
    }

    /// The interpreter.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn interpreter(&mut self, deprecated_api: bool) -> Result<&mut Interpreter, ErrorReply> {
        if self.interpreter.is_none() {
            let made = Interpreter::new(deprecated_api).map_err(|error| {
                tracing::error!(%error, "cannot make an interpreter for scripts");
                ErrorReply::fixed("ERR no memory for an interpreter of scripts")
            })?;
            self.interpreter = Some(made);
        }
        Ok(self.interpreter.as_mut().expect("made above if there was none"))
    }

    /// The interpreter, and what is known of the commands that scripts call.
    ///
    /// # Errors
    /// As [`Local::interpreter`].
    pub fn parts(&mut self, deprecated_api: bool) -> Result<(&mut Interpreter, &mut Known), ErrorReply> {
        self.interpreter(deprecated_api)?;
        let interpreter = self.interpreter.as_mut().expect("made above if there was none");
        Ok((interpreter, &mut self.known))
    }

    fn forget_stale(&mut self, scripts: &Scripts) {
        let epoch = scripts.epoch();
        if epoch == self.epoch && self.compiled.len() < STALE_MAX + scripts_kept(scripts, self.compiled.len())
        {
            return;
        }
        if epoch == self.epoch {
            scripts.note_interpreter(self.told_bytes, 0);
        }
        *self = Local {
            epoch,
            ..Local::default()
        };
    }

    /// Has INFO know how much memory the interpreter takes.
    pub fn tell_memory(&mut self, scripts: &Scripts) {
        let now = self.interpreter.as_ref().map_or(0, Interpreter::memory_bytes);
        if now != self.told_bytes {
            scripts.note_interpreter(self.told_bytes, now);
            self.told_bytes = now;
        }
    }
}

/// Scripts that are kept, looked up only where so many are compiled that it matters.
fn scripts_kept(scripts: &Scripts, compiled: usize) -> usize {
    if compiled < STALE_MAX { 0 } else { scripts.size().0 }
}
