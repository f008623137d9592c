//! What a rule would have done on the values that history has.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::condition::{Condition, Step, Value};
use super::rule::{Record, Rule};
use crate::history::History;
use crate::history::entry::{self, Measurement};
use crate::history::query::{MAX_VALUES, Name, QueryError, RangeQuery, Selection, SeriesKey, Span};

/// Times of a preview that are named.
const PREVIEW_TIMES: usize = 100;
/// Pages of history that a preview looks at, of at most ten thousand values of each pair: five days of a reading a second.
const PREVIEW_PAGES: usize = 50;

/// What a rule would have done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Preview {
    /// Values that were looked at.
    pub values: u64,
    /// Alerts that it would have made.
    pub fired: u64,
    /// Times that the cool-down would have kept back.
    pub suppressed: u64,
    /// How long alerts would have been on, milliseconds.
    pub firing_ms: u64,
    /// When they would have begun, milliseconds since 1970: the first hundred.
    pub times_ms: Vec<u64>,
}

/// What a rule would have done on the values that a field had, oldest first: times in milliseconds since 1970, and the field's text, empty for
/// none. A value stands until the next.
pub fn preview<'a>(rule: &Rule, values: impl IntoIterator<Item = (u64, &'a str)>) -> Preview {
    let mut trial = Trial::default();
    for (time_ms, text) in values {
        trial.see(rule, time_ms, Value::of(text));
    }
    trial.finish()
}

/// A preview under way, on one pair.
#[derive(Default)]
struct Trial {
    condition: Condition,
    preview: Preview,
    began_ms: Option<u64>,
    last_ms: u64,
}

impl Trial {
    fn see(&mut self, rule: &Rule, time_ms: u64, value: Value<'_>) {
        let steps = [self.condition.pass(rule, time_ms), self.condition.see(rule, value, time_ms)];
        for step in steps.into_iter().flatten() {
            match step {
                Step::Fires { suppressed } => {
                    self.preview.fired += 1;
                    self.preview.suppressed += suppressed;
                    if self.preview.times_ms.len() < PREVIEW_TIMES {
                        self.preview.times_ms.push(time_ms);
                    }
                    self.began_ms = Some(time_ms);
                }
                Step::Ends => self.preview.firing_ms += self.began_ms.take().map_or(0, |began| time_ms.saturating_sub(began)),
            }
        }
        self.preview.values += 1;
        self.last_ms = time_ms;
    }

    fn finish(mut self) -> Preview {
        self.preview.firing_ms += self.began_ms.map_or(0, |began| self.last_ms.saturating_sub(began));
        self.preview
    }
}

/// What a rule would have done on what history has of its field, over all of its pairs together.
///
/// # Errors
/// [`QueryError`]: none is kept of plugins' own states, or the span can't be asked for.
pub(super) async fn on_history(history: &History, rule: &Rule, from_ms: u64, to_ms: u64) -> Result<Preview, QueryError> {
    let measurement = match rule.record {
        Record::Analysis => Measurement::Analysis,
        Record::Feed => Measurement::Connection,
        Record::System => Measurement::Host,
        Record::Plugin => {
            let (what, hint) =
                ("no history is kept of plugin:{name}".to_owned(), "a rule on a field of analyses, feed. or system. can be previewed");
            return Err(QueryError::Question { what, hint });
        }
    };
    let ns = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX).saturating_mul(1_000_000);
    let pairs = Name::all(rule.text.pairs.iter().map(String::as_str))?;
    let selection = Selection { measurement, pairs, sources: Vec::new(), fields: vec![Name::new(&rule.field)?] };
    let (mut next, end) = (ns(from_ms), ns(to_ms));
    let mut trials: BTreeMap<SeriesKey, Trial> = BTreeMap::new();
    for _ in 0..PREVIEW_PAGES {
        let query = RangeQuery { selection: selection.clone(), span: Span::new(next, end)?, limit: MAX_VALUES };
        let page = history.range(query).await?;
        for (series, points) in page.series {
            let trial = trials.entry(series).or_default();
            for point in points {
                let time_ms = u64::try_from(point.time_ns / 1_000_000).unwrap_or(0);
                match &point.value {
                    entry::Value::Number(number) => trial.see(rule, time_ms, Value::Number(*number)),
                    entry::Value::Text(text) => trial.see(rule, time_ms, Value::of(text)),
                    entry::Value::Flag(flag) => trial.see(rule, time_ms, Value::Text(if *flag { "true" } else { "false" })),
                }
            }
        }
        match page.next_ns {
            Some(from) if from < end => next = from,
            _ => break,
        }
    }
    let mut all = Preview::default();
    for one in trials.into_values().map(Trial::finish) {
        all.values += one.values;
        all.fired += one.fired;
        all.suppressed += one.suppressed;
        all.firing_ms += one.firing_ms;
        all.times_ms.extend(one.times_ms);
    }
    all.times_ms.sort_unstable();
    all.times_ms.truncate(PREVIEW_TIMES);
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::super::rule::Catalog;
    use super::*;

    #[test]
    fn a_preview_counts_what_the_rule_would_have_told() {
        let json = r#"{"field":"liquidity_index","comparison":"<","threshold":40,"for":"2s","cool_down":"10s"}"#;
        let rule = Rule::parse("thin", json, &Catalog::default()).expect("good");
        let values = ["60", "30", "30", "30", "50", "30", "30", "30", "30", "", "70"];
        let times = values.iter().enumerate().map(|(second, text)| (second as u64 * 1000, *text));
        let preview = preview(&rule, times);
        assert_eq!((preview.values, preview.fired, preview.firing_ms), (11, 1, 1000));
        assert_eq!(preview.times_ms, [3000]);
    }
}
