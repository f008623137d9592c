//! The short way to a plugin: an algorithm with typed parameters, outputs and state; everything else of [`Plugin`] is done here.
//!
//! What every analysis must do the same stands here once: refusing instruments and books that can't be judged, giving every output each time, handing state
//! over only where it belongs. A plugin that wants it otherwise implements [`Plugin`] itself.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::windows::saved;
use crate::{
    Continuity, Depth, Descriptor, Instrument, Lane, Notice, Outcome, Outputs, Parameters, Plugin, Reading, Snapshot, TickGrid, depth,
    fields,
};

/// An analysis of one instrument, made into a component by [`crate::plugin!`].
///
/// ```
/// use leadline_plugin::{Analysis, Answer, Book, Instrument, Lane, NoParameters, harness, synthetic};
///
/// leadline_plugin::outputs! {
///     /// What one book gives.
///     pub struct Spread {
///         /// Best ask minus best bid, over mid.
///         spread_bps: f64, Bps, unit "bps", low 0.0;
///     }
/// }
///
/// pub struct MySpread;
///
/// impl Analysis for MySpread {
///     const SUMMARY: &'static str = "Relative spread";
///     const LANE: Lane = Lane::Memory;
///     type Parameters = NoParameters;
///     type Outputs = Spread;
///     type State = ();
///
///     fn open(_: &Instrument, _: &NoParameters) -> Result<Self, String> {
///         Ok(Self)
///     }
///
///     fn analyze(&mut self, book: &Book<'_>, _: &NoParameters) -> Answer<Spread> {
///         Answer::ok(Spread { spread_bps: book.depth.spread_bps })
///     }
/// }
///
/// leadline_plugin::plugin!(MySpread);
/// # fn main() {
/// let books = [synthetic::Market::new(1, synthetic::Settings::default()).frame()];
/// let readings = harness::readings::<leadline_plugin::Analyzed<MySpread>>(&synthetic::instrument(0.1), "{}", &books).unwrap();
/// assert!(harness::number(&readings[0], "spread_bps").is_some());
/// # }
/// ```
pub trait Analysis: Sized {
    /// One sentence on what it computes.
    const SUMMARY: &'static str;
    /// Which books it sees.
    const LANE: Lane;
    /// Shape of the state; raised whenever [`Analysis::State`] changes, so that an older one is refused by name.
    const STATE_FORMAT: u32 = 1;
    /// What an operator can set; [`NoParameters`] without any.
    type Parameters: Parameters + PartialEq + Serialize;
    /// What one book is answered with.
    type Outputs: Outputs;
    /// What readings depend on beside the book, so that the next version, or the next run, goes on from it; `()` without any.
    type State: Serialize + DeserializeOwned + 'static;

    /// Opens the analysis. Tick size and contract value are checked already, and each parameter against its range.
    ///
    /// # Errors
    /// A sentence on parameters that don't fit each other, or the instrument.
    fn open(instrument: &Instrument, parameters: &Self::Parameters) -> Result<Self, String>;

    /// Answers to one book that can be judged.
    fn analyze(&mut self, book: &Book<'_>, parameters: &Self::Parameters) -> Answer<Self::Outputs>;

    /// The series of books was broken, and this book couldn't even be judged: differences to what came before mean nothing.
    fn restarted(&mut self) {}

    /// The state to go on from; none keeps none.
    fn save(&self) -> Option<&Self::State> {
        None
    }

    /// Takes a state over, right after [`Analysis::open`]. Instrument and format fit; `from` are the parameters that it was made with.
    ///
    /// # Errors
    /// Why it can't be gone on from; the host then lets a fresh instance warm up.
    fn restore(&mut self, state: Self::State, from: &Self::Parameters, parameters: &Self::Parameters) -> Result<(), String> {
        let _ = (state, from, parameters);
        Err("this plugin keeps no state".to_owned())
    }
}

/// A book that can be judged: columns, distances, notional.
#[derive(Debug)]
pub struct Book<'a> {
    /// As the host gave it.
    pub snapshot: &'a Snapshot,
    /// Mid, distances in basis points, notional and their prefix sums.
    pub depth: &'a Depth,
    /// The first book, or the first after a break: differences to the one before mean nothing.
    pub restarted: bool,
    /// The instrument's prices.
    pub grid: &'a TickGrid,
}

/// The answer to one book.
#[derive(Debug)]
pub struct Answer<O> {
    /// Whether there are numbers, and with which evidence.
    pub outcome: Outcome,
    /// The numbers.
    pub outputs: Option<O>,
    /// Changes of state worth telling somebody about.
    pub notices: Vec<Notice>,
}

impl<O> Answer<O> {
    /// Numbers with all the evidence they will have.
    pub fn ok(outputs: O) -> Self {
        Self { outcome: Outcome::Ok, outputs: Some(outputs), notices: Vec::new() }
    }

    /// Numbers that haven't yet the evidence they will have; see [`fields::provisional`].
    pub fn provisional(code: &str, detail: impl Into<String>, remaining_ms: Option<u64>, outputs: O) -> Self {
        Self { outcome: fields::provisional(code, detail, remaining_ms), outputs: Some(outputs), notices: Vec::new() }
    }

    /// No number yet; see [`fields::warming`].
    pub fn warming(code: &str, detail: impl Into<String>, remaining_ms: Option<u64>) -> Self {
        Self { outcome: fields::warming(code, detail, remaining_ms), outputs: None, notices: Vec::new() }
    }

    /// Nothing true can be said of this book; see [`fields::unknown`].
    pub fn unknown(code: &str, detail: impl Into<String>) -> Self {
        Self { outcome: fields::unknown(code, detail), outputs: None, notices: Vec::new() }
    }

    /// With these notices.
    #[must_use]
    pub fn with_notices(mut self, notices: Vec<Notice>) -> Self {
        self.notices = notices;
        self
    }
}

/// Name and version of a plugin: those of its crate, written by [`crate::plugin!`].
pub trait Named {
    /// a-z, 0-9 and _.
    const NAME: &'static str;
    /// As in its Cargo.toml.
    const VERSION: &'static str;
}

crate::parameters! {
    /// For a plugin that can't be set.
    pub struct NoParameters {}
}

/// The [`Plugin`] that an [`Analysis`] is made into.
#[derive(Debug)]
pub struct Analyzed<A: Analysis> {
    instrument: String,
    parameters: A::Parameters,
    depth: Depth,
    grid: TickGrid,
    analysis: A,
}

/// A saved state with what it belongs to.
#[derive(Serialize)]
struct Saving<'a, S> {
    instrument: &'a str,
    /// As JSON, so that a version with one parameter more reads them, too.
    parameters: String,
    state: &'a S,
}

#[derive(serde::Deserialize)]
struct Saved<S> {
    instrument: String,
    parameters: String,
    state: S,
}

impl<A: Analysis> Analyzed<A> {
    /// The analysis, for tests.
    pub fn analysis(&mut self) -> &mut A {
        &mut self.analysis
    }
}

impl<A: Analysis + Named> Plugin for Analyzed<A> {
    fn describe() -> Descriptor {
        Descriptor {
            name: A::NAME.to_owned(),
            version: A::VERSION.to_owned(),
            summary: A::SUMMARY.to_owned(),
            lane: A::LANE,
            outputs: A::Outputs::declared(),
            parameters: A::Parameters::schema(),
        }
    }

    fn open(instrument: Instrument, parameters: &str) -> Result<Self, String> {
        depth::check_instrument(&instrument)?;
        let parameters = A::Parameters::parse(parameters)?;
        let analysis = A::open(&instrument, &parameters)?;
        let (depth, grid) = (Depth::new(&instrument), TickGrid::new(instrument.tick_size));
        Ok(Self { instrument: instrument.id, parameters, depth, grid, analysis })
    }

    fn analyze(&mut self, book: &Snapshot) -> Result<Reading, String> {
        let restarted = book.continuity == Continuity::Restarted;
        if let Err(outcome) = self.depth.read(book, self.parameters.accept_unverified()) {
            if restarted {
                self.analysis.restarted();
            }
            return Ok(Reading { outcome, fields: A::Outputs::none(), notices: Vec::new() });
        }
        let book = Book { snapshot: book, depth: &self.depth, restarted, grid: &self.grid };
        let Answer { outcome, outputs, notices } = self.analysis.analyze(&book, &self.parameters);
        let fields = outputs.map_or_else(A::Outputs::none, |outputs| outputs.fields(&self.grid));
        Ok(Reading { outcome, fields, notices })
    }

    fn save(&self) -> Result<Vec<u8>, String> {
        let Some(state) = self.analysis.save() else { return Ok(Vec::new()) };
        let parameters = serde_json::to_string(&self.parameters).map_err(|error| format!("the parameters can't be written: {error}"))?;
        saved::write(A::STATE_FORMAT, &Saving { instrument: &self.instrument, parameters, state })
    }

    fn restore(&mut self, from_version: &str, _from_parameters: &str, state: &[u8]) -> Result<(), String> {
        if state.is_empty() && self.analysis.save().is_none() {
            return Ok(());
        }
        let told = |error: String| format!("saved by version {from_version}: {error}");
        let saved: Saved<A::State> = saved::read(A::STATE_FORMAT, state).map_err(told)?;
        if saved.instrument != self.instrument {
            return Err(format!("the state is of {}, not of {}", saved.instrument, self.instrument));
        }
        let from = A::Parameters::parse(&saved.parameters).map_err(told)?;
        self.analysis.restore(saved.state, &from, &self.parameters).map_err(told)
    }
}

/// Makes a component of a type that implements [`Analysis`], under the name and version of its crate. Once a crate.
#[macro_export]
macro_rules! plugin {
    ($analysis:ty) => {
        impl $crate::Named for $analysis {
            const NAME: &'static str = env!("CARGO_PKG_NAME");
            const VERSION: &'static str = env!("CARGO_PKG_VERSION");
        }

        $crate::export!($crate::Analyzed<$analysis>);
    };
}
