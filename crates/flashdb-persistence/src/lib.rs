//! What makes the data last: between the log and the snapshots' files on one side and keyspace and commands on the other.
//!
//! Reading order: `folder` (the data folder), `checkpoint` (the state becomes a snapshot), `load` (a snapshot becomes the
//! state), `replay` (records of the log become the state again), `recover` (all of it, at the start).

pub mod checkpoint;
mod error;
mod folder;
pub mod load;
pub mod recover;
pub mod replay;
pub mod uploads;

pub use error::PersistenceError;
pub use folder::{DataFolder, LOCK_NAME};
