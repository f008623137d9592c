//! What clients say and hear: one JSON object a message, told apart by `op` and `type`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use axum::extract::ws::Utf8Bytes;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::topic::{DEPTHS, NoTopic, Topic};
use crate::clock::{rfc3339, unix_ms};

/// What a client says.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "op", rename_all = "lowercase", deny_unknown_fields)]
pub enum Request {
    /// From now on, also these topics.
    Subscribe {
        /// Such as `readings:BTC-USDT`.
        topics: Vec<String>,
        /// What the client has already, by topic: the `sequence` of the last message. Good only with the `run` it came from.
        #[serde(default)]
        since: BTreeMap<String, u64>,
        /// The `run` of the welcome in which those numbers were given.
        #[serde(default)]
        run: Option<String>,
    },
    /// No longer these.
    Unsubscribe {
        /// Their names.
        topics: Vec<String>,
    },
    /// Asks for a `pong`.
    Ping,
}

/// What a client hears.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Message {
    /// First of all.
    Welcome {
        /// Of this run of the host; sequence numbers of another run mean nothing here.
        run: String,
        /// The host's version.
        version: &'static str,
        /// At least so often something comes, milliseconds; longer silence means that the connection is dead.
        heartbeat_ms: u64,
        /// Most topics a client may have.
        topics_max: usize,
    },
    /// The answer to `subscribe` and `unsubscribe`: all topics that the client has now.
    Subscribed {
        /// Their names as news will carry them.
        topics: Vec<String>,
    },
    /// Nothing is new, and the connection lives.
    Heartbeat {
        /// The host's time, RFC 3339.
        time: String,
    },
    /// The answer to `ping`.
    Pong {
        /// The host's time, RFC 3339.
        time: String,
    },
    /// A request that can't be carried out; the connection goes on.
    Error {
        /// A fixed word.
        code: &'static str,
        /// What went wrong.
        message: String,
        /// What to do about it.
        hint: &'static str,
    },
}

impl Message {
    /// A heartbeat now.
    #[must_use]
    pub fn heartbeat() -> Self {
        Self::Heartbeat { time: rfc3339(unix_ms()) }
    }

    /// The answer to a ping.
    #[must_use]
    pub fn pong() -> Self {
        Self::Pong { time: rfc3339(unix_ms()) }
    }

    /// As it is sent.
    #[must_use]
    pub fn text(&self) -> Utf8Bytes {
        serde_json::to_string(self).unwrap_or_default().into()
    }
}

/// The text of a message of a topic: `data` is JSON. `follows`: it is a change of what the message of that sequence number left.
#[must_use]
pub fn news(topic: &Topic, sequence: u64, follows: Option<u64>, time_ms: u64, data: &str) -> Utf8Bytes {
    let mut text = String::with_capacity(data.len() + 128);
    let time = rfc3339(time_ms);
    // Writing to a String can't fail; topics have no letters that JSON escapes.
    let _ = write!(text, r#"{{"type":"news","topic":"{topic}","sequence":{sequence},"#);
    if let Some(follows) = follows {
        let _ = write!(text, r#""follows":{follows},"#);
    }
    let _ = write!(text, r#""time":"{time}","data":{data}}}"#);
    text.into()
}

/// Reads a client's message.
///
/// # Errors
/// The error to answer with.
pub fn read(text: &str) -> Result<Request, Message> {
    serde_json::from_str(text).map_err(|error| Message::Error {
        code: "bad_request",
        message: error.to_string().chars().take(200).collect(),
        hint: r#"say {"op":"subscribe","topics":["feed"]}, unsubscribe or ping"#,
    })
}

/// Reads a topic's name.
///
/// # Errors
/// The error to answer with.
pub fn topic(name: &str) -> Result<Topic, Message> {
    name.parse().map_err(|why| {
        let shown: String = name.chars().take(60).collect();
        let (message, hint) = match why {
            NoTopic::Unknown => {
                (format!("there is no topic `{shown}`"), "topics are readings:ID, book:ID:LEVELS, feed, alerts, plugins, system and state")
            }
            NoTopic::Pair => (format!("`{shown}` names no instrument"), "ids look like BTC-USDT"),
            NoTopic::Levels => (format!("`{shown}` has not a number of levels that there is"), "levels a side are 5, 20, 50, 100 or 400"),
        };
        Message::Error { code: "no_topic", message, hint }
    })
}

const _: () = assert!(DEPTHS.len() == 5, "the hint of NoTopic::Levels names them");
