//! liquidity
