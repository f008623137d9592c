//! The desks of a lane: who gets its books now.

use std::sync::{Arc, PoisonError, RwLock};

/// The desks of a lane, which can change while the lane runs. Cheap to clone; all clones see the same.
pub struct Desks<D>(Arc<RwLock<Arc<[D]>>>);

impl<D> Clone for Desks<D> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<D> Default for Desks<D> {
    fn default() -> Self {
        Self(Arc::new(RwLock::new(Arc::new([]))))
    }
}

impl<D: Clone> Desks<D> {
    /// The desks now: held for one book, not longer.
    #[must_use]
    pub fn all(&self) -> Arc<[D]> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes effect at the next book; who holds the desks of this one keeps them.
    pub(super) fn change(&self, change: impl FnOnce(&mut Vec<D>)) {
        let mut desks = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let mut list = desks.to_vec();
        change(&mut list);
        *desks = list.into();
    }
}
