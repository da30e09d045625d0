//! Users and their rights, each call as the ACL command that it stands for. Passwords go in and never come out, not even as
//! hashes. What a user may do is shown and taken as rules, word by word as ACL LIST writes them; what is about passwords
//! has fields of its own, so that no secret is ever part of a text that is shown, compared or copied.

use super::execute::{LINE_PATTERN, one_of_args_and_line, words_of};
use super::server::lossy;
use crate::App;
use crate::ask::{Conversation, about, integer, items, text, words};
use crate::caller::Caller;
use crate::error::ApiError;
use crate::json::{Bytes, GivenBytes, JsonBody, Query};
use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::StatusCode;
use flashdb_resp::reply::Value;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;

/// Words of all rules of a user; one of them has at most as many bytes.
const RULES_MAX: usize = 1000;
const RULE_CHARS_MAX: usize = 4096;
/// Looks at a user that others are changing, too.
const LOOKS_MAX: u32 = 10;
/// Bytes of a user in a request, with as many of the longest rules as there may be.
const USER_BYTES_MAX: usize = 6 << 20;
/// A rule by its form: about keys, channels or commands, several in parentheses, a role, or one of some words. Whether there
/// is such a command or role is for the engine to say.
const RULE_PATTERN: &str = concat!(
    r"^(?:[~%&+-][^ \t\n\v\f\r\x00]*|\([^\x00]*\)|role:[^ \t\n\v\f\r\x00]+",
    r"|allkeys|resetkeys|allchannels|resetchannels|allcommands|nocommands|clearselectors",
    r"|sanitize-payload|skip-sanitize-payload)$",
);
const RULE_WORDS: [&str; 9] = [
    "allkeys",
    "resetkeys",
    "allchannels",
    "resetchannels",
    "allcommands",
    "nocommands",
    "clearselectors",
    "sanitize-payload",
    "skip-sanitize-payload",
];

/// Whether this is one word.
fn is_word(text: &[u8]) -> bool {
    !text.is_empty() && !text.iter().any(|byte| matches!(byte, b' ' | b'\t'..=b'\r' | 0))
}

/// Whether this has the form of [`RULE_PATTERN`].
fn is_rule(rule: &str) -> bool {
    match rule.as_bytes() {
        [b'(', inner @ .., b')'] => !inner.contains(&0),
        [b'~' | b'%' | b'&' | b'+' | b'-', ..] => is_word(rule.as_bytes()),
        _ => match rule.strip_prefix("role:") {
            Some(role) => is_word(role.as_bytes()),
            None => RULE_WORDS.iter().any(|word| rule.eq_ignore_ascii_case(word)),
        },
    }
}

/// All users.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Users {
    users: Vec<UserView>,
    /// Roles that users may have.
    roles: Vec<String>,
    /// Where POST acl/save writes them: `aclfile`, `config`, or null for nowhere, or not known without `+config|get`.
    saves_to: Option<&'static str>,
}

/// A user.
#[derive(Serialize, JsonSchema, PartialEq, Debug)]
pub(crate) struct UserView {
    name: Bytes,
    enabled: bool,
    /// Any password is right.
    nopass: bool,
    /// Passwords, any of which is right.
    passwords: usize,
    /// All rules but those of `enabled` and of passwords, in order. They lead to this user from a new one.
    rules: Vec<String>,
    /// Whether the rules are text. Otherwise they are shown only: what was replaced in them would be lost.
    editable: bool,
    /// Client connections of the user; null without the right to ask (`+client|list`).
    clients: Option<usize>,
    /// Sessions of the dashboard; null likewise.
    sessions: Option<usize>,
}

/// The words of a line of ACL LIST, a selector in parentheses as one word.
fn rules_of(line: &str) -> Vec<String> {
    let mut rules: Vec<String> = Vec::new();
    let mut is_open = false;
    for word in line.split(' ').filter(|word| !word.is_empty()) {
        match rules.last_mut() {
            Some(rule) if is_open => {
                rule.push(' ');
                rule.push_str(word);
            }
            _ => rules.push(word.to_owned()),
        }
        is_open = (is_open || word.starts_with('(')) && !word.ends_with(')');
    }
    rules
}

/// The user of a line of ACL LIST.
fn user_of(line: &[u8]) -> Option<UserView> {
    let rest = line.strip_prefix(b"user ")?;
    let end = rest.iter().position(|&byte| byte == b' ').unwrap_or(rest.len());
    let (name, rest) = rest.split_at(end);
    let all = rules_of(&String::from_utf8_lossy(rest));
    let is = |wanted: &str| all.iter().any(|rule| rule == wanted);
    Some(UserView {
        name: name.into(),
        enabled: is("on"),
        nopass: is("nopass"),
        passwords: all.iter().filter(|rule| rule.starts_with('#')).count(),
        editable: std::str::from_utf8(rest).is_ok(),
        clients: None,
        sessions: None,
        rules: all
            .into_iter()
            .filter(|rule| !is_about_login(rule.as_bytes()))
            .collect(),
    })
}

/// Whether a rule is about logging in, which has fields of its own.
fn is_about_login(rule: &[u8]) -> bool {
    let words: [&[u8]; 5] = [b"on", b"off", b"nopass", b"resetpass", b"reset"];
    matches!(rule.first(), Some(b'>' | b'<' | b'#' | b'!'))
        || words.iter().any(|word| rule.eq_ignore_ascii_case(word))
}

async fn all_users(conversation: &mut Conversation) -> Result<Vec<UserView>, ApiError> {
    let listed = conversation.ask(&words(["ACL", "LIST"])).await?;
    let lines = items(listed).into_iter().filter_map(text);
    Ok(lines.filter_map(|line| user_of(&line)).collect())
}

/// Client connections by user, without those of this interface; `None` without the right to ask.
async fn clients_by_user(
    conversation: &mut Conversation,
) -> Result<Option<HashMap<Vec<u8>, usize>>, ApiError> {
    let Some(listed) = text(conversation.ask_raw(&words(["CLIENT", "LIST"])).await?) else {
        return Ok(None);
    };
    let mut counts = HashMap::new();
    for line in listed.split(|&byte| byte == b'\n') {
        let field = |name: &[u8]| {
            let mut fields = line.split(|&byte| byte == b' ');
            fields.find_map(|field| field.strip_prefix(name).map(<[u8]>::to_vec))
        };
        if field(b"lib-name=").as_deref() != Some(b"flashdb-http")
            && let Some(user) = field(b"user=")
        {
            *counts.entry(user).or_insert(0) += 1;
        }
    }
    Ok(Some(counts))
}

/// Where users are saved to.
async fn saves_to(app: &App, conversation: &mut Conversation) -> Result<Option<&'static str>, ApiError> {
    let asked = conversation.ask_raw(&words(["CONFIG", "GET", "aclfile"])).await?;
    if asked.is_error() {
        return Ok(None);
    }
    let file = items(asked).pop().and_then(text).unwrap_or_default();
    Ok(match (file.is_empty(), app.engine.config().file()) {
        (false, _) => Some("aclfile"),
        (true, Some(_)) => Some("config"),
        (true, None) => None,
    })
}

/// `GET /acl/users`.
pub(crate) async fn list(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Users>, ApiError> {
    let mut conversation = Conversation::of(&app, &caller, 0).await?;
    let mut users = all_users(&mut conversation).await?;
    let counts = clients_by_user(&mut conversation).await?;
    for user in &mut users {
        add_counts(&app, user, counts.as_ref());
    }
    // Whoever may not ask for roles sees those that users have.
    let roles = conversation.ask_raw(&words(["ACL", "ROLES"])).await?;
    Ok(Json(Users {
        users,
        roles: items(roles).into_iter().map(lossy).collect(),
        saves_to: saves_to(&app, &mut conversation).await?,
    }))
}

fn add_counts(app: &App, user: &mut UserView, counts: Option<&HashMap<Vec<u8>, usize>>) {
    let Some(name) = user.name.whole() else { return };
    user.clients = counts.map(|counts| counts.get(&name).copied().unwrap_or(0));
    user.sessions = counts.map(|_| app.sessions.count_of(&name));
}

// ---- one of them ---------------------------------------------------------------------------------

/// The user of a path; where it names none, of the query: some names are folders to browsers.
fn name_of(uri: &OriginalUri) -> Result<Vec<u8>, ApiError> {
    let rest = uri.path().strip_prefix("/api/v1/acl/users/").unwrap_or_default();
    let name: Vec<u8> = match rest {
        "" => Query::of(uri.query()).get("name").unwrap_or_default().to_vec(),
        segment => percent_encoding::percent_decode_str(segment).collect(),
    };
    if name.is_empty() {
        return Err(ApiError::bad_request("the name of a user is missing"));
    }
    Ok(name)
}

fn no_such_user() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "NOT_FOUND", "there is no such user")
}

/// A user by ACL GETUSER; `None` for none.
async fn get(conversation: &mut Conversation, name: &[u8]) -> Result<Option<UserView>, ApiError> {
    let got = conversation.ask(&about_user("GETUSER", name)).await?;
    let fields: HashMap<Vec<u8>, Value> = items(got.clone())
        .chunks_exact(2)
        .filter_map(|pair| Some((text(pair[0].clone())?, pair[1].clone())))
        .collect();
    if fields.is_empty() {
        return Ok(None);
    }
    let field = |name: &str| fields.get(name.as_bytes()).cloned().unwrap_or(Value::Null);
    let list = |name: &str| items(field(name)).into_iter().map(lossy).collect::<Vec<_>>();
    let flags = list("flags");
    let is = |wanted: &str| flags.iter().any(|flag| flag == wanted);
    let mut rules: Vec<String> = flags
        .iter()
        .filter(|flag| flag.contains("payload"))
        .cloned()
        .collect();
    rules.extend(selector_rules(
        &field("keys"),
        &field("channels"),
        &field("commands"),
    ));
    for selector in items(field("selectors")) {
        let parts = items(selector);
        let part = |at: usize| parts.get(at).cloned().unwrap_or(Value::Null);
        // Pairs in the order of ACL GETUSER: commands, keys, channels.
        let inner = selector_rules(&part(3), &part(5), &part(1));
        rules.push(format!("({})", inner.join(" ")));
    }
    rules.extend(list("roles").into_iter().map(|role| format!("role:{role}")));
    Ok(Some(UserView {
        name: name.into(),
        enabled: is("on"),
        nopass: is("nopass"),
        passwords: items(field("passwords")).len(),
        rules,
        editable: is_text(&got),
        clients: None,
        sessions: None,
    }))
}

/// Whether all strings in a reply are UTF-8.
fn is_text(value: &Value) -> bool {
    match value {
        Value::Bulk(bytes) | Value::Simple(bytes) => std::str::from_utf8(bytes).is_ok(),
        Value::Array(items) | Value::Set(items) => items.iter().all(is_text),
        Value::Map(pairs) => pairs.iter().all(|(name, value)| is_text(name) && is_text(value)),
        _ => true,
    }
}

/// Keys, channels, then commands, as ACL LIST has them: that says also where only the channels named are meant.
fn selector_rules(keys: &Value, channels: &Value, commands: &Value) -> Vec<String> {
    let words = |part: &Value| rules_of(&lossy(part.clone()));
    let channels = words(channels);
    let only = (channels != ["&*"]).then(|| "resetchannels".to_owned());
    let rules = words(keys).into_iter().chain(only).chain(channels);
    rules.chain(words(commands)).collect()
}

fn about_user(subcommand: &str, name: &[u8]) -> Vec<Vec<u8>> {
    let mut request = words(["ACL", subcommand]);
    request.push(name.to_vec());
    request
}

/// `GET /acl/users/:name`.
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: OriginalUri,
) -> Result<Json<UserView>, ApiError> {
    let name = name_of(&uri)?;
    let mut conversation = Conversation::of(&app, &caller, 0).await?;
    let mut user = get(&mut conversation, &name).await?.ok_or_else(no_such_user)?;
    let counts = clients_by_user(&mut conversation).await?;
    add_counts(&app, &mut user, counts.as_ref());
    Ok(Json(user))
}

/// What becomes of the passwords of a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Passwords {
    /// They stay.
    #[default]
    Keep,
    /// `password` is the only one.
    Replace,
    /// `password` is another one.
    Add,
    /// There is none: nobody can log in.
    Clear,
    /// Any is right.
    Any,
}

/// A user as it is to be.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [
    {
        "required": ["passwords", "password"],
        "properties": {"passwords": {"enum": ["replace", "add"]}, "password": {"type": "string", "minLength": 1}}
    },
    {"properties": {
        "passwords": {"enum": ["keep", "clear", "any"]},
        "password": {"anyOf": [{"type": "null"}, {"const": ""}]}
    }}
]))]
pub(crate) struct GivenUser {
    /// Unchanged unless given; a new user is off.
    enabled: Option<bool>,
    /// All rules, but those about logging in; unchanged unless given. One that names a command, a category or a role that
    /// there is not, or that an earlier one makes void, is a conflict.
    #[schemars(length(max = RULES_MAX), inner(length(max = RULE_CHARS_MAX), regex(pattern = RULE_PATTERN)))]
    rules: Option<Vec<String>>,
    #[serde(default)]
    passwords: Passwords,
    password: Option<String>,
    /// `absent` or `exists`.
    r#if: Option<UserCondition>,
    /// The rules that the change was made from; others by now are a conflict.
    was: Option<Vec<String>>,
}

/// What has to hold for a change.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum UserCondition {
    Absent,
    Exists,
}

/// A user that was made or changed.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Stored {
    name: Bytes,
    created: bool,
}

impl GivenUser {
    /// Refuses what would not be what it seems.
    fn check(&self) -> Result<(), ApiError> {
        let rules = self.rules.as_deref().unwrap_or_default();
        if rules.len() > RULES_MAX || rules.iter().any(|rule| rule.chars().count() > RULE_CHARS_MAX) {
            return Err(ApiError::bad_request(
                "there are too many rules, or one is too long",
            ));
        }
        for rule in rules {
            if !is_rule(rule) {
                let message = "a rule is one word about keys, channels, commands or a role, or several in parentheses; what is about \
                               logging in has fields of its own";
                return Err(ApiError::bad_request(message));
            }
        }
        let is_given = self
            .password
            .as_ref()
            .is_some_and(|password| !password.is_empty());
        let is_wanted = matches!(self.passwords, Passwords::Replace | Passwords::Add);
        if is_given != is_wanted {
            let message = "password goes with passwords \"replace\" or \"add\", and must not be empty";
            return Err(ApiError::bad_request(message));
        }
        Ok(())
    }

    /// Refuses what the user that is there does not allow.
    fn check_against(&self, before: Option<&UserView>) -> Result<(), ApiError> {
        match (before, self.r#if, &self.was) {
            (Some(_), Some(UserCondition::Absent), _) => {
                Err(ApiError::conflict("there is a user of this name"))
            }
            (None, Some(UserCondition::Exists), _) => Err(no_such_user()),
            (None, _, Some(_)) => Err(ApiError::conflict("somebody has removed this user meanwhile")),
            (Some(before), _, Some(was)) if before.rules != *was => {
                let refusal = ApiError::conflict("somebody has changed the rules of this user meanwhile");
                Err(refusal.with(json!({"rules": before.rules})))
            }
            (Some(before), ..) if self.rules.is_some() && !before.editable => Err(ApiError::conflict(
                "a pattern of this user is no text, so its rules are changed by ACL SETUSER only",
            )),
            _ => Ok(()),
        }
    }

    /// The rules of ACL SETUSER that lead there from `before`; all are applied, or none.
    fn changes(&self, before: Option<&UserView>) -> Vec<Vec<u8>> {
        let mut out: Vec<Vec<u8>> = Vec::new();
        if let Some(enabled) = self.enabled {
            out.push(if enabled { b"on".to_vec() } else { b"off".to_vec() });
        }
        if let Some(rules) = &self.rules {
            let resets: [&[u8]; 4] = [b"clearselectors", b"resetkeys", b"resetchannels", b"nocommands"];
            out.extend(resets.map(<[u8]>::to_vec));
            let held = before.map(|before| before.rules.as_slice()).unwrap_or_default();
            let roles = held.iter().filter(|rule| rule.starts_with("role:"));
            out.extend(roles.map(|role| format!("-{role}").into_bytes()));
            out.extend(rules.iter().map(|rule| rule.clone().into_bytes()));
        }
        let with = |sign: u8| {
            let password = self.password.as_deref().unwrap_or_default();
            [&[sign], password.as_bytes()].concat()
        };
        match self.passwords {
            Passwords::Keep => {}
            Passwords::Replace => out.extend([b"resetpass".to_vec(), with(b'>')]),
            Passwords::Add => out.push(with(b'>')),
            Passwords::Clear => out.push(b"resetpass".to_vec()),
            Passwords::Any => out.push(b"nopass".to_vec()),
        }
        out
    }
}

/// `PUT /acl/users/:name`.
pub(crate) async fn store(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: OriginalUri,
    JsonBody(given): JsonBody<GivenUser, USER_BYTES_MAX>,
) -> Result<Json<Stored>, ApiError> {
    caller.may_write()?;
    let name = name_of(&uri)?;
    if !is_word(&name) {
        return Err(ApiError::bad_request("the name of a user has no blanks in it"));
    }
    given.check()?;
    let mut conversation = Conversation::of(&app, &caller, 0).await?;
    for _ in 0..LOOKS_MAX {
        let seen = app.engine.users_generation();
        let before = get(&mut conversation, &name).await?;
        given.check_against(before.as_ref())?;
        let mut request = about_user("SETUSER", &name);
        request.push(format!("if-generation:{seen}").into_bytes());
        request.extend(given.changes(before.as_ref()));
        // The form is right: what the engine refuses names something that is not there, or that another rule makes void.
        // ACL LIST and the connection of a user that changes itself may go with the change, so the answer needs neither.
        match conversation.ask(&request).await {
            Ok(_) => {
                return Ok(Json(Stored {
                    name: name.into(),
                    created: before.is_none(),
                }));
            }
            // Users have changed since that look.
            Err(error) if error.message.contains(" modifier 'if-generation:") => {}
            Err(error) => return Err(error.into_conflict()),
        }
    }
    Err(ApiError::conflict("users change all the time; try again"))
}

/// A user that was removed.
#[derive(Serialize, JsonSchema)]
pub(crate) struct RemovedUser {
    deleted: bool,
}

/// `DELETE /acl/users/:name`.
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: OriginalUri,
) -> Result<Json<RemovedUser>, ApiError> {
    caller.may_write()?;
    let name = name_of(&uri)?;
    let mut conversation = Conversation::of(&app, &caller, 0).await?;
    let removed = conversation.ask(&about_user("DELUSER", &name)).await;
    let removed = removed.map_err(ApiError::into_conflict)?;
    if integer(&removed) != Some(1) {
        return Err(no_such_user());
    }
    Ok(Json(RemovedUser { deleted: true }))
}

// ---- what a user may do, and keeping all that ----------------------------------------------------

/// A command that a user might run.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = one_of_args_and_line()))]
pub(crate) struct Trial {
    user: GivenBytes,
    args: Option<Vec<GivenBytes>>,
    /// Quoted as in redis-cli.
    #[schemars(regex(pattern = LINE_PATTERN))]
    line: Option<String>,
}

/// Whether it may.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Tried {
    allowed: bool,
    /// What is lacking; also that there is no such command, or that it takes other words.
    reason: Option<String>,
}

/// `POST /acl/dryrun`: changes nothing, so a read-only session may ask.
pub(crate) async fn dry_run(
    State(app): State<Arc<App>>,
    caller: Caller,
    JsonBody(trial): JsonBody<Trial>,
) -> Result<Json<Tried>, ApiError> {
    let command = words_of(trial.args, trial.line)?;
    let mut request = about_user("DRYRUN", &trial.user.into_vec()?);
    request.extend(command);
    let mut conversation = Conversation::of(&app, &caller, 0).await?;
    let reply = conversation.ask_raw(&request).await?;
    let answer = match &reply {
        Value::Error(text) if text.starts_with(b"ERR User ") => return Err(no_such_user()),
        // What nobody may run because it is no command.
        Value::Error(text) if text.starts_with(b"ERR ") => String::from_utf8_lossy(&text[4..]).into_owned(),
        _ => lossy(conversation.checked(&request, reply)?),
    };
    let allowed = answer == "OK";
    Ok(Json(Tried {
        allowed,
        reason: (!allowed).then_some(answer),
    }))
}

/// Nothing yet.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Save {}

/// Where users were saved to.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Saved {
    /// `aclfile` or `config`.
    saved_to: &'static str,
}

/// `POST /acl/save`: ACL SAVE where there is an `aclfile`, else CONFIG REWRITE.
pub(crate) async fn save(
    State(app): State<Arc<App>>,
    caller: Caller,
    JsonBody(Save {}): JsonBody<Save>,
) -> Result<Json<Saved>, ApiError> {
    caller.may_write()?;
    let has_file = !app.engine.config().settings().aclfile.is_empty();
    let (request, saved_to) = if has_file {
        (words(["ACL", "SAVE"]).to_vec(), "aclfile")
    } else {
        (about("CONFIG", b"REWRITE", []), "config")
    };
    let mut conversation = Conversation::of(&app, &caller, 0).await?;
    let saved = conversation.ask(&request).await;
    // Nowhere to write to, or a file that cannot be written.
    saved.map_err(ApiError::into_conflict)?;
    Ok(Json(Saved { saved_to }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &[u8] = b"user ada on sanitize-payload #5e884898 #da280471 ~cart:* %R~session:* resetchannels &news:* -@all +get (~x -@all +set +del) role:ops";

    fn given(json: serde_json::Value) -> GivenUser {
        serde_json::from_value(json).expect("a user")
    }

    #[test]
    fn hashes_do_not_come_out() {
        let user = user_of(LINE).expect("a user");
        assert_eq!((user.enabled, user.nopass, user.passwords), (true, false, 2));
        assert_eq!(
            user.rules,
            [
                "sanitize-payload",
                "~cart:*",
                "%R~session:*",
                "resetchannels",
                "&news:*",
                "-@all",
                "+get",
                "(~x -@all +set +del)",
                "role:ops"
            ]
        );
        assert!(!serde_json::to_string(&user).expect("JSON").contains("5e88"));
        let open = user_of(b"user \xff off nopass -@all").expect("a user");
        assert_eq!(
            (open.nopass, open.editable, open.name),
            (true, true, Bytes::from(&b"\xff"[..]))
        );
        assert!(!user_of(b"user x on ~\xff -@all").expect("a user").editable);
    }

    #[test]
    fn rules_cannot_smuggle_what_is_about_logging_in() {
        for rule in [
            ">secret",
            "#00",
            "<x",
            "!x",
            "on",
            "OFF",
            "nopass",
            "ResetPass",
            "reset",
            "",
            "+get >x",
            "(~a +get",
        ] {
            assert!(given(json!({"rules": [rule]})).check().is_err(), "{rule}");
        }
        assert!(
            given(json!({"rules": ["+@all", "(~a +get)", "~*"]}))
                .check()
                .is_ok()
        );
        for bad in [
            json!({"passwords": "replace"}),
            json!({"passwords": "add", "password": ""}),
            json!({"password": "x"}),
        ] {
            assert!(given(bad.clone()).check().is_err(), "{bad}");
        }
    }

    #[test]
    fn changes_replace_rules_and_keep_passwords() {
        let before = user_of(LINE).expect("a user");
        let text = |user: &GivenUser, before| {
            let rules = user.changes(before);
            String::from_utf8(rules.join(&b' ')).expect("text")
        };
        let change = given(json!({"enabled": false, "rules": ["~*", "+@read"]}));
        assert_eq!(
            text(&change, Some(&before)),
            "off clearselectors resetkeys resetchannels nocommands -role:ops ~* +@read"
        );
        let password = given(json!({"passwords": "replace", "password": "a b"}));
        assert_eq!(text(&password, None), "resetpass >a b");
        assert_eq!(text(&given(json!({"passwords": "any"})), None), "nopass");
        assert_eq!(text(&given(json!({})), None), "");
    }
}
