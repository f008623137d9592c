//! Rolling windows over exchange time, for analyses that judge a book against its own past.
//!
//! # Layout
//!
//! - [`ring`]: a first-in, first-out window of fixed capacity.
//! - [`grid`]: the 1 s grid: which book is the sample of which second, what a quiet, missing or restarted second is.
//! - [`bands`]: the three depth bands a side, fixed from the median spread and the side's coverage.
//! - [`median`]: medians, quantiles and absolute deviations; a rolling median that keeps its window in order.
//! - [`lag`]: lag-1 autocorrelation of a window, and the innovations that are left without it.
//! - [`ewma`]: exponentially weighted mean and deviation, by half-life.
//! - [`cusum`]: the one-sided cumulative sum that finds a shift.
//! - [`trend`]: Theil-Sen slope.
//! - [`evidence`]: Mann-Kendall test with the Hamed-Rao correction for autocorrelation.
//! - [`saved`]: the bytes that a plugin's state is saved as.
//!
//! A window holds what it is told, in order; no part reads a clock. A second or minute that is missing is NaN: it takes its place in the
//! window, so that old values leave in time, and counts in no statistic. Everything here is saved and restored bit for bit with serde.

pub mod bands;
pub mod cusum;
pub mod evidence;
pub mod ewma;
pub mod grid;
pub mod lag;
pub mod median;
pub mod ring;
pub mod saved;
pub mod trend;

pub use bands::{BandGauge, Bands};
pub use cusum::Cusum;
pub use ewma::Ewma;
pub use grid::{SecondGrid, Tick};
pub use median::RollingMedian;
pub use ring::Ring;
