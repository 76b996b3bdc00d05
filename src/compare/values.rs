//! The values of one metric of one side, by case, in one block of memory.

use super::metric::Measure;
use super::side::Side;
use super::summary::Estimate;
use crate::stats::floor::{Level, Scored, mean_level, rate_level};
use crate::stats::interval::wilson;
use crate::stats::unit::{Kind, Scope};

/// The level of intervals that are shown.
const CONFIDENCE: f64 = 0.90;

/// The values of a metric by case; missing trials are left out.
pub(super) struct Values {
    scores: Vec<f64>,
    /// Where the values of each case end.
    ends: Vec<usize>,
    weights: Vec<f64>,
    /// All trials, those without a value included.
    trials: usize,
}

impl Values {
    pub(super) fn of(side: &Side<'_>, measure: Measure) -> Self {
        let cases = side.case_count();
        let mut found = Self {
            scores: Vec::with_capacity(cases),
            ends: Vec::with_capacity(cases),
            weights: Vec::with_capacity(cases),
            trials: 0,
        };
        for case in 0..cases {
            let trials = side.trials(case);
            found
                .scores
                .extend(trials.iter().filter_map(|trial| measure.of(trial)));
            found.ends.push(found.scores.len());
            found.weights.push(side.case(case).weight);
            found.trials += trials.len();
        }
        found
    }

    /// The values of each case, with the weight of the case.
    fn cases(&self) -> impl Iterator<Item = (&[f64], f64)> {
        let mut start = 0;
        self.ends
            .iter()
            .zip(&self.weights)
            .map(move |(end, weight)| {
                let values = &self.scores[start..*end];
                start = *end;
                (values, *weight)
            })
    }

    pub(super) fn all(&self) -> impl Iterator<Item = f64> + '_ {
        self.scores.iter().copied()
    }

    /// Trials that have a value.
    pub(super) fn count(&self) -> usize {
        self.scores.len()
    }

    /// Whether a trial has no value.
    pub(super) fn is_incomplete(&self) -> bool {
        self.scores.len() < self.trials
    }

    /// Equal weights and equal numbers of trials: a rate of passes in trials.
    #[expect(clippy::float_cmp, reason = "weights are compared as written")]
    fn is_plain(&self) -> bool {
        let first = self.cases().next();
        first.is_some_and(|(values, weight)| {
            self.cases()
                .all(|(v, w)| v.len() == values.len() && w == weight)
        })
    }

    /// The mean with one-sided bounds at `alpha`, of the values as they are or turned round.
    pub(super) fn level(
        &self,
        kind: Kind,
        alpha: f64,
        turned: Option<fn(f64) -> f64>,
    ) -> Option<Level> {
        let turn = turned.unwrap_or(|value| value);
        if kind == Kind::Binary && self.is_plain() {
            let passes = self.all().filter(|value| turn(*value) > 0.5).count();
            return rate_level(passes, self.count(), alpha);
        }
        let turned = Self {
            scores: self.all().map(turn).collect(),
            ends: self.ends.clone(),
            weights: self.weights.clone(),
            trials: self.trials,
        };
        let scored: Vec<Scored<'_>> = turned
            .cases()
            .map(|(scores, weight)| Scored {
                scores,
                weight,
                cluster: None,
            })
            .collect();
        let kind = if kind == Kind::Ratio {
            Kind::Continuous
        } else {
            kind
        };
        mean_level(&scored, kind, Scope::Suite, alpha)
    }

    /// The mean with its interval.
    pub(super) fn estimate(&self, kind: Kind) -> Option<Estimate> {
        if kind == Kind::Binary && self.is_plain() {
            let passes = self.all().filter(|value| *value > 0.5).count();
            let interval = wilson(passes, self.count(), CONFIDENCE)?;
            let value = if self.count() == 0 {
                0.0
            } else {
                real(passes) / real(self.count())
            };
            return Some(Estimate {
                value,
                low: interval.lower,
                high: interval.upper,
            });
        }
        match self.level(kind, (1.0 - CONFIDENCE) / 2.0, None) {
            Some(level) => Some(Estimate {
                value: level.value,
                low: level.bounds.lower,
                high: level.bounds.upper,
            }),
            // One case with one trial has a value and no interval.
            None => self
                .mean(|values| mean_of(values, 0, 0.0))
                .map(|value| Estimate {
                    value,
                    low: value,
                    high: value,
                }),
        }
    }

    /// The mean if every missing trial scored `value`.
    pub(super) fn mean_with(&self, value: f64) -> Option<f64> {
        let trials_per_case = self.trials.checked_div(self.ends.len()).unwrap_or(0);
        self.mean(|values| mean_of(values, trials_per_case.saturating_sub(values.len()), value))
    }

    /// The weighted mean over the cases that have one.
    fn mean(&self, of_case: impl Fn(&[f64]) -> Option<f64>) -> Option<f64> {
        let means = self
            .cases()
            .filter_map(|(values, weight)| Some((of_case(values)?, weight)));
        let (sum, weights) = means.fold((0.0, 0.0), |(sum, weights), (mean, weight)| {
            (sum + weight * mean, weights + weight)
        });
        (weights > 0.0).then(|| sum / weights)
    }
}

/// The mean of the values of a case and of so many others that are all equal.
fn mean_of(values: &[f64], others: usize, other: f64) -> Option<f64> {
    let count = values.len() + others;
    (count > 0).then(|| (values.iter().sum::<f64>() + real(others) * other) / real(count))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of trials are far below 2^53"
)]
fn real(count: usize) -> f64 {
    count as f64
}
