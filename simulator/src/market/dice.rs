//! Seeded chance: the few distributions the market draws from.
//!
//! The generator is ChaCha8 and the functions come from `libm`, not from the system's C library, so that a seed gives the
//! same bytes on every machine.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A stream of random draws.
#[derive(Debug, Clone)]
pub struct Dice {
    rng: ChaCha8Rng,
}

impl Dice {
    /// A stream that depends on the seed and on what it is for (`name`), so that one pair's draws don't shift another's.
    pub fn new(seed: u64, name: &str) -> Self {
        // FNV-1a: spreads the name over 64 bits; ChaCha does the rest.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        Self { rng: ChaCha8Rng::seed_from_u64(seed ^ hash) }
    }

    /// Uniform in `[0, 1)`.
    pub fn unit(&mut self) -> f64 {
        (self.rng.next_u64() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Uniform in `[low, high)`; `low` if the range is empty.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        low + (self.unit() * (high - low).max(1) as f64) as i64
    }

    /// Exponential with this mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * libm::log(1.0 - self.unit())
    }

    /// Standard normal, by Marsaglia's polar method (Marsaglia and Bray, 1964).
    pub fn normal(&mut self) -> f64 {
        loop {
            let (u, v) = (2.0 * self.unit() - 1.0, 2.0 * self.unit() - 1.0);
            let s = u * u + v * v;
            if s > 0.0 && s < 1.0 {
                return u * (-2.0 * libm::log(s) / s).sqrt();
            }
        }
    }

    /// Lognormal with this median and this standard deviation of the logarithm.
    pub fn lognormal(&mut self, median: f64, sigma: f64) -> f64 {
        median * libm::exp(sigma * self.normal())
    }
}

/// A mean-reverting value around zero (an Ornstein-Uhlenbeck process, sampled exactly).
#[derive(Debug, Clone)]
pub struct MeanReverting {
    value: f64,
    /// Standard deviation in the long run.
    spread: f64,
    /// Time after which a deviation has shrunk to 1/e, in seconds.
    memory_s: f64,
}

impl MeanReverting {
    /// Starts at its mean.
    pub fn new(spread: f64, memory_s: f64) -> Self {
        Self { value: 0.0, spread, memory_s }
    }

    /// Moves on by `seconds` and returns the new value.
    pub fn advance(&mut self, seconds: f64, dice: &mut Dice) -> f64 {
        let keep = libm::exp(-seconds / self.memory_s);
        self.value = self.value * keep + self.spread * (1.0 - keep * keep).max(0.0).sqrt() * dice.normal();
        self.value
    }

    /// The value as it is.
    pub fn value(&self) -> f64 {
        self.value
    }
}
