//! Pairs on lines without Redis and plugins: what their feeds hand out is noted down.

use std::sync::{Arc, Mutex};

use leadline_host::config::{Settings, Sources};
use leadline_host::monitor::board::PairStatus;
use leadline_host::monitor::{Monitor, PairCell};
use leadline_host::okx::{Change, Lines, Outlet, Pace, PairFeed, Proxies, Seat};
use leadline_market::Continuity;

/// One book that was handed out.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    pub sequence: Option<i64>,
    pub continuity: Continuity,
    pub levels: (usize, usize),
    pub best_bid: String,
    pub crossed: bool,
}

/// Everything that one pair's feed handed out.
#[derive(Clone, Default)]
pub struct Listener(Arc<Mutex<Notes>>);

#[derive(Default)]
struct Notes {
    seen: Vec<Seen>,
    states: Vec<&'static str>,
    raw: Vec<Vec<u8>>,
}

impl Outlet for Listener {
    fn change(&mut self, change: &Change<'_>) {
        let book = change.tracked.book();
        assert!(change.tracked.is_valid(), "a book that isn't valid was handed out");
        self.0.lock().unwrap().seen.push(Seen {
            sequence: change.tracked.sequence(),
            continuity: change.applied.continuity,
            levels: (book.bids().len(), book.asks().len()),
            best_bid: book.bids().best().map_or_else(String::new, |level| level.size.to_string()),
            crossed: change.applied.crossed,
        });
    }

    fn raw(&mut self, bytes: &[u8], _: leadline_host::clock::Arrival) {
        self.0.lock().unwrap().raw.push(bytes.to_vec());
    }

    fn state(&mut self, status: &PairStatus) {
        let mut notes = self.0.lock().unwrap();
        if notes.states.last() != Some(&status.state.word()) {
            notes.states.push(status.state.word());
        }
    }
}

impl Listener {
    /// The books so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.0.lock().unwrap().seen.clone()
    }

    /// Their sequence numbers.
    pub fn sequences(&self) -> Vec<i64> {
        self.seen().into_iter().filter_map(|seen| seen.sequence).collect()
    }

    /// The states so far, each change once.
    pub fn states(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().states.clone()
    }

    /// The texts of the stream so far.
    pub fn raw(&self) -> Vec<Vec<u8>> {
        self.0.lock().unwrap().raw.clone()
    }

    /// Waits until the newest book has a sequence number.
    pub async fn reach(&self, sequence: i64) {
        super::until(&format!("sequence {sequence} is handed out, not {:?}", self.sequences().last()), async || {
            self.sequences().last() == Some(&sequence)
        })
        .await;
    }
}

/// Lines to an exchange.
pub struct Rig {
    pub lines: Arc<Lines>,
    pub monitor: Arc<Monitor>,
    pace: Pace,
}

/// A pair on a line.
pub struct Listened {
    pub cell: Arc<PairCell>,
    pub listener: Listener,
    pub seat: Seat,
}

impl Rig {
    /// Lines to `url` at a pace, with more settings.
    pub fn new(url: &str, pace: Pace, more: &[(&str, &str)]) -> Self {
        Self::through(Proxies::none(), url, pace, more)
    }

    /// The same, through a proxy.
    pub fn through(proxies: Proxies, url: &str, pace: Pace, more: &[(&str, &str)]) -> Self {
        let base = [("OKX_WS_URL", url), ("OKX_RESYNC_INTERVAL", "0")];
        let flags = more.iter().chain(&base).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut settings = Settings::read(&Sources::gather(flags, [], None).expect("known names")).expect("good values");
        settings.okx.pace = pace.clone();
        let monitor = Arc::new(Monitor::default());
        Self { lines: Lines::new(&settings.okx, Arc::new(proxies), Arc::clone(&monitor)), monitor, pace }
    }

    /// Puts a pair on a line.
    pub async fn join(&self, pair: &str) -> Listened {
        let pair: Arc<str> = Arc::from(pair);
        let cell = self.monitor.board.add(&pair);
        let listener = Listener::default();
        let feed = PairFeed::new(&pair, Arc::clone(&cell), Arc::clone(&self.monitor), Box::new(listener.clone()), self.pace.healthy);
        Listened { cell, listener, seat: self.lines.join(feed).await }
    }
}

impl Listened {
    /// The state's word now.
    pub fn state(&self) -> &'static str {
        self.cell.status().state.word()
    }

    /// Why it is in it.
    pub fn reason(&self) -> String {
        self.cell.status().state.reason().unwrap_or_default()
    }

    /// Waits until the pair is in a state.
    pub async fn until(&self, word: &str) {
        super::until(&format!("the pair is {word}"), async || self.state() == word).await;
    }
}
