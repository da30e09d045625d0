//! CLIENT subcommands that act on other clients: KILL, UNBLOCK, PAUSE, UNPAUSE.

use super::list::ClientType;
use crate::blocking;
use crate::client::ClientInfo;
use crate::commands::client;
use crate::core_loop::Message;
use crate::server::Server;
use flashdb_base::number;
use flashdb_command::args::{self, Cursor, is};
use flashdb_command::error::{self, ErrorReply};
use flashdb_command::{CommandResult, Context};
use flashdb_store::Access;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Which clients KILL closes.
struct Filter<'a> {
    id: Option<u64>,
    kind: Option<ClientType>,
    addr: Option<&'a [u8]>,
    laddr: Option<&'a [u8]>,
    user: Option<&'a [u8]>,
    max_age_seconds: Option<i64>,
    skip_me: bool,
}

impl<'a> Filter<'a> {
    fn parse(context: &mut Context<'a, '_>) -> Result<Self, ErrorReply> {
        let mut filter = Filter {
            id: None,
            kind: None,
            addr: None,
            laddr: None,
            user: None,
            max_age_seconds: None,
            skip_me: true,
        };
        if context.args.len() == 3 {
            filter.addr = Some(context.arg(2));
            filter.skip_me = false;
            return Ok(filter);
        }
        let mut cursor = Cursor::new(context.args, 2);
        while cursor.remaining() > 0 {
            if cursor.take_with("ID", 1) {
                filter.id = Some(positive(cursor.word()?, "client-id")? as u64);
            } else if cursor.take_with("TYPE", 1) {
                filter.kind = Some(ClientType::parse(cursor.word()?)?);
            } else if cursor.take_with("ADDR", 1) {
                filter.addr = Some(cursor.word()?);
            } else if cursor.take_with("LADDR", 1) {
                filter.laddr = Some(cursor.word()?);
            } else if cursor.take_with("USER", 1) {
                let name = cursor.word()?;
                known_user(context, name)?;
                filter.user = Some(name);
            } else if cursor.take_with("MAXAGE", 1) {
                filter.max_age_seconds = Some(positive(cursor.word()?, "maxage")?);
            } else if cursor.take_with("SKIPME", 1) {
                filter.skip_me = match cursor.word()? {
                    word if is(word, "YES") => true,
                    word if is(word, "NO") => false,
                    _ => return Err(error::SYNTAX),
                };
            } else {
                return Err(error::SYNTAX);
            }
        }
        Ok(filter)
    }

    fn matches(&self, info: &ClientInfo, now_ms: i64) -> bool {
        self.id.is_none_or(|id| id == info.id)
            && self.kind.is_none_or(|kind| kind == ClientType::of(info))
            && self.addr.is_none_or(|addr| addr == info.addr.as_bytes())
            && self.laddr.is_none_or(|laddr| laddr == info.laddr.as_bytes())
            && self.user.is_none_or(|name| {
                let user = info.user.lock();
                user.as_ref().is_some_and(|user| *user.name == *name)
            })
            && self
                .max_age_seconds
                .is_none_or(|seconds| (now_ms - info.created_ms) / 1000 >= seconds)
    }
}

fn positive(word: &[u8], what: &str) -> Result<i64, ErrorReply> {
    number::parse_i64(word)
        .filter(|value| *value > 0)
        .ok_or_else(|| ErrorReply::new(format!("ERR {what} should be greater than 0")))
}

fn known_user(context: &mut Context<'_, '_>, name: &[u8]) -> CommandResult {
    if client(context).server.acl.users().get(name).is_some() {
        return Ok(());
    }
    let mut text = b"ERR No such user '".to_vec();
    text.extend_from_slice(name);
    text.push(b'\'');
    Err(ErrorReply::from_bytes(text))
}

pub(super) fn kill(context: &mut Context<'_, '_>) -> CommandResult {
    let filter = Filter::parse(context)?;
    let now_ms = context.now_ms();
    let (server, own_id) = (client(context).server.clone(), context.session.client_id());
    let clients: Vec<Arc<ClientInfo>> = server.clients.lock().values().cloned().collect();
    let mut killed = 0;
    for info in clients.iter().filter(|info| filter.matches(info, now_ms)) {
        if info.id != own_id {
            close(&server, info, context.data);
        } else if filter.skip_me {
            continue;
        } else {
            client(context).closing = true;
        }
        killed += 1;
    }
    if context.args.len() > 3 {
        context.reply.integer(killed);
    } else if killed == 0 {
        return Err(ErrorReply::fixed("ERR No such client"));
    } else {
        context.reply.ok();
    }
    Ok(())
}

/// Closes another client: from here on it is not counted, listed or served; its loop drops the
/// connection.
fn close(server: &Server, info: &Arc<ClientInfo>, data: &mut Access<'_>) {
    info.killed.store(true, Ordering::Release);
    server.clients.lock().remove(&info.id);
    if let Some(ticket) = server.tickets.get(info.ticket.load(Ordering::Acquire))
        && server.tickets.close(&ticket)
    {
        blocking::leave_queues(&ticket, data);
    }
    server.post(info.loop_id, Message::Kill { client: info.id });
}

pub(super) fn unblock(context: &mut Context<'_, '_>) -> CommandResult {
    let with_error = match context.args.get(3) {
        None => false,
        Some(word) if is(word, "TIMEOUT") => false,
        Some(word) if is(word, "ERROR") => true,
        Some(_) => {
            return Err(ErrorReply::fixed(
                "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR",
            ));
        }
    };
    if context.args.len() > 4 {
        return Err(error::wrong_arity("client|unblock"));
    }
    let id = args::integer(context.arg(2))? as u64;
    let server = client(context).server.clone();
    let info = server.clients.lock().get(&id).cloned();
    let ended = info.is_some_and(|info| blocking::unblock(&server, &info, with_error, context.data));
    context.reply.integer(i64::from(ended));
    Ok(())
}

pub(super) fn pause(context: &mut Context<'_, '_>) -> CommandResult {
    let writes_only = match context.args.get(3) {
        None => false,
        Some(word) if is(word, "ALL") => false,
        Some(word) if is(word, "WRITE") => true,
        Some(_) => return Err(ErrorReply::fixed("ERR CLIENT PAUSE mode must be WRITE or ALL")),
    };
    if context.args.len() > 4 {
        return Err(error::wrong_arity("client|pause"));
    }
    let now_ms = context.now_ms();
    let until_ms = args::deadline_of_ms(context.arg(2), now_ms)?;
    if let Some(until_ms) = until_ms {
        client(context).server.pause.start(until_ms, writes_only, now_ms);
    }
    context.reply.ok();
    Ok(())
}

pub(super) fn unpause(context: &mut Context<'_, '_>) -> CommandResult {
    let server = client(context).server.clone();
    server.pause.end();
    server.post_all(|| Message::Unpause);
    context.reply.ok();
    Ok(())
}
