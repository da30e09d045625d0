//! One set of scenarios, run at three layers, so that a loss can be placed: the table alone, the shards with their
//! handlers, the whole server behind a socket.
//!
//! A scenario ([`scenario`]) is a stream of requests, the same bytes at each layer from the same seed. The table is asked
//! for the keys of the requests, the shards run the parsed requests, the server is sent them. The program runs one
//! scenario at one layer and says when the measured part begins and ends; who started it (`cargo xtask bench`) reads the
//! clock or callgrind's counters at these moments. Nothing in the measured part depends on time or chance.
//!
//! Reading order: `scenario.rs`, then a layer: `table.rs`, `shard.rs`, `server.rs`.

pub mod parsed;
pub mod scenario;
pub mod server;
pub mod shard;
pub mod stream;
pub mod table;
