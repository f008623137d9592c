//! Faults brought about while it serves: by the program that holds a [`Control`], over HTTP, by a schedule, by chance.
//!
//! # Layout
//!
//! - `hub`: who is connected, and what is done to them.
//! - `log`: what was brought about.
//! - `routes`: the same over HTTP, on the simulator's own port.

mod hub;
mod log;
mod routes;

use std::sync::{Arc, PoisonError, RwLock};

pub use hub::Connection;
pub(crate) use hub::Hub;
pub use log::Injected;
pub(crate) use routes::routes;

use crate::error::SimulatorError;
use crate::fault::Fault;

/// A handle on a simulator of this process: made first, given to it in its options, and kept by whoever wants to use it.
#[derive(Debug, Clone, Default)]
pub struct Control {
    /// None until `serve` runs with it. It stays after that: what the books were can still be asked then.
    hub: Arc<RwLock<Option<Arc<Hub>>>>,
}

impl Control {
    /// A handle that isn't a simulator's yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on it is this one's.
    pub(crate) fn attach(&self, hub: &Arc<Hub>) {
        *self.hub.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(hub));
    }

    fn hub(&self) -> Option<Arc<Hub>> {
        self.hub.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Brings a fault about, or puts it on the schedule if it has a time. Says what was done.
    ///
    /// # Errors
    /// [`SimulatorError::NotServed`] before and after the simulator serves; [`SimulatorError::Fault`] where the pair isn't there
    /// or a recording can't do it.
    pub async fn inject(&self, fault: &Fault) -> Result<Injected, SimulatorError> {
        let hub = self.hub().filter(|hub| hub.is_served()).ok_or(SimulatorError::NotServed)?;
        hub.inject(fault).await
    }

    /// At [`crate::Rate::LockStep`]: a pair's frame with this sequence number is safe where it was wanted, and the next one may go. Whether
    /// that moved anything: not for a frame that isn't the newest one sent.
    pub async fn acknowledge(&self, pair: &str, seq_id: i64) -> bool {
        match self.hub() {
            Some(hub) => hub.acknowledge(pair, seq_id).await,
            None => false,
        }
    }

    /// What was brought about so far, oldest first; the newest ten thousand.
    pub fn injected(&self) -> Vec<Injected> {
        self.hub().map(|hub| hub.injected()).unwrap_or_default()
    }

    /// The open WebSockets, oldest first.
    pub fn connections(&self) -> Vec<Connection> {
        self.hub().map(|hub| hub.connections()).unwrap_or_default()
    }

    /// Digests (see [`crate::digest`]) of a generated pair's book of 400 levels a side after this sequence number, newest first.
    ///
    /// One, as a rule; more if identifiers came twice after a reset; none if the number was never there or is too old.
    pub fn truth(&self, pair: &str, seq_id: i64) -> Vec<u64> {
        self.hub().map(|hub| hub.truth(pair, seq_id)).unwrap_or_default()
    }
}
