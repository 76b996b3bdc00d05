//! The population stability index: how far the shares of some bins have moved.

use super::moments::quantile;
use super::real;
use super::special::chi_squared_ppf;

/// The folklore limit below which a shift is called small at any sample size.
const SMALL_SHIFT: f64 = 0.1;

/// A stability index with the value that chance alone would seldom exceed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stability {
    /// The index, 0 for equal shares.
    pub psi: f64,
    /// Its critical value without a shift (Yurdakul and Naranjo 2020).
    pub critical: f64,
    /// Number of bins.
    pub bins: usize,
}

impl Stability {
    /// Whether the shift is both larger than chance and large enough to matter.
    pub fn is_alarm(&self) -> bool {
        self.psi > SMALL_SHIFT && self.psi > self.critical
    }
}

/// The index of a number, over bins cut at the distinct quantiles of the reference
/// that split it into `bins` equal parts. `None` for an empty sample, fewer than two
/// bins, an `alpha` outside (0, 1), or a value that is not a number.
pub fn psi(reference: &[f64], current: &[f64], bins: usize, alpha: f64) -> Option<Stability> {
    if bins < 2 || reference.iter().chain(current).any(|x| x.is_nan()) {
        return None;
    }
    let mut sorted = reference.to_vec();
    sorted.sort_by(f64::total_cmp);
    let cuts: Option<Vec<f64>> = (1..bins)
        .map(|cut| quantile(&sorted, real(cut) / real(bins)))
        .collect();
    let mut edges = cuts?;
    edges.dedup();
    psi_of_counts(
        &histogram(reference, &edges),
        &histogram(current, &edges),
        alpha,
    )
}

/// The index of a category, from its counts in the reference and now, in the same
/// order. `None` for lists of unequal length, fewer than two categories, an empty side,
/// or an `alpha` outside (0, 1).
pub fn psi_of_counts(reference: &[usize], current: &[usize], alpha: f64) -> Option<Stability> {
    let bins = reference.len();
    let (n, m) = (reference.iter().sum(), current.iter().sum());
    if bins != current.len() || bins < 2 || n == 0 || m == 0 {
        return None;
    }
    // Half a count is added to each bin, so that an empty one has a logarithm.
    let share = |count: usize, total: usize| (real(count) + 0.5) / (real(total) + real(bins) / 2.0);
    let moved = |(before, after): (&usize, &usize)| {
        let (before, after) = (share(*before, n), share(*after, m));
        (after - before) * (after / before).ln()
    };
    let psi = reference.iter().zip(current).map(moved).sum();
    let scale = 1.0 / real(n) + 1.0 / real(m);
    let critical = chi_squared_ppf(1.0 - alpha, real(bins - 1))? * scale;
    Some(Stability {
        psi,
        critical,
        bins,
    })
}

/// Counts in the bins between ascending edges; a value on an edge lies below it.
fn histogram(values: &[f64], edges: &[f64]) -> Vec<usize> {
    let mut counts = vec![0; edges.len() + 1];
    for value in values {
        counts[edges.partition_point(|edge| edge < value)] += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_counts_have_no_shift() {
        let same = psi_of_counts(&[10, 20, 30], &[10, 20, 30], 0.01).unwrap();
        assert!(same.psi.abs() < 1e-12 && !same.is_alarm());
    }

    #[test]
    fn a_constant_reference_still_has_two_bins() {
        let shifted = psi(&[5.0; 200], &[6.0; 200], 10, 0.01).unwrap();
        assert!(shifted.bins == 2 && shifted.is_alarm());
    }

    #[test]
    fn what_cannot_be_binned_is_none() {
        assert_eq!(psi(&[], &[1.0], 10, 0.01), None);
        assert_eq!(psi(&[1.0], &[], 10, 0.01), None);
        assert_eq!(psi(&[1.0], &[1.0], 1, 0.01), None);
        assert_eq!(psi_of_counts(&[1, 2], &[1], 0.01), None);
        assert_eq!(psi_of_counts(&[1, 2], &[1, 2], 0.0), None);
    }
}
