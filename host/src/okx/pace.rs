//! The times and limits of conversations with the exchange.

use std::time::Duration;

/// How long things may take. The defaults are what the exchange asks for; tests shorten them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Connections in any [`Pace::connects_window`]: the exchange takes 3 a second from one address.
    pub connects: usize,
    /// The time that [`Pace::connects`] counts in.
    pub connects_window: Duration,
    /// Requests of one connection in any [`Pace::requests_window`]: the exchange takes 480 an hour.
    pub requests: usize,
    /// The time that [`Pace::requests`] counts in.
    pub requests_window: Duration,
    /// Longest time for making a connection, proxy and TLS included.
    pub connect: Duration,
    /// A `ping` is sent after this long without a message; the exchange closes after 30 s.
    pub silence: Duration,
    /// The answer to it must come within this; after half of it the pair is suspect.
    pub pong: Duration,
    /// An acknowledgement or a snapshot must come within this.
    pub answer: Duration,
    /// A live pair without a frame for this long is suspect: a quiet book sends a keep-alive each 60 s.
    pub stall: Duration,
    /// Frames later than the stream's best by this much make the pair suspect.
    pub lag: Duration,
    /// Waits between connections: the first, and the longest.
    pub first_wait: Duration,
    /// See [`Pace::first_wait`].
    pub longest_wait: Duration,
    /// A connection that lasted so long, or a book that stayed valid so long, was a good one: the next wait is the first again.
    pub healthy: Duration,
    /// A pair that the exchange refuses is asked for again this slowly.
    pub refused: Duration,
    /// Two streams that don't come to the same number within this are joined without a comparison.
    pub join: Duration,
    /// Shortest time between two replacements of a connection.
    pub between_replacements: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        let s = Duration::from_secs;
        Self {
            connects: 3,
            connects_window: s(1),
            requests: 480,
            requests_window: s(3600),
            connect: s(10),
            silence: s(20),
            pong: s(10),
            answer: s(5),
            stall: s(75),
            lag: s(3),
            first_wait: Duration::from_millis(500),
            longest_wait: s(30),
            healthy: s(60),
            refused: s(60),
            join: s(10),
            between_replacements: s(30),
        }
    }
}
