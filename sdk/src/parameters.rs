//! Parameters of a plugin, declared once: the struct, its defaults, range checks and the JSON Schema come from one declaration, so that what the
//! schema promises and what the code accepts can't differ.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// One parameter as declared.
#[derive(Debug, Clone, PartialEq)]
pub struct Declaration {
    /// The key in the JSON document.
    pub name: &'static str,
    /// One sentence for the person who sets it.
    pub summary: &'static str,
    /// `number`, `integer`, `boolean`, or `number` with `null` allowed.
    pub schema_type: Value,
    /// What it is without being set.
    pub default: Value,
    /// Unit, where it has one.
    pub unit: Option<&'static str>,
    /// Smallest and largest value allowed, where it is a number.
    pub range: Option<(f64, f64)>,
}

/// A set of parameters made by [`crate::parameters!`].
pub trait Parameters: DeserializeOwned + Default {
    /// The parameters in the order of their declaration.
    fn declarations() -> Vec<Declaration>;

    /// The numbers in that order; none for flags and for options that aren't set.
    fn numbers(&self) -> Vec<Option<f64>>;

    /// Whether books that nothing vouches for are judged: the flag `accept_unverified`, where it is declared.
    fn accept_unverified(&self) -> bool;

    /// Reads a JSON document; an empty text means the defaults.
    ///
    /// # Errors
    /// A sentence that names the parameter: unknown, of the wrong type, or out of its range.
    fn parse(text: &str) -> Result<Self, String> {
        let parsed: Self = if text.trim().is_empty() {
            Self::default()
        } else if !text.trim_start().starts_with('{') {
            // serde would take a list of values in the order of declaration too.
            return Err("parameters: not a JSON object; hint: {} means the defaults".to_owned());
        } else {
            serde_json::from_str(text)
                .map_err(|error| format!("parameters: {error}; hint: the plugin's schema lists names, units and ranges"))?
        };
        for (declaration, number) in Self::declarations().iter().zip(parsed.numbers()) {
            if let (Some((low, high)), Some(number)) = (declaration.range, number)
                && !(low..=high).contains(&number)
            {
                let unit = declaration.unit.map(|unit| format!(" {unit}")).unwrap_or_default();
                return Err(format!("parameters: {} is {number}; hint: it must be from {low} to {high}{unit}", declaration.name));
            }
        }
        Ok(parsed)
    }

    /// The JSON Schema (draft 2020-12) for [`crate::Descriptor::parameters`].
    #[must_use]
    fn schema() -> String {
        let mut properties = Map::new();
        for declaration in Self::declarations() {
            let mut property = Map::new();
            property.insert("type".to_owned(), declaration.schema_type);
            property.insert("default".to_owned(), declaration.default);
            property.insert("description".to_owned(), json!(declaration.summary));
            if let Some(unit) = declaration.unit {
                property.insert("unit".to_owned(), json!(unit));
            }
            if let Some((low, high)) = declaration.range {
                property.insert("minimum".to_owned(), json!(low));
                property.insert("maximum".to_owned(), json!(high));
            }
            properties.insert(declaration.name.to_owned(), Value::Object(property));
        }
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "additionalProperties": false,
            "properties": properties,
        })
        .to_string()
    }
}

/// A type that a parameter can have.
pub trait Kind: serde::Serialize {
    /// The `type` of the JSON Schema.
    fn schema_type() -> Value;
    /// The number to hold against the range.
    fn number(&self) -> Option<f64>;
    /// The flag, where it is one.
    fn flag(&self) -> Option<bool> {
        None
    }
}

impl Kind for f64 {
    fn schema_type() -> Value {
        json!("number")
    }
    fn number(&self) -> Option<f64> {
        Some(*self)
    }
}

impl Kind for u32 {
    fn schema_type() -> Value {
        json!("integer")
    }
    fn number(&self) -> Option<f64> {
        Some(f64::from(*self))
    }
}

impl Kind for bool {
    fn schema_type() -> Value {
        json!("boolean")
    }
    fn number(&self) -> Option<f64> {
        None
    }
    fn flag(&self) -> Option<bool> {
        Some(*self)
    }
}

impl Kind for Option<f64> {
    fn schema_type() -> Value {
        json!(["number", "null"])
    }
    fn number(&self) -> Option<f64> {
        *self
    }
}

/// Declares the parameters of a plugin. Types: `f64`, `u32`, `bool`, `Option<f64>`.
///
/// ```
/// use leadline_plugin::Parameters as _;
///
/// leadline_plugin::parameters! {
///     /// What an operator can set.
///     pub struct Settings {
///         /// Levels farther from mid than this are left out.
///         window_bps: f64 = 100.0, unit "bps", range 1.0 to 1000.0;
///         /// Smallest notional that counts, beside the relative rule.
///         floor: Option<f64> = None, unit "quote units", range 0.0 to 1e15;
///         /// Judge books that nothing vouches for.
///         accept_unverified: bool = false;
///     }
/// }
///
/// assert_eq!(Settings::parse(r#"{"window_bps": 50}"#)?.window_bps, 50.0);
/// assert!(Settings::parse(r#"{"window_bps": 0}"#).is_err());
/// assert!(Settings::parse(r#"{"windw_bps": 50}"#).is_err());
/// # Ok::<(), String>(())
/// ```
#[macro_export]
macro_rules! parameters {
    (
        $(#[doc = $doc:literal])+
        $vis:vis struct $name:ident {
            $(
                $(#[doc = $summary:literal])+
                $field:ident: $type:ty = $default:expr $(, unit $unit:literal)? $(, range $low:literal to $high:literal)?;
            )*
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, $crate::serde::Serialize, $crate::serde::Deserialize)]
        #[serde(crate = "leadline_plugin::serde", deny_unknown_fields, default)]
        $vis struct $name {
            $(
                $(#[doc = $summary])+
                $vis $field: $type,
            )*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl $crate::Parameters for $name {
            fn declarations() -> Vec<$crate::parameters::Declaration> {
                #[allow(unused_variables, reason = "without parameters there is no default to look at")]
                let defaults = Self::default();
                vec![$(
                    $crate::parameters::Declaration {
                        name: stringify!($field),
                        summary: concat!($($summary),+).trim(),
                        schema_type: <$type as $crate::parameters::Kind>::schema_type(),
                        default: $crate::serde_json::to_value(&defaults.$field).unwrap_or_default(),
                        unit: [$($unit,)? ""].first().copied().filter(|unit| !unit.is_empty()),
                        range: [$(Some(($low, $high)),)? None].first().copied().flatten(),
                    },
                )*]
            }

            fn numbers(&self) -> Vec<Option<f64>> {
                vec![$($crate::parameters::Kind::number(&self.$field),)*]
            }

            fn accept_unverified(&self) -> bool {
                false $(|| (stringify!($field) == "accept_unverified" && $crate::parameters::Kind::flag(&self.$field) == Some(true)))*
            }
        }
    };
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    crate::parameters! {
        /// For the tests.
        struct Some {
            /// A number
            /// on two lines.
            ratio: f64 = 0.5, unit "1", range 0.0 to 1.0;
            /// A count.
            count: u32 = 3, range 1.0 to 9.0;
            /// An option.
            floor: Option<f64> = None, unit "quote units", range 0.0 to 10.0;
            /// A flag.
            loud: bool = true;
        }
    }

    #[test]
    fn an_empty_text_and_an_empty_object_mean_the_defaults() {
        assert_eq!(Some::parse(""), Ok(Some::default()));
        assert_eq!(Some::parse("{}"), Ok(Some { ratio: 0.5, count: 3, floor: None, loud: true }));
    }

    #[test]
    fn what_is_unknown_mistyped_or_out_of_range_is_refused_by_name() {
        for (text, word) in [
            (r#"{"ratoi":1}"#, "ratoi"),
            (r#"{"count":10}"#, "count"),
            (r#"{"ratio":-0.1}"#, "ratio"),
            (r#"{"floor":11}"#, "floor"),
            (r#"{"loud":1}"#, "bool"),
            ("[0.5]", "object"),
        ] {
            let error = Some::parse(text).unwrap_err();
            assert!(error.contains(word) && error.contains("hint:"), "{error}");
        }
    }

    /// The schema is what `parse` checks: every default parses, every bound parses, and just beyond it doesn't.
    #[test]
    fn the_schema_and_the_code_agree() {
        let schema: Value = serde_json::from_str(&Some::schema()).unwrap();
        let properties = schema["properties"].as_object().unwrap();
        assert_eq!(properties.len(), 4);
        assert_eq!(properties["ratio"]["description"], "A number on two lines.");
        for (name, property) in properties {
            let with = |value: &Value| Some::parse(&json!({ name.as_str(): value }).to_string());
            assert!(with(&property["default"]).is_ok(), "{name}");
            if let (Value::Number(low), Value::Number(high)) = (&property["minimum"], &property["maximum"]) {
                let as_declared = |number: f64| if property["type"] == "integer" { json!(number as i64) } else { json!(number) };
                let (low, high) = (low.as_f64().unwrap(), high.as_f64().unwrap());
                assert!(with(&as_declared(low)).is_ok() && with(&as_declared(high)).is_ok(), "{name}");
                assert!(with(&as_declared(low - 1.0)).is_err() && with(&as_declared(high + 1.0)).is_err(), "{name}");
            }
        }
    }
}
