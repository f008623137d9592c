//! What an operator can set.

leadline_plugin::parameters! {
    /// Parameters of liquidity.
    pub struct Settings {
        /// Judge books that neither a chain nor a checksum vouches for.
        accept_unverified: bool = false;
        /// Levels a side that the feed carries; a side with fewer is known to its end.
        feed_levels: u32 = 400, unit "levels", range 1.0 to 10000.0;
        /// Samples that the bands are fixed from.
        bands_samples: u32 = 60, unit "s", range 10.0 to 600.0;
        /// Volume of the round trip, of the usual depth in the widest band.
        volume_percent: f64 = 5.0, unit "%", range 0.01 to 100.0;
        /// Weight of the relative spread in the index; weights are relative to their sum.
        weight_spread: f64 = 0.20, unit "1", range 0.0 to 1.0;
        /// Weight of the depth in the second band.
        weight_depth_2: f64 = 0.25, unit "1", range 0.0 to 1.0;
        /// Weight of the depth in the third band.
        weight_depth_3: f64 = 0.25, unit "1", range 0.0 to 1.0;
        /// Weight of the round trip's cost.
        weight_cost: f64 = 0.30, unit "1", range 0.0 to 1.0;
        /// Minutes that the lasting index is a mean over: what is older weighs 1/e and less.
        lasting_minutes: f64 = 10.0, unit "min", range 1.0 to 120.0;
        /// A lasting index below is a warning, where the pair doesn't go as low by itself.
        warning_below: f64 = 75.0, unit "index", range 0.0 to 200.0;
        /// A lasting index below is an alert, where the pair doesn't go as low by itself.
        alert_below: f64 = 50.0, unit "index", range 0.0 to 200.0;
        /// Deviations below the median of what each hour goes down to from which the pair doesn't go as low by itself.
        unusual: f64 = 4.5, unit "deviations", range 0.0 to 100.0;
        /// Length of the drain that is looked for: half of the depth of a side, or of both, within this time.
        drain_minutes: u32 = 60, unit "min", range 10.0 to 240.0;
        /// Evidence of a drain, in standard deviations of what the pair does by itself, that is a warning.
        drain_deviations: f64 = 3.9, unit "deviations", range 1.0 to 100.0;
        /// An index below is an alert at once.
        alert_at_once_below: f64 = 10.0, unit "index", range 0.0 to 200.0;
        /// A lasting index above ends a warning when it stays there.
        warning_back_above: f64 = 85.0, unit "index", range 0.0 to 200.0;
        /// A lasting index above ends an alert when it stays there.
        alert_back_above: f64 = 60.0, unit "index", range 0.0 to 200.0;
        /// How long it must stay.
        hold_seconds: u32 = 180, unit "s", range 0.0 to 3600.0;
    }
}

impl Settings {
    /// The weights in the order of the components.
    #[must_use]
    pub fn weights(&self) -> [f64; 4] {
        [self.weight_spread, self.weight_depth_2, self.weight_depth_3, self.weight_cost]
    }
}
