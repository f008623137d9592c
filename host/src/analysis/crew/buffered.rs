//! Every book in order, for one plugin of the buffered lane, and the thread that takes them.

use std::sync::Arc;

use leadline_market::{Book, Instrument};
use tokio::sync::{mpsc, oneshot};

use super::errand::StateErrand;
use crate::analysis::reading::Reading;
use crate::analysis::recents::Past;
use crate::analysis::saved::SavedState;
use crate::analysis::seats::{Exchange, Seats};
use crate::clock::Arrival;

/// Books that may wait for one buffered plugin; a pair has at most one, so this is the number of pairs with room to spare.
const WAITING: usize = 64;

/// Every book in order, for one plugin of the buffered lane.
#[derive(Clone)]
pub struct BufferedDesk {
    /// The plugin's name.
    pub name: Arc<str>,
    sender: mpsc::Sender<Errand>,
}

enum Errand {
    Analyze {
        pair: Arc<str>,
        instrument: Arc<Instrument>,
        book: Arc<Book>,
        arrival: Arrival,
        restarted: bool,
        answer: oneshot::Sender<Option<Reading>>,
    },
    Forget(Arc<str>),
    Exchange(Exchange),
    State(StateErrand),
    Close,
}

/// The other end of a desk, for its thread.
pub(super) struct Errands(mpsc::Receiver<Errand>);

impl BufferedDesk {
    pub(super) fn new(plugin: &Arc<str>) -> (Self, Errands) {
        let (sender, receiver) = mpsc::channel(WAITING);
        (Self { name: Arc::clone(plugin), sender }, Errands(receiver))
    }

    /// Has another version take over.
    pub(super) fn exchange(&self, exchange: Exchange) {
        self.send(Errand::Exchange(exchange));
    }

    pub(super) fn errand(&self, errand: StateErrand) {
        self.send(Errand::State(errand));
    }

    /// The thread ends after the errands that wait.
    pub(super) fn close(&self) {
        self.send(Errand::Close);
    }

    /// Waits for room, so never call it on a task's thread; that is soon, since the plugin's thread takes errands all the time.
    fn send(&self, errand: Errand) {
        let _ = self.sender.blocking_send(errand);
    }

    /// Hands a book over; the receiver gets the reading, or none while the plugin waits after a kill.
    ///
    /// `restarted`: books before this one are missing.
    pub async fn analyze(
        &self,
        pair: &Arc<str>,
        instrument: &Arc<Instrument>,
        book: &Arc<Book>,
        arrival: Arrival,
        restarted: bool,
    ) -> oneshot::Receiver<Option<Reading>> {
        let (answer, receiver) = oneshot::channel();
        let errand = Errand::Analyze {
            pair: Arc::clone(pair),
            instrument: Arc::clone(instrument),
            book: Arc::clone(book),
            arrival,
            restarted,
            answer,
        };
        // A closed desk drops the errand, and with it the sender: the receiver then says so.
        let _ = self.sender.send(errand).await;
        receiver
    }

    /// Asks for what the plugin has gathered on a pair up to the last book that it was handed; see [`MemoryDesk::save`].
    pub async fn save(&self, pair: &Arc<str>) -> oneshot::Receiver<Option<SavedState>> {
        let (answer, receiver) = oneshot::channel();
        let _ = self.sender.send(Errand::State(StateErrand::Save(Arc::clone(pair), answer))).await;
        receiver
    }

    /// Hands over what was saved, or takes the pair back to the beginning: the plugin is opened anew at the pair's next book.
    pub async fn restore(&self, pair: &Arc<str>, saved: Option<SavedState>) {
        let _ = self.sender.send(Errand::State(StateErrand::Restore(Arc::clone(pair), saved))).await;
    }

    /// Takes a pair away: its analysis is closed.
    pub async fn forget(&self, pair: &Arc<str>) {
        let _ = self.sender.send(Errand::Forget(Arc::clone(pair))).await;
    }
}

/// Runs errands in their order, until the desk is closed.
pub(super) fn run(mut seats: Seats, Errands(mut errands): Errands) {
    loop {
        let errand = if seats.has_work() {
            match errands.try_recv() {
                Ok(errand) => Some(errand),
                Err(mpsc::error::TryRecvError::Empty) => {
                    seats.idle();
                    continue;
                }
                Err(mpsc::error::TryRecvError::Disconnected) => None,
            }
        } else {
            errands.blocking_recv()
        };
        match errand {
            None => return,
            Some(Errand::Close) => errands.close(),
            Some(Errand::Forget(pair)) => seats.forget(&pair),
            Some(Errand::Exchange(exchange)) => seats.exchange(exchange),
            Some(Errand::State(errand)) => errand.run(&mut seats),
            Some(Errand::Analyze { pair, instrument, book, arrival, restarted, answer }) => {
                let past = Past { book, restarted, skipped: 0 };
                // On this lane the time counts from taking the book off the List: a backlog is late, not killed.
                let reading = seats.analyze(&pair, &instrument, &past, arrival, |deadline| deadline);
                // Nobody waits for it any more when the host is stopping.
                let _ = answer.send(reading);
                seats.rest(&pair, &instrument, past);
            }
        }
    }
}
