//! Whether the host does its work now: fed by the exchange, and Redis there.

use serde::Serialize;
use utoipa::ToSchema;

use super::Monitor;

/// Reasons that are told.
const MOST: usize = 20;

/// What `/readyz` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Readiness {
    /// Redis answers, and a book is verified, or none is wanted.
    pub ready: bool,
    /// Whether Redis answered last.
    pub redis: bool,
    /// Pairs that run.
    pub pairs: usize,
    /// Pairs whose books are verified now.
    pub pairs_verified: usize,
    /// What isn't well, also where the host is ready all the same.
    pub reasons: Vec<String>,
}

impl Readiness {
    /// Of a process that runs no pairs: all it needs is Redis.
    #[must_use]
    pub fn without_feeds(redis: bool) -> Self {
        let reasons = if redis { Vec::new() } else { vec!["Redis doesn't answer".to_owned()] };
        Self { ready: redis, redis, pairs: 0, pairs_verified: 0, reasons }
    }

    /// How it stands now.
    #[must_use]
    pub fn of(monitor: &Monitor) -> Self {
        let redis = monitor.redis().is_some();
        let asked = monitor.last_config_check_ms.load(std::sync::atomic::Ordering::Relaxed) > 0;
        let mut reasons = Vec::new();
        if !redis {
            reasons.push("Redis doesn't answer".to_owned());
        }
        if !asked {
            reasons.push("the wanted pairs weren't read yet".to_owned());
        }
        let cells = monitor.board.pairs();
        let mut verified = 0;
        for cell in &cells {
            let status = cell.status();
            if status.state.is_verified() {
                verified += 1;
            } else if reasons.len() < MOST {
                let why = status.state.reason().map_or_else(String::new, |why| format!(": {why}"));
                reasons.push(format!("{} is {}{why}", cell.pair, status.state.word()));
            }
        }
        let fed = verified > 0 || (asked && cells.is_empty());
        Self { ready: redis && fed, redis, pairs: cells.len(), pairs_verified: verified, reasons }
    }
}
