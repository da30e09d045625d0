//! What the log's writer tells the core loops: that replies may go, that the log failed or works again, that its buffer has
//! drained.

use crate::core_loop::Message;
use crate::server::Server;
use flashdb_log::{LogListener, Lsn};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

/// The server as the writer sees it. It does not keep the server alive, which owns the writer.
pub struct Listener(Weak<Server>);

impl Listener {
    pub fn new(server: &Arc<Server>) -> Self {
        Listener(Arc::downgrade(server))
    }
}

impl LogListener for Listener {
    fn durable(&self, _lsn: Lsn) {
        let Some(server) = self.0.upgrade() else { return };
        for handle in &server.loops {
            // Only loops with parked replies are woken, and each once until it parks again.
            if handle.awaits_durable.load(Ordering::SeqCst)
                && handle.awaits_durable.swap(false, Ordering::SeqCst)
            {
                handle.mailbox.post(Message::Durable);
            }
        }
    }

    fn health_changed(&self, failed: bool) {
        let Some(server) = self.0.upgrade() else { return };
        if failed {
            tracing::error!("the log failed: writes are refused until it works again");
        } else {
            tracing::warn!("the log works again; writes are taken");
        }
        wake_all(&server);
    }

    fn room_changed(&self, full: bool) {
        if full {
            tracing::error!("the disk is full: writes are refused until there is room");
        } else {
            tracing::warn!("there is room on the disk again; writes are taken");
        }
    }

    fn drained(&self) {
        if let Some(server) = self.0.upgrade() {
            server.post_all(|| Message::Unpause);
        }
    }
}

/// Has every loop look at its parked replies.
pub fn wake_all(server: &Server) {
    server.post_all(|| Message::Durable);
}
