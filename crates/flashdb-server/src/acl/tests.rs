//! Rules against a plain reading of them, round trips of descriptions, and damaged lines and files.

use super::file;
use super::rules::Fault;
use super::user::{Defaults, User};
use super::*;
use crate::commands::command_info::categories;
use flashdb_base::glob;
use flashdb_base::prng::Prng;
use flashdb_command::key_spec::KeyFlags;
use flashdb_resp::OwnedArgs;
use std::collections::{BTreeMap, BTreeSet};

const CLOSED: Defaults = Defaults { all_channels: false };

struct World {
    registry: Registry,
    acl: Acl,
}

impl World {
    fn new() -> Self {
        let registry = crate::command_registry();
        World {
            acl: Acl::new(&registry),
            registry,
        }
    }

    fn catalog(&self) -> &Catalog {
        &self.acl.catalog
    }

    /// A new user with these rules.
    fn user(&self, rules: &[&str]) -> Result<User, Fault> {
        let mut users = Users::new(self.catalog());
        let words: Vec<Vec<u8>> = merge_selectors(rules.iter().map(|rule| rule.as_bytes())).expect("closed");
        users
            .set_user(self.catalog(), CLOSED, b"u", words.iter().map(Vec::as_slice))
            .map_err(|refused| refused.fault)?;
        Ok(User::clone(users.get(b"u").expect("it was set")))
    }

    fn line(&self, rules: &[&str]) -> String {
        let user = self
            .user(rules)
            .unwrap_or_else(|fault| panic!("{rules:?}: {fault}"));
        String::from_utf8(user.line(self.catalog())).expect("text")
    }

    fn commands(&self, rules: &[&str]) -> String {
        let line = self.line(rules);
        line.strip_prefix("user u off resetchannels ")
            .expect("a user about commands")
            .to_owned()
    }

    fn allows(&self, user: &User, request: &[&str]) -> bool {
        let request = OwnedArgs::from_words(request.iter().map(|word| word.as_bytes()));
        let args = request.as_args();
        let command = self
            .registry
            .resolve(&args)
            .unwrap_or_else(|_| panic!("a command"));
        check(user, &command, &args).is_ok()
    }
}

#[test]
fn commands_are_described_as_redis_does() {
    let world = World::new();
    for (rules, shown) in [
        (&["+@all", "-@all"][..], "-@all"),
        (&["+@all", "-@read", "+get"], "+@all -@read +get"),
        (&["+@read", "-get"], "-@all +@read -get"),
        (&["+get", "+SET", "-get"], "-@all +set"),
        (&["+config", "-config|get"], "-@all +config -config|get"),
        (&["+config|get", "+config"], "-@all +config"),
        (&["+config|get", "+config", "-config"], "-@all"),
        (&["+@all", "-config", "+config|get"], "+@all -config +config|get"),
        (&["+select|0", "+select|1"], "-@all +select|0 +select|1"),
        (
            &["+select|0", "+SELECT|a", "-@keyspace"],
            "-@all +select|0 +select|a",
        ),
        (&["+select|0", "-@connection"], "-@all"),
        (&["+@all", "+select|0"], "+@all"),
        (&["+@all", "-select", "+select|0"], "+@all -select +select|0"),
        (&["+GET|Foo", "+get|foo"], "-@all +get|Foo"),
        (&["allcommands", "-@ALL"], "-@all"),
        (&["+@admin", "+@dangerous", "-@dangerous"], "-@all"),
        (&["+@string", "-set", "-get"], "-@all +@string -get -set"),
    ] {
        assert_eq!(world.commands(rules), shown, "{rules:?}");
    }
}

#[test]
fn a_category_alone_is_described_by_its_name() {
    let world = World::new();
    for (name, _) in world.catalog().categories() {
        let (add, take) = (format!("+@{name}"), format!("-@{name}"));
        assert_eq!(world.commands(&[&add]), format!("-@all {add}"));
        assert_eq!(world.commands(&["+@all", &take]), format!("+@all {take}"));
    }
}

#[test]
fn users_are_described_as_redis_does() {
    let world = World::new();
    let hash = "#ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";
    for (rules, shown) in [
        (
            &["reset"][..],
            "user u off sanitize-payload resetchannels -@all".to_owned(),
        ),
        (
            &["on", ">a", ">a"],
            format!("user u on {hash} resetchannels -@all"),
        ),
        (&[">a", "nopass"], "user u off nopass resetchannels -@all".into()),
        (&["nopass", ">a", "<a"], "user u off resetchannels -@all".into()),
        (
            &["~a", "allkeys", "&x", "allchannels"],
            "user u off ~* &* -@all".into(),
        ),
        (&["~*", "~*", "&*", "&*"], "user u off ~* &* -@all".into()),
        (
            &["%R~a", "%w~a", "%RW~b", "%R~c"],
            "user u off ~a ~b %R~c resetchannels -@all".into(),
        ),
        (&["%R~*", "%W~*"], "user u off ~* resetchannels -@all".into()),
        (&["&a", "&a", "&b"], "user u off resetchannels &a &b -@all".into()),
        (&["%RW~", "%RW"], "user u off ~ resetchannels -@all".into()),
        (
            &["(~x", "+get)", "()", "clearselectors", "( +set &* )"],
            "user u off resetchannels -@all (&* -@all +set)".into(),
        ),
        (
            &["skip-sanitize-payload", ""],
            "user u off skip-sanitize-payload resetchannels -@all".into(),
        ),
    ] {
        assert_eq!(world.line(rules), shown, "{rules:?}");
    }
}

#[test]
fn wrong_rules_are_refused_for_their_reason() {
    let world = World::new();
    for (rules, fault) in [
        (&["foo"][..], Fault::Syntax),
        (&["+foo"], Fault::UnknownCommand),
        (&["+"], Fault::UnknownCommand),
        (&["+@foo"], Fault::UnknownCommand),
        (&["+config|foo"], Fault::UnknownCommand),
        (&["-select|0"], Fault::UnknownCommand),
        (&["+get|x|y"], Fault::UnknownCommand),
        (&["+|x"], Fault::UnknownCommand),
        (&["+get|"], Fault::Syntax),
        (&["+get|a b"], Fault::Syntax),
        (&["+config|get|x"], Fault::FirstArgOfSubcommand),
        (&["~*", "~a"], Fault::KeyAfterAll),
        (&["allkeys", "%R~a"], Fault::KeyAfterAll),
        (&["&*", "&a"], Fault::ChannelAfterAll),
        (&["~a b"], Fault::Syntax),
        (&["%"], Fault::Syntax),
        (&["%~"], Fault::Syntax),
        (&["%RR~a"], Fault::Syntax),
        (&["%RWX~a"], Fault::Syntax),
        (&["<a"], Fault::NoSuchPassword),
        (&["!aa"], Fault::NoHash),
        (&["#aa"], Fault::NoHash),
        (&["(on)"], Fault::Syntax),
        (&["(>x)"], Fault::Syntax),
        (&["((~a))"], Fault::Syntax),
        (&[")"], Fault::Syntax),
        (&["role:nobody"], Fault::UnknownRole),
        (&["(role:nobody)"], Fault::Syntax),
    ] {
        assert_eq!(world.user(rules).err(), Some(fault), "{rules:?}");
    }
}

#[test]
fn requests_are_allowed_by_one_selector_as_a_whole() {
    let world = World::new();
    let user = world
        .user(&[
            "+@write",
            "~w:*",
            "(+@read %R~r:*)",
            "(+publish +psubscribe &c* &d)",
            "+select|0",
        ])
        .expect("rules");
    for (request, allowed) in [
        (&["SET", "w:1", "x"][..], true),
        (&["SET", "r:1", "x"], false),
        (&["GET", "r:1"], true),
        (&["GET", "w:1"], false),
        (&["MGET", "r:1", "r:2"], true),
        (&["MGET", "r:1", "w:2"], false),
        (&["COPY", "r:1", "w:1"], false),
        (&["PUBLISH", "c1", "x"], true),
        (&["PUBLISH", "e", "x"], false),
        (&["PSUBSCRIBE", "c*"], true),
        (&["PSUBSCRIBE", "c1"], false),
        (&["SELECT", "0"], true),
        (&["SELECT", "1"], false),
        (&["CONFIG", "GET", "x"], false),
        (&["AUTH", "x"], true),
    ] {
        assert_eq!(world.allows(&user, request), allowed, "{request:?}");
    }
}

#[test]
fn the_reason_of_a_denial_is_the_one_that_got_furthest() {
    let world = World::new();
    let user = world
        .user(&["+mget", "~key", "(+mget ~key ~otherkey)"])
        .expect("rules");
    let denied = |words: &[&str]| {
        let request = OwnedArgs::from_words(words.iter().map(|word| word.as_bytes()));
        let args = request.as_args();
        let command = world
            .registry
            .resolve(&args)
            .unwrap_or_else(|_| panic!("a command"));
        let denied = check(&user, &command, &args).expect_err("denied");
        (
            denied.lack,
            String::from_utf8_lossy(&denied.object(&command, &args)).into_owned(),
        )
    };
    assert_eq!(denied(&["get", "key"]), (Lack::Command, "get".into()));
    assert_eq!(
        denied(&["mget", "otherkey", "third"]),
        (Lack::Key, "third".into())
    );
    assert_eq!(
        denied(&["config", "get", "x"]),
        (Lack::Command, "config|get".into())
    );
}

#[test]
fn roles_reach_their_users_at_once() {
    let world = World::new();
    let acl = &world.acl;
    let set_role = |rules: &[&str]| {
        let rules: Vec<Vec<u8>> = rules.iter().map(|rule| rule.as_bytes().to_vec()).collect();
        acl.set_role(b"reader", &rules)
    };
    set_role(&["+@read", "~app:*"]).expect("a role");
    acl.change(|users, catalog| {
        users.set_user(catalog, CLOSED, b"u", [&b"role:reader"[..], b"+set", b"~own:*"])
    })
    .expect("a user");
    let user = || acl.users().get(b"u").cloned().expect("the user");
    assert!(world.allows(&user(), &["GET", "app:1"]) && world.allows(&user(), &["SET", "own:1", "x"]));
    assert!(!world.allows(&user(), &["SET", "app:1", "x"]) && !world.allows(&user(), &["GET", "own:1"]));
    let (before, id) = (acl.generation(), user().id);
    set_role(&["-get"]).expect("a role");
    assert!(acl.generation() > before && user().id == id);
    assert!(!world.allows(&user(), &["GET", "app:1"]) && world.allows(&user(), &["STRLEN", "app:1"]));
    assert_eq!(
        String::from_utf8(user().line(world.catalog())).expect("text"),
        "user u off ~own:* resetchannels -@all +set role:reader"
    );
    let in_use = acl.change(|users, _| users.remove_role(b"reader"));
    assert_eq!(in_use.err(), Some(RoleKept::UsedBy(b"u"[..].into())));
    acl.change(|users, catalog| users.set_user(catalog, CLOSED, b"u", [&b"-role:reader"[..]]))
        .expect("a user");
    assert!(!world.allows(&user(), &["STRLEN", "app:1"]));
    acl.change(|users, _| users.remove_role(b"reader"))
        .expect("removed");
    let unknown = acl.change(|users, _| users.remove_role(b"reader"));
    assert_eq!(unknown.err(), Some(RoleKept::Unknown));
    for wrong in [
        "on",
        "off",
        "nopass",
        ">x",
        "#x",
        "role:reader",
        "-role:x",
        "sanitize-payload",
    ] {
        let refused = set_role(&[wrong]).err().map(|refused| refused.fault);
        assert_eq!(refused, Some(Fault::NotInRole), "{wrong}");
    }
}

// ---- against a plain reading ---------------------------------------------------------------------

/// A selector as somebody would read the rules who has time: sets of names, globs.
#[derive(Clone, Default)]
struct Plain {
    commands: BTreeSet<String>,
    first_args: BTreeMap<String, BTreeSet<String>>,
    keys: Vec<(bool, bool, String)>,
    channels: Vec<String>,
}

impl Plain {
    fn apply(&mut self, world: &World, rule: &str) {
        let all = world.registry.all().iter().map(|command| command.spec);
        let of_rule = |name: &str| -> Vec<String> {
            let whole = name.strip_prefix('@');
            all.clone()
                .filter(|spec| match whole {
                    Some("all") => true,
                    Some(category) => categories(spec).any(|one| one == category),
                    None => spec.full_name() == name || spec.container == name,
                })
                .map(|spec| spec.full_name())
                .collect()
        };
        match rule.split_at(1) {
            ("+", name) if of_rule(name).is_empty() => {
                let (name, word) = name.split_once('|').expect("a first argument");
                if !self.commands.contains(name) {
                    self.first_args
                        .entry(name.into())
                        .or_default()
                        .insert(word.into());
                }
            }
            ("+", name) => of_rule(name).into_iter().for_each(|name| {
                self.first_args.remove(&name);
                self.commands.insert(name);
            }),
            ("-", name) => of_rule(name).into_iter().for_each(|name| {
                self.first_args.remove(&name);
                self.commands.remove(&name);
            }),
            ("~", pattern) => self.keys.push((true, true, pattern.into())),
            ("%", rest) => {
                let (access, pattern) = rest.split_once('~').expect("a pattern");
                self.keys
                    .push((access.contains('R'), access.contains('W'), pattern.into()));
            }
            ("&", pattern) => self.channels.push(pattern.into()),
            _ => panic!("no rule: {rule}"),
        }
    }

    fn allows(&self, command: &Command, words: &[String]) -> bool {
        let name = command.spec.full_name();
        let first = words.get(1).cloned().unwrap_or_default();
        let by_first = self
            .first_args
            .get(&name)
            .is_some_and(|words| words.contains(&first));
        if !command.spec.flags.has(flashdb_command::Flags::NO_AUTH)
            && !self.commands.contains(&name)
            && !by_first
        {
            return false;
        }
        let request = OwnedArgs::from_words(words.iter().map(|word| word.as_bytes()));
        let args = request.as_args();
        for (at, flags) in command.spec.keys_with_flags(&args).unwrap_or_default() {
            let changes = [KeyFlags::UPDATE, KeyFlags::INSERT, KeyFlags::DELETE];
            let (reads, writes) = (
                flags.has(KeyFlags::ACCESS),
                changes.iter().any(|flag| flags.has(*flag)),
            );
            let may = |need_read: bool, need_write: bool| {
                self.keys.iter().any(|(read, write, pattern)| {
                    // The same pattern given twice allows both together.
                    let same = |pick: fn(&(bool, bool, String)) -> bool| {
                        self.keys.iter().any(|known| known.2 == *pattern && pick(known))
                    };
                    let (read, write) = (*read || same(|known| known.0), *write || same(|known| known.1));
                    (!need_read || read)
                        && (!need_write || write)
                        && glob::matches(pattern.as_bytes(), args.at(at as usize))
                })
            };
            if !may(reads, writes) {
                return false;
            }
        }
        let Some(channels) = command.spec.channels else {
            return true;
        };
        channels.positions(&args).all(|at| {
            self.channels.iter().any(|pattern| {
                pattern == "*"
                    || if channels.are_patterns {
                        pattern.as_bytes() == args.at(at)
                    } else {
                        glob::matches(pattern.as_bytes(), args.at(at))
                    }
            })
        })
    }
}

const REQUESTS: &[&[&str]] = &[
    &["get", "K"],
    &["set", "K", "v"],
    &["set", "K", "v", "get"],
    &["mget", "K", "K"],
    &["exists", "K", "K"],
    &["copy", "K", "K"],
    &["lpush", "K", "v"],
    &["bitfield", "K", "get", "u8", "0"],
    &["sort", "K", "store", "K"],
    &["xread", "streams", "K", "0"],
    &["eval", "", "2", "K", "K"],
    &["eval", "", "9", "K"],
    &["georadius", "K", "0", "0", "1", "m", "store", "K"],
    &["migrate", "h", "1", "", "0", "1", "keys", "K", "K"],
    &["publish", "C", "m"],
    &["subscribe", "C", "C"],
    &["psubscribe", "C"],
    &["spublish", "C", "m"],
    &["ping"],
    &["auth", "x"],
    &["select", "0"],
    &["select", "1"],
    &["config", "get", "x"],
    &["config", "set", "x", "y"],
    &["acl", "whoami"],
    &["flushall"],
];

const NAMES: &[&str] = &["a", "ab", "b:1", "b:2", "c*", ""];

fn pick<'a, T: ?Sized>(random: &mut Prng, from: &'a [&'a T]) -> &'a T {
    from[random.below(from.len() as u64) as usize]
}

fn random_rule(random: &mut Prng) -> String {
    const COMMANDS: &[&str] = &[
        "get",
        "set",
        "mget",
        "copy",
        "sort",
        "eval",
        "publish",
        "subscribe",
        "psubscribe",
        "config",
        "config|get",
        "acl",
        "select",
        "@all",
        "@read",
        "@write",
        "@string",
        "@keyspace",
        "@pubsub",
        "@slow",
        "@dangerous",
    ];
    const PATTERNS: &[&str] = &["a", "a*", "b:*", "b:?", "*b*", "[ab]", "c\\*", "*"];
    match random.below(10) {
        0..=3 => format!("+{}", pick(random, COMMANDS)),
        4..=5 => format!("-{}", pick(random, COMMANDS)),
        6 => format!("+{}", pick(random, &["select|0", "select|1", "get|a"])),
        7 => format!("~{}", pick(random, PATTERNS)),
        8 => format!("%{}~{}", pick(random, &["R", "W", "RW"]), pick(random, PATTERNS)),
        _ => format!("&{}", pick(random, PATTERNS)),
    }
}

fn random_request(random: &mut Prng) -> Vec<String> {
    let request = pick(random, REQUESTS);
    let words = request.iter().map(|word| match *word {
        "K" | "C" => pick(random, NAMES).to_owned(),
        word => word.to_owned(),
    });
    words.collect()
}

#[test]
fn permissions_are_those_of_a_plain_reading() {
    let world = World::new();
    let mut random = Prng::from_seed(20_260_101);
    for _ in 0..400 {
        let mut plain = vec![Plain::default()];
        let mut root: Vec<String> = Vec::new();
        let mut user = User::new(b"u", world.catalog(), CLOSED);
        let no_role = |_: &[u8]| None;
        for _ in 0..random.below(12) {
            let rule = random_rule(&mut random);
            match user.apply(rule.as_bytes(), world.catalog(), CLOSED, &no_role) {
                Ok(()) => plain[0].apply(&world, &rule),
                Err(fault) => assert!(
                    matches!(fault, Fault::KeyAfterAll | Fault::ChannelAfterAll),
                    "{rule}: {fault}"
                ),
            }
            root.push(rule);
        }
        for _ in 0..random.below(4) {
            let mut rules = Vec::new();
            let mut one = Plain::default();
            let mut alone = Selector::new(world.catalog(), false);
            for _ in 0..random.below(8) {
                let rule = random_rule(&mut random);
                if alone.apply(rule.as_bytes(), world.catalog()).is_ok() {
                    one.apply(&world, &rule);
                    rules.push(rule);
                }
            }
            let rule = format!("({})", rules.join(" "));
            user.apply(rule.as_bytes(), world.catalog(), CLOSED, &no_role)
                .unwrap_or_else(|fault| panic!("{rule}: {fault}"));
            plain.push(one);
        }
        user.settle(world.catalog());
        let line = user.line(world.catalog());
        let again = file::parse(
            &line,
            "f",
            &User::default_user(world.catalog()),
            world.catalog(),
            CLOSED,
        )
        .unwrap_or_else(|complaints| panic!("{complaints}"));
        let again = again.get(b"u").expect("the user");
        assert_eq!(again.grants, user.grants, "{}", String::from_utf8_lossy(&line));
        assert_eq!(again.line(world.catalog()), line);
        for _ in 0..60 {
            let words = random_request(&mut random);
            let request = OwnedArgs::from_words(words.iter().map(|word| word.as_bytes()));
            let args = request.as_args();
            let command = world
                .registry
                .resolve(&args)
                .unwrap_or_else(|_| panic!("a command"));
            let wanted = plain.iter().any(|one| one.allows(&command, &words));
            let found = check(&user, &command, &args).is_ok();
            assert_eq!(found, wanted, "{words:?} by {}", String::from_utf8_lossy(&line));
            if let Some(at) = command.single_key {
                let key = args.at(at as usize);
                let short = user.permissions.allow_single_key(&command, &args, key);
                // The short way does not look at first arguments.
                let by_first = found && words[1] == "a";
                assert!(
                    short == found || by_first,
                    "{words:?} by {}",
                    String::from_utf8_lossy(&line)
                );
            }
        }
    }
}

// ---- lines and files -----------------------------------------------------------------------------

const FILE: &str = "# people\nrole reader +@read ~app:* (+@write %W~log:*)\n\n\
    user alice on #ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb ~* &* +@all -@dangerous\n\
    user bob off nopass role:reader +select|0 (~x resetchannels &y -@all +get)\n\
    user default on nopass sanitize-payload ~* &* +@all\n";

fn parsed(world: &World, text: &[u8]) -> Result<Users, String> {
    let base = User::default_user(world.catalog());
    file::parse(text, "f", &base, world.catalog(), CLOSED).map_err(|complaints| complaints.to_string())
}

#[test]
fn files_are_read_back_as_they_were_written() {
    let world = World::new();
    let users = parsed(&world, FILE.as_bytes()).expect("the file is right");
    let mut text = users.lines(world.catalog()).join(&b'\n');
    let again = parsed(&world, &text).expect("what is written can be read");
    assert_eq!(again.lines(world.catalog()), users.lines(world.catalog()));
    assert!(text.starts_with(b"role reader "), "roles come first");
    text.extend_from_slice(b"\nuser carol");
    assert_eq!(parsed(&world, &text).expect("one more").users().len(), 4);
}

#[test]
fn every_wrong_line_of_a_file_is_named() {
    let world = World::new();
    let text = "user a on +get\nuser b on +foo\n\n# c\nuzer x\nuser\nuser c (+get\nuser a on\nuser d >x <y\nrole r on\n\
                user e role:s";
    assert_eq!(
        parsed(&world, text.as_bytes()).expect_err("wrong"),
        "f:2: Error in applying operation '+foo': Unknown command or category name in ACL. \
         f:5: should start with user or role keyword followed by the name. \
         f:6: should start with user or role keyword followed by the name. \
         f:7: Unmatched parenthesis in selector definition. \
         f:8: Duplicate user 'a' found. \
         f:9: Error in applying operation '(redacted)': The password you are trying to remove from the user does not \
         exist. \
         f:10: Error in applying operation 'on': Roles hold permissions only: no passwords, no on and off, no other \
         roles. \
         f:11: Error in applying operation 'role:s': Unknown role name in ACL"
    );
    let many = "x\n".repeat(1000);
    let complaints = parsed(&world, many.as_bytes()).expect_err("wrong");
    assert!(
        complaints.ends_with(". 980 further lines are wrong"),
        "{complaints}"
    );
}

#[test]
fn damaged_files_are_refused_or_read_back_the_same() {
    let world = World::new();
    let mut random = Prng::from_seed(99);
    let (mut good, mut bad) = (0, 0);
    for _ in 0..3_000 {
        let mut text = FILE.as_bytes().to_vec();
        for _ in 0..=random.below(4) {
            let at = random.below(text.len() as u64) as usize;
            match random.below(4) {
                0 => text[at] = random.next_u64() as u8,
                1 => drop(text.remove(at)),
                2 => text.insert(
                    at,
                    pick(&mut random, &["(", ")", " ", "~", "%", "+", "|", "\n", "@", "\0"]).as_bytes()[0],
                ),
                _ => text.truncate(at.max(1)),
            }
        }
        match parsed(&world, &text) {
            Ok(users) => {
                good += 1;
                let lines = users.lines(world.catalog());
                let again = parsed(&world, &lines.join(&b'\n'));
                let again =
                    again.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&text)));
                assert_eq!(again.lines(world.catalog()), lines);
            }
            Err(complaints) => {
                bad += 1;
                assert!(complaints.starts_with("f:"), "{complaints}");
            }
        }
    }
    assert!(good > 100 && bad > 100, "{good} good, {bad} bad");
}

#[test]
fn a_file_without_default_user_leaves_the_given_one() {
    let world = World::new();
    let base = Arc::new(with_password(&User::default_user(world.catalog()), b"secret"));
    let users = file::parse(b"user a on", "f", &base, world.catalog(), CLOSED).expect("right");
    assert!(!users.is_open() && users.default_user().accepts(b"secret"));
    assert!(
        users.same(&base).is_some(),
        "connections of the default user go on"
    );
}

#[test]
fn a_change_of_one_user_looks_at_few_of_many() {
    let world = World::new();
    let settings = Settings::default();
    let all = |users: &mut Users, catalog: &Catalog| {
        (0..5_000).try_for_each(|number| {
            let name = format!("user{number}");
            users.set_user(catalog, CLOSED, name.as_bytes(), [&b"on"[..]])
        })
    };
    let made = world.acl.change(all).expect("plain rules");
    assert_eq!(made.after.users().len(), 5_001);
    let changed = world.acl.set_user(&settings, b"user77", &[b"+get".to_vec()]);
    let removed = world
        .acl
        .change(|users, _| Some(()).filter(|()| users.remove_user(b"user78")).ok_or(()));
    for change in [changed.ok(), removed.ok()] {
        let change = change.expect("a user known");
        let looked_at = change.before.perhaps_changed(&change.after).count();
        assert!((1..30).contains(&looked_at), "{looked_at}");
    }
}

#[test]
fn a_change_that_takes_channels_or_users_away_disconnects() {
    let world = World::new();
    let set = |rules: &[&str]| {
        let rules: Vec<Vec<u8>> = rules.iter().map(|rule| rule.as_bytes().to_vec()).collect();
        let change = world.acl.set_user(&Settings::default(), b"u", &rules);
        change.map(|change| change.disconnects())
    };
    assert_eq!(set(&["&a", "&b:*"]), Ok(false));
    assert_eq!(set(&["&c"]), Ok(false));
    assert_eq!(set(&["resetchannels", "&a", "&b:*", "&c"]), Ok(false));
    assert_eq!(set(&["allchannels"]), Ok(false));
    assert_eq!(set(&["resetchannels", "&a"]), Ok(true));
    assert_eq!(set(&["+get", "~x"]), Ok(false));
    let removed = world.acl.change(|users, _| {
        users.remove_user(b"u");
        Ok::<(), ()>(())
    });
    assert_eq!(removed.map(|change| change.disconnects()), Ok(true));
}

#[test]
fn a_change_may_say_what_it_was_made_from() {
    let world = World::new();
    let set = |rules: &[&str]| {
        let rules: Vec<Vec<u8>> = rules.iter().map(|rule| rule.as_bytes().to_vec()).collect();
        let change = world.acl.set_user(&Settings::default(), b"u", &rules);
        change.map(|_| ()).map_err(|refused| refused.fault)
    };
    let seen = format!("if-generation:{}", world.acl.generation());
    assert_eq!(set(&[&seen, "+get"]), Ok(()));
    // Somebody was faster.
    assert_eq!(set(&[&seen, "+set"]), Err(Fault::Changed));
    assert_eq!(set(&["if-generation:x", "+set"]), Err(Fault::Changed));
    let now = format!("if-generation:{}", world.acl.generation());
    assert_eq!(set(&["+set", &now]), Err(Fault::Syntax), "it comes first");
    assert_eq!(set(&[&now, "+set"]), Ok(()));
}
