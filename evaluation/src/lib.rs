//! How right an analysis is: markets whose events carry exact labels, and scores of what an analysis said about them.
//!
//! Pure: seeded, no input or output, no clock; who runs plugins on these books and prints tables is `leadline evaluate`.
//!
//! # Layout
//!
//! - [`market`]: a market that runs from book to book, and can be made to do things.
//! - [`background`]: what is usual around a price: bandwidth and local background, from the book alone.
//! - [`label`]: what happened, when, on which side.
//! - [`script`]: what is to happen in a market, drawn from its seed.
//! - [`stage`]: a market with its script: books, and labels as things happen.
//! - [`planting`]: walls in books that somebody recorded.
//! - [`seen`]: what an analysis said of one book, in words that scores understand.
//! - [`baseline`]: two simple rules for each analysis, to be compared with.
//! - [`record`]: what was said over a whole market, as far as scores need it.
//! - [`score`]: rates, delays and false alarms, with their confidence.
//! - [`roughness`]: how much depth changes from second to second.
//! - [`target`]: what the analyses are to reach.

pub mod background;
pub mod baseline;
pub mod label;
pub mod market;
pub mod planting;
pub mod record;
pub mod roughness;
pub mod score;
pub mod script;
pub mod seen;
pub mod stage;
pub mod target;
