//! Connections from within the process. They are admitted whatever `maxclients` says, since an operator has to get in when
//! clients have taken all places; there are few of them, which is the business of who makes them.

use super::CoreLoop;
use crate::client::flags;
use crate::dispatch::Turn;
use crate::engine::{Aim, Guest};
use flashdb_base::version::FLASHDB_VERSION;
use flashdb_resp::Protocol;
use std::sync::atomic::Ordering;

impl CoreLoop {
    /// Gives a guest its place. Where its user is gone it is dropped, which closes the connection.
    pub(super) fn admit_guest(&mut self, turn: &Turn<'_, '_>, guest: Guest) {
        let users = turn.server.acl.users();
        let user = match &guest.user {
            Some(user) => match users.same(user).filter(|user| user.on) {
                Some(user) => Some(user.clone()),
                None => return,
            },
            None => None,
        };
        turn.server.clients_count.fetch_add(1, Ordering::AcqRel);
        let Some(connection) = self.seat(turn, guest.accepted, Some(guest.aim)) else {
            return;
        };
        connection.reply().set_protocol(Protocol::Resp3);
        let client = &mut connection.client;
        client.is_resp3 = true;
        client.no_touch = guest.aim == Aim::Look;
        client.info.flags.fetch_or(flags::RESP3, Ordering::Relaxed);
        {
            let mut names = client.info.names.lock();
            names.name = guest.name.into();
            names.lib_name = guest.name.into();
            names.lib_version = FLASHDB_VERSION.into();
        }
        if let Some(user) = user {
            client.log_in(user);
        }
        // Set once: the seat is the guest's own.
        let _ = guest.seat.set(client.info.clone());
    }
}
