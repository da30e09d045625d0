//! The command line by example: what is understood, and what is refused with which word in the message.

use super::*;

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

fn parsed(line: &str) -> Options {
    match parse(&words(line), None) {
        Ok(Request::Run(options)) => *options,
        other => panic!("{line}: {other:?}"),
    }
}

fn tcp(host: &str, port: u16) -> Address {
    Address::Tcp(host.to_owned(), port)
}

#[test]
fn defaults_are_those_of_redis_benchmark() {
    let options = parsed("");
    assert_eq!(options.servers[0].address, tcp("127.0.0.1", 6379));
    assert_eq!(
        (options.clients, options.requests, options.pipeline),
        (50, 100_000, 1)
    );
    assert_eq!((options.sizes.always(), options.precision), (Some(3), 3));
    assert!(options.keep_alive && options.keyspace.is_none() && options.rate.is_none());
    assert_eq!(options.workloads.len(), 20);
    assert_eq!((options.tolerance, options.rounds), (5.0, 1));
}

/// Each row: a command line and a look at one thing that it must have set.
#[test]
fn every_flag_is_understood() {
    type Look = fn(&Options) -> bool;
    let table: &[(&str, Look)] = &[
        ("-h db -p 7000", |o| o.servers[0].address == tcp("db", 7000)),
        ("-s /tmp/s", |o| {
            o.servers[0].address == Address::Unix("/tmp/s".into())
        }),
        ("-u redis://host", |o| o.servers[0].address == tcp("host", 6379)),
        ("-u redis://u:p@host:1/3", |o| {
            o.servers[0].address == tcp("host", 1)
                && o.user.as_deref() == Some("u")
                && o.password.as_deref() == Some("p")
                && o.database == 3
        }),
        ("-u redis://p@[::1]:9", |o| {
            o.servers[0].address == tcp("::1", 9) && o.user.is_none()
        }),
        ("-u redis://[::1]", |o| o.servers[0].address == tcp("::1", 6379)),
        ("-a secret --user me", |o| {
            o.password.as_deref() == Some("secret") && o.user.as_deref() == Some("me")
        }),
        ("-c 7", |o| o.clients == 7),
        ("-n 9", |o| o.requests == 9),
        ("-d 100", |o| o.sizes.always() == Some(100)),
        ("-d 0", |o| o.sizes.always() == Some(0)),
        ("--dbnum 5", |o| o.database == 5),
        ("-3", |o| o.is_resp3),
        ("--threads 4", |o| o.threads == 4),
        ("--threads 4 -c 2", |o| o.threads == 2),
        ("--enable-tracking", |o| o.has_tracking),
        ("-k 0", |o| !o.keep_alive),
        ("-k 1", |o| o.keep_alive),
        ("-r 1000", |o| o.keyspace == Some(1000)),
        ("-P 16", |o| o.pipeline == 16),
        ("-q --csv -l -I -e", |o| {
            o.is_quiet && o.is_csv && o.loops && o.is_idle && o.shows_errors
        }),
        ("--precision 1", |o| o.precision == 1),
        ("-t get,SET", |o| {
            o.workloads.len() == 2 && o.workloads[0].title == "SET"
        }),
        ("-x set k v", |o| {
            o.last_from_stdin && o.workloads[0].title == "set k v"
        }),
        ("-q lpush l -q __rand_int__", |o| {
            o.is_quiet && o.workloads[0].commands[0].words[2] == b"-q"
        }),
        ("-t get ping", |o| o.workloads[0].title == "ping"),
        ("--rate 1000 --duration 2.5", |o| {
            o.rate == Some(1000.0) && o.duration_s == Some(2.5)
        }),
        ("--rate=1e4", |o| o.rate == Some(10_000.0)),
        ("--mix get:3,set:1", |o| o.workloads[0].commands.len() == 2),
        ("-r 10 --distribution zipf:1.1", |o| {
            o.distribution == Distribution::Zipf(1.1) && o.distribution_text == "zipf:1.1"
        }),
        ("--value-size 1-9", |o| {
            o.sizes.always().is_none() && o.sizes.max() == 9
        }),
        ("--seed 4", |o| o.seed == 4),
        ("--server a=h:1 --server b=/tmp/s --server c=:2", |o| {
            o.servers.len() == 3
                && o.rounds == 3
                && o.servers[0].address == tcp("h", 1)
                && o.servers[1].address == Address::Unix("/tmp/s".into())
                && o.servers[2].address == tcp("127.0.0.1", 2)
        }),
        (
            "--server a=h:1 --server b=h:2 --server-pid b=77 --rounds 5",
            |o| o.servers[0].pid.is_none() && o.servers[1].pid == Some(77) && o.rounds == 5,
        ),
        ("--server-pid 9", |o| o.servers[0].pid == Some(9)),
        ("--interval 100", |o| o.interval_ms == 100),
        ("--json - --plot p.svg", |o| {
            o.is_json_on_stdout() && o.plot.as_deref() == Some("p.svg".as_ref())
        }),
        ("--compare old.json --tolerance 7.5 --compare-on p50,cpu", |o| {
            o.compare.is_some() && o.tolerance == 7.5 && o.figures == [Figure::P50, Figure::Cpu]
        }),
    ];
    for (line, look) in table {
        assert!(look(&parsed(line)), "{line}");
    }
}

#[test]
fn refusals_say_what_is_wrong() {
    for (line, word) in [
        ("-c", "<clients>"),
        ("-c 0", "-c"),
        ("-c x", "-c"),
        ("-n -5", "-n"),
        ("-p 70000", "-p"),
        ("-k 2", "-k"),
        ("--nosuch", "--nosuch"),
        ("--tls", "TLS"),
        ("--cluster", "cluster"),
        ("-q=1", "-q=1"),
        ("--csv=1", "no argument"),
        ("-t nosuch", "nosuch"),
        ("-u http://x", "redis://"),
        ("--user me", "password"),
        ("--rate 0", "--rate"),
        ("--rate nan", "--rate"),
        ("--rate 5 -k 0", "-k 0"),
        ("--distribution zipf", "-r"),
        ("-r 5 --distribution gauss", "gauss"),
        ("--mix get:0.5,nosuch:1", "nosuch"),
        ("--mix get:1 ping", "--mix"),
        ("--value-size 9-1", "9-1"),
        ("-x", "-x"),
        ("--server a", "name=host:port"),
        ("--server a=h:1 --server a=h:2", "\"a\""),
        ("--server a=h:1 -p 5", "-p"),
        ("--server a=h:1 --server-pid b=5", "\"b\""),
        ("--compare-on speed", "speed"),
    ] {
        match parse(&words(line), None) {
            Err(message) => assert!(message.contains(word), "{line}: {message}"),
            Ok(other) => panic!("{line}: {other:?}"),
        }
    }
}

#[test]
fn help_and_version_win() {
    for (line, start) in [
        ("-q --help --nosuch", "Usage:"),
        ("--version", "flashdb-benchmark "),
    ] {
        match parse(&words(line), None) {
            Ok(Request::Print(text)) => assert!(text.starts_with(start)),
            other => panic!("{line}: {other:?}"),
        }
    }
}

#[test]
fn the_environment_holds_the_password_unless_given() {
    let password = |line: &str| match parse(&words(line), Some("env".to_owned())) {
        Ok(Request::Run(options)) => options.password,
        other => panic!("{other:?}"),
    };
    assert_eq!(password("").as_deref(), Some("env"));
    assert_eq!(password("-a own").as_deref(), Some("own"));
}

/// Every flag of the table has a meaning: none is listed in `--help` and then refused as unknown.
#[test]
fn no_flag_is_without_meaning() {
    for flag in flags::FAMILIAR.iter().chain(flags::OWN) {
        let line = format!(
            "{} {}",
            flag.name,
            if flag.argument.is_empty() { "" } else { "?" }
        );
        if let Err(message) = parse(&words(&line), None) {
            assert!(!message.contains("there is no option"), "{line}: {message}");
        }
    }
}
