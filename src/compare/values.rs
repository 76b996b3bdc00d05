//! The values of one metric of one side, by case, in one block of memory.

use std::iter::repeat_n;

use super::amount::Amount;
use super::measure::Gauge;
use super::side::Side;
use super::summary::Estimate;
use super::units::numbered;
use crate::stats::floor::{Level, Scored, mean_level, rate_level};
use crate::stats::interval::wilson;
use crate::stats::moments::{mean, variance};
use crate::stats::real;
use crate::stats::reduce::Reducer;
use crate::stats::trajectory::{Member, collapse};
use crate::stats::unit::{Kind, Scope};
use crate::suite::cluster::Sharing;

/// The level of intervals that are shown.
pub(super) const CONFIDENCE: f64 = 0.90;

/// The values of a metric by case; missing trials are left out.
pub(super) struct Values {
    scores: Vec<f64>,
    /// Where the values of each case end.
    ends: Vec<usize>,
    weights: Vec<f64>,
    clusters: Vec<Option<u32>>,
    /// All trials of cases that the metric is about, those without a value included.
    trials: usize,
    /// How the trials of a case become one value, where they are not averaged.
    reduce: Option<Reducer>,
    /// The same as statistics take it, where that is another: by trajectory, where the cases of a cluster are one, and
    /// with the trials of each reduced.
    units: Option<Box<Values>>,
}

impl Values {
    /// The values of the cases that count and that the gauge is about.
    pub(super) fn of(side: &Side<'_>, gauge: Gauge, sharing: Sharing) -> Self {
        let mut found = Self::empty();
        found.reduce = gauge.reduce;
        for case in side.counted() {
            let trials = side.trials(case);
            if gauge.measure.concerns(trials) {
                let scores = trials.iter().filter_map(|trial| gauge.of(trial));
                found.push(scores, side.case(case).weight, side.cluster(case));
                found.trials += trials.len();
            }
        }
        let collapsed = (sharing == Sharing::Trajectory).then(|| trajectories(side, gauge));
        let reduced = gauge
            .reduce
            .map(|reducer| collapsed.as_ref().unwrap_or(&found).reduced(reducer));
        found.units = reduced.or(collapsed).map(Box::new);
        found
    }

    fn empty() -> Self {
        Self {
            scores: Vec::new(),
            ends: Vec::new(),
            weights: Vec::new(),
            clusters: Vec::new(),
            trials: 0,
            reduce: None,
            units: None,
        }
    }

    fn push(&mut self, scores: impl Iterator<Item = f64>, weight: f64, cluster: Option<u32>) {
        self.scores.extend(scores);
        self.ends.push(self.scores.len());
        self.weights.push(weight);
        self.clusters.push(cluster);
    }

    /// What statistics take for independent: trajectories where there are any, else cases.
    fn units(&self) -> &Self {
        self.units.as_deref().unwrap_or(self)
    }

    /// One value of the trials of each unit, where there are enough of them.
    fn reduced(&self, reducer: Reducer) -> Self {
        let mut found = Self::empty();
        for ((values, weight), cluster) in self.cases().zip(&self.clusters) {
            found.push(reducer.of(values).into_iter(), weight, *cluster);
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

    /// The values of units, which say of what kind the metric is.
    pub(super) fn of_units(&self) -> impl Iterator<Item = f64> + '_ {
        self.units().all()
    }

    /// The mean variance of a trial around the mean of its unit, on the scale of differences; `None` where no unit has
    /// two trials.
    pub(super) fn variance_within(&self, kind: Kind) -> Option<f64> {
        let scaled = |values: &[f64]| -> Vec<f64> {
            match kind {
                Kind::Ratio => values.iter().map(|value| value.ln()).collect(),
                Kind::Binary | Kind::Continuous => values.to_vec(),
            }
        };
        let units = self.units().cases();
        let variances: Vec<f64> = units
            .filter_map(|(values, _)| variance(&scaled(values)))
            .filter(|variance| variance.is_finite())
            .collect();
        mean(&variances)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = f64> + '_ {
        self.scores.iter().copied()
    }

    /// The share of the cases that the metric is about which have no value; 0 where it is about none.
    pub(super) fn missing_share(&self) -> f64 {
        let missing = self.cases().filter(|(values, _)| values.is_empty()).count();
        real(missing) / real(self.ends.len().max(1))
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

    /// The mean if every missing trial scored `value`.
    fn mean_with(&self, value: f64) -> Option<f64> {
        let trials_per_case = self.trials.checked_div(self.ends.len()).unwrap_or(0);
        self.mean(|values| {
            let missing = trials_per_case.saturating_sub(values.len());
            match self.reduce {
                Some(reducer) => {
                    let filled = values.iter().copied().chain(repeat_n(value, missing));
                    reducer.of(&filled.collect::<Vec<f64>>())
                }
                None => mean_of(values, missing, value),
            }
        })
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

impl Amount for Values {
    fn count(&self) -> usize {
        if self.reduce.is_some() {
            self.units().scores.len()
        } else {
            self.scores.len()
        }
    }

    fn is_incomplete(&self) -> bool {
        self.scores.len() < self.trials
    }

    fn level(&self, of: Kind, at: Sight, turned: Option<fn(f64) -> f64>) -> Option<Level> {
        let units = self.units();
        let turn = turned.unwrap_or(|value| value);
        if of == Kind::Binary && at.scope == Scope::Suite && units.is_plain() {
            let passes = units.all().filter(|value| turn(*value) > 0.5).count();
            return rate_level(passes, units.count(), at.alpha);
        }
        let turned: Vec<f64> = units.all().map(turn).collect();
        let mut start = 0;
        let scored: Vec<Scored<'_>> = units
            .cases()
            .zip(&units.clusters)
            .map(|((values, weight), cluster)| {
                let scores = &turned[start..start + values.len()];
                start += values.len();
                Scored {
                    scores,
                    weight,
                    cluster: *cluster,
                }
            })
            .collect();
        let kind = if of == Kind::Ratio {
            Kind::Continuous
        } else {
            of
        };
        mean_level(&scored, kind, at.scope, at.alpha)
    }

    fn estimate(&self, kind: Kind, scope: Scope) -> Option<Estimate> {
        let units = self.units();
        if kind == Kind::Binary && scope == Scope::Suite && units.is_plain() {
            let passes = units.all().filter(|value| *value > 0.5).count();
            let interval = wilson(passes, units.count(), CONFIDENCE)?;
            let value = if units.count() == 0 {
                0.0
            } else {
                real(passes) / real(units.count())
            };
            return Some(Estimate {
                value,
                low: interval.lower,
                high: interval.upper,
            });
        }
        let alpha = (1.0 - CONFIDENCE) / 2.0;
        match self.level(kind, Sight { scope, alpha }, None) {
            // Bounds that are drawn to the middle by pseudo-observations can miss a value at the edge.
            Some(level) => Some(Estimate {
                value: level.value,
                low: level.bounds.lower.min(level.value),
                high: level.bounds.upper.max(level.value),
            }),
            // One case with one trial has a value and no interval.
            None => units
                .mean(|values| mean_of(values, 0, 0.0))
                .map(|value| Estimate {
                    value,
                    low: value,
                    high: value,
                }),
        }
    }

    fn if_missing(&self, best: bool) -> Option<f64> {
        self.mean_with(if best { 1.0 } else { 0.0 })
    }
}

/// What a level is about, and how sure its bounds are.
#[derive(Clone, Copy)]
pub(super) struct Sight {
    pub(super) scope: Scope,
    /// The error of either bound.
    pub(super) alpha: f64,
}

/// The values by trajectory: a trial counts where all of its cases have a value.
fn trajectories(side: &Side<'_>, gauge: Gauge) -> Values {
    let cases: Vec<usize> = side.counted().collect();
    let scores: Vec<Vec<Option<f64>>> = cases
        .iter()
        .map(|case| {
            side.trials(*case)
                .iter()
                .map(|trial| gauge.of(trial))
                .collect()
        })
        .collect();
    let clusters = numbered(cases.iter().map(|case| side.cluster(*case)));
    let members: Vec<Member<'_>> = cases
        .iter()
        .zip(clusters)
        .zip(&scores)
        .map(|((case, cluster), scores)| Member {
            cluster,
            weight: side.case(*case).weight,
            base: &[],
            cand: scores,
        })
        .collect();
    let mut found = Values::empty();
    for trajectory in collapse(&members) {
        found.push(trajectory.cand.into_iter(), trajectory.weight, None);
    }
    found
}

/// The mean of the values of a case and of so many others that are all equal.
fn mean_of(values: &[f64], others: usize, other: f64) -> Option<f64> {
    let count = values.len() + others;
    (count > 0).then(|| (values.iter().sum::<f64>() + real(others) * other) / real(count))
}
