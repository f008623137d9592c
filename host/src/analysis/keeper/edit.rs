//! Changes of `plugins.toml` by command: one value is changed, everything else stays as its author wrote it.

use serde_json::{Map, Value};
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike};

/// Switches a plugin on or off.
///
/// # Errors
/// Why the text isn't the table of tables that it should be.
pub(super) fn set_enabled(text: &str, stem: &str, enabled: bool) -> Result<String, String> {
    change(text, stem, |table| {
        set(table, "enabled", toml_edit::Value::from(enabled));
        Ok(())
    })
}

/// Sets all parameters of a plugin, or those that one pair has of its own. `null` leaves a parameter to its default.
///
/// # Errors
/// As [`set_enabled`]; and what can't be written in TOML.
pub(super) fn set_parameters(text: &str, stem: &str, pair: Option<&str>, parameters: &Map<String, Value>) -> Result<String, String> {
    change(text, stem, |table| {
        let own = match pair {
            None => child(table, "parameters")?,
            Some(pair) => child(child(table, "pairs")?, pair)?,
        };
        let gone: Vec<String> =
            own.iter().map(|(name, _)| name.to_owned()).filter(|name| parameters.get(name).is_none_or(Value::is_null)).collect();
        for name in gone {
            own.remove(&name);
        }
        for (name, value) in parameters.iter().filter(|(_, value)| !value.is_null()) {
            set(own, name, toml(value)?);
        }
        Ok(())
    })
}

fn change(text: &str, stem: &str, change: impl FnOnce(&mut dyn TableLike) -> Result<(), String>) -> Result<String, String> {
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| error.to_string().trim_end().to_owned())?;
    if !document.contains_key(stem) {
        // A comment at the end of the file stays where it is: before what comes new.
        let before = document.trailing().as_str().unwrap_or_default().to_owned();
        let apart = if before.is_empty() && !document.is_empty() { "\n" } else { "" };
        let mut table = Table::new();
        table.decor_mut().set_prefix(format!("{before}{apart}"));
        document.set_trailing("");
        document.insert(stem, Item::Table(table));
    }
    let table = document.get_mut(stem).and_then(Item::as_table_like_mut).ok_or_else(|| format!("`{stem}` is no table"))?;
    change(table)?;
    Ok(document.to_string())
}

fn child<'a>(table: &'a mut dyn TableLike, name: &str) -> Result<&'a mut dyn TableLike, String> {
    if !table.contains_key(name) {
        let mut made = Table::new();
        made.set_implicit(name == "pairs");
        table.insert(name, Item::Table(made));
    }
    table.get_mut(name).and_then(Item::as_table_like_mut).ok_or_else(|| format!("`{name}` is no table"))
}

/// A value in place of another keeps the comments around it.
fn set(table: &mut dyn TableLike, name: &str, mut value: toml_edit::Value) {
    match table.get_mut(name).and_then(Item::as_value_mut) {
        Some(old) => {
            *value.decor_mut() = old.decor().clone();
            *old = value;
        }
        None => {
            table.insert(name, Item::Value(value));
        }
    }
}

fn toml(value: &Value) -> Result<toml_edit::Value, String> {
    Ok(match value {
        Value::Bool(flag) => (*flag).into(),
        Value::String(text) => text.as_str().into(),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => whole.into(),
            (None, Some(number)) => number.into(),
            (None, None) => return Err(format!("{number} can't be written in TOML")),
        },
        Value::Array(values) => toml_edit::Value::Array(values.iter().map(toml).collect::<Result<Array, _>>()?),
        Value::Object(map) => {
            let mut table = InlineTable::new();
            for (name, value) in map {
                table.insert(name, toml(value)?);
            }
            table.into()
        }
        Value::Null => return Err("null within a list can't be written in TOML".to_owned()),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that can't go on fails.
mod tests {
    use super::*;
    use serde_json::json;

    fn map(value: &Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn one_value_changes_and_every_comment_stays() {
        let text =
            "# Ours.\n[large_orders]\nenabled = true # since May\nparameters = { share = 0.1 } # agreed\n\n[other]\nenabled = false\n";
        assert_eq!(set_enabled(text, "large_orders", false).unwrap(), text.replacen("true", "false", 1));
        let changed = set_parameters(text, "large_orders", None, &map(&json!({ "share": 0.2, "multiple": 3 }))).unwrap();
        assert!(changed.starts_with("# Ours.\n[large_orders]\nenabled = true # since May\n") && changed.contains("# agreed"), "{changed}");
        assert!(changed.contains("share = 0.2") && changed.contains("multiple = 3"), "{changed}");
        let less = set_parameters(&changed, "large_orders", None, &map(&json!({ "multiple": 3, "share": null }))).unwrap();
        assert!(!less.contains("share"), "{less}");
    }

    #[test]
    fn a_comment_at_the_end_stays_before_a_new_table() {
        assert_eq!(set_enabled("# Ours.\n", "a", false).unwrap(), "# Ours.\n[a]\nenabled = false\n");
        assert_eq!(set_enabled("[b]\nx = 1\n# Last.\n", "a", false).unwrap(), "[b]\nx = 1\n# Last.\n[a]\nenabled = false\n");
    }

    #[test]
    fn tables_that_are_missing_are_made() {
        let text = set_parameters("", "a", Some("BTC-USDT"), &map(&json!({ "x": 1.5, "list": [1, 2], "table": { "y": true } }))).unwrap();
        let text = set_enabled(&text, "a", true).unwrap();
        let value: toml::Table = text.parse().unwrap();
        assert_eq!(value["a"]["pairs"]["BTC-USDT"]["x"].as_float(), Some(1.5), "{text}");
        assert_eq!(value["a"]["enabled"].as_bool(), Some(true));
    }

    #[test]
    fn a_file_that_can_not_be_read_is_not_written() {
        for text in ["[a", "a = 1\n", "[a]\nparameters = 5\n"] {
            assert!(set_parameters(text, "a", None, &Map::new()).is_err(), "{text}");
        }
    }
}
