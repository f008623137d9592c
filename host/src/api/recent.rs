//! The frames of the last minutes as one stream, which `leadline record --last` makes a recording of.

use std::io::{self, BufWriter, Write};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::sync::mpsc;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::app::App;
use super::error::{ApiError, ErrorBody};
use super::extract::Query;
use crate::clock;
use crate::recent::Asked;

/// Pieces of the stream that wait for a slow client, and their size: then its writing waits.
const PIECES: usize = 4;
const PIECE: usize = 64 << 10;
/// Longest time that can be asked for: longer than any host keeps.
const MAX_SECONDS: u64 = 24 * 3600;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(recent_frames))
}

/// What is asked for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// How many seconds back; at most what the host keeps (RECENT_MINUTES).
    #[serde(default = "ten_minutes")]
    #[param(default = 600, minimum = 1, maximum = 86400)]
    seconds: u64,
    /// Which pairs, with commas between; all, when none is named.
    #[serde(default)]
    #[param(example = "BTC-USDT,ETH-USDT")]
    pairs: String,
}

fn ten_minutes() -> u64 {
    600
}

/// The exchange's frames of the last minutes, byte for byte, in the order in which they were received. Each pair begins with a snapshot.
///
/// The stream is packed with zstd: records of receive time (µs since 1970, u64), length (u32) and bytes, all little-endian. The first has time 0
/// and is a JSON head (endpoint, channel, pairs, gaps, listings); the last has time 2^64-1 and is the number of frames. Without it the stream was cut short.
#[utoipa::path(
    get,
    path = "/api/v1/recent",
    tag = "system",
    params(Wanted),
    responses(
        (status = 200, description = "The frames", content_type = "application/zstd", body = Vec<u8>),
        (status = 404, description = "There are no frames of a pair that was named", body = ErrorBody),
        (status = 503, description = "As many as may are asking for frames", body = ErrorBody)
    )
)]
async fn recent_frames(State(app): State<App>, Query(wanted): Query<Wanted>) -> Result<Response, ApiError> {
    if !(1..=MAX_SECONDS).contains(&wanted.seconds) {
        return Err(ApiError::bad_request("bad_seconds", format!("{} seconds", wanted.seconds), "from 1 to 86400"));
    }
    let pairs: Vec<String> = wanted.pairs.split(',').map(str::trim).filter(|pair| !pair.is_empty()).map(str::to_owned).collect();
    let asked = Asked { pairs, span: Duration::from_secs(wanted.seconds) };
    let Some(recent) = app.source.live().and_then(|live| live.monitor.recent.get()) else {
        return Err(ApiError::not_found(
            "no_recent_frames",
            "this API runs without a feed, and receives no frames",
            "ask the host that receives them",
        ));
    };
    let Some(turn) = recent.turn() else {
        return Err(ApiError::unavailable("busy", "others are fetching recent frames", "try again in a moment"));
    };
    let gathered = recent.gather(&asked, clock::unix_ms().saturating_mul(1000)).map_err(|unknown| {
        ApiError::not_found(
            "no_recent_frames",
            format!("no frames are kept of {}", unknown.join(", ")),
            "GET /api/v1/pairs lists the pairs; RECENT_MINUTES=0 keeps none at all",
        )
    })?;
    if gathered.is_empty() {
        return Err(ApiError::not_found(
            "no_recent_frames",
            "no frames are kept",
            "wait for the first books; RECENT_MINUTES=0 keeps none at all",
        ));
    }
    let (sender, receiver) = mpsc::channel::<io::Result<Bytes>>(PIECES);
    tokio::task::spawn_blocking(move || {
        let pieces = BufWriter::with_capacity(PIECE, Pieces(sender.clone()));
        let written = gathered.write(pieces).and_then(|mut pieces| pieces.flush());
        if let Err(error) = written {
            // The client sees a stream without an end; one that went away sees nothing.
            let _ = sender.blocking_send(Err(error));
        }
        drop(turn);
    });
    let pieces = futures_util::stream::unfold(receiver, |mut receiver| async move { Some((receiver.recv().await?, receiver)) });
    Ok(([(header::CONTENT_TYPE, "application/zstd"), (header::CACHE_CONTROL, "no-store")], Body::from_stream(pieces)).into_response())
}

/// Hands what is written to the response.
struct Pieces(mpsc::Sender<io::Result<Bytes>>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let gone = |_| io::Error::new(io::ErrorKind::BrokenPipe, "the client went away");
        self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes))).map_err(gone)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
