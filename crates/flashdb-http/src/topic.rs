//! The topics of the WebSocket: what each is called, the command whose right it takes, and how it behaves where a viewer is
//! slower than what comes. A new topic is a row here and whoever publishes to it (`hub.rs`).

/// What may be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topic {
    /// The figures of each second.
    Stats,
    /// The same in short, for who has said nothing of our protocol.
    PlainStats,
    /// Work under way on the server: its progress and its end, by the job's id.
    Job,
    /// Some of the commands as they are run.
    Command,
    /// The keys that are used most.
    HotKeys,
    /// What has passed a threshold, or no longer does.
    Alert,
    /// The same of hot keys, whose names not everybody may see.
    HotKeyAlert,
    /// Branches of the key tree whose keys have changed.
    Keyspace,
    /// As `Command`, in short and fewer, for who has said nothing of our protocol.
    PlainCommand,
    /// As `Keyspace`, for the same.
    PlainKeyspace,
    /// The addresses that alerts are sent to, and how that goes.
    Webhooks,
    /// What each command has done and how long it took.
    CommandStats,
    /// Commands that took long, as they come into the slow log.
    SlowLog,
    /// Clients that came, went, or did something.
    Clients,
    /// Where resident memory is.
    Memory,
    /// How much is listened to, and how much is published.
    PubSub,
    /// The audit log.
    Audit,
}

/// What a viewer is shown of the time in which its connection was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replay {
    /// Nothing: it is told of the gap, or is shown the newest of a state.
    Never,
    /// What came for others, or since it left; where nobody watches, nothing comes.
    WhileWatched,
    /// All.
    Always,
}

/// What becomes of messages that a viewer has not taken yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// The newest replaces the one before it.
    State,
    /// They come in batches; above `per_second`, or what the viewer takes, the oldest are dropped, and a `gap` tells how many.
    Events {
        /// Most that a viewer is sent.
        per_second: usize,
    },
    /// None is dropped but for a newer one of the same id; a viewer who takes none of them is closed.
    MustArrive,
}

/// A row of the table.
pub(crate) struct TopicRow {
    pub topic: Topic,
    /// `type` of its messages.
    pub kind: &'static str,
    /// Whether it can be asked for by its name.
    pub listed: bool,
    /// Full name of the command whose right it takes.
    pub right: &'static str,
    pub class: Class,
    pub replay: Replay,
}

/// ACL LOG is what is nearest to the audit log: who may read of refusals may read of the rest.
pub(crate) const AUDIT_RIGHT: &str = "acl|log";

/// Number of topics.
pub(crate) const TOPICS: usize = TABLE.len();

const TABLE: &[TopicRow] = &[
    TopicRow {
        topic: Topic::Stats,
        kind: "stats",
        listed: true,
        right: "info",
        class: Class::State,
        replay: Replay::Never,
    },
    TopicRow {
        topic: Topic::PlainStats,
        kind: "stats",
        listed: false,
        right: "info",
        class: Class::State,
        replay: Replay::Never,
    },
    TopicRow {
        topic: Topic::Job,
        kind: "job",
        listed: true,
        right: "info",
        class: Class::MustArrive,
        replay: Replay::Always,
    },
    TopicRow {
        topic: Topic::Command,
        kind: "command",
        listed: true,
        right: "monitor",
        // Twice what the engine gives: rows of two drains may come into one batch.
        class: Class::Events { per_second: 100 },
        replay: Replay::WhileWatched,
    },
    TopicRow {
        topic: Topic::HotKeys,
        kind: "hotkeys",
        listed: true,
        right: "hotkeys.list",
        class: Class::State,
        replay: Replay::Never,
    },
    TopicRow {
        topic: Topic::Alert,
        kind: "alert",
        listed: true,
        right: "info",
        class: Class::MustArrive,
        replay: Replay::Always,
    },
    TopicRow {
        topic: Topic::HotKeyAlert,
        kind: "alert",
        listed: false,
        right: "hotkeys.list",
        class: Class::MustArrive,
        replay: Replay::Always,
    },
    TopicRow {
        topic: Topic::Keyspace,
        kind: "keyspace",
        listed: true,
        right: "prefix.tree",
        // Of what a look finds ten are told, which come into one batch; looks are a second apart.
        class: Class::Events { per_second: 40 },
        replay: Replay::Never,
    },
    TopicRow {
        topic: Topic::PlainCommand,
        kind: "command",
        listed: false,
        right: "monitor",
        class: Class::Events { per_second: 20 },
        replay: Replay::Never,
    },
    TopicRow {
        topic: Topic::PlainKeyspace,
        kind: "keyspace",
        listed: false,
        right: "prefix.tree",
        class: Class::Events { per_second: 40 },
        replay: Replay::Never,
    },
    TopicRow {
        topic: Topic::Webhooks,
        kind: "webhooks",
        listed: true,
        right: "config|get",
        class: Class::State,
        replay: Replay::Never,
    },
    TopicRow {
        topic: Topic::CommandStats,
        kind: "commandstats",
        listed: true,
        right: "info",
        class: Class::State,
        replay: Replay::Never,
    },
    TopicRow {
        topic: Topic::SlowLog,
        kind: "slowlog",
        listed: true,
        right: "slowlog|get",
        // What a look finds comes into one batch.
        class: Class::Events { per_second: 400 },
        replay: Replay::WhileWatched,
    },
    TopicRow {
        topic: Topic::Clients,
        kind: "clients",
        listed: true,
        right: "client|list",
        class: Class::Events { per_second: 80 },
        replay: Replay::Never,
    },
    TopicRow {
        topic: Topic::Memory,
        kind: "memory",
        listed: true,
        right: "memory|stats",
        class: Class::State,
        replay: Replay::Never,
    },
    TopicRow {
        topic: Topic::PubSub,
        kind: "pubsub",
        listed: true,
        right: "pubsub|channels",
        class: Class::State,
        replay: Replay::Never,
    },
    TopicRow {
        topic: Topic::Audit,
        kind: "audit",
        listed: true,
        right: AUDIT_RIGHT,
        // Four rounds in a second, of ten each.
        class: Class::Events { per_second: 40 },
        replay: Replay::WhileWatched,
    },
];

impl Topic {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Topic> {
        TABLE.iter().map(|row| row.topic)
    }

    /// The topic that a viewer asks for.
    pub fn named(name: &str) -> Option<Topic> {
        let row = TABLE.iter().find(|row| row.listed && row.kind == name);
        row.map(|row| row.topic)
    }

    /// The topic that is subscribed to together with this one.
    pub fn companion(self) -> Option<Topic> {
        (self == Topic::Alert).then_some(Topic::HotKeyAlert)
    }

    /// Its row.
    pub fn row(self) -> &'static TopicRow {
        &TABLE[self as usize]
    }

    /// Its bit in a [`Topics`].
    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// A set of topics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Topics(u32);

impl Topics {
    pub fn has(self, topic: Topic) -> bool {
        self.0 & topic.bit() != 0
    }

    pub fn set(&mut self, topic: Topic, on: bool) {
        if on {
            self.0 |= topic.bit();
        } else {
            self.0 &= !topic.bit();
        }
    }

    pub fn iter(self) -> impl Iterator<Item = Topic> {
        Topic::all().filter(move |&topic| self.has(topic))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_in_the_order_of_the_topics() {
        for (at, topic) in Topic::all().enumerate() {
            assert_eq!(topic as usize, at);
            let named = Topic::named(topic.row().kind);
            assert_eq!(named == Some(topic), topic.row().listed);
        }
        const { assert!(TOPICS <= 32) };
        assert_eq!(Topic::named("nothing"), None);
    }
}
