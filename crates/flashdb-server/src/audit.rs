//! The audit log: who did what to the server, as events of their own target ([`AUDIT`]), which can go to a file of their own.
//! Which requests belong there, and which of their words may be shown, is said in the command's row; besides these there are
//! logins that failed and what access control refused, once a minute for the same thing. Passwords and keys are never shown.

use crate::acl::Reason;
use crate::client::ClientInfo;
use crate::monitor::quote;
use flashdb_base::clock;
use flashdb_base::rate_limit::RateLimit;
use flashdb_command::registry::Command;
use flashdb_command::{Audit, CommandSpec};
use flashdb_config::logging::AUDIT;
use flashdb_resp::Args;

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
pub fn note_request(client: &ClientInfo, args: &Args<'_>, command: &Command, outcome: Outcome) {
    let spec = command.spec;
    let is_noted = match spec.audit {
        Audit::No => false,
        Audit::Words | Audit::Head(_) => true,
        Audit::FirstPart => args.len() > 2 && args.at(2) == b"0",
    };
    if !is_noted {
        return;
    }
    let (request, hidden) = shown(spec, args);
    tracing::info!(
        target: AUDIT,
        event = "command",
        command = spec.full_name(),
        request,
        words_hidden = hidden,
        outcome = outcome.name(),
        user = user_name(client),
        client = client.id,
        addr = client.addr,
        "a command for administrators"
    );
}

/// Logs a login that failed; `failures` are those lately remembered of the address. The name that was given is left out: it
/// may be a password, sent in the wrong place.
pub fn note_failed_login(client: &ClientInfo, failures: u32) {
    tracing::info!(
        target: AUDIT,
        event = "login",
        outcome = "failed",
        failures,
        user = user_name(client),
        client = client.id,
        addr = client.addr,
        "a login failed"
    );
}

/// Refusals that are logged, per second: a client can have as many as it sends requests.
const REFUSALS_PER_SECOND: u64 = 20;

/// Logs that access control refused something. `object` is shown of commands only: keys and channels belong to the data.
pub fn note_refusal(client: &ClientInfo, reason: Reason, object: &[u8]) {
    static LIMIT: RateLimit = RateLimit::new();
    let Some(left_out) = LIMIT.allow(clock::unix_ms() / 1000, REFUSALS_PER_SECOND) else {
        return;
    };
    let command = match reason {
        Reason::Command => String::from_utf8_lossy(object),
        Reason::Key | Reason::Channel | Reason::Auth => "".into(),
    };
    tracing::info!(
        target: AUDIT,
        event = "refusal",
        outcome = "refused",
        reason = reason.name(),
        command = &*command,
        left_out,
        user = user_name(client),
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

/// The words that may be shown, and how many may not.
fn shown(spec: &CommandSpec, args: &Args<'_>) -> (String, usize) {
    let mut out = Vec::new();
    let mut hidden = 0;
    for (index, word) in args.iter().enumerate() {
        let open = match spec.audit {
            Audit::No => false,
            Audit::Words => !spec.is_secret(args, index),
            Audit::Head(words) => index < words as usize,
            Audit::FirstPart => index < 2,
        };
        if !open || index >= WORDS_MAX {
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
        assert_eq!(of(&["flushall", "async"]), ("\"flushall\" \"async\"".into(), 0));
        let long = "x".repeat(1000);
        assert_eq!(of(&["function", "load", &long]).1, 1);
        assert!(of(&["client", "kill", &long]).0.len() < 200);
    }
}
