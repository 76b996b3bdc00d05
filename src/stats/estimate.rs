//! A weighted mean over units with its standard error, from the noise within units
//! or from the spread between clusters.

use std::collections::BTreeMap;

use super::moments::{Sum, sum};
use super::real;

/// Imaginary observations that are added to binary data, two of either kind.
const IMAGINARY: f64 = 4.0;

/// What one unit adds to a weighted mean.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    pub(crate) value: f64,
    /// Sampling variance of the value.
    pub(crate) variance: f64,
    /// How uncertain the variance is: its square over its degrees of freedom.
    pub(crate) uncertainty: f64,
    pub(crate) weight: f64,
    pub(crate) cluster: Option<u32>,
}

/// A mean with its standard error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Estimate {
    pub(crate) mean: f64,
    pub(crate) standard_error: f64,
    /// Degrees of freedom of the standard error, at least 1.
    pub(crate) degrees: f64,
}

/// The weighted mean of the values; `None` without a share.
pub(crate) fn weighted_mean(shares: &[Share]) -> Option<f64> {
    let weight = sum(shares.iter().map(|share| share.weight));
    let total = sum(shares.iter().map(|share| share.weight * share.value));
    (weight > 0.0).then(|| total / weight)
}

/// The mean about these very units: only their own sampling variances count. The
/// degrees of freedom are those of Satterthwaite (1946) and Welch (1947).
pub(crate) fn within_units(shares: &[Share]) -> Option<Estimate> {
    let mean = weighted_mean(shares)?;
    let weight = sum(shares.iter().map(|share| share.weight));
    let (mut variance, mut uncertainty) = (Sum::default(), Sum::default());
    for share in shares {
        let factor = (share.weight / weight).powi(2);
        variance.add(factor * share.variance);
        uncertainty.add(factor * factor * share.uncertainty);
    }
    let (variance, uncertainty) = (variance.value(), uncertainty.value());
    let degrees = if uncertainty > 0.0 {
        variance * variance / uncertainty
    } else {
        1.0
    };
    Some(Estimate {
        mean,
        standard_error: variance.sqrt(),
        degrees: degrees.max(1.0),
    })
}

/// The mean about units like these: the clusters are a sample. `None` below two
/// clusters.
pub(crate) fn between_clusters(shares: &[Share]) -> Option<Estimate> {
    let mean = weighted_mean(shares)?;
    let weight = sum(shares.iter().map(|share| share.weight));
    let deviations = cluster_sums(shares, mean);
    let clusters = real(deviations.len());
    if deviations.len() < 2 {
        return None;
    }
    let squares = sum(deviations.iter().map(|deviation| deviation * deviation));
    let standard_error = (clusters / (clusters - 1.0) * squares).sqrt() / weight;
    Some(Estimate {
        mean,
        standard_error,
        degrees: clusters - 1.0,
    })
}

/// For each cluster the weighted sum of its values less `center`. A unit without a
/// cluster is one of its own.
pub(crate) fn cluster_sums(shares: &[Share], center: f64) -> Vec<f64> {
    let mut clusters: BTreeMap<u32, f64> = BTreeMap::new();
    let mut sums = Vec::new();
    for share in shares {
        let deviation = share.weight * (share.value - center);
        match share.cluster {
            Some(cluster) => *clusters.entry(cluster).or_default() += deviation,
            None => sums.push(deviation),
        }
    }
    sums.extend(clusters.into_values());
    sums
}

impl Estimate {
    /// The plus-four form for binary data (Bonett and Price 2012, with the constant
    /// raised to two): four imaginary observations about `center`, each at the
    /// distance `reach` from it, join `observations` real ones, so that data without
    /// a single failure still leave room for one.
    pub(crate) fn plus_four(self, observations: f64, center: f64, reach: f64) -> Estimate {
        let total = observations + IMAGINARY;
        let squares = (observations * self.standard_error).powi(2) + IMAGINARY * reach * reach;
        Estimate {
            mean: (observations * self.mean + IMAGINARY * center) / total,
            standard_error: squares.sqrt() / total,
            degrees: self.degrees,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(value: f64, cluster: Option<u32>) -> Share {
        Share {
            value,
            variance: 0.0,
            uncertainty: 0.0,
            weight: 1.0,
            cluster,
        }
    }

    #[test]
    fn the_spread_between_units_is_the_textbook_standard_error() {
        let shares = [share(1.0, None), share(2.0, None), share(6.0, None)];
        let estimate = between_clusters(&shares).unwrap();
        assert!((estimate.mean - 3.0).abs() < 1e-12);
        assert!((estimate.standard_error - (7.0_f64 / 3.0).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn one_cluster_has_no_spread() {
        assert_eq!(
            between_clusters(&[share(1.0, Some(1)), share(2.0, Some(1))]),
            None
        );
        assert_eq!(between_clusters(&[]), None);
    }

    #[test]
    fn an_imaginary_failure_keeps_a_clean_record_from_certainty() {
        let clean = Estimate {
            mean: 0.0,
            standard_error: 0.0,
            degrees: 1.0,
        };
        let plus_four = clean.plus_four(110.0, 0.0, 1.0);
        assert!((plus_four.standard_error - 2.0 / 114.0).abs() < 1e-15);
    }
}
