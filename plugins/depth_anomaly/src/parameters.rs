//! What an operator can set.

leadline_plugin::parameters! {
    /// Parameters of depth_anomaly.
    pub struct Settings {
        /// Judge books that neither a chain nor a checksum vouches for.
        accept_unverified: bool = false;
        /// Levels a side that the feed carries; a side with fewer is known to its end.
        feed_levels: u32 = 400, unit "levels", range 1.0 to 10000.0;
        /// Samples that the bands are fixed from.
        bands_samples: u32 = 60, unit "s", range 10.0 to 600.0;
        /// Window of the baseline.
        window: u32 = 900, unit "s", range 300.0 to 3600.0;
        /// Samples from which a reading is no longer provisional; at most the window.
        warm_up: u32 = 300, unit "s", range 60.0 to 3600.0;
        /// Least scale of ln depth, so that a quiet book doesn't alarm on nothing.
        scale_floor: f64 = 0.05, unit "1", range 0.001 to 1.0;
        /// Deviations below the baseline, in two bands of a side, at which that alone is a warning.
        z_full: f64 = 8.0, unit "1", range 1.0 to 100.0;
        /// For this long at least: a price that runs leaves a hole beside it for a second or two.
        level_seconds: u32 = 5, unit "s", range 1.0 to 60.0;
        /// Least scale of the breadth of a second's change.
        breadth_floor: f64 = 0.05, unit "1", range 0.001 to 1.0;
        /// Slack of the CUSUM of the breadth, in standard deviations.
        breadth_slack: f64 = 2.0, unit "1", range 0.1 to 10.0;
        /// Threshold of that CUSUM; the sum stops at three times as much.
        breadth_threshold: f64 = 4.5, unit "1", range 1.0 to 1000.0;
        /// What has added up of the breadth is forgotten by half within this time.
        drift_half_life: f64 = 30.0, unit "s", range 5.0 to 600.0;
        /// Deviations of it at which it is a warning.
        drift_full: f64 = 6.0, unit "1", range 1.0 to 100.0;
        /// And at least this much: 1 is every level that lost a third or more, 0.5 half of the levels.
        drift_floor: f64 = 1.0, unit "1", range 0.05 to 5.0;
        /// Times the threshold at which one kind of evidence alone is an alert.
        alert_at: f64 = 1.5, unit "1", range 1.0 to 3.0;
        /// Times the threshold below which everything must be for the way back to normal.
        back_below: f64 = 0.6, unit "1", range 0.01 to 1.0;
        /// How long they must be.
        back_seconds: u32 = 10, unit "s", range 0.0 to 600.0;
        /// How long the baseline stands still at most while the state isn't normal; then the new depth is taken as usual.
        freeze_seconds: u32 = 600, unit "s", range 10.0 to 3600.0;
        /// Least time between two notices of the same severity.
        cool_down: u32 = 60, unit "s", range 0.0 to 3600.0;
        /// Let a surge of depth become an alert, not only a warning.
        surge_alerts: bool = false;
    }
}
