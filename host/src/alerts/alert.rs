//! One alert, as it is stored, sent and shown.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing needs to be done.
    Info,
    /// Something isn't as usual.
    Warning,
    /// Somebody should look now.
    Alert,
}

impl Severity {
    /// `info`, `warning` or `alert`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Alert => "alert",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an alert is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// An analysis says so: a notice, or one of its states.
    Analysis,
    /// A rule: a user's, or one that the host has by itself.
    Rule,
    /// Webhooks that can't be delivered.
    Webhook,
}

impl Source {
    /// `analysis`, `rule` or `webhook`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Analysis => "analysis",
            Self::Rule => "rule",
            Self::Webhook => "webhook",
        }
    }
}

/// Where an alert stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AlertState {
    /// It is so now.
    Firing,
    /// It is so now, and somebody has seen it.
    Acknowledged,
    /// It is over.
    Resolved,
}

impl AlertState {
    /// `firing`, `acknowledged` or `resolved`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
        }
    }
}

/// One alert at one moment. The same id comes again when its state or severity changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Alert {
    /// Unique; later alerts have ids that sort later.
    pub id: String,
    /// Where it stands.
    pub state: AlertState,
    /// How bad it is.
    pub severity: Severity,
    /// What it is about.
    pub source: Source,
    /// The plugin, the rule or the webhook.
    #[schema(value_type = String)]
    pub name: Arc<str>,
    /// The instrument; none where it isn't about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub pair: Option<Arc<str>>,
    /// The plugin; none where it isn't about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub plugin: Option<Arc<str>>,
    /// A word that stays the same: a notice's code, or the rule's name.
    pub code: String,
    /// Words for a person.
    pub message: String,
    /// The numbers behind it, by name: what was measured, the threshold.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub numbers: BTreeMap<String, f64>,
    /// When it began, milliseconds since 1970.
    pub began_ms: u64,
    /// When its state or severity last changed, milliseconds since 1970.
    pub changed_ms: u64,
    /// When it was over, milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_ms: Option<u64>,
    /// Times that it would have begun again within the cool-down.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub suppressed: u64,
    /// Who acknowledged it, and what they said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_by: Option<String>,
    /// The silence that keeps it from webhooks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silenced_by: Option<String>,
    /// The host that noticed it.
    #[schema(value_type = String)]
    pub host: Arc<str>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Alert {
    /// What it is about, as a key: at most one alert of a key is active.
    #[must_use]
    pub fn key(&self) -> AlertKey {
        AlertKey { source: self.source, name: Arc::clone(&self.name), pair: self.pair.clone(), plugin: self.plugin.clone() }
    }

    /// Whether it is so now.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.state != AlertState::Resolved
    }
}

/// What an alert is about: at most one of a key is active.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlertKey {
    /// What kind of thing.
    pub source: Source,
    /// The plugin, the rule or the webhook.
    pub name: Arc<str>,
    /// The instrument.
    pub pair: Option<Arc<str>>,
    /// The plugin.
    pub plugin: Option<Arc<str>>,
}
