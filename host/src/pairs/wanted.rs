//! The Redis Set of wanted pairs: read, checked, and watched.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use leadline_market::valid_id;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::clock::parse_rfc3339;
use crate::results::{Link, LinkError, keys};

/// Members read at most: a Set that somebody filled by mistake must not fill the host.
const MAX_MEMBERS: usize = 10_000;
/// Wait before notifications are asked for again after an error.
const AGAIN: Duration = Duration::from_secs(1);
/// What an editor of the Set may still be about to do: a key that is replaced is gone for a moment.
const SETTLE: Duration = Duration::from_millis(50);

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

/// What a read of the Set found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The members; none when there is no such key, which is how Redis keeps an empty Set.
    pub members: Vec<String>,
    /// Which run of Redis answered, if it says so.
    pub run: Option<String>,
}

/// Reads the Set.
///
/// # Errors
/// [`LinkError`]; the pairs that run then stay as they are.
pub async fn read(link: &Link, key: &str) -> Result<Found, LinkError> {
    let (members,): (Vec<Vec<u8>>,) = link.run(redis::pipe().cmd("SMEMBERS").arg(key)).await?;
    // A user who may not ask for it gets no answer; then a Redis that lost its data can't be told from an emptied Set.
    let info: Result<(String,), LinkError> = link.run(redis::pipe().cmd("INFO").arg("server")).await;
    let run = info.ok().and_then(|(text,)| text.lines().find_map(|line| line.strip_prefix("run_id:").map(|id| id.trim().to_owned())));
    let members = members.into_iter().take(MAX_MEMBERS).map(|member| String::from_utf8_lossy(&member).into_owned()).collect();
    Ok(Found { members, run })
}

/// The pairs that a host has left keys of, and when their `feed:{id}` was last written, milliseconds since 1970; none: it is gone.
///
/// # Errors
/// [`LinkError`].
pub async fn traces(link: &Link) -> Result<Vec<(String, Option<u64>)>, LinkError> {
    let mut pairs = BTreeSet::new();
    // A Hash, or the Lists of the lane, which outlive the others.
    for (before, pattern) in [("feed:", keys::feed("*")), ("buffer:{analysis:", keys::lane("*") + "*")] {
        let mut cursor = 0_u64;
        loop {
            let mut scan = redis::pipe();
            scan.cmd("SCAN").arg(cursor).arg("MATCH").arg(&pattern).arg("COUNT").arg(1000);
            let ((next, names),): ((u64, Vec<String>),) = link.run(&scan).await?;
            let ids = names.iter().filter_map(|name| name.strip_prefix(before)?.split('}').next());
            pairs.extend(ids.filter(|id| valid_id(id)).map(str::to_owned));
            if next == 0 || pairs.len() >= MAX_MEMBERS {
                break;
            }
            cursor = next;
        }
    }
    let mut found = Vec::new();
    for pair in pairs {
        let mut ask = redis::pipe();
        ask.cmd("EXISTS").arg(keys::feed(&pair)).cmd("HGET").arg(keys::feed(&pair)).arg("written_at");
        // A key of another type, or one without that time, isn't a host's.
        match link.run::<(bool, Option<String>)>(&ask).await {
            Ok((false, _)) => found.push((pair, None)),
            Ok((true, Some(written))) => found.extend(parse_rfc3339(&written).map(|ms| (pair, Some(ms)))),
            Ok((true, None)) | Err(_) => {}
        }
    }
    Ok(found)
}

/// Rings whenever Redis says that the key changed, until `stop`; silent where Redis sends no keyspace notifications.
pub async fn watch(link: Link, key: String, bell: Arc<Notify>, stop: CancellationToken) {
    let channel = format!("__keyspace@{}__:{key}", link.db());
    let mut told = false;
    loop {
        let listen = async {
            let mut messages = link.subscribe(&channel).await?;
            if !std::mem::replace(&mut told, true) {
                say(&link, &key).await;
            }
            // Something may have changed while nobody listened.
            bell.notify_one();
            while messages.next().await.is_some() {
                tokio::time::sleep(SETTLE).await;
                bell.notify_one();
            }
            Ok::<(), LinkError>(())
        };
        tokio::select! {
            // The poll tells of a Redis that is away.
            _ = listen => {}
            () = stop.cancelled() => return,
        }
        tokio::select! {
            () = tokio::time::sleep(AGAIN) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Says how soon a change of the Set acts.
async fn say(link: &Link, key: &str) {
    let asked: Result<((String, String),), LinkError> =
        link.run(redis::pipe().cmd("CONFIG").arg("GET").arg("notify-keyspace-events")).await;
    let Ok(((_, flags),)) = asked else { return };
    let on = flags.contains('K') && (flags.contains('A') || (flags.contains('s') && flags.contains('g')));
    if on {
        tracing::info!(key, "Redis tells of changes to the wanted pairs: they act at once");
    } else {
        tracing::info!(
            key,
            "Redis doesn't tell of changes to the wanted pairs: they act at the next poll\nhint: redis-cli CONFIG SET notify-keyspace-events Kgsx makes them act at once"
        );
    }
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
