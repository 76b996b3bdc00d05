//! Binary units that are alike, grouped and counted, so that a million cases cost a few
//! terms.

use super::relabel::{Point, Relabelling};
use super::unit::Pair;
use super::{convolution, real};

/// The numbers of trials and the weight that some units share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Design {
    base_trials: usize,
    cand_trials: usize,
    /// The bits of the weight, which is positive; they compare as the weights do.
    weight: u64,
}

/// All that the relabelling of a binary unit depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pattern {
    pub(crate) design: Design,
    /// Passes of both sides together.
    ones: usize,
}

impl Design {
    pub(crate) fn new(base_trials: usize, cand_trials: usize, weight: f64) -> Design {
        Design {
            base_trials,
            cand_trials,
            weight: weight.to_bits(),
        }
    }

    pub(crate) fn weight(self) -> f64 {
        f64::from_bits(self.weight)
    }

    pub(crate) fn is_one_trial_a_side(self) -> bool {
        self.base_trials == 1 && self.cand_trials == 1
    }

    /// How much a weighted difference grows when the candidate has one more of the ones
    /// and the baseline one less.
    fn step(self) -> f64 {
        self.weight() * (1.0 / real(self.cand_trials) + 1.0 / real(self.base_trials))
    }
}

impl Pattern {
    pub(crate) fn new(design: Design, ones: usize) -> Pattern {
        Pattern { design, ones }
    }

    pub(crate) fn of_pair(pair: &Pair) -> Pattern {
        let design = Design::new(pair.base.len(), pair.cand.len(), pair.weight);
        let ones = pair.pooled.iter().filter(|score| **score > 0.5).count();
        Pattern { design, ones }
    }

    pub(crate) fn is_informative(self) -> bool {
        self.ones > 0 && self.ones < self.design.base_trials + self.design.cand_trials
    }

    /// The weighted difference when so many of the ones are the candidate's.
    pub(crate) fn difference(self, cand_ones: usize) -> f64 {
        let rate = real(cand_ones) / real(self.design.cand_trials);
        let base_rate = real(self.ones - cand_ones) / real(self.design.base_trials);
        self.design.weight() * (rate - base_rate)
    }

    pub(crate) fn relabelling<'a>(self) -> Relabelling<'a> {
        Relabelling::Listed(points_from(
            self.lowest(),
            self.design,
            &self.probabilities(),
        ))
    }

    fn lowest(self) -> f64 {
        self.difference(self.ones.saturating_sub(self.design.base_trials))
    }

    /// The probabilities of the possible numbers of ones on the candidate's side.
    fn probabilities(self) -> Vec<f64> {
        hypergeometric(self.ones, self.design.base_trials, self.design.cand_trials)
    }
}

/// The distribution of the summed differences of patterns of one design: it depends on
/// the number of ones on the candidate's side alone. `None` where it is too much work.
pub(crate) fn sum_points(patterns: &[(Pattern, usize)]) -> Option<Vec<Point>> {
    let design = patterns.first()?.0.design;
    let lowest = patterns
        .iter()
        .map(|(own, units)| own.lowest() * real(*units));
    let lowest = super::moments::sum(lowest);
    let counts: Vec<(Vec<f64>, usize)> = patterns
        .iter()
        .map(|(own, units)| (own.probabilities(), *units))
        .collect();
    convolution::lattice(&counts).map(|probabilities| points_from(lowest, design, &probabilities))
}

fn points_from(lowest: f64, design: Design, probabilities: &[f64]) -> Vec<Point> {
    let point = |(steps, probability): (usize, &f64)| Point {
        value: lowest + design.step() * real(steps),
        probability: *probability,
    };
    probabilities.iter().enumerate().map(point).collect()
}

/// The probabilities with which `ones` ones fall among `cand` and not `base` places,
/// from the fewest up, built outward from the mode so that none overflows.
fn hypergeometric(ones: usize, base: usize, cand: usize) -> Vec<f64> {
    let (fewest, most) = (ones.saturating_sub(base), ones.min(cand));
    let mode = ((ones + 1) * (cand + 1) / (base + cand + 2)).clamp(fewest, most);
    // The ratio of the probability of x + 1 ones to that of x.
    let growth =
        |x: usize| real(ones - x) * real(cand - x) / (real(x + 1) * real(base + x + 1 - ones));
    let mut weights = vec![1.0; most - fewest + 1];
    for x in mode..most {
        weights[x + 1 - fewest] = weights[x - fewest] * growth(x);
    }
    for x in (fewest..mode).rev() {
        weights[x - fewest] = weights[x + 1 - fewest] / growth(x);
    }
    let total: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / total).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hypergeometric_distribution_has_its_known_probabilities() {
        let expected = [1.0 / 6.0, 4.0 / 6.0, 1.0 / 6.0];
        for (got, wanted) in hypergeometric(2, 2, 2).into_iter().zip(expected) {
            assert!((got - wanted).abs() < 1e-15);
        }
    }

    #[test]
    fn a_thousand_trials_a_side_do_not_overflow() {
        let total: f64 = hypergeometric(1_000, 1_000, 1_000).iter().sum();
        assert!((total - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_pattern_spans_from_all_ones_in_the_baseline_to_all_in_the_candidate() {
        let pattern = Pattern::new(Design::new(4, 2, 3.0), 2);
        let points = pattern.relabelling().points().unwrap();
        assert!((points[0].value + 1.5).abs() < 1e-12);
        assert!((points[2].value - 3.0).abs() < 1e-12);
    }
}
