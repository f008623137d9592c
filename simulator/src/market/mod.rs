//! The generated market: pure, seeded, in whole ticks and lots. No I/O and no clock: time is passed in.
//!
//! # Layout
//!
//! - `dice`: seeded random draws, the same on every machine.
//! - `profile`: the instruments on offer and the numbers that shape each one's book.
//! - `side`: one side of a book, and what clients see of it (the best 400).
//! - `sizes`: sizes and order counts of levels.
//! - `price`: the fair price that buyers and sellers part at.
//! - `walls`: large levels at round prices, and their lives.
//! - `pair`: one instrument's market, one frame at a time.
//! - `churn`: how levels appear, change and go between moves of the price.
//! - `frame`: frames as text.
//! - `beat`: when each pair's frames come.

mod beat;
mod churn;
mod dice;
mod frame;
mod pair;
mod price;
mod profile;
mod side;
mod sizes;
mod walls;

pub(crate) use beat::Rhythm;
pub use beat::{Beat, Due, Shape};
pub use dice::{Dice, MeanReverting};
pub use pair::Pair;
pub(crate) use profile::{Contract, Profile, SPOT, SWAPS};
pub use side::WINDOW;
