//! The audit log: who did what to the server, as events of their own target ([`AUDIT`]), which can go to a file of their own.
//! Which requests belong there, and which of their words may be shown, is said in the command's row; besides these there are
//! logins and what access control refused, once a minute for the same thing. Passwords and keys are never shown. The newest
//! of them are also kept in memory ([`AuditTrail`]).

mod trail;

pub use trail::{AuditEntry, AuditKind, AuditNews, AuditPage, AuditTrail};

use crate::acl::Reason;
use crate::client::ClientInfo;
use crate::monitor::quote;
use crate::server::Server;
use flashdb_base::clock;
use flashdb_base::rate_limit::RateLimit;
use flashdb_command::registry::Command;
use flashdb_command::{Audit, CommandSpec};
use flashdb_config::logging::AUDIT;
use flashdb_resp::Args;
use std::sync::Arc;

/// Words of a request that are shown at most, and bytes of each.
const WORDS_MAX: usize = 32;
const WORD_BYTES_MAX: usize = 128;

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was answered with an error.
    Failed,
    /// It goes on, and is answered later.
    Begun,
}

impl Outcome {
    /// Of a command that has ended.
    pub fn of(failed: bool) -> Self {
        if failed { Outcome::Failed } else { Outcome::Done }
    }

    fn name(self) -> &'static str {
        match self {
            Outcome::Done => "done",
            Outcome::Failed => "failed",
            Outcome::Begun => "begun",
        }
    }
}

/// Logs a request that was run, if its row wants it.
pub fn note_request(
    server: &Server,
    client: &ClientInfo,
    args: &Args<'_>,
    command: &Command,
    outcome: Outcome,
) {
    // What ends the sending of parts is noted as it ends: that it began says nothing that the first part has not said.
    if is_noted(command.spec, args) && !(outcome == Outcome::Begun && is_last(command.spec, args)) {
        log_request(
            server,
            client,
            command.spec.full_name(),
            shown(command.spec, args),
            outcome,
        );
    }
}

fn is_noted(spec: &CommandSpec, args: &Args<'_>) -> bool {
    match spec.audit {
        Audit::No => false,
        Audit::Words | Audit::Head(_) => true,
        Audit::With(word) => args.at(args.len() - 1).eq_ignore_ascii_case(word.as_bytes()),
        Audit::FirstPart => is_first(args),
        Audit::FirstPartAnd(_) => is_first(args) || is_last(spec, args),
    }
}

/// Whether the request is about the first of many parts.
fn is_first(args: &Args<'_>) -> bool {
    args.len() > 2 && args.at(2) == b"0"
}

/// Whether the request ends what was sent in parts.
fn is_last(spec: &CommandSpec, args: &Args<'_>) -> bool {
    let Audit::FirstPartAnd(words) = spec.audit else {
        return false;
    };
    args.len() > 2
        && words
            .iter()
            .any(|word| args.at(2).eq_ignore_ascii_case(word.as_bytes()))
}

/// What is logged at the end of a request that is answered later, as it began.
pub struct EndNote {
    client: Arc<ClientInfo>,
    command: String,
    shown: (String, usize),
}

impl EndNote {
    /// None for what is not logged, and for parts of a file: that the first was asked for tells enough. Nor for the end of a file that a
    /// guest sends who notes that itself.
    pub fn of(client: &Arc<ClientInfo>, spec: &CommandSpec, args: &Args<'_>) -> Option<Self> {
        let wanted = match spec.audit {
            Audit::FirstPart => false,
            Audit::FirstPartAnd(_) => is_last(spec, args) && !client.notes_files,
            _ => is_noted(spec, args),
        };
        wanted.then(|| EndNote {
            client: client.clone(),
            command: spec.full_name(),
            shown: shown(spec, args),
        })
    }

    /// Logs that it has ended.
    pub fn log(&self, server: &Server, outcome: Outcome) {
        log_request(
            server,
            &self.client,
            self.command.clone(),
            self.shown.clone(),
            outcome,
        );
    }
}

fn log_request(
    server: &Server,
    client: &ClientInfo,
    name: String,
    (request, hidden): (String, usize),
    outcome: Outcome,
) {
    let user = user_name(client);
    tracing::info!(
        target: AUDIT,
        event = "command",
        command = name,
        request,
        words_hidden = hidden,
        outcome = outcome.name(),
        user,
        client = client.id,
        addr = client.addr,
        "a command for administrators"
    );
    server.audit.note(AuditEntry {
        event: "command",
        what: name,
        outcome: outcome.name(),
        detail: match hidden {
            0 => request,
            hidden => format!("{request} + {hidden} hidden"),
        },
        ..entry_of(client, user)
    });
}

fn entry_of(client: &ClientInfo, user: String) -> AuditEntry {
    AuditEntry {
        user,
        addr: client.addr.clone(),
        ..AuditEntry::default()
    }
}

/// Logins that are logged, per second, of those that are not counted with one before: a client can have as many as it connects.
const LOGINS_PER_SECOND: u64 = 20;

/// Notes a login: the first of a minute of the same user from the same address.
pub fn note_login(server: &Server, client: &ClientInfo) {
    static LIMIT: RateLimit = RateLimit::new();
    let user = user_name(client);
    let is_new = server.audit.note(AuditEntry {
        event: "login",
        outcome: "done",
        ..entry_of(client, user.clone())
    });
    if !is_new {
        return;
    }
    let Some(left_out) = LIMIT.allow(clock::unix_ms() / 1000, LOGINS_PER_SECOND) else {
        return;
    };
    tracing::info!(
        target: AUDIT,
        event = "login",
        outcome = "done",
        left_out,
        user,
        client = client.id,
        addr = client.addr,
        "a client has logged in"
    );
}

/// Notes that an address may not even try, since too many logins from there have failed; once a minute. `name` is that of the
/// login.
pub fn note_lockout(server: &Server, client: &ClientInfo, name: &[u8]) {
    let user = user_name(client);
    let known = server.acl.users().get(name).is_some();
    let tried = if known { name } else { b"" };
    let tried = String::from_utf8_lossy(tried).into_owned();
    let is_new = server.audit.note(AuditEntry {
        event: "login",
        outcome: "locked-out",
        what: tried.clone(),
        ..entry_of(client, user.clone())
    });
    if is_new {
        tracing::info!(
            target: AUDIT,
            event = "login",
            outcome = "locked-out",
            tried,
            user,
            client = client.id,
            addr = client.addr,
            "too many logins have failed"
        );
    }
}

/// Logs a login that failed; `failures` are those lately remembered of the address. The name that was given is `tried`
/// where there is such a user, and left out where there is none: it may be a password, sent in the wrong place.
pub fn note_failed_login(server: &Server, client: &ClientInfo, tried: Option<&[u8]>, failures: u32) {
    let user = user_name(client);
    let tried = String::from_utf8_lossy(tried.unwrap_or_default()).into_owned();
    server.audit.note(AuditEntry {
        event: "login",
        outcome: "failed",
        what: tried.clone(),
        ..entry_of(client, user.clone())
    });
    tracing::info!(
        target: AUDIT,
        event = "login",
        outcome = "failed",
        tried,
        failures,
        user,
        client = client.id,
        addr = client.addr,
        "a login failed"
    );
}

/// Refusals that are logged, per second: a client can have as many as it sends requests.
const REFUSALS_PER_SECOND: u64 = 20;

/// Logs that access control refused something. `object` is shown of commands only: keys and channels belong to the data.
pub fn note_refusal(server: &Server, client: &ClientInfo, reason: Reason, object: &[u8]) {
    static LIMIT: RateLimit = RateLimit::new();
    let Some(left_out) = LIMIT.allow(clock::unix_ms() / 1000, REFUSALS_PER_SECOND) else {
        return;
    };
    let command = match reason {
        Reason::Command => String::from_utf8_lossy(object),
        Reason::Key | Reason::Channel | Reason::Auth => "".into(),
    };
    let user = user_name(client);
    server.audit.note(AuditEntry {
        event: "refusal",
        outcome: "refused",
        what: reason.name().to_owned(),
        detail: command.clone().into_owned(),
        ..entry_of(client, user.clone())
    });
    tracing::info!(
        target: AUDIT,
        event = "refusal",
        outcome = "refused",
        reason = reason.name(),
        command = &*command,
        left_out,
        user,
        client = client.id,
        addr = client.addr,
        "access control refused a request"
    );
}

fn user_name(client: &ClientInfo) -> String {
    let user = client.user.lock();
    let name = user
        .as_ref()
        .map(|user| String::from_utf8_lossy(&user.name).into_owned());
    name.unwrap_or_default()
}

/// Whether a word of ACL is a rule with a password: in the place of the user's name it was left out.
fn is_rule_with_secret(spec: &CommandSpec, word: &[u8]) -> bool {
    spec.container == "acl" && matches!(word.first(), Some(b'>' | b'<' | b'#' | b'!'))
}

/// The words that may be shown, and how many may not.
fn shown(spec: &CommandSpec, args: &Args<'_>) -> (String, usize) {
    let mut out = Vec::new();
    let mut hidden = 0;
    for (index, word) in args.iter().enumerate() {
        let open = index < WORDS_MAX
            && match spec.audit {
                Audit::No => false,
                Audit::Words | Audit::With(_) => !spec.is_secret(args, index),
                Audit::Head(words) => {
                    index < words as usize && !(index >= 2 && is_rule_with_secret(spec, word))
                }
                Audit::FirstPart => index < 2,
                Audit::FirstPartAnd(_) => index < 2 || index == 2 && is_last(spec, args),
            };
        if !open {
            hidden += 1;
            continue;
        }
        if !out.is_empty() {
            out.push(b' ');
        }
        quote(&mut out, &word[..word.len().min(WORD_BYTES_MAX)]);
    }
    // What is quoted is ASCII.
    (String::from_utf8_lossy(&out).into_owned(), hidden)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bootstrap::test_server::TestServer;
    use flashdb_resp::OwnedArgs;

    fn shown_of(server: &TestServer, words: &[&str]) -> (String, usize) {
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        let owned = OwnedArgs::from_words(words.iter().copied());
        let args = owned.as_args();
        let command = server
            .server
            .registry
            .resolve(&args)
            .expect("there is such a command");
        assert!(command.spec.audit != Audit::No, "{words:?}");
        shown(command.spec, &args)
    }

    #[test]
    fn secrets_stay_hidden() {
        let server = TestServer::start(&[]);
        let of = |words: &[&str]| shown_of(&server, words);
        assert_eq!(
            of(&["CONFIG", "SET", "requirepass", "x", "maxmemory", "1gb"]),
            (
                "\"CONFIG\" \"SET\" \"requirepass\" \"maxmemory\" \"1gb\"".into(),
                1
            )
        );
        assert_eq!(
            of(&["acl", "setuser", "alice", "on", ">secret"]),
            ("\"acl\" \"setuser\" \"alice\"".into(), 2)
        );
        assert_eq!(
            of(&["acl", "setuser", ">secret"]),
            ("\"acl\" \"setuser\"".into(), 1)
        );
        assert_eq!(of(&["flushall", "async"]), ("\"flushall\" \"async\"".into(), 0));
        let long = "x".repeat(1000);
        assert_eq!(of(&["function", "load", &long]).1, 1);
        assert!(of(&["client", "kill", &long]).0.len() < 200);
    }

    #[test]
    fn of_a_file_in_parts_the_first_and_the_end_are_told() {
        let server = TestServer::start(&[]);
        let of = |words: &[&str]| {
            let owned = OwnedArgs::from_words(words.iter().map(|word| word.as_bytes()));
            let args = owned.as_args();
            let spec = server.server.registry.resolve(&args).expect("a command").spec;
            let [own, other] = [false, true].map(|notes_files| {
                let client = Arc::new(ClientInfo {
                    notes_files,
                    ..ClientInfo::default()
                });
                EndNote::of(&client, spec, &args).is_some()
            });
            (is_noted(spec, &args), own, other)
        };
        assert_eq!(of(&["SNAPSHOT.WRITE", "a", "0", "x"]), (true, false, false));
        assert_eq!(of(&["SNAPSHOT.WRITE", "a", "1", "x"]), (false, false, false));
        assert_eq!(of(&["SNAPSHOT.READ", "a", "0", "1"]), (true, false, false));
        assert_eq!(of(&["SNAPSHOT.READ", "commit", "1", "1"]), (false, false, false));
        for end in ["COMMIT", "abort"] {
            assert_eq!(of(&["SNAPSHOT.WRITE", "a", end]), (true, true, false), "{end}");
            let (request, hidden) = shown_of(&server, &["SNAPSHOT.WRITE", "a", end]);
            assert_eq!(
                (request, hidden),
                (format!("\"SNAPSHOT.WRITE\" \"a\" \"{end}\""), 0)
            );
        }
    }

    /// A request that fails for its form is logged, too, and seen in the slow log and by MONITOR.
    #[test]
    fn passwords_in_the_wrong_place_stay_hidden() {
        let server = TestServer::start(&[]);
        for line in [
            "CONFIG SET requirepass my hunter2 hunter2",
            "CONFIG SET requirepass my hunter2",
            "CONFIG SET requirepas hunter2",
            "CONFIG SET save requirepass hunter2",
            "CONFIG SET save requirepass hunter2 maxmemory",
            "CONFIG SET maxmemory 1gb hunter2 requirepass x maxclients hunter2",
            "HELLO 3 AUTH ada my hunter2",
            "HELLO 3 AUTHH ada hunter2",
            "HELLO hunter2",
            "HELLO AUTH ada my hunter2",
            "MIGRATE host 1 key 0 1 AUTH my hunter2",
            "MIGRATE host 1 key 0 1 AUTHH hunter2",
            "MIGRATE host 1 key 0 1 AUTH2 ada my hunter2 COPY",
            "AUTH my hunter2 hunter2",
            "ACL SETUSER ada on > hunter2",
        ] {
            let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
            let owned = OwnedArgs::from_words(words.iter().copied());
            let args = owned.as_args();
            let spec = server.server.registry.resolve(&args).expect("a command").spec;
            for (index, word) in words.iter().enumerate() {
                assert!(
                    *word != b"hunter2" || spec.is_secret(&args, index),
                    "word {index} of {line}"
                );
            }
            assert!(!shown(spec, &args).0.contains("hunter2"), "{line}");
        }
        let is_hidden = |line: &str, at: usize| {
            let owned = OwnedArgs::from_words(line.split(' ').map(str::as_bytes));
            let args = owned.as_args();
            let spec = server.server.registry.resolve(&args).expect("a command").spec;
            spec.is_secret(&args, at)
        };
        assert!(!is_hidden("CONFIG SET maxmemory nonsense", 3));
        assert!(!is_hidden("HELLO 3 AUTH ada x SETNAME name", 6));
        assert!(!is_hidden("MIGRATE host 1 - 0 1 COPY AUTH x KEYS one two", 10));
    }
}
