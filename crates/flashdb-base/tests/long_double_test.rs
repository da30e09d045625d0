//! Sums of the 80-bit number against those of a C compiler on x86-64.

use flashdb_base::long_double::LongDouble;

const SUMS: &str = include_str!("fixtures/long_double_sums.txt");

#[test]
fn sums_agree_with_c() {
    let mut checked = 0;
    for line in SUMS.lines().filter(|line| !line.starts_with('#')) {
        let parts: Vec<&str> = line.split(' ').collect();
        let [a, b, expected] = parts[..] else {
            panic!("three parts: {line}")
        };
        let read =
            |text: &str| LongDouble::parse(text.as_bytes()).unwrap_or_else(|| panic!("a number: {text}"));
        let mut text = Vec::new();
        read(a).plus(read(b)).write(&mut text);
        assert_eq!(String::from_utf8_lossy(&text), expected, "{a} + {b}");
        checked += 1;
    }
    assert!(checked > 300, "{checked}");
}
