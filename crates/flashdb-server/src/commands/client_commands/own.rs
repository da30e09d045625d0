//! CLIENT subcommands by which a connection speaks of itself.

use crate::client::ReplyMode;
use crate::commands::client;
use crate::commands::connection::{is_valid_name, valid_name};
use flashdb_command::args::is;
use flashdb_command::error::{self, ErrorReply};
use flashdb_command::{CommandResult, Context};

pub(super) fn id(context: &mut Context<'_, '_>) -> CommandResult {
    let id = context.session.client_id();
    context.reply.integer(id as i64);
    Ok(())
}

pub(super) fn get_name(context: &mut Context<'_, '_>) -> CommandResult {
    let name = client(context).info.names.lock().name.clone();
    context.reply.bulk_or_null((!name.is_empty()).then_some(&name));
    Ok(())
}

pub(super) fn set_name(context: &mut Context<'_, '_>) -> CommandResult {
    let name = valid_name(context.args.at(2))?.to_vec();
    client(context).info.names.lock().name = name;
    context.reply.ok();
    Ok(())
}

pub(super) fn set_info(context: &mut Context<'_, '_>) -> CommandResult {
    let (what, value) = (context.args.at(2), context.args.at(3));
    let is_name = is(what, "LIB-NAME");
    if !is_name && !is(what, "LIB-VER") {
        let mut text = b"ERR Unrecognized option '".to_vec();
        text.extend_from_slice(what);
        text.push(b'\'');
        return Err(ErrorReply::from_bytes(text));
    }
    if !is_valid_name(value) {
        let shown = if is_name { "lib-name" } else { "lib-ver" };
        return Err(ErrorReply::new(format!(
            "ERR {shown} cannot contain spaces, newlines or special characters."
        )));
    }
    let mut names = client(context).info.names.lock();
    if is_name {
        names.lib_name = value.to_vec();
    } else {
        names.lib_version = value.to_vec();
    }
    drop(names);
    context.reply.ok();
    Ok(())
}

fn on_or_off(word: &[u8]) -> Result<bool, ErrorReply> {
    match word {
        word if is(word, "ON") => Ok(true),
        word if is(word, "OFF") => Ok(false),
        _ => Err(error::SYNTAX),
    }
}

pub(super) fn no_evict(context: &mut Context<'_, '_>) -> CommandResult {
    client(context).no_evict = on_or_off(context.arg(2))?;
    context.reply.ok();
    Ok(())
}

pub(super) fn no_touch(context: &mut Context<'_, '_>) -> CommandResult {
    client(context).no_touch = on_or_off(context.arg(2))?;
    context.reply.ok();
    Ok(())
}

pub(super) fn reply_mode(context: &mut Context<'_, '_>) -> CommandResult {
    let word = context.arg(2);
    let client = client(context);
    if is(word, "ON") {
        client.reply_mode = ReplyMode::On;
        context.reply.ok();
    } else if is(word, "OFF") {
        client.reply_mode = ReplyMode::Off;
    } else if is(word, "SKIP") {
        if client.reply_mode != ReplyMode::Off {
            client.reply_mode = ReplyMode::SkipNext;
        }
    } else {
        return Err(error::SYNTAX);
    }
    Ok(())
}
