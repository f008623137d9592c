//! What hosts have written into Redis, read for the API: the same answers whichever process gives them.

use std::collections::BTreeMap;
use std::sync::Arc;

use leadline_market::{Decimal, Level, valid_id};

use super::views::{Feed, Hash, Readings};
use crate::alerts::Alert;
use crate::clock::parse_rfc3339;
use crate::monitor::look::TopBook;
use crate::monitor::stages::FIELDS;
use crate::monitor::{NotRun, StageTimes};
use crate::results::{Link, LinkError, keys};

/// Pairs that one answer holds at most.
const MOST: usize = 1000;

/// Reads what stands in Redis.
#[derive(Clone)]
pub struct Stored {
    link: Arc<Link>,
    pairs_key: Arc<str>,
}

impl Stored {
    /// Through a connection of the API's own.
    #[must_use]
    pub fn new(link: Arc<Link>, pairs_key: &str) -> Self {
        Self { link, pairs_key: pairs_key.into() }
    }

    /// The connection.
    #[must_use]
    pub fn link(&self) -> &Arc<Link> {
        &self.link
    }

    /// The key of the Set of wanted pairs.
    #[must_use]
    pub fn pairs_key(&self) -> &str {
        &self.pairs_key
    }

    /// The members of the Set of wanted pairs, in alphabetical order.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn members(&self) -> Result<Vec<String>, LinkError> {
        let (members,): (Vec<Vec<u8>>,) = self.link.run(redis::pipe().cmd("SMEMBERS").arg(&*self.pairs_key)).await?;
        let mut members: Vec<String> = members.into_iter().take(MOST).map(|member| String::from_utf8_lossy(&member).into_owned()).collect();
        members.sort();
        Ok(members)
    }

    /// How the wanted pairs' feeds stand, in alphabetical order, but for members that are no instruments.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn feeds(&self) -> Result<Vec<Feed>, LinkError> {
        let pairs: Vec<String> = self.members().await?.into_iter().filter(|member| valid_id(member)).collect();
        let hashes = self.hashes(pairs.iter().map(|pair| keys::feed(pair))).await?;
        Ok(pairs.iter().zip(&hashes).map(|(pair, hash)| Feed::of_hash(pair, hash)).collect())
    }

    /// How a pair's feed stands; none: no host says anything.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn feed(&self, pair: &str) -> Result<Option<Feed>, LinkError> {
        Ok(self.hash(keys::feed(pair)).await?.map(|hash| Feed::of_hash(pair, &hash)))
    }

    /// The newest readings of a pair; none: there are none.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn readings(&self, pair: &str) -> Result<Option<Readings>, LinkError> {
        Ok(self.hash(keys::analysis(pair)).await?.map(|hash| Readings::of_hash(pair, &hash)))
    }

    /// The newest readings of all wanted pairs.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn all_readings(&self) -> Result<Vec<Readings>, LinkError> {
        let pairs: Vec<String> = self.members().await?.into_iter().filter(|member| valid_id(member)).collect();
        let hashes = self.hashes(pairs.iter().map(|pair| keys::analysis(pair))).await?;
        Ok(pairs.iter().zip(&hashes).map(|(pair, hash)| Readings::of_hash(pair, hash)).collect())
    }

    /// The newest book of a pair as it was written, up to once a second; none: there is none.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn book(&self, pair: &str) -> Result<Option<TopBook>, LinkError> {
        let Some(hash) = self.hash(keys::orderbook(pair)).await? else { return Ok(None) };
        let text = |name: &str| hash.get(name).map_or("", String::as_str);
        Ok(Some(TopBook {
            sequence: text("sequence").parse().ok(),
            time_ms: parse_rfc3339(text("latest_timestamp")),
            bids: levels(text("bids")),
            asks: levels(text("asks")),
        }))
    }

    /// The fields of `system:monitoring`; empty: no host runs.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn monitoring(&self) -> Result<Hash, LinkError> {
        Ok(self.hash(keys::MONITORING.to_owned()).await?.unwrap_or_default())
    }

    /// How long frames took to each stage of their way, in the order of the way; empty: no host runs.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn stages(&self) -> Result<Vec<StageTimes>, LinkError> {
        let stages = self.hash(keys::STAGES.to_owned()).await?.unwrap_or_default();
        Ok(FIELDS.iter().filter_map(|field| serde_json::from_str(stages.get(*field)?).ok()).collect())
    }

    /// What was told lately of alerts, newest first, and the alerts that are on; what can't be read is left out.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn alerts(&self, recent: usize) -> Result<(Vec<Alert>, Vec<Alert>), LinkError> {
        let mut ask = redis::pipe();
        ask.cmd("LRANGE").arg(keys::ALERTS_RECENT).arg(0).arg(recent.saturating_sub(1)).cmd("HVALS").arg(keys::ALERTS_ACTIVE);
        let (recent, active): (Vec<Vec<u8>>, Vec<Vec<u8>>) = self.link.run(&ask).await?;
        let alerts = |texts: Vec<Vec<u8>>| texts.iter().filter_map(|text| serde_json::from_slice(text).ok()).collect();
        Ok((alerts(recent), alerts(active)))
    }

    /// The fields of `plugin:{name}` of each plugin, by name.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn plugins(&self) -> Result<BTreeMap<String, Hash>, LinkError> {
        let (mut names, mut cursor) = (Vec::new(), 0_u64);
        loop {
            let mut scan = redis::pipe();
            scan.cmd("SCAN").arg(cursor).arg("MATCH").arg(keys::plugin("*")).arg("COUNT").arg(1000);
            let ((next, found),): ((u64, Vec<String>),) = self.link.run(&scan).await?;
            names.extend(found.iter().filter_map(|key| key.strip_prefix(keys::plugin("").as_str()).map(str::to_owned)));
            if next == 0 || names.len() >= MOST {
                break;
            }
            cursor = next;
        }
        let hashes = self.hashes(names.iter().map(|name| keys::plugin(name))).await?;
        Ok(names.into_iter().zip(hashes).collect())
    }

    /// What the host leaves out of the wanted pairs, as far as its Hash says.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn not_run(&self) -> Result<NotRun, LinkError> {
        let monitoring = self.monitoring().await?;
        let names = |field: &str| {
            let text = monitoring.get(field).map_or("", String::as_str);
            text.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
        };
        Ok(NotRun { left_out: names("pairs_left_out"), refused: names("pairs_refused") })
    }

    async fn hash(&self, key: String) -> Result<Option<Hash>, LinkError> {
        let found = self.hashes([key]).await?.pop();
        Ok(found.filter(|hash| !hash.is_empty()))
    }

    async fn hashes(&self, keys: impl IntoIterator<Item = String>) -> Result<Vec<Hash>, LinkError> {
        let mut pipeline = redis::pipe();
        let mut any = false;
        for key in keys {
            any = true;
            pipeline.cmd("HGETALL").arg(key);
        }
        if any { self.link.run::<Vec<BTreeMap<String, String>>>(&pipeline).await } else { Ok(Vec::new()) }
    }
}

/// The levels of a Hash; what can't be read is left out, which nothing of ours writes.
fn levels(json: &str) -> Vec<Level> {
    let read: Vec<(String, String, String)> = serde_json::from_str(json).unwrap_or_default();
    let level = |(price, size, orders): (String, String, String)| {
        Some(Level {
            price: Decimal::parse(price.as_bytes()).ok()?,
            size: Decimal::parse(size.as_bytes()).ok()?,
            orders: orders.parse().ok()?,
        })
    };
    read.into_iter().filter_map(level).collect()
}
