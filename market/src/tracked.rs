//! An order book that trusts nothing: every frame's place in the chain of ids, and its checksum where one is offered, are verified
//! before the book counts as valid. Host, audits and tests all use this one machine.

use crate::columns::{Book, Continuity, Trust};
use crate::{Action, BookError, BookFrame, Counters, OrderBook};

/// What became of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The book is valid and up to date with this frame.
    Applied(Applied),
    /// This frame showed that the book can't be trusted. All updates are dropped until a snapshot.
    Broken(Break),
    /// An update while there is no valid book.
    Dropped,
}

/// A frame that was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// What the frame was.
    pub kind: FrameKind,
    /// How the book after it is verified.
    pub trust: Trust,
    /// How the book after it follows the one before.
    pub continuity: Continuity,
    /// Deletes in it that named no level.
    pub deletes_unknown: u32,
    /// Whether the book after it is crossed.
    pub crossed: bool,
}

/// What an applied frame was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameKind {
    /// A whole book.
    Snapshot,
    /// Changes.
    Update,
    /// No changes: proof of life.
    KeepAlive,
    /// Changes, with which the exchange's ids start over. Not a gap.
    Reset,
}

/// Why a book can't be trusted any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Break {
    /// A frame is missing.
    #[error("gap in the chain: the frame follows {previous}, the book is at {expected}")]
    Gap {
        /// The id of the last applied frame.
        expected: i64,
        /// The id that this frame says it follows.
        previous: i64,
    },
    /// The book is not the exchange's.
    #[error("checksum differs: sent {sent}, computed {computed}")]
    Checksum {
        /// The exchange's.
        sent: i32,
        /// The book's.
        computed: i32,
    },
    /// The levels can't be a book.
    #[error("levels refused: {0}")]
    Book(#[from] BookError),
}

/// Whether the book can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Validity {
    /// No snapshot yet.
    Empty,
    /// Verified up to the last frame.
    Valid,
    /// Broken; waiting for a snapshot.
    Broken,
}

/// An [`OrderBook`] with its verification.
#[derive(Clone, Debug)]
pub struct TrackedBook {
    /// The levels.
    book: OrderBook,
    /// Whether they can be used.
    validity: Validity,
    /// The id the next frame must follow; `None` while the stream's ids don't reach back to the snapshot.
    link: Option<i64>,
    /// Id of the last applied frame, linked or not.
    sequence: Option<i64>,
    /// Exchange time of the last applied frame.
    time_ms: Option<u64>,
    /// Checksum as sent with the last applied frame.
    checksum: Option<i32>,
    /// What was seen.
    counters: Counters,
    /// Frames whose levels could not be a book.
    refused: u64,
}

impl Default for TrackedBook {
    fn default() -> Self {
        Self::new()
    }
}

impl TrackedBook {
    /// A book that waits for its first snapshot.
    pub fn new() -> Self {
        Self {
            book: OrderBook::new(),
            validity: Validity::Empty,
            link: None,
            sequence: None,
            time_ms: None,
            checksum: None,
            counters: Counters::default(),
            refused: 0,
        }
    }

    /// Takes one frame of this book's instrument and channel.
    pub fn apply(&mut self, frame: &BookFrame) -> Verdict {
        self.counters.frames += 1;
        let result = match frame.action {
            Action::Snapshot => {
                self.counters.snapshots += 1;
                self.take_snapshot(frame)
            }
            Action::Update => {
                self.counters.updates += 1;
                if self.validity != Validity::Valid {
                    self.counters.dropped += 1;
                    return Verdict::Dropped;
                }
                self.take_update(frame)
            }
        };
        match result {
            Ok(applied) => {
                self.validity = Validity::Valid;
                self.sequence = frame.sequence;
                self.time_ms = Some(frame.time_ms);
                self.checksum = frame.checksum;
                Verdict::Applied(applied)
            }
            Err(why) => {
                self.validity = Validity::Broken;
                match why {
                    Break::Gap { .. } => self.counters.gaps += 1,
                    Break::Checksum { .. } => self.counters.checksum_bad += 1,
                    Break::Book(_) => self.refused += 1,
                }
                Verdict::Broken(why)
            }
        }
    }

    /// Declares the book unusable from outside (a lost connection): updates are dropped until a snapshot.
    pub fn invalidate(&mut self) {
        if self.validity == Validity::Valid {
            self.validity = Validity::Broken;
        }
    }

    /// The levels. Only to be shown or analysed while [`TrackedBook::is_valid`].
    pub fn book(&self) -> &OrderBook {
        &self.book
    }

    /// Whether there is a verified book.
    pub fn is_valid(&self) -> bool {
        self.validity == Validity::Valid
    }

    /// Exchange time of the last applied frame, milliseconds since 1970.
    pub fn time_ms(&self) -> Option<u64> {
        self.time_ms
    }

    /// The exchange's id of the last applied frame.
    pub fn sequence(&self) -> Option<i64> {
        self.sequence
    }

    /// The checksum as sent with the last applied frame (0 also stands for none, see [`BookFrame::checksum`]).
    pub fn checksum(&self) -> Option<i32> {
        self.checksum
    }

    /// What was seen so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Frames that broke the book because their levels could not be one (see [`BookError`]).
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Copies the book after `applied` (what [`TrackedBook::apply`] just answered) into a picture for plugins, whose memory is used
    /// again.
    pub fn fill(&self, applied: &Applied, picture: &mut Book) {
        picture.time_ms = self.time_ms.unwrap_or(0);
        picture.sequence = self.sequence;
        picture.trust = applied.trust;
        picture.continuity = applied.continuity;
        picture.crossed = applied.crossed;
        self.book.fill(&mut picture.bids, &mut picture.asks);
    }

    fn take_snapshot(&mut self, frame: &BookFrame) -> Result<Applied, Break> {
        self.book.apply_snapshot(&frame.bids, &frame.asks)?;
        self.link = frame.sequence;
        let trust = self.verify_content(frame)?;
        Ok(Applied {
            kind: FrameKind::Snapshot,
            trust,
            continuity: Continuity::Restarted,
            deletes_unknown: 0,
            crossed: self.book.is_crossed(),
        })
    }

    fn take_update(&mut self, frame: &BookFrame) -> Result<Applied, Break> {
        let ids = frame.previous.zip(frame.sequence);
        // A stream that stops sending ids has no chain any more; it gets a new one with the next snapshot.
        let linked = self.link.zip(ids);
        if let Some((expected, (previous, _))) = linked
            && previous != expected
        {
            return Err(Break::Gap { expected, previous });
        }
        let kind = if linked.is_some_and(|(_, (previous, sequence))| sequence < previous) {
            FrameKind::Reset
        } else if frame.bids.is_empty() && frame.asks.is_empty() {
            FrameKind::KeepAlive
        } else {
            FrameKind::Update
        };
        let summary = self.book.apply_update(&frame.bids, &frame.asks)?;
        self.link = linked.map(|(_, (_, sequence))| sequence);
        let trust = self.verify_content(frame)?;
        match kind {
            FrameKind::Reset => self.counters.resets += 1,
            FrameKind::KeepAlive => self.counters.keepalives += 1,
            FrameKind::Snapshot | FrameKind::Update => {}
        }
        self.counters.deletes_unknown += u64::from(summary.deletes_unknown);
        let back = self.time_ms.is_some_and(|before| frame.time_ms < before);
        Ok(Applied {
            kind,
            trust,
            continuity: if back { Continuity::Restarted } else { Continuity::Continued },
            deletes_unknown: summary.deletes_unknown,
            crossed: self.book.is_crossed(),
        })
    }

    /// Verifies the checksum, if there is one, against the book after the frame.
    fn verify_content(&mut self, frame: &BookFrame) -> Result<Trust, Break> {
        // OKX sends 0 for "no checksum" since June 2026; it is also the true checksum of an empty book.
        let offered = frame.checksum.filter(|&sent| sent != 0 || self.book.is_empty());
        if let Some(sent) = offered {
            let computed = self.book.checksum();
            if sent != computed {
                return Err(Break::Checksum { sent, computed });
            }
            self.counters.checksum_ok += 1;
        } else {
            self.counters.checksum_absent += 1;
        }
        Ok(match (self.link, offered) {
            (Some(_), _) => Trust::Chain,
            (None, Some(_)) => Trust::Checksum,
            (None, None) => Trust::Unverified,
        })
    }
}
