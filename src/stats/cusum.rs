//! Online monitoring of a level: the one-sided cumulative sum of Page (1954).

use super::moments::{mean, variance};
use super::{SLACK, real};

/// Fewest runs of a reference window.
const MIN_REFERENCE: usize = 10;

/// The path of a cumulative sum.
#[derive(Clone, Debug, PartialEq)]
pub struct Cusum {
    /// The sum after each point.
    pub path: Vec<f64>,
    /// The first point at which the sum reached the threshold.
    pub alarm: Option<usize>,
}

/// Sums up how far standard scores fall below `-allowance`, never below 0, and alarms
/// at `threshold`. With 0.5 and 4 there is one false alarm in about 340 points.
pub fn cusum(z: &[f64], allowance: f64, threshold: f64) -> Cusum {
    let mut sum = 0.0_f64;
    let step = |z: &f64| {
        sum = (sum - z - allowance).max(0.0);
        sum
    };
    let path: Vec<f64> = z.iter().map(step).collect();
    let alarm = path.iter().position(|sum| *sum >= threshold - SLACK);
    Cusum { path, alarm }
}

/// The standard score of a value against a reference window, allowing for the error of
/// its mean. `None` for a window below ten runs or without variation.
pub fn standard_score(x: f64, reference: &[f64]) -> Option<f64> {
    let deviation = variance(reference)?.sqrt();
    let is_usable = reference.len() >= MIN_REFERENCE && deviation > 0.0;
    let inflation = (1.0 + 1.0 / real(reference.len())).sqrt();
    let score = (x - mean(reference)?) / (deviation * inflation);
    Some(score).filter(|_| is_usable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_news_is_forgotten() {
        let sums = cusum(&[3.0, -1.0, 3.0, -1.0], 0.5, 4.0);
        assert_eq!(sums.path, [0.0, 0.5, 0.0, 0.5]);
        assert_eq!(sums.alarm, None);
    }

    #[test]
    fn a_window_that_is_short_or_flat_has_no_score() {
        assert_eq!(standard_score(1.0, &[1.0; 12]), None);
        assert_eq!(standard_score(1.0, &[1.0, 2.0, 3.0]), None);
        let reference: Vec<f64> = (0..12).map(f64::from).collect();
        assert!(standard_score(5.5, &reference).is_some_and(|z| z.abs() < 1e-12));
    }
}
