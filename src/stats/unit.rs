//! What is compared: the trial scores of one case, or of one collapsed trajectory,
//! on both sides.

use serde::{Deserialize, Serialize};

use super::moments::sum;
use super::real;

/// The trial scores of one unit, with missing trials left out.
///
/// Scores are oriented so that higher is better and lie in [0, 1], except for
/// [`Kind::Ratio`]. A score that is not finite, or not positive for a ratio, counts
/// as a missing trial.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unit<'a> {
    /// Scores of the baseline; empty if every trial is missing.
    pub base: &'a [f64],
    /// Scores of the candidate; empty if every trial is missing.
    pub cand: &'a [f64],
    /// How much the unit counts, positive.
    pub weight: f64,
    /// Units that share an input (a document, a user) bear the same number. It
    /// matters in [`Scope::Population`] only; `None` is a cluster of its own.
    pub cluster: Option<u32>,
}

impl Default for Unit<'_> {
    fn default() -> Self {
        Unit {
            base: &[],
            cand: &[],
            weight: 1.0,
            cluster: None,
        }
    }
}

/// What kind of numbers the scores are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Every score is 0 or 1.
    Binary,
    /// Scores in [0, 1].
    Continuous,
    /// Positive quantities of which less is better (seconds, dollars, tokens). They
    /// are compared as `-ln x`, so that a difference is a relative change.
    Ratio,
}

impl Kind {
    /// The kind of scores in [0, 1]: binary if each is 0 or 1.
    pub fn of_scores(scores: impl IntoIterator<Item = f64>) -> Kind {
        if scores.into_iter().all(is_zero_or_one) {
            Kind::Binary
        } else {
            Kind::Continuous
        }
    }

    /// A measured value on the scale on which this kind is compared.
    fn scaled(self, value: f64) -> f64 {
        match self {
            Kind::Binary | Kind::Continuous => value,
            Kind::Ratio => -value.ln(),
        }
    }
}

/// What the inference is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// These very cases: only the sampling of outputs is random.
    #[default]
    Suite,
    /// Cases like these: the choice of the cases is random as well.
    Population,
}

/// Whether a score is a plain fail or pass.
#[expect(clippy::float_cmp, reason = "a binary score is exactly 0 or exactly 1")]
pub(crate) fn is_zero_or_one(score: f64) -> bool {
    score == 0.0 || score == 1.0
}

/// The units that have scores on both sides, on the scale of their kind, in one
/// block of memory.
pub(crate) struct Paired {
    scores: Vec<f64>,
    pairs: Vec<Place>,
    pub(crate) missing: usize,
}

/// Where the scores of a pair lie in the block: the baseline's from `start`, the
/// candidate's from `middle`.
struct Place {
    start: usize,
    middle: usize,
    weight: f64,
    cluster: Option<u32>,
}

/// One unit with at least one score on either side.
#[derive(Clone, Copy)]
pub(crate) struct Pair<'a> {
    pub(crate) base: &'a [f64],
    pub(crate) cand: &'a [f64],
    /// The scores of both sides, the baseline's first.
    pub(crate) pooled: &'a [f64],
    pub(crate) weight: f64,
    pub(crate) cluster: Option<u32>,
}

impl Paired {
    /// Keeps the usable trials of the usable units and counts the other units.
    pub(crate) fn new(units: &[Unit], kind: Kind) -> Paired {
        let trials = units
            .iter()
            .map(|unit| unit.base.len() + unit.cand.len())
            .sum();
        let mut paired = Paired {
            scores: Vec::with_capacity(trials),
            pairs: Vec::with_capacity(units.len()),
            missing: 0,
        };
        for unit in units {
            paired.push(unit, kind);
        }
        paired
    }

    fn push(&mut self, unit: &Unit, kind: Kind) {
        let usable = |score: &f64| Some(kind.scaled(*score)).filter(|score| score.is_finite());
        let start = self.scores.len();
        self.scores.extend(unit.base.iter().filter_map(usable));
        let middle = self.scores.len();
        self.scores.extend(unit.cand.iter().filter_map(usable));
        let has_both = start < middle && middle < self.scores.len();
        if has_both && unit.weight.is_finite() && unit.weight > 0.0 {
            let (weight, cluster) = (unit.weight, unit.cluster);
            self.pairs.push(Place {
                start,
                middle,
                weight,
                cluster,
            });
        } else {
            self.scores.truncate(start);
            self.missing += 1;
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.pairs.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Pair<'_>> {
        let ends = self
            .pairs
            .iter()
            .skip(1)
            .map(|next| next.start)
            .chain([self.scores.len()]);
        self.pairs.iter().zip(ends).map(|(place, end)| Pair {
            base: &self.scores[place.start..place.middle],
            cand: &self.scores[place.middle..end],
            pooled: &self.scores[place.start..end],
            weight: place.weight,
            cluster: place.cluster,
        })
    }

    pub(crate) fn total_weight(&self) -> f64 {
        sum(self.pairs.iter().map(|place| place.weight))
    }
}

impl Pair<'_> {
    /// The mean of the candidate less the mean of the baseline.
    pub(crate) fn difference(&self) -> f64 {
        average(self.cand) - average(self.base)
    }

    /// Whether the pooled scores differ at all, so that dealing them anew can change
    /// the difference.
    pub(crate) fn is_informative(&self) -> bool {
        range(self.pooled) > SAME_SCORE
    }

    pub(crate) fn is_binary(&self) -> bool {
        self.pooled.iter().all(|score| is_zero_or_one(*score))
    }
}

/// Scores closer than this are the same score.
pub(crate) const SAME_SCORE: f64 = 1e-12;

/// The mean of at least one score. The trials of one unit are few, so that a plain
/// sum is exact enough.
pub(crate) fn average(scores: &[f64]) -> f64 {
    scores.iter().sum::<f64>() / real(scores.len())
}

/// The largest of at least one score less the smallest.
pub(crate) fn range(scores: &[f64]) -> f64 {
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let smallest = scores.iter().copied().fold(f64::INFINITY, f64::min);
    largest - smallest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_without_a_usable_trial_on_a_side_is_missing() {
        let nan = [f64::NAN];
        let unit = |base, cand| Unit {
            base,
            cand,
            ..Unit::default()
        };
        let units = [
            unit(&[1.0], &[]),
            unit(&nan, &[1.0]),
            unit(&[1.0], &[0.0]),
            unit(&[0.5], &[0.5]),
        ];
        let paired = Paired::new(&units, Kind::Continuous);
        assert_eq!((paired.len(), paired.missing), (2, 2));
        let differences: Vec<f64> = paired.iter().map(|pair| pair.difference()).collect();
        assert_eq!(differences, [-1.0, 0.0]);
    }

    #[test]
    fn ratios_are_compared_on_the_log_scale_and_zero_is_missing() {
        let units = [
            Unit {
                base: &[1.0, 0.0],
                cand: &[2.0],
                ..Unit::default()
            },
            Unit {
                base: &[0.0],
                cand: &[2.0],
                ..Unit::default()
            },
        ];
        let paired = Paired::new(&units, Kind::Ratio);
        assert_eq!((paired.len(), paired.missing), (1, 1));
        let pair = paired.iter().next().unwrap();
        assert!((pair.difference() + 2_f64.ln()).abs() < 1e-15);
    }

    #[test]
    fn a_weight_that_is_no_positive_number_makes_a_unit_missing() {
        for weight in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let units = [Unit {
                base: &[1.0],
                cand: &[1.0],
                weight,
                cluster: None,
            }];
            assert_eq!(Paired::new(&units, Kind::Binary).missing, 1);
        }
    }
}
