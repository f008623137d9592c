//! Who may write which field of `analysis:{id}`.
//!
//! The eleven shared fields (design §14.2) keep their bare names and have one owner each; any other output is published as
//! `{plugin}.{field}` and can't clash.

use std::sync::Arc;

use super::component::Plugin;
use super::error::PluginError;

/// The fields that stand under their bare names.
pub const SHARED_FIELDS: [&str; 11] = [
    "support_level_1",
    "support_level_2",
    "resistance_level_1",
    "resistance_level_2",
    "large_buy_orders",
    "large_sell_orders",
    "large_order_trend",
    "depth_anomaly_score",
    "depth_anomaly_alert",
    "liquidity_index",
    "liquidity_alert",
];

/// Names that the host itself writes for each plugin, as `{plugin}.{name}`.
const HOST_FIELDS: [&str; 5] = ["time", "sequence", "status", "version", "details_time"];

/// Every field that a plugin has in `analysis:{id}`.
#[must_use]
pub(crate) fn all_published(plugin: &Plugin) -> Vec<String> {
    let own = HOST_FIELDS.iter().map(|field| format!("{}.{field}", plugin.name));
    plugin.outputs.keys().map(|field| published_name(&plugin.name, field)).chain(own).collect()
}

/// The name under which `field` of `plugin` is published.
#[must_use]
pub(crate) fn published_name(plugin: &str, field: &str) -> String {
    if SHARED_FIELDS.contains(&field) { field.to_owned() } else { format!("{plugin}.{field}") }
}

/// Whether a field of `analysis:{id}` is one of [`SHARED_FIELDS`]: all others carry their plugin's name before a point.
#[must_use]
pub(crate) fn is_shared(published: &str) -> bool {
    !published.as_bytes().contains(&b'.')
}

/// Refuses a plugin that claims a field another one owns, or one that the host writes.
pub(super) fn check(loaded: &[Arc<Plugin>], candidate: &Plugin) -> Result<(), PluginError> {
    let refused = |field: &str, owner: &str| PluginError::FieldOwned {
        file: candidate.file.clone(),
        plugin: candidate.name.to_string(),
        field: field.to_owned(),
        owner: owner.to_owned(),
    };
    for field in candidate.outputs.keys() {
        if HOST_FIELDS.contains(&field.as_str()) {
            return Err(refused(field, "the host"));
        }
        if SHARED_FIELDS.contains(&field.as_str())
            && let Some(owner) = loaded.iter().find(|plugin| plugin.outputs.contains_key(field))
        {
            return Err(refused(field, &owner.name));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_fields_keep_their_names_and_others_carry_the_plugins() {
        assert_eq!(published_name("large_orders", "large_order_trend"), "large_order_trend");
        assert_eq!(published_name("large_orders", "imbalance"), "large_orders.imbalance");
    }
}
