//! The command table of the running server, for completion and hints.

use super::execute::{is_harmless, unsupported};
use crate::App;
use crate::caller::Caller;
use axum::Json;
use axum::extract::State;
use flashdb_command::{CommandSpec, help};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

/// All commands.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Commands {
    commands: Vec<CommandView>,
}

/// A command or subcommand.
#[derive(Serialize, JsonSchema)]
pub(crate) struct CommandView {
    /// `get`, `config|get`.
    name: String,
    summary: &'static str,
    since: &'static str,
    group: &'static str,
    complexity: &'static str,
    /// Words of a request; negative: at least.
    arity: i32,
    flags: Vec<&'static str>,
    /// Of access control, without `@`.
    categories: Vec<&'static str>,
    syntax: String,
    /// The caller may run it, on some keys.
    allowed: bool,
    /// Runs in a read-only session.
    read_only: bool,
    /// Why it cannot be run over HTTP.
    unsupported: Option<&'static str>,
}

fn syntax(spec: &CommandSpec) -> String {
    let mut text = spec.full_name().replace('|', " ").to_ascii_uppercase();
    for argument in spec.args {
        text.push(' ');
        help::write_arg(&mut text, argument);
    }
    text
}

/// `GET /commands`. Containers, which cannot be run, are left out.
pub(crate) async fn list(State(app): State<Arc<App>>, caller: Caller) -> Json<Commands> {
    let rows = app
        .engine
        .rows()
        .filter(|spec| spec.subcommands.is_empty() || spec.name == "command");
    let view = |spec: &'static CommandSpec| {
        let name = spec.full_name();
        CommandView {
            summary: spec.summary,
            since: spec.since,
            group: spec.group.name(),
            complexity: spec.complexity,
            arity: spec.arity,
            flags: spec.flags.names().collect(),
            categories: flashdb_server::acl_categories(spec).collect(),
            syntax: syntax(spec),
            allowed: app.engine.allows(&caller.identity, &name),
            read_only: is_harmless(spec),
            unsupported: unsupported(spec, &[]),
            name,
        }
    };
    Json(Commands {
        commands: rows.map(view).collect(),
    })
}
