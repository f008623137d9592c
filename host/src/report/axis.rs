//! Ticks that people would choose, and how numbers and times are written.

use std::time::{Duration, SystemTime};

/// What an axis measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Plain numbers.
    Number,
    /// Milliseconds since 1970, written as UTC.
    Time,
    /// Numbers above 0, a factor of ten as long as every other.
    Log,
}

/// A range of values on a range of pixels.
#[derive(Clone, Copy, Debug)]
pub struct Axis {
    scale: Scale,
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    /// `low..=high` on the pixels `from..=to`; where both values are equal, they lie in the middle.
    #[must_use]
    pub fn new(scale: Scale, low: f64, high: f64, from: f64, to: f64) -> Self {
        let (low, high) = match scale {
            Scale::Log => (low.max(f64::MIN_POSITIVE), high.max(f64::MIN_POSITIVE)),
            Scale::Number | Scale::Time => (low, high),
        };
        if high > low {
            return Self { scale, low, high, from, to };
        }
        match scale {
            Scale::Log => Self { scale, low: low / 2.0, high: low * 2.0, from, to },
            Scale::Time => Self { scale, low: low - 500.0, high: low + 500.0, from, to },
            Scale::Number => {
                let room = if low == 0.0 { 1.0 } else { low.abs() * 0.05 };
                Self { scale, low: low - room, high: low + room, from, to }
            }
        }
    }

    /// The pixel of a value; values outside lie on the edge.
    #[must_use]
    pub fn at(&self, value: f64) -> f64 {
        let share = match self.scale {
            Scale::Log => (value.max(f64::MIN_POSITIVE).ln() - self.low.ln()) / (self.high.ln() - self.low.ln()),
            Scale::Number | Scale::Time => (value - self.low) / (self.high - self.low),
        };
        self.from + share.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// About `count` ticks with their labels.
    #[must_use]
    pub fn ticks(&self, count: usize) -> Vec<(f64, String)> {
        match self.scale {
            Scale::Number => self.number_ticks(count),
            Scale::Time => self.time_ticks(count),
            Scale::Log => self.log_ticks(),
        }
    }

    /// Steps of 1, 2 or 5 times a power of ten.
    fn number_ticks(&self, count: usize) -> Vec<(f64, String)> {
        let rough = (self.high - self.low) / count.max(1) as f64;
        let power = 10_f64.powf(rough.log10().floor());
        let step = power * [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * power >= rough).unwrap_or(10.0);
        if !step.is_normal() {
            return Vec::new();
        }
        let decimals = (-step.log10().floor()).clamp(0.0, 12.0) as usize;
        let largest = self.low.abs().max(self.high.abs());
        let first = (self.low / step).ceil();
        (0..=count * 3)
            .map(|n| (first + n as f64) * step)
            .take_while(|&value| value <= self.high + step * 1e-6)
            // -0 is 0.
            .map(|value| (value, if largest >= 1e5 { short(value + 0.0) } else { format!("{:.decimals$}", value + 0.0) }))
            .collect()
    }

    /// Whole seconds, minutes, hours or days.
    fn time_ticks(&self, count: usize) -> Vec<(f64, String)> {
        const STEPS_S: [u64; 19] = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400, 172_800];
        let rough = (self.high - self.low) / 1000.0 / count.max(1) as f64;
        let step = STEPS_S.into_iter().find(|&step| step as f64 >= rough);
        let step = step.unwrap_or_else(|| 86_400 * (rough / 86_400.0).ceil() as u64) as f64 * 1000.0;
        let first = (self.low / step).ceil();
        (0..=count * 3)
            .map(|n| (first + n as f64) * step)
            .take_while(|&time| time <= self.high)
            .map(|time| {
                let text = utc(time);
                let (day, clock) = text.split_once(' ').unwrap_or((&text, ""));
                let label = match step {
                    day_or_more if day_or_more >= 86_400_000.0 => day.to_owned(),
                    minutes if minutes >= 60_000.0 => clock.get(..5).unwrap_or(clock).to_owned(),
                    _ => clock.get(..8).unwrap_or(clock).to_owned(),
                };
                (time, label)
            })
            .collect()
    }

    fn log_ticks(&self) -> Vec<(f64, String)> {
        let (first, last) = (self.low.log10().floor() as i32, self.high.log10().ceil() as i32);
        let wide = last - first > 4;
        let factors: &[f64] = if wide { &[1.0] } else { &[1.0, 2.0, 5.0] };
        (first..=last)
            .flat_map(|power| factors.iter().map(move |factor| factor * 10_f64.powi(power)))
            .filter(|&value| value >= self.low * (1.0 - 1e-9) && value <= self.high * (1.0 + 1e-9))
            .take(40)
            .map(|value| (value, short(value)))
            .collect()
    }
}

/// A number in few characters: four digits, and k, M, G or T behind large ones.
#[must_use]
pub fn short(value: f64) -> String {
    let magnitude = value.abs();
    let (scaled, suffix) = match magnitude {
        m if m >= 1e15 => return format!("{value:.2e}"),
        m if m >= 1e12 => (value / 1e12, "T"),
        m if m >= 1e9 => (value / 1e9, "G"),
        m if m >= 1e6 => (value / 1e6, "M"),
        m if m >= 1e4 => (value / 1e3, "k"),
        0.0 => return "0".to_owned(),
        m if m < 1e-6 => return format!("{value:.2e}"),
        _ => (value, ""),
    };
    let decimals = (3.0 - scaled.abs().log10().floor()).clamp(0.0, 9.0) as usize;
    let text = format!("{scaled:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{suffix}")
}

/// Milliseconds since 1970 as `2026-11-25 17:30:00.123`, UTC.
#[must_use]
pub fn utc(time_ms: f64) -> String {
    // The library writes the years up to 9999.
    const LAST_MS: f64 = 253_402_300_799_000.0;
    let since = Duration::from_millis(time_ms.clamp(0.0, LAST_MS) as u64);
    let text = humantime::format_rfc3339_millis(SystemTime::UNIX_EPOCH + since).to_string();
    text.replace('T', " ").trim_end_matches('Z').to_owned()
}

/// A length of time in two units at most: `1 h 5 min`, `3 min 20 s`, `12.5 s`, `80 ms`.
#[must_use]
pub fn lasting(ms: f64) -> String {
    let seconds = ms / 1000.0;
    match seconds {
        s if s < 1.0 => format!("{ms:.0} ms"),
        s if s < 60.0 => format!("{} s", short((s * 10.0).round() / 10.0)),
        s if s < 3600.0 => two(s, 60.0, "min", "s"),
        s if s < 86_400.0 => two(s / 60.0, 60.0, "h", "min"),
        s => two(s / 3600.0, 24.0, "d", "h"),
    }
}

fn two(value: f64, base: f64, large: &str, small: &str) -> String {
    let whole = value.round();
    let (first, second) = ((whole / base).floor(), whole % base);
    if second == 0.0 { format!("{first} {large}") } else { format!("{first} {large} {second} {small}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(scale: Scale, low: f64, high: f64, count: usize) -> Vec<String> {
        Axis::new(scale, low, high, 0.0, 100.0).ticks(count).into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_are_round_numbers_with_the_digits_that_tell_them_apart() {
        assert_eq!(labels(Scale::Number, 0.0, 100.0, 4), ["0", "50", "100"]);
        assert_eq!(labels(Scale::Number, -0.013, 0.022, 4), ["-0.01", "0.00", "0.01", "0.02"]);
        assert_eq!(labels(Scale::Number, 64_000.0, 64_050.0, 5), ["64000", "64010", "64020", "64030", "64040", "64050"]);
        assert_eq!(labels(Scale::Log, 1.0, 1000.0, 4).first().map(String::as_str), Some("1"));
    }

    #[test]
    fn times_are_utc_and_as_fine_as_the_steps_between_them() {
        let start = 1_800_000_000_000.0;
        assert_eq!(utc(start), "2027-01-15 08:00:00.000");
        assert_eq!(labels(Scale::Time, start, start + 20_000.0, 4), ["08:00:00", "08:00:05", "08:00:10", "08:00:15", "08:00:20"]);
        assert_eq!(labels(Scale::Time, start, start + 7.2e6, 4), ["08:00", "08:30", "09:00", "09:30", "10:00"]);
        assert_eq!(labels(Scale::Time, start, start + 4.0 * 8.64e7, 4), ["2027-01-16", "2027-01-17", "2027-01-18", "2027-01-19"]);
    }

    #[test]
    fn numbers_and_lengths_of_time_are_short() {
        assert_eq!([0.0, 1.0, 0.123_456, -1234.5, 12_345.0, 3.2e9].map(short), ["0", "1", "0.1235", "-1234", "12.35k", "3.2G"]);
        assert_eq!([80.0, 12_500.0, 200_000.0, 3_900_000.0].map(lasting), ["80 ms", "12.5 s", "3 min 20 s", "1 h 5 min"]);
    }

    proptest! {
        #[test]
        fn any_range_has_finite_pixels_and_bounded_ticks(low in -1e18..1e18_f64, width in 0.0..1e18_f64, value in -1e19..1e19_f64) {
            for scale in [Scale::Number, Scale::Time, Scale::Log] {
                let axis = Axis::new(scale, low, low + width, 10.0, 90.0);
                let pixel = axis.at(value);
                prop_assert!((10.0..=90.0).contains(&pixel), "{pixel}");
                prop_assert!(axis.ticks(5).len() <= 40);
            }
        }
    }
}
