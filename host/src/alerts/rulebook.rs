//! The rules that are at work: the host's own, and those of `config:alert_rules`, which may change the host's own.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use super::defaults::DEFAULT_RULES;
use super::rule::{Catalog, Rule, RuleError, RuleText};

/// A rule as it stands.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct RuleView {
    /// Its name.
    pub name: String,
    /// What it says; none where it can't be read.
    pub rule: Option<RuleText>,
    /// One of the host's own.
    pub own: bool,
    /// It stands in `config:alert_rules`.
    pub configured: bool,
    /// Why it isn't at work, with a hint.
    pub refused: Option<String>,
}

/// What a rule's text means: over one of the host's own of the same name, where there is one.
pub(super) fn read(name: &str, json: &str, catalog: &Catalog) -> Result<Rule, RuleError> {
    let own = DEFAULT_RULES.iter().find(|(own, _)| *own == name).map(|(_, text)| *text);
    let object = |json: &str| serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(json);
    match (own.map(object), object(json)) {
        (Some(Ok(mut under)), Ok(over)) => {
            under.extend(over);
            Rule::parse(name, &serde_json::Value::from(under).to_string(), catalog)
        }
        _ => Rule::parse(name, json, catalog),
    }
}

/// All rules of what stands in Redis, as they stand: for whoever checks them without a host.
#[must_use]
pub fn check_rules(configured: &BTreeMap<String, String>, catalog: &Catalog) -> Vec<RuleView> {
    assemble(configured, catalog).1
}

/// All rules of what stands in Redis: those at work, and all of them as they stand.
pub(super) fn assemble(configured: &BTreeMap<String, String>, catalog: &Catalog) -> (Vec<Arc<Rule>>, Vec<RuleView>) {
    let own: BTreeMap<&str, &str> = DEFAULT_RULES.into_iter().collect();
    let mut names: Vec<&str> = own.keys().copied().chain(configured.keys().map(String::as_str)).collect();
    names.sort_unstable();
    names.dedup();
    let (mut rules, mut views) = (Vec::new(), Vec::new());
    for name in names {
        let text = configured.get(name).map(String::as_str);
        let read = read(name, text.or_else(|| own.get(name).copied()).unwrap_or_default(), catalog);
        let mut view = RuleView {
            name: name.chars().take(100).map(|c| if c.is_control() { '?' } else { c }).collect(),
            rule: None,
            own: own.contains_key(name),
            configured: text.is_some(),
            refused: None,
        };
        match read {
            Ok(rule) => {
                view.rule = Some(rule.text.clone());
                if rule.text.enabled {
                    rules.push(Arc::new(rule));
                }
            }
            Err(error) => {
                view.refused = Some(error.to_string());
                // One of the host's own that was changed wrongly stays as the host has it.
                let as_it_is = own.get(name).and_then(|text| Rule::parse(name, text, catalog).ok());
                rules.extend(as_it_is.map(Arc::new));
            }
        }
        views.push(view);
    }
    (rules, views)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configured(rules: &[(&str, &str)]) -> BTreeMap<String, String> {
        rules.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn the_hosts_own_rules_are_good_and_can_be_changed_in_part_or_switched_off() {
        let catalog = Catalog::default();
        let (rules, views) = assemble(&BTreeMap::new(), &catalog);
        assert_eq!((rules.len(), views.len()), (DEFAULT_RULES.len(), DEFAULT_RULES.len()));
        assert!(views.iter().all(|view| view.own && !view.configured && view.refused.is_none()));
        let (rules, views) =
            assemble(&configured(&[("disk_low", r#"{"threshold":20,"clear":25}"#), ("drift", r#"{"enabled":false}"#)]), &catalog);
        assert_eq!(rules.len(), DEFAULT_RULES.len() - 1);
        let disk = rules.iter().find(|rule| &*rule.name == "disk_low").expect("there");
        assert_eq!((disk.text.clear, disk.text.field.as_str()), (Some(25.0), "system.disk_free_percent"));
        assert!(views.iter().any(|view| view.name == "drift" && view.configured && view.refused.is_none()));
    }

    #[test]
    fn a_wrong_rule_says_why_and_one_of_the_hosts_own_stays_as_it_was() {
        let (rules, views) = assemble(&configured(&[("disk_low", r#"{"threshold":"low"}"#), ("mine", "{}")]), &Catalog::default());
        assert_eq!(rules.len(), DEFAULT_RULES.len());
        for name in ["disk_low", "mine"] {
            let view = views.iter().find(|view| view.name == name).expect("there");
            assert!(view.refused.as_ref().expect("refused").contains("hint: "), "{view:?}");
        }
    }
}
