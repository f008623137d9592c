//! From what a plugin answered to a reading: checked, named and written out.

use leadline_market::Decimal;

use super::component::Plugin;
use super::contract::OutputKind;
use super::contract::leadline::plugin::report;
use super::contract::leadline::plugin::types::ValueResult as Value;
use super::error::Fault;
use super::instance::RawReading;
use super::ownership::published_name;
use super::reading::{Notice, Outcome, Reason, ten_digits, write_number};

/// Longest text or JSON value, bytes.
const MAX_TEXT: usize = 64 << 10;
/// Notices one reading may carry.
const MAX_NOTICES: usize = 16;

/// An output that a plugin described, with all that each answer needs to know of it.
pub(super) struct Expected {
    name: String,
    published: String,
    kind: OutputKind,
}

impl Expected {
    pub(super) fn new(plugin: &str, name: &str, kind: OutputKind) -> Self {
        Self { name: name.to_owned(), published: published_name(plugin, name), kind }
    }
}

/// An answer that keeps the contract.
pub(super) struct Checked {
    pub(super) outcome: Outcome,
    pub(super) fields: Vec<(String, String)>,
    pub(super) notices: Vec<Notice>,
}

/// Checks an answer against the plugin's own description and writes its values out.
///
/// Every described output is there afterwards: one that the plugin left out is an empty string, so that an old number never stays.
pub(super) fn check(plugin: &Plugin, tick: Decimal, raw: RawReading) -> Result<Checked, Fault> {
    let outcome = match raw.outcome {
        report::Outcome::Ok => Outcome::Ok,
        report::Outcome::Provisional(reason) => Outcome::Provisional(own(reason)),
        report::Outcome::Warming(reason) => Outcome::Warming(own(reason)),
        report::Outcome::Unknown(reason) => Outcome::Unknown(own(reason)),
    };
    let expected = &*plugin.expected;
    if raw.fields.len() > expected.len() {
        return Err(Fault::Answer(format!("{} fields, but it describes {} outputs", raw.fields.len(), expected.len())));
    }
    let mut fields = Vec::with_capacity(expected.len());
    let mut given = vec![false; expected.len()];
    // Plugins mostly answer in the order of their description: the next one is looked at first.
    let mut next = 0;
    for field in raw.fields {
        let at = match expected.get(next) {
            Some(output) if output.name == field.name => Some(next),
            _ => expected.iter().position(|output| output.name == field.name),
        };
        let Some((at, output)) = at.and_then(|at| Some((at, expected.get(at)?))) else {
            return Err(Fault::Answer(format!("the field `{}` is not among its described outputs", shorten(&field.name))));
        };
        let name = output.name.as_str();
        let text = match field.value {
            Value::None => String::new(),
            Value::Number(number) => write_number(finite(name, number)?, output.kind, tick),
            Value::Integer(number) => number.to_string(),
            Value::Text(text) => bounded(name, text)?,
            Value::Flag(flag) => flag.to_string(),
            Value::Numbers(numbers) => list(name, &numbers)?,
            Value::Json(json) => {
                let json = bounded(name, json)?;
                serde_json::from_str::<serde::de::IgnoredAny>(&json)
                    .map_err(|error| Fault::Answer(format!("the field `{name}` is no JSON: {error}")))?;
                json
            }
        };
        if std::mem::replace(&mut given[at], true) {
            return Err(Fault::Answer(format!("the field `{}` is given twice", output.published)));
        }
        fields.push((output.published.clone(), text));
        next = at + 1;
    }
    let missing = expected.iter().zip(given).filter(|(_, given)| !given);
    fields.extend(missing.map(|(output, _)| (output.published.clone(), String::new())));
    let notices = raw.notices.into_iter().take(MAX_NOTICES).map(notice).collect();
    Ok(Checked { outcome, fields, notices })
}

/// The fields of a call that gave nothing: all empty.
pub(super) fn empty_fields(plugin: &Plugin) -> Vec<(String, String)> {
    plugin.expected.iter().map(|output| (output.published.clone(), String::new())).collect()
}

fn own(reason: report::Reason) -> Reason {
    Reason { code: shorten(&reason.code), detail: shorten(&reason.detail), remaining_ms: reason.remaining_ms }
}

fn notice(notice: report::Notice) -> Notice {
    let severity = match notice.severity {
        report::Severity::Normal => "normal",
        report::Severity::Warning => "warning",
        report::Severity::Alert => "alert",
    };
    Notice { severity, code: shorten(&notice.code), message: shorten(&notice.message) }
}

fn shorten(text: &str) -> String {
    text.chars().take(200).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn finite(name: &str, number: f64) -> Result<f64, Fault> {
    if number.is_finite() {
        Ok(number)
    } else {
        Err(Fault::Answer(format!("the field `{name}` is {number}, not a number that can be shown")))
    }
}

fn bounded(name: &str, text: String) -> Result<String, Fault> {
    if text.len() <= MAX_TEXT {
        Ok(text)
    } else {
        Err(Fault::Answer(format!("the field `{name}` has {} bytes, more than {MAX_TEXT}", text.len())))
    }
}

fn list(name: &str, numbers: &[f64]) -> Result<String, Fault> {
    let mut text = String::from("[");
    for (i, &number) in numbers.iter().enumerate() {
        if i > 0 {
            text.push(',');
        }
        text.push_str(&ten_digits(finite(name, number)?));
        if text.len() > MAX_TEXT {
            return Err(Fault::Answer(format!("the field `{name}` holds {} numbers, more than fit {MAX_TEXT} bytes", numbers.len())));
        }
    }
    text.push(']');
    Ok(text)
}

/// The outcome of a call that was stopped or failed.
pub(super) fn fault(fault: &Fault) -> Outcome {
    Outcome::Fault(Reason { code: fault.code().to_owned(), detail: fault.to_string(), remaining_ms: None })
}
