//! Scripts on the server: which ones are kept, where they run, and how the commands that they call take the same road as
//! any others. A core loop has an interpreter of its own, so scripts on keys of different shards run at the same time.
//!
//! A script runs under the locks of the keys that it declared. When it touches another one, or calls a command that needs
//! more, it is run again from its start under the exclusive gate, and from then on begins there
//! ([design note](../../../../docs/design/0005-scripting.md)).

pub mod busy;
mod call;
mod eval;
pub mod functions;
pub mod library;
mod local;
mod store;

pub use eval::{Source, evaluate, load};
pub use store::{NO_SCRIPT, Script, Scripts, Sha, effective_flags, sha_from_hex, sha_of};

use crate::server::Server;
use flashdb_resp::Args;
use std::sync::Arc;

/// What of a client's state concerns the script that it runs.
#[derive(Default)]
pub struct ScriptState {
    /// The script of the request at hand, looked up by the dispatcher.
    pub prepared: Option<Prepared>,
    /// The script ended because it needs the exclusive gate: it is to run again.
    pub needs_gate: bool,
    /// The error of the running command was counted when a command called by it failed.
    pub error_counted: bool,
    /// Memory was short when the request came.
    pub out_of_memory: bool,
}

/// A request that runs a script, with the script if it is known.
#[derive(Clone)]
pub struct Prepared {
    /// The script's name.
    pub sha: Sha,
    /// The script.
    pub script: Option<Arc<Script>>,
}

/// Looks up the script of EVAL or EVALSHA, or the function of FCALL; `None` for a request that names none.
pub fn prepare(server: &Server, spec: &flashdb_command::CommandSpec, args: &Args<'_>) -> Option<Prepared> {
    let word = args.get(1)?;
    let sha = match Source::of(spec) {
        Source::Text => sha_of(word),
        Source::Sha => sha_from_hex(word)?,
        Source::Function => {
            let script = functions::current(server).function(word)?.clone();
            return Some(Prepared {
                sha: script.sha,
                script: Some(script),
            });
        }
    };
    let scripts = &server.scripts;
    let script = local::find(scripts, &sha).or_else(|| scripts.get(&sha));
    Some(Prepared { sha, script })
}
