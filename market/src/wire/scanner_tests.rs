//! The scanner accepts and refuses exactly what `serde_json` does.

use proptest::prelude::*;
use serde::de::IgnoredAny;

use super::WireError;
use super::scanner::Scanner;

/// JSON values of every kind, nested.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        prop::sample::select(vec![
            "null",
            "true",
            "false",
            "0",
            "-0",
            "1.5",
            "-2e10",
            "3E-7",
            "0.0e+1",
            "\"\"",
            "\"a\"",
            "\"é\\n\\u00e9\\\\\"",
            "\"\\ud83d\\ude00\"",
            "[]",
            "{}",
            "-",
            "01",
            "1.",
            ".5",
            "1e",
            "+1",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\n\"",
            "nul",
            "NaN",
            "",
            "'a'",
            "[1,]",
            "{,}",
            "[,]",
            "{\"a\"}",
            "{a:1}",
            "/**/1",
        ])
        .prop_map(str::to_owned),
        any::<f64>().prop_map(|number| number.to_string()),
        "\\PC{0,6}".prop_map(|text| serde_json::Value::from(text).to_string()),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(|items| format!("[{}]", items.join(","))),
            proptest::collection::vec(("[a-z\\\\\"]{0,3}", inner), 0..5).prop_map(|items| {
                let items: Vec<String> =
                    items.into_iter().map(|(key, value)| format!("{}: {value}", serde_json::Value::from(key))).collect();
                format!(" {{{}}}\n", items.join(" ,"))
            }),
        ]
    })
}

fn scan(text: &str) -> Result<(), WireError> {
    let mut scanner = Scanner::new(text);
    scanner.skip_value()?;
    scanner.finish()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn the_scanner_accepts_what_serde_json_accepts(text in json(), place: prop::sample::Index, what in 0u8..6, new in "[\\[\\]{}\",:0-9.eE+\\- tfnu\\\\]") {
        let mut text: Vec<char> = text.chars().collect();
        if !text.is_empty() {
            let at = place.index(text.len());
            match what {
                0 => text[at] = new.chars().next().unwrap_or(' '),
                1 => text.insert(at, new.chars().next().unwrap_or(' ')),
                2 => { text.remove(at); }
                _ => {}
            }
        }
        let text: String = text.into_iter().collect();
        let wanted = serde_json::from_str::<IgnoredAny>(&text);
        match scan(&text) {
            Ok(()) => prop_assert!(wanted.is_ok(), "{text:?}: {wanted:?}"),
            Err(WireError::TooDeep { .. }) => {}
            Err(error) => prop_assert!(wanted.is_err(), "{text:?}: {error}"),
        }
    }

    // Proves: strings come out as serde_json decodes them; half a surrogate pair is refused by both.
    #[test]
    fn strings_are_decoded_as_serde_json_decodes_them(body in "([a-zé\"]|\\\\[\"\\\\/bfnrtux]|\\\\u(d83d|DE00|00e9|0041|0000)){0,6}") {
        let text = format!("\"{body}\"");
        let mut scanner = Scanner::new(&text);
        let got = scanner.string().and_then(|got| scanner.finish().map(|()| got.into_owned()));
        match serde_json::from_str::<String>(&text) {
            Ok(wanted) => prop_assert_eq!(got, Ok(wanted)),
            Err(_) => prop_assert!(got.is_err(), "{text}: {got:?}"),
        }
    }
}
