//! Decimals keep the text and give the nearest double.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use leadline_market::{Decimal, DecimalProblem, MAX_SCALE};
use proptest::prelude::*;

fn problem(text: &str) -> DecimalProblem {
    Decimal::parse(text.as_bytes()).unwrap_err().problem
}

#[test]
fn what_is_not_a_plain_decimal_is_refused_with_its_reason() {
    use DecimalProblem::{LeadingZero, MissingDigit, NotDigits, TooLong};
    for text in ["NaN", "nan", "inf", "-1", "+1", "1e5", "1E-5", "1,5", " 1", "1 ", "0x10", "1_000", "1.2.3", "1.5e3", "１", "1-"] {
        assert_eq!(problem(text), NotDigits, "{text}");
    }
    for text in ["", ".5", "5.", "."] {
        assert_eq!(problem(text), MissingDigit, "{text:?}");
    }
    for text in ["00", "007", "00.1"] {
        assert_eq!(problem(text), LeadingZero, "{text}");
    }
    let forty = "1234567890".repeat(4);
    for text in [forty.as_str(), "18446744073709551616", "1.00000000000000000000", "0.00000000000000000001", "99999999999.9999999999"] {
        assert_eq!(problem(text), TooLong, "{text}");
    }
}

#[test]
fn an_error_names_the_text_but_never_all_of_a_long_one() {
    let error = Decimal::parse(b"NaN").unwrap_err().to_string();
    assert!(error.contains("`NaN`") && error.contains("digits"), "{error}");
    let error = Decimal::parse("é9".repeat(100_000).as_bytes()).unwrap_err();
    assert!(error.text.chars().count() <= 50, "{}", error.text);
}

#[test]
fn the_largest_and_the_finest_are_kept() {
    for text in ["18446744073709551615", "1.8446744073709551615", "0.0000000000000000001", "9999999999999999999", "0", "0.0", "0.000"] {
        let value: Decimal = text.parse().unwrap();
        assert_eq!(value.to_string(), text);
        assert_eq!(value.to_f64().to_bits(), text.parse::<f64>().unwrap().to_bits(), "{text}");
    }
    assert!(Decimal::parse(b"0.000").unwrap().is_zero());
    assert_eq!(Decimal::from_parts(1, MAX_SCALE + 1), None);
}

proptest! {
    // Proves: the text comes back byte for byte, and the double is the one that parsing the text gives, bit for bit.
    #[test]
    fn texts_and_doubles_are_exact(text in "(0|[1-9][0-9]{0,8})(\\.[0-9]{1,10})?|[1-9][0-9]{14,18}|0\\.[0-9]{15,19}|[1-9]\\.[0-9]{15,18}") {
        let value = Decimal::parse(text.as_bytes()).unwrap();
        prop_assert_eq!(value.to_string(), text.clone());
        prop_assert_eq!(value.to_f64().to_bits(), text.parse::<f64>().unwrap().to_bits());
    }

    // Proves: all that fits is accepted, whatever the mantissa and scale.
    #[test]
    fn parts_and_text_are_one(mantissa: u64, scale in 0..=MAX_SCALE) {
        let value = Decimal::from_parts(mantissa, scale).unwrap();
        prop_assert_eq!(Decimal::parse(value.to_string().as_bytes()).unwrap(), value);
    }

    // Proves: any bytes are taken or refused, never a panic; what is taken comes back as it was.
    #[test]
    fn any_bytes_are_taken_exactly_or_refused(bytes in proptest::collection::vec(prop_oneof![b'0'..=b'9', Just(b'.'), any::<u8>()], 0..30)) {
        if let Ok(value) = Decimal::parse(&bytes) {
            prop_assert_eq!(value.to_string().into_bytes(), bytes);
        }
    }
}
