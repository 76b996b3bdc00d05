//! A slow trend of a series: the test of Mann (1945) and Kendall (1975) with the slope
//! of Theil (1950) and Sen (1968).

use super::moments::quantile;
use super::real;
use super::special::normal_cdf;

/// A trend with its test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trend {
    /// Rising pairs of points less falling ones.
    pub s: f64,
    /// Its standard score, corrected for continuity; 0 where it has no variance.
    pub z: f64,
    /// Two-sided p.
    pub p: f64,
    /// Median slope over all pairs of points, per step.
    pub slope: f64,
}

/// Tests a series for a monotone trend; `None` below two points or for values that are
/// not finite.
pub fn mann_kendall(series: &[f64]) -> Option<Trend> {
    if series.len() < 2 || series.iter().any(|x| !x.is_finite()) {
        return None;
    }
    let pairs = || (0..series.len()).flat_map(|j| (0..j).map(move |i| (i, j)));
    let s = pairs()
        .map(|(i, j)| sign(series[j] - series[i]))
        .sum::<f64>();
    let mut slopes: Vec<f64> = pairs()
        .map(|(i, j)| (series[j] - series[i]) / real(j - i))
        .collect();
    slopes.sort_by(f64::total_cmp);
    let variance = variance_of_s(series);
    let z = if variance > 0.0 {
        (s - sign(s)) / variance.sqrt()
    } else {
        0.0
    };
    Some(Trend {
        s,
        z,
        p: 2.0 * normal_cdf(-z.abs()),
        slope: quantile(&slopes, 0.5)?,
    })
}

/// The variance of the statistic without a trend, less what ties take from it.
fn variance_of_s(series: &[f64]) -> f64 {
    let mut sorted = series.to_vec();
    sorted.sort_by(f64::total_cmp);
    let term = |n: f64| n * (n - 1.0) * (2.0 * n + 5.0);
    let ties: f64 = sorted
        .chunk_by(|one, other| one >= other)
        .map(|tied| term(real(tied.len())))
        .sum();
    (term(real(series.len())) - ties) / 18.0
}

/// -1, 0 or 1; unlike `signum` it is 0 for 0.
fn sign(x: f64) -> f64 {
    if x > 0.0 {
        1.0
    } else if x < 0.0 {
        -1.0
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_series_has_no_trend() {
        let trend = mann_kendall(&[0.5; 10]).unwrap();
        assert_eq!(
            trend,
            Trend {
                s: 0.0,
                z: 0.0,
                p: 1.0,
                slope: 0.0
            }
        );
    }

    #[test]
    fn a_straight_line_has_its_slope() {
        let line: Vec<f64> = (0..10).map(|i| 3.0 - 0.25 * real(i)).collect();
        let trend = mann_kendall(&line).unwrap();
        assert!((trend.slope + 0.25).abs() < 1e-12 && trend.p < 0.001);
    }

    #[test]
    fn one_point_has_no_trend() {
        assert_eq!(mann_kendall(&[1.0]), None);
        assert_eq!(mann_kendall(&[1.0, f64::NAN]), None);
    }
}
