//! Append-only files: no input panics, each comes to an end, and groups are whole.

#![no_main]

use flashdb_rdb::aof::{AofFileReader, AofItem};
use libfuzzer_sys::fuzz_target;
use std::io::Cursor;

fuzz_target!(|bytes: &[u8]| {
    let Ok(reader) = AofFileReader::new(Cursor::new(bytes), true) else { return };
    let (mut in_group, mut failed) = (false, false);
    for item in reader {
        match item {
            Ok(AofItem::GroupBegin) => assert!(!std::mem::replace(&mut in_group, true)),
            Ok(AofItem::GroupEnd) => assert!(std::mem::replace(&mut in_group, false)),
            Ok(_) => {}
            Err(_) => failed = true,
        }
    }
    assert!(failed || !in_group);
});
