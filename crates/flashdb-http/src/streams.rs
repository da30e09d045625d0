//! What is remembered of a viewer for the time in which its connection may come back: who it was, what it watched, and since when
//! nothing was heard of it. It opens nothing by itself: whoever goes on with a stream has come in as everybody does, by the very
//! login that the stream began with. A stream is gone on with once. What it missed is in `replay.rs`.

use crate::caller::Caller;
use crate::hub::Hold;
use crate::replay::KEPT_TIME;
use crate::sessions::random_hex;
use crate::topic::Topics;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::time::Instant;

const ID_BYTES: usize = 16;
/// Streams that are remembered; those of viewers who are there count as well, and are 64 at most.
const STREAMS_MAX: usize = 256;

/// Whose a stream is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A session, by what it is called: its id changes.
    Session(String),
    /// A user without a session.
    User(u64),
}

impl Owner {
    pub fn of(caller: &Caller) -> Owner {
        match &caller.session {
            Some((_, session)) => Owner::Session(session.handle.clone()),
            None => Owner::User(caller.identity.user_id()),
        }
    }
}

/// What a stream is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Watching {
    pub topics: Topics,
    /// When the viewer was last heard of, Unix ms.
    pub heard_ms: i64,
    /// The state of the users that it went by.
    pub rights: u64,
}

struct Stream {
    owner: Owner,
    watching: Watching,
    left: Option<Instant>,
    /// Keeps what it watches under way.
    _hold: Option<Hold>,
}

/// See the module's head.
#[derive(Default)]
pub(crate) struct Streams(Mutex<HashMap<String, Stream>>);

impl Streams {
    /// A new stream: what it is called by, unless the system gives no random numbers.
    pub fn begin(&self, owner: Owner) -> Option<String> {
        let id = random_hex(ID_BYTES).ok()?;
        let stream = Stream {
            owner,
            watching: Watching::default(),
            left: None,
            _hold: None,
        };
        let mut streams = self.0.lock();
        if streams.len() >= STREAMS_MAX {
            let left = streams.iter().filter_map(|(id, stream)| Some((stream.left?, id)));
            let oldest = left.min().map(|(_, id)| id.clone());
            streams.remove(&oldest?);
        }
        streams.insert(id.clone(), stream);
        Some(id)
    }

    /// Notes what the viewer of a stream does; false if another one goes on with it.
    pub fn note(&self, id: &str, watching: Watching) -> bool {
        let mut streams = self.0.lock();
        let stream = streams.get_mut(id);
        stream.is_some_and(|stream| {
            stream.watching = watching;
            true
        })
    }

    /// The connection broke. `hold` is kept until it is back, or the time is over.
    pub fn left(&self, id: &str, hold: Hold, now: Instant) {
        if let Some(stream) = self.0.lock().get_mut(id) {
            (stream.left, stream._hold) = (Some(now), Some(hold));
        }
    }

    /// The stream ended as it should.
    pub fn end(&self, id: &str) {
        self.0.lock().remove(id);
    }

    /// What the stream was about, if it is still known and of the same login; with what was held for it. It is one no more.
    pub fn go_on(&self, id: &str, owner: &Owner, now: Instant) -> Option<(Watching, Option<Hold>)> {
        let mut streams = self.0.lock();
        let stream = streams.get(id).filter(|stream| stream.owner == *owner)?;
        if stream.is_over(now) {
            return None;
        }
        let stream = streams.remove(id)?;
        Some((stream.watching, stream._hold))
    }

    /// Forgets those that did not come back.
    pub fn forget_old(&self, now: Instant) {
        self.0.lock().retain(|_, stream| !stream.is_over(now));
    }
}

impl Stream {
    fn is_over(&self, now: Instant) -> bool {
        let gone = |left: Instant| now.saturating_duration_since(left) > KEPT_TIME;
        self.left.is_some_and(gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::Hub;
    use crate::topic::Topic;
    use std::sync::Arc;
    use std::time::Duration;

    fn owner(name: &str) -> Owner {
        Owner::Session(name.to_owned())
    }

    fn hold(hub: &Arc<Hub>) -> Hold {
        let mut topics = Topics::default();
        topics.set(Topic::Command, true);
        hub.hold(topics)
    }

    #[test]
    fn a_stream_is_gone_on_with_once_and_by_its_own_login() {
        let (streams, now, hub) = (Streams::default(), Instant::now(), Arc::<Hub>::default());
        let id = streams.begin(owner("a")).expect("random numbers");
        let watching = Watching {
            heard_ms: 7,
            ..Watching::default()
        };
        assert!(streams.note(&id, watching));
        streams.left(&id, hold(&hub), now);
        assert!(hub.is_watched(Topic::Command));
        assert!(streams.go_on(&id, &owner("b"), now).is_none());
        assert!(streams.go_on(&id, &Owner::User(1), now).is_none());
        assert!(streams.go_on("9f", &owner("a"), now).is_none());
        let (found, held) = streams.go_on(&id, &owner("a"), now).expect("it is known");
        assert_eq!((found, held.is_some()), (watching, true));
        assert!(streams.go_on(&id, &owner("a"), now).is_none());
        assert!(!streams.note(&id, watching), "whoever had it hears of that");
    }

    #[test]
    fn streams_are_bounded_in_time_and_number() {
        let (streams, now, hub) = (Streams::default(), Instant::now(), Arc::<Hub>::default());
        let first = streams.begin(owner("a")).expect("random numbers");
        streams.left(&first, hold(&hub), now);
        let later = now + KEPT_TIME + Duration::from_millis(1);
        assert!(streams.go_on(&first, &owner("a"), later).is_none());
        streams.forget_old(later);
        assert!(streams.0.lock().is_empty() && !hub.is_watched(Topic::Command));
        let ids: Vec<String> = (0..STREAMS_MAX)
            .filter_map(|_| streams.begin(owner("a")))
            .collect();
        assert_eq!(streams.begin(owner("a")), None, "all are there");
        streams.left(&ids[3], hold(&hub), now);
        assert!(streams.begin(owner("a")).is_some());
        assert!(streams.go_on(&ids[3], &owner("a"), now).is_none());
        streams.end(&ids[0]);
        assert_eq!(streams.0.lock().len(), STREAMS_MAX - 1);
    }
}
