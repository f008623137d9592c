//! The newest log lines of a plugin, kept for whoever asks what it said.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock;

/// Lines kept a plugin; with 1000 characters each, a few hundred KB at most.
const LINES: usize = 256;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct LogLine {
    /// Its number: without a hole as long as no line was dropped.
    pub number: u64,
    /// When it was written, milliseconds since 1970.
    pub time_ms: u64,
    /// `debug`, `info`, `warn` or `error`.
    pub level: &'static str,
    /// The pair; empty: the host says it of the plugin.
    #[schema(value_type = String)]
    pub pair: Arc<str>,
    /// The text.
    pub text: String,
}

/// The newest lines of a plugin, over its versions and pairs.
#[derive(Default)]
pub(super) struct Logs(Mutex<Ring>);

#[derive(Default)]
struct Ring {
    next: u64,
    lines: VecDeque<LogLine>,
}

impl Logs {
    /// Notes a line; the oldest makes room.
    pub(super) fn write(&self, level: &'static str, pair: &Arc<str>, text: String) {
        // Nothing under this lock can panic half way through a change.
        let mut ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if ring.lines.len() == LINES {
            ring.lines.pop_front();
        }
        let number = ring.next;
        ring.next += 1;
        ring.lines.push_back(LogLine { number, time_ms: clock::unix_ms(), level, pair: Arc::clone(pair), text });
    }

    /// What the host has to say of the plugin.
    pub(super) fn host(&self, level: &'static str, text: String) {
        self.write(level, &Arc::from(""), text);
    }

    /// The newest lines, oldest first: at most `most`, none before number `from`.
    pub(super) fn newest(&self, most: usize, from: u64) -> Vec<LogLine> {
        let ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: Vec<LogLine> = ring.lines.iter().rev().take_while(|line| line.number >= from).take(most).cloned().collect();
        lines.into_iter().rev().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_lines_stay_and_their_numbers_show_which_went() {
        let logs = Logs::default();
        (0..LINES + 10).for_each(|n| logs.host("info", n.to_string()));
        let all = logs.newest(usize::MAX, 0);
        assert_eq!((all.len(), all[0].number, all[0].text.as_str()), (LINES, 10, "10"));
        assert_eq!(logs.newest(2, 0).iter().map(|line| line.number).collect::<Vec<_>>(), [264, 265]);
        assert_eq!(logs.newest(10, 265).len(), 1);
    }
}
