//! Why the exchange closed a connection: its close codes in words.

/// What a close code means and what is to be done about it; `None` for one that means nothing special.
#[must_use]
pub fn meaning(code: u16) -> Option<&'static str> {
    Some(match code {
        1000 => "closed in good order",
        1001 => "the exchange's server goes away",
        1006 => "the connection broke",
        1009 => "a request was too long: fewer pairs a connection (OKX_PAIRS_PER_CONNECTION) make it shorter",
        1012 => "the exchange's service restarts",
        1013 => "the exchange asks to come back later",
        4004 => "nothing was pushed for 30 s",
        4005 => "this host took frames too slowly: look at the machine's load and the network",
        4008 | 4009 => "too many channels on one connection: set OKX_PAIRS_PER_CONNECTION lower",
        _ => return None,
    })
}

/// A closed connection in words: code, meaning, and what the exchange said.
#[must_use]
pub fn words(code: u16, reason: &str) -> String {
    // The peer's words, bounded: they go to the log and to Redis.
    let reason: String = reason.chars().filter(|c| !c.is_control()).take(120).collect();
    let mut text = format!("closed by the exchange with {code}");
    if let Some(meaning) = meaning(code) {
        text = format!("{text} ({meaning})");
    }
    if reason.is_empty() { text } else { format!("{text}: {reason}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_code_is_explained_and_an_unknown_one_repeated() {
        assert_eq!(words(4004, ""), "closed by the exchange with 4004 (nothing was pushed for 30 s)");
        assert_eq!(words(4321, "so\nlong"), "closed by the exchange with 4321: solong");
        assert!(words(4008, "x").contains("OKX_PAIRS_PER_CONNECTION"));
    }
}
