//! Prices on the tick grid and numbers with bounded digits, as values and as JSON text: never 30199.600000000002.

use crate::math;

/// Significant digits of every number that isn't a price.
pub const SIGNIFICANT_DIGITS: usize = 10;

/// From each of these on, one digit fewer is left after the point: 14 below the first, none from the last on.
const LIMITS: [f64; SIGNIFICANT_DIGITS + 4] = [1e-4, 1e-3, 1e-2, 1e-1, 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

/// Powers of ten that f64 holds exactly: a whole number divided by one of them is the f64 nearest to that decimal.
const POWERS: [f64; 23] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22];

/// Whole numbers below this are exact in f64.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The prices an instrument can have: whole multiples of its tick size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TickGrid {
    tick: f64,
    /// The tick as a whole number of `10^-decimals`; 0 when the tick isn't such a number (then `tick` is used as it is).
    units: f64,
    decimals: usize,
}

impl TickGrid {
    /// The grid of a tick size; see [`crate::depth::check_instrument`].
    #[must_use]
    pub fn new(tick: f64) -> Self {
        for (decimals, power) in POWERS.iter().enumerate().take(16) {
            let units = math::nearest(tick * power);
            if (1.0..EXACT).contains(&units) && (units / power).to_bits() == tick.to_bits() {
                return Self { tick, units, decimals };
            }
        }
        Self { tick, units: 0.0, decimals: 15 }
    }

    /// The multiple of the tick nearest to `price`, as the f64 nearest to its decimal.
    #[must_use]
    pub fn snap(&self, price: f64) -> f64 {
        let ticks = math::nearest(price / self.tick);
        let units = ticks * self.units;
        if units > 0.0 && units < EXACT { units / POWERS[self.decimals] } else { ticks * self.tick }
    }

    /// Appends a price as a JSON number, rounded to the grid.
    pub fn write(&self, out: &mut String, price: f64) {
        let snapped = self.snap(price);
        let units = math::nearest(snapped * POWERS[self.decimals]);
        if self.units > 0.0 && (0.0..EXACT).contains(&units) {
            write_decimal(out, units as u64, self.decimals);
        } else {
            write(out, snapped);
        }
    }
}

/// `value` with at most 10 significant digits: the f64 nearest to that decimal, so that any shortest printer shows no more. NaN and infinities stay.
#[must_use]
pub fn round(value: f64) -> f64 {
    match decimals_of(value.abs()) {
        // By magnitude, so that a number and its negative round alike.
        Some(decimals) => (math::nearest(value.abs() * POWERS[decimals]) / POWERS[decimals]).copysign(value),
        None if value == 0.0 || !value.is_finite() => value,
        // Very large or very small: rare, and the decimal printer knows how.
        None => format!("{value:.9e}").parse().unwrap_or(value),
    }
}

/// Appends a JSON number with at most 10 significant digits; `null` when it isn't finite.
pub fn write(out: &mut String, value: f64) {
    let whole = value as i64;
    if whole as f64 == value && whole.unsigned_abs() < 10_u64.pow(10) {
        // Counts and round numbers: no zeros to strip.
        if whole < 0 {
            out.push('-');
        }
        write_decimal(out, whole.unsigned_abs(), 0);
        return;
    }
    match decimals_of(value.abs()) {
        Some(decimals) => {
            let units = math::nearest(value.abs() * POWERS[decimals]);
            if value < 0.0 && units > 0.0 {
                out.push('-');
            }
            write_decimal(out, units as u64, decimals);
        }
        None if (1e10..1e15).contains(&value.abs()) => {
            if value < 0.0 {
                out.push('-');
            }
            write_decimal(out, round(value).abs() as u64, 0);
        }
        None if value.is_finite() => out.push_str(&format!("{:e}", round(value))),
        None => out.push_str("null"),
    }
}

/// Appends a JSON number with at most `decimals` (15 at most) digits after the point and 10 significant ones; `null` when it isn't finite.
/// Cheaper to read than ten digits where a unit has a natural grain: 0.01 bps, 0.1 s.
pub fn write_fixed(out: &mut String, value: f64, decimals: usize) {
    match decimals_of(value.abs()) {
        Some(significant) => {
            let decimals = decimals.min(significant);
            let units = math::nearest(value.abs() * POWERS[decimals]);
            if value < 0.0 && units > 0.0 {
                out.push('-');
            }
            write_decimal(out, units as u64, decimals);
        }
        // Below the grain: 10^-5 is the smallest that `decimals_of` knows.
        None if value.abs() < 1.0 => out.push('0'),
        None => write(out, value),
    }
}

/// Digits after the point that leave 10 significant ones; none outside [10^-5, 10^10).
fn decimals_of(magnitude: f64) -> Option<usize> {
    if !(1e-5..1e10).contains(&magnitude) {
        return None;
    }
    // Counted without branches: this is called for every number of every reading.
    let reached = LIMITS.iter().map(|&limit| usize::from(magnitude >= limit)).sum::<usize>();
    Some(LIMITS.len() - reached)
}

/// Appends `units · 10^-decimals` without trailing zeros.
fn write_decimal(out: &mut String, units: u64, decimals: usize) {
    let (mut units, mut decimals) = (units, decimals);
    while decimals > 0 && units % 10 == 0 {
        units /= 10;
        decimals -= 1;
    }
    // 20 digits of u64, a point, and zeros in front up to 22 decimals.
    let mut text = [b'0'; 48];
    let mut at = text.len();
    let mut written = 0;
    while units > 0 || written <= decimals {
        if written == decimals && decimals > 0 {
            at -= 1;
            text[at] = b'.';
        }
        at -= 1;
        text[at] = b'0' + (units % 10) as u8;
        units /= 10;
        written += 1;
    }
    out.push_str(str::from_utf8(&text[at..]).unwrap_or("0"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(value: f64) -> String {
        let mut out = String::new();
        write(&mut out, value);
        out
    }

    #[test]
    fn known_numbers_are_written_as_a_person_would() {
        for (value, expected) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (-1.5, "-1.5"),
            (0.1 + 0.2, "0.3"),
            (30199.600000000002, "30199.6"),
            (1e10, "10000000000"),
            (123456789.123456, "123456789.1"),
            (0.00001, "0.00001"),
            (1.0 / 3.0, "0.3333333333"),
            (2e-7, "2e-7"),
            (1e20, "1e20"),
            (f64::NAN, "null"),
            (f64::INFINITY, "null"),
            (100.0, "100"),
            (0.05, "0.05"),
        ] {
            assert_eq!(text(value), expected);
        }
    }

    #[test]
    fn prices_stand_on_the_grid() {
        for (tick, price, expected) in [
            (0.1, 30199.634, "30199.6"),
            (0.1, 30199.65, "30199.7"),
            (0.01, 7.004999, "7"),
            (0.5, 100.26, "100.5"),
            (2.5, 101.2, "100"),
            (0.00000001, 0.000000123, "0.00000012"),
            (1.0, 78722.3, "78722"),
            (0.025, 1.03, "1.025"),
            (100.0, 1249.0, "1200"),
        ] {
            let grid = TickGrid::new(tick);
            let mut out = String::new();
            grid.write(&mut out, price);
            assert_eq!(out, expected, "tick {tick}");
            assert_eq!(grid.snap(price), expected.parse::<f64>().unwrap_or(f64::NAN), "tick {tick}");
        }
    }

    proptest! {
        #[test]
        fn every_number_reads_back_within_ten_digits(mantissa in -9.99..9.99f64, exponent in -12i32..20) {
            let value = mantissa * 10f64.powi(exponent);
            let read: f64 = text(value).parse().unwrap_or(f64::NAN);
            prop_assert!((read - value).abs() <= 1e-9 * value.abs(), "{} for {}", text(value), value);
            prop_assert_eq!(read, round(value));
            let digits = text(value).split('e').next().unwrap_or("").trim_matches(['-', '0', '.']).chars().filter(char::is_ascii_digit).count();
            prop_assert!(digits <= 10, "{}", text(value));
        }

        /// The value of a price field printed by the shortest printer is the same text as in JSON.
        #[test]
        fn a_snapped_price_prints_without_stray_digits(ticks in 1u32..1_000_000, decimals in 0usize..9, off in -0.49..0.49f64) {
            let tick = 1.0 / POWERS[decimals];
            let grid = TickGrid::new(tick);
            let price = (f64::from(ticks) + off) * tick;
            let mut out = String::new();
            grid.write(&mut out, price);
            prop_assert_eq!(grid.snap(price).to_string(), out);
        }
    }
}
