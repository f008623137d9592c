//! Alerts on their way to webhooks: a bounded queue each, retries with back-off, and a failure that is itself an alert.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use super::{Alert, webhook::Webhook};
use crate::clock::{rfc3339, unix_ms};
use crate::http;
use crate::okx::Proxies;

/// Alerts that may wait for one webhook; then the oldest are dropped and counted.
const WAITING: usize = 200;
/// Alerts in one message.
const TOGETHER: usize = 20;
/// Longest wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// First wait after a failure, doubled each time, and the longest.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Longest wait that an answer may ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(300);
/// What couldn't be delivered for so long is given up.
const PATIENCE: Duration = Duration::from_secs(900);
/// Failures in a row at which a webhook counts as failing.
const FAILING: u32 = 3;
/// Largest answer read, bytes.
const MAX_ANSWER: usize = 64 << 10;

/// How long to wait between tries.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// After the first failure, doubled each time.
    pub first: Duration,
    /// At most.
    pub longest: Duration,
    /// What couldn't be delivered for so long is given up.
    pub patience: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { first: FIRST_WAIT, longest: LONGEST_WAIT, patience: PATIENCE }
    }
}

/// How a webhook is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryStatus {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// Where it is: scheme and host.
    pub place: String,
    /// Whether the last tries failed.
    pub failing: bool,
    /// Alerts that wait.
    pub waiting: usize,
    /// Alerts delivered.
    pub delivered: u64,
    /// Tries that failed.
    pub failures: u64,
    /// Alerts given up, or dropped since too many waited.
    pub dropped: u64,
    /// What went wrong last; empty: nothing since the last success.
    pub problem: String,
    /// When something was last delivered; empty: never.
    pub last_delivered: String,
}

/// What a delivery tells of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Health {
    /// It fails again and again: why.
    Failing(String),
    /// It works again.
    Well,
}

/// One webhook and what waits for it.
pub(super) struct Delivery {
    pub(super) webhook: Webhook,
    waiting: Mutex<VecDeque<Alert>>,
    wake: Notify,
    status: Mutex<DeliveryStatus>,
    client: reqwest::Client,
    pace: Pace,
}

/// Why a try failed.
struct Failure {
    words: String,
    /// Trying again can help.
    passes: bool,
    /// The other side says how long to wait.
    wait: Option<Duration>,
}

/// A client that follows no redirects: they would carry a signed body to somebody else.
///
/// # Errors
/// When no TLS can be set up.
pub(super) fn client(proxies: Arc<Proxies>) -> Result<reqwest::Client, reqwest::Error> {
    http::client().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none()).proxy(proxies.for_http()).build()
}

impl Delivery {
    pub(super) fn new(webhook: Webhook, client: reqwest::Client, pace: Pace) -> Arc<Self> {
        let status = DeliveryStatus {
            name: webhook.name.clone(),
            kind: webhook.kind.as_str().to_owned(),
            place: webhook.place(),
            ..DeliveryStatus::default()
        };
        Arc::new(Self { webhook, waiting: Mutex::default(), wake: Notify::new(), status: Mutex::new(status), client, pace })
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Alert>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn status_mut(&self) -> MutexGuard<'_, DeliveryStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it is doing.
    pub(super) fn status(&self) -> DeliveryStatus {
        let waiting = self.waiting().len();
        DeliveryStatus { waiting, ..self.status_mut().clone() }
    }

    /// Puts an alert into the queue, if the webhook wants it; never waits.
    pub(super) fn offer(&self, alert: &Alert) {
        if self.webhook.wants(alert) {
            self.test(alert);
        }
    }

    /// The same, whatever it wants.
    pub(super) fn test(&self, alert: &Alert) {
        let mut waiting = self.waiting();
        if waiting.len() >= WAITING {
            waiting.pop_front();
            self.status_mut().dropped += 1;
        }
        waiting.push_back(alert.clone());
        drop(waiting);
        self.wake.notify_one();
    }

    /// Delivers until `stop`, then tries once more. `tell` hears when it begins to fail, and when it works again.
    pub(super) async fn run(self: Arc<Self>, tell: impl Fn(&Webhook, Health) + Send, stop: CancellationToken) {
        let mut in_a_row = 0_u32;
        while !stop.is_cancelled() {
            if self.waiting().is_empty() {
                tokio::select! {
                    () = self.wake.notified() => {}
                    () = stop.cancelled() => {}
                }
                continue;
            }
            let batch: Vec<Alert> = {
                let mut waiting = self.waiting();
                let some = waiting.len().min(TOGETHER);
                waiting.drain(..some).collect()
            };
            let begun = Instant::now();
            loop {
                let Err(failure) = self.send(&batch).await else {
                    if std::mem::take(&mut in_a_row) > 0 && std::mem::take(&mut self.status_mut().failing) {
                        tracing::info!(webhook = self.webhook.name, "the webhook takes alerts again");
                        tell(&self.webhook, Health::Well);
                    }
                    break;
                };
                in_a_row = in_a_row.saturating_add(1);
                let given_up = !failure.passes || begun.elapsed() >= self.pace.patience;
                if (given_up || in_a_row >= FAILING) && !std::mem::replace(&mut self.status_mut().failing, true) {
                    tracing::error!(
                        webhook = self.webhook.name,
                        "alerts can't be delivered to {}: {}",
                        self.webhook.place(),
                        failure.words
                    );
                    tell(&self.webhook, Health::Failing(failure.words.clone()));
                }
                if given_up {
                    self.status_mut().dropped += batch.len() as u64;
                    break;
                }
                let wait =
                    failure.wait.unwrap_or_else(|| self.pace.first.saturating_mul(1 << (in_a_row - 1).min(16)).min(self.pace.longest));
                tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    () = stop.cancelled() => {
                        let mut waiting = self.waiting();
                        batch.into_iter().rev().for_each(|alert| waiting.push_front(alert));
                        break;
                    }
                }
            }
        }
        let left: Vec<Alert> = self.waiting().drain(..).collect();
        if !left.is_empty() {
            // The host ends: what waits gets one try, and not long.
            let sent = tokio::time::timeout(Duration::from_secs(3), self.send(&left)).await;
            if !matches!(sent, Ok(Ok(()))) {
                tracing::warn!(
                    webhook = self.webhook.name,
                    alerts = left.len(),
                    "alerts that waited for the webhook are lost with the end of the host"
                );
            }
        }
    }

    /// One try.
    async fn send(&self, batch: &[Alert]) -> Result<(), Failure> {
        let result = self.post(batch).await;
        let mut status = self.status_mut();
        match &result {
            Ok(()) => {
                status.delivered += batch.len() as u64;
                status.last_delivered = rfc3339(unix_ms());
                status.problem.clear();
            }
            Err(failure) => {
                status.failures += 1;
                status.problem.clone_from(&failure.words);
            }
        }
        result
    }

    async fn post(&self, batch: &[Alert]) -> Result<(), Failure> {
        let request = self.webhook.request(batch, unix_ms());
        let mut post = self.client.post(&request.url).header("Content-Type", "application/json; charset=utf-8").body(request.body);
        for (name, value) in request.headers {
            post = post.header(name, value);
        }
        // An error's own words may hold the address, which is a secret.
        let failed = |error: reqwest::Error| {
            let error = error.without_url();
            let words = if error.is_timeout() { format!("no answer within {} s", TIMEOUT.as_secs()) } else { causes(&error) };
            Failure { words, passes: true, wait: None }
        };
        let mut answer = post.send().await.map_err(failed)?;
        let status = answer.status();
        let asked = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok()).map(Duration::from_secs);
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_ANSWER {
                break;
            }
        }
        let body = String::from_utf8_lossy(&body);
        if status.is_success() {
            return self.webhook.judge(&body).map_err(|words| Failure { words, passes: true, wait: None });
        }
        let passes = status.is_server_error() || [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT].contains(&status);
        let words = if status.is_redirection() {
            "it answers with a redirect, which isn't followed".to_owned()
        } else {
            format!("it answers {status}")
        };
        Err(Failure { words, passes, wait: asked.map(|wait| wait.min(LONGEST_ASKED)) })
    }
}

/// An error with what is behind it.
fn causes(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_words = inner.to_string();
        if !words.contains(&inner_words) {
            words.push_str(": ");
            words.push_str(&inner_words);
        }
        cause = inner.source();
    }
    words.chars().take(300).collect()
}
