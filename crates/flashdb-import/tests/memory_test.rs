//! What reading a file takes in memory, counted byte by byte: lines near the limit with as many small words or elements as fit,
//! which cost the most. In a process of its own, since the allocator counts for all threads.

use flashdb_import::{Format, Item, Limits, open};
use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Cursor;
use std::sync::atomic::{AtomicUsize, Ordering};

struct Counting;

static NOW_BYTES: AtomicUsize = AtomicUsize::new(0);
static MOST_BYTES: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all blocks come from the system's allocator, and go back to it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW_BYTES.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST_BYTES.fetch_max(now, Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        NOW_BYTES.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const LINE_BYTES: usize = 16 << 20;
const ELEMENTS: usize = 1 << 20;

/// Bytes taken at once while the file is read, and what came of its first row.
fn read(format: Format, file: Vec<u8>) -> (usize, Item) {
    let before = NOW_BYTES.load(Ordering::Relaxed);
    MOST_BYTES.store(before, Ordering::Relaxed);
    let rows = open(format, Cursor::new(file), Limits::default()).expect("a file");
    let first = rows.map(|item| item.expect("an item")).next();
    let most = MOST_BYTES.load(Ordering::Relaxed);
    (most - before, first.expect("a row"))
}

fn line(kind: &str, name: &str, element: &str, count: usize) -> Vec<u8> {
    let elements = vec![element; count].join(",");
    format!("{{\"key\":\"k\",\"type\":\"{kind}\",\"{name}\":[{elements}]}}\n").into_bytes()
}

#[test]
fn a_line_costs_a_bounded_number_of_bytes() {
    // Beyond the number of words or elements: the line, and what was taken of it until it was known.
    let words = b"a ".repeat(LINE_BYTES / 2 - 1);
    let (bytes, item) = read(Format::Commands, words);
    assert!(matches!(&item, Item::LeftOut(left) if left.place.line == Some(1) && left.why.contains("words")));
    assert!(bytes < 8 * LINE_BYTES, "{bytes}");
    let (bytes, item) = read(Format::Jsonl, line("list", "items", "\"\"", 5 << 20));
    assert!(
        matches!(&item, Item::LeftOut(left) if left.place.line == Some(1) && left.why.contains("values"))
    );
    assert!(bytes < 3 * LINE_BYTES, "{bytes}");
    // As many as may be.
    let (bytes, item) = read(Format::Commands, b"a ".repeat(ELEMENTS));
    assert!(matches!(&item, Item::Command(wanted) if wanted.words.len() == ELEMENTS));
    assert!(bytes < 6 * LINE_BYTES, "{bytes}");
    for (kind, name, element, count) in [
        ("list", "items", "\"\"".to_owned(), ELEMENTS),
        ("set", "members", "\"x\"".to_owned(), ELEMENTS),
        ("hash", "fields", "[\"x\",\"y\"]".to_owned(), ELEMENTS / 2),
        ("zset", "members", "[\"x\",1]".to_owned(), ELEMENTS),
    ] {
        let (bytes, item) = read(Format::Jsonl, line(kind, name, &element, count));
        assert!(matches!(item, Item::Key(_)), "{kind}");
        assert!(bytes < 8 * LINE_BYTES, "{kind}: {bytes}");
    }
    let entries: Vec<String> = (1..=ELEMENTS / 3)
        .map(|id| format!("{{\"id\":\"{id}\",\"fields\":[[\"x\",\"y\"]]}}"))
        .collect();
    let file = line("stream", "entries", &entries.join(","), 1);
    assert!(file.len() < LINE_BYTES, "{}", file.len());
    let (bytes, item) = read(Format::Jsonl, file);
    assert!(matches!(item, Item::Key(_)));
    assert!(bytes < 10 * LINE_BYTES, "{bytes}");
}
