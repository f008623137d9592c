//! The instruments that a generated market lists, and what is changed in them while it runs.

use serde_json::Value;

use crate::fault::Delisted;

/// One instrument, and why it isn't live.
#[derive(Debug)]
struct Entry {
    value: Value,
    delisted: Option<Delisted>,
}

impl Entry {
    fn is(&self, inst_id: &str) -> bool {
        self.value.get("instId").and_then(Value::as_str) == Some(inst_id)
    }
}

/// The list.
#[derive(Debug)]
pub(super) struct Listing {
    entries: Vec<Entry>,
}

impl Listing {
    /// All live.
    pub(super) fn new(entries: Vec<Value>) -> Self {
        Self { entries: entries.into_iter().map(|value| Entry { value, delisted: None }).collect() }
    }

    /// Whether an instrument can be subscribed to.
    pub(super) fn has(&self, inst_id: &str) -> bool {
        self.entries.iter().any(|entry| entry.is(inst_id) && entry.delisted.is_none())
    }

    /// As REST lists them.
    pub(super) fn entries(&self) -> Vec<Value> {
        let listed = self.entries.iter().filter_map(|entry| {
            let mut value = entry.value.clone();
            match entry.delisted {
                None => {}
                Some(Delisted::Suspend) => value["state"] = "suspend".into(),
                Some(Delisted::Expired) => value["state"] = "expired".into(),
                Some(Delisted::Gone) => return None,
            }
            Some(value)
        });
        listed.collect()
    }

    pub(super) fn delist(&mut self, inst_id: &str, state: Delisted) {
        self.of(inst_id, |entry| entry.delisted = Some(state));
    }

    pub(super) fn relist(&mut self, inst_id: &str) {
        self.of(inst_id, |entry| entry.delisted = None);
    }

    /// Gives fields other values.
    pub(super) fn change(&mut self, inst_id: &str, fields: &[(String, String)]) {
        self.of(inst_id, |entry| {
            for (key, value) in fields {
                entry.value[key.as_str()] = Value::from(value.as_str());
            }
        });
    }

    fn of(&mut self, inst_id: &str, change: impl Fn(&mut Entry)) {
        self.entries.iter_mut().filter(|entry| entry.is(inst_id)).for_each(change);
    }
}
