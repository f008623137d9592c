//! Sends batches, one after the other, until InfluxDB took each.

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use tokio_util::sync::CancellationToken;

use super::dead::DeadLetters;
use super::http::{Failure, Server};
use super::outbox::{Batch, Outbox};
use crate::history::figures::Figures;
use crate::okx::backoff::Backoff;

/// First wait after a failure, doubled each time.
pub(super) const FIRST_WAIT: Duration = Duration::from_millis(250);
/// Longest wait that isn't asked for by the server.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// How long a host that stops goes on sending.
const GRACE: Duration = Duration::from_secs(3);

/// Sends what the outbox holds.
pub(super) struct Sender {
    pub(super) server: Server,
    pub(super) outbox: Arc<Outbox>,
    pub(super) figures: Arc<Figures>,
    pub(super) dead: DeadLetters,
    /// The waits between tries.
    pub(super) backoff: Backoff,
    /// The host stops.
    pub(super) stop: CancellationToken,
    /// It has been stopping for [`GRACE`].
    pub(super) ended: CancellationToken,
    /// The bucket was seen to be there, or can't be seen to.
    pub(super) prepared: bool,
}

/// What became of a part.
enum Sent {
    Taken,
    /// It must be divided.
    Refused(String),
    /// The host stops.
    Stopped,
}

impl Sender {
    /// Sends until the outbox is closed and empty, or the host stops and InfluxDB isn't there.
    pub(super) async fn run(mut self) {
        let outbox = Arc::clone(&self.outbox);
        let (stop, ended) = (self.stop.clone(), self.ended.clone());
        tokio::spawn(async move {
            stop.cancelled().await;
            tokio::time::sleep(GRACE).await;
            ended.cancel();
        });
        loop {
            let next = tokio::select! {
                biased;
                () = self.ended.cancelled() => break,
                next = outbox.next() => next,
            };
            let Some(batch) = next else { break };
            if !self.deliver(&batch).await {
                break;
            }
            outbox.sent(batch.number);
        }
        outbox.keep();
    }

    /// Whether the batch is done with.
    async fn deliver(&mut self, batch: &Batch) -> bool {
        let why = match self.send(&batch.body, batch.lines).await {
            Sent::Taken => return true,
            Sent::Stopped => return false,
            Sent::Refused(why) => why,
        };
        let mut text = String::new();
        if let Err(error) = GzDecoder::new(batch.body.as_slice()).read_to_string(&mut text) {
            tracing::error!("a batch for InfluxDB can't be unpacked: {error}");
            self.figures.drop_points(batch.lines, "a batch is spoilt");
            return true;
        }
        let lines: Vec<&str> = text.lines().collect();
        // What must still be sent, the first part last.
        let mut parts = vec![(lines.as_slice(), why)];
        while let Some((part, why)) = parts.pop() {
            if let [line] = part {
                self.dead.add(line, &why);
                self.figures.refused(1);
                continue;
            }
            let (front, back) = part.split_at(part.len() / 2);
            let mut refused = Vec::new();
            for half in [front, back] {
                match self.send(&pack(half), half.len() as u64).await {
                    Sent::Taken => {}
                    Sent::Refused(why) => refused.push((half, why)),
                    Sent::Stopped => return false,
                }
            }
            parts.extend(refused.into_iter().rev());
        }
        true
    }

    /// Sends one part until it is taken or refused.
    async fn send(&mut self, body: &[u8], lines: u64) -> Sent {
        loop {
            let (server, prepared) = (&self.server, &mut self.prepared);
            let tried = async {
                if !*prepared {
                    *prepared = server.prepare().await;
                }
                server.write(body.to_vec()).await
            };
            // A server that doesn't answer must not hold up a host that stops.
            let answer = tokio::select! {
                answer = tried => answer,
                () = self.ended.cancelled() => return Sent::Stopped,
            };
            let (asked, why) = match answer {
                Ok(()) => {
                    self.backoff.reset();
                    self.figures.written(lines);
                    self.figures.is_there("InfluxDB takes points again");
                    return Sent::Taken;
                }
                Err(Failure::TooLarge) => return Sent::Refused("too large for InfluxDB".to_owned()),
                Err(Failure::Content(why)) => return Sent::Refused(why),
                Err(Failure::Later(asked, why)) => (asked, why),
                Err(Failure::Operator(why)) => {
                    // Somebody may have deleted the bucket.
                    self.prepared = false;
                    (Some(LONGEST_WAIT), why)
                }
            };
            self.figures.failed(&why);
            let pause = asked.unwrap_or(Duration::ZERO).max(self.backoff.wait());
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.ended.cancelled() => return Sent::Stopped,
            }
        }
    }
}

fn pack(lines: &[&str]) -> Vec<u8> {
    let mut packer = Packer::default();
    for line in lines {
        packer.add(line.as_bytes());
        packer.add(b"\n");
    }
    packer.finish()
}

/// Packs lines as they come.
pub(super) struct Packer(GzEncoder<Vec<u8>>);

impl Default for Packer {
    fn default() -> Self {
        // The fastest: lines of one kind shrink to a tenth all the same.
        Self(GzEncoder::new(Vec::new(), Compression::fast()))
    }
}

impl Packer {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        // Writing to memory can't fail.
        let _ = self.0.write_all(bytes);
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0.finish().unwrap_or_default()
    }
}
