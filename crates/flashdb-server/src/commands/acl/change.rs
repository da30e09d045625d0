//! ACL subcommands that change users and roles, or bring them to and from the file. A connection whose
//! user is removed ends, and so does one that listens to what its user may no longer listen to.

use super::quoting;
use super::show::check_name;
use crate::acl::{AfterGone, Change, DEFAULT_USER, RefusedRule, RoleKept, UnclosedSelector, merge_selectors};
use crate::client::ClientInfo;
use crate::commands::client;
use crate::core_loop::Message;
use crate::later::Later;
use crate::pubsub::Kind;
use crate::server::Server;
use flashdb_command::error::ErrorReply;
use flashdb_command::{CommandResult, Context};
use flashdb_resp::Reply;
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
    let rest = enforce(context, &server, &change);
    answer(context, &server, rest, Answer::Ok);
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
    let rest = enforce(context, &server, &change);
    answer(context, &server, rest, Answer::Ok);
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
    let rest = enforce(context, &server, &change);
    answer(context, &server, rest, Answer::Count(removed));
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
    let rest = enforce(context, &server, &change);
    answer(context, &server, rest, Answer::Ok);
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
/// returns; the loops look again for clients that were about to subscribe or log in meanwhile. What is left to do
/// before the answer is returned.
fn enforce(context: &mut Context<'_, '_>, server: &Server, change: &Change) -> Option<AfterGone> {
    if !change.disconnects() {
        return None;
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
    let tell = server.acl.on_gone.get()?;
    tell()
}

/// What is answered in the end.
#[derive(Clone, Copy)]
enum Answer {
    Ok,
    Count(usize),
}

impl Answer {
    fn write(self, reply: &mut Reply) {
        match self {
            Answer::Ok => reply.ok(),
            Answer::Count(count) => reply.count(count),
        }
    }
}

/// Answers once `rest` is done, on a thread of its own, since it waits for the disk and the loop must not. Where the
/// client may not wait, as in a transaction, or ends with its user, the answer does not wait either.
fn answer(context: &mut Context<'_, '_>, server: &Arc<Server>, rest: Option<AfterGone>, answer: Answer) {
    let Some(rest) = rest else {
        return answer.write(context.reply);
    };
    let waits = context.may_block() && !client(context).closing;
    let later = waits.then(|| Later::begin(context));
    if later.is_none() {
        answer.write(context.reply);
    }
    let answering = server.clone();
    let thread = std::thread::Builder::new().name("users-gone".into());
    let started = thread.spawn(move || {
        rest();
        if let Some(later) = later {
            later.answer_apart(&answering, |reply| {
                answer.write(reply);
                Ok(())
            });
        }
    });
    if let Err(error) = started {
        // The users are gone all the same, and the files that are behind are written within a second.
        tracing::warn!(%error, "cannot start a thread for what users who are gone have left");
        if context.block.take().is_some() {
            answer.write(context.reply);
        }
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

#[cfg(test)]
mod tests {
    use crate::bootstrap::test_server::TestServer;
    use parking_lot::Mutex;
    use std::io::{ErrorKind, Read, Write};
    use std::sync::Arc;
    use std::sync::mpsc;

    #[test]
    fn for_what_the_gone_have_left_on_disk_the_answer_waits_and_no_loop() {
        let mut server = TestServer::start(&["--io-threads", "1"]);
        let (begun, begins) = mpsc::channel();
        let (go, goes) = mpsc::channel::<()>();
        let goes = Arc::new(Mutex::new(goes));
        let on_gone = move || -> Option<crate::acl::AfterGone> {
            let (begun, goes) = (begun.clone(), goes.clone());
            Some(Box::new(move || {
                begun.send(()).expect("it is awaited");
                goes.lock().recv().expect("it may go on");
            }))
        };
        assert!(server.server.acl.on_gone.set(Box::new(on_gone)).is_ok());
        let mut admin = server.connect();
        server.ask(&["ACL", "SETUSER", "ada"]);
        admin.write_all(b"ACL DELUSER ada\r\n").expect("sent");
        begins.recv().expect("it has begun");
        assert_eq!(server.ask(&["PING"]), "+PONG");
        admin.set_nonblocking(true).expect("a setting");
        let early = admin.read(&mut [0]).expect_err("no answer yet");
        assert_eq!(early.kind(), ErrorKind::WouldBlock);
        admin.set_nonblocking(false).expect("a setting");
        go.send(()).expect("it is awaited");
        let mut answer = [0; 4];
        admin.read_exact(&mut answer).expect("an answer");
        assert_eq!(&answer, b":1\r\n");

        // A transaction does not wait, nor is its loop held.
        server.ask(&["ACL", "SETUSER", "ada"]);
        server.ask(&["MULTI"]);
        server.ask(&["ACL", "DELUSER", "ada"]);
        assert_eq!(server.ask(&["EXEC"]), ":1\n");
        begins.recv().expect("it has begun");
        assert_eq!(server.ask(&["PING"]), "+PONG");
        go.send(()).expect("it is awaited");
    }
}
