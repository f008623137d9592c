//! What of alerts stands in Redis: rules, silences and acknowledgements are read, alerts are written and told.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::ledger::RECENT;
use super::{Alert, DeliveryStatus};
use crate::results::{Link, LinkError, keys};

/// Entries of a Hash that are read: more are a mistake, and must not fill the host.
const MAX_ENTRIES: u64 = 500;
/// Longest text of an entry that is read, bytes.
const MAX_TEXT: usize = 8192;

/// Names and texts of a Hash.
pub(super) type Entries = BTreeMap<String, String>;

/// Why a Hash can't be used.
pub(super) enum ReadError {
    /// Redis says why.
    Redis(LinkError),
    /// There are more than anybody means.
    TooMany(u64),
}

/// All entries of a Hash.
pub(super) async fn read(link: &Link, key: &str) -> Result<Entries, ReadError> {
    let (entries,): (u64,) = link.run(redis::pipe().cmd("HLEN").arg(key)).await.map_err(ReadError::Redis)?;
    match entries {
        0 => return Ok(Entries::new()),
        1..=MAX_ENTRIES => {}
        more => return Err(ReadError::TooMany(more)),
    }
    let (found,): (BTreeMap<Vec<u8>, Vec<u8>>,) = link.run(redis::pipe().cmd("HGETALL").arg(key)).await.map_err(ReadError::Redis)?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(bytes.get(..MAX_TEXT).unwrap_or(&bytes)).into_owned();
    Ok(found.into_iter().map(|(name, value)| (text(name), text(value))).collect())
}

/// What an earlier run of the host left: the active alerts, and what was told lately. What can't be read is left out.
pub(super) async fn left(link: &Link) -> Result<(Vec<Alert>, Vec<Alert>), LinkError> {
    let mut ask = redis::pipe();
    ask.cmd("HVALS").arg(keys::ALERTS_ACTIVE).cmd("LRANGE").arg(keys::ALERTS_RECENT).arg(0).arg(RECENT - 1);
    let (active, recent): (Vec<Vec<u8>>, Vec<Vec<u8>>) = link.run(&ask).await?;
    let alerts = |texts: Vec<Vec<u8>>| texts.iter().filter_map(|text| serde_json::from_slice(text).ok()).collect();
    Ok((alerts(active), alerts(recent)))
}

/// Sets or removes an entry of a Hash.
pub(super) async fn put(link: &Link, key: &str, name: &str, text: Option<&str>) -> Result<bool, LinkError> {
    let mut pipe = redis::pipe();
    match text {
        Some(text) => pipe.cmd("HSET").arg(key).arg(name).arg(text),
        None => pipe.cmd("HDEL").arg(key).arg(name),
    };
    let (changed,): (u64,) = link.run(&pipe).await?;
    Ok(changed > 0)
}

/// What waits to be written.
#[derive(Default)]
pub(super) struct Outbox(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    /// At most [`RECENT`]: more would not be kept anyway.
    told: VecDeque<Alert>,
    /// The active alerts, where they changed.
    active: Option<Vec<Alert>>,
    /// Rules and silences that can't be used, where that changed.
    refused: Option<Entries>,
    /// What was asked of the host and taken: Hash and field.
    taken: Vec<(&'static str, String)>,
    /// How the webhooks do, where that changed.
    webhooks: Option<Vec<DeliveryStatus>>,
    /// Alerts that were never told over the channel.
    dropped: u64,
}

impl Outbox {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An alert that begins, changes or ends.
    pub(super) fn tell(&self, alert: Alert) {
        let mut waiting = self.lock();
        waiting.told.push_back(alert);
        if waiting.told.len() > RECENT {
            waiting.told.pop_front();
            waiting.dropped += 1;
        }
    }

    /// All active alerts, from now on.
    pub(super) fn active(&self, alerts: Vec<Alert>) {
        self.lock().active = Some(alerts);
    }

    /// All that can't be used, from now on.
    pub(super) fn refused(&self, refused: Entries) {
        self.lock().refused = Some(refused);
    }

    /// What was asked of the host under this field was taken.
    pub(super) fn taken(&self, key: &'static str, field: String) {
        self.lock().taken.push((key, field));
    }

    /// How the webhooks do, from now on.
    pub(super) fn webhooks(&self, webhooks: Vec<DeliveryStatus>) {
        self.lock().webhooks = Some(webhooks);
    }

    /// Alerts that Redis was never told of, since it was away too long.
    pub(super) fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    /// Writes all that waits, in one transaction; what Redis didn't take waits again.
    pub(super) async fn flush(&self, link: &Link) -> Result<(), LinkError> {
        let batch = {
            let mut waiting = self.lock();
            let dropped = waiting.dropped;
            std::mem::replace(&mut *waiting, Waiting { dropped, ..Waiting::default() })
        };
        let states = batch.active.is_none() && batch.refused.is_none() && batch.webhooks.is_none();
        if states && batch.told.is_empty() && batch.taken.is_empty() {
            return Ok(());
        }
        let mut pipe = redis::pipe();
        pipe.atomic();
        if let Some(active) = &batch.active {
            replace(&mut pipe, keys::ALERTS_ACTIVE, active.iter().map(|alert| (alert.id.clone(), json(alert))));
        }
        if let Some(refused) = &batch.refused {
            replace(&mut pipe, keys::ALERTS_REFUSED, refused.iter().map(|(name, why)| (name.clone(), why.clone())));
        }
        for alert in &batch.told {
            let json = json(alert);
            pipe.cmd("LPUSH").arg(keys::ALERTS_RECENT).arg(&json).ignore();
            pipe.cmd("PUBLISH").arg(keys::EVENTS_ALERTS).arg(json).ignore();
        }
        if !batch.told.is_empty() {
            pipe.cmd("LTRIM").arg(keys::ALERTS_RECENT).arg(0).arg(RECENT - 1).ignore();
        }
        if let Some(webhooks) = &batch.webhooks {
            let text = |status: &DeliveryStatus| (status.name.clone(), serde_json::to_string(status).unwrap_or_default());
            replace(&mut pipe, keys::ALERTS_WEBHOOKS, webhooks.iter().map(text));
        }
        for (key, field) in &batch.taken {
            pipe.cmd("HDEL").arg(key).arg(field).ignore();
        }
        let written = link.run::<()>(&pipe).await;
        if written.is_err() {
            let mut waiting = self.lock();
            waiting.active = waiting.active.take().or(batch.active);
            waiting.refused = waiting.refused.take().or(batch.refused);
            waiting.webhooks = waiting.webhooks.take().or(batch.webhooks);
            let newer = std::mem::replace(&mut waiting.told, batch.told);
            waiting.told.extend(newer);
            let over = waiting.told.len().saturating_sub(RECENT);
            waiting.told.drain(..over);
            waiting.dropped += over as u64;
            let newer = std::mem::replace(&mut waiting.taken, batch.taken);
            waiting.taken.extend(newer);
        }
        written
    }
}

fn replace(pipe: &mut redis::Pipeline, key: &str, entries: impl Iterator<Item = (String, String)>) {
    pipe.cmd("DEL").arg(key).ignore();
    for (name, text) in entries {
        pipe.cmd("HSET").arg(key).arg(name).arg(text).ignore();
    }
}

/// None of its fields can fail to be written.
fn json(alert: &Alert) -> String {
    serde_json::to_string(alert).unwrap_or_default()
}
