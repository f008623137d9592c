//! Alerts as the API asks for them: the host's in the same process, or those that stand in Redis.

use std::sync::Arc;

use super::handle::{AlertError, AlertFilter};
use super::preview::Preview;
use super::remote::StoredAlerts;
use super::rule::{Rule, RuleError};
use super::shelf::Shelf;
use super::silence::{Silence, SilenceText, SilenceView};
use super::{Alert, Alerts, DeliveryStatus, RuleView};

/// Where alerts are asked for and changed; cheap to clone.
#[derive(Clone)]
pub enum AlertDesk {
    /// The host's in this process.
    Host(Alerts),
    /// Those of whatever host there is.
    Stored(Arc<StoredAlerts>),
}

impl AlertDesk {
    fn shelf(&self) -> &Shelf {
        match self {
            Self::Host(alerts) => &alerts.0.shelf,
            Self::Stored(stored) => &stored.shelf,
        }
    }

    /// A host in this process looks at Redis at once.
    fn changed(&self) {
        if let Self::Host(alerts) = self {
            alerts.0.look.notify_one();
        }
    }

    /// The alerts that are on, the worst first, then the newest.
    ///
    /// # Errors
    /// [`AlertError::Redis`].
    pub async fn active(&self, filter: &AlertFilter) -> Result<Vec<Alert>, AlertError> {
        match self {
            Self::Host(alerts) => Ok(alerts.active(filter)),
            Self::Stored(stored) => stored.active(filter).await,
        }
    }

    /// What was told lately, newest first: each step of each alert.
    ///
    /// # Errors
    /// [`AlertError::Redis`].
    pub async fn recent(&self, filter: &AlertFilter, limit: usize) -> Result<Vec<Alert>, AlertError> {
        match self {
            Self::Host(alerts) => Ok(alerts.recent(filter, limit)),
            Self::Stored(stored) => stored.recent(filter, limit).await,
        }
    }

    /// Somebody has seen an active alert; the alert then.
    ///
    /// # Errors
    /// [`AlertError::NotFound`], [`AlertError::Redis`], [`AlertError::NoHost`].
    pub async fn acknowledge(&self, id: &str, by: &str) -> Result<Alert, AlertError> {
        match self {
            Self::Host(alerts) => alerts.acknowledge(id, by),
            Self::Stored(stored) => stored.acknowledge(id, by).await,
        }
    }

    /// All rules: the host's own, and those of `config:alert_rules`.
    ///
    /// # Errors
    /// [`AlertError::Redis`].
    pub async fn rules(&self) -> Result<Vec<RuleView>, AlertError> {
        match self {
            Self::Host(alerts) => Ok(alerts.rules()),
            Self::Stored(stored) => stored.rules().await,
        }
    }

    /// What a rule's text means, without putting it to work.
    ///
    /// # Errors
    /// [`RuleError`].
    pub fn check_rule(&self, name: &str, json: &str) -> Result<Rule, RuleError> {
        self.shelf().check_rule(name, json)
    }

    /// Checks a rule and writes it to Redis; a host has it within a second.
    ///
    /// # Errors
    /// [`AlertError::Rule`] for a wrong rule; [`AlertError::Redis`].
    pub async fn set_rule(&self, name: &str, json: &str) -> Result<Rule, AlertError> {
        let rule = self.shelf().set_rule(name, json).await?;
        self.changed();
        Ok(rule)
    }

    /// Takes a rule out of Redis; one of the host's own is then as the host has it.
    ///
    /// # Errors
    /// [`AlertError::NotFound`], [`AlertError::Redis`].
    pub async fn remove_rule(&self, name: &str) -> Result<(), AlertError> {
        let removed = self.shelf().remove_rule(name).await;
        self.changed();
        removed
    }

    /// What a rule would have done on what history has of its field, over all of its pairs together.
    ///
    /// # Errors
    /// [`AlertError::History`]: none is kept of plugins' own states, or the span can't be asked for.
    pub async fn preview(&self, rule: &Rule, from_ms: u64, to_ms: u64) -> Result<Preview, AlertError> {
        self.shelf().preview(rule, from_ms, to_ms).await
    }

    /// All silences.
    ///
    /// # Errors
    /// [`AlertError::Redis`].
    pub async fn silences(&self) -> Result<Vec<SilenceView>, AlertError> {
        match self {
            Self::Host(alerts) => Ok(alerts.silences()),
            Self::Stored(stored) => stored.silences().await,
        }
    }

    /// Checks a silence and writes it to Redis; it holds within a second. `id`: its name; one is made up where none is given.
    ///
    /// # Errors
    /// [`AlertError::Silence`] for a wrong one; [`AlertError::Redis`].
    pub async fn silence(&self, id: Option<&str>, text: SilenceText) -> Result<Silence, AlertError> {
        let silence = self.shelf().silence(id, text).await?;
        self.changed();
        Ok(silence)
    }

    /// Ends a silence.
    ///
    /// # Errors
    /// [`AlertError::NotFound`], [`AlertError::Redis`].
    pub async fn end_silence(&self, id: &str) -> Result<(), AlertError> {
        let ended = self.shelf().end_silence(id).await;
        self.changed();
        ended
    }

    /// How the webhooks are doing.
    ///
    /// # Errors
    /// [`AlertError::Redis`].
    pub async fn webhooks(&self) -> Result<Vec<DeliveryStatus>, AlertError> {
        match self {
            Self::Host(alerts) => Ok(alerts.webhooks()),
            Self::Stored(stored) => stored.webhooks().await,
        }
    }

    /// Sends a webhook an alert that says that it is a test.
    ///
    /// # Errors
    /// [`AlertError::NotFound`], [`AlertError::Redis`], [`AlertError::NoHost`].
    pub async fn test_webhook(&self, name: &str, by: &str) -> Result<(), AlertError> {
        match self {
            Self::Host(alerts) => alerts.test_webhook(name),
            Self::Stored(stored) => stored.test_webhook(name, by).await,
        }
    }
}
