//! A fixed sequence of `books` frames with the shape of recorded ones: a snapshot of 2 × 400 levels, then linked updates. Seeded, and
//! apart from the simulator, so that the figures of two versions are about the same bytes.
//!
//! What was counted in the recordings and is kept here: half of the changes are among the best 10 levels and three quarters among the
//! best 50, a tenth are at the edge of the 400 levels, where one comes when another went; of ten changes, three put a level
//! in, three change one, four delete one, and a sixth of the deletes names a price that the book doesn't have; sides are sorted, best
//! first; sizes have up to 8 digits after the point. The price has one digit more than the recorded ones, so that 20 changes make
//! the median length of 793 bytes.

use std::collections::BTreeSet;
use std::fmt::Write;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Levels a side.
const LEVELS: usize = 400;
/// Levels that may be missing at the far end before one comes in.
const WINDOW_SLACK: usize = 8;
/// The first ask, in ticks of 0.1.
const FIRST_ASK: i64 = 1_087_223;
/// Exchange time of the snapshot.
const START_MS: u64 = 1_787_612_486_107;
/// The snapshot's id.
const START_ID: i64 = 80_274_874_800;
/// Changes in an update as recorded, each as likely as another: the median is 20.
const RECORDED: [usize; 15] = [1, 3, 5, 8, 11, 14, 17, 20, 23, 26, 30, 36, 44, 62, 110];
/// Changes in the update of median length.
pub const MEDIAN_CHANGES: usize = 20;

/// How many changes the updates have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// 20 each: every update is like the median one, about 793 bytes.
    Median,
    /// As recorded, from 1 to 110 around a median of 20.
    Recorded,
}

/// The snapshot and `updates` updates.
#[must_use]
pub fn frames(spread: Spread, updates: usize) -> Vec<String> {
    let mut market = Market {
        rng: ChaCha8Rng::seed_from_u64(20_260_824),
        asks: Side { outwards: 1, levels: Vec::new() },
        bids: Side { outwards: -1, levels: Vec::new() },
    };
    market.open();
    let mut frames = vec![market.snapshot()];
    for number in 0..updates {
        let changes = match spread {
            Spread::Median => MEDIAN_CHANGES,
            Spread::Recorded => RECORDED[market.below(RECORDED.len())],
        };
        frames.push(market.update(number, changes));
    }
    frames
}

/// A price level, in ticks and in 10^-8 of the base currency.
#[derive(Clone, Copy)]
struct Level {
    tick: i64,
    size: u64,
    orders: u64,
}

/// One side, best first.
struct Side {
    /// From better to worse prices: 1 for asks, -1 for bids.
    outwards: i64,
    levels: Vec<Level>,
}

impl Side {
    fn find(&self, tick: i64) -> Result<usize, usize> {
        self.levels.binary_search_by_key(&(tick * self.outwards), |level| level.tick * self.outwards)
    }
}

struct Market {
    rng: ChaCha8Rng,
    asks: Side,
    bids: Side,
}

/// What one update says of one side: the ticks of what came, went or changed, and of deletes of unknown prices.
type Changes = BTreeSet<i64>;

impl Market {
    fn below(&mut self, bound: usize) -> usize {
        (self.rng.next_u64() % bound.max(1) as u64) as usize
    }

    fn side(&mut self, ask: bool) -> &mut Side {
        if ask { &mut self.asks } else { &mut self.bids }
    }

    fn open(&mut self) {
        for ask in [true, false] {
            let mut tick = if ask { FIRST_ASK } else { FIRST_ASK - 1 };
            for _ in 0..LEVELS {
                let level = self.level(tick);
                let side = self.side(ask);
                side.levels.push(level);
                let step = side.outwards;
                tick += step * (1 + self.below(9) as i64);
            }
        }
    }

    /// A level of a size as recorded: mostly 8 digits after the point, some round.
    fn level(&mut self, tick: i64) -> Level {
        let size = match self.below(48) {
            0 => (1 + self.below(150) as u64) * 1_000_000,
            1..=14 => 1 + self.below(4_000) as u64,
            _ => 1 + self.below(60_000_000) as u64,
        };
        let orders = if self.below(2) == 0 { 2 + self.below(60) as u64 } else { 1 };
        Level { tick, size, orders }
    }

    /// How many levels behind the best a change is.
    fn depth(&mut self) -> usize {
        match self.below(100) {
            0..58 => self.below(10),
            58..82 => 10 + self.below(30),
            82..91 => 40 + self.below(40),
            _ => 80 + self.below(LEVELS - 90),
        }
    }

    fn snapshot(&self) -> String {
        let mut text = head("snapshot");
        for (key, side) in [("asks", &self.asks), ("bids", &self.bids)] {
            open_list(&mut text, key);
            for level in &side.levels {
                push(&mut text, level.tick, Some(level));
            }
            close_list(&mut text);
        }
        tail(&mut text, START_MS, START_ID, -1);
        text
    }

    fn update(&mut self, number: usize, changes: usize) -> String {
        let mut said = [Changes::new(), Changes::new()];
        while said.iter().map(BTreeSet::len).sum::<usize>() < changes {
            let ask = self.below(2) == 0;
            self.change(ask, &mut said[usize::from(ask)]);
            self.keep_the_window(ask, &mut said[usize::from(ask)]);
        }
        let mut text = head("update");
        for (key, side, said) in [("asks", &self.asks, &said[1]), ("bids", &self.bids, &said[0])] {
            open_list(&mut text, key);
            let mut ticks: Vec<i64> = said.iter().copied().collect();
            ticks.sort_by_key(|tick| tick * side.outwards);
            for tick in ticks {
                push(&mut text, tick, side.find(tick).ok().map(|at| &side.levels[at]));
            }
            close_list(&mut text);
        }
        let id = |number: usize| START_ID + 11 * number as i64;
        tail(&mut text, START_MS + 100 * (number as u64 + 1), id(number + 1), id(number));
        text
    }

    /// The 400 levels of the channel: one too many falls out at the far end; where some are missing, one comes in there.
    fn keep_the_window(&mut self, ask: bool, said: &mut Changes) {
        let step = 1 + self.below(9) as i64;
        let side = self.side(ask);
        let far = side.levels[side.levels.len() - 1].tick;
        if side.levels.len() > LEVELS {
            side.levels.pop();
            said.insert(far);
        } else if side.levels.len() < LEVELS - WINDOW_SLACK {
            let tick = far + side.outwards * step;
            let level = self.level(tick);
            self.side(ask).levels.push(level);
            said.insert(tick);
        }
    }

    /// One change of one side, at a price that this update hasn't named yet.
    fn change(&mut self, ask: bool, said: &mut Changes) {
        let depth = self.depth();
        let kind = self.below(100);
        let aside = 1 + self.below(6) as i64;
        let further = self.below(3) > 0;
        let touch = if ask { self.bids.levels[0].tick } else { self.asks.levels[0].tick };
        let side = self.side(ask);
        let near = side.levels[depth.min(side.levels.len() - 1)].tick;
        let (tick, there) = match kind {
            0..66 => (near, true),
            _ => (near + side.outwards * if further { aside } else { -aside }, false),
        };
        let found = side.find(tick);
        let crosses = (tick - touch) * side.outwards <= 0;
        if crosses || found.is_ok() != there || said.contains(&tick) {
            return;
        }
        said.insert(tick);
        match (kind, found) {
            (0..36, Ok(at)) => {
                let level = self.level(tick);
                self.side(ask).levels[at] = level;
            }
            (_, Ok(at)) => drop(side.levels.remove(at)),
            (66..93, Err(at)) => {
                let level = self.level(tick);
                self.side(ask).levels.insert(at, level);
            }
            (_, Err(_)) => {}
        }
    }
}

fn head(action: &str) -> String {
    format!(r#"{{"arg":{{"channel":"books","instId":"BTC-USDT"}},"action":"{action}","data":[{{"#)
}

fn open_list(text: &mut String, key: &str) {
    // Writing to a string can't fail.
    let _ = write!(text, r#""{key}":["#);
}

fn close_list(text: &mut String) {
    if text.ends_with(',') {
        text.pop();
    }
    text.push_str("],");
}

fn push(text: &mut String, tick: i64, level: Option<&Level>) {
    let (size, orders) = level.map_or((0, 0), |level| (level.size, level.orders));
    let _ = write!(text, r#"["{}","{}","0","{orders}"],"#, decimal(tick.unsigned_abs(), 1), decimal(size, 8));
}

/// As the exchange writes numbers: no zeros at the end, no point without digits.
fn decimal(mantissa: u64, scale: usize) -> String {
    let digits = format!("{mantissa:0>width$}", width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
}

fn tail(text: &mut String, ts: u64, id: i64, previous: i64) {
    let _ = write!(text, r#""ts":"{ts}","checksum":0,"seqId":{id},"prevSeqId":{previous}}}]}}"#);
}
