//! The rings of some pairs as one stream, in the order in which the frames were received.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use leadline_market::{Instrument, Kind, Source};
use leadline_recording::parcel::records;
use leadline_recording::{Gap, PARCEL_VERSION, ParcelHead, ParcelWriter};
use serde_json::json;

use super::Recent;
use super::ring::Block;

/// What somebody wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Which pairs; none named: all.
    pub pairs: Vec<String>,
    /// How far back.
    pub span: Duration,
}

/// What there is of it: held, so that it stays while it is written.
pub struct Gathered {
    head: ParcelHead,
    pairs: Vec<Vec<Arc<Block>>>,
}

impl Recent {
    /// Gathers the frames that are asked for. Cheap: packed blocks are shared, not copied.
    ///
    /// # Errors
    /// The pairs that there are no frames of.
    pub fn gather(&self, asked: &Asked, now_us: u64) -> Result<Gathered, Vec<String>> {
        let rings: Vec<_> = {
            let pairs = self.pairs();
            let unknown: Vec<String> = asked.pairs.iter().filter(|pair| !pairs.contains_key(pair.as_str())).cloned().collect();
            if !unknown.is_empty() {
                return Err(unknown);
            }
            pairs
                .values()
                .filter(|ring| asked.pairs.is_empty() || asked.pairs.iter().any(|pair| **pair == **ring.pair()))
                .cloned()
                .collect()
        };
        let mut head =
            ParcelHead { version: PARCEL_VERSION, endpoint: self.endpoint.clone(), channel: self.channel.clone(), ..ParcelHead::default() };
        let mut pairs = Vec::new();
        let from_us = now_us.saturating_sub(u64::try_from(asked.span.as_micros()).unwrap_or(u64::MAX));
        for ring in rings {
            let (blocks, instrument) = ring.take(asked.span, now_us);
            let begins = blocks.first().map(|block| block.keyframe().map_or(block.first_us, |(at_us, _)| at_us));
            if begins.is_none_or(|begins| begins > from_us) {
                let reason = "not kept: before the pair began, or longer ago than RECENT_MINUTES and RECENT_MB".to_owned();
                head.gaps.push(Gap { pair: ring.pair().to_string(), from_us, to_us: begins, reason });
            }
            if let Some(instrument) = instrument.filter(|one| one.source == Source::Listed) {
                head.listings.insert(instrument.id.clone(), listing(&instrument));
            }
            head.pairs.push(ring.pair().to_string());
            pairs.push(blocks);
        }
        Ok(Gathered { head, pairs })
    }
}

impl Gathered {
    /// Frames that will be written, the books at the beginning not counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.iter().all(Vec::is_empty)
    }

    /// Writes it, one unpacked block a pair in memory at a time.
    ///
    /// # Errors
    /// What `out` refuses, or a damaged block.
    pub fn write<W: Write>(self, out: W) -> io::Result<W> {
        let mut parcel = ParcelWriter::new(out, &self.head)?;
        let mut ways = self.pairs.into_iter().map(Way::new).collect::<io::Result<Vec<Way>>>()?;
        // The next frame of all pairs is that of the smallest time; on a tie, of the pair that comes first.
        while let Some(way) = ways.iter_mut().filter(|way| way.next_us.is_some()).min_by_key(|way| way.next_us) {
            way.write(&mut parcel)?;
        }
        parcel.finish()
    }
}

/// One pair on its way into the parcel.
struct Way {
    blocks: std::vec::IntoIter<Arc<Block>>,
    keyframe: Option<(u64, Arc<str>)>,
    records: Vec<u8>,
    at: usize,
    next_us: Option<u64>,
}

impl Way {
    fn new(blocks: Vec<Arc<Block>>) -> io::Result<Self> {
        let keyframe = blocks.first().and_then(|block| block.keyframe());
        let next_us = keyframe.as_ref().map(|(at_us, _)| *at_us);
        let mut way = Self { blocks: blocks.into_iter(), keyframe, records: Vec::new(), at: 0, next_us };
        if next_us.is_none() {
            way.step()?;
        }
        Ok(way)
    }

    fn write<W: Write>(&mut self, parcel: &mut ParcelWriter<W>) -> io::Result<()> {
        if let Some((at_us, text)) = self.keyframe.take() {
            parcel.frame(at_us, text.as_bytes())?;
        } else if let Some((received_us, frame)) = records(&self.records[self.at..]).next() {
            parcel.frame(received_us, frame)?;
            self.at += RECORD_HEAD + frame.len();
        }
        self.step()
    }

    /// Finds the next frame's time, in the next block if need be.
    fn step(&mut self) -> io::Result<()> {
        loop {
            if let Some((received_us, _)) = records(&self.records[self.at..]).next() {
                self.next_us = Some(received_us);
                return Ok(());
            }
            let Some(block) = self.blocks.next() else {
                self.next_us = None;
                return Ok(());
            };
            (self.records, self.at) = (block.records()?, 0);
        }
    }
}

/// Bytes of a record before the frame.
const RECORD_HEAD: usize = 12;

/// The instrument as the exchange's listing of it would say, as far as a recording needs it.
fn listing(instrument: &Instrument) -> String {
    let (kind, contract) = match instrument.kind {
        Kind::Spot => ("SPOT", ""),
        Kind::Linear => ("FUTURES", "linear"),
        Kind::Inverse => ("FUTURES", "inverse"),
        Kind::Options => ("OPTION", ""),
    };
    let kind = if kind == "FUTURES" && instrument.id.ends_with("-SWAP") { "SWAP" } else { kind };
    let mut entry = BTreeMap::from([
        ("instId", instrument.id.clone()),
        ("instType", kind.to_owned()),
        ("tickSz", instrument.tick_size.to_string()),
        ("lotSz", instrument.lot_size.to_string()),
        ("baseCcy", instrument.base.clone()),
        ("quoteCcy", instrument.quote.clone()),
        ("settleCcy", instrument.settle.clone()),
        ("ctType", contract.to_owned()),
        ("state", "live".to_owned()),
    ]);
    if instrument.kind != Kind::Spot {
        entry.insert("ctVal", instrument.contract_value.to_string());
    }
    json!({ "code": "0", "msg": "", "data": [entry] }).to_string()
}
