//! What is said of a branch: its keys and bytes, and the branches below it, in order, some of them. Whoever may not read all
//! keys hears only of branches that are wholly within their patterns, and the names of those that lead there.

use super::Question;
use crate::acl::User;
use flashdb_command::registry::Command;
use flashdb_resp::Reply;
use flashdb_store::{Outline, Tally};
use std::sync::Arc;

/// Order of branches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// Most bytes first.
    Bytes,
    /// Most keys first.
    Keys,
    /// By name.
    Name,
}

/// Who asks, with the command that they ask by.
pub struct Rights {
    /// The user.
    pub user: Arc<User>,
    /// The command.
    pub command: Command,
}

impl Rights {
    /// Whether all keys that begin with this may be read.
    pub fn cover(&self, prefix: &[u8]) -> bool {
        self.user.permissions.read_all_below(&self.command, prefix)
    }

    /// Whether something that may be read begins with this.
    fn lead_through(&self, prefix: &[u8]) -> bool {
        self.user.permissions.read_some_below(&self.command, prefix)
    }
}

/// Figures to answer from.
pub struct Figures {
    /// The branches, and which are told.
    pub outline: Arc<Outline>,
    /// All keys of the database.
    pub all: Tally,
    /// The branch that was asked for.
    pub own: Tally,
    /// Branches below it, with what they hold.
    pub below: Vec<(u32, Tally)>,
    /// Whether keys are exact, or an estimate.
    pub exact: bool,
    /// Share of the keys that is counted.
    pub progress: f64,
}

fn tell(reply: &mut Reply, name: &str, value: Option<u64>) {
    reply.bulk_str(name);
    match value {
        Some(value) => reply.count(value as usize),
        None => reply.null(),
    }
}

/// Writes the answer.
pub fn write(reply: &mut Reply, question: &Question, mut figures: Figures) {
    let outline = figures.outline.clone();
    let name = |id: u32| &*outline.branch(id).prefix;
    let covered = question.rights.cover(&question.prefix);
    let listed: u64 = figures.below.iter().map(|(_, tally)| tally.keys).sum();
    figures.below.retain(|(_, tally)| tally.keys > 0);
    if !covered {
        figures
            .below
            .retain(|(id, _)| question.rights.cover(name(*id)) || question.rights.lead_through(name(*id)));
    }
    match question.sort {
        Sort::Name => figures.below.sort_unstable_by(|a, b| name(a.0).cmp(name(b.0))),
        Sort::Keys => figures
            .below
            .sort_unstable_by(|a, b| b.1.keys.cmp(&a.1.keys).then_with(|| name(a.0).cmp(name(b.0)))),
        Sort::Bytes => figures
            .below
            .sort_unstable_by(|a, b| b.1.bytes.cmp(&a.1.bytes).then_with(|| name(a.0).cmp(name(b.0)))),
    }
    let of_all = question.rights.cover(b"");
    let seen = |value: u64| covered.then_some(value);
    let end = question.offset.saturating_add(question.limit);
    reply.map(12);
    reply.bulk_str("prefix");
    reply.bulk(&question.prefix);
    reply.bulk_str("separator");
    reply.bulk(&[outline.separator()]);
    tell(reply, "db-keys", of_all.then_some(figures.all.keys));
    tell(reply, "db-bytes", of_all.then_some(figures.all.bytes));
    tell(reply, "keys", seen(figures.own.keys));
    tell(reply, "bytes", seen(figures.own.bytes));
    // Of some of the branches one does not know what is in none.
    let loose = seen(figures.own.keys.saturating_sub(listed));
    tell(reply, "loose", loose.filter(|_| question.beginning.is_empty()));
    tell(reply, "exact", Some(u64::from(figures.exact)));
    reply.bulk_str("progress");
    reply.double(figures.progress);
    tell(reply, "branches-total", Some(figures.below.len() as u64));
    tell(reply, "next", (end < figures.below.len()).then_some(end as u64));
    reply.bulk_str("branches");
    let page = figures.below.iter().skip(question.offset).take(question.limit);
    reply.array(page.len());
    for (id, tally) in page {
        let is_seen = covered || question.rights.cover(name(*id));
        reply.array(4);
        reply.bulk(name(*id));
        for value in [tally.keys, tally.bytes] {
            match is_seen {
                true => reply.count(value as usize),
                false => reply.null(),
            }
        }
        reply.count(outline.branch(*id).children.len());
    }
}
