//! Any command, as a person types it or a program builds it. What waits, subscribes or is about a connection is refused,
//! since a request has a connection of its own that ends with it; so is what a read-only session may not run.

use crate::App;
use crate::ask::Conversation;
use crate::caller::Caller;
use crate::console::{SecretIsMissing, is_about_form, line_to_keep, without_arguments};
use crate::error::ApiError;
use crate::json::{Database, GivenBytes, JsonBody, Reply};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use flashdb_base::split_args::split_args;
use flashdb_command::{CommandSpec, Flags};
use flashdb_resp::reply::Value;
use flashdb_server::engine::Identity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use std::time::Instant;

/// A command: `args`, or a `line` quoted as in redis-cli.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = one_of_args_and_line()))]
pub(crate) struct Given {
    #[serde(default)]
    db: Database,
    args: Option<Vec<GivenBytes>>,
    #[schemars(regex(pattern = LINE_PATTERN))]
    line: Option<String>,
    /// Keeps it in the user's history of the console.
    #[serde(default)]
    remember: bool,
}

/// What [`words_of`] takes for a line with at least one word: quotes in pairs, a blank or the end behind the second, no NUL.
/// Vertical tab and form feed are blanks before a word and behind a quote, but not inside a word.
pub(super) const LINE_PATTERN: &str = concat!(
    r"^[ \t\n\r\v\f]*(?:(?:",
    r#"[^ \t\n\r\v\f"'\x00][^ \t\n\r"'\x00]*(?:[ \t\n\r]|$)"#,
    r#"|(?:[^ \t\n\r\v\f"'\x00][^ \t\n\r"'\x00]*)?"#,
    r#"(?:"(?:[^"\\\x00]|\\[^\x00])*"|'(?:[^'\\\x00]|\\+[^\\\x00])*')"#,
    r"(?:[ \t\n\r\v\f]|$))[ \t\n\r\v\f]*)+$",
);

/// That a command is given in one of two ways.
pub(super) fn one_of_args_and_line() -> serde_json::Value {
    json!([
        {"required": ["args"], "properties": {"args": {"type": "array", "minItems": 1}, "line": {"type": "null"}}},
        {"required": ["line"], "properties": {"line": {"type": "string"}, "args": {"type": "null"}}}
    ])
}

/// What it answered.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Executed {
    /// Name of the command: `get`, `config|get`.
    command: String,
    reply: Reply,
    /// From sending it to the whole reply.
    duration_us: u64,
}

/// Commands without the flag `readonly` that a read-only session may run: they look at the server and change nothing.
const HARMLESS: &[&str] = &[
    "acl|cat",
    "acl|dryrun",
    "acl|getuser",
    "acl|help",
    "acl|list",
    "acl|log",
    "acl|users",
    "acl|whoami",
    "client|getname",
    "client|help",
    "client|id",
    "client|info",
    "client|list",
    "client|trackinginfo",
    "cluster|help",
    "cluster|info",
    "cluster|keyslot",
    "cluster|myid",
    "cluster|nodes",
    "cluster|shards",
    "cluster|slots",
    "command",
    "command|count",
    "command|docs",
    "command|getkeys",
    "command|getkeysandflags",
    "command|help",
    "command|info",
    "command|list",
    "config|get",
    "config|help",
    "echo",
    "function|dump",
    "function|help",
    "function|list",
    "function|stats",
    "hotkeys.list",
    "info",
    "lastsave",
    "latency|doctor",
    "latency|graph",
    "latency|help",
    "latency|histogram",
    "latency|history",
    "latency|latest",
    "lolwut",
    "memory|doctor",
    "memory|help",
    "memory|malloc-stats",
    "memory|stats",
    "memory|usage",
    "module|help",
    "module|list",
    "monitor",
    "object|help",
    "ping",
    "psubscribe",
    "pubsub|channels",
    "pubsub|help",
    "pubsub|numpat",
    "pubsub|numsub",
    "pubsub|shardchannels",
    "pubsub|shardnumsub",
    "role",
    "script|exists",
    "script|help",
    "slowlog|get",
    "slowlog|help",
    "slowlog|len",
    "snapshot.info",
    "snapshot.list",
    "ssubscribe",
    "subscribe",
    "time",
    "wait",
    "waitaof",
    "xinfo|help",
    "xgroup|help",
];

/// Commands that go on telling, which a request cannot: `runs/` runs them, and those that wait.
const SUBSCRIBING: &[&str] = &["monitor", "psubscribe", "ssubscribe", "subscribe"];

/// Commands whose effect is on the connection.
const OF_CONNECTION: &[&str] = &[
    "asking",
    "auth",
    "client|caching",
    "client|no-evict",
    "client|no-touch",
    "client|reply",
    "client|setinfo",
    "client|setname",
    "client|tracking",
    "discard",
    "exec",
    "hello",
    "multi",
    "psync",
    "punsubscribe",
    "quit",
    "readonly",
    "readwrite",
    "replconf",
    "reset",
    "select",
    "sunsubscribe",
    "sync",
    "unsubscribe",
    "unwatch",
    "watch",
];

/// Why a command is not for HTTP; `None` if it is.
pub(crate) fn unsupported(spec: &CommandSpec, words: &[Vec<u8>]) -> Option<&'static str> {
    let name = spec.full_name();
    if SUBSCRIBING.contains(&name.as_str()) {
        return Some("subscribe");
    }
    if OF_CONNECTION.contains(&name.as_str()) {
        return Some("connection-state");
    }
    let blocks = match name.as_str() {
        // They wait only when told to; without words the question is whether they ever run.
        "xread" | "xreadgroup" => is_told_to_wait(words),
        "wait" | "waitaof" => true,
        _ => spec.flags.has(Flags::BLOCKING),
    };
    blocks.then_some("blocking")
}

/// Whether BLOCK is among the options of a read of streams; behind GROUP there are two names, which may be any words.
fn is_told_to_wait(words: &[Vec<u8>]) -> bool {
    let mut words = words.iter().skip(1);
    while let Some(word) = words.next() {
        if word.eq_ignore_ascii_case(b"streams") {
            return false;
        }
        if word.eq_ignore_ascii_case(b"block") {
            return true;
        }
        if word.eq_ignore_ascii_case(b"group") {
            words.nth(1);
        }
    }
    false
}

/// Whether a read-only session may run it. Scripts that only read are not among it: what they call may change the server
/// (SLOWLOG RESET, MEMORY PURGE), since the engine keeps such scripts from writing keys and from nothing else.
pub(crate) fn is_harmless(spec: &CommandSpec) -> bool {
    let changes = spec.flags.has(Flags::WRITE) || spec.flags.has(Flags::RUNS_SCRIPT);
    let reads = spec.flags.has(Flags::READONLY) && !changes;
    reads || HARMLESS.contains(&spec.full_name().as_str())
}

/// A command that is given as its words or as a line, one of the two.
pub(crate) fn words_of(
    args: Option<Vec<GivenBytes>>,
    line: Option<String>,
) -> Result<Vec<Vec<u8>>, ApiError> {
    let words = match (args, line) {
        (Some(args), None) => args
            .into_iter()
            .map(GivenBytes::into_vec)
            .collect::<Result<Vec<_>, _>>()?,
        (None, Some(line)) if line.contains('\0') => {
            return Err(ApiError::bad_request("line: there is a NUL in it; give args"));
        }
        (None, Some(line)) => {
            split_args(line.as_bytes()).map_err(|error| ApiError::bad_request(format!("line: {error}")))?
        }
        _ => return Err(ApiError::bad_request("give either args or line")),
    };
    if words.is_empty() {
        return Err(ApiError::bad_request("there is no command"));
    }
    Ok(words)
}

/// A line on its way into the history: there when this is dropped, also where the request is given up meanwhile, since what
/// fails is what one wants back.
pub(crate) struct ToRemember {
    app: Arc<App>,
    identity: Identity,
    db: u64,
    line: String,
    /// The line for words that turn out not to fit the command's form.
    bare: String,
}

impl ToRemember {
    /// Takes note of a reply: of words that the server took for malformed nothing is kept.
    pub fn note(&mut self, reply: &Value) {
        if matches!(reply, Value::Error(error) if is_about_form(error)) {
            self.line = std::mem::take(&mut self.bare);
        }
    }
}

impl Drop for ToRemember {
    fn drop(&mut self) {
        let line = std::mem::take(&mut self.line);
        self.app.console.add(&self.identity, self.db, line);
    }
}

/// What is to be kept of the words; `None` if nothing is.
pub(crate) fn to_remember(
    app: &Arc<App>,
    caller: &Caller,
    db: u64,
    words: &[Vec<u8>],
    typed: Option<&str>,
) -> Result<Option<ToRemember>, ApiError> {
    let row_of = |words: &[Vec<u8>]| app.engine.row_of(words);
    let line = line_to_keep(&row_of, words, typed).map_err(|SecretIsMissing| {
        ApiError::bad_request("the history holds no secrets: put yours in the place of (redacted)")
    })?;
    let is_on = app.engine.config().settings().console_history;
    Ok(line
        .filter(|_| is_on)
        .zip(app.engine.row_of(words))
        .map(|(line, row)| ToRemember {
            app: app.clone(),
            identity: caller.identity.clone(),
            db,
            line,
            bare: without_arguments(row, words),
        }))
}

/// `POST /execute`.
pub(crate) async fn run(
    State(app): State<Arc<App>>,
    caller: Caller,
    JsonBody(given): JsonBody<Given>,
) -> Result<Json<Executed>, ApiError> {
    let Database(db) = given.db;
    let words = words_of(given.args, given.line.clone())?;
    let row = app.engine.row_of(&words);
    if db >= app.engine.databases_count() as u64 {
        return Err(ApiError::bad_request("there is no such database"));
    }
    let mut kept = match given.remember {
        true => to_remember(&app, &caller, db, &words, given.line.as_deref())?,
        false => None,
    };
    if let Some(row) = row {
        let name = row.full_name();
        if let Some(reason) = unsupported(row, &words) {
            return Err(ApiError::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "UNSUPPORTED_COMMAND",
                match reason {
                    "connection-state" => {
                        format!("{name} is about a connection, and each request has one of its own")
                    }
                    _ => {
                        format!("{name} listens or waits, which goes over the WebSocket /api/v1/console/run")
                    }
                },
            )
            .with(json!({"command": name, "reason": reason})));
        }
        if caller.is_read_only() && !is_harmless(row) {
            caller
                .may_write()
                .map_err(|refusal| refusal.with(json!({"command": name})))?;
        }
    }
    let mut conversation = Conversation::of(&app, &caller, db).await?;
    let began = Instant::now();
    let reply = conversation.ask_raw(&words).await?;
    if let Some(kept) = &mut kept {
        kept.note(&reply);
    }
    Ok(Json(Executed {
        command: row.map(CommandSpec::full_name).unwrap_or_default(),
        reply: reply.into(),
        duration_us: began.elapsed().as_micros() as u64,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn specs() -> Vec<&'static CommandSpec> {
        let registry = flashdb_server::command_registry();
        registry.all().iter().map(|command| command.spec).collect()
    }

    #[test]
    fn the_lists_name_commands_that_exist_and_do_not_write() {
        let specs = specs();
        for name in HARMLESS.iter().chain(SUBSCRIBING).chain(OF_CONNECTION) {
            assert!(specs.iter().any(|spec| spec.full_name() == *name), "{name}");
        }
        for spec in specs {
            assert!(
                !(is_harmless(spec) && spec.flags.has(Flags::WRITE)),
                "{}",
                spec.full_name()
            );
            let runs_script = ["eval", "evalsha", "fcall"]
                .iter()
                .any(|name| spec.full_name().trim_end_matches("_ro") == *name);
            assert!(!(is_harmless(spec) && runs_script), "{}", spec.full_name());
        }
    }

    #[test]
    fn what_waits_is_told_apart_from_what_may() {
        let specs = specs();
        let reason = |line: &str| {
            let words = split_args(line.as_bytes()).expect("words");
            let name = String::from_utf8_lossy(&words[0]).to_lowercase();
            let spec = specs
                .iter()
                .find(|spec| spec.full_name() == name)
                .expect("a command");
            unsupported(spec, &words)
        };
        assert_eq!(reason("BLPOP a 0"), Some("blocking"));
        assert_eq!(reason("XREAD COUNT 1 BLOCK 0 STREAMS s 0"), Some("blocking"));
        assert_eq!(reason("XREAD COUNT 1 STREAMS block 0"), None);
        for group in ["streams", "block", "group", "g"] {
            for consumer in ["streams", "block", "group", "c"] {
                let waits = format!("XREADGROUP GROUP {group} {consumer} BLOCK 0 STREAMS s >");
                assert_eq!(reason(&waits), Some("blocking"), "{waits}");
                let waits = format!("XREADGROUP COUNT 1 block 0 group {group} {consumer} STREAMS s >");
                assert_eq!(reason(&waits), Some("blocking"), "{waits}");
                let only_looks = format!("XREADGROUP GROUP {group} {consumer} COUNT 1 STREAMS block >");
                assert_eq!(reason(&only_looks), None, "{only_looks}");
            }
        }
        assert_eq!(reason("MONITOR"), Some("subscribe"));
        assert_eq!(reason("MULTI"), Some("connection-state"));
        assert_eq!(reason("GET a"), None);
        assert_eq!(reason("PUBLISH a b"), None);
    }
}
