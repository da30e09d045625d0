//! CLIENT LIST and INFO: clients as lines of `field=value`, in Redis's order and with its meanings.

use crate::client::{Client, ClientInfo, flags};
use crate::commands::client;
use crate::server::Server;
use crate::tracking::{Mode, Tracker};
use flashdb_base::number;
use flashdb_command::args::is;
use flashdb_command::error::{self, ErrorReply};
use flashdb_command::{CommandResult, Context};
use flashdb_resp::Args;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Redis keeps this much of a reply in a buffer of fixed size (`rbs`, `obl`) and the rest in a list
/// (`oll`, `omem`). Here there is one buffer, shown as if cut at that length.
const FIXED_BUFFER_BYTES: usize = 16 * 1024;
/// The least that Redis shows as `rbs`.
const FIXED_BUFFER_BYTES_MIN: usize = 1024;
/// Bytes that Redis allots to an element of the list.
const LIST_NODE_BYTES: usize = 16 * 1024;

/// Kinds of clients that TYPE filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientType {
    /// Any that is none of the others.
    Normal,
    /// A replica of this server.
    Replica,
    /// Subscribed to something.
    PubSub,
    /// This server's master.
    Master,
}

impl ClientType {
    /// By Redis's names.
    ///
    /// # Errors
    /// Redis's text for a name that is none.
    pub fn parse(word: &[u8]) -> Result<Self, ErrorReply> {
        let names = [
            ("normal", ClientType::Normal),
            ("slave", ClientType::Replica),
            ("replica", ClientType::Replica),
            ("pubsub", ClientType::PubSub),
            ("master", ClientType::Master),
        ];
        let found = names.iter().find(|(name, _)| is(word, name));
        found.map(|(_, kind)| *kind).ok_or_else(|| {
            let mut text = b"ERR Unknown client type '".to_vec();
            text.extend_from_slice(word);
            text.push(b'\'');
            ErrorReply::from_bytes(text)
        })
    }

    /// The kind of a client.
    pub fn of(info: &ClientInfo) -> Self {
        if info.flags.load(Ordering::Relaxed) & flags::SUBSCRIBED != 0 {
            ClientType::PubSub
        } else {
            ClientType::Normal
        }
    }
}

pub(super) fn info(context: &mut Context<'_, '_>) -> CommandResult {
    let now_ms = context.now_ms();
    refresh_own(context);
    let client = client(context);
    let mut text = Vec::new();
    line(&mut text, &client.server, &client.info, now_ms);
    context.reply.verbatim("txt", &text);
    Ok(())
}

pub(super) fn list(context: &mut Context<'_, '_>) -> CommandResult {
    let wanted = Wanted::parse(context)?;
    let now_ms = context.now_ms();
    refresh_own(context);
    let server = client(context).server.clone();
    let clients: Vec<Arc<ClientInfo>> = server.clients.lock().values().cloned().collect();
    let mut text = Vec::new();
    for info in clients.iter().filter(|info| wanted.matches(info)) {
        line(&mut text, &server, info, now_ms);
    }
    context.reply.verbatim("txt", &text);
    Ok(())
}

enum Wanted {
    All,
    Type(ClientType),
    Ids(Vec<u64>),
}

impl Wanted {
    fn parse(context: &Context<'_, '_>) -> Result<Self, ErrorReply> {
        let args = context.args;
        let Some(word) = args.get(2) else {
            return Ok(Wanted::All);
        };
        if is(word, "TYPE") && args.len() == 4 {
            return Ok(Wanted::Type(ClientType::parse(args.at(3))?));
        }
        if is(word, "ID") && args.len() > 3 {
            let ids = args.iter_from(3).map(|word| {
                let id = number::parse_i64(word).and_then(|id| u64::try_from(id).ok());
                id.ok_or(ErrorReply::fixed("ERR Invalid client ID"))
            });
            return Ok(Wanted::Ids(ids.collect::<Result<_, _>>()?));
        }
        Err(error::SYNTAX)
    }

    fn matches(&self, info: &ClientInfo) -> bool {
        match self {
            Wanted::All => true,
            Wanted::Type(kind) => ClientType::of(info) == *kind,
            Wanted::Ids(ids) => ids.contains(&info.id),
        }
    }
}

/// Brings what others may see of the running client up to this command; the rest of the turn's
/// values is published by its loop.
fn refresh_own(context: &mut Context<'_, '_>) {
    let (now_ms, request) = (context.now_ms(), wire_bytes(&context.args));
    let argument_bytes = context.args.bytes_len();
    let name = context.spec.full_name();
    let client: &mut Client = client(context);
    let info = &client.info;
    info.last_ms.store(now_ms, Ordering::Relaxed);
    info.db.store(client.db.into(), Ordering::Relaxed);
    info.query_bytes.store(request, Ordering::Relaxed);
    info.argument_bytes.store(argument_bytes, Ordering::Relaxed);
    for (count, value) in [
        (&info.channels, client.channels.len()),
        (&info.patterns, client.patterns.len()),
        (&info.shard_channels, client.shard_channels.len()),
        (&info.watched, client.watched.len()),
    ] {
        count.store(value, Ordering::Relaxed);
    }
    let running = client
        .server
        .registry
        .all()
        .iter()
        .find(|command| command.spec.full_name() == name);
    info.last_command
        .store(running.map_or(0, |command| command.id + 1), Ordering::Relaxed);
    let set = |bit: u32, on: bool| {
        if on {
            info.flags.fetch_or(bit, Ordering::Relaxed);
        } else {
            info.flags.fetch_and(!bit, Ordering::Relaxed);
        }
    };
    set(flags::RESP3, client.is_resp3);
    set(flags::NO_EVICT, client.no_evict);
    set(flags::NO_TOUCH, client.no_touch);
}

/// Bytes of a request as clients send it.
fn wire_bytes(args: &Args<'_>) -> usize {
    let digits = |value: usize| value.checked_ilog10().map_or(1, |log| log as usize + 1);
    let words = args.iter().map(|word| word.len() + digits(word.len()) + 5);
    digits(args.len()) + 3 + words.sum::<usize>()
}

/// The line of one client, without its end.
pub fn describe(server: &Server, info: &ClientInfo, now_ms: i64) -> Vec<u8> {
    let mut text = Vec::new();
    line(&mut text, server, info, now_ms);
    text.pop();
    text
}

/// Appends the line of one client.
fn line(out: &mut Vec<u8>, server: &Server, info: &ClientInfo, now_ms: i64) {
    let get = |count: &AtomicUsize| count.load(Ordering::Relaxed);
    let bits = info.flags.load(Ordering::Relaxed);
    let names = info.names.lock().clone();
    let tracker = server.tracking.of(info.id);
    let seconds = |since: i64| (now_ms - since).max(0) / 1000;
    let queued = get(&info.queued) as i64 - 1;
    let (output, capacity) = (get(&info.output_bytes), get(&info.output_capacity_bytes));
    let fixed = capacity.clamp(FIXED_BUFFER_BYTES_MIN, FIXED_BUFFER_BYTES);
    let listed = output.saturating_sub(FIXED_BUFFER_BYTES);
    out.extend_from_slice(
        format!(
            "id={} addr={} laddr={} fd={} name=",
            info.id, info.addr, info.laddr, info.fd
        )
        .as_bytes(),
    );
    out.extend_from_slice(&names.name);
    let text = format!(
        " age={} idle={} flags={} db={} sub={} psub={} ssub={} multi={queued} qbuf={} qbuf-free={} argv-mem={} \
         multi-mem={} rbs={fixed} rbp={fixed} obl={} oll={} omem={listed} tot-mem={} events={} cmd={} user=",
        seconds(info.created_ms),
        seconds(info.last_ms.load(Ordering::Relaxed)),
        letters(info, bits, tracker.as_deref()),
        info.db.load(Ordering::Relaxed),
        get(&info.channels),
        get(&info.patterns),
        get(&info.shard_channels),
        get(&info.query_bytes),
        get(&info.query_free_bytes),
        get(&info.argument_bytes),
        get(&info.queued_bytes),
        output.min(FIXED_BUFFER_BYTES),
        listed.div_ceil(LIST_NODE_BYTES),
        get(&info.total_bytes),
        if bits & flags::WRITING != 0 { "rw" } else { "r" },
        command_name(server, info),
    );
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(info.user.lock().as_ref().map_or(b"", |user| &user.name));
    let text = format!(
        " redir={} resp={} watch={} lib-name=",
        tracker
            .as_ref()
            .map_or(-1, |tracker| tracker.redirect_id() as i64),
        if bits & flags::RESP3 != 0 { 3 } else { 2 },
        get(&info.watched),
    );
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(&names.lib_name);
    out.extend_from_slice(b" lib-ver=");
    out.extend_from_slice(&names.lib_version);
    out.push(b'\n');
}

fn command_name(server: &Server, info: &ClientInfo) -> String {
    let id = info.last_command.load(Ordering::Relaxed) as usize;
    let command = id.checked_sub(1).and_then(|id| server.registry.all().get(id));
    command.map_or_else(|| "NULL".into(), |command| command.spec.full_name())
}

fn letters(info: &ClientInfo, bits: u32, tracker: Option<&Tracker>) -> String {
    let has = |bit: u32| bits & bit != 0;
    let table = [
        (has(flags::MONITOR), 'O'),
        (has(flags::SUBSCRIBED), 'P'),
        (has(flags::MULTI), 'x'),
        (has(flags::BLOCKED), 'b'),
        (tracker.is_some(), 't'),
        (tracker.is_some_and(Tracker::is_broken), 'R'),
        (
            tracker.is_some_and(|tracker| tracker.mode == Mode::Broadcast),
            'B',
        ),
        (has(flags::DIRTY), 'd'),
        (has(flags::CLOSING), 'c'),
        (info.killed.load(Ordering::Relaxed), 'A'),
        (info.unix, 'U'),
        (has(flags::NO_EVICT), 'e'),
        (has(flags::NO_TOUCH), 'T'),
    ];
    let shown = table.iter().filter(|(holds, _)| *holds);
    let mut letters: String = shown.map(|(_, letter)| *letter).collect();
    if letters.is_empty() {
        letters.push('N');
    }
    letters
}

#[cfg(test)]
mod tests {
    use super::*;
    use flashdb_resp::OwnedArgs;

    #[test]
    fn length_of_a_request_on_the_wire() {
        let request = OwnedArgs::from_words([b"client".as_slice(), b"list"]);
        assert_eq!(
            wire_bytes(&request.as_args()),
            b"*2\r\n$6\r\nclient\r\n$4\r\nlist\r\n".len()
        );
        let request = OwnedArgs::from_words([b"".as_slice(), &[b'x'; 12]]);
        assert_eq!(
            wire_bytes(&request.as_args()),
            b"*2\r\n$0\r\n\r\n$12\r\nxxxxxxxxxxxx\r\n".len()
        );
    }
}
