//! Alerts: what somebody should know of, told once, until it is over.
//!
//! Values come from readings, as they are made, and once a second from the Hashes of pairs, plugins and host. Rules and states judge them where
//! they come; what begins or ends goes through a bounded queue to a task that tells the log, Redis, history and webhooks.
//!
//! # Layout
//!
//! - [`alert`]: one alert, as it is stored, sent and shown.
//! - [`rule_text`]: one rule as it is written.
//! - [`rule`]: one rule, read from JSON, checked, and refused with a reason.
//! - [`defaults`]: the rules that the host has by itself.
//! - [`rulebook`]: the rules at work: the host's own, and those of Redis.
//! - [`condition`]: whether a rule's alert is on: how long, hysteresis, cool-down.
//! - [`analyses`]: what analyses say of themselves: states and notices.
//! - [`judge`]: every rule on everything it is for.
//! - [`news`]: what is handed on to be told.
//! - [`ledger`]: which alerts are active, and the newest that were told.
//! - [`silence`]: silences and maintenance windows.
//! - [`webhook`]: webhooks: their file, their bodies, their signatures.
//! - [`delivery`]: alerts on their way to webhooks.
//! - [`store`]: what of alerts stands in Redis.
//! - [`noticing`]: what happens, judged where it happens.
//! - [`telling`]: what was noticed, told.
//! - [`keeping`]: Redis and the host kept of one mind.
//! - [`service`]: all of it put together: [`Alerts`].
//! - [`handle`]: what can be asked and changed while the host runs.
//! - [`shelf`]: rules and silences where they stand.
//! - [`preview`]: what a rule would have done on the values that history has.
//! - [`remote`]: alerts as a process without a host has them.
//! - [`desk`]: alerts as the API asks for them, from a host or from Redis.

pub mod alert;
mod analyses;
pub mod condition;
pub mod defaults;
mod delivery;
mod desk;
mod handle;
mod judge;
mod keeping;
mod ledger;
mod news;
mod noticing;
mod preview;
mod remote;
pub mod rule;
mod rule_text;
mod rulebook;
mod service;
mod shelf;
pub mod silence;
mod store;
mod telling;
pub mod webhook;

pub use alert::{Alert, AlertKey, AlertState, Severity, Source};
pub use delivery::{DeliveryStatus, Pace};
pub use desk::AlertDesk;
pub use handle::{AlertError, AlertFilter};
pub use ledger::RECENT;
pub use preview::{Preview, preview};
pub use remote::StoredAlerts;
pub use rule::{Catalog, Rule, RuleError, RuleText};
pub use rulebook::{RuleView, check_rules};
pub use service::{AlertParts, AlertTasks, Alerts};
pub use silence::{Silence, SilenceError, SilenceText, SilenceView};
pub use webhook::{Webhook, WebhookError};
