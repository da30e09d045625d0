//! How many commands may go on at a time: each holds a connection to the engine, for as long as somebody watches. They are
//! counted apart from the connections of requests, so that those who wait keep nobody from asking.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

const RUNS_MAX: usize = 32;
const RUNS_OF_USER_MAX: usize = 8;

/// Those that are taken, by user.
#[derive(Default)]
pub(crate) struct Places(Arc<Mutex<HashMap<Vec<u8>, usize>>>);

/// A place, until it is dropped.
pub(super) struct Place {
    taken: Arc<Mutex<HashMap<Vec<u8>, usize>>>,
    user: Vec<u8>,
}

impl Places {
    /// A place, or why there is none.
    pub(super) fn take(&self, user: &[u8]) -> Result<Place, &'static str> {
        let mut taken = self.0.lock();
        if taken.get(user).is_some_and(|count| *count >= RUNS_OF_USER_MAX) {
            return Err("the user has 8 commands that listen or wait already");
        }
        if taken.values().sum::<usize>() >= RUNS_MAX {
            return Err("32 commands listen or wait already");
        }
        *taken.entry(user.to_vec()).or_default() += 1;
        Ok(Place {
            taken: self.0.clone(),
            user: user.to_vec(),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock();
        if let Some(count) = taken.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_for_each_and_for_all_and_come_back() {
        let places = Places::default();
        let mut held = Vec::new();
        for user in [b"a", b"b", b"c", b"d"] {
            for _ in 0..RUNS_OF_USER_MAX {
                held.extend(places.take(user));
            }
            assert!(places.take(user).is_err());
        }
        assert_eq!(held.len(), RUNS_MAX);
        assert!(places.take(b"e").is_err());
        held.pop();
        assert!(places.take(b"e").is_ok());
        held.clear();
        assert!(places.0.lock().is_empty());
    }
}
