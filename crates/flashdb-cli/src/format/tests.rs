//! The forms of replies against what redis-cli 7.0.15 prints for the same bytes, and against damaged ones.

use super::*;
use flashdb_base::prng::Prng;
use flashdb_resp::reply::ReplyParser;

const NESTED: &str = "*5\r\n:1\r\n*2\r\n*0\r\n$3\r\na\"\n\r\n-E no\r\n$-1\r\n,2.5\r\n";
const MAP: &str =
    "%3\r\n$1\r\na\r\n%2\r\n:1\r\n*1\r\n#t\r\n+x\r\n%0\r\n+b\r\n~1\r\n:7\r\n+c\r\n=5\r\ntxt:\n\r\n";

fn value(bytes: &str) -> Value {
    let (_, value) = ReplyParser::default().parse(bytes.as_bytes()).expect("RESP");
    value.expect("whole")
}

fn shown(format: Format, bytes: &str) -> String {
    String::from_utf8(Style::new(format).show(&value(bytes), false)).expect("UTF-8")
}

#[test]
fn for_people() {
    assert_eq!(
        shown(Format::Terminal, NESTED),
        "1) (integer) 1\n2) 1) (empty array)\n   2) \"a\\\"\\n\"\n3) (error) E no\n4) (nil)\n5) (double) 2.5\n"
    );
    assert_eq!(
        shown(Format::Terminal, MAP),
        "1# \"a\" => \n   1# (integer) 1 => \n      1) (true)\n   2# x => (empty hash)\n2# b => \n   1~ (integer) 7\n3# c => \n\n"
    );
    let ten = format!("*10\r\n{}", ":1\r\n".repeat(10));
    assert!(shown(Format::Terminal, &ten).starts_with(" 1) (integer) 1\n"));
    assert_eq!(shown(Format::Terminal, "(12\r\n"), "(big number) 12\n");
    assert_eq!(
        shown(Format::Terminal, "|1\r\n+ttl\r\n:1\r\n+OK\r\n"),
        "1| ttl => (integer) 1\nOK\n"
    );
}

#[test]
fn as_they_are() {
    assert_eq!(shown(Format::Raw, NESTED), "1\n\na\"\n\nE no\n\n\n2.5\n");
    assert_eq!(shown(Format::Raw, MAP), "a 1 (true)\nx \nb 7\nc \n\n");
    let style = Style {
        between_elements: b"X".to_vec(),
        behind_reply: b"Y".to_vec(),
        ..Style::new(Format::Raw)
    };
    assert_eq!(style.show(&value("*2\r\n:1\r\n:2\r\n"), false), b"1X2Y");
    assert_eq!(
        Style::new(Format::Terminal).show(&value("$3\r\na\nb\r\n"), true),
        b"a\nb"
    );
}

#[test]
fn as_csv_and_json() {
    assert_eq!(
        shown(Format::Csv, NESTED),
        "1,,\"a\\\"\\n\",ERROR,\"E no\",NULL,2.5\n"
    );
    assert_eq!(
        shown(Format::Csv, MAP),
        "\"a\",1,true,\"x\",,\"b\",7,\"c\",\"\\n\"\n"
    );
    let json = Format::Json { ascii: false };
    assert_eq!(
        shown(json, NESTED),
        "[1,[[],\"a\\\"\\n\"],error:\"E no\",null,2.5]\n"
    );
    assert_eq!(
        shown(json, MAP),
        "{\"a\":{\"1\":[true],\"x\":{}},\"b\":[7],\"c\":\"\\n\"}\n"
    );
    assert_eq!(shown(json, ",inf\r\n"), "\"inf\"\n");
    let ascii = Format::Json { ascii: true };
    assert_eq!(
        shown(ascii, "$4\r\né\n\u{1}\r\n"),
        "\"\\\\xc3\\\\xa9\\\\n\\\\x01\"\n"
    );
}

#[test]
fn as_tables() {
    assert_eq!(
        shown(
            Format::Table,
            "%2\r\n$4\r\nname\r\n$3\r\nAnn\r\n$3\r\nage\r\n$2\r\n42\r\n"
        ),
        " name | value\n------+-------\n name | Ann\n age  | 42\n(2 rows)\n"
    );
    assert_eq!(
        shown(
            Format::Table,
            "*2\r\n%1\r\n+a\r\n:1\r\n%2\r\n+a\r\n:20\r\n+b\r\n*1\r\n+x\r\n"
        ),
        " # | a  | b\n---+----+-------\n 1 |  1 |\n 2 | 20 | [\"x\"]\n(2 rows)\n"
    );
    assert_eq!(
        shown(Format::Table, "*2\r\n*2\r\n+m\r\n,1.5\r\n*1\r\n+\u{1b}[31m\r\n"),
        " # | 1          | 2\n---+------------+-----\n 1 | m          | 1.5\n 2 | \"\\x1b[31m\" |\n(2 rows)\n"
    );
    assert_eq!(
        shown(Format::Table, "$23\r\n# Server\r\nport:1\r\nx:y:z\r\n"),
        " section | name | value\n---------+------+-------\n Server  | port | 1\n Server  | x    | y:z\n(2 rows)\n"
    );
    assert_eq!(
        shown(Format::Table, "$21\r\nid=1 name=\nid=2 db=3\n\r\n"),
        " # | id | name | db\n---+----+------+----\n 1 |  1 |      |\n 2 |  2 |      | 3\n(2 rows)\n"
    );
    assert_eq!(shown(Format::Table, "*0\r\n"), "(empty array)\n");
    assert_eq!(shown(Format::Table, "-ERR x\r\n"), "(error) ERR x\n");
    let long = format!("*1\r\n$100\r\n{}\r\n", "é".repeat(50));
    assert!(shown(Format::Table, &long).contains(&"é".repeat(50)));
    let longer = format!("*1\r\n$200\r\n{}\r\n", "é".repeat(100));
    assert!(shown(Format::Table, &longer).contains(&format!(" {}...\n", "é".repeat(57))));
}

#[test]
fn knows_texts() {
    let is_text = |line: &str| {
        let words: Vec<Vec<u8>> = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        answers_with_text(&words)
    };
    for line in [
        "INFO",
        "info server",
        "client list",
        "Client INFO",
        "latency graph x",
        "memory doctor",
        "cluster nodes",
    ] {
        assert!(is_text(line), "{line}");
    }
    for line in [
        "get info",
        "client",
        "client id",
        "latency graph",
        "debug sleep 1",
        "cluster slots",
    ] {
        assert!(!is_text(line), "{line}");
    }
}

#[test]
fn every_form_stands_every_reply() {
    let mut random = Prng::from_seed(7);
    let forms = [
        Format::Terminal,
        Format::Raw,
        Format::Csv,
        Format::Json { ascii: false },
        Format::Json { ascii: true },
        Format::Table,
    ];
    for _ in 0..5000 {
        let mut bytes = [NESTED, MAP, "|1\r\n+a\r\n*1\r\n:1\r\n(12\r\n"][random.below(3) as usize]
            .as_bytes()
            .to_vec();
        for _ in 0..random.below(4) {
            let at = random.below(bytes.len() as u64) as usize;
            bytes[at] = b"+-:$_,#(=!*~%>|\r\n012a\x1b\xff\0"[random.below(24) as usize];
        }
        if let Ok((_, Some(value))) = ReplyParser::default().parse(&bytes) {
            for format in forms {
                let shown = Style::new(format).show(&value, false);
                assert_eq!(shown.last(), Some(&b'\n'));
            }
        }
    }
}
