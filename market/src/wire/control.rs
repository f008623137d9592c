//! Acknowledgements, errors and notices: frames with `event`. A few a minute, so `serde_json` reads them.

use serde::Deserialize;

use super::{Ack, AckKind, ConnectionCount, Message, Notice, ServerError, WireError};

/// Longest text of the exchange that is kept, in characters.
const MAX_TEXT: usize = 500;

/// The fields of all events, v5 and v3.
#[derive(Deserialize)]
struct Event {
    event: String,
    #[serde(default)]
    arg: Option<Argument>,
    /// v3: `spot/depth:BTC-USDT`; also in `channel-conn-count`.
    #[serde(default)]
    channel: Option<String>,
    #[serde(default)]
    id: Option<Text>,
    #[serde(default, alias = "errorCode")]
    code: Option<Text>,
    #[serde(default, alias = "message")]
    msg: Option<String>,
    #[serde(default, rename = "connId")]
    conn_id: Option<String>,
    #[serde(default, rename = "connCount")]
    conn_count: Option<Text>,
}

/// What a subscription is about.
#[derive(Deserialize)]
struct Argument {
    channel: Option<String>,
    #[serde(rename = "instId")]
    instrument: Option<String>,
}

/// A text that some gateways send as a number.
#[derive(Deserialize)]
#[serde(untagged)]
enum Text {
    Text(String),
    Number(i64),
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        match text {
            Text::Text(text) => text,
            Text::Number(number) => number.to_string(),
        }
    }
}

/// Reads a frame that is known to be an object with `event`.
pub(crate) fn read(frame: &str) -> Result<Message<'static>, WireError> {
    let event: Event = serde_json::from_str(frame).map_err(|error| WireError::Control { problem: error.to_string() })?;
    let kind = match event.event.as_str() {
        "subscribe" => AckKind::Subscribe,
        "unsubscribe" => AckKind::Unsubscribe,
        _ => return Ok(other_than_ack(event)),
    };
    let id = event.id.map(String::from);
    let (channel, instrument) = subject(event.arg, event.channel);
    let channel = channel.ok_or(WireError::MissingKey { key: "arg.channel" })?;
    Ok(Message::Ack(Ack { kind, channel, instrument, id, conn_id: event.conn_id }))
}

fn other_than_ack(event: Event) -> Message<'static> {
    let Event { event, arg, channel, id, code, msg, conn_id, conn_count } = event;
    let code = code.map(String::from).unwrap_or_default();
    let msg = msg.map(cut).unwrap_or_default();
    match event.as_str() {
        "error" => {
            let (channel, instrument) = subject(arg, channel);
            Message::Error(ServerError { code, msg, id: id.map(String::from), channel, instrument, conn_id })
        }
        "notice" => Message::Notice(Notice { code, msg, conn_id }),
        "channel-conn-count" => Message::ChannelConnCount(ConnectionCount { channel, count: conn_count.map(String::from), conn_id }),
        _ => Message::OtherEvent { event: cut(event) },
    }
}

/// Channel and instrument: apart in v5, joined by a colon in v3.
fn subject(argument: Option<Argument>, joined: Option<String>) -> (Option<String>, Option<String>) {
    match (argument, joined) {
        (Some(Argument { channel, instrument }), _) => (channel, instrument),
        (None, Some(joined)) => match joined.split_once(':') {
            Some((channel, instrument)) => (Some(channel.to_owned()), Some(instrument.to_owned())),
            None => (Some(joined), None),
        },
        (None, None) => (None, None),
    }
}

fn cut(text: String) -> String {
    if text.len() <= MAX_TEXT { text } else { text.chars().take(MAX_TEXT).collect() }
}
