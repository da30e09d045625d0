//! What a core loop has for scripts: its interpreter, made when the first script comes, and the functions compiled in it.

use super::call::Known;
use super::store::{Script, Scripts, Sha};
use flashdb_command::error::ErrorReply;
use flashdb_script::{Function, Interpreter, Limits};
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
    /// Memory of the interpreter that was told of.
    told_bytes: usize,
}

struct Compiled {
    script: Arc<Script>,
    function: Function,
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

/// Lends what this thread has. Not to be nested: a script runs no other one.
pub fn with<R>(work: impl FnOnce(&mut Local) -> R) -> R {
    LOCAL.with(|local| work(&mut local.borrow_mut()))
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
