//! Every reading that a host tells of, as `events:{id}` brings it.

use std::collections::BTreeMap;
use std::sync::mpsc;

use serde_json::Value;

use super::Redis;

/// A reading: which plugin's, of which book, and its fields, without the times of the host's clock.
pub struct Told {
    /// The plugin.
    pub plugin: String,
    /// The sequence number of its book.
    pub sequence: i64,
    /// Its fields, status and version.
    pub fields: BTreeMap<String, String>,
}

/// Listens from its start on.
pub struct Watcher {
    messages: mpsc::Receiver<String>,
    port: u16,
    channel: String,
}

const END: &str = "the end of it";

impl Watcher {
    /// Begins to listen; it is listening when this returns.
    pub fn start(redis: &Redis, pair: &str) -> Self {
        let (port, channel) = (redis.port, format!("events:{pair}"));
        let client = redis::Client::open(format!("redis://127.0.0.1:{port}")).expect("an address");
        let mut connection = client.get_connection().expect("redis-server is there");
        let (sender, messages) = mpsc::channel();
        let (ready, is_ready) = mpsc::channel();
        let of = channel.clone();
        std::thread::spawn(move || {
            let mut listening = connection.as_pubsub();
            listening.subscribe(&of).expect("it takes it");
            let _ = ready.send(());
            while let Ok(message) = listening.get_message() {
                if sender.send(message.get_payload().expect("a text")).is_err() {
                    return;
                }
            }
        });
        is_ready.recv().expect("it listens");
        Self { messages, port, channel }
    }

    /// The readings so far, in the order in which they were told.
    pub async fn readings(self) -> Vec<Told> {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.port)).expect("an address");
        let mut connection = client.get_multiplexed_async_connection().await.expect("redis-server is there");
        redis::cmd("PUBLISH").arg(&self.channel).arg(END).query_async::<i64>(&mut connection).await.expect("an answer");
        let mut readings = Vec::new();
        loop {
            let text = self.messages.recv_timeout(super::DEADLINE).expect("the end comes");
            if text == END {
                return readings;
            }
            let event: Value = serde_json::from_str(&text).expect("JSON");
            if event["event"] != "reading" {
                continue;
            }
            let words = |value: &Value| value.as_str().expect("a text").to_owned();
            let mut fields: BTreeMap<String, String> =
                event["fields"].as_object().expect("fields").iter().map(|(name, value)| (name.clone(), words(value))).collect();
            for name in ["status", "version", "exchange_time"] {
                fields.insert(name.to_owned(), words(&event[name]));
            }
            readings.push(Told { plugin: words(&event["plugin"]), sequence: event["sequence"].as_i64().expect("numbered"), fields });
        }
    }
}
