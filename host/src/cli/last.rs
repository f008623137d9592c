//! `leadline record --last TIME`: what a running host received in the last minutes, as a recording.

use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use leadline_recording::{Limits, Manifest, Origin, ParcelHead, ParcelReader, Recorder, Status};
use reqwest::Method;

use super::remote::Remote;

/// Fetches the frames and writes them into the folder. No pair named: all of the host's.
///
/// # Errors
/// The host can't be reached or refuses; the stream is cut short; the folder can't be written.
pub(super) async fn fetch(remote: &Remote, span: Duration, pairs: &[String], folder: &Path, limits: Limits) -> anyhow::Result<Status> {
    let query = [("seconds", span.as_secs().max(1).to_string()), ("pairs", pairs.join(","))];
    let response = remote.send(remote.request(Method::GET, &["recent"], &query)).await?;
    let (pieces, body) = std::sync::mpsc::sync_channel(4);
    let folder = folder.to_owned();
    let writing = tokio::task::spawn_blocking(move || record(Pieces { pieces: body, now: Vec::new(), at: 0 }, &folder, &limits));
    let mut response = response;
    let sent: anyhow::Result<()> = async {
        while let Some(piece) = response.chunk().await.context("the host's answer ended early")? {
            if pieces.send(piece.to_vec()).is_err() {
                // The writer has given up, and says why.
                break;
            }
        }
        Ok(())
    }
    .await;
    drop(pieces);
    let written = writing.await.context("the recorder's thread broke")?;
    sent.and(written)
}

fn record(pieces: Pieces, folder: &Path, limits: &Limits) -> anyhow::Result<Status> {
    let (head, mut frames) = ParcelReader::open(pieces).context("read the host's answer")?;
    let ParcelHead { endpoint, channel, pairs, gaps, listings, .. } = head;
    if Manifest::read(folder)?.is_some() {
        bail!("{}: it holds a recording already\n  hint: frames out of a host's memory get a folder of their own", folder.display());
    }
    let recorder = Recorder::start(folder, &Origin { endpoint, channel, pairs }, limits)?;
    for (pair, listing) in listings {
        recorder.instruments(&pair, &listing)?;
    }
    for gap in gaps {
        recorder.gap_begins(&gap.pair, &gap.reason, gap.from_us);
        if let Some(to_us) = gap.to_us {
            recorder.gap_ends(&gap.pair, to_us);
        }
    }
    while let Some((received_us, frame)) =
        frames.next_frame().context("the host's answer was cut short\n  hint: ask again; what came is in the folder")?
    {
        recorder.frame_in_time(frame, received_us);
    }
    Ok(recorder.finish()?)
}

/// The pieces of an answer, read as one stream.
struct Pieces {
    pieces: std::sync::mpsc::Receiver<Vec<u8>>,
    now: Vec<u8>,
    at: usize,
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at == self.now.len() {
            match self.pieces.recv() {
                Ok(piece) => (self.now, self.at) = (piece, 0),
                Err(_) => return Ok(0),
            }
        }
        let count = into.len().min(self.now.len() - self.at);
        into[..count].copy_from_slice(&self.now[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}
