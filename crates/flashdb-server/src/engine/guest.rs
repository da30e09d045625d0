//! Guests: connections of the own process, and the users that they speak for.

use super::Engine;
use crate::acl::User;
use crate::blocking;
use crate::client::ClientInfo;
use crate::core_loop::Message;
use crate::dispatch::Turn;
use flashdb_io::net::{Accepted, Stream};
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

/// A user that has logged in. Only a login gives one, or a server that asks for none.
#[derive(Clone)]
pub struct Identity(pub(super) Arc<User>);

impl Identity {
    /// The user's name.
    pub fn name(&self) -> &[u8] {
        &self.0.name
    }

    /// Tells the user from others of the same name, as [`Engine::user_id`].
    pub fn user_id(&self) -> u64 {
        self.0.person
    }

    /// Whether logging in as the user takes a certain password.
    pub fn has_password(&self) -> bool {
        !self.0.nopass
    }
}

/// What the commands of a connection are to the keys that they are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aim {
    /// Uses of them, as those of any client.
    Use,
    /// Looks, as after CLIENT NO-TOUCH ON: their idle time and frequency stay, and they get no hotter.
    Look,
    /// Uses, as a rule of none: a file is sent. What becomes of it is in the audit log by who asks, with more than the engine knows.
    SendFile,
}

/// Whom a connection runs as.
pub struct Seat(Arc<OnceLock<Arc<ClientInfo>>>);

impl Seat {
    /// The user of this moment: after a successful AUTH on the connection, whoever that was about. `None` before the first
    /// reply.
    pub fn identity(&self) -> Option<Identity> {
        let user = self.0.get()?.user.lock().clone();
        user.map(Identity)
    }

    /// The client, once the connection has its place.
    pub(super) fn client(&self) -> Option<Arc<ClientInfo>> {
        self.0.get().cloned()
    }
}

/// A connection on its way to its core loop.
pub struct Guest {
    pub accepted: Accepted,
    /// Told who the client is.
    pub seat: Arc<OnceLock<Arc<ClientInfo>>>,
    /// Whom it begins as; else as clients do.
    pub user: Option<Arc<User>>,
    pub aim: Aim,
    /// What CLIENT LIST calls it, also as its library.
    pub name: &'static str,
}

impl Engine {
    /// Says which address guests have connected to, as CLIENT LIST shows it. Once; what is said later is not heard.
    pub fn set_guests_address(&self, address: String) {
        let _first_stays = self.guests_address.set(address);
    }

    /// A connection to some core loop, called `name`, of somebody at the address `from`. It speaks RESP3 from its first byte,
    /// and is non-blocking. It runs as `identity` at once, or is closed at once if that user is gone; without one it begins
    /// as every client.
    ///
    /// # Errors
    /// When the process has no files left.
    pub fn connect(
        &self,
        name: &'static str,
        from: &str,
        identity: Option<&Identity>,
        aim: Aim,
    ) -> io::Result<(UnixStream, Seat)> {
        let (near, far) = UnixStream::pair()?;
        near.set_nonblocking(true)?;
        far.set_nonblocking(true)?;
        let seat = Arc::new(OnceLock::new());
        let guest = Guest {
            accepted: Accepted {
                stream: Stream::Unix(mio::net::UnixStream::from_std(far)),
                peer: from.to_owned(),
                local: self.guests_address.get().cloned().unwrap_or_default(),
                is_local: true,
                // Its socket is one, but whoever asks through it may be anywhere: what only unix sockets and this machine
                // may do is decided by the address.
                is_unix: false,
            },
            seat: seat.clone(),
            user: identity.map(|identity| identity.0.clone()),
            aim,
            name,
        };
        let turn = self.next_loop.fetch_add(1, Ordering::Relaxed);
        self.server
            .post(turn % self.server.loops.len(), Message::Guest(guest));
        Ok((near, Seat(seat)))
    }

    /// Ends the wait of a guest in a blocking command, as CLIENT UNBLOCK does: it is answered as if its time were over. One that
    /// was served a moment before has its reply already, and one that does not wait yet does not notice: who asks reads on, and
    /// asks again until there is a reply.
    pub fn unblock(&self, seat: &Seat) {
        let Some(client) = seat.client() else {
            return;
        };
        let loop_id = client.loop_id;
        let end = move |turn: &mut Turn<'_, '_>| {
            turn.enter();
            blocking::unblock(turn.server, &client, false, turn.data);
        };
        self.server.post(loop_id, Message::Run(Box::new(end)));
    }
}
