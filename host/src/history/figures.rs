//! What the history knows of itself: how much was kept, waits, was dropped.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Figures of the history, whichever home it has.
#[derive(Debug, Default)]
pub struct Figures {
    written: AtomicU64,
    dropped: AtomicU64,
    refused: AtomicU64,
    errors: AtomicU64,
    spooled_points: AtomicU64,
    spooled_bytes: AtomicU64,
    disk_bytes: AtomicU64,
    /// Why nothing can be written now.
    trouble: Mutex<Option<String>>,
    /// The last reason for a drop that was told.
    told: Mutex<Option<&'static str>>,
}

impl Figures {
    /// Points kept: committed by the embedded home, acknowledged by InfluxDB.
    #[must_use]
    pub fn written_points(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Points that were given up.
    #[must_use]
    pub fn dropped_points(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Lines that InfluxDB refuses for what stands in them; they are in the dead-letter file.
    #[must_use]
    pub fn refused_lines(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Tries to write that failed.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.errors.load(Ordering::Relaxed)
    }

    /// Points that wait for InfluxDB, in memory and on the disk.
    #[must_use]
    pub fn waiting_points(&self) -> u64 {
        self.spooled_points.load(Ordering::Relaxed)
    }

    /// Bytes of the spool on the disk.
    #[must_use]
    pub fn spool_bytes(&self) -> u64 {
        self.spooled_bytes.load(Ordering::Relaxed)
    }

    /// Bytes of the embedded home, at the last look.
    #[must_use]
    pub fn disk_bytes(&self) -> u64 {
        self.disk_bytes.load(Ordering::Relaxed)
    }

    /// Why nothing can be written now.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn written(&self, points: u64) {
        self.written.fetch_add(points, Ordering::Relaxed);
    }

    /// Counts points that are given up, and says why when the reason is another than before.
    pub(super) fn drop_points(&self, points: u64, why: &'static str) {
        self.dropped.fetch_add(points, Ordering::Relaxed);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if *told != Some(why) {
            *told = Some(why);
            tracing::error!(dropped = self.dropped_points(), "history drops points: {why}");
        }
    }

    pub(super) fn refused(&self, lines: u64) {
        self.refused.fetch_add(lines, Ordering::Relaxed);
    }

    pub(super) fn set_waiting(&self, points: u64, spool_bytes: u64) {
        self.spooled_points.store(points, Ordering::Relaxed);
        self.spooled_bytes.store(spool_bytes, Ordering::Relaxed);
    }

    pub(super) fn set_disk_bytes(&self, bytes: u64) {
        self.disk_bytes.store(bytes, Ordering::Relaxed);
    }

    /// A try failed; told when the reason is another than before.
    pub(super) fn failed(&self, why: &str) {
        self.errors.fetch_add(1, Ordering::Relaxed);
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if trouble.is_none() {
            tracing::error!("{why}");
        }
        *trouble = Some(why.to_owned());
    }

    /// A try succeeded; told when the one before had failed.
    pub(super) fn is_there(&self, words: &str) {
        if self.trouble.lock().unwrap_or_else(PoisonError::into_inner).take().is_some() {
            *self.told.lock().unwrap_or_else(PoisonError::into_inner) = None;
            tracing::info!("{words}");
        }
    }
}
