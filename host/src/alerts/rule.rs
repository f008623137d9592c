//! One rule: read from JSON, checked, and refused with a reason where it is wrong.

use std::sync::Arc;
use std::time::Duration;

use leadline_market::valid_id;

pub use super::rule_text::{Comparison, RuleText, Span, Threshold};

use super::service::ALERT_FIGURES;
use crate::analysis::{Desks, MemoryDesk};
use crate::monitor::{Board, Monitor, publish};

/// Longest times that a rule may name.
const LONGEST_FOR: Duration = Duration::from_secs(24 * 3600);
const LONGEST_OVER: Duration = Duration::from_secs(3600);
const LONGEST_COOL_DOWN: Duration = Duration::from_secs(7 * 24 * 3600);
/// Longest name, name of a field, and message or text, in letters.
const LONGEST_NAME: usize = 64;
const LONGEST_FIELD: usize = 200;
const LONGEST_TEXT: usize = 500;
/// What a message may name in braces.
const PLACES: [&str; 7] = ["name", "field", "value", "threshold", "pair", "plugin", "reason"];

/// Why a rule can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}\nhint: {hint}")]
pub struct RuleError {
    what: String,
    hint: String,
}

impl RuleError {
    fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into() }
    }
}

/// Where a rule's field is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Record {
    /// `analysis:{id}`.
    Analysis,
    /// `feed:{id}`.
    Feed,
    /// `system:monitoring`.
    System,
    /// `plugin:{name}`.
    Plugin,
}

/// The fields that there are, where that is known beforehand.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// Of `feed:{id}`.
    pub feed: Vec<&'static str>,
    /// Of `system:monitoring`.
    pub system: Vec<&'static str>,
}

impl Catalog {
    /// The fields that a host publishes.
    #[must_use]
    pub fn of(monitor: &Monitor, desks: &Desks<MemoryDesk>) -> Self {
        let names = |fields: Vec<(&'static str, String)>| fields.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        let mut system = names(publish::fields(monitor, desks));
        system.extend(ALERT_FIGURES);
        // Of a pair that nobody sees.
        let feed = names(Board::default().add(&Arc::from("ANY-PAIR")).status().fields("ANY-PAIR", None));
        Self { feed, system }
    }
}

/// A rule that was checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Its name.
    pub name: Arc<str>,
    /// Where its field is found.
    pub record: Record,
    /// The field there, without prefix.
    pub field: String,
    /// All of it, as written.
    pub text: RuleText,
}

impl Rule {
    /// Reads and checks a rule.
    ///
    /// # Errors
    /// [`RuleError`] with what is wrong and what to do.
    pub fn parse(name: &str, json: &str, catalog: &Catalog) -> Result<Self, RuleError> {
        let text: RuleText = serde_json::from_str(json).map_err(|error| {
            RuleError::new(
                format!("it is no rule: {error}"),
                r#"such as {"field":"liquidity_index","comparison":"<","threshold":40,"clear":50,"for":"30s"}; docs/alerts.md has all fields"#,
            )
        })?;
        Self::check(name, text, catalog)
    }

    /// Checks a rule.
    ///
    /// # Errors
    /// [`RuleError`] with what is wrong and what to do.
    pub fn check(name: &str, text: RuleText, catalog: &Catalog) -> Result<Self, RuleError> {
        let letters = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(letters) {
            return Err(RuleError::new(
                format!("its name is not 1 to {LONGEST_NAME} letters, digits, `_`, `.` and `-`"),
                "the name is the Hash's field",
            ));
        }
        let (record, field) = place(&text.field, catalog)?;
        check_numbers(&text)?;
        check_times(&text)?;
        if matches!(record, Record::System | Record::Plugin) && !text.pairs.is_empty() {
            return Err(RuleError::new(format!("`pairs` are named, but {} belongs to no pair", text.field), "leave `pairs` out"));
        }
        if let Some(bad) = text.pairs.iter().find(|pair| !valid_id(pair)) {
            let shown: String = bad.chars().take(40).collect();
            return Err(RuleError::new(format!("`pairs` has {shown:?}, which is no instrument's name"), "names look like BTC-USDT"));
        }
        if let Some(message) = &text.message {
            check_message(message)?;
        }
        Ok(Self { name: Arc::from(name), record, field: field.to_owned(), text })
    }

    /// Whether it is for a pair.
    #[must_use]
    pub fn is_for(&self, pair: &str) -> bool {
        self.text.pairs.is_empty() || self.text.pairs.iter().any(|one| one == pair)
    }

    /// The words of an alert. `of`: what stands for a name in braces.
    #[must_use]
    pub fn message(&self, of: impl Fn(&str) -> String) -> String {
        let Some(message) = &self.text.message else {
            let grew = self.text.over.map_or_else(String::new, |over| format!(" grew within {} by", humantime::format_duration(over.0)));
            let reason = of("reason");
            let because = if reason.is_empty() { String::new() } else { format!(": {reason}") };
            let is = if grew.is_empty() { " is" } else { grew.as_str() };
            return format!("{}{is} {} ({} {}){because}", self.text.field, of("value"), self.text.comparison.as_str(), self.text.threshold);
        };
        let mut words = String::new();
        let mut rest = message.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            words.push_str(before);
            let (name, behind) = after.split_once('}').unwrap_or((after, ""));
            words.push_str(&of(name));
            rest = behind;
        }
        words + rest
    }
}

/// Where a rule's field is found, and its name there.
fn place<'a>(field: &'a str, catalog: &Catalog) -> Result<(Record, &'a str), RuleError> {
    let (record, name) = match field.split_once('.') {
        Some(("feed", name)) => (Record::Feed, name),
        Some(("system", name)) => (Record::System, name),
        Some(("plugin", name)) => (Record::Plugin, name),
        _ => (Record::Analysis, field),
    };
    if name.is_empty() || name.len() > LONGEST_FIELD {
        return Err(RuleError::new(
            "`field` names nothing",
            "a field of analysis:{id}, or feed., system. or plugin. and a field of that Hash; docs/redis.md has all",
        ));
    }
    let known = match record {
        Record::Feed => catalog.feed.as_slice(),
        Record::System => catalog.system.as_slice(),
        Record::Analysis | Record::Plugin => &[],
    };
    if known.is_empty() || known.contains(&name) {
        return Ok((record, name));
    }
    let near = known.iter().map(|known| (strsim::damerau_levenshtein(name, known), known)).min();
    let hint = near.filter(|(distance, _)| *distance <= 6).map_or_else(
        || "docs/redis.md lists the fields".to_owned(),
        |(_, near)| format!("did you mean {}.{near}?", field.split('.').next().unwrap_or_default()),
    );
    Err(RuleError::new(format!("there is no field {field}"), hint))
}

fn check_numbers(text: &RuleText) -> Result<(), RuleError> {
    let threshold = match &text.threshold {
        Threshold::Number(number) if number.is_finite() => *number,
        Threshold::Number(_) => return Err(RuleError::new("`threshold` is no number", "a number such as 40, or a text")),
        Threshold::Text(words) => {
            if !matches!(text.comparison, Comparison::Equal | Comparison::Other) {
                return Err(RuleError::new(
                    format!("`threshold` is a text, which can't be compared by {}", text.comparison.as_str()),
                    "texts are compared by == and !=; a number stands without quotes",
                ));
            }
            if words.chars().count() > LONGEST_TEXT {
                return Err(RuleError::new("`threshold` is too long", format!("{LONGEST_TEXT} letters at most")));
            }
            if text.clear.is_some() || text.over.is_some() {
                return Err(RuleError::new("`clear` and `over` are for numbers", "leave them out"));
            }
            return Ok(());
        }
    };
    let Some(clear) = text.clear else { return Ok(()) };
    let good = match text.comparison {
        Comparison::Less | Comparison::AtMost => clear >= threshold,
        Comparison::More | Comparison::AtLeast => clear <= threshold,
        Comparison::Equal | Comparison::Other => {
            return Err(RuleError::new("`clear` says nothing beside == and !=", "leave it out"));
        }
    };
    if good && clear.is_finite() {
        Ok(())
    } else {
        Err(RuleError::new(
            format!("`clear` is {clear}, on the wrong side of the threshold {threshold}"),
            format!("an alert that begins at {} {threshold} can only be over on the other side", text.comparison.as_str()),
        ))
    }
}

fn check_times(text: &RuleText) -> Result<(), RuleError> {
    for (name, span, longest) in [
        ("for", text.hold, LONGEST_FOR),
        ("over", text.over.unwrap_or_default(), LONGEST_OVER),
        ("cool_down", text.cool_down, LONGEST_COOL_DOWN),
    ] {
        if span.0 > longest {
            return Err(RuleError::new(
                format!("`{name}` is {}", humantime::format_duration(span.0)),
                format!("{} at most", humantime::format_duration(longest)),
            ));
        }
    }
    if text.over.is_some_and(|over| over.0 < Duration::from_secs(1)) {
        return Err(RuleError::new("`over` is under a second", "values are kept once a second"));
    }
    Ok(())
}

fn check_message(message: &str) -> Result<(), RuleError> {
    if message.chars().count() > LONGEST_TEXT || message.chars().any(char::is_control) {
        return Err(RuleError::new(
            "`message` is too long, or has control characters",
            format!("{LONGEST_TEXT} letters at most, in one line"),
        ));
    }
    let mut rest = message;
    while let Some((_, after)) = rest.split_once('{') {
        let place = after.split_once('}');
        match place {
            Some((name, behind)) if PLACES.contains(&name) => rest = behind,
            _ => {
                let shown: String = after.chars().take_while(|c| *c != '}').take(40).collect();
                return Err(RuleError::new(
                    format!("`message` names {{{shown}}}, which means nothing"),
                    format!("there are {}", PLACES.map(|place| format!("{{{place}}}")).join(", ")),
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Severity;
    use super::*;

    fn catalog() -> Catalog {
        Catalog { feed: vec!["lag_ms", "gaps"], system: vec!["redis_memory_usage"] }
    }

    fn parse(json: &str) -> Result<Rule, String> {
        Rule::parse("mine", json, &catalog()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_rule_of_three_fields_has_the_documented_defaults() {
        let rule = parse(r#"{"field":"liquidity_index","comparison":"<","threshold":40}"#).expect("good");
        assert_eq!((rule.record, rule.field.as_str()), (Record::Analysis, "liquidity_index"));
        assert_eq!(rule.text.severity, Severity::Warning);
        assert_eq!((rule.text.hold.0, rule.text.cool_down.0), (Duration::ZERO, Duration::from_secs(300)));
        assert!(rule.text.enabled && rule.is_for("BTC-USDT"));
        let again = Rule::parse("mine", &serde_json::to_string(&rule.text).expect("JSON"), &catalog()).expect("good");
        assert_eq!(again, rule, "what is written is read as the same");
    }

    #[test]
    fn a_wrong_rule_is_refused_with_what_is_wrong_and_what_to_do() {
        for (json, words) in [
            ("", "it is no rule"),
            (r#"{"field":"x","comparison":"<"}"#, "threshold"),
            (r#"{"field":"x","comparison":"=<","threshold":1}"#, "unknown variant `=<`"),
            (r#"{"field":"x","comparison":"<","threshold":1,"treshold":2}"#, "unknown field `treshold`"),
            (r#"{"field":"","comparison":"<","threshold":1}"#, "`field` names nothing"),
            (r#"{"field":"feed.lagms","comparison":"<","threshold":1}"#, "did you mean feed.lag_ms?"),
            (r#"{"field":"system.zzz","comparison":"<","threshold":1}"#, "there is no field system.zzz"),
            (r#"{"field":"x","comparison":"<","threshold":"low"}"#, "can't be compared by <"),
            (r#"{"field":"x","comparison":"<","threshold":40,"clear":30}"#, "on the wrong side"),
            (r#"{"field":"x","comparison":">","threshold":40,"clear":50}"#, "on the wrong side"),
            (r#"{"field":"x","comparison":"==","threshold":40,"clear":40}"#, "says nothing beside =="),
            (r#"{"field":"x","comparison":"<","threshold":1,"for":"soon"}"#, "a time is a number of seconds"),
            (r#"{"field":"x","comparison":"<","threshold":1,"for":-1}"#, "a time is a number of seconds"),
            (r#"{"field":"x","comparison":"<","threshold":1,"for":"2days"}"#, "`for` is 2days"),
            (r#"{"field":"x","comparison":"<","threshold":1,"over":0.1}"#, "under a second"),
            (r#"{"field":"x","comparison":"<","threshold":1,"pairs":["btc"]}"#, "no instrument's name"),
            (r#"{"field":"system.redis_memory_usage","comparison":"<","threshold":1,"pairs":["BTC-USDT"]}"#, "belongs to no pair"),
            (r#"{"field":"x","comparison":"<","threshold":1,"severity":"bad"}"#, "unknown variant `bad`"),
            (r#"{"field":"x","comparison":"<","threshold":1,"message":"{valeu}"}"#, "{valeu}"),
            (r#"{"field":"x","comparison":"<","threshold":1,"message":"{value"}"#, "which means nothing"),
        ] {
            let told = parse(json).expect_err(json);
            assert!(told.contains(words) && told.contains("hint: "), "{json}: {told}");
        }
        for name in ["", "two words", "ü", &"x".repeat(65)] {
            let told = Rule::parse(name, r#"{"field":"x","comparison":"<","threshold":1}"#, &catalog()).expect_err(name).to_string();
            assert!(told.contains("name"), "{told}");
        }
    }

    #[test]
    fn a_message_has_its_places_filled() {
        let with = |message: &str| {
            let json = format!(r#"{{"field":"x","comparison":"<","threshold":1,"message":"{message}"}}"#);
            parse(&json).expect("good").message(|place| format!("<{place}>"))
        };
        assert_eq!(with("{pair}: thin, {value} of {threshold}!"), "<pair>: thin, <value> of <threshold>!");
        assert_eq!(with("plain"), "plain");
        let plain = parse(r#"{"field":"feed.gaps","comparison":">","threshold":3,"over":"1m"}"#).expect("good");
        let words = plain.message(|place| if place == "value" { "5".to_owned() } else { String::new() });
        assert_eq!(words, "feed.gaps grew within 1m by 5 (> 3)");
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_reader_of_rules_panic(json in ".*", message in ".*") {
            let _ = Rule::parse("mine", &json, &Catalog::default());
            let _ = check_message(&message);
        }
    }
}
