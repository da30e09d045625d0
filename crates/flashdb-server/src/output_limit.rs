//! `client-output-buffer-limit`: when a client that does not take its output is disconnected. At once
//! at the hard limit, and when the output stayed at the soft limit or above it for longer than its time. The
//! limit is looked at before and after output is sent, once a second, and after each command of an EXEC.

use crate::client::Client;
use crate::server::Server;
use flashdb_config::{OutputBufferLimit, OutputBufferLimits};
use std::sync::atomic::Ordering;

/// What a client that has not logged in may leave unread: error replies only, and few of them. About as much as with
/// Redis, which counts 1 KiB beyond a buffer of 16.
static OF_STRANGERS: OutputBufferLimit = OutputBufferLimit {
    hard_bytes: 17 * 1024,
    soft_bytes: 0,
    soft_seconds: 0,
};

/// The limit of the client's class, as it is now.
pub fn limit_of<'l>(limits: &'l OutputBufferLimits, client: &Client) -> &'l OutputBufferLimit {
    if !client.authenticated {
        &OF_STRANGERS
    } else if client.subscriptions() > 0 {
        &limits.pubsub
    } else {
        &limits.normal
    }
}

/// Whether so much output ends the connection at once.
pub fn is_over_hard(limit: &OutputBufferLimit, bytes: u64) -> bool {
    limit.hard_bytes > 0 && bytes >= limit.hard_bytes
}

/// Replies left unread by a client that sends request upon request meanwhile, where its class has no hard limit.
const STALLED_BYTES: u64 = 128 * 1024 * 1024;

/// Whether so much output ends the connection of a client that has as many requests waiting as may wait. Where the operator
/// has set a hard limit, that counts instead.
pub fn is_stalled(limit: &OutputBufferLimit, bytes: u64) -> bool {
    limit.hard_bytes == 0 && bytes >= STALLED_BYTES
}

/// Counts and reports a client that is disconnected for its output.
pub fn note_disconnection(server: &Server, client: &Client, bytes: u64) {
    server
        .stats
        .output_limit_disconnections
        .fetch_add(1, Ordering::Relaxed);
    tracing::warn!(
        client = client.info.id,
        bytes,
        "closing client over its output buffer limit"
    );
}

/// Redis 7.0 compares whole seconds of its clock, strictly, so that a client has up to a second more than the
/// setting says and never less; this is the middle. Without it one that counts from its own first look at the
/// buffer sees itself closed a millisecond early.
const GRACE_MS: i64 = 500;

/// How long a client's output has been at the soft limit.
#[derive(Debug, Default)]
pub struct SoftLimit {
    since_ms: Option<i64>,
}

impl SoftLimit {
    /// Notes how much output there is at `now_ms`; true when it has been too much for too long.
    pub fn is_over(&mut self, limit: &OutputBufferLimit, bytes: u64, now_ms: i64) -> bool {
        if limit.soft_bytes == 0 || bytes < limit.soft_bytes {
            self.since_ms = None;
            return false;
        }
        let since_ms = *self.since_ms.get_or_insert(now_ms);
        now_ms - since_ms > i64::from(limit.soft_seconds) * 1000 + GRACE_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: OutputBufferLimit = OutputBufferLimit {
        hard_bytes: 32,
        soft_bytes: 8,
        soft_seconds: 60,
    };

    #[test]
    fn the_soft_limit_holds_for_its_time() {
        let mut soft = SoftLimit::default();
        assert!(!soft.is_over(&LIMIT, 8, 1_000));
        assert!(!soft.is_over(&LIMIT, 20, 30_000));
        assert!(!soft.is_over(&LIMIT, 8, 61_500), "a minute is allowed");
        assert!(soft.is_over(&LIMIT, 8, 61_501));
    }

    #[test]
    fn a_client_that_catches_up_has_its_time_anew() {
        let mut soft = SoftLimit::default();
        assert!(!soft.is_over(&LIMIT, 20, 0));
        assert!(!soft.is_over(&LIMIT, 7, 50_000));
        assert!(!soft.is_over(&LIMIT, 20, 70_000));
        assert!(!soft.is_over(&LIMIT, 20, 130_500));
        assert!(soft.is_over(&LIMIT, 20, 130_501));
    }

    #[test]
    fn zero_means_no_limit() {
        let none = OutputBufferLimit {
            hard_bytes: 0,
            soft_bytes: 0,
            soft_seconds: 0,
        };
        let mut soft = SoftLimit::default();
        for now_ms in [0, 1, 1_000_000] {
            assert!(!soft.is_over(&none, u64::MAX, now_ms));
        }
        assert!(!is_over_hard(&none, u64::MAX));
        assert!(!is_over_hard(&LIMIT, 31) && is_over_hard(&LIMIT, 32));
    }

    #[test]
    fn without_a_time_the_soft_limit_holds_for_part_of_a_second() {
        let limit = OutputBufferLimit {
            soft_seconds: 0,
            ..LIMIT
        };
        let mut soft = SoftLimit::default();
        assert!(!soft.is_over(&limit, 8, 5));
        assert!(!soft.is_over(&limit, 8, 505));
        assert!(soft.is_over(&limit, 8, 506));
    }
}
