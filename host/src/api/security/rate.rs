//! How many requests a client has left: so many a second, with a burst of twice as many (GCRA).

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::clock;

/// Clients that are remembered; beyond, those that have all their requests left are forgotten.
const CLIENTS: usize = 10_000;
/// How often they may be looked through for that.
const SWEEP_MS: u64 = 1000;
/// What a change costs, in requests.
const CHANGE: u32 = 5;

/// Who is counted: a token, wherever it comes from, or a machine without one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Client {
    /// By the token's name.
    Token(Arc<str>),
    /// By address; of IPv6 the first 64 bits, which is what one machine has.
    Peer(IpAddr),
}

impl Client {
    /// The machine at an address.
    #[must_use]
    pub fn peer(address: IpAddr) -> Self {
        Self::Peer(match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6((u128::from(address) & !u128::from(u64::MAX)).into()),
            address => address,
        })
    }
}

/// Requests left, by client.
pub struct Rate {
    limiter: DefaultKeyedRateLimiter<Client>,
    clock: DefaultClock,
    swept_ms: AtomicU64,
}

impl Rate {
    /// So many requests a second a client; at least 1.
    #[must_use]
    pub fn new(per_second: u32) -> Self {
        let per_second = NonZeroU32::new(per_second).unwrap_or(NonZeroU32::MIN);
        // A burst below a change's price would let none through.
        let burst = per_second.saturating_mul(NonZeroU32::MIN.saturating_add(1)).max(NonZeroU32::MIN.saturating_add(CHANGE - 1));
        let quota = Quota::per_second(per_second).allow_burst(burst);
        Self { limiter: RateLimiter::keyed(quota), clock: DefaultClock::default(), swept_ms: AtomicU64::new(0) }
    }

    /// Takes a request off what the client has left.
    ///
    /// # Errors
    /// When nothing is left: how long until there is.
    pub fn take(&self, client: &Client, is_change: bool) -> Result<(), Duration> {
        self.forget_idle();
        let price = NonZeroU32::new(if is_change { CHANGE } else { 1 }).unwrap_or(NonZeroU32::MIN);
        match self.limiter.check_key_n(client, price) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(not_until)) => Err(not_until.wait_time_from(self.clock.now())),
            // The burst is never below the price.
            Err(_) => Ok(()),
        }
    }

    fn forget_idle(&self) {
        let now_ms = clock::since_start() / 1_000_000;
        let swept_ms = self.swept_ms.load(Ordering::Relaxed);
        if self.limiter.len() > CLIENTS
            && now_ms.saturating_sub(swept_ms) >= SWEEP_MS
            && self.swept_ms.compare_exchange(swept_ms, now_ms, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "test code")]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_asks_too_much_is_told_when_to_come_back_and_others_are_not_held_up() {
        let rate = Rate::new(1);
        let (one, other) = (Client::peer("10.0.0.1".parse().unwrap()), Client::Token(Arc::from("ann")));
        let waits: Vec<Duration> = (0..20).filter_map(|_| rate.take(&one, false).err()).collect();
        assert!(waits.len() >= 10, "{waits:?}");
        assert!(waits.iter().all(|wait| *wait > Duration::ZERO && *wait <= Duration::from_secs(1)), "{waits:?}");
        assert_eq!(rate.take(&other, true), Ok(()));
    }

    #[test]
    fn the_addresses_of_one_ipv6_machine_are_one_client() {
        let of = |text: &str| Client::peer(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
    }
}
