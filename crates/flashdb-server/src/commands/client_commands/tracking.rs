//! CLIENT TRACKING, CACHING, GETREDIR and TRACKINGINFO: what a client says of its cache. What follows from it is in
//! `crate::tracking`.

use crate::client::{Client, ClientInfo};
use crate::commands::client;
use crate::tracking::{Mode, Tracker};
use flashdb_base::number;
use flashdb_command::args::is;
use flashdb_command::error::{self, ErrorReply};
use flashdb_command::{CommandResult, Context};
use flashdb_resp::Args;
use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

/// What CLIENT TRACKING asks for.
#[derive(Default)]
struct Options {
    redirect: Option<Arc<ClientInfo>>,
    broadcast: bool,
    opt_in: bool,
    opt_out: bool,
    no_loop: bool,
    prefixes: Vec<Box<[u8]>>,
}

pub(super) fn tracking(context: &mut Context<'_, '_>) -> CommandResult {
    let args = context.args;
    let client = client(context);
    let options = Options::parse(client, &args)?;
    match args.at(2) {
        word if is(word, "ON") => start(client, options)?,
        word if is(word, "OFF") => client.stop_tracking(),
        _ => return Err(error::SYNTAX),
    }
    context.reply.ok();
    Ok(())
}

impl Options {
    fn parse(client: &Client, args: &Args<'_>) -> Result<Self, ErrorReply> {
        let mut options = Self::default();
        let mut at = 3;
        while let Some(word) = args.get(at) {
            let value = args.get(at + 1);
            at += 1;
            match (word, value) {
                (word, Some(id)) if is(word, "REDIRECT") => {
                    at += 1;
                    options.redirect_to(client, id)?;
                }
                (word, Some(prefix)) if is(word, "PREFIX") => {
                    at += 1;
                    options.prefixes.push(prefix.into());
                }
                (word, _) if is(word, "BCAST") => options.broadcast = true,
                (word, _) if is(word, "OPTIN") => options.opt_in = true,
                (word, _) if is(word, "OPTOUT") => options.opt_out = true,
                (word, _) if is(word, "NOLOOP") => options.no_loop = true,
                _ => return Err(error::SYNTAX),
            }
        }
        Ok(options)
    }

    fn redirect_to(&mut self, client: &Client, id: &[u8]) -> Result<(), ErrorReply> {
        if self.redirect.is_some() {
            return Err(ErrorReply::fixed(
                "ERR A client can only redirect to a single other client",
            ));
        }
        let id = number::parse_i64(id).ok_or(error::NOT_INTEGER)?;
        let clients = client.server.clients.lock();
        let target = u64::try_from(id).ok().and_then(|id| clients.get(&id));
        self.redirect = Some(target.cloned().ok_or(ErrorReply::fixed(
            "ERR The client ID you want redirect to does not exist",
        ))?);
        Ok(())
    }

    /// The mode asked for, which has to go with the one the client is in.
    fn mode(&self, current: Option<Mode>) -> Result<Mode, ErrorReply> {
        if !self.broadcast && !self.prefixes.is_empty() {
            return Err(ErrorReply::fixed(
                "ERR PREFIX option requires BCAST mode to be enabled",
            ));
        }
        if current.is_some_and(|mode| (mode == Mode::Broadcast) != self.broadcast) {
            return Err(ErrorReply::fixed(
                "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode.",
            ));
        }
        if self.broadcast && (self.opt_in || self.opt_out) {
            return Err(ErrorReply::fixed(
                "ERR OPTIN and OPTOUT are not compatible with BCAST",
            ));
        }
        if self.opt_in && self.opt_out {
            return Err(ErrorReply::fixed(
                "ERR You can't specify both OPTIN mode and OPTOUT mode",
            ));
        }
        let switches =
            (self.opt_in && current == Some(Mode::OptOut)) || (self.opt_out && current == Some(Mode::OptIn));
        if switches {
            return Err(ErrorReply::fixed(
                "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode.",
            ));
        }
        Ok(match self {
            Options { broadcast: true, .. } => Mode::Broadcast,
            Options { opt_in: true, .. } => Mode::OptIn,
            Options { opt_out: true, .. } => Mode::OptOut,
            _ => Mode::Reads,
        })
    }
}

fn start(client: &mut Client, options: Options) -> CommandResult {
    let current = client.tracking.tracker.as_ref();
    let mode = options.mode(current.map(|tracker| tracker.mode))?;
    let added = if mode == Mode::Broadcast {
        add_prefixes(&mut client.tracking.prefixes, options.prefixes)?
    } else {
        Vec::new()
    };
    let tracker = Arc::new(Tracker::new(
        client.info.clone(),
        options.redirect,
        mode,
        options.no_loop,
    ));
    client.server.tracking.add(&client.server, &tracker, &added);
    client.tracking.tracker = Some(tracker);
    Ok(())
}

/// Adds prefixes of which none may be the beginning of another; without any all keys are meant. Returns those that were
/// not there. O(log N) for each: of sorted prefixes, those that overlap stand side by side.
fn add_prefixes(
    prefixes: &mut BTreeSet<Box<[u8]>>,
    mut added: Vec<Box<[u8]>>,
) -> Result<Vec<Box<[u8]>>, ErrorReply> {
    let mut provided = BTreeSet::new();
    for prefix in &added {
        if let Some(other) = overlapping(prefixes, prefix) {
            return Err(overlap(prefix, "an existing prefix", other));
        }
        if let Some(other) = overlapping(&provided, prefix) {
            // The earlier one is named first.
            return Err(overlap(other, "another provided prefix", prefix));
        }
        provided.insert(prefix.clone());
    }
    if added.is_empty() && !prefixes.contains(&[][..]) {
        added.push(Box::default());
    }
    prefixes.extend(added.iter().cloned());
    Ok(added)
}

/// One of `prefixes`, of which none begins with another, that begins with `prefix` or that `prefix` begins with.
fn overlapping<'p>(prefixes: &'p BTreeSet<Box<[u8]>>, prefix: &[u8]) -> Option<&'p [u8]> {
    let from = (Bound::Included(prefix), Bound::Unbounded);
    let to = (Bound::Unbounded, Bound::Included(prefix));
    let after = prefixes
        .range::<[u8], _>(from)
        .next()
        .filter(|one| one.starts_with(prefix));
    let before = || {
        let one = prefixes.range::<[u8], _>(to).next_back();
        one.filter(|one| prefix.starts_with(one))
    };
    after.or_else(before).map(|one| &**one)
}

fn overlap(prefix: &[u8], what: &str, other: &[u8]) -> ErrorReply {
    let mut text = b"ERR Prefix '".to_vec();
    text.extend_from_slice(prefix);
    text.extend_from_slice(format!("' overlaps with {what} '").as_bytes());
    text.extend_from_slice(other);
    text.extend_from_slice(b"'. Prefixes for a single client must not overlap.");
    ErrorReply::from_bytes(text)
}

pub(super) fn caching(context: &mut Context<'_, '_>) -> CommandResult {
    let word = context.arg(2);
    let tracking = &mut client(context).tracking;
    let mode = tracking.tracker.as_ref().map(|tracker| tracker.mode);
    if mode.is_none() {
        return Err(ErrorReply::fixed(
            "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled",
        ));
    }
    let wanted = match word {
        word if is(word, "YES") => Mode::OptIn,
        word if is(word, "NO") => Mode::OptOut,
        _ => return Err(error::SYNTAX),
    };
    if mode != Some(wanted) {
        return Err(ErrorReply::fixed(if wanted == Mode::OptIn {
            "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode."
        } else {
            "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode."
        }));
    }
    tracking.caching = true;
    context.reply.ok();
    Ok(())
}

pub(super) fn get_redirection(context: &mut Context<'_, '_>) -> CommandResult {
    let id = redirection(client(context));
    context.reply.integer(id);
    Ok(())
}

/// Id of the client that gets the notices, 0 for the client itself, -1 without tracking.
fn redirection(client: &Client) -> i64 {
    let tracker = client.tracking.tracker.as_ref();
    tracker.map_or(-1, |tracker| tracker.redirect_id() as i64)
}

pub(super) fn info(context: &mut Context<'_, '_>) -> CommandResult {
    let client = client(context);
    let (redirect, tracker, caching) = (
        redirection(client),
        client.tracking.tracker.clone(),
        client.tracking.caching,
    );
    let mut flags = Vec::new();
    match &tracker {
        None => flags.push("off"),
        Some(tracker) => {
            flags.push("on");
            match tracker.mode {
                Mode::Reads => {}
                Mode::OptIn => flags.push("optin"),
                Mode::OptOut => flags.push("optout"),
                Mode::Broadcast => flags.push("bcast"),
            }
            match (caching, tracker.mode) {
                (true, Mode::OptIn) => flags.push("caching-yes"),
                (true, Mode::OptOut) => flags.push("caching-no"),
                _ => {}
            }
            if tracker.no_loop {
                flags.push("noloop");
            }
            if tracker.is_broken() {
                flags.push("broken_redirect");
            }
        }
    }
    let prefixes = client.tracking.prefixes.clone();
    let reply = &mut *context.reply;
    reply.map(3);
    reply.bulk_str("flags");
    reply.set(flags.len());
    flags.iter().for_each(|flag| reply.bulk_str(flag));
    reply.bulk_str("redirect");
    reply.integer(redirect);
    reply.bulk_str("prefixes");
    reply.array(prefixes.len());
    prefixes.iter().for_each(|prefix| reply.bulk(prefix));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_may_not_overlap() {
        let mut all = BTreeSet::new();
        let mut add = |words: &[&str]| {
            let added = words.iter().map(|word| word.as_bytes().into()).collect();
            add_prefixes(&mut all, added)
                .map(|added| added.len())
                .map_err(|error| String::from_utf8_lossy(error.text()).into_owned())
        };
        let rest = "Prefixes for a single client must not overlap.";
        let refused = |first: &str, what: &str, second: &str| {
            Err(format!(
                "ERR Prefix '{first}' overlaps with {what} '{second}'. {rest}"
            ))
        };
        assert_eq!(add(&["FOO", "BAR"]), Ok(2));
        assert_eq!(add(&["FO"]), refused("FO", "an existing prefix", "FOO"));
        assert_eq!(add(&["x", "BARB"]), refused("BARB", "an existing prefix", "BAR"));
        assert_eq!(add(&["y", "yz"]), refused("y", "another provided prefix", "yz"));
        assert_eq!(add(&["yz", "y"]), refused("yz", "another provided prefix", "y"));
        assert_eq!(add(&["y", "y"]), refused("y", "another provided prefix", "y"));
        assert_eq!(
            add(&["FOA", "FOP", "FOOO"]),
            refused("FOOO", "an existing prefix", "FOO")
        );
        assert_eq!(add(&["FOA", "FOP"]), Ok(2));
        assert_eq!(add(&[]), Ok(1));
        assert_eq!(add(&[]), Ok(0));
    }
}
