//! The feed of recent commands to who watches it. The engine's tap is open only while there are viewers: without one, commands cost
//! what they always do, and this task sleeps. What a row holds, and how many there are, the engine bounds.

use crate::App;
use crate::json::Bytes;
use crate::topic::Topic;
use flashdb_server::engine::{CutWord, TAP_DRAIN_TIME, TappedCommand};
use serde::Serialize;
use serde_json::json;
use std::sync::Arc;
use tokio::time::{MissedTickBehavior, interval};

/// Who watches these is shown commands.
const TOPICS: [Topic; 2] = [Topic::Command, Topic::PlainCommand];

/// A command that was run (WS-04).
#[derive(Serialize)]
struct Row {
    /// Unix time, ms.
    t: u64,
    /// Its name, a subcommand's behind that of its command.
    cmd: String,
    /// Its first key.
    key: Option<Bytes>,
    /// The first of its other words, without secrets.
    args: Vec<Bytes>,
    /// Words that are left out.
    more: usize,
    db: u16,
    /// Who has sent it, or the script that has called it.
    cid: String,
    addr: String,
    /// Time it took; of a pipeline the mean of those that ran together; null of one that waits.
    latency_us: Option<f64>,
    failed: bool,
    /// Of so many commands it is one.
    sample: u32,
}

impl From<TappedCommand> for Row {
    fn from(command: TappedCommand) -> Self {
        Row {
            t: command.at_us / 1000,
            cmd: command.spec.full_name().to_uppercase().replace('|', " "),
            key: command.key.map(bytes_of),
            args: command.words.into_iter().map(bytes_of).collect(),
            more: command.words_more,
            db: command.db,
            cid: command.client_id.to_string(),
            addr: command.addr,
            // To a tenth: many take less than one.
            latency_us: command.elapsed_ns.map(|ns| (ns as f64 / 100.0).round() / 10.0),
            failed: command.failed,
            sample: command.stands_for,
        }
    }
}

fn bytes_of(word: CutWord) -> Bytes {
    if word.bytes > word.head.len() {
        Bytes::beginning(&word.head, word.bytes as u64)
    } else {
        word.head.into()
    }
}

/// Has the engine write commands down while somebody watches, and publishes them.
pub(crate) async fn run(app: Arc<App>) {
    loop {
        app.hub.any_watched(TOPICS).await;
        app.engine.tap_commands(true);
        let mut drain = interval(TAP_DRAIN_TIME);
        drain.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while app.hub.is_any_watched(&TOPICS) {
            drain.tick().await;
            for command in app.engine.tapped_commands() {
                let row = Row::from(command);
                let plain = json!({"cmd": row.cmd, "key": row.key, "latency_us": row.latency_us});
                app.hub.publish(Topic::PlainCommand, None, &plain);
                app.hub.publish(Topic::Command, None, &row);
            }
        }
        app.engine.tap_commands(false);
    }
}
