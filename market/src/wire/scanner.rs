//! A pull scanner over JSON text: the caller says what it expects next. It accepts and refuses what `serde_json` does, without building values.
//!
//! The text is known to be UTF-8 before scanning, so strings are only looked through for quotes, escapes and control characters.

use std::borrow::Cow;

use super::{MAX_DEPTH, WireError};

/// A place in a JSON text.
#[derive(Clone, Debug)]
pub(crate) struct Scanner<'a> {
    /// The whole frame, so that offsets in errors are offsets in the frame.
    text: &'a str,
    /// The next byte to look at.
    at: usize,
}

/// A list or object whose elements are being pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Nothing pulled yet: no comma is due.
    First,
    /// A comma or the end is due.
    Later,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The next byte's offset.
    #[inline]
    pub(crate) fn offset(&self) -> usize {
        self.at
    }

    /// Goes on elsewhere in the same text.
    pub(crate) fn jump(&mut self, offset: usize) {
        self.at = offset;
    }

    /// The rest of the text.
    #[inline]
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// Goes `count` bytes on, which the caller has looked at.
    #[inline]
    pub(crate) fn advance(&mut self, count: usize) {
        self.at += count;
    }

    #[inline]
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Passes white space; answers the byte after it.
    #[inline]
    pub(crate) fn peek(&mut self) -> Option<u8> {
        while let Some(byte) = self.byte() {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    /// Passes white space and the byte `wanted`, if that is what comes.
    #[inline]
    pub(crate) fn pass(&mut self, wanted: u8) -> bool {
        let there = self.peek() == Some(wanted);
        self.at += usize::from(there);
        there
    }

    /// Passes white space and the byte `wanted`.
    #[inline]
    pub(crate) fn expect(&mut self, wanted: u8, expected: &'static str) -> Result<(), WireError> {
        if self.pass(wanted) { Ok(()) } else { Err(self.syntax(expected)) }
    }

    #[cold]
    pub(crate) fn syntax(&self, expected: &'static str) -> WireError {
        WireError::Syntax { offset: self.at, expected }
    }

    /// Nothing but white space may follow.
    pub(crate) fn finish(&mut self) -> Result<(), WireError> {
        if self.peek().is_none() { Ok(()) } else { Err(self.syntax("the end of the frame")) }
    }

    /// The next key of an object whose `{` was passed, or `None` when `}` was.
    #[inline]
    pub(crate) fn key(&mut self, place: &mut Place) -> Result<Option<Cow<'a, str>>, WireError> {
        if *place == Place::First {
            *place = Place::Later;
            if self.pass(b'}') {
                return Ok(None);
            }
        } else if !self.pass(b',') {
            self.expect(b'}', "`,` or `}`")?;
            return Ok(None);
        }
        if self.peek() != Some(b'"') {
            return Err(self.syntax("a key in quotes"));
        }
        let key = self.string()?;
        self.expect(b':', "`:`")?;
        Ok(Some(key))
    }

    /// Whether a list whose `[` was passed has another element; passes `,` or `]`.
    #[inline]
    pub(crate) fn element(&mut self, place: &mut Place) -> Result<bool, WireError> {
        if *place == Place::First {
            *place = Place::Later;
            return Ok(!self.pass(b']'));
        }
        if self.pass(b',') {
            return Ok(true);
        }
        self.expect(b']', "`,` or `]`")?;
        Ok(false)
    }

    /// A string; borrowed when it has no escapes.
    #[inline]
    pub(crate) fn string(&mut self) -> Result<Cow<'a, str>, WireError> {
        self.expect(b'"', "a string")?;
        let start = self.at;
        let escaped = self.pass_string_body()?;
        // Quotes and escapes are ASCII, so both ends are on character boundaries.
        let raw = self.text.get(start..self.at - 1).unwrap_or_default();
        if escaped { self.unescape(start, raw).map(Cow::Owned) } else { Ok(Cow::Borrowed(raw)) }
    }

    /// From behind the opening quote to behind the closing one; answers whether there were escapes.
    #[inline]
    fn pass_string_body(&mut self) -> Result<bool, WireError> {
        let mut escaped = false;
        loop {
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(escaped);
                }
                Some(b'\\') => {
                    escaped = true;
                    self.pass_escape()?;
                }
                Some(0..=0x1f) => return Err(self.syntax("no control character in a string")),
                Some(_) => self.at += 1,
                None => return Err(self.syntax("`\"` at the end of the string")),
            }
        }
    }

    fn pass_escape(&mut self) -> Result<(), WireError> {
        match self.rest().get(1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') if self.rest().get(2..6).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) => self.at += 6,
            _ => return Err(self.syntax("an escape that JSON has")),
        }
        Ok(())
    }

    /// Decodes a string body whose escapes were checked. Half a surrogate pair is refused.
    #[cold]
    fn unescape(&self, start: usize, raw: &str) -> Result<String, WireError> {
        let mut decoded = String::with_capacity(raw.len());
        let mut rest = raw;
        while let Some(at) = rest.find('\\') {
            decoded.push_str(&rest[..at]);
            rest = &rest[at..];
            let (character, length) =
                unescaped(rest).ok_or(WireError::Syntax { offset: start + raw.len() - rest.len(), expected: "a whole surrogate pair" })?;
            decoded.push(character);
            rest = &rest[length..];
        }
        decoded.push_str(rest);
        Ok(decoded)
    }

    /// A whole number, bare or in quotes.
    #[inline]
    pub(crate) fn integer(&mut self, key: &'static str) -> Result<i64, WireError> {
        let quoted = self.pass(b'"');
        let offset = self.at;
        let wrong = WireError::Value { offset, key, expected: "a whole number of 64 bits" };
        let negative = self.byte() == Some(b'-');
        self.at += usize::from(negative);
        let first = self.at;
        let mut value: i64 = 0;
        while let Some(digit) = self.byte().map(|byte| byte.wrapping_sub(b'0')).filter(|&digit| digit <= 9) {
            // Counted downwards, because the range is one larger there.
            let Some(next) = value.checked_mul(10).and_then(|value| value.checked_sub(i64::from(digit))) else { return Err(wrong) };
            value = next;
            self.at += 1;
        }
        let digits = self.at - first;
        if digits == 0 || (digits > 1 && self.text.as_bytes()[first] == b'0') || matches!(self.byte(), Some(b'.' | b'e' | b'E')) {
            return Err(wrong);
        }
        if quoted {
            if self.byte() != Some(b'"') {
                return Err(wrong);
            }
            self.at += 1;
        }
        if negative { Ok(value) } else { value.checked_neg().ok_or(wrong) }
    }

    /// A whole number, bare or in quotes, or `null`.
    pub(crate) fn optional_integer(&mut self, key: &'static str) -> Result<Option<i64>, WireError> {
        if self.peek() == Some(b'n') {
            self.pass_literal(b"null")?;
            return Ok(None);
        }
        self.integer(key).map(Some)
    }

    /// Passes any value.
    pub(crate) fn skip_value(&mut self) -> Result<(), WireError> {
        self.skip_nested(MAX_DEPTH)
    }

    fn skip_nested(&mut self, depth_left: usize) -> Result<(), WireError> {
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                self.pass_string_body().map(|_| ())
            }
            Some(b'{') => {
                let depth_left = self.deeper(depth_left)?;
                let mut place = Place::First;
                while self.key_skipped(&mut place)? {
                    self.skip_nested(depth_left)?;
                }
                Ok(())
            }
            Some(b'[') => {
                let depth_left = self.deeper(depth_left)?;
                let mut place = Place::First;
                while self.element(&mut place)? {
                    self.skip_nested(depth_left)?;
                }
                Ok(())
            }
            Some(b't') => self.pass_literal(b"true"),
            Some(b'f') => self.pass_literal(b"false"),
            Some(b'n') => self.pass_literal(b"null"),
            Some(b'-' | b'0'..=b'9') => self.pass_number(),
            _ => Err(self.syntax("a value")),
        }
    }

    /// Like [`Scanner::key`], for keys nobody reads.
    fn key_skipped(&mut self, place: &mut Place) -> Result<bool, WireError> {
        if *place == Place::First {
            *place = Place::Later;
            if self.pass(b'}') {
                return Ok(false);
            }
        } else if !self.pass(b',') {
            self.expect(b'}', "`,` or `}`")?;
            return Ok(false);
        }
        self.expect(b'"', "a key in quotes")?;
        self.pass_string_body()?;
        self.expect(b':', "`:`")?;
        Ok(true)
    }

    fn deeper(&mut self, depth_left: usize) -> Result<usize, WireError> {
        let left = depth_left.checked_sub(1).ok_or(WireError::TooDeep { offset: self.at })?;
        self.at += 1;
        Ok(left)
    }

    fn pass_literal(&mut self, literal: &'static [u8]) -> Result<(), WireError> {
        if !self.rest().starts_with(literal) {
            return Err(self.syntax("`true`, `false` or `null`"));
        }
        self.at += literal.len();
        Ok(())
    }

    fn pass_number(&mut self) -> Result<(), WireError> {
        self.at += usize::from(self.byte() == Some(b'-'));
        if self.byte() == Some(b'0') {
            self.at += 1;
            if self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
                return Err(self.syntax("no digit after a leading zero"));
            }
        } else {
            self.pass_digits()?;
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.pass_digits()?;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.byte(), Some(b'+' | b'-')));
            self.pass_digits()?;
        }
        Ok(())
    }

    fn pass_digits(&mut self) -> Result<(), WireError> {
        let start = self.at;
        while self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { Err(self.syntax("a digit")) } else { Ok(()) }
    }
}

/// The character that the escape at the start of `text` stands for, and the escape's length.
fn unescaped(text: &str) -> Option<(char, usize)> {
    let unit = |at: usize| u16::from_str_radix(text.get(at..at + 4)?, 16).ok();
    let character = match text.as_bytes().get(1)? {
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let first = unit(2)?;
            if let Some(character) = char::from_u32(u32::from(first)) {
                return Some((character, 6));
            }
            if text.get(6..8) != Some("\\u") {
                return None;
            }
            let pair = char::decode_utf16([first, unit(8)?]).next()?.ok()?;
            return Some((pair, 12));
        }
        &other => char::from(other),
    };
    Some((character, 2))
}
