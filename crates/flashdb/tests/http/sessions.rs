//! Sessions of the HTTP interface among proxies, other cookies, several logins and a page whose requests are under way; what
//! the audit log tells of them; what anybody may send.

use crate::start;
use crate::support::http::{Answer, read};
use serde_json::{Value, json};
use std::io::{Read, Write};

const LOGIN: &str = r#"{"password":"secret"}"#;
/// `proxy:wrong`, and `default:secret`.
const WRONG: &str = "Basic cHJveHk6d3Jvbmc=";
const RIGHT: &str = "Basic ZGVmYXVsdDpzZWNyZXQ=";

#[test]
fn a_login_gives_a_new_id_and_ends_the_old_session() {
    let (_server, http) = start(&["--requirepass", "secret"]);
    let (page, _) = http.log_in(LOGIN);
    let planted = http.with("Cookie", &format!("flashdb_session_{}=deadbeef", http.port));
    let (fresh, _) = planted.log_in(LOGIN);
    assert!(!fresh.cookie().contains("deadbeef"));
    let (second, _) = page.log_in(LOGIN);
    assert_ne!(page.cookie(), second.cookie());
    assert_eq!(page.get("/api/v1/stats").code(), "SESSION_ENDED");
    let unlocked = second
        .with_session(&second.send("POST", "/api/v1/session/unlock", "{}"))
        .0;
    assert_ne!(unlocked.cookie(), second.cookie());
    assert_eq!(
        second.send("POST", "/api/v1/session/unlock", "{}").code(),
        "SESSION_ENDED"
    );
    assert_eq!(unlocked.get("/api/v1/session").json()["mode"], "unlocked");
    let gone = unlocked.send("DELETE", "/api/v1/session", "");
    assert_eq!((gone.status, gone.body.len()), (204, 0));
    assert!(
        gone.header("set-cookie")
            .is_some_and(|cookie| cookie.contains("Max-Age=0"))
    );
    assert_eq!(unlocked.get("/api/v1/stats").code(), "SESSION_ENDED");
    assert_eq!(unlocked.get("/api/v1/session").json()["authenticated"], false);
}

#[test]
fn too_many_wrong_passwords_have_to_wait() {
    let (_server, http) = start(&["--requirepass", "secret"]);
    let wrong = r#"{"user":"default","password":"wrong"}"#;
    for _ in 0..5 {
        assert_eq!(
            http.send("POST", "/api/v1/session", wrong).code(),
            "WRONG_CREDENTIALS"
        );
    }
    let refused = http.send("POST", "/api/v1/session", r#"{"password":"secret"}"#);
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (429, "TOO_MANY_ATTEMPTS")
    );
    let seconds: u64 = refused
        .header("retry-after")
        .and_then(|text| text.parse().ok())
        .expect("a time");
    assert!((1..=60).contains(&seconds), "{seconds}");
    assert_eq!(http.with("Authorization", RIGHT).get("/metrics").status, 429);
    // Another user is not kept out by it.
    let other = r#"{"user":"ada","password":"wrong"}"#;
    assert_eq!(
        http.send("POST", "/api/v1/session", other).code(),
        "WRONG_CREDENTIALS"
    );
}

#[test]
fn a_session_wins_over_basic_auth_and_over_planted_cookies() {
    let (_server, http) = start(&["--requirepass", "secret"]);
    let (page, _) = http.log_in(LOGIN);
    let behind_proxy = page.with("Authorization", WRONG);
    assert_eq!(behind_proxy.get("/api/v1/stats").status, 200);
    assert_eq!(behind_proxy.get("/api/v1/session").json()["authenticated"], true);
    let bearer = page.with("Authorization", "Bearer x");
    assert_eq!(bearer.get("/api/v1/stats").status, 200);
    // The session's limits hold, too.
    let proxied = page.with("Authorization", RIGHT);
    let body = r#"{"line":"SET a 1"}"#;
    assert_eq!(proxied.send("POST", "/api/v1/execute", body).code(), "READ_ONLY");
    assert_eq!(
        proxied
            .without("X-FlashDB-CSRF")
            .send("POST", "/api/v1/execute", body)
            .code(),
        "BAD_CSRF"
    );

    let name = format!("flashdb_session_{}", http.port);
    for cookies in [
        format!("{name}=planted; {}", page.cookie()),
        format!("other=1; {}; {name}=planted", page.cookie()),
    ] {
        let planted = page.with("Cookie", &cookies);
        assert_eq!(planted.get("/api/v1/stats").status, 200, "{cookies}");
        assert_eq!(planted.get("/api/v1/session").json()["authenticated"], true);
    }
    let only_planted = page.with("Cookie", &format!("{name}=planted"));
    assert_eq!(only_planted.get("/api/v1/stats").code(), "SESSION_ENDED");
    assert_eq!(
        only_planted
            .with("Authorization", RIGHT)
            .get("/api/v1/stats")
            .status,
        200
    );
    // A login ends whichever session it came with.
    let both = page.with("Cookie", &format!("{name}=planted; {}", page.cookie()));
    both.log_in(LOGIN);
    assert_eq!(page.get("/api/v1/stats").code(), "SESSION_ENDED");
}

#[test]
fn the_cookie_of_a_page_behind_tls_is_secure() {
    let (_server, http) = start(&["--requirepass", "secret"]);
    for (scheme, is_secure) in [("http", false), ("https", true)] {
        let origin = format!("{scheme}://127.0.0.1:{}", http.port);
        let page = http.with("Origin", &origin);
        let answer = page.send("POST", "/api/v1/session", LOGIN);
        let secure = |answer: &Answer| {
            answer
                .header("set-cookie")
                .is_some_and(|cookie| cookie.ends_with("; Secure"))
        };
        assert_eq!((answer.status, secure(&answer)), (200, is_secure), "{answer:?}");
        let page = page.with_session(&answer).0;
        let answer = page.send("POST", "/api/v1/session/unlock", "{}");
        assert_eq!((answer.status, secure(&answer)), (200, is_secure), "{answer:?}");
        let page = page.with_session(&answer).0;
        let answer = page.send("DELETE", "/api/v1/session", "");
        assert_eq!((answer.status, secure(&answer)), (204, is_secure), "{answer:?}");
    }
}

#[test]
fn unlocking_on_a_production_server_asks_for_the_password_again() {
    const UNLOCK: &str = "/api/v1/session/unlock";
    let (server, http) = start(&["--requirepass", "secret", "--environment", "production"]);
    let mut admin = server.connect();
    admin.ask("AUTH secret");
    admin.ask("ACL SETUSER ada on nopass ~* +@all");
    let (page, session) = http.log_in(LOGIN);
    assert_eq!(session["unlock_needs_password"], true);
    let long = json!({"password": "x".repeat(513)}).to_string();
    assert_eq!(page.send("POST", UNLOCK, &long).code(), "BAD_REQUEST");
    for body in ["{}", r#"{"password":null}"#, r#"{"password":"wrong"}"#] {
        let refused = page.send("POST", UNLOCK, body);
        let told = (refused.status, refused.code());
        assert_eq!(told, (401, "WRONG_CREDENTIALS".into()), "{body}");
        assert!(refused.header("set-cookie").is_none());
    }
    // The session stays, and stays read-only.
    assert_eq!(page.get("/api/v1/session").json()["mode"], "read-only");
    let script = page.without("Cookie").with("Authorization", RIGHT);
    assert_eq!(script.send("POST", UNLOCK, LOGIN).code(), "NO_SESSION");
    let (unlocked, session) = page.with_session(&page.send("POST", UNLOCK, LOGIN));
    assert_eq!(session["mode"], "unlocked");
    let (page, _) = unlocked.with_session(&unlocked.send("DELETE", UNLOCK, ""));
    // Guesses count as those at a login, the right one no less than others.
    for guess in 0..5 {
        let body = json!({"password": format!("wrong{guess}")}).to_string();
        assert_eq!(page.send("POST", UNLOCK, &body).code(), "WRONG_CREDENTIALS");
    }
    assert_eq!(page.send("POST", UNLOCK, LOGIN).code(), "TOO_MANY_ATTEMPTS");
    assert_eq!(http.send("POST", "/api/v1/session", LOGIN).status, 429);
    // Whoever has no password is asked for none.
    let (ada, session) = http.log_in(r#"{"user":"ada"}"#);
    assert_eq!(session["unlock_needs_password"], false);
    assert_eq!(ada.send("POST", UNLOCK, "{}").status, 200);
}

#[test]
fn unlocking_elsewhere_looks_at_no_password() {
    let body = r#"{"password":"wrong"}"#;
    for args in [["--requirepass", "secret"], ["--environment", "production"]] {
        let (_server, http) = start(&args);
        let login = if args[0] == "--requirepass" { LOGIN } else { "{}" };
        let (page, session) = http.log_in(login);
        assert_eq!(session["unlock_needs_password"], false, "{args:?}");
        let answer = page.send("POST", "/api/v1/session/unlock", body);
        assert_eq!(answer.status, 200, "{args:?}: {answer:?}");
    }
}

#[test]
fn requests_under_way_outlive_a_change_of_the_id() {
    let (_server, http) = start(&["--requirepass", "secret"]);
    let (old, _) = http.log_in(LOGIN);
    let (new, _) = old.with_session(&old.send("POST", "/api/v1/session/unlock", "{}"));
    assert_eq!(old.get("/api/v1/stats").status, 200);
    // It only looks, even with the new value against foreign pages.
    let csrf = new.headers.iter().find(|(name, _)| name == "X-FlashDB-CSRF");
    let mixed = old.with("X-FlashDB-CSRF", &csrf.expect("a value").1);
    for (method, path) in [
        ("DELETE", "/api/v1/key/a"),
        ("DELETE", "/api/v1/session"),
        ("POST", "/api/v1/session/unlock"),
    ] {
        let body = if method == "POST" { "{}" } else { "" };
        assert_eq!(mixed.send(method, path, body).code(), "SESSION_ENDED", "{path}");
    }
    assert_eq!(new.send("DELETE", "/api/v1/session", "").status, 204);
    assert_eq!(old.get("/api/v1/stats").code(), "SESSION_ENDED");
}

#[test]
fn logins_one_after_the_other_end_no_session_in_use() {
    let (_server, http) = start(&[]);
    let (page, _) = http.log_in("{}");
    assert_eq!(page.get("/api/v1/stats").status, 200);
    for _ in 0..40 {
        http.log_in("{}");
    }
    assert_eq!(page.get("/api/v1/stats").status, 200);
    let mut refused = None;
    for _ in 0..40 {
        let answer = http.as_page().send("POST", "/api/v1/session", "{}");
        if answer.status != 200 {
            refused = Some(answer);
            break;
        }
        let (used, _) = http.with_session(&answer);
        assert_eq!(used.get("/api/v1/stats").status, 200);
    }
    let refused = refused.expect("no place for more");
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (429, "TOO_MANY_SESSIONS")
    );
    assert_eq!(page.get("/api/v1/stats").status, 200);
}

#[test]
fn the_engines_brake_on_logins_is_told_as_such_and_keeps_no_clients_out() {
    let (server, http) = start(&["--requirepass", "secret"]);
    let (sender, answers) = std::sync::mpsc::channel();
    for n in 0..60 {
        let (sender, http) = (sender.clone(), http.clone());
        std::thread::spawn(move || {
            // Another user each time, so that only the engine counts them together.
            let body = json!({"user": format!("ann{n}"), "password": "wrong"}).to_string();
            // Nobody listens any more once one was refused.
            let _ = sender.send(http.send("POST", "/api/v1/session", &body).status);
        });
    }
    drop(sender);
    // Those that are refused are answered at once, by whichever loop has them.
    assert!(answers.iter().any(|status| status == 429));
    // What is guessed over HTTP, through a proxy maybe, holds up no application of the same machine.
    let mut clients: Vec<_> = (0..10).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.request(&["AUTH", "secret"]);
    }
    for mut client in clients {
        assert_eq!(client.read().text(), "OK");
    }
    // A turn may have come free since; not ten of them.
    let logins: Vec<_> = (0..10)
        .map(|_| {
            let http = http.clone();
            std::thread::spawn(move || http.send("POST", "/api/v1/session", LOGIN))
        })
        .collect();
    let answers = logins.into_iter().map(|login| login.join().expect("an answer"));
    let refused: Vec<_> = answers.filter(|answer| answer.status != 200).collect();
    assert!(!refused.is_empty());
    for refused in refused {
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (429, "TOO_MANY_ATTEMPTS")
        );
        assert_eq!(refused.header("retry-after"), Some("5"));
    }
}

#[test]
fn a_login_is_short_and_nobody_learns_of_the_server_before_it() {
    let (_server, http) = start(&["--requirepass", "secret"]);
    let body = json!({"user": "default", "password": "x".repeat(5000)}).to_string();
    let refused = http.send("POST", "/api/v1/session", &body);
    assert_eq!((refused.status, refused.code().as_str()), (400, "BAD_REQUEST"));
    let body = json!({"user": "default", "password": "x".repeat(20_000)}).to_string();
    let refused = http.send("POST", "/api/v1/session", &body);
    assert_eq!((refused.status, refused.code().as_str()), (413, "BODY_TOO_LARGE"));
    let nobody = http.get("/api/v1/session").json();
    let server = nobody["server"].as_object().expect("a server");
    assert!(
        !server.contains_key("run_id") && !server.contains_key("port"),
        "{nobody}"
    );
    let (_, session) = http.log_in(LOGIN);
    assert!(session["server"]["run_id"].is_string() && session["server"]["port"].is_number());
}

#[test]
fn bodies_are_objects_and_not_their_fields_in_order() {
    let (_server, http) = start(&[]);
    for (method, path, body) in [
        ("POST", "/api/v1/session", "[null,null]"),
        ("POST", "/api/v1/snapshot", r#"["label",true,false]"#),
        ("PUT", "/api/v1/config", r#" [{"hz":"11"},false]"#),
        ("POST", "/api/v1/execute", r#"[0,["PING"],null]"#),
    ] {
        let answer = http.send(method, path, body);
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "BAD_JSON"),
            "{path}"
        );
    }
}

#[test]
fn settings_that_are_in_force_but_not_in_the_file_are_told() {
    let (_server, http) = start(&[]);
    let body = r#"{"set":{"maxmemory":"100mb"},"rewrite":true}"#;
    let answer = http.send("PUT", "/api/v1/config", body);
    assert_eq!((answer.status, answer.code().as_str()), (409, "COMMAND_FAILED"));
    let error = answer.json()["error"].clone();
    assert_eq!(
        (&error["details"]["changed"], &error["details"]["rewritten"]),
        (&json!(["maxmemory"]), &json!(false))
    );
    let text = error["message"].as_str().expect("a text");
    assert!(text.starts_with("the settings are in force"), "{text}");
}

#[test]
fn the_audit_log_tells_of_sessions() {
    let folder = std::env::temp_dir().join(format!("flashdb-http-audit-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("audit.log").display().to_string();
    let (_server, http) = start(&["--requirepass", "secret", "--log-json", "--audit-logfile", &file]);
    let begun = http.as_page().send("POST", "/api/v1/session", LOGIN);
    let (page, _) = http.as_page().with_session(&begun);
    let (page, _) = page.with_session(&page.send("POST", "/api/v1/session/unlock", "{}"));
    let (page, _) = page.with_session(&page.send("DELETE", "/api/v1/session/unlock", ""));
    let ended = page.send("DELETE", "/api/v1/session", "");
    let text = std::fs::read_to_string(&file).expect("the log");
    let events: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let told: Vec<&Value> = events
        .iter()
        .filter(|event| event["event"] == "session")
        .collect();
    let outcomes: Vec<&str> = told
        .iter()
        .filter_map(|event| event["outcome"].as_str())
        .collect();
    assert_eq!(outcomes, ["begun", "unlocked", "locked", "ended"], "{text}");
    for (event, answer) in [(told[0], &begun), (told[3], &ended)] {
        assert_eq!(event["target"], "audit");
        assert_eq!(event["user"], "default");
        assert_eq!(
            event["request_id"].as_str(),
            answer.header("x-request-id"),
            "{event}"
        );
        assert!(
            event["addr"]
                .as_str()
                .is_some_and(|addr| addr.starts_with("127.0.0.1:"))
        );
    }
    assert_eq!(told[3]["reason"], "logout");
    std::fs::remove_dir_all(&folder).expect("an own folder");
}

#[test]
fn readers_that_take_nothing_hold_a_bounded_part_of_the_memory() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    client.request(&[b"SET", &b"a"[..], &vec![1; 7 << 20]]);
    client.read();
    let body = br#"{"line":"GET a"}"#;
    let request = http
        .with("Content-Type", "application/json")
        .bytes("POST", "/api/v1/execute", body);
    // Each answer is 42 MiB of JSON, so that three fit into the measure.
    let mut slow: Vec<_> = (0..3)
        .map(|_| {
            let mut stream = http.connect();
            stream.write_all(&request).expect("it is read");
            let mut first = [0; 15];
            stream.read_exact(&mut first).expect("the answer begins");
            assert_eq!(&first, b"HTTP/1.1 200 OK");
            stream
        })
        .collect();
    let refused = http.send("POST", "/api/v1/execute", r#"{"line":"GET a"}"#);
    assert_eq!((refused.status, refused.code().as_str()), (503, "BUSY"));
    assert_eq!(http.get("/api/v1/stats").status, 200);
    // Once one has taken its answer, there is room.
    let mut rest = Vec::new();
    let mut stream = slow.pop().expect("a reader");
    stream.read_to_end(&mut rest).expect("the rest of the answer");
    let mut stream = http.connect();
    stream.write_all(&request).expect("it is read");
    assert_eq!(read(&mut stream).status, 200);
}
