//! What of alerts anybody may change who reaches Redis and history, with a host in the same process or without: rules and silences.

use std::sync::Arc;

use super::handle::{AlertError, shown};
use super::preview::{self, Preview};
use super::rule::{Catalog, Rule, RuleError};
use super::silence::{Silence, SilenceText};
use super::{rulebook, store};
use crate::clock::unix_ms;
use crate::history::History;
use crate::results::{Link, keys};

/// Rules and silences where they stand.
pub(super) struct Shelf {
    /// Where they stand.
    pub(super) link: Arc<Link>,
    /// What previews look at.
    pub(super) history: Arc<History>,
    /// The fields that rules may watch.
    pub(super) catalog: Catalog,
}

impl Shelf {
    /// What a rule's text means, without putting it to work.
    ///
    /// # Errors
    /// [`RuleError`].
    pub(super) fn check_rule(&self, name: &str, json: &str) -> Result<Rule, RuleError> {
        rulebook::read(name, json, &self.catalog)
    }

    /// Checks a rule and writes it to Redis; it is at work within a second.
    ///
    /// # Errors
    /// [`AlertError::Rule`] for a wrong rule; [`AlertError::Redis`].
    pub(super) async fn set_rule(&self, name: &str, json: &str) -> Result<Rule, AlertError> {
        let rule = self.check_rule(name, json)?;
        store::put(&self.link, keys::ALERT_RULES, name, Some(json)).await?;
        Ok(rule)
    }

    /// What a rule would have done on what history has of its field, over all of its pairs together.
    ///
    /// # Errors
    /// [`AlertError::History`]: none is kept of plugins' own states, or the span can't be asked for.
    pub(super) async fn preview(&self, rule: &Rule, from_ms: u64, to_ms: u64) -> Result<Preview, AlertError> {
        Ok(preview::on_history(&self.history, rule, from_ms, to_ms).await?)
    }

    /// Takes a rule out of Redis; one of the host's own is then as the host has it.
    ///
    /// # Errors
    /// [`AlertError::NotFound`], [`AlertError::Redis`].
    pub(super) async fn remove_rule(&self, name: &str) -> Result<(), AlertError> {
        self.remove("rule", keys::ALERT_RULES, name).await
    }

    async fn remove(&self, what: &'static str, key: &str, name: &str) -> Result<(), AlertError> {
        let there = store::put(&self.link, key, name, None).await?;
        if there { Ok(()) } else { Err(AlertError::NotFound { what, name: shown(name), hint: "what stands in Redis can be removed" }) }
    }

    /// Checks a silence and writes it to Redis; it holds within a second. `id`: its name; one is made up where none is given.
    ///
    /// # Errors
    /// [`AlertError::Silence`] for a wrong one; [`AlertError::Redis`].
    pub(super) async fn silence(&self, id: Option<&str>, text: SilenceText) -> Result<Silence, AlertError> {
        let id = id.map_or_else(|| format!("s{}", unix_ms()), str::to_owned);
        let silence = Silence::check(&id, text)?;
        let json = serde_json::to_string(&silence.text).unwrap_or_default();
        store::put(&self.link, keys::ALERT_SILENCES, &id, Some(&json)).await?;
        Ok(silence)
    }

    /// Ends a silence.
    ///
    /// # Errors
    /// [`AlertError::NotFound`], [`AlertError::Redis`].
    pub(super) async fn end_silence(&self, id: &str) -> Result<(), AlertError> {
        self.remove("silence", keys::ALERT_SILENCES, id).await
    }
}
