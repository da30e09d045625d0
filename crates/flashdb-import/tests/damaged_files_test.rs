//! Files of each format damaged at random, from fixed seeds: rows, then an end or a fault with its place, whatever the bytes. The
//! same is asked of the fuzz target `import_file`.

use flashdb_base::prng::Prng;
use flashdb_import::{Format, Item, Limits, open};
use std::io::Cursor;

/// Written by redis-server 7.0.15, with every type.
const REDIS: &[u8] = include_bytes!("../../flashdb-rdb/tests/fixtures/redis-7.0.rdb");
const JSON: &[u8] = br#"{"key":"a","type":"zset","ttl_ms":5,"members":[["m",1.5],["n","-inf"]]}
{"key":{"b64":"/w=="},"value":"x"}
{"key":"s","type":"stream","entries":[{"id":"5-1","fields":[["f",{"b64":"AA=="}]]}]}
{"key":"h","type":"hash","fields":[["f","v"],["g","w"]]}
{"key":"g","type":"stream","entries":[],"last_id":"5-2","groups":[{"name":"g","last_id":"5-1","entries_read":1,"consumers":[{"name":"c","seen_ms":1,"active_ms":null}],"pending":[{"id":"5-1","consumer":"c","delivered_ms":1,"deliveries":1}]}]}
{"end":true,"keys":5,"left_out":0}
"#;
const CSV: &[u8] =
    b"key,type,ttl,value\r\n\"a,\"\"b\",string,5,\"x\ny\"\r\nl,list,,\"[\"\"x\"\"]\"\r\nb,,,z\r\n";
const COMMANDS: &[u8] = b"SET \"a b\" \"\\xff\\n\"\n# note\nSELECT 3\nHSET h f 'v w'\nPEXPIRE h 5\n";
const AOF: &[u8] = b"#TS:17\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n*1\r\n$4\r\nEXEC\r\n";
const LIMITS: Limits = Limits {
    value_bytes: 1 << 20,
    line_bytes: 4096,
};

/// Rows of a file, and whether it came to its end without a fault.
fn read(format: Format, file: &[u8]) -> (usize, bool) {
    let Ok(rows) = open(format, Cursor::new(file.to_vec()), LIMITS) else {
        return (0, false);
    };
    let (mut count, mut end) = (0, None);
    for item in rows {
        assert_eq!(end, None, "nothing follows the end of {format:?}");
        match item {
            Ok(Item::End(_)) => end = Some(true),
            Err(fault) => {
                assert!(fault.place.offset <= file.len() as u64, "{fault}");
                end = Some(false);
            }
            Ok(_) => count += 1,
        }
    }
    (count, end.expect("a file has an end"))
}

#[test]
fn any_bytes_come_to_an_end() {
    let mut prng = Prng::from_seed(57);
    for (format, original) in [
        (Format::Rdb, REDIS),
        (Format::Aof, REDIS),
        (Format::Aof, AOF),
        (Format::Jsonl, JSON),
        (Format::Csv, CSV),
        (Format::Commands, COMMANDS),
    ] {
        let (rows, whole) = read(format, original);
        assert!(whole && rows > 0, "{format:?}");
        let (mut whole, mut faults) = (0, 0);
        for _ in 0..1500 {
            let mut file = original.to_vec();
            for _ in 0..=prng.below(3) {
                let at = prng.below(file.len() as u64) as usize;
                match prng.below(5) {
                    0 => file.truncate(at.max(1)),
                    1 => file[at] = prng.below(256) as u8,
                    2 => file[at] = b"\"\\\n\r,;{}[]*$#0\xff"[prng.below(15) as usize],
                    3 => {
                        let part: Vec<u8> = file[at..].iter().take(40).copied().collect();
                        file.splice(at..at, part);
                    }
                    _ => {
                        file.remove(at);
                        file.push(0);
                    }
                }
            }
            match read(format, &file) {
                (_, true) => whole += 1,
                (_, false) => faults += 1,
            }
        }
        assert!(whole + faults == 1500 && (faults > 0 || whole > 0), "{format:?}");
    }
}
