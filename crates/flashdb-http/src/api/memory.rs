//! Resident memory in parts that add up to it: by MEMORY STATS when asked, and each second to who watches, out of the figures of
//! that second.

use crate::App;
use crate::ask::{Conversation, integer, items, text, words};
use crate::caller::Caller;
use crate::error::ApiError;
use crate::topic::Topic;
use axum::Json;
use axum::extract::State;
use flashdb_resp::reply::Value;
use flashdb_server::engine::{Figures, PART_NAMES};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where memory is.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Memory {
    /// Resident memory, bytes.
    rss: u64,
    /// What it is for; the bytes add up to `rss`.
    parts: Vec<Part>,
    /// Bytes that are counted and not resident: swapped out, or never touched.
    absent: u64,
    /// What the server counts as in use, bytes.
    used: u64,
    /// The most that was in use, bytes.
    peak: u64,
    keys: u64,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Part {
    /// `program`, `server`, `tables`, `expiry`, `data`, `index`, `clients`, `tracking`, `scripts`, `log`, `http` or `other`.
    name: &'static str,
    bytes: u64,
}

/// The numbers of a map, by name.
fn numbers(reply: Value) -> BTreeMap<String, u64> {
    let mut numbers = BTreeMap::new();
    let mut words = items(reply).into_iter();
    while let (Some(name), Some(value)) = (words.next(), words.next()) {
        if let (Some(name), Some(number)) = (text(name), integer(&value)) {
            let number = u64::try_from(number).unwrap_or(0);
            numbers.insert(String::from_utf8_lossy(&name).into_owned(), number);
        }
    }
    numbers
}

/// Tells who watches, out of what was counted for all anyhow.
pub(crate) fn publish(app: &App, figures: &Figures) {
    if !app.hub.is_watched(Topic::Memory) {
        return;
    }
    let resident = &figures.resident;
    let parts = PART_NAMES.into_iter().zip(resident.parts);
    let memory = Memory {
        rss: resident.total_bytes as u64,
        parts: parts
            .map(|(name, bytes)| Part {
                name,
                bytes: bytes as u64,
            })
            .collect(),
        absent: resident.absent_bytes as u64,
        used: figures.used_bytes,
        peak: figures.used_peak_bytes,
        keys: figures.databases.iter().map(|database| database.keys).sum(),
    };
    app.hub.publish(Topic::Memory, None, &memory);
}

/// `GET /memory`.
pub(crate) async fn show(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Memory>, ApiError> {
    let mut conversation = Conversation::of(&app, &caller, 0).await?;
    let numbers = numbers(conversation.ask(&words(["MEMORY", "STATS"])).await?);
    let number = |name: &str| numbers.get(name).copied().unwrap_or(0);
    Ok(Json(Memory {
        rss: number("resident.total"),
        parts: PART_NAMES
            .into_iter()
            .map(|name| Part {
                name,
                bytes: number(&format!("resident.{name}")),
            })
            .collect(),
        absent: number("resident.absent"),
        used: number("total.allocated"),
        peak: number("peak.allocated"),
        keys: number("keys.count"),
    }))
}
