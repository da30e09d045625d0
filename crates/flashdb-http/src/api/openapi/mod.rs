//! The description of the API, as OpenAPI 3.1, as true and tight as it can be: what it allows is not refused for its form.
//! It is made for the server that shows it: its databases, its cookie, and whether it asks for a login.

mod operations;
mod parameters;

use crate::App;
use crate::error::Failure;
use crate::json::Database;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use flashdb_base::version::FLASHDB_VERSION;
use operations::{OPERATIONS, Operation, Who};
use parameters::Parameter;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};
use std::sync::{Arc, OnceLock};

/// What the document says of a server.
pub(crate) struct Facts<'a> {
    pub databases: usize,
    /// Whether anybody is the default user.
    pub open: bool,
    pub cookie: &'a str,
}

/// A server nobody has changed a setting of.
const BY_DEFAULT: Facts = Facts {
    databases: 16,
    open: true,
    cookie: "flashdb_session_8080",
};

/// The document of an open server and of another one, as they are asked for.
#[derive(Default)]
pub(crate) struct Documents {
    open: OnceLock<String>,
    closed: OnceLock<String>,
}

/// The document of a server that has its defaults.
pub fn document() -> Value {
    document_of(&BY_DEFAULT)
}

fn document_of(facts: &Facts) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
        settings.transforms.push(Box::new(RecursiveTransform(bound)));
    });
    let mut generator = settings.into_generator();
    let failure = generator.subschema_for::<Failure>().to_value();
    let mut paths: Map<String, Value> = Map::new();
    for operation in OPERATIONS {
        let described = describe(operation, &failure, facts, &mut generator);
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method] = described;
    }
    let mut schemas = generator.take_definitions(true);
    if let Some(database) = schemas.get_mut(Database::SCHEMA) {
        database["maximum"] = facts.databases.saturating_sub(1).into();
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "FlashDB",
            "version": FLASHDB_VERSION,
            "description": "Health needs no login. All else takes a session's cookie (with X-FlashDB-CSRF on what is not \
                GET) or Basic auth; a server without a password answers programs on its own machine. What is well formed \
                and not possible as things are is a conflict (409).",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic"},
                "session": {"type": "apiKey", "in": "cookie", "name": facts.cookie}
            }
        }
    })
}

/// Says the range of an integer that has a width: readers of the document need not know the width.
fn bound(schema: &mut Schema) {
    let range: Option<(Value, Value)> = match schema.get("format").and_then(Value::as_str) {
        Some("uint8") => Some((0.into(), u8::MAX.into())),
        Some("uint16") => Some((0.into(), u16::MAX.into())),
        Some("uint32") => Some((0.into(), u32::MAX.into())),
        Some("uint" | "uint64") => Some((0.into(), u64::MAX.into())),
        Some("int32") => Some((i32::MIN.into(), i32::MAX.into())),
        Some("int" | "int64") => Some((i64::MIN.into(), i64::MAX.into())),
        _ => None,
    };
    let Some((least, most)) = range else { return };
    if let Some(fields) = schema.as_object_mut() {
        fields.entry("minimum").or_insert(least);
        fields.entry("maximum").or_insert(most);
    }
}

/// What a refusal of a status means.
const REFUSALS: &[(u16, &str)] = &[
    (
        400,
        "The query, the path or the body is not what is described here, or the engine refuses it (`BAD_REQUEST`, `BAD_JSON`, `COMMAND_FAILED`).",
    ),
    (
        401,
        "Nobody, or nobody who may: no session, one that has ended, or wrong credentials.",
    ),
    (
        403,
        "The user lacks a right (`NOPERM`), the session is read-only, or a page of another site asks.",
    ),
    (404, "There is no such thing."),
    (408, "The body did not come in time."),
    (
        409,
        "Well formed, and not possible as things are (`CONFLICT`, `KEY_EXISTS`, `COMMAND_FAILED`, `REPLY_TOO_LARGE`).",
    ),
    (
        413,
        "The body, or what would have to be compared with it, is too large.",
    ),
    (
        415,
        "The body is not `application/json`, or of a file not `application/octet-stream`.",
    ),
    (421, "The server does not go by this name."),
    (
        422,
        "It cannot be run over HTTP, or its reply would be too large.",
    ),
    (
        429,
        "Too many logins have failed, or too many sessions are in use; `Retry-After` says for how long.",
    ),
    (503, "The server loads, ends, is too busy, or its disk fails."),
    (504, "The command took too long."),
    (507, "There is no room for the file (`NO_SPACE`)."),
];

/// The refusals of an operation.
fn refusals(operation: &Operation) -> Vec<u16> {
    let mut all = operation.refusals.to_vec();
    all.push(421);
    if operation.who != Who::Anybody {
        all.extend([401, 403, 429, 503, 504]);
    } else if operation.method != "get" {
        all.extend([403, 503, 504]);
    }
    if !operation.query.is_empty() || operation.body.is_some() || operation.path.contains('{') {
        all.push(400);
    }
    if operation.body.is_some() {
        all.extend([408, 413, 415]);
    }
    all
}

fn describe(operation: &Operation, failure: &Value, facts: &Facts, generator: &mut SchemaGenerator) -> Value {
    let mut answers = Map::new();
    let failed =
        |what: &str| json!({"description": what, "content": {"application/json": {"schema": failure}}});
    let refused = refusals(operation);
    for (status, what) in REFUSALS.iter().filter(|(status, _)| refused.contains(status)) {
        answers.insert(status.to_string(), failed(what));
    }
    for range in ["4XX", "5XX"] {
        answers.insert(range.into(), failed("Refused or failed."));
    }
    for (status, schema_of) in operation.answers {
        let content = |schema: Value| {
            let each = operation
                .answer_kinds
                .iter()
                .map(|kind| ((*kind).to_owned(), json!({"schema": schema})));
            json!({"description": "Done.", "content": Map::from_iter(each)})
        };
        let answer = match schema_of {
            Some(schema_of) => content(schema_of(generator)),
            None if *status == 204 => json!({"description": "Done."}),
            None => content(json!({"type": "object"})),
        };
        answers.insert(status.to_string(), answer);
    }
    let mut described = json!({
        "operationId": operation_id(operation),
        "summary": operation.summary,
        "responses": answers,
    });
    let parameters = parameters_of(operation);
    if !parameters.is_empty() {
        described["parameters"] = parameters.into();
    }
    if let Some(schema_of) = operation.body {
        let kind = operation.body_kind;
        let body = json!({"required": true, "content": {kind: {"schema": schema_of(generator)}}});
        described["requestBody"] = body;
    }
    match operation.who {
        Who::Anybody => {}
        Who::User if facts.open => described["security"] = json!([{}, {"basic": []}, {"session": []}]),
        Who::User => described["security"] = json!([{"basic": []}, {"session": []}]),
        Who::Session => described["security"] = json!([{"session": []}]),
    }
    described
}

fn parameters_of(operation: &Operation) -> Vec<Value> {
    let shown = |place: &str, name: &str, parameter: &Parameter| {
        let mut shown =
            json!({"name": name, "in": place, "description": parameter.what, "schema": (parameter.schema)()});
        if parameter.required {
            shown["required"] = true.into();
        }
        shown
    };
    let mut all: Vec<Value> = operation
        .query
        .iter()
        .map(|parameter| shown("query", parameter.name, parameter))
        .collect();
    for name in ["key", "id", "name"] {
        if operation.path.contains(&format!("{{{name}}}")) {
            let mut in_path = shown("path", name, &operation.place);
            in_path["required"] = true.into();
            all.push(in_path);
        }
    }
    all
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

/// The document as it is written.
fn text_of(facts: &Facts) -> String {
    let mut text = serde_json::to_string_pretty(&document_of(facts)).unwrap_or_default();
    text.push('\n');
    text
}

/// `GET /openapi.json`.
pub(crate) async fn show(State(app): State<Arc<App>>) -> Response {
    let open = app.engine.is_open();
    let documents = &app.documents;
    let document = if open { &documents.open } else { &documents.closed };
    let text = document.get_or_init(|| {
        text_of(&Facts {
            databases: app.engine.databases_count(),
            open,
            cookie: &app.cookie,
        })
    });
    ([(header::CONTENT_TYPE, "application/json")], text.clone()).into_response()
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
            std::fs::write(&path, text_of(&BY_DEFAULT)).expect("docs/api/openapi.json");
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == text_of(&BY_DEFAULT),
            "docs/api/openapi.json is stale"
        );
    }

    #[test]
    fn the_document_is_of_the_server_that_shows_it() {
        let facts = Facts {
            databases: 3,
            open: false,
            cookie: "flashdb_session_9",
        };
        let closed = document_of(&facts);
        assert_eq!(closed["components"]["schemas"]["Database"]["maximum"], 2);
        assert_eq!(
            closed["components"]["securitySchemes"]["session"]["name"],
            "flashdb_session_9"
        );
        let security =
            |document: &Value, path: &str, method: &str| document["paths"][path][method]["security"].clone();
        assert_eq!(
            security(&closed, "/api/v1/keys", "get"),
            json!([{"basic": []}, {"session": []}])
        );
        assert_eq!(security(&document(), "/api/v1/keys", "get")[0], json!({}));
        // A login is what makes a session, open or not.
        assert_eq!(
            security(&document(), "/api/v1/session", "delete"),
            json!([{"session": []}])
        );
        assert_eq!(
            flashdb_config::Settings::default().databases as usize,
            BY_DEFAULT.databases
        );
    }

    #[test]
    fn every_refusal_that_is_named_is_explained() {
        for operation in OPERATIONS {
            for status in refusals(operation) {
                assert!(REFUSALS.iter().any(|(known, _)| *known == status), "{status}");
            }
        }
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
