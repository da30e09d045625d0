//! RDB files: no input panics, and each comes to an end. The checksum at the end counts as not computed, because no fuzzer
//! guesses a CRC64.

#![no_main]

use flashdb_rdb::FileReader;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(reader) = FileReader::new(bytes) else { return };
    let items = reader.count();
    assert!(items <= 4 * bytes.len() + 4, "{items} items from {} bytes", bytes.len());
});
