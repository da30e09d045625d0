//! Access control over real sockets: permissions hold on every road to a command, changes reach every
//! connection at once, files are loaded whole or not at all.

mod support;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::{Raw, Server, Value, encode, own_port};

const NO_KEY: &str = "NOPERM this user has no permissions to access one of the keys used as arguments";
const NO_CHANNEL: &str =
    "NOPERM this user has no permissions to access one of the channels used as arguments";

fn ok() -> Value {
    Value::Simple("OK".into())
}

fn no_command(user: &str, name: &str) -> Value {
    Value::Error(format!(
        "NOPERM User {user} has no permissions to run the '{name}' command"
    ))
}

fn no_key() -> Value {
    Value::Error(NO_KEY.into())
}

/// A connection that runs as `user`, whose password is its name.
fn connect_as(server: &Server, user: &str) -> Raw {
    let mut client = server.connect();
    assert_eq!(client.ask(&format!("AUTH {user} {user}")), ok());
    client
}

fn set_user(admin: &mut Raw, user: &str, rules: &str) {
    assert_eq!(admin.ask(&format!("ACL SETUSER {user} on >{user} {rules}")), ok());
}

/// A folder that ends with the value.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("flashdb-acl-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a temporary folder");
        Folder(path)
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("a file");
        path.to_str().expect("a plain name").to_owned()
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.join(name)).expect("the file")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _best_effort = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn every_request_of_a_pipeline_is_checked() {
    let server = Server::start(&[]);
    let mut admin = server.connect();
    set_user(
        &mut admin,
        "ann",
        "~mine:* +get +set (+get ~shared:*) (+strlen %R~*)",
    );
    admin.ask("SET shared:1 s");
    let mut ann = connect_as(&server, "ann");
    let requests: [(&[&str], Value); 6] = [
        (&["SET", "mine:1", "x"], ok()),
        (&["GET", "mine:1"], Value::Bulk(b"x".to_vec())),
        (&["SET", "shared:1", "x"], no_key()),
        (&["GET", "shared:1"], Value::Bulk(b"s".to_vec())),
        (&["STRLEN", "shared:1"], Value::Int(1)),
        (&["INCR", "mine:2"], no_command("ann", "incr")),
    ];
    // More than a window holds, allowed and refused ones mixed.
    let order = |round: usize| (0..40).map(move |n| (n * 7 + round) % 6);
    for round in 0..20 {
        let bytes: Vec<u8> = order(round).flat_map(|n| encode(requests[n].0)).collect();
        ann.send(&bytes);
        for n in order(round) {
            assert_eq!(ann.read(), requests[n].1, "{:?}", requests[n].0);
        }
    }
    assert_eq!(admin.ask("GET shared:1"), Value::Bulk(b"s".to_vec()));
    assert_eq!(admin.ask("GET mine:2"), Value::Null);
}

#[test]
fn a_change_holds_for_every_connection_once_it_is_answered() {
    let server = Server::start(&["--io-threads", "4"]);
    let mut admin = server.connect();
    set_user(&mut admin, "ann", "~* +get");
    let mut connections: Vec<Raw> = (0..16).map(|_| connect_as(&server, "ann")).collect();
    for round in 0..50 {
        let (rule, wanted) = if round % 2 == 0 {
            ("-get", no_command("ann", "get"))
        } else {
            ("+get", Value::Null)
        };
        assert_eq!(admin.ask(&format!("ACL SETUSER ann {rule}")), ok());
        for connection in &mut connections {
            connection.send(&encode(&["GET", "k"]).repeat(3));
        }
        for connection in &mut connections {
            assert!((0..3).all(|_| connection.read() == wanted), "round {round}");
        }
    }
    // Also within one pipeline of the one who changes it.
    set_user(&mut admin, "boss", "~* +get +acl");
    let mut boss = connect_as(&server, "boss");
    let pipeline = [
        encode(&["GET", "k"]),
        encode(&["ACL", "SETUSER", "boss", "-get"]),
        encode(&["GET", "k"]),
    ];
    boss.send(&pipeline.concat());
    assert_eq!(
        [boss.read(), boss.read(), boss.read()],
        [Value::Null, ok(), no_command("boss", "get")]
    );
}

#[test]
fn connections_of_a_removed_user_end() {
    let server = Server::start(&["--io-threads", "2"]);
    let mut admin = server.connect();
    set_user(&mut admin, "ann", "~* &* +@all");
    set_user(&mut admin, "bob", "~* &* +@all");
    let mut idle: Vec<Raw> = (0..4).map(|_| connect_as(&server, "ann")).collect();
    let mut waiting = connect_as(&server, "ann");
    waiting.request(&["BLPOP", "list", "0"]);
    let mut other = connect_as(&server, "bob");
    server.await_info("blocked_clients", 1);
    assert_eq!(admin.ask("ACL DELUSER ann nobody"), Value::Int(1));
    assert!(!admin.ask("CLIENT LIST").text().contains("user=ann"));
    // One of the same name is somebody else.
    set_user(&mut admin, "ann", "~* +@all");
    assert!(idle.iter_mut().all(Raw::is_closed) && waiting.is_closed());
    assert_eq!(other.ask("PING"), Value::Simple("PONG".into()));
    // Who removes the own user still gets the answer.
    assert_eq!(other.ask("ACL DELUSER bob"), Value::Int(1));
    assert!(other.is_closed());
    assert_eq!(
        admin.ask("ACL DELUSER default"),
        Value::Error("ERR The 'default' user cannot be removed".into())
    );
}

#[test]
fn a_waiting_client_needs_its_permission_when_it_is_served() {
    let server = Server::start(&[]);
    let mut admin = server.connect();
    set_user(&mut admin, "ann", "~list +blpop");
    let mut ann = connect_as(&server, "ann");
    ann.request(&["BLPOP", "list", "0"]);
    server.await_info("blocked_clients", 1);
    assert_eq!(admin.ask("ACL SETUSER ann resetkeys"), ok());
    assert_eq!(admin.ask("RPUSH list x"), Value::Int(1));
    assert_eq!(ann.read(), no_key());
    assert_eq!(admin.ask("LLEN list"), Value::Int(1));
    // Served as always where nothing was taken away.
    assert_eq!(admin.ask("ACL SETUSER ann ~other"), ok());
    ann.request(&["BLPOP", "other", "0"]);
    server.await_info("blocked_clients", 1);
    admin.ask("RPUSH other y");
    assert_eq!(ann.read().items()[1], Value::Bulk(b"y".to_vec()));
}

#[test]
fn subscribers_end_when_their_channels_are_taken_away() {
    let server = Server::start(&["--io-threads", "2"]);
    let mut admin = server.connect();
    set_user(
        &mut admin,
        "ann",
        "&news:* &log +subscribe +psubscribe +ssubscribe +publish",
    );
    let mut ann = connect_as(&server, "ann");
    assert_eq!(ann.ask("PUBLISH other x"), Value::Error(NO_CHANNEL.into()));
    assert_eq!(ann.ask("PSUBSCRIBE news:1"), Value::Error(NO_CHANNEL.into()));
    let mut subscribers = Vec::new();
    for request in [
        "SUBSCRIBE news:1",
        "PSUBSCRIBE news:*",
        "SSUBSCRIBE news:2",
        "SUBSCRIBE log",
    ] {
        let mut subscriber = connect_as(&server, "ann");
        assert_eq!(subscriber.ask(request).items()[2], Value::Int(1));
        subscribers.push(subscriber);
    }
    assert_eq!(admin.ask("ACL SETUSER ann &more"), ok());
    assert_eq!(admin.ask("PUBSUB NUMSUB log").items()[1], Value::Int(1));
    assert_eq!(admin.ask("ACL SETUSER ann resetchannels &log"), ok());
    let mut kept = subscribers.pop().expect("the last one");
    assert!(subscribers.iter_mut().all(Raw::is_closed));
    assert_eq!(admin.ask("PUBLISH log hello"), Value::Int(1));
    assert_eq!(kept.read().items()[2], Value::Bulk(b"hello".to_vec()));
}

#[test]
fn transactions_are_checked_when_queued_and_when_run() {
    let server = Server::start(&[]);
    let mut admin = server.connect();
    set_user(&mut admin, "ann", "~a ~b &c +@all");
    let mut ann = connect_as(&server, "ann");
    ann.ask("MULTI");
    assert_eq!(ann.ask("SET z 1"), no_key());
    assert!(ann.ask("EXEC").text().starts_with("EXECABORT"));
    ann.ask("MULTI");
    for request in ["SET a 1", "SET b 1", "PUBLISH c x", "GET a"] {
        assert_eq!(ann.ask(request), Value::Simple("QUEUED".into()));
    }
    assert_eq!(admin.ask("ACL SETUSER ann resetkeys ~a resetchannels -get"), ok());
    let replies = ann.ask("EXEC");
    let lacks = |value: &Value, what: &str| {
        let text = value.text();
        text.starts_with("NOPERM ACLs rules changed between") && text.ends_with(what)
    };
    assert_eq!(replies.items()[0], ok());
    assert!(lacks(
        &replies.items()[1],
        "no permission to touch the specified keys"
    ));
    assert!(lacks(
        &replies.items()[2],
        "no permission to access one of the channels used as arguments"
    ));
    assert!(lacks(
        &replies.items()[3],
        "no permission to execute the command or subcommand"
    ));
    assert_eq!(admin.ask("EXISTS a b z"), Value::Int(1));
    // A transaction's own changes hold for what follows in it.
    set_user(&mut admin, "ann", "allkeys +get");
    for request in ["MULTI", "ACL SETUSER ann -get", "GET a"] {
        ann.ask(request);
    }
    assert!(lacks(
        &ann.ask("EXEC").items()[1],
        "no permission to execute the command or subcommand"
    ));
    let entry = admin.ask("ACL LOG 1").items()[0].clone();
    assert_eq!(entry.field("context").map(Value::text), Some("multi".into()));
}

#[test]
fn roles_change_their_users_at_once() {
    let server = Server::start(&["--io-threads", "2"]);
    let mut admin = server.connect();
    assert_eq!(
        admin.ask("ACL SETUSER ann role:reader"),
        Value::Error("ERR Error in ACL SETUSER modifier 'role:reader': Unknown role name in ACL".into())
    );
    assert_eq!(admin.ask("ACL SETROLE reader +@read ~app:* (+ping )"), ok());
    set_user(&mut admin, "ann", "role:reader +set ~own");
    let mut ann = connect_as(&server, "ann");
    assert_eq!(ann.ask("GET app:1"), Value::Null);
    assert_eq!(ann.ask("GET own"), no_key());
    assert_eq!(ann.ask("SET app:1 x"), no_key());
    assert_eq!(ann.ask("PING"), Value::Simple("PONG".into()));
    assert_eq!(
        admin.ask("ACL SETROLE reader resetkeys ~other:* clearselectors"),
        ok()
    );
    assert_eq!(ann.ask("GET app:1"), no_key());
    assert_eq!(ann.ask("GET other:1"), Value::Null);
    assert_eq!(ann.ask("PING"), no_command("ann", "ping"));

    let role = admin.ask("ACL GETROLE reader");
    assert_eq!(
        role.field("commands").map(Value::text),
        Some("-@all +@read".into())
    );
    assert_eq!(role.field("keys").map(Value::text), Some("~other:*".into()));
    assert_eq!(
        role.field("users"),
        Some(&Value::Array(vec![Value::Bulk(b"ann".to_vec())]))
    );
    let user = admin.ask("ACL GETUSER ann");
    assert_eq!(
        user.field("roles"),
        Some(&Value::Array(vec![Value::Bulk(b"reader".to_vec())]))
    );
    assert!(
        admin.ask("ACL LIST").items()[0]
            .text()
            .ends_with("-@all +set role:reader")
    );
    assert_eq!(
        admin.ask("ACL ROLES"),
        Value::Array(vec![Value::Bulk(b"reader".to_vec())])
    );
    assert_eq!(
        admin.ask("ACL DELROLE reader"),
        Value::Error("ERR The role is in use by user 'ann'".into())
    );
    assert!(
        admin
            .ask("ACL SETROLE reader >secret")
            .text()
            .contains("Roles hold permissions only")
    );
    assert_eq!(admin.ask("ACL SETUSER ann -role:reader"), ok());
    assert_eq!(ann.ask("GET other:1"), no_command("ann", "get"));
    assert_eq!(admin.ask("ACL DELROLE reader"), ok());
    assert_eq!(admin.ask("ACL GETROLE reader"), Value::Null);
    assert_eq!(
        admin.ask("ACL DELROLE reader"),
        Value::Error("ERR No such role 'reader'".into())
    );
}

#[test]
fn files_are_loaded_whole_or_not_at_all() {
    let folder = Folder::new("file");
    let path = folder.file(
        "users.acl",
        "user ann on #ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb role:reader\n\
         role reader +get ~*\n",
    );
    let server = Server::start(&["--aclfile", &path]);
    let mut admin = server.connect();
    let mut ann = server.connect();
    assert_eq!(ann.ask("AUTH ann a"), ok());
    assert_eq!(ann.ask("GET k"), Value::Null);

    assert_eq!(admin.ask("ACL SETUSER bob on >b ~b* +@all"), ok());
    assert_eq!(admin.ask("ACL SAVE"), ok());
    assert_eq!(
        folder.read("users.acl"),
        "role reader ~* resetchannels -@all +get\n\
         user ann on #ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb resetchannels -@all role:reader\n\
         user bob on #3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d ~b* resetchannels +@all\n\
         user default on nopass ~* &* +@all\n"
    );
    assert_eq!(
        std::fs::read_dir(&folder.0).expect("the folder").count(),
        1,
        "nothing is left behind"
    );

    folder.file(
        "users.acl",
        "user ann on nopass +@all ~*\nuser bob on\nuser bob on +nosuch\n",
    );
    let refused = admin.ask("ACL LOAD").text();
    assert!(
        refused.contains("users.acl:3: Duplicate user 'bob' found"),
        "{refused}"
    );
    assert_eq!(ann.ask("SET k v"), no_command("ann", "set"));
    assert_eq!(admin.ask("ACL WHOAMI").text(), "default");

    folder.file("users.acl", "user ann on nopass +@all ~*\n");
    assert_eq!(admin.ask("ACL LOAD"), ok());
    assert!(ann.is_closed(), "she has to log in as the new ann");
    assert_eq!(admin.ask("ACL USERS").items().len(), 2);
    assert_eq!(admin.ask("PING"), Value::Simple("PONG".into()));

    std::fs::remove_file(&path).expect("removed");
    let gone = admin.ask("ACL LOAD").text();
    assert!(gone.starts_with("ERR Error loading ACLs, opening file"), "{gone}");
    std::fs::create_dir(&path).expect("a folder in its place");
    assert!(admin.ask("ACL SAVE").text().starts_with("ERR There was an error"));
}

#[test]
fn a_password_set_for_the_default_user_is_not_lost_by_a_file() {
    let folder = Folder::new("default");
    let path = folder.file("users.acl", "user ann on >a +@all\n");
    let server = Server::start(&["--aclfile", &path, "--requirepass", "secret"]);
    let mut client = server.connect();
    assert!(client.ask("PING").text().starts_with("NOAUTH"));
    assert_eq!(client.ask("AUTH secret"), ok());
    // To strangers the server does not say that it is loading.
    while client.info("loading") != 0 {
        std::thread::yield_now();
    }
    assert_eq!(client.ask("ACL LOAD"), ok());
    assert!(server.connect().ask("PING").text().starts_with("NOAUTH"));
    assert_eq!(client.ask("CONFIG SET requirepass other"), ok());
    assert_eq!(server.connect().ask("AUTH other"), ok());
    assert_eq!(client.ask("ACL SETUSER default nopass"), ok());
    assert_eq!(server.connect().ask("PING"), Value::Simple("PONG".into()));
}

#[test]
fn users_in_the_configuration_survive_its_rewriting() {
    let folder = Folder::new("config");
    let path = folder.file(
        "flashdb.conf",
        "# people\nuser ann on >a role:reader ~\"q\\\"x\"\nrole reader +get ~*\n",
    );
    let start = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flashdb"));
        command.arg(&path);
        Server::start_with(command, &[])
    };
    let server = start();
    let mut admin = server.connect();
    assert_eq!(admin.ask("ACL SETROLE reader +strlen"), ok());
    assert_eq!(admin.ask("CONFIG REWRITE"), ok());
    let lines: Vec<Value> = admin.ask("ACL LIST").items().to_vec();
    assert!(
        admin
            .ask("ACL SAVE")
            .text()
            .contains("not configured to use an ACL file")
    );
    drop(server);
    let text = folder.read("flashdb.conf");
    assert!(
        text.starts_with("# people\nrole reader ~* resetchannels -@all +get +strlen\nuser ann on #ca97"),
        "{text}"
    );
    assert!(!text.contains(">a"), "{text}");
    let server = start();
    let mut admin = server.connect();
    // The default user was reset before its own line was read.
    let again = admin.ask("ACL LIST").items().to_vec();
    assert_eq!(again[0], lines[0]);
    let mut ann = server.connect();
    assert_eq!(ann.ask("AUTH ann a"), ok());
    assert_eq!(ann.ask("STRLEN k"), Value::Int(0));
}

#[test]
fn wrong_users_keep_the_server_from_starting() {
    let folder = Folder::new("start");
    let file = folder.file("users.acl", "user ann on\nuser bob >s3cret <s3cret2\n");
    let good = folder.file("good.acl", "user ann on\n");
    for (args, complaint) in [
        (&["--user", "foo", "--user", "foo"][..], "Duplicate user found"),
        (
            &["--user", "foo", "+nosuch", ">s3cret"],
            "Error in user declaration 'foo': Error in applying operation '+nosuch'",
        ),
        (&["--user", "foo", "(+get"], "Unmatched parenthesis"),
        (&["--role", "foo", ">s3cret"], "Error in role declaration 'foo'"),
        (&["--rename-command", "nosuch", "x"], "No such command"),
        (&["--rename-command", "get", "set"], "already exists"),
        (
            &["--aclfile", &file],
            "users.acl:2: Error in applying operation '(redacted)'",
        ),
        (
            &["--aclfile", "/nosuch/users.acl"],
            "opening file '/nosuch/users.acl'",
        ),
        (
            &["--aclfile", &good, "--user", "foo", "on"],
            "in one of both places",
        ),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_flashdb"))
            .args([
                "--port",
                &own_port().to_string(),
                "--save",
                "",
                "--http-port",
                "0",
            ])
            .args(args)
            .current_dir(&folder.0)
            .stdout(Stdio::null())
            .output()
            .expect("it runs");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && text.contains(complaint),
            "{args:?}: {text}"
        );
        assert!(!text.contains("s3cret"), "{text}");
        let checked = Command::new(env!("CARGO_BIN_EXE_flashdb"))
            .arg("--check-config")
            .args(args)
            .output()
            .expect("it runs");
        let text = String::from_utf8_lossy(&checked.stderr).into_owned();
        assert!(
            !checked.status.success() && text.contains(complaint),
            "{args:?}: {text}"
        );
    }
}

#[test]
fn logins_from_an_address_that_fails_too_often_wait() {
    let server = Server::start(&["--io-threads", "1"]);
    let mut admin = server.connect();
    set_user(&mut admin, "ann", "+ping");
    let mut client = server.connect();
    let began = Instant::now();
    for _ in 0..11 {
        assert!(client.ask("AUTH ann wrong").text().starts_with("WRONGPASS"));
    }
    assert!(
        began.elapsed() < Duration::from_millis(200),
        "the first failures cost nothing"
    );
    // From here on each one waits for its turn, the right password too, and nobody else does.
    let began = Instant::now();
    client.request(&["AUTH", "ann", "wrong"]);
    let mut second = server.connect();
    second.request(&["HELLO", "3", "AUTH", "ann", "ann"]);
    let mut third = server.connect();
    third.send(&[encode(&["AUTH", "ann", "ann"]), encode(&["PING"])].concat());
    assert_eq!(admin.ask("PING"), Value::Simple("PONG".into()));
    assert!(began.elapsed() < Duration::from_millis(700), "the loop goes on");
    assert!(client.read().text().starts_with("WRONGPASS"));
    assert!(began.elapsed() >= Duration::from_millis(200));
    assert_eq!(second.read().field("proto"), Some(&Value::Int(3)));
    assert_eq!(third.read(), ok());
    assert_eq!(third.read(), Value::Simple("PONG".into()));
    assert!(
        began.elapsed() >= Duration::from_millis(700),
        "one after the other"
    );
    // Whoever would wait too long is told so.
    let mut crowd: Vec<Raw> = (0..40).map(|_| server.connect()).collect();
    crowd
        .iter_mut()
        .for_each(|client| client.request(&["AUTH", "ann", "wrong"]));
    let last = crowd.last_mut().expect("many").read().text();
    assert!(
        last.starts_with("ERR too many logins from this address have failed"),
        "{last}"
    );
}

#[test]
fn logging_in_and_out() {
    let server = Server::start(&[]);
    let mut admin = server.connect();
    set_user(&mut admin, "ann", "+@connection");
    let mut client = server.connect();
    assert_eq!(
        client.ask("AUTH nobody x").text(),
        client.ask("AUTH ann x").text()
    );
    assert_eq!(
        client.ask("HELLO 2 AUTH ann ann SETNAME me").field("proto"),
        Some(&Value::Int(2))
    );
    assert_eq!(client.ask("ACL WHOAMI"), no_command("ann", "acl|whoami"));
    assert!(
        admin.ask("CLIENT LIST").text().contains("name=me")
            && admin.ask("CLIENT LIST").text().contains(" user=ann ")
    );
    assert_eq!(client.ask("RESET"), Value::Simple("RESET".into()));
    assert_eq!(client.ask("ACL WHOAMI").text(), "default");
    assert!(
        client
            .ask("AUTH x")
            .text()
            .contains("without any password configured for the default user")
    );

    // Whoever has not logged in is let in, and kept out, by what the default user is now.
    assert_eq!(admin.ask("ACL SETUSER default off"), ok());
    let mut stranger = server.connect();
    assert!(stranger.ask("PING").text().starts_with("NOAUTH"));
    assert!(stranger.ask("HELLO 3").text().starts_with("NOAUTH"));
    assert_eq!(
        client.ask("PING"),
        Value::Simple("PONG".into()),
        "who is in stays in"
    );
    assert_eq!(admin.ask("ACL SETUSER default on"), ok());
    assert_eq!(stranger.ask("PING"), Value::Simple("PONG".into()));
    assert_eq!(admin.ask("ACL SETUSER default >x"), ok());
    assert!(stranger.ask("PING").text().starts_with("NOAUTH"));

    let mut ann = connect_as(&server, "ann");
    assert_eq!(admin.ask("CLIENT KILL USER ann"), Value::Int(1));
    assert!(ann.is_closed());
    assert!(
        admin
            .ask("CLIENT KILL USER nobody")
            .text()
            .contains("No such user 'nobody'")
    );
}

#[test]
fn what_a_script_is_refused_is_logged_once() {
    let server = Server::start(&["--io-threads", "2"]);
    let mut admin = server.connect();
    set_user(&mut admin, "app", "on nopass ~a* +@all");
    let mut client = connect_as(&server, "app");
    // The key that is not declared makes the script run again.
    let script = "redis.pcall('GET', 'b') redis.pcall('INCR', KEYS[1], 1, 2) redis.call('LPUSH', KEYS[1], 1) \
                  redis.pcall('INCR', KEYS[1]) return redis.call('SET', 'a2', 1)";
    client.request(&["EVAL", script, "1", "a1"]);
    assert_eq!(client.read(), ok());
    let log = admin.ask("ACL LOG");
    assert_eq!(log.items().len(), 1);
    assert_eq!(log.items()[0].field("count"), Some(&Value::Int(1)));
    assert_eq!(server.info("acl_access_denied_key"), 1);
    let stats = admin.ask("INFO errorstats").text();
    assert!(stats.contains("errorstat_WRONGTYPE:count=1"), "{stats}");
    assert!(stats.contains("errorstat_ERR:count=2"), "{stats}");
    let stats = admin.ask("INFO commandstats").text();
    let get = stats.lines().find(|line| line.starts_with("cmdstat_get:"));
    assert!(
        get.is_some_and(|line| line.contains("rejected_calls=1,")),
        "{get:?}"
    );
}

#[test]
fn refusals_are_logged_and_counted() {
    let server = Server::start(&[]);
    let mut admin = server.connect();
    set_user(&mut admin, "ann", "~a &c +get +publish +sort");
    let mut ann = connect_as(&server, "ann");
    for request in ["SET a 1", "GET b", "GET b", "PUBLISH d x", "AUTH ann wrong"] {
        assert!(matches!(ann.ask(request), Value::Error(_)), "{request}");
    }
    let log = admin.ask("ACL LOG");
    let shown: Vec<[String; 4]> = log
        .items()
        .iter()
        .map(|entry| {
            ["reason", "object", "username", "context"].map(|name| entry.field(name).expect(name).text())
        })
        .collect();
    let wanted = [
        ["auth", "AUTH", "ann", "toplevel"],
        ["channel", "d", "ann", "toplevel"],
        ["key", "b", "ann", "toplevel"],
        ["command", "set", "ann", "toplevel"],
    ];
    assert_eq!(shown, wanted.map(|entry| entry.map(String::from)));
    assert_eq!(log.items()[2].field("count"), Some(&Value::Int(2)));
    assert!(
        log.items()[2]
            .field("client-info")
            .expect("it is there")
            .text()
            .contains("user=ann")
    );
    assert_eq!(admin.ask("ACL SETUSER slow >pass"), ok());
    for (field, count) in [("auth", 1), ("cmd", 1), ("key", 2), ("channel", 1)] {
        assert_eq!(admin.info(&format!("acl_access_denied_{field}")), count);
    }
    assert_eq!(admin.ask("CONFIG SET acllog-max-len 1"), ok());
    ann.ask("SET a 2");
    assert_eq!(admin.ask("ACL LOG").items().len(), 1);
    assert_eq!(admin.ask("ACL LOG RESET"), ok());
    assert_eq!(admin.ask("ACL LOG").items().len(), 0);

    admin.ask("RPUSH a 1");
    assert!(
        ann.ask("SORT a BY w_*")
            .text()
            .contains("BY option of SORT denied due to insufficient ACL permissions")
    );
    assert_eq!(admin.ask("ACL SETUSER ann %R~*"), ok());
    assert_eq!(ann.ask("SORT a BY w_*").items().len(), 1);
}
