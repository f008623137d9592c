//! Webhooks: who they are, the bodies that each kind wants, and how they are signed.

use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::hmac;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Alert, AlertState, Severity};
use crate::clock::rfc3339;

/// Webhooks of a file.
const MOST: usize = 16;
/// Largest file read, bytes.
const MAX_FILE: u64 = 1 << 20;

/// The form of a webhook's body and of its signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Leadline's own JSON, signed in headers.
    Generic,
    /// A Slack incoming webhook.
    Slack,
    /// A Feishu (Lark) custom bot.
    Feishu,
    /// A DingTalk custom robot.
    Dingtalk,
}

impl Kind {
    /// `generic`, `slack`, `feishu` or `dingtalk`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::Slack => "slack",
            Self::Feishu => "feishu",
            Self::Dingtalk => "dingtalk",
        }
    }
}

/// A text that no message and no log may show.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

impl Secret {
    /// The text itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// A webhook as it stands in the file that `ALERT_WEBHOOKS_FILE` names.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Its name, in messages and as the name of its own alert.
    pub name: String,
    /// The form of its body.
    pub kind: Kind,
    /// Where it is. Those of chats have a key in them: a secret.
    pub url: Secret,
    /// What bodies are signed with.
    #[serde(default)]
    pub secret: Option<Secret>,
    /// Alerts from this severity on.
    #[serde(default = "warning")]
    pub severity: Severity,
    /// Alerts of these pairs and of no pair; none named: all.
    #[serde(default)]
    pub pairs: Vec<String>,
    /// Also told when an alert is over.
    #[serde(default = "yes")]
    pub resolved: bool,
}

fn warning() -> Severity {
    Severity::Warning
}

fn yes() -> bool {
    true
}

/// Why the file of webhooks can't be used.
#[derive(Debug, thiserror::Error)]
#[error("ALERT_WEBHOOKS_FILE: {file}: {detail}\nhint: {hint}", file = file.display())]
pub struct WebhookError {
    file: PathBuf,
    detail: String,
    hint: &'static str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    webhook: Vec<Webhook>,
}

impl Webhook {
    /// Reads and checks a file of webhooks.
    ///
    /// # Errors
    /// [`WebhookError`]: never with a line of the file, since that may hold a secret.
    pub fn read(file: &Path) -> Result<Vec<Self>, WebhookError> {
        let failed = |detail: String, hint| WebhookError { file: file.to_owned(), detail, hint };
        let unreadable = |error: std::io::Error| failed(error.to_string(), "a TOML file, readable by this user");
        let size = std::fs::metadata(file).map_err(unreadable)?.len();
        if size > MAX_FILE {
            return Err(failed(format!("{size} bytes, more than {MAX_FILE}"), "a list of [[webhook]] tables"));
        }
        let text = std::fs::read_to_string(file).map_err(unreadable)?;
        let line =
            |error: &toml::de::Error| error.span().map(|span| text.get(..span.start).map_or(1, |before| before.lines().count().max(1)));
        let File { webhook } = toml::from_str(&text).map_err(|error| {
            let at = line(&error).map_or_else(String::new, |line| format!("line {line}: "));
            failed(
                format!("{at}{}", error.message()),
                "[[webhook]] with name, kind (generic, slack, feishu, dingtalk), url, and if need be secret, severity, pairs, resolved",
            )
        })?;
        if webhook.len() > MOST {
            return Err(failed(format!("{} webhooks", webhook.len()), "16 at most; one that hands on reaches any number"));
        }
        for (at, one) in webhook.iter().enumerate() {
            let named = |detail: String| format!("webhook {:?}: {detail}", one.name.chars().take(40).collect::<String>());
            let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
            if one.name.is_empty() || one.name.len() > 64 || !one.name.chars().all(plain) {
                return Err(failed(named("no name of letters, digits, `_`, `.` and `-`".to_owned()), "such as name = \"ops\""));
            }
            if webhook[..at].iter().any(|other| other.name == one.name) {
                return Err(failed(named("there are two of this name".to_owned()), "give each a name of its own"));
            }
            match reqwest::Url::parse(one.url.expose()) {
                Ok(url) if ["http", "https"].contains(&url.scheme()) && url.host_str().is_some() => {}
                _ => return Err(failed(named("`url` is no http or https address".to_owned()), "such as https://hooks.example/leadline")),
            }
            if one.secret.as_ref().is_some_and(|secret| secret.expose().is_empty()) {
                return Err(failed(named("`secret` is empty".to_owned()), "leave it out for a webhook that isn't signed"));
            }
            if one.kind == Kind::Slack && one.secret.is_some() {
                return Err(failed(named("Slack takes no signature".to_owned()), "leave `secret` out: the key is in the url"));
            }
        }
        Ok(webhook)
    }

    /// Where it is, without what is secret: scheme and host.
    #[must_use]
    pub fn place(&self) -> String {
        reqwest::Url::parse(self.url.expose())
            .ok()
            .and_then(|url| Some(format!("{}://{}", url.scheme(), url.host_str()?)))
            .unwrap_or_default()
    }

    /// Whether it wants to know of an alert.
    #[must_use]
    pub fn wants(&self, alert: &Alert) -> bool {
        let about = alert.pair.as_deref().is_none_or(|pair| self.pairs.is_empty() || self.pairs.iter().any(|one| one == pair));
        about
            && alert.severity >= self.severity
            && (self.resolved || alert.is_active())
            && !(alert.source == super::Source::Webhook && *alert.name == self.name)
    }

    /// The request for some alerts, at a time (milliseconds since 1970).
    #[must_use]
    pub fn request(&self, alerts: &[Alert], now_ms: u64) -> Request {
        let secret = self.secret.as_ref().map(Secret::expose);
        let seconds = (now_ms / 1000).to_string();
        let mut request = Request { url: self.url.expose().to_owned(), headers: Vec::new(), body: String::new() };
        let body = match self.kind {
            Kind::Generic => json!({ "version": 1, "sent": rfc3339(now_ms), "alerts": alerts }),
            Kind::Slack => json!({ "text": slack(&words(alerts)) }),
            Kind::Feishu => {
                let mut body = json!({ "msg_type": "text", "content": { "text": words(alerts) } });
                if let (Some(secret), Some(map)) = (secret, body.as_object_mut()) {
                    // As Feishu wants it: time and secret are the key, and nothing is what is signed.
                    let sign = BASE64.encode(sign(&format!("{seconds}\n{secret}"), ""));
                    map.extend([("timestamp".to_owned(), Value::from(seconds.clone())), ("sign".to_owned(), Value::from(sign))]);
                }
                body
            }
            Kind::Dingtalk => {
                if let Some(secret) = secret {
                    let sign = BASE64.encode(sign(secret, &format!("{now_ms}\n{secret}")));
                    let sign = sign.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
                    let joint = if request.url.contains('?') { '&' } else { '?' };
                    request.url.push_str(&format!("{joint}timestamp={now_ms}&sign={sign}"));
                }
                json!({ "msgtype": "text", "text": { "content": words(alerts) } })
            }
        };
        request.body = body.to_string();
        if let (Kind::Generic, Some(secret)) = (self.kind, secret) {
            let signed = sign(secret, &format!("{seconds}.{}", request.body));
            let hex = signed.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            request.headers = vec![("X-Leadline-Timestamp", seconds), ("X-Leadline-Signature", format!("sha256={hex}"))];
        }
        request
    }

    /// What an answer means: chats answer 200 and say in the body what was wrong.
    ///
    /// # Errors
    /// What the other side says.
    pub fn judge(&self, body: &str) -> Result<(), String> {
        let field = match self.kind {
            Kind::Generic | Kind::Slack => return Ok(()),
            Kind::Feishu => ["code", "msg"],
            Kind::Dingtalk => ["errcode", "errmsg"],
        };
        let answer: Value = serde_json::from_str(body).unwrap_or_default();
        match answer.get(field[0]).or_else(|| answer.get("StatusCode")).and_then(Value::as_i64) {
            Some(0) => Ok(()),
            Some(code) => {
                let words: String = answer.get(field[1]).and_then(Value::as_str).unwrap_or_default().chars().take(200).collect();
                Err(format!("{} answers {code}: {words}", self.kind.as_str()))
            }
            None => Err(format!("{} gives no answer that can be read", self.kind.as_str())),
        }
    }
}

/// What is sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// Where to, signature included where that is its place.
    pub url: String,
    /// Headers of the signature.
    pub headers: Vec<(&'static str, String)>,
    /// JSON.
    pub body: String,
}

fn sign(key: &str, words: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), words.as_bytes()).as_ref().to_vec()
}

/// Alerts in words, one a line.
fn words(alerts: &[Alert]) -> String {
    alerts.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn line(alert: &Alert) -> String {
    let word = match alert.state {
        AlertState::Firing => alert.severity.as_str().to_uppercase(),
        AlertState::Acknowledged => format!("{} (seen by {})", alert.severity, alert.acknowledged_by.as_deref().unwrap_or("somebody")),
        // One that was over at once is told as what it was.
        AlertState::Resolved if alert.ended_ms == Some(alert.began_ms) => alert.severity.as_str().to_uppercase(),
        AlertState::Resolved => "OVER".to_owned(),
    };
    let about = [alert.pair.as_deref(), alert.plugin.as_deref(), Some(alert.code.as_str())];
    let about = about.into_iter().flatten().collect::<Vec<_>>().join(" ");
    format!("[{word}] {about}: {} ({}, {})", alert.message, rfc3339(alert.changed_ms), alert.host)
}

/// Slack's three letters that mean something.
fn slack(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::Source;
    use super::*;

    fn alert() -> Alert {
        Alert {
            id: "1764000000000-000-abcd".to_owned(),
            state: AlertState::Firing,
            severity: Severity::Alert,
            source: Source::Rule,
            name: "thin".into(),
            pair: Some("BTC-USDT".into()),
            plugin: None,
            code: "thin".to_owned(),
            message: "liquidity_index is 12 (< 40)".to_owned(),
            numbers: BTreeMap::from([("value".to_owned(), 12.0)]),
            began_ms: 1_764_000_000_000,
            changed_ms: 1_764_000_000_000,
            ended_ms: None,
            suppressed: 0,
            acknowledged_by: None,
            silenced_by: None,
            host: "here:1".into(),
        }
    }

    fn webhook(kind: Kind, secret: Option<&str>) -> Webhook {
        Webhook {
            name: "ops".to_owned(),
            kind,
            url: Secret("https://hooks.example/bot/key123".to_owned()),
            secret: secret.map(|secret| Secret(secret.to_owned())),
            severity: Severity::Warning,
            pairs: Vec::new(),
            resolved: true,
        }
    }

    fn body(request: &Request) -> Value {
        serde_json::from_str(&request.body).expect("JSON")
    }

    // The signatures of both chats by Python's hmac, as their documentation computes them.
    #[test]
    fn each_kind_gets_its_body_and_its_own_signature() {
        let now = 1_764_000_000_123;
        let generic = webhook(Kind::Generic, Some("s3cret")).request(&[alert()], now);
        assert_eq!(body(&generic)["alerts"][0]["name"], "thin");
        assert_eq!(generic.headers[0], ("X-Leadline-Timestamp", "1764000000".to_owned()));
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"s3cret");
        let signature = generic.headers[1].1.strip_prefix("sha256=").expect("the form");
        let bytes: Vec<u8> =
            (0..signature.len()).step_by(2).map(|at| u8::from_str_radix(&signature[at..at + 2], 16).expect("hex")).collect();
        hmac::verify(&key, format!("1764000000.{}", generic.body).as_bytes(), &bytes).expect("it verifies");

        let slack = webhook(Kind::Slack, None).request(&[alert(), alert()], now);
        let text = body(&slack)["text"].as_str().expect("a text").to_owned();
        assert!(
            text.starts_with("[ALERT] BTC-USDT thin: liquidity_index is 12 (&lt; 40) (2025-11-24T") && text.lines().count() == 2,
            "{text}"
        );

        let feishu = webhook(Kind::Feishu, Some("demo")).request(&[alert()], 1_599_360_473_000);
        assert_eq!(body(&feishu)["timestamp"], "1599360473");
        assert_eq!(body(&feishu)["sign"], "l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8=");
        assert_eq!(body(&feishu)["msg_type"], "text");

        let dingtalk = webhook(Kind::Dingtalk, Some("this is secret")).request(&[alert()], 1_577_262_236_757);
        assert_eq!(
            dingtalk.url,
            "https://hooks.example/bot/key123?timestamp=1577262236757&sign=hmPWwU%2B7lVdm3ZZz0r9tSfx0L4Q26jWOZr9%2BGs6EZQM%3D"
        );
        assert!(body(&dingtalk)["text"]["content"].as_str().expect("a text").contains("BTC-USDT"));
    }

    #[test]
    fn chats_that_answer_200_with_an_error_in_the_body_are_believed() {
        let feishu = webhook(Kind::Feishu, None);
        assert_eq!(feishu.judge(r#"{"StatusCode":0,"StatusMessage":"success"}"#), Ok(()));
        assert_eq!(feishu.judge(r#"{"code":0,"msg":"success"}"#), Ok(()));
        assert_eq!(feishu.judge(r#"{"code":19021,"msg":"sign match fail"}"#), Err("feishu answers 19021: sign match fail".to_owned()));
        let dingtalk = webhook(Kind::Dingtalk, None);
        assert_eq!(
            dingtalk.judge(r#"{"errcode":310000,"errmsg":"sign not match"}"#),
            Err("dingtalk answers 310000: sign not match".to_owned())
        );
        assert!(dingtalk.judge("<html>").is_err());
        assert_eq!(webhook(Kind::Generic, None).judge("whatever"), Ok(()));
    }

    #[test]
    fn nothing_that_is_shown_of_a_webhook_holds_its_secrets() {
        let webhook = webhook(Kind::Feishu, Some("s3cret"));
        let shown = format!("{webhook:?} {}", webhook.place());
        assert!(!shown.contains("s3cret") && !shown.contains("key123"), "{shown}");
        assert_eq!(webhook.place(), "https://hooks.example");
    }

    #[test]
    fn a_wrong_file_is_refused_by_line_or_webhook_without_its_secrets() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("webhooks.toml");
        let good = "[[webhook]]\nname = \"ops\"\nkind = \"feishu\"\nurl = \"https://x.example/key123\"\nsecret = \"s3cret\"\n";
        std::fs::write(&file, good).expect("written");
        assert_eq!(Webhook::read(&file).expect("good").len(), 1);
        for (text, words) in [
            (good.replace("feishu", "fax"), "line 3"),
            (good.replace("secret =", "sekret ="), "unknown field `sekret`"),
            (good.replace("https://", "ftp://"), "no http or https address"),
            (good.replace("feishu", "slack"), "Slack takes no signature"),
            (format!("{good}{good}"), "two of this name"),
            (good.replace("ops", "o p s"), "no name of letters"),
            ("nonsense".to_owned(), "line 1"),
        ] {
            std::fs::write(&file, text).expect("written");
            let told = Webhook::read(&file).expect_err(words).to_string();
            assert!(told.contains(words) && told.contains("hint: "), "{told}");
            assert!(!told.contains("s3cret") && !told.contains("key123"), "{told}");
        }
        let told = Webhook::read(&folder.path().join("none")).expect_err("not there").to_string();
        assert!(told.contains("ALERT_WEBHOOKS_FILE"), "{told}");
    }
}
