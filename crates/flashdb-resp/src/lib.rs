//! RESP2 and RESP3 without sockets and without a store: an incremental request parser that borrows
//! from the read buffer, an encoder that writes replies straight into the output buffer, and a parser
//! of replies for programs that talk to servers.
//! Sources: the RESP2 and RESP3 protocol specifications of Redis; error texts as in Redis 7.0.

mod encode;
mod limits;
pub mod reply;
mod request;

pub use encode::{Deferred, Protocol, Reply};
pub use flashdb_base::args::{Args, OwnedArgs, Span};
pub use limits::RequestLimits;
pub use request::{Batch, ProtocolError, RequestParser, second_word};
