//! One side of the exchange's own book: levels in order, and the window of the best 400 that clients see.

/// Levels a side that a client of `books` sees.
pub const WINDOW: usize = 400;
/// Levels a side that the exchange keeps: some wait behind the window, so that one which drops out of it and comes back is the same.
pub(crate) const KEPT: usize = WINDOW + 60;

/// Why a level is there; it decides how long it stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A few quote units, seldom touched. Most of a real book.
    Dust,
    /// An order that somebody tends.
    Real,
    /// A large level of many orders at a round price.
    Wall,
}

/// One price level.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Level {
    /// Price as a signed tick count that grows towards the touch (see [`Side`]).
    pub(crate) key: i64,
    /// Size in the smallest step of the instrument; never 0.
    pub(crate) lots: u64,
    /// Number of orders; never 0.
    pub(crate) orders: u32,
    /// Why it is there.
    pub(crate) kind: Kind,
}

/// Bid or ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Face {
    /// Buyers.
    Bid,
    /// Sellers.
    Ask,
}

/// Levels of one side, worst first: changes happen near the touch, where a shift of the tail is short.
///
/// Keys make both sides alike: a bid's key is its tick, an ask's its negated tick, so a larger key is always a better price.
#[derive(Debug, Clone)]
pub(crate) struct Side {
    face: Face,
    levels: Vec<Level>,
    /// Keys changed since the frame began, in no order, with repetitions.
    touched: Vec<i64>,
    /// Worst key in the window when the frame began.
    edge: i64,
}

/// One line of a frame: a level as it now is, or a deletion.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change {
    /// Price in ticks.
    pub(crate) tick: i64,
    /// Size; 0 deletes.
    pub(crate) lots: u64,
    /// Number of orders; 0 on a deletion.
    pub(crate) orders: u32,
}

impl Side {
    /// An empty side.
    pub(crate) fn new(face: Face) -> Self {
        Self { face, levels: Vec::with_capacity(KEPT + 64), touched: Vec::with_capacity(256), edge: i64::MIN }
    }

    /// Price in ticks from a key, and back.
    fn turn(&self, value: i64) -> i64 {
        match self.face {
            Face::Bid => value,
            Face::Ask => -value,
        }
    }

    /// Number of levels kept.
    pub(crate) fn len(&self) -> usize {
        self.levels.len()
    }

    /// Index of a rank, 0 being the best; the worst level for ranks beyond. None if the side is empty.
    pub(crate) fn at_rank(&self, rank: usize) -> Option<usize> {
        self.levels.len().checked_sub(1).map(|last| last.saturating_sub(rank))
    }

    /// The level at an index got from this side.
    pub(crate) fn level(&self, index: usize) -> Level {
        self.levels[index]
    }

    /// The best level.
    pub(crate) fn best(&self) -> Option<Level> {
        self.levels.last().copied()
    }

    /// The worst key kept.
    pub(crate) fn worst_key(&self) -> Option<i64> {
        self.levels.first().map(|level| level.key)
    }

    /// Index of a key, if there is a level.
    pub(crate) fn find(&self, key: i64) -> Option<usize> {
        self.levels.binary_search_by_key(&key, |level| level.key).ok()
    }

    /// Puts a level, replacing the one at its key.
    pub(crate) fn put(&mut self, level: Level) {
        self.touched.push(level.key);
        match self.levels.binary_search_by_key(&level.key, |other| other.key) {
            Ok(index) => self.levels[index] = level,
            Err(index) => self.levels.insert(index, level),
        }
    }

    /// Removes the level at an index.
    pub(crate) fn remove(&mut self, index: usize) {
        let level = self.levels.remove(index);
        self.touched.push(level.key);
    }

    /// Removes the worst level (it may have been seen: the frame says so if it was).
    pub(crate) fn remove_worst(&mut self) {
        if !self.levels.is_empty() {
            self.remove(0);
        }
    }

    /// Names a price that has no level: the frame will delete it all the same, as OKX does. (One that has a level is sent as it is.)
    pub(crate) fn touch_absent(&mut self, key: i64) {
        self.touched.push(key);
    }

    /// Number of changes so far in this frame (an upper bound: repetitions count).
    pub(crate) fn touched(&self) -> usize {
        self.touched.len()
    }

    /// Key of the worst level in the window.
    fn window_edge(&self) -> i64 {
        let first = self.levels.len().saturating_sub(WINDOW);
        self.levels.get(first).map_or(i64::MAX, |level| level.key)
    }

    /// Starts a frame: what clients see now is what the changes will be told against.
    pub(crate) fn begin(&mut self) {
        self.touched.clear();
        self.edge = self.window_edge();
    }

    /// The frame's changes, best price first: what changed inside the window, and what entered or left it.
    pub(crate) fn changes(&mut self, out: &mut Vec<Change>) {
        out.clear();
        let (before, now) = (self.edge, self.window_edge());
        let (low, high) = (before.min(now), before.max(now));
        let from = self.levels.partition_point(|level| level.key < low);
        let to = self.levels.partition_point(|level| level.key < high);
        self.touched.extend(self.levels[from..to].iter().map(|level| level.key));
        self.touched.sort_unstable_by(|a, b| b.cmp(a));
        self.touched.dedup();
        for &key in &self.touched {
            let tick = self.turn(key);
            match self.find(key) {
                Some(index) if key >= now => {
                    let level = self.levels[index];
                    out.push(Change { tick, lots: level.lots, orders: level.orders });
                }
                // Clients had it, or could have: it is gone or has left the window.
                _ if key >= before => out.push(Change { tick, lots: 0, orders: 0 }),
                _ => {}
            }
        }
    }

    /// Every level of the window, best first.
    pub(crate) fn in_window(&self) -> impl Iterator<Item = Change> + '_ {
        let best_first = self.levels.iter().rev().take(WINDOW);
        best_first.map(|level| Change { tick: self.turn(level.key), lots: level.lots, orders: level.orders })
    }

    /// The best `limit` levels, at most the window, best first.
    pub(crate) fn window(&self, limit: usize, out: &mut Vec<Change>) {
        out.clear();
        out.extend(self.in_window().take(limit));
    }
}
