//! Every Redis key, once. `docs/redis.md` says what stands behind each.

/// Hash: the newest readings of a pair (design §14.2).
#[must_use]
pub fn analysis(pair: &str) -> String {
    format!("analysis:{pair}")
}

/// Hash: the newest book of a pair (design §14.1).
#[must_use]
pub fn orderbook(pair: &str) -> String {
    format!("orderbook:{pair}")
}

/// Hash: whether the numbers of a pair can be trusted.
#[must_use]
pub fn feed(pair: &str) -> String {
    format!("feed:{pair}")
}

/// Channel: readings and changes of state of a pair, as they happen.
#[must_use]
pub fn events(pair: &str) -> String {
    format!("events:{pair}")
}

/// Channel: changes of what plugins are doing.
pub const EVENTS_PLUGINS: &str = "events:plugins";

/// Channel: alerts that begin, change and end.
pub const EVENTS_ALERTS: &str = "events:alerts";

/// Hash: rules of alerts, by name.
pub const ALERT_RULES: &str = "config:alert_rules";

/// Hash: silences and maintenance windows, by name.
pub const ALERT_SILENCES: &str = "config:alert_silences";

/// Hash: the active alerts, by id.
pub const ALERTS_ACTIVE: &str = "alerts:active";

/// List: what was told of alerts, newest first.
pub const ALERTS_RECENT: &str = "alerts:recent";

/// Hash: rules and silences that can't be used, and why.
pub const ALERTS_REFUSED: &str = "alerts:refused";

/// Hash: alerts that somebody wants to acknowledge, by id; emptied by the host.
pub const ALERTS_ACKNOWLEDGE: &str = "alerts:acknowledge";

/// Hash: how the webhooks do, by name.
pub const ALERTS_WEBHOOKS: &str = "alerts:webhooks";

/// Hash: webhooks that somebody wants to be tested, by name; emptied by the host.
pub const ALERTS_TEST: &str = "alerts:test";

/// Hash that goes when nobody writes it: a host that is alive.
#[must_use]
pub fn host(name: &str) -> String {
    format!("host:{name}")
}

/// Hash: the host's own figures (design §14.4, §16.6).
pub const MONITORING: &str = "system:monitoring";

/// Hash: how long frames take to each stage of their way, by stage and lane.
pub const STAGES: &str = "system:stages";

/// Hash: how a plugin is doing.
#[must_use]
pub fn plugin(name: &str) -> String {
    format!("plugin:{name}")
}

/// Hash: how the candidate beside a plugin is doing.
#[must_use]
pub fn shadow(plugin: &str) -> String {
    format!("shadow:{plugin}")
}

/// List: frames of a pair that no consumer has taken yet, newest first.
///
/// The braces put it into the Cluster slot of [`analysis`], so that one transaction can move the lane on and publish a reading.
#[must_use]
pub fn lane(pair: &str) -> String {
    format!("buffer:{{analysis:{pair}}}")
}

/// List: frames of a pair that were taken and not yet finished, newest first.
#[must_use]
pub fn lane_processing(pair: &str) -> String {
    format!("{}:processing", lane(pair))
}

/// Hash: how far the lane of a pair has been published, and its last checkpoint.
#[must_use]
pub fn lane_position(pair: &str) -> String {
    format!("{}:position", lane(pair))
}

/// Hash: the lane's book and the plugins' states at the last checkpoint of a pair, as bytes.
#[must_use]
pub fn lane_state(pair: &str) -> String {
    format!("state:{{analysis:{pair}}}")
}
