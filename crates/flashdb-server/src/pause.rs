//! CLIENT PAUSE: until a moment, commands of some kind are held back. The flag is looked at before
//! every command, so it is one atomic; 0 means no pause.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// The pause in force.
#[derive(Default)]
pub struct Pause {
    until_ms: AtomicI64,
    writes_only: AtomicBool,
}

impl Pause {
    /// Pauses until `until_ms`. As in Redis a longer or stricter pause in force is not weakened.
    pub fn start(&self, until_ms: i64, writes_only: bool, now_ms: i64) {
        let in_force = self.until_ms.load(Ordering::Acquire) > now_ms;
        let stricter = in_force && !self.writes_only.load(Ordering::Acquire);
        self.writes_only
            .store(writes_only && !stricter, Ordering::Release);
        let until_ms = if in_force {
            until_ms.max(self.until_ms.load(Ordering::Acquire))
        } else {
            until_ms
        };
        self.until_ms.store(until_ms, Ordering::Release);
    }

    /// Ends the pause.
    pub fn end(&self) {
        self.until_ms.store(0, Ordering::Release);
    }

    /// End of the pause in force, if one is.
    #[inline]
    pub fn until_ms(&self, now_ms: i64) -> Option<i64> {
        let until_ms = self.until_ms.load(Ordering::Relaxed);
        (until_ms > now_ms).then_some(until_ms)
    }

    /// Whether only commands that write are held back.
    pub fn writes_only(&self) -> bool {
        self.writes_only.load(Ordering::Acquire)
    }
}
