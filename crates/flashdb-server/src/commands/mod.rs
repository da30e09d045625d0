//! Commands about the connection, transactions, publish/subscribe and the server: rows whose
//! handlers need more than the data. They reach the client by [`client`].

pub mod acl;
pub mod client_commands;
pub mod cluster;
pub mod command_info;
pub mod config;
pub mod connection;
pub mod debug;
mod digest;
mod function_commands;
mod hot_keys;
mod hot_session;
pub mod info;
pub mod latency_commands;
pub mod memory_commands;
pub mod migrate;
pub mod misc;
pub mod persistence;
pub mod prefix_commands;
pub mod probes;
pub mod pubsub;
pub mod replication;
pub mod scripting;
pub mod slowlog_commands;
pub mod snapshots;
pub mod transaction;

use crate::client::Client;
use flashdb_command::{CommandSpec, Context, Session};

/// The rows of this crate.
pub fn families() -> Vec<&'static [&'static CommandSpec]> {
    vec![
        client_commands::COMMANDS,
        cluster::COMMANDS,
        command_info::COMMANDS,
        config::COMMANDS,
        connection::COMMANDS,
        debug::COMMANDS,
        hot_keys::COMMANDS,
        hot_session::COMMANDS,
        info::COMMANDS,
        latency_commands::COMMANDS,
        memory_commands::COMMANDS,
        misc::COMMANDS,
        persistence::COMMANDS,
        prefix_commands::COMMANDS,
        probes::COMMANDS,
        migrate::COMMANDS,
        pubsub::COMMANDS,
        replication::COMMANDS,
        scripting::COMMANDS,
        slowlog_commands::COMMANDS,
        snapshots::COMMANDS,
        transaction::COMMANDS,
        acl::COMMANDS,
    ]
}

/// The client that runs the command.
pub fn client<'c>(context: &'c mut Context<'_, '_>) -> &'c mut Client {
    downcast(context.session)
}

/// As [`client`], from the session alone, so that data and reply stay usable beside it.
pub fn downcast(session: &mut dyn Session) -> &mut Client {
    session
        .as_any_mut()
        .downcast_mut()
        .expect("commands of this crate run in sessions of this crate")
}
