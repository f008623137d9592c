//! What can be asked of alerts, and changed, while the host runs.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::Duration;

use super::news::Draft;
use super::rule::RuleError;
use super::service::Alerts;
use super::silence::{SilenceError, SilenceView};
use super::{Alert, AlertKey, AlertState, DeliveryStatus, RuleView, Severity, Source};
use crate::clock::unix_ms;
use crate::history::query::QueryError;
use crate::results::LinkError;

/// Longest name of somebody who acknowledges, in letters.
const LONGEST_BY: usize = 100;
/// A host looks at what is asked of it once a second; who asks waits so long.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// Why something can't be done.
#[derive(Debug, thiserror::Error)]
pub enum AlertError {
    /// There is no such thing.
    #[error("there is no {what} {name:?}\nhint: {hint}")]
    NotFound {
        /// What was looked for.
        what: &'static str,
        /// Its name.
        name: String,
        /// What to do.
        hint: &'static str,
    },
    /// The rule is wrong.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// The silence is wrong.
    #[error(transparent)]
    Silence(#[from] SilenceError),
    /// History can't say.
    #[error(transparent)]
    History(#[from] QueryError),
    /// Redis doesn't take it.
    #[error(transparent)]
    Redis(#[from] LinkError),
    /// No host took what was asked of it.
    #[error("no host took it within {} s\nhint: `leadline run` starts a host; system:monitoring says whether one is there", PATIENCE.as_secs())]
    NoHost,
}

/// Which alerts are wanted. What is not named matches everything.
#[derive(Clone, Debug, Default)]
pub struct AlertFilter {
    /// Of this instrument.
    pub pair: Option<String>,
    /// Of, or about, this plugin.
    pub plugin: Option<String>,
    /// Of this source.
    pub source: Option<Source>,
    /// In this state.
    pub state: Option<AlertState>,
    /// From this severity on.
    pub severity: Option<Severity>,
}

impl AlertFilter {
    /// Whether an alert is wanted.
    #[must_use]
    pub fn admits(&self, alert: &Alert) -> bool {
        let same = |wanted: &Option<String>, is: Option<&str>| wanted.as_deref().is_none_or(|wanted| is == Some(wanted));
        same(&self.pair, alert.pair.as_deref())
            && same(&self.plugin, alert.plugin.as_deref())
            && self.source.is_none_or(|source| source == alert.source)
            && self.state.is_none_or(|state| state == alert.state)
            && self.severity.is_none_or(|severity| alert.severity >= severity)
    }
}

impl Alerts {
    /// The alerts that are on, the worst first, then the newest.
    #[must_use]
    pub fn active(&self, filter: &AlertFilter) -> Vec<Alert> {
        let mut alerts: Vec<Alert> = self.ledger().active().filter(|alert| filter.admits(alert)).cloned().collect();
        worst_first(&mut alerts);
        alerts
    }

    /// What was told lately, newest first: each step of each alert, at most five hundred.
    #[must_use]
    pub fn recent(&self, filter: &AlertFilter, limit: usize) -> Vec<Alert> {
        self.ledger().recent().filter(|alert| filter.admits(alert)).take(limit).cloned().collect()
    }

    /// Somebody has seen an active alert.
    ///
    /// # Errors
    /// [`AlertError::NotFound`].
    pub fn acknowledge(&self, id: &str, by: &str) -> Result<Alert, AlertError> {
        let by: String = by.chars().filter(|c| !c.is_control()).take(LONGEST_BY).collect();
        let by = if by.trim().is_empty() { "somebody" } else { by.trim() };
        let alert = self.ledger().acknowledge(id, by, unix_ms()).ok_or_else(|| no_alert(id))?;
        self.announce(alert.clone());
        Ok(alert)
    }

    /// All rules: the host's own, and those of `config:alert_rules`.
    #[must_use]
    pub fn rules(&self) -> Vec<RuleView> {
        self.0.rules.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All silences.
    #[must_use]
    pub fn silences(&self) -> Vec<SilenceView> {
        self.0.silences.read().unwrap_or_else(PoisonError::into_inner).views()
    }

    /// How the webhooks are doing.
    #[must_use]
    pub fn webhooks(&self) -> Vec<DeliveryStatus> {
        self.0.deliveries.iter().map(|delivery| delivery.status()).collect()
    }

    /// Sends a webhook an alert that says that it is a test.
    ///
    /// # Errors
    /// [`AlertError::NotFound`].
    pub fn test_webhook(&self, name: &str) -> Result<(), AlertError> {
        let delivery = self.0.deliveries.iter().find(|delivery| delivery.webhook.name == name).ok_or_else(|| no_webhook(name))?;
        let key = AlertKey { source: Source::Webhook, name: "test".into(), pair: None, plugin: None };
        let draft = Draft {
            key,
            severity: Severity::Alert,
            code: "test".to_owned(),
            message: format!("a test of the webhook {name}: nothing is wrong"),
            numbers: BTreeMap::new(),
            suppressed: 0,
        };
        let alert = self.ledger().once(draft, unix_ms());
        // A test goes to its webhook whatever that one wants.
        delivery.test(&alert);
        self.0.outbox.tell(alert);
        Ok(())
    }

    /// Alerts that were noticed and could be told nobody: too many at once.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.noticing.dropped() + self.ledger().dropped
    }
}

/// A name as it is shown in a message.
pub(super) fn shown(name: &str) -> String {
    name.chars().take(80).collect()
}

pub(super) fn no_alert(id: &str) -> AlertError {
    AlertError::NotFound { what: "active alert", name: shown(id), hint: "the active alerts have ids such as 1764000000000-000-1a2b" }
}

pub(super) fn no_webhook(name: &str) -> AlertError {
    AlertError::NotFound { what: "webhook", name: shown(name), hint: "ALERT_WEBHOOKS_FILE names the file that they stand in" }
}

/// The worst first, then the newest.
pub(super) fn worst_first(alerts: &mut [Alert]) {
    alerts.sort_by(|a, b| (b.severity, &b.id).cmp(&(a.severity, &a.id)));
}
