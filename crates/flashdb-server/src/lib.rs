//! The server: core loops, connections, dispatch, commit, and the commands that concern
//! connections, transactions, publish/subscribe and the server itself.
//!
//! The way of a request: `core_loop` (bytes) → `connection` (requests) → `dispatch` (gates, locks,
//! handler) → `commit` (what follows from the change) → the connection's reply buffer.

mod acl;
mod audit;
mod blocking;
mod bootstrap;
mod census;
mod client;
mod commands;
mod commit;
mod compaction;
mod connection;
mod core_loop;
mod dispatch;
pub mod durability;
mod ending;
pub mod engine;
mod eviction;
mod feed;
mod histogram;
mod hot;
mod idle;
mod key_tree;
mod latency;
mod later;
mod memory;
pub mod metrics;
mod monitor;
mod output_limit;
mod pause;
mod process;
mod pubsub;
mod rdb_file;
mod resident;
mod script;
mod server;
mod slowlog;
mod stats;
mod supervisor;
mod tracking;

pub use bootstrap::{EndBeside, StartError, check_users, run};
pub use memory::{set_give_back, set_sparse};
pub use monitor::quote;

/// All commands: those about data and those of this crate.
pub fn command_registry() -> flashdb_command::Registry {
    let mut families = flashdb_command::families();
    families.extend(commands::families());
    flashdb_command::Registry::new(&families)
}

/// The ACL categories of a command, without `@`.
pub fn acl_categories(spec: &'static flashdb_command::CommandSpec) -> impl Iterator<Item = &'static str> {
    commands::command_info::categories(spec)
}
