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
        /// An index below is a warning when it lasts.
        warning_below: f64 = 75.0, unit "index", range 0.0 to 200.0;
        /// An index below is an alert when it lasts.
        alert_below: f64 = 50.0, unit "index", range 0.0 to 200.0;
        /// An index below is an alert at once.
        alert_at_once_below: f64 = 30.0, unit "index", range 0.0 to 200.0;
        /// An index above ends a warning when it lasts.
        warning_back_above: f64 = 85.0, unit "index", range 0.0 to 200.0;
        /// An index above ends an alert when it lasts.
        alert_back_above: f64 = 60.0, unit "index", range 0.0 to 200.0;
        /// How long it must last.
        hold_seconds: u32 = 180, unit "s", range 0.0 to 3600.0;
        /// A fall of the trend over an hour that is a warning when it is no accident.
        drop_percent: f64 = 25.0, unit "%", range 1.0 to 99.0;
        /// Probability below which it is no accident.
        drop_p: f64 = 0.01, unit "1", range 0.0 to 0.5;
    }
}

impl Settings {
    /// The weights in the order of the components.
    #[must_use]
    pub fn weights(&self) -> [f64; 4] {
        [self.weight_spread, self.weight_depth_2, self.weight_depth_3, self.weight_cost]
    }
}
