//! What is asked of a plugin's thread between two books, the same on both lanes.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::analysis::saved::SavedState;
use crate::analysis::seats::Seats;
use crate::analysis::shadow::Tap;
use crate::analysis::successor::Fork;

/// A pair's state, asked for or handed over; or who looks on.
pub(super) enum StateErrand {
    /// For a checkpoint; none: there is nothing to save.
    Save(Arc<str>, oneshot::Sender<Option<SavedState>>),
    /// From a checkpoint; none: from the beginning.
    Restore(Arc<str>, Option<SavedState>),
    /// Of the loader and of shadows: what a pair has gathered, for an analyst beside it.
    Fork(Arc<str>, std::sync::mpsc::Sender<Fork>),
    /// A shadow sees the plugin's books and readings from now on, or none does.
    ShowTo(Option<Tap>),
}

impl StateErrand {
    pub(super) fn run(self, seats: &mut Seats) {
        match self {
            Self::Save(pair, answer) => {
                // Nobody waits for it any more when the host is stopping.
                let _ = answer.send(seats.save(&pair));
            }
            Self::Restore(pair, saved) => seats.restore(&pair, saved),
            Self::Fork(pair, answer) => {
                let _ = answer.send(seats.fork(&pair));
            }
            Self::ShowTo(tap) => seats.show_to(tap),
        }
    }
}
