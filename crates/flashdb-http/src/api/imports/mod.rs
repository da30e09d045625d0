//! Files of keys, sent by a page or a script and imported as a job. The body goes to a file without a name (`upload.rs`), is
//! read row by row on a thread of its own (`rows.rs`), and each row becomes a command of who asked (`work.rs`), at a pace and
//! with the machinery of changes of many keys. A dry run reads all of it and writes nothing; its file is kept for a while,
//! so that what was looked at is what is imported, and is sent once.

mod rows;
mod tally;
mod upload;
mod work;

use super::jobs::Started;
use crate::App;
use crate::audit::BulkNote;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::gate::RequestId;
use crate::jobs::{JobKind, Owner};
use crate::json::Query;
use axum::Extension;
use axum::body::HttpBody;
use axum::extract::{RawQuery, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flashdb_import::Format;
use serde_json::{Map, Value, json};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::Ordering;
pub(crate) use upload::{Imports, remove_leftovers};
use upload::{Kept, Upload};
use work::Work;

/// Keys per second unless said otherwise.
const RATE_DEFAULT: u64 = 20_000;
const RATES: RangeInclusive<u64> = 1..=1_000_000;
const NAME_BYTES_MAX: usize = 200;

/// What becomes of keys that are there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OnConflict {
    Skip,
    Overwrite,
    Fail,
}

impl OnConflict {
    const ALL: [(&'static str, OnConflict); 3] = [
        ("skip", OnConflict::Skip),
        ("overwrite", OnConflict::Overwrite),
        ("fail", OnConflict::Fail),
    ];

    fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, known)| *known == self);
        found.map_or("", |(name, _)| name)
    }
}

/// What is asked of an import, checked.
#[derive(Clone, Debug)]
struct Plan {
    format: Format,
    on_conflict: OnConflict,
    dry_run: bool,
    /// Where all keys go to, if not where the file says.
    db: Option<u64>,
    /// Only what the file has there.
    only_db: Option<u64>,
    rate: u64,
    name: String,
    bytes: u64,
}

impl Plan {
    fn of(app: &App, query: &Query, format: Format) -> Result<Plan, ApiError> {
        let on_conflict = match query.given("on_conflict") {
            None => OnConflict::Skip,
            Some(name) => OnConflict::ALL
                .iter()
                .find(|(known, _)| known.as_bytes() == name)
                .map(|(_, known)| *known)
                .ok_or_else(|| ApiError::bad_request("on_conflict is skip, overwrite or fail"))?,
        };
        let dry_run = match query.given("dry_run") {
            None | Some(b"false") => false,
            Some(b"true") => true,
            Some(_) => return Err(ApiError::bad_request("dry_run is true or false")),
        };
        let last = (app.engine.databases_count() as u64).saturating_sub(1);
        let number = |name: &str, range| {
            let given = query.given(name).is_some();
            query.number(name, 0, range).map(|number| given.then_some(number))
        };
        let rate = query.number("rate", RATE_DEFAULT, RATES)?;
        let name = query.get("name").unwrap_or_default();
        if name.len() > NAME_BYTES_MAX {
            return Err(ApiError::bad_request("name has at most 200 bytes"));
        }
        Ok(Plan {
            format,
            on_conflict,
            dry_run,
            db: number("db", 0..=last)?,
            only_db: number("only_db", 0..=u64::from(u32::MAX))?,
            rate,
            name: String::from_utf8_lossy(name).into_owned(),
            bytes: 0,
        })
    }

    /// Whether some of its rows may be commands.
    fn has_commands(&self) -> bool {
        matches!(self.format, Format::Aof | Format::Commands)
    }

    /// Commands without which nothing of it can be done.
    fn needs(&self) -> impl Iterator<Item = &'static str> {
        let looks = self.dry_run || self.has_commands() || self.on_conflict == OnConflict::Fail;
        let restores = !self.dry_run && self.format != Format::Commands;
        let removes = !self.dry_run && self.has_commands() && self.on_conflict == OnConflict::Overwrite;
        let needed = [
            looks.then_some("exists"),
            restores.then_some("restore"),
            removes.then_some("unlink"),
        ];
        needed.into_iter().flatten()
    }

    fn told(&self) -> Map<String, Value> {
        let told = json!({
            "format": self.format.name(),
            "on_conflict": self.on_conflict.name(),
            "dry_run": self.dry_run,
            "db": self.db,
            "only_db": self.only_db,
            "rate": self.rate,
            "name": self.name,
            "bytes": self.bytes,
        });
        match told {
            Value::Object(told) => told,
            _ => Map::new(),
        }
    }
}

/// A page of another site can send no body of this kind without asking first, which is refused.
fn check_kind(headers: &HeaderMap) -> Result<(), ApiError> {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/octet-stream") {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "NOT_BYTES",
        "the body has to be the file, as application/octet-stream",
    ))
}

/// Refuses who may not do it with any key, before anything is sent.
fn check_rights(app: &App, caller: &Caller, plan: &Plan) -> Result<(), ApiError> {
    let selects = plan.db.is_some_and(|db| db != 0).then_some("select");
    for command in plan.needs().chain(selects) {
        if !app.engine.allows(&caller.identity, command) {
            return Err(ApiError::no_right(command));
        }
    }
    Ok(())
}

/// `POST /imports`: 202 with the job, once the file is here.
pub(crate) async fn start(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(RequestId(request_id)): Extension<RequestId>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<Response, ApiError> {
    let query = Query::of(query.as_deref());
    // A dry run as well: it takes room on the disk.
    caller.may_write()?;
    let from = query
        .given("from")
        .map(|id| String::from_utf8_lossy(id).into_owned());
    let kept = match &from {
        Some(id) => Some(app.imports.kept(id, caller.identity.user_id()).ok_or_else(|| {
            let message = "its file is kept no longer; send it again";
            ApiError::new(StatusCode::NOT_FOUND, "NOT_FOUND", message)
        })?),
        None => None,
    };
    let format = match (query.given("format").map(Format::of), &kept) {
        (Some(Some(format)), _) => format,
        (None, Some(kept)) => kept.format,
        _ => {
            let message = "format is rdb, aof, jsonl, csv or commands";
            return Err(ApiError::bad_request(message));
        }
    };
    if let Some(kept) = &kept {
        // What was looked at is what is imported.
        if kept.format != format || request.body().size_hint().lower() > 0 {
            let message =
                "the file of a dry run is imported as it was read; from takes no body and no other format";
            return Err(ApiError::conflict(message));
        }
    }
    let mut plan = Plan::of(&app, &query, format)?;
    check_rights(&app, &caller, &plan)?;
    let owner = Owner::of(&caller.identity);
    app.jobs.check_place(JobKind::Import, owner.id)?;
    let upload = match kept {
        Some(kept) => kept.upload,
        None => {
            check_kind(request.headers())?;
            app.imports.drop_those_of(owner.id);
            Arc::new(Upload::receive(&app, owner.id, request.into_body()).await?)
        }
    };
    plan.bytes = upload.bytes();
    let told = plan.told();
    let note = |job: String| BulkNote {
        trail: app.engine.audit().clone(),
        event: "import",
        job,
        user: String::from_utf8_lossy(owner.name).into_owned(),
        peer: caller.peer,
        request_id,
        request: serde_json::to_string(&told).unwrap_or_default(),
    };
    let job = app.jobs.begin(&app.hub, JobKind::Import, owner, told.clone())?;
    job.rate.store(plan.rate, Ordering::Relaxed);
    if let Some(id) = &from {
        // What it has found is told by the import itself from now on.
        app.imports.forget(id);
        app.jobs.forget(id);
    }
    let kept = plan
        .dry_run
        .then(|| Kept::new(&job.id, owner, plan.format, &upload));
    let started = Started::answer(&job);
    let work = Work {
        app: app.clone(),
        identity: caller.identity.clone(),
        peer: caller.peer,
        plan: Arc::new(plan),
        note: note(job.id.clone()),
        upload,
        kept,
        hold: app.engine.hold_end(),
    };
    tokio::spawn(work.run(job));
    Ok(started.into_response())
}
