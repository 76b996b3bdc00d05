//! Whether outputs changed more than re-running changes them, from the distances
//! between outputs alone.

use super::convolution::Convolution;
use super::moments::{mean, sum};
use super::real;
use super::relabel::{Point, Relabelling};
use super::saddlepoint;
use super::subsets::{are_few, equally_likely, map_subsets};

/// The most points of listed distributions kept at once; further cases enter as normal
/// variables.
const MAX_POINTS: usize = 2_000_000;

/// The outputs of one case: the distances between all its trials.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outputs<'a> {
    /// A symmetric matrix of distances, one row per trial, the baseline's first.
    pub distances: &'a [Vec<f64>],
    /// How many of the trials are the baseline's.
    pub base_trials: usize,
}

/// A shift of the outputs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    /// Mean over cases of the distance between the sides in excess of the mean
    /// distance within them.
    pub statistic: f64,
    /// Upper mid-p of the label shuffle; `None` where a case has more than 20,000
    /// relabellings.
    pub p: Option<f64>,
}

/// The energy statistic (Székely and Rizzo 2004), averaged over cases, with the label
/// shuffle within cases. `None` without a case, or for a case without a trial on a
/// side or with a matrix that does not fit.
pub fn energy_shift(cases: &[Outputs]) -> Option<Shift> {
    if !cases.iter().all(Outputs::is_valid) {
        return None;
    }
    let shifts: Vec<f64> = cases.iter().map(Outputs::observed).collect();
    let statistic = mean(&shifts)?;
    Some(Shift {
        statistic,
        p: upper_mid_p(cases, statistic * real(cases.len())),
    })
}

/// The upper mid-p of a sum is the lower one of its negative.
fn upper_mid_p(cases: &[Outputs], observed: f64) -> Option<f64> {
    let mut terms = Vec::new();
    let (mut center, mut kept) = (0.0, 0);
    for case in cases {
        let points = case.negated_points()?;
        let expected = sum(points.iter().map(|point| point.value * point.probability));
        center += expected;
        if points.len() > 1 {
            kept += points.len();
            terms.push((centered(&points, expected, kept <= MAX_POINTS), 1));
        }
    }
    if terms.is_empty() {
        return Some(1.0);
    }
    let observed = -observed - center;
    let mut sum = Convolution::new();
    let exact = sum.add_all(&terms).map(|()| sum.tail(observed).mid());
    Some(exact.unwrap_or_else(|| saddlepoint::mid_p(&terms, observed)))
}

/// A distribution less its mean, or the normal variable of its variance.
fn centered(points: &[Point], expected: f64, is_listed: bool) -> Relabelling<'static> {
    let around_zero = points.iter().map(|point| Point {
        value: point.value - expected,
        ..*point
    });
    if is_listed {
        Relabelling::Listed(around_zero.collect())
    } else {
        let squares = around_zero.map(|point| point.probability * point.value.powi(2));
        Relabelling::Normal(sum(squares))
    }
}

impl Outputs<'_> {
    fn trials(&self) -> usize {
        self.distances.len()
    }

    fn is_valid(&self) -> bool {
        let is_row = |row: &Vec<f64>| {
            row.len() == self.trials() && row.iter().all(|distance| distance.is_finite())
        };
        let has_both_sides = self.base_trials > 0 && self.base_trials < self.trials();
        has_both_sides && self.distances.iter().all(is_row)
    }

    fn observed(&self) -> f64 {
        let cand: Vec<usize> = (self.base_trials..self.trials()).collect();
        self.excess(&cand)
    }

    /// The negated statistic under every relabelling; `None` if they are too many.
    fn negated_points(&self) -> Option<Vec<Point>> {
        let chosen = self.trials() - self.base_trials;
        are_few(self.trials(), chosen).then(|| {
            equally_likely(map_subsets(self.trials(), chosen, |cand| {
                -self.excess(cand)
            }))
        })
    }

    /// The mean distance between the sides less the average of the mean distances
    /// within them, when these trials are the candidate's.
    fn excess(&self, cand: &[usize]) -> f64 {
        let mut is_cand = vec![false; self.trials()];
        for trial in cand {
            is_cand[*trial] = true;
        }
        let (mut within_base, mut within_cand, mut between) = (0.0, 0.0, 0.0);
        for (i, row) in self.distances.iter().enumerate() {
            for (j, distance) in row.iter().enumerate().take(i) {
                match (is_cand[i], is_cand[j]) {
                    (false, false) => within_base += distance,
                    (true, true) => within_cand += distance,
                    _ => between += distance,
                }
            }
        }
        let (cand, base) = (cand.len(), self.trials() - cand.len());
        let within = mean_within(within_base, base) + mean_within(within_cand, cand);
        between / (real(base) * real(cand)) - within / 2.0
    }
}

/// The mean of the distances within `trials`, 0 within a single one.
fn mean_within(total: f64, trials: usize) -> f64 {
    if trials < 2 {
        0.0
    } else {
        total / (real(trials) * real(trials - 1) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(points: &[f64]) -> Vec<Vec<f64>> {
        points
            .iter()
            .map(|a| points.iter().map(|b| (a - b).abs()).collect())
            .collect()
    }

    #[test]
    fn one_trial_a_side_says_nothing() {
        let distances = line(&[0.0, 1.0]);
        let shift = energy_shift(&[Outputs {
            distances: &distances,
            base_trials: 1,
        }])
        .unwrap();
        assert_eq!(
            shift,
            Shift {
                statistic: 1.0,
                p: Some(1.0)
            }
        );
    }

    #[test]
    fn many_shifted_cases_are_seen_by_the_approximation() {
        let distances = line(&[0.0, 0.1, 0.23, 0.31, 0.47, 0.72, 0.77, 0.85, 0.91, 0.99]);
        let cases = vec![
            Outputs {
                distances: &distances,
                base_trials: 5
            };
            12
        ];
        let shift = energy_shift(&cases).unwrap();
        assert!(shift.p.is_some_and(|p| p < 1e-6), "{shift:?}");
    }

    #[test]
    fn a_matrix_that_does_not_fit_is_refused() {
        let distances = vec![vec![0.0, 1.0], vec![1.0]];
        assert_eq!(
            energy_shift(&[Outputs {
                distances: &distances,
                base_trials: 1
            }]),
            None
        );
        let distances = line(&[0.0, 1.0]);
        assert_eq!(
            energy_shift(&[Outputs {
                distances: &distances,
                base_trials: 2
            }]),
            None
        );
        assert_eq!(energy_shift(&[]), None);
    }
}
