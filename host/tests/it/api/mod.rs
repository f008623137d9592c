//! The API as its clients meet it, the good and the bad ones: a running host, a real Redis, requests over sockets.

/// The form of answers: refusals, tags, the API's own description.
mod answers;
/// Who may ask what.
mod guard;
/// What was kept: pages, windows, exports.
mod history;
/// The wanted pairs.
mod pairs;
/// The frames of the last minutes.
mod recent;
/// The stream: books, readings, topics.
mod stream;

use std::collections::BTreeMap;

use leadline_host::api::security::{Role, tokens};
use leadline_host::host::Host;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::support::exchange::Exchange;
use crate::support::http::{Answer, ask};
use crate::support::{Redis, settings};

/// A host whose API knows three tokens.
pub struct Rig {
    pub redis: Redis,
    pub host: Host,
    pub addr: String,
    pub tokens: BTreeMap<&'static str, String>,
    pub folder: tempfile::TempDir,
    pub exchange: std::sync::Arc<Exchange>,
}

impl Rig {
    pub async fn start(more: &[(&str, &str)]) -> Self {
        let (redis, exchange) = (Redis::start().await, Exchange::start().await);
        redis.ask::<i64>(&["SADD", "config:trading_pairs", "BTC-USDT"]).await;
        let folder = tempfile::tempdir().expect("a folder");
        let tokens: BTreeMap<&str, String> = Role::ALL.map(|role| (role.as_str(), tokens::random().expect("random numbers"))).into();
        let file: String = tokens.iter().map(|(role, token)| format!("{role} of-{role} {}\n", tokens::digest_of(token))).collect();
        let (tokens_file, audit) = (folder.path().join("tokens"), folder.path().join("audit.jsonl"));
        std::fs::write(&tokens_file, file).expect("it can be written");
        let mut all = vec![
            ("API_TOKENS_FILE", tokens_file.to_str().unwrap()),
            ("API_AUDIT_FILE", audit.to_str().unwrap()),
            ("API_RATE_LIMIT", "100000"),
        ];
        all.splice(0..0, more.iter().copied());
        let settings = settings(&redis, &exchange.url, &all);
        let host = Host::start(settings, "test".to_owned(), &CancellationToken::new()).await.expect("it starts").expect("not stopped");
        let addr = host.addr.to_string();
        Self { redis, host, addr, tokens, folder, exchange }
    }

    pub async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        ask(&self.addr, method, path, headers, body).await
    }

    pub fn bearer(&self, role: &str) -> String {
        format!("Bearer {}", self.tokens[role])
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], b"").await
    }

    /// A change by somebody who may make it.
    pub async fn change(&self, method: &str, path: &str, body: &str) -> Answer {
        let bearer = self.bearer("operator");
        self.ask(method, path, &[("Authorization", &bearer), ("Content-Type", "application/json")], body.as_bytes()).await
    }

    /// What a change could change: the configuration in Redis, and the folders that the API may write into.
    async fn state(&self) -> BTreeMap<String, Vec<String>> {
        let mut state = BTreeMap::new();
        let mut keys: Vec<String> = self.redis.ask(&["KEYS", "*"]).await;
        keys.retain(|key| {
            !["feed:", "analysis:", "orderbook:", "plugin:", "system:", "buffer:", "host:", "state:", "shadow:"]
                .iter()
                .any(|moving| key.starts_with(moving))
        });
        for key in keys {
            let dump: Vec<u8> = self.redis.ask(&["DUMP", &key]).await;
            state.insert(key, vec![format!("{dump:?}")]);
        }
        state
    }

    pub fn audit(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.path().join("audit.jsonl")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}
