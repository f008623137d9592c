//! The channels that carry a whole book as a snapshot and updates.

use std::fmt;

/// A channel that can be kept as a book. Channels that send pictures (`books5`, `bbo-tbt`) are not among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BookChannel {
    /// v5: 400 levels a side, every 100 ms; also the `table` of the design document's frames.
    Books,
    /// v5: 400 levels, every 10 ms.
    BooksL2Tbt,
    /// v5: 50 levels, every 10 ms.
    Books50L2Tbt,
    /// v3 spot, every 100 ms.
    SpotDepth,
    /// v3 spot, every change.
    SpotDepthL2Tbt,
    /// v3 swaps, every 100 ms.
    SwapDepth,
    /// v3 swaps, every change.
    SwapDepthL2Tbt,
    /// v3 futures, every 100 ms.
    FuturesDepth,
    /// v3 futures, every change.
    FuturesDepthL2Tbt,
    /// v3 options, every 100 ms.
    OptionDepth,
    /// v3 options, every change.
    OptionDepthL2Tbt,
}

impl BookChannel {
    /// Every channel, by name.
    const NAMES: [(&'static str, Self); 11] = [
        ("books", Self::Books),
        ("books-l2-tbt", Self::BooksL2Tbt),
        ("books50-l2-tbt", Self::Books50L2Tbt),
        ("spot/depth", Self::SpotDepth),
        ("spot/depth_l2_tbt", Self::SpotDepthL2Tbt),
        ("swap/depth", Self::SwapDepth),
        ("swap/depth_l2_tbt", Self::SwapDepthL2Tbt),
        ("futures/depth", Self::FuturesDepth),
        ("futures/depth_l2_tbt", Self::FuturesDepthL2Tbt),
        ("option/depth", Self::OptionDepth),
        ("option/depth_l2_tbt", Self::OptionDepthL2Tbt),
    ];

    /// The channel of this name, as the exchange writes it.
    #[inline]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|&(_, channel)| channel)
    }

    /// The name as the exchange writes it.
    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|&&(_, channel)| channel == self).map_or("books", |&(name, _)| name)
    }
}

impl fmt::Display for BookChannel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}
