//! `flashdb-cli`: redis-cli's flags, formats and interactive mode, against any server that speaks RESP.
//!
//! Reading order: `flags` (what may be asked), `options` (what was asked), `connection` (requests and replies), `session`
//! (what the server has been told: database, transaction, protocol; redirections, repetitions), `format` (how replies
//! look), `run` (which of the program's modes it is), `interactive` (the prompt) and `modes` (all the others).
//!
//! It knows servers by their port only; what it knows of commands, it asks the server (COMMAND DOCS).

pub mod address;
pub mod connection;
pub mod flags;
pub mod format;
pub mod interactive;
pub mod modes;
pub mod options;
pub mod output;
pub mod run;
pub mod session;
