//! Where frames come from.
//!
//! # Layout
//!
//! - `generated`: the generated market under way: who is subscribed to what, and when the next frame is due.
//! - `frames`: the generated market as a plain sequence of frames, and written to a file.
//! - `recording`: recordings, held in memory and played back to each subscriber.
//! - `instrument`: instruments as OKX's REST answers list them.
//! - `lockstep`: a generated pair that waits for an acknowledgement between two frames.
//! - `listing`: the list that a generated market gives, and its changes.

mod frames;
mod generated;
mod instrument;
mod listing;
mod lockstep;
mod recording;

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;

pub use frames::{Frames, frames, write_recording};
pub(crate) use generated::{Exchange, wall_clock_ms};
pub(crate) use recording::Library;

use crate::server::{Arg, Client};

/// What is being served.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// A generated market.
    Generated(Arc<Exchange>),
    /// Recordings.
    Recorded(Arc<Library>),
}

/// A subscription that was asked for, and the acknowledgement that has to go before its first frame.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// Channel and instrument.
    pub(crate) arg: Arg,
    /// Text of the acknowledgement.
    pub(crate) ack: String,
}

impl Source {
    /// Whether there is such a channel and instrument.
    pub(crate) fn offers(&self, arg: &Arg) -> bool {
        match self {
            Self::Generated(exchange) => exchange.offers(arg),
            Self::Recorded(library) => library.offers(arg),
        }
    }

    /// Acknowledges the subscriptions of one request and starts their streams. All are offered.
    pub(crate) async fn subscribe(&self, client: &Arc<Client>, wanted: Vec<Wanted>) {
        match self {
            Self::Generated(exchange) => {
                for one in wanted {
                    exchange.subscribe(client, one).await;
                }
            }
            Self::Recorded(library) => library.subscribe(client, wanted).await,
        }
    }

    /// Ends a stream, and acknowledges it: no frame of it follows the acknowledgement.
    pub(crate) async fn unsubscribe(&self, client: &Arc<Client>, wanted: Wanted) {
        match self {
            Self::Generated(exchange) => exchange.unsubscribe(client, wanted).await,
            Self::Recorded(library) => library.unsubscribe(client, wanted).await,
        }
    }

    /// Forgets a client that has gone.
    pub(crate) async fn leave(&self, client: &Client) {
        match self {
            Self::Generated(exchange) => exchange.leave(client).await,
            // Playbacks see that their client is closed, and end.
            Self::Recorded(_) => {}
        }
    }

    /// Every instrument, as REST lists it.
    pub(crate) fn instruments(&self) -> Cow<'_, [Value]> {
        match self {
            Self::Generated(exchange) => Cow::Owned(exchange.instruments()),
            Self::Recorded(library) => Cow::Borrowed(library.instruments()),
        }
    }

    /// The pairs that have a book.
    pub(crate) fn pairs(&self) -> Vec<String> {
        match self {
            Self::Generated(exchange) => exchange.pairs(),
            Self::Recorded(library) => library.pairs(),
        }
    }

    /// The generated market, if it is one.
    pub(crate) fn exchange(&self) -> Option<&Arc<Exchange>> {
        match self {
            Self::Generated(exchange) => Some(exchange),
            Self::Recorded(_) => None,
        }
    }

    /// The best `limit` levels of an instrument's book as the JSON object that REST gives. Of a recording it is the first
    /// snapshot, since each subscriber is at a place of its own. None: no such book.
    pub(crate) async fn book(&self, inst_id: &str, limit: usize) -> Option<String> {
        match self {
            Self::Generated(exchange) => exchange.book(inst_id, limit).await,
            Self::Recorded(library) => library.book(inst_id, limit),
        }
    }

    /// Exchange time in Unix milliseconds.
    pub(crate) fn now_ms(&self) -> u64 {
        match self {
            Self::Generated(exchange) => exchange.now_ms(),
            Self::Recorded(_) => wall_clock_ms(),
        }
    }

    /// Resolves when everything there is has been sent; for ever pending unless a recording is played once.
    pub(crate) async fn finished(&self) {
        match self {
            Self::Generated(_) => std::future::pending().await,
            Self::Recorded(library) => library.finished().await,
        }
    }
}
