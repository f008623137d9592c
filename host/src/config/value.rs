//! One setting's value, checked: a number in its range, one of some words, an address, a list. Each refusal names the setting and where it
//! was given.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::source::{ConfigError, Given, Sources};
use super::table::{self as t, Setting};

/// The refusal of a value, by the name and place of its setting.
pub(super) fn refused(setting: Setting, given: &Given, detail: impl Into<String>) -> ConfigError {
    ConfigError::Value {
        name: setting.name,
        place: given.place.clone(),
        value: if setting.secret { "the value".to_owned() } else { format!("`{}`", given.value.chars().take(80).collect::<String>()) },
        detail: detail.into(),
        help: setting.help,
    }
}

/// A text that may not be empty.
pub(super) fn filled(sources: &Sources, setting: Setting) -> Result<String, ConfigError> {
    let given = sources.get(&setting);
    if given.value.trim().is_empty() { Err(refused(setting, &given, "is empty")) } else { Ok(given.value) }
}

/// A whole number within a range.
pub(super) fn number(sources: &Sources, setting: Setting, range: RangeInclusive<u64>) -> Result<u64, ConfigError> {
    let given = sources.get(&setting);
    match given.value.trim().parse::<u64>() {
        Ok(number) if range.contains(&number) => Ok(number),
        Ok(_) => Err(refused(setting, &given, format!("is not between {} and {}", range.start(), range.end()))),
        Err(_) => Err(refused(setting, &given, "is no whole number")),
    }
}

/// The same as a size in memory.
pub(super) fn count(sources: &Sources, setting: Setting, range: RangeInclusive<u64>) -> Result<usize, ConfigError> {
    Ok(usize::try_from(number(sources, setting, range)?).unwrap_or(usize::MAX))
}

/// One of some words.
pub(super) fn one_of(sources: &Sources, setting: Setting, words: &[&str]) -> Result<String, ConfigError> {
    let given = sources.get(&setting);
    if words.contains(&given.value.as_str()) {
        Ok(given.value)
    } else {
        Err(refused(setting, &given, format!("is none of {}", words.join(", "))))
    }
}

/// An address that begins with one of some schemes.
pub(super) fn url(sources: &Sources, setting: Setting, schemes: &[&str]) -> Result<String, ConfigError> {
    let given = sources.get(&setting);
    match schemes.iter().find_map(|scheme| given.value.strip_prefix(scheme)) {
        Some(rest) if !rest.is_empty() && !rest.contains(char::is_whitespace) => Ok(given.value),
        _ => Err(refused(setting, &given, format!("is no address that begins with {}", schemes.join(" or ")))),
    }
}

/// A list with commas between, in lower case; each member must be good.
pub(super) fn list(sources: &Sources, setting: Setting, wrong: &str, is_good: impl Fn(&str) -> bool) -> Result<Vec<String>, ConfigError> {
    let given = sources.get(&setting);
    let members: Vec<String> =
        given.value.split(',').map(|member| member.trim().to_ascii_lowercase()).filter(|member| !member.is_empty()).collect();
    match members.iter().find(|member| !is_good(member)) {
        Some(member) => {
            Err(refused(setting, &given, format!("has a member that is {wrong}: `{}`", member.chars().take(60).collect::<String>())))
        }
        None => Ok(members),
    }
}

/// A path, where one is given.
pub(super) fn folder(sources: &Sources, setting: Setting) -> Option<PathBuf> {
    Some(sources.get(&setting).value).filter(|path| !path.trim().is_empty()).map(PathBuf::from)
}

/// A time in seconds; 0: for ever.
pub(super) fn lasting(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds)).filter(|time| !time.is_zero())
}

/// Levels of the log.
const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

/// A level of the log, or a filter by module.
pub(super) fn filter(sources: &Sources) -> Result<String, ConfigError> {
    let given = sources.get(&t::LOG_LEVEL);
    match given.value.parse::<tracing_subscriber::filter::EnvFilter>() {
        Ok(_) if given.value.trim().is_empty() => Err(refused(t::LOG_LEVEL, &given, "is empty")),
        // A misspelt level would be read as the name of a module, and silence all others.
        Ok(_) if given.value.split(',').any(|part| !part.contains('=') && !LEVELS.contains(&part.trim().to_ascii_lowercase().as_str())) => {
            Err(refused(t::LOG_LEVEL, &given, format!("is no level ({}) and no filter TARGET=LEVEL", LEVELS.join(", "))))
        }
        Ok(_) => Ok(given.value),
        Err(error) => Err(refused(t::LOG_LEVEL, &given, format!("is no level or filter: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_repeated() {
        let given = Given { value: "hunter2".to_owned(), place: "environment".to_owned() };
        assert!(!refused(t::REDIS_PASSWORD, &given, "is wrong").to_string().contains("hunter2"));
    }
}
