//! What one plugin may use on one pair, each with its default, and how an operator's limits cap a plugin's own.

use std::time::Duration;

/// No stack is smaller: a plugin that does nothing wrong needs some of it.
pub(super) const LEAST_STACK: usize = 64 << 10;

/// What a plugin may use. The same numbers on every machine, but for the deadline, which is wall-clock time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Units of fuel a call; about one a WASM instruction. Deterministic: the same book gives the same verdict anywhere.
    pub fuel: u64,
    /// Wall-clock time a call.
    pub deadline: Duration,
    /// Linear memory an instance may grow to, bytes.
    pub memory: usize,
    /// Entries a table may grow to: a Rust plugin has one with a few hundred.
    pub table_entries: usize,
    /// Stack of a call, bytes: endless recursion ends there.
    pub stack: usize,
    /// Bytes of one answer, as the host holds it: texts, lists, and the records that they stand in.
    pub answer: usize,
    /// Log lines a second, over all calls; the rest are counted, not written.
    pub log_lines: u32,
    /// Calls after which an instance is replaced by a fresh one that takes over its state.
    pub recycle_calls: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            fuel: 20_000_000,
            deadline: Duration::from_millis(50),
            memory: 64 << 20,
            table_entries: 20_000,
            stack: 512 << 10,
            answer: 512 << 10,
            log_lines: 20,
            recycle_calls: 1_000_000,
        }
    }
}

impl Budget {
    /// A plugin's own limits under an operator's: of each the smaller.
    #[must_use]
    pub fn capped_by(&self, operator: &Self) -> Self {
        Self {
            fuel: self.fuel.min(operator.fuel),
            deadline: self.deadline.min(operator.deadline),
            memory: self.memory.min(operator.memory),
            table_entries: self.table_entries.min(operator.table_entries),
            stack: self.stack.min(operator.stack),
            answer: self.answer.min(operator.answer),
            log_lines: self.log_lines.min(operator.log_lines),
            recycle_calls: self.recycle_calls.min(operator.recycle_calls),
        }
    }

    /// Memory from which an instance is replaced before it meets its limit, bytes: three quarters of it.
    #[must_use]
    pub(super) fn high_water(&self) -> usize {
        self.memory / 4 * 3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_gets_no_more_than_the_operator_allows_and_no_more_than_it_asks_for() {
        let operator = Budget::default();
        let asked = Budget { fuel: u64::MAX, memory: 1 << 20, ..operator };
        assert_eq!(asked.capped_by(&operator), Budget { memory: 1 << 20, ..operator });
    }
}
