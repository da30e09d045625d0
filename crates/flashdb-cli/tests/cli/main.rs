//! The program as people use it: against FlashDB, against servers that answer oddly, in pipes and on terminals.

mod golden;
mod odd;
mod prompt;
mod server;
mod terminal;
