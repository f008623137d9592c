//! The Redis Set of wanted pairs, read and checked.

use std::collections::BTreeSet;

use leadline_market::valid_id;

use crate::results::{Link, LinkError};

/// Members read at most: a Set that somebody filled by mistake must not fill the host.
const MAX_MEMBERS: usize = 10_000;

/// What the Set asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The pairs to run.
    pub pairs: BTreeSet<String>,
    /// Pairs over the limit, in alphabetical order.
    pub left_out: Vec<String>,
    /// Members that are no instrument's name, shortened.
    pub refused: Vec<String>,
}

/// Reads the Set.
///
/// # Errors
/// [`LinkError`]; the pairs that run then stay as they are.
pub async fn read(link: &Link, key: &str) -> Result<Vec<String>, LinkError> {
    let (members,): (Vec<Vec<u8>>,) = link.run(redis::pipe().cmd("SMEMBERS").arg(key)).await?;
    Ok(members.into_iter().take(MAX_MEMBERS).map(|member| String::from_utf8_lossy(&member).into_owned()).collect())
}

/// Checks the members' names and keeps to the limit: pairs that run already stay, then alphabetical order decides.
#[must_use]
pub fn choose(members: Vec<String>, running: &BTreeSet<String>, limit: usize) -> Wanted {
    let (good, bad): (Vec<String>, Vec<String>) = members.into_iter().partition(|member| valid_id(member));
    let mut refused: Vec<String> =
        bad.iter().map(|name| name.chars().take(40).map(|c| if c.is_control() { '?' } else { c }).collect()).collect();
    refused.sort();
    let (mut first, mut others): (Vec<String>, Vec<String>) = good.into_iter().partition(|pair| running.contains(pair));
    first.sort();
    others.sort();
    first.extend(others);
    let left_out = first.split_off(limit.min(first.len()));
    Wanted { pairs: first.into_iter().collect(), left_out, refused }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn over_the_limit_running_pairs_stay_and_then_the_alphabet_decides() {
        let running = texts(&["SOL-USDT"]).into_iter().collect();
        let wanted = choose(texts(&["SOL-USDT", "BTC-USDT", "ADA-USDT"]), &running, 2);
        assert_eq!(wanted.pairs, texts(&["ADA-USDT", "SOL-USDT"]).into_iter().collect());
        assert_eq!(wanted.left_out, ["BTC-USDT"]);
    }

    #[test]
    fn names_that_are_no_instruments_are_refused_and_named() {
        let wanted = choose(texts(&["BTC-USDT", "btc-usdt", "", "A\nB"]), &BTreeSet::new(), 10);
        assert_eq!(wanted.pairs.len(), 1);
        assert_eq!(wanted.refused, ["", "A?B", "btc-usdt"]);
    }
}
