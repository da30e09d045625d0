//! Files that are imported: in each format no input panics, each comes to an end, places go forwards, and no line is longer than it
//! may be. The first input byte chooses the format, the rest is the file.

#![no_main]

use flashdb_import::{Format, Item, Limits, open};
use libfuzzer_sys::fuzz_target;
use std::io::Cursor;

const LIMITS: Limits = Limits {
    value_bytes: 1 << 20,
    line_bytes: 4096,
};

fuzz_target!(|input: &[u8]| {
    let [choice, file @ ..] = input else { return };
    let (_, format) = Format::ALL[usize::from(*choice) % Format::ALL.len()];
    let Ok(rows) = open(format, Cursor::new(file.to_vec()), LIMITS) else { return };
    let (mut line, mut ended) = (0, false);
    for item in rows {
        assert!(!ended, "nothing follows the end or a fault");
        let place = match item {
            Ok(Item::Key(row)) => row.place,
            Ok(Item::Command(wanted)) => wanted.place,
            Ok(Item::LeftOut(left)) => left.place,
            Ok(Item::End(_)) | Err(_) => {
                ended = true;
                continue;
            }
        };
        assert!(place.offset <= file.len() as u64 && place.line.unwrap_or(line) >= line);
        line = place.line.unwrap_or(line);
    }
    assert!(ended, "a file has an end");
});
