//! A price or a size as the exchange wrote it: the digits are kept, never a rounded float, so that checksums over the text and
//! prints of it are exact.

use std::fmt;

use thiserror::Error;

/// Most digits after the point. 10^19 is the largest power of ten that fits 64 bits.
pub const MAX_SCALE: u8 = 19;

/// Longest text of a [`Decimal`]: 20 digits and a point.
pub(crate) const MAX_TEXT: usize = 21;

/// Longest part of a refused text that an error repeats, in characters.
const SHOWN_TEXT: usize = 48;

/// 10^0 ..= 10^19.
pub(crate) const POWERS: [u64; 20] = {
    let mut powers = [1u64; 20];
    let mut at = 1;
    while at < 20 {
        powers[at] = powers[at - 1] * 10;
        at += 1;
    }
    powers
};

/// 10^0 ..= 10^19 as floats, each exact (10^22 is the last power of ten that a double holds exactly).
const FLOAT_POWERS: [f64; 20] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19];

/// A non-negative decimal number: `mantissa / 10^scale`, where `scale` is the number of digits written after the point, so that
/// `1.50` and `1.5` are equal in value but differ in text (and therefore under `==`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Decimal {
    mantissa: u64,
    scale: u8,
}

/// Why a text is not a [`Decimal`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{text}` is not a price or size: {problem}")]
pub struct DecimalError {
    /// The refused text, cut to 48 characters.
    pub text: String,
    /// What is wrong with it.
    pub problem: DecimalProblem,
}

/// The ways in which a text can fail to be a [`Decimal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecimalProblem {
    /// Anything but digits and one point: signs, exponents, `NaN`, spaces.
    #[error("only digits and one point are accepted")]
    NotDigits,
    /// `007` or `00.1`.
    #[error("a zero before other digits of the whole part")]
    LeadingZero,
    /// Empty, `.5` or `5.`.
    #[error("a digit is missing")]
    MissingDigit,
    /// More than 20 digits, more than 64 bits, or more than 19 digits after the point.
    #[error("more digits than fit (64 bits, at most 19 after the point)")]
    TooLong,
}

impl Decimal {
    /// Zero, written `0`.
    pub const ZERO: Self = Self { mantissa: 0, scale: 0 };

    /// Reads `digits[.digits]`: no sign, no exponent, no spaces.
    ///
    /// # Errors
    /// [`DecimalError`] names the text (cut to 48 characters) and what is wrong with it.
    pub fn parse(text: &[u8]) -> Result<Self, DecimalError> {
        match Self::scan(text) {
            Ok((value, end)) if end == text.len() => Ok(value),
            Ok(_) => Err(DecimalError::new(text, DecimalProblem::NotDigits)),
            Err(problem) => Err(DecimalError::new(text, problem)),
        }
    }

    /// A decimal of its parts; `None` when `scale` is over [`MAX_SCALE`].
    pub fn from_parts(mantissa: u64, scale: u8) -> Option<Self> {
        (scale <= MAX_SCALE).then_some(Self { mantissa, scale })
    }

    /// Reads the longest decimal at the start of `bytes`; answers it and its length. What follows is the caller's business.
    #[inline]
    pub(crate) fn scan(bytes: &[u8]) -> Result<(Self, usize), DecimalProblem> {
        // 19 digits always fit 64 bits, so up to there nothing is checked digit by digit; longer ones are read again below.
        let (mut mantissa, whole) = scan_digits(bytes, 0);
        if whole == 0 {
            let foreign = bytes.first().is_some_and(|&byte| byte != b'.');
            return Err(if foreign { DecimalProblem::NotDigits } else { DecimalProblem::MissingDigit });
        }
        if whole > 1 && bytes[0] == b'0' {
            return Err(DecimalProblem::LeadingZero);
        }
        let mut end = whole;
        let mut scale = 0;
        if bytes.get(whole) == Some(&b'.') {
            (mantissa, scale) = scan_digits(&bytes[whole + 1..], mantissa);
            if scale == 0 {
                return Err(DecimalProblem::MissingDigit);
            }
            end += 1 + scale;
        }
        if whole + scale > 19 {
            mantissa = checked_mantissa(&bytes[..end]).filter(|_| scale <= usize::from(MAX_SCALE)).ok_or(DecimalProblem::TooLong)?;
        }
        Ok((Self { mantissa, scale: scale as u8 }, end))
    }

    /// All digits as one whole number: `12.30` has 1230.
    #[inline]
    pub fn mantissa(self) -> u64 {
        self.mantissa
    }

    /// The number of digits after the point, at most [`MAX_SCALE`].
    #[inline]
    pub fn scale(self) -> u8 {
        self.scale
    }

    /// Whether the value is zero, however many digits it is written with.
    #[inline]
    pub fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    /// The nearest double (ties to even), the same bits as parsing the text.
    #[inline]
    pub fn to_f64(self) -> f64 {
        // Both operands are exact, and a division of exact doubles is correctly rounded (Clinger 1990, the fast path).
        if self.mantissa <= (1 << 53) {
            return self.mantissa as f64 / FLOAT_POWERS[usize::from(self.scale)];
        }
        self.to_f64_by_text()
    }

    #[cold]
    fn to_f64_by_text(self) -> f64 {
        // The text is digits and a point, so parsing can't fail; the alternative is only there to have no panic.
        self.to_string().parse().unwrap_or(self.mantissa as f64 / FLOAT_POWERS[usize::from(self.scale)])
    }

    /// Writes the text into `buffer` from its end; answers where it starts.
    /// Appends the text as sent, byte for byte; faster than by [`fmt::Display`].
    pub fn append_to(self, text: &mut String) {
        let mut buffer = [0; MAX_TEXT];
        let start = self.write_text(&mut buffer);
        // Digits and a point are ASCII, so this can't be refused.
        text.push_str(std::str::from_utf8(&buffer[start..]).unwrap_or_default());
    }

    pub(crate) fn write_text(self, buffer: &mut [u8; MAX_TEXT]) -> usize {
        let mut rest = self.mantissa;
        let mut at = MAX_TEXT;
        let mut after_point = self.scale;
        if after_point > 0 {
            while after_point > 0 {
                at -= 1;
                buffer[at] = b'0' + (rest % 10) as u8;
                rest /= 10;
                after_point -= 1;
            }
            at -= 1;
            buffer[at] = b'.';
        }
        loop {
            at -= 1;
            buffer[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                return at;
            }
        }
    }
}

/// Digits at the start of `bytes` appended to `mantissa`, and how many they are. Wraps beyond 19 digits: the caller reads again.
#[inline]
fn scan_digits(bytes: &[u8], mut mantissa: u64) -> (u64, usize) {
    let mut count = 0;
    for &byte in bytes {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
        count += 1;
    }
    (mantissa, count)
}

#[cold]
fn checked_mantissa(text: &[u8]) -> Option<u64> {
    let digits = || text.iter().filter(|&&byte| byte != b'.');
    if digits().count() > 20 {
        return None;
    }
    digits().try_fold(0u64, |sum, &byte| sum.checked_mul(10)?.checked_add(u64::from(byte - b'0')))
}

impl DecimalError {
    fn new(text: &[u8], problem: DecimalProblem) -> Self {
        let shown = &text[..text.len().min(SHOWN_TEXT)];
        let mut text_shown = String::from_utf8_lossy(shown).into_owned();
        if shown.len() < text.len() {
            text_shown.push('…');
        }
        Self { text: text_shown, problem }
    }
}

impl fmt::Display for Decimal {
    /// The text as sent, byte for byte.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut buffer = [0; MAX_TEXT];
        let start = self.write_text(&mut buffer);
        // Digits and a point are ASCII, so this can't be refused.
        formatter.pad(std::str::from_utf8(&buffer[start..]).unwrap_or_default())
    }
}

impl std::str::FromStr for Decimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        Self::parse(text.as_bytes())
    }
}
