//! Connected clients: all of them when asked, and to who watches each second those that came, went or did something.
//!
//! Whoever watches costs the core loops nothing but a lock of the list of clients while it is copied, a pointer for each; what is
//! told is read from the numbers that loops keep for CLIENT LIST anyhow, on an HTTP thread. Of a look 250 clients are told at
//! most, the latest first, and how many more there were. A row is told when it has changed, its age and rest aside. Whoever was
//! answered with a client is told that it has gone, though its whole life may have been between two looks: those of this interface
//! end with their request, and the one that asks for the list is in it.

use crate::App;
use crate::ask::{Conversation, integer, text, words};
use crate::caller::{Caller, now_ms};
use crate::error::ApiError;
use crate::json::Bytes;
use crate::topic::Topic;
use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::StatusCode;
use flashdb_server::engine::ClientLine;
use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// Time between two looks.
const LOOK_TIME: Duration = Duration::from_secs(1);
/// Clients that are told of a look.
const TOLD_MAX: usize = 250;
/// Of these so many in a message, with which it stays below the size of one: each has five words that it may choose.
const ROWS_MAX: usize = 20;
const GONE_MAX: usize = 2000;
/// Bytes of a word that a client gives itself; of a name it is said how many there are.
const WORD_BYTES_MAX: usize = 128;
/// A command of just before a look may be noted just after it.
const OVERLAP_MS: i64 = 1000;

/// All clients.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Clients {
    /// Unix time, ms.
    t: i64,
    clients: Vec<ClientView>,
}

/// A client; numbers are those of CLIENT LIST.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ClientView {
    id: String,
    addr: String,
    laddr: String,
    name: Bytes,
    user: String,
    db: i64,
    age_s: i64,
    idle_s: i64,
    flags: String,
    cmd: String,
    sub: i64,
    psub: i64,
    ssub: i64,
    /// Commands queued in a transaction; -1 outside of one.
    multi: i64,
    /// Bytes of requests that are not complete, or wait.
    qbuf: i64,
    /// Bytes of replies that were not sent yet: those in the first 16 KiB, and those behind them.
    obl: i64,
    omem: i64,
    tot_mem: i64,
    resp: i64,
    lib_name: String,
    lib_ver: String,
    /// Bytes per second that it sends; null where that is not known, which takes two looks: the topic `clients` tells.
    in_s: Option<f64>,
    /// Bytes per second that it is sent.
    out_s: Option<f64>,
}

/// A name, or its beginning: a client may give itself any.
fn name_of(name: &[u8]) -> Bytes {
    match name.get(..WORD_BYTES_MAX) {
        Some(head) if name.len() > WORD_BYTES_MAX => Bytes::beginning(head, name.len() as u64),
        _ => name.into(),
    }
}

fn client_of(line: &[u8]) -> Option<ClientView> {
    let fields: HashMap<&[u8], &[u8]> = line
        .split(|&byte| byte == b' ')
        .filter_map(|field| {
            let at = field.iter().position(|&byte| byte == b'=')?;
            Some((&field[..at], &field[at + 1..]))
        })
        .collect();
    let text = |name: &str| {
        let value = fields.get(name.as_bytes()).copied().unwrap_or_default();
        String::from_utf8_lossy(&value[..value.len().min(WORD_BYTES_MAX)]).into_owned()
    };
    let number = |name: &str| text(name).parse().unwrap_or(0);
    fields.contains_key(&b"id"[..]).then(|| ClientView {
        id: text("id"),
        addr: text("addr"),
        laddr: text("laddr"),
        name: name_of(fields.get(&b"name"[..]).copied().unwrap_or_default()),
        user: text("user"),
        db: number("db"),
        age_s: number("age"),
        idle_s: number("idle"),
        flags: text("flags"),
        cmd: text("cmd"),
        sub: number("sub"),
        psub: number("psub"),
        ssub: number("ssub"),
        multi: number("multi"),
        qbuf: number("qbuf"),
        obl: number("obl"),
        omem: number("omem"),
        tot_mem: number("tot-mem"),
        resp: number("resp"),
        lib_name: text("lib-name"),
        lib_ver: text("lib-ver"),
        in_s: None,
        out_s: None,
    })
}

/// Ids of clients that an answer has named since the last look; as many as there were clients in that second.
#[derive(Default)]
pub(crate) struct Shown(Mutex<HashSet<u64>>);

impl Shown {
    fn note(&self, clients: &[ClientView]) {
        let ids = clients.iter().filter_map(|client| client.id.parse::<u64>().ok());
        self.0.lock().extend(ids);
    }

    fn take(&self) -> HashSet<u64> {
        std::mem::take(&mut self.0.lock())
    }
}

/// `GET /clients`.
pub(crate) async fn list(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Clients>, ApiError> {
    let mut conversation = Conversation::of(&app, &caller, 0).await?;
    let listed = conversation.ask(&words(["CLIENT", "LIST"])).await?;
    let listed = text(listed).unwrap_or_default();
    let clients: Vec<ClientView> = listed
        .split(|&byte| byte == b'\n')
        .filter_map(client_of)
        .collect();
    if app.hub.is_watched(Topic::Clients) {
        app.shown_clients.note(&clients);
    }
    Ok(Json(Clients { t: now_ms(), clients }))
}

/// A client that was dropped.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Killed {
    killed: bool,
}

/// `DELETE /clients/:id`.
pub(crate) async fn kill(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: OriginalUri,
) -> Result<Json<Killed>, ApiError> {
    caller.may_write()?;
    let id = uri.path().rsplit('/').next().unwrap_or_default();
    if !id.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ApiError::bad_request("the id of a client is a number"));
    }
    let no_such_client = || ApiError::new(StatusCode::NOT_FOUND, "NOT_FOUND", "there is no such client");
    // Others the engine has not, and it would not take them for ids.
    let Some(id) = id.parse::<i64>().ok().filter(|id| *id > 0) else {
        return Err(no_such_client());
    };
    let id = id.to_string();
    let mut conversation = Conversation::of(&app, &caller, 0).await?;
    let killed = conversation.ask(&words(["CLIENT", "KILL", "ID", &id])).await?;
    if integer(&killed) != Some(1) {
        return Err(no_such_client());
    }
    Ok(Json(Killed { killed: true }))
}

// ---- to who watches ------------------------------------------------------------------------------

/// What has become of the clients since the message before.
#[derive(Serialize)]
struct Message<'a> {
    t: i64,
    /// All that are connected.
    total: usize,
    rows: &'a [ClientView],
    /// Ids of those that have gone.
    gone: Vec<String>,
    /// Changed rows that are not told.
    left_out: usize,
}

/// What was told of a client.
#[derive(Clone, Copy)]
struct Told {
    print: u64,
    at_ms: i64,
    input_total_bytes: u64,
    output_total_bytes: u64,
    /// It may change without a command: rates go down to zero, buffers are emptied.
    moves: bool,
}

#[derive(Default)]
struct Teller {
    at_ms: i64,
    ids: Vec<u64>,
    told: HashMap<u64, Told>,
}

/// What tells whether a row has changed: all of it but its age and rest.
fn print_of(line: &ClientLine, rates: [Option<f64>; 2]) -> u64 {
    let mut hasher = DefaultHasher::new();
    let words = line.line.split(|&byte| byte == b' ');
    for word in words.filter(|word| !word.starts_with(b"age=") && !word.starts_with(b"idle=")) {
        word.hash(&mut hasher);
    }
    line.last_ms.hash(&mut hasher);
    rates.map(|rate| rate.map(f64::to_bits)).hash(&mut hasher);
    hasher.finish()
}

/// Those that were there at the look before or in an answer since, and are no more; ascending.
fn gone(before: &[u64], shown: HashSet<u64>, now: &[u64]) -> Vec<u64> {
    let mut known = shown;
    known.extend(before);
    let mut gone: Vec<u64> = known
        .into_iter()
        .filter(|id| now.binary_search(id).is_err())
        .collect();
    gone.sort_unstable();
    gone
}

fn rate(now_bytes: u64, before_bytes: u64, elapsed_ms: i64) -> Option<f64> {
    let bytes = now_bytes.checked_sub(before_bytes)?;
    (elapsed_ms > 0).then(|| (bytes as f64 * 1000.0 / elapsed_ms as f64).round())
}

impl Teller {
    /// The row of a client, if it is not the one that was told.
    fn row(&mut self, line: &ClientLine, at_ms: i64) -> Option<ClientView> {
        let before = self.told.get(&line.id).copied();
        let since = |bytes: u64, of: fn(&Told) -> u64| {
            let before = before.as_ref()?;
            rate(bytes, of(before), at_ms - before.at_ms)
        };
        let rates = [
            since(line.input_total_bytes, |told| told.input_total_bytes),
            since(line.output_total_bytes, |told| told.output_total_bytes),
        ];
        let print = print_of(line, rates);
        let mut row = client_of(&line.line)?;
        [row.in_s, row.out_s] = rates;
        let moves = row.qbuf > 0 || row.obl > 0 || rates.iter().flatten().any(|rate| *rate > 0.0);
        let told = Told {
            print,
            at_ms,
            input_total_bytes: line.input_total_bytes,
            output_total_bytes: line.output_total_bytes,
            // Its rate is not known before the next look.
            moves: moves || before.is_none(),
        };
        self.told.insert(line.id, told);
        (before.is_none_or(|before| before.print != print)).then_some(row)
    }

    /// Looks, and tells what has changed. The first look remembers rows and tells none: whoever subscribes asks for all.
    fn look(&mut self, app: &App) {
        let is_first = self.at_ms == 0;
        // Before the look: who is named by an answer after it is there at the next one, or gone.
        let shown = app.shown_clients.take();
        let moving = self.told.iter().filter(|(_, told)| told.moves);
        let also: HashSet<u64> = moving.map(|(id, _)| *id).collect();
        let now = app.engine.clients(self.at_ms - OVERLAP_MS, &also, TOLD_MAX);
        let rows: Vec<ClientView> = now
            .active
            .iter()
            .filter_map(|line| self.row(line, now.at_ms))
            .collect();
        let gone = gone(&self.ids, shown, &now.ids);
        let told: &[ClientView] = if is_first { &[] } else { &rows };
        let changed = !told.is_empty() || !gone.is_empty() || !is_first && self.ids.len() != now.ids.len();
        self.told.retain(|id, _| now.ids.binary_search(id).is_ok());
        self.ids = now.ids;
        self.at_ms = now.at_ms;
        if changed {
            self.tell(app, told, &gone, now.left_out);
        }
    }

    /// In as many messages as it takes.
    fn tell(&self, app: &App, rows: &[ClientView], gone: &[u64], left_out: usize) {
        let count = rows
            .len()
            .div_ceil(ROWS_MAX)
            .max(gone.len().div_ceil(GONE_MAX))
            .max(1);
        let (mut rows, mut gone) = (rows.chunks(ROWS_MAX), gone.chunks(GONE_MAX));
        for _ in 0..count {
            let message = Message {
                t: self.at_ms,
                total: self.ids.len(),
                rows: rows.next().unwrap_or_default(),
                gone: gone
                    .next()
                    .unwrap_or_default()
                    .iter()
                    .map(u64::to_string)
                    .collect(),
                left_out,
            };
            app.hub.publish(Topic::Clients, None, &message);
        }
    }
}

/// Looks once a second while somebody watches.
pub(crate) async fn run(app: Arc<App>) {
    loop {
        app.hub.watched(Topic::Clients).await;
        let mut tick = interval(LOOK_TIME);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut teller = Teller::default();
        while app.hub.is_watched(Topic::Clients) {
            tick.tick().await;
            teller.look(&app);
        }
        drop(app.shown_clients.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: u64, text: &str, last_ms: i64, bytes: u64) -> ClientLine {
        ClientLine {
            id,
            line: format!("id={id} {text}").into_bytes(),
            last_ms,
            input_total_bytes: bytes,
            output_total_bytes: 2 * bytes,
        }
    }

    #[test]
    fn a_row_is_told_when_it_has_changed() {
        let mut teller = Teller::default();
        let first = teller.row(&line(1, "age=1 idle=0 qbuf=0 obl=0 cmd=get", 5, 100), 1000);
        assert_eq!(first.map(|row| (row.cmd, row.in_s)), Some(("get".into(), None)));
        let same = line(1, "age=9 idle=8 qbuf=0 obl=0 cmd=get", 5, 100);
        assert_eq!(teller.row(&same, 2000).map(|row| row.in_s), Some(Some(0.0)));
        assert!(teller.row(&same, 3000).is_none(), "only its age has changed");
        assert!(!teller.told[&1].moves);
        let busy = line(1, "age=10 idle=0 qbuf=0 obl=0 cmd=get", 9, 600);
        let row = teller.row(&busy, 5000).expect("it ran a command");
        assert_eq!((row.in_s, row.out_s), (Some(250.0), Some(500.0)));
        assert!(teller.told[&1].moves, "that it rests is told as well");
        assert_eq!(teller.row(&busy, 6000).map(|row| row.in_s), Some(Some(0.0)));
    }

    #[test]
    fn who_was_named_by_an_answer_is_told_to_have_gone() {
        let named = |ids: &[u64]| ids.iter().copied().collect::<HashSet<u64>>();
        assert_eq!(gone(&[1, 2], named(&[2, 9, 7]), &[2, 3]), [1, 7, 9]);
        assert!(gone(&[1], named(&[1]), &[1]).is_empty());
        assert_eq!(gone(&[], named(&[4]), &[]), [4], "before the first look as well");
    }

    #[test]
    fn words_that_a_client_chooses_are_cut() {
        let long = "x".repeat(5000);
        let row = client_of(format!("id=1 name={long} lib-name={long}").as_bytes()).expect("a client");
        assert!(matches!(row.name, Bytes::CutText { bytes: 5000, .. }));
        assert_eq!(row.lib_name.len(), WORD_BYTES_MAX);
    }
}
