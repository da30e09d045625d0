//! The description of the API, as OpenAPI 3.1: one row for each operation, with the types that the handlers use.

use super::{
    acl, alerts, bench, bulk, commands, execute, figures, generate, health, hot_keys, items, jobs, key, keys,
    memory, patch, put, server, session, sessions, snapshots, tree,
};
use crate::error::Failure;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use flashdb_base::version::FLASHDB_VERSION;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

type SchemaOf = fn(&mut SchemaGenerator) -> Value;

fn schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().to_value()
}

fn text(_: &mut SchemaGenerator) -> Value {
    json!({"type": "string"})
}

/// What a query may carry: name, type, and what it is.
type Parameter = (&'static str, &'static str, &'static str);

const KEY: Parameter = (
    "key",
    "string",
    "The key, percent-encoded byte by byte; so also `.`, `..` and the empty key, which a path cannot hold.",
);
const DB: Parameter = ("db", "integer", "Database; 0 unless given.");
const LIMIT: Parameter = (
    "limit",
    "integer",
    "Elements of a page, at most 1000; 100 unless given.",
);
const CURSOR: Parameter = ("cursor", "string", "Where the page before ended.");
const PREFIX: Parameter = (
    "p",
    "string",
    "What the keys begin with, up to a separator; percent-encoded byte by byte. All keys unless given.",
);
const KEEP: Parameter = (
    "keep",
    "integer",
    "Answers with what RESTORE needs, of at most so many bytes; a larger key is not removed. At most 1 MiB.",
);
const MATCH: Parameter = ("match", "string", "A glob.");

/// An operation.
struct Operation {
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    query: &'static [Parameter],
    body: Option<SchemaOf>,
    /// Status and body of success.
    answers: &'static [(u16, Option<SchemaOf>)],
    needs_login: bool,
}

const GET: Operation = Operation {
    method: "get",
    path: "",
    summary: "",
    query: &[],
    body: None,
    answers: &[],
    needs_login: true,
};
const POST: Operation = Operation {
    method: "post",
    ..GET
};
const PUT: Operation = Operation { method: "put", ..GET };
const PATCH: Operation = Operation {
    method: "patch",
    ..GET
};
const DELETE: Operation = Operation {
    method: "delete",
    ..GET
};

static OPERATIONS: &[Operation] = &[
    Operation {
        path: "/api/v1/session",
        summary: "Who is logged in; 200 also for nobody.",
        answers: &[(200, Some(schema::<session::SessionView>))],
        needs_login: false,
        ..GET
    },
    Operation {
        path: "/api/v1/session",
        summary: "Logs in and sets the cookie.",
        body: Some(schema::<session::Login>),
        answers: &[(200, Some(schema::<session::SessionView>))],
        needs_login: false,
        ..POST
    },
    Operation {
        path: "/api/v1/session",
        summary: "Logs out.",
        answers: &[(204, None)],
        ..DELETE
    },
    Operation {
        path: "/api/v1/session/unlock",
        summary: "Lets the session write for 15 minutes.",
        body: Some(schema::<session::Unlock>),
        answers: &[(200, Some(schema::<session::SessionView>))],
        ..POST
    },
    Operation {
        path: "/api/v1/session/unlock",
        summary: "Makes the session read-only again.",
        answers: &[(200, Some(schema::<session::SessionView>))],
        ..DELETE
    },
    Operation {
        path: "/api/v1/sessions",
        summary: "Sessions of the dashboard: the own ones, or all.",
        answers: &[(200, Some(schema::<sessions::SessionList>))],
        ..GET
    },
    Operation {
        path: "/api/v1/sessions/{id}",
        summary: "Ends a session by its handle.",
        answers: &[(204, None)],
        ..DELETE
    },
    Operation {
        path: "/api/v1/acl/users",
        summary: "Users and their rules, without passwords.",
        answers: &[(200, Some(schema::<acl::Users>))],
        ..GET
    },
    Operation {
        path: "/api/v1/acl/users/{name}",
        summary: "A user.",
        answers: &[(200, Some(schema::<acl::UserView>))],
        ..GET
    },
    Operation {
        path: "/api/v1/acl/users/{name}",
        summary: "Makes or changes a user, all of it or nothing.",
        body: Some(schema::<acl::GivenUser>),
        answers: &[(200, Some(schema::<acl::Stored>))],
        ..PUT
    },
    Operation {
        path: "/api/v1/acl/users/{name}",
        summary: "Removes a user and ends its connections and sessions.",
        answers: &[(200, Some(schema::<acl::RemovedUser>))],
        ..DELETE
    },
    Operation {
        path: "/api/v1/acl/dryrun",
        summary: "Whether a user may run a command.",
        body: Some(schema::<acl::Trial>),
        answers: &[(200, Some(schema::<acl::Tried>))],
        ..POST
    },
    Operation {
        path: "/api/v1/acl/save",
        summary: "Writes users into the aclfile, or else into the configuration file.",
        body: Some(schema::<acl::Save>),
        answers: &[(200, Some(schema::<acl::Saved>))],
        ..POST
    },
    Operation {
        path: "/api/v1/stats",
        summary: "The newest figures (API-02).",
        answers: &[(200, Some(schema::<figures::Stats>))],
        ..GET
    },
    Operation {
        path: "/api/v1/history",
        summary: "The figures of the last hour, second by second.",
        query: &[
            ("since", "integer", "Unix time in ms; points after it."),
            ("limit", "integer", "The newest so many points, at most 3600."),
        ],
        answers: &[(200, Some(schema::<figures::History>))],
        ..GET
    },
    Operation {
        path: "/api/v1/hotkeys",
        summary: "The keys that are used most (HOT-01).",
        query: &[("limit", "integer", "Keys, at most 256; 20 unless given.")],
        answers: &[(200, Some(schema::<hot_keys::HotKeys>))],
        ..GET
    },
    Operation {
        path: "/api/v1/alerts",
        summary: "Alerts that fire or fired, newest first, and their rules (HOT-02).",
        answers: &[(200, Some(schema::<alerts::AlertsView>))],
        ..GET
    },
    Operation {
        path: "/api/v1/alerts/{id}",
        summary: "Changes the threshold of a rule; 0 switches it off.",
        body: Some(schema::<alerts::Change>),
        answers: &[(200, Some(schema::<alerts::RuleView>))],
        ..PUT
    },
    Operation {
        path: "/api/v1/keys",
        summary: "Keys, page by page (API-03).",
        query: &[
            DB,
            MATCH,
            ("type", "string", "Only keys of this type."),
            LIMIT,
            CURSOR,
        ],
        answers: &[(200, Some(schema::<keys::Keys>))],
        ..GET
    },
    Operation {
        path: "/api/v1/tree",
        summary: "Keys and bytes of a prefix, and the prefixes below it.",
        query: &[
            DB,
            PREFIX,
            (
                "sort",
                "string",
                "`bytes`, `count` or `name`; `bytes` unless given.",
            ),
            LIMIT,
            CURSOR,
            (
                "wait",
                "integer",
                "Time to wait for exact counts, ms; at most 5000.",
            ),
        ],
        answers: &[(200, Some(schema::<tree::Tree>))],
        ..GET
    },
    Operation {
        path: "/api/v1/tree/keys",
        summary: "Keys of a prefix that have none of the prefixes below it.",
        query: &[DB, PREFIX, LIMIT, CURSOR],
        answers: &[(200, Some(schema::<tree::LooseKeys>))],
        ..GET
    },
    Operation {
        path: "/api/v1/key/{key}",
        summary: "A key with the first page of its value (API-04).",
        query: &[DB, LIMIT],
        answers: &[(200, Some(schema::<key::Key>))],
        ..GET
    },
    Operation {
        path: "/api/v1/key/{key}",
        summary: "Writes a whole value, as one transaction (API-05).",
        query: &[DB],
        body: Some(schema::<put::Given>),
        answers: &[(200, Some(schema::<put::Written>))],
        ..PUT
    },
    Operation {
        path: "/api/v1/key/{key}",
        summary: "Edits what is in a key, as one transaction: all edits, or none where something changed meanwhile.",
        query: &[DB],
        body: Some(schema::<patch::Given>),
        answers: &[(200, Some(schema::<patch::Edited>))],
        ..PATCH
    },
    Operation {
        path: "/api/v1/key/{key}",
        summary: "Removes a key (API-06).",
        query: &[DB, KEEP],
        answers: &[(200, Some(schema::<key::Removed>))],
        ..DELETE
    },
    Operation {
        path: "/api/v1/key/{key}/items",
        summary: "What is in a key, page by page.",
        query: &[DB, MATCH, LIMIT, CURSOR],
        answers: &[(200, Some(schema::<items::Page>))],
        ..GET
    },
    Operation {
        path: "/api/v1/key/",
        summary: "A key of any name with the first page of its value.",
        query: &[KEY, DB, LIMIT],
        answers: &[(200, Some(schema::<key::Key>))],
        ..GET
    },
    Operation {
        path: "/api/v1/key/",
        summary: "Writes a whole value, as one transaction.",
        query: &[KEY, DB],
        body: Some(schema::<put::Given>),
        answers: &[(200, Some(schema::<put::Written>))],
        ..PUT
    },
    Operation {
        path: "/api/v1/key/",
        summary: "Edits what is in a key of any name, as one transaction.",
        query: &[KEY, DB],
        body: Some(schema::<patch::Given>),
        answers: &[(200, Some(schema::<patch::Edited>))],
        ..PATCH
    },
    Operation {
        path: "/api/v1/key/",
        summary: "Removes a key of any name.",
        query: &[KEY, DB, KEEP],
        answers: &[(200, Some(schema::<key::Removed>))],
        ..DELETE
    },
    Operation {
        path: "/api/v1/bulk",
        summary: "Looks at keys, removes them, or changes their expiry; each has an outcome of its own.",
        query: &[DB],
        body: Some(schema::<bulk::Given>),
        answers: &[(200, Some(schema::<bulk::Bulk>))],
        ..POST
    },
    Operation {
        path: "/api/v1/items",
        summary: "What is in a key of any name, page by page.",
        query: &[KEY, DB, MATCH, LIMIT, CURSOR],
        answers: &[(200, Some(schema::<items::Page>))],
        ..GET
    },
    Operation {
        path: "/api/v1/execute",
        summary: "Runs a command (API-07).",
        body: Some(schema::<execute::Given>),
        answers: &[(200, Some(schema::<execute::Executed>))],
        ..POST
    },
    Operation {
        path: "/api/v1/commands",
        summary: "The command table.",
        answers: &[(200, Some(schema::<commands::Commands>))],
        ..GET
    },
    Operation {
        path: "/api/v1/clients",
        summary: "Connected clients (API-11).",
        answers: &[(200, Some(schema::<server::Clients>))],
        ..GET
    },
    Operation {
        path: "/api/v1/clients/{id}",
        summary: "Drops a client.",
        answers: &[(200, Some(schema::<server::Killed>))],
        ..DELETE
    },
    Operation {
        path: "/api/v1/slowlog",
        summary: "Slow commands (API-12).",
        query: &[("limit", "integer", "Entries, at most 1000; 128 unless given.")],
        answers: &[(200, Some(schema::<server::SlowLog>))],
        ..GET
    },
    Operation {
        path: "/api/v1/slowlog",
        summary: "Empties the slow log.",
        answers: &[(200, Some(schema::<server::Reset>))],
        ..DELETE
    },
    Operation {
        path: "/api/v1/config",
        summary: "All settings (API-14a).",
        answers: &[(200, Some(schema::<server::Config>))],
        ..GET
    },
    Operation {
        path: "/api/v1/config",
        summary: "Changes settings, all or none (API-14b).",
        body: Some(schema::<server::Changes>),
        answers: &[(200, Some(schema::<server::Changed>))],
        ..PUT
    },
    Operation {
        path: "/api/v1/snapshots",
        summary: "Snapshots, newest first, and how data is kept (API-16).",
        answers: &[(200, Some(schema::<snapshots::Snapshots>))],
        ..GET
    },
    Operation {
        path: "/api/v1/snapshot",
        summary: "Takes a snapshot (API-15).",
        body: Some(schema::<snapshots::NewSnapshot>),
        answers: &[
            (201, Some(schema::<snapshots::Taken>)),
            (202, Some(schema::<snapshots::Taken>)),
        ],
        ..POST
    },
    Operation {
        path: "/api/v1/snapshots/{id}",
        summary: "Removes a snapshot on which nothing builds.",
        answers: &[(200, Some(schema::<snapshots::Deleted>))],
        ..DELETE
    },
    Operation {
        path: "/api/v1/snapshots/{id}/restore",
        summary: "What a restore would do and lose.",
        answers: &[(200, Some(schema::<snapshots::Preview>))],
        ..GET
    },
    Operation {
        path: "/api/v1/snapshots/{id}/restore",
        summary: "Replaces all data by that of the snapshot.",
        body: Some(schema::<snapshots::GoBack>),
        answers: &[
            (200, Some(schema::<snapshots::Restore>)),
            (202, Some(schema::<snapshots::Restore>)),
        ],
        ..POST
    },
    Operation {
        path: "/api/v1/bench",
        summary: "Starts a benchmark of this server (UI-60).",
        body: Some(schema::<bench::BenchWish>),
        answers: &[(202, Some(schema::<jobs::Started>))],
        ..POST
    },
    Operation {
        path: "/api/v1/generate",
        summary: "Starts making up data under a prefix.",
        body: Some(schema::<generate::GenerateWish>),
        answers: &[(202, Some(schema::<jobs::Started>))],
        ..POST
    },
    Operation {
        path: "/api/v1/jobs",
        summary: "Benchmarks and generated data, newest first.",
        query: &[("kind", "string", "`bench` or `generate`.")],
        answers: &[(200, Some(schema::<jobs::JobList>))],
        ..GET
    },
    Operation {
        path: "/api/v1/jobs/{id}",
        summary: "A job with its result.",
        answers: &[(200, Some(schema::<crate::jobs::JobView>))],
        ..GET
    },
    Operation {
        path: "/api/v1/jobs/{id}",
        summary: "Ends a job that runs, forgets one that has ended.",
        answers: &[(200, Some(schema::<crate::jobs::JobView>))],
        ..DELETE
    },
    Operation {
        path: "/api/v1/memory",
        summary: "Resident memory in parts that add up to it.",
        answers: &[(200, Some(schema::<memory::Memory>))],
        ..GET
    },
    Operation {
        path: "/api/v1/metrics",
        summary: "Prometheus text (API-13); also at /metrics.",
        answers: &[(200, Some(text))],
        ..GET
    },
    Operation {
        path: "/metrics",
        summary: "Prometheus text.",
        answers: &[(200, Some(text))],
        ..GET
    },
    Operation {
        path: "/api/v1/openapi.json",
        summary: "This description.",
        answers: &[(200, None)],
        needs_login: false,
        ..GET
    },
    Operation {
        path: "/api/v1/healthz",
        summary: "Whether the process answers (API-08).",
        answers: &[(200, Some(schema::<health::Status>))],
        needs_login: false,
        ..GET
    },
    Operation {
        path: "/api/v1/readyz",
        summary: "Whether it serves (API-09).",
        answers: &[
            (200, Some(schema::<health::Status>)),
            (503, Some(schema::<health::Status>)),
        ],
        needs_login: false,
        ..GET
    },
    Operation {
        path: "/health",
        summary: "How it is (OBS-41).",
        answers: &[
            (200, Some(schema::<health::Health>)),
            (503, Some(schema::<health::Health>)),
        ],
        needs_login: false,
        ..GET
    },
    Operation {
        path: "/ready",
        summary: "Whether it serves (OBS-42).",
        answers: &[
            (200, Some(schema::<health::Status>)),
            (503, Some(schema::<health::Status>)),
        ],
        needs_login: false,
        ..GET
    },
    Operation {
        path: "/live",
        summary: "Whether the process answers (OBS-43).",
        answers: &[(200, Some(schema::<health::Status>))],
        needs_login: false,
        ..GET
    },
];

/// The document.
pub fn document() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let failure = schema::<Failure>(&mut generator);
    let mut paths: Map<String, Value> = Map::new();
    for operation in OPERATIONS {
        let described = describe(operation, &failure, &mut generator);
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method] = described;
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "FlashDB",
            "version": FLASHDB_VERSION,
            "description": "Health needs no login. All else takes a session's cookie (with X-FlashDB-CSRF on what is not \
                GET) or Basic auth; a server without a password answers programs on its own machine.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}
        },
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic"},
                "session": {"type": "apiKey", "in": "cookie", "name": "flashdb_session_8080"}
            }
        }
    })
}

fn describe(operation: &Operation, failure: &Value, generator: &mut SchemaGenerator) -> Value {
    let mut answers = Map::new();
    for (status, schema_of) in operation.answers {
        let kind = if operation.path.ends_with("/metrics") {
            "text/plain"
        } else {
            "application/json"
        };
        let answer = match schema_of {
            Some(schema_of) => {
                json!({"description": "Done.", "content": {kind: {"schema": schema_of(generator)}}})
            }
            None if *status == 204 => json!({"description": "Done."}),
            None => json!({"description": "Done.", "content": {kind: {"schema": {"type": "object"}}}}),
        };
        answers.insert(status.to_string(), answer);
    }
    let failed =
        json!({"description": "Refused or failed.", "content": {"application/json": {"schema": failure}}});
    for range in ["4XX", "5XX"] {
        answers.insert(range.into(), failed.clone());
    }
    let mut parameters: Vec<Value> = operation
        .query
        .iter()
        .map(|(name, kind, what)| {
            let mut schema = json!({"type": kind});
            if *kind == "integer" {
                schema["minimum"] = u64::from(*name == "limit").into();
            }
            json!({"name": name, "in": "query", "description": what, "schema": schema})
        })
        .collect();
    for name in ["key", "id", "name"] {
        if operation.path.contains(&format!("{{{name}}}")) {
            let schema = json!({"type": "string", "minLength": 1});
            parameters.push(json!({"name": name, "in": "path", "required": true, "schema": schema}));
        }
    }
    let mut described = json!({
        "operationId": operation_id(operation),
        "summary": operation.summary,
        "responses": answers,
    });
    if !parameters.is_empty() {
        described["parameters"] = parameters.into();
    }
    if let Some(schema_of) = operation.body {
        let body =
            json!({"required": true, "content": {"application/json": {"schema": schema_of(generator)}}});
        described["requestBody"] = body;
    }
    if operation.needs_login {
        described["security"] = json!([{"basic": []}, {"session": []}]);
    }
    described
}

fn operation_id(operation: &Operation) -> String {
    let path = operation.path.trim_start_matches("/api/v1");
    let words: Vec<&str> = path
        .split(['/', '{', '}', '.'])
        .filter(|word| !word.is_empty())
        .collect();
    let place = if operation.path.starts_with("/api/v1") {
        ""
    } else {
        "root_"
    };
    format!("{}_{place}{}", operation.method, words.join("_"))
}

/// The document as it is committed.
pub(crate) fn text_of_document() -> String {
    let mut text = serde_json::to_string_pretty(&document()).unwrap_or_default();
    text.push('\n');
    text
}

static TEXT: LazyLock<String> = LazyLock::new(text_of_document);

/// `GET /openapi.json`.
pub(crate) async fn show() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], TEXT.as_str()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// `FLASHDB_WRITE_OPENAPI=1 cargo test -p flashdb-http openapi` writes it anew.
    #[test]
    fn the_committed_document_is_the_one_that_is_served() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/api/openapi.json");
        if std::env::var_os("FLASHDB_WRITE_OPENAPI").is_some() {
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("docs/api");
            std::fs::write(&path, text_of_document()).expect("docs/api/openapi.json");
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == text_of_document(), "docs/api/openapi.json is stale");
    }

    #[test]
    fn every_operation_has_a_name_of_its_own() {
        let mut names: Vec<String> = OPERATIONS.iter().map(operation_id).collect();
        names.sort();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
