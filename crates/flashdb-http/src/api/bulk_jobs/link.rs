//! A job's connection to the engine: of its user as of now, in one database. It is made anew before what it was answered grows
//! large, and is let go while the job rests.

use crate::App;
use crate::api::keys::NAME_BYTES_MAX;
use crate::ask::{Conversation, about};
use crate::error::ApiError;
use axum::http::StatusCode;
use flashdb_server::engine::{Aim, Identity};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Bytes of answers after which the connection is made anew.
const CONNECTION_BYTES: usize = 1 << 20;
/// Time for one question to the engine.
const TIME: Duration = Duration::from_secs(10);

/// See the module's head.
pub(in crate::api) struct Link {
    aim: Aim,
    app: Arc<App>,
    identity: Identity,
    peer: SocketAddr,
    db: u64,
    conversation: Option<Conversation>,
}

impl Link {
    pub fn new(aim: Aim, app: &Arc<App>, identity: &Identity, peer: SocketAddr, db: u64) -> Self {
        Link {
            aim,
            app: app.clone(),
            identity: identity.clone(),
            peer,
            db,
            conversation: None,
        }
    }

    /// Ends the connection until it is needed again.
    pub fn let_go(&mut self) {
        self.conversation = None;
    }

    /// Goes on in this database.
    pub fn select(&mut self, db: u64) {
        if self.db != db {
            self.let_go();
            self.db = db;
        }
    }

    /// A connection of the user as of now, with time for a question.
    ///
    /// # Errors
    /// When the user has gone, may not select the database, or there is no place.
    pub async fn conversation(&mut self) -> Result<&mut Conversation, ApiError> {
        let Some(identity) = self.app.engine.standing(&self.identity) else {
            return Err(ApiError::new(
                StatusCode::UNAUTHORIZED,
                "SESSION_ENDED",
                "its user was removed, switched off or given other passwords",
            ));
        };
        self.identity = identity;
        let is_spent = |conversation: &Conversation| conversation.received_bytes() >= CONNECTION_BYTES;
        if self.conversation.as_ref().is_none_or(is_spent) {
            self.conversation = None;
            let mut fresh =
                Conversation::begin_to(self.aim, &self.app, self.peer, Some(&self.identity)).await?;
            if self.db != 0 {
                let select = about("SELECT", self.db.to_string().as_bytes(), []);
                fresh.ask(&select).await?;
            }
            fresh.cut_strings(NAME_BYTES_MAX);
            self.conversation = Some(fresh);
        }
        let conversation = self.conversation.as_mut().ok_or_else(ApiError::stopping)?;
        conversation.set_time(TIME);
        Ok(conversation)
    }
}
