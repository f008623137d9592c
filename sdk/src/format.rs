//! Prices on the tick grid and numbers with bounded digits, as values and as JSON text: never 30199.600000000002.
//!
//! A list of a hundred numbers is written with every book, so digits are made eight at a time, without a loop that the host would have to interrupt.

use crate::math;

/// Significant digits of every number that isn't a price.
pub const SIGNIFICANT_DIGITS: usize = 10;

/// From each of these on, one digit fewer is left after the point: 14 below the first, none from the last finite one on.
const LIMITS: [f64; 16] = [1e-4, 1e-3, 1e-2, 1e-1, 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, f64::INFINITY, f64::INFINITY];

/// How many of the limits the smallest number of each power of two reaches; by the last six bits of the exponent, which tell all from 10^-5 to 10^10 apart.
const REACHED: [u8; 64] = {
    let mut reached = [0; 64];
    // 2^-17 to 2^33.
    let mut exponent: u64 = 1023 - 17;
    while exponent <= 1023 + 33 {
        let smallest = f64::from_bits(exponent << 52);
        let mut count = 0;
        while LIMITS[count] <= smallest {
            count += 1;
        }
        reached[exponent as usize % 64] = count as u8;
        exponent += 1;
    }
    reached
};

/// Powers of ten that f64 holds exactly: a whole number divided by one of them is the f64 nearest to that decimal.
const POWERS: [f64; 23] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22];

/// 2^52: from here on f64 has no fraction.
const WHOLE: f64 = 4_503_599_627_370_496.0;

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
        put_price(out, self, price);
    }
}

/// JSON text in the making: what is constant, and numbers.
///
/// ```
/// use leadline_plugin::format::Text;
///
/// let mut text = Text::with_capacity(64);
/// text.push("{\"share\":");
/// text.number(0.1 + 0.2);
/// text.push("}");
/// assert_eq!(text.finish(), "{\"share\":0.3}");
/// ```
#[derive(Debug, Default)]
pub struct Text {
    /// Texts and ASCII digits only: read as a text once, in [`Text::finish`], not for each number.
    bytes: Vec<u8>,
}

impl Text {
    /// With room for so many bytes.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes) }
    }

    /// Appends a text as it is.
    #[inline]
    pub fn push(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// Appends a JSON number as [`write`] does.
    pub fn number(&mut self, value: f64) {
        put(self, value);
    }

    /// Appends a JSON number as [`write_fixed`] does.
    pub fn fixed(&mut self, value: f64, decimals: usize) {
        put_fixed(self, value, decimals);
    }

    /// Appends a price as [`TickGrid::write`] does.
    pub fn price(&mut self, grid: &TickGrid, price: f64) {
        put_price(self, grid, price);
    }

    /// The text.
    #[must_use]
    pub fn finish(self) -> String {
        String::from_utf8(self.bytes).unwrap_or_default()
    }
}

/// What numbers are written to.
trait Sink {
    fn text(&mut self, text: &str);
    /// Appends `digits[from..to]`, ASCII, at most 16 of them, `from` at most 16.
    fn digits(&mut self, digits: &[u8; 32], from: usize, to: usize);
}

impl Sink for String {
    fn text(&mut self, text: &str) {
        self.push_str(text);
    }

    fn digits(&mut self, digits: &[u8; 32], from: usize, to: usize) {
        self.push_str(str::from_utf8(&digits[from..to]).unwrap_or("0"));
    }
}

impl Sink for Text {
    #[inline(always)]
    fn text(&mut self, text: &str) {
        self.push(text);
    }

    #[inline(always)]
    fn digits(&mut self, digits: &[u8; 32], from: usize, to: usize) {
        // Always 16, which are two stores, and then what is too many is dropped: a copy of any other length is a call.
        if let Some(sixteen) = digits[from..].first_chunk::<16>() {
            let length = self.bytes.len() + to - from;
            self.bytes.extend_from_slice(sixteen);
            self.bytes.truncate(length);
        }
    }
}

/// A whole number below 2^52, not negative, as an integer: its bits, where a conversion would have to look for NaN and for what is too large first.
#[inline(always)]
fn integer(whole: f64) -> u64 {
    (whole + WHOLE).to_bits() & (WHOLE as u64 - 1)
}

fn put_price(out: &mut impl Sink, grid: &TickGrid, price: f64) {
    let snapped = grid.snap(price);
    let units = math::nearest(snapped * POWERS[grid.decimals]);
    if grid.units > 0.0 && (0.0..WHOLE).contains(&units) {
        put_decimal(out, integer(units), grid.decimals);
    } else {
        put(out, snapped);
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
    put(out, value);
}

/// Appends a JSON number with at most `decimals` (15 at most) digits after the point and 10 significant ones; `null` when it isn't finite.
/// Cheaper to read than ten digits where a unit has a natural grain: 0.01 bps, 0.1 s.
pub fn write_fixed(out: &mut String, value: f64, decimals: usize) {
    put_fixed(out, value, decimals);
}

fn put(out: &mut impl Sink, value: f64) {
    let magnitude = value.abs();
    // Whatever is behind the point gets lost on the way up to 2^52 and back.
    if magnitude < 1e10 && (magnitude + WHOLE) - WHOLE == magnitude {
        // Counts and round numbers: no zeros to strip.
        if value < 0.0 {
            out.text("-");
        }
        put_decimal(out, integer(magnitude), 0);
        return;
    }
    match decimals_of(magnitude) {
        Some(decimals) => {
            let units = math::nearest(magnitude * POWERS[decimals]);
            if value < 0.0 && units > 0.0 {
                out.text("-");
            }
            put_decimal(out, integer(units), decimals);
        }
        None if (1e10..1e15).contains(&value.abs()) => {
            if value < 0.0 {
                out.text("-");
            }
            put_decimal(out, round(value).abs() as u64, 0);
        }
        None if value.is_finite() => out.text(&format!("{:e}", round(value))),
        None => out.text("null"),
    }
}

fn put_fixed(out: &mut impl Sink, value: f64, decimals: usize) {
    match decimals_of(value.abs()) {
        Some(significant) => {
            let decimals = decimals.min(significant);
            let units = math::nearest(value.abs() * POWERS[decimals]);
            if value < 0.0 && units > 0.0 {
                out.text("-");
            }
            put_decimal(out, integer(units), decimals);
        }
        // Below the grain: 10^-5 is the smallest that `decimals_of` knows.
        None if value.abs() < 1.0 => out.text("0"),
        None => put(out, value),
    }
}

/// Digits after the point that leave 10 significant ones; none outside [10^-5, 10^10).
fn decimals_of(magnitude: f64) -> Option<usize> {
    if !(1e-5..1e10).contains(&magnitude) {
        return None;
    }
    // Without branches: this is called for every number of every reading. Two powers of ten never lie within one of two.
    let least = usize::from(REACHED[(magnitude.to_bits() >> 52) as usize % 64]);
    let reached = least + usize::from(magnitude >= LIMITS[least % 16]);
    Some(SIGNIFICANT_DIGITS + 4 - reached)
}

/// Appends `units · 10^-decimals` without trailing zeros. `units` is below 10^16, `decimals` at most 15.
// In its callers: a call costs a plugin the checks for its budgets once more.
#[inline(always)]
fn put_decimal(out: &mut impl Sink, units: u64, decimals: usize) {
    if units == 0 {
        return out.text("0");
    }
    let (mut units, mut decimals) = (units, decimals);
    if decimals > 0 && units.is_multiple_of(10) {
        // 8, 4, 2, 1: at most 15 zeros, whatever their number.
        strip::<100_000_000>(&mut units, &mut decimals, 8);
        strip::<10_000>(&mut units, &mut decimals, 4);
        strip::<100>(&mut units, &mut decimals, 2);
        strip::<10>(&mut units, &mut decimals, 1);
    }
    let high = units / 100_000_000;
    let (high, low) = (eight_digits(high), eight_digits(units - high * 100_000_000));
    let leading = if high == 0 { 8 + low.trailing_zeros() / 8 } else { high.trailing_zeros() / 8 };
    let mut digits = [b'0'; 32];
    digits[..8].copy_from_slice(&(high | ASCII_ZEROS).to_le_bytes());
    digits[8..16].copy_from_slice(&(low | ASCII_ZEROS).to_le_bytes());
    // At least one digit stands before the point.
    let point = 16 - decimals.min(15);
    let from = (leading as usize).min(point - 1);
    out.digits(&digits, from, point);
    if decimals > 0 {
        out.text(".");
        out.digits(&digits, point, 16);
    }
}

/// Takes `zeros` zeros off the end, where that many are there.
#[inline(always)]
fn strip<const POWER: u64>(units: &mut u64, decimals: &mut usize, zeros: usize) {
    if *decimals >= zeros && units.is_multiple_of(POWER) {
        *units /= POWER;
        *decimals -= zeros;
    }
}

const ASCII_ZEROS: u64 = 0x3030_3030_3030_3030;

/// The eight digits of a number below 10^8, the first in the lowest byte: it is cut into fours, twos and ones, all parts at once. The multiplications
/// divide by 10 000, 100 and 10, exact for numbers of so few digits.
fn eight_digits(n: u64) -> u64 {
    let high = (n * 3_518_437_209) >> 45;
    let fours = high | (n - high * 10_000) << 32;
    let hundreds = ((fours * 10_486) >> 20) & 0x7f_0000_007f;
    let twos = hundreds | (fours - hundreds * 100) << 16;
    let tens = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | (twos - tens * 10) << 8
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

    #[test]
    fn each_magnitude_has_the_digits_that_leave_ten() {
        assert_eq!([9.99e-6, 1e10, f64::NAN].map(decimals_of), [None; 3]);
        for (limit, decimals) in LIMITS[..14].iter().zip((0..14).rev()) {
            let below = f64::from_bits(limit.to_bits() - 1);
            assert_eq!((decimals_of(below), decimals_of(*limit)), (Some(decimals + 1), Some(decimals)), "{limit}");
        }
        // And at each power of two.
        for exponent in -16..=33 {
            let value = 2f64.powi(exponent);
            for value in [value, f64::from_bits(value.to_bits() - 1)] {
                let reached = LIMITS.iter().filter(|&&limit| value >= limit).count();
                assert_eq!(decimals_of(value), Some(14 - reached), "{value}");
            }
        }
    }

    proptest! {
        /// Digits are those that the standard library writes.
        #[test]
        fn eight_digits_are_eight_digits(n in 0u64..100_000_000) {
            let digits = (eight_digits(n) | ASCII_ZEROS).to_le_bytes();
            let expected = format!("{n:08}");
            prop_assert_eq!(str::from_utf8(&digits).unwrap_or(""), expected.as_str());
        }

        /// Whole numbers of any length, cut at any place.
        #[test]
        fn a_decimal_is_what_the_standard_library_writes(units in 0u64..10_000_000_000_000_000, less in 0u32..16, decimals in 0usize..16) {
            let units = units / 10_u64.pow(less);
            let (mut string, mut text) = (String::new(), Text::default());
            put_decimal(&mut string, units, decimals);
            put_decimal(&mut text, units, decimals);
            let power = 10_u64.pow(decimals as u32);
            let plain = format!("{}.{:0decimals$}", units / power, units % power);
            let expected = if decimals == 0 { units.to_string() } else { plain.trim_end_matches('0').trim_end_matches('.').to_owned() };
            prop_assert_eq!(&string, &expected);
            prop_assert_eq!(text.finish(), expected);
        }

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
