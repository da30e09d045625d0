//! What makes the data last: between the log and the snapshots' files on one side and keyspace and commands on the other.
//!
//! Reading order: `folder` (the data folder), `checkpoint` (the state becomes a snapshot), `load` (a snapshot becomes the
//! state), `replay` (records of the log become the state again), `recover` (all of it, at the start). What tools do: `check` (a folder
//! verified), `rdb` and `import` (to and from Redis), `offline` (folders without a server), `uploads` (snapshots that were sent).

pub mod check;
pub mod checkpoint;
mod error;
mod folder;
pub mod import;
pub mod load;
pub mod offline;
pub mod rdb;
pub mod recover;
pub mod replay;
pub mod uploads;

pub use error::PersistenceError;
pub use folder::{DataFolder, LOCK_NAME};
