//! Two written values of one field held against each other.

use serde_json::Value;

/// What came of it. Differences are relative: over the larger of the two magnitudes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Likeness {
    /// The same text.
    Equal,
    /// Numbers, or lists and tables of numbers, that differ by no more than the tolerance; by how much at most.
    Within(f64),
    /// More than that; by how much at most, where both are made of the same numbers otherwise.
    Differing(Option<f64>),
}

/// Compares two values as they are published.
pub(super) fn compare(live: &str, candidate: &str, tolerance: f64) -> Likeness {
    if live == candidate {
        return Likeness::Equal;
    }
    let difference = match (live.parse::<f64>(), candidate.parse::<f64>()) {
        (Ok(live), Ok(candidate)) => Some(relative(live, candidate)),
        (Err(_), Err(_)) => match (serde_json::from_str::<Value>(live), serde_json::from_str::<Value>(candidate)) {
            (Ok(live), Ok(candidate)) => largest(&live, &candidate),
            _ => None,
        },
        _ => None,
    };
    match difference {
        Some(difference) if difference <= tolerance => Likeness::Within(difference),
        other => Likeness::Differing(other),
    }
}

fn relative(a: f64, b: f64) -> f64 {
    let larger = a.abs().max(b.abs());
    if a == b || larger == 0.0 { 0.0 } else { (a - b).abs() / larger }
}

/// The largest difference of two documents that are alike but for their numbers.
fn largest(a: &Value, b: &Value) -> Option<f64> {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => Some(relative(a.as_f64()?, b.as_f64()?)),
        // Decimals that keep their digits are written as texts.
        (Value::String(a), Value::String(b)) if a != b => Some(relative(a.parse().ok()?, b.parse().ok()?)),
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).try_fold(0.0_f64, |most, (a, b)| Some(most.max(largest(a, b)?)))
        }
        (Value::Object(a), Value::Object(b)) if a.len() == b.len() => {
            a.iter().try_fold(0.0_f64, |most, (name, a)| Some(most.max(largest(a, b.get(name)?)?)))
        }
        _ if a == b => Some(0.0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_alone_or_in_lists_may_differ_by_the_tolerance_and_texts_by_nothing() {
        fn like(a: &str, b: &str) -> Likeness {
            compare(a, b, 0.01)
        }
        assert_eq!(like("1.50", "1.50"), Likeness::Equal);
        assert!(matches!(like("100", "99.5"), Likeness::Within(d) if (d - 0.005).abs() < 1e-12));
        assert!(matches!(like("100", "90"), Likeness::Differing(Some(d)) if (d - 0.1).abs() < 1e-12));
        assert_eq!(like("0", "0.0"), Likeness::Within(0.0));
        assert_eq!(like("normal", "alert"), Likeness::Differing(None));
        assert_eq!(like("", "0"), Likeness::Differing(None), "no number is not zero");
        let list = |size: &str, side: &str| format!(r#"[{{"price":"30000.1","size":{size},"side":"{side}"}}]"#);
        assert!(matches!(like(&list("100", "bid"), &list("100.5", "bid")), Likeness::Within(_)));
        assert_eq!(like(&list("100", "bid"), &list("100", "ask")), Likeness::Differing(None));
        assert_eq!(like("[1,2]", "[1,2,3]"), Likeness::Differing(None));
    }

    proptest::proptest! {
        #[test]
        fn it_does_not_matter_which_of_two_numbers_is_the_live_one(a in -1e12_f64..1e12, b in -1e12_f64..1e12, tolerance in 0.0_f64..1.0) {
            proptest::prop_assert_eq!(compare(&a.to_string(), &b.to_string(), tolerance), compare(&b.to_string(), &a.to_string(), tolerance));
        }
    }
}
