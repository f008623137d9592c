//! ISO 8601 times, as v3 and the design document's frames carry them, to milliseconds since 1970.

/// Reads `YYYY-MM-DDThh:mm:ss[.fraction]Z` (UTC only); digits beyond milliseconds are cut. `None` when it is not a time from 1970 on.
pub(crate) fn milliseconds(text: &[u8]) -> Option<u64> {
    let (whole, rest) = text.split_at_checked(19)?;
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if separators.iter().any(|&(at, byte)| whole[at] != byte) {
        return None;
    }
    let (year, month, day) = (number(&whole[..4])?, number(&whole[5..7])?, number(&whole[8..10])?);
    let (hour, minute, second) = (number(&whole[11..13])?, number(&whole[14..16])?, number(&whole[17..19])?);
    // A leap second (60) is taken as the first moment of the next minute.
    if year < 1970 || !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let fraction = rest.strip_suffix(b"Z")?;
    let thousandths = match fraction.split_first() {
        None => 0,
        Some((b'.', digits)) if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) => {
            (0..3).fold(0, |sum, at| sum * 10 + digits.get(at).map_or(0, |digit| u64::from(digit - b'0')))
        }
        Some(_) => return None,
    };
    let seconds = ((days_since_1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    Some(seconds * 1000 + thousandths)
}

fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u64::from(byte - b'0')))
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in(year: u64, month: u64) -> u64 {
    match month {
        2 => 28 + u64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn days_since_1970(year: u64, month: u64, day: u64) -> u64 {
    let before = year - 1;
    let leap_days = (before / 4 - before / 100 + before / 400) - (1969 / 4 - 1969 / 100 + 1969 / 400);
    let months: u64 = (1..month).map(|month| days_in(year, month)).sum();
    (year - 1970) * 365 + leap_days + months + day - 1
}

#[cfg(test)]
mod tests {
    use super::milliseconds;

    #[test]
    fn known_times_are_read() {
        assert_eq!(milliseconds(b"1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(milliseconds(b"2021-04-17T14:03:45.965Z"), Some(1_618_668_225_965));
        assert_eq!(milliseconds(b"2025-01-01T00:00:00.100Z"), Some(1_735_689_600_100));
        assert_eq!(milliseconds(b"2024-02-29T23:59:59.9Z"), Some(1_709_251_199_900));
        assert_eq!(milliseconds(b"2000-03-01T00:00:00.1234567Z"), Some(951_868_800_123));
    }

    #[test]
    fn what_is_not_a_utc_time_is_refused() {
        for text in [
            "",
            "Z",
            "2023-02-29T00:00:00Z",
            "2021-13-01T00:00:00Z",
            "2021-00-01T00:00:00Z",
            "2021-01-00T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "2021-04-17T24:00:00Z",
            "2021-04-17T14:03:45",
            "2021-04-17T14:03:45.Z",
            "2021-04-17T14:03:45.9a5Z",
            "2021-04-17 14:03:45Z",
            "2021-04-17T14:03:45+08:00",
            "+021-04-17T14:03:45Z",
            "2021-04-17T14:03:45é",
        ] {
            assert_eq!(milliseconds(text.as_bytes()), None, "{text}");
        }
    }
}
