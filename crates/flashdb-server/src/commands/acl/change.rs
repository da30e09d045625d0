//! ACL subcommands that change users and roles, or bring them to and from the file. A connection whose
//! user is removed ends, and so does one that listens to what its user may no longer listen to.

use super::quoting;
use super::show::check_name;
use crate::acl::{Change, DEFAULT_USER, RefusedRule, RoleKept, UnclosedSelector, merge_selectors};
use crate::client::ClientInfo;
use crate::commands::client;
use crate::core_loop::Message;
use crate::pubsub::Kind;
use crate::server::Server;
use flashdb_command::error::ErrorReply;
use flashdb_command::{CommandResult, Context};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub(super) fn set_user(context: &mut Context<'_, '_>) -> CommandResult {
    let name = context.arg(2);
    check_name(name, "Usernames")?;
    let rules = rules_of(context)?;
    let (server, settings) = (client(context).server.clone(), client(context).server.settings());
    let change = server
        .acl
        .set_user(&settings, name, &rules)
        .map_err(|refused| modifier_error("SETUSER", &refused))?;
    enforce(context, &server, &change);
    context.reply.ok();
    Ok(())
}

pub(super) fn set_role(context: &mut Context<'_, '_>) -> CommandResult {
    let name = context.arg(2);
    check_name(name, "Role names")?;
    let rules = rules_of(context)?;
    let server = client(context).server.clone();
    let change = server
        .acl
        .set_role(name, &rules)
        .map_err(|refused| modifier_error("SETROLE", &refused))?;
    enforce(context, &server, &change);
    context.reply.ok();
    Ok(())
}

fn rules_of(context: &Context<'_, '_>) -> Result<Vec<Vec<u8>>, ErrorReply> {
    merge_selectors(context.args.iter_from(3)).map_err(|UnclosedSelector(at)| {
        quoting(
            "ERR Unmatched parenthesis in acl selector starting at '",
            &at,
            "'.",
        )
    })
}

fn modifier_error(subcommand: &str, refused: &RefusedRule) -> ErrorReply {
    quoting(
        &format!("ERR Error in ACL {subcommand} modifier '"),
        &refused.rule,
        &format!("': {}", refused.fault),
    )
}

pub(super) fn delete_users(context: &mut Context<'_, '_>) -> CommandResult {
    let names: Vec<&[u8]> = context.args.iter_from(2).collect();
    if names.contains(&DEFAULT_USER) {
        return Err(ErrorReply::fixed("ERR The 'default' user cannot be removed"));
    }
    let server = client(context).server.clone();
    let mut removed = 0;
    let Ok(change) = server.acl.change(|users, _| {
        removed = names.iter().filter(|name| users.remove_user(name)).count();
        Ok::<(), std::convert::Infallible>(())
    });
    enforce(context, &server, &change);
    context.reply.count(removed);
    Ok(())
}

pub(super) fn delete_role(context: &mut Context<'_, '_>) -> CommandResult {
    let name = context.arg(2);
    let server = client(context).server.clone();
    server
        .acl
        .change(|users, _| users.remove_role(name))
        .map_err(|kept| match kept {
            RoleKept::Unknown => quoting("ERR No such role '", name, "'"),
            RoleKept::UsedBy(user) => quoting("ERR The role is in use by user '", &user, "'"),
        })?;
    context.reply.ok();
    Ok(())
}

const NO_FILE: ErrorReply = ErrorReply::fixed(
    "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER \
     command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store \
     users in the Redis configuration.",
);

pub(super) fn load(context: &mut Context<'_, '_>) -> CommandResult {
    let server = client(context).server.clone();
    let settings = server.settings();
    if settings.aclfile.is_empty() {
        return Err(NO_FILE);
    }
    let change = server.acl.load(&settings).map_err(|error| {
        tracing::warn!(%error, "the users were not loaded");
        ErrorReply::new(format!("ERR {error}"))
    })?;
    tracing::info!(
        users = change.after.users().len(),
        "users were loaded from the file"
    );
    enforce(context, &server, &change);
    context.reply.ok();
    Ok(())
}

pub(super) fn save(context: &mut Context<'_, '_>) -> CommandResult {
    let server = client(context).server.clone();
    let settings = server.settings();
    if settings.aclfile.is_empty() {
        return Err(NO_FILE);
    }
    server.acl.save(&settings).map_err(|error| {
        tracing::warn!(%error, file = settings.aclfile, "the users were not saved");
        ErrorReply::fixed(
            "ERR There was an error trying to save the ACLs. Please check the server logs for more information",
        )
    })?;
    context.reply.ok();
    Ok(())
}

/// Ends the connections that the change forbids. Those that are known here are gone for everybody once this
/// returns; the loops look again for clients that were about to subscribe or log in meanwhile.
fn enforce(context: &mut Context<'_, '_>, server: &Server, change: &Change) {
    if !change.disconnects() {
        return;
    }
    let own_id = context.session.client_id();
    for info in forbidden(server, change).into_values() {
        if info.id == own_id {
            client(context).closing = true;
            continue;
        }
        info.killed.store(true, Ordering::Release);
        server.clients.lock().remove(&info.id);
        server.post(info.loop_id, Message::Kill { client: info.id });
    }
    server.post_all(|| Message::AclChanged);
    if let Some(tell) = server.acl.on_gone.get() {
        tell();
    }
}

/// Clients by id whose user is gone or may not listen to what they listen to.
fn forbidden(server: &Server, change: &Change) -> BTreeMap<u64, Arc<ClientInfo>> {
    let user_of = |info: &ClientInfo| info.user.lock().clone();
    let is_gone = |info: &ClientInfo| user_of(info).is_some_and(|user| change.after.same(&user).is_none());
    let may_not_listen = |kind: Kind, name: &[u8], info: &ClientInfo| {
        let now = user_of(info).and_then(|user| change.after.same(&user).cloned());
        now.is_some_and(|user| !user.permissions.allow_listening(name, kind == Kind::Pattern))
    };
    let mut found: BTreeMap<u64, Arc<ClientInfo>> = BTreeMap::new();
    let clients: Vec<Arc<ClientInfo>> = server.clients.lock().values().cloned().collect();
    found.extend(
        clients
            .into_iter()
            .filter(|info| is_gone(info))
            .map(|info| (info.id, info)),
    );
    for info in server.pubsub.subscribers_where(may_not_listen) {
        found.insert(info.id, info);
    }
    found
}
