//! Forms of the command line.

use super::*;

fn launch(args: &[&str], standard_input: &str) -> Result<Launch, LaunchError> {
    let args = std::iter::once("flashdb")
        .chain(args.iter().copied())
        .map(OsString::from);
    load_from(args, [], &mut standard_input.as_bytes(), Path::new("/base"))
}

fn config(args: &[&str], standard_input: &str) -> ConfigStore {
    match launch(args, standard_input) {
        Ok(Launch::Run { config, .. }) => config,
        other => panic!("{args:?}: {other:?}"),
    }
}

#[test]
fn plain_start() {
    let config = config(&[], "");
    let settings = config.settings();
    assert_eq!(
        (settings.port, settings.databases, settings.shards),
        (6379, 16, 256)
    );
    assert_eq!(settings.dir, Path::new("/base/data"));
    assert!(settings.io_threads >= 1 && settings.appendonly && settings.protected_mode);
    assert!(config.file().is_none());
}

#[test]
fn texts() {
    for args in [&["-v"][..], &["--version"]] {
        let Ok(Launch::Print(text)) = launch(args, "") else {
            panic!("{args:?}")
        };
        assert!(
            text.starts_with("FlashDB server v=") && text.contains(" redis=7.4."),
            "{text}"
        );
        assert!(
            text.contains(" sha=") && text.contains(" malloc=") && text.ends_with(" bits=64\n"),
            "{text}"
        );
    }
    let Ok(Launch::Print(text)) = launch(&["-h"], "") else {
        panic!("no help")
    };
    assert!(text.contains("Usage: flashdb") && text.lines().all(|line| line.len() <= 110));
}

#[test]
fn standard_input_first_or_last() {
    assert_eq!(config(&["-"], "port 1\nhz 20").settings().port, 1);
    assert_eq!(config(&["-", "--port", "2"], "port 1").settings().port, 2);
    let last = config(&["--port", "2", "-"], "port 1\nhz 20");
    assert_eq!((last.settings().port, last.settings().hz), (2, 20));
    let error = launch(&["-"], "hz 1\nport x").expect_err("refused").to_string();
    assert!(error.contains("Reading the standard input, at line 2"), "{error}");
}

#[test]
fn a_file_and_a_check() {
    let path = std::env::temp_dir().join(format!("flashdb-launch-{}.conf", std::process::id()));
    std::fs::write(&path, "port 7001\nreplica-read-only no\n").expect("file");
    let name = path.to_str().expect("text");
    let store = config(&[name, "--hz", "20"], "");
    assert_eq!((store.settings().port, store.settings().hz), (7001, 20));
    assert_eq!(store.file(), Some(path.as_path()));
    for args in [
        &[name, "--check-config"][..],
        &["--check-config"],
        &["--check-config", "--port", "1"],
    ] {
        assert!(matches!(launch(args, ""), Ok(Launch::Checked { .. })), "{args:?}");
    }
    let Ok(Launch::Checked { warnings, .. }) = launch(&[name, "--check-config"], "") else {
        panic!("no check")
    };
    assert_eq!(
        warnings,
        ["Settings that have no effect in this version: replica-read-only"]
    );
    assert!(launch(&["--check-config", "--port", "x"], "").is_err());
    std::fs::remove_file(&path).expect("removed");
    assert!(
        launch(&[name], "")
            .expect_err("refused")
            .to_string()
            .contains("can't open config file")
    );
}
