//! `GET /memory`: the parts add up to resident memory, and who may not run MEMORY STATS is refused.

use crate::{basic, execute, start, start_closed};

#[test]
fn the_parts_add_up_to_resident_memory() {
    let (_server, http) = start(&["--enable-debug-command", "yes"]);
    execute(&http, "DEBUG POPULATE 20000 key 1000");
    execute(&http, "SET volatile 1 EX 1000");
    let memory = http.get("/api/v1/memory").json();
    let parts = memory["parts"].as_array().expect("parts");
    let bytes = |name: &str| {
        let part = parts.iter().find(|part| part["name"] == name);
        part.and_then(|part| part["bytes"].as_u64()).expect("bytes")
    };
    let sum: u64 = parts.iter().filter_map(|part| part["bytes"].as_u64()).sum();
    assert_eq!(Some(sum), memory["rss"].as_u64());
    assert!(bytes("data") > 20_000_000 && bytes("program") > 0, "{memory}");
    assert!(bytes("tables") > 0 && bytes("expiry") > 0, "{memory}");
    assert_eq!(memory["absent"], 0, "{memory}");
    assert_eq!(memory["keys"], 20_001);
    // The samples say the same, in fewer parts.
    let stats = http.get("/api/v1/stats").json();
    let names = ["rss_data", "rss_index", "rss_buffers", "rss_program", "rss_other"];
    let sum: u64 = names.iter().filter_map(|name| stats[name].as_u64()).sum();
    assert_eq!(Some(sum), stats["rss"].as_u64());
}

#[test]
fn memory_stands_for_memory_stats() {
    let (_server, http, page) = start_closed();
    let page = crate::unlocked(&page);
    execute(&page, "ACL SETUSER ann on >pass +info");
    let answer = basic(&http, "ann:pass").get("/api/v1/memory");
    assert_eq!((answer.status, answer.code().as_str()), (403, "NOPERM"));
    assert_eq!(answer.json()["error"]["details"]["needs"], "+memory|stats");
}
