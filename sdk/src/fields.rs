//! Short ways to write the outputs, fields and outcomes of a plugin.

use crate::{Field, Outcome, Output, OutputKind, Reason, TickGrid, Value, format};

/// An output as one row of a plugin's table: name, kind, unit, lowest and highest value, summary.
pub type Declared = (&'static str, OutputKind, &'static str, Option<f64>, Option<f64>, &'static str);

/// The output that a row declares.
#[must_use]
pub fn output(&(name, kind, unit, low, high, summary): &Declared) -> Output {
    Output { name: name.to_owned(), kind, unit: unit.to_owned(), low, high, summary: summary.to_owned() }
}

/// A field with a number of at most 10 significant digits; a number that isn't finite becomes [`Value::None`], since no output may be NaN or infinite.
#[must_use]
pub fn number(name: &str, value: f64) -> Field {
    Field { name: name.to_owned(), value: if value.is_finite() { Value::Number(format::round(value)) } else { Value::None } }
}

/// A field with a number, or with none.
#[must_use]
pub fn maybe(name: &str, value: Option<f64>) -> Field {
    number(name, value.unwrap_or(f64::NAN))
}

/// A field with a price on the tick grid, or with none.
#[must_use]
pub fn price(name: &str, grid: &TickGrid, value: Option<f64>) -> Field {
    let value = value.map(|value| grid.snap(value)).filter(|value| value.is_finite());
    Field { name: name.to_owned(), value: value.map_or(Value::None, Value::Number) }
}

/// A field that can't be given.
#[must_use]
pub fn none(name: &str) -> Field {
    Field { name: name.to_owned(), value: Value::None }
}

/// A field with a whole number.
#[must_use]
pub fn integer(name: &str, value: i64) -> Field {
    Field { name: name.to_owned(), value: Value::Integer(value) }
}

/// A field with a word.
#[must_use]
pub fn text(name: &str, value: &str) -> Field {
    Field { name: name.to_owned(), value: Value::Text(value.to_owned()) }
}

/// A field with a yes or no.
#[must_use]
pub fn flag(name: &str, value: bool) -> Field {
    Field { name: name.to_owned(), value: Value::Flag(value) }
}

/// A field with a JSON document.
#[must_use]
pub fn json(name: &str, value: String) -> Field {
    Field { name: name.to_owned(), value: Value::Json(value) }
}

/// The outcome of a book that can't be judged. `code` stands in the table of reasons in the documentation.
#[must_use]
pub fn unknown(code: &str, detail: impl Into<String>) -> Outcome {
    Outcome::Unknown(reason(code, detail, None))
}

/// The outcome while history is still being gathered; `remaining_ms` of exchange time are missing.
#[must_use]
pub fn warming(code: &str, detail: impl Into<String>, remaining_ms: Option<u64>) -> Outcome {
    Outcome::Warming(reason(code, detail, remaining_ms))
}

/// The outcome of a number that hasn't yet the evidence it will have.
#[must_use]
pub fn provisional(code: &str, detail: impl Into<String>, remaining_ms: Option<u64>) -> Outcome {
    Outcome::Provisional(reason(code, detail, remaining_ms))
}

fn reason(code: &str, detail: impl Into<String>, remaining_ms: Option<u64>) -> Reason {
    Reason { code: code.to_owned(), detail: detail.into(), remaining_ms }
}
