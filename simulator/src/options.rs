//! What to serve, and how fast.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::control::Control;
use crate::error::SimulatorError;
use crate::fault::{Chaos, Fault};
use crate::market::{SPOT, SWAPS, Shape};

/// Most spot pairs that a generated market has.
pub const MAX_PAIRS: usize = SPOT.len();
/// Exchange time of the first frame where none is said and the wall clock would make a file differ from run to run.
pub const DEFAULT_START_MS: u64 = 1_800_000_000_000;
/// Frames a second of one pair where no rate is said: as many as OKX sends of a lively one.
const LIVELY_PER_SECOND: f64 = 9.0;

/// Everything the simulator can be told.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where frames come from.
    pub served: Served,
    /// Frames that may wait for one client. When there are more, a client of a paced stream is closed with 4005.
    pub queue_frames: usize,
    /// How long a client of an unpaced stream may take nothing before it is closed with 4005.
    pub stall: Duration,
    /// What the exchange refuses.
    pub limits: Limits,
    /// Faults to be brought about, now or at their times.
    pub faults: Vec<Fault>,
    /// Random faults.
    pub chaos: Option<Chaos>,
    /// Whoever keeps a clone of it can bring about faults and ask what the books were.
    pub control: Control,
    /// Digests of its book that each generated pair keeps; 0: none. At [`Rate::Max`] none are kept.
    pub truth: usize,
}

/// What the exchange refuses. 0 or no time: it isn't limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// A connection on which nothing was sent either way for this long is closed with 4004. OKX has 30 s.
    pub idle: Duration,
    /// Subscribe and unsubscribe requests of a connection within a second; one more is refused with 60014.
    pub requests_a_second: u32,
    /// The same within an hour. OKX has 480.
    pub requests_an_hour: u32,
    /// WebSockets opened within a second; one more is answered with HTTP 429. OKX has 3.
    pub connects_a_second: u32,
    /// REST calls within a second; one more is answered with HTTP 429.
    pub rest_a_second: u32,
    /// Channels of a connection; one more closes it with 4008.
    pub channels: u32,
}

impl Default for Limits {
    fn default() -> Self {
        let idle = Duration::from_secs(30);
        Self { idle, requests_a_second: 0, requests_an_hour: 480, connects_a_second: 0, rest_a_second: 0, channels: 0 }
    }
}

/// Digests that a pair keeps where nothing else is said: over half an hour of frames.
const TRUTH: usize = 20_000;

impl Default for Options {
    fn default() -> Self {
        Self {
            served: Served::Generated(Generated::default()),
            queue_frames: 1024,
            stall: Duration::from_secs(10),
            limits: Limits::default(),
            faults: Vec::new(),
            chaos: None,
            control: Control::new(),
            truth: TRUTH,
        }
    }
}

/// Where frames come from.
#[derive(Debug, Clone)]
pub enum Served {
    /// A market made up from a seed.
    Generated(Generated),
    /// Recordings played back.
    Recorded(Recorded),
}

/// A generated market.
#[derive(Debug, Clone)]
pub struct Generated {
    /// The same seed gives the same frames for the same times.
    pub seed: u64,
    /// Number of spot pairs, 1 to [`MAX_PAIRS`]: BTC-USDT, ETH-USDT, SOL-USDT, ...
    pub pairs: usize,
    /// Also BTC-USDT-SWAP (linear) and BTC-USD-SWAP (inverse).
    pub swaps: bool,
    /// Frames a second.
    pub rate: Rate,
    /// How the pairs' frames lie in time.
    pub shape: Shape,
    /// Silence of a pair after which it sends a keep-alive.
    pub keep_alive: Duration,
    /// Exchange time of the start, Unix milliseconds. None: the wall clock when serving, [`DEFAULT_START_MS`] when writing.
    pub start_ms: Option<u64>,
    /// True checksums in the frames. Off, the checksum is 0, as OKX sends it today.
    pub checksums: bool,
}

impl Default for Generated {
    fn default() -> Self {
        let keep_alive = Duration::from_secs(60);
        Self {
            seed: 1,
            pairs: MAX_PAIRS,
            swaps: false,
            rate: Rate::Usual,
            shape: Shape::Natural,
            keep_alive,
            start_ms: None,
            checksums: false,
        }
    }
}

/// Frames a second of a generated market. As text: `usual`, `max`, `lock-step`, or a number.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Rate {
    /// Nine a second a pair.
    #[default]
    Usual,
    /// This many a second over all pairs.
    PerSecond(f64),
    /// As fast as the readers take them. Exchange time goes on as at the usual rate. A pair moves only while somebody is
    /// subscribed to it, so that its first subscriber always sees the same frames.
    Max,
    /// A pair's frame goes out once the one before was acknowledged, by [`Control::acknowledge`] or over HTTP; exchange time goes on as at
    /// the usual rate. Whoever subscribes gets the newest acknowledged book, and, once that is acknowledged too, the frame after it: so
    /// a reader can be killed and started again without a frame lost or doubled.
    LockStep,
}

/// Recordings to play.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The files, played one after the other.
    pub files: Vec<PathBuf>,
    /// How fast.
    pub pace: Pace,
    /// Play once instead of starting over: `serve` returns when every playback was sent and none was asked for during `linger`.
    pub once: bool,
    /// How long to wait for further subscribers after the last playback, with `once`.
    pub linger: Duration,
}

impl Recorded {
    /// These files, at the recorded pace, over and over.
    pub fn new(files: Vec<PathBuf>) -> Self {
        Self { files, pace: Pace::Times(1.0), once: false, linger: Duration::from_secs(3) }
    }
}

/// How fast a recording is played. As text: `original`, `max`, or a factor such as `10`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// The recorded pace times this factor.
    Times(f64),
    /// As fast as the reader takes it.
    Max,
}

impl FromStr for Rate {
    type Err = SimulatorError;

    fn from_str(text: &str) -> Result<Self, SimulatorError> {
        match (text, positive(text)) {
            ("usual", _) => Ok(Self::Usual),
            ("max", _) => Ok(Self::Max),
            ("lock-step", _) => Ok(Self::LockStep),
            (_, Some(rate)) => Ok(Self::PerSecond(rate)),
            _ => Err(refused(
                "rate",
                text,
                "neither a number above 0 nor a word",
                "frames a second over all pairs, `usual`, `max` or `lock-step`",
            )),
        }
    }
}

impl FromStr for Pace {
    type Err = SimulatorError;

    fn from_str(text: &str) -> Result<Self, SimulatorError> {
        match (text, positive(text)) {
            ("original", _) => Ok(Self::Times(1.0)),
            ("max", _) => Ok(Self::Max),
            (_, Some(factor)) => Ok(Self::Times(factor)),
            _ => Err(refused("speed", text, "neither a factor above 0 nor a word", "`original`, `max`, or a factor such as 10")),
        }
    }
}

impl FromStr for Shape {
    type Err = SimulatorError;

    fn from_str(text: &str) -> Result<Self, SimulatorError> {
        match text {
            "natural" => Ok(Self::Natural),
            "burst" => Ok(Self::Burst),
            "even" => Ok(Self::Even),
            _ => Err(refused("shape", text, "no such shape", "`natural`, `burst` or `even`")),
        }
    }
}

impl Generated {
    /// Number of instruments.
    pub(crate) fn instruments(&self) -> usize {
        self.pairs + if self.swaps { SWAPS.len() } else { 0 }
    }

    /// Frames a second of one pair.
    pub(crate) fn per_second(&self) -> f64 {
        match self.rate {
            Rate::PerSecond(all) => all / self.instruments().max(1) as f64,
            Rate::Usual | Rate::Max | Rate::LockStep => LIVELY_PER_SECOND,
        }
    }

    /// Refuses what has no meaning.
    pub(crate) fn check(&self) -> Result<(), SimulatorError> {
        if self.pairs == 0 || self.pairs > MAX_PAIRS {
            let hint = format!("1 to {MAX_PAIRS}");
            return Err(refused("pairs", self.pairs, "there are not that many", hint));
        }
        if let Rate::PerSecond(rate) = self.rate
            && !(rate.is_finite() && (1e-6..=1e7).contains(&rate))
        {
            return Err(refused("rate", rate, "out of range", "frames a second over all pairs, above 0 and at most 10000000, or `max`"));
        }
        if self.keep_alive < Duration::from_millis(1) {
            return Err(refused("keep_alive", format!("{:?}", self.keep_alive), "too short", "at least one millisecond; OKX has 60 s"));
        }
        Ok(())
    }
}

impl Options {
    /// Whether frames carry checksums that mean something.
    pub(crate) fn checksums(&self) -> bool {
        match &self.served {
            Served::Generated(generated) => generated.checksums,
            // Recordings may have them.
            Served::Recorded(_) => true,
        }
    }

    /// Refuses what has no meaning.
    ///
    /// # Errors
    /// [`SimulatorError`], naming the option.
    pub fn check(&self) -> Result<(), SimulatorError> {
        if self.queue_frames < 16 {
            return Err(refused("queue_frames", self.queue_frames, "too few", "at least 16; 1024 is usual"));
        }
        if let Some(chaos) = &self.chaos {
            if chaos.every < Duration::from_millis(10) {
                return Err(refused("chaos", format!("{:?}", chaos.every), "too often", "at least 10ms; 10s is usual"));
            }
            if let Some(unknown) = chaos.unknown() {
                return Err(refused("chaos-without", unknown, "no fault that chaos draws", format!("of {}", Chaos::names().join(", "))));
            }
        }
        match &self.served {
            Served::Generated(generated) => generated.check(),
            Served::Recorded(recorded) if recorded.files.is_empty() => {
                Err(refused("files", "empty", "nothing to play", "name one recording or more"))
            }
            Served::Recorded(Recorded { pace: Pace::Times(factor), .. }) if !(factor.is_finite() && *factor > 0.0) => {
                Err(refused("speed", factor, "no factor", "`original`, `max`, or a factor above 0"))
            }
            Served::Recorded(_) => Ok(()),
        }
    }
}

fn positive(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|number| number.is_finite() && *number > 0.0)
}

fn refused(name: &'static str, value: impl ToString, problem: &'static str, hint: impl Into<String>) -> SimulatorError {
    SimulatorError::Option { name, value: value.to_string(), problem, hint: hint.into() }
}

#[cfg(test)]
mod tests {
    use super::{Generated, Pace, Rate};

    #[test]
    fn words_and_numbers_are_read_and_everything_else_is_refused_by_name() {
        assert!(matches!("max".parse(), Ok(Rate::Max)));
        assert!(matches!("100".parse(), Ok(Rate::PerSecond(rate)) if rate == 100.0));
        assert!(matches!("original".parse(), Ok(Pace::Times(factor)) if factor == 1.0));
        for text in ["", "-1", "0", "NaN", "inf", "fast"] {
            let error = text.parse::<Rate>().map_err(|error| error.to_string());
            assert!(matches!(&error, Err(text) if text.contains("option rate") && text.contains("hint:")), "{error:?}");
            assert!(text.parse::<Pace>().is_err());
        }
        assert!(Generated { pairs: 11, ..Generated::default() }.check().is_err());
    }
}
