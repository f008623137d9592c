//! What a call gave: a reading, in the host's own types, and how its values are written out.

use std::sync::Arc;
use std::time::Duration;

use leadline_market::Decimal;

use super::contract::OutputKind;
use crate::clock::Arrival;

/// One plugin's answer to one book.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The plugin that made it.
    pub plugin: Arc<str>,
    /// The version that made it.
    pub version: Arc<str>,
    /// The instrument.
    pub pair: Arc<str>,
    /// Exchange time of the book, milliseconds since 1970.
    pub time_ms: u64,
    /// The exchange's sequence number of the book.
    pub sequence: Option<i64>,
    /// When the frame behind the book reached this host.
    pub arrival: Arrival,
    /// Whether there are numbers, and if not, why.
    pub outcome: Outcome,
    /// The fields under their published names, written out.
    pub fields: Vec<(String, String)>,
    /// Changes of state that the plugin reports.
    pub notices: Vec<Notice>,
    /// What the call used.
    pub cost: Cost,
    /// From the frame's arrival to this reading.
    pub latency: Duration,
}

/// What a call used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Units of fuel.
    pub fuel: u64,
    /// Wall-clock time.
    pub elapsed: Duration,
}

/// A change of state worth telling somebody about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// `normal`, `warning` or `alert`.
    pub severity: &'static str,
    /// A code from the plugin's documentation.
    pub code: String,
    /// Words for a person.
    pub message: String,
}

/// Whether a reading holds numbers, and if not, why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Numbers.
    Ok,
    /// Numbers, without the evidence they will have.
    Provisional(Reason),
    /// None yet: history is being gathered.
    Warming(Reason),
    /// This book can't be judged.
    Unknown(Reason),
    /// The plugin was stopped or failed; its code is one of the faults.
    Fault(Reason),
}

/// Why there is no full reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// A code from `docs/reasons.md`.
    pub code: String,
    /// Words for a person.
    pub detail: String,
    /// Exchange time until it ends, where that is known.
    pub remaining_ms: Option<u64>,
}

impl Outcome {
    /// `ok`, `provisional`, `warming`, `unknown` or `fault`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Provisional(_) => "provisional",
            Self::Warming(_) => "warming",
            Self::Unknown(_) => "unknown",
            Self::Fault(_) => "fault",
        }
    }

    /// The reason, where there is one.
    #[must_use]
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Ok => None,
            Self::Provisional(reason) | Self::Warming(reason) | Self::Unknown(reason) | Self::Fault(reason) => Some(reason),
        }
    }

    /// The text of `{plugin}.status`: the word, and behind a colon the code and the detail.
    #[must_use]
    pub fn status(&self) -> String {
        match self.reason() {
            None => self.word().to_owned(),
            Some(Reason { code, detail, remaining_ms }) => {
                let mut text = format!("{}: {code}", self.word());
                if !detail.is_empty() {
                    text.push_str(", ");
                    text.push_str(detail);
                }
                if let Some(ms) = remaining_ms {
                    text.push_str(&format!(" ({} s left)", ms.div_ceil(1000)));
                }
                text
            }
        }
    }
}

/// Writes a number as the output's kind asks: prices on the tick grid, everything else with at most ten significant digits.
#[must_use]
pub(crate) fn write_number(value: f64, kind: OutputKind, tick: Decimal) -> String {
    if kind == OutputKind::Price {
        return format!("{value:.*}", usize::from(tick.scale()));
    }
    ten_digits(value)
}

/// At most ten significant digits, no exponent, no zeros behind the last digit.
#[must_use]
pub(crate) fn ten_digits(value: f64) -> String {
    // Most plugins round to ten digits themselves, and then the shortest text that reads back as the number is the one wanted.
    let magnitude = value.abs();
    if (1e-10..1e10).contains(&magnitude) {
        let text = value.to_string();
        let digits = text.trim_start_matches(['-', '0', '.']).bytes().filter(u8::is_ascii_digit).count();
        if digits <= 10 {
            return text;
        }
    }
    ten_digits_of_any(value)
}

fn ten_digits_of_any(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let magnitude = value.abs().log10().floor();
    // Far below any real output, a number is 0 to this many digits; far above, it is written whole.
    let decimals = (9.0 - magnitude).clamp(0.0, 20.0) as usize;
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_stand_on_the_tick_grid_with_its_digits() {
        let tick = Decimal::parse(b"0.1").expect("a decimal");
        assert_eq!(write_number(30_199.600_000_000_002, OutputKind::Price, tick), "30199.6");
        assert_eq!(write_number(30_200.0, OutputKind::Price, tick), "30200.0");
    }

    proptest::proptest! {
        #[test]
        fn the_short_way_writes_what_the_long_way_writes(mantissa in 1_i64..10_000_000_000, sign in proptest::bool::ANY, exponent in -16_i32..8) {
            let value = if sign { -1.0 } else { 1.0 } * mantissa as f64 * 10_f64.powi(exponent);
            proptest::prop_assert_eq!(ten_digits(value), ten_digits_of_any(value));
            let plain: f64 = format!("{mantissa}e{exponent}").parse().expect("a number");
            proptest::prop_assert_eq!(ten_digits(plain), ten_digits_of_any(plain));
        }
    }

    #[test]
    fn other_numbers_have_at_most_ten_digits_and_no_exponent() {
        assert_eq!(ten_digits(0.1 + 0.2), "0.3");
        assert_eq!(ten_digits(123_456_789_012.0), "123456789012");
        assert_eq!(ten_digits(1.0 / 3.0), "0.3333333333");
        assert_eq!(ten_digits(-2.5e-7), "-0.00000025");
        assert_eq!(ten_digits(1e-30), "0");
        assert_eq!(ten_digits(0.0), "0");
    }
}
