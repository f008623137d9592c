//! A market with its script: one book after another, and labels as things happen.

use std::collections::VecDeque;

use leadline_market::Book;

use crate::background::{background, bandwidth_bps, depth, mid};
use crate::label::{Ending, Event, Label, Measured, Sides};
use crate::market::profile::Profile;
use crate::market::{Market, Of, Planted};
use crate::script::{Act, Scenario, Script, WallPlan, script};

/// Exchange time of the first book: a Monday, midnight UTC.
pub const START_MS: u64 = 1_736_121_600_000;
/// A wall is pulled only while the price is more bandwidths away than this, so that nobody can call it consumed.
const FAR: f64 = 4.0;
/// What is left of a wall after a second of trading at its price.
const ERODED: f64 = 0.45;
/// With less than this left it is gone, and the price goes on beyond it by so much at least.
const GONE: f64 = 0.1;
const BEYOND_BPS: f64 = 6.0;
/// A side's notional within this distance is what shares of it are taken of, bps.
const SIDE_BPS: f64 = 100.0;
/// A level that flickers is this many times the background.
const FLICKER: f64 = 20.0;
/// Size of a flickering level in orders.
const FLICKER_ORDERS: u32 = 1;

/// A wall that stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    /// Its label's place.
    pub label: usize,
    /// Its side.
    pub side: Of,
    /// Its price.
    pub price: f64,
    /// Exchange time of the first book that has it.
    pub since_ms: u64,
    /// Whether it is being traded away.
    pub fading: bool,
}

/// A market under way.
#[derive(Debug)]
pub struct Stage {
    market: Market,
    step_ms: u64,
    left: u64,
    script: VecDeque<(u64, Act)>,
    labels: Vec<Label>,
    /// Depth that is on its way, one at a time.
    moving: Option<Moving>,
    walls: Option<Walls>,
    standing: Vec<Standing>,
    /// End of a restless time, label.
    regime: Option<(u64, usize)>,
    flicker: Option<Flicker>,
    first: bool,
}

#[derive(Debug)]
struct Moving {
    sides: Sides,
    share: f64,
    begin_ms: u64,
    over_ms: u64,
    hold_ms: u64,
    back_ms: u64,
    label: usize,
}

#[derive(Debug)]
struct Walls {
    end_ms: u64,
    planted: Vec<Wall>,
    lean: Option<usize>,
}

#[derive(Debug)]
struct Wall {
    planted: Planted,
    ending: Ending,
    label: usize,
    bandwidth_bps: f64,
}

#[derive(Debug)]
struct Flicker {
    side: Of,
    begin_ms: u64,
    times: u64,
    planted: Option<Planted>,
    label: usize,
}

impl Stage {
    /// The market of a scenario, profile and seed.
    #[must_use]
    pub fn new(scenario: Scenario, profile: &Profile, seed: u64) -> Self {
        let mut stage = Self::with(script(scenario, profile, seed), profile, seed, scenario.seconds(), scenario.step_ms());
        stage.market.daily = scenario.is_daily();
        stage
    }

    /// A market with a script of one's own, of this many seconds.
    #[must_use]
    pub fn with(script: Script, profile: &Profile, seed: u64, seconds: u64, step_ms: u64) -> Self {
        Self {
            market: Market::new(profile, seed, START_MS),
            step_ms,
            left: seconds * 1000 / step_ms,
            script: script.into(),
            labels: Vec::new(),
            moving: None,
            walls: None,
            standing: Vec::new(),
            regime: None,
            flicker: None,
            first: true,
        }
    }

    /// Labels so far. Walls are open-ended until they end.
    #[must_use]
    pub fn labels(&self) -> &[Label] {
        &self.labels
    }

    /// The walls that the book of now has.
    #[must_use]
    pub fn standing(&self) -> &[Standing] {
        &self.standing
    }

    /// The market itself.
    #[must_use]
    pub fn market(&self) -> &Market {
        &self.market
    }

    /// Fills the next book; false at the end.
    pub fn next(&mut self, book: &mut Book) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        let mut restarted = self.first;
        if !self.first {
            restarted |= self.begin_due(book);
            self.market.step(self.step_ms);
        }
        self.first = false;
        self.go_on(book);
        self.market.fill(restarted, book);
        true
    }

    fn now_ms(&self) -> u64 {
        self.market.time_ms()
    }

    fn label(&mut self, event: Event, full_ms: u64, end_ms: u64) -> usize {
        self.labels.push(Label { event, begin_ms: self.now_ms(), full_ms, end_ms });
        self.labels.len() - 1
    }

    /// Begins what is due, with the last book at hand. True: frames are missing before the next one.
    fn begin_due(&mut self, last: &Book) -> bool {
        let now = self.now_ms();
        // Walls wait until those before them are gone.
        let busy = self.walls.is_some();
        let due = self.script.front().is_some_and(|(at, act)| START_MS + at * 1000 <= now && !(busy && matches!(act, Act::Walls { .. })));
        let Some((_, act)) = self.script.pop_front_if(|_| due) else { return false };
        let at = |seconds: u64| now + seconds * 1000;
        match act {
            Act::Depth { sides, share, over_s, hold_s, back_s } => {
                let label = self.label(Event::Depth { sides, share, over_s }, at(over_s), at(over_s + hold_s + back_s));
                let [over_ms, hold_ms, back_ms] = [over_s, hold_s, back_s].map(|seconds| seconds * 1000);
                self.moving = Some(Moving { sides, share, begin_ms: now, over_ms, hold_ms, back_ms, label });
            }
            Act::Jump(bps) => {
                self.label(Event::Jump { bps }, now + self.step_ms, now + self.step_ms);
                self.market.jump(bps);
            }
            Act::Regime { times, seconds } => {
                let label = self.label(Event::Regime { times }, at(0), at(seconds));
                self.market.pace = [times, times];
                self.regime = Some((at(seconds), label));
            }
            Act::Flicker(side, times) => {
                let label = self.label(Event::Flicker { side }, at(2), at(5 * times));
                self.flicker = Some(Flicker { side, begin_ms: now, times, planted: None, label });
            }
            Act::Gap(seconds) => {
                self.label(Event::Gap { seconds }, at(seconds), at(seconds));
                for _ in 0..seconds * 1000 / self.step_ms {
                    self.market.step(self.step_ms);
                    self.left = self.left.saturating_sub(1);
                }
                return true;
            }
            Act::Walls { walls, stand_s } => self.plant(&walls, at(stand_s), last),
        }
        false
    }

    fn plant(&mut self, plans: &[WallPlan], end_ms: u64, last: &Book) {
        let Some(mid) = mid(last) else { return };
        let since_ms = self.now_ms() + self.step_ms;
        let mut planted = Vec::with_capacity(plans.len());
        let sides: Vec<Of> = Of::BOTH.into_iter().filter(|&side| plans.iter().any(|plan| plan.side == side)).collect();
        let lean = match sides[..] {
            [side] => {
                let size = |measured| match measured {
                    Measured::Times(size) | Measured::OfSide(size) => size,
                };
                let least = plans.iter().map(|plan| plan.measured).reduce(|a, b| if size(b) < size(a) { b } else { a });
                least.map(|least| self.label(Event::Lean { side, walls: plans.len(), least }, since_ms, u64::MAX))
            }
            _ => None,
        };
        for plan in plans {
            let notional = match plan.measured {
                Measured::Times(times) => background(last, plan.side, plan.distance_bps).map(|background| times * background),
                Measured::OfSide(share) => Some(share * depth(last, plan.side, SIDE_BPS)),
            };
            let Some(notional) = notional else { continue };
            let sign = if plan.side == Of::Bid { -1.0 } else { 1.0 };
            let price = mid * (1.0 + sign * plan.distance_bps * 1e-4);
            let wall = self.market.plant(plan.side, price, notional, plan.orders);
            let event = Event::Wall {
                side: plan.side,
                price: wall.price,
                size: wall.size,
                measured: plan.measured,
                orders: plan.orders,
                ending: plan.ending,
            };
            let label = self.label(event, since_ms, u64::MAX);
            let bandwidth_bps = bandwidth_bps(last, plan.side).unwrap_or(1.0);
            planted.push(Wall { planted: wall, ending: plan.ending, label, bandwidth_bps });
            self.standing.push(Standing { label, side: plan.side, price: wall.price, since_ms, fading: false });
        }
        self.walls = Some(Walls { end_ms, planted, lean });
    }

    /// Whatever is under way goes on in the book of now.
    fn go_on(&mut self, last: &Book) {
        let now = self.now_ms();
        if let Some(moving) = &self.moving {
            let factor = course(now - moving.begin_ms, moving.share, moving.over_ms, moving.hold_ms, moving.back_ms);
            for side in Of::BOTH.into_iter().filter(|&side| moving.sides.has(side)) {
                self.market.factor[side.index()] = factor.unwrap_or(1.0);
            }
            if factor.is_none() {
                self.labels[moving.label].end_ms = now;
                self.moving = None;
            }
        }
        if let Some((end_ms, label)) = self.regime
            && now >= end_ms
        {
            self.market.pace = [1.0; 2];
            self.labels[label].end_ms = now;
            self.regime = None;
        }
        self.flicker(now, last);
        self.end_walls(now);
    }

    fn flicker(&mut self, now: u64, last: &Book) {
        let Some(mut flicker) = self.flicker.take() else { return };
        let off = (now - flicker.begin_ms).saturating_sub(self.step_ms);
        let shown = off < 5_000 * flicker.times && off % 5_000 < 2_000;
        match (shown, flicker.planted) {
            (true, None) => {
                if let (Some(mid), Some(background)) = (mid(last), background(last, flicker.side, 15.0)) {
                    let price = mid * if flicker.side == Of::Bid { 1.0 - 15e-4 } else { 1.0 + 15e-4 };
                    flicker.planted = Some(self.market.plant(flicker.side, price, FLICKER * background, FLICKER_ORDERS));
                }
            }
            (false, Some(planted)) => {
                self.market.uproot(&planted);
                flicker.planted = None;
            }
            _ => {}
        }
        if off >= 5_000 * flicker.times {
            self.labels[flicker.label].end_ms = now;
        } else {
            self.flicker = Some(flicker);
        }
    }

    /// Pulls walls, and trades through the one that is to be.
    fn end_walls(&mut self, now: u64) {
        let Some(mut walls) = self.walls.take() else { return };
        if now >= walls.end_ms {
            let Self { market, standing, labels, .. } = self;
            walls.planted.retain(|wall| {
                let gone = match wall.ending {
                    Ending::Pulled => {
                        let far = (wall.planted.price / market.mid() - 1.0).abs() * 1e4 > FAR * wall.bandwidth_bps;
                        if far {
                            market.uproot(&wall.planted);
                        }
                        far
                    }
                    Ending::Consumed => trade(market, wall, standing),
                };
                if gone {
                    labels[wall.label].end_ms = now;
                    standing.retain(|standing| standing.label != wall.label);
                }
                !gone
            });
        }
        if walls.planted.is_empty() {
            if let Some(lean) = walls.lean {
                self.labels[lean].end_ms = now;
            }
        } else {
            self.walls = Some(walls);
        }
    }
}

/// The price goes to a wall, and when it is there the wall is traded away within seconds. True: price has traded through it.
fn trade(market: &mut Market, wall: &Wall, standing: &mut [Standing]) -> bool {
    market.drive(Some(wall.planted.price));
    if !market.at_touch(&wall.planted) {
        return false;
    }
    if let Some(standing) = standing.iter_mut().find(|standing| standing.label == wall.label) {
        standing.fading = true;
    }
    if market.erode(&wall.planted, ERODED) > GONE * wall.planted.size {
        return false;
    }
    market.drive(None);
    market.trade_through(&wall.planted, BEYOND_BPS);
    true
}

/// Factor on depth so long after the beginning: straight down (or up), level, straight back. None: it is over.
#[must_use]
pub fn course(elapsed_ms: u64, share: f64, over_ms: u64, hold_ms: u64, back_ms: u64) -> Option<f64> {
    let part = |of: u64, whole: u64| if whole == 0 { 1.0 } else { of as f64 / whole as f64 };
    if elapsed_ms < over_ms {
        Some(1.0 + (share - 1.0) * part(elapsed_ms, over_ms))
    } else if elapsed_ms < over_ms + hold_ms {
        Some(share)
    } else if elapsed_ms < over_ms + hold_ms + back_ms {
        Some(share + (1.0 - share) * part(elapsed_ms - over_ms - hold_ms, back_ms))
    } else {
        None
    }
}

#[cfg(test)]
#[path = "stage_tests.rs"]
mod tests;
