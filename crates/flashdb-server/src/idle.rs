//! Which connections are dropped for what they do not do: those that are silent for longer than `timeout`
//! allows, unless they wait for something, and those that never completed a command. The latter need no
//! setting: a connection that says nothing for minutes is no client, and each costs a file.

/// A connection that has not completed its first command by then is dropped.
const FIRST_COMMAND_MS: i64 = 300_000;

/// What a connection has done, as the sweep sees it. Times are Unix milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Activity {
    /// When it was accepted.
    pub created_ms: i64,
    /// When it last ran a command.
    pub last_ms: i64,
    /// Whether it has completed any command.
    pub has_spoken: bool,
    /// It waits for something: a blocking command, messages, the feed of MONITOR.
    pub waits: bool,
}

impl Activity {
    /// Time since the last command.
    pub fn idle_ms(&self, now_ms: i64) -> i64 {
        now_ms - self.last_ms
    }

    /// Whether the connection is to be dropped; `timeout_seconds` is the setting, 0 for no limit.
    pub fn is_overdue(&self, now_ms: i64, timeout_seconds: u32) -> bool {
        let timeout_ms = i64::from(timeout_seconds) * 1000;
        let timed_out = timeout_ms > 0 && self.idle_ms(now_ms) > timeout_ms && !self.waits;
        timed_out || (!self.has_spoken && now_ms - self.created_ms > FIRST_COMMAND_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENT: Activity = Activity {
        created_ms: 1_000,
        last_ms: 1_000,
        has_spoken: false,
        waits: false,
    };

    #[test]
    fn who_says_nothing_has_five_minutes() {
        assert!(!SILENT.is_overdue(301_000, 0));
        assert!(SILENT.is_overdue(301_001, 0));
    }

    #[test]
    fn who_has_spoken_may_rest() {
        let spoken = Activity {
            has_spoken: true,
            last_ms: 2_000,
            ..SILENT
        };
        assert!(!spoken.is_overdue(i64::MAX / 2, 0));
        assert!(!spoken.is_overdue(12_000, 10));
        assert!(spoken.is_overdue(12_001, 10));
    }

    #[test]
    fn who_waits_is_not_idle() {
        let waiting = Activity {
            has_spoken: true,
            waits: true,
            ..SILENT
        };
        assert!(!waiting.is_overdue(i64::MAX / 2, 10));
    }
}
