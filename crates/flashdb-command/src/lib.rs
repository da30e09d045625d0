//! Commands: one row (`CommandSpec`) beside each handler, grouped in a folder per family. From the
//! rows come arity, key positions, COMMAND's answers, ACL categories and the reference pages.
//! Handlers see data through `flashdb_store::Access` and write the reply; they know no sockets.
//!
//! Reading order: `spec.rs` (what a row says), `context.rs` (what a handler gets), then any family.

pub mod args;
pub mod context;
pub mod error;
pub mod help;
pub mod key_spec;
pub mod limits;
pub mod random_count;
pub mod rdb_convert;
pub mod registry;
pub mod scan_options;
pub mod spec;
#[doc(hidden)]
pub mod testing;

pub mod bitmap;
pub mod connection;
pub mod generic;
pub mod geo;
pub mod hash;
pub mod hyperloglog;
pub mod list;
pub mod server;
pub mod set;
pub mod stream;
pub mod string;
pub mod zset;

pub use context::{BlockRequest, CommandResult, Context, Mode, OnTimeout, Session};
pub use error::ErrorReply;
pub use registry::Registry;
pub use spec::{Arg, ArgKind, Audit, CommandSpec, Deprecated, Flags, Group};

/// The rows of all families of this crate.
pub fn families() -> Vec<&'static [&'static CommandSpec]> {
    vec![
        bitmap::COMMANDS,
        connection::COMMANDS,
        generic::COMMANDS,
        geo::COMMANDS,
        hash::COMMANDS,
        hyperloglog::COMMANDS,
        list::COMMANDS,
        server::COMMANDS,
        set::COMMANDS,
        stream::COMMANDS,
        string::COMMANDS,
        zset::COMMANDS,
    ]
}
