//! Snapshots over HTTP: how data is kept, taking and removing them, and going back to one after a preview.

use super::support::Value as Resp;
use super::{basic, execute, start, start_closed, unlocked};
use serde_json::{Value, json};

fn take(http: &super::Http, label: &str) -> String {
    let body = json!({"label": label}).to_string();
    let taken = http.send("POST", "/api/v1/snapshot", &body);
    assert_eq!(taken.status, 201, "{taken:?}");
    taken.json()["id"].as_str().expect("an id").to_owned()
}

#[test]
fn going_back_says_before_what_is_lost_and_wants_to_be_sure() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    client.ask("MSET a 1 b 2 c 3");
    let id = take(&http, "three");
    client.ask("SET a changed");
    client.ask("SET d 4");

    let path = format!("/api/v1/snapshots/{id}/restore");
    let preview = http.get(&path).json();
    assert_eq!(
        (
            &preview["snapshot"]["label"],
            &preview["writes_lost"],
            &preview["confirm"]
        ),
        (&json!("three"), &json!(2), &json!("restore 3 keys"))
    );
    assert_eq!(preview["since_ms"], preview["snapshot"]["created_ms"]);

    for bad in [r#"{"confirm":"restore"}"#, r#"{"confirm":""}"#] {
        let refused = http.send("POST", &path, bad);
        assert_eq!((refused.status, refused.code().as_str()), (409, "CONFLICT"));
    }
    assert_eq!(http.send("POST", &path, "{}").code(), "BAD_JSON");
    assert_eq!(client.ask("GET d"), Resp::Bulk(b"4".to_vec()));

    let body = r#"{"confirm":"restore 3 keys","snapshot_first":true}"#;
    let restored = http.send("POST", &path, body);
    assert_eq!(
        (restored.status, &restored.json()["state"]),
        (200, &json!("done")),
        "{restored:?}"
    );
    assert_eq!(client.ask("GET a"), Resp::Bulk(b"1".to_vec()));
    assert_eq!(client.ask("DBSIZE"), Resp::Int(3));

    // And back again, by the one that was taken before.
    let listed = http.get("/api/v1/snapshots").json();
    assert_eq!(
        (&listed["restore"]["id"], &listed["restore"]["user"]),
        (&json!(id), &json!("default"))
    );
    let all = listed["snapshots"].as_array().expect("snapshots");
    let before = format!("before restoring {id}");
    let before = all
        .iter()
        .find(|one| one["label"] == *before)
        .expect("the one before");
    let path = format!(
        "/api/v1/snapshots/{}/restore",
        before["id"].as_str().expect("an id")
    );
    let again = http.send("POST", &path, r#"{"confirm":"restore 4 keys"}"#);
    assert_eq!(again.status, 200, "{again:?}");
    assert_eq!(client.ask("GET d"), Resp::Bulk(b"4".to_vec()));
}

/// PER-52, API-21.
#[test]
fn going_back_to_a_point_in_time_keeps_the_state_before() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    client.ask("SET a 1");
    let point = client.info("wal_lsn");
    client.ask("SET a 2");
    let path = "/api/v1/restore";
    let send = |to: &str, confirm: &str| {
        let body = json!({"to": to, "confirm": confirm}).to_string();
        http.send("POST", path, &body)
    };
    let point = point.to_string();
    let refused = send(&point, "restore");
    assert_eq!((refused.status, refused.code().as_str()), (409, "CONFLICT"));
    assert_eq!(send("", "restore to ").code(), "BAD_REQUEST");
    let refused = send("tomorrow", "restore to tomorrow");
    assert_eq!(refused.status, 409, "{refused:?}");
    assert_eq!(client.ask("GET a"), Resp::Bulk(b"2".to_vec()));

    let restored = send(&point, &format!("restore to {point}"));
    let told = restored.json();
    assert_eq!(
        (restored.status, &told["state"], &told["id"]),
        (200, &json!("done"), &json!(point))
    );
    assert_eq!(client.ask("GET a"), Resp::Bulk(b"1".to_vec()));
    let undo = told["undo"].as_str().expect("a label").to_owned();
    client.ask(&format!("SNAPSHOT.RESTORE {undo}"));
    assert_eq!(client.ask("GET a"), Resp::Bulk(b"2".to_vec()));
}

#[test]
fn snapshots_are_removed_by_id_and_never_by_a_label_that_looks_like_one() {
    let (_server, http) = start(&[]);
    let first = take(&http, "first");
    take(&http, "second");
    // Somebody calls a snapshot as another one is called.
    let trap = take(&http, &first);
    let path = format!("/api/v1/snapshots/{first}");
    let preview = http.get(&format!("{path}/restore")).json();
    assert_eq!(
        (&preview["snapshot"]["id"], &preview["snapshot"]["label"]),
        (&json!(first), &json!("first"))
    );
    take(&http, "newest");
    let removed = http.send("DELETE", &format!("/api/v1/snapshots/{trap}"), "");
    assert_eq!(removed.json(), json!({"deleted": true}));
    assert_eq!(http.send("DELETE", &path, "").status, 200);
    let gone = http.send("DELETE", &path, "");
    assert_eq!((gone.status, gone.code().as_str()), (404, "NOT_FOUND"));
    for bad in ["%2e%2e%2fx", "a%20b", "..%2f"] {
        assert_eq!(
            http.get(&format!("/api/v1/snapshots/{bad}/restore")).status,
            400,
            "{bad}"
        );
    }
    for label in ["FULL", "temporary"] {
        let body = json!({"label": label}).to_string();
        assert_eq!(http.send("POST", "/api/v1/snapshot", &body).code(), "BAD_REQUEST");
    }
}

#[test]
fn how_data_is_kept_is_told_as_far_as_the_rights_go() {
    let (server, http, page) = start_closed();
    let listed = page.get("/api/v1/snapshots").json();
    let kept = &listed["persistence"];
    assert_eq!(
        (
            &kept["log"],
            &kept["settings"]["fsync"],
            &kept["log_failure"],
            &listed["restore"]
        ),
        (&json!(true), &json!("everysec"), &Value::Null, &Value::Null)
    );
    let mut admin = server.connect();
    admin.ask("AUTH secret");
    admin.ask("ACL SETUSER ada on >pass ~* +snapshot.list +snapshot.info +set");
    let ada = basic(&http, "ada:pass");
    let listed = ada.get("/api/v1/snapshots").json();
    assert_eq!(
        (listed["persistence"].is_null(), &listed["snapshots"]),
        (true, &json!([]))
    );
    let editing = unlocked(&page);
    let id = take(&editing, "x");
    let (page, _) = page.with_session(&editing.send("DELETE", "/api/v1/session/unlock", ""));
    let preview = ada.get(&format!("/api/v1/snapshots/{id}/restore")).json();
    assert_eq!(
        (&preview["keys_now"], &preview["writes_lost"]),
        (&Value::Null, &Value::Null)
    );
    // Without the right to restore nothing is taken before either.
    let body = json!({"confirm": preview["confirm"], "snapshot_first": true}).to_string();
    let refused = ada.send("POST", &format!("/api/v1/snapshots/{id}/restore"), &body);
    assert_eq!(refused.json()["error"]["details"]["needs"], "+snapshot.restore");
    assert_eq!(
        ada.send("DELETE", &format!("/api/v1/snapshots/{id}"), "").code(),
        "NOPERM"
    );
    assert_eq!(
        page.get("/api/v1/snapshots").json()["snapshots"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    for (method, path, body) in [
        ("POST", format!("/api/v1/snapshots/{id}/restore"), body.as_str()),
        ("DELETE", format!("/api/v1/snapshots/{id}"), ""),
    ] {
        assert_eq!(
            page.send(method, &path, body).code(),
            "READ_ONLY",
            "{method} {path}"
        );
    }
}

#[test]
fn a_server_that_keeps_nothing_says_so() {
    let (server, http) = start(&["--appendonly", "no"]);
    server.connect().ask("SET a 1");
    let kept = http.get("/api/v1/snapshots").json()["persistence"].clone();
    assert_eq!(
        (&kept["log"], &kept["changes"], &kept["load"]),
        (&json!(false), &json!(1), &Value::Null)
    );
    assert_eq!(execute(&http, "CONFIG SET save ''")["value"], "OK");
    let kept = http.get("/api/v1/snapshots").json()["persistence"].clone();
    assert_eq!(
        (&kept["settings"]["save"], &kept["settings"]["interval_s"]),
        (&json!(""), &json!(0))
    );
}

#[test]
fn a_label_chosen_meanwhile_does_not_lead_a_restore_astray() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    client.ask("SET state meant");
    let meant = take(&http, "meant");
    client.ask("SET state other");
    take(&http, &meant);
    // By word of mouth labels come first, as before.
    assert_eq!(client.ask(&format!("SNAPSHOT.RESTORE {meant}")).text(), "OK");
    assert_eq!(client.ask("GET state").text(), "other");
    assert_eq!(
        client.ask(&format!("SNAPSHOT.RESTORE {meant} EXACT")).text(),
        "OK"
    );
    assert_eq!(client.ask("GET state").text(), "meant");
    client.ask("SET state now");
    let path = format!("/api/v1/snapshots/{meant}/restore");
    let confirm = http.get(&path).json()["confirm"].clone();
    let body = json!({"confirm": confirm, "snapshot_first": true}).to_string();
    assert_eq!(http.send("POST", &path, &body).status, 200);
    assert_eq!(client.ask("GET state").text(), "meant");
    for request in [
        format!("SNAPSHOT.INFO {} EXACT", &meant[..6]),
        format!("SNAPSHOT.RESTORE {} EXACT", &meant[..6]),
        "SNAPSHOT.DELETE meant EXACT".to_owned(),
    ] {
        assert!(matches!(client.ask(&request), Resp::Error(_)), "{request}");
    }
    assert!(matches!(
        client.ask(&format!("SNAPSHOT.INFO {meant} EXACT more")),
        Resp::Error(_)
    ));
}
