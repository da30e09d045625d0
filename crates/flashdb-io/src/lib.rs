//! What core loops are made of, without protocol or data: listeners and streams over TCP and unix
//! sockets, mailboxes by which one loop wakes another, timers, and pinning of threads to cores.

pub mod affinity;
pub mod mailbox;
pub mod net;
pub mod timer;
