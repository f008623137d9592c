//! The thread that makes batches: entries become lines, packed as they come, sealed by number and age.

use std::sync::Arc;
use std::time::Instant;

use super::line;
use super::outbox::Outbox;
use super::sender::Packer;
use crate::config::settings;
use crate::history::queue::{Next, Taken};

/// Bytes of a batch's text at which it is sealed, whatever it counts.
const BATCH_BYTES: usize = 4 << 20;
/// How long the thread waits at most before it looks again; nothing depends on it.
const IDLE: std::time::Duration = std::time::Duration::from_secs(60);

/// Makes batches until the queue is closed and empty.
pub(super) fn run(taken: &Taken, outbox: &Arc<Outbox>, influx: &settings::Influx) {
    let mut text = Vec::new();
    let mut open = true;
    while open {
        let mut packer = Packer::default();
        let (mut lines, mut bytes) = (0_u64, 0);
        let mut until = Instant::now() + IDLE;
        while lines < influx.batch_points && bytes < BATCH_BYTES {
            match taken.next(until) {
                Next::Entry(entry) => {
                    if lines == 0 {
                        until = Instant::now() + influx.batch_age;
                    }
                    let (written, count) = line::write(text, &entry);
                    packer.add(&written);
                    lines += u64::from(count);
                    bytes += written.len();
                    text = written;
                    text.clear();
                    taken.done(std::slice::from_ref(&entry));
                }
                Next::Time => break,
                Next::Closed => {
                    open = false;
                    break;
                }
            }
        }
        if lines > 0 {
            outbox.put(lines, packer.finish());
        }
    }
    outbox.close();
}
