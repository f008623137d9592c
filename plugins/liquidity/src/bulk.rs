//! The bulk of a side: as much as its levels would hold if each were a typical one.
//!
//! n · (mean of v^¼)⁴ over all n levels that the feed shows. Half of every level is half the bulk, half of the levels too; a giant, which makes much of a
//! band's depth and comes and goes with one order, hardly moves it. Hundreds of levels say more of a drain than the dozens within the bands do.

use leadline_plugin::DepthSide;

/// Of one side, units of notional; NaN of none.
#[must_use]
pub fn bulk(side: &DepthSide) -> f64 {
    let levels = side.notional.len() as f64;
    let root = side.notional.iter().map(|notional| notional.sqrt().sqrt()).sum::<f64>() / levels;
    levels * (root * root) * (root * root)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(notional: &[f64]) -> f64 {
        bulk(&DepthSide { notional: notional.to_vec(), ..DepthSide::default() })
    }

    #[test]
    fn is_the_depth_of_equal_levels_and_hardly_sees_a_giant() {
        assert!((of(&[16.0; 100]) - 1600.0).abs() < 1e-9);
        assert!((of(&[8.0; 100]) - 800.0).abs() < 1e-9);
        assert!((of(&[16.0; 50]) - 800.0).abs() < 1e-9);
        let mut giant = [16.0; 100];
        giant[3] = 16_000.0;
        assert!(of(&giant) < 1.25 * 1600.0, "ten times the depth with it: {}", of(&giant));
        assert!(of(&[]).is_nan());
    }
}
