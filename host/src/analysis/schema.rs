//! A plugin's parameters held against the JSON Schema that it describes them with.

use std::collections::BTreeMap;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{PatternOptions, ValidationError, Validator};
use serde_json::{Map, Value};

/// Longest text of a value in a message, characters.
const SHOWN: usize = 60;

/// The schema of one plugin, ready to check documents.
pub(super) struct Schema {
    text: String,
    document: Value,
    validator: Validator,
}

/// What is wrong with a document, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// Which parameter, its value, and what is wrong with it.
    pub(super) detail: String,
    /// What is allowed.
    pub(super) hint: String,
}

impl Schema {
    /// Reads a schema. References to other documents aren't followed, and patterns are of the kind that takes linear time: a schema is as
    /// little trusted as the plugin that it comes from.
    ///
    /// # Errors
    /// In words, what isn't a schema.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let document: Value = serde_json::from_str(text).map_err(|error| format!("the schema of its parameters is no JSON: {error}"))?;
        let validator = jsonschema::options()
            .with_pattern_options(PatternOptions::regex())
            .build(&document)
            .map_err(|error| format!("the schema of its parameters is no JSON Schema: {error}"))?;
        Ok(Self { text: text.to_owned(), document, validator })
    }

    /// As the plugin gave it.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Checks a document, a JSON object as text.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub(super) fn check(&self, parameters: &str) -> Result<(), Wrong> {
        let value: Value = serde_json::from_str(parameters).map_err(|error| Wrong {
            detail: format!("no JSON: {error}"),
            hint: "parameters are a table of names and values".to_owned(),
        })?;
        let first = self.validator.iter_errors(&value).next();
        first.map_or(Ok(()), |error| Err(self.explain(&error)))
    }

    fn explain(&self, error: &ValidationError<'_>) -> Wrong {
        let path = error.instance_path().to_string();
        let name = path.trim_start_matches('/').replace('/', ".");
        if let ValidationErrorKind::AdditionalProperties { unexpected } = error.kind() {
            let unknown = unexpected.first().map(String::as_str).unwrap_or_default();
            let known: Vec<&str> = self.properties().map(|all| all.keys().map(String::as_str).collect()).unwrap_or_default();
            let near = known.iter().copied().max_by(|a, b| strsim::jaro_winkler(unknown, a).total_cmp(&strsim::jaro_winkler(unknown, b)));
            let hint = match near {
                Some(near) if strsim::jaro_winkler(unknown, near) > 0.8 => format!("did you mean `{near}`? It has: {}", known.join(", ")),
                Some(_) => format!("it has: {}", known.join(", ")),
                None => "this plugin has no parameters".to_owned(),
            };
            return Wrong { detail: format!("there is no parameter `{}`", clip(unknown)), hint };
        }
        let shown = clip(&error.instance().to_string());
        let what = match error.kind() {
            ValidationErrorKind::Minimum { limit } => format!("is less than {limit}"),
            ValidationErrorKind::ExclusiveMinimum { limit } => format!("is not more than {limit}"),
            ValidationErrorKind::Maximum { limit } => format!("is more than {limit}"),
            ValidationErrorKind::ExclusiveMaximum { limit } => format!("is not less than {limit}"),
            ValidationErrorKind::Enum { options } => format!("is none of {options}"),
            ValidationErrorKind::Type { .. } => "is of another type".to_owned(),
            _ => clip(&error.to_string()),
        };
        if name.is_empty() {
            return Wrong { detail: clip(&error.to_string()), hint: "parameters are a table of names and values".to_owned() };
        }
        Wrong { detail: format!("`{name}`: {shown} {what}"), hint: self.allowed(&name) }
    }

    fn properties(&self) -> Option<&Map<String, Value>> {
        self.document.get("properties")?.as_object()
    }

    /// What the schema says of a parameter: type, range, unit, default, and its sentence.
    fn allowed(&self, name: &str) -> String {
        let Some(property) = self.properties().and_then(|all| all.get(name.split('.').next().unwrap_or_default())) else {
            return "the plugin's schema lists names, units and ranges".to_owned();
        };
        let text = |key: &str| property.get(key).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        let mut words = Vec::new();
        words.push(text("type").unwrap_or_else(|| "a value".to_owned()));
        match (text("minimum"), text("maximum")) {
            (Some(low), Some(high)) => words.push(format!("from {low} to {high}")),
            (Some(low), None) => words.push(format!("{low} or more")),
            (None, Some(high)) => words.push(format!("{high} or less")),
            (None, None) => {}
        }
        words.extend(text("unit"));
        words.extend(text("default").map(|default| format!("(default {default})")));
        let sentence = text("description").map(|sentence| format!(": {}", clip(&sentence))).unwrap_or_default();
        clip_to(&format!("`{name}` is {}{sentence}", words.join(" ")), 4 * SHOWN)
    }
}

/// What a plugin is opened with, as JSON: for every pair, and for some their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// For every pair that has none of its own.
    pub all: String,
    /// By pair.
    pub pairs: BTreeMap<String, String>,
}

impl Default for Parameters {
    fn default() -> Self {
        Self { all: "{}".to_owned(), pairs: BTreeMap::new() }
    }
}

impl Parameters {
    /// Holds all of them against a schema; of what is wrong, whose it is.
    pub(super) fn check(&self, schema: &Schema) -> Result<(), (Option<&str>, Wrong)> {
        schema.check(&self.all).map_err(|wrong| (None, wrong))?;
        self.pairs.iter().try_for_each(|(pair, own)| schema.check(own).map_err(|wrong| (Some(pair.as_str()), wrong)))
    }
}

fn clip(text: &str) -> String {
    clip_to(text, SHOWN)
}

fn clip_to(text: &str, most: usize) -> String {
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    if text.chars().count() <= most { clean.collect() } else { clean.take(most).chain("…".chars()).collect() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that can't go on fails.
mod tests {
    use super::*;

    const SCHEMA: &str = r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","additionalProperties":false,"properties":{
        "window_bps":{"type":"number","default":100.0,"description":"Levels farther from mid are left out","unit":"bps","minimum":1.0,"maximum":1000.0},
        "strict":{"type":"boolean","default":false},"floor":{"type":["number","null"]}}}"#;

    #[test]
    fn a_wrong_parameter_is_named_with_what_it_allows() {
        let schema = Schema::read(SCHEMA).unwrap();
        let wrong = |text| schema.check(text).unwrap_err();
        assert_eq!(
            wrong(r#"{"window_bps": 0.5}"#),
            Wrong {
                detail: "`window_bps`: 0.5 is less than 1.0".to_owned(),
                hint: "`window_bps` is number from 1.0 to 1000.0 bps (default 100.0): Levels farther from mid are left out".to_owned()
            }
        );
        assert_eq!(wrong(r#"{"strict": 1}"#).detail, "`strict`: 1 is of another type");
        let unknown = wrong(r#"{"windw_bps": 50}"#);
        assert_eq!(unknown.detail, "there is no parameter `windw_bps`");
        assert!(unknown.hint.starts_with("did you mean `window_bps`?"), "{unknown:?}");
        for good in ["{}", r#"{"window_bps": 50, "strict": true, "floor": null}"#] {
            assert_eq!(schema.check(good), Ok(()));
        }
    }

    #[test]
    fn what_is_no_schema_or_points_elsewhere_is_refused() {
        for text in ["", "[1]", r#"{"type": 5}"#, r#"{"$ref": "https://example.com/schema.json"}"#, r#"{"$ref": "file:///etc/passwd"}"#] {
            assert!(Schema::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_pattern_that_would_take_for_ever_does_not() {
        let schema = Schema::read(r#"{"properties":{"x":{"type":"string","pattern":"^(a+)+$"}}}"#).unwrap();
        let text = format!(r#"{{"x":"{}b"}}"#, "a".repeat(40_000));
        assert!(schema.check(&text).is_err());
    }
}
