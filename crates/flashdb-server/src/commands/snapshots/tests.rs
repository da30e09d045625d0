//! What clients ask for is bounded: snapshots that wait to be taken, and requests for their files. The thread that takes snapshots
//! is held meanwhile, so that nothing here depends on how fast it is.

use super::*;
use crate::bootstrap::test_server::TestServer;
use crate::durability::checkpoints::Reason;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

/// The thread that takes snapshots takes none until the value is dropped.
fn hold(server: &TestServer) -> Sender<()> {
    let (holder, held) = mpsc::channel::<()>();
    let (begun, beginning) = mpsc::channel();
    kept_by(server).checkpoints.order(Box::new(move |_, _| {
        begun.send(()).expect("somebody waits for it");
        assert!(held.recv().is_err(), "nothing is sent");
    }));
    beginning.recv().expect("it is held");
    holder
}

fn kept_by(server: &TestServer) -> &Durability {
    server.server.durability.get().expect("a data folder")
}

fn send(server: &TestServer, request: &str) -> UnixStream {
    let mut client = server.connect();
    client.write_all(request.as_bytes()).expect("it is read");
    client.write_all(b"\r\n").expect("it is read");
    client
}

fn await_blocked(server: &mut TestServer, count: usize) {
    while server.info("blocked_clients") != count.to_string() {
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn few_that_were_asked_for_wait_and_those_of_who_is_gone_are_not_taken() {
    let mut server = TestServer::start(&[]);
    let shared = server.server.clone();
    let checkpoints = &shared.durability.get().expect("a data folder").checkpoints;
    let holder = hold(&server);
    let ask = |server: &TestServer| send(server, "SNAPSHOT.CREATE a FULL TEMPORARY");
    let leaving: Vec<UnixStream> = (0..2).map(|_| ask(&server)).collect();
    let staying = [ask(&server), send(&server, "SNAPSHOT.CREATE named")];
    await_blocked(&mut server, 4);
    let refused = server.ask(&["snapshot.create", "b", "full", "temporary"]);
    assert!(refused.starts_with("-ERR 4 snapshots wait"), "{refused}");
    // One that is kept is of use whoever is there.
    drop(leaving);
    await_blocked(&mut server, 2);
    drop(holder);
    for client in staying {
        let mut line = String::new();
        BufReader::new(client).read_line(&mut line).expect("a reply");
        assert_eq!(line, "$12\r\n");
    }
    assert_eq!(checkpoints.figures().taken, 2);
    let taken = server.ask(&["snapshot.create", "c"]);
    assert_eq!(taken.len(), ID_DIGITS, "there is room again: {taken}");
}

#[test]
fn a_save_is_scheduled_once_however_often_that_is_asked_for() {
    let mut server = TestServer::start(&[]);
    let holder = hold(&server);
    assert!(server.ask(&["bgrewriteaof"]).starts_with("+Background"));
    for _ in 0..5 {
        let told = server.ask(&["bgsave", "schedule"]);
        assert_eq!(told, "+Background saving scheduled");
    }
    drop(holder);
    server.ask(&["snapshot.create", "behind"]);
    assert_eq!(kept_by(&server).checkpoints.figures().taken, 3);
}

#[test]
fn a_failed_log_is_healed_before_clients_get_their_snapshots() {
    let server = TestServer::start(&["--appendonly", "yes"]);
    let holder = hold(&server);
    let (told, telling) = mpsc::channel();
    let taken = |server: &Server| {
        let durability = server.durability.get().expect("a data folder");
        durability.checkpoints.figures().taken
    };
    let before = taken(&server.server);
    server.server.space.log().fail();
    let shared = server.server.clone();
    let tell: Told = Box::new(move |outcome| {
        let outcome = outcome.map(drop).map_err(ToString::to_string);
        told.send((outcome, taken(&shared)))
            .expect("somebody waits for it");
    });
    let wish = Wish::new(Reason::Save, Some(tell));
    kept_by(&server).checkpoints.wish(wish);
    drop(holder);
    // The one that heals comes first.
    assert_eq!(telling.recv(), Ok((Ok(()), before + 2)));
}

#[test]
fn looks_at_files_are_refused_while_too_many_are_under_way() {
    let mut server = TestServer::start(&[]);
    let threads = kept_by(&server).file_threads.clone();
    let (holder, held) = mpsc::channel::<()>();
    let held = Arc::new(parking_lot::Mutex::new(held));
    let (done, ending) = mpsc::channel::<()>();
    loop {
        let (held, done) = (held.clone(), done.clone());
        let work = Box::new(move || {
            assert!(held.lock().recv().is_err(), "nothing is sent");
            drop(done);
        });
        if threads.run(work).is_err() {
            break;
        }
    }
    for request in [
        &["snapshot.list"][..],
        &["snapshot.info"],
        &["snapshot.read", "a", "0", "1"],
        &["snapshot.write", "a", "abort"],
    ] {
        let refused = server.ask(request);
        assert!(refused.starts_with("-BUSY "), "{request:?}: {refused}");
    }
    drop((holder, done));
    assert!(ending.recv().is_err(), "nothing is sent");
    assert_eq!(server.ask(&["snapshot.list"]), "");
}
