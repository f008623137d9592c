//! Below HTTP: connections that are refused, and connections that go half-open.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// Until when new connections are reset.
#[derive(Debug, Clone, Default)]
pub(crate) struct Refusing {
    until: Arc<Mutex<Option<Instant>>>,
}

impl Refusing {
    /// From now on, for this long; a longer time that was said before stays.
    pub(crate) fn start(&self, length: Duration) {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        *until = (*until).max(Some(Instant::now() + length));
    }

    fn is_on(&self) -> bool {
        let until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }
}

/// Switch of one TCP connection.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    peer: SocketAddr,
    half_open: Arc<AtomicBool>,
}

impl Wire {
    /// The other end's address.
    pub(crate) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// From now on nothing is sent or answered; what comes is thrown away.
    pub(crate) fn half_open(&self) {
        self.half_open.store(true, Ordering::Release);
    }

    /// Whether it is.
    pub(crate) fn is_half_open(&self) -> bool {
        self.half_open.load(Ordering::Acquire)
    }
}

/// The listener.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) listener: TcpListener,
    pub(super) refusing: Refusing,
}

impl Listener for Gate {
    type Io = Line;
    type Addr = Wire;

    async fn accept(&mut self) -> (Line, Wire) {
        loop {
            let (socket, peer) = Listener::accept(&mut self.listener).await;
            if self.refusing.is_on() {
                // Without lingering the end is a reset.
                if let Err(error) = socket.set_zero_linger() {
                    tracing::debug!(%error, "closed instead of reset");
                }
                continue;
            }
            // A frame waits for nothing: without this a small one may wait for the acknowledgement of the one before.
            if let Err(error) = socket.set_nodelay(true) {
                tracing::debug!(%error, "no TCP_NODELAY");
            }
            let wire = Wire { peer, half_open: Arc::default() };
            return (Line { socket, wire: wire.clone() }, wire);
        }
    }

    fn local_addr(&self) -> io::Result<Wire> {
        Ok(Wire { peer: self.listener.local_addr()?, half_open: Arc::default() })
    }
}

impl Connected<IncomingStream<'_, Gate>> for Wire {
    fn connect_info(stream: IncomingStream<'_, Gate>) -> Self {
        stream.remote_addr().clone()
    }
}

/// One TCP connection.
#[derive(Debug)]
pub(super) struct Line {
    socket: TcpStream,
    wire: Wire,
}

impl AsyncRead for Line {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        while self.wire.is_half_open() {
            // Read, so that the client's giving up is seen; but never handed on.
            let mut scratch = [0; 4096];
            let mut thrown_away = ReadBuf::new(&mut scratch);
            ready!(Pin::new(&mut self.socket).poll_read(cx, &mut thrown_away))?;
            if thrown_away.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
        Pin::new(&mut self.socket).poll_read(cx, buf)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.wire.is_half_open() { Poll::Ready(Ok(buf.len())) } else { Pin::new(&mut self.socket).poll_write(cx, buf) }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.wire.is_half_open() { Poll::Ready(Ok(())) } else { Pin::new(&mut self.socket).poll_flush(cx) }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        if self.wire.is_half_open() {
            return Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()));
        }
        Pin::new(&mut self.socket).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}
