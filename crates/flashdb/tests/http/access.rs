//! Users and sessions over HTTP: what is shown of them, who may change them, and what never comes out.

use super::support::http::{Answer, Http};
use super::{basic, execute, start, start_closed, start_closed_with, unlocked};
use serde_json::{Value, json};

const ADA: &str = "/api/v1/acl/users/ada";

fn user(answer: &Value, name: &str) -> Value {
    let users = answer["users"].as_array().expect("users");
    let found = users.iter().find(|user| user["name"] == name);
    found.cloned().unwrap_or_else(|| panic!("no {name} in {answer}"))
}

#[test]
fn users_are_made_changed_and_removed() {
    let (server, http) = start(&[]);
    let body = json!({
        "enabled": true, "if": "absent", "passwords": "replace", "password": "pass word",
        "rules": ["~cart:*", "%R~session:*", "&news:*", "-@all", "+get", "+client|id", "(~x -@all +set)"],
    });
    let made = http.send("PUT", ADA, &body.to_string());
    assert_eq!(made.json(), json!({"name": "ada", "created": true}), "{made:?}");
    assert_eq!(http.send("PUT", ADA, &body.to_string()).code(), "CONFLICT");

    let mut client = server.connect();
    client.request(&["AUTH", "ada", "pass word"]);
    assert_eq!(client.read(), super::support::Value::Simple("OK".into()));
    let listed = http.get("/api/v1/acl/users");
    assert!(!listed.text().contains('#'), "{}", listed.text());
    let ada = user(&listed.json(), "ada");
    assert_eq!(
        (
            &ada["enabled"],
            &ada["passwords"],
            &ada["clients"],
            &ada["sessions"]
        ),
        (&json!(true), &json!(1), &json!(1), &json!(0))
    );
    let shown = http.get(ADA);
    assert_eq!(shown.json(), ada);
    let rest = shown.text().replace("passwords", "").replace("nopass", "");
    assert!(!rest.contains("pass"), "{rest}");

    let gone = json!({"rules": ["+@all"], "was": ["-@all"]});
    let refused = http.send("PUT", "/api/v1/acl/users/ghost", &gone.to_string());
    assert_eq!(
        refused.code(),
        "CONFLICT",
        "a user that was removed is not made anew"
    );

    // The rules that are shown lead to the same user.
    let again = json!({"rules": ada["rules"], "was": ada["rules"]});
    assert_eq!(http.send("PUT", ADA, &again.to_string()).status, 200);
    assert_eq!(http.get(ADA).json()["rules"], ada["rules"]);
    let stale = json!({"rules": ["+@all"], "was": ["-@all"]});
    let refused = http.send("PUT", ADA, &stale.to_string());
    assert_eq!(
        (
            refused.code().as_str(),
            &refused.json()["error"]["details"]["rules"]
        ),
        ("CONFLICT", &ada["rules"])
    );
    let bad = http.send("PUT", ADA, r#"{"enabled":false,"rules":["~*","+nonsense"]}"#);
    assert_eq!(bad.code(), "COMMAND_FAILED");
    assert_eq!(http.get(ADA).json(), ada, "all or nothing");

    for (line, allowed) in [
        ("GET cart:1", true),
        ("GET other", false),
        ("SET x 1", true),
        ("CLIENT ID", true),
    ] {
        let body = json!({"user": "ada", "line": line}).to_string();
        let tried = http.send("POST", "/api/v1/acl/dryrun", &body).json();
        assert_eq!(
            (&tried["allowed"], tried["reason"].is_null()),
            (&json!(allowed), allowed),
            "{line}"
        );
    }
    assert_eq!(http.send("PUT", ADA, r#"{"enabled":false}"#).status, 200);
    assert_eq!(http.get(ADA).json()["enabled"], false);
    assert_eq!(http.send("DELETE", ADA, "").json(), json!({"deleted": true}));
    assert!(client.is_closed());
    for (method, body) in [("GET", ""), ("DELETE", ""), ("PUT", r#"{"if":"exists"}"#)] {
        assert_eq!(http.send(method, ADA, body).code(), "NOT_FOUND", "{method}");
    }
    assert_eq!(
        http.send("DELETE", "/api/v1/acl/users/default", "").code(),
        "COMMAND_FAILED"
    );
}

#[test]
fn users_of_any_name_and_rules_of_any_bytes_are_safe() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    for (path, name) in [
        ("/?name=..", json!("..")),
        ("/a%2Fb", json!("a/b")),
        ("/%FF", json!({"b64": "/w=="})),
    ] {
        let path = format!("/api/v1/acl/users{path}");
        assert_eq!(
            http.send("PUT", &path, r#"{"rules":["~x"]}"#).json()["name"],
            name
        );
        assert_eq!(http.get(&path).json()["name"], name);
        assert_eq!(http.send("DELETE", &path, "").status, 200);
    }
    assert_eq!(
        http.send("PUT", "/api/v1/acl/users/a%20b", "{}").code(),
        "BAD_REQUEST"
    );
    assert_eq!(http.get("/api/v1/acl/users/").code(), "BAD_REQUEST");
    client.request(&[&b"ACL"[..], b"SETUSER", b"bytes", b"~\xff*", b"+get"]);
    client.read();
    let path = "/api/v1/acl/users/bytes";
    assert_eq!(http.get(path).json()["editable"], false);
    assert_eq!(http.send("PUT", path, r#"{"rules":["~x"]}"#).code(), "CONFLICT");
    assert_eq!(http.send("PUT", path, r#"{"enabled":true}"#).status, 200);
    for rules in [json!([">secret"]), json!(["on"]), json!(["+get >x"])] {
        let body = json!({"rules": rules}).to_string();
        assert_eq!(http.send("PUT", ADA, &body).code(), "BAD_REQUEST", "{rules}");
    }
    assert_eq!(
        http.send("PUT", ADA, r#"{"rules":["(~x"]}"#).code(),
        "BAD_REQUEST"
    );
    let unknown = http.send("PUT", ADA, r#"{"rules":["+no-such-command"]}"#);
    assert_eq!((unknown.status, unknown.code().as_str()), (409, "COMMAND_FAILED"));
}

#[test]
fn only_who_may_sees_and_changes_users() {
    let (server, http, page) = start_closed();
    let mut admin = server.connect();
    admin.ask("AUTH secret");
    admin.ask("ACL SETUSER ada on >pass ~* +@read +acl|list +acl|dryrun");
    assert_eq!(user(&page.get("/api/v1/acl/users").json(), "ada")["sessions"], 0);
    let trial = r#"{"user":"ada","args":["SET","a","1"]}"#;
    assert_eq!(
        page.send("POST", "/api/v1/acl/dryrun", trial).json()["allowed"],
        false
    );
    for (method, path, body) in [
        ("PUT", ADA, r#"{"enabled":false}"#),
        ("DELETE", ADA, ""),
        ("POST", "/api/v1/acl/save", "{}"),
    ] {
        assert_eq!(
            page.send(method, path, body).code(),
            "READ_ONLY",
            "{method} {path}"
        );
    }
    let ada = basic(&http, "ada:pass");
    let listed = ada.get("/api/v1/acl/users").json();
    assert_eq!(
        (&user(&listed, "ada")["clients"], &listed["saves_to"]),
        (&Value::Null, &Value::Null)
    );
    for (method, path, body, needs) in [
        ("GET", ADA, "", "+acl|getuser"),
        ("PUT", ADA, r#"{"rules":["+@all"]}"#, "+acl|getuser"),
        ("DELETE", ADA, "", "+acl|deluser"),
        ("POST", "/api/v1/acl/save", "{}", "+config|rewrite"),
    ] {
        let refused = ada.send(method, path, body);
        assert_eq!(
            refused.json()["error"]["details"]["needs"],
            needs,
            "{method} {path}"
        );
    }
    // Neither a file of users nor one of settings.
    let page = unlocked(&page);
    assert_eq!(
        page.send("POST", "/api/v1/acl/save", "{}").code(),
        "COMMAND_FAILED"
    );
    let (ada, _) = http.log_in(r#"{"user":"ada","password":"pass"}"#);
    assert_eq!(
        page.send("PUT", ADA, r#"{"passwords":"replace","password":"new"}"#)
            .status,
        200
    );
    assert_eq!(ada.get("/api/v1/sessions").code(), "SESSION_ENDED");
}

#[test]
fn users_are_saved_where_the_server_keeps_them() {
    let file = std::env::temp_dir().join(format!("flashdb-users-{}.acl", std::process::id()));
    std::fs::write(&file, "").expect("an empty file");
    let (_server, http) = start(&["--aclfile", &file.display().to_string()]);
    assert_eq!(http.get("/api/v1/acl/users").json()["saves_to"], "aclfile");
    assert_eq!(
        http.send("PUT", ADA, r#"{"enabled":true,"rules":["~x"]}"#).status,
        200
    );
    let saved = http.send("POST", "/api/v1/acl/save", "{}");
    assert_eq!(saved.json(), json!({"saved_to": "aclfile"}), "{saved:?}");
    let text = std::fs::read_to_string(&file).expect("the file");
    std::fs::remove_file(&file).expect("it is there");
    assert!(text.contains("user ada on") && text.contains("~x"), "{text}");
}

#[test]
fn sessions_are_seen_and_ended() {
    let (server, http, page) = start_closed();
    let mut admin = server.connect();
    admin.ask("AUTH secret");
    admin.ask("ACL SETUSER ada on >pass ~* +@read +info");
    let (ada, _) = http.log_in(r#"{"user":"ada","password":"pass"}"#);
    let (other, _) = http.log_in(r#"{"user":"ada","password":"pass"}"#);
    let of_ada = ada.get("/api/v1/sessions").json();
    let lines = of_ada["sessions"].as_array().expect("sessions");
    assert_eq!((lines.len(), &of_ada["all"]), (2, &json!(false)), "{of_ada}");
    assert_eq!(lines.iter().filter(|line| line["current"] == true).count(), 1);
    // No id of a session is in the list.
    let id = ada.cookie().split_once('=').expect("a cookie").1.to_owned();
    assert!(!of_ada.to_string().contains(&id));

    let all = page.get("/api/v1/sessions").json();
    assert_eq!(
        (all["sessions"].as_array().map(Vec::len), &all["all"]),
        (Some(3), &json!(true))
    );
    let handle = |answer: &Value, user: &str, current: bool| {
        let lines = answer["sessions"].as_array().expect("sessions");
        let found = lines
            .iter()
            .find(|line| line["user"] == user && line["current"] == current);
        format!(
            "/api/v1/sessions/{}",
            found.expect("a session")["handle"].as_str().expect("a handle")
        )
    };
    // A stranger's is not even there for who may not see it; an own one ends read-only.
    assert_eq!(
        ada.send("DELETE", &handle(&all, "default", true), "").code(),
        "NOT_FOUND"
    );
    assert_eq!(ada.send("DELETE", &handle(&of_ada, "ada", false), "").status, 204);
    assert_eq!(other.get("/api/v1/stats").code(), "SESSION_ENDED");
    // Another one's needs editing, and the right.
    let of_ada = handle(&page.get("/api/v1/sessions").json(), "ada", false);
    assert_eq!(page.send("DELETE", &of_ada, "").code(), "READ_ONLY");
    let page = unlocked(&page);
    assert_eq!(
        page.without("X-FlashDB-CSRF").send("DELETE", &of_ada, "").code(),
        "BAD_CSRF"
    );
    assert_eq!(page.send("DELETE", &of_ada, "").status, 204);
    assert_eq!(page.send("DELETE", &of_ada, "").code(), "NOT_FOUND");
    assert_eq!(ada.get("/api/v1/stats").code(), "SESSION_ENDED");
    assert_eq!(execute(&page, "PING")["value"], "PONG");
}

#[test]
fn of_two_who_change_a_user_at_once_one_is_told() {
    let (_server, http) = start(&[]);
    let path = "/api/v1/acl/users/ada";
    for round in 0..20 {
        let begin = http.send("PUT", path, r#"{"rules":["~old"]}"#);
        assert_eq!(begin.status, 200, "{begin:?}");
        let was = http.get(path).json()["rules"].clone();
        let change = |n: usize| json!({"rules": [format!("~{round}-{n}")], "was": was}).to_string();
        let codes: Vec<u16> = std::thread::scope(|scope| {
            let asked: Vec<_> = (0..6)
                .map(|n| {
                    let (http, body) = (http.clone(), change(n));
                    scope.spawn(move || http.send("PUT", path, &body).status)
                })
                .collect();
            asked
                .into_iter()
                .map(|one| one.join().expect("an answer"))
                .collect()
        });
        let stored = codes.iter().filter(|code| **code == 200).count();
        assert_eq!(stored, 1, "{codes:?}");
        assert!(codes.iter().all(|code| [200, 409].contains(code)), "{codes:?}");
    }
}

#[test]
fn pages_of_listed_origins_may_use_the_api_and_bring_no_session() {
    let (_server, http, _page) = start_closed_with(&[
        "--http-allow-origins",
        "https://tools.example, http://localhost:3000",
    ]);
    let tools = http
        .with("Origin", "https://tools.example")
        .with("Sec-Fetch-Site", "cross-site");
    let asks = tools
        .with("Access-Control-Request-Method", "PUT")
        .with("Access-Control-Request-Headers", "authorization");
    let preflight = asks.send("OPTIONS", "/api/v1/key/a", "");
    assert_eq!(preflight.status, 204, "{preflight:?}");
    assert_eq!(
        preflight.header("access-control-allow-origin"),
        Some("https://tools.example")
    );
    assert!(
        preflight
            .header("access-control-allow-methods")
            .is_some_and(|names| names.contains("PUT"))
    );
    assert_eq!(preflight.header("access-control-allow-credentials"), None);
    let refused = tools.get("/api/v1/stats");
    assert_eq!((refused.status, refused.code().as_str()), (401, "NO_SESSION"));
    let answered = basic(&tools, "default:secret").get("/api/v1/stats");
    assert_eq!(answered.status, 200, "{answered:?}");
    assert_eq!(
        answered.header("access-control-allow-origin"),
        Some("https://tools.example")
    );
    assert_eq!(
        answered.header("vary").map(str::to_lowercase).as_deref(),
        Some("origin")
    );
    let upgrade = basic(&tools, "default:secret").get("/ws");
    assert_eq!((upgrade.status, upgrade.code().as_str()), (403, "FOREIGN_ORIGIN"));
    let evil = basic(&http.with("Origin", "https://evil.example"), "default:secret");
    for (method, path) in [("OPTIONS", "/api/v1/key/a"), ("GET", "/api/v1/stats")] {
        let answer = evil
            .with("Access-Control-Request-Method", "PUT")
            .send(method, path, "");
        assert_eq!((answer.status, answer.code().as_str()), (403, "FOREIGN_ORIGIN"));
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
}

fn run(http: &Http, line: &str) -> Answer {
    http.send("POST", "/api/v1/execute", &json!({"line": line}).to_string())
}

#[test]
fn the_dashboard_of_a_node_can_be_locked() {
    let (server, http, page) = start_closed();
    let open = unlocked(&page);
    assert_eq!(run(&open, "SET a 1").status, 200);
    let mut client = server.connect();
    client.ask("AUTH secret");
    client.ask("CONFIG SET dashboard-readonly yes");
    let refused = run(&open, "SET a 2");
    assert_eq!((refused.status, refused.code().as_str()), (403, "READ_ONLY"));
    assert!(
        refused.text().contains("dashboard-readonly"),
        "{}",
        refused.text()
    );
    let refused = open.send("POST", "/api/v1/session/unlock", "{}");
    assert_eq!((refused.status, refused.code().as_str()), (403, "READ_ONLY"));
    let shown = open.get("/api/v1/session").json();
    assert_eq!(
        (&shown["mode"], &shown["can_write"], &shown["unlocked_until_ms"]),
        (&json!("read-only"), &json!(false), &Value::Null)
    );
    assert_eq!(run(&open, "GET a").status, 200);
    // Scripts are no dashboard.
    assert_eq!(run(&basic(&http, "default:secret"), "SET a 3").status, 200);
    client.ask("CONFIG SET dashboard-readonly no");
    assert_eq!(run(&open, "SET a 4").status, 200);
}

/// The roles of the documentation, given to users by name as it says, are what it says (SEC-06).
#[test]
fn the_roles_of_the_documentation_are_what_it_says() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/ACCESS.md"));
    let page = page.expect("docs/ACCESS.md");
    let (server, http) = start(&["--requirepass", "secret"]);
    let mut client = server.connect();
    client.ask("AUTH secret");
    for line in page.lines().filter(|line| line.starts_with("ACL SETROLE ")) {
        assert_eq!(client.ask(line).text(), "OK", "{line}");
    }
    for role in ["viewer", "operator", "admin"] {
        client.ask(&format!("ACL SETUSER {role} on >word role:{role}"));
        let (_, session) = http.log_in(&json!({"user": role, "password": "word"}).to_string());
        assert_eq!(session["can_write"], role != "viewer", "{session}");
    }
    let all = [
        "GET a",
        "INFO",
        "SLOWLOG GET",
        "CLIENT LIST",
        "SNAPSHOT.LIST",
        "CONFIG GET *",
        "MEMORY STATS",
        "HOTKEYS.LIST",
    ];
    let from_operator = [
        "SET a 1",
        "DEL a",
        "RESTORE a 0 x",
        "CLIENT KILL ID 1",
        "SLOWLOG RESET",
        "MONITOR",
        "SNAPSHOT.CREATE",
        "SNAPSHOT.READ x 0 1",
        "EVAL x 0",
    ];
    let only_admin = [
        "SNAPSHOT.RESTORE x",
        "SNAPSHOT.DELETE x",
        "SNAPSHOT.WRITE x COMMIT",
        "FLUSHALL",
        "FLUSHDB",
        "SWAPDB 0 1",
        "CONFIG SET a b",
        "CONFIG REWRITE",
        "SHUTDOWN",
        "DEBUG JMAP",
        "ACL LIST",
        "ACL SETUSER x",
        "ACL SETROLE x",
        "ACL LOG",
        "MIGRATE h 1 a 0 1",
        "CLIENT PAUSE 1",
        "REPLICAOF no one",
    ];
    let mut check = |role: &str, line: &str, wanted: bool| {
        let answer = client.ask(&format!("ACL DRYRUN {role} {line}")).text();
        assert_eq!(answer == "OK", wanted, "{role}: {line}: {answer}");
    };
    for (lines, viewer, operator) in [
        (&all[..], true, true),
        (&from_operator[..], false, true),
        (&only_admin[..], false, false),
    ] {
        for line in lines {
            check("viewer", line, viewer);
            check("operator", line, operator);
            check("admin", line, true);
        }
    }
}
