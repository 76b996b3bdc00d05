//! Absolute floors, such as "accuracy at least 0.90".

use serde::{Deserialize, Serialize};

use super::estimate::{Estimate, Share, between_clusters, within_units};
use super::interval::clopper_pearson;
use super::moments::variance;
use super::special::{normal_ppf, student_t_ppf};
use super::unit::{Kind, Scope, average};
use super::{Interval, SLACK, real};

/// How a rate is held against a floor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FloorMode {
    /// Broken only where the data show it.
    #[default]
    Tested,
    /// Broken where the bare rate lies below.
    Point,
    /// Broken unless the data show that it holds, for safety metrics.
    Assured,
}

/// Whether a floor holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloorVerdict {
    /// It holds.
    Pass,
    /// It is broken, and the gate fails.
    BelowFloor,
    /// The data cannot tell.
    Inconclusive,
}

/// A rate or mean with one-sided bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    /// The rate or mean itself.
    pub value: f64,
    /// Two one-sided bounds, each at the error asked for.
    pub bounds: Interval,
}

/// The scores of one unit of the candidate, with missing trials left out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored<'a> {
    /// Scores of its trials.
    pub scores: &'a [f64],
    /// How much the unit counts, positive.
    pub weight: f64,
    /// Units that share an input bear the same number; population scope only.
    pub cluster: Option<u32>,
}

/// The rate of passes with Clopper-Pearson bounds, each one-sided at `alpha`; they
/// stay valid when cases differ (Hoeffding 1956). For binary scores with the same
/// number of trials per case, in suite scope. `None` without a trial.
pub fn rate_level(passes: usize, trials: usize, alpha: f64) -> Option<Level> {
    let bounds = clopper_pearson(passes, trials, 1.0 - 2.0 * alpha)?;
    Some(Level {
        value: real(passes) / real(trials),
        bounds,
    })
}

/// The weighted mean over units with bounds, each one-sided at `alpha`, for all other
/// designs. In suite scope the noise is that of the trials; where a unit has a single
/// trial, which cannot show it, the spread between units stands in, which is never
/// smaller on average. `None` without usable scores, or below two clusters where the
/// spread between them is needed.
pub fn mean_level(units: &[Scored], kind: Kind, scope: Scope, alpha: f64) -> Option<Level> {
    let usable: Vec<&Scored> = units.iter().filter(|unit| unit.is_usable()).collect();
    let trials: usize = usable.iter().map(|unit| unit.scores.len()).sum();
    let repeated = usable.iter().all(|unit| unit.scores.len() >= 2);
    let by_trials = scope == Scope::Suite && repeated;
    let shares: Vec<Share> = usable.iter().map(|unit| unit.share(scope)).collect();
    let plain = if by_trials {
        within_units(&shares)
    } else {
        between_clusters(&shares)
    }?;
    let observations = if by_trials {
        real(trials)
    } else {
        plain.degrees + 1.0
    };
    let (estimate, quantile) = match kind {
        Kind::Binary => {
            let estimate = plain.plus_four(observations, 0.5, 0.5);
            let normal = normal_ppf(1.0 - alpha).filter(|_| by_trials);
            (
                estimate,
                normal.or_else(|| student_t_ppf(1.0 - alpha, plain.degrees))?,
            )
        }
        Kind::Continuous | Kind::Ratio => (plain, student_t_ppf(1.0 - alpha, plain.degrees)?),
    };
    let Estimate {
        mean,
        standard_error,
        ..
    } = estimate;
    Some(Level {
        value: plain.mean,
        bounds: Interval::around(mean, quantile * standard_error),
    })
}

/// Holds a rate or mean against a floor.
pub fn floor_check(level: &Level, floor: f64, mode: FloorMode) -> FloorVerdict {
    let is_shown = level.bounds.lower >= floor - SLACK;
    let is_refuted = level.bounds.upper < floor - SLACK;
    let holds = match mode {
        FloorMode::Point => level.value >= floor - SLACK,
        FloorMode::Tested | FloorMode::Assured => is_shown,
    };
    if holds {
        FloorVerdict::Pass
    } else if mode == FloorMode::Tested && !is_refuted {
        FloorVerdict::Inconclusive
    } else {
        FloorVerdict::BelowFloor
    }
}

impl Scored<'_> {
    fn is_usable(&self) -> bool {
        let has_weight = self.weight.is_finite() && self.weight > 0.0;
        has_weight && !self.scores.is_empty() && self.scores.iter().all(|s| s.is_finite())
    }

    fn share(&self, scope: Scope) -> Share {
        let trials = real(self.scores.len());
        let variance = variance(self.scores).unwrap_or(0.0) / trials;
        Share {
            value: average(self.scores),
            variance,
            uncertainty: variance * variance / (trials - 1.0).max(1.0),
            weight: self.weight,
            cluster: self.cluster.filter(|_| scope == Scope::Population),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(value: f64, lower: f64, upper: f64) -> Level {
        Level {
            value,
            bounds: Interval { lower, upper },
        }
    }

    #[test]
    fn the_modes_differ_where_the_data_cannot_tell() {
        let open = level(0.85, 0.75, 0.92);
        assert_eq!(
            floor_check(&open, 0.8, FloorMode::Tested),
            FloorVerdict::Inconclusive
        );
        assert_eq!(
            floor_check(&open, 0.8, FloorMode::Point),
            FloorVerdict::Pass
        );
        assert_eq!(
            floor_check(&open, 0.8, FloorMode::Assured),
            FloorVerdict::BelowFloor
        );
    }

    #[test]
    fn a_rate_of_no_trials_has_no_level() {
        assert_eq!(rate_level(0, 0, 0.05), None);
        assert_eq!(mean_level(&[], Kind::Continuous, Scope::Suite, 0.05), None);
    }

    #[test]
    fn repeated_trials_narrow_the_bounds_of_a_suite() {
        let unit = |scores| Scored {
            scores,
            weight: 1.0,
            cluster: None,
        };
        let units = [unit(&[0.1, 0.12]), unit(&[0.5, 0.52]), unit(&[0.9, 0.92])];
        let suite = mean_level(&units, Kind::Continuous, Scope::Suite, 0.05).unwrap();
        let population = mean_level(&units, Kind::Continuous, Scope::Population, 0.05).unwrap();
        assert!(suite.bounds.upper - suite.bounds.lower < 0.1);
        assert!(population.bounds.upper - population.bounds.lower > 1.0);
    }

    #[test]
    fn a_clean_record_leaves_room_for_a_failure() {
        let units = [Scored {
            scores: &[1.0, 1.0],
            weight: 1.0,
            cluster: None,
        }; 50];
        let level = mean_level(&units, Kind::Binary, Scope::Suite, 0.05).unwrap();
        assert!(
            level.bounds.lower < 0.98 && level.bounds.lower > 0.95,
            "{level:?}"
        );
    }
}
