//! The newest events of the audit log, in memory, for who looks at them over HTTP (OBS-08). It is bounded: so many entries,
//! each of so many bytes. What anybody can bring about who has no password, and what users bring about by logging in, stand on
//! shelves of their own, so that no flood of them pushes out what was done to the server. The same login, failure or refusal
//! again within a minute is counted. All of it is gone with the server. The file of the audit log outlives it: it has each command
//! and failed login, and of other logins, lockouts and refusals as many as `audit.rs` says.

use flashdb_base::clock;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::OnceLock;

/// Entries of what was done to the server, of logins and sessions, and of what was refused.
const ENTRIES_MAX: [usize; 3] = [4096, 1024, 1024];
/// Bytes of what was asked for, and of each other text of an entry.
const DETAIL_BYTES_MAX: usize = 512;
const TEXT_BYTES_MAX: usize = 128;
/// Entries are counted together if they began no longer ago than this.
const TOGETHER_MS: i64 = 60_000;
/// How many of the newest of a shelf are looked at for one to count with.
const LOOKED_AT: usize = 32;

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditKind {
    /// Logins, and the sessions of the HTTP interface.
    SignIn,
    /// Users and roles.
    Access,
    /// Settings, webhooks among them.
    Settings,
    /// Many keys or whole databases changed at a time.
    Data,
    /// Copies of the data: made, read, restored, removed.
    Backup,
    /// All else that administrators do.
    Server,
    /// What access control refused.
    Refused,
}

impl AuditKind {
    /// All of them.
    pub const ALL: [AuditKind; 7] = [
        AuditKind::SignIn,
        AuditKind::Access,
        AuditKind::Settings,
        AuditKind::Data,
        AuditKind::Backup,
        AuditKind::Server,
        AuditKind::Refused,
    ];

    /// As a filter names it.
    pub fn name(self) -> &'static str {
        match self {
            AuditKind::SignIn => "sign-in",
            AuditKind::Access => "access",
            AuditKind::Settings => "settings",
            AuditKind::Data => "data",
            AuditKind::Backup => "backup",
            AuditKind::Server => "server",
            AuditKind::Refused => "refused",
        }
    }

    /// Of an event of the audit log, and the command if it is one.
    fn of(event: &str, what: &str) -> Self {
        match event {
            "login" | "session" => AuditKind::SignIn,
            "refusal" => AuditKind::Refused,
            "webhook" => AuditKind::Settings,
            "export" | "backup" => AuditKind::Backup,
            "command" => Self::of_command(what),
            _ => AuditKind::Data,
        }
    }

    fn of_command(full_name: &str) -> Self {
        match full_name {
            "flushall" | "flushdb" | "swapdb" => AuditKind::Data,
            "save" | "bgsave" | "bgrewriteaof" | "sync" | "psync" => AuditKind::Backup,
            name if name.starts_with("snapshot.") => AuditKind::Backup,
            name if name.starts_with("acl|") => AuditKind::Access,
            name if name.starts_with("config|") => AuditKind::Settings,
            _ => AuditKind::Server,
        }
    }
}

/// An event of the audit log.
#[derive(Clone, Debug, Default)]
pub struct AuditEntry {
    /// Number since the start; grows.
    pub id: u64,
    /// Grows with each change of any entry.
    pub change: u64,
    /// Unix time, ms; of several the last.
    pub at_ms: i64,
    /// Of several the first.
    pub first_ms: i64,
    /// How often.
    pub count: u64,
    /// As in the log: `command`, `login`, `session`, …
    pub event: &'static str,
    /// The command's full name, why a session ended or something was refused, the id of a job, an address.
    pub what: String,
    /// What became of it.
    pub outcome: &'static str,
    /// Whose doing, or whose session.
    pub user: String,
    /// Who did it, where that is somebody else.
    pub by: String,
    /// Address and port.
    pub addr: String,
    /// Of the HTTP interface.
    pub request_id: String,
    /// What was asked for, as far as it may be shown.
    pub detail: String,
}

impl AuditEntry {
    /// What it is about.
    pub fn kind(&self) -> AuditKind {
        AuditKind::of(self.event, &self.what)
    }

    fn shelf(&self) -> usize {
        match self.event {
            "login" if self.outcome != "done" => 2,
            "refusal" => 2,
            "login" | "session" => 1,
            _ => 0,
        }
    }

    fn is_counted(&self) -> bool {
        matches!(self.event, "login" | "refusal")
    }

    fn is_same(&self, other: &AuditEntry) -> bool {
        self.event == other.event
            && self.outcome == other.outcome
            && self.what == other.what
            && self.detail == other.detail
            && self.user == other.user
            && host(&self.addr) == host(&other.addr)
    }

    fn cut(&mut self) {
        cut(&mut self.detail, DETAIL_BYTES_MAX);
        for text in [
            &mut self.what,
            &mut self.user,
            &mut self.by,
            &mut self.addr,
            &mut self.request_id,
        ] {
            cut(text, TEXT_BYTES_MAX);
        }
    }
}

/// The address without its port, which is another one with each connection.
fn host(addr: &str) -> &str {
    addr.rsplit_once(':').map_or(addr, |(host, _)| host)
}

fn cut(text: &mut String, bytes_max: usize) {
    if text.len() > bytes_max {
        let end = (0..=bytes_max).rev().find(|&at| text.is_char_boundary(at));
        text.truncate(end.unwrap_or(0));
        text.push('…');
    }
    // What is kept is bounded by what it takes, not by what it shows.
    text.shrink_to_fit();
}

#[derive(Default)]
struct Shelves {
    entries: [VecDeque<AuditEntry>; 3],
    last_id: u64,
    last_change: u64,
    dropped: u64,
}

/// See the module's head.
#[derive(Default)]
pub struct AuditTrail {
    shelves: Mutex<Shelves>,
    on_change: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

/// Some of the entries.
#[derive(Debug, Default)]
pub struct AuditPage {
    /// Newest first.
    pub entries: Vec<AuditEntry>,
    /// Whether there are more behind them.
    pub more: bool,
    /// Entries of any kind that had to go since the start.
    pub dropped: u64,
}

/// What has changed since a look.
#[derive(Debug, Default)]
pub struct AuditNews {
    /// Oldest change first.
    pub entries: Vec<AuditEntry>,
    /// Older changed entries that are not among them.
    pub left_out: u64,
    /// The last change.
    pub last: u64,
}

impl AuditTrail {
    /// Keeps an entry; its number and time are given here. False if it was counted with one before it. Waits for nobody
    /// longer than it takes to look at the entries.
    pub fn note(&self, mut entry: AuditEntry) -> bool {
        entry.cut();
        entry.at_ms = clock::unix_ms() as i64;
        let is_new = self.shelves.lock().put(entry);
        if let Some(tell) = self.on_change.get() {
            tell();
        }
        is_new
    }

    /// Has something done after each change, on the thread that made it. For one listener; later ones are not heard.
    pub fn on_change(&self, tell: impl Fn() + Send + Sync + 'static) {
        let _first_stays = self.on_change.set(Box::new(tell));
    }

    /// The newest `limit` entries with numbers below `before` that `wanted` takes.
    pub fn page(&self, before: u64, limit: usize, wanted: impl Fn(&AuditEntry) -> bool) -> AuditPage {
        let shelves = self.shelves.lock();
        let mut found: Vec<&AuditEntry> = shelves
            .entries
            .iter()
            .flatten()
            .filter(|entry| entry.id < before && wanted(entry))
            .collect();
        found.sort_unstable_by_key(|entry| std::cmp::Reverse(entry.id));
        AuditPage {
            more: found.len() > limit,
            entries: found.into_iter().take(limit).cloned().collect(),
            dropped: shelves.dropped,
        }
    }

    /// What has changed after `change`, at most `limit` of the newest.
    pub fn changed(&self, change: u64, limit: usize) -> AuditNews {
        let shelves = self.shelves.lock();
        let mut found: Vec<&AuditEntry> = shelves
            .entries
            .iter()
            .flatten()
            .filter(|entry| entry.change > change)
            .collect();
        found.sort_unstable_by_key(|entry| entry.change);
        let left_out = found.len().saturating_sub(limit);
        AuditNews {
            entries: found[left_out..].iter().copied().cloned().collect(),
            left_out: left_out as u64,
            last: shelves.last_change,
        }
    }
}

impl Shelves {
    fn put(&mut self, mut entry: AuditEntry) -> bool {
        self.last_change += 1;
        entry.change = self.last_change;
        let shelf = &mut self.entries[entry.shelf()];
        let counted = entry.is_counted().then(|| {
            let newest = shelf.iter_mut().rev().take(LOOKED_AT);
            newest
                .filter(|before| entry.at_ms - before.first_ms < TOGETHER_MS)
                .find(|before| before.is_same(&entry))
        });
        if let Some(before) = counted.flatten() {
            before.count += 1;
            (before.at_ms, before.change) = (entry.at_ms, entry.change);
            before.addr = entry.addr;
            return false;
        }
        if shelf.len() >= ENTRIES_MAX[entry.shelf()] {
            shelf.pop_front();
            self.dropped += 1;
        }
        self.last_id += 1;
        (entry.id, entry.count, entry.first_ms) = (self.last_id, 1, entry.at_ms);
        shelf.push_back(entry);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn entry(event: &'static str, outcome: &'static str, addr: &str) -> AuditEntry {
        AuditEntry {
            event,
            outcome,
            addr: addr.to_owned(),
            ..AuditEntry::default()
        }
    }

    fn command(name: &str) -> AuditEntry {
        AuditEntry {
            what: name.to_owned(),
            ..entry("command", "done", "10.0.0.1:1")
        }
    }

    #[test]
    fn a_flood_of_failures_pushes_out_nothing_that_was_done() {
        let trail = AuditTrail::default();
        assert!(trail.note(command("flushall")));
        assert!(trail.note(entry("session", "begun", "10.0.0.1:1")));
        for n in 0..3 * ENTRIES_MAX[2] {
            assert!(trail.note(entry(
                "login",
                "failed",
                &format!("10.0.{}.{}:1", n / 256, n % 256)
            )));
        }
        let page = trail.page(u64::MAX, usize::MAX, |_| true);
        assert_eq!(page.entries.len(), ENTRIES_MAX[2] + 2);
        assert_eq!(page.dropped, 2 * ENTRIES_MAX[2] as u64);
        assert_eq!(page.entries.last().map(|entry| &*entry.what), Some("flushall"));
        for _ in 0..2 * ENTRIES_MAX[0] {
            trail.note(command("config|set"));
        }
        let page = trail.page(u64::MAX, usize::MAX, |entry| entry.kind() == AuditKind::Settings);
        assert_eq!(page.entries.len(), ENTRIES_MAX[0]);
    }

    #[test]
    fn the_same_failure_is_counted_and_commands_are_not() {
        let trail = AuditTrail::default();
        assert!(trail.note(entry("login", "failed", "10.0.0.1:1")));
        assert!(!trail.note(entry("login", "failed", "10.0.0.1:2")));
        assert!(trail.note(entry("login", "failed", "10.0.0.2:1")));
        assert!(trail.note(command("flushall")) && trail.note(command("flushall")));
        let page = trail.page(u64::MAX, 10, |entry| entry.event == "login");
        let seen: Vec<_> = page
            .entries
            .iter()
            .map(|entry| (entry.count, &*entry.addr))
            .collect();
        assert_eq!(seen, [(1, "10.0.0.2:1"), (2, "10.0.0.1:2")]);
    }

    #[test]
    fn pages_follow_each_other_and_changes_are_told() {
        let trail = AuditTrail::default();
        let told = Arc::new(AtomicUsize::new(0));
        let counted = told.clone();
        trail.on_change(move || {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        for name in ["save", "acl|setuser", "flushdb", "shutdown"] {
            trail.note(command(name));
        }
        assert_eq!(told.load(Ordering::Relaxed), 4);
        let first = trail.page(u64::MAX, 3, |_| true);
        assert!(first.more && first.entries.len() == 3);
        let rest = trail.page(first.entries[2].id, 3, |_| true);
        assert!(!rest.more && rest.entries.len() == 1 && rest.entries[0].what == "save");
        let news = trail.changed(2, 10);
        let names: Vec<_> = news.entries.iter().map(|entry| &*entry.what).collect();
        assert_eq!((names, news.last), (vec!["flushdb", "shutdown"], 4));
        assert_eq!(news.left_out, 0);
        let news = trail.changed(0, 1);
        assert_eq!((&*news.entries[0].what, news.left_out), ("shutdown", 3));
    }

    #[test]
    fn what_is_long_is_cut() {
        let trail = AuditTrail::default();
        trail.note(AuditEntry {
            detail: "é".repeat(10_000),
            user: "x".repeat(10_000),
            ..command("config|set")
        });
        let page = trail.page(u64::MAX, 1, |_| true);
        let kept = &page.entries[0];
        assert!(kept.detail.len() <= DETAIL_BYTES_MAX + 3 && kept.detail.ends_with("é…"));
        assert!(kept.user.len() <= TEXT_BYTES_MAX + 3);
    }
}
