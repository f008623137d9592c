//! The bulk of a side: as much as its levels would hold if each were a typical one.
//!
//! n · (mean of v^¼)⁴ over the n levels within a reach. Half of every level is half the bulk, half of the levels too; a giant, which makes much of a
//! band's depth and comes and goes with one order, hardly moves it. Hundreds of levels say more of a drain than the dozens within the bands do.
//!
//! The reach is fixed, as the bands are: a feed that carries the best 400 levels looks farther when every second one goes, and shows 400 as before.

use leadline_plugin::DepthSide;

/// Of the levels of one side within `reach_bps`, units of notional; 0 of none.
#[must_use]
pub fn bulk(side: &DepthSide, reach_bps: f64) -> f64 {
    let notional = side.notional.get(..side.within(reach_bps)).unwrap_or_default();
    if notional.is_empty() {
        return 0.0;
    }
    let levels = notional.len() as f64;
    let root = notional.iter().map(|notional| notional.sqrt().sqrt()).sum::<f64>() / levels;
    levels * (root * root) * (root * root)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Levels 1 bps apart.
    fn side(notional: &[f64]) -> DepthSide {
        let distance_bps = (0..notional.len()).map(|level| level as f64).collect();
        DepthSide { notional: notional.to_vec(), distance_bps, ..DepthSide::default() }
    }

    fn of(notional: &[f64]) -> f64 {
        bulk(&side(notional), f64::INFINITY)
    }

    #[test]
    fn is_the_depth_of_equal_levels_and_hardly_sees_a_giant() {
        assert!((of(&[16.0; 100]) - 1600.0).abs() < 1e-9);
        assert!((of(&[8.0; 100]) - 800.0).abs() < 1e-9);
        assert!((of(&[16.0; 50]) - 800.0).abs() < 1e-9);
        let mut giant = [16.0; 100];
        giant[3] = 16_000.0;
        assert!(of(&giant) < 1.25 * 1600.0, "ten times the depth with it: {}", of(&giant));
        assert_eq!((of(&[]), bulk(&side(&[16.0; 100]), 49.5), bulk(&side(&[16.0; 100]), -1.0)), (0.0, 800.0, 0.0));
    }
}
