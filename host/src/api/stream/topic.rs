//! The names of topics, and how often each has news.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use leadline_market::valid_id;

/// Levels a side that a book topic can have.
pub const DEPTHS: [u16; 5] = [5, 20, 50, 100, 400];
/// Levels a side where the name says none.
const USUAL_DEPTH: u16 = 20;

/// What a client can subscribe to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// `readings:{id}`: the newest reading of each plugin on a pair.
    Readings(Arc<str>),
    /// `book:{id}` or `book:{id}:{levels}`: the best levels of a pair's book.
    Book(Arc<str>, u16),
    /// `feed`: how each pair's feed stands.
    Feed,
    /// `alerts`: the alerts that are on, and what was told lately.
    Alerts,
    /// `plugins`: how each plugin is doing.
    Plugins,
    /// `system`: the host's figures.
    System,
    /// `state`: everything that the overview shows, as one document.
    State,
}

impl Topic {
    /// Shortest time between two news of the topic.
    #[must_use]
    pub fn every(&self) -> Duration {
        Duration::from_millis(match self {
            Self::Readings(_) | Self::Book(..) => 100,
            Self::Alerts | Self::Feed | Self::State => 250,
            Self::Plugins | Self::System => 1000,
        })
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Readings(pair) => write!(f, "readings:{pair}"),
            Self::Book(pair, levels) => write!(f, "book:{pair}:{levels}"),
            Self::Feed => f.write_str("feed"),
            Self::Alerts => f.write_str("alerts"),
            Self::Plugins => f.write_str("plugins"),
            Self::System => f.write_str("system"),
            Self::State => f.write_str("state"),
        }
    }
}

/// Why a text is no topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoTopic {
    /// No topic begins so.
    Unknown,
    /// The pair's id isn't one.
    Pair,
    /// No book has so many levels.
    Levels,
}

impl FromStr for Topic {
    type Err = NoTopic;

    fn from_str(text: &str) -> Result<Self, NoTopic> {
        let pair = |id: &str| if valid_id(id) { Ok(Arc::from(id)) } else { Err(NoTopic::Pair) };
        match text.split_once(':') {
            None => match text {
                "feed" => Ok(Self::Feed),
                "alerts" => Ok(Self::Alerts),
                "plugins" => Ok(Self::Plugins),
                "system" => Ok(Self::System),
                "state" => Ok(Self::State),
                _ => Err(NoTopic::Unknown),
            },
            Some(("readings", id)) => Ok(Self::Readings(pair(id)?)),
            Some(("book", rest)) => {
                let (id, levels) = match rest.split_once(':') {
                    None => (rest, USUAL_DEPTH),
                    Some((id, levels)) => (id, levels.parse().map_err(|_| NoTopic::Levels)?),
                };
                if DEPTHS.contains(&levels) { Ok(Self::Book(pair(id)?, levels)) } else { Err(NoTopic::Levels) }
            }
            Some(_) => Err(NoTopic::Unknown),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_written_as_it_is_read_and_what_is_none_says_why() {
        for text in ["readings:BTC-USDT", "book:BTC-USDT:400", "feed", "alerts", "plugins", "system", "state"] {
            assert_eq!(text.parse::<Topic>().map(|topic| topic.to_string()), Ok(text.to_owned()));
        }
        assert_eq!("book:BTC-USDT".parse(), Ok(Topic::Book(Arc::from("BTC-USDT"), 20)));
        for (text, why) in [
            ("", NoTopic::Unknown),
            ("books:BTC-USDT", NoTopic::Unknown),
            ("readings:btc", NoTopic::Pair),
            ("readings:", NoTopic::Pair),
            ("book:BTC-USDT:21", NoTopic::Levels),
            ("book:BTC-USDT:many", NoTopic::Levels),
            ("book::20", NoTopic::Pair),
        ] {
            assert_eq!(text.parse::<Topic>(), Err(why), "{text}");
        }
    }
}
