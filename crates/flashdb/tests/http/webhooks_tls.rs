//! Webhooks by TLS: a receiver is told of alerts if its certificate is by who is trusted, for its name, and valid now; else it is told
//! nothing, and what is wrong is shown. Receivers that say nothing, or too much, hold up nobody; some addresses are never asked.

use crate::support::http::Http;
use crate::support::{Raw, Server, own_port};
use crate::webhooks::{Posted, QUIET, add, await_hook, next, take};
use crate::{start, unlocked};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    CertifiedIssuer::self_signed(params, key).expect("an authority")
}

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("flashdb-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        Folder(folder)
    }

    /// A file with the certificate of an authority.
    fn file(&self, name: &str, authority: &Authority) -> String {
        let file = self.0.join(name);
        std::fs::write(&file, authority.pem()).expect("a file");
        file.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

/// A certificate for a host, valid today.
fn valid(host: &str) -> CertificateParams {
    CertificateParams::new([host.to_owned()]).expect("a name")
}

/// A certificate for a host, valid for a month long ago.
fn expired(host: &str) -> CertificateParams {
    let mut params = valid(host);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2020, 2, 1);
    params
}

/// Takes posts by TLS and answers them with 204.
fn receiver(authority: &Authority, params: &CertificateParams) -> (u16, Receiver<Posted>) {
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, authority).expect("a certificate");
    serve(certificate.into(), &key)
}

/// The same with any certificate.
fn serve(certificate: CertificateDer<'static>, key: &KeyPair) -> (u16, Receiver<Posted>) {
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .expect("a configuration");
    let config = Arc::new(config);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (sender, posts) = channel();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = ServerConnection::new(config.clone()).expect("a connection");
            let Some(posted) = take(StreamOwned::new(connection, stream), "HTTP/1.1 204 Taken") else {
                continue;
            };
            if sender.send(posted).is_err() {
                return;
            }
        }
    });
    (port, posts)
}

/// Sends a test to a new address, which is removed behind it.
fn test(page: &Http, url: &str) -> Value {
    let hook = add(page, url);
    let path = format!("/api/v1/alerts/webhooks/{}", hook["id"].as_str().expect("an id"));
    let answer = page.send("POST", &format!("{path}/test"), "{}");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(page.send("DELETE", &path, "").status, 200);
    answer.json()
}

/// Has a test refused, before any status.
fn refused(page: &Http, url: &str, why: &str) {
    let answer = test(page, url);
    assert_eq!(
        (&answer["delivered"], &answer["status"]),
        (&json!(false), &json!(null)),
        "{answer}"
    );
    let error = answer["error"].as_str().expect("an error");
    assert!(error.contains(why), "{error}");
}

#[test]
fn who_is_trusted_is_told_and_others_are_not() {
    let folder = Folder::new("hooks-trust");
    let (ours, theirs) = (authority("ours"), authority("theirs"));
    let (server, http) = start(&["--alert-webhook-ca-file", &folder.file("theirs.pem", &theirs)]);
    let (page, _) = http.log_in("{}");
    let page = unlocked(&page);
    let (port, posts) = receiver(&ours, &valid("127.0.0.1"));
    let url = format!("https://127.0.0.1:{port}/in");
    refused(&page, &url, "its certificate is by nobody that is trusted here");
    assert!(posts.try_recv().is_err());
    let mut admin = server.connect();
    admin.ask(&format!(
        "CONFIG SET alert-webhook-ca-file {} alert-webhook-secret s3cret",
        folder.file("ours.pem", &ours)
    ));
    let answer = test(&page, &url);
    assert_eq!(
        (&answer["delivered"], &answer["status"]),
        (&json!(true), &json!(204)),
        "{answer}"
    );
    let posted = next(&posts);
    assert!(posted.line.starts_with("POST /in HTTP/1.1"), "{}", posted.line);
    assert!(
        posted.headers.contains(&format!("host: 127.0.0.1:{port}\r\n"))
            && posted.headers.contains("x-flashdb-signature: sha256="),
        "{}",
        posted.headers
    );
    assert_eq!(posted.body["type"], "test");
    let (port, _posts) = receiver(&ours, &valid("localhost"));
    assert_eq!(
        test(&page, &format!("https://localhost:{port}/"))["delivered"],
        true
    );
    refused(
        &page,
        &format!("https://127.0.0.1:{port}/"),
        "its certificate is for another name",
    );
    let (port, _posts) = receiver(&ours, &expired("127.0.0.1"));
    refused(
        &page,
        &format!("https://127.0.0.1:{port}/"),
        "its certificate has expired",
    );
    let ours = folder.0.join("ours.pem");
    std::fs::remove_file(&ours).expect("an own file");
    let why = format!("alert-webhook-ca-file {}: No such file", ours.display());
    refused(&page, &url, &why);
}

#[test]
fn a_file_that_says_nothing_is_refused_when_it_is_named() {
    let folder = Folder::new("hooks-named");
    let good = folder.file("good.pem", &authority("ours"));
    let bad = folder.0.join("bad.pem").display().to_string();
    std::fs::write(&bad, "no certificate").expect("a file");
    let protected = ["--enable-protected-configs", "yes"];
    let (server, _http) = start(&[&protected, &["--alert-webhook-ca-file", &good][..]].concat());
    let mut admin = server.connect();
    for (file, why) in [
        ("/nowhere/ca.pem", "No such file"),
        (bad.as_str(), "there is no certificate in it"),
    ] {
        let why = format!("alert-webhook-ca-file {file}: {why}");
        let answer = admin.ask(&format!(
            "CONFIG SET alert-hot-key-rate 7 alert-webhook-ca-file {file}"
        ));
        assert!(answer.text().contains(&why), "{answer:?}");
        let ended = Command::new(env!("CARGO_BIN_EXE_flashdb"))
            .args(["--port", "0", "--save", "", "--alert-webhook-ca-file", file])
            .args(["--dir", &folder.0.display().to_string(), "--check-config"])
            .output()
            .expect("a process");
        let told = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(!ended.status.success() && told.contains(&why), "{told}");
    }
    for (name, value) in [
        ("alert-webhook-ca-file", good.as_str()),
        ("alert-hot-key-rate", "20000"),
    ] {
        let kept = admin.ask(&format!("CONFIG GET {name}"));
        assert_eq!(kept.items()[1].text(), value);
    }
    // A relative name is seen from the data folder.
    let moved = folder.0.join("moved");
    std::fs::create_dir_all(&moved).expect("a folder");
    let set = |admin: &mut Raw, line: &str| admin.ask(&format!("CONFIG SET {line}")).text();
    let here = folder.0.display();
    assert_eq!(
        set(&mut admin, &format!("dir {here} alert-webhook-ca-file good.pem")),
        "OK"
    );
    let refused = set(&mut admin, &format!("dir {}", moved.display()));
    assert!(refused.contains("alert-webhook-ca-file"), "{refused}");
    let both = format!("dir {} alert-webhook-ca-file ../good.pem", moved.display());
    assert_eq!(set(&mut admin, &both), "OK");
}

/// No database stays away for an alert's certificate: it is told at the start, and of each alert that is not delivered.
#[test]
fn a_file_that_has_gone_keeps_no_server_from_starting() {
    let folder = Folder::new("hooks-gone");
    let ours = authority("ours");
    let (port, posts) = receiver(&ours, &valid("127.0.0.1"));
    let url = format!("https://127.0.0.1:{port}/in");
    let log = folder.0.join("server.log").display().to_string();
    let file = folder.0.join("ours.pem").display().to_string();
    let settings = ["--alert-webhook-ca-file", &file, "--logfile", &log];
    // Nor does it where nobody could be told.
    drop(Server::start(&settings));
    let (_server, http) = start(&settings);
    let why = format!("alert-webhook-ca-file {file}: No such file");
    let told = std::fs::read_to_string(&log).expect("a log");
    let warnings = told.lines().filter(|line| line.contains(&why));
    let levels: Vec<bool> = warnings.map(|line| line.contains("WARN")).collect();
    assert!(levels.len() >= 2 && !levels.contains(&false), "{told}");
    let (page, _) = http.log_in("{}");
    let page = unlocked(&page);
    refused(&page, &url, &why);
    assert!(posts.try_recv().is_err());
    // Once it is there it counts, without a restart.
    folder.file("ours.pem", &ours);
    assert_eq!(test(&page, &url)["delivered"], true);
}

#[test]
fn whom_the_system_trusts_is_trusted() {
    let folder = Folder::new("hooks-system");
    let ours = authority("ours");
    let system = folder.file("system.pem", &ours);
    let (port, posts) = receiver(&ours, &valid("127.0.0.1"));
    let url = format!("https://127.0.0.1:{port}/");
    let http_port = own_port();
    let mut command = Command::new(env!("CARGO_BIN_EXE_flashdb"));
    command.env("SSL_CERT_FILE", &system).env_remove("SSL_CERT_DIR");
    let _server = Server::start_with(command, &["--http-port", &http_port.to_string()]);
    let http = Http::new(http_port);
    http.await_ready();
    let (page, _) = http.log_in("{}");
    let page = unlocked(&page);
    assert_eq!(test(&page, &url)["delivered"], true);
    assert_eq!(next(&posts).body["type"], "test");
    // It is read for each post.
    std::fs::write(&system, "").expect("a file");
    refused(&page, &url, "this system trusts no authority");
}

#[test]
fn a_receiver_may_sign_for_itself_but_not_as_an_authority() {
    let folder = Folder::new("hooks-self");
    let (server, http) = start(QUIET);
    let (page, _) = http.log_in("{}");
    let page = unlocked(&page);
    let file = folder.0.join("self.pem").display().to_string();
    let mut params = valid("127.0.0.1");
    for (is_ca, fault) in [
        (IsCa::NoCa, None),
        (
            IsCa::Ca(BasicConstraints::Unconstrained),
            Some("its certificate is that of an authority"),
        ),
    ] {
        params.is_ca = is_ca;
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        std::fs::write(&file, certificate.pem()).expect("a file");
        server
            .connect()
            .ask(&format!("CONFIG SET alert-webhook-ca-file {file}"));
        let (port, _posts) = serve(certificate.into(), &key);
        let url = format!("https://127.0.0.1:{port}/");
        match fault {
            None => assert_eq!(test(&page, &url)["delivered"], true),
            Some(fault) => refused(&page, &url, fault),
        }
    }
}

#[test]
fn an_alert_is_told_once_the_receiver_is_trusted() {
    let folder = Folder::new("hooks-later");
    let (ours, theirs) = (authority("ours"), authority("theirs"));
    let theirs = folder.file("theirs.pem", &theirs);
    let (server, http) = start(&[QUIET, &["--alert-webhook-ca-file", &theirs]].concat());
    let (page, _) = http.log_in("{}");
    let page = unlocked(&page);
    let (port, posts) = receiver(&ours, &valid("127.0.0.1"));
    add(&page, &format!("https://127.0.0.1:{port}/in"));
    let mut admin = server.connect();
    admin.ask("CONFIG SET maxmemory 4mb alert-memory-percent 1");
    let failing = await_hook(&page, |hook| hook["failures"].as_u64() > Some(0));
    assert_eq!(
        (&failing["state"], &failing["waiting"], &failing["delivered_ms"]),
        (&json!("failing"), &json!(1), &json!(null))
    );
    let ours = folder.file("ours.pem", &ours);
    admin.ask(&format!("CONFIG SET alert-webhook-ca-file {ours}"));
    let told = next(&posts).body;
    assert_eq!(
        (&told["type"], &told["state"]),
        (&json!("memory"), &json!("firing"))
    );
    let good = await_hook(&page, |hook| hook["state"] == "good");
    assert_eq!(
        (&good["failures"], &good["waiting"], &good["delivered_total"]),
        (&json!(0), &json!(0), &json!(1))
    );
    assert_eq!(good["delivered_ms"], good["last"]["t"]);
}

#[test]
fn who_says_nothing_or_too_much_is_left() {
    let (_server, http) = start(QUIET);
    let (page, _) = http.log_in("{}");
    let page = unlocked(&page);
    let began = Instant::now();
    // Connections come about, and nobody speaks.
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = silent.local_addr().expect("an address").port();
    let folder = Folder::new("hooks-silent");
    let _trusted = page.send(
        "POST",
        "/api/v1/execute",
        &json!({"line": format!("CONFIG SET alert-webhook-ca-file {}", folder.file("ca.pem", &authority("ours")))})
            .to_string(),
    );
    refused(
        &page,
        &format!("https://127.0.0.1:{port}/"),
        "no TLS handshake within 3 s",
    );
    assert!(began.elapsed() < Duration::from_secs(20));
    // Whatever comes is no TLS; and as an answer it has no end.
    let babbler = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = babbler.local_addr().expect("an address").port();
    thread::spawn(move || {
        for stream in babbler.incoming().flatten() {
            let mut stream = BufReader::new(stream);
            let Ok(begun) = stream.fill_buf() else { continue };
            assert!(!begun.is_empty());
            let mut stream = stream.into_inner();
            let mut babble = stream.write_all(b"HTTP/1.1 204 Taken\r\n");
            while babble.is_ok() {
                babble = stream.write_all(b"x-more: and more and more and more and more\r\n");
            }
        }
    });
    refused(
        &page,
        &format!("https://127.0.0.1:{port}/"),
        "it does not speak TLS",
    );
    refused(&page, &format!("http://127.0.0.1:{port}/"), "too large");
}

#[test]
fn where_clouds_keep_credentials_nothing_is_sent() {
    let (_server, http) = start(QUIET);
    let (page, _) = http.log_in("{}");
    let page = unlocked(&page);
    // However it is written; the second is resolved to the first.
    for host in [
        "169.254.169.254",
        "2852039166",
        "[::ffff:169.254.169.254]",
        "[fe80::1]",
        "[fd00:ec2::254]",
    ] {
        let began = Instant::now();
        refused(
            &page,
            &format!("http://{host}/latest/meta-data"),
            "is refused: it is link-local, or where a cloud",
        );
        assert!(began.elapsed() < Duration::from_secs(5), "{host}");
    }
}
