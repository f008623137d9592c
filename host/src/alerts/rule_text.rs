//! A rule as it is written: what its JSON may say, before it is checked.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

use super::Severity;

/// How a value is compared with the threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum Comparison {
    /// Less.
    #[serde(rename = "<")]
    Less,
    /// Less or equal.
    #[serde(rename = "<=")]
    AtMost,
    /// More.
    #[serde(rename = ">")]
    More,
    /// More or equal.
    #[serde(rename = ">=")]
    AtLeast,
    /// Equal, also of texts.
    #[serde(rename = "==")]
    Equal,
    /// Another, also of texts.
    #[serde(rename = "!=")]
    Other,
}

impl Comparison {
    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::More => ">",
            Self::AtLeast => ">=",
            Self::Equal => "==",
            Self::Other => "!=",
        }
    }

    /// Whether a number stands so to another.
    #[must_use]
    pub fn holds(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::Less => value < threshold,
            Self::AtMost => value <= threshold,
            Self::More => value > threshold,
            Self::AtLeast => value >= threshold,
            #[expect(clippy::float_cmp, reason = "a user asks for this very number")]
            Self::Equal => value == threshold,
            #[expect(clippy::float_cmp, reason = "a user asks for any other number")]
            Self::Other => value != threshold,
        }
    }
}

/// What a value is compared with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Threshold {
    /// A number.
    Number(f64),
    /// A word, such as a state.
    Text(String),
}

impl std::fmt::Display for Threshold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

/// A time: a number of seconds, or a text such as `30s` or `10m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Span(pub Duration);

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_duration(self.0))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Seconds(f64),
            Text(String),
        }
        let wrong = || serde::de::Error::custom("a time is a number of seconds or a text such as \"30s\" or \"10m\"");
        match Written::deserialize(deserializer).map_err(|_| wrong())? {
            Written::Seconds(seconds) => Duration::try_from_secs_f64(seconds).map(Self).map_err(|_| wrong()),
            Written::Text(text) => humantime::parse_duration(&text).map(Self).map_err(|_| wrong()),
        }
    }
}

/// A rule as it stands in `config:alert_rules`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleText {
    /// What is watched: a field of `analysis:{id}`, or `feed.`, `system.` or `plugin.` and a field of that Hash.
    pub field: String,
    /// How.
    pub comparison: Comparison,
    /// With what.
    pub threshold: Threshold,
    /// Where it is over: a number on the good side of the threshold. Not said: the threshold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clear: Option<f64>,
    /// Compare how much the field grew over this time instead of the field itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "5m")]
    pub over: Option<Span>,
    /// How long it must be so before it is told.
    #[serde(default, rename = "for")]
    #[schema(value_type = String, example = "30s")]
    pub hold: Span,
    /// The pairs that it is for; none named: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pairs: Vec<String>,
    /// How bad it is.
    #[serde(default = "warning")]
    pub severity: Severity,
    /// Shortest time between two alerts of the rule on the same pair.
    #[serde(default = "five_minutes")]
    #[schema(value_type = String, example = "5m")]
    pub cool_down: Span,
    /// Words for a person, with `{value}` and the like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Whether it is at work.
    #[serde(default = "yes")]
    pub enabled: bool,
}

fn warning() -> Severity {
    Severity::Warning
}

fn five_minutes() -> Span {
    Span(Duration::from_secs(300))
}

fn yes() -> bool {
    true
}
