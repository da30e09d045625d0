//! Tests of the 80-bit number: against values that x86's `long double` gives, and against doubles where those are exact.

use super::*;
use crate::number::parse_f64;
use crate::prng::Prng;

fn parse(text: &str) -> LongDouble {
    LongDouble::parse(text.as_bytes()).unwrap_or_else(|| panic!("{text:?} is a number"))
}

fn print(value: LongDouble) -> String {
    let mut out = Vec::new();
    value.write(&mut out);
    String::from_utf8(out).unwrap()
}

fn sum(a: &str, b: &str) -> String {
    print(parse(a).plus(parse(b)))
}

#[test]
fn sums_print_as_people_expect() {
    for (a, b, expected) in [
        ("0", "1.23", "1.23"),
        ("1.23", "0.77", "2"),
        ("2", "-0.1", "1.9"),
        ("3", "1.1", "4.1"),
        ("1", "-1.1", "-0.1"),
        ("17179869184", "1.5", "17179869185.5"),
        ("17179869184", "17179869184", "34359738368"),
        ("10.5", "0.1", "10.6"),
        ("5.0e3", "2.0e2", "5200"),
        ("0.1", "0.2", "0.3"),
        ("0", "0.000005", "0.000005"),
        ("0", "0.0000005", "0.0000005"),
        ("1e-18", "0", "0"),
        ("-1e-18", "0", "0"),
        ("6e-18", "0", "0.00000000000000001"),
        ("9223372036854775807", "1", "9223372036854775808"),
        ("18446744073709551615", "1", "18446744073709551616"),
        ("18446744073709551616", "1", "18446744073709551616"),
        ("18446744073709551616", "3", "18446744073709551620"),
        ("1e30", "-1e30", "0"),
        ("0.024390243902439025", "-0.024390243902439025", "0"),
        ("-0", "-0", "0"),
        ("100", "-0.00000000000000001", "99.99999999999999999"),
    ] {
        assert_eq!(sum(a, b), expected, "{a} + {b}");
        assert_eq!(sum(b, a), expected, "{b} + {a}");
    }
}

#[test]
fn large_numbers_print_in_full() {
    assert_eq!(print(parse("1e25")), "10000000000000000000000000");
    assert_eq!(print(parse("0x1p100")), "1267650600228229401496703205376");
    assert_eq!(print(parse("-0x1p64")), "-18446744073709551616");
    assert_eq!(print(parse("1e4932")).len(), 4933);
    let most = print(parse("0x1.fffffffffffffffep16383"));
    assert!(most.starts_with("11897314953572317650") && most.len() == 4933);
}

#[test]
fn range_and_syntax() {
    for text in [
        "", "-", "+", ".", "e1", "1e", "1e+", "1.2.3", " 1", "1 ", "nan", "1e4933", "1e-5000", "0x", "0x.",
        "0xp1",
    ] {
        assert!(LongDouble::parse(text.as_bytes()).is_none(), "{text:?}");
    }
    for text in [
        "1.",
        ".5",
        "+1",
        "1E5",
        "0x.8",
        "0X1P-3",
        "3.7e-4951",
        "0e999999999999",
        "00012",
    ] {
        assert!(parse(text).is_finite(), "{text:?}");
    }
    assert!(LongDouble::parse(&[b'1'; TEXT_MAX + 1]).is_none());
    assert!(
        LongDouble::parse(&[b'1'; TEXT_MAX]).is_none(),
        "5119 digits are beyond the range"
    );
    assert!(LongDouble::parse([&b"0."[..], &[b'3'; TEXT_MAX - 2]].concat().as_slice()).is_some());
}

#[test]
fn infinities() {
    assert!(!parse("inf").is_finite());
    assert!(!parse("1").plus(parse("-Infinity")).is_finite());
    assert!(!parse("inf").plus(parse("-inf")).is_finite());
    assert!(!parse("1e4932").plus(parse("1e4932")).is_finite());
    assert_eq!(print(parse("-inf")), "-inf");
    assert!(parse("inf").plus(parse("-inf")).to_f64().is_nan());
}

/// The short and the long way to read a decimal must agree: the same number, once with zeros appended behind a point.
#[test]
fn both_ways_to_read_agree() {
    let mut prng = Prng::from_seed(21);
    for _ in 0..2_000 {
        let digits: Vec<u8> = prng
            .next_u64()
            .to_string()
            .bytes()
            .map(|digit| digit - b'0')
            .take(19)
            .collect();
        let exponent = prng.below(37) as i64 - 18;
        let text = format!(
            "{}e{exponent}",
            digits.iter().map(|d| (d + b'0') as char).collect::<String>()
        );
        let long = parse_long_decimal(false, &digits, exponent);
        assert_eq!(
            parse(&text)
                .plus(LongDouble {
                    negative: true,
                    ..long
                })
                .to_f64(),
            0.0,
            "{text}"
        );
    }
}

/// A double is exact in 64 bits, so reading `%.17g` texts and rounding to double gives it back.
#[test]
fn doubles_survive() {
    let mut prng = Prng::from_seed(22);
    for _ in 0..2_000 {
        let value = f64::from_bits(prng.next_u64());
        if !value.is_finite() {
            continue;
        }
        let text = format!("{value:.30e}");
        assert_eq!(parse(&text).to_f64().to_bits(), value.to_bits(), "{text}");
        assert_eq!(parse_f64(text.as_bytes()), Some(value));
    }
    assert_eq!(parse("5e-324").to_f64(), 5e-324);
    assert_eq!(parse("1e400").to_f64(), f64::INFINITY);
}

/// Integers below 2^53 make sums that doubles also get right.
#[test]
fn integer_sums_are_exact() {
    let mut prng = Prng::from_seed(23);
    for _ in 0..5_000 {
        let a = (prng.next_u64() as i64) >> (2 + prng.below(60));
        let b = (prng.next_u64() as i64) >> (2 + prng.below(60));
        assert_eq!(
            print(LongDouble::from_i64(a).plus(LongDouble::from_i64(b))),
            (a + b).to_string()
        );
        assert_eq!(sum(&a.to_string(), &b.to_string()), (a + b).to_string());
        let (x, y) = (
            format!("{}.{:02}", a / 1024, (a % 97).abs()),
            format!("{}.5", b / 1024),
        );
        let (p, q) = (x.parse::<f64>().unwrap(), y.parse::<f64>().unwrap());
        let got: f64 = sum(&x, &y).parse().unwrap();
        assert!(
            (got - (p + q)).abs() <= p.abs().max(q.abs()) * 1e-15,
            "{x} + {y}: {got}"
        );
    }
}
