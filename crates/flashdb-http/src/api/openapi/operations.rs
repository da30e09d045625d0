//! What the API can do: one row for each operation, with the types that the handlers use.

use super::super::{
    acl, alerts, audit, bench, bulk, bulk_jobs, clients, command_stats, commands, console, execute, figures,
    find, generate, health, hot_keys, items, jobs, key, keys, memory, patch, pubsub, put, server, session,
    sessions, slow_log, snapshots, tree,
};
use super::parameters::{
    ALERT, AUDIT_BEFORE, AUDIT_FROM, AUDIT_KIND, AUDIT_LIMIT, AUDIT_OUTCOME, AUDIT_TEXT, AUDIT_TO,
    AUDIT_USER, BYTES, CLIENT, COMMAND, CURSOR, DB, DRY_RUN, FILE_FORMAT, FILE_NAME, FIND_CURSOR, FIND_LIMIT,
    FORMAT, FROM, HOT_KEYS, ITEMS_CURSOR, JOB_KIND, KEEP, KEY, LIMIT, MATCH, NAMES, NAMES_CURSOR,
    ON_CONFLICT, ONLY_DB, PATH_TEXT, POINTS, PREFIX, Parameter, RATE, SINCE, SLOW_ENTRIES, SNAPSHOT, SORT,
    TARGET_DB, TEXT, TYPE, USER, WAIT,
};
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Value, json};

pub(super) type SchemaOf = fn(&mut SchemaGenerator) -> Value;

fn schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().to_value()
}

/// The bytes of a file.
pub(super) fn file(_: &mut SchemaGenerator) -> Value {
    json!({"description": "The file as it is, of at most `import-max-bytes`.", "type": "string", "format": "binary"})
}

fn text(_: &mut SchemaGenerator) -> Value {
    json!({"type": "string"})
}

const JSON: &str = "application/json";
const PLAIN: &str = "text/plain";
const BYTES_KIND: &str = "application/octet-stream";
const RAW_KINDS: [&str; 2] = ["application/octet-stream", "application/x-ndjson"];
/// By the `format` that is asked for.
const EXPORT_KINDS: [&str; 2] = ["application/x-ndjson", PLAIN];

/// Who may ask.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// Nobody is asked who he is.
    Anybody,
    /// A user, which on an open server anybody is.
    User,
    /// A session: the operation is about it.
    Session,
}

/// An operation.
pub(super) struct Operation {
    pub method: &'static str,
    pub path: &'static str,
    pub summary: &'static str,
    pub query: &'static [Parameter],
    /// What is in the path, if anything is.
    pub place: Parameter,
    pub body: Option<SchemaOf>,
    /// What the body is.
    pub body_kind: &'static str,
    /// Status and body of success.
    pub answers: &'static [(u16, Option<SchemaOf>)],
    /// What the bodies of success may be.
    pub answer_kinds: &'static [&'static str],
    /// Refusals besides those that follow from the rest.
    pub refusals: &'static [u16],
    pub who: Who,
}

const GET: Operation = Operation {
    method: "get",
    path: "",
    summary: "",
    query: &[],
    place: PATH_TEXT,
    body: None,
    body_kind: JSON,
    answers: &[],
    answer_kinds: &[JSON],
    refusals: &[],
    who: Who::User,
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

pub(super) static OPERATIONS: &[Operation] = &[
    Operation {
        path: "/api/v1/session",
        summary: "Who is logged in; 200 also for nobody.",
        answers: &[(200, Some(schema::<session::SessionView>))],
        who: Who::Anybody,
        ..GET
    },
    Operation {
        path: "/api/v1/session",
        summary: "Logs in and sets the cookie.",
        body: Some(schema::<session::Login>),
        answers: &[(200, Some(schema::<session::SessionView>))],
        who: Who::Anybody,
        refusals: &[401, 429],
        ..POST
    },
    Operation {
        path: "/api/v1/session",
        summary: "Logs out.",
        answers: &[(204, None)],
        who: Who::Session,
        ..DELETE
    },
    Operation {
        path: "/api/v1/session/unlock",
        summary: "Lets the session write for 15 minutes; on a production server with the password.",
        body: Some(schema::<session::Unlock>),
        answers: &[(200, Some(schema::<session::SessionView>))],
        who: Who::Session,
        refusals: &[401, 429],
        ..POST
    },
    Operation {
        path: "/api/v1/session/unlock",
        summary: "Makes the session read-only again.",
        answers: &[(200, Some(schema::<session::SessionView>))],
        who: Who::Session,
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
        refusals: &[404],
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
        place: USER,
        refusals: &[404],
        ..GET
    },
    Operation {
        path: "/api/v1/acl/users/{name}",
        summary: "Makes or changes a user, all of it or nothing.",
        body: Some(schema::<acl::GivenUser>),
        answers: &[(200, Some(schema::<acl::Stored>))],
        place: USER,
        refusals: &[404, 409],
        ..PUT
    },
    Operation {
        path: "/api/v1/acl/users/{name}",
        summary: "Removes a user and ends its connections and sessions.",
        answers: &[(200, Some(schema::<acl::RemovedUser>))],
        place: USER,
        refusals: &[404, 409],
        ..DELETE
    },
    Operation {
        path: "/api/v1/acl/dryrun",
        summary: "Whether a user may run a command.",
        body: Some(schema::<acl::Trial>),
        answers: &[(200, Some(schema::<acl::Tried>))],
        refusals: &[404],
        ..POST
    },
    Operation {
        path: "/api/v1/acl/save",
        summary: "Writes users into the aclfile, or else into the configuration file.",
        body: Some(schema::<acl::Save>),
        answers: &[(200, Some(schema::<acl::Saved>))],
        refusals: &[409],
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
        query: &[SINCE, POINTS],
        answers: &[(200, Some(schema::<figures::History>))],
        ..GET
    },
    Operation {
        path: "/api/v1/commands/stats",
        summary: "What each command has done and how long it took (OBS-20).",
        answers: &[(200, Some(schema::<command_stats::CommandStats>))],
        ..GET
    },
    Operation {
        path: "/api/v1/commands/stats/{name}",
        summary: "The same of one command, with its histogram.",
        answers: &[(200, Some(schema::<command_stats::OneCommand>))],
        place: COMMAND,
        refusals: &[404],
        ..GET
    },
    Operation {
        path: "/api/v1/hotkeys",
        summary: "The keys that are used most (HOT-01).",
        query: &[HOT_KEYS],
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
        place: ALERT,
        refusals: &[404],
        ..PUT
    },
    Operation {
        path: "/api/v1/alerts/webhooks",
        summary: "Has alerts sent to one more address.",
        body: Some(schema::<alerts::NewWebhook>),
        answers: &[(200, Some(schema::<alerts::WebhooksView>))],
        refusals: &[409],
        ..POST
    },
    Operation {
        path: "/api/v1/alerts/webhooks/{id}",
        summary: "Has alerts no longer sent to an address.",
        answers: &[(200, Some(schema::<alerts::WebhooksView>))],
        refusals: &[404, 409],
        ..DELETE
    },
    Operation {
        path: "/api/v1/alerts/webhooks/{id}/test",
        summary: "Sends a test to an address, and tells how that went.",
        body: Some(schema::<alerts::Test>),
        answers: &[(200, Some(schema::<crate::alerts::Delivery>))],
        refusals: &[404, 409],
        ..POST
    },
    Operation {
        path: "/api/v1/keys",
        summary: "Keys, page by page (API-03).",
        query: &[DB, MATCH, TYPE, LIMIT, CURSOR],
        answers: &[(200, Some(schema::<keys::Keys>))],
        ..GET
    },
    Operation {
        path: "/api/v1/find",
        summary: "Keys and prefixes of all databases that match what was typed; says how far it has looked (UI-34).",
        query: &[TEXT, FIND_LIMIT, FIND_CURSOR],
        answers: &[(200, Some(schema::<find::Found>))],
        ..GET
    },
    Operation {
        path: "/api/v1/tree",
        summary: "Keys and bytes of a prefix, and the prefixes below it.",
        query: &[DB, PREFIX, SORT, LIMIT, CURSOR, WAIT],
        answers: &[(200, Some(schema::<tree::Tree>))],
        refusals: &[409],
        ..GET
    },
    Operation {
        path: "/api/v1/tree/keys",
        summary: "Keys of a prefix that have none of the prefixes below it.",
        query: &[DB, PREFIX, LIMIT, NAMES_CURSOR],
        answers: &[(200, Some(schema::<tree::LooseKeys>))],
        refusals: &[409],
        ..GET
    },
    Operation {
        path: "/api/v1/key/{key}",
        summary: "A key with the first page of its value (API-04).",
        query: &[DB, LIMIT],
        answers: &[(200, Some(schema::<key::Key>))],
        place: BYTES,
        refusals: &[404, 409],
        ..GET
    },
    Operation {
        path: "/api/v1/key/{key}",
        summary: "Writes a whole value, as one transaction (API-05).",
        query: &[DB],
        body: Some(schema::<put::Given>),
        answers: &[(200, Some(schema::<put::Written>))],
        place: BYTES,
        refusals: &[404, 409],
        ..PUT
    },
    Operation {
        path: "/api/v1/key/{key}",
        summary: "Edits what is in a key, as one transaction: all edits, or none where something changed meanwhile.",
        query: &[DB],
        body: Some(schema::<patch::Given>),
        answers: &[(200, Some(schema::<patch::Edited>))],
        place: BYTES,
        refusals: &[404, 409, 413],
        ..PATCH
    },
    Operation {
        path: "/api/v1/key/{key}",
        summary: "Removes a key (API-06).",
        query: &[DB, KEEP],
        answers: &[(200, Some(schema::<key::Removed>))],
        place: BYTES,
        refusals: &[404, 409],
        ..DELETE
    },
    Operation {
        path: "/api/v1/key/{key}/items",
        summary: "What is in a key, page by page.",
        query: &[DB, MATCH, LIMIT, ITEMS_CURSOR],
        answers: &[(200, Some(schema::<items::Page>))],
        place: BYTES,
        refusals: &[404, 409, 422],
        ..GET
    },
    Operation {
        path: "/api/v1/key/{key}/raw",
        summary: "All of a value as a file, sent while it is read: a string as it is, everything else as lines of JSON.",
        query: &[DB],
        answer_kinds: &RAW_KINDS,
        answers: &[(200, Some(text))],
        place: BYTES,
        refusals: &[404, 409, 422],
        ..GET
    },
    Operation {
        path: "/api/v1/key/",
        summary: "A key of any name with the first page of its value.",
        query: &[KEY, DB, LIMIT],
        answers: &[(200, Some(schema::<key::Key>))],
        refusals: &[404, 409],
        ..GET
    },
    Operation {
        path: "/api/v1/key/",
        summary: "Writes a whole value, as one transaction.",
        query: &[KEY, DB],
        body: Some(schema::<put::Given>),
        answers: &[(200, Some(schema::<put::Written>))],
        refusals: &[404, 409],
        ..PUT
    },
    Operation {
        path: "/api/v1/key/",
        summary: "Edits what is in a key of any name, as one transaction.",
        query: &[KEY, DB],
        body: Some(schema::<patch::Given>),
        answers: &[(200, Some(schema::<patch::Edited>))],
        refusals: &[404, 409, 413],
        ..PATCH
    },
    Operation {
        path: "/api/v1/key/",
        summary: "Removes a key of any name.",
        query: &[KEY, DB, KEEP],
        answers: &[(200, Some(schema::<key::Removed>))],
        refusals: &[404, 409],
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
        path: "/api/v1/bulk/jobs",
        summary: "Changes many keys as a job, or answers what that would be about.",
        body: Some(schema::<bulk_jobs::BulkWish>),
        answers: &[
            (200, Some(schema::<bulk_jobs::BulkPreview>)),
            (202, Some(schema::<jobs::Started>)),
        ],
        refusals: &[409],
        ..POST
    },
    Operation {
        path: "/api/v1/export",
        summary: "Keys as a file, sent while it is made.",
        query: &[DB, PREFIX, MATCH, TYPE, FORMAT],
        answers: &[(200, Some(text))],
        answer_kinds: &EXPORT_KINDS,
        refusals: &[409],
        ..GET
    },
    Operation {
        path: "/api/v1/export",
        summary: "Keys by name as a file.",
        body: Some(schema::<bulk_jobs::ExportWish>),
        answers: &[(200, Some(text))],
        answer_kinds: &EXPORT_KINDS,
        ..POST
    },
    Operation {
        path: "/api/v1/imports",
        summary: "Imports a file of keys as a job, or reads it only (UI-57).",
        query: &[
            FILE_FORMAT,
            ON_CONFLICT,
            DRY_RUN,
            TARGET_DB,
            ONLY_DB,
            RATE,
            FILE_NAME,
            FROM,
        ],
        body: Some(file),
        body_kind: BYTES_KIND,
        answers: &[(202, Some(schema::<jobs::Started>))],
        refusals: &[404, 409, 507],
        ..POST
    },
    Operation {
        path: "/api/v1/items",
        summary: "What is in a key of any name, page by page.",
        query: &[KEY, DB, MATCH, LIMIT, ITEMS_CURSOR],
        answers: &[(200, Some(schema::<items::Page>))],
        refusals: &[404, 409, 422],
        ..GET
    },
    Operation {
        path: "/api/v1/raw",
        summary: "All of a value of any name as a file, sent while it is read.",
        query: &[KEY, DB],
        answer_kinds: &RAW_KINDS,
        answers: &[(200, Some(text))],
        refusals: &[404, 409, 422],
        ..GET
    },
    Operation {
        path: "/api/v1/execute",
        summary: "Runs a command (API-07).",
        body: Some(schema::<execute::Given>),
        answers: &[(200, Some(schema::<execute::Executed>))],
        refusals: &[422],
        ..POST
    },
    Operation {
        path: "/api/v1/console/history",
        summary: "What the user has run in the console, without secrets and replies (UI-52).",
        answers: &[(200, Some(schema::<console::ConsoleHistory>))],
        ..GET
    },
    Operation {
        path: "/api/v1/console/history",
        summary: "Forgets what the user has run in the console.",
        answers: &[(204, None)],
        ..DELETE
    },
    Operation {
        path: "/api/v1/pubsub",
        summary: "Channels and patterns that somebody listens to, and how much is published.",
        query: &[MATCH, NAMES],
        answers: &[(200, Some(schema::<pubsub::Listening>))],
        ..GET
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
        answers: &[(200, Some(schema::<clients::Clients>))],
        ..GET
    },
    Operation {
        path: "/api/v1/clients/{id}",
        summary: "Drops a client.",
        answers: &[(200, Some(schema::<clients::Killed>))],
        place: CLIENT,
        refusals: &[404],
        ..DELETE
    },
    Operation {
        path: "/api/v1/slowlog",
        summary: "Slow commands (API-12).",
        query: &[SLOW_ENTRIES],
        answers: &[(200, Some(schema::<slow_log::SlowLog>))],
        ..GET
    },
    Operation {
        path: "/api/v1/slowlog",
        summary: "Empties the slow log.",
        answers: &[(200, Some(schema::<slow_log::Reset>))],
        ..DELETE
    },
    Operation {
        path: "/api/v1/config",
        summary: "All settings (API-14a).",
        answers: &[(200, Some(schema::<server::Config>))],
        ..GET
    },
    Operation {
        path: "/api/v1/config/changes",
        summary: "When which settings were changed, oldest first.",
        answers: &[(200, Some(schema::<server::ConfigChanges>))],
        ..GET
    },
    Operation {
        path: "/api/v1/config",
        summary: "Changes settings, all or none (API-14b).",
        body: Some(schema::<server::Changes>),
        answers: &[(200, Some(schema::<server::Changed>))],
        refusals: &[409],
        ..PUT
    },
    Operation {
        path: "/api/v1/audit",
        summary: "Who did what to the server lately, newest first (OBS-08).",
        query: &[
            AUDIT_USER,
            AUDIT_KIND,
            AUDIT_OUTCOME,
            AUDIT_TEXT,
            AUDIT_FROM,
            AUDIT_TO,
            AUDIT_LIMIT,
            AUDIT_BEFORE,
        ],
        answers: &[(200, Some(schema::<audit::AuditList>))],
        ..GET
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
        refusals: &[409],
        ..POST
    },
    Operation {
        path: "/api/v1/snapshots/{id}",
        summary: "Removes a snapshot on which nothing builds.",
        answers: &[(200, Some(schema::<snapshots::Deleted>))],
        place: SNAPSHOT,
        refusals: &[404, 409],
        ..DELETE
    },
    Operation {
        path: "/api/v1/snapshots/{id}/restore",
        summary: "What a restore would do and lose.",
        answers: &[(200, Some(schema::<snapshots::Preview>))],
        place: SNAPSHOT,
        refusals: &[404, 409],
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
        place: SNAPSHOT,
        refusals: &[404, 409],
        ..POST
    },
    Operation {
        path: "/api/v1/snapshots/{id}/file",
        summary: "The file of a full snapshot, as a backup (API-21).",
        answers: &[(200, Some(text))],
        answer_kinds: &[BYTES_KIND],
        place: SNAPSHOT,
        refusals: &[404, 409],
        ..GET
    },
    Operation {
        path: "/api/v1/backup",
        summary: "Takes a full snapshot and answers with its file (API-21).",
        body: Some(schema::<snapshots::backup::Wish>),
        answers: &[(200, Some(text))],
        answer_kinds: &[BYTES_KIND],
        refusals: &[404, 409],
        ..POST
    },
    Operation {
        path: "/api/v1/backups",
        summary: "Takes the file of a backup and checks all of it; it is restored as any other snapshot (API-21).",
        body: Some(file),
        body_kind: BYTES_KIND,
        answers: &[(201, Some(schema::<snapshots::backup::Received>))],
        refusals: &[404, 408, 409, 507],
        ..POST
    },
    Operation {
        path: "/api/v1/restore",
        summary: "Replaces all data by that of a point in time; a snapshot of the state before stays (PER-52).",
        body: Some(schema::<snapshots::GoBackTo>),
        answers: &[
            (200, Some(schema::<snapshots::Restore>)),
            (202, Some(schema::<snapshots::Restore>)),
        ],
        refusals: &[409],
        ..POST
    },
    Operation {
        path: "/api/v1/bench",
        summary: "Starts a benchmark of this server (UI-60).",
        body: Some(schema::<bench::BenchWish>),
        answers: &[(202, Some(schema::<jobs::Started>))],
        refusals: &[409],
        ..POST
    },
    Operation {
        path: "/api/v1/generate",
        summary: "Starts making up data under a prefix.",
        body: Some(schema::<generate::GenerateWish>),
        answers: &[(202, Some(schema::<jobs::Started>))],
        refusals: &[409],
        ..POST
    },
    Operation {
        path: "/api/v1/jobs",
        summary: "Benchmarks, generated data, changes of many keys and imports, newest first.",
        query: &[JOB_KIND],
        answers: &[(200, Some(schema::<jobs::JobList>))],
        ..GET
    },
    Operation {
        path: "/api/v1/jobs/{id}",
        summary: "A job with its result.",
        answers: &[(200, Some(schema::<crate::jobs::JobView>))],
        refusals: &[404],
        ..GET
    },
    Operation {
        path: "/api/v1/jobs/{id}",
        summary: "Pauses a change of many keys or an import, has it go on, or changes its rate.",
        body: Some(schema::<bulk_jobs::Steer>),
        answers: &[(200, Some(schema::<crate::jobs::JobView>))],
        refusals: &[404, 409],
        ..PATCH
    },
    Operation {
        path: "/api/v1/jobs/{id}",
        summary: "Ends a job that runs, forgets one that has ended.",
        answers: &[(200, Some(schema::<crate::jobs::JobView>))],
        refusals: &[404],
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
        answer_kinds: &[PLAIN],
        ..GET
    },
    Operation {
        path: "/metrics",
        summary: "Prometheus text.",
        answers: &[(200, Some(text))],
        answer_kinds: &[PLAIN],
        ..GET
    },
    Operation {
        path: "/api/v1/openapi.json",
        summary: "This description.",
        answers: &[(200, None)],
        who: Who::Anybody,
        ..GET
    },
    Operation {
        path: "/api/v1/healthz",
        summary: "Whether the process answers (API-08).",
        answers: &[(200, Some(schema::<health::Status>))],
        who: Who::Anybody,
        ..GET
    },
    Operation {
        path: "/api/v1/readyz",
        summary: "Whether it serves (API-09).",
        answers: &[
            (200, Some(schema::<health::Status>)),
            (503, Some(schema::<health::Status>)),
        ],
        who: Who::Anybody,
        ..GET
    },
    Operation {
        path: "/health",
        summary: "How it is (OBS-41).",
        answers: &[
            (200, Some(schema::<health::Health>)),
            (503, Some(schema::<health::Health>)),
        ],
        who: Who::Anybody,
        ..GET
    },
    Operation {
        path: "/ready",
        summary: "Whether it serves (OBS-42).",
        answers: &[
            (200, Some(schema::<health::Status>)),
            (503, Some(schema::<health::Status>)),
        ],
        who: Who::Anybody,
        ..GET
    },
    Operation {
        path: "/live",
        summary: "Whether the process answers (OBS-43).",
        answers: &[(200, Some(schema::<health::Status>))],
        who: Who::Anybody,
        ..GET
    },
];
