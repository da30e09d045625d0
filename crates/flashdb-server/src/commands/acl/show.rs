//! ACL subcommands that only look: users, roles, what a user may do, what was refused.

use super::{at_most_one_argument, quoting};
use crate::acl::{self, Entry, Grants, Lack, Selector, Users};
use crate::commands::client;
use flashdb_command::args::{self, is};
use flashdb_command::error::{self, ErrorReply};
use flashdb_command::{CommandResult, Context};
use flashdb_resp::Reply;
use std::sync::Arc;

/// Entries of the log that are shown unless more are asked for.
const LOG_ENTRIES: usize = 10;

fn all_users(context: &mut Context<'_, '_>) -> Arc<Users> {
    client(context).server.acl.users()
}

pub(super) fn list(context: &mut Context<'_, '_>) -> CommandResult {
    let server = client(context).server.clone();
    let users = server.acl.users();
    context.reply.array(users.users().len());
    for user in users.users() {
        context.reply.bulk(&user.line(server.acl.catalog()));
    }
    Ok(())
}

pub(super) fn users(context: &mut Context<'_, '_>) -> CommandResult {
    let users = all_users(context);
    context.reply.array(users.users().len());
    users.users().for_each(|user| context.reply.bulk(&user.name));
    Ok(())
}

pub(super) fn roles(context: &mut Context<'_, '_>) -> CommandResult {
    let users = all_users(context);
    context.reply.array(users.roles().len());
    users.roles().for_each(|role| context.reply.bulk(&role.name));
    Ok(())
}

pub(super) fn get_user(context: &mut Context<'_, '_>) -> CommandResult {
    let server = client(context).server.clone();
    let users = server.acl.users();
    let Some(user) = users.get(context.arg(2)) else {
        context.reply.null();
        return Ok(());
    };
    let reply = &mut *context.reply;
    reply.map(if user.roles.is_empty() { 6 } else { 7 });
    reply.bulk_str("flags");
    reply.set(user.flags().count());
    user.flags().for_each(|flag| reply.bulk_str(flag));
    reply.bulk_str("passwords");
    reply.array(user.passwords.len());
    user.passwords
        .iter()
        .for_each(|password| reply.bulk_str(&password.hex()));
    write_grants(reply, &user.grants, server.acl.catalog());
    if !user.roles.is_empty() {
        reply.bulk_str("roles");
        reply.array(user.roles.len());
        user.roles.iter().for_each(|role| reply.bulk(&role.name));
    }
    Ok(())
}

pub(super) fn get_role(context: &mut Context<'_, '_>) -> CommandResult {
    let server = client(context).server.clone();
    let users = server.acl.users();
    let Some(role) = users.role(context.arg(2)) else {
        context.reply.null();
        return Ok(());
    };
    context.reply.map(5);
    write_grants(context.reply, &role.grants, server.acl.catalog());
    context.reply.bulk_str("users");
    context.reply.array(users.holders(&role.name).count());
    users
        .holders(&role.name)
        .for_each(|name| context.reply.bulk(name));
    Ok(())
}

/// Four pairs of a map: what the root selector allows, and the other selectors.
fn write_grants(reply: &mut Reply, grants: &Grants, catalog: &acl::Catalog) {
    write_selector(reply, &grants.root, catalog);
    reply.bulk_str("selectors");
    reply.array(grants.selectors.len());
    for selector in &grants.selectors {
        reply.map(3);
        write_selector(reply, selector, catalog);
    }
}

/// Three pairs of a map.
fn write_selector(reply: &mut Reply, selector: &Selector, catalog: &acl::Catalog) {
    for (name, text) in [
        ("commands", selector.commands_text(catalog)),
        ("keys", selector.keys_text()),
        ("channels", selector.channels_text()),
    ] {
        reply.bulk_str(name);
        reply.bulk(&text);
    }
}

pub(super) fn dry_run(context: &mut Context<'_, '_>) -> CommandResult {
    let server = client(context).server.clone();
    let users = server.acl.users();
    let name = context.arg(2);
    let user = users
        .get(name)
        .ok_or_else(|| quoting("ERR User '", name, "' not found"))?;
    let request = context.args.tail(3);
    let command = server
        .registry
        .resolve(&request)
        .map_err(|_| quoting("ERR Command '", request.at(0), "' not found"))?;
    if !command.spec.accepts(request.len()) {
        return Err(error::wrong_arity(&command.spec.full_name()));
    }
    let Err(denied) = acl::check(user, &command, &request) else {
        context.reply.ok();
        return Ok(());
    };
    let object = denied.object(&command, &request);
    let (before, behind): (&[u8], &[u8]) = match denied.lack {
        Lack::Command => (b"This user has no permissions to run the '", b"' command"),
        Lack::Key => (b"This user has no permissions to access the '", b"' key"),
        Lack::Channel => (b"This user has no permissions to access the '", b"' channel"),
    };
    context.reply.bulk(&[before, &object, behind].concat());
    Ok(())
}

pub(super) fn log(context: &mut Context<'_, '_>) -> CommandResult {
    at_most_one_argument(context)?;
    let server = client(context).server.clone();
    let count = match context.args.get(2) {
        None => LOG_ENTRIES,
        Some(word) if is(word, "RESET") => {
            server.acl.log.lock().clear();
            context.reply.ok();
            return Ok(());
        }
        Some(word) => usize::try_from(args::integer(word)?).unwrap_or(0),
    };
    let now_ms = context.now_ms();
    let log = server.acl.log.lock();
    context.reply.array(count.min(log.iter().len()));
    for entry in log.iter().take(count) {
        write_entry(context.reply, entry, now_ms);
    }
    Ok(())
}

fn write_entry(reply: &mut Reply, entry: &Entry, now_ms: i64) {
    reply.map(10);
    reply.bulk_str("count");
    reply.integer(entry.count as i64);
    for (name, value) in [
        ("reason", entry.reason.name().as_bytes()),
        ("context", entry.surroundings.name().as_bytes()),
        ("object", &entry.object),
        ("username", &entry.username),
    ] {
        reply.bulk_str(name);
        reply.bulk(value);
    }
    reply.bulk_str("age-seconds");
    reply.double((now_ms - entry.updated_ms).max(0) as f64 / 1000.0);
    reply.bulk_str("client-info");
    reply.bulk(&entry.client_info);
    for (name, value) in [
        ("entry-id", entry.id as i64),
        ("timestamp-created", entry.created_ms),
        ("timestamp-last-updated", entry.updated_ms),
    ] {
        reply.bulk_str(name);
        reply.integer(value);
    }
}

/// The error of a name that users and roles cannot have.
pub(super) fn check_name(name: &[u8], what: &str) -> Result<(), ErrorReply> {
    if name.is_empty() {
        return Err(ErrorReply::new(format!("ERR {what} can't be empty")));
    }
    if !acl::fits_a_line(name) {
        return Err(ErrorReply::new(format!(
            "ERR {what} can't contain spaces or null characters"
        )));
    }
    Ok(())
}
