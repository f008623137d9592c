//! From the streams of one second to normal, warning or alert, and to notices.

use crate::parameters::Settings;
use crate::stream::{Direction, Stream};
use leadline_plugin::{Notice, Severity, fields};
use serde::{Deserialize, Serialize};

/// The state of the analysis; its order is that of severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum State {
    /// Nothing out of the ordinary.
    Normal,
    /// One stream is, clearly or for a while.
    Warning,
    /// Two streams of a side are, or one by far.
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

/// What the streams say at one second.
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
    /// One sample of every stream. Gives the notice that is due.
    pub fn push(&mut self, streams: &[Stream], score: f64, settings: &Settings) -> Option<Notice> {
        self.pass(1);
        let peak = peak(streams, settings)?;
        if let Some(verdict) = Direction::ALL.into_iter().map(|direction| verdict(streams, direction, settings)).reduce(worse)
            && verdict.state > State::Normal
        {
            self.state = self.state.max(verdict.state);
            self.sides = verdict.sides;
            self.direction = Some(verdict.direction);
        }
        self.calm = if peak < settings.back_below { self.calm.saturating_add(1) } else { 0 };
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

/// The largest u of all streams in both directions; none when no stream says anything.
#[must_use]
pub fn peak(streams: &[Stream], settings: &Settings) -> Option<f64> {
    streams.iter().flat_map(|stream| Direction::ALL.map(|direction| stream.u(direction, settings))).flatten().reduce(f64::max)
}

fn verdict(streams: &[Stream], direction: Direction, settings: &Settings) -> Verdict {
    let mut verdict = Verdict { state: State::Normal, direction, sides: [false; 2], u: 0.0 };
    for side in 0..2 {
        let used = || streams.iter().filter(|stream| stream.side == side && stream.left_out.is_none());
        // The innermost band may speak alone where there is no other.
        let alone = settings.innermost_alone || used().count() == 1;
        let (mut hot, mut state) = (0, State::Normal);
        for stream in used() {
            let Some(u) = stream.u(direction, settings) else { continue };
            verdict.u = verdict.u.max(u);
            hot += u32::from(u >= 1.0);
            if stream.band > 0 || alone {
                if u >= settings.alert_at {
                    state = State::Alert;
                } else if u >= 1.0 || stream.lasts(direction, settings) {
                    state = state.max(State::Warning);
                }
            }
        }
        if hot >= 2 {
            state = State::Alert;
        }
        if direction == Direction::Surge && !settings.surge_alerts {
            state = state.min(State::Warning);
        }
        verdict.sides[side] = state > State::Normal;
        verdict.state = verdict.state.max(state);
    }
    verdict
}

fn worse(a: Verdict, b: Verdict) -> Verdict {
    if (b.state, b.u) > (a.state, a.u) { b } else { a }
}
