//! Answers that another thread gives: the client waits on a ticket without keys, which nobody but that thread, CLIENT UNBLOCK
//! or a disconnect ends. The core loop goes on meanwhile.

use crate::audit::{EndNote, Outcome};
use crate::client::ClientInfo;
use crate::core_loop::Message;
use crate::dispatch::Turn;
use crate::server::Server;
use flashdb_command::error::ErrorReply;
use flashdb_command::{Context, OnTimeout};
use flashdb_resp::{OwnedArgs, Protocol, Reply};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

/// Time between two looks at whether the server ends while a core loop is awaited.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

static NUMBERS: AtomicU64 = AtomicU64::new(0);

/// The right to answer a client that waits.
pub struct Later {
    client: Arc<ClientInfo>,
    number: u64,
    /// What the audit log says of its end.
    note: Option<EndNote>,
}

impl Later {
    /// Makes the client of `context` wait. The row is not allowed inside transactions and scripts.
    pub fn begin(context: &mut Context<'_, '_>) -> Later {
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed) + 1;
        let name = context.spec.full_name();
        let client = crate::commands::client(context).info.clone();
        let note = EndNote::of(&client, context.spec, &context.args);
        context.block([], None, OnTimeout::Null);
        if let Some(wait) = &mut context.block {
            // Nothing runs it again; the number tells this wait from a later one of the same client.
            let number = number.to_string();
            wait.request = Some(OwnedArgs::from_words([name.as_bytes(), number.as_bytes()]));
        }
        Later { client, number, note }
    }

    /// The client that waits.
    pub fn client(&self) -> &Arc<ClientInfo> {
        &self.client
    }

    /// As [`Later::answer`], for a thread that is no core loop's. Such a thread may be done before the loop has written down
    /// that the client waits: then it waits for the loop to be past the command.
    pub fn answer_apart(self, server: &Server, write: impl FnOnce(&mut Reply) -> Result<(), ErrorReply>) {
        if !self.is_awaited(server) {
            let (done, past) = mpsc::channel();
            let tell = move |_: &mut Turn<'_, '_>| {
                // Nobody listens any more when the server ends.
                let _ = done.send(());
            };
            server.post(self.client.loop_id, Message::Run(Box::new(tell)));
            while let Err(RecvTimeoutError::Timeout) = past.recv_timeout(LOOK_AGAIN) {
                if server.stopping.load(Ordering::Acquire) {
                    break;
                }
            }
        }
        self.answer(server, write);
    }

    fn is_awaited(&self, server: &Server) -> bool {
        let ticket = server.tickets.get(self.client.ticket.load(Ordering::Acquire));
        ticket.is_some_and(|ticket| self.is_request(&ticket.request))
    }

    fn is_request(&self, request: &OwnedArgs) -> bool {
        let words = request.as_args();
        words.len() == 2 && words.at(1) == self.number.to_string().as_bytes()
    }

    /// Answers, unless the client does not wait any more. `write` writes the reply or says what went wrong; what the audit log
    /// noted as begun it notes as ended whoever still waits.
    pub fn answer(&self, server: &Server, write: impl FnOnce(&mut Reply) -> Result<(), ErrorReply>) {
        let id = self.client.ticket.load(Ordering::Acquire);
        let ticket = server.tickets.get(id);
        let Some(ticket) =
            ticket.filter(|ticket| self.is_request(&ticket.request) && server.tickets.close(ticket))
        else {
            if let Some(note) = &self.note {
                let result = write(&mut Reply::new(Protocol::Resp2));
                note.log(server, Outcome::of(result.is_err()));
            }
            return;
        };
        let mut reply = Reply::new(ticket.protocol);
        let result = write(&mut reply);
        if let Some(note) = &self.note {
            note.log(server, Outcome::of(result.is_err()));
        }
        if let Err(error) = result {
            reply.truncate(0);
            server.stats.error(error.code());
            reply.error_bytes(error.text());
        }
        let message = Message::Unblocked {
            client: self.client.id,
            ticket: ticket.id,
            reply: reply.into_bytes(),
            seen: 0,
        };
        server.post(self.client.loop_id, message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bootstrap::test_server::TestServer;

    #[test]
    fn the_audit_log_knows_the_end_of_what_nobody_waits_for() {
        let server = TestServer::start(&[]);
        let words = OwnedArgs::from_words([b"SAVE".as_slice()]);
        let args = words.as_args();
        let spec = server.server.registry.resolve(&args).expect("a command").spec;
        let client = Arc::new(ClientInfo::default());
        for outcome in [Ok(()), Err(ErrorReply::fixed("ERR no"))] {
            let later = Later {
                note: EndNote::of(&client, spec, &args),
                client: client.clone(),
                number: 1,
            };
            assert!(later.note.is_some());
            later.answer(&server.server, |_| outcome);
        }
        let page = server
            .server
            .audit
            .page(u64::MAX, 10, |entry| entry.what == "save");
        let outcomes: Vec<_> = page.entries.iter().map(|entry| entry.outcome).collect();
        assert_eq!(outcomes, ["failed", "done"]);
    }
}
