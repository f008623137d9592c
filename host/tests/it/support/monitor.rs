//! Every command that a Redis carries out, as `MONITOR` tells it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::mpsc;

use super::Redis;

/// Fields of a Hash.
pub type Commands = BTreeMap<String, String>;

/// Listens from its start on.
pub struct Watcher {
    lines: mpsc::Receiver<String>,
    port: u16,
}

impl Watcher {
    /// Begins to listen; it is listening when this returns.
    pub fn start(redis: &Redis) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", redis.port)).expect("redis-server is there");
        stream.write_all(b"MONITOR\r\n").expect("it takes it");
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).expect("an answer");
        assert_eq!(line, "+OK\r\n");
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in reader.lines().map_while(Result::ok) {
                // The frames themselves aren't wanted.
                if line.contains("\"HSET\" \"analysis:") || line.contains("the end of it") {
                    let _ = sender.send(line);
                }
            }
        });
        Self { lines, port: redis.port }
    }

    /// The fields of every `HSET analysis:{pair}` so far, in order.
    pub async fn readings(self, pair: &str) -> Vec<Commands> {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.port)).expect("an address");
        let mut connection = client.get_multiplexed_async_connection().await.expect("redis-server is there");
        redis::cmd("ECHO").arg("the end of it").query_async::<String>(&mut connection).await.expect("an answer");
        let mut readings = Vec::new();
        loop {
            let line = self.lines.recv_timeout(super::DEADLINE).expect("the end comes");
            if line.contains("the end of it") {
                return readings;
            }
            let words = words(&line);
            if words.get(1).is_some_and(|key| *key == format!("analysis:{pair}")) {
                readings.push(words[2..].chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect());
            }
        }
    }
}

/// The quoted words of a line.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut letters = line.chars();
    while letters.by_ref().any(|letter| letter == '"') {
        let mut word = String::new();
        while let Some(letter) = letters.next() {
            match letter {
                '"' => break,
                '\\' => word.extend(letters.next()),
                letter => word.push(letter),
            }
        }
        words.push(word);
    }
    words
}
