//! The walk over the keys of a plan, a bounded piece at a time: by SCAN, whose cursor finds every key that is there from beginning to
//! end however many come and go meanwhile, or over the names that were given.

use super::link::Link;
use super::wish::{Matched, Plan};
use crate::App;
use crate::api::keys::Name;
use crate::ask::{Conversation, about, items, text};
use crate::error::ApiError;
use crate::thin;
use flashdb_server::engine::{Aim, Identity};
use std::net::SocketAddr;
use std::sync::Arc;

/// Keys that one step looks at: with names as long as they may be, its answer is still kept whole.
const STEP_KEYS: usize = 250;

/// Where a walk stands.
enum Place {
    Begin,
    At(String),
    /// The next of the names that were given.
    Named(usize),
    End,
}

/// See the module's head.
pub(super) struct Walk {
    pub link: Link,
    plan: Arc<Plan>,
    place: Place,
    /// Keys that were looked at, about.
    pub looked: u64,
}

impl Walk {
    pub fn new(aim: Aim, app: &Arc<App>, identity: &Identity, peer: SocketAddr, plan: &Arc<Plan>) -> Self {
        Walk {
            link: Link::new(aim, app, identity, peer, plan.db),
            plan: plan.clone(),
            place: match plan.matched {
                Matched::Keys(_) => Place::Named(0),
                _ => Place::Begin,
            },
            looked: 0,
        }
    }

    pub fn has_ended(&self) -> bool {
        matches!(self.place, Place::End)
    }

    /// Ends the connection until it is needed again.
    pub fn let_go(&mut self) {
        self.link.let_go();
    }

    /// A connection of the user as of now, with time for a question.
    ///
    /// # Errors
    /// As [`Link::conversation`].
    pub async fn conversation(&mut self) -> Result<&mut Conversation, ApiError> {
        self.link.conversation().await
    }

    /// The keys of the next piece, which may be none; empty at the end.
    ///
    /// # Errors
    /// The engine's.
    pub async fn step(&mut self) -> Result<Vec<Name>, ApiError> {
        let cursor = match &self.place {
            Place::End => return Ok(Vec::new()),
            Place::Named(next) => return Ok(self.step_named(*next)),
            Place::Begin => "0".to_owned(),
            Place::At(cursor) => cursor.clone(),
        };
        let count = STEP_KEYS.to_string();
        let mut request = about("SCAN", cursor.as_bytes(), ["COUNT", &count, "MATCH"]);
        request.push(self.plan.pattern());
        if let Some(kind) = &self.plan.kind {
            request.extend([b"TYPE".to_vec(), kind.clone().into_bytes()]);
        }
        let reply = self.conversation().await?.ask(&request).await?;
        let mut parts = items(reply).into_iter();
        let next = parts.next().and_then(text).unwrap_or_default();
        let page = parts.next().map(items).unwrap_or_default();
        self.place = match next.as_slice() {
            b"0" | b"" => Place::End,
            next => Place::At(String::from_utf8_lossy(next).into_owned()),
        };
        self.looked += STEP_KEYS as u64;
        Ok(page.into_iter().filter_map(thin::string).collect())
    }

    fn step_named(&mut self, next: usize) -> Vec<Name> {
        let Matched::Keys(keys) = &self.plan.matched else {
            return Vec::new();
        };
        let end = keys.len().min(next + STEP_KEYS);
        let names = keys[next.min(end)..end].iter().map(|key| (key.clone(), None));
        self.looked += (end - next.min(end)) as u64;
        self.place = if end == keys.len() {
            Place::End
        } else {
            Place::Named(end)
        };
        names.collect()
    }
}
