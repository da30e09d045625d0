//! The prompt on a terminal: what it shows of the conversation, completion, hints, help, history, and Ctrl-C.

use crate::server::Server;
use crate::terminal::Terminal;
use std::path::PathBuf;

fn start(server: &Server, words: &[&str], environment: &[(&str, &str)]) -> Terminal {
    let mut arguments = vec!["-p".to_owned(), server.port.to_string()];
    arguments.extend(words.iter().map(|word| (*word).to_owned()));
    Terminal::start(env!("CARGO_BIN_EXE_flashdb-cli"), &arguments, environment)
}

/// Types a line and waits for the prompt behind its reply; gives what was between.
fn ask(terminal: &mut Terminal, line: &str, prompt: &str) -> String {
    terminal.type_keys(&format!("{line}\r"));
    terminal.expect("\r\n");
    terminal.expect(prompt)
}

fn scratch(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()))
}

#[test]
fn the_prompt_says_where_one_is() {
    let server = Server::start(&[]);
    let port = server.port;
    let mut terminal = start(&server, &[], &[]);
    terminal.expect(&format!("127.0.0.1:{port}> "));
    assert!(ask(&mut terminal, "select 3", &format!("127.0.0.1:{port}[3]> ")).contains("OK"));
    ask(&mut terminal, "multi", &format!("127.0.0.1:{port}[3](TX)> "));
    assert!(ask(&mut terminal, "select 1", &format!("127.0.0.1:{port}[1](TX)> ")).contains("QUEUED"));
    ask(&mut terminal, "discard", &format!("127.0.0.1:{port}[3]> "));
    assert!(ask(&mut terminal, "2 ping", &format!("{port}[3]> ")).contains("PONG\r\nPONG"));
    let hello = ask(&mut terminal, "hello 3", &format!("{port}[3]> "));
    assert!(hello.contains("# \"proto\" => (integer) 3\r\n"), "{hello}");
    // A connection that is lost is noticed by the next command; the one after that has a new one, as before.
    server.fill("client kill type normal");
    ask(&mut terminal, "ping", "not connected> ");
    let again = ask(&mut terminal, "client info", &format!("{port}[3]> "));
    assert!(again.contains("db=3") && again.contains("resp=3"), "{again}");
    ask(&mut terminal, "reset", &format!("{port}> "));
    ask(&mut terminal, "connect 127.0.0.1 1", "not connected> ");
    terminal.type_keys("quit\r");
    assert_eq!(terminal.finish().1, 0);
}

#[test]
fn ctrl_c_brings_the_prompt_back() {
    let server = Server::start(&[]);
    let prompt = format!("127.0.0.1:{}> ", server.port);
    let mut terminal = start(&server, &["-3"], &[]);
    terminal.expect(&prompt);
    for (line, shown) in [
        ("subscribe news", "3) (integer) 1"),
        ("psubscribe n*", "3) (integer) 1"),
        ("ssubscribe shard", "3) (integer) 1"),
    ] {
        terminal.type_keys(&format!("{line}\r"));
        terminal.expect("Reading messages... (press Ctrl-C to quit)");
        terminal.expect(shown);
        if line.starts_with("subscribe") {
            server.fill("publish news hello");
            terminal.expect("3) \"hello\"");
        }
        terminal.type_keys("\x03");
        terminal.expect(&prompt);
        assert!(ask(&mut terminal, "ping", &prompt).contains("PONG"));
    }
    terminal.type_keys("monitor\r");
    terminal.expect("OK");
    server.fill("get watched");
    terminal.expect("\"get\" \"watched\"");
    terminal.type_keys("\x03");
    terminal.expect(&prompt);
    terminal.type_keys("blpop nothing 0\r");
    // The prompt is drawn anew while one types: the one that is awaited below stands behind the line.
    terminal.expect("\r\n");
    server.await_text("info clients", "blocked_clients:1");
    terminal.type_keys("\x03");
    terminal.expect(&prompt);
    assert!(ask(&mut terminal, "ping", &prompt).contains("PONG"));
    terminal.type_keys("\x03");
    assert_eq!(terminal.finish().1, 1);
}

#[test]
fn the_server_s_commands_are_completed_hinted_and_explained() {
    let server = Server::start(&[]);
    let prompt = format!("127.0.0.1:{}> ", server.port);
    let mut terminal = start(&server, &[], &[]);
    terminal.expect(&prompt);
    // A hint behind the command's name, and less of it behind an argument.
    terminal.type_keys("getrange");
    terminal.expect("\x1b[0;90;49m key start end\x1b[0m");
    terminal.type_keys(" k ");
    terminal.expect("\x1b[0;90;49mstart end\x1b[0m");
    terminal.type_keys("0 1\r");
    terminal.expect("\"\"");
    terminal.expect(&prompt);
    terminal.type_keys("snapshot.cre\t");
    terminal.expect("snapshot.create");
    terminal.type_keys("\x15HGETA\t k\r");
    terminal.expect("HGETALL k");
    terminal.expect("(empty array)");
    terminal.expect(&prompt);
    terminal.type_keys("help @ha\t\r");
    terminal.expect("help @hash");
    terminal.expect("HINCRBYFLOAT");
    terminal.expect(&prompt);
    let help = ask(&mut terminal, "help client kill", &prompt);
    assert!(help.contains("CLIENT KILL") && help.contains("group:"), "{help}");
    assert!(ask(&mut terminal, "help", &prompt).contains(":set nohints"));
    ask(&mut terminal, ":set nohints", &prompt);
    terminal.type_keys("getrange \r");
    assert!(!terminal.expect("(error)").contains("key start"));
    terminal.expect(&prompt);
    terminal.type_keys("\x04");
    assert_eq!(terminal.finish().1, 0);
}

#[test]
fn the_history_keeps_lines_and_no_passwords() {
    let server = Server::start(&["--requirepass", "sesame"]);
    let prompt = format!("127.0.0.1:{}> ", server.port);
    let (history, preferences) = (scratch("history"), scratch("preferences"));
    std::fs::write(&preferences, ":set nohints\n").expect("written");
    let history_name = history.display().to_string();
    let preferences_name = preferences.display().to_string();
    let environment = [
        ("REDISCLI_HISTFILE", history_name.as_str()),
        ("REDISCLI_RCFILE", preferences_name.as_str()),
    ];
    let mut terminal = start(&server, &[], &environment);
    terminal.expect(&prompt);
    assert!(ask(&mut terminal, "get first", &prompt).contains("NOAUTH"));
    assert!(ask(&mut terminal, "auth sesame", &prompt).contains("OK"));
    ask(&mut terminal, "acl setuser ann >secret", &prompt);
    // A line that is thrown away leaves nothing behind, even where it was completed.
    terminal.type_keys("snapshot.cre\t\x15get second\r");
    terminal.expect("(nil)");
    terminal.expect(&prompt);
    terminal.type_keys("quit\r");
    assert_eq!(terminal.finish().1, 0);
    let kept = std::fs::read_to_string(&history).expect("kept");
    assert_eq!(kept, "get first\nget second\nquit\n");
    // The next one brings back what the first typed. A login is repeated after Ctrl-C.
    let mut terminal = start(&server, &["-a", "sesame"], &environment);
    terminal.expect(&prompt);
    terminal.type_keys("\x1b[A\x1b[A\r");
    terminal.expect("get second");
    terminal.expect("(nil)");
    terminal.expect(&prompt);
    terminal.type_keys("subscribe x\r");
    terminal.expect("3) (integer) 1");
    terminal.type_keys("\x03");
    terminal.expect(&prompt);
    assert!(ask(&mut terminal, "get first", &prompt).contains("(nil)"));
    drop(terminal);
    std::fs::remove_file(&history).expect("removed");
    std::fs::remove_file(&preferences).expect("removed");
}

#[test]
fn a_password_is_asked_for_in_silence() {
    let server = Server::start(&["--requirepass", "sesame"]);
    let mut terminal = start(&server, &["--askpass", "ping"], &[]);
    terminal.expect("Please input password: ");
    terminal.type_keys("sesame\r");
    let (shown, status) = terminal.finish();
    assert_eq!(
        (shown.contains("sesame"), shown.contains("PONG"), status),
        (false, true, 0)
    );
}

#[test]
fn a_unix_socket_has_its_path_in_the_prompt() {
    let server = Server::start(&[]);
    let socket = server.socket();
    let mut terminal = start(&server, &["-s", &socket], &[]);
    let prompt = format!("redis {socket}> ");
    terminal.expect(&prompt);
    assert!(ask(&mut terminal, "ping", &prompt).contains("PONG"));
}
