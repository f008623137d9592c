//! From the evidence of one second to normal, warning or alert, and to notices.

use crate::breadth::Breadth;
use crate::parameters::Settings;
use crate::stream::{Direction, Stream};
use leadline_plugin::{Notice, Severity, fields};
use serde::{Deserialize, Serialize};

/// The state of the analysis; its order is that of severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum State {
    /// Nothing out of the ordinary.
    Normal,
    /// One kind of evidence says so.
    Warning,
    /// Two kinds do, or one by far.
    Alert,
}

impl State {
    /// As a reading says it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Warning => "warning",
            Self::Alert => "alert",
        }
    }

    fn severity(self) -> Severity {
        match self {
            Self::Normal => Severity::Normal,
            Self::Warning => Severity::Warning,
            Self::Alert => Severity::Alert,
        }
    }
}

/// What speaks for a withdrawal from a side, or for a surge: 1 is the threshold of each.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Evidence {
    /// Many levels lost size within a few seconds.
    pub shock: f64,
    /// Many levels lost size within about a minute.
    pub drift: f64,
    /// Depth has been far off its baseline for seconds in two bands; in the only one where there is no other.
    pub level: f64,
}

impl Evidence {
    /// Of one side.
    #[must_use]
    pub fn of(side: usize, direction: Direction, streams: &[Stream], breadth: &Breadth, settings: &Settings) -> Self {
        let mut levels = [f64::NEG_INFINITY; 2];
        let mut used = 0;
        for stream in streams.iter().filter(|stream| stream.side == side && stream.left_out.is_none()) {
            used += 1;
            let level = stream.level(direction, settings).unwrap_or(f64::NEG_INFINITY);
            if level > levels[0] {
                levels = [level, levels[0]];
            } else if level > levels[1] {
                levels[1] = level;
            }
        }
        // Bands are nested: an order near the touch moves all of them, the innermost most. The second of them is what they agree on.
        let level = if used > 1 { levels[1] } else { levels[0] };
        Self { shock: breadth.shock(direction, settings), drift: breadth.drift(direction, settings), level: level.max(0.0) }
    }

    /// The strongest.
    #[must_use]
    pub fn u(&self) -> f64 {
        self.shock.max(self.drift).max(self.level)
    }

    fn state(&self, direction: Direction, settings: &Settings) -> State {
        let over = [self.shock, self.drift, self.level].iter().filter(|&&u| u >= 1.0).count();
        let state = match over {
            _ if self.u() >= settings.alert_at => State::Alert,
            0 => State::Normal,
            1 => State::Warning,
            _ => State::Alert,
        };
        if direction == Direction::Surge && !settings.surge_alerts { state.min(State::Warning) } else { state }
    }
}

/// What the sides say at one second.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Verdict {
    state: State,
    direction: Direction,
    /// Bids, asks: which of them raise the state.
    sides: [bool; 2],
    /// The largest u in that direction.
    u: f64,
}

/// The state, and what its changes depend on. Times are counted in grid seconds, so that a clock that goes back does no harm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    /// The state now.
    pub state: State,
    /// Bids, asks: what last raised or kept up the state; neither when it is normal.
    sides: [bool; 2],
    direction: Option<Direction>,
    /// Consecutive samples with every u low enough for the way back.
    calm: u32,
    /// Seconds since the state was last normal.
    pub frozen: u32,
    /// The state that people were told last.
    told: State,
    /// The state of the last notice that raised, and the seconds since.
    raised: State,
    since_raised: u32,
}

impl Default for Alarm {
    fn default() -> Self {
        Self {
            state: State::Normal,
            sides: [false; 2],
            direction: None,
            calm: 0,
            frozen: 0,
            told: State::Normal,
            raised: State::Normal,
            since_raised: u32::MAX,
        }
    }
}

impl Alarm {
    /// One sample: evidence by direction and side. Gives the notice that is due.
    pub fn push(&mut self, evidence: &[[Evidence; 2]; 2], score: f64, settings: &Settings) -> Option<Notice> {
        self.pass(1);
        let verdicts = Direction::ALL.map(|direction| verdict(&evidence[direction as usize], direction, settings));
        let verdict = worse(verdicts[0], verdicts[1]);
        if verdict.state > State::Normal {
            self.state = self.state.max(verdict.state);
            self.sides = verdict.sides;
            self.direction = Some(verdict.direction);
        }
        self.calm = if peak(evidence) < settings.back_below { self.calm.saturating_add(1) } else { 0 };
        if self.state > State::Normal && self.calm > settings.back_seconds {
            self.state = State::Normal;
            self.sides = [false; 2];
            self.direction = None;
        }
        if self.state == State::Normal {
            self.frozen = 0;
        }
        self.notice(score, settings)
    }

    /// Seconds pass, with a sample or without.
    pub fn pass(&mut self, seconds: u64) {
        let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
        self.since_raised = self.since_raised.saturating_add(seconds);
        self.frozen = self.frozen.saturating_add(if self.state > State::Normal { seconds } else { 0 });
    }

    /// The sides that raise the state, in a word; none when it is normal.
    #[must_use]
    pub fn side(&self) -> Option<&'static str> {
        match self.sides {
            [true, true] => Some("both"),
            [true, false] => Some("bid"),
            [false, true] => Some("ask"),
            [false, false] => None,
        }
    }

    /// Where depth goes; none when the state is normal.
    #[must_use]
    pub fn direction(&self) -> Option<&'static str> {
        self.direction.map(Direction::word)
    }

    /// A state that lasts is told when the cool-down allows; a worse one than told last at once; the end of one that was told always.
    fn notice(&mut self, score: f64, settings: &Settings) -> Option<Notice> {
        let due = if self.state > self.told {
            self.state > self.raised || self.since_raised >= settings.cool_down
        } else {
            self.state == State::Normal && self.told > State::Normal
        };
        if !due {
            // What was told stays true until normal: there is no way from alert to warning.
            if self.since_raised >= settings.cool_down {
                self.raised = State::Normal;
            }
            return None;
        }
        self.told = self.state;
        if self.state > State::Normal {
            self.raised = self.state;
            self.since_raised = 0;
        }
        let (side, direction) = (self.side().unwrap_or(""), self.direction().unwrap_or(""));
        let message = match self.state {
            State::Normal => "depth is back to normal".to_owned(),
            _ => format!("{direction} of depth on {}", if side == "both" { "both sides".to_owned() } else { format!("the {side} side") }),
        };
        Some(Notice {
            severity: self.state.severity(),
            code: format!("depth_{}", self.state.word()),
            message,
            fields: vec![fields::number("score", score), fields::text("side", side), fields::text("direction", direction)],
        })
    }
}

/// The notice of a depth that has lasted so long that it is taken as usual from here on.
#[must_use]
pub fn regime_change(seconds: u32) -> Notice {
    Notice {
        severity: Severity::Warning,
        code: "regime_change".to_owned(),
        message: format!("depth has been out of the ordinary for {seconds} s and is taken as usual from here on"),
        fields: vec![fields::integer("seconds", i64::from(seconds))],
    }
}

/// The strongest evidence of both sides and directions.
#[must_use]
pub fn peak(evidence: &[[Evidence; 2]; 2]) -> f64 {
    evidence.iter().flatten().map(Evidence::u).fold(0.0, f64::max)
}

fn verdict(sides: &[Evidence; 2], direction: Direction, settings: &Settings) -> Verdict {
    let states = sides.map(|evidence| evidence.state(direction, settings));
    Verdict {
        state: states[0].max(states[1]),
        direction,
        sides: states.map(|state| state > State::Normal),
        u: sides[0].u().max(sides[1].u()),
    }
}

fn worse(a: Verdict, b: Verdict) -> Verdict {
    if (b.state, b.u) > (a.state, a.u) { b } else { a }
}
