//! What core loops are made of, without protocol or data: listeners and streams over TCP and unix
//! sockets, mailboxes by which one loop wakes another, timers, and where threads run.

pub mod affinity;
pub mod mailbox;
pub mod net;
pub mod placement;
pub mod timer;
pub mod topology;
